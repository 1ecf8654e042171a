"""Matrix products: which of the two computes them."""

from __future__ import annotations

import numpy as np

from autograd.kernels import choose
from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import gemm as plain

PER_OPERATION = 1 / 16  # a vector's worth of multiplications counts as one


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of matrices, vectors, or stacks of matrices, as `np.matmul`."""
    work = a.size * b.shape[-1] * PER_OPERATION
    if work >= choose.least and worth(work, a, b):
        return compiled("gemm").matmul(a, b)
    return plain.matmul(a, b)


def linear(input: np.ndarray, weight: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    """``input @ weight.T + bias``, for an `input` (n, k), a `weight` (m, k) and a `bias` (m,)."""
    work = input.size * len(weight) * PER_OPERATION
    if work >= choose.least and worth(work, input, weight, bias):
        return compiled("gemm").linear(input, weight, bias)
    return plain.linear(input, weight, bias)
