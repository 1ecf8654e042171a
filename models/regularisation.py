"""Regularisation: ways to keep a network from learning its examples by heart.

With few examples a network can bring its training loss to nothing while the loss on other examples
stays or rises: the gap between both is overfitting. Each of these closes part of it.

- L2: add ``lambda/2 ||w||^2`` to the loss. Its gradient is ``lambda w``, so a step of gradient
  descent multiplies the weights by ``1 - eta lambda``: weight decay. Both are here, and agree.
- L1: add ``lambda ||w||_1``, which makes weights zero. Neither touches biases.
- Dropout: in training each unit is left out with probability p. The lecture's p is the part that is
  kept, by which it multiplies the weights when testing; here, as everywhere today, what is kept is
  divided by that part in training (inverted dropout), and testing changes nothing.
- DropConnect does the same to single weights; stochastic pooling draws one value of each window.
- Max-norm: a unit's weights are scaled down wherever they become longer than a limit.
- Early stopping: end training when the loss on held-out examples has not fallen for `patience`
  epochs, and go back to the weights that were best.

The same small convolutional network is trained with each of them and with none, on a few digits of
which some have a wrong label (networks overfit, says the lecture, where data are few and noisy),
over several seeds. Data augmentation, the other way, is in `models.augmentation`.

Deep Learning Background and Basics, regularisation; Introduction to deep learning, which names them
all; Machine Learning, chapter 7 continued, dropout. Srivastava et al. (2014), Wan et al. (2013),
Zeiler and Fergus (2013), Prechelt (1998).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import autograd as ag
import nn
import optim
from models import datasets
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run
from models.training.small import Pairs, balanced, learn, measure
from nn import functional as F
from nn.utils import max_norm_


class SmallConvNet(nn.Module):
    """Classify images of 8 x 8: twice filters and pooling, then two linear layers.

    Parameters
    ----------
    pool : {"max", "stochastic"}
    dropout, dropconnect : float, default 0
        Probability to drop a hidden unit, or a weight that leads to one.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.regularisation import SmallConvNet
    >>> SmallConvNet()(ag.zeros(2, 1, 8, 8)).shape
    (2, 10)
    """

    def __init__(self, pool: str = "max", dropout: float = 0.0, dropconnect: float = 0.0):
        super().__init__()
        pools = {"max": nn.MaxPool2d, "stochastic": nn.StochasticPool2d}
        if pool not in pools:
            raise ValueError(f"pool expected 'max' or 'stochastic', got {pool!r}")
        self.conv1 = nn.Conv2d(1, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, padding=1)
        self.pool = pools[pool](2)
        hidden = nn.Linear(32 * 2 * 2, 128)
        self.hidden = nn.DropConnect(hidden, dropconnect) if dropconnect else hidden
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(128, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))  # (batch, 16, 4, 4)
        x = self.pool(F.relu(self.conv2(x)))  # (batch, 32, 2, 2)
        return self.output(self.dropout(F.relu(self.hidden(x.flatten(1)))))


def weights(model: nn.Module) -> list[ag.Tensor]:
    """The parameters to keep small: all but the biases.

    Examples
    --------
    >>> import nn
    >>> from models.regularisation import weights
    >>> [w.shape for w in weights(nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1)))]
    [(3, 2), (1, 3)]
    """
    return [p for p in model.parameters() if p.ndim > 1]


def l1(model: nn.Module):
    """``sum |w|`` over the weights.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from models.regularisation import l1
    >>> layer = nn.Linear(2, 1)
    >>> _ = layer.weight.data.copy_(ag.tensor([[3.0, -4.0]]))
    >>> l1(layer).item()
    7.0
    """
    return sum(w.abs().sum() for w in weights(model))


def l2(model: nn.Module):
    """``1/2 sum w^2`` over the weights: its gradient is w.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from models.regularisation import l2
    >>> layer = nn.Linear(2, 1)
    >>> _ = layer.weight.data.copy_(ag.tensor([[3.0, -4.0]]))
    >>> l2(layer).item()
    12.5
    """
    return 0.5 * sum((w * w).sum() for w in weights(model))


def sgd(model: nn.Module, lr: float, momentum: float = 0.0, decay: float = 0.0) -> optim.SGD:
    """Gradient descent with weight decay of the weights, not of the biases.

    Examples
    --------
    >>> import nn
    >>> from models.regularisation import sgd
    >>> [group["weight_decay"] for group in sgd(nn.Linear(2, 1), 0.1, decay=0.01).param_groups]
    [0.01, 0.0]
    """
    biases = [p for p in model.parameters() if p.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": weights(model), "weight_decay": decay},
        {"params": biases, "weight_decay": 0.0},
    ]
    return optim.SGD(groups, lr=lr, momentum=momentum)


def mislabelled(pairs: Pairs, part: float) -> Pairs:
    """The examples, a random part of which have another label.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.regularisation import mislabelled
    >>> pairs = (ag.zeros(10, 1), ag.arange(10))
    >>> int((mislabelled(pairs, 0.3)[1] != pairs[1]).sum())
    3
    """
    random, targets = ag.default_generator().numpy, pairs[1].array.copy()
    chosen = random.permutation(len(targets))[: round(part * len(targets))]
    classes = int(targets.max()) + 1
    targets[chosen] = (targets[chosen] + random.integers(1, classes, len(chosen))) % classes
    return pairs[0], ag.from_numpy(targets)


def trained(method: str, parts: tuple[Pairs, Pairs], settings: Mapping[str, Any]) -> SmallConvNet:
    """Train the network with one of the methods, or "none".

    `parts` are the examples to learn from, and those that early stopping looks at.
    """
    strength, training = settings.get(method, 0.0), parts[0]
    own = {
        "dropout": {"dropout": strength},
        "dropconnect": {"dropconnect": strength},
        "stochastic_pooling": {"pool": "stochastic"},
    }
    model = SmallConvNet(**own.get(method, {}))
    decay = strength if method == "weight_decay" else 0.0
    descent = sgd(model, settings["optim.lr"], settings["optim.momentum"], decay)
    hooks: dict[str, Callable] = {}
    if method in ("l1", "l2"):
        penalty = {"l1": l1, "l2": l2}[method]
        hooks["penalty"] = lambda model: strength * penalty(model)
    if method == "max_norm":
        hooks["after_step"] = lambda: max_norm_(model.parameters(), strength)
    if method == "early_stopping":
        stopping = optim.EarlyStopping(patience=strength)
        hooks["after_epoch"] = lambda: stopping.step(measure(model, parts[1])["loss"], model)
    learn(model, training, descent, settings["epochs"], settings["batch_size"], **hooks)
    return model


METHODS = ("l1", "l2", "weight_decay", "dropout", "dropconnect", "stochastic_pooling", "max_norm",
           "early_stopping")  # fmt: skip


def fit(run: Run) -> tuple[SmallConvNet, dict[str, float]]:
    """Train with every method over all seeds and compare the gaps."""
    settings, digits = run.settings, datasets.digits().tensors
    losses: dict[str, list] = {method: [] for method in ("none", *METHODS)}
    model = SmallConvNet()
    for seed in range(settings["seeds"]):
        few, others = balanced(digits, settings["each"])
        training = mislabelled(few, settings["wrong_labels"])
        held_out, validation = balanced(others, 20)
        for method in losses:
            ag.manual_seed(1000 * run.seed + seed)  # the same beginning for all
            model = trained(method, (training, held_out), settings)
            pair = [measure(model, part) for part in (training, validation)]
            losses[method].append([*(m["loss"] for m in pair), *(m["accuracy"] for m in pair)])
    table = {method: np.mean(rows, 0) for method, rows in losses.items()}
    for method, (train, valid, _, accuracy) in table.items():
        run.log({"method": method, "train_loss": train, "valid_loss": valid, "gap": valid - train,
                 "valid_accuracy": accuracy})  # fmt: skip
    run.draw("gaps", lambda figure: draw(figure, table), (8, 4))
    gaps = {method: float(valid - train) for method, (train, valid, *_) in table.items()}
    left = {method: gaps[method] / gaps["none"] for method in METHODS}
    statements = claims(
        **{f"{method}_lowers_the_gap": left[method] < 1 for method in METHODS},
        none_does_harm=max(table[m][1] for m in METHODS) < 1.05 * table["none"][1],
        decay_is_the_l2_term=bool(abs(left["l2"] / left["weight_decay"] - 1) < 0.02),
    )
    return model, {
        "gap": gaps["none"],
        **{f"gap_left_by_{method}": value for method, value in left.items()},
        **statements,
    }


def draw(figure, table: Mapping[str, np.ndarray]) -> None:
    """Training and validation loss of each method: the gap is between the dots."""
    axes = figure.subplots()
    places = np.arange(len(table))
    train, valid = (np.array([row[i] for row in table.values()]) for i in (0, 1))
    axes.hlines(places, train, valid, color="gray")
    axes.plot(train, places, "C0o", label="training")
    axes.plot(valid, places, "C1o", label="validation")
    axes.axvline(table["none"][1], color="C1", lw=0.8, ls=":")
    axes.set_yticks(places, [name.replace("_", " ") for name in table])
    axes.invert_yaxis()
    axes.set_xlabel("loss")
    axes.legend()


RECIPE = Recipe(
    name="regularisation",
    summary="eight ways to close the gap between training and validation on few digits",
    build=SmallConvNet,
    fit=fit,
    documents="000, 002, 003",
    paper="Srivastava et al. 2014; Wan et al. 2013; Zeiler, Fergus 2013",
    metric="claims",
    options={
        "seeds": 5,
        "epochs": 80,
        "batch_size": 25,
        "each": 15,
        "wrong_labels": 0.2,
        "optim.lr": 0.02,
        "optim.momentum": 0.9,
        "l1": 1e-3,
        "l2": 1e-2,
        "weight_decay": 1e-2,
        "dropout": 0.5,
        "dropconnect": 0.5,
        "max_norm": 1.0,
        "early_stopping": 5,
    },
    bar=1.0,
    seconds=60,
    quick={"seeds": 1, "epochs": 50},
    quick_bar=0.8,
)
