"""The kernels of the quasi-Newton step against the matrix, and the cubic, that they stand for."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import seeds

from autograd.kernels.plain import step_newton


@given(st.integers(1, 4), st.integers(0, 3), seeds)
def test_direction_of_lbfgs(size, past, seed):
    """The two loops are a product with the matrix that BFGS builds (Nocedal & Wright, 6.17)."""
    rng = np.random.default_rng(seed)
    gradient, scale = rng.normal(size=size), 0.7
    steps = list(rng.normal(size=(past, size)))
    curved = np.diag(rng.uniform(0.5, 2, size))  # of a convex function, so that s . y > 0
    changes = [curved @ s for s in steps]
    inverses = [1 / float(y @ s) for y, s in zip(changes, steps, strict=True)]
    h = scale * np.eye(size)
    for s, y, rho in zip(steps, changes, inverses, strict=True):
        v = np.eye(size) - rho * np.outer(y, s)
        h = v.T @ h @ v + rho * np.outer(s, s)
    found = step_newton.direction(gradient, changes, steps, inverses, scale)
    np.testing.assert_allclose(found, -h @ gradient, rtol=1e-9, atol=1e-9)


@given(seeds)
def test_lowest_point_of_a_cubic(seed):
    a, b, c, d, x1, apart = np.random.default_rng(seed).uniform(0.5, 2, 6).tolist()
    a, c, x1 = a * (-1) ** (seed % 2), c - 1.25, x1 - 2
    x2 = x1 + apart

    def f(x):
        return ((a * x + b) * x + c) * x + d

    def rise(x):
        return (3 * a * x + 2 * b) * x + c

    # Where the slope is 0 and grows, or else in the middle; never beyond the two points.
    square = b * b - 3 * a * c
    lowest = (-b + math.sqrt(square)) / (3 * a) if square >= 0 else (x1 + x2) / 2
    expected = pytest.approx(min(max(lowest, x1), x2), abs=1e-6)
    assert step_newton.cubic_minimum(x1, f(x1), rise(x1), x2, f(x2), rise(x2)) == expected
    assert step_newton.cubic_minimum(x2, f(x2), rise(x2), x1, f(x1), rise(x1)) == expected


def test_a_cubic_within_bounds():
    # x**3 - 3 x is lowest at 1.
    ends = (-0.5, 1.375, -2.25, 2.0, 2.0, 9.0)
    for bounds, lowest in ((None, 1.0), ((1.5, 2.0), 1.5), ((-0.5, 0.5), 0.5)):
        assert step_newton.cubic_minimum(*ends, bounds) == pytest.approx(lowest)
