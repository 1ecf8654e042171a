"""Exponentials, logarithms, roots and the functions made of them."""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.op import Array, op
from autograd.ops.elementwise import quiet

LOG_2, LOG_10 = math.log(2), math.log(10)


# -- exponentials ---------------------------------------------------------------------------------


@op(numpy=np.exp, kind="unary", domain=(-2, 2))
@quiet
def exp(input: Array):
    """Return e to the power `input`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.exp(ag.tensor([0.0, 1000.0]))
    tensor([ 1., inf])
    """
    return np.exp(input)


exp.vjp(input=lambda g, out: g * out)


@op(numpy=np.exp2, kind="unary", domain=(-2, 2))
@quiet
def exp2(input: Array):
    """Return 2 to the power `input`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.exp2(ag.tensor([0.0, 3.0]))
    tensor([1., 8.])
    """
    return np.exp2(input)


exp2.vjp(input=lambda g, out: g * (out * LOG_2))


@op(numpy=np.expm1, kind="unary", domain=(-2, 2))
@quiet
def expm1(input: Array):
    """Return ``exp(input) - 1``, exact also near 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.expm1(ag.tensor([0.0]))
    tensor([0.])
    """
    return np.expm1(input)


expm1.vjp(input=lambda g, out: g * (out + 1))


@op(kind="unary", domain=(-4, 4), space="both")
@quiet
def sigmoid(input: Array):
    """Return ``1 / (1 + exp(-input))``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.sigmoid(ag.tensor([0.0, 1e4, -1e4]))
    tensor([0.5, 1. , 0. ])
    """
    return kernels.activation.sigmoid(input)


def _slope_samples(rng):
    yield (rng.normal(size=(2, 3)), rng.uniform(0.1, 0.9, (2, 3))), {}
    yield (rng.normal(size=()), rng.uniform(0.1, 0.9, ())), {}


@op(samples=_slope_samples, space="internal")
def sigmoid_slope(input: Array, result: Array):
    """Return ``input * result * (1 - result)``: the gradient of `sigmoid`, by its result."""
    return kernels.activation.sigmoid_gradient(input, result)


sigmoid_slope.vjp(
    input=lambda g, result: sigmoid_slope(g, result),
    result=lambda g, input, result: g * (input * (1 - 2 * result)),
)
sigmoid.vjp(input=lambda g, out: sigmoid_slope(g, out))


# -- logarithms -----------------------------------------------------------------------------------


@op(numpy=np.log, kind="unary", domain=(0.2, 4))
@quiet
def log(input: Array):
    """Return the natural logarithm; -inf at 0 and nan below.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.log(ag.tensor([1.0, 0.0]))
    tensor([  0., -inf])
    """
    return np.log(input)


log.vjp(input=lambda g, input: g / input)


@op(numpy=np.log2, kind="unary", domain=(0.2, 4))
@quiet
def log2(input: Array):
    """Return the logarithm to base 2.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.log2(ag.tensor([1.0, 8.0]))
    tensor([0., 3.])
    """
    return np.log2(input)


log2.vjp(input=lambda g, input: g / (input * LOG_2))


@op(numpy=np.log10, kind="unary", domain=(0.2, 4))
@quiet
def log10(input: Array):
    """Return the logarithm to base 10.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.log10(ag.tensor([1.0]))
    tensor([0.])
    """
    return np.log10(input)


log10.vjp(input=lambda g, input: g / (input * LOG_10))


@op(numpy=np.log1p, kind="unary", domain=(-0.8, 4))
@quiet
def log1p(input: Array):
    """Return ``log(1 + input)``, exact also near 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.log1p(ag.tensor([0.0]))
    tensor([0.])
    """
    return np.log1p(input)


log1p.vjp(input=lambda g, input: g / (1 + input))


@op(numpy=np.logaddexp, kind="binary_float")
@quiet
def logaddexp(input: Array, other: Array):
    """Return ``log(exp(input) + exp(other))`` without overflow.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.logaddexp(ag.tensor([1000.0]), ag.tensor([1.0]))
    tensor([1000.])
    """
    return np.logaddexp(input, other)


logaddexp.vjp(
    input=lambda g, input, other: g * sigmoid(input - other),
    other=lambda g, input, other: g * sigmoid(other - input),
)


@op(numpy=np.logaddexp2, kind="binary_float")
@quiet
def logaddexp2(input: Array, other: Array):
    """Return ``log2(2**input + 2**other)`` without overflow.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.logaddexp2(ag.tensor([1.0]), ag.tensor([1.0]))
    tensor([2.])
    """
    return np.logaddexp2(input, other)


logaddexp2.vjp(
    input=lambda g, input, other: g * sigmoid((input - other) * LOG_2),
    other=lambda g, input, other: g * sigmoid((other - input) * LOG_2),
)


@op(kind="unary", domain=(0.1, 0.9))
@quiet
def logit(input: Array, eps: float | None = None):
    """Return ``log(input / (1 - input))``, the inverse of the sigmoid; nan outside 0 to 1.

    With `eps`, the input is first limited to between `eps` and ``1 - eps``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.logit(ag.tensor([0.5, 0.0])), ag.logit(ag.tensor([0.5]), eps=0.1)
    (tensor([  0., -inf]), tensor([0.]))
    """
    if eps is not None:
        input = np.clip(input, eps, 1 - eps)
    return np.log(input / (1 - input))


def _logit_input(g, input, eps):
    low, outside = (0.0, math.nan) if eps is None else (eps, 0.0)
    within = (input >= low) & (input <= 1 - low)
    p = np.where(within, input, 0.5)
    return np.where(within, g / (p * (1 - p)), outside)


logit.vjp(input=_logit_input)


@op(kind="binary_float", domain=(0.2, 3))
@quiet
def xlogy(input: Array, other: Array):
    """Return ``input * log(other)``, and 0 where `input` is 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.xlogy(ag.tensor([0.0, 1.0]), ag.tensor([0.0, 1.0]))
    tensor([0., 0.])
    """
    other = np.asarray(other, input.dtype)
    return np.where((input == 0) & ~np.isnan(other), 0.0, input * np.log(other))


def _xlogy_input(g, input, other):
    nothing = (input == 0) & (other <= 0)
    other = np.where(
        nothing, input, other
    )  # an array of the dtype of input, also if it was a number
    return g * np.log(np.where(nothing, 1.0, other))


xlogy.vjp(input=_xlogy_input, other=lambda g, input, other: g * (input / other))


# -- roots ----------------------------------------------------------------------------------------


@op(numpy=np.sqrt, kind="unary", domain=(0.2, 4))
@quiet
def sqrt(input: Array):
    """Return the square root; nan below 0. The gradient at 0 is inf.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.sqrt(ag.tensor([4.0, 0.0]))
    tensor([2., 0.])
    """
    return np.sqrt(input)


sqrt.vjp(input=lambda g, out: g / (2 * out))


@op(kind="unary", domain=(0.2, 4))
@quiet
def rsqrt(input: Array):
    """Return ``1 / sqrt(input)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.rsqrt(ag.tensor([4.0, 0.0]))
    tensor([0.5, inf])
    """
    return 1 / np.sqrt(input)


rsqrt.vjp(input=lambda g, out: -0.5 * g * (out * out * out))


# -- the error function ---------------------------------------------------------------------------


@op(kind="unary", domain=(-2, 2))
@quiet
def erf(input: Array):
    """Return the error function: ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.erf(ag.tensor([0.0, 10.0]))
    tensor([0., 1.])
    """
    return kernels.special.erf(input)


erf.vjp(input=lambda g, input: g * (2 / math.sqrt(math.pi) * np.exp(-input * input)))


@op(kind="unary", domain=(-2, 2))
@quiet
def erfc(input: Array):
    """Return ``1 - erf(input)``, exact also where that is tiny.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.erfc(ag.tensor([0.0, -10.0]))
    tensor([1., 2.])
    """
    return kernels.special.erfc(input)


erfc.vjp(input=lambda g, input: g * (-2 / math.sqrt(math.pi) * np.exp(-input * input)))
