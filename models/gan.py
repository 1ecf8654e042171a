"""GAN: a forger and a detective who teach each other.

A generator G turns noise z into samples ``G(z)``; how they are distributed nobody writes down, so
there is no likelihood to make large. Instead a discriminator D learns to say how probably a sample
is a real one, and G learns to fool it: two players, one value,

    min_G max_D V(G, D) = E_{x ~ p_data} log D(x) + E_{z ~ p_z} log(1 - D(G(z)))

They move alternately: k steps of D, then one of G. What the game comes to where both play perfectly
is told, and measured, in `models.gan_theory`.

G depends on the second term only, ``log(1 - D)``. By the logit a of ``D = sigmoid(a)`` its slope is
``-D``: almost nothing where forgeries are seen through, as all of them are in the beginning. The
non-saturating loss ``-log D`` has the slope ``-(1 - D)``: steepest there, with the same direction
and the same place to rest.

The recipe is eight small heaps of points on a ring. A generator is continuous, so it has to tear
what it gets in one piece into eight; and each step only asks for points that fool the present D,
which a few heaps, or one, can do (mode collapse). So what is counted is how many heaps it found. A
smooth D, of tanh, leads G across the gaps where one of ReLU is more abrupt, and two numbers of
noise are torn with less left between the heaps than eight are.

Goodfellow et al., "Generative adversarial nets" (2014). Machine Learning chapter 7 (003): the
zero-sum game, V, alternate optimisation; Deep Learning slides (004): pictures made by GANs.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

import autograd as ag
import nn
import optim
from models.training.recipe import Recipe, section
from models.training.run import Run
from nn import functional as F

# -- what the players want -------------------------------------------------------------------------


def value(real, fake):
    """V(G, D), of the logits that D gives to real samples and to generated ones.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.gan import value
    >>> round(value(ag.zeros(3), ag.zeros(5)).item(), 4)  # D(x) = 1/2 everywhere: -log 4
    -1.3863
    """
    return F.logsigmoid(real).mean() + F.logsigmoid(-fake).mean()


def minimax(fake):
    """What G minimises by the rules of the game: the part of V that depends on it.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.gan import minimax
    >>> caught = ag.tensor(-5.0, requires_grad=True)
    >>> round(ag.grad(minimax(caught), caught)[0].item(), 4)  # minus D
    -0.0067
    """
    return F.logsigmoid(-fake).mean()


def non_saturating(fake):
    """What G minimises in practice: minus the mean of log D(G(z)).

    Examples
    --------
    >>> import autograd as ag
    >>> from models.gan import non_saturating
    >>> caught = ag.tensor(-5.0, requires_grad=True)
    >>> round(ag.grad(non_saturating(caught), caught)[0].item(), 4)  # minus (1 - D)
    -0.9933
    """
    return -F.logsigmoid(fake).mean()


LOSSES = {"minimax": minimax, "non_saturating": non_saturating}


# -- the players -----------------------------------------------------------------------------------


def perceptron(inputs: int, width: int, outputs: int, activation=nn.Tanh) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, width), activation(),
        nn.Linear(width, width), activation(),
        nn.Linear(width, outputs),
    )  # fmt: skip


class GAN(nn.Module):
    """Two multilayer perceptrons: noise (n, latent) to points (n, dims), and points to logits.

    Attributes
    ----------
    generator, discriminator : Module

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.GAN(latent=4, dims=2)
    >>> model(model.noise(3)).shape, model.discriminator(ag.zeros(3, 2)).shape
    ((3, 2), (3, 1))
    """

    def __init__(self, latent: int = 2, dims: int = 2, width: int = 128):
        super().__init__()
        self.latent = latent
        self.generator: nn.Module = perceptron(latent, width, dims, nn.ReLU)
        self.discriminator: nn.Module = perceptron(dims, width, 1)

    def forward(self, z):
        return self.generator(z)

    def noise(self, count: int) -> ag.Tensor:
        """So many z from the standard normal distribution."""
        return ag.randn(count, self.latent)


def gan(**settings) -> GAN:
    """Make a `GAN`.

    Examples
    --------
    >>> import models
    >>> models.gan(width=8).generator[0].out_features
    8
    """
    return GAN(**settings)


# -- the game --------------------------------------------------------------------------------------


class Game:
    """Alternate optimisation: each side moves its own parameters and leaves the other's alone.

    Parameters
    ----------
    model : Module
        With a `generator`, a `discriminator` that gives logits, and ``noise(count)``.
    rate : float
        Of both sides' Adam, whose memory of gradients is short (beta1 = 0.5, Radford et al. 2015):
        what was right against the opponent of ten steps ago is not right now.
    steps : int, optional
        The rates fall to zero along half a cosine over so many steps of G, for the game has no
        other reason to come to rest.
    loss : callable, default `non_saturating`
        What the generator minimises, of the logits of its samples.

    Examples
    --------
    >>> import autograd as ag, models
    >>> from models.gan import Game
    >>> game = Game(models.GAN(dims=1), rate=1e-3)
    >>> v, loss = game.play([ag.ones(8, 1), ag.ones(8, 1)])  # k = 2
    """

    def __init__(self, model, rate: float, steps: int | None = None, loss=non_saturating):
        self.model, self.loss = model, loss
        self.forger, self.detective = (
            optim.Adam(side.parameters(), lr=rate, betas=(0.5, 0.999))
            for side in (model.generator, model.discriminator)
        )
        self.schedules = [
            optim.lr_scheduler.CosineAnnealingLR(side, steps)
            for side in (self.forger, self.detective)
            if steps
        ]

    def play(self, batches: Iterable) -> tuple[float, float]:
        """A step of D on each of k batches of real samples, then one of G.

        Returns V as D last saw it, and G's loss.
        """
        for real in batches:
            v = self.discriminate(real)
        loss = self.generate(len(real))
        for schedule in self.schedules:
            schedule.step()
        return v, loss

    def discriminate(self, real) -> float:
        """One step of D up the value; returns V before it."""
        with ag.no_grad():
            fake = self.model(self.model.noise(len(real)))
        v = value(self.model.discriminator(real), self.model.discriminator(fake))
        self.detective.zero_grad()
        (-v).backward()
        self.detective.step()
        return v.item()

    def generate(self, count: int) -> float:
        """One step of G down its loss; returns the loss before it."""
        self.model.discriminator.requires_grad_(False)
        loss = self.loss(self.model.discriminator(self.model(self.model.noise(count))))
        self.forger.zero_grad()
        loss.backward()
        self.forger.step()
        self.model.discriminator.requires_grad_(True)
        return loss.item()


# -- the ring --------------------------------------------------------------------------------------

HEAPS = 8
RADIUS, SPREAD = 2.0, 0.1
_TURN = 2 * np.pi * np.arange(HEAPS) / HEAPS
CENTRES = RADIUS * np.stack([np.cos(_TURN), np.sin(_TURN)], 1)


def ring(count: int) -> ag.Tensor:
    """Draw points of eight normal distributions on a ring.

    Examples
    --------
    >>> from models.gan import ring
    >>> ring(100).shape
    (100, 2)
    """
    stream = ag.default_generator().numpy
    points = stream.normal(CENTRES[stream.integers(HEAPS, size=count)], SPREAD)
    return ag.from_numpy(points.astype(np.float32))


def found(points: np.ndarray, share: float = 0.02) -> dict[str, float]:
    """How many heaps have at least a `share` of the points, and how many points are in any.

    A point belongs to a heap if it is within three of its standard deviations; of the true points
    98.9% do.

    Examples
    --------
    >>> import numpy as np
    >>> from models.gan import CENTRES, found
    >>> found(np.concatenate([CENTRES[:3], np.zeros((1, 2))]))
    {'modes': 3, 'near': 0.75, 'smallest': 0.0}
    """
    distances = np.linalg.norm(points[:, None] - CENTRES, axis=2)
    inside = distances.min(1) <= 3 * SPREAD
    shares = np.bincount(distances.argmin(1)[inside], minlength=HEAPS) / len(points)
    return {
        "modes": int((shares >= share).sum()),
        "near": float(inside.mean()),
        "smallest": float(shares.min()),
    }


def fit(run: Run) -> tuple[GAN, dict[str, float]]:
    """Play, look how many heaps are found, and draw the points on the way."""
    settings = run.settings
    model = gan(**section(settings, "model"))
    game = Game(model, settings["optim.lr"], settings["steps"], LOSSES[settings["loss"]])
    fixed, frames = model.noise(2000), {}
    values: list[float] = []
    looks = np.linspace(0, settings["steps"], 7).round().astype(int)
    for step in range(settings["steps"] + 1):
        if step in looks:
            with ag.no_grad():
                frames[step] = model(fixed).array
            if values:
                v = float(np.mean(values))
                run.log({"step": step, "value": v, **found(frames[step])})
                values.clear()
        if step < settings["steps"]:
            real = [ring(settings["batch_size"]) for _ in range(settings["k"])]
            values.append(game.play(real)[0])
    run.draw("ring", lambda figure: draw(figure, model, frames), (16, 2.8))
    with ag.no_grad():
        return model, found(model(model.noise(10000)).array)


def draw(figure, model: GAN, frames: dict[int, np.ndarray]) -> None:
    """Draw generated points over time, and real ones on the last D."""
    panels = figure.subplots(1, len(frames) + 1, sharex=True, sharey=True)
    for axes, (step, points) in zip(panels, frames.items(), strict=False):
        axes.scatter(*points.T, s=1, alpha=0.4)
        axes.set(title=f"G after {step} steps", aspect="equal", xlim=(-3, 3), ylim=(-3, 3))
    side = np.linspace(-3, 3, 90, dtype=np.float32)
    plane = np.stack(np.meshgrid(side, side), -1).reshape(-1, 2)
    with ag.no_grad():
        answers = F.sigmoid(model.discriminator(ag.tensor(plane))).array.reshape(90, 90)
    shades = panels[-1].contourf(side, side, answers, 20, cmap="coolwarm", vmin=0, vmax=1)
    panels[-1].scatter(*ring(500).numpy().T, s=1, c="k")
    panels[-1].set(title="data, and the last D", aspect="equal")
    figure.colorbar(shades, ax=panels[-1])


RECIPE = Recipe(
    name="gan",
    summary="GAN (2014): generator against discriminator, on a ring of eight heaps of points",
    build=gan,
    fit=fit,
    documents="003, 004",
    paper="Goodfellow et al. 2014",
    metric="modes",
    bar=HEAPS,
    seconds=20,
    options={
        "steps": 3000,
        "k": 1,
        "batch_size": 256,
        "loss": "non_saturating",
        "model.latent": 2,
        "model.width": 128,
        "optim.lr": 1e-3,
    },
    quick={"steps": 1000},
    quick_bar=HEAPS,
)
