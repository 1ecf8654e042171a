"""Each kernel against a twin of plain loops, written here to be obviously right."""

from __future__ import annotations

import itertools
from unittest import mock

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from twins import close, draw_array, dtypes, layouts, seeds, slope

from autograd.kernels.plain import conv, dropout, embedding, norm, pool

# -- convolution -----------------------------------------------------------------------------------


@st.composite
def convolutions(draw):
    """Shapes of an input and a weight, and the settings of a convolution that fits them."""
    kernel = [draw(st.integers(1, 3)) for _ in range(2)]
    stride = tuple(draw(st.integers(1, 3)) for _ in range(2))
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(2))
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(2))
    plane = [
        max(1, d * (k - 1) + 1 - sum(p)) + draw(st.integers(0, 4))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    groups, each, outs = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    x_shape = (draw(st.integers(0, 3)), groups * each, *plane)
    return x_shape, (groups * outs, each, *kernel), (stride, padding, dilation, groups)


def positions(x_shape, w_shape, stride, padding, dilation, groups, size):
    """Every product a convolution sums: (index of out, index of input, index of weight)."""
    outs = w_shape[0] // groups
    for n, o, y, x in np.ndindex(x_shape[0], w_shape[0], *size):
        for c, i, j in np.ndindex(*w_shape[1:]):
            row = y * stride[0] + i * dilation[0] - padding[0][0]
            col = x * stride[1] + j * dilation[1] - padding[1][0]
            if 0 <= row < x_shape[2] and 0 <= col < x_shape[3]:
                yield (n, o, y, x), (n, o // outs * w_shape[1] + c, row, col), (o, c, i, j)


@given(convolutions(), dtypes, layouts, seeds, st.sampled_from([1, 700, 1 << 19]))
def test_convolution_and_its_gradients(geometry, dtype, layout, seed, block_bytes):
    x_shape, w_shape, settings = geometry
    x = draw_array(seed, x_shape, dtype, layout)
    w = draw_array(seed + 1, w_shape, dtype, layout)
    bias = draw_array(seed + 2, w_shape[0], dtype)
    size = conv.output_size(x_shape[2:], w_shape[2:], *settings[:3])
    g = draw_array(seed + 3, (x_shape[0], w_shape[0], *size), dtype, layout)
    out = np.zeros(g.shape) + bias[:, None, None]
    dx, dw = np.zeros(x_shape), np.zeros(w_shape)
    for o, i, k in positions(x_shape, w_shape, *settings, size):
        out[o] += float(x[i]) * w[k]
        dx[i] += float(g[o]) * w[k]
        dw[k] += float(g[o]) * x[i]
    # How many samples are worked on together must not matter.
    with mock.patch.object(conv, "BLOCK_BYTES", block_bytes):
        close(conv.forward(x, w, bias, *settings), out, dtype)
        close(conv.input_gradient(g, w, x_shape, *settings), dx, dtype)
        close(conv.weight_gradient(g, x, w_shape, *settings), dw, dtype)


# -- pooling ---------------------------------------------------------------------------------------


@st.composite
def poolings(draw, dilated=True):
    """A shape, and a pooling of its last two axes none of whose windows misses the plane."""
    shape = [draw(st.integers(0, 2)), draw(st.integers(1, 2))]
    axes = []
    for _ in range(2):
        kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        dilation = draw(st.integers(1, 2)) if dilated else 1
        span = dilation * (kernel - 1) + 1
        n, padding = draw(st.integers(span, span + 4)), draw(st.integers(0, span // 2))
        count = (n + 2 * padding - span) // stride + 1
        count += draw(st.booleans()) and count * stride < n + padding  # as ceil_mode may ask
        axes.append((kernel, stride, padding, dilation, count))
        shape.append(n)
    return tuple(shape), tuple(zip(*axes, strict=True))


def taps(y, x, plane, kernel, stride, padding, dilation):
    """The pixels of the window at (y, x) that lie on the plane."""
    for i, j in np.ndindex(*kernel):
        row = y * stride[0] - padding[0] + i * dilation[0]
        col = x * stride[1] - padding[1] + j * dilation[1]
        if 0 <= row < plane[0] and 0 <= col < plane[1]:
            yield row, col


@given(poolings(), dtypes, layouts, seeds, st.booleans())
def test_max_pooling(geometry, dtype, layout, seed, ties):
    shape, windows = geometry
    x = draw_array(seed, shape, dtype, layout)
    if ties:
        x = np.round(x)
        x[np.random.default_rng(seed).random(shape) < 0.2] = -np.inf
    best, index = pool.max_forward(x, *windows)
    assert best.shape == index.shape == (*shape[:2], *windows[-1])
    for n, c, i, j in np.ndindex(*best.shape):
        # max() returns the first of equals, like the kernel.
        row, col = max(taps(i, j, shape[2:], *windows[:4]), key=lambda p: x[n, c, *p])
        assert best[n, c, i, j] == x[n, c, row, col]
        assert index[n, c, i, j] == row * shape[3] + col
    assert np.array_equal(pool.gather(x, index), best)


def test_max_pooling_lets_nan_through():
    x = np.array([[[1.0, np.nan, 2.0, 3.0]]])
    best, index = pool.max_forward(x, (1, 2), (1, 2), (0, 0), (1, 1), (1, 2))
    np.testing.assert_array_equal(best, [[[np.nan, 3.0]]])
    assert index.tolist() == [[[1, 3]]]


@given(poolings(dilated=False), dtypes, layouts, seeds)
def test_window_sums_and_their_adjoint(geometry, dtype, layout, seed):
    shape, windows = geometry
    x = draw_array(seed, shape, dtype, layout)
    g = draw_array(seed + 1, (*shape[:2], *windows[-1]), dtype, layout)
    out, dx = np.zeros(g.shape), np.zeros(shape)
    for i, j in np.ndindex(*windows[-1]):
        for row, col in taps(i, j, shape[2:], *windows[:4]):
            out[:, :, i, j] += x[:, :, row, col]
            dx[:, :, row, col] += g[:, :, i, j]
    close(pool.window_sum(x, *windows), out, dtype)
    close(pool.window_spread(g, shape[2:], *windows), dx, dtype)


@st.composite
def spans(draw, n):
    """Spans (start, stop) along an axis of `n` pixels."""
    starts = draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=4))
    return [(start, draw(st.integers(start + 1, n))) for start in starts]


@given(st.data(), st.integers(1, 4), st.integers(1, 5), dtypes, layouts, seeds)
def test_irregular_windows(data, height, width, dtype, layout, seed):
    rows, columns = data.draw(spans(height)), data.draw(spans(width))
    x = draw_array(seed, (data.draw(st.integers(0, 2)), height, width), dtype, layout)
    g = draw_array(seed + 1, (len(x), len(rows), len(columns)), dtype, layout)
    mean, dx = np.zeros(g.shape), np.zeros(x.shape)
    best, index = pool.max_spans(x, rows, columns)
    for (i, (top, bottom)), (j, (left, right)) in itertools.product(
        enumerate(rows), enumerate(columns)
    ):
        window = x[:, top:bottom, left:right]
        count = (bottom - top) * (right - left)
        mean[:, i, j] = window.sum(axis=(1, 2), dtype=np.float64) / count
        dx[:, top:bottom, left:right] += g[:, i, j, None, None] / count
        assert np.array_equal(best[:, i, j], window.max(axis=(1, 2)))
    assert np.array_equal(pool.gather(x, index), best)
    close(pool.mean_spans(x, rows, columns), mean, dtype)
    close(pool.spread_spans(g, (height, width), rows, columns), dx, dtype)


@given(st.integers(0, 3), st.integers(1, 6), st.integers(0, 5), dtypes, layouts, seeds)
def test_scatter_adds_what_gather_picks(planes, pixels, count, dtype, layout, seed):
    values = draw_array(seed, (planes, 1, count), dtype, layout)
    index = np.random.default_rng(seed).integers(0, pixels, values.shape)
    expected = np.zeros((planes, 1, pixels))
    for n, _, k in np.ndindex(*values.shape):
        expected[n, 0, index[n, 0, k]] += values[n, 0, k]
    close(pool.scatter(values, index, (1, pixels)), expected, dtype)


# -- normalisation ---------------------------------------------------------------------------------


def naive_normalise(x, weight, bias, axes, eps):
    out = np.empty(x.shape)
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    for place in np.ndindex(*(x.shape[axis] for axis in kept)):
        where = [slice(None)] * x.ndim
        for axis, i in zip(kept, place, strict=True):
            where[axis] = i
        group = x[tuple(where)].astype(np.float64)
        mean = sum(group.flat) / group.size
        var = sum((v - mean) ** 2 for v in group.flat) / group.size
        out[tuple(where)] = (group - mean) / (var + eps) ** 0.5
    return out * weight + bias


@given(
    st.sampled_from([((0, 2, 3), (1, -1, 1, 1)), ((3,), (-1,)), ((1, 2, 3), (1, -1, 1, 1))]),
    st.tuples(*[st.integers(1, 4)] * 4),
    dtypes,
    layouts,
    seeds,
)
def test_normalisation(kind, shape, dtype, layout, seed):
    axes, vector = kind
    channels = shape[vector.index(-1) - len(vector)]
    x = draw_array(seed, shape, dtype, layout)
    weight = draw_array(seed + 1, channels, dtype).reshape(vector)
    bias = draw_array(seed + 2, channels, dtype).reshape(vector)
    out, mean, var = norm.forward(x, weight, bias, axes, 0.1)
    close(out, naive_normalise(x, weight, bias, axes, 0.1), dtype)
    assert mean.dtype == var.dtype == dtype
    plain, *_ = norm.forward(x, None, None, axes, 0.1)
    close(plain, naive_normalise(x, 1.0, 0.0, axes, 0.1), dtype)


@given(st.sampled_from([(0, 2), (2,), (1, 2)]), st.tuples(*[st.integers(1, 3)] * 3), seeds)
def test_gradient_of_normalisation_is_the_slope(axes, shape, seed):
    x, g = draw_array(seed, shape, np.float64), draw_array(seed + 1, shape, np.float64)
    weight = draw_array(seed + 2, (shape[1], 1), np.float64)
    bias = draw_array(seed + 3, (shape[1], 1), np.float64)
    _, mean, var = norm.forward(x, weight, bias, axes, 0.1)
    arrays = [x, weight, bias]
    gradients = norm.backward(g, *arrays, mean, var, axes, 0.1, (True, True, True))
    for array, gradient in zip(arrays, gradients, strict=True):
        expected = slope(lambda: (naive_normalise(*arrays, axes, 0.1) * g).sum(), array)
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)
    assert norm.backward(g, *arrays, mean, var, axes, 0.1, (False, False, False)) == (None,) * 3


# -- embedding and dropout -------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 4), max_size=3),
    st.integers(1, 5),
    st.integers(0, 3),
    dtypes,
    layouts,
    seeds,
)
def test_embedding_rows(shape, count, features, dtype, layout, seed):
    table = draw_array(seed, (count, features), dtype, layout)
    index = np.random.default_rng(seed).integers(0, count, shape)
    rows = draw_array(seed + 1, (*shape, features), dtype, layout)
    picked, added = np.zeros(rows.shape), np.zeros(table.shape)
    for place in np.ndindex(*shape):
        picked[place] = table[index[place]]
        added[index[place]] += rows[place]
    close(embedding.gather(table, index), picked, dtype)
    close(embedding.scatter(rows, index, count), added, dtype)


def test_embedding_rows_are_scaled_down_only_where_named_and_too_long():
    table = np.array([[3.0, 4.0], [0.3, 0.4], [30.0, 40.0]])
    embedding.renormalise(table, np.array([0, 1, 0]), 1.0, 2.0)
    np.testing.assert_allclose(table, [[0.6, 0.8], [0.3, 0.4], [30.0, 40.0]], rtol=1e-6)


@given(dtypes, layouts, seeds)
def test_dropout_scales_what_it_keeps(dtype, layout, seed):
    x = draw_array(seed, (3, 4), dtype, layout)
    mask = np.random.default_rng(seed).random((3, 1)) < 0.5
    close(dropout.apply(x, mask, 2.5), np.where(mask, x * dtype(2.5), 0), dtype)
