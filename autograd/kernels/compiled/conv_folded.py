"""Convolution of images of few channels, as pictures have, with their rows folded into channels.

A row of such a filter reads a run of few numbers, too short for a tile. So for each row of the
output, the rows of the image that it sees are interleaved: a column of them becomes one pixel. What
an output pixel sees is then a single run, and the runs of its neighbours overlap: each number is
copied once for every row of the filter, not once for each of its taps.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.filters import packed_filters
from autograd.kernels.compiled.jit import array, get_num_threads, inner, kernel
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, ROWS, SIZE, TILE, copy_row
from autograd.kernels.compiled.tile import CHUNK, block, call_tile, clear, copy_chunk

MOST_CHANNELS = 16  # from which on runs are long enough
PARTS = 8  # of the rows, summed apart, in the gradient of the weight
int64 = types.int64


@inner
def fold_row(size, source, shape, top, left, taps, dilation, columns, target):
    """Write ``target[x, i] = image[top + i * dilation, left + x]``, pixels, zero if outside.

    Whole chunks are written, a bit more than asked: it is overwritten by what comes next.
    """
    height, width, channels = shape
    pixel, line = size * channels, size * width * channels
    whole = (pixel + CHUNK - 1) // CHUNK * CHUNK
    begin = min(taps, max(0, (dilation - 1 - top) // dilation))
    end = max(begin, min(taps, (height - 1 - top) // dilation + 1)) if height > top else begin
    for x in range(columns):
        at, place = left + x, target + x * taps * pixel
        if at < 0 or at >= width or begin == end:
            clear(place, taps * pixel)
            continue
        if begin > 0:
            clear(place, begin * pixel)
        seen = source + (top + begin * dilation) * line + at * pixel
        for i in range(begin, end):
            if at * pixel + whole <= line:
                for b in range(0, whole, CHUNK):
                    copy_chunk(seen + b, place + i * pixel + b)
            else:
                copy_row(size, seen, place + i * pixel, channels)
            seen += dilation * line
        if end < taps:
            clear(place + end * pixel, (taps - end) * pixel)


@inner
def fold_seen(x, geometry, rows, columns, size, task, folded):
    """Fold the rows of x (N, H, W, C) that a row of output sees: the `task`-th of all images."""
    _, height, width, channels = x.shape
    stride_y, stride_x, dilation, above, left, taps, across, _ = geometry
    image, y = task // rows, task % rows
    fold_row(
        size, x.ctypes.data + size * image * height * width * channels, (height, width, channels),
        y * stride_y - above, -left, taps, dilation, (columns - 1) * stride_x + across, folded,
    )  # fmt: skip


@kernel(lambda T: (array(T, 4), array(T, 3), array(T, 4, out=True), array(T, 1),
                   array(int64, 1), array(int64, 1), array(types.uint8, 2, out=True)))  # fmt: skip
def correlate_folded(x, filters, out, bias, geometry, unit, space):
    """Correlate x (N, H, W, C) with filters (strips, S R C, columns) into `out`.

    `geometry`: strides, dilation of rows, padding above and at the left, size of the filter, and
    whether relu follows.
    """
    n, channels = x.shape[0], x.shape[3]
    strips, depth, wide = filters.shape
    _, rows, columns, outputs = out.shape
    stride_x, taps, relu = geometry[1], geometry[5], geometry[7]
    size, high, threads = unit[SIZE], unit[ROWS], len(space)
    start = bias.ctypes.data if bias.size else 0
    step, tiles = stride_x * taps * channels, (columns + high - 1) // high
    for thread in prange(threads):
        folded = space[thread].ctypes.data
        for task in range(n * rows * thread // threads, n * rows * (thread + 1) // threads):
            fold_seen(x, geometry, rows, columns, size, task, folded)
            for s in range(strips):
                done = 0
                for t in range(tiles):
                    pixels = (columns - done) // (tiles - t)
                    place = (task * columns + done) * outputs + s * wide
                    call_tile(
                        unit[TILE], folded + size * done * step, step, 1,
                        filters.ctypes.data + size * s * depth * wide, wide,
                        out.ctypes.data + size * place, outputs, depth, pixels,
                        min(wide, outputs - s * wide), 0,
                        start + size * s * wide if start else 0, relu,
                    )  # fmt: skip
                    done += pixels


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 3, out=True), array(int64, 1),
                   array(int64, 1), array(types.uint8, 2, out=True)))  # fmt: skip
def correlate_outputs_folded(x, g, out, geometry, unit, space):
    """Add to out (parts, O, S R C) the products of errors g and what of x they come from.

    `geometry` is that of `correlate_folded`. Each part of the rows has sums of its own.
    """
    n, channels = x.shape[0], x.shape[3]
    _, rows, columns, outputs = g.shape
    parts, _, depth = out.shape
    stride_x, taps = geometry[1], geometry[5]
    size, high, wide, threads = unit[SIZE], unit[ROWS], unit[COLUMNS], len(space)
    step, tiles = stride_x * taps * channels, (outputs + high - 1) // high
    for thread in prange(threads):
        folded = space[thread].ctypes.data
        for part in range(thread, parts, threads):
            for task in range(n * rows * part // parts, n * rows * (part + 1) // parts):
                fold_seen(x, geometry, rows, columns, size, task, folded)
                for begin in range(0, depth, wide):
                    done = 0
                    for t in range(tiles):
                        now = (outputs - done) // (tiles - t)
                        call_tile(
                            unit[TILE], g.ctypes.data + size * (task * columns * outputs + done),
                            1, outputs, folded + size * begin, step,
                            out.ctypes.data + size * ((part * outputs + done) * depth + begin),
                            depth, columns, now, min(wide, depth - begin), 1, 0, 0,
                        )  # fmt: skip
                        done += now


def suits(w_shape, dilation, groups) -> bool:
    """Whether this way is the faster one."""
    _, channels, taps, across = w_shape
    return groups == dilation[1] == 1 < min(taps, across) and channels <= MOST_CHANNELS


def _geometry(w_shape, out_shape, stride, padding, dilation, relu, itemsize):
    """The geometry of the kernels, and the memory that each thread works in."""
    _, channels, taps, across = w_shape
    corner = padding[0][0], padding[1][0]
    geometry = np.array([*stride, dilation[0], *corner, taps, across, relu], np.int64)
    columns = (out_shape[2] - 1) * stride[1] + across
    # Beyond the end whole chunks are written, and whole rows of a tile are read.
    needed = columns * taps * channels * itemsize + 8 * CHUNK
    return geometry, workspace(get_num_threads(), needed)


def forward(x, w, bias, out, stride, padding, dilation, relu) -> None:
    """Correlate x (N, H, W, C) with w (O, C, R, S) into `out`."""
    taps, across = w.shape[2:]
    order = [i * across + j for j in range(across) for i in range(taps)]
    packed = packed_filters(w, order, 1, True)[0]
    geometry, space = _geometry(w.shape, out.shape, stride, padding, dilation, relu, x.itemsize)
    if bias is None:
        bias = np.empty(0, x.dtype)
    correlate_folded(
        x, packed, out, bias, geometry, block(x.dtype.char), space,
        work=out.size * packed.shape[1] // 32,
    )  # fmt: skip


def weight_gradient(g, x, w_shape, stride, padding, dilation) -> np.ndarray:
    """The gradient (O, C, R, S), of errors and images (N, H, W, channels)."""
    outputs, channels, taps, across = w_shape
    geometry, space = _geometry(w_shape, g.shape, stride, padding, dilation, 0, x.itemsize)
    out = np.zeros((PARTS, outputs, across * taps * channels), x.dtype)
    correlate_outputs_folded(
        x, g, out, geometry, block(x.dtype.char), space, work=g.size * out.shape[2] // 32
    )
    sums = np.add.reduce(out, axis=0).reshape(outputs, across, taps, channels)
    return np.ascontiguousarray(sums.transpose(0, 3, 2, 1))
