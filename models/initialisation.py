"""Initialisation: weights that start wrong never get right.

If all weights of a layer start equal, its units compute the same, get the same gradient, and stay
equal for ever: the layer is one unit wide. That is symmetry failure; zeros are the worst, where
nothing but the output's bias learns. Random weights break the symmetry; then their size decides. A
sum over n inputs with weights of variance v has n v times the inputs' variance: U[0, 1] and N(0, 1)
make activations explode or units saturate, layer by layer, and gradients on the way back. Xavier
Glorot's rule, ``v = 2 / (fan_in + fan_out)``, keeps both where activations are nearly linear, as
tanh is; rectifiers lose half of the variance, hence He's ``v = 2 / fan_in``; an orthogonal matrix
keeps the length of every vector.

The experiment trains one deep network from each of these beginnings and draws how activations and
gradients spread through its layers before the first step.

Glorot and Bengio (2010); He, Zhang, Ren and Sun (2015); Saxe, McClelland and Ganguli (2014).
Introduction to deep learning, parameter initialisation; Deep Learning Background and Basics, whose
BP algorithm begins with U[0, 1]; Machine Learning, chapter 7 continued, with N(0, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

import autograd as ag
import nn
import optim
from models import datasets
from models.training.claims import claims
from models.training.recipe import Recipe, graded
from models.training.run import Run
from models.training.small import Pairs, balanced, learn, measure
from nn import functional as F
from nn import init


def _gain(activation: str) -> float:
    """Orthogonal matrices keep lengths; rectifiers want them larger. Tanh does with 1."""
    return init.calculate_gain("relu") if activation == "relu" else 1.0


RULES: dict[str, Callable] = {
    "zeros": lambda weight, activation: init.zeros_(weight),
    "equal": lambda weight, activation: init.constant_(weight, 0.02),
    "U[0, 1]": lambda weight, activation: init.uniform_(weight),
    "N(0, 1)": lambda weight, activation: init.normal_(weight),
    "Xavier": lambda weight, activation: init.xavier_uniform_(weight),
    "He": lambda weight, activation: init.kaiming_normal_(weight),
    "orthogonal": lambda weight, activation: init.orthogonal_(weight, _gain(activation)),
}
NAIVE, PROPER = ("zeros", "equal", "U[0, 1]", "N(0, 1)"), ("Xavier", "He", "orthogonal")


class DeepNet(nn.Module):
    """Fully connected layers whose weights follow one of the `RULES`; biases start from 0.

    Parameters
    ----------
    rule : str
        A key of `RULES`.
    activation : {"tanh", "relu"}
    width, depth : int
        Units of a hidden layer, and number of hidden layers.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.initialisation import DeepNet
    >>> model = DeepNet("zeros", depth=3)
    >>> [float(h.abs().max()) for h in model.layers(ag.ones(1, 64))]
    [0.0, 0.0, 0.0]
    """

    def __init__(self, rule: str = "He", activation: str = "relu", width: int = 64, depth: int = 8):
        super().__init__()
        if rule not in RULES:
            raise ValueError(f"rule expected one of {', '.join(RULES)}; got {rule!r}")
        sizes = [64, *[width] * depth]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(sizes))
        self.output = nn.Linear(width, 10)
        self.activation = activation
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                RULES[rule](parameter, activation)
            else:
                init.zeros_(parameter)

    def layers(self, x) -> list:
        """The activations of the hidden layers, first to last."""
        x, found = x.flatten(1), []
        for layer in self.hidden:
            x = getattr(F, self.activation)(layer(x))
            found.append(x)
        return found

    def forward(self, x):
        return self.output(self.layers(x)[-1])


def spread(model: DeepNet, pairs: Pairs) -> tuple[list[float], list[float]]:
    """The standard deviations, layer by layer, of activations and of the loss's gradients by them.

    Examples
    --------
    >>> from models import datasets
    >>> from models.initialisation import DeepNet, spread
    >>> activations, gradients = spread(DeepNet("zeros", depth=2), datasets.digits().tensors)
    >>> activations, gradients
    ([0.0, 0.0], [0.0, 0.0])
    """
    hidden = model.layers(pairs[0])
    loss, _ = graded(model.output(hidden[-1]), pairs[1])
    gradients = ag.grad(loss, hidden)
    there, back = ([float(t.array.std(dtype="f8")) for t in row] for row in (hidden, gradients))
    return there, back


def asymmetry(model: DeepNet) -> float:
    """How far the units of a hidden layer are from being all the same, at the most."""
    weights = [layer.weight.array for layer in model.hidden]
    return max(float(np.ptp(weight, axis=0).max()) for weight in weights)


def fit(run: Run) -> tuple[DeepNet, dict[str, float]]:
    """Train from every rule, with tanh and with rectifiers."""
    settings, model = run.settings, DeepNet()
    training, validation = balanced(datasets.digits().tensors, settings["each"])
    spreads, accuracies, units = {}, {}, {}
    for activation in ("tanh", "relu"):
        for rule in RULES:
            model = DeepNet(rule, activation)
            key = (activation, rule)
            with np.errstate(over="ignore", invalid="ignore"):  # what explodes is the point
                spreads[key] = spread(model, training)
                descent = optim.SGD(model.parameters(), settings["optim.lr"])
                learn(model, training, descent, settings["epochs"])
                accuracies[key] = measure(model, validation)["accuracy"]
            units[key] = asymmetry(model)
            run.log({"activation": activation, "rule": rule, "valid_accuracy": accuracies[key],
                     "spread_1": spreads[key][0][0], "spread_8": spreads[key][0][-1]})  # fmt: skip
    run.draw("spread", lambda figure: draw(figure, spreads, accuracies), (10, 6.5))

    def kept(activation: str, rule: str) -> float:
        """How much of the spread of activations, and of gradients, is left at the other end."""
        there, back = spreads[activation, rule]
        return min(there[-1] / there[0], back[0] / back[-1])

    best = {a: max(accuracies[a, rule] for rule in NAIVE) for a in ("tanh", "relu")}
    matching = {"tanh": ("Xavier", "orthogonal"), "relu": ("He", "orthogonal")}
    statements = claims(
        equal_units_stay_equal=max(units[a, r] for a in best for r in ("zeros", "equal")) < 1e-6,
        equal_units_do_not_learn=all(
            accuracies[a, rule] < 0.5 for a in best for rule in ("zeros", "equal")
        ),
        numbers_grow_with_unit_variance=spreads["relu", "N(0, 1)"][0][-1] > 1e3,
        matching_rules_keep_the_spread=all(
            0.2 < kept(a, rule) < 5 for a in best for rule in matching[a]
        ),
        matching_rules_learn_better_than_all_naive_ones=all(
            accuracies[a, rule] > best[a] + 0.1 for a in best for rule in matching[a]
        ),
    )
    return model, {
        "best_naive": max(best.values()),
        "worst_proper": min(accuracies[a, rule] for a in best for rule in matching[a]),
        **statements,
    }


def draw(figure, spreads: dict, accuracies: dict) -> None:
    """Spread by layer, of activations and gradients, a column for each activation function."""
    grid = figure.subplots(2, 2, sharex=True)
    for row, what in enumerate(("activations", "gradients")):
        for axes, activation in zip(grid[row], ("tanh", "relu"), strict=True):
            for rule in RULES:
                values = np.array(spreads[activation, rule][row])
                values[~(values > 0)] = np.nan
                label = f"{rule}: {accuracies[activation, rule]:.0%}"
                axes.semilogy(range(1, len(values) + 1), values, marker=".", label=label)
            axes.set(title=f"{what}, {activation}", ylabel="standard deviation")
            axes.grid(alpha=0.3)
    for axes in grid[1]:
        axes.set_xlabel("layer")
    for axes in grid[0]:
        axes.legend(fontsize=7, title="rule: accuracy learned", title_fontsize=7)


RECIPE = Recipe(
    name="initialisation",
    summary="initial weights: equal ones stay equal; sizes that keep signals alive",
    build=DeepNet,
    fit=fit,
    documents="000, 002, 003",
    paper="Glorot, Bengio 2010; He et al. 2015; Saxe et al. 2014",
    metric="claims",
    options={"epochs": 20, "each": 50, "optim.lr": 0.05},
    bar=1.0,
    seconds=20,
    quick={"epochs": 12, "each": 40},
    quick_bar=1.0,
)
