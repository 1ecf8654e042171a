"""The logarithm of the gamma function, its derivatives, and the Hurwitz zeta function.

Everything rests on `zeta`, summed by Euler and Maclaurin's formula. The logarithm of gamma and its
derivative are reduced by their recurrence to the neighbourhood of 2, where the Taylor series has
values of zeta for coefficients (Abramowitz and Stegun, Handbook of Mathematical Functions, 6.1.33);
large arguments have Stirling's series (6.1.41, 6.3.18) and negative ones are reflected (6.1.17,
6.3.7). With absolute errors near 1e-16, relative ones are as small except close to a zero below 0.
"""

from __future__ import annotations

import math

import numpy as np

from autograd.kernels.plain.polynomial import in_double, polynomial

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)  # B2, B4 ...
EULER = 0.5772156649015329
FAR = 10.0  # from here on the series in 1 / x are exact to the last digits


# -- zeta -----------------------------------------------------------------------------------------


def _zeta_from(s, q):
    """Sum ``(q + k) ** -s`` over all k >= 0, for s > 1 and q > 0 (NIST Handbook, 25.11.28)."""
    out = sum((q + k) ** -s for k in range(int(FAR)))
    a = q + FAR
    # Where s is large the powers vanish before the factors below grow.
    tail = a ** (1 - s) / (s - 1) + a**-s / 2
    term = s * a ** (-s - 1)
    for k, bernoulli in enumerate(BERNOULLI):
        tail = tail + bernoulli / math.factorial(2 * k + 2) * term
        term = term * ((s + 2 * k + 1) / a) * ((s + 2 * k + 2) / a)
    return out + tail


def _zeta(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The Hurwitz zeta function; for q < 0, of integers s only.

    The sum then runs through ..., f - 1, f, f + 1, ... where f is the fraction of q. What lies on
    either side of 0 is a zeta function, less what lies beyond q.
    """
    fraction = q - np.floor(q)
    sign = np.where(s % 2 == 0, 1.0, -1.0)
    below = sign * (_zeta_from(s, 1 - fraction) - _zeta_from(s, 1 - np.minimum(q, 0)))
    negative = np.where(s == np.floor(s), _zeta_from(s, fraction) + below, np.nan)
    out = np.where(q > 0, _zeta_from(s, np.where(q > 0, q, 1.0)), negative)
    out = np.where((q <= 0) & (q == np.floor(q)) | (s == 1), np.inf, out)
    out = np.where(np.isinf(q), np.where(q > 0, 0.0, np.nan), out)
    return np.where((s < 1) | np.isnan(s) | np.isnan(q), np.nan, out)


zeta = in_double(_zeta)


# -- gamma ----------------------------------------------------------------------------------------

# lgamma(2 + f) / f, and its derivative's digamma(2 + f), for abs(f) <= 1 / 2.
_ZETAS = [_zeta_from(float(k), 2.0) for k in range(2, 30)]  # zeta(k) - 1
NEAR_LGAMMA = (1 - EULER, *((-1) ** k * z / k for k, z in enumerate(_ZETAS, 2)))
NEAR_DIGAMMA = (1 - EULER, *((-1) ** k * z for k, z in enumerate(_ZETAS, 2)))
FAR_LGAMMA = tuple(b / (2 * k * (2 * k - 1)) for k, b in enumerate(BERNOULLI, 1))
FAR_DIGAMMA = tuple(b / (2 * k) for k, b in enumerate(BERNOULLI, 1))


def _near_two(x):
    """``(f, product, reciprocals)`` for x > 0 not beyond `FAR`: ``2 + f`` is x less some integer.

    `product` and `reciprocals` are those of the factors ``x - 1, x - 2, ...`` down to ``2 + f``.
    """
    product, reciprocals = np.ones_like(x), np.zeros_like(x)
    for _ in range(int(FAR)):
        above = x >= 2.5
        x = np.where(above, x - 1, x)
        product = np.where(above, product * x, product)
        reciprocals = np.where(above, reciprocals + 1 / x, reciprocals)
    return x - 2, product, reciprocals


def _below(x):
    """``(x + steps, steps)``: how many ones bring a small x to 1.5 and above."""
    steps = np.where(x < 0.5, 2.0, np.where(x < 1.5, 1.0, 0.0))
    return x - (2 - steps), steps


def _lgamma_positive(x):
    near = np.minimum(x, FAR)
    small, steps = _below(near)  # x = 2 + small - steps
    f, product, _ = _near_two(near)
    f = np.where(steps > 0, small, f)
    low = f * polynomial(NEAR_LGAMMA, f) + np.log(product)
    # One step down: gamma(1 + f) = gamma(2 + f) / (1 + f). Two: divided by f as well.
    low = low - np.where(steps > 0, np.log1p(np.where(steps > 0, f, 0.0)), 0.0)
    low = low - np.where(steps > 1, np.log(np.where(steps > 1, f, 1.0)), 0.0)
    far = np.maximum(x, FAR)
    series = polynomial(FAR_LGAMMA, (1 / far) ** 2) / far
    high = (far - 0.5) * (np.log(far) - 1) + (0.5 * math.log(2 * math.pi) - 0.5) + series
    return np.where(x < FAR, low, np.where(np.isinf(x), np.inf, high))


@in_double
def lgamma(x: np.ndarray) -> np.ndarray:
    """Return the logarithm of the absolute value of the gamma function."""
    size = np.abs(x)
    out = _lgamma_positive(size)
    sine = np.abs(np.sin(np.pi * (x - np.round(x))))
    pole = (sine == 0) | np.isinf(x)
    reflected = np.where(pole, np.inf, -np.log(sine / np.pi * size) - out)
    return np.where(x > 0, out, np.where(size < 1e-20, -np.log(size), reflected))


@in_double
def digamma(x: np.ndarray) -> np.ndarray:
    """Return the derivative of `lgamma`."""
    size = np.where(x > 0, x, 1 - x)
    near = np.minimum(size, FAR)
    small, steps = _below(near)
    f, _, reciprocals = _near_two(near)
    f = np.where(steps > 0, small, f)
    low = polynomial(NEAR_DIGAMMA, f) + reciprocals
    low = low - np.where(steps > 0, 1 / np.where(steps > 0, 1 + f, 1.0), 0.0)
    low = low - np.where(steps > 1, 1 / np.where(steps > 1, f, 1.0), 0.0)
    far = np.maximum(size, FAR)
    square = (1 / far) ** 2
    high = np.log(far) - 0.5 / far - square * polynomial(FAR_DIGAMMA, square)
    out = np.where(size < FAR, low, high)
    turn = x - np.round(x)
    reflected = np.where(turn == 0, np.nan, out - np.pi / np.tan(np.pi * turn))
    return np.where(x > 0, out, np.where(x == 0, np.copysign(np.inf, -x), reflected))


def polygamma(x: np.ndarray, n: int) -> np.ndarray:
    """Return the n-th derivative of `digamma` (NIST Handbook, 25.11.12)."""
    if n == 0:
        return digamma(x)
    return in_double(lambda x: (-1) ** (n + 1) * math.gamma(n + 1) * _zeta(np.array(n + 1.0), x))(x)
