"""The learning rate: too small, good, too large, and how it may change on the way.

A step is the rate times the gradient. In a valley of curvature L along its steepest direction,
descent with the rate eta multiplies the distance to the bottom by ``1 - eta L``: slow progress if
eta is small, none of it left in a single step if ``eta = 1 / L``, to and fro above that, and away
from the bottom beyond ``2 / L``. Real losses do not tell their L. The range test finds the border
with one short run in which the rate grows until the loss explodes (`optim.range_test`). And since
large rates are good far from the bottom and small ones near it, schedules let them fall.

One document explains the learning rate as the thing that makes steps smaller near the goal, where
steps of equal length would jump over it. The picture is right, the reason is the gradient, which
becomes small there by itself while the rate stays what it is. Both are shown.

Documents: 001 (learning rate, equal and shrinking steps), 002 (too small, too large), 000. Smith,
"Cyclical learning rates for training neural networks" (2017); Loshchilov and Hutter, "SGDR" (2017).
"""

from __future__ import annotations

from collections.abc import Callable

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
from optim import lr_scheduler

STEEP = 4.0  # the curvature of the valley
RATES = {"too small": 0.01, "good": 0.2, "to and fro": 0.45, "too large": 0.52}  # the border: 0.5

SCHEDULES: dict[str, Callable | None] = {
    "constant": None,
    "steps": lambda o, n: lr_scheduler.StepLR(o, max(1, n // 3), 0.3),
    "exponential": lambda o, n: lr_scheduler.ExponentialLR(o, 0.05 ** (1 / n)),
    "cosine": lambda o, n: lr_scheduler.CosineAnnealingLR(o, n),
    "one cycle": lambda o, n: lr_scheduler.OneCycleLR(o, 2 * o.param_groups[0]["lr"], n),
}


def slide(rate: float, steps: int, equal: bool = False) -> np.ndarray:
    """Where descent stands in the valley ``STEEP x^2 / 2`` after each step, from x = 1.

    With `equal` all steps have the length `rate`: only the gradient's sign is used.

    Examples
    --------
    >>> from models.learning_rate import slide
    >>> slide(0.25, steps=2)  # 1 / STEEP: there at once
    array([1., 0., 0.])
    """
    x = ag.tensor(1.0, dtype=ag.float64, requires_grad=True)
    descent, places = optim.SGD([x], lr=rate), [1.0]
    for _ in range(steps):
        (gradient,) = ag.grad(STEEP * x**2 / 2, x)
        x.grad = gradient.sign() if equal else gradient
        descent.step()
        places.append(x.item())
    return np.array(places)


def batches(size: int, count: int):
    """So many mini-batches of digits, through the data as often as it takes."""
    loader = DataLoader(datasets.digits(True), size, shuffle=True)
    while count > 0:
        for batch in loader:
            if count > 0:
                yield batch
            count -= 1


def find_rate(settings) -> optim.RangeTest:
    """The range test of a multilayer perceptron on digits."""
    model = MLP()
    stream = batches(settings["batch_size"], settings["range_steps"])
    descent = optim.SGD(model.parameters())
    return optim.range_test(
        descent, lambda: classify(model, next(stream))[0], 1e-4, 100.0, settings["range_steps"]
    )


def train(settings, rate: float, schedule: Callable | None, seed: int):
    """Train the perceptron; returns it, its rates and losses, and its accuracy on unseen digits."""
    ag.manual_seed(seed)
    model, steps = MLP(), settings["steps"]
    descent = optim.SGD(model.parameters(), lr=rate)
    scheduler = schedule(descent, steps) if schedule else None
    rates, losses = [], []
    for batch in batches(settings["batch_size"], steps):
        loss, _ = classify(model, batch)
        rates.append(float(descent.param_groups[0]["lr"]))
        losses.append(loss.item())
        descent.zero_grad()
        loss.backward()
        descent.step()
        if scheduler is not None:
            scheduler.step()
    with ag.no_grad():
        accuracy = classify(model, datasets.digits(False)[:])[1]["accuracy"]
    return model, rates, losses, accuracy


def fit(run: Run) -> tuple[nn.Module, dict[str, float]]:
    """Slide with all rates, find a rate for digits, try smaller and larger ones, and schedules."""
    settings = run.settings
    places = {name: slide(rate, 60) for name, rate in RATES.items()}
    equal = slide(0.15, 60, equal=True)
    found = find_rate(settings)
    good = found.suggestion
    run.log({"suggested_rate": good, "lowest_loss_at": found.lowest})
    factors = {"too small": 1e-3, "suggested": 1.0, "too large": 1e3}
    with np.errstate(all="ignore"):  # too large a rate overflows: that is what is shown
        by_rate = {n: train(settings, good * f, None, run.seed) for n, f in factors.items()}
    by_schedule = {n: train(settings, good, make, run.seed) for n, make in SCHEDULES.items()}
    right = {name: result[3] for name, result in (by_rate | by_schedule).items()}
    for name, accuracy in right.items():
        run.log({"rate": name, "accuracy": accuracy})
    run.draw("valley", lambda figure: draw_valley(figure, places, equal), (15, 2.8))
    run.draw("rates", lambda figure: draw_rates(figure, found, by_rate), (9, 3.2))
    run.draw("schedules", lambda figure: draw_schedules(figure, by_schedule), (9, 3.2))
    end = {name: abs(path[-1]) for name, path in places.items()}
    late = slice(-10, None)
    held = claims(
        too_small_is_slow=0.01 < end["too small"] < 0.2,
        good_arrives=end["good"] < 1e-12,
        beyond_half_the_border_it_goes_to_and_fro=places["to and fro"][1] < 0 < end["to and fro"]
        < 1e-3,
        beyond_the_border_it_goes_away=end["too large"] > 10,
        equal_steps_never_arrive=abs(equal[late]).max() > 0.05,
        steps_shrink_with_the_gradient=abs(np.diff(places["good"])[late]).max() < 1e-9,
        suggested_rate_learns_digits=right["suggested"] >= 0.93,
        a_thousandth_of_it_is_too_small=right["too small"] < right["suggested"] - 0.1,
        a_thousandfold_is_too_large=right["too large"] < right["suggested"] - 0.1,
        every_schedule_learns_digits=min(right[name] for name in SCHEDULES) >= 0.92,
    )  # fmt: skip
    accuracies = {f"accuracy_{name.replace(' ', '_')}": value for name, value in right.items()}
    return by_rate["suggested"][0], {"suggested_rate": good, **accuracies, **held}


def draw_valley(figure, places, equal) -> None:
    """Draw the slides through the valley, and the one with steps of equal length."""
    x = np.linspace(-1.5, 1.5, 100)
    slides = {f"{name}: {RATES[name]}": path for name, path in places.items()}
    slides["equal steps of 0.15"] = equal
    for axes, (name, path) in zip(figure.subplots(1, len(slides)), slides.items(), strict=True):
        path = path[:12]
        axes.plot(x, STEEP * x**2 / 2, "k", linewidth=0.7)
        axes.plot(path, STEEP * path**2 / 2, "C0.-")
        axes.set(title=name, ylim=(-0.3, 5))


def draw_rates(figure, found, by_rate) -> None:
    """Draw the range test, and the losses with the rate it suggests and others."""
    test, curves = figure.subplots(1, 2)
    test.semilogx(found.rates, found.losses, "C7", linewidth=0.7)
    test.semilogx(found.rates, found.smooth, "C0")
    test.axvline(found.suggestion, color="C2", label=f"suggested: {found.suggestion:.2g}")
    test.set(xlabel="learning rate", ylabel="loss", title="range test", ylim=(0, 5))
    test.legend()
    for name, (_, rates, losses, _) in by_rate.items():
        curves.plot(np.clip(losses, 0, 10), label=f"{name}: {rates[0]:.2g}")
    curves.set(xlabel="steps", ylabel="loss", ylim=(0, 5))
    curves.legend()


def draw_schedules(figure, by_schedule) -> None:
    """Draw the rates of the schedules, and the losses they lead to."""
    left, right = figure.subplots(1, 2)
    for name, (_, rates, losses, accuracy) in by_schedule.items():
        left.plot(rates, label=f"{name}: {accuracy:.3f}")
        right.semilogy(np.convolve(losses, np.ones(20) / 20, "valid"))
    left.set(xlabel="steps", ylabel="learning rate")
    right.set(xlabel="steps", ylabel="loss, mean of 20")
    left.legend(title="accuracy", fontsize=8)


RECIPE = Recipe(
    name="learning_rate",
    summary="learning rates too small, good and too large; the range test; schedules",
    build=MLP,
    documents="000, 001, 002",
    paper="Smith 2017",
    fit=fit,
    metric="claims",
    options={"steps": 500, "range_steps": 150, "batch_size": 64},
    bar=1.0,
    seconds=30,
    quick={"steps": 250, "range_steps": 100},
    quick_bar=1.0,
)
