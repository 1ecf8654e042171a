"""Recurrent cells, and an LSTM layer that runs a whole sequence as one op.

The LSTM is that of Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).
Its four gates lie one below the other in the weights' rows, in PyTorch's order i, f, g, o:

    i, f, o = sigmoid(W x + b + U h + d)      input, forget and output gate
    g       = tanh(W x + b + U h + d)         what might be written
    c'      = f * c + i * g
    h'      = o * tanh(c')
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.rectifier import relu
from autograd.ops.transcendental import sigmoid


def _affine(x, weight, bias):
    out = x @ weight.T
    return out if bias is None else out + bias


def _chunks(x, count: int):
    size = x.shape[1] // count
    return [x[:, k * size : (k + 1) * size] for k in range(count)]


# -- a whole LSTM layer ----------------------------------------------------------------------------


def _step_by_step(input, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh, reverse):
    """The formula above, one step after the other; what the fused kernel is tested against."""
    outputs, h, c = [], h0, c0
    for t in reversed(range(len(input))) if reverse else range(len(input)):
        gates = _affine(input[t], weight_ih, bias_ih) + _affine(h, weight_hh, bias_hh)
        i, f, g, o = _chunks(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs[::-1] if reverse else outputs), h, c


def _layer_samples(rng):
    steps, batch, size, hidden = 2, 2, 3, 2

    def normal(*shape):
        return rng.normal(size=shape)

    arrays = (
        normal(steps, batch, size), normal(batch, hidden), normal(batch, hidden),
        normal(4 * hidden, size), normal(4 * hidden, hidden),
    )  # fmt: skip
    biases = normal(4 * hidden), normal(4 * hidden)
    yield (*arrays, *biases), {}
    yield arrays, {"reverse": True}


@op(samples=_layer_samples, outputs=("output", "h_n", "c_n"), residuals=("gates", "cells"),
    reference=_step_by_step, kind="contraction", space="internal")  # fmt: skip
def lstm_layer(input: Array, h0: Array, c0: Array, weight_ih: Array, weight_hh: Array,
               bias_ih: Array | None = None, bias_hh: Array | None = None,
               reverse: bool = False):  # fmt: skip
    """Run a sequence through one LSTM layer in one direction.

    Parameters
    ----------
    input : (T, B, I)
    h0, c0 : (B, H)
    weight_ih : (4H, I)
    weight_hh : (4H, H)
    bias_ih, bias_hh : (4H,), optional
    reverse : bool
        Walk from the last step to the first; the outputs stay in the order of the input.

    Returns
    -------
    output : (T, B, H)
        The hidden state after each step.
    h_n, c_n : (B, H)
        The states after the last step of the walk.
    """
    _check_sizes(input, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh)
    bias = bias_ih if bias_hh is None else bias_hh if bias_ih is None else bias_ih + bias_hh
    output, gates, cells = kernels.recurrent.lstm(
        input, h0, c0, weight_ih, weight_hh, bias, reverse
    )
    last = 0 if reverse else -1
    return output, output[last].copy(), cells[last].copy(), gates, cells


def _check_sizes(input, h0, c0, weight_ih, weight_hh, bias_ih, bias_hh) -> None:
    if input.ndim != 3 or not len(input):
        raise ShapeError(f"expected at least one step, as input (T, B, I); got {input.shape}")
    (_, batch, size), hidden = input.shape, weight_hh.shape[-1]
    expected = {
        "h0": (h0, (batch, hidden)),
        "c0": (c0, (batch, hidden)),
        "weight_ih": (weight_ih, (4 * hidden, size)),
        "weight_hh": (weight_hh, (4 * hidden, hidden)),
        "bias_ih": (bias_ih, (4 * hidden,)),
        "bias_hh": (bias_hh, (4 * hidden,)),
    }
    for name, (array, shape) in expected.items():
        if array is not None and array.shape != shape:
            raise ShapeError(
                f"expected {name} of shape {shape}, for an input {input.shape} and {hidden} hidden "
                f"units; got {array.shape}"
            )


def _lstm_rule(g, input, h0, c0, weight_ih, weight_hh, out, gates, cells, reverse, needs):
    d_input, d_h0, d_c0, d_weight_ih, d_weight_hh, d_bias = kernels.recurrent.lstm_gradient(
        *g, input, h0, c0, weight_ih, weight_hh, out[0], gates, cells, reverse
    )
    gradients = (d_input, d_h0, d_c0, d_weight_ih, d_weight_hh, d_bias, d_bias)
    return tuple(d if needed else None for d, needed in zip(gradients, needs, strict=True))


lstm_layer.vjp(lstm_layer.op.inputs, _lstm_rule)


# -- single steps ----------------------------------------------------------------------------------


def _cell_samples(gates: int, pair: bool = False):
    def samples(rng):
        x, h, c = rng.normal(size=(2, 3)), rng.normal(size=(2, 2)), rng.normal(size=(2, 2))
        rows = 2 * gates
        yield (x, (h, c) if pair else h, rng.normal(size=(rows, 3)), rng.normal(size=(rows, 2)),
               rng.normal(size=rows), rng.normal(size=rows)), {}  # fmt: skip

    return samples


@composite(samples=_cell_samples(4, pair=True))
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None) -> tuple[Array, Array]:
    """Return the states (h, c) of an LSTM cell after one step.

    Parameters
    ----------
    input : (B, I)
    hx : ((B, H), (B, H))
        The states h and c before.
    w_ih, w_hh : (4H, I), (4H, H)
        Rows of the gates i, f, g, o.
    b_ih, b_hh : (4H,), optional

    Examples
    --------
    >>> import autograd as ag
    >>> state = ag.zeros(1, 1), ag.ones(1, 1)
    >>> h, c = ag.lstm_cell(ag.zeros(1, 2), state, ag.zeros(4, 2), ag.zeros(4, 1))
    >>> c.item()
    0.5
    """
    h, c = hx
    _, h, c = lstm_layer(input[None], h, c, w_ih, w_hh, b_ih, b_hh)
    return h, c


@composite(samples=_cell_samples(3))
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """Return the state of a gated recurrent unit after one step (Cho et al. 2014).

    As in PyTorch, the reset gate acts on ``U h + d``, after the product.

    Parameters
    ----------
    input, hx : (B, I), (B, H)
    w_ih, w_hh : (3H, I), (3H, H)
        Rows of the reset gate, the update gate and the candidate.
    b_ih, b_hh : (3H,), optional

    Examples
    --------
    >>> import autograd as ag
    >>> ag.gru_cell(ag.zeros(1, 2), ag.ones(1, 1), ag.zeros(3, 2), ag.zeros(3, 1)).item()
    0.5
    """
    from_input = _chunks(_affine(input, w_ih, b_ih), 3)
    from_state = _chunks(_affine(hx, w_hh, b_hh), 3)
    reset = sigmoid(from_input[0] + from_state[0])
    update = sigmoid(from_input[1] + from_state[1])
    candidate = np.tanh(from_input[2] + reset * from_state[2])
    return candidate + update * (hx - candidate)


@composite(samples=_cell_samples(1))
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """Return ``tanh(W x + b + U h + d)``, one step of a plain recurrent network (Elman 1990).

    Parameters
    ----------
    input, hx : (B, I), (B, H)
    w_ih, w_hh : (H, I), (H, H)
    b_ih, b_hh : (H,), optional

    Examples
    --------
    >>> import autograd as ag
    >>> ag.rnn_tanh_cell(ag.zeros(1, 2), ag.ones(1, 1), ag.ones(1, 2), ag.zeros(1, 1)).item()
    0.0
    """
    return np.tanh(_affine(input, w_ih, b_ih) + _affine(hx, w_hh, b_hh))


@composite(samples=_cell_samples(1))
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """Return ``relu(W x + b + U h + d)``, one step of a plain recurrent network.

    Parameters
    ----------
    input, hx : (B, I), (B, H)
    w_ih, w_hh : (H, I), (H, H)
    b_ih, b_hh : (H,), optional

    Examples
    --------
    >>> import autograd as ag
    >>> ag.rnn_relu_cell(ag.zeros(1, 2), ag.ones(1, 1), ag.ones(1, 2), ag.ones(1, 1)).item()
    1.0
    """
    return relu(_affine(input, w_ih, b_ih) + _affine(hx, w_hh, b_hh))
