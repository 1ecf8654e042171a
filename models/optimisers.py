"""Optimisers: what to make of the gradient.

Plain descent sees only the slope where it stands. In a long narrow valley it zigzags between the
walls; momentum remembers earlier slopes, so that the walls cancel and the way along the floor adds
up; Nesterov's form looks where the momentum is about to take it. Adagrad gives each parameter a
rate of its own, divided by the root of all its squared gradients so far: large for the seldom used,
small for the busy, and smaller all the time. RMSprop forgets old squares, so that the rate need not
die. Adadelta replaces the rate by the size of its own past steps. Adam is momentum and RMSprop
together, with the bias of the first steps removed.

The library's are PyTorch's, to the last digit. The lectures (003) write some of them otherwise
(`LECTURES` has them as printed, misprints mended):

- momentum: ``g = a g + eta grad, w -= g``, the rate inside. The same while the rate is constant;
  when it changes, the old one lives on in g. PyTorch multiplies outside.
- Adagrad, RMSprop: ``grad / sqrt(sum + eps)``. PyTorch adds eps behind the root.
- Adadelta: ``sqrt(...) + eps`` above and below, of means whose letters are lost in print; with that
  the first step is eps over the gradient's size. PyTorch has eps in both roots.
- Adam: prints ``m / (1 - v^t)`` for the second moment and divides by the uncorrected n. Kingma and
  Ba correct both, and multiply by eta, which is printed as 1.

Documents: 003; 000 and 001 (descent). Polyak 1964, Nesterov 1983; Duchi, Hazan and Singer 2011;
Tieleman and Hinton 2012; Zeiler 2012; Kingma and Ba 2015.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import autograd as ag
import nn
import optim
from autograd.utils.data import DataLoader
from models import datasets
from models.mlp import MLP
from models.training.claims import claims
from models.training.recipe import Recipe, classify
from models.training.run import Run

# An optimiser, its rate in the valley, and its rate for digits.
OPTIMISERS: dict[str, tuple[Callable, float, float]] = {
    "SGD": (optim.SGD, 0.018, 0.1),
    "momentum": (lambda p, lr: optim.SGD(p, lr, momentum=0.9), 0.01, 0.03),
    "Nesterov": (lambda p, lr: optim.SGD(p, lr, momentum=0.9, nesterov=True), 0.01, 0.03),
    "Adagrad": (optim.Adagrad, 0.5, 0.02),
    "RMSprop": (optim.RMSprop, 0.02, 0.002),
    "Adadelta": (optim.Adadelta, 20.0, 1.0),
    "Adam": (optim.Adam, 0.1, 0.003),
}


# -- as the lectures print them --------------------------------------------------------------------


def lecture_momentum(w, grad, state, eta, a=0.9):
    """``g = a g + eta grad`` and ``w - g``, where g starts as the first step."""
    state["g"] = a * state.get("g", 0.0) + eta * grad
    return w - state["g"]


def lecture_adagrad(w, grad, state, eta, eps=1e-10):
    """``w - eta grad / sqrt(sum of squares + eps)``."""
    state["sum"] = state.get("sum", 0.0) + grad**2
    return w - eta * grad / np.sqrt(state["sum"] + eps)


def lecture_rmsprop(w, grad, state, eta, b=0.99, eps=1e-8):
    """``w - eta grad / sqrt(mean of squares + eps)``, the mean forgetting old ones."""
    state["g"] = b * state.get("g", 0.0) + (1 - b) * grad**2
    return w - eta * grad / np.sqrt(state["g"] + eps)


def lecture_adam(w, grad, state, eta, a=0.9, b=0.999, eps=1e-8):
    """Running means m and n of gradients and squares, both corrected: ``w - eta m / sqrt(n)``."""
    state["t"] = t = state.get("t", 0) + 1
    state["m"] = a * state.get("m", 0.0) + (1 - a) * grad
    state["n"] = b * state.get("n", 0.0) + (1 - b) * grad**2
    return w - eta * (state["m"] / (1 - a**t)) / np.sqrt(state["n"] / (1 - b**t) + eps)


LECTURES: dict[str, Callable] = {
    "momentum": lecture_momentum,
    "Adagrad": lecture_adagrad,
    "RMSprop": lecture_rmsprop,
    "Adam": lecture_adam,
}


def apart(name: str, steps: int = 100, rate: Callable[[int], float] = lambda t: 0.05) -> float:
    """How far the lectures' formula is from the library's after so many steps, in float64.

    Examples
    --------
    >>> from models.optimisers import apart
    >>> apart("momentum") < 1e-12
    True
    >>> apart("momentum", rate=lambda t: 0.05 if t < 50 else 0.005) > 1e-3
    True
    """
    stream, state = np.random.default_rng(0), dict[str, Any]()
    mine = ag.tensor(stream.standard_normal(5), requires_grad=True)
    theirs, optimiser = mine.array.copy(), OPTIMISERS[name][0]([mine], rate(0))
    for t in range(steps):
        grad = stream.standard_normal(5)
        mine.grad = ag.tensor(grad)
        optimiser.param_groups[0]["lr"] = rate(t)
        optimiser.step()
        theirs = LECTURES[name](theirs, grad, state, rate(t))
    return float(abs(mine.array - theirs).max())


# -- in a valley, and on digits --------------------------------------------------------------------


def valley(w):
    """``(w1^2 + 100 w2^2) / 2``: a hundred times steeper across than along.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.optimisers import valley
    >>> valley(ag.tensor([1.0, 1.0]))
    tensor(50.5)
    """
    return 0.5 * (w[0] ** 2 + 100 * w[1] ** 2)


def path(name: str, steps: int) -> np.ndarray:
    """The places of an optimiser in the valley, from (-4, 1)."""
    make, lr, _ = OPTIMISERS[name]
    w = ag.tensor([-4.0, 1.0], dtype=ag.float64, requires_grad=True)
    optimiser, places = make([w], lr), [w.array.copy()]
    for _ in range(steps):
        optimiser.zero_grad()
        valley(w).backward()
        optimiser.step()
        places.append(w.array.copy())
    return np.array(places)


def steps_needed(places: np.ndarray) -> int:
    """The steps until the loss is, and stays, below a thousandth; all of them if it never does."""
    above = 0.5 * (places[:, 0] ** 2 + 100 * places[:, 1] ** 2) >= 1e-3
    return int(np.flatnonzero(above)[-1]) + 1 if above.any() else 0


def rates_over_time(name: str, steps: int, busy: bool) -> np.ndarray:
    """The length of each step when the gradient is always 1, or 1 at every tenth step and else 0.

    Of a seldom used parameter, only the steps with a gradient are given.
    """
    make, lr, _ = OPTIMISERS[name]
    w = ag.tensor([0.0], dtype=ag.float64, requires_grad=True)
    optimiser, lengths = make([w], lr), []
    for t in range(steps):
        before = w.item()
        used = busy or t % 10 == 0
        w.grad = ag.tensor([float(used)], dtype=ag.float64)
        optimiser.step()
        if used:
            lengths.append(abs(w.item() - before) / lr)
    return np.array(lengths)


def learn_digits(run: Run, name: str) -> tuple[nn.Module, list[float], float]:
    """Train a perceptron; returns it, its loss after each pass, and the accuracy on unseen ones."""
    make, _, lr = OPTIMISERS[name]
    ag.manual_seed(run.seed)
    model = MLP()
    optimiser, losses = make(model.parameters(), lr), []
    for _ in range(run.settings["epochs"]):
        total = 0.0
        loader = DataLoader(datasets.digits(True), 64, shuffle=True)
        for batch in loader:
            loss, _ = classify(model, batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        losses.append(total / len(loader))
    with ag.no_grad():
        accuracy = classify(model, datasets.digits(False)[:])[1]["accuracy"]
    run.log({"optimiser": name, "train_loss": losses[-1], "accuracy": accuracy})
    return model, losses, accuracy


def fit(run: Run) -> tuple[nn.Module, dict[str, float]]:
    """Race the optimisers in the valley and on digits; hold them against the lectures' formulas."""
    paths = {name: path(name, 1000) for name in OPTIMISERS}
    needed = {name: steps_needed(places) for name, places in paths.items()}
    digits = {name: learn_digits(run, name) for name in OPTIMISERS}
    gaps = {name: apart(name) for name in LECTURES}
    run.log({"steps_in_the_valley": needed})
    run.log({"lectures_are_apart_by": gaps})
    run.draw("paths", lambda figure: draw_paths(figure, paths, needed), (14, 5))
    run.draw("digits", lambda figure: draw_losses(figure, digits))
    fading, seldom = (rates_over_time("Adagrad", 400, busy) for busy in (True, False))
    lasting = rates_over_time("RMSprop", 400, True)
    fallen = apart("momentum", rate=lambda t: 0.05 if t < 50 else 0.005)
    held = claims(
        momentum_is_faster_in_the_valley=needed["momentum"] < needed["SGD"],
        nesterov_is_faster_still=needed["Nesterov"] < needed["momentum"],
        adagrad_serves_seldom_used_parameters=seldom[-1] > 2 * fading[-1],
        adagrads_rate_falls_like_1_over_root_t=np.allclose(fading, np.arange(1, 401) ** -0.5),
        rmsprops_rate_does_not=lasting[-1] > 0.9 and fading[-1] < 0.06,
        lectures_formulas_are_the_librarys_but_for_eps=max(gaps.values()) < 1e-5,
        lectures_momentum_is_exactly_so=gaps["momentum"] < 1e-12,
        lectures_momentum_keeps_the_old_rate=fallen > 1e-3,
        all_learn_digits=min(accuracy for *_, accuracy in digits.values()) >= 0.94,
    )
    return digits["Adam"][0], {
        **{f"accuracy_{name}": accuracy for name, (*_, accuracy) in digits.items()},
        **{f"steps_{name}": float(steps) for name, steps in needed.items()},
        **held,
    }


def draw_paths(figure, paths, needed) -> None:
    """Draw the first hundred steps of each on the contours of the valley."""
    w1, w2 = np.linspace(-5, 3, 80), np.linspace(-1.4, 1.4, 80)
    height = 0.5 * (w1**2 + 100 * w2[:, None] ** 2)
    grid = figure.subplots(2, 4, sharex=True, sharey=True).ravel()
    grid[-1].axis("off")
    for axes, (name, places) in zip(grid, paths.items(), strict=False):
        axes.contour(w1, w2, height, levels=np.geomspace(0.05, 100, 12), cmap="Greys",
                     linewidths=0.6)  # fmt: skip
        axes.plot(*places[:101].T, "C0.-", linewidth=0.8, markersize=3)
        axes.plot(0, 0, "C3*", markersize=9)
        axes.set(title=f"{name}: {needed[name]} steps", xlim=(-5, 3), ylim=(-1.4, 1.4))


def draw_losses(figure, digits) -> None:
    """Draw the losses on digits."""
    axes = figure.subplots()
    for name, (_, losses, accuracy) in digits.items():
        axes.semilogy(range(1, len(losses) + 1), losses, label=f"{name}: {accuracy:.3f}")
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend(title="accuracy", fontsize=8)
    axes.grid(alpha=0.3)


RECIPE = Recipe(
    name="optimisers",
    summary="SGD, momentum, Nesterov, Adagrad, RMSprop, Adadelta, Adam: in a valley and on digits",
    build=MLP,
    documents="000, 001, 003",
    paper="Polyak 1964 to Kingma, Ba 2015",
    fit=fit,
    metric="claims",
    options={"epochs": 15},
    bar=1.0,
    seconds=30,
    quick={"epochs": 8},
    quick_bar=1.0,
)
