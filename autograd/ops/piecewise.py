"""Functions with kinks and steps: absolute values, rounding, limits.

At a kink each takes the subgradient that PyTorch takes; between the jumps of a step the gradient is
zero, not missing.
"""

from __future__ import annotations

import numpy as np

from autograd.op import Array, answers, composite, op
from autograd.ops.arithmetic import flat
from autograd.ops.elementwise import also_named, quiet

# -- sign and size --------------------------------------------------------------------------------


@op(numpy=np.absolute, kind="unary_any")
def abs(input: Array):
    """Return the absolute value. The gradient at 0 is 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, -2.0]).abs()
    tensor([1., 2.])
    """
    return np.absolute(input)


abs.vjp(input=lambda g, input: g * np.sign(input))
also_named(abs, "absolute")


@op(numpy=np.sign, kind="unary_any")
def sign(input: Array):
    """Return -1, 0 or 1, and nan for nan; its gradient is zero.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([-3.0, 0.0, 5.0]).sign()
    tensor([-1.,  0.,  1.])
    """
    return np.sign(input)


sign.vjp(input=flat)
also_named(sign, "sgn")


# -- rounding -------------------------------------------------------------------------------------


@op(numpy=np.floor, kind="unary_any")
def floor(input: Array):
    """Round down; the gradient is zero.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.5, -1.5]).floor()
    tensor([ 1., -2.])
    """
    return np.floor(input)


floor.vjp(input=flat)


@op(numpy=np.ceil, kind="unary_any")
def ceil(input: Array):
    """Round up; the gradient is zero.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.5, -1.5]).ceil()
    tensor([ 2., -1.])
    """
    return np.ceil(input)


ceil.vjp(input=flat)


@op(numpy=np.trunc, kind="unary_any")
def trunc(input: Array):
    """Round towards zero; the gradient is zero.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.5, -1.5]).trunc()
    tensor([ 1., -1.])
    """
    return np.trunc(input)


trunc.vjp(input=flat)
also_named(trunc, "fix")


@op(numpy=np.round, kind="unary_any")
def round(input: Array, *, decimals: int = 0):
    """Round to the nearest number of `decimals` places, halves to even; the gradient is zero.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([0.5, 1.5, 1.26]).round(), ag.round(ag.tensor([1.26]), decimals=1)
    (tensor([0., 2., 1.]), tensor([1.3]))
    """
    return np.round(input, decimals)


round.vjp(input=flat)


@op(kind="unary_any")
@quiet
def frac(input: Array):
    """Return the part after the point, with the sign of `input`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.5, -1.25]).frac()
    tensor([ 0.5 , -0.25])
    """
    return input - np.trunc(input)


frac.vjp(input=lambda g: g)


# -- limits ---------------------------------------------------------------------------------------


@op(numpy=np.clip, kind="binary")
def clamp(input: Array, min: Array | None = None, max: Array | None = None):
    """Limit every element to between `min` and `max`, numbers or tensors; either may be absent.

    The gradient passes where ``min <= input <= max``. Where `min` exceeds `max`, `max` counts.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([-1.0, 0.5, 2.0]).clamp(0, 1), ag.tensor([-1.0, 2.0]).clamp(min=0)
    (tensor([0. , 0.5, 1. ]), tensor([0., 2.]))
    """
    if min is None and max is None:
        raise TypeError("expected min or max or both")
    return np.clip(input, min, max)


def _clamp_input(g, input, min, max):
    if max is None:
        return np.where(input >= min, g, 0.0)
    if min is None:
        return np.where(input <= max, g, 0.0)
    return np.where((input >= min) & (input <= max), g, 0.0)


def _clamp_min(g, input, min, max):
    below = input < min
    return np.where(below if max is None else below & (min < max), g, 0.0)


def _clamp_max(g, input, min, max):
    above = input > max
    return np.where(above if min is None else above | (max < min), g, 0.0)


clamp.vjp(input=_clamp_input, min=_clamp_min, max=_clamp_max)
also_named(clamp, "clip")


@composite(kind="binary")
def clamp_min(input, min):
    """Replace what is less than `min` by `min`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([-1.0, 2.0]).clamp_min(0)
    tensor([0., 2.])
    """
    return clamp(input, min, None)


@composite(kind="binary")
def clamp_max(input, max):
    """Replace what is greater than `max` by `max`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([-1.0, 2.0]).clamp_max(0)
    tensor([-1.,  0.])
    """
    return clamp(input, None, max)


@answers(np.clip)
def _numpy_clip(a, a_min=None, a_max=None, *, min=None, max=None):
    return clamp(a, a_min if min is None else min, a_max if max is None else max)


@op(numpy=np.maximum, kind="binary")
def maximum(input: Array, other: Array):
    """Return the larger of two elements, nan if one is; where they tie the gradient is halved.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.maximum(ag.tensor([1.0, 2.0]), ag.tensor([3.0, 0.0]))
    tensor([3., 2.])
    """
    return np.maximum(input, other)


@op(numpy=np.minimum, kind="binary")
def minimum(input: Array, other: Array):
    """Return the smaller of two elements, nan if one is; where they tie the gradient is halved.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.minimum(ag.tensor([1.0, 2.0]), ag.tensor([3.0, 0.0]))
    tensor([1., 0.])
    """
    return np.minimum(input, other)


def _not_less(g, one, another):
    return np.where(one < another, 0.0, np.where(one == another, g / 2, g))


maximum.vjp(
    input=lambda g, input, other: _not_less(g, input, other),
    other=lambda g, input, other: _not_less(g, other, input),
)
minimum.vjp(
    input=lambda g, input, other: _not_less(g, other, input),
    other=lambda g, input, other: _not_less(g, input, other),
)


@op(numpy=np.fmax, kind="binary")
def fmax(input: Array, other: Array):
    """Return the larger of two elements, the other one if one is nan; `input` wins a tie.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.fmax(ag.tensor([1.0, float("nan")]), ag.tensor([3.0, 0.0]))
    tensor([3., 0.])
    """
    return np.fmax(input, other)


@op(numpy=np.fmin, kind="binary")
def fmin(input: Array, other: Array):
    """Return the smaller of two elements, the other one if one is nan; `input` wins a tie.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.fmin(ag.tensor([1.0, float("nan")]), ag.tensor([3.0, 0.0]))
    tensor([1., 0.])
    """
    return np.fmin(input, other)


def _fmax_takes_input(input, other):
    return (input >= other) | np.isnan(other)


def _fmin_takes_input(input, other):
    return (input <= other) | np.isnan(other)


fmax.vjp(
    input=lambda g, input, other: np.where(_fmax_takes_input(input, other), g, 0.0),
    other=lambda g, input, other: np.where(_fmax_takes_input(input, other), 0.0, g),
)
fmin.vjp(
    input=lambda g, input, other: np.where(_fmin_takes_input(input, other), g, 0.0),
    other=lambda g, input, other: np.where(_fmin_takes_input(input, other), 0.0, g),
)


@op(kind="unary_any")
def nan_to_num(
    input: Array, nan: float | None = 0.0, posinf: float | None = None, neginf: float | None = None
):
    """Replace nan by `nan`, infinities by `posinf` and `neginf` (by default the largest floats).

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([float("nan"), 1.0, float("inf")]).nan_to_num(posinf=9)
    tensor([0., 1., 9.])
    """
    return np.nan_to_num(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


nan_to_num.vjp(input=lambda g, input: np.where(np.isfinite(input), g, 0.0))


@answers(np.nan_to_num)
def _numpy_nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    return nan_to_num(x, nan, posinf, neginf)
