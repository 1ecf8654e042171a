"""Activation functions made of straight pieces, and steps.

At a kink each takes the subgradient that PyTorch takes.

No gradient is a product with a mask: where that is 0, an infinity would become NaN.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.inplace import write
from autograd.op import Array, composite, op
from autograd.ops.cast import cases, fill
from autograd.random import uniform_array
from autograd.tensor import Tensor


def takes_inplace(function: Any) -> Any:
    """Give an op's parameter `inplace` its meaning: the result is written into the input."""
    record = function.op
    place = record.positional.index("inplace")

    @functools.wraps(function)
    def call(*args, **keywords):
        if not (keywords.get("inplace") or (len(args) > place and args[place])):
            return function(*args, **keywords)
        (input,), params = record.bind(args, keywords)
        if not isinstance(input, Tensor):
            kind = type(input).__name__
            raise TypeError(f"{record.name}(inplace=True) expected a tensor, got {kind}")
        return write(input, record.name + "_", function, **(params | {"inplace": False}))

    record.function = call
    return call


def _mask_samples(rng):
    yield (rng.normal(size=(2, 3)), rng.random((2, 3)) < 0.5), {}
    yield (rng.normal(size=()), np.array(True)), {}


@op(samples=_mask_samples, space="internal")
def zero_where(input: Array, condition: Array):
    """Return `input`, and 0 where the condition holds. Most rules below are this, on `g`."""
    return kernels.activation.zero_where(input, condition)


zero_where.vjp(input=lambda g, condition: zero_where(g, condition))


def _slope_samples(rng):
    yield (rng.normal(size=(2, 3)), np.array([[0.5, -0.4, 2.0], [-3.0, 1.0, 0.3]])), {}
    yield (rng.normal(size=()), np.array(0.7)), {}


@takes_inplace
@op(kind="unary_any", domain=(-3, 3), space="both")
def relu(input: Array, inplace: bool = False):
    """Return ``max(input, 0)``, elementwise. The gradient at 0 is 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.relu(ag.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    return kernels.activation.relu(input)


@op(samples=_slope_samples, space="internal")
def relu_slope(input: Array, result: Array):
    """Return `input` where `result`, one of `relu`, is positive, else 0."""
    return kernels.activation.relu_gradient(input, result)


relu_slope.vjp(input=lambda g, result: relu_slope(g, result), result=lambda g: fill(g, 0.0))
relu.vjp(input=lambda g, out: relu_slope(g, out))
relu.op.overwrite = lambda input, inplace: kernels.activation.overwrite_by_relu(input)


@takes_inplace
@op(kind="unary_any", domain=(-3, 9), space="nn")
def relu6(input: Array, inplace: bool = False):
    """Return `input` limited to [0, 6], elementwise. The gradient at both ends is 0.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.relu6(ag.tensor([-1.0, 2.0, 9.0]))
    tensor([0., 2., 6.])
    """
    return np.clip(input, 0, 6)


relu6.vjp(input=lambda g, out: zero_where(g, (out <= 0) | (out >= 6)))


@takes_inplace
@op(kind="unary", domain=(-3, 3), space="nn")
def leaky_relu(input: Array, negative_slope: float = 0.01, inplace: bool = False):
    """Return `input` where positive, else ``negative_slope * input``, elementwise.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.leaky_relu(ag.tensor([-1.0, 2.0]), 0.5)
    tensor([-0.5,  2. ])
    """
    return kernels.activation.leaky_relu(input, negative_slope)


@op(samples=_slope_samples, space="internal")
def leaky_relu_slope(input: Array, at: Array, negative_slope: float = 0.5):
    """Return `input` where `at` is positive, else ``negative_slope * input``."""
    return kernels.activation.leaky_relu_gradient(input, at, negative_slope)


leaky_relu_slope.vjp(
    input=lambda g, at, negative_slope: leaky_relu_slope(g, at, negative_slope),
    at=lambda g: fill(g, 0.0),
)
leaky_relu.vjp(
    input=lambda g, input, negative_slope: leaky_relu_slope(g, input, negative_slope),
)


def _prelu_samples(rng):
    yield (np.array([[-1.5, 2.0], [0.5, -0.3]]), np.array([0.25, 0.5])), {}
    yield (np.array([[[-1.5], [2.0]]]), np.array([0.25])), {}


@composite(samples=_prelu_samples, space="both")
def prelu(input, weight):
    """Return `input` where positive, else ``weight * input`` (He et al. 2015).

    Parameters
    ----------
    input : (N, C, ...) or any shape
    weight : (C,) or (1,)
        A slope for each channel, or one for all.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.prelu(ag.tensor([-1.0, 2.0]), ag.tensor([0.25]))
    tensor([-0.25,  2.  ])
    """
    count = math.prod(weight.shape)
    if count != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if weight.ndim != 1 or count != channels:
            raise ShapeError(
                f"prelu expected a weight of shape (1,) or ({channels},), one slope for each "
                f"channel of an input of shape {input.shape}; got {weight.shape}"
            )
        weight = weight.reshape((count,) + (1,) * (input.ndim - 2))
    elif weight.ndim > input.ndim:
        weight = weight.reshape(())
    return np.where(input > 0, input, weight * input)


@composite(kind="unary", domain=(-3, 3), space="nn")
def rrelu(input, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False,
          inplace: bool = False):  # fmt: skip
    """Leaky ReLU with a slope drawn from [lower, upper) for each element (Xu et al. 2015).

    Without `training` the slope is the mean of the two.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.rrelu(ag.tensor([-1.0, 2.0]), 0.25, 0.75)
    tensor([-0.5,  2. ])
    """
    if lower > upper:
        raise ValueError(f"rrelu expected lower <= upper, got {lower} and {upper}")
    if not training:
        return leaky_relu(input, (lower + upper) / 2, inplace)
    slope = uniform_array(None, input.shape, input.dtype, lower, upper)

    def randomised(x):
        return np.where(x > 0, x, x * slope)

    return write(input, "rrelu_", randomised) if inplace else randomised(input)


@takes_inplace
@op(kind="unary", domain=(-3, 3), space="nn")
def hardtanh(input: Array, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False):
    """Return `input` limited to [min_val, max_val]. The gradient at both ends is 0.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.hardtanh(ag.tensor([-3.0, 0.5, 3.0]))
    tensor([-1. ,  0.5,  1. ])
    """
    if min_val > max_val:
        raise ValueError(f"expected min_val <= max_val, got {min_val} and {max_val}")
    return np.clip(input, min_val, max_val)


hardtanh.vjp(
    input=lambda g, input, min_val, max_val: zero_where(g, (input <= min_val) | (input >= max_val))
)


@takes_inplace
@op(kind="unary", domain=(-6, 6), space="nn")
def hardsigmoid(input: Array, inplace: bool = False):
    """Return ``relu6(input + 3) / 6``: straight lines in place of the sigmoid.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.hardsigmoid(ag.tensor([-4.0, 0.0, 4.0]))
    tensor([0. , 0.5, 1. ])
    """
    return np.clip(input + 3, 0, 6) / 6


hardsigmoid.vjp(input=lambda g, input: zero_where(g / 6, (input <= -3) | (input >= 3)))


@takes_inplace
@op(kind="unary", domain=(-6, 6), space="nn")
def hardswish(input: Array, inplace: bool = False):
    """Return ``input * relu6(input + 3) / 6`` (Howard et al. 2019).

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.hardswish(ag.tensor([-4.0, 0.0, 4.0]))
    tensor([-0.,  0.,  4.])
    """
    return input * np.clip(input + 3, 0, 6) / 6


hardswish.vjp(
    input=lambda g, input: zero_where(np.where(input >= 3, g, g * (input / 3 + 0.5)), input <= -3)
)


@op(kind="unary", domain=(-2, 2), space="both")
def hardshrink(input: Array, lambd: float = 0.5):
    """Return `input` with everything from -lambd to lambd set to 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.hardshrink(ag.tensor([-2.0, 0.25, 0.75]))
    tensor([-2.  ,  0.  ,  0.75])
    """
    return np.where(np.abs(input) <= lambd, 0.0, input)


hardshrink.vjp(input=lambda g, input, lambd: zero_where(g, np.abs(input) <= lambd))


@op(kind="unary", domain=(-2, 2), space="nn")
def softshrink(input: Array, lambd: float = 0.5):
    """Return `input` moved towards 0 by `lambd`, and 0 where it is nearer than that.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.softshrink(ag.tensor([-2.0, 0.25, 0.75]))
    tensor([-1.5 ,  0.  ,  0.25])
    """
    if lambd < 0:
        raise ValueError(f"expected lambd >= 0, got {lambd}")
    return input - np.clip(input, -lambd, lambd)


softshrink.vjp(input=lambda g, input, lambd: zero_where(g, np.abs(input) <= lambd))


@takes_inplace
@op(samples=cases(((3, 4), {"threshold": 0.5, "value": -1.0})), space="nn")
def threshold(input: Array, threshold: float, value: float, inplace: bool = False):
    """Return `input` where it is above `threshold`, else `value`.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.threshold(ag.tensor([0.5, 2.0]), 1.0, 7.0)
    tensor([7., 2.])
    """
    return np.where(input <= threshold, np.asarray(value, input.dtype), input)


threshold.vjp(input=lambda g, input, threshold: zero_where(g, input <= threshold))


# -- steps -----------------------------------------------------------------------------------------


def _heaviside_samples(rng):
    yield (np.array([-3, 0, 2]), np.array([5])), {}
    yield (np.array([-1.5, 0.5, 2.0]), np.array([0.5])), {}  # at 0 there is a step


@op(numpy=np.heaviside, kind="contraction", samples=_heaviside_samples, inplace=True)
def heaviside(input: Array, values: Array):
    """Return 0 where `input` is negative, 1 where positive, `values` where it is 0.

    Not differentiable, as in PyTorch: the result never requires grad.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.heaviside(ag.tensor([-1.0, 0.0, 2.0]), ag.tensor(0.5))
    tensor([0. , 0.5, 1. ])
    """
    return np.where(input == 0, values, input > 0)


@op(kind="unary", domain=(-2, 2), space="nn")
def step(input: Array, threshold: float = 0.0, straight_through: bool = False):
    """Return 1 where ``input >= threshold``, else 0: the unit of Rosenblatt's perceptron (1958).

    Its gradient is 0. With `straight_through` the backward pass takes it for the identity wherever
    `input` is within 1 of the threshold: the straight-through estimator (Bengio et al. 2013).

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> x = ag.tensor([-3.0, -0.5, 0.0, 0.5], requires_grad=True)
    >>> y = F.step(x, straight_through=True); y.detach()
    tensor([0., 0., 1., 1.])
    >>> y.sum().backward(); x.grad
    tensor([0., 1., 1., 1.])
    """
    return np.asarray(input >= threshold, input.dtype)


def _step_rule(g, input, threshold, straight_through):
    width = 1.0 if straight_through else -1.0  # all distances are above -1: then all is 0
    return zero_where(g, np.abs(input - threshold) > width)


step.vjp(input=_step_rule)
