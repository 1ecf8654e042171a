"""Convolution with Winograd's algorithm: see `winograd_transform` for the idea.

Each thread has a share of the tiles, or of the filters, to itself and waits for nobody. It
transforms a block of tiles, then a strip of filters and a chunk of channels at a time, multiplies
the two element by element, and transforms what comes out straight into the output. Everything
but the transformed tiles stays in the second cache meanwhile; what will be needed next is brought
there during the products, which leave the memory idle.

Filters of 4 x 4 that move by 2 pixels see an image as four, one for each residue of a pixel's
place, which add up as channels do. Turned around, each residue of the output is a convolution of
its own. `phases` has a line for each: see `winograd_plan.phases_of`.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.arrays import aligned
from autograd.kernels.compiled.jit import array, get_num_threads, inner, kernel
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, LANES, ROWS, SIZE, TILE
from autograd.kernels.compiled.tile import block, call_tile, clear
from autograd.kernels.compiled.winograd_plan import (
    FORMS,
    count_tiles,
    phases_of,
    plan,
    plan_weights,
)
from autograd.kernels.compiled.winograd_tiles import (
    LIST,
    TABLE,
    apart,
    arrange,
    cut,
    fetch_rows,
    fetch_tiles,
    find,
    needed,
    of_filter,
    to_filter,
    to_outputs,
    transform_tiles,
)
from autograd.kernels.compiled.winograd_transform import OUTPUTS

int64 = types.int64
memory = array(types.uint8, 2, out=True)

# Small numbers are made int64 before they are handed on: for a literal numba would compile what
# takes it once more, and so for each of the two kernels.


@inner
def share(begin, end, part, parts):
    """The bounds of one of so many equal parts of a range."""
    count = end - begin
    return begin + count * part // parts, begin + count * (part + 1) // parts


@inner
def multiply(unit, points, bounds, summed, a, b, c, depth, rows, columns, adds, rows_ahead,
             tiles_ahead, tiles_too):  # fmt: skip
    """The products of all elements; meanwhile have brought into the cache what comes next.

    Of `a` address and distances of rows, columns and elements; of `b` and `c` those of elements.
    Tiles, of which an element has those within its `bounds`, are the rows or, `summed`, the depth.
    """
    size, high, wide = unit[SIZE], unit[ROWS], unit[COLUMNS]
    (a, a_row, a_column, a_step), (b, b_step), (c, c_step) = a, b, c
    zero, elements = np.int64(0), points * points
    for e in range(elements):
        first, last = needed(bounds, e, points)
        if summed:
            depth, top, along = last - first, zero, first
        else:
            rows, top, along = last - first, first, zero
        parts = (rows + high - 1) // high
        for t in range(parts):
            done, end = share(zero, rows, t, parts)
            call_tile(
                unit[TILE], a + size * (e * a_step + (top + done) * a_row + along * a_column),
                a_row, a_column, b + size * (e * b_step + along * wide), wide,
                c + size * (e * c_step + (top + done) * wide), wide,
                depth, end - done, columns, adds, 0, 0,
            )  # fmt: skip
        count, start, distance, length = rows_ahead
        begin, end = share(zero, count, e, elements)
        fetch_rows(begin, end, start, distance, length)
        first, last, images, tall, count = tiles_ahead
        begin, end = share(first, last, e, elements)
        fetch_tiles(begin, end, size, images, tall, count, zero)
        first, last, images, tall, count, writes = tiles_too
        begin, end = share(first, last, e, elements)
        fetch_tiles(begin, end, size, images, tall, count, writes)


@inner
def correlate_share(thread, x, w, out, bias, geometry, phases, unit, space):
    """What one thread does of `correlate`, for one group of phases."""
    n, height, width, channels = x.shape
    _, rows, columns, outputs = out.shape
    points, seen, written, turned, relu, ways, most, deep, kept = geometry
    size, lanes, wide, threads = unit[SIZE], unit[LANES], unit[COLUMNS], len(space)
    tiles = cut((rows + written - 1) // written, (columns + written - 1) // written)
    per_phase, strips = (channels + deep - 1) // deep, (outputs + wide - 1) // wide
    chunks, elements, filter_ = len(phases) * per_phase, points * points, w.shape[2] * w.shape[3]
    along = filter_ * outputs if turned else filter_
    across = filter_ if turned else filter_ * channels
    inputs_step, filters_step = apart(most * deep, lanes), apart(deep * wide, lanes)
    results_step = apart(most * wide, lanes)
    zero, one, outs = np.int64(0), np.int64(1), np.int64(OUTPUTS)
    images = np.int64(x.ctypes.data), (height, width, channels), seen, tiles
    table = np.int64(space.ctypes.data + thread * space.strides[0])  # of a tile's pixels
    listed = table + TABLE  # tiles
    outside = listed + LIST  # of the image: zeros
    nowhere = outside + size * channels  # for outputs that are outside
    results = nowhere + size * wide
    inputs = results + size * elements * results_step
    filters = inputs + size * chunks * elements * inputs_step
    clear(outside, size * channels)
    first, last = share(zero, n * tiles[0][0] * tiles[1][0], thread % ways, ways)
    low, high = share(zero, strips, thread // ways, threads // ways)
    blocks = (last - first + most - 1) // most if low < high else 0
    for b in range(blocks):
        begin, end = share(first, last, b, blocks)
        _, after = share(first, last, min(b + 1, blocks - 1), blocks)
        bounds = arrange(tiles, begin, end, listed)
        for p in range(len(phases)):
            transform_tiles(
                size, lanes, points, (*images, (phases[p, 1], phases[p, 2])), points, listed,
                end - begin, channels, deep, outside, table,
                inputs + size * p * per_phase * elements * inputs_step, inputs_step,
            )  # fmt: skip
        for step in range(low * chunks, high * chunks):
            channel, chunk = step // chunks * wide, step % chunks
            p, c = chunk // per_phase, chunk % per_phase * deep
            number, depth = min(wide, outputs - channel), min(deep, channels - c)
            part = filters
            if kept:
                part += size * (step - low * chunks) * elements * filters_step
            if b == 0 or not kept:
                source = w.ctypes.data + size * (channel * across + c * along + phases[p, 0])
                for k in range(0, number, lanes):
                    for i in range(depth):
                        of_filter(
                            points, source + size * (k * across + i * along), across, turned,
                            part + size * (i * wide + k), filters_step,
                        )  # fmt: skip
            if kept and b > 0:
                ahead = zero, zero, zero, zero
            else:
                following = step + 1 if step + 1 < high * chunks else low * chunks
                k, i = following // chunks * wide, following % per_phase * deep
                counts = min(wide, outputs - k), min(deep, channels - i)
                count, length = (counts[1], counts[0]) if turned else counts
                start = w.ctypes.data + size * (k * across + i * along)
                ahead = count, start, size * max(along, across), size * filter_ * length
            pixels = (
                out.ctypes.data + size * channel, (rows, columns, outputs), written, tiles,
                (phases[0, 3], phases[0, 4]),
            )  # fmt: skip
            fresh = share(
                OUTPUTS * end, OUTPUTS * after, (step // chunks - low) * per_phase + c // deep,
                (high - low) * per_phase,
            )  # fmt: skip
            done = OUTPUTS * (end if chunk + 1 < chunks else begin)
            multiply(
                unit, points, bounds, zero,
                (inputs + size * chunk * elements * inputs_step, deep, one, inputs_step),
                (part, filters_step), (results, results_step), depth, end - begin, number,
                np.int64(chunk > 0), ahead,
                (*fresh, (*images, (phases[p, 1], phases[p, 2])), points, channels),
                (done, OUTPUTS * end, pixels, outs, number, one),
            )  # fmt: skip
            if chunk + 1 < chunks:
                continue
            for t in range(end - begin):
                find(size, pixels, listed, t, outs, nowhere, table)
                for k in range(0, number, lanes):
                    to_outputs(
                        points, results + size * (t * wide + k), results_step, table,
                        size * k, bias.ctypes.data + size * (channel + k), relu,
                    )  # fmt: skip


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 4, out=True), array(T, 1), array(int64, 1),
                   array(int64, 3), array(int64, 1), memory))  # fmt: skip
def correlate(x, w, out, bias, geometry, phases, unit, space):
    """x (N, H, W, C) with filters w (O, C, R, S); or, `turned` around, (C, O, R, S).

    `geometry`: points, pixels of x and of out from one place to the next, `turned`, whether relu,
    and what `plan` gives. `phases` (groups, phases, 5): those of a group add up.
    """
    for thread in prange(len(space)):
        for group in range(len(phases)):
            correlate_share(thread, x, w, out, bias, geometry, phases[group], unit, space)


@inner
def correlate_outputs_share(thread, x, g, out, geometry, phases, unit, space):
    """What one thread does of `correlate_outputs`."""
    n, height, width, channels = x.shape
    _, rows, columns, outputs = g.shape
    points, seen, shares, most, tall, kept = geometry
    size, lanes, wide, threads = unit[SIZE], unit[LANES], unit[COLUMNS], len(space)
    tiles, parts, filter_ = cut(rows, columns), len(out), out.shape[3] * out.shape[4]
    per_phase, groups = (channels + wide - 1) // wide, (outputs + tall - 1) // tall
    strips, elements = len(phases) * per_phase, points * points
    inputs_step, errors_step = apart(most * wide, lanes), apart(most * tall, lanes)
    sums_step = apart(tall * wide, lanes)
    zero, one, outs = np.int64(0), np.int64(1), np.int64(OUTPUTS)
    images = np.int64(x.ctypes.data), (height, width, channels), seen, tiles
    table = np.int64(space.ctypes.data + thread * space.strides[0])  # of a tile's pixels
    listed = table + TABLE  # tiles
    outside = listed + LIST  # of the image: zeros
    inputs = outside + size * max(channels, outputs)
    errors = inputs + size * strips * elements * inputs_step
    clear(outside, size * max(channels, outputs))
    for task in range(thread, parts * shares, threads):
        first, last = share(zero, n * tiles[0][0] * tiles[1][0], task // shares, parts)
        low, high = share(zero, groups, task % shares, shares)
        width_now = min(outputs, high * tall) - low * tall
        sums = errors + size * (high - low) * elements * errors_step
        pixels = (
            g.ctypes.data + size * low * tall, (rows, columns, outputs), one, tiles, (zero, zero),
        )  # fmt: skip
        blocks = (last - first + most - 1) // most if low < high else 0
        for b in range(blocks):
            begin, end = share(first, last, b, blocks)
            _, after = share(first, last, min(b + 1, blocks - 1), blocks)
            bounds = arrange(tiles, begin, end, listed)
            for p in range(len(phases)):
                transform_tiles(
                    size, lanes, points, (*images, (phases[p, 1], phases[p, 2])), points, listed,
                    end - begin, channels, wide, outside, table,
                    inputs + size * p * per_phase * elements * inputs_step, inputs_step,
                )  # fmt: skip
            transform_tiles(
                size, lanes, points, pixels, outs, listed, end - begin, width_now, tall, outside,
                table, errors, errors_step,
            )  # fmt: skip
            for step in range((high - low) * strips):
                group, strip = step // strips, step % strips
                p, k, c = strip // per_phase, (low + group) * tall, strip % per_phase * wide
                number, count = min(tall, outputs - k), min(wide, channels - c)
                part = sums + (size * step * elements * sums_step if kept else 0)
                fresh = share(
                    OUTPUTS * end, OUTPUTS * after, group * per_phase + c // wide,
                    (high - low) * per_phase,
                )  # fmt: skip
                fresh_too = share(OUTPUTS * end, OUTPUTS * after, step, (high - low) * strips)
                multiply(
                    unit, points, bounds, one,
                    (errors + size * group * elements * errors_step, one, tall, errors_step),
                    (inputs + size * strip * elements * inputs_step, inputs_step),
                    (part, sums_step), end - begin, number, count, np.int64(kept and b > 0),
                    (zero, zero, zero, zero),
                    (*fresh, (*images, (phases[p, 1], phases[p, 2])), points, channels),
                    (*fresh_too, pixels, outs, width_now, zero),
                )  # fmt: skip
                if kept and b + 1 < blocks:
                    continue
                target = ((task // shares * outputs + k) * channels + c) * filter_ + phases[p, 0]
                for i in range(number):
                    for j in range(0, count, lanes):
                        to_filter(
                            points, part + size * (i * wide + j), sums_step,
                            out.ctypes.data + size * (target + (i * channels + j) * filter_),
                            b > 0 and not kept,
                        )  # fmt: skip


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 5, out=True), array(int64, 1),
                   array(int64, 2), array(int64, 1), memory))  # fmt: skip
def correlate_outputs(x, g, out, geometry, phases, unit, space):
    """The filters' gradient, (parts, O, C, R, S): of each part of the tiles.

    `geometry`: points, pixels of x from one place to the next, and what `plan_weights` gives.
    """
    for thread in prange(len(space)):
        correlate_outputs_share(thread, x, g, out, geometry, phases, unit, space)


# -- from Python -----------------------------------------------------------------------------------


def forward(x, w, out, bias, corner, stride=(1, 1), relu=False, turned=False) -> None:
    """Correlate x (N, H, W, C) with contiguous filters (O, C, 3, 3), or 4 x 4, into `out`.

    The first output sees from `corner` (y, x) on, which is negative for padding. `turned`: with
    the filters (C, O, 3, 3) turned around, as for the gradient of the input.
    """
    channels, outputs, threads = x.shape[3], out.shape[3], get_num_threads()
    form, step, phases = FORMS[stride], stride[0], phases_of(stride, corner, turned)
    seen, written = (1, step) if turned else (step, 1)
    total = len(x) * count_tiles(-(-out.shape[1] // written), -(-out.shape[2] // written))
    settings, needed = plan(total, channels, outputs, threads, form.points, phases.shape[1])
    if bias is None:
        bias = np.zeros(outputs, np.float32)
    correlate(
        x, w, out, bias, np.array([form.points, seen, written, turned, relu, *settings], np.int64),
        phases, block("f"), workspace(threads, needed),
        work=total * channels * outputs * step**2,
    )  # fmt: skip


def weight_gradient(g, x, corner, stride=(1, 1)) -> np.ndarray:
    """The gradient of the filters, (O, C, 3, 3), or 4 x 4, of errors and images (N, H, W, any)."""
    channels, outputs, threads = x.shape[3], g.shape[3], get_num_threads()
    form, step, phases = FORMS[stride], stride[0], phases_of(stride, corner, False)[0]
    total = len(g) * count_tiles(*g.shape[1:3])
    parts, settings, needed = plan_weights(
        total, channels, outputs, threads, form.points, len(phases)
    )  # fmt: skip
    out = aligned((parts, outputs, channels, form.side, form.side), np.float32)
    correlate_outputs(
        x, g, out, np.array([form.points, step, *settings], np.int64), phases, block("f"),
        workspace(threads, needed), work=total * channels * outputs * step**2,
    )  # fmt: skip
    return out[0] if parts == 1 else np.add.reduce(out, axis=0)
