"""Normalisation of rows with a weight for each of their elements, a row at a time: layer norm.

Each kernel is declared twice, as in `norm_columns`.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.jit import array, inner
from autograd.kernels.compiled.mathematics import choose
from autograd.kernels.compiled.norm_columns import both

PARTS = 32  # of the rows, each with gradients of the weights of its own


@inner
def normalise_part(x, residual, first, last, weight, bias, eps, floor, out, mean, var):
    apart()
    number, columns = x.dtype.type, x.shape[1]
    for r in range(first, last):
        row, to = x[r], out[r]
        total, square = number(0), number(0)
        for c in range(columns):
            total += row[c]
        centre = number(total / columns)
        for c in range(columns):
            square += (row[c] - centre) * (row[c] - centre)
        mean[r], var[r] = centre, square / columns
        scale = number(1) / np.sqrt(var[r] + eps)
        for c in range(columns):
            to[c] = (row[c] - centre) * scale * weight[c] + bias[c]
        if floor is not None:
            if len(residual):
                other = residual[r]
                for c in range(columns):
                    to[c] += other[c]
            for c in range(columns):
                to[c] = choose(to[c] <= floor, floor, to[c])


def normalise_rows(x, residual, weight, bias, eps, floor, out, mean, var):
    """Normalise each row; weight and bias have an element for each column.

    A residual that is there and adds nothing is empty.
    """
    rows = len(x)
    parts = max(1, min(PARTS, rows))
    for part in prange(parts):
        first, last = rows * part // parts, rows * (part + 1) // parts
        normalise_part(x, residual, first, last, weight, bias, eps, floor, out, mean, var)


forward_rows, forward_rows_relu = both(
    normalise_rows,
    lambda T, maybe: (
        array(T, 2), maybe(array(T, 2)), array(T, 1), array(T, 1), T, maybe(T),
        array(T, 2, out=True), array(T, 1, out=True), array(T, 1, out=True),
    ),
)  # fmt: skip


@inner
def passed(error, off, scale, weight, shift, floor):
    """The error of a result: none if that was raised to the floor."""
    if floor is None:
        return error
    return choose(off * scale * weight + shift <= floor, floor, error)


@inner
def gradients_of_part(g, x, first, last, weight, bias, mean, var, eps, floor, dx, dweight, dbias):
    apart()
    number, columns = x.dtype.type, x.shape[1]
    for r in range(first, last):
        errors, row, to = g[r], x[r], dx[r]
        centre, scale = mean[r], number(1) / np.sqrt(var[r] + eps)
        common, along = number(0), number(0)
        for c in range(columns):
            off = row[c] - centre
            weighted = passed(errors[c], off, scale, weight[c], bias[c], floor) * weight[c]
            common += weighted
            along += weighted * off
        shared = number(common / columns) * scale
        slope = number(along / columns) * scale * scale * scale
        for c in range(columns):
            off = row[c] - centre
            error = passed(errors[c], off, scale, weight[c], bias[c], floor)
            to[c] = error * weight[c] * scale - shared - slope * off
            dweight[c] += error * (off * scale)
            dbias[c] += error


def rows_gradients(g, x, weight, bias, mean, var, eps, floor, dx, dvectors, parts):
    """The gradients: `dvectors` of the weight and the bias, `parts` their shares.

    They are of the errors that pass, and nothing was added.
    """
    rows, columns = x.shape
    count = len(parts)
    for part in prange(count):
        first, last = rows * part // count, rows * (part + 1) // count
        gradients_of_part(g, x, first, last, weight, bias, mean, var, eps, floor, dx,
                          parts[part, 0], parts[part, 1])  # fmt: skip
    for part in range(count):
        for v in range(2):
            for c in range(columns):
                dvectors[v, c] += parts[part, v, c]


backward_rows, backward_rows_relu = both(
    rows_gradients,
    lambda T, maybe: (
        array(T, 2), array(T, 2), array(T, 1), array(T, 1), array(T, 1), array(T, 1), T, maybe(T),
        array(T, 2, out=True), array(T, 2, out=True), array(T, 3, out=True),
    ),
)  # fmt: skip
