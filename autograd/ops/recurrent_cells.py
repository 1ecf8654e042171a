"""Single steps of recurrent networks, on a batch of inputs and states."""

from __future__ import annotations

import numpy as np

from autograd.op import Array, composite
from autograd.ops.gru import gru_step
from autograd.ops.rectifier import relu
from autograd.ops.recurrent import lstm_layer
from autograd.ops.sequence import affine


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
    return gru_step(input, hx, w_ih, w_hh, b_ih, b_hh)


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
    return np.tanh(affine(input, w_ih, b_ih) + affine(hx, w_hh, b_hh))


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
    return relu(affine(input, w_ih, b_ih) + affine(hx, w_hh, b_hh))
