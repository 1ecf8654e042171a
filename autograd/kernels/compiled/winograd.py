"""Convolution by 3 x 3 filters with Winograd's algorithm: see `winograd_transform` for the idea.

Images are transformed a block of tiles at a time, into as many matrices as there are elements; then
each strip of filters is transformed and multiplied with all tiles, and its results are transformed
back, while they are in the second cache.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, get_num_threads, inner, kernel
from autograd.kernels.compiled.memory import ALIGNED, workspace
from autograd.kernels.compiled.product import COLUMNS, LANES, ROWS, SIZE, TILE, copy_row
from autograd.kernels.compiled.tile import block, call_tile
from autograd.kernels.compiled.winograd_transform import (
    ELEMENTS,
    OUTPUTS,
    POINTS,
    TAPS,
    apart,
    of_errors,
    of_filter,
    patch,
    to_filter,
    to_outputs,
    transform_inputs,
)

# Measured on cores with a second cache of 1 MB, for 64 to 512 channels.
TILES = 84  # of a task: with fewer, filters are transformed too often; more do not fit
DEPTH = 128  # channels whose transformed filters are in the second cache, with their results
FEWEST_CHANNELS, FEWEST_PIXELS = 32, 128  # with fewer the direct way is as fast
int64 = types.int64


@inner
def transform_filters(size, lanes, packed, channels, first, depth, wide, out, step):
    """G filter G^T for some channels of a strip of filters (9, channels, wide)."""
    for at in range(0, depth * wide, lanes):
        of_filter(
            packed + size * (first * wide + at), TAPS * channels * wide, channels * wide,
            out + size * at, POINTS * step, step,
        )  # fmt: skip


@inner
def write_tile(size, lanes, results, step, count, target, shape, y, x, bias, relu, spare):
    """A^T results A for `count` channels of the output; only what is inside of the image."""
    rows, columns, outputs = shape
    inside = y + OUTPUTS <= rows and x + OUTPUTS <= columns
    place, row, along = target, columns * outputs, outputs
    if not inside:
        place, row, along = spare, OUTPUTS * count, count
    for k in range(0, count, lanes):
        to_outputs(
            results + size * k, POINTS * step, step, place + size * k, row, along, bias + size * k,
            relu,
        )  # fmt: skip
    if not inside:
        for i in range(min(OUTPUTS, rows - y)):
            for j in range(min(OUTPUTS, columns - x)):
                source = spare + size * (i * OUTPUTS + j) * count
                copy_row(size, source, target + size * (i * columns + j) * outputs, count)


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 4, out=True), array(T, 1), array(int64, 1),
                   array(int64, 1), array(types.uint8, 2, out=True),
                   array(types.uint8, 2, out=True)))  # fmt: skip
def correlate(x, packed, out, bias, geometry, unit, shared, space):
    """x (N, H, W, C) with filters (strips, 9, C, columns of a tile).

    `geometry`: where the first output sees from, tiles of a block, parts of it, whether relu.
    """
    n, height, width, channels = x.shape
    _, rows, columns, outputs = out.shape
    strips, _, _, wide = packed.shape
    top, left, most, parts, relu = geometry
    size, high, lanes = unit[SIZE], unit[ROWS], unit[LANES]
    down, across = (rows + OUTPUTS - 1) // OUTPUTS, (columns + OUTPUTS - 1) // OUTPUTS
    total, threads, piece = n * down * across, len(space), (most + parts - 1) // parts
    line, inputs_step = apart(channels, lanes), apart(most * apart(channels, lanes), lanes)
    results_line, results_step = apart(wide, lanes), apart(piece * apart(wide, lanes), lanes)
    filters_step = apart(min(DEPTH, channels) * wide, lanes)
    for begin in range(0, total, most):
        count = min(most, total - begin)
        for thread in prange(threads):
            transform_inputs(
                size, lanes, x.ctypes.data, (height, width, channels), (down, across), (top, left),
                begin, thread * count // threads, (thread + 1) * count // threads,
                shared.ctypes.data, line, inputs_step, space[thread].ctypes.data,
            )  # fmt: skip
        for thread in prange(threads):
            filters = space[thread].ctypes.data
            results = filters + size * ELEMENTS * filters_step
            spare = results + size * ELEMENTS * results_step
            for task in range(thread, strips * parts, threads):
                strip, start = task // parts, count * (task % parts) // parts
                end, channel = count * (task % parts + 1) // parts, strip * wide
                number = min(wide, outputs - channel)
                for first in range(0, channels, DEPTH):
                    depth = min(DEPTH, channels - first)
                    transform_filters(
                        size, lanes,
                        packed.ctypes.data + size * strip * TAPS * TAPS * channels * wide,
                        channels, first, depth, wide, filters, filters_step,
                    )  # fmt: skip
                    for e in range(ELEMENTS):
                        done, tiles = start, (end - start + high - 1) // high
                        for t in range(tiles):
                            now = (end - done) // (tiles - t)
                            at = e * results_step + (done - start) * results_line
                            call_tile(
                                unit[TILE], shared.ctypes.data
                                + size * (e * inputs_step + done * line + first), line, 1,
                                filters + size * e * filters_step, wide, results + size * at,
                                results_line, depth, now, number, first > 0, 0, 0,
                            )  # fmt: skip
                            done += now
                for t in range(start, end):
                    image, place = (begin + t) // (down * across), (begin + t) % (down * across)
                    y, x_ = place // across * OUTPUTS, place % across * OUTPUTS
                    target = ((image * rows + y) * columns + x_) * outputs + channel
                    write_tile(
                        size, lanes, results + size * (t - start) * results_line, results_step,
                        number, out.ctypes.data + size * target, (rows, columns, outputs), y, x_,
                        bias.ctypes.data + size * channel, relu, spare,
                    )  # fmt: skip


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 3, out=True), array(int64, 1),
                   array(int64, 1), array(types.uint8, 2, out=True),
                   array(types.uint8, 2, out=True)))  # fmt: skip
def correlate_outputs(x, g, out, geometry, unit, shared, space):
    """Add to the taps `out` (O, 9, C) what images x and errors g (N, H, W, channels) say.

    `geometry`: where the first output sees from, tiles of a block, outputs and channels of a task.
    """
    n, height, width, channels = x.shape
    _, rows, columns, outputs = g.shape
    top, left, most, tall, wide = geometry
    size, high, strip, lanes = unit[SIZE], unit[ROWS], unit[COLUMNS], unit[LANES]
    down, across = (rows + OUTPUTS - 1) // OUTPUTS, (columns + OUTPUTS - 1) // OUTPUTS
    total, threads = n * down * across, len(space)
    line, inputs_step = apart(channels, lanes), apart(most * apart(channels, lanes), lanes)
    errors_line, errors_step = apart(outputs, lanes), apart(most * apart(outputs, lanes), lanes)
    sums_line, sums_step = apart(wide, lanes), apart(tall * apart(wide, lanes), lanes)
    errors = shared.ctypes.data
    inputs = errors + size * ELEMENTS * errors_step  # last: whole vectors are read behind its end
    parts = (channels + wide - 1) // wide
    for begin in range(0, total, most):
        count = min(most, total - begin)
        for thread in prange(threads):
            spare = space[thread].ctypes.data
            first, last = thread * count // threads, (thread + 1) * count // threads
            transform_inputs(
                size, lanes, x.ctypes.data, (height, width, channels), (down, across), (top, left),
                begin, first, last, inputs, line, inputs_step, spare,
            )  # fmt: skip
            for t in range(first, last):
                image, place = (begin + t) // (down * across), (begin + t) % (down * across)
                source, row = patch(
                    size, g.ctypes.data + size * image * rows * columns * outputs,
                    (rows, columns, outputs), place // across * OUTPUTS, place % across * OUTPUTS,
                    OUTPUTS, spare,
                )  # fmt: skip
                for k in range(0, outputs, lanes):
                    of_errors(
                        source + size * k, row, outputs, errors + size * (t * errors_line + k),
                        POINTS * errors_step, errors_step,
                    )  # fmt: skip
        for thread in prange(threads):
            sums = space[thread].ctypes.data
            for task in range(thread, (outputs + tall - 1) // tall * parts, threads):
                k, c = task // parts * tall, task % parts * wide
                rows_now, width_now = min(tall, outputs - k), min(wide, channels - c)
                for e in range(ELEMENTS):
                    for j in range(0, width_now, strip):
                        done, tiles = 0, (rows_now + high - 1) // high
                        for t in range(tiles):
                            now = (rows_now - done) // (tiles - t)
                            call_tile(
                                unit[TILE], errors + size * (e * errors_step + k + done), 1,
                                errors_line, inputs + size * (e * inputs_step + c + j), line,
                                sums + size * (e * sums_step + done * sums_line + j), sums_line,
                                count, now, min(strip, width_now - j), 0, 0, 0,
                            )  # fmt: skip
                            done += now
                for i in range(rows_now):
                    target = out.ctypes.data + size * ((k + i) * TAPS * TAPS * channels + c)
                    for j in range(0, width_now, lanes):
                        to_filter(
                            sums + size * (i * sums_line + j), POINTS * sums_step, sums_step,
                            target + size * j, TAPS * channels, channels,
                        )  # fmt: skip


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


def _memory(lanes, shared, each):
    """Memory that all threads share, and that of each, for so many numbers."""
    threads = get_num_threads()
    # Whole vectors are read at the end.
    shared, each = (-(-4 * (n + 4 * lanes) // ALIGNED) * ALIGNED for n in (shared, each))
    memory = workspace(1, shared + threads * each)[0]
    return memory[None, :shared], memory[shared : shared + threads * each].reshape(threads, each)


def forward(x, packed, out, bias, corner, relu=False) -> None:
    """Correlate x (N, H, W, C) with packed taps (strips, 9 C, columns) into `out`.

    The first output sees from `corner` (y, x) on, which is negative for padding.
    """
    unit, threads = block("f"), get_num_threads()
    lanes = int(unit[LANES])
    n, rows, columns, outputs = out.shape
    channels, (strips, _, wide) = x.shape[3], packed.shape
    total = n * -(-rows // OUTPUTS) * -(-columns // OUTPUTS)
    # Few strips do not keep the threads equally busy: cut the tiles, too.
    parts = 1 if strips % threads == 0 or strips >= 4 * threads else threads
    most = min(total, TILES * parts)
    line = apart(wide, lanes)
    each = ELEMENTS * (
        apart(min(DEPTH, channels) * wide, lanes) + apart(-(-most // parts) * line, lanes)
    ) + POINTS * POINTS * max(channels, wide)
    space = _memory(lanes, ELEMENTS * apart(most * apart(channels, lanes), lanes), each)
    if bias is None:
        bias = np.zeros(outputs, np.float32)
    packed = packed.reshape(strips, TAPS * TAPS, channels, wide)
    geometry = np.array([*corner, most, parts, relu], np.int64)
    correlate(x, packed, out, bias, geometry, unit, *space, work=total * channels * outputs)


def weight_gradient(g, x, corner) -> np.ndarray:
    """The gradient of the filters as taps (O, 9, C), of errors and images (N, H, W, channels)."""
    unit = block("f")
    lanes, wide = int(unit[LANES]), int(unit[COLUMNS])
    channels, (n, rows, columns, outputs) = x.shape[3], g.shape
    out = np.zeros((outputs, TAPS * TAPS, channels), np.float32)
    total = n * -(-rows // OUTPUTS) * -(-columns // OUTPUTS)
    line = apart(channels, lanes) + apart(outputs, lanes)
    most, tall = min(total, TILES), wide
    while tall > 8 and -(-outputs // tall) * -(-channels // wide) < 2 * get_num_threads():
        tall //= 2
    shared = ELEMENTS * (most * line + 2 * lanes)
    each = ELEMENTS * apart(tall * apart(wide, lanes), lanes)
    spare = POINTS * POINTS * max(channels, outputs)
    geometry = np.array([*corner, most, tall, wide], np.int64)
    correlate_outputs(
        x, g, out, geometry, unit, *_memory(lanes, shared, max(each, spare)),
        work=total * channels * outputs,
    )  # fmt: skip
    return out
