"""Convolutions of few channels, whose vectors lie across images.

Where channels are fewer than a vector has lanes, the tiles of `conv` would be half empty. Across
images every lane is used, whatever the filter, the strides and the padding: of as many images as
two vectors have lanes, all numbers of one place lie side by side, and each pixel of the output
meets just those taps that fall on the input. The images are turned around on the way in and out,
a square of lanes at a time.

Images are (N, C, H, W) in memory, before and after: what follows such a layer is a pooling, which
turns planes around likewise, or the next such layer. Filters stay as they are.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from numba import prange, types

from autograd.kernels.compiled import few_plan
from autograd.kernels.compiled.arrays import empty
from autograd.kernels.compiled.few_code import CONTRACT, MADE, VECTORS, address, call
from autograd.kernels.compiled.jit import array, get_num_threads, inner, kernel
from autograd.kernels.compiled.layout import transposed
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import LANES, SIZE
from autograd.kernels.compiled.tile import block
from autograd.kernels.compiled.turn import turn_in, turn_out

MOST = 16  # channels, of the input and of the output
FULL = 0.4  # of the lanes are used at the least
BLOCK = 128  # pixels that are made before they are turned around
SEEN_BYTES = 1 << 20  # that one thread works with
JOB = 32  # numbers, of which a job is the first
int64, uint8 = types.int64, types.uint8
(A, A_ROW, A_0, A_1, A_2, B, B_0, B_1, B_2, N_0, N_1, N_2, C, C_ROW, PIXELS, B_PIXEL, C_PIXEL,
 COLUMNS, BIAS, RELU, ROWS) = range(len(CONTRACT))  # fmt: skip


@inner
def make_rows(w, bias, made, first, last, columns, width, wide, lines, runs, tap, size, seen,
              target, job, code):  # fmt: skip
    """Rows `first` to `last` of all channels that are made, (made, rows, columns, wide)."""
    tall, tiles = last - first, (made + MADE - 1) // MADE
    job[C_ROW] = tall * columns * wide
    for y in range(first, last):
        job[N_1] = lines[y, 1]
        for r in range(len(runs)):
            job[PIXELS], job[N_2] = runs[r, 1], runs[r, 3]
            job[B] = seen + size * wide * (lines[y, 2] * width + runs[r, 4])
            filter_ = w + size * (lines[y, 0] * tap + runs[r, 2])
            done = 0
            for t in range(tiles):
                now = (made - done) // (tiles - t)
                job[A] = filter_ + size * done * job[A_ROW]
                job[C] = target + size * wide * ((done * tall + y - first) * columns + runs[r, 0])
                job[BIAS], job[ROWS] = bias + size * done, now
                call(code, job.ctypes.data)
                done += now


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 4, out=True), array(T, 1), array(int64, 2),
                   array(int64, 2), array(int64, 1), array(int64, 2, out=True), array(int64, 1),
                   array(uint8, 2, out=True)))  # fmt: skip
def correlate_images(x, w, out, bias, lines, runs, geometry, jobs, unit, space):
    """Sum over the taps that each pixel of `out` sees of the images x, vectors across images.

    `lines` holds the taps of rows and `runs` those of columns, see `few_plan`; `geometry` the
    distance between rows of the filter, blocks of rows that are made at a time, and bands of them
    that are tasks of their own; `jobs`, for each thread, what all calls of `contract` share.
    """
    n, given, height, width = x.shape
    _, made, rows, columns = out.shape
    tap, blocks, bands, code = geometry
    size, lanes, threads = unit[SIZE], unit[LANES], len(space)
    wide, plane = VECTORS * lanes, rows * columns
    tasks = (n + wide - 1) // wide * bands
    for thread in prange(threads):
        spare = space[thread].ctypes.data
        seen = spare + size * lanes * lanes
        target = seen + size * given * height * width * wide
        for task in range(tasks * thread // threads, tasks * (thread + 1) // threads):
            image, band = task // bands * wide, task % bands
            images, seen_numbers = min(wide, n - image), given * height * width
            source = x.ctypes.data + size * image * given * height * width
            turn_in(unit, source, seen_numbers, images, seen_numbers, wide, seen)
            for b in range(blocks * band // bands, blocks * (band + 1) // bands):
                first, last = rows * b // blocks, rows * (b + 1) // blocks
                make_rows(w.ctypes.data, bias.ctypes.data, made, first, last, columns, width, wide,
                          lines, runs, tap, size, seen, target, jobs[thread], code)  # fmt: skip
                for channel in range(made):
                    turn_out(
                        unit, target + size * channel * (last - first) * columns * wide, wide,
                        (last - first) * columns, images,
                        out.ctypes.data
                        + size * ((image * made + channel) * plane + first * columns),
                        made * plane, spare,
                    )  # fmt: skip


def suits(dtype, seen, made, groups, of_weight=False) -> bool:
    """Whether it is done here: an output of shape `made`, of images `seen`, or their filter's."""
    few = groups == 1 and seen[1] <= MOST >= made[1]
    return few and _fill_lanes(dtype.char, seen, made, of_weight)


def _fill_lanes(char, seen, made, of_weight) -> bool:
    """Whether the images are enough for vectors, and small enough for the memory of a thread."""
    (n, given, *plane), (_, channels, *size) = seen, made
    if min(n, *plane, *size) == 0:
        return False
    unit = block(char)
    lanes, itemsize = int(unit[LANES]), int(unit[SIZE])
    wide, at_once = (lanes, size[0]) if of_weight else (VECTORS * lanes, BLOCK // size[1] + 1)
    numbers = 3 * given * math.prod(plane) + channels * at_once * size[1]
    filled = n >= FULL * (-(-n // wide) * wide) and min(math.prod(plane), math.prod(size)) >= lanes
    return filled and numbers * wide * itemsize <= SEEN_BYTES


def channels_first(x: np.ndarray) -> np.ndarray:
    """(N, C, H, W) as contiguous memory; no copy where it is that already."""
    last = x.transpose(0, 2, 3, 1)
    if x.flags.c_contiguous or not last.flags.c_contiguous:
        return np.ascontiguousarray(x)
    n, channels, height, width = x.shape
    return transposed(last.reshape(n, height * width, channels)).reshape(x.shape)


def job_for_each(job: np.ndarray, threads: int) -> np.ndarray:
    """A copy of the job for each thread, in lines of the cache of its own."""
    jobs = np.empty((threads, JOB), np.int64)
    jobs[:] = job
    return jobs


class Plan(NamedTuple):
    """What a call has in common with all of its sizes."""

    lines: np.ndarray
    runs: np.ndarray
    geometry: np.ndarray
    job: np.ndarray
    numbers: int  # that a thread works with


@functools.lru_cache(256)
def _plan(char, seen, made, filter_, stride, before, dilation, back, relu, threads) -> Plan:
    (n, given, height, width), (_, channels, rows, columns) = seen, made
    high, broad = filter_[2:]
    lanes = int(block(char)[LANES])
    wide = VECTORS * lanes
    lines, across = (
        few_plan.axis(*along, back)
        for along in zip(made[2:], seen[2:], filter_[2:], stride, before, dilation, strict=True)
    )
    # Blocks with a square of lanes at the least, and for every thread a band of them.
    blocks = max(1, min(rows * columns // BLOCK, rows // -(-lanes // columns)))
    bands = min(blocks, -(-threads // -(-n // wide)))
    taps, filters = high * broad, math.prod(filter_[1:])
    job = dict.fromkeys(CONTRACT, 0) | {
        "a_row": taps if back else filters, "a_0": filters if back else taps,
        "a_1": lines.tap_step * broad, "a_2": across.tap_step,
        "b_0": height * width * wide, "b_1": lines.place_step * width * wide,
        "b_2": across.place_step * wide, "b_pixel": across.place_grows * wide,
        "c_pixel": across.position_step * wide, "n_0": given, "columns": wide, "relu": relu,
    }  # fmt: skip
    numbers = given * height * width + channels * -(-rows // blocks) * columns
    return Plan(
        np.array(lines.taps, np.int64), few_plan.runs(across),
        np.array([broad, blocks, bands, address("contract", char)], np.int64),
        np.array([*job.values(), *[0] * (JOB - len(job))], np.int64),
        numbers * wide + lanes * lanes,
    )  # fmt: skip


def _correlate(x, w, bias, out, stride, padding, dilation, back, relu) -> None:
    x, w, threads = channels_first(x), np.ascontiguousarray(w), get_num_threads()
    before = padding[0][0], padding[1][0]
    plan = _plan(x.dtype.char, x.shape, out.shape, w.shape, tuple(stride), before, tuple(dilation),
                 back, relu, threads)  # fmt: skip
    if bias is None:
        bias = np.zeros(out.shape[1], x.dtype)
    correlate_images(
        x, w, out, bias, plan.lines, plan.runs, plan.geometry, job_for_each(plan.job, threads),
        block(x.dtype.char), workspace(threads, plan.numbers * x.itemsize),
        work=out.size * x.shape[1] * w[0, 0].size // 32,
    )  # fmt: skip


def forward(x, w, bias, size, stride, padding, dilation, relu=False):
    """The convolution of x (N, C, H, W) with filters w (O, C, R, S), as (N, O, *size)."""
    out = empty((len(x), len(w), *size), x.dtype)
    _correlate(x, w, bias, out, stride, padding, dilation, False, relu)
    return out


def input_gradient(g, w, x_shape, stride, padding, dilation):
    """The gradient of the input of that shape, of errors g."""
    dx = empty(tuple(x_shape), g.dtype)
    _correlate(g, w, None, dx, stride, padding, dilation, True, False)
    return dx
