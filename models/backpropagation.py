"""Error back-propagation as the lectures derive it, beside what the engine does.

A net with d inputs, q hidden units and l outputs, all of them sigmoids with thresholds:

    alpha_h = sum_i v_ih x_i     b_h  = f(alpha_h - gamma_h)
    beta_j  = sum_h w_hj b_h     y'_j = f(beta_j - theta_j)       E_k = 1/2 sum_j (y'_j - y_j)^2

and f' = f (1 - f). The chain rule, from the error backwards, gives for one example

    g_j = y'_j (1 - y'_j) (y_j - y'_j)      (1)     e_h = b_h (1 - b_h) sum_j w_hj g_j    (6)
    dw_hj = eta g_j b_h     (2)     dtheta_j = -eta g_j     (3)
    dv_ih = eta e_h x_i     (4)     dgamma_h = -eta e_h     (5)

What is found for the later layer, g, is used again for the one before it: nothing is computed
twice, which is the whole trick (`chain` counts what it saves). Standard BP changes the parameters
after every example; accumulated BP adds up the changes of all examples first, and so descends the
error of the whole set. Equations (1) to (6) are written here by hand, and the engine, which has
never heard of them, finds the same gradients to the last digits.

Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature 323
(1986). Documents: 000 (the derivation and the algorithm, its parameters drawn from [0, 1]), 004
(one unit a layer: the shared factors).
"""

from __future__ import annotations

import math

import numpy as np

import autograd as ag
import nn
from models.perceptron import truth_table
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F


class SigmoidNet(nn.Module):
    """The documents' d-q-l net, its parameters drawn from [0, 1].

    Examples
    --------
    >>> import autograd as ag
    >>> from models.backpropagation import SigmoidNet
    >>> net = SigmoidNet(d=2, q=3, l=1)
    >>> net(ag.zeros(5, 2)).shape
    (5, 1)
    """

    def __init__(self, d: int = 2, q: int = 4, l: int = 1, dtype=None):  # noqa: E741
        super().__init__()
        self.v, self.gamma = (nn.Parameter(ag.rand(*s, dtype=dtype)) for s in ((d, q), (q,)))
        self.w, self.theta = (nn.Parameter(ag.rand(*s, dtype=dtype)) for s in ((q, l), (l,)))

    def hidden(self, x):
        """The outputs b of the hidden units."""
        return F.sigmoid(x @ self.v - self.gamma)

    def forward(self, x):
        return F.sigmoid(self.hidden(x) @ self.w - self.theta)


def error(outputs, targets):
    """Half the squared error, summed over outputs and examples.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.backpropagation import error
    >>> error(ag.tensor([1.0, 3.0]), ag.tensor([0.0, 1.0]))
    tensor(2.5)
    """
    return 0.5 * ((outputs - targets) ** 2).sum()


def changes(net: SigmoidNet, x, y) -> dict[str, ag.Tensor]:
    """Equations (1) to (6): by how much each parameter changes, for a learning rate of 1.

    For several examples, x of shape (examples, d) and y of shape (examples, l), the sum of their
    changes.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.backpropagation import SigmoidNet, changes, error
    >>> net, x, y = SigmoidNet(2, 3, 1), ag.ones(1, 2), ag.zeros(1, 1)
    >>> error(net(x), y).backward()
    >>> ag.allclose(changes(net, x, y)["v"], -net.v.grad)
    True
    """
    with ag.no_grad():
        b = net.hidden(x)
        output = net(x)
        g = output * (1 - output) * (y - output)  # (1)
        e = b * (1 - b) * (g @ net.w.T)  # (6)
        return {
            "w": b.T @ g,  # (2)
            "theta": -g.sum(0),  # (3)
            "v": x.T @ e,  # (4)
            "gamma": -e.sum(0),  # (5)
        }


def update(net: SigmoidNet, x, y, eta: float) -> None:
    """Change the parameters once, by the sum over the given examples."""
    found = changes(net, x, y)
    with ag.no_grad():
        for name, parameter in net.named_parameters():
            parameter += eta * found[name]


def standard(net: SigmoidNet, x, y, eta: float) -> None:
    """One pass of standard BP: an update after every example."""
    for k in range(len(x)):
        update(net, x[k : k + 1], y[k : k + 1], eta)


def accumulated(net: SigmoidNet, x, y, eta: float) -> None:
    """One pass of accumulated BP: one update for all examples."""
    update(net, x, y, eta)


def chain(weights, x: float) -> tuple[list[float], int, int]:
    """The gradients of a net with one sigmoid unit a layer, and what sharing the factors saves.

    ``h_r = f(w_r h_{r-1})`` with ``h_0 = x``; the gradient of the last h by ``w_r`` is the product
    of the factors ``dh_{i+1} / dh_i`` behind layer r, times ``dh_r / dw_r``. From the end to the
    beginning, each product is the one before it times one more factor.

    Returns
    -------
    list of float, int, int
        The gradients; the multiplications that took; those it takes to multiply the factors of
        each gradient afresh.

    Examples
    --------
    >>> from models.backpropagation import chain
    >>> gradients, shared, separate = chain([1.0] * 100, 0.5)
    >>> shared, separate
    (200, 5050)
    """
    h = [x]
    for w in weights:
        h.append(1 / (1 + math.exp(-w * h[-1])))
    slopes = [out * (1 - out) for out in h[1:]]  # f' of every layer
    behind, gradients, shared, separate = 1.0, [], 0, 0
    for r in reversed(range(len(weights))):
        gradients.append(behind * (slopes[r] * h[r]))  # dh_r / dw_r
        behind *= slopes[r] * weights[r]  # dh_r / dh_{r-1}
        shared += 2
        separate += len(weights) - r
    return gradients[::-1], shared, separate


def largest_difference(trials: int) -> float:
    """How far autograd's gradients are from equations (1) to (6), over random nets in float64."""
    largest = 0.0
    for trial in range(trials):
        d, q, l = 1 + trial % 4, 1 + trial % 5, 1 + trial % 3  # noqa: E741 - the documents' letters
        net = SigmoidNet(d, q, l, dtype=ag.float64)
        x, y = ag.randn(6, d, dtype=ag.float64), ag.rand(6, l, dtype=ag.float64)
        error(net(x), y).backward()
        found = changes(net, x, y)
        gaps = (abs(found[n] + p.grad).max().item() for n, p in net.named_parameters())
        largest = max(largest, *gaps)
    return largest


def learn_xor(run: Run, one_pass) -> tuple[SigmoidNet, list[float]]:
    """Learn exclusive or by the pure rule; returns the net and the error after each pass.

    Drawn from [0, 1], all hidden units see the inputs alike, and telling them apart takes a while.
    """
    settings, (x, y) = run.settings, truth_table("xor").tensors
    y, errors = y.float().reshape(-1, 1), []
    net = SigmoidNet(2, settings["hidden"], 1)
    for epoch in range(settings["epochs"]):
        one_pass(net, x, y, settings["eta"])
        with ag.no_grad():
            errors.append(error(net(x), y).item())
        if (epoch + 1) % 500 == 0:
            run.log({"rule": one_pass.__name__, "pass": epoch + 1, "error": errors[-1]})
        if errors[-1] < settings["enough"]:
            break
    return net, errors


def fit(run: Run) -> tuple[SigmoidNet, dict[str, float]]:
    """Compare the equations with autograd; learn exclusive or by both rules."""
    difference = largest_difference(run.settings["trials"])
    run.log({"difference": difference})
    rules = {rule.__name__: learn_xor(run, rule) for rule in (standard, accumulated)}
    run.draw("errors", lambda figure: draw_errors(figure, rules))
    right, inputs = {}, truth_table("xor").data
    for name, (net, _) in rules.items():
        right[name] = net(inputs).flatten().array.round().tolist() == [0, 1, 1, 0]
    weights = ag.randn(20, dtype=ag.float64, requires_grad=True)
    h = ag.tensor(0.7, dtype=ag.float64)
    for w in weights:
        h = F.sigmoid(w * h)
    (by_engine,) = ag.grad(h, weights)
    by_hand, shared, separate = chain(weights.tolist(), 0.7)
    held = claims(
        autograd_equals_equations_1_to_6=difference <= 1e-12,
        standard_bp_learns_xor=right["standard"],
        accumulated_bp_learns_xor=right["accumulated"],
        chain_of_20_layers_equals_autograd=np.allclose(by_hand, by_engine.array, 1e-12, 0),
        shared_factors_save_work=shared < separate / 5,
    )
    passes = {f"{name}_passes": len(errors) for name, (_, errors) in rules.items()}
    return rules["standard"][0], {"difference": difference, **passes, **held}


def draw_errors(figure, rules) -> None:
    """Draw the error over the passes through the examples."""
    axes = figure.subplots()
    for name, (_, errors) in rules.items():
        axes.semilogy(range(1, len(errors) + 1), errors, label=f"{name} BP")
    axes.set(xlabel="passes through the four examples", ylabel="error")
    axes.grid(alpha=0.3)
    axes.legend()


RECIPE = Recipe(
    name="backpropagation",
    summary="BP by its equations (1)-(6): equal to autograd, and learning XOR by themselves",
    build=SigmoidNet,
    documents="000, 004",
    paper="Rumelhart, Hinton, Williams 1986",
    fit=fit,
    metric="claims",
    options={"trials": 100, "hidden": 4, "eta": 2.0, "enough": 0.01, "epochs": 20000},
    bar=1.0,
    seconds=30,
    quick={"trials": 10, "eta": 4.0, "enough": 0.05},
    quick_bar=1.0,
)
