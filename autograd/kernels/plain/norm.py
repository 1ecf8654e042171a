"""Normalisation: subtract the mean, divide by the standard deviation, scale and shift.

One pair of kernels serves batch, layer, group and instance normalisation; they differ only in the
`axes` that share a mean. `weight` and `bias` are None or broadcast against `x`.
"""

from __future__ import annotations

import numpy as np


def forward(x, weight, bias, axes, eps):
    """Return (x - mean) / sqrt(var + eps) * weight + bias, the mean and the (biased) variance."""
    mean = x.mean(axis=axes, keepdims=True)
    centred = x - mean
    var = np.square(centred).mean(axis=axes, keepdims=True)
    return _scaled(centred, weight, bias, var, eps), mean, var


def _scaled(out, weight, bias, var, eps):
    """The result, made in place of x - mean."""
    out *= 1 / np.sqrt(var + eps)
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return out


def forward_relu(x, residual, weight, bias, axes, eps):
    """Return the positive part of x normalised plus the residual, the mean and the variance."""
    out, mean, var = forward(x, weight, bias, axes, eps)
    if residual is not None:
        out += residual
    return np.maximum(out, 0, out=out), mean, var


def backward(g, x, weight, bias, mean, var, axes, eps, needs):
    """The gradients of x, weight and bias that are needed (None otherwise), given the output's."""
    scale = 1 / np.sqrt(var + eps)
    dx = dweight = dbias = None
    if needs[2]:
        dbias = _sum_to(g, bias.shape)
    if needs[0] or needs[1]:
        standard = x - mean
        standard *= scale
    if needs[1]:
        dweight = _sum_to(g * standard, weight.shape)
    if needs[0]:
        # Mean and variance depend on x too: what g has in common with them does not pass.
        dx = g * weight if weight is not None else g
        along = (dx * standard).mean(axis=axes, keepdims=True)
        dx = dx - dx.mean(axis=axes, keepdims=True)
        standard *= along
        dx -= standard
        dx *= scale
    return dx, dweight, dbias


def backward_relu(g, x, weight, bias, mean, var, axes, eps, needs):
    """The same as `backward`, of `forward_relu` without a residual.

    Where g passes is seen from its result, which is computed again.
    """
    cut = _scaled(x - mean, weight, bias, var, eps) <= 0
    g = np.where(cut, g.dtype.type(0), g)
    return backward(g, x, weight, bias, mean, var, axes, eps, needs)


def _sum_to(array, shape):
    """Sum `array` over the axes along which an array of `shape` was broadcast."""
    lead = array.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(lead + i for i, n in enumerate(shape) if n == 1)
    return array.sum(axis=axes).reshape(shape)
