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
    check_shapes,
    chunks,
    layer_samples,
    rows,
    run,
    shaped,
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


def _step_by_step(input, h0, weight_ih, weight_hh, bias_ih, bias_hh, reverse, batch_sizes):
    def step(x, h):
        return (gru_step(x, h, weight_ih, weight_hh, bias_ih, bias_hh),)

    return run(step, input, [h0], reverse, batch_sizes)


@op(samples=layer_samples(gates=3, states=1), outputs=("output", "h_n"),
    residuals=("gates", "recalled"), reference=_step_by_step, kind="contraction",
    space="internal", shown_as="GRU")  # fmt: skip
def gru_layer(input: Array, h0: Array, weight_ih: Array, weight_hh: Array,
              bias_ih: Array | None = None, bias_hh: Array | None = None, reverse: bool = False,
              batch_sizes: tuple | None = None):  # fmt: skip
    """Run a sequence through one layer of gated recurrent units in one direction.

    Parameters
    ----------
    input : (T, B, I), or (N, I) with `batch_sizes`
    h0 : (B, H)
    weight_ih : (3H, I)
    weight_hh : (3H, H)
    bias_ih, bias_hh : (3H,), optional
    reverse : bool
        Walk from the last step to the first; the outputs stay in the order of the input.
    batch_sizes : tuple of int, optional
        How many sequences are alive at each step; those that ended keep their states.

    Returns
    -------
    output : (T, B, H) or (N, H)
        The state after each step.
    h_n : (B, H)
        The state after the last step of the walk.
    """
    sizes, hidden = alive(input, batch_sizes), weight_hh.shape[-1]
    check_shapes(
        input, hidden,
        h0=(h0, (sizes[0], hidden)),
        weight_ih=(weight_ih, (3 * hidden, input.shape[-1])),
        weight_hh=(weight_hh, (3 * hidden, hidden)),
        bias_ih=(bias_ih, (3 * hidden,)),
        bias_hh=(bias_hh, (3 * hidden,)),
    )  # fmt: skip
    output, h, gates, recalled = kernels.recurrent.gru(
        rows(input), h0, weight_ih, weight_hh, bias_ih, bias_hh, sizes, reverse
    )
    return output.reshape(*input.shape[:-1], hidden), h, gates, recalled


def _rule(g, input, h0, weight_ih, weight_hh, out, gates, recalled, reverse, batch_sizes, needs):
    d_output, d_h = g
    gradients = kernels.recurrent.gru_gradient(
        rows(d_output), d_h, rows(input), h0, weight_ih, weight_hh, rows(out[0]), gates, recalled,
        alive(input, batch_sizes), reverse, needs,
    )  # fmt: skip
    return shaped(input, needs, *gradients)


gru_layer.vjp(gru_layer.op.inputs, _rule)
