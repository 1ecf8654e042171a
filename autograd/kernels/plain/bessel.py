"""The modified Bessel functions of the first kind, of orders 0 and 1.

Up to `FAR` their power series (NIST Handbook of Mathematical Functions, 10.25.2), all of whose
terms are positive, so that none of the digits cancel:

    I_n(x) = (x / 2)^n  sum of (x^2 / 4)^k / (k! (k + n)!)

Beyond, the asymptotic series (10.40.1), whose terms there fall below 1e-17 before they grow:

    I_n(x) = exp(x) / sqrt(2 pi x)  sum of (-1)^k a_k(n) / x^k,
    a_k(n) = (4 n^2 - 1^2) (4 n^2 - 3^2) ... (4 n^2 - (2 k - 1)^2) / (k! 8^k)
"""

from __future__ import annotations

import math

import numpy as np

from autograd.kernels.plain.polynomial import in_double, polynomial

FAR = 20.0


def _power_series(order: int) -> tuple[float, ...]:
    return tuple(1 / (math.factorial(k) * math.factorial(k + order)) for k in range(42))


def _asymptotic_series(order: int) -> tuple[float, ...]:
    terms = [1.0]
    for k in range(1, 26):
        terms.append(terms[-1] * ((2 * k - 1) ** 2 - 4 * order**2) / (8 * k))
    return tuple(terms)


NEAR_SERIES = _power_series(0), _power_series(1)
FAR_SERIES = _asymptotic_series(0), _asymptotic_series(1)


@in_double
def i0(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of order 0."""
    return _bessel(x, 0, scaled=False)


@in_double
def i0e(x: np.ndarray) -> np.ndarray:
    """Return ``exp(-abs(x)) * i0(x)``."""
    return _bessel(x, 0, scaled=True)


@in_double
def i1(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of order 1."""
    return _bessel(x, 1, scaled=False)


@in_double
def i1e(x: np.ndarray) -> np.ndarray:
    """Return ``exp(-abs(x)) * i1(x)``."""
    return _bessel(x, 1, scaled=True)


def _bessel(x: np.ndarray, order: int, scaled: bool) -> np.ndarray:
    size = np.abs(x)
    near = np.minimum(size, FAR)
    small = polynomial(NEAR_SERIES[order], near * near / 4) * (near / 2) ** order
    far = np.maximum(size, FAR)
    large = polynomial(FAR_SERIES[order], 1 / far) / np.sqrt(2 * np.pi * far)
    if scaled:
        small = small * np.exp(-near)
    else:
        half = np.exp(far / 2)  # exp(far) overflows a little before its product with `large` does
        large = np.where(np.isinf(far), np.inf, large * half * half)
    out = np.where(size <= FAR, small, large)
    return np.copysign(out, x) if order else out
