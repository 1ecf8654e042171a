"""Rows of tables: which of the two gathers and adds them."""

from __future__ import annotations

import numpy as np

from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import embedding as plain
from autograd.kernels.plain.embedding import first_peaks, renormalise

__all__ = ["first_peaks", "gather", "renormalise", "scatter"]


def gather(table: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the rows of `table` that `index`, of any shape, names."""
    many = worth(index.size * table.shape[1], table)
    return (compiled("embedding") if many else plain).gather(table, index)


def scatter(rows: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """Add each of `rows` to the row that `index` names in a table of `count` rows of zeros."""
    return (compiled("embedding") if worth(rows.size, rows) else plain).scatter(rows, index, count)
