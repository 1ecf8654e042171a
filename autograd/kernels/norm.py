"""Normalisation: which of the two does it."""

from __future__ import annotations

from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import norm as plain


def _family(x, *others):
    return compiled("norm") if x.size and worth(x.size, x, *others) else plain


def forward(x, weight, bias, axes, eps):
    """Return (x - mean) / sqrt(var + eps) * weight + bias, the mean and the (biased) variance."""
    return _family(x, weight, bias).forward(x, weight, bias, axes, eps)


def forward_relu(x, residual, weight, bias, axes, eps):
    """Return relu(x normalised + residual), the mean and the variance."""
    family = _family(x, residual, weight, bias)
    return family.forward_relu(x, residual, weight, bias, axes, eps)


def backward(g, x, weight, bias, mean, var, axes, eps, needs):
    """The gradients of x, weight and bias that are needed (None otherwise), given the output's."""
    family = _family(x, g, weight, bias, mean, var)
    return family.backward(g, x, weight, bias, mean, var, axes, eps, needs)


def backward_relu(g, x, weight, bias, mean, var, axes, eps, needs):
    """The same of `forward_relu` without a residual: then g passes where relu(x) tells, by x."""
    family = _family(x, g, weight, bias, mean, var)
    return family.backward_relu(g, x, weight, bias, mean, var, axes, eps, needs)
