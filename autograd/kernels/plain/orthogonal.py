"""Orthogonal polynomials of any degree, and their derivatives, by recurrences over the degree.

All of them obey (NIST Handbook of Mathematical Functions, 18.9.1)

    d p[k+1](x) = (a x + b) p[k](x) - c p[k-1](x),   p[0] = 1,   p[-1] = 0

with numbers a, b, c, d that depend on k; differentiated m times, ``m a`` times the derivative
before adds to the right. Inside (-1, 1) Chebyshev's are also quotients of sines and cosines
(18.5.1 to 18.5.4), which take no longer and lose no digits as the degree grows.
"""

from __future__ import annotations

import numpy as np

from autograd.kernels.plain.polynomial import in_double

STEPS = {  # family -> a, b, c and d of step k; the four of Chebyshev differ in the first alone
    "chebyshev_t": lambda k: (2 if k else 1, 0, 1, 1),
    "chebyshev_u": lambda k: (2, 0, 1, 1),
    "chebyshev_v": lambda k: (2, 0 if k else -1, 1, 1),
    "chebyshev_w": lambda k: (2, 0 if k else 1, 1, 1),
    "hermite_h": lambda k: (2, 0, 2 * k, 1),
    "hermite_he": lambda k: (1, 0, k, 1),
    "laguerre_l": lambda k: (-1, 2 * k + 1, k, k + 1),
    "legendre_p": lambda k: (2 * k + 1, 0, k, k + 1),
}
BY_ANGLE = {
    "chebyshev_t": lambda n, angle: np.cos(n * angle),
    "chebyshev_u": lambda n, angle: np.sin((n + 1) * angle) / np.sin(angle),
    "chebyshev_v": lambda n, angle: np.cos((n + 0.5) * angle) / np.cos(angle / 2),
    "chebyshev_w": lambda n, angle: np.sin((n + 0.5) * angle) / np.sin(angle / 2),
}
FEW = 6  # up to this degree the recurrence is as fast, and exact for whole numbers
SHIFTED = "shifted_"


def polynomial(x: np.ndarray, n: np.ndarray, family: str, derivative: int = 0) -> np.ndarray:
    """Return the polynomials of degrees `n`, rounded towards 0, at `x`, or a derivative of them.

    `family` is a key of `STEPS`; with "shifted_" before it, the argument is ``2 x - 1``. Degrees
    below 0 have the polynomial 0; one that is no finite number, nan.
    """
    shifted, family = family.startswith(SHIFTED), family.removeprefix(SHIFTED)

    def compute(x, n):
        degree = np.where(np.isfinite(n), np.trunc(n), np.nan)
        if shifted:
            return 2.0**derivative * _value(2 * x - 1, degree, family, derivative)
        return _value(x, degree, family, derivative)

    return in_double(compute)(x, n)


def _value(x, degree, family, derivative):
    if family not in BY_ANGLE or derivative:
        return _by_recurrence(x, degree, family, derivative)
    by_angle = (degree > FEW) & (np.abs(x) < 1)
    out = _by_recurrence(x, np.where(by_angle, 0, degree), family, derivative)
    out[by_angle] = BY_ANGLE[family](degree[by_angle], np.arccos(x[by_angle]))
    return out


def _by_recurrence(x, degree, family, derivative):
    # Row m of these holds the derivatives of order m.
    before, now = np.zeros((2, derivative + 1, *x.shape))
    now[0] = 1
    orders = np.arange(1, derivative + 1).reshape(-1, *(1,) * x.ndim)
    out = np.where(np.isnan(degree), np.nan, np.where(degree == 0, now[derivative], 0.0))
    for k in range(int(np.fmax.reduce(degree, axis=None, initial=0))):
        a, b, c, d = STEPS[family](k)
        after = (a * x + b) * now - c * before
        after[1:] += a * orders * now[:-1]
        before, now = now, after / d
        out = np.where(degree == k + 1, now[derivative], out)
    return out
