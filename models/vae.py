"""The variational autoencoder: a code with a known distribution, so that one can draw new codes.

An autoencoder's codes lie wherever training left them, and a point between them means nothing in
particular. Here a story about the data comes first: somebody drew z from a standard normal
distribution, then an image x from p(x|z), and the decoder is p. The encoder does not name the z of
an image but a distribution q(z|x) = N(mu, sigma^2) of likely ones. Whatever it answers,

    log p(x) >= E_q[log p(x|z)] - KL(q(z|x) || p(z))

and the right side, the ELBO, is what both are trained to raise: reconstruct, but say of z no more
than is needed. To differentiate an average over draws, make the draw a function of mu and sigma:
z = mu + sigma eps with eps ~ N(0, 1), the reparameterisation. For normal distributions the second
term needs no draws at all,

    KL = 1/2 sum_j (mu_j^2 + sigma_j^2 - 1 - log sigma_j^2).

The digits were scanned as bitmaps, and a pixel says how many of the 16 points of its block were
black. So the decoder names the probability p of black for each pixel, and a pixel of n/16 has the
likelihood of n heads in 16 tosses, (16 over n) p^n (1 - p)^(16 - n). The ELBO then really bounds
the probability of a digit, and can be compared with what simpler models give it: 107.8 nats for one
that knows how often each pixel has each of its 17 values, but not what goes with what.

Kingma and Welling, "Auto-encoding variational Bayes" (2013); Rezende, Mohamed and Wierstra (2014).
Document 004, autoencoders, of which this is the generative one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

import autograd as ag
import nn
from models.autoencoder import PIXELS, SIDE, digits, draw_codes, draw_rows, flat
from models.datasets.optical_digits import BRIGHTEST
from models.training.pictures import tiled
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F


class VAE(nn.Module):
    """Images of shape (batch, 1, 8, 8) with pixels from 0 to 1; codes of shape (batch, code).

    The forward pass returns the logits of the pixels for one draw of z, and mu and log sigma^2.

    Examples
    --------
    >>> import autograd as ag, models
    >>> logits, mean, log_variance = models.VAE(code=4)(ag.zeros(5, 1, 8, 8))
    >>> logits.shape, mean.shape, log_variance.shape
    ((5, 1, 8, 8), (5, 4), (5, 4))
    """

    def __init__(self, code: int = 16, hidden: int = 256):
        super().__init__()
        if min(code, hidden) < 1:
            raise ValueError(
                f"VAE expected code and hidden of at least 1, got code={code}, hidden={hidden}"
            )
        self.code = code
        self.encoder = nn.Sequential(
            nn.Flatten(), nn.Linear(PIXELS, hidden), nn.ELU(), nn.Linear(hidden, 2 * code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(code, hidden),
            nn.ELU(),
            nn.Linear(hidden, PIXELS),
            nn.Unflatten(1, (1, SIDE, SIDE)),
        )

    def encode(self, images):
        """Mean and log variance of ``q(z|x)``, each of shape (batch, code)."""
        return self.encoder(images).chunk(2, 1)

    def forward(self, images):
        mean, log_variance = self.encode(images)
        return self.decoder(reparameterised(mean, log_variance)), mean, log_variance


def reparameterised(mean, log_variance, generator=None):
    """A draw from ``N(mean, exp(log_variance))`` through which gradients reach both.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.vae import reparameterised
    >>> mean = ag.zeros(2, requires_grad=True)
    >>> reparameterised(mean, ag.zeros(2)).sum().backward()
    >>> mean.grad
    tensor([1., 1.])
    """
    noise = ag.randn(mean.shape, dtype=mean.dtype, generator=generator)
    return mean + (0.5 * log_variance).exp() * noise


def kl_to_standard_normal(mean, log_variance):
    """``KL(N(mean, variance) || N(0, 1))``, summed over the code: shape (batch,).

    ``1/2 sum_j (mu_j^2 + sigma_j^2 - 1 - log sigma_j^2)``, Kingma and Welling's appendix B.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.vae import kl_to_standard_normal
    >>> kl_to_standard_normal(ag.tensor([[0.0, 0.0], [1.0, 2.0]]), ag.zeros(2, 2))
    tensor([0. , 2.5])
    """
    return 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)


# In how many orders so many heads can come; its logarithm, for 0 to 16 of them.
LOG_ORDERS = ag.tensor([math.log(math.comb(BRIGHTEST, heads)) for heads in range(BRIGHTEST + 1)])


def log_likelihood(logits, images):
    """``log p(x|z)`` of pixels that count the heads of 16 tosses: shape (batch,).

    Examples
    --------
    >>> import autograd as ag
    >>> from models.vae import log_likelihood
    >>> log_likelihood(ag.zeros(1, 1, 8, 8), ag.ones(1, 1, 8, 8))  # heads 64 x 16 times
    tensor([-709.7827])
    """
    tosses = F.binary_cross_entropy_with_logits(logits, images, reduction="none")
    each = LOG_ORDERS[(BRIGHTEST * images).round().long()] - BRIGHTEST * tosses
    return each.flatten(1).sum(1)


@cache
def independent_pixels() -> float:
    """Nats that a test digit costs a model which knows only how often each pixel has each value.

    Every value has been seen half a time more than it was, so that none is impossible.

    Examples
    --------
    >>> from models.vae import independent_pixels
    >>> round(independent_pixels(), 1)
    107.8
    """
    known, test = (np.rint(BRIGHTEST * flat(train)).astype(int) for train in (True, False))
    seen = np.stack([(known == value).sum(0) + 0.5 for value in range(BRIGHTEST + 1)])
    chances = seen / seen.sum(0)
    return float(-np.log(np.take_along_axis(chances, test, 0)).sum(1).mean())


# -- the recipe ------------------------------------------------------------------------------------


def objective(model: VAE, batch):
    """Minus the ELBO, in nats an image, its two parts, and the squared error of the pixels."""
    images, _ = batch
    logits, mean, log_variance = model(images)
    kl = kl_to_standard_normal(mean, log_variance).mean()
    reconstruction = -log_likelihood(logits, images).mean()
    squared = ((F.sigmoid(logits).array - images.array) ** 2).sum((1, 2, 3)).mean()
    loss = reconstruction + kl
    return loss, {
        "nats": loss.item(),
        "reconstruction": reconstruction.item(),
        "kl": kl.item(),
        "squared_error": float(squared),
    }


def sample(model: VAE, settings: Mapping[str, Any], generator, count=64, temperature=1.0):
    """Digits that nobody wrote: (count, 1, 8, 8). A lower temperature draws nearer the middle."""
    codes = temperature * ag.randn(count, model.code, generator=generator)
    return F.sigmoid(model.decoder(codes))


def show(run: Run, model: VAE) -> None:
    """Draw reconstructions, codes, walks from digit to digit, and samples."""
    test = digits(train=False)
    with ag.no_grad():
        means = model.encode(test.data)[0]
        chosen = means[[int(np.flatnonzero(test.targets.array == c)[0]) for c in range(10)]]
        samples = sample(model, run.settings, ag.default_generator())
        rows = {
            "original": test.data[:10],
            "reconstruction": F.sigmoid(model.decoder(means[:10])),
            **{f"from {a} to {b}": walk(model, chosen[a], chosen[b]) for a, b in WALKS},
        }
    run.draw("walk", lambda figure: draw_rows(figure, rows), (7, 4.2))
    run.draw("codes", lambda figure: draw_codes(figure, means.numpy(), test.targets.array), (5, 4))

    def plot(figure) -> None:
        axes = figure.subplots()
        axes.imshow(tiled(1 - samples.numpy(), enlarged=1))
        axes.set_axis_off()

    run.draw("samples", plot, (4, 4))


WALKS = ((0, 6), (3, 8), (4, 9), (1, 7))


def walk(model: VAE, start, end, steps: int = 10):
    """What lies between two codes of shape (code,): images of shape (steps, 1, 8, 8).

    Codes of a standard normal distribution lie near a sphere, so the way goes along its surface.
    """
    length = ag.linspace(0, 1, steps)[:, None]
    angle = ag.arccos(F.cosine_similarity(start, end, dim=0))
    codes = (ag.sin((1 - length) * angle) * start + ag.sin(length * angle) * end) / ag.sin(angle)
    return F.sigmoid(model.decoder(codes))


RECIPE = Recipe(
    name="vae",
    summary="variational autoencoder: draws digits that nobody wrote",
    build=VAE,
    data=digits,
    objective=objective,
    show=show,
    sample=sample,
    metric="nats",
    higher_is_better=False,
    documents="004",
    paper="Kingma, Welling 2013",
    epochs=120,
    batch_size=32,
    options={"optim.lr": 2e-3, "model.code": 16, "model.hidden": 256},
    bar=97.0,
    seconds=30,
    quick={"epochs": 30},
    quick_bar=107.0,
)
