"""The compiled kernels of normalisation against their NumPy twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import draw_array, dtypes, seeds

from autograd.kernels.compiled import jit
from autograd.kernels.compiled import norm as fast
from autograd.kernels.plain import norm as plain

TOLERANCE = {np.float32: 2e-5, np.float64: 1e-12}
sizes = st.integers(1, 9)


@st.composite
def cases(draw):
    """An array of one of the shapes that ops normalise, the axes, and the shape of the weights."""
    n, c, each, h, w = (draw(sizes) for _ in range(5))
    kind = draw(st.sampled_from(("batch", "batch 2d", "group", "layer", "layer 3d")))
    shape, axes, vector = {
        "batch": ((n, c, h, w), (0, 2, 3), (1, c, 1, 1)),
        "batch 2d": ((7 * n, c), (0,), (1, c)),
        "group": ((n, c, each, h, w), (2, 3, 4), (1, c, each, 1, 1)),
        "layer": ((n, h, 5 * c), (2,), (5 * c,)),
        "layer 3d": ((n, c, h, w), (1, 2, 3), (c, h, w)),
    }[kind]
    return shape, axes, vector


def lay(array, layout):
    """An array whose memory lies in another order: channels last, or reversed."""
    if layout == "last" and array.ndim > 3:
        last = np.ascontiguousarray(np.moveaxis(array, (-2, -1), (1, 2)))
        return np.moveaxis(last, (1, 2), (-2, -1))
    return array[::-1] if layout == "reversed" else array


def near(actual, expected, dtype):
    assert actual.dtype == dtype
    assert actual.shape == expected.shape
    scale = max(1.0, float(np.abs(expected).max(initial=0)))
    np.testing.assert_allclose(actual, expected, rtol=0, atol=TOLERANCE[dtype] * scale)


def both(family, g, x, weight, bias, axes):
    out, mean, var = family.forward(x, weight, bias, axes, 0.1)
    needs = (True, weight is not None, bias is not None)
    return out, mean, var, *family.backward(g, x, weight, bias, mean, var, axes, 0.1, needs)


@given(case=cases(), weighted=st.booleans(), layout=st.sampled_from(["plain", "last", "reversed"]),
       dtype=dtypes, seed=seeds)  # fmt: skip
def test_every_norm(case, weighted, layout, dtype, seed):
    shape, axes, vector = case
    x, g = (lay(draw_array(seed + i, shape, dtype), layout) for i in range(2))
    x = x * 2 + 3
    weight, bias = (draw_array(seed + i, vector, dtype) for i in (2, 3))
    if not weighted:
        weight = bias = None
    precise = (None if a is None else a.astype(np.float64) for a in (g, x, weight, bias))
    expected = both(plain, *precise, axes)
    for found, wanted in zip(both(fast, g, x, weight, bias, axes), expected, strict=True):
        assert (found is None) == (wanted is None)
        if found is not None:
            near(found, wanted, dtype)


@pytest.mark.parametrize("layout", ["plain", "last"])
def test_large_means_and_many_rows(layout):
    x = lay(draw_array(1, (8, 16, 40, 40), np.float32) + np.float32(1000), layout)
    _, mean, var = fast.forward(x, None, None, (0, 2, 3), 1e-5)
    _, wanted, variance = plain.forward(x.astype(np.float64), None, None, (0, 2, 3), 1e-5)
    np.testing.assert_allclose(mean, wanted, rtol=2e-7)
    np.testing.assert_allclose(var, variance, rtol=1e-4)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("layout", ["plain", "last"])
def test_not_finite_numbers_spoil_their_channel_alone(value, layout):
    x = draw_array(1, (3, 4, 5, 5), np.float32)
    x[1, 2, 3, 4] = value
    out, _, var = fast.forward(lay(x, layout), None, None, (0, 2, 3), 1e-5)
    bad = np.isnan(out).any(axis=(0, 2, 3))
    assert np.isnan(var).reshape(-1).tolist() == bad.tolist() == [False, False, True, False]


@pytest.mark.parametrize("layout", ["plain", "last"])
@pytest.mark.parametrize("axes", [(0, 2, 3), (1, 2, 3)])
def test_threads_do_not_matter(layout, axes):
    x, g = (lay(draw_array(i, (4, 32, 24, 24), np.float32), layout) for i in range(2))
    weight = draw_array(2, (1, 32, 1, 1) if 0 in axes else (32, 24, 24), np.float32)
    before, results = jit.get_num_threads(), []
    try:
        for count in sorted({1, before}):
            jit.set_num_threads(count)
            found = both(fast, g, x, weight, weight, axes)
            results.append(found + with_relu(fast, g, x, g, weight, weight, axes))
    finally:
        jit.set_num_threads(before)
    for found in zip(*results, strict=True):
        np.testing.assert_array_equal(found[0], found[-1])
        assert found[0].strides == found[-1].strides


# -- with a residual and ReLU ----------------------------------------------------------------------


WITH_RELU = {
    plain: (plain.forward_relu, plain.backward_relu),
    fast: (fast.forward_relu, fast.backward_relu),
}


def with_relu(family, g, x, residual, weight, bias, axes):
    """What `both` gives, with ReLU, after the same with a residual, too, which has no backward."""
    forward, backward = WITH_RELU[family]
    added, *_ = forward(x, residual, weight, bias, axes, 0.1)
    out, mean, var = forward(x, None, weight, bias, axes, 0.1)
    needs = (True, weight is not None, bias is not None)
    slopes = backward(g, x, weight, bias, mean, var, axes, 0.1, needs)
    return added, out, mean, var, *slopes


def composed(g, x, residual, weight, bias, axes):
    """The same, one thing after another."""
    out, mean, var = plain.forward(x, weight, bias, axes, 0.1)
    needs = (True, weight is not None, bias is not None)
    g = np.where(out > 0, g, 0)
    slopes = plain.backward(g, x, weight, bias, mean, var, axes, 0.1, needs)
    return np.maximum(out + residual, 0), np.maximum(out, 0), mean, var, *slopes


@given(case=cases(),
       weighted=st.booleans(), layout=st.sampled_from(["plain", "last", "reversed"]),
       family=st.sampled_from([plain, fast]), dtype=dtypes, seed=seeds)  # fmt: skip
def test_relu_and_residual(case, weighted, layout, family, dtype, seed):
    shape, axes, vector = case
    x, g, residual = (lay(draw_array(seed + i, shape, dtype), layout) for i in range(3))
    weight, bias = (draw_array(seed + i, vector, dtype) for i in (3, 4))
    if not weighted:
        weight = bias = None
    precise = [None if a is None else a.astype(np.float64) for a in (g, x, residual, weight, bias)]
    value, *_ = plain.forward(*precise[1:2], *precise[3:], axes, 0.1)
    g[np.abs(value) < 1e-3] = precise[0][np.abs(value) < 1e-3] = 0  # rounding decides there
    expected = composed(*precise, axes)
    for found, wanted in zip(
        with_relu(family, g, x, residual, weight, bias, axes), expected, strict=True
    ):
        assert (found is None) == (wanted is None)
        if found is not None:
            near(found, wanted, dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layout", ["plain", "last"])
@pytest.mark.parametrize("family", [plain, fast])
def test_errors_pass_where_the_result_is_positive_and_nowhere_else(family, layout, dtype):
    """Backward computes the result again, and must not round otherwise than forward did."""
    steps = np.random.default_rng(0).permuted(np.tile(np.arange(-3, 4), (16, 11, 15)), axis=2)
    x = lay(steps.reshape(16, 11, 15, 7).astype(dtype), layout)  # of mean 0, which a seventh are at
    weight, bias = draw_array(1, (1, 11, 1, 1), dtype), draw_array(2, (1, 11, 1, 1), dtype)
    bias[:, :6] = 0
    noise = draw_array(3, x.shape, dtype)
    for each in (x, x + noise):
        out, mean, var = family.forward_relu(each, None, weight, bias, (0, 2, 3), 1e-5)
        *_, passed = family.backward_relu(
            np.ones_like(x), each, weight, bias, mean, var, (0, 2, 3), 1e-5, (True, True, True)
        )
        np.testing.assert_array_equal(passed, (out > 0).sum((0, 2, 3), keepdims=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("family", [plain, fast])
def test_errors_of_rows_pass_where_the_result_is_positive_and_nowhere_else(family, dtype):
    steps = np.random.default_rng(0).permuted(np.tile(np.arange(-3, 4), (32, 9)), axis=1)
    weight, bias = draw_array(1, (63,), dtype), draw_array(2, (63,), dtype)
    bias[:30] = 0
    for x in (steps.astype(dtype), draw_array(3, (32, 63), dtype)):
        out, mean, var = family.forward_relu(x, None, weight, bias, (1,), 1e-5)
        *_, passed = family.backward_relu(
            np.ones_like(x), x, weight, bias, mean, var, (1,), 1e-5, (True, True, True)
        )
        np.testing.assert_array_equal(passed, (out > 0).sum(0))


@pytest.mark.parametrize("layout", ["plain", "last"])
@pytest.mark.parametrize("family", [plain, fast])
def test_relu_lets_nan_through(family, layout):
    x, residual = (draw_array(i, (3, 4, 5, 5), np.float32) for i in range(2))
    x[1, 2, 3, 4] = residual[0, 0, 0, 0] = np.nan
    arguments = lay(x, layout), None, None, None
    with np.errstate(invalid="ignore"):
        out, mean, var = family.forward_relu(*arguments, (0, 2, 3), 1e-5)
        added, *_ = family.forward_relu(
            lay(x, layout), lay(residual, layout), None, None, (0, 2, 3), 1e-5
        )
        dx, *_ = family.backward_relu(
            np.ones_like(x),
            lay(x, layout),
            None,
            None,
            mean,
            var,
            (0, 2, 3),
            1e-5,
            (True, False, False),
        )
    bad = np.zeros_like(x, bool)
    bad[:, 2] = True
    np.testing.assert_array_equal(np.isnan(out), bad)
    np.testing.assert_array_equal(np.isnan(dx), bad)
    bad[0, 0, 0, 0] = True
    np.testing.assert_array_equal(np.isnan(added), bad)
