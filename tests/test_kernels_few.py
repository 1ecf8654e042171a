"""Convolutions of few channels, whose vectors lie across images, against their NumPy twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from twins import seeds

from autograd.kernels.compiled import conv_few, conv_few_weight, few_plan, jit, sums
from autograd.kernels.plain import conv as plain
from autograd.kernels.plain import sums as plain_sums

TOLERANCE = {"f": 2e-5, "d": 1e-12}  # of the largest number of the result


@st.composite
def problems(draw):
    """The sizes of images and filters, and the settings; planes of a vector's lanes at least."""
    kernel, stride, dilation = ([draw(st.integers(1, m)) for _ in range(2)] for m in (5, 3, 2))
    padding = [[draw(st.integers(0, 2)) for _ in range(2)] for _ in range(2)]
    plane = [draw(st.integers(4, 15)) for _ in range(2)]
    size = [
        (n + sum(p) - d * (k - 1) - 1) // s + 1
        for n, p, d, k, s in zip(plane, padding, dilation, kernel, stride, strict=True)
    ]
    assume(min(size) > 0 and np.prod(size) >= 16 and np.prod(plane) >= 16)
    n, given_, made = (draw(st.integers(1, most)) for most in (70, 5, 16))
    return (n, given_, *plane), (made, given_, *kernel), size, (stride, padding, dilation)


def draw_arrays(problem, dtype, seed=0):
    x_shape, w_shape, size, _ = problem
    rng = np.random.default_rng(seed)
    shapes = x_shape, w_shape, (w_shape[0],), (x_shape[0], w_shape[0], *size)
    return [rng.normal(size=shape).astype(dtype) for shape in shapes]


def all_three(x, w, bias, g, settings):
    """The output, and the gradients of input and weight."""
    return [
        conv_few.forward(x, w, bias, g.shape[2:], *settings),
        conv_few.input_gradient(g, w, x.shape, *settings),
        conv_few_weight.gradient(g, x, w.shape, *settings),
    ]


@settings(max_examples=40, deadline=None)
@given(problem=problems(), dtype=st.sampled_from("fd"), last=st.booleans(), seed=seeds)
def test_all_passes(problem, dtype, last, seed):
    x, w, bias, g = draw_arrays(problem, dtype, seed)
    ways = *problem[3], 1
    expected = [
        plain.forward(x, w, bias, *ways),
        plain.input_gradient(g, w, x.shape, *ways),
        plain.weight_gradient(g, x, w.shape, *ways),
    ]
    if last:
        x, g = (np.moveaxis(np.moveaxis(a, 1, -1).copy(), -1, 1) for a in (x, g))
        w = w[:, :, ::-1].copy()[:, :, ::-1]
    for found, right in zip(all_three(x, w, bias, g, problem[3]), expected, strict=True):
        assert found.dtype == right.dtype and found.shape == right.shape
        assert found.flags.c_contiguous
        assert abs(found - right).max() <= TOLERANCE[dtype] * (1 + abs(right).max())


LENET = (64, 6, 14, 14), (16, 6, 5, 5), [10, 10], ([1, 1], [[0, 0], [0, 0]], [1, 1])
PADDED = (33, 3, 15, 9), (7, 3, 4, 3), [8, 5], ([2, 2], [[1, 2], [1, 1]], [1, 1])


@pytest.mark.skipif(jit.numba.config.NUMBA_NUM_THREADS < 2, reason="needs two cores")
@pytest.mark.parametrize("problem", [LENET, PADDED])
def test_threads_do_not_change_a_bit(problem, monkeypatch):
    monkeypatch.setattr(jit, "PARALLEL_FROM", 0)
    arrays, before, results = draw_arrays(problem, "f"), jit.get_num_threads(), []
    try:
        for threads in (1, 2):
            jit.set_num_threads(threads)
            results.append(all_three(*arrays, problem[3]))
    finally:
        jit.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays_in_its_image(value):
    x, w, bias, g = draw_arrays(PADDED, "f")
    x[17, 1, 3, 3] = value
    out = conv_few.forward(x, w, bias, g.shape[2:], *PADDED[3])
    with np.errstate(invalid="ignore"):
        expected = plain.forward(x, w, bias, *PADDED[3], 1)
    assert np.array_equal(np.isfinite(out), np.isfinite(expected))
    assert not np.isfinite(conv_few_weight.gradient(g, x, w.shape, *PADDED[3])[:, 1]).all()


def test_relu_and_no_bias():
    x, w, bias, g = draw_arrays(PADDED, "f")
    out = conv_few.forward(x, w, bias, g.shape[2:], *PADDED[3])
    relu = conv_few.forward(x, w, bias, g.shape[2:], *PADDED[3], relu=True)
    assert np.array_equal(relu, np.maximum(out, 0))
    bare = conv_few.forward(x, w, None, g.shape[2:], *PADDED[3])
    np.testing.assert_allclose(bare + bias[:, None, None], out, rtol=1e-4, atol=1e-4)


def test_what_suits():
    assert conv_few.suits(np.dtype("f"), (64, 1, 28, 28), (64, 6, 28, 28), 1)
    assert not conv_few.suits(np.dtype("f"), (64, 1, 28, 28), (64, 64, 28, 28), 1)
    assert not conv_few.suits(np.dtype("f"), (1, 1, 28, 28), (1, 6, 28, 28), 1)
    assert not conv_few.suits(np.dtype("f"), (64, 3, 224, 224), (64, 8, 224, 224), 1)
    assert not conv_few.suits(np.dtype("f"), (0, 1, 28, 28), (0, 6, 28, 28), 1)


@given(st.integers(1, 40))
def test_pieces_add_up(count):
    found = few_plan.pieces(count, (1, 3, 4))
    ends = found.sum(axis=1)
    assert found[0, 0] == 0 and ends[-1] == count and np.array_equal(found[1:, 0], ends[:-1])


@settings(deadline=None)
@given(st.tuples(*[st.integers(0, 9)] * 4), st.sampled_from("fd"), seeds)
def test_sums_of_planes(shape, dtype, seed):
    x = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    np.testing.assert_allclose(
        sums.sum_planes(x), plain_sums.sum_planes(x), atol=1e4 * np.finfo(dtype).eps
    )
