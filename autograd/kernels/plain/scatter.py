"""Adding into places chosen by an index: the transpose of reading them."""

from __future__ import annotations

import math

import numpy as np


def sum_at(shape: tuple, index, values: np.ndarray) -> np.ndarray:
    """Zeros of `shape` with `values` added at ``[index]``, where places may come up repeatedly."""
    out = np.zeros(shape, values.dtype)
    add_at(out, index, values)
    return out


def add_at(out: np.ndarray, index, values) -> None:
    """Add `values` into ``out[index]``, counting repeated places as often as they come up."""
    if visits_once(index):
        out[index] += values
    else:
        np.add.at(out, index, values)


def put_at(out: np.ndarray, index, values) -> None:
    """Put `values` into ``out[index]``; of those for the same place the last one stays.

    NumPy goes through the elements in the order that suits their memory: C order, if that of the
    index and of the values is.
    """
    if not visits_once(index):
        index = tuple(np.ascontiguousarray(p) if isinstance(p, np.ndarray) else p for p in index)
        values = np.asarray(values, order="C")
    out[index] = values


def visits_once(index) -> bool:
    """Whether an index is sure to name no place twice: it has masks at most, no integer arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    return not any(isinstance(part, np.ndarray) and part.dtype != bool for part in parts)


def last_writer(shape: tuple, index) -> np.ndarray:
    """For each of the values given to `put_at`: whether it is the one that stays."""
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    row, writers = places.ravel(), np.arange(places.size)
    last = np.empty(math.prod(shape), writers.dtype)
    last[row] = writers
    return (last[row] == writers).reshape(places.shape)
