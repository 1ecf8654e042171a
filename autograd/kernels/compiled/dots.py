"""Products of a matrix with one long column: each element is a scalar product.

Vectors lie along the rows as they are. A tile of the large products has a column in each of its
lanes: here all but one would be empty, after the column had been packed for it.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.jit import array, inner, intp, kernel
from autograd.kernels.compiled.mathematics import choose

LEAST = 128  # numbers in a row; below, the tile is as fast


@inner
def scalar_product(x, y):
    apart()
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * y[i]
    return total


@kernel(lambda T: (array(T, 2), array(T, 1), array(T, 1, out=True), array(T, 1), intp, intp))
def dots(a, column, out, bias, accumulate, relu):
    """out = a @ column (+ bias, + out)."""
    zero = a.dtype.type(0)
    for r in prange(len(a)):
        total = scalar_product(a[r], column)
        if accumulate:
            total += out[r]
        elif bias.size:
            total += bias[0]
        out[r] = choose(total <= zero, zero, total) if relu else total


def suits(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> bool:
    """Whether a @ b, of matrices or of stacks of one, is a product with one long column."""
    if b.shape[-1] > 1 or b.shape[-2] < LEAST or out.size != out.shape[-2]:
        return False
    return a.flags.c_contiguous and b.flags.c_contiguous and out.flags.c_contiguous


def run(a, b, out, bias, accumulate, relu) -> None:
    """out = a @ b (+ bias, + out), each sum in an order of its own, whatever the threads."""
    dots(
        a.reshape(-1, b.size), b.reshape(-1), out.reshape(-1), bias, accumulate, relu,
        work=a.size // 8,
    )  # fmt: skip
