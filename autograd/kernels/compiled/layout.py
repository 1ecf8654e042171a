"""How images and filters lie in memory: what convolutions copy before and after their products."""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, inner, kernel
from autograd.kernels.compiled.product import (
    COLUMNS,
    LANES,
    SIZE,
    TRANSPOSE,
    copy_row,
    pack_columns,
)
from autograd.kernels.compiled.tile import CHUNK, block, call_transpose, clear, copy_number

int64 = types.int64
STRETCH = 256  # columns of a matrix that one task transposes


@inner
def extent(runs):
    """The least and the largest of the offsets: top, left, bottom, right.

    As a loop: in a kernel with threads, numba would make a parallel region of each minimum, at a
    second of compiling each.
    """
    top, left = bottom, right = runs[0, 0], runs[0, 1]
    for r in range(1, len(runs)):
        top, bottom = min(top, runs[r, 0]), max(bottom, runs[r, 0])
        left, right = min(left, runs[r, 1]), max(right, runs[r, 1])
    return top, left, bottom, right


@inner
def copy_padded(size, source, height, width, channels, top, left, rows, columns, target):
    """Copy the part of an image that begins at (top, left), with zeros where it is outside."""
    before = min(columns, max(0, -left))
    inside = max(0, min(columns, width - left) - before)
    after = columns - before - inside
    for i in range(rows):
        y, row = top + i, target + size * i * columns * channels
        if y < 0 or y >= height or inside == 0:
            clear(row, size * columns * channels)
            continue
        clear(row, size * before * channels)
        begin = source + size * (y * width + left + before) * channels
        copy_row(size, begin, row + size * before * channels, inside * channels)
        clear(row + size * (before + inside) * channels, size * after * channels)


@inner
def gather(size, images, shape, places, stride, runs, length, begin, end, channel, first, count,
           target, target_row):  # fmt: skip
    """Copy elements `begin` to `end` of what each of `count` pixels sees, from pixel `first` on.

    A pixel of the output, of `places` (rows, columns) in each image, sees one run of `length`
    numbers after another; what is outside of the image is zero. Where there is room for it, whole
    chunks are copied, a bit more than asked: it is overwritten by what comes next.
    """
    (height, width, channels), (rows, columns), (stride_y, stride_x) = shape, places, stride
    line, done, each = width * channels, 0, CHUNK // size
    while done < count:
        image, y = (first + done) // (rows * columns), (first + done) // columns % rows
        x = (first + done) % columns
        here, e = min(columns - x, count - done), begin
        while e < end:
            run, at = e // length, e % length
            piece = min(length - at, end - e)
            whole = (piece + each - 1) // each * each
            if e - begin + whole > target_row:
                whole = piece
            row = y * stride_y + runs[run, 0]
            source = images + size * ((image * height + row) * line + channel)
            left = (x * stride_x + runs[run, 1]) * channels + at
            out, step = target + size * (done * target_row + e - begin), stride_x * channels
            for _ in range(here):
                if 0 <= row < height and left >= 0 and left + channel + whole <= line:
                    copy_row(size, source + size * left, out, whole)
                else:
                    _copy_part(size, source, left, piece, line, 0 <= row < height, out)
                left += step
                out += size * target_row
            e += piece
        done += here


@inner
def _copy_part(size, source, left, count, line, exists, target):
    """Copy what of `count` numbers from `left` on lies in a line, and zeros for the rest."""
    before = min(count, max(0, -left)) if exists else count
    inside = max(0, min(count, line - left) - before)
    if before > 0:
        clear(target, size * before)
    if inside > 0:
        copy_row(size, source + size * (left + before), target + size * before, inside)
    if before + inside < count:
        clear(target + size * (before + inside), size * (count - before - inside))


@kernel(lambda T: (array(T, 3), array(T, 3, out=True), array(int64, 1)))
def transpose(matrices, out, unit):
    """Transpose each of a stack of matrices: whole squares as vectors, the rest one by one."""
    stack, rows, columns = matrices.shape
    lanes, size = unit[LANES], unit[SIZE]
    stretches = (columns + STRETCH - 1) // STRETCH
    for task in prange(stack * stretches):
        begin = task % stretches * STRETCH
        end = min(columns, begin + STRETCH)
        source = matrices.ctypes.data + size * (task // stretches * rows * columns)
        target = out.ctypes.data + size * (task // stretches * rows * columns)
        across, down = begin + (end - begin) // lanes * lanes, rows // lanes * lanes
        for j in range(begin, across, lanes):
            for i in range(0, down, lanes):
                call_transpose(
                    unit[TRANSPOSE], source + size * (i * columns + j), columns, lanes,
                    target + size * (j * rows + i), rows,
                )  # fmt: skip
        for j in range(begin, end):
            for i in range(down if j < across else 0, rows):
                place = target + size * (j * rows + i)
                copy_number(size, source + size * (i * columns + j), place)


def transposed(matrices: np.ndarray) -> np.ndarray:
    """The transposes of a stack of matrices, as contiguous memory."""
    matrices = np.ascontiguousarray(matrices)
    stack, rows, columns = matrices.shape
    if rows == 1 or columns == 1:
        return matrices.reshape(stack, columns, rows)
    out = np.empty((stack, columns, rows), matrices.dtype)
    transpose(matrices, out, block(matrices.dtype.char))
    return out


def channels_last(x: np.ndarray) -> np.ndarray:
    """(N, C, H, W) as contiguous memory (N, H, W, C); no copy where it is that already."""
    n, channels, height, width = x.shape
    if not x.flags.c_contiguous or channels == 1:
        return np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    return transposed(x.reshape(n, channels, height * width)).reshape(n, height, width, channels)


def forward_taps(w: np.ndarray, groups: int) -> np.ndarray:
    """Filters (O, C, R, S) as taps (groups, O / groups, R S, C)."""
    outputs, channels, r, s = w.shape
    taps = transposed(w.reshape(outputs, channels, r * s))
    return taps.reshape(groups, outputs // groups, r * s, channels)


def backward_taps(w: np.ndarray, groups: int) -> np.ndarray:
    """Filters (O, C, R, S) as taps (groups, C, R S, O / groups) from outputs to inputs."""
    outputs, channels, r, s = w.shape
    taps = transposed(w.reshape(groups, outputs // groups, channels * r * s))
    return taps.reshape(groups, channels, r * s, outputs // groups)


def as_filters(taps: np.ndarray, w_shape: tuple) -> np.ndarray:
    """Back from taps (O, R S, C) to filters (O, C, R, S)."""
    outputs, channels, r, s = w_shape
    return transposed(taps.reshape(outputs, r * s, channels)).reshape(w_shape)


@kernel(lambda T: (array(T, 4), array(int64, 1), array(T, 4, out=True), array(int64, 1)))
def pack_taps(taps, order, packed, unit):
    """Taps (groups, outputs, taps, channels) to strips (groups, strips, depth, tile's columns)."""
    groups, outputs, count, channels = taps.shape
    strips, wide, size = packed.shape[1], packed.shape[3], unit[SIZE]
    for task in prange(groups * strips * len(order)):
        strip, tap = task // len(order), task % len(order)
        g, s = strip // strips, strip % strips
        first = (g * outputs + s * wide) * count + order[tap]
        width = min(wide, outputs - s * wide)
        target = packed.ctypes.data + size * task * channels * wide
        if width < wide:
            clear(target, size * channels * wide)
        pack_columns(
            unit, taps.ctypes.data + size * first * channels, 1, count * channels, channels, width,
            target,
        )  # fmt: skip


def packed_taps(taps: np.ndarray, order: list[int]) -> np.ndarray:
    """The taps of these indices as `pack_taps` lays them out."""
    groups, outputs, _, channels = taps.shape
    unit = block(taps.dtype.char)
    wide = int(unit[COLUMNS])
    packed = np.empty((groups, -(-outputs // wide), len(order) * channels, wide), taps.dtype)
    pack_taps(taps, np.array(order, np.int64), packed, unit)
    return packed
