"""Normalisation of rows with a weight for each of their elements, a row at a time: layer norm."""

from __future__ import annotations

import numpy as np
from numba import prange

from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.jit import array, inner, kernel

PARTS = 32  # of the rows, each with gradients of the weights of its own


@inner
def normalise_rows(x, first, last, weight, bias, eps, out, mean, var):
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


@kernel(lambda T: (array(T, 2), array(T, 1), array(T, 1), T, array(T, 2, out=True),
                   array(T, 1, out=True), array(T, 1, out=True)))  # fmt: skip
def forward_rows(x, weight, bias, eps, out, mean, var):
    """Normalise each row; weight and bias have an element for each column."""
    rows = len(x)
    parts = max(1, min(PARTS, rows))
    for part in prange(parts):
        first, last = rows * part // parts, rows * (part + 1) // parts
        normalise_rows(x, first, last, weight, bias, eps, out, mean, var)


@inner
def rows_gradients(g, x, first, last, weight, mean, var, eps, dx, dweight, dbias):
    apart()
    number, columns = x.dtype.type, x.shape[1]
    for r in range(first, last):
        error, row, to = g[r], x[r], dx[r]
        centre, scale = mean[r], number(1) / np.sqrt(var[r] + eps)
        common, along = number(0), number(0)
        for c in range(columns):
            weighted = error[c] * weight[c]
            common += weighted
            along += weighted * (row[c] - centre)
        shared = number(common / columns) * scale
        slope = number(along / columns) * scale * scale * scale
        for c in range(columns):
            off = row[c] - centre
            to[c] = error[c] * weight[c] * scale - shared - slope * off
            dweight[c] += error[c] * (off * scale)
            dbias[c] += error[c]


@kernel(lambda T: (array(T, 2), array(T, 2), array(T, 1), array(T, 1), array(T, 1), T,
                   array(T, 2, out=True), array(T, 2, out=True),
                   array(T, 3, out=True)))  # fmt: skip
def backward_rows(g, x, weight, mean, var, eps, dx, dvectors, parts):
    """The gradients: `dvectors` of the weight and the bias, `parts` their shares."""
    rows, columns = x.shape
    count = len(parts)
    for part in prange(count):
        first, last = rows * part // count, rows * (part + 1) // count
        rows_gradients(g, x, first, last, weight, mean, var, eps, dx, parts[part, 0],
                       parts[part, 1])  # fmt: skip
    for part in range(count):
        for v in range(2):
            for c in range(columns):
                dvectors[v, c] += parts[part, v, c]
