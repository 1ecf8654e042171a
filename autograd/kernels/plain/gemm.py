"""Matrix products."""

from __future__ import annotations

import numpy as np

from autograd.kernels.plain.activation import overwrite_by_relu


def matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product of matrices, vectors, or stacks of matrices, as `np.matmul`.

    Many matrices times one are one tall matrix times one, which saves a call for each.
    """
    if a.ndim > 2 and b.ndim == 2 and a.flags.c_contiguous and a.size:
        rows = a.reshape(-1, a.shape[-1])
        return np.matmul(rows, b).reshape(*a.shape[:-1], b.shape[1])
    return a.dot(b) if a.ndim == b.ndim == 2 else np.matmul(a, b)  # `dot` is called sooner


def linear(
    input: np.ndarray, weight: np.ndarray, bias: np.ndarray | None, relu: bool = False
) -> np.ndarray:
    """``input @ weight.T + bias``, for an `input` (n, k), a `weight` (m, k) and a `bias` (m,).

    With `relu`, what is negative then becomes zero.
    """
    out = input.dot(weight.T)
    if bias is not None:
        out += bias
    if relu:
        overwrite_by_relu(out)
    return out
