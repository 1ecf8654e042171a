"""Style: paint one picture in the manner of another, with a network as the judge of both.

The layers of a network that has learned to see answer two questions. *What* is where: the
activations themselves, of a layer in the middle. *In which manner*: which filters answer together,
wherever that is; for the activations F of a layer, with a row for each filter,

    G = F F' / (height width)        the Gram matrix, which knows nothing of places.

Then it is not the network that learns, but the picture: beginning from the content, its pixels go
down the gradient of

    content |F(x) - F(c)|^2 / |F(c)|^2 + style mean_l |G_l(x) - G_l(s)|^2 / |G_l(s)|^2 + smooth TV

(each term is divided by its own size here, in place of the paper's constants, so that the weights
mean the same for any network; TV is the mean squared difference of neighbours). There are no
batches, so that L-BFGS can be used, which learns the curvature from the last few gradients.

The network is a small VGG that learns to read coloured digits first; or VGG-16 with the weights of
a file that you have: ``--set weights=vgg16.pth``. Pictures: ``--set data.content=photo.jpg`` and
``--set data.style=painting.jpg``.

Gatys, Ecker and Bethge, "Image style transfer using convolutional neural networks" (2016). Deep
Learning lecture notes, day 1: Mona Lisa as Picasso, van Gogh and Monet would have painted her.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
import optim
from autograd.utils.data import DataLoader
from models import datasets
from models.datasets.photographs import landscapes, photograph
from models.training.loop import Totals
from models.training.recipe import Recipe, classify
from models.training.run import Run
from models.vgg import VGG, vgg16
from models.weights import load_weights

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet's pixels


class Eye(nn.Module):
    """The features of a VGG: what comes out of the first rectifier of each of its blocks.

    Parameters
    ----------
    network : VGG
        For images of three channels, normalised as ImageNet's are. Its weights are left alone.
    blocks : int, default 4

    Examples
    --------
    >>> import autograd as ag, models
    >>> from models.style import Eye
    >>> eye = Eye(models.vgg11(small=True), blocks=3)
    >>> [features.shape for features in eye(ag.zeros(1, 3, 32, 32))]
    [(1, 16, 32, 32), (1, 32, 16, 16), (1, 64, 8, 8)]
    """

    def __init__(self, network: VGG, blocks: int = 4):
        super().__init__()
        self.network = network.eval().requires_grad_(False)
        layers = list(network.features)
        starts = [0, *(i + 1 for i, m in enumerate(layers) if isinstance(m, nn.MaxPool2d))]
        rectifiers = [i for i, m in enumerate(layers) if isinstance(m, nn.ReLU)]
        self.taps = [next(r for r in rectifiers if r > start) for start in starts[:blocks]]

    def forward(self, x) -> list:
        x = normalised(x)
        seen = []
        for i, layer in enumerate(self.network.features):
            x = layer(x)
            if i in self.taps:
                seen.append(x)
            if i == self.taps[-1]:
                break
        return seen


def style_eye(blocks: int = 3) -> Eye:
    """Make an `Eye` of a small VGG of 11 layers, which has yet to learn.

    Examples
    --------
    >>> import models
    >>> models.style_eye(blocks=2).taps
    [2, 6]
    """
    return Eye(VGG(11, True, num_classes=10, small=True), blocks)


def normalised(x):
    """Pixels between 0 and 1 as VGG wants them."""
    mean, deviation = (ag.tensor(v, dtype=x.dtype).reshape(3, 1, 1) for v in (MEAN, DEVIATION))
    return (x - mean) / deviation


def gram(features):
    """``F F' / (height width)``: (1, channels, height, width) -> (channels, channels).

    Examples
    --------
    >>> import autograd as ag
    >>> from models.style import gram
    >>> gram(ag.tensor([[[[1.0, 1.0]], [[0.0, 2.0]]]]))
    tensor([[1., 1.],
            [1., 2.]], shape=(2, 2))
    """
    rows = features.flatten(2).squeeze(0)
    return rows @ rows.T / rows.shape[1]


def distance(x, reference):
    """How far from a reference, as a part of its own size: ``|x - r|^2 / |r|^2``."""
    return ((x - reference) ** 2).sum() / (reference**2).sum()


def style_distance(seen: list, grams: list):
    """The mean distance of the Gram matrices of all layers."""
    return sum(distance(gram(f), g) for f, g in zip(seen, grams, strict=True)) / len(grams)


def roughness(x):
    """The mean squared difference of neighbouring pixels."""
    down, right = x[:, :, 1:] - x[:, :, :-1], x[..., 1:] - x[..., :-1]
    return (down**2).mean() + (right**2).mean()


def transfer(eye: Eye, content, style, steps: int, weights=(1.0, 10.0, 5.0), watch=None):
    """Paint `content` in the manner of `style`.

    Parameters
    ----------
    eye : Eye
    content, style : Tensor of shape (1, 3, height, width)
        Pixels between 0 and 1; they may differ in size.
    steps : int
        Steps of L-BFGS, of up to ten evaluations each.
    weights : (content, style, smooth)
    watch : callable, optional
        ``watch(step, loss)`` is called after each step.

    Returns
    -------
    Tensor like `content`

    Examples
    --------
    >>> import autograd as ag, models
    >>> from models.style import Eye, transfer
    >>> eye = Eye(models.vgg11(small=True), blocks=2)
    >>> picture = transfer(eye, ag.rand(1, 3, 16, 16), ag.rand(1, 3, 16, 16), steps=1)
    >>> picture.shape, 0 <= picture.min().item() <= picture.max().item() <= 1
    ((1, 3, 16, 16), True)
    """
    with ag.no_grad():
        wanted, grams = eye(content)[-1], [gram(f) for f in eye(style)]
    x = nn.Parameter(content.clone())
    optimizer = optim.LBFGS([x], max_iter=10, history_size=20, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        seen = eye(x)
        terms = distance(seen[-1], wanted), style_distance(seen, grams), roughness(x)
        loss = sum(w * term for w, term in zip(weights, terms, strict=True))
        loss.backward()
        return loss

    for step in range(steps):
        loss = optimizer.step(closure)
        if watch is not None:
            watch(step, loss.item())
    return x.detach().clamp(0, 1)


# -- pictures --------------------------------------------------------------------------------------


def swirls(size: int) -> np.ndarray:
    """A painting of sorts: strokes of blue, white and yellow that turn round two centres.

    Examples
    --------
    >>> from models.style import swirls
    >>> swirls(32).shape
    (3, 32, 32)
    """
    y, x = np.mgrid[:size, :size] / 64
    turn = sum(np.hypot(x - a * size / 64, y - b * size / 64) for a, b in ((0.3, 0.3), (0.8, 0.7)))
    stroke = np.sin(30 * turn + 2 * np.sin(9 * x) + 2 * np.sin(7 * y))[..., None]
    light = np.sin(5 * turn + 4 * x)[..., None]
    blue, white, yellow = np.array([[0.1, 0.2, 0.55], [0.75, 0.85, 0.95], [0.95, 0.75, 0.2]])
    bright = np.where(light > 0.3, yellow, white)
    part = (stroke + 1) / 2
    return ((1 - part) * blue + part * bright).transpose(2, 0, 1).astype(np.float32)


def picture(name: str, size: int) -> ag.Tensor:
    """A landscape, swirls, or a photo (then every so many pixels of it): (1, 3, height, width)."""
    if name == "landscape":
        pixels = landscapes(1, size, np.random.default_rng(3))[0]
    elif name == "swirls":
        pixels = swirls(size)
    else:
        pixels = photograph(name)
        step = max(1, min(pixels.shape[1:]) // size)
        rows, columns = (n - n % step for n in pixels.shape[1:])
        blocks = pixels[:, :rows, :columns].reshape(3, rows // step, step, columns // step, step)
        pixels = blocks.mean((2, 4))
    return ag.tensor(np.ascontiguousarray(pixels[None]))


def network(run: Run) -> VGG:
    """VGG-16 with the weights of a file; or a small VGG that learns to read coloured digits."""
    if run.settings["weights"]:
        model = vgg16(init_weights=False)
        load_weights(model, run.settings["weights"])
        return model
    model = VGG(11, True, num_classes=10, small=True)
    random = np.random.default_rng(run.seed)
    loader = DataLoader(datasets.digits(True, 32, normalise=False), 64, shuffle=True)
    optimizer = optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(run.settings["epochs"]):
        totals = Totals()
        for images, labels in loader:
            paper, ink = random.random((2, len(images), 3, 1, 1), dtype=np.float32)
            colored = ag.tensor(paper + (ink - paper) * images.array)
            loss, metrics = classify(model, (normalised(colored), labels))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            totals.add(len(images), loss.item(), metrics)
        run.log({"learning to see": epoch + 1, **totals.means()})
    return model


def fit(run: Run) -> tuple[Eye, dict[str, float]]:
    """Learn to see, paint, and measure how near the picture is to both of its models."""
    settings = run.settings
    content, style = (
        picture(settings[f"data.{part}"], settings["data.size"]) for part in ("content", "style")
    )
    eye = Eye(network(run), settings["model.blocks"])
    weights = tuple(settings[f"weight.{part}"] for part in ("content", "style", "smooth"))

    def watch(step: int, loss: float) -> None:
        run.log({"step": step + 1, "loss": loss})

    painted = transfer(eye, content, style, settings["steps"], weights, watch)
    pictures = {"content": content, "style": style, "painted": painted}
    run.draw("painted", lambda figure: plot(figure, pictures), (9.0, 3.2))
    results = measured(eye, **pictures)
    return eye, {**results, "far": max(results.values())}


def measured(eye: Eye, content, style, painted) -> dict[str, float]:
    """How far the painted picture still is from both: 1 is as far as they are from each other."""
    rows, columns = (min(sizes) for sizes in zip(content.shape[2:], style.shape[2:], strict=True))

    def forms(x):
        return eye(x[..., :rows, :columns])[-1]

    with ag.no_grad():
        grams = [gram(f) for f in eye(style)]
        manner = [style_distance(eye(x), grams).item() for x in (painted, content)]
        places = [distance(forms(x), forms(content)).item() for x in (painted, style)]
    return {"style": manner[0] / manner[1], "content": places[0] / places[1]}


def plot(figure, pictures) -> None:
    """The three pictures side by side."""
    for axes, (title, x) in zip(figure.subplots(1, 3), pictures.items(), strict=True):
        axes.imshow(x.numpy()[0].transpose(1, 2, 0))
        axes.set_title(title)
        axes.axis("off")


RECIPE = Recipe(
    name="style",
    summary="style (2016): a landscape painted in the manner of another picture",
    build=style_eye,
    fit=fit,
    documents="001",
    paper="Gatys, Ecker, Bethge 2016",
    metric="far",
    higher_is_better=False,
    bar=0.5,
    seconds=60,
    options={
        "epochs": 5,
        "steps": 15,
        "model.blocks": 3,
        "weights": "",
        "weight.content": 1.0,
        "weight.style": 10.0,
        "weight.smooth": 5.0,
        "data.content": "landscape",
        "data.style": "swirls",
        "data.size": 96,
    },
    quick={"epochs": 2, "steps": 4, "data.size": 48},
    quick_bar=0.8,
)
