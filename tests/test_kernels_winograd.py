"""Winograd's convolution against its plain twin: shapes, strides, padding, tiles over edges."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.kernels.plain import conv as plain

pytest.importorskip("numba")
from autograd.kernels.compiled import jit, winograd, winograd_plan, winograd_tiles

TOLERANCE = 2e-5  # of the deviation of the results
WIDTHS = st.sampled_from([16, 32, 48, 80])
SIDES = {1: 3, 2: 4}  # of a filter, by the stride
ONES = (1, 1)


def problem(seed, n, size, channels, outputs, padding, stride):
    """Images, filters and errors of float32, the images with channels last."""
    rng, side = np.random.default_rng(seed), SIDES[stride]
    x = rng.standard_normal((n, *size, channels), np.float32)
    w = rng.standard_normal((outputs, channels, side, side), np.float32)
    rows, columns = ((s + sum(p) - side) // stride + 1 for s, p in zip(size, padding, strict=True))
    return x, w, rng.standard_normal((n, rows, columns, outputs), np.float32)


def all_three(x, w, g, padding, stride):
    """The output, and the gradients of input and filters, all with channels second."""
    out, dx = np.full_like(g, np.nan), np.full_like(x, np.nan)
    (top, _), (left, _) = padding
    last, steps = SIDES[stride] - 1, (stride, stride)
    winograd.forward(x, w, out, None, (-top, -left), steps)
    winograd.forward(g, w, dx, None, (top - last, left - last), steps, turned=True)
    dw = winograd.weight_gradient(g, x, (-top, -left), steps)
    return out.transpose(0, 3, 1, 2), dx.transpose(0, 3, 1, 2), dw


def expected(x, w, g, padding, stride):
    x, w, g = (a.astype(np.float64) for a in (x.transpose(0, 3, 1, 2), w, g.transpose(0, 3, 1, 2)))
    keywords = (stride, stride), padding, ONES, 1
    return (
        plain.forward(x, w, None, *keywords),
        plain.input_gradient(g, w, x.shape, *keywords),
        plain.weight_gradient(g, x, w.shape, *keywords),
    )


def close(got, wanted):
    return all(
        abs(a - b).max() <= TOLERANCE * np.sqrt((b**2).mean())
        for a, b in zip(got, wanted, strict=True)
    )


@pytest.mark.parametrize("stride", SIDES)
@settings(max_examples=15, deadline=None)
@given(st.integers(0, 9), st.integers(1, 3), st.tuples(*[st.integers(4, 19)] * 2), WIDTHS, WIDTHS,
       st.tuples(*[st.tuples(st.integers(0, 3), st.integers(0, 3))] * 2))  # fmt: skip
def test_all_three_are_those_of_the_twin(stride, seed, n, size, channels, outputs, padding):
    x, w, g = problem(seed, n, size, channels, outputs, padding, stride)
    assert close(all_three(x, w, g, padding, stride), expected(x, w, g, padding, stride))


@given(st.integers(1, 40), st.integers(1, 40))
def test_tiles_cover_each_output_once(rows, columns):
    tiles, covered = winograd_plan.plainly_cut(rows, columns), np.zeros((44, 44), int)
    assert winograd_plan.count_tiles(rows, columns) == tiles[0][0] * tiles[1][0]
    place = getattr(winograd_tiles.place, "py_func", winograd_tiles.place)
    for tile in range(tiles[0][0] * tiles[1][0]):
        image, y, x, lacks = place(tiles, tile)
        assert image == 0
        covered[y : y + 4 - (lacks >= 2), x : x + 4 - (lacks % 3 == 0)] += 1
    assert (covered[:rows, :columns] == 1).all()
    assert not covered[rows + 2 :].any() and not covered[:, columns + 2 :].any()


MANY_BLOCKS = 5, (31, 29), 32, 48, ((1, 1), (1, 1)), 1
MANY_STRIDED = 5, (45, 61), 32, 48, ((1, 2), (1, 1)), 2


@pytest.mark.parametrize("shape", [MANY_BLOCKS, MANY_STRIDED])
def test_many_blocks_of_tiles(shape):
    x, w, g = problem(0, *shape)
    assert close(all_three(x, w, g, *shape[4:]), expected(x, w, g, *shape[4:]))


@pytest.mark.parametrize("shape", [MANY_BLOCKS, MANY_STRIDED])
@pytest.mark.parametrize("limit", ["KEPT_FILTERS", "KEPT_SUMS"])
def test_nothing_kept_from_block_to_block(limit, shape, monkeypatch):
    monkeypatch.setattr(winograd_plan, limit, 0)
    for plan in (winograd_plan.plan, winograd_plan.plan_weights):
        plan.cache_clear()
    test_many_blocks_of_tiles(shape)
    for plan in (winograd_plan.plan, winograd_plan.plan_weights):
        plan.cache_clear()


PADDED = (1, 1), (1, 1)


@pytest.mark.skipif(jit.numba.config.NUMBA_NUM_THREADS < 2, reason="needs two cores")
@pytest.mark.parametrize(
    "shape",
    [MANY_BLOCKS, (2, (7, 7), 96, 80, PADDED, 1), MANY_STRIDED, (2, (14, 14), 64, 128, PADDED, 2)],
)
def test_threads_do_not_change_a_bit(shape):
    arrays, before, results = problem(0, *shape), jit.get_num_threads(), []
    try:
        for threads in (1, 2):
            jit.set_num_threads(threads)
            results.append(all_three(*arrays, *shape[4:]))
    finally:
        jit.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("stride", SIDES)
def test_a_block_of_memory_that_is_not_aligned(stride):
    arrays = problem(0, 2, (9, 9), 32, 32, PADDED, stride)
    moved = []
    for a in arrays:
        shifted = np.empty(a.size + 1, a.dtype)[1:].reshape(a.shape)
        shifted[...] = a
        moved.append(shifted)
    results = (all_three(*a, PADDED, stride) for a in (arrays, moved))
    for one, two in zip(*results, strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("stride", SIDES)
def test_a_nan_reaches_what_sees_it(stride):
    x, w, g = problem(0, 2, (9, 9), 32, 32, PADDED, stride)
    x[0, 4, 4, 3] = np.nan
    out, _, dw = all_three(x, w, g, PADDED, stride)
    wanted, _, wanted_dw = expected(x, w, g, PADDED, stride)
    assert np.isnan(out)[np.isnan(wanted)].all()
    assert np.isnan(dw)[np.isnan(wanted_dw)].all()
    assert not np.isnan(out[1]).any()
