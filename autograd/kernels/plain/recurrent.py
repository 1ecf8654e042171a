"""A whole sequence through a recurrent layer (LSTM, GRU, plain), and its gradient through time.

The projection of the input does not depend on the recurrence: it is one matrix product over all
steps. So are the weight gradients, once the gradients of all steps are known. What is left inside
the loop is the product with the hidden state.

Sequences come packed: the rows of step 0, then those of step 1, and so on, `sizes[t]` rows at step
t. Sizes never grow, the longest sequence coming first; a sequence takes part while it lasts and
keeps its state otherwise. A batch of equally long sequences is packed with all sizes the same.

A layer has one direction or two, which read the same input and know nothing of each other:
`weights` holds a tuple of arrays for each, `reverse` whether it walks backwards; states come
stacked, (D, B, H), and the outputs side by side, (N, D H).
"""

from __future__ import annotations

import numpy as np


def walk(sizes, reverse):
    """The steps in the order they are taken: which rows, and how many."""
    ends = np.cumsum(sizes).tolist()
    steps = [(slice(end - n, end), n) for end, n in zip(ends, sizes, strict=True)]
    return steps[::-1] if reverse else steps


# -- long short-term memory ------------------------------------------------------------------------


def lstm(x, h, c, weights, sizes, reverse):
    """Run the rows x, of shape (N, I), through one layer; gates lie in the order i, f, g, o.

    The weights of a direction are (weight_ih, weight_hh, bias, weight_hr), the last two or None.

    Returns
    -------
    output : (N, D H), or (N, D P) if projected by `weight_hr`
        The hidden states after each step.
    h, c
        The states of each sequence after its last step.
    gates : (D, N, 4H)
        The gates, after their non-linearities.
    cells : (D, N, H)
        The cell states after each step.
    """
    runs = [
        _lstm(x, one_h, one_c, w_ih, w_hh, bias, w_hr, sizes, back)
        for one_h, one_c, (w_ih, w_hh, bias, w_hr), back in zip(h, c, weights, reverse, strict=True)
    ]
    return _beside(runs)


def lstm_gradient(
    d_output, d_h, d_c, x, h0, c0, weights, output, gates, cells, sizes, reverse,
    needs=(True,) * 7,
):  # fmt: skip
    """The gradients of x, h0 and c0, and in a list those of the weights of each direction.

    `d_output`, `d_h` and `d_c` are those of the output rows and of the last two states. What
    `needs` does not ask for, of (x, h0, c0, weight_ih, weight_hh, bias, weight_hr), may be left
    out.
    """
    count = len(weights)
    runs = [
        _lstm_gradient(
            d_out, last_h, last_c, x, h, c, w_ih, w_hh, w_hr, out, kept, cell,
            sizes, back, needs,
        )
        for d_out, last_h, last_c, h, c, (w_ih, w_hh, _, w_hr), out, kept, cell, back in zip(
            np.split(d_output, count, 1), d_h, d_c, h0, c0, weights, np.split(output, count, 1),
            gates, cells, reverse, strict=True,
        )
    ]  # fmt: skip
    return _together(runs, 2)


def _lstm(x, h, c, weight_ih, weight_hh, bias, weight_hr, sizes, reverse):
    gates = _project(x, weight_ih, bias)
    output = np.empty((len(x), h.shape[1]), gates.dtype)
    cells = np.empty((len(x), c.shape[1]), gates.dtype)
    h, c = h.copy(), c.copy()
    hidden = c.shape[1]
    for rows, n in walk(sizes, reverse):
        step = gates[rows]
        step += h[:n] @ weight_hh.T
        i, f, g, o = _split(step, 4)
        _sigmoid(step[:, : 2 * hidden])  # i and f, which are neighbours
        np.tanh(g, out=g)
        _sigmoid(o)
        c[:n] = np.add(f * c[:n], i * g, out=cells[rows])
        shown = o * np.tanh(c[:n])
        output[rows] = h[:n] = shown if weight_hr is None else shown @ weight_hr.T
    return output, h, c, gates, cells


def _lstm_gradient(
    d_output, d_h, d_c, x, h0, c0, weight_ih, weight_hh, weight_hr, output, gates, cells, sizes,
    reverse, needs,
):  # fmt: skip
    c_before = _before(cells, c0, sizes, reverse)
    tanh_cells = np.tanh(cells)
    d_gates, d_shown = np.empty_like(gates), d_output.copy()
    d_h, d_c = d_h.copy(), d_c.copy()
    for rows, n in walk(sizes, not reverse):
        i, f, g, o = _split(gates[rows], 4)
        d_i, d_f, d_g, d_o = _split(d_gates[rows], 4)
        tanh_c = tanh_cells[rows]
        d_shown[rows] += d_h[:n]
        d_step = d_shown[rows] if weight_hr is None else d_shown[rows] @ weight_hr
        d_cell = d_c[:n] + d_step * o * (1 - tanh_c * tanh_c)
        np.multiply(d_cell * g, i * (1 - i), out=d_i)
        np.multiply(d_cell * c_before[rows], f * (1 - f), out=d_f)
        np.multiply(d_cell * i, 1 - g * g, out=d_g)
        np.multiply(d_step * tanh_c, o * (1 - o), out=d_o)
        d_h[:n] = d_gates[rows] @ weight_hh
        d_c[:n] = d_cell * f
    d_weight_hr = None
    if weight_hr is not None and needs[6]:
        d_weight_hr = d_shown.T @ (_split(gates, 4)[3] * tanh_cells)
    return (
        d_gates @ weight_ih if needs[0] else None, d_h, d_c, d_gates.T @ x if needs[3] else None,
        d_gates.T @ _before(output, h0, sizes, reverse) if needs[4] else None,
        d_gates.sum(0) if needs[5] else None, d_weight_hr,
    )  # fmt: skip


# -- gated recurrent unit --------------------------------------------------------------------------


def gru(x, h, weights, sizes, reverse):
    """Run the rows x through one layer; gates lie in the order reset, update, candidate.

    The weights of a direction are (weight_ih, weight_hh, bias_ih, bias_hh), the last two or None.

    Returns
    -------
    output : (N, D H)
    h : (D, B, H)
    gates : (D, N, 3H)
        The gates and the candidate, after their non-linearities.
    recalled : (D, N, H)
        What the reset gate lets into the candidate: ``U h + d``.
    """
    runs = [
        _gru(x, state, w_ih, w_hh, b_ih, b_hh, sizes, back)
        for state, (w_ih, w_hh, b_ih, b_hh), back in zip(h, weights, reverse, strict=True)
    ]
    return _beside(runs)


def gru_gradient(
    d_output, d_h, x, h0, weights, output, gates, recalled, sizes, reverse, needs=(True,) * 6
):
    """The gradients of x and h0, and in a list those of the weights of each direction.

    `needs` says which of (x, h0, weight_ih, weight_hh, bias_ih, bias_hh) are asked for.
    """
    count = len(weights)
    runs = [
        _gru_gradient(d_out, d_state, x, state, w_ih, w_hh, out, mine, kept, sizes, back, needs)
        for d_out, d_state, state, (w_ih, w_hh, *_), out, mine, kept, back in zip(
            np.split(d_output, count, 1), d_h, h0, weights, np.split(output, count, 1), gates,
            recalled, reverse, strict=True,
        )
    ]  # fmt: skip
    return _together(runs, 1)


def _gru(x, h, weight_ih, weight_hh, bias_ih, bias_hh, sizes, reverse):
    gates = _project(x, weight_ih, bias_ih)
    output = np.empty((len(x), h.shape[1]), gates.dtype)
    recalled = np.empty_like(output)
    h, hidden = h.copy(), h.shape[1]
    for rows, n in walk(sizes, reverse):
        step = gates[rows]
        from_state = _project(h[:n], weight_hh, bias_hh)
        step[:, : 2 * hidden] += from_state[:, : 2 * hidden]
        _sigmoid(step[:, : 2 * hidden])
        reset, update, candidate = _split(step, 3)
        recalled[rows] = from_state[:, 2 * hidden :]
        candidate += reset * recalled[rows]
        np.tanh(candidate, out=candidate)
        output[rows] = h[:n] = candidate + update * (h[:n] - candidate)
    return output, h, gates, recalled


def _gru_gradient(
    d_output, d_h, x, h0, weight_ih, weight_hh, output, gates, recalled, sizes, reverse, needs
):
    before = _before(output, h0, sizes, reverse)
    d_gates, d_from_state = np.empty_like(gates), np.empty_like(gates)
    d_h, hidden = d_h.copy(), h0.shape[1]
    for rows, n in walk(sizes, not reverse):
        reset, update, candidate = _split(gates[rows], 3)
        d_reset, d_update, d_candidate = _split(d_gates[rows], 3)
        d_step = d_h[:n] + d_output[rows]
        d_written = d_step * (1 - update)
        np.multiply(d_step * (before[rows] - candidate), update * (1 - update), out=d_update)
        np.multiply(d_written, 1 - candidate * candidate, out=d_candidate)
        np.multiply(d_candidate * recalled[rows], reset * (1 - reset), out=d_reset)
        d_from_state[rows] = d_gates[rows]
        d_from_state[rows, 2 * hidden :] *= reset
        d_h[:n] = d_step * update + d_from_state[rows] @ weight_hh
    return (
        d_gates @ weight_ih if needs[0] else None, d_h, d_gates.T @ x if needs[2] else None,
        d_from_state.T @ before if needs[3] else None, d_gates.sum(0) if needs[4] else None,
        d_from_state.sum(0) if needs[5] else None,
    )  # fmt: skip


# -- plain recurrence ------------------------------------------------------------------------------


def rnn(x, h, weights, nonlinearity, sizes, reverse):
    """Run the rows x through one layer, with ``"tanh"`` or ``"relu"``: (output, h).

    The weights of a direction are (weight_ih, weight_hh, bias), the last or None.
    """
    runs = [
        _rnn(x, state, w_ih, w_hh, bias, nonlinearity, sizes, back)
        for state, (w_ih, w_hh, bias), back in zip(h, weights, reverse, strict=True)
    ]
    return _beside(runs)


def rnn_gradient(
    d_output, d_h, x, h0, weights, output, nonlinearity, sizes, reverse, needs=(True,) * 5
):
    """The gradients of x and h0, and in a list those of the weights of each direction.

    `needs` says which of (x, h0, weight_ih, weight_hh, bias) are asked for.
    """
    count = len(weights)
    runs = [
        _rnn_gradient(d_out, d_state, x, state, w_ih, w_hh, out, nonlinearity, sizes, back, needs)
        for d_out, d_state, state, (w_ih, w_hh, _), out, back in zip(
            np.split(d_output, count, 1), d_h, h0, weights, np.split(output, count, 1), reverse,
            strict=True,
        )
    ]  # fmt: skip
    return _together(runs, 1)


def _rnn(x, h, weight_ih, weight_hh, bias, nonlinearity, sizes, reverse):
    output = _project(x, weight_ih, bias)
    h = h.copy()
    for rows, n in walk(sizes, reverse):
        step = output[rows]
        step += h[:n] @ weight_hh.T
        if nonlinearity == "tanh":
            np.tanh(step, out=step)
        else:
            np.maximum(step, 0, out=step)
        h[:n] = step
    return output, h


def _rnn_gradient(
    d_output, d_h, x, h0, weight_ih, weight_hh, output, nonlinearity, sizes, reverse, needs
):
    slope = 1 - output * output if nonlinearity == "tanh" else (output > 0).astype(output.dtype)
    d_sums, d_h = np.empty_like(output), d_h.copy()
    for rows, n in walk(sizes, not reverse):
        np.multiply(d_h[:n] + d_output[rows], slope[rows], out=d_sums[rows])
        d_h[:n] = d_sums[rows] @ weight_hh
    return (
        d_sums @ weight_ih if needs[0] else None, d_h, d_sums.T @ x if needs[2] else None,
        d_sums.T @ _before(output, h0, sizes, reverse) if needs[3] else None,
        d_sums.sum(0) if needs[4] else None,
    )  # fmt: skip


# -- in common -------------------------------------------------------------------------------------


def _beside(runs):
    """What the directions return: outputs side by side, the rest stacked."""
    outputs, *others = zip(*runs, strict=True)
    return np.concatenate(outputs, axis=1), *map(np.stack, others)


def _together(runs, states: int):
    """The gradients of both directions: of the input their sum; those of the weights in a list."""
    d_x = [run[0] for run in runs]
    d_states = [np.stack([run[k] for run in runs]) for k in range(1, 1 + states)]
    return None if d_x[0] is None else sum(d_x), *d_states, [run[1 + states :] for run in runs]


def _project(x, weight, bias):
    out = x @ weight.T
    if bias is not None:
        out += bias
    return out


def _before(states, first, sizes, reverse):
    """The state that each row started from: `first`, or that of the same sequence a step ago."""
    before, current = np.empty_like(states), first.copy()
    for rows, n in walk(sizes, reverse):
        before[rows] = current[:n]
        current[:n] = states[rows]
    return before


def _split(gates, count):
    """Views of the gates, which lie side by side."""
    hidden = gates.shape[1] // count
    return [gates[:, k * hidden : (k + 1) * hidden] for k in range(count)]


def _sigmoid(x):
    """Sigmoid in place, by way of tanh, which cannot overflow."""
    x *= 0.5
    np.tanh(x, out=x)
    x += 1
    x *= 0.5
