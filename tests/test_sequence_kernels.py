"""The kernels of recurrent layers and of attention against twins of plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.kernels import attention, recurrent

TOLERANCE = {np.float32: 2e-4, np.float64: 1e-11}
dtypes = st.sampled_from([np.float32, np.float64])
seeds = st.integers(0, 2**32 - 1)
sizes = st.lists(st.integers(1, 3), min_size=1, max_size=4).map(
    lambda sizes: tuple(sorted(sizes, reverse=True))
)


def close(actual, expected, dtype):
    assert actual.dtype == dtype
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


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
        output, last, cells, *_ = recurrent.lstm(
            x, h, c, w_ih, w_hh, b_ih + b_hh, None, sizes, reverse
        )
    elif step is gru_step:
        output, last, *_ = recurrent.gru(x, h, w_ih, w_hh, b_ih, b_hh, sizes, reverse)
    else:
        output, last = recurrent.rnn(x, h, w_ih, w_hh, b_ih + b_hh, "tanh", sizes, reverse)
    starts = np.cumsum((0, *sizes[:-1]))
    for k in range(sizes[0]):
        rows = [start + k for start, n in zip(starts, sizes, strict=True) if n > k]
        shown, h_n, c_n = alone(step, x[rows], h[k], c[k], w_ih, w_hh, b_ih, b_hh, reverse)
        close(output[rows], shown, dtype)
        close(last[k], h_n, dtype)
        if cells is not None:
            close(cells[k], c_n, dtype)


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
