"""Activations, elementwise sums, sums of rows, random numbers and taps against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from twins import close, draw_array, dtypes, layouts, seeds

from autograd.kernels.compiled import sums as fast_sums
from autograd.kernels.plain import activation, elementwise, pool, random, sums

CURVES = {  # name -> the function of one number, and what the gradient reads beside g
    "relu": (lambda x: x if x > 0 else 0.0, "y"),
    "leaky_relu": (lambda x: x if x > 0 else 0.25 * x, "x"),
    "elu": (lambda x: x if x > 0 else 1.5 * math.expm1(x), "x"),
    "sigmoid": (lambda x: 1 / (1 + math.exp(-x)), "y"),
    "tanh": (math.tanh, "y"),
    "silu": (lambda x: x / (1 + math.exp(-x)), "x"),
    "gelu": (lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2, "x"),
}
OPTIONS = {"leaky_relu": (0.25,), "elu": (1.5,), "gelu": ("none",)}
CALLS = {
    "relu": (activation.relu, activation.relu_gradient),
    "leaky_relu": (activation.leaky_relu, activation.leaky_relu_gradient),
    "elu": (activation.elu, activation.elu_gradient),
    "sigmoid": (activation.sigmoid, activation.sigmoid_gradient),
    "tanh": (activation.tanh, activation.tanh_gradient),
    "silu": (activation.silu, activation.silu_gradient),
    "gelu": (activation.gelu, activation.gelu_gradient),
}


@pytest.mark.parametrize("name", CURVES)
@given(dtypes, layouts, seeds)
def test_activations(name, dtype, layout, seed):
    curve, reads = CURVES[name]
    forward, gradient = CALLS[name]
    x, g = draw_array(seed, (3, 4), dtype, layout), draw_array(seed + 1, (3, 4), dtype, layout)
    expected = np.vectorize(curve)(x.astype(np.float64))
    out = forward(x, *OPTIONS.get(name, ()))
    close(out, expected, dtype)
    step = 1e-6
    wide = np.where(np.abs(x) < 1e-3, 0.5, x.astype(np.float64))  # not at a kink
    slopes = (np.vectorize(curve)(wide + step) - np.vectorize(curve)(wide - step)) / (2 * step)
    at = np.vectorize(curve)(wide) if reads == "y" else wide
    found = gradient(g, at.astype(dtype), *OPTIONS.get(name, ()))
    np.testing.assert_allclose(
        found, g * slopes, rtol=1e-3, atol=1e-3 if dtype == np.float32 else 1e-7
    )


@given(dtypes, layouts, seeds)
def test_sums_differences_and_products(dtype, layout, seed):
    x, y = draw_array(seed, (2, 3), dtype, layout), draw_array(seed + 1, (2, 3), dtype) + 5
    for function, sign in (
        (elementwise.add, float.__add__), (elementwise.sub, float.__sub__),
        (elementwise.mul, float.__mul__),
    ):  # fmt: skip
        expected = [[sign(float(a), float(b)) for a, b in zip(*r, strict=True)]
                    for r in zip(x, y, strict=True)]  # fmt: skip
        close(function(x, y), np.array(expected), dtype)


@given(dtypes, seeds)
def test_accumulation(dtype, seed):
    total, x = draw_array(seed, (2, 3), dtype), draw_array(seed + 1, (2, 3), dtype)
    expected = [[float(a) + float(b) for a, b in zip(*r, strict=True)]
                for r in zip(total, x, strict=True)]  # fmt: skip
    elementwise.accumulate(total, x)
    close(total, np.array(expected), dtype)


@given(seeds)
def test_random_numbers_are_words_as_fractions(seed):
    words = [int(w) for w in random.words(seed, 16, 100)]
    assert random.uniform(seed, 16, (100,), np.float32).tolist() == [
        (w >> 8) / 2**24 for w in words
    ]
    fine = random.uniform(seed, 16, (100,), np.float64)
    assert ((fine >= 0) & (fine < 1)).all()
    mask = random.keep_mask(seed, 16, (10, 10), 0.25)
    assert mask.ravel().tolist() == [w >= 2**30 for w in words]


@given(dtypes, seeds)
def test_sums_of_rows(dtype, seed):
    rng = np.random.default_rng(seed)
    x = draw_array(seed, (int(rng.integers(1, 400)), int(rng.integers(1, 40))), dtype)
    expected = np.array([math.fsum(column) for column in x.T.astype(float)])
    np.testing.assert_allclose(sums.sum_rows(x), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(fast_sums.sum_rows(x), expected, rtol=1e-4, atol=1e-4)
    if dtype == np.float64:
        np.testing.assert_allclose(fast_sums.sum_rows(x), expected, rtol=1e-11, atol=1e-11)


def test_sums_of_no_rows():
    assert fast_sums.sum_rows(np.empty((0, 3))).tolist() == [0, 0, 0]
    assert np.isnan(fast_sums.sum_rows(np.array([[np.nan, 1.0]] * 9))).tolist() == [True, False]


@given(dtypes, seeds)
def test_taps_of_largest_elements(dtype, seed):
    x, settings = draw_array(seed, (2, 5, 6), dtype), ((2, 3), (2, 1), (1, 1), (1, 2), (3, 4))
    best, taps = pool.max_taps(x, *settings)
    index = pool.tap_index(taps, (5, 6), *settings)
    g = draw_array(seed + 1, best.shape, dtype)
    spread = np.zeros(x.shape)
    for n, i, j in np.ndindex(*best.shape):
        places = [
            (2 * i - 1 + a, j - 1 + 2 * b) for a in range(2) for b in range(3)
            if 0 <= 2 * i - 1 + a < 5 and 0 <= j - 1 + 2 * b < 6
        ]  # fmt: skip
        row, column = max(places, key=lambda place: x[n, *place])
        assert best[n, i, j] == x[n, row, column]
        assert index[n, i, j] == row * 6 + column
        spread[n, row, column] += g[n, i, j]
    close(pool.spread_taps(g, taps, (5, 6), *settings), spread, dtype)
