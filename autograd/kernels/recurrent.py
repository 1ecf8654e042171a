"""Recurrent layers over whole sequences: which of the two runs them."""

from __future__ import annotations

from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import recurrent as plain

PER_OPERATION = 1 / 16  # a vector's worth of multiplications counts as one


def _family(x, weight_hh, *others):
    work = len(x) * weight_hh.size * PER_OPERATION
    return compiled("recurrent") if worth(work, x, weight_hh, *others) else plain


def lstm(x, h, c, weight_ih, weight_hh, bias, weight_hr, sizes, reverse):
    """Run rows through a long short-term memory: (output, h, c, gates, cells)."""
    run = _family(x, weight_hh, h, c, weight_ih, bias, weight_hr).lstm
    return run(x, h, c, weight_ih, weight_hh, bias, weight_hr, sizes, reverse)


def lstm_gradient(d_output, d_h, d_c, x, h0, c0, weight_ih, weight_hh, *others):
    """The gradients of (x, h0, c0, weight_ih, weight_hh, bias, weight_hr)."""
    run = _family(x, weight_hh, d_output, d_h, d_c, h0, c0, weight_ih).lstm_gradient
    return run(d_output, d_h, d_c, x, h0, c0, weight_ih, weight_hh, *others)


def gru(x, h, weight_ih, weight_hh, bias_ih, bias_hh, sizes, reverse):
    """Run rows through gated recurrent units: (output, h, gates, recalled)."""
    run = _family(x, weight_hh, h, weight_ih, bias_ih, bias_hh).gru
    return run(x, h, weight_ih, weight_hh, bias_ih, bias_hh, sizes, reverse)


def gru_gradient(d_output, d_h, x, h0, weight_ih, weight_hh, *others):
    """The gradients of (x, h0, weight_ih, weight_hh, bias_ih, bias_hh)."""
    run = _family(x, weight_hh, d_output, d_h, h0, weight_ih).gru_gradient
    return run(d_output, d_h, x, h0, weight_ih, weight_hh, *others)


def rnn(x, h, weight_ih, weight_hh, bias, nonlinearity, sizes, reverse):
    """Run rows through a plain recurrence: (output, h)."""
    run = _family(x, weight_hh, h, weight_ih, bias).rnn
    return run(x, h, weight_ih, weight_hh, bias, nonlinearity, sizes, reverse)


def rnn_gradient(d_output, d_h, x, h0, weight_ih, weight_hh, *others):
    """The gradients of (x, h0, weight_ih, weight_hh, bias)."""
    run = _family(x, weight_hh, d_output, d_h, h0, weight_ih).rnn_gradient
    return run(d_output, d_h, x, h0, weight_ih, weight_hh, *others)
