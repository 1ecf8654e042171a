"""How images and filters lie in memory: what convolutions copy before and after their products."""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, inner, kernel
from autograd.kernels.compiled.product import LANES, SIZE, TRANSPOSE, copy_row
from autograd.kernels.compiled.tile import (
    CHUNK,
    block,
    call_transpose,
    clear,
    copy_chunk,
    copy_number,
)

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
            left, step = (x * stride_x + runs[run, 1]) * channels + at, stride_x * channels
            # The pixels whose whole chunks lie within the line of the image.
            low, room = max(0, (step - 1 - left) // step), line - channel - whole - left
            high = room // step + 1 if 0 <= row < height and room >= 0 else 0
            out, bytes_ = target + size * (done * target_row + e - begin), size * whole
            for k in range(here):
                if low <= k < high and bytes_ % CHUNK == 0:
                    for b in range(0, bytes_, CHUNK):
                        copy_chunk(source + size * left + b, out + b)
                elif low <= k < high:
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
    """Transpose each of a stack of matrices: squares as vectors, what remains one by one.

    A square with fewer rows is written as a whole, too. It runs over into what is written after
    it: so from the last rows to the first, and nothing of the kind at the end of a task.
    """
    stack, rows, columns = matrices.shape
    lanes, size, total = unit[LANES], unit[SIZE], stack * columns
    tasks = (total + STRETCH - 1) // STRETCH
    for task in prange(tasks):
        at, last = total * task // tasks, total * (task + 1) // tasks
        while at < last:
            j = at % columns
            source = matrices.ctypes.data + size * ((at - j) * rows + j)
            target = out.ctypes.data + size * at * rows
            if j + lanes <= columns and (last - at - lanes) * rows >= lanes:
                for i in range((rows - 1) // lanes * lanes, -1, -lanes):
                    call_transpose(
                        unit[TRANSPOSE], source + size * i * columns, columns,
                        min(lanes, rows - i), target + size * i, rows,
                    )  # fmt: skip
                at += lanes
                continue
            for i in range(rows):
                copy_number(size, source + size * i * columns, target + size * i)
            at += 1


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


# -- some of the pixels ----------------------------------------------------------------------------


@kernel(lambda T: (array(T, 4), array(T, 4, out=True), array(int64, 1)))
def take_pixels(images, out, stride):
    """Copy every so many-th pixel of images (N, H, W, C), down and along."""
    n, rows, columns, channels = out.shape
    _, height, width, _ = images.shape
    size = images.itemsize
    for line in prange(n * rows):
        row = line // rows * height + line % rows * stride[0]
        for x in range(columns):
            copy_row(
                size, images.ctypes.data + size * (row * width + x * stride[1]) * channels,
                out.ctypes.data + size * (line * columns + x) * channels, channels,
            )  # fmt: skip


@kernel(lambda T: (array(T, 4), array(T, 4, out=True), array(int64, 1)))
def put_pixels(pixels, out, stride):
    """The other way: they become every so many-th pixel of `out`, and all others zero."""
    n, height, width, channels = out.shape
    _, rows, columns, _ = pixels.shape
    size = out.itemsize
    for line in prange(n * height):
        image, y = line // height, line % height
        row, step = out.ctypes.data + size * line * width * channels, stride[1] * channels
        if y % stride[0] > 0:
            clear(row, size * width * channels)
            continue
        source = pixels.ctypes.data + size * (image * rows + y // stride[0]) * columns * channels
        for x in range(columns):
            copy_row(size, source + size * x * channels, row + size * x * step, channels)
            rest = min(step, (width - x * stride[1]) * channels) - channels
            clear(row + size * (x * step + channels), size * rest)


def pixels_at(x: np.ndarray, stride) -> np.ndarray:
    """Every so many-th pixel of (N, C, H, W), down and along, as contiguous memory (N, H, W, C)."""
    images, some = x.transpose(0, 2, 3, 1), x[:, :, :: stride[0], :: stride[1]]
    if some.shape == x.shape or not images.flags.c_contiguous:
        return channels_last(some)
    n, channels, height, width = some.shape
    out = np.empty((n, height, width, channels), x.dtype)
    take_pixels(images, out, np.array(stride, np.int64))
    return out
