"""Gradients from first principles: what a derivative is, and three ways to get one.

The derivative is the limit of ``(f(x + h) - f(x)) / h``. With numbers of 16 digits h cannot go to
0: below some h the difference drowns in rounding, above it the secant is not yet the tangent. One
side of x leaves an error in proportion to h, both sides, ``(f(x + h) - f(x - h)) / 2h``, one in
proportion to h^2. The engine takes no limit. It knows the derivative of each operation and
multiplies them along the graph, so that its results are as exact as the arithmetic. The lectures'
example is

    f = x^2 + 3 x y + y^2 + z^3,    df/dx = 2x + 3y,  df/dy = 3x + 2y,  df/dz = 3z^2;

at whole numbers all three come out without any error at all. The gradient, the vector of them,
points where f rises fastest; how fast is its length. One sentence in the lectures goes too far: a
gradient of zero does not mean an extremum. Their own f shows it. At the origin its gradient is
zero, but along x = -y it falls, and along x = y it rises: a saddle.

Documents: 001 (derivative, partial derivatives, gradient), 000.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import autograd as ag
import nn
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run


class Lecture(nn.Module):
    """The lectures' function of three variables: points of shape (..., 3) to values (...).

    Examples
    --------
    >>> import autograd as ag
    >>> from models.first_principles import Lecture
    >>> point = ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> Lecture()(point).backward(); point.grad
    tensor([ 8.,  7., 27.])
    """

    def forward(self, point):
        x, y, z = point[..., 0], point[..., 1], point[..., 2]
        return x**2 + 3 * x * y + y**2 + z**3


def partials(x: float, y: float, z: float) -> list[float]:
    """The partial derivatives as the lectures give them.

    Examples
    --------
    >>> from models.first_principles import partials
    >>> partials(1, 2, 3)
    [8, 7, 27]
    """
    return [2 * x + 3 * y, 3 * x + 2 * y, 3 * z**2]


def forward_difference(function: Callable, point: np.ndarray, h: float) -> np.ndarray:
    """Partial derivatives by the definition, with h in place of the limit: secants to one side.

    Examples
    --------
    >>> import numpy as np
    >>> from models.first_principles import forward_difference
    >>> forward_difference(lambda x: (x**2).sum(), np.array([3.0]), 0.5)
    array([6.5])
    """
    steps = h * np.eye(len(point))
    return np.array([(function(point + step) - function(point)) / h for step in steps])


def central_difference(function: Callable, point: np.ndarray, h: float) -> np.ndarray:
    """Partial derivatives from values on both sides.

    Examples
    --------
    >>> import numpy as np
    >>> from models.first_principles import central_difference
    >>> central_difference(lambda x: (x**2).sum(), np.array([3.0]), 0.5)
    array([6.])
    """
    steps = h * np.eye(len(point))
    return np.array([(function(point + s) - function(point - s)) / (2 * h) for s in steps])


def gradient(function: Callable, point) -> np.ndarray:
    """Partial derivatives by the engine.

    Examples
    --------
    >>> from models.first_principles import gradient
    >>> gradient(lambda x: (x**2).sum(), [3.0])
    array([6.])
    """
    leaf = ag.tensor(point, dtype=ag.float64, requires_grad=True)
    (found,) = ag.grad(function(leaf), leaf)
    return found.array


def order(steps: np.ndarray, errors: np.ndarray) -> float:
    """The power of h that an error is in proportion to: its slope in a doubly logarithmic plot."""
    return float(np.polyfit(np.log(steps), np.log(errors), 1)[0])


def fit(run: Run) -> tuple[Lecture, dict[str, float]]:
    """Hold the three ways against each other; climb in all directions; look at the origin."""
    function, stream = Lecture(), ag.default_generator().numpy
    whole = stream.integers(-9, 10, (run.settings["points"], 3)).astype(np.float64)
    exact = [bool((gradient(function, p) == partials(*p)).all()) for p in whole]

    point, steps = np.array([0.7, -0.4, 1.3]), 10.0 ** -np.arange(0, 15, 0.5)
    truth = np.array(partials(*point))

    def value(at: np.ndarray) -> float:
        return function(ag.tensor(at)).item()

    errors = {
        ways.__name__: np.array([abs(ways(value, point, h) - truth).max() for h in steps])
        for ways in (forward_difference, central_difference)
    }
    by_engine = float(abs(gradient(function, point) - truth).max())
    best = {name: float(found.min()) for name, found in errors.items()}
    run.log({**best, "autograd": by_engine})
    early = slice(0, 6)  # where rounding does not matter yet
    one_sided, two_sided = (order(steps[early], found[early]) for found in errors.values())

    directions = stream.standard_normal((2000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    at = ag.tensor(np.broadcast_to(point, directions.shape).copy())
    rises = ag.functional.jvp(function, at, ag.tensor(directions))[1].array
    steepest = directions[rises.argmax()] @ truth / np.linalg.norm(truth)

    hessian = ag.functional.hessian(function, ag.zeros(3, dtype=ag.float64)).array
    curvatures = np.linalg.eigvalsh(hessian[:2, :2])
    run.log({"gradient_at_0": float(abs(gradient(function, np.zeros(3))).max()),
             "curvatures_at_0": [round(float(c), 6) for c in curvatures]})  # fmt: skip
    run.draw("differences", lambda figure: draw(figure, steps, errors, by_engine), (8, 3.2))
    held = claims(
        autograd_is_exact_at_whole_numbers=all(exact),
        autograd_is_exact_to_rounding=by_engine <= 1e-15 * abs(truth).max(),
        one_sided_error_falls_like_h=0.8 < one_sided < 1.3,
        two_sided_error_falls_like_h_squared=1.8 < two_sided < 2.2,
        no_step_makes_differences_exact=min(best.values()) > by_engine,
        nothing_rises_faster_than_the_gradient=rises.max() <= np.linalg.norm(truth) * (1 + 1e-12),
        the_fastest_rise_is_along_the_gradient=steepest > 0.99,
        a_zero_gradient_may_be_a_saddle=curvatures[0] < 0 < curvatures[1],
    )
    return function, {"one_sided": one_sided, "two_sided": two_sided, **best, **held}


def draw(figure, steps, errors, by_engine) -> None:
    """Draw secants that become the tangent, and the error of differences over h."""
    left, right = figure.subplots(1, 2)
    x = np.linspace(-0.5, 2, 100)
    left.plot(x, x**2, "k")
    for i, h in enumerate((1.2, 0.8, 0.4)):
        slope = ((0.5 + h) ** 2 - 0.25) / h
        left.plot(x, 0.25 + slope * (x - 0.5), f"C{i}", linewidth=1, label=f"secant, h = {h}")
    left.plot(x, 0.25 + (x - 0.5), "C3", label="tangent")
    left.set(xlabel="x", title="x^2 at 0.5", ylim=(-1, 4))
    left.legend()
    for name, found in errors.items():
        right.loglog(steps, found, ".-", label=name.replace("_", " "))
    right.axhline(max(by_engine, 1e-17), color="C3", label="autograd")
    right.set(xlabel="h", ylabel="error of the gradient")
    right.legend()


RECIPE = Recipe(
    name="first_principles",
    summary="derivatives as limits of differences, and exactly: x^2 + 3xy + y^2 + z^3",
    build=Lecture,
    documents="000, 001",
    paper="Wengert 1964",
    fit=fit,
    metric="claims",
    options={"points": 200},
    bar=1.0,
    seconds=5,
    quick={"points": 20},
    quick_bar=1.0,
)
