"""Gated recurrent units: a layer's whole sequence, and back through time; see `sequence`."""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, inner, kernel
from autograd.kernels.compiled.mathematics import sigmoid, tanh
from autograd.kernels.compiled.product import SIZE, copy_row
from autograd.kernels.compiled.sequence import (
    add_step,
    gradients_of,
    matmul,
    new_sums,
    packed,
    read,
    row_before,
    shares,
    steps_of,
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
        new = tanh(read(like, 2, gates + 2 * part, j) + reset * read(like, 3, recalled, j))
        write(like, 0, gates, j, reset)
        write(like, 1, gates + part, j, update)
        write(like, 2, gates + 2 * part, j, new)
        write(like, 4, state, j, new + update * (read(like, 4, state, j) - new))


@kernel(lambda T: (*[array(T, 2, out=True)] * 4, *[array(T, 1)] * 3, array(int64, 2),
                   array(int64, 1), array(int64, 1)))  # fmt: skip
def run_forward(gates, output, recalled, h, to_gates, to_new, bias, steps, shares, unit):
    """`gates` come with the projected input; the state's part in the candidate is kept apart."""
    hidden, size = h.shape[1], unit[SIZE]
    for part in prange(len(shares) - 1):
        first, last = shares[part], shares[part + 1]
        for s in range(len(steps)):
            begin, n = steps[s, 0] + first, min(last, steps[s, 1]) - first
            if n <= 0:
                continue
            state, at = h.ctypes.data + size * first * hidden, size * begin * hidden
            times_strips(
                unit, state, hidden, n, hidden, to_gates.ctypes.data, gates.ctypes.data + 3 * at,
                3 * hidden, 2 * hidden, 1, 0,
            )  # fmt: skip
            times_strips(
                unit, state, hidden, n, hidden, to_new.ctypes.data, recalled.ctypes.data + at,
                hidden, hidden, 0, bias.ctypes.data if bias.size else 0,
            )  # fmt: skip
            for k in range(n):
                row = size * k * hidden
                advance(
                    h, size, hidden, gates.ctypes.data + 3 * (at + row),
                    recalled.ctypes.data + at + row, state + row,
                )  # fmt: skip
            copy_row(size, state, output.ctypes.data + at, n * hidden)


def gru(x, h, weight_ih, weight_hh, bias_ih, bias_hh, sizes, reverse):
    """Run the rows x through one layer: (output, h, gates, recalled) as the twin."""
    both, bias, from_state = 2 * h.shape[1], bias_ih, np.empty(0, x.dtype)
    if bias_hh is not None:  # of the reset and the update gate, the biases add up
        bias = np.zeros(len(weight_ih), x.dtype) if bias_ih is None else bias_ih.copy()
        bias[:both] += bias_hh[:both]
        from_state = np.ascontiguousarray(bias_hh[both:])
    gates = matmul(x, weight_ih.T, bias=bias)
    output, recalled = np.empty((2, len(x), h.shape[1]), x.dtype)
    h = h.copy("C")
    run_forward(
        gates, output, recalled, h, packed(weight_hh[:both].T), packed(weight_hh[both:].T),
        from_state, steps_of(sizes, reverse), shares(sizes), block(x.dtype.char),
        work=gates.size * h.shape[1] // 16,
    )  # fmt: skip
    return output, h, gates, recalled


@inner
def retreat(like, size, hidden, gates, recalled, before, d_output, d_state, d):
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
        write(like, 2, d, j, d_reset)
        d_update = d_step * (read(like, 0, before, j) - new) * (update * (one - update))
        write(like, 3, d + part, j, d_update)
        write(like, 4, d + 2 * part, j, d_new * reset)
        write(like, 5, d + 3 * part, j, d_new)
        write(like, 1, d_state, j, d_step * update)


@kernel(lambda T: (array(T, 2, out=True), array(T, 2, "A"), *[array(T, 2, out=True)] * 2,
                   *[array(T, 2)] * 4, array(T, 1), array(int64, 2), array(int64, 1),
                   array(int64, 1)))  # fmt: skip
def run_backward(d, d_output, d_h, sums, gates, recalled, output, first_states, recurrent, steps,
                 shares, unit):  # fmt: skip
    """A row of `d`: the gradients of the three sums with the state, and that of the candidate."""
    hidden, across, size = d_h.shape[1], d.shape[1], unit[SIZE]
    for part in prange(len(shares) - 1):
        first, last = shares[part], shares[part + 1]
        for s in range(len(steps) - 1, -1, -1):
            begin, n = steps[s, 0] + first, min(last, steps[s, 1]) - first
            if n <= 0:
                continue
            state, at = d_h.ctypes.data + size * first * hidden, size * begin * hidden
            errors = d.ctypes.data + size * begin * across
            for k in range(n):
                before = row_before(
                    size, steps, s, first + k, output.ctypes.data, first_states.ctypes.data, hidden
                )
                row = at + size * k * hidden
                retreat(
                    d_h, size, hidden, gates.ctypes.data + 3 * row, recalled.ctypes.data + row,
                    before, d_output.ctypes.data + (begin + k) * d_output.strides[0],
                    state + size * k * hidden, errors + size * k * across,
                )  # fmt: skip
            add_step(
                d_h, sums.ctypes.data, sums.strides[0], errors, size * across, first, n,
                4 * hidden,
            )  # fmt: skip
            times_strips(
                unit, errors, across, n, 3 * hidden, recurrent.ctypes.data,
                state, hidden, hidden, 1, 0,
            )  # fmt: skip


def gru_gradient(
    d_output, d_h, x, h0, weight_ih, weight_hh, output, gates, recalled, sizes, reverse,
    needs=(True,) * 6,
):  # fmt: skip
    """The gradients of (x, h0, weight_ih, weight_hh, bias_ih, bias_hh), as the twin."""
    hidden = h0.shape[1]
    d, d_h = gradients_of(len(gates), 4 * hidden, gates.dtype), d_h.copy("C")
    sums = new_sums(len(d_h), 4 * hidden, gates.dtype)
    run_backward(
        d, with_rows(d_output), d_h, sums, gates, recalled, output, np.ascontiguousarray(h0),
        packed(weight_hh), steps_of(sizes, reverse), shares(sizes), block(gates.dtype.char),
        work=gates.size * hidden // 16,
    )  # fmt: skip
    both, d_x, d_weight_ih, d_bias_ih, d_bias_hh = 2 * hidden, None, None, None, None
    new = d[:, 3 * hidden : 4 * hidden]
    if needs[0]:
        d_x = matmul(d[:, :both], weight_ih[:both])
        matmul(new, weight_ih[both:], d_x, accumulate=True)
    if needs[2]:
        d_weight_ih = np.empty((3 * hidden, x.shape[1]), x.dtype)
        matmul(d[:, :both].T, x, d_weight_ih[:both])
        matmul(new.T, x, d_weight_ih[both:])
    if needs[4] or needs[5]:
        total = sums.sum(0)
        d_bias_hh = total[: 3 * hidden].copy()
        d_bias_ih = np.concatenate([total[:both], total[3 * hidden :]])
    return (
        d_x, d_h, d_weight_ih,
        times_states(d[:, : 3 * hidden], output, h0, sizes, reverse) if needs[3] else None,
        d_bias_ih, d_bias_hh,
    )  # fmt: skip
