"""Random numbers by counting: which of the two draws them. Their bits are the same."""

from __future__ import annotations

import math
import sys

import numpy as np

from autograd.kernels.choose import compiled, may_compile, worth
from autograd.kernels.plain import random as plain

counters = plain.counters
PER_NUMBER = 8  # elementary operations
LIKE = np.empty(0, np.float32)


def _family(count: int, like: np.ndarray = LIKE):
    # A hundred NumPy calls make the few numbers of a small array, so that loading numba is all that
    # they save.
    loaded = may_compile(like) and "numba" in sys.modules
    return compiled("random") if loaded or worth(PER_NUMBER * count, like) else plain


def uniform(key: int, start: int, shape: tuple[int, ...], dtype) -> np.ndarray:
    """Numbers in [0, 1), of float32 or float64."""
    return _family(math.prod(shape)).uniform(key, start, shape, dtype)


def keep_mask(key: int, start: int, shape: tuple[int, ...], p: float) -> np.ndarray:
    """A bool mask whose elements are False, independently, with probability `p`."""
    return _family(math.prod(shape)).keep_mask(key, start, shape, p)


def drop(x: np.ndarray, key: int, start: int, p: float) -> np.ndarray:
    """``x / (1 - p)`` where the mask of this key and start holds, elsewhere x * 0."""
    return _family(x.size, x).drop(x, key, start, p)


def overwrite_by_drop(x: np.ndarray, key: int, start: int, p: float) -> None:
    """Put what `drop` returns over x."""
    _family(x.size, x).overwrite_by_drop(x, key, start, p)
