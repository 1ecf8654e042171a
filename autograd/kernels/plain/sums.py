"""Sums of the rows of a matrix."""

from __future__ import annotations

import numpy as np


def sum_rows(x: np.ndarray) -> np.ndarray:
    """The sum of the rows of a matrix."""
    return np.add.reduce(x, axis=0)
