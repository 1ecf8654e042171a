"""The quasi-Newton step: the direction of L-BFGS, and where along a line a cubic is lowest."""

from __future__ import annotations

import numpy as np


def direction(gradient, changes, steps, inverses, scale):
    """Minus the inverse Hessian times the gradient, without either matrix.

    The two-loop recursion (Nocedal 1980): `changes` of the gradient along past `steps`, oldest
    first, `inverses` of their inner products, and `scale`, the inverse Hessian to start from.
    """
    q = -gradient
    weights = []
    for y, s, inverse in zip(changes[::-1], steps[::-1], inverses[::-1], strict=True):
        weight = float(s.dot(q)) * inverse
        weights.append(weight)
        q -= weight * y
    q *= scale
    for y, s, inverse, weight in zip(changes, steps, inverses, weights[::-1], strict=True):
        q += (weight - float(y.dot(q)) * inverse) * s
    return q


def cubic_minimum(x1, f1, slope1, x2, f2, slope2, bounds=None):
    """Where the cubic through two points with given slopes is lowest within `bounds`.

    The bounds are the two points unless given, and their middle is returned where the cubic has no
    minimum (Nocedal & Wright 2006, formula 3.59).
    """
    low, high = bounds if bounds is not None else (min(x1, x2), max(x1, x2))
    x1, f1, slope1, x2, f2, slope2 = map(np.float64, (x1, f1, slope1, x2, f2, slope2))
    d1 = slope1 + slope2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - slope1 * slope2
    if not square >= 0:
        return (low + high) / 2.0
    if x1 > x2:
        x1, slope1, x2, slope2 = x2, slope2, x1, slope1
    d2 = np.sqrt(square)
    lowest = x2 - (x2 - x1) * ((slope2 + d2 - d1) / (slope2 - slope1 + 2 * d2))
    return float(min(max(lowest, low), high))
