"""Kernels over any number of axes against twins of plain loops; images are in test_kernels.py."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import close, draw_array, dtypes, seeds

from autograd.kernels.plain import conv, pool, resample


@st.composite
def geometries(draw):
    """The space, kernel, stride, padding and dilation of one to three axes."""
    rows = []
    for _ in range(draw(st.integers(1, 3))):
        kernel, dilation = draw(st.integers(1, 3)), draw(st.integers(1, 2))
        padding = draw(st.integers(0, 1)), draw(st.integers(0, 1))
        least = max(1, dilation * (kernel - 1) + 1 - sum(padding))
        size = draw(st.integers(least, least + 2))
        rows.append((size, kernel, draw(st.integers(1, 2)), padding, dilation))
    return tuple(zip(*rows, strict=True))


def meetings(space, kernel, stride, padding, dilation, size):
    """Every (window, tap, element) that meet, element by element of the output."""
    for window in np.ndindex(*size):
        for tap in np.ndindex(*kernel):
            element = tuple(
                w * s - p[0] + t * d
                for w, s, p, t, d in zip(window, stride, padding, tap, dilation, strict=True)
            )
            if all(0 <= e < n for e, n in zip(element, space, strict=True)):
                yield window, tap, element


@given(geometries(), seeds, dtypes, st.integers(1, 2))
def test_convolution_and_its_gradients(geometry, seed, dtype, groups):
    space, kernel, *settings = geometry
    size = conv.output_size(space, kernel, *settings)
    x = draw_array(seed, (2, groups, *space), dtype)
    w = draw_array(seed + 1, (2 * groups, 1, *kernel), dtype)
    g = draw_array(seed + 2, (2, 2 * groups, *size), dtype)
    out, dx, dw = np.zeros(g.shape), np.zeros(x.shape), np.zeros(w.shape)
    for (window, tap, element), o in itertools.product(
        meetings(space, kernel, *settings, size), range(2 * groups)
    ):
        c = o // 2
        out[:, o, *window] += x[:, c, *element] * w[o, 0, *tap]
        dx[:, c, *element] += g[:, o, *window] * w[o, 0, *tap]
        dw[o, 0, *tap] += (x[:, c, *element].astype(np.float64) * g[:, o, *window]).sum()
    close(conv.forward(x, w, None, *settings, groups), out, dtype)
    close(conv.input_gradient(g, w, x.shape, *settings, groups), dx, dtype)
    close(conv.weight_gradient(g, x, w.shape, *settings, groups), dw, dtype)


@given(geometries(), seeds, dtypes)
def test_windows_as_columns_and_back(geometry, seed, dtype):
    space, kernel, *settings = geometry
    size = conv.output_size(space, kernel, *settings)
    x = draw_array(seed, (2, 2, *space), dtype)
    columns = np.zeros((2, 2, *kernel, *size))
    g = draw_array(seed + 1, columns.shape, dtype)
    back = np.zeros(x.shape)
    for window, tap, element in meetings(space, kernel, *settings, size):
        columns[:, :, *tap, *window] = x[:, :, *element]
        back[:, :, *element] += g[:, :, *tap, *window]
    flat = (2, 2 * np.prod(kernel), np.prod(size))
    close(conv.copy_windows(x, kernel, *settings), columns.reshape(flat), dtype)
    close(conv.sum_windows(g.reshape(flat), x.shape, kernel, *settings), back, dtype)
    stride, padding, dilation = settings
    padded = np.zeros((2, 2, *(n + sum(p) for n, p in zip(space, padding, strict=True))), dtype)
    conv.spread_windows(padded, g, stride, dilation)  # `sum_windows`, the padding not cut off
    inside = (slice(before, before + n) for n, (before, _) in zip(space, padding, strict=True))
    close(padded[:, :, *inside], back, dtype)


@pytest.mark.parametrize("axes", [1, 3])
@given(seed=seeds)
def test_pooling_of_signals_and_volumes(axes, seed):
    space, kernel, stride = (6, 4, 3)[:axes], (3, 2, 1)[:axes], (2, 1, 2)[:axes]
    padding, dilation = (1, 1, 0)[:axes], (1, 2, 1)[:axes]
    pads = tuple((p, p) for p in padding)
    size = conv.output_size(space, kernel, stride, pads, dilation)
    windows = kernel, stride, padding, dilation, size
    x = draw_array(seed, (2, *space), np.float64)
    g = draw_array(seed + 1, (2, *size), np.float64)
    best, total = np.full(g.shape, -np.inf), np.zeros(g.shape)
    spread = np.zeros(x.shape)
    for window, _, element in meetings(space, kernel, stride, pads, dilation, size):
        best[:, *window] = np.maximum(best[:, *window], x[:, *element])
        total[:, *window] += x[:, *element]
        spread[:, *element] += g[:, *window]
    found, index = pool.max_forward(x, *windows)
    assert np.array_equal(found, best)
    assert np.array_equal(pool.gather(x, index, axes), best)
    close(pool.window_sum(x, *windows), total, np.float64)
    close(pool.window_spread(g, space, *windows), spread, np.float64)


@given(seeds, dtypes, st.integers(1, 5), st.integers(1, 6), st.integers(1, 3))
def test_resampling_and_its_adjoint(seed, dtype, n, m, taps):
    rng = np.random.default_rng(seed)
    x, g = draw_array(seed, (2, n, 3), dtype), draw_array(seed + 1, (2, m, 3), dtype)
    places = rng.integers(0, n, (m, taps))
    weights = rng.normal(size=(m, taps)) if taps > 1 else np.ones((m, 1))
    out, back = np.zeros(g.shape), np.zeros(x.shape)
    for i, t in np.ndindex(m, taps):
        out[:, i] += weights[i, t] * x[:, places[i, t]]
        back[:, places[i, t]] += weights[i, t] * g[:, i]
    close(resample.forward(x, places, weights, 1), out, dtype)
    close(resample.adjoint(g, places, weights, -2, n), back, dtype)


@given(seeds)
def test_windows_that_start_anywhere(seed):
    rng = np.random.default_rng(seed)
    x, kernel = rng.normal(size=(2, 3, 5, 6)), (2, 3)
    starts = [rng.integers(0, 4, (2, 3, 2)), rng.integers(0, 4, (2, 3, 4))]
    best, index = pool.max_at(x, starts, kernel)
    for n, c, i, j in np.ndindex(*best.shape):
        top, left = starts[0][n, c, i], starts[1][n, c, j]
        assert best[n, c, i, j] == x[n, c, top : top + 2, left : left + 3].max()
    assert np.array_equal(pool.gather(x, index), best)


def test_the_last_value_put_in_a_place_stays():
    values, index = np.array([[[1.0, 2.0, 3.0]]]), np.array([[[2, 0, 2]]])
    assert pool.place(values, index, (1, 3)).tolist() == [[[2.0, 0.0, 3.0]]]
    assert pool.scatter(values, index, (1, 3)).tolist() == [[[2.0, 0.0, 4.0]]]
