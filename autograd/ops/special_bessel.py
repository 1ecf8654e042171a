"""Bessel's functions J, Y and K, of orders 0 and 1, and Airy's; I stands in `special`.

Their derivatives name each other, as in ``J0' = -J1`` (NIST Handbook of Mathematical Functions,
10.6.2, 10.6.3, 10.29.3 and 9.2.1). PyTorch does not differentiate them.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from autograd import kernels
from autograd.op import Array, op
from autograd.ops.special import _over

# -- J and Y --------------------------------------------------------------------------------------


@op(kind="unary", domain=(-9, 9), space="special")
def special_bessel_j0(input: Array):
    """Return the Bessel function of the first kind, of order 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.bessel_j0(ag.tensor([0.0, 1.0]))
    tensor([1.       , 0.7651977])
    """
    return kernels.cylinder.j0(input)


@op(kind="unary", domain=(-9, 9), space="special")
def special_bessel_j1(input: Array):
    """Return the Bessel function of the first kind, of order 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.bessel_j1(ag.tensor([0.0, 1.0]))
    tensor([0.        , 0.44005057])
    """
    return kernels.cylinder.j1(input)


@op(kind="unary", domain=(0.3, 9), space="special")
def special_bessel_y0(input: Array):
    """Return the Bessel function of the second kind, of order 0.

    It is -inf at 0 and nan below.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.bessel_y0(ag.tensor([0.0, 1.0]))
    tensor([      -inf, 0.08825696])
    """
    return kernels.cylinder.y0(input)


@op(kind="unary", domain=(0.3, 9), space="special")
def special_bessel_y1(input: Array):
    """Return the Bessel function of the second kind, of order 1.

    It is -inf at 0 and nan below.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.bessel_y1(ag.tensor([0.0, 1.0]))
    tensor([      -inf, -0.7812128])
    """
    return kernels.cylinder.y1(input)


special_bessel_j0.vjp(input=lambda g, input: -g * special_bessel_j1(input))
special_bessel_j1.vjp(
    input=lambda g, input, out: g * (special_bessel_j0(input) - _over(out, input))
)
special_bessel_y0.vjp(input=lambda g, input: -g * special_bessel_y1(input))
special_bessel_y1.vjp(input=lambda g, input, out: g * (special_bessel_y0(input) - out / input))


@op(kind="unary", domain=(-4, 4), space="special")
def special_spherical_bessel_j0(input: Array):
    """Return the spherical Bessel function of order 0, ``sin(input) / input``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.spherical_bessel_j0(ag.tensor([0.0, 1.0]))
    tensor([1.        , 0.84147096])
    """
    return kernels.cylinder.spherical_j0(input)


SLOPES = tuple((-1) ** k * 2 * k / math.factorial(2 * k + 1) for k in range(1, 11))


def _spherical_slope(g, input, out):
    near = np.abs(input) < 1  # where the difference below would lose digits
    small, large = np.where(near, input, 0.0), np.where(near, 1.0, input)
    series = functools.reduce(lambda total, c: total * small * small + c, SLOPES[::-1])
    return g * np.where(near, small * series, (np.cos(large) - out) / large)


special_spherical_bessel_j0.vjp(input=_spherical_slope)

# -- K --------------------------------------------------------------------------------------------


@op(kind="unary", domain=(0.3, 5), space="special")
def special_modified_bessel_k0(input: Array):
    """Return the modified Bessel function of the second kind, of order 0.

    It is inf at 0 and nan below.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.modified_bessel_k0(ag.tensor([0.0, 1.0]))
    tensor([       inf, 0.42102444])
    """
    return kernels.cylinder.k0(input)


@op(kind="unary", domain=(0.3, 5), space="special")
def special_modified_bessel_k1(input: Array):
    """Return the modified Bessel function of the second kind, of order 1.

    It is inf at 0 and nan below.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.modified_bessel_k1(ag.tensor([0.0, 1.0]))
    tensor([       inf, 0.60190725])
    """
    return kernels.cylinder.k1(input)


@op(kind="unary", domain=(0.3, 5), space="special")
def special_scaled_modified_bessel_k0(input: Array):
    """Return ``exp(input) * modified_bessel_k0(input)``, which does not underflow.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.scaled_modified_bessel_k0(ag.tensor([1.0, 1000.0]))
    tensor([1.1444631 , 0.03962832])
    """
    return kernels.cylinder.k0e(input)


@op(kind="unary", domain=(0.3, 5), space="special")
def special_scaled_modified_bessel_k1(input: Array):
    """Return ``exp(input) * modified_bessel_k1(input)``, which does not underflow.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.scaled_modified_bessel_k1(ag.tensor([1.0, 1000.0]))
    tensor([1.6361535 , 0.03964813])
    """
    return kernels.cylinder.k1e(input)


special_modified_bessel_k0.vjp(input=lambda g, input: -g * special_modified_bessel_k1(input))
special_modified_bessel_k1.vjp(
    input=lambda g, input, out: -g * (special_modified_bessel_k0(input) + out / input)
)
special_scaled_modified_bessel_k0.vjp(
    input=lambda g, input, out: g * (out - special_scaled_modified_bessel_k1(input))
)
special_scaled_modified_bessel_k1.vjp(
    input=lambda g, input, out: g * (out - special_scaled_modified_bessel_k0(input) - out / input)
)

# -- Airy -----------------------------------------------------------------------------------------


@op(kind="unary", domain=(-6, 4), space="special")
def special_airy_ai(input: Array):
    """Return Airy's function Ai, the solution of ``y'' = input * y`` that falls to 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.airy_ai(ag.tensor([0.0, 1.0]))
    tensor([0.35502806, 0.13529241])
    """
    return kernels.cylinder.airy(input)


@op(kind="unary", domain=(-6, 4), space="internal", shown_as="special.airy_ai")
def airy_slope(input: Array):
    """Return the derivative of `special_airy_ai`."""
    return kernels.cylinder.airy_slope(input)


special_airy_ai.vjp(input=lambda g, input: g * airy_slope(input))
airy_slope.vjp(input=lambda g, input: g * (input * special_airy_ai(input)))
