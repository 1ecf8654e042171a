"""Gradient descent three ways: all examples, one example, or a few at a time.

The error of a model is a mean over examples, and so is its gradient. Computed from all of them
(batch gradient descent) it points downhill exactly and costs a pass through the data. Computed from
one (stochastic gradient descent) it is right only on average: a pass makes as many steps as there
are examples, quickly down at first, and then around the minimum for ever, because one example's
gradient is not zero there. A mini-batch of 64, 128 or 256 lies between: its noise is smaller by the
square root of its size, its cost by far less than its size, since matrices are multiplied faster
than vectors one by one.

The valley here is that of a straight line fitted to points, two weights, so that its bottom is
known and paths can be drawn on it. It is convex, and descent with all examples comes nearer to the
bottom by the same factor with every step, as the lectures say. So would the single examples come to
rest, if their rate fell.

Documents: 000 (stochastic and accumulated, 64, 128, 256), 001 (the three methods, their virtues and
vices, the comparison of their paths). Robbins and Monro, "A stochastic approximation method",
1951.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
import optim
from autograd.utils.data import DataLoader, TensorDataset
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F
from nn.utils import plots

STRETCH = (1.6, 0.6)  # of the two inputs: the valley is long and narrow


class Line(nn.Module):
    """Two weights and no bias: ``y' = w1 x1 + w2 x2``, starting from a corner of the valley.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.gradient_descent import Line
    >>> Line()(ag.ones(3, 2, dtype=ag.float64)).shape
    (3,)
    """

    def __init__(self, start=(-1.5, 2.5)):
        super().__init__()
        self.weight = nn.Parameter(ag.tensor(start, dtype=ag.float64))

    def forward(self, x):
        return x @ self.weight


def points(examples: int) -> tuple[ag.Tensor, ag.Tensor]:
    """Noisy points of a line with the weights (1, -1): inputs (examples, 2), targets (examples,).

    Examples
    --------
    >>> from models.gradient_descent import points
    >>> points(100)[0].shape
    (100, 2)
    """
    x = ag.randn(examples, 2, dtype=ag.float64) * ag.tensor(STRETCH, dtype=ag.float64)
    y = x @ ag.tensor([1.0, -1.0], dtype=ag.float64) + 0.5 * ag.randn(examples, dtype=ag.float64)
    return x, y


def bottom(x, y) -> np.ndarray:
    """The weights of the least mean squared error, by the normal equations."""
    return np.linalg.lstsq(x.array, y.array)[0]


def descend(x, y, batch: int, epochs: int, lr: float, decay: float = 0.0) -> np.ndarray:
    """The weights after every step, of shape (steps + 1, 2); examples in random order.

    With `decay` the rate of step t is ``lr / (1 + decay t)``.

    Examples
    --------
    >>> from models.gradient_descent import descend, points
    >>> len(descend(*points(100), batch=25, epochs=2, lr=0.1))  # 4 steps an epoch, and the start
    9
    """
    model = Line()
    descent = optim.SGD(model.parameters(), lr=lr)
    schedule = optim.lr_scheduler.LambdaLR(descent, lambda t: 1 / (1 + decay * t))
    path = [model.weight.array.copy()]
    for _ in range(epochs):
        for inputs, targets in DataLoader(TensorDataset(x, y), batch, shuffle=True):
            loss = F.mse_loss(model(inputs), targets)
            descent.zero_grad()
            loss.backward()
            descent.step()
            schedule.step()
            path.append(model.weight.array.copy())
    return np.array(path)


def fit(run: Run) -> tuple[Line, dict[str, float]]:
    """Descend in all ways, draw the paths, and compare how they approach the bottom."""
    settings = run.settings
    examples, lr = settings["examples"], settings["lr"]
    x, y = points(examples)
    goal = bottom(x, y)
    sizes = {"one example": 1, "64": 64, "128": 128, "256": 256, "all examples": examples}
    paths, far, rest = {}, {}, {}
    for name, size in sizes.items():
        before = run.seconds
        passes = max(settings["passes"], settings["steps"] * size // examples)
        paths[name] = descend(x, y, size, passes, lr)
        far[name] = np.linalg.norm(paths[name] - goal, axis=1)
        rest[name] = float(far[name][-len(far[name]) // 4 :].mean())  # when it goes no further down
        run.log({"examples_a_step": size, "passes": passes, "steps": len(far[name]) - 1,
                 "distance_in_the_end": rest[name], "seconds": run.seconds - before})  # fmt: skip
    slower = descend(x, y, 1, settings["passes"], lr, decay=0.01)
    settled = float(np.linalg.norm(slower[-len(slower) // 4 :] - goal, axis=1).mean())
    run.draw("paths", lambda figure: draw_paths(figure, x, y, paths, goal), (15, 3.4))
    run.draw("distances", lambda figure: draw_distances(figure, far, examples, sizes), (9, 3.4))
    whole = far["all examples"]
    ratios = whole[1:][whole[1:] > 1e-10] / whole[:-1][whole[1:] > 1e-10]
    first_pass = {name: far[name][examples // size] for name, size in sizes.items()}
    order = [rest[name] for name in sizes]
    held = claims(
        all_examples_never_step_away=bool((ratios < 1).all()),
        all_examples_come_nearer_by_a_constant_factor=np.ptp(ratios[len(ratios) // 2 :]) < 0.05,
        one_example_is_farther_down_after_a_pass=first_pass["one example"]
        < first_pass["64"] < first_pass["all examples"],
        one_example_never_comes_to_rest=rest["one example"] > 0.01,
        larger_batches_rest_nearer=order == sorted(order, reverse=True),
        a_falling_rate_brings_one_example_to_rest=settled < 0.5 * rest["one example"],
    )  # fmt: skip
    return Line(paths["all examples"][-1]), {
        **{f"distance_{name.replace(' ', '_')}": value for name, value in rest.items()},
        "distance_one_example_falling_rate": settled,
        **held,
    }


def draw_paths(figure, x, y, paths, goal) -> None:
    """Draw every path on the contours of the error."""

    def error(weights):
        return ((weights @ x.array.T - y.array) ** 2).mean(-1)

    plots.paths(error, paths, ((-2.2, 3), (-3, 3.2)), goal, figure)


def draw_distances(figure, far, examples, sizes) -> None:
    """Draw the distance to the bottom over passes through the data, and over steps."""
    passes, steps = figure.subplots(1, 2, sharey=True)
    for name, distance in far.items():
        count = np.arange(len(distance))
        passes.semilogy(count * sizes[name] / examples, distance, linewidth=1, label=name)
        steps.loglog(count + 1, distance, linewidth=1)
    passes.set(xlabel="passes through the data", ylabel="distance to the bottom", ylim=(1e-6, 5))
    steps.set(xlabel="steps")
    passes.legend(fontsize=8)


RECIPE = Recipe(
    name="gradient_descent",
    summary="batch, stochastic and mini-batch gradient descent: their paths and where they end",
    build=Line,
    documents="000, 001",
    paper="Robbins, Monro 1951",
    fit=fit,
    metric="claims",
    options={"examples": 1024, "steps": 400, "passes": 3, "lr": 0.05},
    bar=1.0,
    seconds=20,
    quick={"passes": 2, "steps": 300},
    quick_bar=1.0,
)
