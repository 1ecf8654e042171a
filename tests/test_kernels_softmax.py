"""The compiled kernels of softmax and of cross entropy against their NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import draw_array, dtypes, layouts, seeds

from autograd.kernels.compiled import jit
from autograd.kernels.compiled import loss as fast_loss
from autograd.kernels.compiled import softmax as fast
from autograd.kernels.plain import loss as plain_loss
from autograd.kernels.plain import softmax as plain

TOLERANCE = {np.float32: 1e-5, np.float64: 1e-12}
shapes = st.lists(st.integers(0, 40), min_size=1, max_size=3).map(tuple)
NAMES = ["softmax", "log_softmax"]


def near(actual, expected, dtype):
    assert actual.dtype == dtype
    assert actual.shape == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


@given(shape=shapes, axis=st.integers(0, 2), layout=layouts, name=st.sampled_from(NAMES),
       dtype=dtypes, seed=seeds)  # fmt: skip
def test_softmax(shape, axis, layout, name, dtype, seed):
    axis %= len(shape)
    x, g = (draw_array(seed + i, shape, dtype, layout) for i in range(2))
    out = getattr(plain, name)(x, axis)
    near(getattr(fast, name)(x, axis), out, dtype)
    gradient = getattr(plain, f"{name}_gradient")(g, out, axis)
    near(getattr(fast, f"{name}_gradient")(g, out, axis), gradient, dtype)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", [0, 1])
def test_infinite_scores(name, axis):
    x = draw_array(1, (40, 40), np.float32)
    x[3, 4], x[:, 7], x[8], x[20, 20], x[30, 30] = -np.inf, -np.inf, -np.inf, np.inf, np.nan
    near(getattr(fast, name)(x, axis), getattr(plain, name)(x, axis), np.float32)


def test_a_single_number():
    assert fast.softmax(np.array(3.0), None).shape == ()


@given(shape=st.sampled_from([(1, 1), (5,), (40, 3), (17, 70), (2, 6, 3, 4)]),
       weighted=st.booleans(), smoothing=st.sampled_from([0.0, 0.25]),
       reduction=st.sampled_from(["mean", "sum", "none"]), layout=layouts, dtype=dtypes,
       seed=seeds)  # fmt: skip
def test_cross_entropy(shape, weighted, smoothing, reduction, layout, dtype, seed):
    scores, rng = draw_array(seed, shape, dtype, layout), np.random.default_rng(seed)
    classes = shape[min(len(shape) - 1, 1)]
    target = np.asarray(rng.integers(0, classes, shape[:1] + shape[2:] if len(shape) > 1 else ()))
    if target.size > 2:
        target.reshape(-1)[1] = -100
    weight = rng.uniform(0.5, 2, classes).astype(dtype) if weighted else None
    options = weight, -100, reduction, smoothing
    found = fast_loss.cross_entropy(scores, target, *options)
    expected = plain_loss.cross_entropy(scores, target, *options)
    for a, b in zip(found, expected, strict=True):
        near(a, b, dtype)
    g = np.asarray(rng.normal(size=np.shape(expected[0])), dtype)
    gradient = plain_loss.cross_entropy_gradient(g, scores, target, *expected[1:], *options)
    near(fast_loss.cross_entropy_gradient(g, scores, target, *found[1:], *options), gradient, dtype)


def test_threads_do_not_matter():
    x = draw_array(1, (300, 200), np.float32)
    target = np.arange(300) % 200
    before, results = jit.get_num_threads(), []
    try:
        for count in sorted({1, before}):
            jit.set_num_threads(count)
            losses = fast_loss.cross_entropy(x, target, None, -100, "mean", 0.0)
            results.append((*losses, fast.softmax(x, 1), fast.log_softmax(x, 0)))
    finally:
        jit.set_num_threads(before)
    for found in zip(*results, strict=True):
        np.testing.assert_array_equal(found[0], found[-1])
