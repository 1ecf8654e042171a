"""Softmax and its logarithm along one axis, with the gradients of both."""

from __future__ import annotations

import numpy as np


def softmax(x, axis):
    """exp(x) / sum(exp(x)), shifted by the largest element so that nothing overflows."""
    out = _shifted(x, axis)
    np.exp(out, out=out)
    out /= out.sum(axis, keepdims=True)
    return out


def log_softmax(x, axis):
    """x - log(sum(exp(x)))."""
    out = _shifted(x, axis)
    with np.errstate(divide="ignore"):  # of an empty row
        out -= np.log(np.exp(out).sum(axis, keepdims=True))
    return out


def softmax_gradient(g, out, axis):
    """out * (g - sum(g * out))."""
    product = g * out
    product -= out * product.sum(axis, keepdims=True)
    return product


def log_softmax_gradient(g, out, axis):
    """g - exp(out) * sum(g)."""
    gradient = np.exp(out)
    gradient *= -g.sum(axis, keepdims=True)
    gradient += g
    return gradient


def _shifted(x, axis):
    # A row of -inf alone, or one with +inf, has no softmax: its NaN is the answer, not a warning.
    with np.errstate(invalid="ignore"):
        return np.asarray(x - x.max(axis, keepdims=True, initial=-np.inf))
