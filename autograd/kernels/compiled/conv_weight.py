"""The gradient of a convolution with respect to its weight.

It is a product of matrices: the errors, (outputs, pixels), times the inputs that each pixel sees,
(pixels, taps and channels). Of the second a set of strips, each as wide as a tile and a few hundred
pixels deep, is gathered at a time into the second cache, with zeros for what lies outside of the
image. The rows of a set are an odd number of cache lines apart, so that a strip fits the first.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, get_num_threads, kernel
from autograd.kernels.compiled.layout import copy_padded, extent, gather
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, LANES, ROWS, SIZE, TILE
from autograd.kernels.compiled.tile import block, call_tile

PIXELS = 256  # that strips are deep
SET = 8  # strips that are gathered together
SUMS_BYTES = 1 << 18  # of the sums of a set, that stay in the second cache
PARTS = 8  # of the pixels, summed apart, where there are too few strips to share
FEW_OUTPUTS = 32  # for which gathering strips costs more than it saves
LONG_ROW = 8  # pixels of output, from which a row of them is deep enough
IMAGE_BYTES = 1 << 18  # of an image, that stays in the second cache
int64 = types.int64


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 4, out=True), array(int64, 2),
                   array(int64, 1), array(int64, 1), array(types.uint8, 2, out=True)))  # fmt: skip
def correlate_outputs(x, g, out, runs, geometry, unit, space):
    """Add ``g[n, y, x, o] x[n, y * sy + run y, ...]`` to out (parts, G, O / G, runs and elements).

    `geometry`: strides, the length of a run, sets of strips, pixels of a block. Each part of
    the pixels has sums of its own.
    """
    n, height, width, channels = x.shape
    _, rows, columns, outputs = g.shape
    parts, groups, per_group, depth = out.shape
    stride_y, stride_x, length, sets, pixels = geometry
    size, high, wide = unit[SIZE], unit[ROWS], unit[COLUMNS]
    strips, tiles = (depth + wide - 1) // wide, (per_group + high - 1) // high
    places, threads, given = n * rows * columns, len(space), channels // groups
    for thread in prange(threads):
        seen = space[thread].ctypes.data
        for task in range(thread, parts * groups * sets, threads):
            stack, set_ = task // sets, task % sets
            part, group = stack // groups, stack % groups
            begin, end = strips * set_ // sets * wide, strips * (set_ + 1) // sets * wide
            row, sums = end - begin + wide // 2, out.ctypes.data + size * stack * per_group * depth
            end = min(depth, end)
            last = places * (part + 1) // parts
            for first in range(places * part // parts, last, pixels):
                count = min(pixels, last - first)
                gather(
                    size, x.ctypes.data, (height, width, channels), (rows, columns),
                    (stride_y, stride_x), runs, length, begin, end, group * given, first, count,
                    seen, row,
                )  # fmt: skip
                for strip in range(begin, end, wide):
                    done = 0
                    for t in range(tiles):
                        now = (per_group - done) // (tiles - t)
                        error = first * outputs + group * per_group + done
                        call_tile(
                            unit[TILE], g.ctypes.data + size * error, 1, outputs,
                            seen + size * (strip - begin), row,
                            sums + size * (done * depth + strip), depth, count, now,
                            min(wide, end - strip), 1, 0, 0,
                        )  # fmt: skip
                        done += now


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 3, out=True), array(int64, 2),
                   array(int64, 1), array(int64, 1), array(types.uint8, 2, out=True)))  # fmt: skip
def correlate_few_outputs(x, g, out, runs, geometry, unit, space):
    """The same for one group, into out (parts, O, runs and elements), with nothing gathered.

    A run's strip for a row of pixels is a part of the padded image, whose rows overlap. Reading it
    costs more than reading a strip of its own, but with few outputs gathering one costs most.
    """
    n, height, width, channels = x.shape
    _, rows, columns, outputs = g.shape
    parts, _, depth = out.shape
    stride_y, stride_x, length = geometry
    size, high, wide = unit[SIZE], unit[ROWS], unit[COLUMNS]
    tiles, threads = (outputs + high - 1) // high, len(space)
    top, left, bottom, right = extent(runs)
    deep = (rows - 1) * stride_y + bottom - top + 1
    across = (columns - 1) * stride_x + right - left + length // channels
    for thread in prange(threads):
        padded = space[thread].ctypes.data
        for part in range(thread, parts, threads):
            for image in range(n * part // parts, n * (part + 1) // parts):
                source = x.ctypes.data + size * image * height * width * channels
                copy_padded(size, source, height, width, channels, top, left, deep, across, padded)
                for task in range(rows * len(runs)):
                    y, run = task // len(runs), task % len(runs)
                    row = (y * stride_y + runs[run, 0] - top) * across + runs[run, 1] - left
                    for begin in range(0, length, wide):
                        done = 0
                        for t in range(tiles):
                            now = (outputs - done) // (tiles - t)
                            error = ((image * rows + y) * columns) * outputs + done
                            place = (part * outputs + done) * depth + run * length + begin
                            call_tile(
                                unit[TILE], g.ctypes.data + size * error, 1, outputs,
                                padded + size * (row * channels + begin), stride_x * channels,
                                out.ctypes.data + size * place, depth, columns, now,
                                min(wide, length - begin), 1, 0, 0,
                            )  # fmt: skip
                            done += now


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 3, out=True), array(int64, 2),
                   array(int64, 1), array(int64, 1), array(types.uint8, 2, out=True)))  # fmt: skip
def correlate_few_taps(x, g, out, runs, geometry, unit, space):
    """The same for one group, turned around, into out (parts, runs and elements, O).

    Where a strip of what pixels see is no wider than a vector, the errors are the strips: they are
    read where they lie, whole vectors at a time.
    """
    n, height, width, channels = x.shape
    _, rows, columns, outputs = g.shape
    parts, depth, _ = out.shape
    stride_y, stride_x, length, pixels = geometry
    size, high, wide, row = unit[SIZE], unit[ROWS], unit[COLUMNS], unit[LANES]
    tiles, places, threads = (depth + high - 1) // high, n * rows * columns, len(space)
    for thread in prange(threads):
        seen = space[thread].ctypes.data
        for part in range(thread, parts, threads):
            last = places * (part + 1) // parts
            for first in range(places * part // parts, last, pixels):
                count = min(pixels, last - first)
                gather(
                    size, x.ctypes.data, (height, width, channels), (rows, columns),
                    (stride_y, stride_x), runs, length, 0, depth, 0, first, count, seen, row,
                )  # fmt: skip
                for strip in range(0, outputs, wide):
                    done = 0
                    for t in range(tiles):
                        now = (depth - done) // (tiles - t)
                        call_tile(
                            unit[TILE], seen + size * done, 1, row,
                            g.ctypes.data + size * (first * outputs + strip), outputs,
                            out.ctypes.data + size * ((part * depth + done) * outputs + strip),
                            outputs, count, now, min(wide, outputs - strip), 1, 0, 0,
                        )  # fmt: skip
                        done += now


def _few_taps(g, x, runs, length, count, stride) -> np.ndarray:
    """The same for filters that see no more than a vector of numbers: see `gradient`."""
    unit, outputs = block(x.dtype.char), g.shape[3]
    out = np.zeros((PARTS, count, outputs), x.dtype)
    needed = PIXELS * int(unit[LANES]) * x.itemsize
    correlate_few_taps(
        x, g, out, runs, np.array([*stride, length, PIXELS], np.int64), unit,
        workspace(get_num_threads(), needed), work=g.size * count // 32,
    )  # fmt: skip
    return np.ascontiguousarray(np.add.reduce(out, axis=0).T)


def _few_outputs(g, x, runs, length, stride) -> np.ndarray:
    """The same for few outputs and runs of whole pixels: see `gradient`."""
    unit, (n, rows, columns, outputs), channels = block(x.dtype.char), g.shape, x.shape[3]
    (top, left), (bottom, right) = runs[0].tolist(), runs[-1].tolist()
    deep = (rows - 1) * stride[0] + bottom - top + 1
    across = (columns - 1) * stride[1] + right - left + length // channels
    needed = (deep * across * channels + int(unit[COLUMNS])) * x.itemsize
    out = np.zeros((min(n, PARTS), outputs, len(runs) * length), x.dtype)
    correlate_few_outputs(
        x, g, out, runs, np.array([*stride, length], np.int64), unit,
        workspace(get_num_threads(), needed), work=g.size * out.shape[2] // 32,
    )  # fmt: skip
    return np.add.reduce(out, axis=0)


def gradient(g, x, runs, length, count, stride, groups) -> np.ndarray:
    """The gradient as taps (O, taps, C), of errors g and images x (N, H, W, channels).

    Each of the `runs` begins at its offset (y, x) and has `length` numbers; `count` is their sum.
    """
    unit = block(x.dtype.char)
    outputs, wide = g.shape[3], int(unit[COLUMNS])
    whole = groups == 1 and length > x.shape[3]
    few = outputs <= FEW_OUTPUTS and g.shape[2] >= LONG_ROW
    if whole and few and x[0].nbytes <= IMAGE_BYTES:
        return _few_outputs(g, x, runs, length, stride)
    lanes = int(unit[LANES])
    if groups == 1 and count <= lanes and outputs % lanes == 0:
        return _few_taps(g, x, runs, length, count, stride)
    # The number of parts depends on nothing but the sizes: so does the order of the sums.
    parts = PARTS if groups * -(-count // wide) < 2 * PARTS else 1
    out = np.zeros((parts, groups, outputs // groups, count), x.dtype)
    threads, strips = get_num_threads(), -(-count // wide)
    sets = -(-strips // max(1, min(SET, SUMS_BYTES // (outputs // groups * wide * x.itemsize))))
    if parts * groups == 1:  # as much for each thread
        sets = min(strips, -(-sets // threads) * threads)
    row = -(-strips // sets) * wide + wide // 2
    correlate_outputs(
        x, g, out, runs, np.array([*stride, length, sets, PIXELS], np.int64), unit,
        workspace(threads, PIXELS * row * x.itemsize), work=g.size * count // 32,
    )  # fmt: skip
    return out.sum(axis=0) if parts > 1 else out[0]
