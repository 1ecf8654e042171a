"""The compiled kernels of pooling against their NumPy twin."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from twins import close, draw_array, dtypes, seeds

from autograd.kernels.compiled import jit, pool_pairs
from autograd.kernels.compiled import pool as fast
from autograd.kernels.plain import pool as plain

layouts = st.sampled_from(["first", "last", "reversed"])


def lay(array, layout):
    """An array whose memory lies in another order."""
    if layout == "last":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(array, 1, -1)), -1, 1)
    return array[::-1] if layout == "reversed" else array


@st.composite
def cases(draw):
    """The shape of images of one to three axes, and windows in them."""
    axes = draw(st.integers(1, 3))
    plane = tuple(draw(st.integers(1, 9)) for _ in range(axes))
    kernel, stride, dilation = (
        tuple(draw(st.integers(1, 3)) for _ in range(axes)) for _ in range(3)
    )
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    size = tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(plane, kernel, stride, padding, dilation, strict=True)
    )
    assume(min(size) > 0)
    channels = draw(st.sampled_from([1, 3, 16, 21, 70]))
    return (draw(st.integers(0, 3)), channels, *plane), (kernel, stride, padding, dilation, size)


@given(case=cases(), layout=layouts, dtype=dtypes, seed=seeds)
def test_largest(case, layout, dtype, seed):
    shape, windows = case
    plane, rng = shape[2:], np.random.default_rng(seed)
    x = rng.integers(-2, 3, shape).astype(dtype)  # with equals
    x[rng.random(shape) < 0.1] = np.nan
    x[rng.random(shape) < 0.1] = -np.inf
    x = lay(x, layout)
    # A dilated window may have no element on the plane: the twin's answer there is not defined.
    assume(all(on for on in plain.window_sum(np.ones(plane, dtype), *windows).reshape(-1)))
    out, taps = fast.max_taps(x, *windows)
    expected, winner = plain.max_taps(x, *windows)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(taps, winner)
    assert (out.dtype, taps.dtype) == (dtype, np.uint8)
    g = lay(rng.normal(size=out.shape).astype(dtype), layout)
    found = fast.spread_taps(g, taps, plane, *windows)
    close(found, plain.spread_taps(g, winner, plane, *windows), dtype)


PAIRS = (2, 2), (2, 2), (0, 0), (1, 1)


@given(
    lead=st.sampled_from([(3,), (2, 5), (0, 4), (1, 2, 3)]),
    plane=st.tuples(*[st.integers(2, 75)] * 2),
    layout=layouts,
    dtype=dtypes,
    seed=seeds,
)
def test_pairs_of_rows_and_columns(lead, plane, layout, dtype, seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(-2, 3, (*lead, *plane)).astype(dtype)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[rng.random(x.shape) < 0.1] = -np.inf
    x = lay(x, layout) if len(lead) == 2 else x
    windows = *PAIRS, (plane[0] // 2, plane[1] // 2)
    out, taps = fast.max_taps(x, *windows)
    expected, winner = plain.max_taps(x, *windows)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(taps, winner)
    g = rng.normal(size=out.shape).astype(dtype)
    g[rng.random(g.shape) < 0.1] = np.nan
    found = fast.spread_taps(g, taps, plane, *windows)
    np.testing.assert_array_equal(found, plain.spread_taps(g, winner, plane, *windows))


def test_pairs_that_reach_beyond_the_plane_or_overlap_are_left_to_others():
    assert pool_pairs.suits((5, 4), *PAIRS, (2, 2))
    assert not pool_pairs.suits((5, 4), *PAIRS, (3, 2))
    assert not pool_pairs.suits((4, 5), *PAIRS, (2, 3))
    assert not pool_pairs.suits((5, 4), (2, 2), (2, 1), (0, 0), (1, 1), (2, 3))
    assert not pool_pairs.suits((4,), (2,), (2,), (0,), (1,), (2,))


def test_pairs_are_the_same_whatever_the_threads():
    x = draw_array(1, (5, 7, 63, 50), np.float32)
    windows, before, results = (*PAIRS, (31, 25)), jit.get_num_threads(), []
    try:
        for count in sorted({1, before}):
            jit.set_num_threads(count)
            out, taps = fast.max_taps(x, *windows)
            results.append((out, taps, fast.spread_taps(out, taps, (63, 50), *windows)))
    finally:
        jit.set_num_threads(before)
    for one, other in zip(results[0], results[-1], strict=True):
        np.testing.assert_array_equal(one, other)


@given(case=cases(), layout=layouts, dtype=dtypes, seed=seeds)
def test_sums_and_their_adjoint(case, layout, dtype, seed):
    shape, windows = case
    x = lay(draw_array(seed, shape, dtype), layout)
    expected = plain.window_sum(x, *windows)
    close(fast.window_sum(x, *windows), expected, dtype)
    g = lay(draw_array(seed, expected.shape, dtype), layout)
    spread = fast.window_spread(g, shape[2:], *windows)
    close(spread, plain.window_spread(g, shape[2:], *windows), dtype)
    shared = fast.window_spread(g, shape[2:], *windows, 3.0)
    close(shared, plain.window_spread(g, shape[2:], *windows, 3.0), dtype)
    of_each = np.random.default_rng(seed).uniform(1, 9, expected.shape[2:]).astype(dtype)
    for divisor in (3.0, of_each):
        close(fast.window_sum(x, *windows, divisor), expected / divisor, dtype)
        close(plain.window_sum(x, *windows, divisor), expected / divisor, dtype)


def test_areas():
    assert plain.areas([[2, 2], [3, 3, 3]], np.float32) == 6.0
    assert type(plain.areas([[2, 2], [3]], np.float32)) is float
    found = plain.areas([[1, 2], [3, 4, 5]], np.float32)
    np.testing.assert_array_equal(found, [[3, 4, 5], [6, 8, 10]])
    assert found.dtype == np.float32
    assert plain.areas([[], [3]], np.float64).shape == (0, 1)


@given(n=st.integers(1, 9), parts=st.integers(1, 9), layout=layouts, dtype=dtypes, seed=seeds)
def test_spans(n, parts, layout, dtype, seed):
    along = [(i * n // parts, -(-(i + 1) * n // parts)) for i in range(parts)]
    x = lay(draw_array(seed, (2, 18, n, n), dtype), layout)
    close(fast.mean_spans(x, along, along), plain.mean_spans(x, along, along), dtype)
    g = lay(draw_array(seed, (2, 18, parts, parts), dtype), layout)
    spread = fast.spread_spans(g, (n, n), along, along)
    close(spread, plain.spread_spans(g, (n, n), along, along), dtype)


def test_layout_is_kept_and_threads_do_not_matter():
    windows = (3, 3), (2, 2), (1, 1), (1, 1), (20, 20)
    before = jit.get_num_threads()
    for layout in ("first", "last"):
        x, g = (
            lay(draw_array(i, (4, 32, n, n), np.float32), layout) for i, n in ((0, 40), (1, 20))
        )
        results = []
        try:
            for count in sorted({1, before}):
                jit.set_num_threads(count)
                out, taps = fast.max_taps(x, *windows)
                found = out, taps, fast.spread_taps(g, taps, (40, 40), *windows)
                results.append((*found, fast.window_spread(g, (40, 40), *windows)))
        finally:
            jit.set_num_threads(before)
        for found in zip(*results, strict=True):
            np.testing.assert_array_equal(found[0], found[-1])
            assert np.moveaxis(found[0], 1, -1 if layout == "last" else 1).flags.c_contiguous


@given(case=cases(), dtype=dtypes, seed=seeds)
def test_planes_in_bands(case, dtype, seed):
    shape, windows = case
    assume(plain.window_sum(np.ones(shape[2:], dtype), *windows).all())
    x, before = draw_array(seed, shape, dtype), fast.TURNED_BYTES
    whole = fast.max_taps(x, *windows), fast.window_sum(x, *windows)
    g = draw_array(seed, whole[1].shape, dtype)
    spread = fast.spread_taps(g, whole[0][1], shape[2:], *windows)
    fast.TURNED_BYTES = 1
    try:
        parts = fast.max_taps(x, *windows), fast.window_sum(x, *windows)
        again = fast.spread_taps(g, whole[0][1], shape[2:], *windows)
    finally:
        fast.TURNED_BYTES = before
    for one, other in zip((*whole[0], whole[1], spread), (*parts[0], parts[1], again), strict=True):
        np.testing.assert_array_equal(one, other)
