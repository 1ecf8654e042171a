"""Sums of the rows of a matrix: the gradient of a bias, which every row had added to it."""

from __future__ import annotations

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


def sum_rows(x: np.ndarray) -> np.ndarray:
    """The sum of the rows of a contiguous matrix."""
    rows, columns = x.shape
    beside = 16 if columns < FEW and rows >= 1024 and rows % 16 == 0 else 1
    rows //= beside
    parts = np.empty((max(1, min(PARTS, rows // 8)), beside * columns), x.dtype)
    add_rows(x.reshape(rows, beside * columns), parts)
    return np.add.reduce(parts.reshape(-1, columns), axis=0)
