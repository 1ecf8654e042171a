"""The kernels of recurrent layers and of attention against twins of plain loops."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import close, dtypes, seeds, slope

from autograd.kernels.plain import attention, recurrent

sizes = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(
    lambda sizes: tuple(sorted(sizes, reverse=True))
)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step(pre_x, pre_h, h, c):
    i, f, g, o = np.split(pre_x + pre_h, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_step(pre_x, pre_h, h, c):
    (reset_x, update_x, new_x), (reset_h, update_h, new_h) = np.split(pre_x, 3), np.split(pre_h, 3)
    update = sigmoid(update_x + update_h)
    new = np.tanh(new_x + sigmoid(reset_x + reset_h) * new_h)
    return (1 - update) * new + update * h, c


def tanh_step(pre_x, pre_h, h, c):
    return np.tanh(pre_x + pre_h), c


def alone(step, rows, h, c, weight_ih, weight_hh, bias_ih, bias_hh, reverse):
    """One sequence, one step after the other."""
    shown = []
    for x in rows[::-1] if reverse else rows:
        h, c = step(weight_ih @ x + bias_ih, weight_hh @ h + bias_hh, h, c)
        shown.append(h)
    return shown[::-1] if reverse else shown, h, c


@pytest.mark.parametrize(
    "step, gates", [(lstm_step, 4), (gru_step, 3), (tanh_step, 1)], ids=["lstm", "gru", "rnn"]
)
@given(sizes=sizes, dtype=dtypes, seed=seeds, reverse=st.booleans(), hidden=st.integers(1, 3))
def test_packed_sequences_one_by_one(step, gates, sizes, dtype, seed, reverse, hidden):
    rng = np.random.default_rng(seed)
    shapes = [
        (sum(sizes), 2), (sizes[0], hidden), (sizes[0], hidden), (gates * hidden, 2),
        (gates * hidden, hidden), (gates * hidden,), (gates * hidden,),
    ]  # fmt: skip
    x, h, c, w_ih, w_hh, b_ih, b_hh = (rng.normal(size=s).astype(dtype) for s in shapes)
    cells = None
    if step is lstm_step:
        weights = [(w_ih, w_hh, b_ih + b_hh, None)]
        output, last, cells, *_ = recurrent.lstm(x, h[None], c[None], weights, sizes, (reverse,))
    elif step is gru_step:
        weights = [(w_ih, w_hh, b_ih, b_hh)]
        output, last, *_ = recurrent.gru(x, h[None], weights, sizes, (reverse,))
    else:
        weights = [(w_ih, w_hh, b_ih + b_hh)]
        output, last = recurrent.rnn(x, h[None], weights, "tanh", sizes, (reverse,))
    starts = np.cumsum((0, *sizes[:-1]))
    for k in range(sizes[0]):
        rows = [start + k for start, n in zip(starts, sizes, strict=True) if n > k]
        shown, h_n, c_n = alone(step, x[rows], h[k], c[k], w_ih, w_hh, b_ih, b_hh, reverse)
        close(output[rows], shown, dtype)
        close(last[0, k], h_n, dtype)
        if cells is not None:
            close(cells[0, k], c_n, dtype)


def test_walking_through_packed_rows():
    assert recurrent.walk((3, 1), False) == [(slice(0, 3), 3), (slice(3, 4), 1)]
    assert recurrent.walk((3, 1), True) == [(slice(3, 4), 1), (slice(0, 3), 3)]


def projected(x, h, c, w_ih, w_hh, bias, w_hr, sizes, reverse):
    """An LSTM whose shown state is a product, by its definition."""

    def step(pre_x, pre_h, h, c):
        shown, c = lstm_step(pre_x, pre_h, h, c)
        return w_hr @ shown, c

    starts = np.cumsum((0, *sizes[:-1]))
    output, last = np.empty((len(x), len(w_hr))), []
    for k in range(sizes[0]):
        rows = [start + k for start, n in zip(starts, sizes, strict=True) if n > k]
        shown, *states = alone(step, x[rows], h[k], c[k], w_ih, w_hh, bias, 0 * bias, reverse)
        output[rows] = shown
        last.append(states)
    return output, *map(np.array, zip(*last, strict=True))


@given(sizes=sizes, seed=seeds, reverse=st.booleans())
def test_projected_lstm(sizes, seed, reverse):
    rng = np.random.default_rng(seed)
    shapes = (sum(sizes), 2), (sizes[0], 2), (sizes[0], 3), (12, 2), (12, 2), (12,), (2, 3)
    arrays = [rng.normal(size=shape) for shape in shapes]
    x, h, c, *weights = arrays
    output, h_n, c_n, *_ = recurrent.lstm(x, h[None], c[None], [weights], sizes, (reverse,))
    expected = projected(*arrays, sizes, reverse)
    for actual, wanted in zip((output, h_n[0], c_n[0]), expected, strict=True):
        close(actual, wanted, np.float64)


@pytest.mark.parametrize("kind", ["lstm", "projected", "gru", "tanh", "relu"])
@given(sizes=sizes, seed=seeds, reverse=st.sampled_from([(False,), (True,), (False, True)]))
@settings(max_examples=8)
def test_gradients_through_time_are_slopes(kind, sizes, seed, reverse):
    """Of the forward kernels, which the tests above compare with their steps."""
    rng, order, directions = np.random.default_rng(seed), (sizes, reverse), len(reverse)
    gates = {"lstm": 4, "projected": 4, "gru": 3}.get(kind, 1)
    x = rng.normal(size=(sum(sizes), 2))
    h, c = states = rng.normal(size=(2, directions, sizes[0], 2))
    g = rng.normal(size=(sum(sizes), 2 * directions)), *rng.normal(size=(2, *h.shape))

    def weights_of(*shapes):
        return [[rng.normal(size=shape) for shape in shapes] for _ in range(directions)]

    matrices, bias = [(gates * 2, 2)] * 2, (gates * 2,)
    if kind in ("lstm", "projected"):
        weights = weights_of(*matrices, bias, (2, 2))
        if kind == "lstm":
            weights = [(*mine[:3], None) for mine in weights]
        run = functools.partial(recurrent.lstm, x, h, c, weights, *order)
        output, _, _, *kept = run()
        found = recurrent.lstm_gradient(*g, x, h, c, weights, output, *kept, *order)
    elif kind == "gru":
        weights, states = weights_of(*matrices, bias, bias), [h]
        run = functools.partial(recurrent.gru, x, h, weights, *order)
        output, _, *kept = run()
        found = recurrent.gru_gradient(*g[:2], x, h, weights, output, *kept, *order)
    else:
        weights, states = weights_of(*matrices, bias), [h]
        run = functools.partial(recurrent.rnn, x, h, weights, kind, *order)
        found = recurrent.rnn_gradient(*g[:2], x, h, weights, run()[0], kind, *order)

    def total():
        return sum((a * b).sum() for a, b in zip(run()[: 1 + len(states)], g, strict=False))

    *first, of_weights = found
    arrays = [x, *states, *(w for mine in weights for w in mine)]
    for array, d in zip(arrays, [*first, *(d for mine in of_weights for d in mine)], strict=True):
        if array is not None:
            np.testing.assert_allclose(d, slope(total, array), rtol=1e-5, atol=1e-6)


@given(dtype=dtypes, seed=seeds, shape=st.tuples(*[st.integers(1, 3)] * 4))
def test_attention(dtype, seed, shape):
    targets, sources, size, width = shape
    rng = np.random.default_rng(seed)
    q, k, v, bias = (
        rng.normal(size=s).astype(dtype)
        for s in ((targets, size), (sources, size), (sources, width), (targets, sources))
    )
    mask, keep = rng.random((2, targets, sources)) < 0.6
    out, _ = attention.attend(q, k, v, bias, mask, keep, 0.5, 1.25)
    expected = np.zeros((targets, width))
    for i in range(targets):
        seen = [j for j in range(sources) if mask[i, j]]
        scores = {j: np.exp(0.5 * np.dot(q[i], k[j]) + bias[i, j]) for j in seen}
        for j in seen:
            expected[i] += scores[j] / sum(scores.values()) * keep[i, j] * 1.25 * v[j]
    close(out, expected, dtype)


@given(seed=seeds, shape=st.tuples(*[st.integers(1, 3)] * 4))
@settings(max_examples=8)
def test_gradients_of_attention_are_slopes(seed, shape):
    targets, sources, size, width = shape
    rng = np.random.default_rng(seed)
    arrays = q, k, v, bias = [
        rng.normal(size=s)
        for s in ((targets, size), (sources, size), (sources, width), (targets, sources))
    ]
    mask, keep = rng.random((2, targets, sources)) < 0.6
    g = rng.normal(size=(targets, width))

    def attend():
        return attention.attend(q, k, v, bias, mask, keep, 0.5, 1.25)

    found = attention.attend_gradient(g, q, k, v, bias, mask, keep, *attend(), 0.5, 1.25)
    for array, gradient in zip(arrays, found, strict=True):
        expected = slope(lambda: (attend()[0] * g).sum(), array)
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-7)
