"""Filters as strips: what the tile reads of them, packed straight from (O, C, R, S) memory.

A strip has a tile's columns of outputs side by side, for one tap and channel below another. The
gradient of the input reads the same filters the other way around: there a strip has inputs side by
side, for one tap and output below another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, get_num_threads, inner, kernel
from autograd.kernels.compiled.layout import transposed
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, LANES, SIZE, TRANSPOSE
from autograd.kernels.compiled.tile import CHUNK, block, call_transpose, copy_chunk, copy_number

int64 = types.int64


@inner
def transpose_part(unit, source, row, rows, columns, end, spare):
    """Transpose up to a square into `spare`, whose rows are vectors; read nothing from `end` on."""
    lanes, size = unit[LANES], unit[SIZE]
    if source + size * ((rows - 1) * row + lanes) <= end:
        call_transpose(unit[TRANSPOSE], source, row, rows, spare, lanes)
        return
    for i in range(rows):
        for j in range(columns):
            copy_number(size, source + size * (i * row + j), spare + size * (j * lanes + i))


@inner
def copy_vector(count, source, target):
    """Copy a vector of `count` bytes: half a chunk, one or two."""
    if count < CHUNK:
        copy_number(8, source, target)
        copy_number(8, source + 8, target + 8)
        return
    copy_chunk(source, target)
    if count == 2 * CHUNK:
        copy_chunk(source + CHUNK, target + CHUNK)


@kernel(lambda T: (array(T, 4), array(T, 4, out=True), array(int64, 1), array(int64, 1),
                   array(types.uint8, 2, out=True)))  # fmt: skip
def pack_forward(w, packed, places, unit, space):
    """Filters (groups, O, C, taps) to (groups, strips, taps C, columns): tap t goes to places[t].

    Squares of outputs by taps and channels, which lie next to each other, are transposed; those
    whose place is negative are left out.
    """
    groups, outputs, channels, taps = w.shape
    strips, depth, wide = packed.shape[1:]
    lanes, size, threads, each = unit[LANES], unit[SIZE], len(space), channels * taps
    end = w.ctypes.data + size * w.size
    pieces = (each + lanes - 1) // lanes
    for thread in prange(threads):
        spare = space[thread].ctypes.data
        for task in range(groups * strips):
            first, width = task % strips * wide, min(wide, outputs - task % strips * wide)
            target = packed.ctypes.data + size * task * depth * wide
            for piece in range(thread * pieces // threads, (thread + 1) * pieces // threads):
                begin = piece * lanes
                count = min(lanes, each - begin)
                for i in range(0, width, lanes):
                    place = (task // strips * outputs + first + i) * each + begin
                    transpose_part(
                        unit, w.ctypes.data + size * place, each, min(lanes, width - i), count,
                        end, spare,
                    )  # fmt: skip
                    tap, channel = begin % taps, begin // taps
                    for q in range(count):
                        if places[tap] >= 0:
                            line = places[tap] * channels + channel
                            copy_vector(
                                size * lanes, spare + size * q * lanes,
                                target + size * (line * wide + i),
                            )  # fmt: skip
                        tap += 1
                        if tap == taps:
                            tap, channel = 0, channel + 1


@kernel(lambda T: (array(T, 4), array(T, 4, out=True), array(int64, 1), array(int64, 1),
                   array(types.uint8, 2, out=True)))  # fmt: skip
def pack_backward(w, packed, places, unit, space):
    """Filters (groups, O, C, taps) to (groups, strips, taps O, columns), inputs side by side."""
    groups, outputs, channels, taps = w.shape
    strips, depth, wide = packed.shape[1:]
    lanes, size, threads = unit[LANES], unit[SIZE], len(space)
    end = w.ctypes.data + size * w.size
    for thread in prange(threads):
        spare = space[thread].ctypes.data
        for task in range(groups * strips):
            first, width = task % strips * wide, min(wide, channels - task % strips * wide)
            target = packed.ctypes.data + size * task * depth * wide
            for o in range(outputs * thread // threads, outputs * (thread + 1) // threads):
                place = ((task // strips * outputs + o) * channels + first) * taps
                source = w.ctypes.data + size * place
                for i in range(0, width, lanes):
                    for tap in range(0, taps, lanes):
                        count = min(lanes, taps - tap)
                        transpose_part(
                            unit, source + size * (i * taps + tap), taps, min(lanes, width - i),
                            count, end, spare,
                        )  # fmt: skip
                        for q in range(count):
                            if places[tap + q] >= 0:
                                line = places[tap + q] * outputs + o
                                copy_vector(
                                    size * lanes, spare + size * q * lanes,
                                    target + size * (line * wide + i),
                                )  # fmt: skip


def packed_filters(w: np.ndarray, order: Sequence[int], groups: int, forward: bool) -> np.ndarray:
    """Filters (O, C, R, S) as (groups, strips, depth, a tile's columns), the taps in this order."""
    outputs, channels = len(w) // groups, w.shape[1]
    w = np.ascontiguousarray(w).reshape(groups, outputs, channels, -1)
    unit, taps = block(w.dtype.char), w.shape[3]
    wide, lanes = int(unit[COLUMNS]), int(unit[LANES])
    beside, below = (outputs, channels) if forward else (channels, outputs)
    strips, depth = -(-beside // wide), len(order) * below
    if beside % wide:
        packed = np.zeros((groups, strips, depth, wide), w.dtype)
    else:
        packed = np.empty((groups, strips, depth, wide), w.dtype)
    places = np.full(taps, -1, np.int64)
    places[list(order)] = np.arange(len(order))
    (pack_forward if forward else pack_backward)(
        w, packed, places, unit, workspace(get_num_threads(), lanes * lanes * w.itemsize)
    )
    return packed


def as_filters(taps: np.ndarray, w_shape: tuple) -> np.ndarray:
    """Back from taps (O, R S, C) to filters (O, C, R, S)."""
    outputs, channels, r, s = w_shape
    return transposed(taps.reshape(outputs, r * s, channels)).reshape(w_shape)
