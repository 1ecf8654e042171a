"""The error function and its complement, to the last digits, without a library.

Two polynomials, fitted to 60-digit values at Chebyshev points:

    erf(x) = x P(x^2)                                     for abs(x) <= 1
    erfc(x) = exp(-x^2) Q((x - 3) / (x + 3)) / (1 + 2 x)  for 0.5 <= x <= 28, beyond which it is 0

The second form is that of Shepherd and Laframboise (Mathematics of Computation 36, 1981): divided
by the factors in front, erfc is so smooth that one polynomial covers all of the range.
"""

from __future__ import annotations

import numpy as np

NEAR = (
    1.1283791670955126,
    -0.3761263890318375,
    0.11283791670954882,
    -0.026866170645077334,
    0.005223977624823223,
    -0.0008548326981129666,
    0.00012055331122299266,
    -1.4925595519506043e-05,
    1.6461004480962034e-06,
    -1.6350354461959655e-07,
    1.4660051998394848e-08,
    -1.1373902296430911e-09,
    5.958930743134941e-11,
)

FAR = (
    1.2530080582697296,
    -0.13562110612458134,
    -0.047562294353450205,
    0.12964515870278162,
    -0.11927366341534787,
    0.0683080273431405,
    -0.023770514917462054,
    0.0025293918314464067,
    0.0018886903395084005,
    -0.0007798324276909909,
    -0.00010515960194421676,
    0.00012510029893048709,
    4.9482365248343e-06,
    -2.0104166639857606e-05,
    -7.26480708659259e-07,
    3.480970112035652e-06,
    3.43889161137806e-07,
    -6.288077051934513e-07,
    -1.208542733995633e-07,
    1.108139160694899e-07,
    2.260462213649354e-08,
    -1.505008561876588e-08,
)

LAST = 28.0  # erfc(28) is less than the smallest float64
COARSER = {"d": np.float32, "f": np.float16}  # a dtype whose squares are exact in this one


def erf(x: np.ndarray) -> np.ndarray:
    """Return ``2 / sqrt(pi)`` times the integral of ``exp(-t**2)`` from 0 to `x`."""
    if x.dtype.char not in COARSER:
        return erf(x.astype(np.float32)).astype(x.dtype)
    out = np.asarray(x * _polynomial(NEAR, np.minimum(x * x, 1)))
    far = np.abs(x) > 1
    if far.any():
        beyond = x[far]
        out[far] = np.copysign(1 - _erfc_far(np.abs(beyond)), beyond)
    return out


def erfc(x: np.ndarray) -> np.ndarray:
    """Return ``1 - erf(x)``, accurate also where that difference is tiny."""
    if x.dtype.char not in COARSER:
        return erfc(x.astype(np.float32)).astype(x.dtype)
    out = np.asarray(1 - x * _polynomial(NEAR, np.minimum(x * x, 1)))
    far = np.abs(x) > 0.5
    if far.any():
        beyond = x[far]
        tail = _erfc_far(np.abs(beyond))
        out[far] = np.where(beyond > 0, tail, 2 - tail)
    return out


def _erfc_far(x: np.ndarray) -> np.ndarray:
    x = np.minimum(x, x.dtype.type(LAST))
    # The rounding error of x * x would be magnified by exp: square a coarser number exactly.
    coarse = x.astype(COARSER[x.dtype.char]).astype(x.dtype)
    gauss = np.exp(-coarse * coarse) * np.exp((coarse - x) * (coarse + x))
    return gauss * _polynomial(FAR, (x - 3) / (x + 3)) / (1 + 2 * x)


def _polynomial(coefficients: tuple, x: np.ndarray) -> np.ndarray:
    """Horner's rule, lowest coefficient first."""
    out = np.full_like(x, coefficients[-1])
    for c in reversed(coefficients[:-1]):
        out *= x
        out += c
    return out
