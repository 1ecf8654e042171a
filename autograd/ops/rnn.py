"""A plain recurrent layer that runs a whole sequence as one op (Elman 1990).

h' = tanh(W x + b + U h + d)           or relu
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.op import Array, op
from autograd.ops.rectifier import relu
from autograd.ops.sequence import affine, alive, check_shapes, layer_samples, rows, run, shaped


def _step_by_step(input, h0, weight_ih, weight_hh, bias_ih, bias_hh, nonlinearity, reverse,
                  batch_sizes):  # fmt: skip
    function = np.tanh if nonlinearity == "tanh" else relu

    def step(x, h):
        return (function(affine(x, weight_ih, bias_ih) + affine(h, weight_hh, bias_hh)),)

    return run(step, input, [h0], reverse, batch_sizes)


def _samples(rng):
    for nonlinearity in ("tanh", "relu"):
        yield from layer_samples(gates=1, states=1, nonlinearity=nonlinearity)(rng)


@op(samples=_samples, outputs=("output", "h_n"), reference=_step_by_step, kind="contraction",
    space="internal", shown_as="RNN")  # fmt: skip
def rnn_layer(input: Array, h0: Array, weight_ih: Array, weight_hh: Array,
              bias_ih: Array | None = None, bias_hh: Array | None = None,
              nonlinearity: str = "tanh", reverse: bool = False,
              batch_sizes: tuple | None = None):  # fmt: skip
    """Run a sequence through one plain recurrent layer in one direction.

    Parameters
    ----------
    input : (T, B, I), or (N, I) with `batch_sizes`
    h0 : (B, H)
    weight_ih : (H, I)
    weight_hh : (H, H)
    bias_ih, bias_hh : (H,), optional
    nonlinearity : {"tanh", "relu"}
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
    if nonlinearity not in ("tanh", "relu"):
        raise ValueError(f"nonlinearity expected 'tanh' or 'relu', got {nonlinearity!r}")
    sizes, hidden = alive(input, batch_sizes), weight_hh.shape[-1]
    check_shapes(
        input, hidden,
        h0=(h0, (sizes[0], hidden)),
        weight_ih=(weight_ih, (hidden, input.shape[-1])),
        weight_hh=(weight_hh, (hidden, hidden)),
        bias_ih=(bias_ih, (hidden,)),
        bias_hh=(bias_hh, (hidden,)),
    )  # fmt: skip
    bias = bias_ih if bias_hh is None else bias_hh if bias_ih is None else bias_ih + bias_hh
    output, h = kernels.recurrent.rnn(
        rows(input), h0, weight_ih, weight_hh, bias, nonlinearity, sizes, reverse
    )
    return output.reshape(*input.shape[:-1], hidden), h


def _rule(g, input, h0, weight_ih, weight_hh, out, nonlinearity, reverse, batch_sizes, needs):
    d_output, d_h = g
    d_input, d_h0, d_weight_ih, d_weight_hh, d_bias = kernels.recurrent.rnn_gradient(
        rows(d_output), d_h, rows(input), h0, weight_ih, weight_hh, rows(out[0]), nonlinearity,
        alive(input, batch_sizes), reverse, (*needs[:4], needs[4] or needs[5]),
    )  # fmt: skip
    return shaped(input, needs, d_input, d_h0, d_weight_ih, d_weight_hh, d_bias, d_bias)


rnn_layer.vjp(rnn_layer.op.inputs, _rule)
