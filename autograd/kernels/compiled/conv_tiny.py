"""Convolution of tiny images by 3 x 3 filters, many images at a time.

Where images are of one or two pixels a side, most of a filter falls on the padding. So each pixel
of the output is a product of its own, of all images with just the taps that meet a pixel; the rows
of a tile are images. Likewise for the gradient of the filters: each tap sums over the pairs of
pixels that it joins. What lies in the cache at a distance of whole images is first set apart.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types
from numba.extending import intrinsic

from autograd.kernels.compiled.filters import packed_filters
from autograd.kernels.compiled.jit import array, get_num_threads, inner, kernel
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, LANES, ROWS, SIZE, TILE
from autograd.kernels.compiled.tile import block, call_tile
from autograd.kernels.compiled.vectors import Vectors
from autograd.kernels.compiled.winograd_tiles import apart
from autograd.kernels.compiled.winograd_transform import interleaved, square_at, store

MOST_PIXELS = 2  # along an axis of the output
FEWEST_IMAGES, FEWEST_CHANNELS = 8, 32  # for which tiles are filled
TAPS = 3
FILTER = TAPS * TAPS
int64 = types.int64


@inner
def meeting(place, extent):
    """The first tap that meets one of `extent` pixels, and the end; tap 0 falls on `place`."""
    first = max(0, -place)
    return first, max(first, min(TAPS, extent - place))


@kernel(lambda T: (array(T, 2), array(T, 3), array(T, 4, out=True), array(T, 1), array(int64, 1),
                   array(int64, 1)))  # fmt: skip
def correlate_tiny(x, filters, out, bias, geometry, unit):
    """Images x, a row each, with filters (strips, taps and channels, columns).

    `geometry`: height, width, where the first output sees from, and whether relu follows.
    """
    height, width, top, left, relu = geometry
    n, rows, columns, outputs = out.shape
    strips, depth, wide = filters.shape
    size, channels = unit[SIZE], depth // FILTER
    pixels, tiles = rows * columns, (n + unit[ROWS] - 1) // unit[ROWS]
    for task in prange(strips * pixels):
        strip, pixel = task // pixels, task % pixels
        y, x_ = pixel // columns + top, pixel % columns + left
        first, last = meeting(y, height)
        begin, end = meeting(x_, width)
        length = (end - begin) * channels if first < last else 0
        for t in range(tiles):
            done = n * t // tiles
            place = (done * pixels + pixel) * outputs + strip * wide
            for tap in range(first, max(last, first + 1)):
                seen = ((y + tap) * width + x_ + begin) * channels
                line = strip * depth + (tap * TAPS + begin) * channels
                call_tile(
                    unit[TILE], x.ctypes.data + done * x.strides[0] + size * seen,
                    x.strides[0] // size, 1, filters.ctypes.data + size * line * wide, wide,
                    out.ctypes.data + size * place, pixels * outputs, length,
                    n * (t + 1) // tiles - done, min(wide, outputs - strip * wide), tap > first,
                    bias.ctypes.data + size * strip * wide, relu and tap + 1 >= last,
                )  # fmt: skip


@intrinsic
def weave(typingctx, source, step, target):
    """Filters side by side, as many as a vector has numbers, from their taps `step` apart."""

    def codegen(context, builder, signature, arguments):
        v, (source, step, target) = Vectors(builder, types.float32), arguments
        places = square_at(v, source, step, TAPS)
        taps = [v.load(place) for row in places for place in row]
        out = interleaved(v, taps)
        store(v, [out], [[v.vector(v.pointer(target), i) for i in range(len(out))]])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


@kernel(lambda T: (array(T, 2), array(T, 2), array(T, 4, out=True), array(int64, 1),
                   array(int64, 1), array(types.uint8, 2, out=True)))  # fmt: skip
def correlate_errors(x, g, out, geometry, unit, space):
    """The filters' gradient (O, C, 3, 3) of images and errors, a row for each image.

    `geometry`: height and width of the images and of the errors, where the first error saw from.
    """
    height, width, rows, columns, top, left = geometry
    outputs, channels = out.shape[:2]
    n, size, wide, lanes, threads = len(x), unit[SIZE], unit[COLUMNS], unit[LANES], len(space)
    tiles, strips = (outputs + unit[ROWS] - 1) // unit[ROWS], (channels + wide - 1) // wide
    x_row, g_row, tasks = x.strides[0] // size, g.strides[0] // size, tiles * strips
    for thread in prange(threads):
        sums = space[thread].ctypes.data
        for task in range(tasks * thread // threads, tasks * (thread + 1) // threads):
            c, t = task // tiles * wide, task % tiles
            o, end, count = (
                outputs * t // tiles,
                outputs * (t + 1) // tiles,
                min(wide, channels - c),
            )
            for tap in range(FILTER):
                part, adds = sums + size * tap * (end - o) * wide, 0
                down, over = tap // TAPS + top, tap % TAPS + left
                for pixel in range(rows * columns):
                    y, x_ = pixel // columns + down, pixel % columns + over
                    inside = 0 <= y < height and 0 <= x_ < width
                    if inside or (adds == 0 and pixel + 1 == rows * columns):
                        seen = (y * width + x_) * channels + c if inside else 0
                        call_tile(
                            unit[TILE], g.ctypes.data + size * (pixel * outputs + o), 1, g_row,
                            x.ctypes.data + size * seen, x_row, part, wide, n if inside else 0,
                            end - o, count, adds, 0, 0,
                        )  # fmt: skip
                        adds = 1
            for i in range(end - o):
                for j in range(0, count, lanes):
                    weave(
                        sums + size * (i * wide + j), (end - o) * wide,
                        out.ctypes.data + size * ((o + i) * channels + c + j) * FILTER,
                    )  # fmt: skip


# -- from Python -----------------------------------------------------------------------------------


def suits(dtype, x_shape, w_shape, out_size, stride, dilation, groups) -> bool:
    """Whether this way applies, and is the fastest."""
    lanes, (outputs, channels, *kernel_size) = int(block("f")[LANES]), w_shape
    return (
        dtype == np.float32
        and max(*out_size, *x_shape[2:]) <= MOST_PIXELS
        and tuple(kernel_size) == (TAPS, TAPS)
        and tuple(stride) == tuple(dilation) == (1, 1)
        and groups == 1
        and channels % lanes == 0 == outputs % lanes
        and min(channels, outputs) >= FEWEST_CHANNELS
        and x_shape[0] >= FEWEST_IMAGES
    )


def _set_apart(images) -> np.ndarray:
    """Images as rows, an odd number of vectors apart: else they share few lines of the cache.

    Behind the last there is room for whole vectors.
    """
    unit, (n, length) = block("f"), (len(images), images[0].size)
    row = getattr(apart, "py_func", apart)(length, int(unit[LANES]))
    rows = np.empty(n * row + int(unit[COLUMNS]), images.dtype)[: n * row].reshape(n, row)
    rows[:, :length] = images.reshape(n, length)
    return rows


def forward(x, w, out, bias, corner, relu=False, turned=False) -> None:
    """Correlate x (N, H, W, C) with filters (O, C, 3, 3) into `out`, see `winograd.forward`."""
    order = range(FILTER)[::-1] if turned else range(FILTER)
    filters = packed_filters(w, order, 1, not turned)[0]
    if bias is None:
        bias = np.zeros(out.shape[3], out.dtype)
    correlate_tiny(
        _set_apart(x), filters, out, bias, np.array([*x.shape[1:3], *corner, relu], np.int64),
        block("f"), work=len(x) * filters.size // 32,
    )  # fmt: skip


def weight_gradient(g, x, corner) -> np.ndarray:
    """The gradient of the filters, (O, C, 3, 3), of errors and images (N, H, W, channels)."""
    unit, threads = block("f"), get_num_threads()
    out = np.empty((g.shape[3], x.shape[3], TAPS, TAPS), x.dtype)
    needed = 4 * FILTER * int(unit[ROWS] * unit[COLUMNS])
    correlate_errors(
        _set_apart(x), _set_apart(g), out,
        np.array([*x.shape[1:3], *g.shape[1:3], *corner], np.int64), unit,
        workspace(threads, needed), work=len(x) * out.size // 32,
    )  # fmt: skip
    return out
