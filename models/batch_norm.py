"""Batch normalisation, written out, and what it is for: larger learning rates in deep networks.

For every feature (every channel of an image) and a batch of m values:

    mu    = 1/m sum x_i                      the batch's mean
    s2    = 1/m sum (x_i - mu)^2             its variance
    x^_i  = (x_i - mu) / sqrt(s2 + eps)      normalise
    y_i   = gamma x^_i + beta                scale and shift, both learned

In evaluation mu and s2 are running means from training, so that an example's output does not depend
on what stands beside it. The experiment trains a deep network with and without at learning rates
from small to far too large.

Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal
covariate shift" (2015); Machine Learning lecture notes, chapter 7 continued, which say that it
allows larger learning rates, replaces dropout in part, and eases vanishing gradients (for that see
`models.vanishing_gradients`), and which normalise what comes out of the activation. The paper
normalises what goes in, as is done here.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
import optim
from autograd.errors import ShapeError
from models import datasets
from models.training.claims import claims
from models.training.recipe import Recipe
from models.training.run import Run
from models.training.small import balanced, learn, measure


class BatchNorm(nn.Module):
    """The algorithm, for inputs of shape (N, features) or (N, features, ...).

    Same parameters, buffers and numbers as `nn.BatchNorm1d` and `nn.BatchNorm2d`, which are faster.

    Parameters
    ----------
    features : int
    eps : float, default 1e-5
    momentum : float, default 0.1
        The part of the newest batch in the running means.

    Raises
    ------
    ShapeError
        If the second axis has another size, or a batch in training only one value per feature.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.batch_norm import BatchNorm
    >>> BatchNorm(1)(ag.tensor([[1.0], [3.0]])).round(decimals=3).tolist()
    [[-1.0], [1.0]]
    """

    def __init__(self, features: int, eps: float = 1e-5, momentum: float = 0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(ag.ones(features))  # gamma
        self.bias = nn.Parameter(ag.zeros(features))  # beta
        self.running_mean = nn.Buffer(ag.zeros(features))
        self.running_var = nn.Buffer(ag.ones(features))
        self.num_batches_tracked = nn.Buffer(ag.tensor(0))

    def forward(self, x):
        features = len(self.weight)
        if x.ndim < 2 or x.shape[1] != features:
            raise ShapeError(f"BatchNorm expected (N, {features}, ...), got {tuple(x.shape)}")
        axes = [axis for axis in range(x.ndim) if axis != 1]  # all but the features'
        shape = (features, *[1] * (x.ndim - 2))
        if self.training:
            mean = x.mean(axes)
            variance = ((x - mean.reshape(shape)) ** 2).mean(axes)
            self._track(mean.array, variance.array, x.numel() // features)
        else:
            mean, variance = self.running_mean, self.running_var
        normalised = (x - mean.reshape(shape)) / (variance.reshape(shape) + self.eps).sqrt()
        return self.weight.reshape(shape) * normalised + self.bias.reshape(shape)

    def _track(self, mean: np.ndarray, variance: np.ndarray, count: int) -> None:
        """Move the running means towards a batch's; of its variance, the unbiased estimate."""
        if count == 1:
            raise ShapeError("BatchNorm expected more than one value per feature in training")
        for running, new in (
            (self.running_mean, mean),
            (self.running_var, variance * (count / (count - 1))),
        ):
            running.copy_((1 - self.momentum) * running.array + self.momentum * new)
        self.num_batches_tracked += 1

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}, momentum={self.momentum}"


class DeepNet(nn.Module):
    """A stack of hidden layers: linear, (normalised,) rectified, (dropped out), from He's weights.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.batch_norm import DeepNet
    >>> DeepNet()(ag.zeros(2, 1, 8, 8)).shape
    (2, 10)
    """

    def __init__(self, normalised=True, dropout=0.0, width: int = 64, depth: int = 6):
        super().__init__()
        layers: list[nn.Module] = []
        for before in [64] + [width] * (depth - 1):
            layers.append(nn.Linear(before, width))
            if normalised:
                layers.append(nn.BatchNorm1d(width))
            layers += [nn.ReLU(), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers, nn.Linear(width, 10))
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)

    def forward(self, x):
        return self.layers(x.flatten(1))


def fit(run: Run) -> tuple[DeepNet, dict[str, float]]:
    """Train at every rate, with and without; then with dropout in its place."""
    settings, model = run.settings, DeepNet()
    training, validation = balanced(datasets.digits().tensors, settings["each"])

    def trained(rate: float, **options) -> float:
        nonlocal model
        model = DeepNet(**options)
        descent = optim.SGD(model.parameters(), rate)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            learn(model, training, descent, settings["epochs"], settings["batch_size"])
            return measure(model, validation)["accuracy"]

    rates = [float(rate) for rate in 2.0 ** np.arange(*settings["log2_rates"])]
    curves: dict[bool, list[float]] = {False: [], True: []}
    for rate in rates:
        for normalised, curve in curves.items():
            curve.append(trained(rate, normalised=normalised))
        run.log({"rate": rate, "plain": curves[False][-1], "batch_norm": curves[True][-1]})
    run.draw("rates", lambda figure: draw(figure, rates, curves))
    good = settings["good"]
    largest = {
        normalised: max((r for r, a in zip(rates, curve, strict=True) if a >= good), default=0.0)
        for normalised, curve in curves.items()
    }
    best = {key: max(curve) for key, curve in curves.items()}
    rate = rates[int(np.argmax(curves[False]))]
    dropout = trained(rate, normalised=False, dropout=0.2)
    ratio = largest[True] / largest[False] if largest[False] else float("inf")
    statements = claims(
        larger_rates_work_with_it=ratio >= 4,
        it_learns_better_in_the_same_time=best[True] > best[False],
        it_does_without_dropout=best[True] > dropout,
    )
    return model, {
        "largest_rate_plain": largest[False],
        "largest_rate_batch_norm": largest[True],
        "rate_ratio": ratio,
        "best_plain": best[False],
        "best_batch_norm": best[True],
        "dropout": dropout,
        **statements,
    }


def draw(figure, rates: list[float], curves: dict[bool, list[float]]) -> None:
    """Accuracy against the learning rate."""
    axes = figure.subplots()
    axes.semilogx(rates, curves[False], marker=".", label="plain")
    axes.semilogx(rates, curves[True], marker=".", label="batch normalisation")
    axes.set(xlabel="learning rate", ylabel="validation accuracy")
    axes.grid(alpha=0.3)
    axes.legend()


RECIPE = Recipe(
    name="batch_norm",
    summary="batch normalisation written out; a deep network at larger learning rates",
    build=DeepNet,
    fit=fit,
    documents="003",
    paper="Ioffe, Szegedy 2015",
    metric="claims",
    options={
        "epochs": 10,
        "each": 80,
        "batch_size": 32,
        "log2_rates": (-9, 5),
        "good": 0.85,
    },
    bar=1.0,
    seconds=20,
    quick={"epochs": 6, "each": 60},
    quick_bar=1.0,
)
