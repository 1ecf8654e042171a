"""Long short-term memory: a layer's whole sequence, and back through time; see `sequence`."""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, inner, intp, kernel
from autograd.kernels.compiled.mathematics import quick_tanh, sigmoid
from autograd.kernels.compiled.product import SIZE, copy_row
from autograd.kernels.compiled.sequence import (
    ZERO,
    add_step,
    bring,
    columns_of,
    enter,
    gradients_of,
    matmul,
    new_sums,
    over_input,
    over_states,
    packed,
    read,
    row_before,
    soon_read,
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
def advance(like, size, hidden, gates, cell, cell_out, shown):
    """One sequence, one step: from the sums of the gates to the gates and the next state."""
    part = size * hidden
    for j in range(hidden):
        i = sigmoid(read(like, 0, gates, j))
        f = sigmoid(read(like, 1, gates + part, j))
        g = quick_tanh(read(like, 2, gates + 2 * part, j))
        o = sigmoid(read(like, 3, gates + 3 * part, j))
        c = f * read(like, 4, cell, j) + i * g
        write(like, 0, gates, j, i)
        write(like, 1, gates + part, j, f)
        write(like, 2, gates + 2 * part, j, g)
        write(like, 3, gates + 3 * part, j, o)
        write(like, 4, cell, j, c)
        write(like, 5, cell_out, j, c)
        write(like, 6, shown, j, o * quick_tanh(c))


@kernel(lambda T: (*[array(T, 3, out=True)] * 2, array(T, 2, out=True),
                   *[array(T, 3, out=True)] * 2, array(T, 3, "A", out=True), array(T, 2, "A"),
                   intp, *[array(T, 2)] * 3,
                   array(int64, 3), array(int64, 2), array(int64, 1)))  # fmt: skip
def run_forward(gates, cells, output, states, c, shown, x, entry, strips, bias, projection, steps,
                tasks, unit):  # fmt: skip
    """`gates` come with the projected input, or `entry` numbers of that go before the states.

    `shown` is the rest of `states` where nothing projects it.
    """
    hidden, across, size = c.shape[2], states.shape[2], unit[SIZE]
    width = across - entry
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
            visible = shown.ctypes.data + d * shown.strides[0] + first * shown.strides[1]
            at = gates.ctypes.data + d * gates.strides[0] + begin * gates.strides[1]
            bring(size, x, begin, ahead, n, row, across, entry)
            times_strips(
                unit, row, across, n, across, strips.ctypes.data + d * strips.strides[0], at,
                4 * hidden, 4 * hidden, int64(entry == 0), start,
            )  # fmt: skip
            for k in range(n):
                advance(
                    gates, size, hidden, at + size * k * 4 * hidden,
                    c.ctypes.data + d * c.strides[0] + (first + k) * c.strides[1],
                    cells.ctypes.data + d * cells.strides[0] + (begin + k) * cells.strides[1],
                    visible + k * shown.strides[1],
                )  # fmt: skip
            if projection.size:
                times_strips(
                    unit, visible, hidden, n, hidden,
                    projection.ctypes.data + d * projection.strides[0], state, across, width, ZERO,
                    ZERO,
                )  # fmt: skip
            for k in range(n):
                copy_row(
                    size, state + size * k * across,
                    output.ctypes.data + (begin + k) * output.strides[0] + size * d * width, width,
                )  # fmt: skip


def lstm(x, h, c, weights, sizes, reverse):
    """Run the rows x through one layer: (output, h, c, gates, cells) as the twin."""
    weights_ih, weights_hh, biases, weights_hr = zip(*weights, strict=True)
    directions, hidden, width = len(weights), c.shape[2], h.shape[2]
    x, c = with_rows(x), c.copy("C")
    gates = np.empty((directions, len(x), 4 * hidden), x.dtype)
    cells = np.empty((directions, len(x), hidden), x.dtype)
    output = np.empty((len(x), directions * width), x.dtype)
    states, entry, bias = enter(x, h, weights_ih, biases, gates)
    strips = packed([w.T[:entry] for w in weights_ih], [w.T for w in weights_hh])
    h = states[:, :, entry:]
    shown, projection = h, np.empty((0, 0), x.dtype)
    if weights_hr[0] is not None:
        shown, projection = np.empty_like(c), packed([weight.T for weight in weights_hr])
    run_forward(
        gates, cells, output, states, c, shown, x, entry, strips, bias, projection,
        steps_of(sizes, reverse), tasks(sizes, directions), block(x.dtype.char),
        work=gates.size * width // 16,
    )  # fmt: skip
    return output, np.ascontiguousarray(h), c, gates, cells


@inner
def retreat(like, size, hidden, gates, cell, before, d_step, d_cell, d_gates):
    """One sequence, one step back: from the gradients of its state to those of its gates."""
    part, one = size * hidden, like.dtype.type(1)
    for j in range(hidden):
        i, f = read(like, 0, gates, j), read(like, 0, gates + part, j)
        g, o = read(like, 0, gates + 2 * part, j), read(like, 0, gates + 3 * part, j)
        shown, d = quick_tanh(read(like, 0, cell, j)), read(like, 0, d_step, j)
        d_c = read(like, 1, d_cell, j) + d * o * (one - shown * shown)
        write(like, 2, d_gates, j, d_c * g * (i * (one - i)))
        write(like, 3, d_gates + part, j, d_c * read(like, 0, before, j) * (f * (one - f)))
        write(like, 4, d_gates + 2 * part, j, d_c * i * (one - g * g))
        write(like, 5, d_gates + 3 * part, j, d * shown * (o * (one - o)))
        write(like, 1, d_cell, j, d_c * f)


@inner
def add_row(like, target, source, count):
    """Add a row to another."""
    for j in range(count):
        write(like, 0, target, j, read(like, 0, target, j) + read(like, 1, source, j))


@kernel(lambda T: (array(T, 2, out=True), array(T, 2, "A"), *[array(T, 3, out=True)] * 3,
                   array(T, 2, out=True), array(T, 3, out=True), *[array(T, 3)] * 3,
                   *[array(T, 2)] * 2, array(int64, 3), array(int64, 2),
                   array(int64, 1)))  # fmt: skip
def run_backward(d_gates, d_output, d_h, d_c, d_step, d_shown, sums, gates, cells, first_cells,
                 recurrent, projection, steps, tasks, unit):  # fmt: skip
    """`d_step` is d_h itself where nothing projects it; d_h and d_c end as those of the start."""
    hidden, width, size = d_c.shape[2], d_h.shape[2], unit[SIZE]
    across = d_gates.shape[1]
    for task in prange(len(tasks)):
        d, first, last = tasks[task, 0], tasks[task, 1], tasks[task, 2]
        all_cells = cells.ctypes.data + d * cells.strides[0]
        for s in range(steps.shape[1] - 1, -1, -1):
            begin, n = steps[d, s, 0] + first, min(last, steps[d, s, 1]) - first
            if n <= 0:
                continue
            state = d_h.ctypes.data + d * d_h.strides[0] + size * first * width
            for k in range(n):
                source = d_output.ctypes.data + (begin + k) * d_output.strides[0] + size * d * width
                add_row(d_h, state + size * k * width, source, width)
                if projection.size:
                    copy_row(
                        size, state + size * k * width, d_shown.ctypes.data
                        + (begin + k) * d_shown.strides[0] + size * d * width, width,
                    )  # fmt: skip
            if projection.size:
                times_strips(
                    unit, state, width, n, width,
                    projection.ctypes.data + d * projection.strides[0],
                    d_step.ctypes.data + d * d_step.strides[0] + size * first * hidden,
                    hidden, hidden, ZERO, ZERO,
                )  # fmt: skip
            errors = d_gates.ctypes.data + size * (begin * across + d * 4 * hidden)
            ahead = steps[d, max(s - 1, 0), 0] + first
            for k in range(n):
                soon_read(
                    gates.ctypes.data + d * gates.strides[0] + (ahead + k) * gates.strides[1],
                    gates.strides[1],
                )
                mine = d * d_c.strides[0] + (first + k) * d_c.strides[1]
                before = row_before(
                    size, steps[d], s, first + k, all_cells, hidden,
                    first_cells.ctypes.data + d * first_cells.strides[0], hidden,
                )  # fmt: skip
                retreat(
                    d_h, size, hidden,
                    gates.ctypes.data + d * gates.strides[0] + (begin + k) * gates.strides[1],
                    all_cells + (begin + k) * cells.strides[1], before, d_step.ctypes.data + mine,
                    d_c.ctypes.data + mine, errors + size * k * across,
                )  # fmt: skip
            add_step(
                d_h, sums.ctypes.data + d * sums.strides[0], sums.strides[1], errors,
                size * across, first, n, 4 * hidden,
            )  # fmt: skip
            times_strips(
                unit, errors, across, n, 4 * hidden,
                recurrent.ctypes.data + d * recurrent.strides[0], state, width, width, ZERO, ZERO,
            )  # fmt: skip


def lstm_gradient(
    d_output, d_h, d_c, x, h0, c0, weights, output, gates, cells, sizes, reverse,
    needs=(True,) * 7,
):  # fmt: skip
    """The gradients of (x, h0, c0) and of the weights of each direction, as the twin."""
    weights_ih, weights_hh, _, weights_hr = zip(*weights, strict=True)
    directions, rows, across = gates.shape
    memory = gradients_of(rows, directions * across, gates.dtype)
    sums = new_sums(directions, d_h.shape[1], across, gates.dtype)
    d_h, d_c = d_h.copy("C"), d_c.copy("C")
    d_step, d_shown, projection = d_h, output[:0], np.empty((0, 0), d_h.dtype)
    if weights_hr[0] is not None:
        d_step, d_shown = np.empty_like(d_c), np.empty_like(output, order="C")
        projection = packed(weights_hr)
    run_backward(
        memory, with_rows(d_output), d_h, d_c, d_step, d_shown, sums, gates, cells,
        np.ascontiguousarray(c0), packed(weights_hh), projection, steps_of(sizes, reverse),
        tasks(sizes, directions), block(gates.dtype.char), work=gates.size * d_h.shape[2] // 16,
    )  # fmt: skip
    d_gates, totals = memory[:, : directions * across], sums.sum(1)
    nothing = [None] * directions
    d_weights_hr = nothing
    if weights_hr[0] is not None and needs[6]:
        shown = gates[:, :, 3 * cells.shape[2] :] * np.tanh(cells)
        d_weights_hr = [
            matmul(columns_of(d_shown, k, directions).T, shown[k]) for k in range(directions)
        ]
    return (
        over_input(d_gates, weights_ih) if needs[0] else None, d_h, d_c,
        list(zip(
            times_input(d_gates, x, directions) if needs[3] else nothing,
            over_states(d_gates, totals, output, h0, sizes, reverse) if needs[4] else nothing,
            totals if needs[5] else nothing, d_weights_hr, strict=True,
        )),
    )  # fmt: skip
