"""Hebb's rule: what fires together, wires together.

A synapse between two cells that are active at the same time grows stronger:

    dw = eta x y,

x the activity before it, y that behind it. There is no teacher and no error, and only what both
cells know of themselves is used. This is enough for an associative memory: hold the pattern x at
the inputs and y at the outputs, let every weight grow once, and later x alone brings y back,
because the sum W x' is y times how alike x' and x are. Many pairs may lie in the same weights. Each
adds some noise to the recall of the others, which is small while there are few of them, and no
cell is important: a cue with some of its signs flipped, or a memory with some of its weights cut,
still finds the answer. That is the non-locality that the lectures ascribe to neural networks, with
associative memory as the example.

Hebb, The Organization of Behavior (1949); Steinbuch, "Die Lernmatrix", Kybernetik 1 (1961).
Documents: 001 (the rule as the origin of neural networks; non-locality). Fed back to itself, such a
memory becomes Hopfield's network.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
from models.training.recipe import Recipe
from models.training.run import Run


class HebbianMemory(nn.Module):
    """Pairs of patterns of -1 and +1, stored in one matrix of weights of shape (outputs, inputs).

    Examples
    --------
    >>> import autograd as ag
    >>> from models.hebb import HebbianMemory
    >>> memory = HebbianMemory(inputs=4, outputs=2)
    >>> memory.store(ag.tensor([1.0, 1.0, -1.0, -1.0]), ag.tensor([1.0, -1.0]))
    >>> memory(ag.tensor([1.0, -1.0, -1.0, -1.0]))  # the cue has a wrong sign
    tensor([ 1., -1.])
    """

    def __init__(self, inputs: int = 256, outputs: int = 64, eta: float = 1.0):
        super().__init__()
        self.weight = nn.Parameter(ag.zeros(outputs, inputs), requires_grad=False)
        self.eta = eta

    def forward(self, x):
        """Recall: the signs of ``W x`` for cues of shape (..., inputs)."""
        return ag.where(x @ self.weight.T >= 0, 1.0, -1.0)

    def store(self, x, y) -> None:
        """Hold patterns of shape (inputs,), or (patterns, inputs), and let the weights grow."""
        x, y = ag.atleast_2d(x), ag.atleast_2d(y)
        self.weight += self.eta * y.T @ x  # dw_ji = eta x_i y_j, summed over the patterns

    def extra_repr(self) -> str:
        return f"outputs, inputs={tuple(self.weight.shape)}, eta={self.eta:g}"


def patterns(count: int, size: int) -> ag.Tensor:
    """Random patterns of -1 and +1, of shape (count, size).

    Examples
    --------
    >>> from models.hebb import patterns
    >>> patterns(3, 8).abs().sum()
    tensor(24.)
    """
    return 2.0 * ag.randint(0, 2, (count, size)).float() - 1


def flip(x: ag.Tensor, part: float) -> ag.Tensor:
    """Each pattern with this part of its signs turned, in places drawn at random.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.hebb import flip
    >>> flip(ag.ones(2, 10), 0.3).sum(1)
    tensor([4., 4.])
    """
    turned = ag.rand(*x.shape).argsort(dim=1) < round(part * x.shape[1])
    return ag.where(turned, -x, x)


def recall(memory: HebbianMemory, cues, targets) -> float:
    """The part of the patterns that come back without a single wrong sign."""
    return (memory(cues) == targets).all(dim=1).float().mean().item()


def stored(count: int, settings) -> tuple[HebbianMemory, ag.Tensor, ag.Tensor]:
    """A memory with `count` random pairs in it, and the pairs."""
    inputs, outputs = settings["model.inputs"], settings["model.outputs"]
    memory, x, y = HebbianMemory(inputs, outputs), patterns(count, inputs), patterns(count, outputs)
    memory.store(x, y)
    return memory, x, y


def fit(run: Run) -> tuple[HebbianMemory, dict[str, float]]:
    """Store a few pairs and recall them from worse and worse cues; then store too many."""
    settings = run.settings
    memory, x, y = stored(settings["patterns"], settings)
    noise = np.linspace(0, 0.5, 11)
    by_noise = [recall(memory, flip(x, part), y) for part in noise]
    for part, found in zip(noise, by_noise, strict=True):
        run.log({"flipped": round(float(part), 2), "recalled": found})
    cut = HebbianMemory(settings["model.inputs"], settings["model.outputs"])
    cut.weight += memory.weight * (ag.rand(*memory.weight.shape) > settings["cut"])
    counts = [2**k for k in range(1, 9)]
    by_count = [recall(*stored(count, settings)) for count in counts]
    for count, found in zip(counts, by_count, strict=True):
        run.log({"patterns": count, "recalled": found})
    run.draw(
        "recall", lambda figure: draw_recall(figure, noise, by_noise, counts, by_count), (8, 3)
    )
    exact, noisy = recall(memory, x, y), recall(memory, flip(x, settings["flipped"]), y)
    damaged = recall(cut, x, y)
    return memory, {
        "recalled": min(exact, noisy, damaged),  # what the bar is about: all of it
        "exact_cues": exact,
        "noisy_cues": noisy,
        "cut_weights": damaged,
        "overloaded": by_count[-1],
    }


def draw_recall(figure, noise, by_noise, counts, by_count) -> None:
    """Draw how recall falls with the noise in the cue, and with the number of patterns."""
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot(noise, by_noise, "C0.-")
    left.set(xlabel="part of the cue's signs that are flipped", ylabel="patterns recalled exactly")
    right.semilogx(counts, by_count, "C1.-", base=2)
    right.set(xlabel="patterns stored")
    for axes in (left, right):
        axes.grid(alpha=0.3)


RECIPE = Recipe(
    name="hebb",
    summary="Hebb's rule (1949): an associative memory, and how much of it can be damaged",
    build=HebbianMemory,
    documents="001",
    paper="Hebb 1949",
    fit=fit,
    metric="recalled",
    options={
        "patterns": 6,
        "flipped": 0.1,
        "cut": 0.3,
        "model.inputs": 256,
        "model.outputs": 64,
    },
    bar=1.0,
    seconds=5,
    quick={"patterns": 4},
    quick_bar=1.0,
)
