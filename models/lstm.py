"""Long short-term memory: a recurrent network that decides what to forget.

Beside the state h that it shows, the cell keeps a state c that is only ever multiplied by a gate
and added to:

    i_t = sigmoid(W_i x_t + U_i h_{t-1} + b_i)    what of the new to let in
    f_t = sigmoid(W_f x_t + U_f h_{t-1} + b_f)    what of the old to keep
    o_t = sigmoid(W_o x_t + U_o h_{t-1} + b_o)    what to show
    a_t = tanh(W_a x_t + U_a h_{t-1} + b_a)       the candidate
    c_t = f_t c_{t-1} + i_t a_t
    h_t = o_t tanh(c_t)

Where f stays near 1 the error travels back along c unchanged, so that what was read a hundred steps
ago can still be learned from (`models/bptt.py` measures it).

Hochreiter and Schmidhuber, "Long short-term memory", Neural Computation 9 (1997), with the forget
gate of Gers, Schmidhuber and Cummins (2000); documents 002, 003 and 004. Document 002 prints W_f in
the formula of the input gate, where it means W_i: the two gates share no weights.
"""

from __future__ import annotations

from dataclasses import replace

import autograd as ag
import nn
from models.rnn import CHARACTERS, CharRNN
from nn import functional as F


class Cell(nn.Module):
    """The formulas, as they stand: one step, and a loop over steps.

    `nn.LSTM` computes the same in one call for all steps.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.lstm import Cell
    >>> Cell(inputs=3, hidden=5)(ag.zeros(7, 2, 3)).shape
    (7, 2, 5)
    """

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.hidden = hidden
        self.W = nn.ModuleDict({gate: nn.Linear(inputs, hidden) for gate in "ifao"})
        self.U = nn.ModuleDict({gate: nn.Linear(hidden, hidden, bias=False) for gate in "ifao"})

    def step(self, x, h, c):
        total = {gate: self.W[gate](x) + self.U[gate](h) for gate in "ifao"}
        i, f, o = (F.sigmoid(total[gate]) for gate in "ifo")
        c = f * c + i * F.tanh(total["a"])
        return o * F.tanh(c), c

    def forward(self, xs):
        h = c = ag.zeros(xs.shape[1], self.hidden, dtype=xs.dtype)
        states = []
        for x in xs:
            h, c = self.step(x, h, c)
            states.append(h)
        return ag.stack(states)  # (time, batch, hidden)


def char_lstm(**settings) -> CharRNN:
    """Make a `CharRNN` of this kind.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.char_lstm(vocabulary=96)(ag.zeros(2, 10, dtype=ag.int64)).shape
    (2, 10, 96)
    """
    return CharRNN(kind=nn.LSTM, **settings)


RECIPE = replace(
    CHARACTERS,
    name="lstm",
    summary="long short-term memory that predicts the next character of a text",
    build=char_lstm,
    documents="002, 003, 004",
    paper="Hochreiter, Schmidhuber 1997",
    options={**CHARACTERS.options, "optim.lr": 4e-3},
    bar=2.0,
    seconds=120,
)
