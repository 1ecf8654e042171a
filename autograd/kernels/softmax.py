"""Softmax and its logarithm: which of the two computes them."""

from __future__ import annotations

from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import softmax as plain


def _family(x, *others):
    return compiled("softmax") if worth(x.size, x, *others) else plain


def softmax(x, axis):
    """exp(x) / sum(exp(x))."""
    return _family(x).softmax(x, axis)


def log_softmax(x, axis):
    """x - log(sum(exp(x)))."""
    return _family(x).log_softmax(x, axis)


def softmax_gradient(g, out, axis):
    """out * (g - sum(g * out))."""
    return _family(g, out).softmax_gradient(g, out, axis)


def log_softmax_gradient(g, out, axis):
    """g - exp(out) * sum(g)."""
    return _family(g, out).log_softmax_gradient(g, out, axis)
