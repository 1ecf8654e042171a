"""The Bessel functions J, Y and K of orders 0 and 1, and Airy's function with its derivative.

Below `NEAR` they are power series (NIST Handbook of Mathematical Functions, 10.2.2, 10.8.1, 10.31.1
and 9.4.1). From there on all of them are one integral, 10.32.9 with ``t = 2 s``::

    K_v(z) = sqrt(2 / z) exp(-z) G(v, z)
    G(v, z) = integral of exp(-u^2) cosh(2 v s) / cosh(s) over u > 0,  where sinh(s) = u / sqrt(2 z)

for z on the positive axis or, as J and Y are the parts of Hankel's function, on the imaginary one
(10.27.8); Airy's function is K of order 1/3 (9.6.2, and 9.2.14 below 0). The integrand is smooth
and even, so that equal steps sum it to the last digit: their error is exp(-2 pi d / STEP) where d,
more than sqrt(NEAR), is how far from the axis the integrand's nearest pole is.
"""

from __future__ import annotations

import math

import numpy as np

from autograd.kernels.plain.bessel import NEAR_SERIES
from autograd.kernels.plain.gamma import EULER
from autograd.kernels.plain.polynomial import in_double, polynomial

NEAR = 2.0
STEP, STEPS = 0.22, 29  # exp(-(STEP * STEPS)**2) is less than the last digit


def _logarithmic_series(order: int) -> tuple[float, ...]:
    """The power series of the second kinds: that of the first, times digamma's mean at k, k + n."""
    harmonic = [math.fsum(1 / k for k in range(1, n + 1)) for n in range(30)]
    return tuple(
        ((harmonic[k] + harmonic[k + order]) / 2 - EULER) * NEAR_SERIES[order][k] for k in range(28)
    )


LOGARITHMIC_SERIES = _logarithmic_series(0), _logarithmic_series(1)


def _integral(order: float, z: np.ndarray) -> np.ndarray:
    """G of the formula above."""
    root = np.sqrt(2 * z)
    total = np.full_like(z, 0.5)
    for k in range(1, STEPS + 1):
        u = STEP * k
        s = np.arcsinh(u / root)
        total = total + math.exp(-u * u) * np.cosh(2 * order * s) / np.cosh(s)
    return STEP * total


def _turned(x: np.ndarray, eighths: int) -> np.ndarray:
    """``exp(i (eighths pi / 4 - x))``; pi is kept apart from x, which may be huge."""
    angle = eighths * math.pi / 4
    return complex(math.cos(angle), math.sin(angle)) * (np.cos(x) - 1j * np.sin(x))


def _either(x: np.ndarray, size: np.ndarray, near, far) -> np.ndarray:
    """``near(x)`` where `size` is below `NEAR`, and ``far(x)`` elsewhere."""
    small = size < NEAR
    out = np.empty_like(x)
    out[small], out[~small] = near(x[small]), far(x[~small])
    return out


# -- J, Y and K -----------------------------------------------------------------------------------


def _near(x, order: int, sign: int):
    """What the functions of the first and of the second kind have in common near 0."""
    square, scale = sign * (x / 2) ** 2, (x / 2) ** order
    first = scale * polynomial(NEAR_SERIES[order], square)
    second = np.log(x / 2) * first - scale * polynomial(LOGARITHMIC_SERIES[order], square)
    return first, second


def _hankel(x, order: int):
    """``J - i Y``, Hankel's function of the second kind; 0 at infinity."""
    wave = 2 / math.pi * np.sqrt(2 / x) * _turned(x, 1 + 2 * order)
    out = wave * _integral(order, 1j * x)
    return np.where(np.isinf(x), 0, out)


def _first(x: np.ndarray, order: int) -> np.ndarray:
    size = np.abs(x)
    return _either(size, size, lambda x: _near(x, order, -1)[0], lambda x: _hankel(x, order).real)


def _second(x: np.ndarray, order: int) -> np.ndarray:
    def near(x):
        return 2 / math.pi * (_near(x, order, -1)[1] - order / x)

    out = _either(x, x, near, lambda x: -_hankel(x, order).imag)
    return np.where(x == 0, -np.inf, out)


def _modified(x: np.ndarray, order: int, scaled: bool) -> np.ndarray:
    def near(x):
        out = order / x - (-1) ** order * _near(x, order, 1)[1]
        return out * np.exp(x) if scaled else out

    def far(x):
        out = np.sqrt(2 / x) * _integral(order, x)
        return out if scaled else out * np.exp(-x)

    return np.where(x == 0, np.inf, _either(x, x, near, far))


@in_double
def j0(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the first kind, of order 0."""
    return _first(x, 0)


@in_double
def j1(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the first kind, of order 1."""
    return np.copysign(1.0, x) * _first(x, 1)


@in_double
def y0(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the second kind, of order 0; nan below 0."""
    return _second(x, 0)


@in_double
def y1(x: np.ndarray) -> np.ndarray:
    """Return the Bessel function of the second kind, of order 1; nan below 0."""
    return _second(x, 1)


@in_double
def k0(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of the second kind, of order 0; nan below 0."""
    return _modified(x, 0, scaled=False)


@in_double
def k0e(x: np.ndarray) -> np.ndarray:
    """Return ``exp(x) * k0(x)``."""
    return _modified(x, 0, scaled=True)


@in_double
def k1(x: np.ndarray) -> np.ndarray:
    """Return the modified Bessel function of the second kind, of order 1; nan below 0."""
    return _modified(x, 1, scaled=False)


@in_double
def k1e(x: np.ndarray) -> np.ndarray:
    """Return ``exp(x) * k1(x)``."""
    return _modified(x, 1, scaled=True)


@in_double
def spherical_j0(x: np.ndarray) -> np.ndarray:
    """Return ``sin(x) / x``: 1 at 0, and 0 at infinity."""
    return np.where(x == 0, 1.0, np.where(np.isinf(x), 0.0, np.sin(x) / x))


# -- Airy -----------------------------------------------------------------------------------------


def _airy_series(power: int) -> tuple[float, ...]:
    """Of ``y'' = x y``, the solution that begins with ``x**power``, 0 or 1: in powers of x^3."""
    terms = [1.0]
    for k in range(1, 20):
        last = 3 * k + power
        terms.append(terms[-1] / (last * (last - 1)))
    return tuple(terms)


AIRY_SERIES = _airy_series(0), _airy_series(1)
AIRY_SLOPES = (  # their derivatives, the first divided by x^2
    tuple(3 * k * term for k, term in enumerate(AIRY_SERIES[0]))[1:],
    tuple((3 * k + 1) * term for k, term in enumerate(AIRY_SERIES[1])),
)
AIRY_START = 3 ** (-2 / 3) / math.gamma(2 / 3), -(3 ** (-1 / 3)) / math.gamma(1 / 3)  # at 0


def _airy(x: np.ndarray, slope: bool) -> np.ndarray:
    """Airy's function or its derivative: integrals that differ in order, factor and phase."""
    order, power, sign, turns = (2 / 3, 0.25, -1, 3) if slope else (1 / 3, -0.25, 1, 1)

    def near(x):
        first, second = (
            polynomial(series, x**3) for series in (AIRY_SLOPES if slope else AIRY_SERIES)
        )
        value, rise = AIRY_START
        return value * x * x * first + rise * second if slope else value * first + rise * x * second

    def far(x):
        out, angle = np.empty_like(x), _angle(x)
        falls = x > 0
        a, b = angle[falls], angle[~falls]
        out[falls] = sign * np.exp(-a) * _integral(order, a)
        out[~falls] = 2 * (_turned(b, turns) * _integral(order, 1j * b)).real
        return np.abs(x) ** power / math.pi * out

    return _either(x, _angle(x), near, far)


def _angle(x):
    return 2 / 3 * np.abs(x) * np.sqrt(np.abs(x))


@in_double
def airy(x: np.ndarray) -> np.ndarray:
    """Return Airy's function Ai; 0 at both infinities."""
    return np.where(np.isinf(x), 0.0, _airy(x, slope=False))


@in_double
def airy_slope(x: np.ndarray) -> np.ndarray:
    """Return the derivative of `airy`."""
    return np.where(x == np.inf, 0.0, _airy(x, slope=True))
