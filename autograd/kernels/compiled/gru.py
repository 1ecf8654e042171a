"""Gated recurrent units: a layer's whole sequence, and back through time; see `sequence`."""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, inner, intp, kernel
from autograd.kernels.compiled.mathematics import quick_tanh, sigmoid
from autograd.kernels.compiled.product import SIZE, copy_row
from autograd.kernels.compiled.sequence import (
    ONE,
    ZERO,
    add_step,
    bring,
    columns_of,
    enter,
    gradients_of,
    new_sums,
    over_input,
    packed,
    read,
    row_before,
    soon_read,
    steps_of,
    tasks,
    times_input,
    times_states,
    times_strips,
    with_rows,
    write,
)
from autograd.kernels.compiled.tile import block

int64 = types.int64


@inner
def advance(like, size, hidden, gates, recalled, state):
    """One sequence, one step: from the sums of the gates to the gates and the next state."""
    part = size * hidden
    for j in range(hidden):
        reset = sigmoid(read(like, 0, gates, j))
        update = sigmoid(read(like, 1, gates + part, j))
        new = quick_tanh(read(like, 2, gates + 2 * part, j) + reset * read(like, 3, recalled, j))
        write(like, 0, gates, j, reset)
        write(like, 1, gates + part, j, update)
        write(like, 2, gates + 2 * part, j, new)
        write(like, 4, state, j, new + update * (read(like, 4, state, j) - new))


@kernel(lambda T: (*[array(T, 3, out=True)] * 2, array(T, 2, out=True), array(T, 3, out=True),
                   array(T, 2, "A"), intp, *[array(T, 2)] * 5, array(int64, 3), array(int64, 2),
                   array(int64, 1)))  # fmt: skip
def run_forward(gates, recalled, output, states, x, entry, bias, to_gates, to_new, from_input,
                from_state, steps, tasks, unit):  # fmt: skip
    """`gates` come with the projected input, or `entry` numbers of that go before the states.

    The state's part in the candidate is kept apart, in `recalled`; it begins with `from_state`.
    """
    hidden, across, size = recalled.shape[2], states.shape[2], unit[SIZE]
    for task in prange(len(tasks)):
        d, first, last = tasks[task, 0], tasks[task, 1], tasks[task, 2]
        start = bias.ctypes.data + d * bias.strides[0] if bias.size else ZERO
        for s in range(steps.shape[1]):
            begin, n = steps[d, s, 0] + first, min(last, steps[d, s, 1]) - first
            if n <= 0:
                continue
            ahead = steps[d, min(s + 1, steps.shape[1] - 1), 0] + first
            row = states.ctypes.data + d * states.strides[0] + first * states.strides[1]
            state = row + size * entry
            at = gates.ctypes.data + d * gates.strides[0] + begin * gates.strides[1]
            kept = recalled.ctypes.data + d * recalled.strides[0] + begin * recalled.strides[1]
            bring(size, x, begin, ahead, n, row, across, entry)
            times_strips(
                unit, row, across, n, across, to_gates.ctypes.data + d * to_gates.strides[0], at,
                3 * hidden, 2 * hidden, int64(entry == 0), start,
            )  # fmt: skip
            if entry:
                times_strips(
                    unit, row, across, n, entry,
                    from_input.ctypes.data + d * from_input.strides[0], at + size * 2 * hidden,
                    3 * hidden, hidden, ZERO, start + size * 2 * hidden if start != 0 else ZERO,
                )  # fmt: skip
            times_strips(
                unit, state, across, n, hidden, to_new.ctypes.data + d * to_new.strides[0], kept,
                hidden, hidden, ZERO,
                from_state.ctypes.data + d * from_state.strides[0] if from_state.size else ZERO,
            )  # fmt: skip
            for k in range(n):
                here, width = state + size * k * across, size * hidden
                advance(gates, size, hidden, at + 3 * k * width, kept + k * width, here)
                copy_row(
                    size, here,
                    output.ctypes.data + (begin + k) * output.strides[0] + d * width, hidden,
                )  # fmt: skip


def gru(x, h, weights, sizes, reverse):
    """Run the rows x through one layer: (output, h, gates, recalled) as the twin."""
    weights_ih, weights_hh, biases_ih, biases_hh = zip(*weights, strict=True)
    directions, rows, hidden = len(weights), len(x), h.shape[2]
    both, from_state = 2 * hidden, np.empty((0, 0), x.dtype)
    if biases_hh[0] is not None:  # of the reset and the update gate, the biases add up
        from_state = np.stack([bias[both:] for bias in biases_hh])
        with_input = np.zeros((directions, 3 * hidden), x.dtype)
        for row, bias_ih, bias_hh in zip(with_input, biases_ih, biases_hh, strict=True):
            row[:both] = bias_hh[:both]
            row += 0 if bias_ih is None else bias_ih
        biases_ih = with_input
    gates = np.empty((directions, rows, 3 * hidden), x.dtype)
    recalled = np.empty((directions, rows, hidden), x.dtype)
    output = np.empty((rows, directions * hidden), x.dtype)
    x = with_rows(x)
    states, entry, bias = enter(x, h, weights_ih, biases_ih, gates)
    run_forward(
        gates, recalled, output, states, x, entry, bias,
        packed([w[:both].T[:entry] for w in weights_ih], [w[:both].T for w in weights_hh]),
        packed([w[both:].T for w in weights_hh]),
        packed([w[both:].T[:entry] for w in weights_ih]), from_state, steps_of(sizes, reverse),
        tasks(sizes, directions), block(x.dtype.char), work=gates.size * hidden // 16,
    )  # fmt: skip
    return output, np.ascontiguousarray(states[:, :, entry:]), gates, recalled


@inner
def retreat(like, size, hidden, gates, recalled, before, d_output, d_state, d_recalled, d):
    """One sequence, one step back: from the gradient of its state to those of the sums.

    What is left of the gradient of the state is the part that does not pass through a gate.
    """
    part, one = size * hidden, like.dtype.type(1)
    for j in range(hidden):
        reset, update = read(like, 0, gates, j), read(like, 0, gates + part, j)
        new = read(like, 0, gates + 2 * part, j)
        d_step = read(like, 1, d_state, j) + read(like, 0, d_output, j)
        d_new = d_step * (one - update) * (one - new * new)
        d_reset = d_new * read(like, 0, recalled, j) * (reset * (one - reset))
        write(like, 2, d_recalled, j, d_new * reset)
        write(like, 3, d, j, d_reset)
        d_update = d_step * (read(like, 0, before, j) - new) * (update * (one - update))
        write(like, 4, d + part, j, d_update)
        write(like, 5, d + 2 * part, j, d_new)
        write(like, 1, d_state, j, d_step * update)


@kernel(lambda T: (array(T, 2, out=True), array(T, 2, "A"), *[array(T, 3, out=True)] * 2,
                   *[array(T, 3)] * 2, array(T, 2), array(T, 3), *[array(T, 2)] * 2,
                   array(int64, 3), array(int64, 2), array(int64, 1)))  # fmt: skip
def run_backward(d_sums, d_output, d_h, sums, gates, recalled, output, first_states, from_gates,
                 from_new, steps, tasks, unit):  # fmt: skip
    """A row of `d_sums`: of each direction that of `recalled`, then of each those of the gates."""
    directions, _, hidden = d_h.shape
    across, shown, size = d_sums.shape[1], output.shape[1], unit[SIZE]
    for task in prange(len(tasks)):
        d, first, last = tasks[task, 0], tasks[task, 1], tasks[task, 2]
        mine = size * d * hidden  # where in a row of all directions this one begins
        for s in range(steps.shape[1] - 1, -1, -1):
            begin, n = steps[d, s, 0] + first, min(last, steps[d, s, 1]) - first
            if n <= 0:
                continue
            state = d_h.ctypes.data + d * d_h.strides[0] + size * first * hidden
            new = d_sums.ctypes.data + size * begin * across + mine
            errors = d_sums.ctypes.data + size * (begin * across + directions * hidden) + 3 * mine
            ahead = steps[d, max(s - 1, 0), 0] + first
            for k in range(n):
                all_gates = gates.ctypes.data + d * gates.strides[0]
                soon_read(all_gates + (ahead + k) * gates.strides[1], gates.strides[1])
                before = row_before(
                    size, steps[d], s, first + k, output.ctypes.data + mine, shown,
                    first_states.ctypes.data + d * first_states.strides[0], hidden,
                )  # fmt: skip
                retreat(
                    d_h, size, hidden, all_gates + (begin + k) * gates.strides[1],
                    recalled.ctypes.data + d * recalled.strides[0]
                    + (begin + k) * recalled.strides[1],
                    before, d_output.ctypes.data + (begin + k) * d_output.strides[0] + mine,
                    state + size * k * hidden, new + size * k * across, errors + size * k * across,
                )  # fmt: skip
            total = sums.ctypes.data + d * sums.strides[0]
            add_step(d_h, total, sums.strides[1], new, size * across, first, n, hidden)
            add_step(
                d_h, total + size * hidden, sums.strides[1], errors, size * across, first, n,
                3 * hidden,
            )  # fmt: skip
            times_strips(
                unit, new, across, n, hidden, from_new.ctypes.data + d * from_new.strides[0],
                state, hidden, hidden, ONE, ZERO,
            )  # fmt: skip
            times_strips(
                unit, errors, across, n, 2 * hidden,
                from_gates.ctypes.data + d * from_gates.strides[0], state, hidden, hidden, ONE,
                ZERO,
            )  # fmt: skip


def gru_gradient(
    d_output, d_h, x, h0, weights, output, gates, recalled, sizes, reverse, needs=(True,) * 6
):
    """The gradients of (x, h0) and of the weights of each direction, as the twin."""
    weights_ih, weights_hh, _, _ = zip(*weights, strict=True)
    directions, batch, hidden = h0.shape
    both, split = 2 * hidden, directions * hidden
    memory, d_h = gradients_of(len(output), 4 * split, gates.dtype), d_h.copy("C")
    sums = new_sums(directions, batch, 4 * hidden, gates.dtype)
    run_backward(
        memory, with_rows(d_output), d_h, sums, gates, recalled, np.ascontiguousarray(output),
        np.ascontiguousarray(h0), packed([w[:both] for w in weights_hh]),
        packed([w[both:] for w in weights_hh]), steps_of(sizes, reverse), tasks(sizes, directions),
        block(gates.dtype.char), work=gates.size * hidden // 16,
    )  # fmt: skip
    d_recalled, d_gates = memory[:, :split], memory[:, split : 4 * split]
    totals = sums.sum(1)
    d_weights_hh = [np.empty_like(w) if needs[3] else None for w in weights_hh]
    for k, out in enumerate(d_weights_hh if needs[3] else []):
        d, order = columns_of(d_gates, k, directions)[:, :both], (sizes, reverse[k])
        states = columns_of(output, k, directions), h0[k]
        times_states(d, totals[k, hidden:-hidden], *states, *order, out[:both])
        d = columns_of(d_recalled, k, directions)
        times_states(d, totals[k, :hidden], *states, *order, out[both:])
    d_biases_ih, d_biases_hh = totals[:, hidden:], np.roll(totals[:, :-hidden], -hidden, 1)
    nothing = [None] * directions
    return (
        over_input(d_gates, weights_ih) if needs[0] else None, d_h,
        list(zip(
            times_input(d_gates, x, directions) if needs[2] else nothing, d_weights_hh,
            d_biases_ih if needs[4] else nothing, d_biases_hh if needs[5] else nothing, strict=True,
        )),
    )  # fmt: skip
