"""Activation functions: what bends the straight line.

Without them any number of layers is one: ``W2 (W1 x + b1) + b2`` is again a matrix and a bias. The
step (0 or 1) came first, but its derivative is 0 wherever it has one, so that nothing flows back
through it, unless one looks away (straight-through: backwards, take it for the identity). The
sigmoid ``1 / (1 + exp(-x))`` is a smooth step whose derivative is ``f (1 - f)``, never above 1/4:
ten of them in a row leave a millionth of a gradient. The hyperbolic tangent is the same curve
stretched to lie evenly about 0, and is printed in three forms in the documents, all of them right:

    tanh(x) = 2 sigmoid(2x) - 1 = (1 - exp(-2x)) / (1 + exp(-2x)) = 2 / (1 + exp(-2x)) - 1.

Taken literally the middle one is infinity over infinity at x = -10000; here nothing overflows. ReLU
is 0 or the input itself, its derivative 0 or 1. Leaky ReLU, ELU and others keep something of the
negative side. Softmax turns numbers into probabilities of classes.

Documents: 000 (step, sigmoid, tanh, ReLU, Leaky ReLU, ELU, softmax), 001 (their formulas, virtues
and vices), 002 (why there must be one), 003 and 004 (ReLU). Papers: Glorot, Bordes, Bengio 2011
(ReLU); Maas, Hannun, Ng 2013 (Leaky ReLU); Clevert, Unterthiner, Hochreiter 2016 (ELU).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

import autograd as ag
import nn
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F

ACTIVATIONS: dict[str, Callable] = {
    "step": F.step,
    "step, straight through": lambda x: F.step(x, straight_through=True),
    "sigmoid": F.sigmoid,
    "tanh": F.tanh,
    "ReLU": F.relu,
    "Leaky ReLU": F.leaky_relu,
    "ELU": F.elu,
    "SELU": F.selu,
    "CELU": F.celu,
    "GELU": F.gelu,
    "SiLU": F.silu,
    "Mish": F.mish,
    "softplus": F.softplus,
    "softsign": F.softsign,
    "log sigmoid": F.logsigmoid,
    "ReLU6": F.relu6,
    "hard tanh": F.hardtanh,
    "hard sigmoid": F.hardsigmoid,
    "hard swish": F.hardswish,
    "hard shrink": F.hardshrink,
    "soft shrink": F.softshrink,
    "tanh shrink": F.tanhshrink,
}


def value_and_slope(function: Callable, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """An activation and its derivative at every x.

    Examples
    --------
    >>> import numpy as np
    >>> from models.activations import value_and_slope
    >>> from nn import functional as F
    >>> value_and_slope(F.relu, np.array([-1.0, 2.0]))
    (array([0., 2.]), array([0., 1.]))
    """
    leaf = ag.tensor(x, requires_grad=True)
    value = function(leaf)
    (slope,) = ag.grad(value.sum(), leaf)
    return value.numpy(force=True), slope.array


def overflowing(extreme: float = 1e4) -> list[str]:
    """The activations that are not finite, or whose derivative is not, at -extreme or extreme.

    Examples
    --------
    >>> from models.activations import overflowing
    >>> overflowing()
    []
    """
    softmaxes = {"softmax": lambda x: F.softmax(x, 0), "log softmax": lambda x: F.log_softmax(x, 0)}
    found = []
    for name, function in (ACTIVATIONS | softmaxes).items():
        for dtype in (np.float32, np.float64):
            ends = np.array([-extreme, extreme], dtype)
            if not all(np.isfinite(part).all() for part in value_and_slope(function, ends)):
                found.append(name)
    return found


def composed(layers: int) -> float:
    """How far a stack of linear layers is from one linear layer: its largest second difference."""
    widths = [3] * (layers + 1)
    stack = nn.Sequential(*(nn.Linear(a, b) for a, b in pairwise(widths)))
    stack.to(ag.float64)
    a, b = ag.randn(100, 3, dtype=ag.float64), ag.randn(100, 3, dtype=ag.float64)
    with ag.no_grad():
        bent = stack(a) + stack(b) - 2 * stack((a + b) / 2)
    return abs(bent).max().item()


def fit(run: Run) -> tuple[nn.Module, dict[str, float]]:
    """Look at every activation, and at what the documents say of them."""
    x = np.linspace(-6, 6, run.settings["points"])
    curves = {name: value_and_slope(function, x) for name, function in ACTIVATIONS.items()}
    for name, (value, slope) in curves.items():
        run.log({"activation": name, "lowest": float(value.min()), "highest": float(value.max()),
                 "steepest": float(slope.max())})  # fmt: skip
    run.draw("activations", lambda figure: draw(figure, x, curves), (14, 8))
    sigmoid, sigmoid_slope = curves["sigmoid"]
    tanh, tanh_slope = curves["tanh"]
    e = np.exp(-2 * x)
    forms = (2 / (1 + np.exp(-2 * x)) - 1, (1 - e) / (1 + e), 2 * F.sigmoid(ag.tensor(2 * x)) - 1)
    logits = ag.tensor(x[None])
    chances = F.softmax(logits, 1).array
    moved = F.softmax(logits + 1000, 1).array
    through = curves["step, straight through"][1]
    relu_slope = curves["ReLU"][1]
    held = claims(
        linear_layers_stay_linear=composed(5) < 1e-14,
        step_has_no_slope=not curves["step"][1].any(),
        step_straight_through_has_one=bool((through == (abs(x) <= 1)).all()),
        sigmoids_slope_is_f_times_1_minus_f=np.allclose(sigmoid_slope, sigmoid * (1 - sigmoid)),
        sigmoids_slope_is_at_most_a_quarter=sigmoid_slope.max() <= 0.25,
        ten_sigmoids_leave_a_millionth=sigmoid_slope.max() ** 10 < 1e-6,
        tanh_has_three_forms=all(np.allclose(tanh, np.asarray(f), atol=1e-14) for f in forms),
        tanh_is_centred_and_sigmoid_is_not=abs(tanh.mean()) < 1e-12 < 0.4 < sigmoid.mean(),
        tanhs_slope_is_1_minus_its_square=np.allclose(tanh_slope, 1 - tanh**2),
        relus_slope_is_0_or_1=set(relu_slope) == {0.0, 1.0},
        softmax_is_a_distribution=abs(chances.sum() - 1) < 1e-12 and bool((chances > 0).all()),
        softmax_knows_differences_only=np.allclose(chances, moved, rtol=1e-10),
        nothing_overflows_at_10000=not overflowing(),
    )
    return nn.Identity(), held


def draw(figure, x, curves) -> None:
    """Draw every activation, and its derivative thinner."""
    grid = figure.subplots(4, 6).ravel()
    for axes in grid[len(curves) :]:
        axes.axis("off")
    for axes, (name, (value, slope)) in zip(grid, curves.items(), strict=False):
        axes.plot(x, value, "C0", linewidth=2)
        axes.plot(x, slope, "C1", linewidth=1)
        axes.set_title(name, fontsize=9)
        axes.set(ylim=(-2, 3))
        axes.grid(alpha=0.3)
    figure.suptitle("activations (blue) and their derivatives (orange)")


RECIPE = Recipe(
    name="activations",
    summary="every activation function with its derivative, and what is said about them",
    build=nn.Identity,
    documents="000, 001, 002, 003, 004",
    paper="Glorot, Bordes, Bengio 2011",
    fit=fit,
    metric="claims",
    options={"points": 600},
    bar=1.0,
    seconds=10,
    quick={"points": 300},
    quick_bar=1.0,
)
