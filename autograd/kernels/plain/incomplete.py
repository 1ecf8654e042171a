"""The incomplete gamma functions.

Below ``x = a + 1`` the lower one is a series of positive terms, above the upper one a continued
fraction (NIST Handbook of Mathematical Functions, 8.11.4 and 8.9.2, the latter by Lentz's method);
the two add up to 1.
"""

from __future__ import annotations

import math

import numpy as np

from autograd.kernels.plain.gamma import FAR, FAR_LGAMMA, _lgamma_positive
from autograd.kernels.plain.polynomial import in_double, polynomial

TINY = 1e-300
STEPS = 100_000  # about sqrt(a) of them are needed near x = a


def _factor(a, x):
    """``x**a exp(-x) / gamma(a + 1)``, without the difference of large logarithms."""
    small = np.minimum(a, FAR)
    low = small * np.log(x) - x - _lgamma_positive(small + 1)
    large = np.maximum(a, FAR)
    away = (x - large) / large
    stirling = 0.5 * np.log(2 * math.pi * large) + polynomial(FAR_LGAMMA, large**-2) / large
    high = -large * (away - np.log1p(away)) - stirling
    return np.exp(np.where(a < FAR, low, high))


def _series(a, x):
    total = term = np.ones_like(x)
    for k in range(1, STEPS):
        term = term * (x / (a + k))
        total = total + term
        if (term <= 1e-17 * total).all():
            break
    return total


def _fraction(a, x):
    b = x + 1 - a
    c, d = np.full_like(x, 1 / TINY), 1 / b
    out = d
    for k in range(1, STEPS):
        factor = -k * (k - a)
        b = b + 2
        d = factor * d + b
        d = 1 / np.where(np.abs(d) < TINY, TINY, d)
        c = b + factor / c
        c = np.where(np.abs(c) < TINY, TINY, c)
        out = out * (c * d)
        if (np.abs(c * d - 1) < 3e-16).all():
            break
    return out


def _regularised(a, x, upper: bool):
    fine = (a > 0) & (x > 0) & np.isfinite(a) & np.isfinite(x)
    below = fine & (x < a + 1)
    above = fine & ~below
    out = np.full(a.shape, np.nan)
    if below.any():
        p, q = a[below], x[below]
        lower = _factor(p, q) * _series(p, q)
        out[below] = 1 - lower if upper else lower
    if above.any():
        p, q = a[above], x[above]
        rest = _factor(p, q) * p * _fraction(p, q)
        out[above] = rest if upper else 1 - rest
    one = ((a == 0) & (x > 0)) | ((x == np.inf) & (a >= 0) & (a < np.inf))
    zero = (x == 0) & (a > 0) | (a == np.inf) & (x >= 0) & (x < np.inf)
    return np.where(one, 1.0 - upper, np.where(zero, 0.0 + upper, out))


@in_double
def igamma(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the regularised lower incomplete gamma function."""
    return _regularised(a, x, upper=False)


@in_double
def igammac(a: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the regularised upper incomplete gamma function."""
    return _regularised(a, x, upper=True)
