"""Sums over all axes but one, as the gradient of a bias is: which of the two adds."""

from __future__ import annotations

import numpy as np

from autograd.kernels import choose
from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import sums as plain


def sum_rows(x: np.ndarray) -> np.ndarray:
    """The sum of the rows of a matrix."""
    if x.size >= choose.least and worth(x.size, x):
        return compiled("sums").sum_rows(x)
    return plain.sum_rows(x)


def all_but(x: np.ndarray, axis: int) -> np.ndarray:
    """Sum over all axes but one; fast where that one lies innermost in memory, or planes do."""
    if x.ndim == 2 and axis in (1, -1) and x.flags.c_contiguous:
        return sum_rows(x)
    planes = x.ndim > 2 and axis % x.ndim == 1 and x.shape[-1] > 1 and x.flags.c_contiguous
    if planes and worth(x.size, x):
        return compiled("sums").sum_planes(x)
    last = axis in (-1, x.ndim - 1)
    moved = x if last else np.moveaxis(x, axis, -1)
    if moved.flags.c_contiguous:
        return sum_rows(moved.reshape(-1, moved.shape[-1]))
    return np.add.reduce(x, axis=tuple(i for i in range(x.ndim) if i != axis % x.ndim))
