"""Long short-term memory: a layer's whole sequence, and back through time; see `sequence`."""

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
def advance(like, size, hidden, gates, cell, cell_out, shown):
    """One sequence, one step: from the sums of the gates to the gates and the next state."""
    part = size * hidden
    for j in range(hidden):
        i = sigmoid(read(like, 0, gates, j))
        f = sigmoid(read(like, 1, gates + part, j))
        g = tanh(read(like, 2, gates + 2 * part, j))
        o = sigmoid(read(like, 3, gates + 3 * part, j))
        c = f * read(like, 4, cell, j) + i * g
        write(like, 0, gates, j, i)
        write(like, 1, gates + part, j, f)
        write(like, 2, gates + 2 * part, j, g)
        write(like, 3, gates + 3 * part, j, o)
        write(like, 4, cell, j, c)
        write(like, 5, cell_out, j, c)
        write(like, 6, shown, j, o * tanh(c))


@kernel(lambda T: (*[array(T, 2, out=True)] * 6, array(T, 1), array(T, 1), array(int64, 2),
                   array(int64, 1), array(int64, 1)))  # fmt: skip
def run_forward(gates, output, cells, h, c, shown, recurrent, projection, steps, shares, unit):
    """`gates` come with the projected input; `shown` is h itself where nothing projects it."""
    hidden, width, size = c.shape[1], h.shape[1], unit[SIZE]
    for part in prange(len(shares) - 1):
        first, last = shares[part], shares[part + 1]
        for s in range(len(steps)):
            begin, n = steps[s, 0] + first, min(last, steps[s, 1]) - first
            if n <= 0:
                continue
            state = h.ctypes.data + size * first * width
            at = gates.ctypes.data + size * begin * 4 * hidden
            times_strips(
                unit, state, width, n, width, recurrent.ctypes.data, at, 4 * hidden, 4 * hidden,
                1, 0,
            )  # fmt: skip
            for k in range(n):
                mine = size * (first + k) * hidden
                advance(
                    gates, size, hidden, at + size * k * 4 * hidden, c.ctypes.data + mine,
                    cells.ctypes.data + size * (begin + k) * hidden, shown.ctypes.data + mine,
                )  # fmt: skip
            if projection.size:
                times_strips(
                    unit, shown.ctypes.data + size * first * hidden, hidden, n, hidden,
                    projection.ctypes.data, state, width, width, 0, 0,
                )  # fmt: skip
            copy_row(size, state, output.ctypes.data + size * begin * width, n * width)


def lstm(x, h, c, weight_ih, weight_hh, bias, weight_hr, sizes, reverse):
    """Run the rows x through one layer: (output, h, c, gates, cells) as the twin."""
    gates = matmul(x, weight_ih.T, bias=bias)
    output, cells = np.empty((len(x), h.shape[1]), x.dtype), np.empty((len(x), c.shape[1]), x.dtype)
    h, c = h.copy("C"), c.copy("C")
    shown, projection = h, np.empty(0, x.dtype)
    if weight_hr is not None:
        shown, projection = np.empty_like(c), packed(weight_hr.T)
    run_forward(
        gates, output, cells, h, c, shown, packed(weight_hh.T), projection,
        steps_of(sizes, reverse), shares(sizes), block(x.dtype.char),
        work=gates.size * h.shape[1] // 16,
    )  # fmt: skip
    return output, h, c, gates, cells


@inner
def retreat(like, size, hidden, gates, cell, before, d_step, d_cell, d_gates):
    """One sequence, one step back: from the gradients of its state to those of its gates."""
    part, one = size * hidden, like.dtype.type(1)
    for j in range(hidden):
        i, f = read(like, 0, gates, j), read(like, 0, gates + part, j)
        g, o = read(like, 0, gates + 2 * part, j), read(like, 0, gates + 3 * part, j)
        shown, d = tanh(read(like, 0, cell, j)), read(like, 0, d_step, j)
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


@kernel(lambda T: (array(T, 2, out=True), array(T, 2, "A"), *[array(T, 2, out=True)] * 5,
                   *[array(T, 2)] * 3, array(T, 1), array(T, 1), array(int64, 2),
                   array(int64, 1), array(int64, 1)))  # fmt: skip
def run_backward(d_gates, d_output, d_h, d_c, d_step, d_shown, sums, gates, cells, first_cells,
                 recurrent, projection, steps, shares, unit):  # fmt: skip
    """`d_step` is d_h itself where nothing projects it; d_h and d_c end as those of the start."""
    hidden, width, size = d_c.shape[1], d_h.shape[1], unit[SIZE]
    across = d_gates.shape[1]
    for part in prange(len(shares) - 1):
        first, last = shares[part], shares[part + 1]
        for s in range(len(steps) - 1, -1, -1):
            begin, n = steps[s, 0] + first, min(last, steps[s, 1]) - first
            if n <= 0:
                continue
            state = d_h.ctypes.data + size * first * width
            for k in range(n):
                source = d_output.ctypes.data + (begin + k) * d_output.strides[0]
                add_row(d_h, state + size * k * width, source, width)
            if projection.size:
                copy_row(size, state, d_shown.ctypes.data + size * begin * width, n * width)
                times_strips(
                    unit, state, width, n, width, projection.ctypes.data,
                    d_step.ctypes.data + size * first * hidden, hidden, hidden, 0, 0,
                )  # fmt: skip
            at = size * begin * hidden
            errors = d_gates.ctypes.data + size * begin * across
            for k in range(n):
                mine = size * (first + k) * hidden
                before = row_before(
                    size, steps, s, first + k, cells.ctypes.data, first_cells.ctypes.data, hidden
                )
                row = at + size * k * hidden
                retreat(
                    d_h, size, hidden, gates.ctypes.data + 4 * row, cells.ctypes.data + row, before,
                    d_step.ctypes.data + mine, d_c.ctypes.data + mine,
                    errors + size * k * across,
                )  # fmt: skip
            add_step(
                d_h, sums.ctypes.data, sums.strides[0], errors, size * across, first, n,
                4 * hidden,
            )  # fmt: skip
            times_strips(
                unit, errors, across, n, 4 * hidden,
                recurrent.ctypes.data, state, width, width, 0, 0,
            )  # fmt: skip


def lstm_gradient(
    d_output, d_h, d_c, x, h0, c0, weight_ih, weight_hh, weight_hr, output, gates, cells, sizes,
    reverse, needs=(True,) * 7,
):  # fmt: skip
    """The gradients of (x, h0, c0, weight_ih, weight_hh, bias, weight_hr), as the twin."""
    memory = gradients_of(*gates.shape, gates.dtype)
    sums = new_sums(len(d_h), gates.shape[1], gates.dtype)
    d_h, d_c = d_h.copy("C"), d_c.copy("C")
    d_step, d_shown, projection = d_h, d_h, np.empty(0, d_h.dtype)
    if weight_hr is not None:
        d_step, d_shown, projection = np.empty_like(d_c), np.empty_like(output), packed(weight_hr)
    run_backward(
        memory, with_rows(d_output), d_h, d_c, d_step, d_shown, sums, gates, cells,
        np.ascontiguousarray(c0), packed(weight_hh), projection, steps_of(sizes, reverse),
        shares(sizes), block(gates.dtype.char), work=gates.size * d_h.shape[1] // 16,
    )  # fmt: skip
    d_gates, d_weight_hr = memory[:, : gates.shape[1]], None
    if weight_hr is not None and needs[6]:
        d_weight_hr = matmul(d_shown.T, gates[:, 3 * cells.shape[1] :] * np.tanh(cells))
    return (
        matmul(d_gates, weight_ih) if needs[0] else None, d_h, d_c,
        matmul(d_gates.T, x) if needs[3] else None,
        times_states(d_gates, output, h0, sizes, reverse) if needs[4] else None,
        sums.sum(0) if needs[5] else None,
        d_weight_hr,
    )  # fmt: skip
