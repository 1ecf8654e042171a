"""Convolution of tiny images against its plain twin, with padding of any width."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.kernels.plain import conv as plain

pytest.importorskip("numba")
from autograd.kernels.compiled import conv, conv_tiny, jit

TOLERANCE = 1e-5  # of the deviation of the results
WIDTHS = st.sampled_from([32, 48, 112])
SIDES = st.integers(1, 2)
ONES = (1, 1)


def problem(seed, n, size, out_size, first, channels, outputs):
    """Images, filters, a bias and errors, and padding that makes such an output of them."""
    rng = np.random.default_rng(seed)
    draw = [(n, channels, *size), (outputs, channels, 3, 3), (outputs,), (n, outputs, *out_size)]
    padding = tuple((p, o + 2 - i - p) for i, o, p in zip(size, out_size, first, strict=True))
    return [rng.standard_normal(shape, np.float32) for shape in draw], padding


def all_three(family, x, w, b, g, padding):
    return (
        family.forward(x, w, b, ONES, padding, ONES, 1),
        family.input_gradient(g, w, x.shape, ONES, padding, ONES, 1),
        family.weight_gradient(g, x, w.shape, ONES, padding, ONES, 1),
    )


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 9), st.integers(8, 30), st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES),
       st.tuples(*[st.integers(0, 1)] * 2), WIDTHS, WIDTHS)  # fmt: skip
def test_all_three_are_those_of_the_twin(seed, n, size, out_size, first, channels, outputs):
    arrays, padding = problem(seed, n, size, out_size, first, channels, outputs)
    x, w, _, _ = arrays
    assert conv_tiny.suits(x.dtype, x.shape, w.shape, out_size, ONES, ONES, 1)
    wanted = all_three(plain, *(a.astype("d") for a in arrays), padding)
    got = all_three(conv, *arrays, padding)
    for a, b in zip(got, wanted, strict=True):
        assert a.shape == b.shape
        assert abs(a - b).max() <= TOLERANCE * np.sqrt((b**2).mean())


SQUARE = 21, (2, 2), (2, 2), (1, 1), 64, 48


def test_what_sees_no_pixel_is_the_bias():
    x, w, b = np.ones((9, 1, 1, 32), "f"), np.ones((32, 32, 3, 3), "f"), np.arange(32, dtype="f")
    out = np.full((9, 2, 1, 32), np.nan, "f")
    conv_tiny.forward(x, w, out, b, (-3, 0))
    assert (out[:, 0] == b).all() and (out[:, 1] == 32 + b).all()
    dw = conv_tiny.weight_gradient(np.ones((9, 1, 1, 32), "f"), x, (-2, -1))
    assert (dw[:, :, 2, 1] == 9).all() and dw.sum() == 9 * 32 * 32


def test_relu():
    arrays, padding = problem(0, *SQUARE)
    settings = ONES, padding, ONES, 1
    out, relu = (conv.forward(*arrays[:3], *settings, relu=relu) for relu in (False, True))
    assert np.array_equal(relu, np.maximum(out, 0))


@pytest.mark.skipif(jit.numba.config.NUMBA_NUM_THREADS < 2, reason="needs two cores")
def test_threads_do_not_change_a_bit():
    arrays, padding = problem(0, *SQUARE)
    before, results = jit.get_num_threads(), []
    try:
        for threads in (1, 2):
            jit.set_num_threads(threads)
            results.append(all_three(conv, *arrays, padding))
    finally:
        jit.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_reaches_what_sees_it(value):
    arrays, padding = problem(0, *SQUARE)
    arrays[0][3, 5, 0, 1] = value
    with np.errstate(invalid="ignore"):
        wanted = all_three(plain, *arrays, padding)
    for a, b in zip(all_three(conv, *arrays, padding), wanted, strict=True):
        assert np.array_equal(np.isfinite(a), np.isfinite(b))
