"""The gated recurrent unit: the LSTM's idea with two gates and one state.

One gate decides between old and new, the other what of the old the new may look at:

    z_t = sigmoid(W_z x_t + U_z h_{t-1} + b_z)            update: how much becomes new
    r_t = sigmoid(W_r x_t + U_r h_{t-1} + b_r)            reset: what the candidate sees
    h~_t = tanh(W x_t + U (r_t * h_{t-1}) + b)            the candidate
    h_t = (1 - z_t) h_{t-1} + z_t h~_t

That is the form of the paper and of document 002 (`Cell`). The form that libraries compute, because
all products with h_{t-1} can then be one, differs twice: the reset gate multiplies after the
product, tanh(W x_t + r_t * (U h_{t-1} + b')), and z and 1 - z change places (`nn.GRU`, which
`CharGRU` uses). Neither is the better one.

Cho et al., "Learning phrase representations using RNN encoder-decoder" (2014); documents 002, 004.
"""

from __future__ import annotations

import autograd as ag
import nn
from models import datasets
from models.training.language import TEXT, next_token, with_alphabet, write_characters
from models.training.recipe import Recipe
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


class CharGRU(nn.Module):
    """Score the next character at every place of a text.

    Parameters
    ----------
    vocabulary : int
        How many different characters there are.
    embedding, hidden : int
        Numbers for a character, and in the state.
    layers : int, default 1

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.CharGRU(vocabulary=96)(ag.zeros(2, 10, dtype=ag.int64)).shape
    (2, 10, 96)
    """

    def __init__(self, vocabulary: int, embedding: int = 64, hidden: int = 256, layers: int = 1):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.gru = nn.GRU(embedding, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary)

    def read(self, tokens, state=None):
        """Scores of (batch, time, vocabulary), and the state after the last step."""
        states, state = self.gru(self.embedding(tokens), state)
        return self.output(states), state

    def forward(self, tokens):
        return self.read(tokens)[0]


RECIPE = Recipe(
    name="gru",
    summary="gated recurrent unit that predicts the next character of a text",
    build=CharGRU,
    data=datasets.characters,
    objective=next_token,
    metric="nats",
    higher_is_better=False,
    documents="002, 004",
    paper="Cho et al. 2014",
    complete=with_alphabet,
    sample=write_characters,
    epochs=8,
    batch_size=32,
    clip=1.0,
    options={
        "optim.lr": 4e-3,
        "model.embedding": 64,
        "model.hidden": 256,
        "model.layers": 1,
        **TEXT,
    },
    bar=2.0,
    seconds=120,
    quick={"epochs": 1, "model.hidden": 64, "data.context": 64},
    quick_bar=2.9,
)
