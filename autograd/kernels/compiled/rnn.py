"""Plain recurrence: a layer's whole sequence, and back through time; see `sequence`."""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, inner, intp, kernel
from autograd.kernels.compiled.mathematics import choose, tanh
from autograd.kernels.compiled.product import SIZE, copy_row
from autograd.kernels.compiled.sequence import (
    ZERO,
    add_step,
    bring,
    enter,
    gradients_of,
    new_sums,
    over_input,
    over_states,
    packed,
    read,
    steps_of,
    tasks,
    times_input,
    times_strips,
    with_rows,
    write,
)
from autograd.kernels.compiled.tile import block

int64 = types.int64


@inner
def advance(like, count, row, relu):
    """From sums to states, in place."""
    if relu:
        zero = like.dtype.type(0)
        for j in range(count):
            x = read(like, 0, row, j)
            write(like, 0, row, j, choose(x < zero, zero, x))
    else:
        for j in range(count):
            write(like, 0, row, j, tanh(read(like, 0, row, j)))


@kernel(lambda T: (array(T, 2, out=True), array(T, 3, out=True), array(T, 2, "A"), intp,
                   *[array(T, 2)] * 2, intp, array(int64, 3), array(int64, 2),
                   array(int64, 1)))  # fmt: skip
def run_forward(output, states, x, entry, bias, strips, relu, steps, tasks, unit):
    """`output` becomes the states.

    It comes with the projected input, or `entry` numbers of that go before the states.
    """
    wide, across, size = output.shape[1], states.shape[2], unit[SIZE]
    hidden = across - entry
    for task in prange(len(tasks)):
        d, first, last = tasks[task, 0], tasks[task, 1], tasks[task, 2]
        start = bias.ctypes.data + d * bias.strides[0] if bias.size else ZERO
        for s in range(steps.shape[1]):
            begin, n = steps[d, s, 0] + first, min(last, steps[d, s, 1]) - first
            if n <= 0:
                continue
            ahead = steps[d, min(s + 1, steps.shape[1] - 1), 0] + first
            row = states.ctypes.data + d * states.strides[0] + first * states.strides[1]
            at = output.ctypes.data + size * (begin * wide + d * hidden)
            bring(size, x, begin, ahead, n, row, across, entry)
            times_strips(
                unit, row, across, n, across, strips.ctypes.data + d * strips.strides[0], at, wide,
                hidden, int64(entry == 0), start,
            )  # fmt: skip
            for k in range(n):
                new = at + size * k * wide
                advance(states, hidden, new, relu)
                copy_row(size, new, row + size * (k * across + entry), hidden)


def rnn(x, h, weights, nonlinearity, sizes, reverse):
    """Run the rows x through one layer, with ``"tanh"`` or ``"relu"``: (output, h)."""
    weights_ih, weights_hh, biases = zip(*weights, strict=True)
    directions, _, hidden = h.shape
    output = np.empty((len(x), directions * hidden), x.dtype)
    x, parts = with_rows(x), np.split(output, directions, 1)
    states, entry, bias = enter(x, h, weights_ih, biases, parts)
    strips = packed([w.T[:entry] for w in weights_ih], [w.T for w in weights_hh])
    run_forward(
        output, states, x, entry, bias, strips, int(nonlinearity == "relu"),
        steps_of(sizes, reverse), tasks(sizes, directions), block(x.dtype.char),
        work=output.size * hidden // 16,
    )  # fmt: skip
    return output, np.ascontiguousarray(states[:, :, entry:])


@inner
def retreat(like, count, state, d_output, d_state, d_sum, relu):
    """One sequence, one step back: from the gradient of its state to that of the sum."""
    zero, one = like.dtype.type(0), like.dtype.type(1)
    for j in range(count):
        d = read(like, 1, d_state, j) + read(like, 0, d_output, j)
        y = read(like, 0, state, j)
        slope = choose(y > zero, one, zero) if relu else one - y * y
        write(like, 2, d_sum, j, d * slope)


@kernel(lambda T: (array(T, 2, out=True), array(T, 2, "A"), *[array(T, 3, out=True)] * 2,
                   *[array(T, 2)] * 2, intp, array(int64, 3), array(int64, 2),
                   array(int64, 1)))  # fmt: skip
def run_backward(d_sums, d_output, d_h, sums, output, recurrent, relu, steps, tasks, unit):
    """`d_sums` become the gradients of the sums; d_h ends as that of the first state."""
    hidden, across, shown, size = d_h.shape[2], d_sums.shape[1], output.shape[1], unit[SIZE]
    for task in prange(len(tasks)):
        d, first, last = tasks[task, 0], tasks[task, 1], tasks[task, 2]
        mine = size * d * hidden  # where in a row of all directions this one begins
        for s in range(steps.shape[1] - 1, -1, -1):
            begin, n = steps[d, s, 0] + first, min(last, steps[d, s, 1]) - first
            if n <= 0:
                continue
            state = d_h.ctypes.data + d * d_h.strides[0] + size * first * hidden
            errors = d_sums.ctypes.data + size * begin * across + mine
            for k in range(n):
                retreat(
                    d_h, hidden, output.ctypes.data + size * (begin + k) * shown + mine,
                    d_output.ctypes.data + (begin + k) * d_output.strides[0] + mine,
                    state + size * k * hidden, errors + size * k * across, relu,
                )  # fmt: skip
            add_step(
                d_h, sums.ctypes.data + d * sums.strides[0], sums.strides[1], errors,
                size * across, first, n, hidden,
            )  # fmt: skip
            times_strips(
                unit, errors, across, n, hidden, recurrent.ctypes.data + d * recurrent.strides[0],
                state, hidden, hidden, ZERO, ZERO,
            )  # fmt: skip


def rnn_gradient(
    d_output, d_h, x, h0, weights, output, nonlinearity, sizes, reverse, needs=(True,) * 5
):
    """The gradients of (x, h0) and of the weights of each direction, as the twin."""
    weights_ih, weights_hh, _ = zip(*weights, strict=True)
    directions, batch, hidden = h0.shape
    memory, d_h = gradients_of(*output.shape, output.dtype), d_h.copy("C")
    sums = new_sums(directions, batch, hidden, output.dtype)
    run_backward(
        memory, with_rows(d_output), d_h, sums, np.ascontiguousarray(output), packed(weights_hh),
        int(nonlinearity == "relu"), steps_of(sizes, reverse), tasks(sizes, directions),
        block(output.dtype.char), work=output.size * hidden // 16,
    )  # fmt: skip
    d, totals, nothing = memory[:, : output.shape[1]], sums.sum(1), [None] * directions
    return (
        over_input(d, weights_ih) if needs[0] else None, d_h,
        list(zip(
            times_input(d, x, directions) if needs[2] else nothing,
            over_states(d, totals, output, h0, sizes, reverse) if needs[3] else nothing,
            totals if needs[4] else nothing, strict=True,
        )),
    )  # fmt: skip
