"""The deep belief network: a deep network taught one layer at a time, without labels.

In 2006 nobody could train deep networks from random weights. Hinton, Osindero and Teh found a way
around: teach a restricted Boltzmann machine (`models/rbm.py`) to model the data; let its hidden
units be the data of a second one; and so on. Each layer knows nothing but how to explain the one
below, yet together they are a network that already sees structure, and a little back-propagation
with a few labels (fine-tuning) makes a classifier of it. The work that began deep learning's spring
matters still where labels are few: with a hundred of them the pretrained network beats the very
same network begun at random.

Hinton, Osindero and Teh, "A fast learning algorithm for deep belief nets", Neural Computation 18
(2006); Hinton and Salakhutdinov, Science 313 (2006); documents 001 and 004 (2006 in the history).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

import autograd as ag
import nn
import optim
from autograd.utils.data import DataLoader, TensorDataset
from models import datasets
from models.rbm import RBM
from models.training.recipe import Recipe, graded, section
from models.training.run import Run


class DBN(nn.Module):
    """Layers of sigmoid units, each with its machine for learning without labels.

    Parameters
    ----------
    sizes : sequence of int
        Inputs, and the units of each hidden layer.
    classes : int

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.DBN(sizes=(64, 32, 16))(ag.zeros(2, 1, 8, 8)).shape
    (2, 10)
    """

    def __init__(self, sizes: Sequence[int] = (64, 256, 256), classes: int = 10):
        super().__init__()
        self.machines = nn.ModuleList([RBM(below, above) for below, above in pairwise(sizes)])
        self.output = nn.Linear(sizes[-1], classes)

    def forward(self, x):
        x = x.flatten(1)
        for machine in self.machines:
            x = machine.hidden(x)
        return self.output(x)

    def pretrain(self, x, epochs: int, lr: float, tell=None) -> None:
        """Teach the layers from below, each on what the one before makes of x."""
        x = x.flatten(1)
        for level, machine in enumerate(self.machines):
            assert isinstance(machine, RBM)
            error = teach(machine, x, epochs, lr)
            if tell is not None:
                tell({"layer": level + 1, "reconstruction": error})
            with ag.no_grad():
                x = machine.hidden(x)


def teach(machine: RBM, x, epochs: int, lr: float) -> float:
    """Contrastive divergence on chances x of shape (examples, visible); returns the last error."""
    optimizer = optim.Adam(machine.parameters(), lr)
    for _ in range(epochs):
        for (chances,) in DataLoader(TensorDataset(x), 32, shuffle=True):
            v = ag.bernoulli(chances)
            energies = (
                machine.free_energy(v).mean() - machine.free_energy(machine.fantasy(v)).mean()
            )
            optimizer.zero_grad()
            energies.backward()
            optimizer.step()
    with ag.no_grad():
        return float(((machine(x) - x) ** 2).mean())


def begin_at_random(model: DBN) -> DBN:
    """The same network with the weights that layers usually begin with (Glorot and Bengio)."""
    for machine in model.machines:
        nn.init.xavier_uniform_(machine.weight)
    return model


def fine_tune(model: DBN, images, labels, epochs: int, lr: float) -> None:
    """Back-propagation through all layers, on a few examples with labels."""
    optimizer = optim.Adam(model.parameters(), lr)
    for _ in range(epochs):
        for batch in DataLoader(TensorDataset(images, labels), 25, shuffle=True):
            loss, _ = graded(model(batch[0]), batch[1])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


def a_few(images, labels, each: int):
    """The first so many examples of each class."""
    chosen = np.concatenate([np.flatnonzero(labels.array == c)[:each] for c in range(10)])
    return images[chosen], labels[chosen]


def fit(run: Run) -> tuple[DBN, dict[str, float]]:
    """Train with and without pretraining, from several seeds; compare on the test part."""
    settings = run.settings
    images, labels = datasets.digits(True, normalise=False).tensors
    test_images, test_labels = datasets.digits(False, normalise=False).tensors
    few, their_labels = a_few(images, labels, settings["labels"] // 10)
    scores: dict[bool, list[float]] = {True: [], False: []}
    for trial in range(settings["trials"]):
        for pretrained in (False, True):
            ag.manual_seed(run.seed + trial)
            model = DBN(**section(settings, "model"))
            if pretrained:
                model.pretrain(images, settings["epochs"], settings["lr"], run.log)
            else:
                begin_at_random(model)
            fine_tune(model, few, their_labels, settings["fine_epochs"], settings["fine_lr"])
            with ag.no_grad():
                accuracy = graded(model(test_images), test_labels)[1]["accuracy"]
            scores[pretrained].append(accuracy)
            run.log({"trial": trial + 1, "pretrained": pretrained, "accuracy": accuracy})
    means = {known: float(np.mean(values)) for known, values in scores.items()}
    return model, {
        "gain": means[True] - means[False],
        "pretrained": means[True],
        "from_random": means[False],
    }


RECIPE = Recipe(
    name="dbn",
    summary="deep belief network (2006): layer by layer without labels, then 100 labels",
    build=DBN,
    fit=fit,
    documents="001, 004",
    paper="Hinton, Osindero, Teh 2006",
    metric="gain",
    options={
        "labels": 100,
        "trials": 5,
        "epochs": 30,
        "lr": 1e-2,
        "fine_epochs": 40,
        "fine_lr": 2e-3,
        "model.sizes": (64, 256, 256),
    },
    bar=0.01,
    seconds=90,
    quick={"trials": 1, "epochs": 20, "model.sizes": (64, 128, 128)},
    quick_bar=0.0,
)
