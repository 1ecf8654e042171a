"""The denoising autoencoder: spoil the image, ask for the clean one.

An autoencoder must not be allowed just to copy. A narrow code forbids it; so does noise. Here the
encoder sees a digit with noise on it, x~, and the loss compares what the decoder makes of its code
with the digit itself,

    l(x, g(f(x~))) = ||x - g(f(x~))||^2

so copying costs as much as the noise. The code may be larger than the image now: what has to be
learned is where digits are among all images, and which way leads there from elsewhere. (The answer
that minimises the loss is the mean of the digits that x~ may have been, and g(f(x~)) - x~ points up
the slope of the density of images: Alain and Bengio 2014.) No linear filter can know as much; the
best one that there is, Wiener's, is the rival here.

Going there and back again makes new digits: put noise on, take it off, and the walk visits images
as often as they are likely (Bengio, Yao, Alain and Vincent 2013). ``sample`` does that.

Vincent, Larochelle, Bengio and Manzagol, "Extracting and composing robust features with denoising
autoencoders", ICML 2008. Document 004, autoencoders (this is one of the regularised).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

import autograd as ag
from models.autoencoder import Autoencoder, digits, draw_rows, flat, squared_error
from models.training.recipe import Recipe
from models.training.run import Run


class DenoisingAutoencoder(Autoencoder):
    """An autoencoder with a large code, and the noise that it learns to take off.

    Parameters
    ----------
    code, hidden : int
        See `Autoencoder`.
    kind : {"gaussian", "masking"}
        Noise is added to every pixel, or some pixels are blotted out.
    noise : float, default 0.3
        Standard deviation of the one, or part of the pixels that the other takes.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.DenoisingAutoencoder(kind="masking", noise=0.25)
    >>> spoilt = model.spoilt(ag.ones(1000, 1, 8, 8))
    >>> bool(abs(spoilt.mean() - 0.75) < 0.01), model(spoilt).shape
    (True, (1000, 1, 8, 8))
    """

    def __init__(
        self, code: int = 128, hidden: int = 512, kind: str = "gaussian", noise: float = 0.3
    ):
        super().__init__(code, hidden)
        if kind not in ("gaussian", "masking"):
            raise ValueError(f"kind expected 'gaussian' or 'masking', got {kind!r}")
        if noise <= 0 or (kind == "masking" and noise >= 1):
            limits = "between 0 and 1" if kind == "masking" else "above 0"
            raise ValueError(f"{kind} noise expected a number {limits}, got {noise}")
        self.kind, self.noise = kind, noise

    def spoilt(self, images, generator=None):
        """The images with fresh noise on them."""
        if self.kind == "masking":
            return images * (ag.rand(images.shape, generator=generator) >= self.noise)
        return images + self.noise * ag.randn(images.shape, generator=generator)


def objective(model: DenoisingAutoencoder, batch):
    """The squared error of what was made of noisy digits, and what part it is of the noise's."""
    images, _ = batch
    noisy = model.spoilt(images)
    loss = squared_error(images, model(noisy))
    return loss, {"noise_left": loss.item() / squared_error(images, noisy).item()}


def wiener(noisy: np.ndarray, noise: float) -> np.ndarray:
    """What the best linear filter makes of rows of noisy pixels.

    With the mean m and covariance C of the training digits: ``m + C (C + noise^2 I)^-1 (x~ - m)``.

    Examples
    --------
    >>> import numpy as np
    >>> from models.denoising_autoencoder import wiener
    >>> wiener(np.zeros((1, 64)), noise=0.3).shape
    (1, 64)
    """
    known = flat(train=True)
    mean, covariance = known.mean(0), np.cov(known.T)
    gain = np.linalg.solve(covariance + noise**2 * np.eye(len(mean)), covariance)
    return mean + (noisy - mean) @ gain


def sample(
    model: DenoisingAutoencoder, settings: Mapping[str, Any], generator, count=64, length=30
):
    """Digits that nobody wrote: begin with noise, then put noise on and take it off `length` times.

    Images of shape (count, 1, 8, 8).
    """
    images = ag.rand(count, 1, 8, 8, generator=generator)
    for _ in range(length):
        images = model(model.spoilt(images, generator)).clamp(0, 1)
    return images


def show(run: Run, model: DenoisingAutoencoder) -> None:
    """Draw digits of the test part, spoilt, mended by a filter, and mended by the network."""
    images = digits(train=False).data
    with ag.no_grad():
        noisy = model.spoilt(images)
        mended = model(noisy)
    rows = {"original": images[:10], "noisy": noisy[:10], "denoised": mended[:10]}
    if model.kind == "gaussian":
        filtered = wiener(noisy.array.reshape(-1, 64).astype("float64"), model.noise)
        rows["best linear filter"] = filtered[:10].reshape(-1, 1, 8, 8)
        left = ((filtered - flat(train=False)) ** 2).sum(1).mean()
        run.log({"noise_left_by_filter": float(left / squared_error(images, noisy).item())})
    run.draw("denoised", lambda figure: draw_rows(figure, rows), (7, 3.2))


RECIPE = Recipe(
    name="denoising_autoencoder",
    summary="noisy digits in, clean digits out",
    build=DenoisingAutoencoder,
    data=digits,
    objective=objective,
    show=show,
    sample=sample,
    metric="noise_left",
    higher_is_better=False,
    documents="004",
    paper="Vincent, Larochelle, Bengio, Manzagol 2008",
    epochs=100,
    batch_size=32,
    options={
        "optim.lr": 2e-3,
        "model.code": 128,
        "model.hidden": 512,
        "model.kind": "gaussian",
        "model.noise": 0.3,
    },
    bar=0.23,
    seconds=30,
    quick={"epochs": 15},
    quick_bar=0.4,
)
