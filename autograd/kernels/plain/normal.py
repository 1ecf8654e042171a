"""The normal distribution's functions: erfcx, the inverses of erf and ndtr, and log_ndtr.

All are made of `erf` and `erfc` in `special`. The inverses solve for the argument by Newton's
method, in the tails for the logarithm of erfc, which is so nearly a parabola that few steps do.
"""

from __future__ import annotations

import math

import numpy as np

from autograd.kernels.plain import special
from autograd.kernels.plain.polynomial import in_double, polynomial

ROOT_PI, ROOT_2 = math.sqrt(math.pi), math.sqrt(2)
# erfcx(x) = (1 - 1 / (2 x^2) + 3 / (4 x^4) - ...) / (x sqrt(pi)): NIST Handbook, 7.12.1
FAR_ERFCX = tuple(math.prod(range(1, 2 * k, 2)) * (-0.5) ** k for k in range(9))


def _exp_of_square(x):
    """``exp(x * x)``, without the rounding error of the square, which exp would magnify."""
    coarse = x.astype(np.float32).astype(x.dtype)
    coarse = np.where(np.isfinite(coarse), coarse, x)
    rest = np.where(np.isinf(x), 0.0, (x - coarse) * (x + coarse))
    return np.exp(coarse * coarse) * np.exp(rest)


def _erfcx(x):
    size = np.abs(x)
    middle = np.clip(size, 0.5, special.LAST)
    out = polynomial(special.FAR, (middle - 3) / (middle + 3)) / (1 + 2 * middle)
    far = np.maximum(size, special.LAST)
    series = polynomial(FAR_ERFCX, (1 / far) ** 2) / (far * ROOT_PI)
    out = np.where(size > special.LAST, series, out)
    near = np.minimum(size, 0.5)
    out = np.where(size < 0.5, np.exp(near * near) * special.erfc(near), out)
    return np.where(x >= 0, out, np.where(np.isnan(x), x, 2 * _exp_of_square(x) - out))


erfcx = in_double(_erfcx)


def _erfc_inverse(q):
    """The x > 0 at which erfc(x) is q, for q from 0 to 1 / 2."""
    target = np.log(q)
    x = np.sqrt(np.maximum(-target - 0.5 * np.log(np.maximum(-target, 1.0)), 0.25))
    for _ in range(7):
        scaled = _erfcx(x)
        # log(erfc(x)) is log(scaled) - x^2, and its derivative -2 / (sqrt(pi) scaled).
        x = x + (np.log(scaled) - x * x - target) * (ROOT_PI / 2) * scaled
    return np.where(q == 0, np.inf, x)


@in_double
def erfinv(y: np.ndarray) -> np.ndarray:
    """Return the inverse of the error function; nan outside -1 to 1."""
    size = np.abs(y)
    near = np.minimum(size, 0.5)
    x = near * (ROOT_PI / 2) * (1 + math.pi / 12 * near * near)
    for _ in range(4):
        x = x - (special.erf(x) - near) * (ROOT_PI / 2) * np.exp(x * x)
    far = _erfc_inverse(np.clip(1 - size, 0.0, 0.5))
    out = np.where(size <= 0.5, x, far)
    return np.where(size <= 1, np.copysign(out, y), np.nan)


@in_double
def ndtri(p: np.ndarray) -> np.ndarray:
    """Return the x below which the normal distribution has probability `p`; nan outside 0 to 1."""
    tail = np.minimum(p, 1 - p)
    middle = ROOT_2 * erfinv(np.clip(2 * p - 1, -0.5, 0.5))
    far = -ROOT_2 * _erfc_inverse(np.clip(2 * tail, 0.0, 0.5))
    out = np.where(tail >= 0.25, middle, np.where(p < 0.5, far, -far))
    return np.where((p >= 0) & (p <= 1), out, np.nan)


@in_double
def ndtr(x: np.ndarray) -> np.ndarray:
    """Return the probability that a normal number is less than `x`."""
    return special.erfc(-x / ROOT_2) / 2


@in_double
def log_ndtr(x: np.ndarray) -> np.ndarray:
    """Return the logarithm of `ndtr`, exact also where that underflows."""
    low, high = np.minimum(x, -1.0), np.maximum(x, -1.0)
    tail = np.log(_erfcx(-low / ROOT_2) / 2) - low * low / 2
    tail = np.where(np.isinf(low), -np.inf, tail)
    return np.where(x < -1, tail, np.log1p(-special.erfc(high / ROOT_2) / 2))
