"""What activation functions need beyond NumPy's own functions."""

from __future__ import annotations

import math

import numpy as np

from autograd.kernels.plain.special import erf

BITS = {size: np.dtype(f"i{size}") for size in (2, 4, 8)}  # integers as large as a float


def zero_where(x, condition):
    """x, and 0 where the condition holds, also in place of an infinity or NaN.

    The condition becomes a mask of all bits or none. np.where would take ten times as long: its
    branches cannot be predicted.
    """
    bits = BITS[x.dtype.itemsize]
    keep = np.asarray(condition).view(np.int8) - np.int8(1)  # 0 where it holds, else -1: all bits
    return (x.view(bits) & keep).view(x.dtype)


def softplus(x):
    """log(1 + exp(x)), with the exponential of -|x| alone: it cannot overflow."""
    return np.maximum(x, 0.0) + np.log1p(np.exp(-np.abs(x)))


def relu(x):
    """max(x, 0)."""
    return np.maximum(x, 0)


def overwrite_by_relu(x):
    """The same, put into x."""
    np.maximum(x, 0, out=x)


def relu_gradient(g, y):
    """The error of `relu`'s input, given that of its result y: g where y is positive."""
    return zero_where(g, y <= 0)


def leaky_relu(x, slope):
    """x where positive, else slope * x."""
    return np.where(x > 0, x, x * slope)


def leaky_relu_gradient(g, x, slope):
    """The error of `leaky_relu`'s input."""
    return np.where(x > 0, g, g * slope)


def elu(x, alpha):
    """x where positive, else alpha * (exp(x) - 1)."""
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


def elu_gradient(g, x, alpha):
    """The error of `elu`'s input."""
    return np.where(x > 0, g, g * (alpha * np.exp(np.minimum(x, 0))))


def sigmoid(x):
    """1 / (1 + exp(-x)); an overflow of exp is an infinity, and its reciprocal right: 0."""
    return np.reciprocal(1 + np.exp(-x))


def sigmoid_gradient(g, y):
    """The error of `sigmoid`'s input, given that of its result y."""
    return g * (y * (1 - y))


def tanh(x):
    """The hyperbolic tangent."""
    return np.tanh(x)


def tanh_gradient(g, y):
    """The error of `tanh`'s input, given that of its result y."""
    return g * (1 - y * y)


def silu(x):
    """x * sigmoid(x)."""
    return x * sigmoid(x)


def silu_gradient(g, x):
    """The error of `silu`'s input."""
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


def gelu(x, approximate):
    """x * Phi(x), Phi the normal distribution function or, if "tanh", what comes near it."""
    if approximate == "none":
        return x * _normal_cdf(x)
    return 0.5 * x * (1 + np.tanh(_gelu_argument(x)))


def gelu_gradient(g, x, approximate):
    """The error of `gelu`'s input."""
    if approximate == "none":
        density = math.sqrt(0.5 / math.pi) * np.exp(-0.5 * x * x)
        return g * (_normal_cdf(x) + x * density)
    t = np.tanh(_gelu_argument(x))
    slope = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
    return g * 0.5 * (1 + t + x * (1 - t * t) * slope)


def _normal_cdf(x):
    return 0.5 * (1 + erf(x * math.sqrt(0.5)))


def _gelu_argument(x):
    return math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)
