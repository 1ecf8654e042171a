"""Softmax and its logarithm along one axis, a row at a time in the cache, with their gradients.

Arrays are seen as (outer, n, inner) with the axis in the middle. Where nothing is further inside,
rows are contiguous; else vectors lie across the columns of a matrix, `WIDE` of them a task.
"""

from __future__ import annotations

import math

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.arrays import empty, scratch
from autograd.kernels.compiled.jit import array, inner, kernel
from autograd.kernels.compiled.mathematics import exp, larger

WORK = 8  # elementary operations for an element
TALL, WIDE = 16, 256  # rows and columns of a task: a call costs as much as a short row
flag = types.boolean


@inner
def softmax_rows(x, first, last, log, out):
    apart()
    number = x.dtype.type
    for r in range(first, last):
        row, to = x[r], out[r]
        peak, total = number(-np.inf), number(0)
        for i in range(len(row)):
            peak = larger(peak, row[i])
        if log:
            for i in range(len(row)):
                total += exp(row[i] - peak)
            total = np.log(total)
            for i in range(len(row)):
                to[i] = (row[i] - peak) - total
        else:
            for i in range(len(row)):
                to[i] = exp(row[i] - peak)
                total += to[i]
            scale = number(1) / total
            for i in range(len(row)):
                to[i] *= scale


@inner
def gradient_rows(g, y, first, last, log, out):
    apart()
    number = y.dtype.type
    for r in range(first, last):
        error, row, to = g[r], y[r], out[r]
        total = number(0)
        if log:
            for i in range(len(row)):
                total += error[i]
            for i in range(len(row)):
                to[i] = error[i] - exp(row[i]) * total
        else:
            for i in range(len(row)):
                total += error[i] * row[i]
            for i in range(len(row)):
                to[i] = row[i] * (error[i] - total)


@inner
def softmax_columns(x, log, first, last, peak, total, out):
    apart()
    number = x.dtype.type
    for c in range(first, last):
        peak[c], total[c] = number(-np.inf), number(0)
    for r in range(len(x)):
        row = x[r]
        for c in range(first, last):
            peak[c] = larger(peak[c], row[c])
    for r in range(len(x)):
        row, to = x[r], out[r]
        for c in range(first, last):
            to[c] = exp(row[c] - peak[c])
            total[c] += to[c]
    for c in range(first, last):
        total[c] = np.log(total[c]) if log else number(1) / total[c]
    for r in range(len(x)):
        row, to = x[r], out[r]
        if log:
            for c in range(first, last):
                to[c] = (row[c] - peak[c]) - total[c]
        else:
            for c in range(first, last):
                to[c] *= total[c]


@inner
def gradient_columns(g, y, log, first, last, total, out):
    apart()
    number = y.dtype.type
    for c in range(first, last):
        total[c] = number(0)
    for r in range(len(y)):
        error, row = g[r], y[r]
        for c in range(first, last):
            total[c] += error[c] if log else error[c] * row[c]
    for r in range(len(y)):
        error, row, to = g[r], y[r], out[r]
        if log:
            for c in range(first, last):
                to[c] = error[c] - exp(row[c]) * total[c]
        else:
            for c in range(first, last):
                to[c] = row[c] * (error[c] - total[c])


@kernel(lambda T: (array(T, 2), flag, array(T, 2, out=True)))
def forward_rows(x, log, out):
    """Softmax, or its logarithm, of each row."""
    for part in prange((len(x) + TALL - 1) // TALL):
        softmax_rows(x, part * TALL, min(len(x), (part + 1) * TALL), log, out)


@kernel(lambda T: (array(T, 2), array(T, 2), flag, array(T, 2, out=True)))
def backward_rows(g, y, log, out):
    """The gradient, given the result."""
    for part in prange((len(y) + TALL - 1) // TALL):
        gradient_rows(g, y, part * TALL, min(len(y), (part + 1) * TALL), log, out)


@kernel(lambda T: (array(T, 3), flag, array(T, 3, out=True), array(T, 3, out=True)))
def forward_columns(x, log, space, out):
    """Softmax, or its logarithm, along the middle axis; `space` has two rows for each outer."""
    outer, _, columns = x.shape
    parts = (columns + WIDE - 1) // WIDE
    for task in prange(outer * parts):
        o, first = task // parts, task % parts * WIDE
        last = min(columns, first + WIDE)
        softmax_columns(x[o], log, first, last, space[o, 0], space[o, 1], out[o])


@kernel(lambda T: (array(T, 3), array(T, 3), flag, array(T, 3, out=True), array(T, 3, out=True)))
def backward_columns(g, y, log, space, out):
    """The gradient, given the result."""
    outer, _, columns = y.shape
    parts = (columns + WIDE - 1) // WIDE
    for task in prange(outer * parts):
        o, first = task // parts, task % parts * WIDE
        last = min(columns, first + WIDE)
        gradient_columns(g[o], y[o], log, first, last, space[o, 0], out[o])


def _run(rows, columns, log, axis, *arrays):
    """Run one of two kernels on arrays, seen as (outer, n, inner), in the layout of the last."""
    like = arrays[-1]
    if like.ndim == 0:
        return _run(rows, columns, log, 0, *(each.reshape(1) for each in arrays)).reshape(())
    axis %= like.ndim
    if axis == like.ndim - 1 and all(each.flags.c_contiguous for each in arrays):
        out = empty(like.shape, like.dtype)
        matrix = math.prod(like.shape[:-1]), like.shape[-1]
        rows(*(each.reshape(matrix) for each in (*arrays, out)[:-1]), log, out.reshape(matrix),
             work=WORK * like.size)  # fmt: skip
        return out
    order = sorted(range(like.ndim), key=lambda a: -abs(like.strides[a]))
    place = order.index(axis)
    shape = [like.shape[a] for a in order]
    memory = empty(shape, like.dtype)
    # Axes outside and inside are taken as one each; of size 0, a reshape could not tell.
    sizes = math.prod(shape[:place]), shape[place], math.prod(shape[place + 1 :])
    seen = [np.ascontiguousarray(each.transpose(order)).reshape(sizes) for each in arrays]
    work = WORK * like.size
    if sizes[2] == 1:
        rows(*(each[:, :, 0] for each in seen), log, memory.reshape(sizes)[:, :, 0], work=work)
    else:
        (space,) = scratch(((sizes[0], 2, sizes[2]), like.dtype))
        columns(*seen, log, space, memory.reshape(sizes), work=work)
    return memory.transpose(np.argsort(order))


def softmax(x, axis):
    """exp(x) / sum(exp(x)), shifted by the largest element so that nothing overflows."""
    return _run(forward_rows, forward_columns, False, axis, x)


def log_softmax(x, axis):
    """x - log(sum(exp(x)))."""
    return _run(forward_rows, forward_columns, True, axis, x)


def softmax_gradient(g, out, axis):
    """out * (g - sum(g * out))."""
    return _run(backward_rows, backward_columns, False, axis, g, out)


def log_softmax_gradient(g, out, axis):
    """g - exp(out) * sum(g)."""
    return _run(backward_rows, backward_columns, True, axis, g, out)
