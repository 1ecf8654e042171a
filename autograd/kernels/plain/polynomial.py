"""What the kernels of special functions share."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np


def polynomial(coefficients: Sequence[float], x: np.ndarray) -> np.ndarray:
    """Evaluate a polynomial by Horner's rule, lowest coefficient first."""
    out = np.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        out = out * x + c
    return out


def in_double(function: Callable) -> Callable:
    """Compute in float64, without warnings, and return the dtype of the first argument.

    These functions are long sums, or differences of large numbers: float32 would lose digits.
    """

    @functools.wraps(function)
    def compute(x: np.ndarray, *others) -> np.ndarray:
        with np.errstate(all="ignore"):
            wide = (np.asarray(other, np.float64) for other in others)
            return np.asarray(function(x.astype(np.float64), *wide)).astype(x.dtype, copy=False)

    return compute
