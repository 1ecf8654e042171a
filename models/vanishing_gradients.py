"""Vanishing and exploding gradients: why deep networks would not learn, and what helped.

The derivative of the cost C by a layer's biases, ``delta^l = dC/db^l``, says how fast the layer
learns. On its way back to the first layer it is multiplied by ``sigma'(z) w`` in every layer, as in
a chain of single neurons

    dC/db_1 = dC/dy_4 sigma'(z_4) w_4 sigma'(z_3) w_3 sigma'(z_2) w_2 sigma'(z_1),

and ``sigma'`` is at most 1/4: unless weights are large, the product vanishes. Where
``|sigma'(z) w|`` exceeds 1, it explodes. The experiment trains the lecture's network, [784, 30, 30,
30, 30, 10] with weights from N(0, 1) and a rate of 0.1, and notes ``||delta^l||`` of each hidden
layer by a hook while it learns. Then the remedies, one at a time: rectifiers (drawn by He's rule:
with N(0, 1) their gradients explode), batch normalisation, and residual connections, which the
gradient passes unchanged, ``dE/dx^l = dE/dx^L (1 + ...)``.

A recurrent network multiplies by the same matrix at every step: with
``h_t = W f(h_{t-1}) + U x_t`` we have ``||dh_t/dh_k|| <= (||W|| max |f'|)^(t-k)``, which the third
picture draws for rectifiers and matrices W of three sizes.

Machine Learning lecture notes, chapter 7 continued (which print 728 for 784, and the Jacobian
``W diag[f']`` transposed); Nielsen, Neural Networks and Deep Learning (2015), chapter 5; Bengio,
Simard and Frasconi (1994); Pascanu, Mikolov and Bengio (2013).
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

import autograd as ag
import nn
import optim
from autograd.functional import jacobian
from models import datasets
from models.training.claims import claims
from models.training.recipe import Recipe, classify, graded
from models.training.run import Run
from nn import functional as F

SIZES = (784, 30, 30, 30, 30, 10)
NETWORKS: dict[str, dict] = {
    "sigmoid": {},
    "ReLU": {"activation": "relu"},
    "batch norm": {"batch_norm": True},
    "residual": {"residual": True},
}


class DeepNet(nn.Module):
    """Fully connected layers of the given sizes, plain or with one of the remedies.

    Parameters
    ----------
    sizes : sequence of int
    activation : {"sigmoid", "relu"}
    batch_norm : bool, default False
        Normalise what goes into each activation.
    residual : bool, default False
        Add a layer's input to its output, where both have one size.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.vanishing_gradients import DeepNet
    >>> DeepNet()(ag.zeros(2, 1, 28, 28)).shape
    (2, 10)
    """

    def __init__(self, sizes=SIZES, activation="sigmoid", batch_norm=False, residual=False):
        super().__init__()
        if activation not in ("sigmoid", "relu"):
            raise ValueError(f"activation expected 'sigmoid' or 'relu', got {activation!r}")
        *hidden, output = (nn.Linear(a, b) for a, b in pairwise(sizes))
        self.hidden = nn.ModuleList(hidden)
        # What these put out is z, the activation's argument: delta is the gradient there.
        norms = (nn.BatchNorm1d(n) if batch_norm else nn.Identity() for n in sizes[1:-1])
        self.z = nn.ModuleList(norms)
        self.output = output
        self.activation, self.residual = activation, residual
        for layer in (*hidden, output):
            draw = nn.init.kaiming_normal_ if activation == "relu" else nn.init.normal_
            draw(layer.weight)

    def forward(self, x):
        x = x.flatten(1)
        for layer, z in zip(self.hidden, self.z, strict=True):
            y = getattr(F, self.activation)(z(layer(x)))
            x = x + y if self.residual and x.shape == y.shape else y
        return self.output(x)


class Deltas:
    """Hooks in the hidden layers of a `DeepNet` that note ``||delta^l||`` at every `backward`.

    Root mean squares over the examples of the batch, each with its own ``delta^l = dC/dz^l``, which
    is the gradient by the bias that is added to z.

    Attributes
    ----------
    norms : list of list of float
        For each hidden layer, first to last, the norms so far.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.vanishing_gradients import Deltas, DeepNet
    >>> model = DeepNet((4, 3, 3, 2))
    >>> deltas = Deltas(model)
    >>> model(ag.ones(5, 4)).sum().backward()
    >>> [len(norms) for norms in deltas.norms]
    [1, 1]
    """

    def __init__(self, model: DeepNet):
        self.norms: list[list[float]] = [[] for _ in model.z]
        for norms, layer in zip(self.norms, model.z, strict=True):
            layer.register_full_backward_hook(self._noting(norms))

    @staticmethod
    def _noting(norms: list[float]):
        def note(module, grad_input, grad_output):
            delta = grad_output[0].array  # of a loss that is a mean, hence the root below
            norms.append(math.sqrt(len(delta)) * float(np.linalg.norm(delta)))

        return note


def slopes(weights, biases, x) -> tuple[list[float], list[float]]:
    """``dC/db_l`` in a chain of single sigmoid neurons with C = y: by the formula, by autograd.

    Examples
    --------
    >>> from models.vanishing_gradients import slopes
    >>> by_formula, by_autograd = slopes([1.0, 4.0], [0.0, -2.0], 0.0)
    >>> by_formula  # sigma'(0) w_2 sigma'(0), with sigma'(0) = 1/4
    [0.25, 0.25]
    """
    b = ag.tensor(biases, dtype=ag.float64, requires_grad=True)
    y, primes = ag.tensor(x, dtype=ag.float64), []
    for w, bias in zip(weights, b, strict=True):
        y = F.sigmoid(w * y + bias)
        primes.append((y * (1 - y)).item())
    (gradient,) = ag.grad(y, b)
    product = 1.0
    by_formula: list[float] = []
    for w, prime in zip(reversed(weights), reversed(primes), strict=True):
        by_formula.insert(0, product * prime)
        product *= prime * w
    return by_formula, gradient.tolist()


def memory(size: float, units: int, steps: int) -> list[float]:
    """``||dh_t/dh_k||`` for t - k = 1 ... steps, where W is `size` times an orthogonal matrix.

    ``h_t = W relu(h_{t-1}) + U x_t``: by the chain rule a product of the steps' Jacobians.
    """
    W = size * nn.init.orthogonal_(ag.empty(units, units, dtype=ag.float64))
    h, product, norms = 0.1 * ag.randn(units).double(), np.eye(units), []
    for _ in range(steps):
        drive = 0.1 * ag.randn(units).double()

        def step(h, drive=drive):
            return W @ F.relu(h) + drive

        product = jacobian(step, h).array @ product
        h = step(h)
        norms.append(float(np.linalg.norm(product, 2)))
    return norms


def fit(run: Run) -> tuple[DeepNet, dict[str, float]]:
    """Train the network and its remedies, then look at the chain and at the recurrence."""
    settings, found = run.settings, {}
    digits = datasets.digits(size=28, normalise=False).tensors
    pairs = tuple(part[: settings["examples"]] for part in digits)
    ratios = {}
    for name, remedy in reversed(NETWORKS.items()):  # the plain network last: it is returned
        model = DeepNet(**remedy)
        deltas, descent = Deltas(model), optim.SGD(model.parameters(), settings["optim.lr"])
        for _ in range(settings["epochs"]):
            loss, metrics = graded(model(pairs[0]), pairs[1])
            descent.zero_grad()
            loss.backward()
            descent.step()
        found[name] = np.array(deltas.norms)
        first, last = found[name].mean(1)[[0, -1]]
        ratios[name] = first / last
        run.log({"network": name, "delta_1": first, "delta_4": last, "ratio": first / last,
                 "train_loss": loss.item(), "train_accuracy": metrics["accuracy"]})  # fmt: skip
    depth = 8
    sizes = settings["chain"]
    chains = {w: slopes([w] * depth, [0.0] + [-w / 2] * (depth - 1), 0.0) for w in sizes}
    wrong = max(np.abs(np.array(a) / np.array(b) - 1).max() for a, b in chains.values())
    norms = {s: memory(s, 20, settings["steps"]) for s in settings["recurrent"]}
    run.draw("deltas", lambda figure: draw_deltas(figure, found), (12, 3.4))
    run.draw("chain", lambda figure: draw_chains(figure, chains), (9, 3.6))
    run.draw("recurrent", lambda figure: draw_memory(figure, norms), (5, 3.6))
    small, large = (np.array(chains[w][0]) for w in (min(sizes), max(sizes)))
    statements = claims(
        every_layer_learns_slower_than_the_next=bool((np.diff(found["sigmoid"].mean(1)) > 0).all()),
        the_first_layer_learns_at_half_the_speed_or_less=ratios["sigmoid"] < 1 / 2,
        with_every_remedy_it_keeps_up=min(r for n, r in ratios.items() if n != "sigmoid") > 0.8,
        the_chain_rule_is_what_autograd_computes=bool(wrong < 1e-9),
        slopes_vanish_where_the_factor_is_below_1=bool((np.diff(small) > 0).all()),
        slopes_explode_where_the_factor_is_above_1=bool((np.diff(large) < 0).all()),
        memory_is_bounded_by_the_power_of_the_size=all(
            norm <= size ** (i + 1) * (1 + 1e-9)
            for size, row in norms.items()
            for i, norm in enumerate(row)
        ),
        small_matrices_forget_and_large_ones_explode=norms[min(norms)][-1] < 1e-3
        and norms[max(norms)][-1] > 1e3,
    )
    shown = {f"ratio_{name.replace(' ', '_')}": float(r) for name, r in ratios.items()}
    return model, {**shown, "chain_error": float(wrong), **statements}


def draw_deltas(figure, found: dict[str, np.ndarray]) -> None:
    """``||delta^l||`` over the epochs, a panel for each network."""
    for axes, name in zip(figure.subplots(1, len(NETWORKS), sharey=True), NETWORKS, strict=True):
        for layer, curve in enumerate(found[name], 1):
            axes.semilogy(curve, label=f"layer {layer}", color=f"C{layer - 1}")
        axes.set(title=name, xlabel="epoch")
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylabel(r"$\|\delta^l\|$")
    figure.axes[0].legend()


def draw_chains(figure, chains: dict[float, tuple]) -> None:
    """The slope of the sigmoid, and the chain's gradients by layer."""
    slope, chain = figure.subplots(1, 2)
    z = np.linspace(-6, 6, 121)
    sigma = 1 / (1 + np.exp(-z))
    slope.plot(z, sigma * (1 - sigma))
    slope.axhline(0.25, color="gray", lw=0.8, ls="--")
    slope.set(xlabel="z", ylabel=r"$\sigma'(z)$", title="at most 1/4")
    for w, (gradients, _) in chains.items():
        label = rf"$|\sigma'(z)\,w|={w / 4:g}$"
        chain.semilogy(range(1, len(gradients) + 1), gradients, marker=".", label=label)
    chain.set(xlabel="layer l", ylabel=r"$\partial C/\partial b_l$", title="single neurons")
    chain.legend()


def draw_memory(figure, norms: dict[float, list[float]]) -> None:
    """``||dh_t/dh_k||`` against t - k, with its bound."""
    axes = figure.subplots()
    for i, (size, row) in enumerate(norms.items()):
        steps = np.arange(1, len(row) + 1)
        axes.semilogy(steps, row, color=f"C{i}", label=rf"$\|W\|={size:g}$")
        axes.semilogy(steps, size**steps, ":", color=f"C{i}")
    axes.set(xlabel="t - k", ylabel=r"$\|\partial h_t/\partial h_k\|$", title="dotted: the bound")
    axes.legend()


RECIPE = Recipe(
    name="vanishing_gradients",
    summary="vanishing and exploding gradients: how fast each layer learns, and what helps",
    build=DeepNet,
    objective=classify,
    fit=fit,
    documents="001, 003, 004",
    paper="Bengio, Simard, Frasconi 1994; Nielsen 2015",
    metric="claims",
    options={
        "epochs": 200,
        "examples": 1000,
        "steps": 40,
        "chain": (1.0, 4.0, 8.0),
        "recurrent": (0.7, 1.5, 3.0),
        "optim.lr": 0.1,
    },
    bar=1.0,
    seconds=20,
    quick={"epochs": 40, "examples": 200},
    quick_bar=1.0,
)
