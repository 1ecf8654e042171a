"""Back-propagation through time, and what becomes of an error on its way into the past.

Unrolled over T steps a recurrent network is T copies of one layer. So (document 003)

    dE/dW   = sum_t dE_t/dW
    dE_t/dW = sum_k dE_t/dh_t  dh_t/dh_k  dh_k/dW        (k = 1 ... t)

and dh_t/dh_k is a product of t - k Jacobian matrices W^T diag(f'), whose norm is at most
(beta_W beta_h)^(t-k): where t and k are far apart it vanishes or explodes. `terms` computes the
summands one by one; their sum is what `backward` gives.

To unroll a text of a million steps is not practical: truncated back-propagation cuts it into pieces
of k steps. The state goes on from piece to piece, the error does not (Williams and Peng 1990). The
experiment shows what that costs: a network has to tell at the end of a sequence what stood at its
beginning. An LSTM learns it quickly when errors travel the whole way. In pieces that do not reach
back, nothing tells it what to store: it can but learn to read what its untrained gates happen to
have let in, which goes slowly and is never sure. The picture shows the norm
of dE/dh_t over time for an LSTM and for a plain recurrent network as they begin. The LSTM begins
with its forget gates open, with a bias of log T: at 1/2, where gates start otherwise, forty of them
in a row would let nothing through either (Tallec and Ollivier 2018).
"""

from __future__ import annotations

import math

import numpy as np

import autograd as ag
import nn
import optim
from models import lstm, rnn
from models.training.recipe import Recipe, graded
from models.training.run import Run
from nn import functional as F


def terms(cell: rnn.Cell, xs: ag.Tensor, loss) -> list[np.ndarray]:
    """The summands over k of dE_T/dV: what each copy of the recurrent weights contributes.

    Parameters
    ----------
    cell : models.rnn.Cell
    xs : Tensor of shape (time, batch, inputs)
    loss : callable
        Makes a scalar of the last state.

    Returns
    -------
    list of arrays of shape (hidden, hidden)
        For k = 1 ... T.

    Examples
    --------
    >>> import autograd as ag
    >>> from models import bptt, rnn
    >>> cell, xs = rnn.Cell(2, 3), ag.randn(5, 1, 2)
    >>> parts = bptt.terms(cell, xs, lambda h: h.sum())
    >>> cell(xs)[-1].sum().backward()
    >>> bool(abs(sum(parts) - cell.V.weight.grad.array).max() < 1e-6)
    True
    """
    before, after = [ag.zeros(xs.shape[1], cell.hidden, dtype=xs.dtype)], []
    for x in xs:
        h = cell.step(x, before[-1])
        h.retain_grad()
        after.append(h)
        before.append(h)
    loss(after[-1]).backward()
    parts = []
    for old, new in zip(before, after, strict=False):
        slope = new.grad * (1 - new.detach() ** 2)  # through the tanh of this step
        parts.append((slope.T @ old.detach()).array)
    cell.zero_grad()
    return parts


def errors(cell: nn.Module, xs: ag.Tensor, loss) -> list[float]:
    """The norms of dE/dh_t for all t, where E is made of the last state.

    Examples
    --------
    >>> import autograd as ag
    >>> from models import bptt, rnn
    >>> len(bptt.errors(rnn.Cell(2, 3), ag.randn(5, 1, 2), lambda h: h.sum()))
    5
    """
    state = [ag.zeros(xs.shape[1], cell.hidden) for _ in range(2 if hasattr(cell, "U") else 1)]
    states = []
    for x in xs:
        out = cell.step(x, *state)
        state = list(out) if isinstance(out, tuple) else [out]
        for part in state:
            part.retain_grad()
        states.append(state)
    loss(state[0]).backward()
    # The LSTM's past reaches the end through both of its states.
    return [float(np.sqrt(sum((part.grad.array**2).sum() for part in s if part.grad is not None)))
            for s in states]  # fmt: skip


class Recall(nn.Module):
    """Name the symbol a sequence of `time` steps began with: an LSTM and a linear output."""

    def __init__(self, time: int = 40, symbols: int = 4, hidden: int = 32):
        super().__init__()
        self.lstm = nn.LSTM(symbols + 1, hidden, batch_first=True)
        self.output = nn.Linear(hidden, symbols)
        with ag.no_grad():
            self.lstm.bias_ih_l0[hidden : 2 * hidden] = math.log(time)  # i, f, a, o

    def forward(self, xs, piece: int | None = None):
        """Read (batch, time, symbols + 1); errors go back over the last `piece` steps only."""
        state = None
        if piece:
            for start in range(0, xs.shape[1] - piece, piece):
                _, state = self.lstm(xs[:, start : start + piece], state)
                state = tuple(part.detach() for part in state)
            xs = xs[:, (xs.shape[1] - 1) // piece * piece :]
        states, _ = self.lstm(xs, state)
        return self.output(states[:, -1])


def examples(count: int, time: int, symbols: int, generator: ag.Generator):
    """Sequences that begin with one of some symbols and go on with noise in one more channel."""
    labels = ag.randint(symbols, (count,), generator=generator)
    xs = np.zeros((count, time, symbols + 1), np.float32)
    xs[np.arange(count), 0, labels.array] = 1
    xs[:, :, symbols] = ag.randn(count, time, generator=generator).array
    return ag.from_numpy(xs), labels


def learn(run: Run, piece: int | None) -> tuple[Recall, float]:
    """Train on fresh sequences; returns the model and its accuracy on further ones."""
    settings, generator = run.settings, ag.Generator().manual_seed(run.seed)
    ag.manual_seed(run.seed)
    model = Recall(settings["model.time"])
    optimizer = optim.Adam(model.parameters(), settings["optim.lr"])
    for step in range(settings["steps"]):
        xs, labels = examples(settings["batch_size"], settings["model.time"], 4, generator)
        loss, metrics = graded(model(xs, piece), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 99:
            run.log({"step": step + 1, "piece": piece or settings["model.time"],
                     "train_loss": loss.item(), **metrics})  # fmt: skip
    with ag.no_grad():
        xs, labels = examples(1000, settings["model.time"], 4, generator)
        return model, graded(model(xs, piece), labels)[1]["accuracy"]


def fit(run: Run) -> tuple[Recall, dict[str, float]]:
    """Learn with the whole past and with pieces of it, and look at errors on their way back."""
    _, truncated = learn(run, run.settings["piece"])
    model, full = learn(run, None)
    time = run.settings["model.time"]
    ag.manual_seed(run.seed)
    xs, remembering = ag.randn(time, 16, 8), lstm.Cell(8, 32)
    nn.init.constant_(remembering.W["f"].bias, math.log(time))
    norms = {
        "plain": errors(rnn.Cell(8, 32), xs, lambda h: F.softplus(h).sum()),
        "LSTM": errors(remembering, xs, lambda h: F.softplus(h).sum()),
    }

    def plot(figure) -> None:
        axes = figure.subplots()
        for name, values in norms.items():
            axes.semilogy(np.arange(1, time + 1), values, label=name)
        axes.set(xlabel="step t", ylabel="norm of dE/dh_t", title="errors on their way back")
        axes.legend()

    run.draw("errors", plot)
    lost = {f"{name}_lost": values[-1] / values[0] for name, values in norms.items()}
    return model, {"accuracy": full, "truncated_accuracy": truncated, **lost}


RECIPE = Recipe(
    name="bptt",
    summary="back-propagation through time, whole and truncated: recall over 40 steps",
    build=Recall,
    fit=fit,
    documents="003, 004",
    paper="Werbos 1990; Williams, Peng 1990",
    options={
        "steps": 400,
        "batch_size": 64,
        "model.time": 40,
        "piece": 8,
        "optim.lr": 5e-3,
    },
    bar=0.95,
    seconds=60,
    quick={"steps": 300, "model.time": 12, "piece": 4},
    quick_bar=0.9,
)
