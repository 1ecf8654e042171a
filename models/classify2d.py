"""classify2d: see a small network bend the plane until a line can divide it.

The network reads two numbers, the place of a point, and says which of two classes it is of. Every
layer turns, stretches and squashes the plane a little; in the space of its last hidden layer the
classes have come apart, so that the output layer needs but a straight line. Seen from the input,
that line is the curved boundary.

The recipe trains the network and writes a page, ``classify2d.html``, that needs nothing but a
browser: a slider goes through the training, beside the plane one sees the last hidden layer, and
the network can be trained on (or anew) there, with points of one's own. What the page computes, in
the language of browsers, is what this file computes: forward, back-propagation, and Adam's step.

Document 002 links the page this one is after (A. Karpathy, ConvNetJS, "classify2d", 2014).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from importlib import resources
from itertools import pairwise
from typing import Any

import autograd as ag
import nn
import optim
from autograd.serialize import replace_file
from models import datasets
from models.training.recipe import Recipe, UsageError, graded, section
from models.training.run import Run
from nn import functional as F

PAGE = "classify2d.html"


class Classify2d(nn.Module):
    """Two numbers, hidden layers of tanh units, two scores.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.Classify2d(hidden=(6, 2))(ag.zeros(5, 2)).shape
    (5, 2)
    """

    def __init__(self, hidden: tuple[int, ...] = (8, 8, 2)):
        super().__init__()
        sizes = (2, *hidden, 2)
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))

    def forward(self, x):
        *hidden, output = self.layers
        for layer in hidden:
            x = F.tanh(layer(x))
        return output(x)


def points(train: bool, name: str = "spirals", count: int = 200):
    """Points of two classes: ``spirals``, ``moons`` or ``circles``, others to test on.

    Examples
    --------
    >>> from models.classify2d import points
    >>> points(train=True, name="moons", count=50)
    Labelled(50 examples of shape (2,), 2 classes)
    """
    makers: dict[str, Callable[..., datasets.Labelled]] = {
        "spirals": partial(datasets.spirals, arms=2, noise=0.03),
        "moons": datasets.moons,
        "circles": datasets.circles,
    }
    if name not in makers:
        raise UsageError(f"data.name expected one of {', '.join(makers)}, got {name!r}")
    return makers[name](n=count, generator=ag.Generator().manual_seed(1 if train else 2))


def snapshot(model: Classify2d, loss: float) -> dict[str, Any]:
    """The weights of a moment, as the page reads them: for each layer W (rows), then b."""
    rounded = [
        [[round(w, 5) for w in row] for row in [*layer.weight.tolist(), layer.bias.tolist()]]
        for layer in model.layers
    ]
    return {"loss": round(loss, 5), "layers": rounded}


def fit(run: Run) -> tuple[Classify2d, dict[str, float]]:
    """Train on all points at once, keeping snapshots; write the page."""
    settings = run.settings
    x, y = points(True, **section(settings, "data")).tensors
    model = Classify2d(**section(settings, "model"))
    optimizer = optim.Adam(model.parameters(), settings["optim.lr"])
    moments = []
    for step in range(settings["steps"] + 1):
        loss, metrics = graded(model(x), y)
        if step % settings["every"] == 0:
            moments.append(snapshot(model, loss.item()))
        if step % 200 == 0:
            run.log({"step": step, "train_loss": loss.item(), **metrics})
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    replace_file(run.path(PAGE), page(x, y, moments, settings["optim.lr"]).encode())
    run.pictures["page"] = str(run.path(PAGE))
    return model, {}


def page(x, y, moments, lr: float) -> str:
    """The page, with points and snapshots inside.

    Examples
    --------
    >>> from models.classify2d import Classify2d, page, points, snapshot
    >>> x, y = points(True).tensors
    >>> "<canvas" in page(x, y, [snapshot(Classify2d(), 0.7)], 0.01)
    True
    """
    told = {
        "points": [[*place, label] for place, label in zip(x.tolist(), y.tolist(), strict=True)],
        "moments": moments,
        "rate": lr,
    }
    template = (resources.files("models") / PAGE).read_text(encoding="utf-8")
    return template.replace("{{DATA}}", json.dumps(told))


RECIPE = Recipe(
    name="classify2d",
    summary="a small network divides the plane: a page to train it and to scrub through",
    build=Classify2d,
    data=points,
    fit=fit,
    documents="002",
    paper="Karpathy 2014 (ConvNetJS)",
    options={
        "steps": 1500,
        "every": 15,
        "data.name": "spirals",
        "data.count": 200,
        "model.hidden": (8, 8, 2),
        "optim.lr": 0.02,
    },
    bar=0.97,
    seconds=5,
    quick={"steps": 300, "data.name": "moons"},
    quick_bar=0.95,
)
