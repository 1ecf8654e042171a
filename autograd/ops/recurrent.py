"""A long short-term memory that runs a whole sequence as one op.

The LSTM is that of Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).
Its four gates lie one below the other in the weights' rows, in PyTorch's order i, f, g, o:

    i, f, o = sigmoid(W x + b + U h + d)      input, forget and output gate
    g       = tanh(W x + b + U h + d)         what might be written
    c'      = f * c + i * g
    h'      = o * tanh(c')                    or a projection R of it (Sak et al. 2014)
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.op import Array, op
from autograd.ops.sequence import (
    affine,
    alive,
    asked,
    check_shapes,
    chunks,
    directions_of,
    layer_samples,
    rows,
    run_each,
    shaped,
    stacked,
    total,
)
from autograd.ops.transcendental import sigmoid


def _step_by_step(input, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr,
                  weight_ih_reverse, weight_hh_reverse, bias_ih_reverse, bias_hh_reverse,
                  weight_hr_reverse, reverse, batch_sizes):  # fmt: skip
    """The formula above, one step after the other; what the fused kernel is tested against."""

    def step_with(w_ih, w_hh, b_ih, b_hh, w_hr):
        def step(x, h, c):
            i, f, g, o = chunks(affine(x, w_ih, b_ih) + affine(h, w_hh, b_hh), 4)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            return (h if w_hr is None else h @ w_hr.T), c

        return step

    weights = (
        (weight_ih, weight_hh, bias_ih, bias_hh, weight_hr),
        (
            weight_ih_reverse, weight_hh_reverse, bias_ih_reverse, bias_hh_reverse,
            weight_hr_reverse,
        ),
    )  # fmt: skip
    return run_each(step_with, input, [h0, c0], weights, reverse, batch_sizes)


def _samples(rng):
    yield from layer_samples(gates=4, states=2)(rng)
    shapes = (3, 2), (2, 1), (2, 3), (12, 2), (12, 1), (12,), (12,), (1, 3)
    yield tuple(rng.normal(size=s) for s in shapes), {"batch_sizes": (2, 1)}


@op(samples=_samples, outputs=("output", "h_n", "c_n"), residuals=("gates", "cells"),
    reference=_step_by_step, kind="contraction", space="internal", shown_as="LSTM")  # fmt: skip
def lstm_layer(input: Array, h0: Array, c0: Array, weight_ih: Array, weight_hh: Array,
               bias_ih: Array | None = None, bias_hh: Array | None = None,
               weight_hr: Array | None = None, weight_ih_reverse: Array | None = None,
               weight_hh_reverse: Array | None = None, bias_ih_reverse: Array | None = None,
               bias_hh_reverse: Array | None = None, weight_hr_reverse: Array | None = None,
               reverse: bool = False, batch_sizes: tuple | None = None):  # fmt: skip
    """Run a sequence through one LSTM layer, in one direction or in both.

    Parameters
    ----------
    input : (T, B, I), or (N, I) with `batch_sizes`
    h0, c0 : (B, H), or (2, B, H) for both directions
    weight_ih : (4H, I)
    weight_hh : (4H, H)
    bias_ih, bias_hh : (4H,), optional
    weight_hr : (P, H), optional
        Projects the hidden state, which then has P elements, also in `h0` and `weight_hh`.
    weight_ih_reverse, ... : optional
        The weights of the other direction, of the same shapes: then the layer runs in both.
    reverse : bool
        Walk from the last step to the first; the outputs stay in the order of the input.
    batch_sizes : tuple of int, optional
        How many sequences are alive at each step; those that ended keep their states.

    Returns
    -------
    output : (T, B, H) or (N, H)
        The hidden state after each step; of both directions side by side, 2H.
    h_n, c_n : as h0, c0
        The states after the last step of the walk.
    """
    sizes = alive(input, batch_sizes)
    hidden, shown = len(weight_hh) // 4, weight_hh.shape[-1]
    first = weight_ih, weight_hh, bias_ih, bias_hh, weight_hr
    second = (
        weight_ih_reverse, weight_hh_reverse, bias_ih_reverse, bias_hh_reverse, weight_hr_reverse
    )  # fmt: skip
    each, across = [first] if weight_ih_reverse is None else [first, second], (4 * hidden,)
    check_shapes(
        input, sizes[0], {"h0": (h0, shown), "c0": (c0, hidden)}, each,
        (*across, input.shape[-1]), (*across, hidden if weight_hr is None else shown), across,
        across, (shown, hidden),
    )  # fmt: skip
    weights = [(w_ih, w_hh, total(b_ih, b_hh), w_hr) for w_ih, w_hh, b_ih, b_hh, w_hr in each]
    output, h, c, gates, cells = kernels.recurrent.lstm(
        rows(input), stacked(h0), stacked(c0), weights, sizes, directions_of(reverse, each)
    )
    output = output.reshape(*input.shape[:-1], output.shape[1])
    return output, h.reshape(h0.shape), c.reshape(c0.shape), gates, cells


def _rule(g, input, h0, c0, weight_ih, weight_hh, weight_hr, weight_ih_reverse, weight_hh_reverse,
          weight_hr_reverse, out, gates, cells, reverse, batch_sizes, needs):  # fmt: skip
    weights = [(weight_ih, weight_hh, None, weight_hr)]
    if weight_ih_reverse is not None:
        weights.append((weight_ih_reverse, weight_hh_reverse, None, weight_hr_reverse))
    *need, need_ih, need_hh, need_hr = asked(needs, 2)
    d_input, d_h0, d_c0, d_weights = kernels.recurrent.lstm_gradient(
        rows(g[0]), stacked(g[1]), stacked(g[2]), rows(input), stacked(h0), stacked(c0), weights,
        rows(out[0]), gates, cells, alive(input, batch_sizes), directions_of(reverse, weights),
        (*need, need_ih or need_hh, need_hr),
    )  # fmt: skip
    d_weights = [(d_ih, d_hh, d_bias, d_bias, d_hr) for d_ih, d_hh, d_bias, d_hr in d_weights]
    return shaped(input, h0, needs, d_input, [d_h0, d_c0], d_weights)


lstm_layer.vjp(lstm_layer.op.inputs, _rule)
