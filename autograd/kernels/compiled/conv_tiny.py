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

from autograd.kernels.compiled.arrays import aligned
from autograd.kernels.compiled.jit import array, get_num_threads, inner, kernel
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, LANES, ROWS, SIZE, TILE
from autograd.kernels.compiled.tile import block, call_tile
from autograd.kernels.compiled.vectors import Vectors
from autograd.kernels.compiled.winograd_tiles import apart, fetch_rows
from autograd.kernels.compiled.winograd_transform import (
    WHOLE,
    interleaved,
    square_at,
    store,
    taps_of,
)

MOST_PIXELS = 2  # along an axis of the output
FEWEST_IMAGES, FEWEST_CHANNELS = 8, 32  # for which tiles are filled
TAPS = 3
FILTER = TAPS * TAPS
AHEAD = 16  # channels whose filters are brought into the cache at a time
int64 = types.int64


@inner
def meeting(place, extent):
    """The first tap that meets one of `extent` pixels, and the end; tap 0 falls on `place`."""
    first = max(0, -place)
    return first, max(first, min(TAPS, extent - place))


@intrinsic
def unweave(typingctx, source, distance, turned, target, step):
    """The taps, `step` apart, of a vector's count of filters; `turned`: the last of them first."""

    def codegen(context, builder, signature, arguments):
        v, (source, distance, turned, target, step) = Vectors(builder, types.float32), arguments
        places = [v.vector(v.offset(v.pointer(target), step, i)) for i in range(FILTER)]
        store(v, [taps_of(v, WHOLE, source, distance, turned)], [places])
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), codegen


@inner
def pack(unit, w, channels, outputs, first, count, turned, target):
    """The filters of a strip of outputs side by side, one tap and channel below another."""
    size, lanes, wide = unit[SIZE], unit[LANES], unit[COLUMNS]
    along, across = (FILTER * outputs, FILTER) if turned else (FILTER, FILTER * channels)
    source, none = w.ctypes.data + size * first * across, np.int64(0)
    for c in range(channels):
        if c % AHEAD == 0:
            start, more = source + size * (c + AHEAD) * along, min(AHEAD, channels - c - AHEAD)
            if turned:
                fetch_rows(none, more, start, size * along, size * across * count)
            else:
                fetch_rows(none, count, start, size * across, size * along * more)
        for k in range(0, count, lanes):
            unweave(
                source + size * (k * across + c * along), across, turned,
                target + size * (c * wide + k), channels * wide,
            )  # fmt: skip


@kernel(lambda T: (array(T, 2), array(T, 4), array(T, 4, out=True), array(T, 1), array(int64, 1),
                   array(int64, 1), array(types.uint8, 2, out=True)))  # fmt: skip
def correlate_tiny(x, w, out, bias, geometry, unit, space):
    """Images x, a row each, with filters w (O, C, 3, 3) or, `turned` around, (C, O, 3, 3).

    `geometry`: height, width, where the first output sees from, `turned`, whether relu follows.
    """
    height, width, top, left, turned, relu = geometry
    n, rows, columns, outputs = out.shape
    size, wide, channels = unit[SIZE], unit[COLUMNS], w.shape[0] if turned else w.shape[1]
    pixels, tiles = rows * columns, (n + unit[ROWS] - 1) // unit[ROWS]
    tasks, threads = (outputs + wide - 1) // wide * pixels, len(space)
    for thread in prange(threads):
        filters, started = space[thread].ctypes.data, tasks * thread // threads
        for task in range(started, tasks * (thread + 1) // threads):
            channel, pixel = task // pixels * wide, task % pixels
            count = min(wide, outputs - channel)
            if task == started or pixel == 0:
                pack(unit, w, channels, outputs, channel, count, turned, filters)
            y, x_ = pixel // columns + top, pixel % columns + left
            first, last = meeting(y, height)
            begin, end = meeting(x_, width)
            length = (end - begin) * channels if first < last else 0
            for t in range(tiles):
                done = n * t // tiles
                place = (done * pixels + pixel) * outputs + channel
                for tap in range(first, max(last, first + 1)):
                    seen = ((y + tap) * width + x_ + begin) * channels
                    call_tile(
                        unit[TILE], x.ctypes.data + done * x.strides[0] + size * seen,
                        x.strides[0] // size, 1,
                        filters + size * (tap * TAPS + begin) * channels * wide, wide,
                        out.ctypes.data + size * place, pixels * outputs, length,
                        n * (t + 1) // tiles - done, count, tap > first,
                        bias.ctypes.data + size * channel, relu and tap + 1 >= last,
                    )  # fmt: skip


@intrinsic
def weave(typingctx, source, step, target):
    """The reverse, to aligned memory that is not read soon."""

    def codegen(context, builder, signature, arguments):
        v, (source, step, target) = Vectors(builder, types.float32), arguments
        places = square_at(v, source, step, TAPS)
        taps = [v.load(place) for row in places for place in row]
        out = interleaved(v, taps)
        for i, row in enumerate(out):
            v.stream(row, v.vector(v.pointer(target), i))
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
    lanes, (outputs, channels) = int(block("f")[LANES]), w_shape[:2]
    return (
        dtype == np.float32
        and max(*out_size, *x_shape[2:]) <= MOST_PIXELS
        and w_shape[2:] == (TAPS, TAPS)
        and stride == dilation == (1, 1)
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
    rows = aligned((n * row + int(unit[COLUMNS]),), images.dtype)[: n * row].reshape(n, row)
    rows[:, :length] = images.reshape(n, length)
    return rows


def forward(x, w, out, bias, corner, relu=False, turned=False) -> None:
    """Correlate x (N, H, W, C) with filters (O, C, 3, 3) into `out`, see `winograd.forward`."""
    unit = block("f")
    if bias is None:
        bias = np.zeros(out.shape[3], out.dtype)
    correlate_tiny(
        _set_apart(x), np.ascontiguousarray(w), out, bias,
        np.array([*x.shape[1:3], *corner, turned, relu], np.int64), unit,
        workspace(get_num_threads(), 4 * FILTER * x.shape[3] * int(unit[COLUMNS])),
        work=len(x) * w.size // 32,
    )  # fmt: skip


def weight_gradient(g, x, corner) -> np.ndarray:
    """The gradient of the filters, (O, C, 3, 3), of errors and images (N, H, W, channels)."""
    unit, threads = block("f"), get_num_threads()
    out = aligned((g.shape[3], x.shape[3], TAPS, TAPS), x.dtype)
    needed = 4 * FILTER * int(unit[ROWS] * unit[COLUMNS])
    correlate_errors(
        _set_apart(x), _set_apart(g), out,
        np.array([*x.shape[1:3], *g.shape[1:3], *corner], np.int64), unit,
        workspace(threads, needed), work=len(x) * out.size // 32,
    )  # fmt: skip
    return out
