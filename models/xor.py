"""Exclusive or: the problem one neuron cannot solve, and two ways in which three can.

No line has (0, 1) and (1, 0) on one side and (0, 0) and (1, 1) on the other. But "x1 and not x2"
and "x2 and not x1" are each a matter of one line, and "either of them" is again: three threshold
units, all with the threshold 0.5, are enough when somebody sets their weights (`StepXor`). Replace
the step by a smooth function and the net finds weights by itself (`XorNet`): the gradient of the
error says of every weight which way to turn it, and back-propagation computes that layer by layer.

Minsky and Papert, Perceptrons (1969); Rumelhart, Hinton and Williams (1986). Document: 001 (the
perceptron's limit, several perceptrons with the threshold 0.5, the exercise to write them).
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
import optim
from models.datasets import Labelled
from models.perceptron import truth_table
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F


class StepXor(nn.Module):
    """Three threshold units whose weights are set by hand.

    Examples
    --------
    >>> from models.perceptron import truth_table
    >>> from models.xor import StepXor
    >>> inputs, targets = truth_table("xor").tensors
    >>> StepXor()(inputs)
    tensor([0., 1., 1., 0.])
    """

    threshold = 0.5

    def __init__(self):
        super().__init__()
        self.hidden = nn.Buffer(ag.tensor([[1.0, -1.0], [-1.0, 1.0]]))
        self.output = nn.Buffer(ag.tensor([1.0, 1.0]))

    def forward(self, x):
        hidden = F.step(x @ self.hidden - self.threshold)  # x1 and not x2, x2 and not x1
        return F.step(hidden @ self.output - self.threshold)  # either


class XorNet(nn.Module):
    """A 2-2-1 net: tanh in the hidden units, a sigmoid at the output.

    Examples
    --------
    >>> import models
    >>> sum(p.numel() for p in models.XorNet().parameters())
    9
    """

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(2, 2)
        self.output = nn.Linear(2, 1)

    def forward(self, x):
        return F.sigmoid(self.output(F.tanh(self.hidden(x)))).flatten()  # (batch, 2) -> (batch,)


def xor() -> XorNet:
    """Make a `XorNet`.

    Examples
    --------
    >>> import models
    >>> models.xor().output.in_features
    2
    """
    return XorNet()


def data(train: bool) -> Labelled:
    """The truth table: there is nothing else to learn from, or to test on."""
    return truth_table("xor")


def objective(model: nn.Module, batch):
    """Half the squared error summed over the examples, and the part on the right side of 1/2."""
    inputs, targets = batch
    outputs = model(inputs)
    loss = 0.5 * ((outputs - targets) ** 2).sum()
    right = (outputs.array > 0.5) == targets.array
    return loss, {"accuracy": float(right.mean())}


def fit(run: Run) -> tuple[XorNet, dict[str, float]]:
    """Descend the gradient of all four examples until the error is small.

    So small a net can come to rest where two examples are right and two are undecided. A fresh
    start helps then, so the net gets one whenever `patience` steps were not enough.
    """
    settings, table = run.settings, truth_table("xor")
    starts = 0
    for epoch in range(settings["epochs"]):
        if epoch % settings["patience"] == 0:
            model, starts = xor(), starts + 1
            descent = optim.SGD(model.parameters(), lr=settings["optim.lr"])
        loss, metrics = objective(model, table.tensors)
        descent.zero_grad()
        loss.backward()
        descent.step()
        done = loss.item() < settings["error"]
        if done or epoch % 100 == 99:
            entry = {"train_loss": loss.item(), "train_accuracy": metrics["accuracy"]}
            run.log({"epoch": epoch + 1, **entry})
        if done:
            break
    by_hand = objective(StepXor(), table.tensors)[1]["accuracy"]
    return model, {"by_hand": by_hand, "both": min(by_hand, metrics["accuracy"]), "starts": starts}


def show(run: Run, model: XorNet) -> None:
    """Draw the output of the net that learned over the square of its inputs."""
    side = np.linspace(-0.5, 1.5, 101, dtype=np.float32)
    with ag.no_grad():
        outputs = model(ag.tensor(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)))
    inputs, targets = (tensor.array for tensor in truth_table("xor").tensors)

    def plot(figure) -> None:
        axes = figure.subplots()
        shades = axes.contourf(side, side, outputs.array.reshape(101, 101), 20, cmap="coolwarm")
        axes.scatter(*inputs.T, c=targets, cmap="coolwarm", edgecolor="k", s=80)
        axes.set(xlabel="x1", ylabel="x2", aspect="equal")
        figure.colorbar(shades, label="output")

    run.draw("surface", plot, (4.4, 3.4))


RECIPE = Recipe(
    name="xor",
    summary="XOR by three neurons: weights set by hand, and learned by back-propagation",
    build=xor,
    data=data,
    objective=objective,
    fit=fit,
    show=show,
    metric="both",
    options={"epochs": 20000, "patience": 2000, "error": 0.01, "optim.lr": 1.0},
    documents="001",
    paper="Rumelhart, Hinton, Williams 1986",
    bar=1.0,
    seconds=5,
    quick_bar=1.0,
)
