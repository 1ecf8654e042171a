"""The gated recurrent unit: the LSTM's idea with two gates and one state.

One gate decides between old and new, the other what of the old the new may look at:

    z_t = sigmoid(W_z x_t + U_z h_{t-1} + b_z)            update: how much becomes new
    r_t = sigmoid(W_r x_t + U_r h_{t-1} + b_r)            reset: what the candidate sees
    h~_t = tanh(W x_t + U (r_t * h_{t-1}) + b)            the candidate
    h_t = (1 - z_t) h_{t-1} + z_t h~_t

That is the form of the paper and of document 002 (`Cell`). The form that libraries compute, because
all products with h_{t-1} can then be one, differs twice: the reset gate multiplies after the
product, tanh(W x_t + r_t * (U h_{t-1} + b')), and z and 1 - z change places (`nn.GRU`, which
`char_gru` uses). Neither is the better one.

Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014); documents 002, 004.
"""

from __future__ import annotations

from dataclasses import replace

import autograd as ag
import nn
from models.rnn import CHARACTERS, CharRNN
from nn import functional as F


class Cell(nn.Module):
    """The formulas, as they stand: one step, and a loop over steps.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.gru import Cell
    >>> Cell(inputs=3, hidden=5)(ag.zeros(7, 2, 3)).shape
    (7, 2, 5)
    """

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.hidden = hidden
        self.W_z, self.U_z = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden, bias=False)
        self.W_r, self.U_r = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden, bias=False)
        self.W, self.U = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden, bias=False)

    def step(self, x, h):
        z = F.sigmoid(self.W_z(x) + self.U_z(h))
        r = F.sigmoid(self.W_r(x) + self.U_r(h))
        candidate = F.tanh(self.W(x) + self.U(r * h))
        return (1 - z) * h + z * candidate

    def forward(self, xs):
        h, states = ag.zeros(xs.shape[1], self.hidden, dtype=xs.dtype), []
        for x in xs:
            h = self.step(x, h)
            states.append(h)
        return ag.stack(states)  # (time, batch, hidden)


def char_gru(**settings) -> CharRNN:
    """Make a `CharRNN` of this kind.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.char_gru(vocabulary=96)(ag.zeros(2, 10, dtype=ag.int64)).shape
    (2, 10, 96)
    """
    return CharRNN(kind=nn.GRU, **settings)


RECIPE = replace(
    CHARACTERS,
    name="gru",
    summary="gated recurrent unit that predicts the next character of a text",
    build=char_gru,
    documents="002, 004",
    paper="Cho et al. 2014",
    options={**CHARACTERS.options, "optim.lr": 4e-3},
    bar=2.0,
    seconds=120,
)
