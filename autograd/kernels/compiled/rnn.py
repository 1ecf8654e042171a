"""Plain recurrence: a layer's whole sequence, and back through time; see `sequence`."""

from __future__ import annotations

from numba import prange, types

from autograd.kernels.compiled.jit import array, inner, intp, kernel
from autograd.kernels.compiled.mathematics import choose, tanh
from autograd.kernels.compiled.product import SIZE, copy_row
from autograd.kernels.compiled.sequence import (
    add_step,
    gradients_of,
    matmul,
    new_sums,
    packed,
    read,
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


@kernel(lambda T: (*[array(T, 2, out=True)] * 2, array(T, 1), intp, array(int64, 2),
                   array(int64, 1), array(int64, 1)))  # fmt: skip
def run_forward(output, h, recurrent, relu, steps, shares, unit):
    """`output` comes with the projected input, and becomes the states."""
    hidden, size = h.shape[1], unit[SIZE]
    for part in prange(len(shares) - 1):
        first, last = shares[part], shares[part + 1]
        for s in range(len(steps)):
            begin, n = steps[s, 0] + first, min(last, steps[s, 1]) - first
            if n <= 0:
                continue
            state = h.ctypes.data + size * first * hidden
            at = output.ctypes.data + size * begin * hidden
            times_strips(
                unit, state, hidden, n, hidden, recurrent.ctypes.data, at, hidden, hidden, 1, 0
            )
            advance(h, n * hidden, at, relu)
            copy_row(size, at, state, n * hidden)


def rnn(x, h, weight_ih, weight_hh, bias, nonlinearity, sizes, reverse):
    """Run the rows x through one layer, with ``"tanh"`` or ``"relu"``: (output, h)."""
    output, h = matmul(x, weight_ih.T, bias=bias), h.copy("C")
    run_forward(
        output, h, packed(weight_hh.T), int(nonlinearity == "relu"), steps_of(sizes, reverse),
        shares(sizes), block(x.dtype.char), work=output.size * h.shape[1] // 16,
    )  # fmt: skip
    return output, h


@inner
def retreat(like, count, state, d_output, d_state, d_sum, relu):
    """One sequence, one step back: from the gradient of its state to that of the sum."""
    zero, one = like.dtype.type(0), like.dtype.type(1)
    for j in range(count):
        d = read(like, 1, d_state, j) + read(like, 0, d_output, j)
        y = read(like, 0, state, j)
        slope = choose(y > zero, one, zero) if relu else one - y * y
        write(like, 2, d_sum, j, d * slope)


@kernel(lambda T: (array(T, 2, out=True), array(T, 2, "A"), *[array(T, 2, out=True)] * 2,
                   array(T, 2), array(T, 1), intp, array(int64, 2), array(int64, 1),
                   array(int64, 1)))  # fmt: skip
def run_backward(d, d_output, d_h, sums, output, recurrent, relu, steps, shares, unit):
    """`d` become the gradients of the sums; d_h ends as that of the first state."""
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
                row = at + size * k * hidden
                retreat(
                    d_h, hidden, output.ctypes.data + row,
                    d_output.ctypes.data + (begin + k) * d_output.strides[0],
                    state + size * k * hidden, errors + size * k * across, relu,
                )  # fmt: skip
            add_step(
                d_h, sums.ctypes.data, sums.strides[0], errors, size * across, first, n,
                hidden,
            )  # fmt: skip
            times_strips(
                unit, errors, across, n, hidden, recurrent.ctypes.data, state, hidden,
                hidden, 0, 0,
            )  # fmt: skip


def rnn_gradient(
    d_output, d_h, x, h0, weight_ih, weight_hh, output, nonlinearity, sizes, reverse,
    needs=(True,) * 5,
):  # fmt: skip
    """The gradients of (x, h0, weight_ih, weight_hh, bias), as the twin."""
    memory, d_h = gradients_of(*output.shape, output.dtype), d_h.copy("C")
    sums = new_sums(*d_h.shape, output.dtype)
    run_backward(
        memory, with_rows(d_output), d_h, sums, output, packed(weight_hh),
        int(nonlinearity == "relu"), steps_of(sizes, reverse), shares(sizes),
        block(output.dtype.char), work=output.size * d_h.shape[1] // 16,
    )  # fmt: skip
    d = memory[:, : d_h.shape[1]]
    return (
        matmul(d, weight_ih) if needs[0] else None, d_h,
        matmul(d.T, x) if needs[2] else None,
        times_states(d, output, h0, sizes, reverse) if needs[3] else None,
        sums.sum(0) if needs[4] else None,
    )  # fmt: skip
