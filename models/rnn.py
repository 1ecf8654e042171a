"""The recurrent network: one cell, used again at every step, that remembers.

The cell mixes what it sees now with what it made of everything before:

    h_t = tanh(W x_t + V h_{t-1} + b)

so the state h_t can tell of inputs long gone, a sequence may have any length, and the weights are
the same at every step. Where outputs are read decides what the network is for: after every step
(many to many: `CharRNN` predicts the next character), after the last (many to one: `RowReader`
names a digit it is shown row by row), or with a single input at the start (one to many: `RowWriter`
draws the rows of a digit it is told). To train it is to unroll it over time and propagate errors
back through the copies: dE/dW is the sum over all steps (`models/bptt.py` looks at what becomes of
the terms on the way).

Elman, "Finding structure in time", Cognitive Science 14 (1990); documents 002 (the formula above),
003 (the same with W^(hx), W^(hh), and softmax outputs) and 004 (parameters shared over time,
sequences of any length, their order).
"""

from __future__ import annotations

from collections.abc import Callable

import autograd as ag
import nn
from models import datasets
from models.training.language import TEXT, next_token, with_alphabet, write_characters
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F


class Cell(nn.Module):
    """The formula, as it stands: one step, and a loop over steps.

    `nn.RNN` computes the same in one call for all steps and is what the models below use.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.rnn import Cell
    >>> Cell(inputs=3, hidden=5)(ag.zeros(7, 2, 3)).shape
    (7, 2, 5)
    """

    def __init__(self, inputs: int, hidden: int):
        super().__init__()
        self.hidden = hidden
        self.W = nn.Linear(inputs, hidden, bias=False)
        self.V = nn.Linear(hidden, hidden)  # its bias is the formula's b

    def step(self, x, h):
        return F.tanh(self.W(x) + self.V(h))  # (batch, inputs), (batch, hidden) -> (batch, hidden)

    def forward(self, xs):
        h, states = ag.zeros(xs.shape[1], self.hidden, dtype=xs.dtype), []
        for x in xs:
            h = self.step(x, h)
            states.append(h)
        return ag.stack(states)  # (time, batch, hidden)


class CharRNN(nn.Module):
    """Score the next character at every place of a text: many to many.

    Parameters
    ----------
    vocabulary : int
        How many different characters there are.
    embedding, hidden : int
        Numbers for a character, and in the state.
    layers : int, default 1
        Networks on top of one another, each reading the states of the one below.
    kind : callable, default nn.RNN
        Or nn.LSTM, or nn.GRU.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.CharRNN(vocabulary=96)(ag.zeros(2, 10, dtype=ag.int64)).shape
    (2, 10, 96)
    """

    def __init__(
        self,
        vocabulary: int,
        embedding: int = 64,
        hidden: int = 256,
        layers: int = 1,
        kind: Callable[..., nn.Module] = nn.RNN,
    ):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, embedding)
        self.rnn = kind(embedding, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, vocabulary)

    def read(self, tokens, state=None):
        """Scores of (batch, time, vocabulary), and the state after the last step."""
        states, state = self.rnn(self.embedding(tokens), state)
        return self.output(states), state

    def forward(self, tokens):
        return self.read(tokens)[0]


class RowReader(nn.Module):
    """Name the digit on images of shape (batch, 1, 8, 8), read row by row: many to one.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.RowReader()(ag.zeros(2, 1, 8, 8)).shape
    (2, 10)
    """

    def __init__(self, size: int = 8, hidden: int = 64, classes: int = 10):
        super().__init__()
        self.rnn = nn.RNN(size, hidden, batch_first=True)
        self.output = nn.Linear(hidden, classes)

    def forward(self, images):
        states, _ = self.rnn(images.flatten(0, 1))  # (batch, rows, hidden)
        return self.output(states[:, -1])


class RowWriter(nn.Module):
    """Draw the rows of a digit that is told once, at the start: one to many.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.RowWriter()(ag.tensor([3, 7])).shape
    (2, 1, 8, 8)
    """

    def __init__(self, size: int = 8, hidden: int = 64, classes: int = 10):
        super().__init__()
        self.size = size
        self.start = nn.Embedding(classes, hidden)
        self.rnn = nn.RNN(1, hidden, batch_first=True)
        self.output = nn.Linear(hidden, size)

    def forward(self, labels):
        silence = ag.zeros(len(labels), self.size, 1)  # nothing more is said: a step for each row
        states, _ = self.rnn(silence, self.start(labels)[None])
        return self.output(states)[:, None]


def draws(model: nn.Module, batch):
    """The objective of `RowWriter`: the squared error of a pixel.

    The best that can be drawn from a label alone is the mean image of its class, which leaves 0.30
    on the standardised digits; the mean image of all of them leaves 0.51.
    """
    images, labels = batch
    loss = F.mse_loss(model(labels), images)
    return loss, {"squared_error": loss.item()}


def show_drawings(run: Run, model: nn.Module) -> None:
    """Draw all ten digits as the network does."""

    def plot(figure) -> None:
        with ag.no_grad():
            drawn = model(ag.arange(10)).array[:, 0]
        for axes, image in zip(figure.subplots(2, 5).flat, drawn, strict=True):
            axes.imshow(image, cmap="gray_r")
            axes.set_axis_off()

    run.draw("digits", plot, (5, 2.2))


CHARACTERS = Recipe(
    name="rnn",
    summary="recurrent network that predicts the next character of a text",
    build=CharRNN,
    data=datasets.characters,
    objective=next_token,
    metric="nats",
    higher_is_better=False,
    documents="002, 003, 004",
    paper="Elman 1990",
    complete=with_alphabet,
    sample=write_characters,
    epochs=8,
    batch_size=32,
    clip=1.0,
    options={
        "optim.lr": 3e-3,
        "model.embedding": 64,
        "model.hidden": 256,
        "model.layers": 1,
        **TEXT,
    },
    bar=2.3,
    seconds=60,
    quick={"epochs": 1, "model.hidden": 64, "data.context": 64},
    quick_bar=2.9,
)

RECIPES = (
    CHARACTERS,
    Recipe(
        name="rnn_reads",
        summary="recurrent network that names a digit it sees row by row",
        build=RowReader,
        data=datasets.digits,
        documents="002, 004",
        paper="Elman 1990",
        epochs=40,
        clip=1.0,
        options={"optim.lr": 5e-3, "model.hidden": 64, "data.size": 8},
        bar=0.93,
        seconds=15,
        quick={"epochs": 8},
        quick_bar=0.85,
    ),
    Recipe(
        name="rnn_draws",
        summary="recurrent network that draws a digit it is told, row by row",
        build=RowWriter,
        data=datasets.digits,
        objective=draws,
        metric="squared_error",
        higher_is_better=False,
        documents="002, 004",
        paper="Elman 1990",
        epochs=40,
        clip=1.0,
        options={"optim.lr": 5e-3, "model.hidden": 64, "data.size": 8},
        show=show_drawings,
        bar=0.33,
        seconds=15,
        quick={"epochs": 10},
        quick_bar=0.4,
    ),
)
