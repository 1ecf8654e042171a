"""Normalisation: which of the two does it."""

from __future__ import annotations

from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import norm as plain


def forward(x, weight, bias, axes, eps):
    """Return (x - mean) / sqrt(var + eps) * weight + bias, the mean and the (biased) variance."""
    family = compiled("norm") if x.size and worth(x.size, x, weight, bias) else plain
    return family.forward(x, weight, bias, axes, eps)


def backward(g, x, weight, bias, mean, var, axes, eps, needs):
    """The gradients of x, weight and bias that are needed (None otherwise), given the output's."""
    family = compiled("norm") if x.size and worth(x.size, x, g, weight, bias, mean, var) else plain
    return family.backward(g, x, weight, bias, mean, var, axes, eps, needs)
