"""Recurrent layers over whole sequences: which of the two runs them."""

from __future__ import annotations

import itertools

from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import recurrent as plain

PER_OPERATION = 1 / 16  # a vector's worth of multiplications counts as one


def _family(x, weights, *others):
    matrix = weights[0][1]
    work = len(weights) * len(x) * matrix.size * PER_OPERATION
    arrays = itertools.chain(others, *weights)
    return compiled("recurrent") if worth(work, x, *arrays) else plain


def lstm(x, h, c, weights, sizes, reverse):
    """Run rows through a long short-term memory: (output, h, c, gates, cells)."""
    return _family(x, weights, h, c).lstm(x, h, c, weights, sizes, reverse)


def lstm_gradient(d_output, d_h, d_c, x, h0, c0, weights, *others):
    """The gradients of (x, h0, c0) and of the weights of each direction."""
    run = _family(x, weights, d_output, d_h, d_c, h0, c0).lstm_gradient
    return run(d_output, d_h, d_c, x, h0, c0, weights, *others)


def gru(x, h, weights, sizes, reverse):
    """Run rows through gated recurrent units: (output, h, gates, recalled)."""
    return _family(x, weights, h).gru(x, h, weights, sizes, reverse)


def gru_gradient(d_output, d_h, x, h0, weights, *others):
    """The gradients of (x, h0) and of the weights of each direction."""
    run = _family(x, weights, d_output, d_h, h0).gru_gradient
    return run(d_output, d_h, x, h0, weights, *others)


def rnn(x, h, weights, nonlinearity, sizes, reverse):
    """Run rows through a plain recurrence: (output, h)."""
    return _family(x, weights, h).rnn(x, h, weights, nonlinearity, sizes, reverse)


def rnn_gradient(d_output, d_h, x, h0, weights, *others):
    """The gradients of (x, h0) and of the weights of each direction."""
    run = _family(x, weights, d_output, d_h, h0).rnn_gradient
    return run(d_output, d_h, x, h0, weights, *others)
