"""WGAN-GP: a generator led by the distance between what it makes and what there is.

In a GAN the discriminator's verdict goes flat as soon as it is sure, and with it the slope that the
generator follows. Here a critic D gives any number instead, and the generator G lowers

    W = E[D(x)] - E[D(G(z))]

which the critic raises. If D may rise by no more than 1 for each unit of distance (is 1-Lipschitz),
the largest W is the earth mover's distance: how far the probability of one distribution must be
carried, on average, to make the other. It has a slope wherever the generator stands, and falls as
samples get better, so that it is worth looking at while training.

A differentiable D is 1-Lipschitz if its gradient is nowhere longer than 1, and the best one has
length 1 almost everywhere between the two distributions. So that is what the critic is fined for,

    lambda E[(||grad D(x^)||_2 - 1)^2],    x^ = e x + (1 - e) G(z),  e ~ U[0, 1]

Its loss holds a gradient, and the step down needs the gradient of that: a second derivative, which
is one more backward pass through the first (``create_graph=True``).

So W, which rises while the critic learns what to look at and then falls, says how far the generator
has come. A distance that needs no critic is logged beside it, the energy distance of Szekely and
Rizzo (2004), 2 E||X - Y|| - E||X - X'|| - E||Y - Y'||, of samples and digits that training has not
seen, as a part of that of the mean digit shown over and over.

Arjovsky, Chintala and Bottou, "Wasserstein GAN" (2017); Gulrajani, Ahmed, Arjovsky, Dumoulin and
Courville, "Improved training of Wasserstein GANs" (2017). Documents: 003 (generative adversarial
networks), 004 (what they draw).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import autograd as ag
import nn
import optim
from models.autoencoder import PIXELS, SIDE, digits, flat
from models.training.pictures import tiled
from models.training.recipe import Recipe, section
from models.training.run import Run
from models.training.small import minibatches


class WGAN(nn.Module):
    """A generator of digits of shape (count, 1, 8, 8), pixels 0 to 1, and their critic.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.WGAN()
    >>> images = model.draw(5)
    >>> images.shape, model.critic(images).shape
    ((5, 1, 8, 8), (5, 1))
    """

    def __init__(self, code: int = 16, hidden: int = 128):
        super().__init__()
        if min(code, hidden) < 1:
            raise ValueError(
                f"WGAN expected code and hidden of at least 1, got code={code}, hidden={hidden}"
            )
        self.code = code
        self.generator = nn.Sequential(
            nn.Linear(code, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, PIXELS),
            nn.Sigmoid(),
            nn.Unflatten(1, (1, SIDE, SIDE)),
        )
        self.critic = nn.Sequential(
            nn.Flatten(),
            nn.Linear(PIXELS, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, hidden),
            nn.LeakyReLU(0.2),
            nn.Linear(hidden, 1),
        )

    def draw(self, count: int, generator=None):
        """Make `count` images from fresh codes."""
        return self.generator(ag.randn(count, self.code, generator=generator))

    def forward(self, codes):
        return self.generator(codes)


def gradient_penalty(critic: Callable, real, made, mix):
    """``(||grad D(x^)||_2 - 1)^2`` at ``x^ = mix real + (1 - mix) made``, averaged.

    `mix` has a number for each example. The result can be differentiated again, by whatever the
    critic depends on.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.wgan_gp import gradient_penalty
    >>> x = ag.zeros(2, 4)
    >>> gradient_penalty(lambda x: 3 * x[:, :1], x, x, ag.ones(2)).item()  # (3 - 1)^2
    4.0
    """
    if real.shape != made.shape or len(mix) != len(real):
        raise ag.ShapeError(
            "gradient_penalty expected as many made examples as real ones, of one shape, and a "
            f"number of mix for each: got {real.shape}, {made.shape} and {len(mix)} numbers"
        )
    mix = mix.reshape(-1, *[1] * (real.ndim - 1))
    between = (mix * real + (1 - mix) * made).detach().requires_grad_()
    # No example sees another: the sum of the verdicts has the gradients of all of them.
    (slopes,) = ag.grad(critic(between).sum(), between, create_graph=True)
    return ((ag.linalg.vector_norm(slopes.flatten(1), dim=1) - 1) ** 2).mean()


def energy_distance(some: np.ndarray, others: np.ndarray) -> float:
    """``2 E||X - Y|| - E||X - X'|| - E||Y - Y'||`` of two lots of rows: 0 if they are alike.

    Examples
    --------
    >>> import numpy as np
    >>> from models.wgan_gp import energy_distance
    >>> energy_distance(np.zeros((3, 2)), np.array([[3.0, 4.0]]))
    10.0
    """

    def apart(a: np.ndarray, b: np.ndarray) -> float:
        squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * a @ b.T
        return float(np.sqrt(squares.clip(0)).mean())

    return 2 * apart(some, others) - apart(some, some) - apart(others, others)


def distance(images) -> float:
    """The energy distance of images to the test digits; 1 is that of their mean, repeated."""
    test = flat(train=False)
    rows = images.flatten(1).numpy().astype("float64")
    return energy_distance(rows, test) / energy_distance(test.mean(0)[None], test)


# -- training --------------------------------------------------------------------------------------


def fit(run: Run) -> tuple[WGAN, dict[str, float]]:
    """Let the critic learn several times for each time that the generator does."""
    settings = run.settings
    model = WGAN(**section(settings, "model"))
    make = optim.Adam(model.generator.parameters(), settings["optim.lr"], betas=(0.0, 0.9))
    judge = optim.Adam(model.critic.parameters(), settings["optim.lr"], betas=(0.0, 0.9))
    batches = endless(settings["batch_size"])
    history = []
    for step in range(settings["steps"]):
        for _ in range(settings["critic_steps"]):
            earth_moved, penalty = criticise(model, next(batches), judge, settings["penalty"])
        loss = -model.critic(model.draw(settings["batch_size"])).mean()
        make.zero_grad()
        loss.backward()
        make.step()
        history.append(earth_moved)
        if step % 100 == 99 or step + 1 == settings["steps"]:
            with ag.no_grad():
                found = {"distance": distance(model.draw(1000))}
            run.log({"step": step + 1, "earth_moved": float(np.mean(history[-100:])),
                     "penalty": penalty, **found})  # fmt: skip
    run.draw("earth_moved", lambda figure: draw_curve(figure, history), (5, 3.4))
    peak = np.convolve(history, np.ones(20) / 20, "valid").max()
    return model, {**found, "moved_left": float(np.mean(history[-50:]) / peak)}


def endless(size: int) -> Iterator[ag.Tensor]:
    """Batches of training digits, pass after pass."""
    while True:
        for images, _ in minibatches(digits(train=True).tensors, size):
            yield images


def criticise(model: WGAN, real, judge, strength: float) -> tuple[float, float]:
    """One step of the critic; returns W, and the penalty."""
    with ag.no_grad():
        made = model.draw(len(real))
    moved = model.critic(real).mean() - model.critic(made).mean()
    penalty = gradient_penalty(model.critic, real, made, ag.rand(len(real)))
    judge.zero_grad()
    (strength * penalty - moved).backward()
    judge.step()
    return moved.item(), penalty.item()


def sample(model: WGAN, settings: Mapping[str, Any], generator, count=64):
    """Digits that nobody wrote: (count, 1, 8, 8)."""
    return model.draw(count, generator)


def draw_curve(figure, history) -> None:
    axes = figure.subplots()
    axes.plot(history, lw=0.6)
    axes.set(xlabel="steps of the generator", ylabel="W, as the critic estimates it")


def show(run: Run, model: WGAN) -> None:
    """Draw samples."""
    with ag.no_grad():
        page = tiled(1 - model.draw(64).numpy(), enlarged=1)

    def plot(figure) -> None:
        axes = figure.subplots()
        axes.imshow(page)
        axes.set_axis_off()

    run.draw("samples", plot, (4, 4))


RECIPE = Recipe(
    name="wgan_gp",
    summary="digits from a generator that follows the earth mover's distance",
    build=WGAN,
    fit=fit,
    show=show,
    sample=sample,
    metric="moved_left",
    higher_is_better=False,
    documents="003, 004",
    paper="Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville 2017",
    options={
        "steps": 800,
        "batch_size": 64,
        "critic_steps": 3,
        "penalty": 10.0,
        "optim.lr": 1e-3,
        "model.code": 16,
        "model.hidden": 128,
    },
    bar=0.35,
    seconds=60,
    quick={"steps": 200},
    quick_bar=0.55,
)
