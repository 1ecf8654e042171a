"""A whole LSTM sequence forward, and its gradient through time.

The projection of the input does not depend on the recurrence: it is one matrix product over all
steps. So are the weight gradients, once the gates' gradients of all steps are known. What is left
inside the loop is the product with the hidden state.
"""

from __future__ import annotations

import numpy as np


def lstm(x, h, c, weight_ih, weight_hh, bias, reverse):
    """Run the sequence x, of shape (T, B, I), through one layer; gates lie in the order i, f, g, o.

    Returns
    -------
    output, cells : (T, B, H)
        The hidden and the cell state after each step.
    gates : (T, B, 4H)
        The gates, after their non-linearities.
    """
    steps, batch, size = x.shape
    hidden = h.shape[1]
    gates = (x.reshape(steps * batch, size) @ weight_ih.T).reshape(steps, batch, 4 * hidden)
    if bias is not None:
        gates += bias
    output = np.empty((steps, batch, hidden), gates.dtype)
    cells = np.empty_like(output)
    for t in _order(steps, reverse):
        gates[t] += h @ weight_hh.T
        i, f, g, o = _split(gates[t])
        _sigmoid(gates[t, :, : 2 * hidden])  # i and f, which are neighbours
        np.tanh(g, out=g)
        _sigmoid(o)
        c = np.add(f * c, i * g, out=cells[t])
        h = np.multiply(o, np.tanh(c), out=output[t])
    return output, gates, cells


def lstm_gradient(
    d_output, d_h, d_c, x, h0, c0, weight_ih, weight_hh, output, gates, cells, reverse
):
    """The gradients of (x, h0, c0, weight_ih, weight_hh, bias).

    `d_output`, `d_h` and `d_c` are those of the output sequence and of the last two states.
    """
    before = _shifted(cells, c0, reverse)
    d_gates, d_h, d_c = _through_time(d_output, d_h, d_c, before, gates, cells, weight_hh, reverse)
    rows = d_gates.reshape(-1, d_gates.shape[2])
    return (
        (rows @ weight_ih).reshape(x.shape),
        d_h,
        d_c,
        rows.T @ x.reshape(len(rows), x.shape[2]),
        rows.T @ _shifted(output, h0, reverse).reshape(len(rows), h0.shape[1]),
        rows.sum(0),
    )


def _through_time(d_output, d_h, d_c, before, gates, cells, weight_hh, reverse):
    """Walk back: gradients of the gates before their non-linearities, and of the first states."""
    d_gates = np.empty_like(gates)
    tanh_cells = np.tanh(cells)
    for t in _order(len(gates), not reverse):
        i, f, g, o = _split(gates[t])
        d_i, d_f, d_g, d_o = _split(d_gates[t])
        tanh_c = tanh_cells[t]
        d_h = d_h + d_output[t]
        d_c = d_c + d_h * o * (1 - tanh_c * tanh_c)
        np.multiply(d_c * g, i * (1 - i), out=d_i)
        np.multiply(d_c * before[t], f * (1 - f), out=d_f)
        np.multiply(d_c * i, 1 - g * g, out=d_g)
        np.multiply(d_h * tanh_c, o * (1 - o), out=d_o)
        d_h = d_gates[t] @ weight_hh
        d_c = d_c * f
    return d_gates, d_h, d_c


def _order(steps, reverse):
    return range(steps - 1, -1, -1) if reverse else range(steps)


def _shifted(states, first, reverse):
    """The state before each step: `states` moved by one, with `first` where the walk starts."""
    if reverse:
        return np.concatenate([states[1:], first[None]])
    return np.concatenate([first[None], states[:-1]])


def _split(gates):
    """Views of the four gates of one step."""
    hidden = gates.shape[1] // 4
    return [gates[:, k * hidden : (k + 1) * hidden] for k in range(4)]


def _sigmoid(x):
    """Sigmoid in place, by way of tanh, which cannot overflow."""
    x *= 0.5
    np.tanh(x, out=x)
    x += 1
    x *= 0.5
