"""Convolution by 3 x 3 filters with Winograd's algorithm: see `winograd_transform` for the idea.

Each thread has a share of the tiles, or of the filters, to itself and waits for nobody. It
transforms a block of tiles, then a strip of filters and a chunk of channels at a time, multiplies
the two element by element, and transforms what comes out straight into the output. Everything
but the transformed tiles stays in the second cache meanwhile; what will be needed next is brought
there during the products, which leave the memory idle.
"""

from __future__ import annotations

import functools

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, get_num_threads, inner, kernel
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, LANES, ROWS, SIZE, TILE
from autograd.kernels.compiled.tile import block, call_tile, clear
from autograd.kernels.compiled.winograd_transform import (
    ELEMENTS,
    OUTPUTS,
    POINTS,
    TAPS,
    apart,
    fetch_rows,
    fetch_tiles,
    find,
    of_filter,
    to_filter,
    to_outputs,
    transform_tiles,
)

# Measured on cores with a second cache of 1 MB, for 64 to 512 channels.
FEWEST_CHANNELS, FEWEST_PIXELS = 32, 128  # with fewer the direct way is as fast
TILES, DEPTH = 56, 64  # of a block, and channels of a chunk of filters
KEPT_FILTERS = 1 << 20  # bytes, up to which they are transformed once and not for every block
MANY_TILES, TALL = 112, 64  # of a block, and outputs of a group, for the gradient of the weight
KEPT_SUMS = 3 << 20  # bytes, up to which they are transformed once and not for every block
FILTER = TAPS * TAPS
int64 = types.int64
memory, places = array(types.uint8, 2, out=True), array(int64, 2, out=True)

# Small numbers are made int64 before they are handed on: for a literal numba would compile what
# takes it once more, and so for each of the two kernels.


@inner
def share(begin, end, part, parts):
    """The bounds of one of so many equal parts of a range."""
    count = end - begin
    return begin + count * part // parts, begin + count * (part + 1) // parts


@inner
def multiply(unit, a, b, c, depth, rows, columns, adds, rows_ahead, tiles_ahead, tiles_too):
    """The products of all elements; meanwhile have brought into the cache what comes next.

    Of `a` address and distances of rows, columns and elements; of `b` and `c` those of elements.
    """
    size, high, wide = unit[SIZE], unit[ROWS], unit[COLUMNS]
    (a, a_row, a_column, a_step), (b, b_step), (c, c_step) = a, b, c
    parts, zero = (rows + high - 1) // high, np.int64(0)
    outs, elements = np.int64(OUTPUTS), np.int64(ELEMENTS)
    for e in range(ELEMENTS):
        for t in range(parts):
            done, end = share(zero, rows, t, parts)
            call_tile(
                unit[TILE], a + size * (e * a_step + done * a_row), a_row, a_column,
                b + size * e * b_step, wide, c + size * (e * c_step + done * wide), wide,
                depth, end - done, columns, adds, 0, 0,
            )  # fmt: skip
        count, start, distance, length = rows_ahead
        begin, end = share(zero, count, e, elements)
        fetch_rows(begin, end, start, distance, length)
        first, last, images, tall, count = tiles_ahead
        begin, end = share(first, last, e, elements)
        fetch_tiles(begin, end, size, images, tall, count, zero)
        first, last, images, count, writes = tiles_too
        begin, end = share(first, last, e, elements)
        fetch_tiles(begin, end, size, images, outs, count, writes)


@inner
def correlate_share(thread, x, w, out, bias, geometry, unit, space, tables):
    """What one thread does of `correlate`."""
    n, height, width, channels = x.shape
    _, rows, columns, outputs = out.shape
    top, left, turned, relu, ways, most, deep, kept = geometry
    size, lanes, wide, threads = unit[SIZE], unit[LANES], unit[COLUMNS], len(space)
    down, over = (rows + OUTPUTS - 1) // OUTPUTS, (columns + OUTPUTS - 1) // OUTPUTS
    chunks, strips = (channels + deep - 1) // deep, (outputs + wide - 1) // wide
    along = FILTER * outputs if turned else FILTER
    across = FILTER if turned else FILTER * channels
    inputs_step, filters_step = apart(most * deep, lanes), apart(deep * wide, lanes)
    results_step = apart(most * wide, lanes)
    zero, one, tiles = np.int64(0), np.int64(1), (down, over)
    points, outs = np.int64(POINTS), np.int64(OUTPUTS)
    images = np.int64(x.ctypes.data), (height, width, channels), tiles, (top, left)
    table, outside = tables[thread], np.int64(space[thread].ctypes.data)  # of the image: zeros
    nowhere = outside + size * channels  # for outputs that are outside
    results = nowhere + size * wide
    inputs = results + size * ELEMENTS * results_step
    filters = inputs + size * chunks * ELEMENTS * inputs_step
    clear(outside, size * channels)
    first, last = share(zero, n * down * over, thread % ways, ways)
    low, high = share(zero, strips, thread // ways, threads // ways)
    blocks = (last - first + most - 1) // most if low < high else 0
    for b in range(blocks):
        begin, end = share(first, last, b, blocks)
        _, after = share(first, last, min(b + 1, blocks - 1), blocks)
        transform_tiles(
            size, lanes, images, points, begin, end, channels, deep, outside, table, inputs,
            inputs_step,
        )  # fmt: skip
        for step in range(low * chunks, high * chunks):
            channel, c = step // chunks * wide, step % chunks * deep
            number, depth = min(wide, outputs - channel), min(deep, channels - c)
            target = out.ctypes.data + size * channel
            pixels = target, (rows, columns, outputs), tiles, (zero, zero)
            part = filters
            if kept:
                part += size * (step - low * chunks) * ELEMENTS * filters_step
            if b == 0 or not kept:
                source = w.ctypes.data + size * (channel * across + c * along)
                for k in range(0, number, lanes):
                    for i in range(depth):
                        of_filter(
                            source + size * (k * across + i * along), across, turned,
                            part + size * (i * wide + k), POINTS * filters_step, filters_step,
                        )  # fmt: skip
            if kept and b > 0:
                ahead = zero, zero, zero, zero
            else:
                following = step + 1 if step + 1 < high * chunks else low * chunks
                k, i = following // chunks * wide, following % chunks * deep
                counts = min(wide, outputs - k), min(deep, channels - i)
                count, length = (counts[1], counts[0]) if turned else counts
                start = w.ctypes.data + size * (k * across + i * along)
                ahead = count, start, size * max(along, across), size * FILTER * length
            fresh = share(
                OUTPUTS * end, OUTPUTS * after, step - low * chunks, (high - low) * chunks
            )  # fmt: skip
            done = OUTPUTS * (end if c + deep < channels else begin)
            multiply(
                unit,
                (inputs + size * (c // deep) * ELEMENTS * inputs_step, deep, one, inputs_step),
                (part, filters_step), (results, results_step), depth, end - begin, number,
                np.int64(c > 0), ahead, (*fresh, images, points, channels),
                (done, OUTPUTS * end, pixels, number, one),
            )  # fmt: skip
            if c + deep < channels:
                continue
            for t in range(begin, end):
                find(size, pixels, t, outs, nowhere, table)
                for k in range(0, number, lanes):
                    to_outputs(
                        results + size * ((t - begin) * wide + k), POINTS * results_step,
                        results_step, table.ctypes.data, size * k,
                        bias.ctypes.data + size * (channel + k), relu,
                    )  # fmt: skip


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 4, out=True), array(T, 1), array(int64, 1),
                   array(int64, 1), memory, places))  # fmt: skip
def correlate(x, w, out, bias, geometry, unit, space, tables):
    """x (N, H, W, C) with filters w (O, C, 3, 3); or, `turned` around, (C, O, 3, 3).

    `geometry`: where the first output sees from, `turned`, whether relu, and what `plan` gives.
    """
    for thread in prange(len(space)):
        correlate_share(thread, x, w, out, bias, geometry, unit, space, tables)


@inner
def correlate_outputs_share(thread, x, g, out, geometry, unit, space, tables):
    """What one thread does of `correlate_outputs`."""
    n, height, width, channels = x.shape
    _, rows, columns, outputs = g.shape
    top, left, shares, most, tall, kept = geometry
    size, lanes, wide, threads = unit[SIZE], unit[LANES], unit[COLUMNS], len(space)
    down, over = (rows + OUTPUTS - 1) // OUTPUTS, (columns + OUTPUTS - 1) // OUTPUTS
    parts = len(out)
    strips, groups = (channels + wide - 1) // wide, (outputs + tall - 1) // tall
    inputs_step, errors_step = apart(most * wide, lanes), apart(most * tall, lanes)
    sums_step = apart(tall * wide, lanes)
    zero, one, tiles = np.int64(0), np.int64(1), (down, over)
    points, outs = np.int64(POINTS), np.int64(OUTPUTS)
    images = np.int64(x.ctypes.data), (height, width, channels), tiles, (top, left)
    table, outside = tables[thread], np.int64(space[thread].ctypes.data)  # of the image: zeros
    inputs = outside + size * max(channels, outputs)
    errors = inputs + size * strips * ELEMENTS * inputs_step
    clear(outside, size * max(channels, outputs))
    for task in range(thread, parts * shares, threads):
        first, last = share(zero, n * down * over, task // shares, parts)
        low, high = share(zero, groups, task % shares, shares)
        width_now = min(outputs, high * tall) - low * tall
        sums = errors + size * (high - low) * ELEMENTS * errors_step
        pixels = g.ctypes.data + size * low * tall, (rows, columns, outputs), tiles, (zero, zero)
        blocks = (last - first + most - 1) // most if low < high else 0
        for b in range(blocks):
            begin, end = share(first, last, b, blocks)
            _, after = share(first, last, min(b + 1, blocks - 1), blocks)
            transform_tiles(
                size, lanes, images, points, begin, end, channels, wide, outside, table,
                inputs, inputs_step,
            )  # fmt: skip
            transform_tiles(
                size, lanes, pixels, outs, begin, end, width_now, tall, outside, table,
                errors, errors_step,
            )  # fmt: skip
            for step in range((high - low) * strips):
                group, strip = step // strips, step % strips
                k, c = (low + group) * tall, strip * wide
                number, count = min(tall, outputs - k), min(wide, channels - c)
                part = sums + (size * step * ELEMENTS * sums_step if kept else 0)
                fresh = share(OUTPUTS * end, OUTPUTS * after, step, (high - low) * strips)
                multiply(
                    unit,
                    (errors + size * group * ELEMENTS * errors_step, one, tall, errors_step),
                    (inputs + size * strip * ELEMENTS * inputs_step, inputs_step),
                    (part, sums_step), end - begin, number, count, np.int64(kept and b > 0),
                    (zero, zero, zero, zero), (*fresh, images, points, channels),
                    (*fresh, pixels, width_now, zero),
                )  # fmt: skip
                if kept and b + 1 < blocks:
                    continue
                target = ((task // shares * outputs + k) * channels + c) * FILTER
                for i in range(number):
                    for j in range(0, count, lanes):
                        to_filter(
                            part + size * (i * wide + j), POINTS * sums_step, sums_step,
                            out.ctypes.data + size * (target + (i * channels + j) * FILTER),
                            b > 0 and not kept,
                        )  # fmt: skip


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 5, out=True), array(int64, 1),
                   array(int64, 1), memory, places))  # fmt: skip
def correlate_outputs(x, g, out, geometry, unit, space, tables):
    """The filters' gradient, (parts, O, C, 3, 3): of each part of the tiles.

    `geometry`: where the first output sees from, and what `plan_weights` gives.
    """
    for thread in prange(len(space)):
        correlate_outputs_share(thread, x, g, out, geometry, unit, space, tables)


# -- from Python -----------------------------------------------------------------------------------


def suits(dtype, x_shape, w_shape, out_size, stride, dilation, groups) -> bool:
    """Whether this algorithm applies, and is faster than the direct one; never for float64."""
    lanes = int(block("f")[LANES])
    outputs, channels, *kernel_size = w_shape
    return (
        dtype == np.float32
        and tuple(kernel_size) == (TAPS, TAPS)
        and tuple(stride) == tuple(dilation) == (1, 1)
        and groups == 1
        and channels % lanes == 0 == outputs % lanes
        and min(channels, outputs) >= FEWEST_CHANNELS
        and min(out_size) > 2
        and x_shape[0] * out_size[0] * out_size[1] >= FEWEST_PIXELS
    )


plainly_apart = getattr(apart, "py_func", apart)  # with NUMBA_DISABLE_JIT it is plain already


def _elements(count: int, line: int) -> int:
    """The numbers of all elements of so many lines."""
    return ELEMENTS * plainly_apart(count * line, int(block("f")[LANES]))


@functools.lru_cache(256)
def plan(total, channels, outputs, threads):
    """Into how many shares to cut the tiles, each having how many strips, and the memory needed.

    Returns the shares, tiles of a block, channels of a chunk, whether transformed filters are
    kept, and the bytes that a thread works in.
    """
    wide, deep = int(block("f")[COLUMNS]), min(DEPTH, channels)
    strips, chunks = -(-outputs // wide), -(-channels // deep)

    def split(ways):
        return -(-total // ways), -(-strips // (threads // ways))

    def cost(ways):
        tiles, own = split(ways)  # what is transformed by each thread counts as some products
        return tiles * own + 0.4 * tiles + 6 * own * -(-tiles // TILES)

    ways = min((n for n in range(1, threads + 1) if threads % n == 0), key=cost)
    tiles, own = split(ways)
    blocks = -(-tiles // TILES)
    most, filters = -(-tiles // blocks), _elements(deep, wide)
    kept = blocks > 1 and 4 * filters * chunks * own <= KEPT_FILTERS
    each = channels + wide + _elements(most, wide) + chunks * _elements(most, deep)
    each += filters * chunks * own if kept else filters
    return (ways, most, deep, kept), 4 * (each + wide)


@functools.lru_cache(256)
def plan_weights(total, channels, outputs, threads):
    """Into how many parts to cut the tiles, and how the work on each.

    Returns the parts, whose number depends on nothing but the sizes, and so does the order of the
    sums; into how many shares the outputs are cut, tiles of a block, outputs of a group, whether
    the sums of all blocks are kept; and the bytes that a thread works in.
    """
    wide, tall = int(block("f")[COLUMNS]), min(TALL, outputs)
    whole, parts = 4 * ELEMENTS * channels * outputs, 1
    while whole * parts <= KEPT_SUMS and total >= MANY_TILES * 2 * parts:
        parts *= 2
    shares = max(1, threads // parts)
    own, strips = -(-outputs // (tall * shares)), -(-channels // wide)
    tiles = -(-total // parts)
    blocks = -(-tiles // MANY_TILES)
    most, sums = -(-tiles // blocks), _elements(tall, wide)
    kept = blocks > 1 and 4 * sums * strips * own <= KEPT_SUMS
    each = max(channels, outputs) + strips * _elements(most, wide) + own * _elements(most, tall)
    each += sums * strips * own if kept else sums
    return parts, (shares, most, tall, kept), 4 * (each + wide)


def _tiles(out) -> int:
    n, rows, columns, _ = out.shape
    return n * -(-rows // OUTPUTS) * -(-columns // OUTPUTS)


def _tables(threads):
    """Room for the addresses of a tile's pixels, for each thread."""
    return np.empty((threads, plainly_apart(ELEMENTS, 8)), np.int64)


def forward(x, w, out, bias, corner, relu=False, turned=False) -> None:
    """Correlate x (N, H, W, C) with contiguous filters (O, C, 3, 3) into `out`.

    The first output sees from `corner` (y, x) on, which is negative for padding. `turned`: with
    the filters (C, O, 3, 3) turned around, as for the gradient of the input.
    """
    channels, outputs, threads, total = x.shape[3], out.shape[3], get_num_threads(), _tiles(out)
    settings, needed = plan(total, channels, outputs, threads)
    if bias is None:
        bias = np.zeros(outputs, np.float32)
    correlate(
        x, w, out, bias, np.array([*corner, turned, relu, *settings], np.int64), block("f"),
        workspace(threads, needed), _tables(threads), work=total * channels * outputs,
    )  # fmt: skip


def weight_gradient(g, x, corner) -> np.ndarray:
    """The gradient of the filters, (O, C, 3, 3), of errors and images (N, H, W, channels)."""
    channels, outputs, threads, total = x.shape[3], g.shape[3], get_num_threads(), _tiles(g)
    parts, settings, needed = plan_weights(total, channels, outputs, threads)
    out = np.empty((parts, outputs, channels, TAPS, TAPS), np.float32)
    correlate_outputs(
        x, g, out, np.array([*corner, *settings], np.int64), block("f"),
        workspace(threads, needed), _tables(threads), work=total * channels * outputs,
    )  # fmt: skip
    return out[0] if parts == 1 else np.add.reduce(out, axis=0)
