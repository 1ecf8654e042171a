"""A gated recurrent unit that runs a whole sequence as one op (Cho et al. 2014).

Its gates lie one below the other in the weights' rows, in PyTorch's order reset, update, candidate:

    r = sigmoid(W x + b + U h + d)         how much of the state the candidate sees
    z = sigmoid(W x + b + U h + d)         how much of the state stays
    n = tanh(W x + b + r * (U h + d))      the reset gate acts after the product, as in PyTorch
    h' = (1 - z) * n + z * h
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
)
from autograd.ops.transcendental import sigmoid


def gru_step(input, h, weight_ih, weight_hh, bias_ih, bias_hh):
    """The formula above."""
    from_input = chunks(affine(input, weight_ih, bias_ih), 3)
    from_state = chunks(affine(h, weight_hh, bias_hh), 3)
    reset = sigmoid(from_input[0] + from_state[0])
    update = sigmoid(from_input[1] + from_state[1])
    candidate = np.tanh(from_input[2] + reset * from_state[2])
    return candidate + update * (h - candidate)


def _step_by_step(input, h0, weight_ih, weight_hh, bias_ih, bias_hh, weight_ih_reverse,
                  weight_hh_reverse, bias_ih_reverse, bias_hh_reverse, reverse,
                  batch_sizes):  # fmt: skip
    def step_with(*weights):
        return lambda x, h: (gru_step(x, h, *weights),)

    weights = (
        (weight_ih, weight_hh, bias_ih, bias_hh),
        (weight_ih_reverse, weight_hh_reverse, bias_ih_reverse, bias_hh_reverse),
    )
    return run_each(step_with, input, [h0], weights, reverse, batch_sizes)


@op(samples=layer_samples(gates=3, states=1), outputs=("output", "h_n"),
    residuals=("gates", "recalled"), reference=_step_by_step, kind="contraction",
    space="internal", shown_as="GRU")  # fmt: skip
def gru_layer(input: Array, h0: Array, weight_ih: Array, weight_hh: Array,
              bias_ih: Array | None = None, bias_hh: Array | None = None,
              weight_ih_reverse: Array | None = None, weight_hh_reverse: Array | None = None,
              bias_ih_reverse: Array | None = None, bias_hh_reverse: Array | None = None,
              reverse: bool = False, batch_sizes: tuple | None = None):  # fmt: skip
    """Run a sequence through one layer of gated recurrent units, in one direction or in both.

    Parameters
    ----------
    input : (T, B, I), or (N, I) with `batch_sizes`
    h0 : (B, H), or (2, B, H) for both directions
    weight_ih : (3H, I)
    weight_hh : (3H, H)
    bias_ih, bias_hh : (3H,), optional
    weight_ih_reverse, ... : optional
        The weights of the other direction, of the same shapes: then the layer runs in both.
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
    sizes, hidden = alive(input, batch_sizes), weight_hh.shape[-1]
    first = weight_ih, weight_hh, bias_ih, bias_hh
    second = weight_ih_reverse, weight_hh_reverse, bias_ih_reverse, bias_hh_reverse
    each = [first] if weight_ih_reverse is None else [first, second]
    across = (3 * hidden,)
    check_shapes(
        input, sizes[0], {"h0": (h0, hidden)}, each,
        (*across, input.shape[-1]), (*across, hidden), across, across,
    )  # fmt: skip
    output, h, gates, recalled = kernels.recurrent.gru(
        rows(input), stacked(h0), each, sizes, directions_of(reverse, each)
    )
    output = output.reshape(*input.shape[:-1], output.shape[1])
    return output, h.reshape(h0.shape), gates, recalled


def _rule(g, input, h0, weight_ih, weight_hh, weight_ih_reverse, weight_hh_reverse, out, gates,
          recalled, reverse, batch_sizes, needs):  # fmt: skip
    weights = [(weight_ih, weight_hh, None, None)]
    if weight_ih_reverse is not None:
        weights.append((weight_ih_reverse, weight_hh_reverse, None, None))
    d_input, d_h0, d_weights = kernels.recurrent.gru_gradient(
        rows(g[0]), stacked(g[1]), rows(input), stacked(h0), weights, rows(out[0]), gates,
        recalled, alive(input, batch_sizes), directions_of(reverse, weights), asked(needs, 1),
    )  # fmt: skip
    return shaped(input, h0, needs, d_input, [d_h0], d_weights)


gru_layer.vjp(gru_layer.op.inputs, _rule)
