"""The gradient of the weight of a convolution of few channels, with vectors across images.

Each number of it is a sum over images and pixels of an error times what it met: products of vectors
lane by lane, whose lanes are added at the very end. Some channels of errors and some taps next to
each other make a tile of such sums, for which every vector is read once.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from numba import prange, types

from autograd.kernels.compiled import few_plan
from autograd.kernels.compiled.conv_few import JOB, channels_first, job_for_each
from autograd.kernels.compiled.few_code import DOT, ERRORS, TAPS, address, call
from autograd.kernels.compiled.jit import array, get_num_threads, inner, kernel
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import LANES, SIZE
from autograd.kernels.compiled.tile import block, clear
from autograd.kernels.compiled.turn import add_borders, turn_in

PARTS = 16  # sums of their own, of some images each; whatever the number of threads
int64, uint8 = types.int64, types.uint8
(G, G_ROW, X, X_COLUMN, LINES, G_LINE, X_LINE, PLACES, G_PLACE, X_PLACE, OUT, OUT_ROW, ROWS,
 COLUMNS) = range(len(DOT))  # fmt: skip


class Plan(NamedTuple):
    """What a call has in common with all of its sizes."""

    lines: np.ndarray
    of_errors: np.ndarray
    of_taps: np.ndarray
    geometry: np.ndarray
    job: np.ndarray
    numbers: int  # that a thread works with
    parts: int


@inner
def add_filters(errors, seen, plane, out, taps, channels, lines, of_errors, of_taps, size, job,
                code):  # fmt: skip
    """Add to filters (O, C, R, S) at `out`: `errors` times what is seen, `plane` a channel.

    `lines` has for each row of the filter the first row of errors, how many, and where in a plane
    the first one sees; `of_errors` and `of_taps` are the pieces of channels and of columns.
    """
    for c in range(channels):
        for i in range(len(lines)):
            job[LINES] = lines[i, 1]
            at = out + size * (c * len(lines) + i) * taps
            for e in range(len(of_errors)):
                first = of_errors[e, 0]
                job[ROWS] = of_errors[e, 1]
                job[G] = errors + size * (first * job[G_ROW] + lines[i, 0] * job[G_LINE])
                for t in range(len(of_taps)):
                    tap = of_taps[t, 0]
                    job[COLUMNS] = of_taps[t, 1]
                    job[X] = seen + size * (c * plane + lines[i, 2] + tap * job[X_COLUMN])
                    job[OUT] = at + size * (first * job[OUT_ROW] + tap)
                    call(code, job.ctypes.data)


@inner
def clear_lanes(memory, count, wide, size, begin):
    """Set the lanes from `begin` on to zero, of `count` vectors."""
    for i in range(count):
        clear(memory + size * (i * wide + begin), size * (wide - begin))


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 5, out=True), array(int64, 2),
                   array(int64, 2), array(int64, 2), array(int64, 1), array(int64, 2, out=True),
                   array(int64, 1), array(uint8, 2, out=True)))  # fmt: skip
def multiply_images(x, g, out, lines, of_errors, of_taps, geometry, jobs, unit, space):
    """Add to `out` (parts, O, C, R, S) errors g times images x, vectors across images.

    `geometry`: the border at the left, the width with borders, the code of `dot`.
    """
    n, channels, height, width = x.shape
    _, outputs, rows, columns = g.shape
    parts, taps = len(out), out.shape[4]
    left, across, code = geometry
    wide, size, threads = unit[LANES], unit[SIZE], len(space)
    groups, given, made = (n + wide - 1) // wide, channels * height, outputs * rows * columns
    for thread in prange(threads):
        errors = space[thread].ctypes.data
        turned = errors + size * made * wide
        seen = turned + size * given * width * wide
        if across == width:
            seen = turned
        else:
            clear(seen, size * given * across * wide)
        for part in range(parts * thread // threads, parts * (thread + 1) // threads):
            for group in range(groups * part // parts, groups * (part + 1) // parts):
                first = group * wide
                images = min(wide, n - first)
                turn_in(unit, g.ctypes.data + size * first * made, made, images, made, wide, errors)
                turn_in(
                    unit, x.ctypes.data + size * first * given * width, given * width, images,
                    given * width, wide, turned,
                )  # fmt: skip
                if images < wide:
                    clear_lanes(errors, made, wide, size, images)
                    clear_lanes(turned, given * width, wide, size, images)
                if seen != turned:
                    add_borders(size, turned, given, width * wide, seen, left * wide, across * wide)
                add_filters(
                    errors, seen, height * across * wide, out[part].ctypes.data, taps, channels,
                    lines, of_errors, of_taps, size, jobs[thread], code,
                )  # fmt: skip


@functools.lru_cache(256)
def _plan(char, seen, errors, filter_, stride, before, dilation) -> Plan:
    (n, given, height, width), (_, made, rows, columns) = seen, errors
    wide = int(block(char)[LANES])
    across = max(before[1] + width, (columns - 1) * stride[1] + dilation[1] * (filter_[3] - 1) + 1)
    lines = few_plan.errors_of_taps(
        rows, height, filter_[2], stride[0], before[0], dilation[0], across * wide
    )
    job = dict.fromkeys(DOT, 0) | {
        "g_row": rows * columns * wide, "x_column": dilation[1] * wide,
        "g_line": columns * wide, "x_line": stride[0] * across * wide,
        "places": columns, "g_place": wide, "x_place": stride[1] * wide,
        "out_row": math.prod(filter_[1:]),
    }  # fmt: skip
    return Plan(
        lines, few_plan.pieces(made, ERRORS), few_plan.pieces(filter_[3], TAPS),
        np.array([before[1], across, address("dot", char)], np.int64),
        np.array([*job.values(), *[0] * (JOB - len(job))], np.int64),
        (given * height * (width + across) + made * rows * columns) * wide,
        min(-(-n // wide), PARTS),
    )  # fmt: skip


def gradient(g, x, w_shape, stride, padding, dilation):
    """The gradient of filters (O, C, R, S), of errors g and images x, both (N, channels, H, W)."""
    g, x, threads = channels_first(g), channels_first(x), get_num_threads()
    before = padding[0][0], padding[1][0]
    plan = _plan(x.dtype.char, x.shape, g.shape, tuple(w_shape), tuple(stride), before,
                 tuple(dilation))  # fmt: skip
    out = np.zeros((plan.parts, *w_shape), x.dtype)
    multiply_images(
        x, g, out, plan.lines, plan.of_errors, plan.of_taps, plan.geometry,
        job_for_each(plan.job, threads), block(x.dtype.char),
        workspace(threads, plan.numbers * x.itemsize), work=g.size * out[0, 0].size // 32,
    )  # fmt: skip
    return np.add.reduce(out, axis=0)
