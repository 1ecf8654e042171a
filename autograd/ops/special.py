"""Special functions: gamma and its relatives, Bessel's, and those of the normal distribution.

Their derivatives name each other: that of lgamma is digamma, of digamma polygamma, of i0 i1.
Names that begin with ``special_`` are public in `autograd.special`, without that beginning.
"""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels, promotion
from autograd.op import Array, composite, op
from autograd.ops.elementwise import quiet
from autograd.ops.transcendental import exp, log
from autograd.tensor import attach

ROOT_PI, ROOT_2_PI = math.sqrt(math.pi), math.sqrt(2 * math.pi)

# -- gamma ----------------------------------------------------------------------------------------


@op(kind="unary", domain=(0.3, 4))
def lgamma(input: Array):
    """Return the logarithm of the absolute value of the gamma function.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.lgamma(ag.tensor([1.0, 4.0, 0.0])).exp()
    tensor([ 1.,  6., inf])
    """
    return kernels.gamma.lgamma(input)


@op(kind="unary", domain=(0.3, 4))
def digamma(input: Array):
    """Return the derivative of `lgamma`.

    It is -inf at 0 and nan at negative integers, where it jumps between both infinities.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.digamma(ag.tensor([1.0, 0.0]))
    tensor([-0.5772157,       -inf])
    """
    return kernels.gamma.digamma(input)


def _orders(rng):
    for n in (0, 1, 2):
        yield (n, rng.uniform(0.5, 3, (2, 3))), {}


@op(samples=_orders)
def polygamma(n: int, input: Array):
    """Return the n-th derivative of `digamma`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.polygamma(1, ag.tensor([1.0]))  # pi ** 2 / 6
    tensor([1.644934])
    """
    if n < 0:
        raise ValueError(f"polygamma expected n >= 0, got {n}")
    (input,) = promotion.to_float([input])
    return kernels.gamma.polygamma(input, n)


def _polygamma_method(self, n: int):
    """Return the n-th derivative of `digamma`; see `autograd.polygamma`."""
    return polygamma(n, self)


attach("polygamma", _polygamma_method)
lgamma.vjp(input=lambda g, input: g * digamma(input))
digamma.vjp(input=lambda g, input: g * polygamma(1, input))
polygamma.vjp(input=lambda g, input, n: g * polygamma(n + 1, input))


@composite(samples=lambda rng: [((rng.uniform(1.5, 4, (2, 3)),), {"p": 3})], inplace=True)
def mvlgamma(input, p: int):
    """Return the logarithm of the multivariate gamma function of dimension `p`, elementwise.

    That is ``p * (p - 1) / 4 * log(pi)`` and the sum of ``lgamma(input - i / 2)`` for i below `p`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.mvlgamma(ag.tensor([2.0]), 1)
    tensor([0.])
    """
    if p < 1:
        raise ValueError(f"mvlgamma expected p >= 1, got {p}")
    out = lgamma(input)
    for i in range(1, p):
        out = out + lgamma(input - i / 2)
    return out + p * (p - 1) / 4 * math.log(math.pi) if p > 1 else out


def _above_one(rng):
    yield (rng.uniform(1.5, 4, (2, 3)), rng.uniform(0.5, 4, (3,))), {}


@op(kind="binary_float", samples=_above_one, space="special")
def special_zeta(input: Array, other: Array):
    """Return Hurwitz's zeta function: the sum of ``(k + other) ** -input`` over all k >= 0.

    It is differentiable in `other` only.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.zeta(ag.tensor([2.0]), ag.tensor([1.0]))  # pi ** 2 / 6
    tensor([1.644934])
    """
    return kernels.gamma.zeta(*_pair(input, other))


def _pair(input, other):
    """Two operands as arrays: one may have been given as a number."""
    dtype = input.dtype if isinstance(input, (np.ndarray, np.generic)) else other.dtype
    return np.broadcast_arrays(np.asarray(input, dtype), np.asarray(other, dtype))


special_zeta.vjp(other=lambda g, input, other: -g * (input * special_zeta(input + 1, other)))


def _positive(rng):
    yield (rng.uniform(0.5, 4, (2, 3)), rng.uniform(0.5, 4, (3,))), {}


@op(kind="binary_float", samples=_positive)
def igamma(input: Array, other: Array):
    """Return the regularised lower incomplete gamma function.

    That is the integral of ``t ** (input - 1) * exp(-t)`` from 0 to `other`, divided by
    ``gamma(input)``. It is differentiable in `other` only.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.igamma(ag.tensor([1.0]), ag.tensor([2.0]))  # 1 - exp(-2)
    tensor([0.86466473])
    """
    return kernels.incomplete.igamma(*_pair(input, other))


@op(kind="binary_float", samples=_positive)
def igammac(input: Array, other: Array):
    """Return the regularised upper incomplete gamma function, ``1 - igamma(input, other)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.igammac(ag.tensor([1.0]), ag.tensor([2.0]))  # exp(-2)
    tensor([0.13533528])
    """
    return kernels.incomplete.igammac(*_pair(input, other))


def _igamma_other(g, input, other):
    return g * exp((input - 1) * log(other) - other - lgamma(input))


igamma.vjp(other=_igamma_other)
igammac.vjp(other=lambda g, input, other: -_igamma_other(g, input, other))

# -- Bessel ---------------------------------------------------------------------------------------


@op(numpy=np.i0, kind="unary", domain=(-4, 4))
def i0(input: Array):
    """Return the modified Bessel function of the first kind, of order 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.i0(ag.tensor([0.0, 1.0]))
    tensor([1.       , 1.2660658])
    """
    return kernels.bessel.i0(input)


@op(kind="unary", domain=(-4, 4), space="special")
def special_i0e(input: Array):
    """Return ``exp(-abs(input)) * i0(input)``, which does not overflow.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.i0e(ag.tensor([0.0, 1.0]))
    tensor([1.       , 0.4657596])
    """
    return kernels.bessel.i0e(input)


@op(kind="unary", domain=(-4, 4), space="special")
def special_i1(input: Array):
    """Return the modified Bessel function of the first kind, of order 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.i1(ag.tensor([0.0, 1.0]))
    tensor([0.       , 0.5651591])
    """
    return kernels.bessel.i1(input)


@op(kind="unary", domain=(-4, 4), space="special")
def special_i1e(input: Array):
    """Return ``exp(-abs(input)) * i1(input)``, which does not overflow.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.i1e(ag.tensor([0.0, 1.0]))
    tensor([0.        , 0.20791042])
    """
    return kernels.bessel.i1e(input)


def _over(out, input):
    """``out / input`` for a Bessel function of order 1, whose limit at 0 is 1 / 2."""
    zero = input == 0
    return np.where(zero, 0.5, out / np.where(zero, 1.0, input))


i0.vjp(input=lambda g, input: g * special_i1(input))
special_i0e.vjp(input=lambda g, input, out: g * (special_i1e(input) - np.sign(input) * out))
special_i1.vjp(input=lambda g, input, out: g * (i0(input) - _over(out, input)))
special_i1e.vjp(
    input=lambda g, input, out: g * (special_i0e(input) - _over(out, input) - np.sign(input) * out)
)

# -- the error function and the normal distribution ------------------------------------------------


@op(kind="unary", domain=(-0.8, 0.8))
def erfinv(input: Array):
    """Return the inverse of the error function; nan outside -1 to 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.erfinv(ag.tensor([0.0, 0.5, 1.0]))
    tensor([0.        , 0.47693628,        inf])
    """
    return kernels.normal.erfinv(input)


@op(kind="unary", domain=(-2, 3), space="special")
def special_erfcx(input: Array):
    """Return ``exp(input ** 2) * erfc(input)``, which does not underflow for large arguments.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.erfcx(ag.tensor([0.0, 100.0]))
    tensor([1.        , 0.00564161])
    """
    return kernels.normal.erfcx(input)


@op(kind="unary", domain=(-3, 3), space="special")
def special_ndtr(input: Array):
    """Return the probability that a standard normal number is less than `input`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.ndtr(ag.tensor([0.0, 10.0]))
    tensor([0.5, 1. ])
    """
    return kernels.normal.ndtr(input)


@op(kind="unary", domain=(0.1, 0.9), space="special")
def special_ndtri(input: Array):
    """Return the inverse of `ndtr`; nan outside 0 to 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.ndtri(ag.tensor([0.5, 0.975]))
    tensor([0.       , 1.9599644])
    """
    return kernels.normal.ndtri(input)


@op(kind="unary", domain=(-4, 3), space="special")
def special_log_ndtr(input: Array):
    """Return the logarithm of `ndtr`, exact also where that underflows.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.log_ndtr(ag.tensor([-100.0]))
    tensor([-5005.5244])
    """
    return kernels.normal.log_ndtr(input)


erfinv.vjp(input=lambda g, out: g * (ROOT_PI / 2 * exp(out * out)))
special_erfcx.vjp(input=lambda g, input, out: g * (2 * input * out - 2 / ROOT_PI))
special_ndtr.vjp(input=lambda g, input: g * (exp(-0.5 * input * input) / ROOT_2_PI))
special_ndtri.vjp(input=lambda g, out: g * (ROOT_2_PI * exp(0.5 * out * out)))
# The density over the probability, of which the exponentials cancel.
special_log_ndtr.vjp(
    input=lambda g, input: g * (2 / ROOT_2_PI / special_erfcx(input * -math.sqrt(0.5)))
)

# -- logarithms -----------------------------------------------------------------------------------


@op(kind="unary", domain=(0.2, 4), space="special")
@quiet
def special_entr(input: Array):
    """Return the entropy ``-input * log(input)``: 0 at 0 and -inf below.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.entr(ag.tensor([0.0, 1.0, -1.0]))
    tensor([  0.,  -0., -inf])
    """
    out = np.where(input == 0, 0.0, -input * np.log(input))
    return np.where(input < 0, -np.inf, out)


special_entr.vjp(input=lambda g, input: g * (-1 - log(input)))


@op(kind="binary_float", domain=(0.2, 3), space="special")
@quiet
def special_xlog1py(input: Array, other: Array):
    """Return ``input * log1p(other)``, and 0 where `input` is 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.xlog1py(ag.tensor([0.0, 1.0]), ag.tensor([-1.0, 0.0]))
    tensor([0., 0.])
    """
    other = np.asarray(other, input.dtype if hasattr(input, "dtype") else None)
    return np.where((input == 0) & ~np.isnan(other), 0.0, input * np.log1p(other))


def _xlog1py_input(g, input, other):
    nothing = (input == 0) & (other <= -1)
    # An array of the dtype of input, also if `other` was a number.
    return g * np.log1p(np.where(nothing, input, other + 0 * input))


special_xlog1py.vjp(input=_xlog1py_input, other=lambda g, input, other: g * (input / (other + 1)))
