"""Elementwise arithmetic: which of the two does it. Small arrays are NumPy's own, and those that
are broadcast against others than plain numbers.
"""

from __future__ import annotations

import numpy as np

from autograd.kernels import choose
from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import elementwise as plain

LARGEST = 1e38  # that any dtype of kernels holds; NumPy warns of others
PER_ELEMENT = 1 / 8  # elementary operations: memory is what it waits for


def _many(x, y) -> bool:
    """Whether both are large arrays, and of one shape; or the second a number within bounds."""
    if type(x) is not np.ndarray or x.size * PER_ELEMENT < choose.least:
        return False
    if type(y) is float or type(y) is int:
        return -LARGEST < y < LARGEST and worth(x.size * PER_ELEMENT, x)
    return type(y) is np.ndarray and x.shape == y.shape and worth(x.size * PER_ELEMENT, x, y)


def add(x, y):
    """x + y."""
    return compiled("elementwise").add(x, y) if _many(x, y) else plain.add(x, y)


def sub(x, y):
    """x - y."""
    return compiled("elementwise").sub(x, y) if _many(x, y) else plain.sub(x, y)


def mul(x, y):
    """x * y."""
    return compiled("elementwise").mul(x, y) if _many(x, y) else plain.mul(x, y)


def accumulate(total, x) -> None:
    """total += x."""
    if _many(total, x):
        compiled("elementwise").accumulate(total, x)
    else:
        plain.accumulate(total, x)
