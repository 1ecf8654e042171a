"""The perceptron: one neuron that learns from its mistakes, and what it cannot learn.

A neuron fires (1) if the weighted sum of its inputs reaches a threshold, else not (0); the
threshold is kept as a bias, its negative. Nothing here has a useful gradient: the step is flat.
Rosenblatt's rule needs none. Show an example; if the answer is right, change nothing; if it is
wrong, add the error (+1 or -1) times the input to the weights. If any line separates the two
classes, this stops making mistakes after finitely many (Novikoff 1962). If none does, as for XOR,
it never will, and that can be watched: the weights are whole numbers and stay small, so sooner or
later a pass begins with weights that were there before, and from then on everything repeats itself.

Rosenblatt, "The perceptron: a probabilistic model for information storage and organization in the
brain", Psychological Review 65 (1958); Minsky and Papert, Perceptrons (1969). Documents: 001 (AND
and OR, the exercise to write them, exclusive or), 000, 002 and 004 (the history).
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
from models import datasets
from models.datasets import Labelled
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=np.float32)
GATES = {"and": [0, 0, 0, 1], "or": [0, 1, 1, 1], "nand": [1, 1, 1, 0], "xor": [0, 1, 1, 0]}


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
        return F.step(x.flatten(1) @ self.weight + self.bias)  # (batch, inputs) -> (batch,)

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


def passes_until_repeated(unit: Perceptron, examples: Labelled, epochs: int) -> int | None:
    """After how many passes the weights are what they were before an earlier one; None if never.

    Then the passes between go round for ever: a proof that learning does not end, not a lack of
    patience. Mistakes are made in every pass, or the weights would rest.

    Examples
    --------
    >>> from models.perceptron import Perceptron, passes_until_repeated, truth_table
    >>> passes_until_repeated(Perceptron(2), truth_table("xor"), epochs=100)
    3
    """
    seen = set()
    for epoch in range(epochs + 1):
        state = (*unit.weight.tolist(), unit.bias.item())
        if state in seen:
            return epoch
        seen.add(state)
        if not unit.fit(examples, 1)[-1]:
            return None
    return None


def fit(run: Run) -> tuple[Perceptron, dict[str, float]]:
    """Learn the gates, then the digits 0 and 1, and see that exclusive or goes round in circles."""
    epochs = run.settings["epochs"]
    units = {gate: Perceptron(2) for gate in GATES}
    right = {}
    for gate, unit in units.items():
        passes = unit.fit(truth_table(gate), epochs)
        right[gate] = objective(unit, truth_table(gate).tensors)[1]["accuracy"]
        run.log({"gate": gate, "passes": len(passes), "right": right[gate]})
    repeated = passes_until_repeated(Perceptron(2), truth_table("xor"), epochs)
    run.draw("gates", lambda figure: draw_gates(figure, units), (9, 2.6))
    model, examples = perceptron(inputs=64), zeros_and_ones(train=True)
    for epoch in range(epochs):
        (mistakes,) = model.fit(examples, 1)
        run.log({"pass": epoch + 1, "mistakes": mistakes})
        if not mistakes:
            break
    run.draw("weights", lambda figure: draw_weights(figure, model), (3.4, 3))
    unseen = objective(model, zeros_and_ones(train=False).tensors)[1]["accuracy"]
    held = claims(
        **{f"{gate}_is_learned": right[gate] == 1 for gate in ("and", "or", "nand")},
        xor_is_not_learned=right["xor"] < 1,
        xor_goes_round_for_ever=repeated is not None,
        digits_0_and_1_are_separated=mistakes == 0,
        unseen_digits_too=unseen >= 0.98,
    )
    return model, {**right, "xor_repeats_after": repeated or 0, **held}


def draw_gates(figure, units) -> None:
    """Draw the four cases of each gate and the side of its line on which the unit fires."""
    side = np.linspace(-0.5, 1.5, 201, dtype=np.float32)
    plane = ag.tensor(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2))
    for axes, (gate, unit) in zip(figure.subplots(1, len(units)), units.items(), strict=True):
        fires = unit(plane).array.reshape(len(side), len(side))
        axes.contourf(side, side, fires, levels=[-0.5, 0.5, 1.5], cmap="coolwarm", alpha=0.4)
        axes.scatter(*INPUTS.T, c=GATES[gate], cmap="coolwarm", edgecolor="k", s=60)
        axes.set(title=gate, aspect="equal", xlabel="x1", ylabel="x2")


def draw_weights(figure, model) -> None:
    """Draw the weight of each pixel: red where ink speaks for a 1, blue where for a 0."""
    weight = model.weight.array.reshape(8, 8)
    limit = abs(weight).max()
    axes = figure.subplots()
    figure.colorbar(axes.imshow(weight, cmap="coolwarm", vmin=-limit, vmax=limit))
    axes.set(title="weights, 1 against 0", xticks=[], yticks=[])


RECIPE = Recipe(
    name="perceptron",
    summary="perceptron (1958): AND, OR, NAND, digits 0 against 1, and its failure at XOR",
    build=perceptron,
    data=zeros_and_ones,
    objective=objective,
    fit=fit,
    metric="claims",
    options={"epochs": 100},
    documents="000, 001, 002, 004",
    paper="Rosenblatt 1958",
    bar=1.0,
    seconds=5,
    quick_bar=1.0,
)
