"""Orthogonal polynomials of the degrees `n`: Chebyshev's, Hermite's, Laguerre's and Legendre's.

All are one op, whose derivative is the same op of the next `derivative`. PyTorch does not
differentiate them. The degree is rounded towards 0, and below 0 the polynomial is 0.
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.op import Array, composite, op
from autograd.ops.special import _pair


def _samples(rng):
    x, n = rng.uniform(-2, 2, (3, 2)), rng.integers(-1, 10, (2,))
    for family in (*kernels.orthogonal.STEPS, "chebyshev_u", "shifted_chebyshev_t"):
        for derivative in (0, 1):
            yield (x, n, family), {"derivative": derivative}


@op(kind="binary_float", samples=_samples, space="internal", shown_as="special.polynomial")
def orthogonal_polynomial(input: Array, n: Array, family: str, derivative: int = 0):
    """Return a polynomial of the degree `n`, or one of its derivatives."""
    return kernels.orthogonal.polynomial(*_pair(input, n), family, derivative)


orthogonal_polynomial.vjp(
    input=lambda g, input, n, family, derivative: (
        g * orthogonal_polynomial(input, n, family, derivative + 1)
    )
)


def _degrees(rng):
    yield (rng.uniform(-2, 2, (3, 2)), rng.integers(0, 10, (2,))), {}
    yield (rng.uniform(-0.9, 0.9, (3,)), np.array(12)), {}


@composite(samples=_degrees, space="special")
def special_chebyshev_polynomial_t(input, n):
    """Return Chebyshev's polynomial of the first kind.

    ``T[n](cos(a)) = cos(n a)``; its gradient is ``n U[n-1]``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.chebyshev_polynomial_t(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([ 7., -1.])
    """
    return orthogonal_polynomial(input, n, "chebyshev_t")


@composite(samples=_degrees, space="special")
def special_chebyshev_polynomial_u(input, n):
    """Return Chebyshev's polynomial of the second kind.

    ``U[n](cos(a)) = sin((n + 1) a) / sin(a)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.chebyshev_polynomial_u(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([15., -1.])
    """
    return orthogonal_polynomial(input, n, "chebyshev_u")


@composite(samples=_degrees, space="special")
def special_chebyshev_polynomial_v(input, n):
    """Return Chebyshev's polynomial of the third kind.

    ``V[n](cos(a)) = cos((n + 1/2) a) / cos(a / 2)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.chebyshev_polynomial_v(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([11., -1.])
    """
    return orthogonal_polynomial(input, n, "chebyshev_v")


@composite(samples=_degrees, space="special")
def special_chebyshev_polynomial_w(input, n):
    """Return Chebyshev's polynomial of the fourth kind.

    ``W[n](cos(a)) = sin((n + 1/2) a) / sin(a / 2)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.chebyshev_polynomial_w(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([19., -1.])
    """
    return orthogonal_polynomial(input, n, "chebyshev_w")


@composite(samples=_degrees, space="special")
def special_shifted_chebyshev_polynomial_t(input, n):
    """Return `chebyshev_polynomial_t` at ``2 * input - 1``.

    It is orthogonal on 0 to 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.shifted_chebyshev_polynomial_t(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([17., -0.])
    """
    return orthogonal_polynomial(input, n, "shifted_chebyshev_t")


@composite(samples=_degrees, space="special")
def special_shifted_chebyshev_polynomial_u(input, n):
    """Return `chebyshev_polynomial_u` at ``2 * input - 1``.

    It is orthogonal on 0 to 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.shifted_chebyshev_polynomial_u(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([35., -0.])
    """
    return orthogonal_polynomial(input, n, "shifted_chebyshev_u")


@composite(samples=_degrees, space="special")
def special_shifted_chebyshev_polynomial_v(input, n):
    """Return `chebyshev_polynomial_v` at ``2 * input - 1``.

    It is orthogonal on 0 to 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.shifted_chebyshev_polynomial_v(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([29.,  1.])
    """
    return orthogonal_polynomial(input, n, "shifted_chebyshev_v")


@composite(samples=_degrees, space="special")
def special_shifted_chebyshev_polynomial_w(input, n):
    """Return `chebyshev_polynomial_w` at ``2 * input - 1``.

    It is orthogonal on 0 to 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.shifted_chebyshev_polynomial_w(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([41., -1.])
    """
    return orthogonal_polynomial(input, n, "shifted_chebyshev_w")


@composite(samples=_degrees, space="special")
def special_hermite_polynomial_h(input, n):
    """Return the physicist's Hermite polynomial.

    ``H[n+1](x) = 2 x H[n](x) - 2 n H[n-1](x)``; it overflows for large degrees.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.hermite_polynomial_h(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([14., -5.])
    """
    return orthogonal_polynomial(input, n, "hermite_h")


@composite(samples=_degrees, space="special")
def special_hermite_polynomial_he(input, n):
    """Return the probabilist's Hermite polynomial.

    ``He[n+1](x) = x He[n](x) - n He[n-1](x)``; it overflows for large degrees.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.hermite_polynomial_he(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([ 3.   , -1.375])
    """
    return orthogonal_polynomial(input, n, "hermite_he")


@composite(samples=_degrees, space="special")
def special_laguerre_polynomial_l(input, n):
    """Return Laguerre's polynomial.

    ``(n + 1) L[n+1](x) = (2 n + 1 - x) L[n](x) - n L[n-1](x)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.laguerre_polynomial_l(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([-1.        , -0.14583333])
    """
    return orthogonal_polynomial(input, n, "laguerre_l")


@composite(samples=_degrees, space="special")
def special_legendre_polynomial_p(input, n):
    """Return Legendre's polynomial.

    ``(n + 1) P[n+1](x) = (2 n + 1) x P[n](x) - n P[n-1](x)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.special.legendre_polynomial_p(ag.tensor([2.0, 0.5]), ag.tensor([2, 3]))
    tensor([ 5.5   , -0.4375])
    """
    return orthogonal_polynomial(input, n, "legendre_p")
