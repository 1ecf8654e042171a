"""Winograd's convolution against its plain twin: shapes, padding, tiles that reach over edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.kernels.plain import conv as plain

pytest.importorskip("numba")
from autograd.kernels.compiled import jit, winograd

TOLERANCE = 2e-5  # of the deviation of the results
WIDTHS = st.sampled_from([16, 32, 48, 80])
ONES = (1, 1)


def problem(seed, n, size, channels, outputs, padding):
    """Images, filters and errors of float32, the images with channels last."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, *size, channels), np.float32)
    w = rng.standard_normal((outputs, channels, 3, 3), np.float32)
    rows, columns = (s + sum(p) - 2 for s, p in zip(size, padding, strict=True))
    return x, w, rng.standard_normal((n, rows, columns, outputs), np.float32)


def all_three(x, w, g, padding):
    """The output, and the gradients of input and filters, all with channels second."""
    out, dx = np.full_like(g, np.nan), np.full_like(x, np.nan)
    (top, _), (left, _) = padding
    winograd.forward(x, w, out, None, (-top, -left))
    winograd.forward(g, w, dx, None, (top - 2, left - 2), turned=True)
    dw = winograd.weight_gradient(g, x, (-top, -left))
    return out.transpose(0, 3, 1, 2), dx.transpose(0, 3, 1, 2), dw


def expected(x, w, g, padding):
    x, w, g = (a.astype(np.float64) for a in (x.transpose(0, 3, 1, 2), w, g.transpose(0, 3, 1, 2)))
    return (
        plain.forward(x, w, None, ONES, padding, ONES, 1),
        plain.input_gradient(g, w, x.shape, ONES, padding, ONES, 1),
        plain.weight_gradient(g, x, w.shape, ONES, padding, ONES, 1),
    )


def close(got, wanted):
    return all(
        abs(a - b).max() <= TOLERANCE * np.sqrt((b**2).mean())
        for a, b in zip(got, wanted, strict=True)
    )


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9), st.integers(1, 3), st.tuples(*[st.integers(3, 14)] * 2), WIDTHS, WIDTHS,
       st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2))  # fmt: skip
def test_all_three_are_those_of_the_twin(seed, n, size, channels, outputs, padding):
    x, w, g = problem(seed, n, size, channels, outputs, padding)
    assert close(all_three(x, w, g, padding), expected(x, w, g, padding))


MANY_BLOCKS = 5, (31, 29), 32, 48, ((1, 1), (1, 1))


def test_many_blocks_of_tiles():
    x, w, g = problem(0, *MANY_BLOCKS)
    assert close(all_three(x, w, g, MANY_BLOCKS[-1]), expected(x, w, g, MANY_BLOCKS[-1]))


@pytest.mark.parametrize("limit", ["KEPT_FILTERS", "KEPT_SUMS"])
def test_nothing_kept_from_block_to_block(limit, monkeypatch):
    monkeypatch.setattr(winograd, limit, 0)
    for plan in (winograd.plan, winograd.plan_weights):
        plan.cache_clear()
    test_many_blocks_of_tiles()
    for plan in (winograd.plan, winograd.plan_weights):
        plan.cache_clear()


@pytest.mark.skipif(jit.numba.config.NUMBA_NUM_THREADS < 2, reason="needs two cores")
@pytest.mark.parametrize("shape", [MANY_BLOCKS, (2, (7, 7), 96, 80, ((1, 1), (1, 1)))])
def test_threads_do_not_change_a_bit(shape):
    arrays, before, results = problem(0, *shape), jit.get_num_threads(), []
    try:
        for threads in (1, 2):
            jit.set_num_threads(threads)
            results.append(all_three(*arrays, shape[-1]))
    finally:
        jit.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert np.array_equal(one, two)


def test_a_block_of_memory_that_is_not_aligned():
    x, w, g = problem(0, 2, (9, 9), 32, 32, ((1, 1), (1, 1)))
    moved = []
    for a in (x, w, g):
        shifted = np.empty(a.size + 1, a.dtype)[1:].reshape(a.shape)
        shifted[...] = a
        moved.append(shifted)
    for one, two in zip(
        *(all_three(*a, ((1, 1), (1, 1))) for a in ((x, w, g), moved)), strict=True
    ):
        assert np.array_equal(one, two)


def test_a_nan_reaches_what_sees_it():
    x, w, g = problem(0, 2, (9, 9), 32, 32, ((1, 1), (1, 1)))
    x[0, 4, 4, 3] = np.nan
    out, _, dw = all_three(x, w, g, ((1, 1), (1, 1)))
    wanted, _, wanted_dw = expected(x, w, g, ((1, 1), (1, 1)))
    assert np.isnan(out)[np.isnan(wanted)].all()
    assert np.isnan(dw)[np.isnan(wanted_dw)].all()
    assert not np.isnan(out[1]).any()
