"""A plain recurrent layer that runs a whole sequence as one op (Elman 1990).

h' = tanh(W x + b + U h + d)           or relu
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.op import Array, op
from autograd.ops.rectifier import relu
from autograd.ops.sequence import (
    affine,
    alive,
    asked,
    check_shapes,
    directions_of,
    layer_samples,
    rows,
    run_each,
    shaped,
    stacked,
    total,
)


def _step_by_step(input, h0, weight_ih, weight_hh, bias_ih, bias_hh, weight_ih_reverse,
                  weight_hh_reverse, bias_ih_reverse, bias_hh_reverse, nonlinearity, reverse,
                  batch_sizes):  # fmt: skip
    function = np.tanh if nonlinearity == "tanh" else relu

    def step_with(w_ih, w_hh, b_ih, b_hh):
        return lambda x, h: (function(affine(x, w_ih, b_ih) + affine(h, w_hh, b_hh)),)

    weights = (
        (weight_ih, weight_hh, bias_ih, bias_hh),
        (weight_ih_reverse, weight_hh_reverse, bias_ih_reverse, bias_hh_reverse),
    )
    return run_each(step_with, input, [h0], weights, reverse, batch_sizes)


def _samples(rng):
    for nonlinearity in ("tanh", "relu"):
        yield from layer_samples(gates=1, states=1, nonlinearity=nonlinearity)(rng)


@op(samples=_samples, outputs=("output", "h_n"), reference=_step_by_step, kind="contraction",
    space="internal", shown_as="RNN")  # fmt: skip
def rnn_layer(input: Array, h0: Array, weight_ih: Array, weight_hh: Array,
              bias_ih: Array | None = None, bias_hh: Array | None = None,
              weight_ih_reverse: Array | None = None, weight_hh_reverse: Array | None = None,
              bias_ih_reverse: Array | None = None, bias_hh_reverse: Array | None = None,
              nonlinearity: str = "tanh", reverse: bool = False,
              batch_sizes: tuple | None = None):  # fmt: skip
    """Run a sequence through one plain recurrent layer, in one direction or in both.

    Parameters
    ----------
    input : (T, B, I), or (N, I) with `batch_sizes`
    h0 : (B, H), or (2, B, H) for both directions
    weight_ih : (H, I)
    weight_hh : (H, H)
    bias_ih, bias_hh : (H,), optional
    weight_ih_reverse, ... : optional
        The weights of the other direction, of the same shapes: then the layer runs in both.
    nonlinearity : {"tanh", "relu"}
    reverse : bool
        Walk from the last step to the first; the outputs stay in the order of the input.
    batch_sizes : tuple of int, optional
        How many sequences are alive at each step; those that ended keep their states.

    Returns
    -------
    output : (T, B, H) or (N, H)
        The state after each step; of both directions side by side, 2H.
    h_n : as h0
        The state after the last step of the walk.
    """
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity expected 'tanh' or 'relu', got {nonlinearity!r}")
    sizes, hidden = alive(input, batch_sizes), weight_hh.shape[-1]
    first = weight_ih, weight_hh, bias_ih, bias_hh
    second = weight_ih_reverse, weight_hh_reverse, bias_ih_reverse, bias_hh_reverse
    each = [first] if weight_ih_reverse is None else [first, second]
    across = (hidden,)
    check_shapes(
        input, sizes[0], {"h0": (h0, hidden)}, each,
        (*across, input.shape[-1]), (*across, hidden), across, across,
    )  # fmt: skip
    weights = [(w_ih, w_hh, total(b_ih, b_hh)) for w_ih, w_hh, b_ih, b_hh in each]
    output, h = kernels.recurrent.rnn(
        rows(input), stacked(h0), weights, nonlinearity, sizes, directions_of(reverse, each)
    )
    return output.reshape(*input.shape[:-1], output.shape[1]), h.reshape(h0.shape)


def _rule(g, input, h0, weight_ih, weight_hh, weight_ih_reverse, weight_hh_reverse, out,
          nonlinearity, reverse, batch_sizes, needs):  # fmt: skip
    weights = [(weight_ih, weight_hh, None)]
    if weight_ih_reverse is not None:
        weights.append((weight_ih_reverse, weight_hh_reverse, None))
    *need, need_ih, need_hh = asked(needs, 1)
    d_input, d_h0, d_weights = kernels.recurrent.rnn_gradient(
        rows(g[0]), stacked(g[1]), rows(input), stacked(h0), weights, rows(out[0]), nonlinearity,
        alive(input, batch_sizes), directions_of(reverse, weights), (*need, need_ih or need_hh),
    )  # fmt: skip
    d_weights = [(d_ih, d_hh, d_bias, d_bias) for d_ih, d_hh, d_bias in d_weights]
    return shaped(input, h0, needs, d_input, [d_h0], d_weights)


rnn_layer.vjp(rnn_layer.op.inputs, _rule)
