"""One hidden layer is enough: universal approximation, watched.

Any continuous function on a closed and bounded region can be approximated as closely as one likes
by a single hidden layer of units that squash their input, if only there are enough of them. That
step units can do it is seen at once: place them side by side, let each lift the output by as much
as the function rises there, and out comes a staircase (`staircase`), whose error halves when the
number of stairs doubles. Smooth units, whose places and slopes are learned, need far fewer. What
the theorem needs is an activation that is not a polynomial: squares of straight lines, however many
are added, make a parabola and nothing else, and the error stops falling.

The theorem says that the weights exist, not that training finds them, nor that one wide layer is a
thrifty way: that is the lectures' argument for depth.

Cybenko 1989; Hornik, Stinchcombe and White 1989; Leshno et al. 1993 (not polynomials). Documents:
000, 001 (Hornik's theorem; more neurons classify more finely), 002 (activations that are not
polynomials).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

import autograd as ag
import nn
import optim
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F


def square(x):
    """A polynomial in the place of an activation."""
    return x * x


ACTIVATIONS: dict[str, Callable] = {"tanh": F.tanh, "square": square}


class OneHidden(nn.Module):
    """`inputs` numbers, one hidden layer of `width` units, one number.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.universal_approximation import OneHidden
    >>> OneHidden(2, width=5)(ag.zeros(7, 2)).shape
    (7,)
    """

    def __init__(self, inputs: int = 1, width: int = 16, activation: str = "tanh"):
        super().__init__()
        self.hidden, self.output = nn.Linear(inputs, width), nn.Linear(width, 1)
        self.activation = ACTIVATIONS[activation]
        with ag.no_grad():  # let the units bend in different places of [-1, 1], and more sharply
            for parameter in self.hidden.parameters():
                parameter.mul_(4)

    def forward(self, x):
        return self.output(self.activation(self.hidden(x))).flatten()


def curve(x: np.ndarray) -> np.ndarray:
    """What is to be learned of one variable, shape (n, 1): two waves on a slope."""
    (x,) = x.T
    return np.sin(4 * x) + 0.4 * np.cos(11 * x) + 0.5 * x


def surface(x: np.ndarray) -> np.ndarray:
    """What is to be learned of two variables, shape (n, 2): a hill, a hollow and a ripple."""
    a, b = x.T
    hill, hollow = np.exp(-6 * ((a - 0.4) ** 2 + b**2)), np.exp(-8 * ((a + 0.4) ** 2 + b**2))
    return hill - hollow + 0.2 * np.sin(4 * a * b)


def points(variables: int, count: int) -> np.ndarray:
    """A regular grid on [-1, 1] to the power of `variables`, with `count` points a side."""
    axis = np.linspace(-1, 1, count)
    return np.stack(np.meshgrid(*[axis] * variables), -1).reshape(-1, variables)


def staircase(function: Callable, stairs: int) -> Callable[[np.ndarray], np.ndarray]:
    """A net of step units that approximates a function on [-1, 1]; nothing is learned.

    Examples
    --------
    >>> import numpy as np
    >>> from models.universal_approximation import staircase
    >>> net = staircase(lambda x: x[:, 0], stairs=2)
    >>> net(np.array([[-0.9], [-0.2], [0.3], [0.9]]))
    array([-0.5, -0.5,  0.5,  0.5])
    """
    edges = np.linspace(-1, 1, stairs + 1)
    heights = function(((edges[:-1] + edges[1:]) / 2)[:, None])
    rises = ag.tensor(np.diff(heights, prepend=0.0))
    thresholds = ag.tensor(edges[:-1])
    return lambda x: (F.step(ag.tensor(x) - thresholds) @ rises).array


def root_mean_square(difference: np.ndarray) -> float:
    """How large a difference is on average."""
    return float(np.sqrt((difference**2).mean()))


def approximate(function, variables: int, width: int, activation: str, settings):
    """Fit a net by L-BFGS, from several starts; returns the best, and its error between points."""
    x = points(variables, settings["points"] if variables == 1 else 16)
    between = points(variables, 401 if variables == 1 else 41)
    inputs, targets = ag.tensor(x), ag.tensor(function(x))
    fits = []
    for _ in range(settings["starts"]):
        model = OneHidden(variables, width, activation).double()
        descent = optim.LBFGS(
            model.parameters(), max_iter=settings["iterations"], line_search_fn="strong_wolfe"
        )

        def closure(model=model, descent=descent):
            descent.zero_grad()
            loss = F.mse_loss(model(inputs), targets)
            loss.backward()
            return loss

        descent.step(closure)
        with ag.no_grad():
            fits.append((F.mse_loss(model(inputs), targets).item(), model))
    best = min(fits, key=lambda fit: fit[0])[1]
    with ag.no_grad():
        error = root_mean_square(best(ag.tensor(between)).array - function(between))
    return best, error


def fit(run: Run) -> tuple[OneHidden, dict[str, float]]:
    """Approximate a curve and a surface by wider and wider nets."""
    settings, widths = run.settings, [2**k for k in range(run.settings["doublings"] + 1)]
    tasks = {
        "curve": (curve, 1, "tanh"),
        "surface": (surface, 2, "tanh"),
        "curve by squares": (curve, 1, "square"),
    }
    errors: dict[str, list[float]] = {"curve by stairs": []}
    nets: dict[str, list[OneHidden]] = {}
    x = points(1, 401)
    for width in widths:
        built = staircase(curve, width)(x)
        errors["curve by stairs"].append(root_mean_square(built - curve(x)))
    for name, (function, variables, activation) in tasks.items():
        found = [approximate(function, variables, w, activation, settings) for w in widths]
        nets[name], errors[name] = [net for net, _ in found], [error for _, error in found]
    for i, width in enumerate(widths):
        run.log({"width": width, **{name: series[i] for name, series in errors.items()}})
    run.draw("errors", lambda figure: draw_errors(figure, widths, errors))
    run.draw("curve", lambda figure: draw_curve(figure, widths, nets["curve"]), (12, 2.6))
    run.draw("surface", lambda figure: draw_surface(figure, widths, nets["surface"]), (12, 3))
    squares, stairs = errors["curve by squares"], errors["curve by stairs"]
    held = claims(
        error_on_the_curve_falls_with_width=falls(errors["curve"]),
        error_on_the_surface_falls_with_width=falls(errors["surface"]),
        twice_the_stairs_is_half_the_error=0.4 < stairs[-1] / stairs[-2] < 0.6,
        learned_units_need_fewer_than_stairs=errors["curve"][-1] < stairs[-1] / 3,
        squares_stay_a_parabola=squares[-1] > 0.99 * squares[2],
    )
    ends = {f"error_of_{name.replace(' ', '_')}": series[-1] for name, series in errors.items()}
    return nets["curve"][-1], {**ends, **held}


def falls(errors: list[float]) -> bool:
    """Whether each doubling of the width helps (or the error is small already), and all a lot."""
    doublings = len(errors) - 1
    helped = [b < a or b < 0.01 for a, b in pairwise(errors)]
    return all(helped) and errors[-1] < errors[0] * 4 / 2**doublings


def draw_errors(figure, widths, errors) -> None:
    """Draw all errors over the width."""
    axes = figure.subplots()
    for name, series in errors.items():
        axes.loglog(widths, series, ".-", label=name)
    axes.set(xlabel="hidden units", ylabel="root mean squared error")
    axes.grid(alpha=0.3)
    axes.legend()


def draw_curve(figure, widths, nets) -> None:
    """Draw the curve and what nets of growing width make of it."""
    x = points(1, 401)
    grid = figure.subplots(1, len(nets), sharey=True)
    for axes, width, net in zip(grid, widths, nets, strict=True):
        axes.plot(x, curve(x), "k", linewidth=0.8)
        axes.plot(x, net(ag.tensor(x)).numpy(force=True), "C0")
        axes.set_title(f"{width} units")


def draw_surface(figure, widths, nets) -> None:
    """Draw the surface and what nets of growing width make of it."""
    grid = points(2, 61)
    shown = {"surface": surface(grid)}
    for width, net in zip(widths, nets, strict=True):
        shown[f"{width} units"] = net(ag.tensor(grid)).numpy(force=True)
    places = figure.subplots(1, len(shown))
    for axes, (name, values) in zip(places, shown.items(), strict=True):
        axes.contourf(values.reshape(61, 61), levels=np.linspace(-1.2, 1.2, 25), cmap="coolwarm",
                      extend="both")  # fmt: skip
        axes.set(title=name, xticks=[], yticks=[], aspect="equal")


RECIPE = Recipe(
    name="universal_approximation",
    summary="one hidden layer on a curve and a surface: the error falls as it grows wider",
    build=OneHidden,
    documents="000, 001, 002",
    paper="Cybenko 1989; Hornik, Stinchcombe, White 1989",
    fit=fit,
    metric="claims",
    options={"doublings": 5, "points": 100, "starts": 2, "iterations": 250},
    bar=1.0,
    seconds=40,
    quick={"doublings": 3, "starts": 3, "iterations": 150},
    quick_bar=1.0,
)
