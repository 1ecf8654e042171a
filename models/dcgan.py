"""DCGAN: two convolutional networks play the GAN's game for images.

The generator begins with noise, a few numbers that mean nothing yet, makes 4 x 4 places of many
features out of them, and doubles the side with every transposed convolution; the discriminator goes
the same way back with strided ones. What made deep networks of this kind trainable is a list of
choices: no pooling and no hidden fully connected layers, batch normalisation everywhere but at the
images (the generator's output, the discriminator's input), ReLU and at the end tanh in the
generator, LeakyReLU of 0.2 in the discriminator, weights from N(0, 0.02), and Adam with the rate
2e-4 and beta1 = 0.5. The losses and the moves are those of `models.gan`.

Three things differ from the paper's, for here are 1,437 small images and a few minutes. Batches
are of 16, not of 128, and the rate is 1e-3 and falls to zero: few images still make many steps, and
short training may take long ones. Each network looks once more at its 4 x 4 places, by a
convolution of 3 x 3, where the paper's went on to larger images. Noise is 4 numbers, not 100: a
continuous generator draws something between two digits wherever their regions of noise meet, and
few numbers leave it less of that. What helps most is patience: the reader below is sure of three
quarters of the drawings after 40 epochs, of more than four fifths after 100.

That nothing was learned by heart shows on the way from one noise to another: the images between
are images too, and change step by step.

Here it draws digits of 16 x 16 pixels. A LeNet-5 that learned from real digits, by its own recipe,
reads them: a digit is one if it is sure, and a generator that knows only some of the ten has
failed, however sure the reader is. With ``--data FOLDER`` it learns to draw pictures like those in
a folder instead, larger and in colour with ``--set model.side=64 --set model.channels=3``; many of
them, and some patience, are needed then.

Radford, Metz and Chintala, "Unsupervised representation learning with deep convolutional generative
adversarial networks" (2015). Machine Learning chapter 7 (003): generator and discriminator; Deep
Learning slides (004): pictures made by GANs; Deep Learning lecture notes, day 1 (001).
"""

from __future__ import annotations

import math

import numpy as np

import autograd as ag
import nn
from autograd.utils.data import DataLoader, TensorDataset
from models import datasets, lenet
from models.gan import LOSSES, Game
from models.training.interrupt import Interrupt, Interrupted
from models.training.loop import train
from models.training.pictures import tiled
from models.training.recipe import Recipe, UsageError, section
from models.training.run import Run
from nn import functional as F

SIDE = 16
SURE = 0.9  # of what the reader says, to count as a digit


# -- the networks ----------------------------------------------------------------------------------


def generator(latent: int, width: int, side: int = 16, channels: int = 1) -> nn.Sequential:
    """Noise (n, latent, 1, 1) to images (n, channels, side, side) between -1 and 1.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.dcgan import generator
    >>> generator(latent=5, width=4, side=32)(ag.randn(2, 5, 1, 1)).shape
    (2, 1, 32, 32)
    """
    *inner, last = widths(width, side)
    layers = [
        nn.ConvTranspose2d(latent, last, 4, bias=False),  # 4 x 4
        nn.BatchNorm2d(last), nn.ReLU(),
        nn.Conv2d(last, last, 3, padding=1, bias=False),
        nn.BatchNorm2d(last), nn.ReLU(),
    ]  # fmt: skip
    for size in reversed(inner):  # 8 x 8, 16 x 16, ...
        layers += [nn.ConvTranspose2d(2 * size, size, 4, stride=2, padding=1, bias=False),
                   nn.BatchNorm2d(size), nn.ReLU()]  # fmt: skip
    layers += [nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1), nn.Tanh()]
    return nn.Sequential(*layers)


def discriminator(width: int, side: int = 16, channels: int = 1) -> nn.Sequential:
    """Images (n, channels, side, side) to logits (n, 1).

    Examples
    --------
    >>> import autograd as ag
    >>> from models.dcgan import discriminator
    >>> discriminator(width=4)(ag.zeros(2, 1, 16, 16)).shape
    (2, 1)
    """
    first, *inner = widths(width, side)
    layers = [nn.Conv2d(channels, first, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    for size in inner:  # down to 4 x 4
        layers += [nn.Conv2d(size // 2, size, 4, stride=2, padding=1, bias=False),
                   nn.BatchNorm2d(size), nn.LeakyReLU(0.2)]  # fmt: skip
    last = inner[-1]
    layers += [nn.Conv2d(last, last, 3, padding=1, bias=False),
               nn.BatchNorm2d(last), nn.LeakyReLU(0.2),
               nn.Conv2d(last, 1, 4), nn.Flatten()]  # fmt: skip
    return nn.Sequential(*layers)


def widths(width: int, side: int) -> list[int]:
    """The channels of the layers from half of the side down to 4 pixels: twice as many each time.

    Examples
    --------
    >>> from models.dcgan import widths
    >>> widths(64, 16), widths(64, 64)
    ([64, 128], [64, 128, 256, 512])
    """
    steps = side.bit_length() - 3
    if side < 16 or side != 4 << steps:
        raise ValueError(f"DCGAN expected images of 16, 32, 64, ... pixels, got side={side}")
    return [width << step for step in range(steps)]


def begin(layer: nn.Module) -> None:
    """The paper's initial weights: N(0, 0.02), and around 1 where they scale."""
    if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(layer.weight, 0.0, 0.02)
    elif isinstance(layer, nn.BatchNorm2d):
        assert layer.weight is not None
        nn.init.normal_(layer.weight, 1.0, 0.02)


class DCGAN(nn.Module):
    """Draw images (n, channels, side, side) between -1 and 1 from noise of shape (n, latent).

    Parameters
    ----------
    latent, width : int
        Numbers of noise, and channels at half of the side.
    side : int, default 16
        4 times a power of 2.
    channels : int, default 1

    Attributes
    ----------
    generator, discriminator : Module

    Examples
    --------
    >>> import models
    >>> model = models.DCGAN(latent=8, width=4)
    >>> model(model.noise(3)).shape
    (3, 1, 16, 16)
    """

    def __init__(self, latent: int = 4, width: int = 64, side: int = 16, channels: int = 1):
        super().__init__()
        self.latent = latent
        self.generator = generator(latent, width, side, channels)
        self.discriminator = discriminator(width, side, channels)
        self.apply(begin)

    def forward(self, z):
        if z.ndim != 2 or z.shape[1] != self.latent:
            raise ValueError(
                f"DCGAN expected noise of shape (n, {self.latent}), got {list(z.shape)}: "
                "model.noise(n) draws it"
            )
        return self.generator(z[:, :, None, None])

    def noise(self, count: int, generator: ag.Generator | None = None) -> ag.Tensor:
        """So many z from the standard normal distribution."""
        return ag.randn(count, self.latent, generator=generator)


def dcgan(**settings) -> DCGAN:
    """Make a `DCGAN`.

    Examples
    --------
    >>> import models
    >>> models.dcgan(latent=8, width=4).latent
    8
    """
    return DCGAN(**settings)


def between(start, end, count: int) -> ag.Tensor:
    """Points on the arc from one noise to another, (count, latent).

    A straight line would lead past places much nearer to zero than noise ever is.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.dcgan import between
    >>> round(between(ag.tensor([1.0, 0.0]), ag.tensor([0.0, 1.0]), 3)[1].norm().item(), 4)
    1.0
    """
    a, b = (np.asarray(z.array, np.float64) for z in (start, end))
    cosine = a @ b / (np.linalg.norm(a) * np.linalg.norm(b))
    angle, t = math.acos(float(np.clip(cosine, -1, 1))), np.linspace(0, 1, count)[:, None]
    if math.sin(angle) < 1e-6:  # the same direction, or opposite ones: any arc, or none
        arc = (1 - t) * a + t * b
    else:
        arc = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / math.sin(angle)
    return ag.from_numpy(arc.astype(np.float32))


# -- the reader ------------------------------------------------------------------------------------


def for_the_reader(images) -> ag.Tensor:
    """Images of 16 x 16 pixels between -1 and 1 as the lenet5 recipe shows digits to a LeNet-5.

    Examples
    --------
    >>> import numpy as np
    >>> from models import datasets
    >>> from models.dcgan import for_the_reader, real
    >>> seen = for_the_reader(real(train=False)[:3])
    >>> bool(np.allclose(seen, datasets.digits(False, 32).data[:3], atol=1e-5))
    True
    """
    known = datasets.digits(True, 8, normalise=False).data
    ink = F.interpolate((images + 1) / 2, scale_factor=2, mode="nearest")
    return (ink - float(known.mean())) / float(known.std())


def judged(reader: nn.Module, images) -> dict[str, float]:
    """How the reader sees images: ``confident``, the part of which it is sure, and as what.

    ``classes`` counts the digits among these that make up at least a hundredth of all images;
    ``read`` is the same as ``confident`` if they are all ten, and nothing otherwise.
    """
    with ag.no_grad():
        chances = F.softmax(reader(for_the_reader(images)), 1).array
    sure = chances.max(1) > SURE
    shares = np.bincount(chances.argmax(1)[sure], minlength=10) / len(chances)
    confident, classes = float(sure.mean()), int((shares >= 0.01).sum())
    return {"confident": confident, "classes": classes, "read": confident * (classes == 10)}


def real(train: bool) -> ag.Tensor:
    """The digits, 16 pixels wide, between -1 (paper) and 1 (ink)."""
    return 2 * ag.tensor(datasets.digits(train, SIDE, normalise=False).data) - 1


def seen(settings) -> ag.Tensor:
    """What to learn from: the digits, or the pictures in a folder of the user's."""
    name, side, channels = (settings[k] for k in ("data.name", "model.side", "model.channels"))
    if name != "digits":
        return 2 * ag.from_numpy(datasets.pictures(name, side, channels)) - 1
    if (side, channels) != (SIDE, 1):
        raise UsageError(
            f"the digits are grey and of {SIDE} pixels, but model.side={side} and "
            f"model.channels={channels} were set: leave those, or give a folder as --data FOLDER"
        )
    return real(train=True)


# -- learning --------------------------------------------------------------------------------------


def draw_images(model: DCGAN, z) -> ag.Tensor:
    """Images from noise, without a graph, by the running statistics of batch normalisation."""
    was_training = model.training
    model.eval()
    with ag.no_grad():
        images = model(z)
    model.train(was_training)
    return images


def fit(run: Run) -> tuple[DCGAN, dict[str, float]]:
    """Let a LeNet learn to read; play; let it read what was drawn.

    Nobody judges drawings after the user's own pictures but the discriminator.
    """
    settings, reader = run.settings, None
    images = seen(settings)
    if settings["data.name"] == "digits":
        lessons = {"epochs": settings["reader_epochs"]}
        reader = train(lenet.RECIPE, lessons, run.seed, run.path("reader")).model.eval()
    model = dcgan(**section(settings, "model"))
    with Interrupt() as interrupt:
        pages, value = play(run, model, images, reader, interrupt)
    model.eval()
    ways = [between(z[0], z[1], 10) for z in (model.noise(2) for _ in range(6))]
    interpolated = draw_images(model, ag.cat(ways)).numpy()
    sampled = draw_images(model, model.noise(100)).numpy()
    run.draw("samples", lambda figure: show(figure, {"drawn": sampled}), (5, 5.3))
    run.draw("interpolation", lambda figure: show(figure, {"on the way": interpolated}), (5, 3.4))
    run.draw("progress", lambda figure: show(figure, pages), (2.4 * len(pages), 2.8))
    if reader is None:
        return model, {"value": value, "pictures": len(images)}
    noise = judged(reader, 2 * ag.rand(1000, 1, SIDE, SIDE) - 1)
    return model, {
        **judged(reader, draw_images(model, model.noise(2000))),
        "real_confident": judged(reader, real(train=False))["confident"],
        "noise_read": noise["read"],
        "value": value,
    }


def play(run: Run, model: DCGAN, images, reader, interrupt: Interrupt):
    """Train both networks; returns drawings of the same noise at several times, and V at last."""
    settings, epochs = run.settings, run.settings["epochs"]
    size = min(settings["batch_size"], len(images))
    loader = DataLoader(TensorDataset(images), size, shuffle=True, drop_last=True)
    game = Game(model, settings["optim.lr"], epochs * len(loader), LOSSES[settings["loss"]])
    fixed, pages, v = model.noise(36), {}, math.nan
    looks = set(np.linspace(0, epochs, 6).round().astype(int).tolist())
    pages["untrained"] = draw_images(model, fixed).numpy()
    for epoch in range(1, epochs + 1):
        turns = []
        for (batch,) in loader:
            turns.append(game.play([batch]))
            if interrupt.requested:
                run.save_best(model.state_dict())
                raise Interrupted(run.folder)
        v, loss = np.mean(turns, 0).tolist()
        entry = {"epoch": epoch, "value": v, "train_loss": loss}
        if epoch in looks:
            pages[f"epoch {epoch}"] = draw_images(model, fixed).numpy()
            if reader is not None:
                entry |= judged(reader, draw_images(model, model.noise(500)))
        run.log({**entry, "seconds": round(run.seconds, 1)})
    return pages, v


def show(figure, pages: dict[str, np.ndarray]) -> None:
    """Draw pages of images side by side, ten to a line or a square."""
    for axes, (title, images) in zip(
        figure.subplots(1, len(pages), squeeze=False)[0], pages.items(), strict=True
    ):
        axes.imshow(tiled((images + 1) / 2, columns=10 if len(images) % 10 == 0 else None))
        axes.set_title(title)
        axes.axis("off")


def sample(model: DCGAN, settings, generator, count: int = 64) -> ag.Tensor:
    """Draw so many images, between 0 and 1."""
    return (draw_images(model, model.noise(count, generator)) + 1) / 2


RECIPE = Recipe(
    name="dcgan",
    summary="DCGAN (2015): draws digits that a LeNet-5 reads",
    build=dcgan,
    fit=fit,
    sample=sample,
    documents="001, 003, 004",
    paper="Radford, Metz, Chintala 2015",
    metric="read",
    bar=0.8,
    seconds=200,
    options={
        "epochs": 100,
        "batch_size": 16,
        "loss": "non_saturating",
        "reader_epochs": lenet.RECIPE.epochs,
        "data.name": "digits",
        "model.latent": 4,
        "model.width": 64,
        "model.side": SIDE,
        "model.channels": 1,
        "optim.lr": 1e-3,
    },
    quick={"epochs": 8, "batch_size": 32, "model.latent": 10, "model.width": 32},
    quick_bar=0.3,
)
