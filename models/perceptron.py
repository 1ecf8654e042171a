"""The perceptron: one neuron that learns from its mistakes, and what it cannot learn.

A neuron fires (1) if the weighted sum of its inputs exceeds a threshold, else not (0); the
threshold is kept as a bias, its negative. Nothing here has a useful gradient: the step is flat.
Rosenblatt's rule needs none. Show an example; if the answer is right, change nothing; if it is
wrong, add the error (+1 or -1) times the input to the weights. If any line separates the two
classes, this stops making mistakes after finitely many (Novikoff 1962). If none does, as for XOR,
it never will.

Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in the
brain", Psychological Review 65 (1958); Machine Learning lecture notes, perceptron and its limits.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
from models import datasets
from models.datasets import Labelled
from models.training.recipe import Recipe
from models.training.run import Run

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
GATES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0], "xor": [0, 1, 1, 0]}


def step(input):
    """Return 1.0 where the input exceeds 0, else 0.0.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.perceptron import step
    >>> step(ag.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 1.])
    """
    return (input > 0).to(input.dtype)


class Perceptron(nn.Module):
    """One threshold unit with `inputs` inputs, starting from weights of 0.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.perceptron import Perceptron, truth_table
    >>> unit = Perceptron(2)
    >>> unit.fit(truth_table("and"), epochs=10)[-1]  # mistakes in the last pass
    0
    >>> unit(ag.tensor([[1.0, 0.0], [1.0, 1.0]]))
    tensor([0., 1.])
    """

    def __init__(self, inputs: int = 64):
        super().__init__()
        self.weight = nn.Parameter(ag.zeros(inputs), requires_grad=False)
        self.bias = nn.Parameter(ag.zeros(()), requires_grad=False)

    def forward(self, x):
        return step(x.flatten(1) @ self.weight + self.bias)  # (batch, inputs) -> (batch,)

    def learn(self, x, target: float) -> bool:
        """Show one example, of shape (1, inputs); returns whether the answer was wrong."""
        error = target - self(x).item()  # 0, +1 or -1
        if error:
            self.weight += error * x.flatten()
            self.bias += error
        return error != 0

    def fit(self, examples: Labelled, epochs: int) -> list[int]:
        """Show all examples again and again until a pass goes without a mistake.

        Returns the number of mistakes of each pass.
        """
        mistakes = []
        for _ in range(epochs):
            pairs = (examples[i] for i in range(len(examples)))
            mistakes.append(sum(self.learn(x.reshape(1, -1), float(t)) for x, t in pairs))
            if not mistakes[-1]:
                break
        return mistakes

    def extra_repr(self) -> str:
        return f"inputs={self.weight.numel()}"


def perceptron(**settings) -> Perceptron:
    """Make a `Perceptron`.

    Examples
    --------
    >>> import models
    >>> models.perceptron(inputs=2)
    Perceptron(inputs=2)
    """
    return Perceptron(**settings)


def truth_table(gate: str) -> Labelled:
    """The four examples of a logical function: and, or, nand or xor.

    Examples
    --------
    >>> from models.perceptron import truth_table
    >>> truth_table("or").targets
    tensor([0, 1, 1, 1])
    """
    return Labelled(INPUTS, GATES[gate], ["false", "true"])


def zeros_and_ones(train: bool) -> Labelled:
    """The digits 0 and 1, unnormalised."""
    digits = datasets.digits(train, normalise=False)
    chosen = digits.targets.array < 2
    return Labelled(digits.data.array[chosen], digits.targets.array[chosen], digits.classes[:2])


def objective(model: Perceptron, batch):
    """The part of a batch that is answered wrongly, and rightly."""
    inputs, targets = batch
    wrong = (model(inputs) - targets).abs().mean()
    return wrong, {"accuracy": 1 - wrong.item()}


def fit(run: Run) -> tuple[Perceptron, dict[str, float]]:
    """Learn the gates, then the digits 0 and 1, and count what remains wrong."""
    epochs, results = run.settings["epochs"], {}
    for gate in GATES:
        table, unit = truth_table(gate), Perceptron(2)
        unit.fit(table, epochs)
        results[gate] = objective(unit, table.tensors)[1]["accuracy"]
    model, examples = perceptron(inputs=64), zeros_and_ones(train=True)
    for epoch in range(epochs):
        (mistakes,) = model.fit(examples, 1)
        loss, metrics = objective(model, examples.tensors)
        run.log(
            {
                "epoch": epoch + 1,
                "mistakes": mistakes,
                "train_loss": loss.item(),
                "train_accuracy": metrics["accuracy"],
            }
        )
        if not mistakes:
            break
    return model, results


RECIPE = Recipe(
    name="perceptron",
    summary="perceptron (1958): AND, OR, NAND, digits 0 against 1, and its failure at XOR",
    build=perceptron,
    data=zeros_and_ones,
    objective=objective,
    fit=fit,
    options={"epochs": 100},
    documents="001, 002, 003, 004",
    paper="Rosenblatt 1958",
    bar=1.0,
    seconds=5,
    quick_bar=1.0,
)
