"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.op import Array, composite, op
from autograd.ops.elementwise import also_named, quiet

# -- angles ---------------------------------------------------------------------------------------


@op(numpy=np.sin, kind="unary", domain=(-3, 3))
@quiet
def sin(input: Array):
    """Return the sine of an angle in radians.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.sin(ag.tensor([0.0]))
    tensor([0.])
    """
    return np.sin(input)


sin.vjp(input=lambda g, input: g * np.cos(input))


@op(numpy=np.cos, kind="unary", domain=(-3, 3))
@quiet
def cos(input: Array):
    """Return the cosine of an angle in radians.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cos(ag.tensor([0.0]))
    tensor([1.])
    """
    return np.cos(input)


cos.vjp(input=lambda g, input: -g * np.sin(input))


@op(numpy=np.tan, kind="unary", domain=(-1, 1))
@quiet
def tan(input: Array):
    """Return the tangent of an angle in radians.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tan(ag.tensor([0.0]))
    tensor([0.])
    """
    return np.tan(input)


tan.vjp(input=lambda g, out: g * (1 + out * out))


@op(numpy=np.sinc, kind="unary", domain=(0.2, 3))
@quiet
def sinc(input: Array):
    """Return ``sin(pi * input) / (pi * input)``, and 1 at 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.sinc(ag.tensor([0.0]))
    tensor([1.])
    """
    angle = math.pi * input
    return np.where(input == 0, 1.0, np.sin(angle) / np.where(input == 0, 1.0, angle))


def _sinc_input(g, input, out):
    at_zero = input == 0
    slope = (np.cos(math.pi * input) - out) / np.where(at_zero, 1.0, input)
    return g * np.where(at_zero, 0.0, slope)


sinc.vjp(input=_sinc_input)


@composite(numpy=np.deg2rad, kind="unary")
def deg2rad(input):
    """Convert degrees to radians.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.deg2rad(ag.tensor([180.0]))
    tensor([3.1415927])
    """
    return input * (math.pi / 180)


@composite(numpy=np.rad2deg, kind="unary")
def rad2deg(input):
    """Convert radians to degrees.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.rad2deg(ag.tensor([0.0, 3.1415927]))
    tensor([  0., 180.])
    """
    return input * (180 / math.pi)


# -- angles from their functions ------------------------------------------------------------------


@op(numpy=np.arcsin, kind="unary", domain=(-0.9, 0.9))
@quiet
def asin(input: Array):
    """Return the inverse sine, between -pi/2 and pi/2; nan outside -1 to 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.asin(ag.tensor([0.0, 2.0]))
    tensor([ 0., nan])
    """
    return np.arcsin(input)


asin.vjp(input=lambda g, input: g / np.sqrt(1 - input * input))
also_named(asin, "arcsin")


@op(numpy=np.arccos, kind="unary", domain=(-0.9, 0.9))
@quiet
def acos(input: Array):
    """Return the inverse cosine, between 0 and pi; nan outside -1 to 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.acos(ag.tensor([1.0, 2.0]))
    tensor([ 0., nan])
    """
    return np.arccos(input)


acos.vjp(input=lambda g, input: -g / np.sqrt(1 - input * input))
also_named(acos, "arccos")


@op(numpy=np.arctan, kind="unary", domain=(-3, 3))
def atan(input: Array):
    """Return the inverse tangent, between -pi/2 and pi/2.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.atan(ag.tensor([0.0]))
    tensor([0.])
    """
    return np.arctan(input)


atan.vjp(input=lambda g, input: g / (1 + input * input))
also_named(atan, "arctan")


@op(numpy=np.arctan2, kind="binary_float", domain=(0.5, 3))
def atan2(input: Array, other: Array):
    """Return the angle, from -pi to pi, of the point with ordinate `input` and abscissa `other`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.rad2deg(ag.atan2(ag.tensor([1.0, 0.0]), ag.tensor([0.0, -1.0])))
    tensor([ 90., 180.])
    """
    return np.arctan2(input, other)


def _squared_distance(input, other):
    squared = input * input + other * other
    return np.where(squared == 0, 1.0, squared)  # at the origin the gradient is taken as 0


atan2.vjp(
    input=lambda g, input, other: g * (other / _squared_distance(input, other)),
    other=lambda g, input, other: -g * (input / _squared_distance(input, other)),
)
also_named(atan2, "arctan2")


# -- hyperbolic -----------------------------------------------------------------------------------


@op(numpy=np.sinh, kind="unary", domain=(-2, 2))
@quiet
def sinh(input: Array):
    """Return the hyperbolic sine.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.sinh(ag.tensor([0.0]))
    tensor([0.])
    """
    return np.sinh(input)


sinh.vjp(input=lambda g, input: g * np.cosh(input))


@op(numpy=np.cosh, kind="unary", domain=(-2, 2))
@quiet
def cosh(input: Array):
    """Return the hyperbolic cosine.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cosh(ag.tensor([0.0]))
    tensor([1.])
    """
    return np.cosh(input)


cosh.vjp(input=lambda g, input: g * np.sinh(input))


@op(numpy=np.tanh, kind="unary", domain=(-2, 2), space="both")
def tanh(input: Array):
    """Return the hyperbolic tangent.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tanh(ag.tensor([0.0, 100.0]))
    tensor([0., 1.])
    """
    return kernels.activation.tanh(input)


def _slope_samples(rng):
    yield (rng.normal(size=(2, 3)), rng.uniform(-0.9, 0.9, (2, 3))), {}
    yield (rng.normal(size=()), rng.uniform(-0.9, 0.9, ())), {}


@op(samples=_slope_samples, space="internal")
def tanh_slope(input: Array, result: Array):
    """Return ``input * (1 - result**2)``, the gradient of `tanh` where that is its result."""
    return kernels.activation.tanh_gradient(input, result)


tanh_slope.vjp(
    input=lambda g, result: tanh_slope(g, result),
    result=lambda g, input, result: g * (-2 * (input * result)),
)
tanh.vjp(input=lambda g, out: tanh_slope(g, out))


@op(numpy=np.arcsinh, kind="unary", domain=(-3, 3))
def asinh(input: Array):
    """Return the inverse hyperbolic sine.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.asinh(ag.tensor([0.0]))
    tensor([0.])
    """
    return np.arcsinh(input)


asinh.vjp(input=lambda g, input: g / np.sqrt(1 + input * input))
also_named(asinh, "arcsinh")


@op(numpy=np.arccosh, kind="unary", domain=(1.2, 4))
@quiet
def acosh(input: Array):
    """Return the inverse hyperbolic cosine; nan below 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.acosh(ag.tensor([1.0, 0.0]))
    tensor([ 0., nan])
    """
    return np.arccosh(input)


acosh.vjp(input=lambda g, input: g / np.sqrt(input * input - 1))
also_named(acosh, "arccosh")


@op(numpy=np.arctanh, kind="unary", domain=(-0.9, 0.9))
@quiet
def atanh(input: Array):
    """Return the inverse hyperbolic tangent; nan outside -1 to 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.atanh(ag.tensor([0.0, 1.0]))
    tensor([ 0., inf])
    """
    return np.arctanh(input)


atanh.vjp(input=lambda g, input: g / (1 - input * input))
also_named(atanh, "arctanh")
