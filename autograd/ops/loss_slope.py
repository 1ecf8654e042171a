"""Slopes of losses that have a kernel or a name of their own."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.op import Array, op
from autograd.ops.transcendental import sigmoid


def limited(difference, limit):
    """difference / limit, cut off at -1 and 1: the slope of a square that turns into a line."""
    sign = np.sign(difference)
    if limit == 0:
        return sign
    return np.where(np.abs(difference) < limit, difference / limit, sign)


def _scaled_samples(rng):
    for shape in ((2, 3), ()):
        yield tuple(rng.normal(size=s) for s in (shape, shape, ())), {"scale": 0.5}


@op(samples=_scaled_samples, space="internal")
def scaled_error(input: Array, target: Array, by: Array, scale: float = 1.0):
    """Return ``by * scale * (input - target)``; `by` is one number."""
    return kernels.loss.scaled_error(input, target, by, scale)


scaled_error.vjp(
    input=lambda g, by, scale: g * (by * scale),
    target=lambda g, by, scale: -g * (by * scale),
    by=lambda g, input, target, scale: np.sum(g * (input - target)) * scale,
)


@op(samples=_scaled_samples, space="internal")
def scaled_logistic_error(input: Array, target: Array, by: Array, scale: float = 1.0):
    """Return ``by * scale * (sigmoid(input) - target)``; `by` is one number."""
    return kernels.loss.scaled_logistic_error(input, target, by, scale)


def _logistic_slope(g, input, by, scale):
    y = sigmoid(input)
    return g * (by * scale) * (y * (1 - y))


scaled_logistic_error.vjp(
    input=_logistic_slope,
    target=lambda g, by, scale: -g * (by * scale),
    by=lambda g, input, target, scale: np.sum(g * (sigmoid(input) - target)) * scale,
)
