"""Sums of the rows of a matrix, or of planes: the gradient of a bias that was added to each."""

from __future__ import annotations

import math

import numpy as np
from numba import prange

from autograd.kernels.compiled.jit import array, kernel

PARTS = 32  # whatever the number of threads, so that the sums are the same to the bit
FEW = 16  # columns, below which several of many rows are added as if they were one


@kernel(lambda T: (array(T, 2), array(T, 2, out=True)))
def add_rows(x, parts):
    """Into each row of `parts` the sum of as many rows of x."""
    rows, columns = x.shape
    count = len(parts)
    for part in prange(count):
        for j in range(columns):
            parts[part, j] = 0
        for i in range(rows * part // count, rows * (part + 1) // count):
            for j in range(columns):
                parts[part, j] += x[i, j]


def parts_of(rows: int) -> int:
    """In how many parts so many rows are summed."""
    return max(1, min(PARTS, rows // 8))


def sum_rows(x: np.ndarray) -> np.ndarray:
    """The sum of the rows of a contiguous matrix."""
    rows, columns = x.shape
    beside = 16 if columns < FEW and rows >= 1024 and rows % 16 == 0 else 1
    rows //= beside
    parts = np.empty((parts_of(rows), beside * columns), x.dtype)
    add_rows(x.reshape(rows, beside * columns), parts)
    return np.add.reduce(parts.reshape(-1, columns), axis=0)


@kernel(lambda T: (array(T, 2), array(T, 1, out=True)))
def add_columns(x, out):
    """Into each number of `out` the sum of a row of x."""
    for i in prange(len(x)):
        total = x.dtype.type(0)
        for j in range(x.shape[1]):
            total += x[i, j]
        out[i] = total


def sum_planes(x: np.ndarray) -> np.ndarray:
    """The sums over all but the second axis of a contiguous array."""
    samples, channels = x.shape[:2]
    out = np.empty(samples * channels, x.dtype)
    add_columns(x.reshape(samples * channels, math.prod(x.shape[2:])), out)
    return np.add.reduce(out.reshape(samples, channels), axis=0)
