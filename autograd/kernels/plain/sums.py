"""Sums of the rows of a matrix."""

from __future__ import annotations

import numpy as np


def sum_rows(x: np.ndarray) -> np.ndarray:
    """The sum of the rows of a matrix."""
    return np.add.reduce(x, axis=0)


def sum_planes(x: np.ndarray) -> np.ndarray:
    """The sums over all axes but the second."""
    return np.add.reduce(x, axis=(0, *range(2, x.ndim)))
