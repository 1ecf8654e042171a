"""Pooling over windows of up to three axes: what a pixel reads, vectors lying across channels.

Which pixels are read, and as which element of the window, is worked out for each axis beforehand;
forwards, backwards and for irregular windows the kernels only differ in what they do with it. So
the gradient, too, reads: each pixel of the input asks the windows that it lies in. Nothing is added
to memory, and every pixel is written once.

Planes that lie one after another are turned around, as many at a time as a vector has lanes, or
some vectors: what is turned stays in the cache. Where windows are 2 x 2, side by side, `pool_pairs`
finds their largest with the planes as they are.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import prange, types

from autograd.kernels.compiled import pool_pairs
from autograd.kernels.compiled.arrays import empty
from autograd.kernels.compiled.jit import array, get_num_threads, inner, intp, kernel
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.pool_code import (
    CHOSEN,
    LARGEST,
    SEVERAL,
    SUM,
    address,
    pool_row,
    turn_bytes,
)
from autograd.kernels.compiled.pool_plan import counts, frozen, places, span_plan, window_plan
from autograd.kernels.compiled.product import LANES, SIZE
from autograd.kernels.compiled.target import TARGET
from autograd.kernels.compiled.tile import block
from autograd.kernels.compiled.turn import turn_in, turn_out

TURNED_BYTES = 1 << 19  # of planes that lie side by side
int64, uint8 = types.int64, types.uint8


@kernel(lambda T: (array(T, 1), array(uint8, 1, out=True), array(T, 1, out=True), intp,
                   array(T, 1), array(int64, 1), array(int64, 1), array(int64, 2),
                   array(int64, 2), array(int64, 3, out=True), intp, intp))  # fmt: skip
def pool(x, taps, out, mode, divisors, plane, size, begins, reads, space, code, outer):
    """Write every pixel of `outer` images of `size`, from images of sizes and channels `plane`.

    `begins` has for each axis where the `reads` of each position begin; then a number for each
    column, the same where what is read lies alike; then the columns in the order of that number.
    """
    threads, rows, each = len(space), size[0] * size[1], x.itemsize
    given = plane[0] * plane[1] * plane[2] * plane[3]
    made, tasks = rows * size[2] * plane[3], outer * rows
    for thread in prange(threads):
        for task in range(tasks * thread // threads, tasks * (thread + 1) // threads):
            o, z, y = task // rows, task // size[1] % size[0], task % size[1]
            pool_row(
                x, x.ctypes.data + each * o * given,
                taps.ctypes.data + o * (given if mode == CHOSEN else made),
                out.ctypes.data + each * o * made, mode, divisors, plane, size, begins, reads,
                space[thread], code, z, y,
            )  # fmt: skip


@inner
def scatter_image(g, taps, origins, distances, out):
    """Add what each window got to the pixel that won; an image, that is one line of memory."""
    pixels, channels = g.shape
    for i in range(len(out)):
        out[i] = 0
    for pixel in range(pixels):
        errors, winners, begin = g[pixel], taps[pixel], origins[pixel] * channels
        for c in range(channels):
            place = begin + distances[winners[c]] * channels + c
            if 0 <= place < len(out):  # not so where no element of the window lies on the plane
                out[place] += errors[c]


@kernel(lambda T: (array(T, 3), array(uint8, 3), array(int64, 1), array(int64, 1),
                   array(T, 2, out=True)))  # fmt: skip
def scatter(g, taps, origins, distances, out):
    """The same as choosing, where channels are so few that vectors would be nearly empty."""
    for o in prange(len(g)):
        scatter_image(g[o], taps[o], origins, distances, out[o])


# -- planes side by side ---------------------------------------------------------------------------


@inner
def turn_marks_in(like, taps, first, begin, count, images, lanes, marks, wide):
    """`count` bytes of each of some rows of `taps`, from `begin` on, as (count, wide)."""
    source, length = taps.ctypes.data + first * taps.shape[1] + begin, taps.shape[1]
    for half in range(0, wide if count >= lanes else 0, lanes):
        image = min(half, images - 1)
        for place in range(0, count, lanes):
            at = min(place, count - lanes)
            turn_bytes(
                like, source + image * length + at, length, min(lanes, images - image),
                marks.ctypes.data + at * wide + half, wide,
            )  # fmt: skip
    if count < lanes:
        for at in range(count):
            for lane in range(wide):
                marks[at * wide + lane] = taps[first + min(lane, images - 1), begin + at]


@inner
def turn_marks_out(like, marks, count, images, lanes, taps, first, begin, wide):
    """The way back."""
    target, length = taps.ctypes.data + first * taps.shape[1] + begin, taps.shape[1]
    whole = images // lanes * lanes if count >= lanes else 0
    for half in range(0, whole, lanes):
        for place in range(0, count, lanes):
            at = min(place, count - lanes)
            turn_bytes(
                like, marks.ctypes.data + at * wide + half, wide, lanes,
                target + half * length + at, length,
            )  # fmt: skip
    for lane in range(whole, images):
        for at in range(count):
            taps[first + lane, begin + at] = marks[at * wide + lane]


@inner
def rows_read(begins, reads, first, last, height):
    """What the rows `first` to `last` read along the second axis: the first, and the end."""
    low, high = height, 0
    for y in range(first, last):
        for i in range(begins[1, y], begins[1, y + 1]):
            low, high = min(low, reads[i, 0]), max(high, reads[i, 0] + 1)
    return min(low, high), high


@inner
def pool_block(x, taps, out, mode, divisors, plane, size, begins, reads, listed, memory, unit,
               code, first, y, end):  # fmt: skip
    """Rows `y` to `end` of some planes, from `first` on, turned around on the way in and out."""
    wide, lanes, each = plane[3], unit[LANES], unit[SIZE]
    images = min(wide, len(x) - first)
    low, high = 0, plane[1]
    if plane[0] == 1:
        low, high = rows_read(begins, reads, y, end, plane[1])
    begin, seen_count = low * plane[2], plane[0] * (high - low) * plane[2]
    made_begin, made_count = y * size[2], size[0] * (end - y) * size[2]
    spare = memory.ctypes.data
    seen = spare + each * lanes * lanes
    made = seen + each * wide * seen_count
    marks = memory[each * (lanes * lanes + wide * (seen_count + made_count)) :]
    turn_in(
        unit, x.ctypes.data + each * (first * x.shape[1] + begin), seen_count, images, x.shape[1],
        wide, seen,
    )  # fmt: skip
    if mode == CHOSEN:
        turn_marks_in(x, taps, first, begin, seen_count, images, lanes, marks, wide)
    shift = wide * (begin if mode == CHOSEN else made_begin)
    for z in range(size[0]):
        for row in range(y, end):
            pool_row(
                x, seen - each * wide * begin, marks.ctypes.data - shift,
                made - each * wide * made_begin, mode, divisors, plane, size, begins, reads,
                listed, code, z, row,
            )  # fmt: skip
    turn_out(
        unit, made, wide, made_count, images,
        out.ctypes.data + each * (first * out.shape[1] + made_begin), out.shape[1], spare,
    )  # fmt: skip
    if mode == LARGEST:
        turn_marks_out(x, marks, made_count, images, lanes, taps, first, made_begin, wide)


@kernel(lambda T: (array(T, 2), array(uint8, 2, out=True), array(T, 2, out=True), intp,
                   array(T, 1), array(int64, 1), array(int64, 1), array(int64, 2),
                   array(int64, 2), array(int64, 3, out=True), array(uint8, 2, out=True),
                   array(int64, 1), intp, intp))  # fmt: skip
def pool_planes(x, taps, out, mode, divisors, plane, size, begins, reads, space, memory, unit,
                code, bands):  # fmt: skip
    """The same for planes, one after another in memory: `plane` has how many lie side by side."""
    threads, wide = len(space), plane[3]
    tasks = (len(x) + wide - 1) // wide * bands
    for thread in prange(threads):
        for task in range(tasks * thread // threads, tasks * (thread + 1) // threads):
            band = task % bands
            pool_block(
                x, taps, out, mode, divisors, plane, size, begins, reads, space[thread],
                memory[thread], unit, code, task // bands * wide, size[1] * band // bands,
                size[1] * (band + 1) // bands,
            )  # fmt: skip


# -- channels innermost ----------------------------------------------------------------------------


@functools.cache
def _orders(ndim, axes):
    """The order of axes that has channels last, and its inverse."""
    lead = ndim - axes - 1
    return (*range(lead), *range(lead + 1, ndim), lead), (
        *range(lead),
        ndim - 1,
        *range(lead, ndim - 1),
    )


def _channels_last(array, axes):
    """The array as (..., plane, channels)."""
    return array.transpose(_orders(array.ndim, axes)[0])


def _flat(array, axes):
    """The array as (outer, plane, channels) in one line."""
    return np.ascontiguousarray(_channels_last(array, axes)).reshape(-1)


def _unflat(flat, lead, size):
    """The inverse, with a plane of another size."""
    array = flat.reshape(*lead[:-1], *size, lead[-1])
    return array.transpose(_orders(array.ndim, len(size))[1])


def _planes_first(array, axes) -> bool:
    """Whether the planes of an array lie one after another."""
    last = _channels_last(array, axes)
    return array.flags.c_contiguous and (last.shape[-1] == 1 or not last.flags.c_contiguous)


@functools.lru_cache(256)
def _numbers(*numbers, kind="q"):
    """An array of them, to be read only."""
    return np.array(numbers, kind)


def _run(mode, x, plan, size, taps=None, divisor=1.0):
    """Pool `x` by a plan to planes of `size`; the result and, of the largest, the taps.

    Sums are divided by a number, or by one for each element of a plane.
    """
    axes, threads = len(size), get_num_threads()
    lead, plane = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :]
    planes, given, made = math.prod(lead), math.prod(plane), math.prod(size)
    whole = (1,) * (3 - axes)
    listed = np.empty((threads, max(1, plan.most), 2), np.int64)
    if type(divisor) is float:
        divisors = _numbers(divisor, kind=x.dtype.char)
    else:
        divisors = np.ascontiguousarray(divisor, x.dtype).reshape(-1)
    work, first = planes * made * max(1, plan.most), _planes_first(x, axes)
    out = empty((planes, made) if first else (planes * made,), x.dtype)
    if mode == LARGEST:
        marks = np.empty(out.shape, np.uint8)
    elif mode == CHOSEN:
        marks = np.ascontiguousarray(taps).reshape(planes, given) if first else _flat(taps, axes)
    else:
        marks = np.empty((0,) * out.ndim, np.uint8)
    if not out.size:
        pass
    elif first:
        unit = block(x.dtype.char)
        lanes = int(unit[LANES])
        numbers = x.itemsize * (given + made) + max(given, made)
        several = planes >= SEVERAL * lanes * threads and numbers * SEVERAL * lanes <= TURNED_BYTES
        wide = SEVERAL * lanes if several else lanes
        bands = min(size[-2], -(-numbers * wide // TURNED_BYTES)) if axes == 2 else 1
        pool_planes(
            x.reshape(planes, given), marks, out, mode, divisors,
            _numbers(*whole, *plane, wide), _numbers(*whole, *size), plan.begins, plan.reads,
            listed, workspace(threads, numbers * wide + x.itemsize * lanes * lanes),
            unit, address(x.dtype.char), bands, work=work,
        )  # fmt: skip
    else:
        pool(
            _flat(x, axes), marks, out, mode, divisors, _numbers(*whole, *plane, lead[-1]),
            _numbers(*whole, *size), plan.begins, plan.reads, listed,
            address(x.dtype.char), math.prod(lead[:-1]), work=work,
        )  # fmt: skip
    results = (out, marks) if mode == LARGEST else (out,)
    if first:
        results = tuple(array.reshape(*lead, *size) for array in results)
    else:
        results = tuple(_unflat(array, lead, size) for array in results)
    return results if mode == LARGEST else results[0]


# -- the functions ---------------------------------------------------------------------------------


def max_taps(x, kernel, stride, padding, dilation, size):
    """Return each window's largest element and, as a byte, which of the window it is."""
    windows = tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), tuple(size)
    plane = x.shape[x.ndim - len(kernel) :]
    if pool_pairs.suits(plane, *windows) and x.flags.c_contiguous:
        return pool_pairs.max_taps(x, tuple(size))
    plan = window_plan(plane, *windows, False)
    return _run(LARGEST, x, plan, tuple(size))


def spread_taps(g, taps, plane, kernel, stride, padding, dilation, size):
    """Add each element of `g` to the element of a zero plane that was its window's largest."""
    windows = tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), tuple(size)
    axes, plane = len(plane), tuple(plane)
    lead = g.shape[: g.ndim - axes]
    first = _planes_first(g, axes)
    if first and pool_pairs.suits(plane, *windows):
        return pool_pairs.spread_taps(g, taps, plane)
    if first or lead[-1] > TARGET.bits // (8 * g.itemsize):
        return _run(CHOSEN, g, window_plan(plane, *windows, True), plane, taps)
    outer, channels = math.prod(lead[:-1]), lead[-1]
    out = empty((outer, math.prod(plane) * channels), g.dtype)
    seen = outer, math.prod(size), channels
    scatter(_flat(g, axes).reshape(seen), _flat(taps, axes).reshape(seen),
            *places(plane, *windows), out, work=2 * g.size)  # fmt: skip
    return _unflat(out, lead, plane)


def window_sum(x, kernel, stride, padding, dilation, size, divisor=1.0):
    """Return the sum of each window, divided by `divisor`; padding counts as zeros."""
    windows = tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), tuple(size)
    plan = window_plan(x.shape[x.ndim - len(kernel) :], *windows, False)
    return _run(SUM, x, plan, tuple(size), divisor=divisor)


def window_spread(g, plane, kernel, stride, padding, dilation, size, divisor=1.0):
    """The adjoint of `window_sum`: add each element of `g` to all of its window in a zero plane."""
    windows = tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), tuple(size)
    plan = window_plan(tuple(plane), *windows, True)
    return _run(SUM, g, plan, tuple(plane), divisor=divisor)


def mean_spans(x, *spans):
    """Return the mean of each window made of one span per axis."""
    spans, size = frozen(spans)
    plan = span_plan(x.shape[x.ndim - len(spans) :], spans, False)
    return _run(SUM, x, plan, size, divisor=counts(spans, x.dtype))


def spread_spans(g, plane, *spans):
    """The adjoint of `mean_spans`: share each element of `g` equally among its window."""
    spans, _ = frozen(spans)
    plan = span_plan(tuple(plane), spans, True)
    shared = counts(spans, g.dtype)
    if type(shared) is float:
        return _run(SUM, g, plan, tuple(plane), divisor=shared)
    return _run(SUM, g / shared, plan, tuple(plane))
