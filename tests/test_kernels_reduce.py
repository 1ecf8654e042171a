"""Softmax, scans, scattering, products and masks against twins of plain loops."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import close, draw_array, dtypes, layouts, seeds, slope

from autograd.kernels.plain import activation, gemm, scan, scatter, softmax

shapes = st.lists(st.integers(1, 3), min_size=1, max_size=3).map(tuple)


def rows(shape, axis):
    """The index of every row along an axis."""
    for place in np.ndindex(*(n for i, n in enumerate(shape) if i != axis % len(shape))):
        yield (*place[: axis % len(shape)], slice(None), *place[axis % len(shape) :])


# -- softmax ---------------------------------------------------------------------------------------


def plain_softmax(x, axis):
    out = np.empty(x.shape)
    for row in rows(x.shape, axis):
        powers = [math.exp(value) for value in x[row]]
        out[row] = [power / sum(powers) for power in powers]
    return out


@given(st.data(), shapes, dtypes, layouts, seeds)
def test_softmax_and_its_logarithm(data, shape, dtype, layout, seed):
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    x, g = draw_array(seed, shape, dtype, layout), draw_array(seed + 1, shape, dtype, layout)
    out = plain_softmax(x, axis)
    close(softmax.softmax(x, axis), out, dtype)
    close(softmax.log_softmax(x, axis), np.log(out), dtype)
    # Shifted far away nothing overflows, and nothing changes.
    close(softmax.softmax(np.round(x) + 5000, axis), plain_softmax(np.round(x), axis), dtype)
    wide = [a.astype(np.float64) for a in (x, g)]
    for gradient, forward, log in (
        (softmax.softmax_gradient, plain_softmax, False),
        (softmax.log_softmax_gradient, lambda x, axis: np.log(plain_softmax(x, axis)), True),
    ):
        expected = slope(lambda f=forward: (f(wide[0], axis) * wide[1]).sum(), wide[0])
        found = gradient(g, (np.log(out) if log else out).astype(dtype), axis)
        assert found.dtype == dtype
        tolerance = 2e-4 if dtype == np.float32 else 1e-7
        np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


def test_softmax_without_an_answer_is_quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(softmax.softmax(np.full(3, -np.inf), 0)).all()
        assert softmax.log_softmax(np.zeros((2, 0)), 1).shape == (2, 0)


# -- scans -----------------------------------------------------------------------------------------


@given(shapes, dtypes, layouts, seeds)
def test_decayed_sum(shape, dtype, layout, seed):
    x, decay = draw_array(seed, shape, dtype, layout), draw_array(seed + 1, shape, dtype)
    expected = np.empty(shape)
    for row in rows(shape, -1):
        total = 0.0
        for i in reversed(range(shape[-1])):
            total = float(x[row][i]) + (float(decay[row][i]) * total if i < shape[-1] - 1 else 0.0)
            expected[row][i] = total
    before = x.copy()
    close(scan.decayed_sum(x, decay), expected, dtype)
    assert np.array_equal(x, before)


# -- adding and putting by index -------------------------------------------------------------------


@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 6), dtypes, layouts, seeds)
def test_adding_and_putting_at_places(height, width, count, dtype, layout, seed):
    rng = np.random.default_rng(seed)
    index = rng.integers(0, height, count), rng.integers(0, width, count)
    values, start = (
        draw_array(seed, (count,), dtype, layout),
        draw_array(seed, (height, width), dtype),
    )
    total, put, last = np.zeros((height, width)), start.copy(), {}
    for k, place in enumerate(zip(*index, strict=True)):
        total[place] += values[k]
        put[place] = values[k]
        last[place] = k
    close(scatter.sum_at((height, width), index, values), total, dtype)
    added, placed = start.copy(), start.copy()
    scatter.add_at(added, index, values)
    close(added, start + total, dtype)
    scatter.put_at(placed, index, values)
    assert np.array_equal(placed, put)
    stays = scatter.last_writer((height, width), index)
    assert stays.tolist() == [last[p] == k for k, p in enumerate(zip(*index, strict=True))]


@given(dtypes, seeds)
def test_adding_at_slices_and_masks(dtype, seed):
    mask, start = np.random.default_rng(seed).random((3, 2)) < 0.5, draw_array(seed, (3, 2), dtype)
    for index in (mask, np.s_[::2], (slice(None), 1), ..., (None, 0)):
        values, expected = start[index] * 2, start.copy()
        expected[index] += values
        found = start.copy()
        scatter.add_at(found, index, values)
        close(found, expected, dtype)


@pytest.mark.parametrize(
    "index, once",
    [(np.s_[1:], True), (np.array([True, False]), True), ((0, None, ...), True),
     (np.array([0, 0]), False), ((slice(None), np.array([1])), False)],
)  # fmt: skip
def test_which_indices_name_no_place_twice(index, once):
    assert scatter.visits_once(index) is once


# -- products --------------------------------------------------------------------------------------


@given(
    st.sampled_from([((), ()), ((2,), ()), ((), (2,)), ((2,), (2,)), ((2, 1), (3,))]),
    st.tuples(*[st.integers(0, 3)] * 3), dtypes, layouts, seeds,
)  # fmt: skip
def test_matrix_products(stacks, sizes, dtype, layout, seed):
    n, k, m = sizes
    a = draw_array(seed, (*stacks[0], n, k), dtype, layout)
    b = draw_array(seed + 1, (*stacks[1], k, m), dtype, layout)
    stack = np.broadcast_shapes(*stacks)
    expected = np.zeros((*stack, n, m))
    left, right = (np.broadcast_to(x, stack + x.shape[-2:]) for x in (a, b))
    for place in np.ndindex(*stack):
        for i, j, t in np.ndindex(n, m, k):
            expected[(*place, i, j)] += float(left[(*place, i, t)]) * right[(*place, t, j)]
    close(gemm.matmul(a, b), expected, dtype)


@given(st.tuples(*[st.integers(0, 3)] * 3), st.booleans(), dtypes, layouts, seeds)
def test_linear(sizes, biased, dtype, layout, seed):
    n, k, m = sizes
    x, w = draw_array(seed, (n, k), dtype, layout), draw_array(seed + 1, (m, k), dtype, layout)
    bias = draw_array(seed + 2, (m,), dtype)
    expected = np.zeros((n, m)) + (bias if biased else 0)
    for i, j, t in np.ndindex(n, m, k):
        expected[i, j] += float(x[i, t]) * w[j, t]
    close(gemm.linear(x, w, bias if biased else None), expected, dtype)


# -- activations -----------------------------------------------------------------------------------


@given(shapes, dtypes, layouts, seeds)
def test_zeros_where_a_condition_holds(shape, dtype, layout, seed):
    x = draw_array(seed, shape, dtype, layout)
    condition = draw_array(seed + 1, shape, dtype, layout) > 0
    broken = np.where(condition, np.where(x > 0, np.inf, np.nan), x).astype(dtype)
    expected = np.array([0 if c else v for c, v in zip(condition.flat, x.flat, strict=True)])
    close(activation.zero_where(broken, condition), expected.reshape(shape), dtype)


@given(shapes, dtypes, layouts, seeds)
def test_softplus(shape, dtype, layout, seed):
    x = 10 * draw_array(seed, shape, dtype, layout)
    expected = [math.log1p(math.exp(v)) for v in x.ravel().tolist()]
    close(activation.softplus(x), np.reshape(expected, shape), dtype)
    far = np.array([-1e4, 1e4], dtype)
    assert activation.softplus(far).tolist() == [0, 1e4]
