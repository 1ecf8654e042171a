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
    check_shapes,
    chunks,
    layer_samples,
    rows,
    run,
    shaped,
)
from autograd.ops.transcendental import sigmoid


def _step_by_step(input, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, reverse,
                  batch_sizes):  # fmt: skip
    """The formula above, one step after the other; what the fused kernel is tested against."""

    def step(x, h, c):
        i, f, g, o = chunks(affine(x, weight_ih, bias_ih) + affine(h, weight_hh, bias_hh), 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return (h if weight_hr is None else h @ weight_hr.T), c

    return run(step, input, [h0, c0], reverse, batch_sizes)


def _samples(rng):
    yield from layer_samples(gates=4, states=2)(rng)
    shapes = (3, 2), (2, 1), (2, 3), (12, 2), (12, 1), (12,), (12,), (1, 3)
    yield tuple(rng.normal(size=s) for s in shapes), {"batch_sizes": (2, 1)}


@op(samples=_samples, outputs=("output", "h_n", "c_n"), residuals=("gates", "cells"),
    reference=_step_by_step, kind="contraction", space="internal", shown_as="LSTM")  # fmt: skip
def lstm_layer(input: Array, h0: Array, c0: Array, weight_ih: Array, weight_hh: Array,
               bias_ih: Array | None = None, bias_hh: Array | None = None,
               weight_hr: Array | None = None, reverse: bool = False,
               batch_sizes: tuple | None = None):  # fmt: skip
    """Run a sequence through one LSTM layer in one direction.

    Parameters
    ----------
    input : (T, B, I), or (N, I) with `batch_sizes`
    h0, c0 : (B, H)
    weight_ih : (4H, I)
    weight_hh : (4H, H)
    bias_ih, bias_hh : (4H,), optional
    weight_hr : (P, H), optional
        Projects the hidden state, which then has P elements, also in `h0` and `weight_hh`.
    reverse : bool
        Walk from the last step to the first; the outputs stay in the order of the input.
    batch_sizes : tuple of int, optional
        How many sequences are alive at each step; those that ended keep their states.

    Returns
    -------
    output : (T, B, H) or (N, H)
        The hidden state after each step.
    h_n, c_n : (B, H)
        The states after the last step of the walk.
    """
    sizes = alive(input, batch_sizes)
    hidden, shown = len(weight_hh) // 4, weight_hh.shape[-1]
    check_shapes(
        input, hidden,
        h0=(h0, (sizes[0], shown)),
        c0=(c0, (sizes[0], hidden)),
        weight_ih=(weight_ih, (4 * hidden, input.shape[-1])),
        weight_hh=(weight_hh, (4 * hidden, hidden if weight_hr is None else shown)),
        bias_ih=(bias_ih, (4 * hidden,)),
        bias_hh=(bias_hh, (4 * hidden,)),
        weight_hr=(weight_hr, (shown, hidden)),
    )  # fmt: skip
    bias = bias_ih if bias_hh is None else bias_hh if bias_ih is None else bias_ih + bias_hh
    output, h, c, gates, cells = kernels.recurrent.lstm(
        rows(input), h0, c0, weight_ih, weight_hh, bias, weight_hr, sizes, reverse
    )
    return output.reshape(*input.shape[:-1], shown), h, c, gates, cells


def _rule(g, input, h0, c0, weight_ih, weight_hh, weight_hr, out, gates, cells, reverse,
          batch_sizes, needs):  # fmt: skip
    d_output, d_h, d_c = g
    d_input, d_h0, d_c0, d_weight_ih, d_weight_hh, d_bias, d_weight_hr = (
        kernels.recurrent.lstm_gradient(
            rows(d_output), d_h, d_c, rows(input), h0, c0, weight_ih, weight_hh, weight_hr,
            rows(out[0]), gates, cells, alive(input, batch_sizes), reverse,
            (*needs[:5], needs[5] or needs[6], needs[7]),
        )
    )  # fmt: skip
    return shaped(
        input, needs, d_input, d_h0, d_c0, d_weight_ih, d_weight_hh, d_bias, d_bias, d_weight_hr
    )


lstm_layer.vjp(lstm_layer.op.inputs, _rule)
