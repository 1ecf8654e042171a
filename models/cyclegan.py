"""CycleGAN: translation between two styles of which nobody has seen a pair.

There are photographs and there are paintings, but no painting of the same photograph. Two
generators translate there and back, ``G: A -> B`` and ``F: B -> A``; a critic of each style says of
every patch of an image whether it looks real. That alone would allow any beautiful image for an
answer. What ties the answer to the question is the way back: ``F(G(a))`` should be ``a`` again, and
``G(F(b))`` should be ``b``:

    L(G, F) = E (D_B(G(a)) - 1)^2 + E (D_A(F(b)) - 1)^2
              + cycle (E |F(G(a)) - a| + E |G(F(b)) - b|)
              + identity (E |G(b) - b| + E |F(a) - a|)

while a critic learns to answer 1 to real images and 0 to translated ones: squares, not logarithms,
whose gradient would vanish where a critic is sure. The last term says that an image in the right
style needs no translation. Critics also see older translations, from a pool: else both sides can
run in circles.

The styles here: digits in dark ink on light paper, and bright outlines of digits on a dark ground.
They are made of different digits, so there are no pairs to learn from. Who judges? A LeNet-5 that
learned to read real images of the style which a digit was translated into.

Zhu, Park, Isola and Efros, "Unpaired image-to-image translation using cycle-consistent adversarial
networks" (2017); Mao et al., "Least squares generative adversarial networks" (2017); Shrivastava et
al. (2017), the pool. Deep Learning slides: translation of style by GANs; lecture notes, day 1:
translation of style.
"""

from __future__ import annotations

from itertools import chain

import numpy as np

import autograd as ag
import nn
import optim
from autograd.utils.data import DataLoader, TensorDataset
from models import datasets
from models.datasets.optical_digits import TRAIN
from models.lenet import LeNet5
from models.training.recipe import Recipe, section
from models.training.run import Run
from nn import functional as F

SIDE = 20  # pixels: the digits enlarged to 16, and a margin
HALF = TRAIN // 2
HALVES = {"ink": slice(0, HALF), "outline": slice(HALF, 2 * HALF)}  # of the digits, to learn from
STYLES = tuple(HALVES)


# -- the two styles --------------------------------------------------------------------------------


def drawn(images, style: str) -> np.ndarray:
    """Draw digits in one of the two styles, between -1 (dark) and 1 (light).

    Parameters
    ----------
    images : array or Tensor of shape (n, 1, 8, 8)
        Between 0 (paper) and 1 (ink).
    style : {"ink", "outline"}
        Dark ink on light paper, or what a step of erosion takes from the strokes, light on dark.

    Returns
    -------
    float32 array of shape (n, 1, 20, 20)

    Examples
    --------
    >>> import numpy as np
    >>> from models.cyclegan import drawn
    >>> empty = np.zeros((1, 1, 8, 8), "float32")
    >>> drawn(empty, "ink").min(), drawn(empty, "outline").max()
    (np.float32(1.0), np.float32(-1.0))
    """
    with ag.no_grad():
        ink = F.interpolate(ag.as_tensor(images), scale_factor=2, mode="bilinear")
        ink = F.pad(((ink - 0.4) / 0.3).clamp(0, 1), ((SIDE - 16) // 2,) * 4)
        if style == "ink":
            return (1 - 2 * ink).numpy()
        eroded = -F.max_pool2d(-ink, 3, stride=1, padding=1)
        return (2 * (ink - eroded) - 1).numpy()


def digits_in(style: str, train: bool, part: slice = slice(None)) -> tuple[ag.Tensor, ag.Tensor]:
    """Images and labels of some of the digits, drawn in a style."""
    digits = datasets.digits(train, normalise=False)
    images = drawn(digits.data[part], style)
    return ag.tensor(images), digits.targets[part]


def unpaired() -> list[ag.Tensor]:
    """The images to learn from, in each style: no digit is there in both."""
    return [digits_in(style, True, part)[0] for style, part in HALVES.items()]


# -- the networks ----------------------------------------------------------------------------------


class Residual(nn.Module):
    """Two layers of 3 x 3 filters, added to their input."""

    def __init__(self, width: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.InstanceNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.InstanceNorm2d(width),
        )  # fmt: skip

    def forward(self, x):
        return x + self.body(x)


class Generator(nn.Module):
    """Translate images of one channel: (batch, 1, h, w) -> (batch, 1, h, w), for even h and w.

    Half the pixels, residual blocks, and as many pixels as before.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.cyclegan import Generator
    >>> Generator(width=4)(ag.zeros(2, 1, 20, 20)).shape
    (2, 1, 20, 20)
    """

    def __init__(self, width: int = 12, blocks: int = 2):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1), nn.InstanceNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1), nn.InstanceNorm2d(2 * width),
            nn.ReLU(),
            *(Residual(2 * width) for _ in range(blocks)),
            nn.Upsample(scale_factor=2), nn.Conv2d(2 * width, width, 3, padding=1),
            nn.InstanceNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, 1, 3, padding=1), nn.Tanh(),
        )  # fmt: skip

    def forward(self, x):
        return self.body(x)


def critic(width: int = 12) -> nn.Sequential:
    """A network that says of each patch of an image how real it looks: 1 or 0.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.cyclegan import critic
    >>> critic(width=4)(ag.zeros(2, 1, 20, 20)).shape  # of 5 x 5 patches, which overlap
    (2, 1, 5, 5)
    """
    return nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.InstanceNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Conv2d(2 * width, 1, 3, padding=1),
    )  # fmt: skip


class CycleGAN(nn.Module):
    """Two generators and two critics.

    Attributes
    ----------
    to_b, to_a : Generator
        The paper's G and F.
    critic_a, critic_b : Module

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.CycleGAN(width=4)
    >>> model(ag.zeros(2, 1, 20, 20)).shape  # from A to B
    (2, 1, 20, 20)
    """

    def __init__(self, width: int = 12, blocks: int = 2):
        super().__init__()
        self.to_b, self.to_a = Generator(width, blocks), Generator(width, blocks)
        self.critic_a, self.critic_b = critic(width), critic(width)

    def forward(self, x):
        return self.to_b(x)

    def translate(self, images, style: str) -> ag.Tensor:
        """Images of the other style in this one, without a graph."""
        with ag.no_grad():
            return (self.to_b if style == "outline" else self.to_a)(images)


def cycle_gan(**settings) -> CycleGAN:
    """Make a `CycleGAN`.

    Examples
    --------
    >>> import models
    >>> len(models.cycle_gan(width=4, blocks=1).to_a.body)
    13
    """
    return CycleGAN(**settings)


# -- learning --------------------------------------------------------------------------------------


class Pool:
    """The last translations, up to `size` of them; critics see an older one every second time.

    Examples
    --------
    >>> import numpy as np
    >>> from models.cyclegan import Pool
    >>> pool = Pool(2, np.random.default_rng(0))
    >>> pool.exchange(np.array([1.0, 2.0])).tolist()  # there is nothing else yet
    [1.0, 2.0]
    """

    def __init__(self, size: int, random: np.random.Generator):
        self.size, self.random = size, random
        self.images: list[np.ndarray] = []

    def exchange(self, images: np.ndarray) -> np.ndarray:
        """Put images in, and take as many out: the same ones or older ones."""
        taken = []
        for image in images:
            if len(self.images) < self.size:
                self.images.append(image)
            elif self.random.random() < 0.5:
                place = self.random.integers(self.size)
                self.images[place], image = image, self.images[place]
            taken.append(image)
        return np.stack(taken)


def towards(answers, target: float):
    """The mean squared distance of a critic's answers from 1 (real) or 0 (translated)."""
    return ((answers - target) ** 2).mean()


def generators_loss(model: CycleGAN, a, b, cycle: float, identity: float):
    """What the generators minimise, and their translations of a batch: (loss, fake a, fake b)."""
    size = len(a)
    both_b, both_a = model.to_b(ag.cat([a, b])), model.to_a(ag.cat([b, a]))
    fake_b, same_b = both_b[:size], both_b[size:]
    fake_a, same_a = both_a[:size], both_a[size:]
    loss = towards(model.critic_b(fake_b), 1) + towards(model.critic_a(fake_a), 1)
    loss = loss + cycle * (F.l1_loss(model.to_a(fake_b), a) + F.l1_loss(model.to_b(fake_a), b))
    loss = loss + identity * (F.l1_loss(same_b, b) + F.l1_loss(same_a, a))
    return loss, fake_a, fake_b


def critics_loss(model: CycleGAN, a, b, fake_a, fake_b):
    """What the critics minimise: half their error on real images, half on translated ones."""
    pairs = ((model.critic_a, a, fake_a), (model.critic_b, b, fake_b))
    return sum((towards(d(real), 1) + towards(d(fake), 0)) / 2 for d, real, fake in pairs)


def half_linear(steps: int):
    """The paper's schedule: the full rate for half of the steps, then a straight line to zero."""
    return lambda step: min(1.0, 2 * (1 - step / steps))


def judge(style: str, epochs: int) -> nn.Module:
    """A LeNet-5 that has learned to read real images of a style."""
    reader = nn.Sequential(nn.ZeroPad2d((32 - SIDE) // 2), LeNet5())
    loader = DataLoader(TensorDataset(*digits_in(style, train=True)), 64, shuffle=True)
    optimizer = optim.Adam(reader.parameters(), lr=2e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * len(loader))
    for _ in range(epochs):
        for images, labels in loader:
            optimizer.zero_grad()
            F.cross_entropy(reader(images), labels).backward()
            optimizer.step()
            schedule.step()
    return reader.eval()


def legible(reader: nn.Module, images, labels) -> float:
    """The part of the images that is read rightly."""
    with ag.no_grad():
        return float((reader(images).array.argmax(1) == labels.array).mean())


class Players:
    """The networks' two optimisers, which take turns, their schedules, and the pools."""

    def __init__(self, model: CycleGAN, rate: float, steps: int, pool: int, seed: int):
        self.model, self.critics = model, nn.ModuleList([model.critic_a, model.critic_b])
        generators = nn.ModuleList([model.to_a, model.to_b])
        self.optimizers = [
            optim.Adam(side.parameters(), lr=rate, betas=(0.5, 0.999))
            for side in (generators, self.critics)
        ]
        self.schedules = [
            optim.lr_scheduler.LambdaLR(o, half_linear(steps)) for o in self.optimizers
        ]
        random = np.random.default_rng(seed)
        self.pools = [Pool(pool, random) for _ in STYLES]

    def play(self, a, b, cycle: float, identity: float) -> tuple[float, float]:
        """One turn of each side on a batch of both styles; returns their losses."""
        self.critics.requires_grad_(False)  # the generators' turn
        loss, *fakes = generators_loss(self.model, a, b, cycle, identity)
        self.descend(0, loss)
        self.critics.requires_grad_(True)
        older = [
            ag.tensor(pool.exchange(fake.numpy(force=True)))
            for pool, fake in zip(self.pools, fakes, strict=True)
        ]
        error = critics_loss(self.model, a, b, *older)
        self.descend(1, error)
        return loss.item(), error.item()

    def descend(self, side: int, loss) -> None:
        """One step of one side's optimiser."""
        self.optimizers[side].zero_grad()
        loss.backward()
        self.optimizers[side].step()
        self.schedules[side].step()


def fit(run: Run) -> tuple[CycleGAN, dict[str, float]]:
    """Learn to translate, then let the readers of each style judge."""
    settings = run.settings
    epochs, size = settings["epochs"], settings["batch_size"]
    model = cycle_gan(**section(settings, "model"))
    loaders = [DataLoader(TensorDataset(images), size, shuffle=True) for images in unpaired()]
    steps = epochs * len(loaders[0])
    players = Players(model, settings["optim.lr"], steps, settings["pool"], run.seed)
    for epoch in range(epochs):
        losses = [
            players.play(a, b, settings["cycle"], settings["identity"])
            for (a,), (b,) in zip(*loaders, strict=True)
        ]
        generating, criticising = np.mean(losses, 0).tolist()
        run.log({"epoch": epoch + 1, "train_loss": generating, "critics_loss": criticising})
    return model.eval(), judged(run, model)


def judged(run: Run, model: CycleGAN) -> dict[str, float]:
    """How well the test digits are read, translated and untranslated; and draw some."""
    results, rows = {}, {}
    test = {style: digits_in(style, train=False) for style in STYLES}
    for source, target in ((STYLES[0], STYLES[1]), (STYLES[1], STYLES[0])):
        images, labels = test[source]
        translated = model.translate(images, target)
        reader = judge(target, run.settings["judge_epochs"])
        results[f"read_{target}"] = legible(reader, translated, labels)
        results[f"untranslated_{target}"] = legible(reader, images, labels)
        results[f"real_{target}"] = legible(reader, *test[target])
        back = model.translate(translated, source)
        results[f"cycle_{source}"] = F.l1_loss(back, images).item()
        rows[source] = [x.numpy()[:10, 0] for x in (images, translated, back)]
    results["read"] = min(results[f"read_{style}"] for style in STYLES)
    run.draw("translations", lambda figure: plot(figure, rows), (8.0, 5.2))
    return results


def plot(figure, rows) -> None:
    """Ten test digits of each style, their translations, and the way back."""
    titles = [f"{s}{t}" for s in rows for t in ("", ", translated", ", and back")]
    grid = figure.subplots(len(titles), 10)
    for line, title, images in zip(grid, titles, chain(*rows.values()), strict=True):
        line[0].set_title(title, loc="left", fontsize=8)
        for axes, image in zip(line, images, strict=True):
            axes.imshow(image, cmap="gray", vmin=-1, vmax=1)
            axes.axis("off")


RECIPE = Recipe(
    name="cyclegan",
    summary="CycleGAN (2017): digits in ink to outlines and back, learned without pairs",
    build=cycle_gan,
    fit=fit,
    documents="001, 004",
    paper="Zhu, Park, Isola, Efros 2017",
    metric="read",
    bar=0.9,
    seconds=180,
    options={
        "epochs": 12,
        "batch_size": 16,
        "cycle": 10.0,
        "identity": 2.0,
        "pool": 50,
        "judge_epochs": 15,
        "model.width": 12,
        "model.blocks": 2,
        "optim.lr": 1e-3,
    },
    quick={"epochs": 4, "judge_epochs": 4, "model.width": 8, "model.blocks": 1},
    quick_bar=0.5,
)
