"""Sums, products and quotients of arrays of one shape, or of an array and a number."""

from __future__ import annotations

import numpy as np


def add(x, y):
    """x + y."""
    return x + y


def sub(x, y):
    """x - y."""
    return x - y


def mul(x, y):
    """x * y."""
    return x * y


def div(x, y):
    """x / y."""
    return x / y


def accumulate(total, x) -> None:
    """total += x."""
    np.add(total, x, out=total)


def add_bias(x, bias, axis: int = -1):
    """x plus a bias for each index of `axis`."""
    return x + np.expand_dims(bias, tuple(range(1, x.ndim - axis % x.ndim)))
