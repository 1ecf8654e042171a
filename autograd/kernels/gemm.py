"""Matrix products: which of the two computes them."""

from __future__ import annotations

import numpy as np

from autograd.kernels import choose, sums
from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import gemm as plain

PER_OPERATION = 1 / 16  # a vector's worth of multiplications counts as one
FEWEST = 16  # columns, of which all rows, or parts of them, are summed in order


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of matrices, vectors, or stacks of matrices, as `np.matmul`."""
    work = a.size * b.shape[-1] * PER_OPERATION
    if work >= choose.least and worth(work, a, b):
        return compiled("gemm").matmul(a, b)
    return plain.matmul(a, b)


def linear(
    input: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, relu: bool = False
) -> np.ndarray:
    """``input @ weight.T + bias``, for an `input` (n, k), a `weight` (m, k) and a `bias` (m,).

    With `relu`, what is negative then becomes zero.
    """
    work = input.size * len(weight) * PER_OPERATION
    if work >= choose.least and worth(work, input, weight, bias):
        return compiled("gemm").linear(input, weight, bias, relu)
    return plain.linear(input, weight, bias, relu)


def linear_gradients(
    g: np.ndarray, input: np.ndarray, weight: np.ndarray | None
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """The gradients of `linear`'s input (None without the `weight`), weight and bias.

    To the bit they are what `matmul` and `sums.all_but` give, one after the other.
    """
    work = g.size * input.shape[1] * PER_OPERATION
    usual = g.flags.c_contiguous and g.shape[1] >= FEWEST and input.shape[1] > 1
    if work >= choose.least and usual and worth(work, g, input, weight):
        parts = compiled("sums").parts_of(len(g)) if g.size >= choose.least else 1
        return compiled("gemm").linear_gradients(g, input, weight, parts)
    dx = None if weight is None else matmul(g, weight)
    return dx, matmul(g.T, input), sums.all_but(g, 1)


def by_rows(x: np.ndarray) -> np.ndarray:
    """A copy of a matrix that lies in memory row by row."""
    if worth(x.size, x) and x.T.flags.carray and min(x.shape) > 1:
        return compiled("layout").transposed(x.T[None])[0]
    return np.array(x, order="C")
