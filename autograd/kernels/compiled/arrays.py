"""Arrays that begin where a line of the cache does: new ones, and some to work in.

Vectors that straddle two lines cost twice; NumPy's own memory begins 16 bytes after a line.
"""

from __future__ import annotations

import math

import numpy as np

from autograd.kernels.compiled.memory import ALIGNED, address_of, workspace

SMALL = 1 << 12  # bytes; below, the place costs more to find than it gives


def empty(shape, dtype) -> np.ndarray:
    """Like `np.empty`, aligned unless small."""
    small = math.prod(shape) * np.dtype(dtype).itemsize < SMALL
    return np.empty(shape, dtype) if small else aligned(shape, dtype)


def aligned(shape, dtype) -> np.ndarray:
    """Like `np.empty`, aligned."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + ALIGNED, np.uint8)
    return np.ndarray(shape, dtype, raw, -address_of(raw) % ALIGNED)


def scratch(*wanted: tuple) -> list[np.ndarray]:
    """Arrays of these shapes and dtypes, in scratch memory: lost by the next call of its kind."""
    sizes = [math.prod(shape) * np.dtype(dtype).itemsize for shape, dtype in wanted]
    rows = workspace(len(wanted), max(sizes))
    return [np.ndarray(*each, row) for each, row in zip(wanted, rows, strict=True)]
