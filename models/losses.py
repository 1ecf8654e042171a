"""Losses: how wrong is an answer, and what follows from how one asks.

For numbers one takes the squared error ``||y - y'||^2``; its mean over examples, MSE, is what the
documents print (one calls it a sum and then divides by n, as is right). For classes one takes the
cross entropy ``H(y, y') = -sum_c y_c log y'_c``; where y is one-hot, all that remains of it is
``-log y'_k`` of the true class k. It is the least when y' = y, but that least value is the entropy
of y, not 0: what is 0 there, and else positive, is the difference, the Kullback-Leibler divergence.
Both are called distances, though the way from p to q is not as long as that from q to p.

Why not the squared error for classes? Behind a sigmoid, its gradient by the unit's input is
``(y' - y) y' (1 - y')``, that of the cross entropy ``y' - y``. A unit that is certain and wrong, y'
near 1 for y = 0, has ``y' (1 - y')`` near 0: the first learns slowest where it is wrong most, the
second fastest. That the logarithm undoes the exponential is not luck, and it also helps the
arithmetic: computed together, from the logits, they neither overflow nor take the logarithm of 0.

Documents: 000 (both losses, one-hot targets), 001, 002 (MSE and cross entropy, and what the latter
measures), 004. Shannon 1948; Solla, Levin and Fleisher, "Accelerated learning in layered neural
networks" (1988), on learning by entropy.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
import optim
from models import datasets
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F


def squared_error(z, y):
    """Half the squared error of sigmoid units with the inputs z, its mean over examples.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.losses import squared_error
    >>> squared_error(ag.zeros(1, 2), ag.tensor([[0.5, 1.5]]))
    tensor(0.5)
    """
    return 0.5 * ((F.sigmoid(z) - y) ** 2).sum(1).mean()


def cross_entropy(z, y):
    """The cross entropy of sigmoid units with the inputs z, its mean over examples.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.losses import cross_entropy
    >>> cross_entropy(ag.zeros(1, 1), ag.ones(1, 1))
    tensor(0.6931472)
    """
    return F.binary_cross_entropy_with_logits(z, y, reduction="sum") / len(z)


LOSSES = {"squared error": squared_error, "cross entropy": cross_entropy}


def unlearn(loss, start: float, eta: float, steps: int) -> list[float]:
    """The outputs of one sigmoid unit with the input 1 that learns to answer 0.

    Its weight and its bias begin at `start`: 2 means that it is sure of the opposite.

    Examples
    --------
    >>> from models.losses import cross_entropy, unlearn
    >>> [round(y, 2) for y in unlearn(cross_entropy, start=2.0, eta=0.15, steps=3)]
    [0.98, 0.98, 0.97]
    """
    unit = nn.Linear(1, 1)
    with ag.no_grad():
        for parameter in unit.parameters():
            parameter.fill_(start)
    descent, outputs = optim.SGD(unit.parameters(), lr=eta), []
    for _ in range(steps):
        z = unit(ag.ones(1, 1))
        outputs.append(F.sigmoid(z).item())
        descent.zero_grad()
        loss(z, ag.zeros(1, 1)).backward()
        descent.step()
    return outputs


def slope(loss, z: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The gradient of the summed loss by the inputs of the sigmoid units."""
    leaf = ag.tensor(z, requires_grad=True)
    (found,) = ag.grad(loss(leaf, ag.tensor(y)) * len(z), leaf)
    return found.array


def learn_digits(run: Run, loss) -> tuple[nn.Linear, list[float]]:
    """Ten sigmoid units learn the digits from large weights; the error rate after every pass."""
    images, labels = (t for t in datasets.digits(True).tensors)
    x, y = images.flatten(1), F.one_hot(labels, 10).float()
    ag.manual_seed(run.seed)
    model = nn.Linear(64, 10)
    nn.init.normal_(model.weight)
    descent, wrong = optim.SGD(model.parameters(), lr=run.settings["eta"]), []
    for _ in range(run.settings["epochs"]):
        z = model(x)
        wrong.append(float((z.array.argmax(1) != labels.array).mean()))
        descent.zero_grad()
        loss(z, y).backward()
        descent.step()
    return model, wrong


def extremes_are_finite() -> bool:
    """Whether cross entropies of logits as large as 10000, right and wrong, stay finite."""
    logits = ag.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    found = [
        F.cross_entropy(logits, ag.tensor([0, 0])),
        F.cross_entropy(logits, ag.tensor([[0.0, 1.0], [0.5, 0.5]])),
        F.binary_cross_entropy_with_logits(logits, ag.ones(2, 2)),
        F.kl_div(F.log_softmax(logits, 1), ag.tensor([[0.5, 0.5], [0.5, 0.5]]), reduction="sum"),
    ]
    gradients = [ag.grad(loss, logits)[0].array for loss in found]
    return all(np.isfinite(loss.item()) for loss in found) and bool(np.isfinite(gradients).all())


def fit(run: Run) -> tuple[nn.Linear, dict[str, float]]:
    """Check what is said about both losses, and let them compete."""
    stream = ag.default_generator().numpy
    p, q = stream.dirichlet(np.ones(5), 2)
    entropy = -(p * np.log(p)).sum()
    near = stream.dirichlet(np.ones(5), 1000)
    crossed = -(np.log(near) @ p)
    divergence = F.kl_div(ag.tensor(np.log(q)), ag.tensor(p), reduction="sum").item()
    back = F.kl_div(ag.tensor(np.log(p)), ag.tensor(q), reduction="sum").item()

    z, true = stream.standard_normal((6, 5)), stream.integers(0, 5, 6)
    logits = ag.tensor(z, requires_grad=True)
    by_class = F.cross_entropy(logits, ag.tensor(true), reduction="sum")
    (by_logits,) = ag.grad(by_class, logits)
    chances, one_hot = F.softmax(logits.detach(), 1).array, np.eye(5)[true]
    y = 1 / (1 + np.exp(-z))

    eta, steps = 0.15, 300
    certain = {name: unlearn(loss, 2.0, eta, steps) for name, loss in LOSSES.items()}
    digits = {name: learn_digits(run, loss) for name, loss in LOSSES.items()}
    wrong = {name: found[1] for name, found in digits.items()}
    for name, found in wrong.items():
        run.log({"loss": name, "start": found[0], "end": found[-1], "certain": certain[name][-1]})
    run.draw("losses", lambda figure: draw(figure, certain, wrong), (11, 3.2))
    held = claims(
        one_hot_leaves_minus_log_of_the_true_class=np.isclose(
            by_class.item(), -np.log(chances[range(6), true]).sum()
        ),
        cross_entropy_is_least_at_the_truth=bool((crossed >= entropy).all()),
        its_excess_is_the_divergence=np.isclose(-(p * np.log(q)).sum() - entropy, divergence),
        the_divergence_is_no_distance=abs(divergence - back) > 1e-6,
        gradient_by_logits_is_softmax_minus_truth=np.allclose(
            by_logits.array, chances - one_hot, atol=1e-14
        ),
        squared_errors_slope_has_the_factor=np.allclose(
            slope(squared_error, z, one_hot), (y - one_hot) * y * (1 - y)
        ),
        cross_entropys_slope_has_not=np.allclose(slope(cross_entropy, z, one_hot), y - one_hot),
        being_certain_and_wrong_holds_squared_error_up=(
            certain["squared error"][-1] > 2 * certain["cross entropy"][-1]
        ),
        cross_entropy_learns_digits_faster=(
            wrong["cross entropy"][-1] < 0.7 * wrong["squared error"][-1]
        ),
        extreme_logits_stay_finite=extremes_are_finite(),
    )
    ends = {f"wrong_by_{name.replace(' ', '_')}": found[-1] for name, found in wrong.items()}
    return digits["cross entropy"][0], {**ends, **held}


def draw(figure, certain, wrong) -> None:
    """Draw the losses of one output, a certain unit that learns, and the digits."""
    shape, unit, errors = figure.subplots(1, 3)
    z = np.linspace(-6, 6, 200)
    for name, loss in LOSSES.items():
        values = [loss(ag.tensor([[at]]), ag.zeros(1, 1, dtype=ag.float64)).item() for at in z]
        shape.plot(z, values, label=name)
        unit.plot(certain[name], label=name)
        errors.plot(wrong[name], label=name)
    shape.set(xlabel="input of the sigmoid (0 is right)", ylabel="loss")
    unit.set(xlabel="steps", ylabel="output (0 is right)")
    errors.set(xlabel="passes", ylabel="digits wrong")
    shape.legend()


RECIPE = Recipe(
    name="losses",
    summary="squared error and cross entropy: their slopes, and which learns faster",
    build=lambda: nn.Linear(64, 10),
    documents="000, 001, 002, 004",
    paper="Solla, Levin, Fleisher 1988",
    fit=fit,
    metric="claims",
    options={"epochs": 200, "eta": 0.5},
    bar=1.0,
    seconds=15,
    quick={"epochs": 100},
    quick_bar=1.0,
)
