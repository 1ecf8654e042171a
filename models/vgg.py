"""VGG: nothing but small filters, and many of them.

Two filters of 3 x 3 pixels one after the other see as much as one of 5 x 5, with fewer weights and
a rectifier more between them. So all filters here are the smallest that know left from right; each
of five blocks ends by halving the image, and the next has twice the channels. What is left to
choose is the depth: 11, 13, 16 or 19 layers with weights. Batch normalisation, which came a year
later, makes the deep ones easy to train.

Simonyan and Zisserman, "Very deep convolutional networks for large-scale image recognition" (2014),
table 1, columns A, B, D and E, under torchvision's names. Deep Learning lecture notes, day 1:
second in ImageNet's competition of 2014, top-5 error of 7.3 %, 19 layers.
"""

from __future__ import annotations

from itertools import chain

import nn
from models import datasets
from models.image_size import expect_images
from models.training import show
from models.training.recipe import Recipe

# How many layers of filters each of the five blocks has.
BLOCKS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)


class VGG(nn.Module):
    """Classify images of shape (batch, 3, 224, 224).

    Parameters
    ----------
    depth : {11, 13, 16, 19}
    batch_norm : bool, default False
        Normalise after every layer of filters.
    num_classes : int, default 1000
    dropout : float, default 0.5
    init_weights : bool, default True
        Draw filters by He's rule and the fully connected layers from N(0, 0.01).
    in_channels : int, default 3
    small : bool, default False
        For images of 32 pixels: a quarter of the channels, and 128 units in the head.

    Raises
    ------
    ValueError
        If there is no VGG of that depth.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.VGG(11, num_classes=10, in_channels=1, small=True)(ag.zeros(2, 1, 32, 32)).shape
    (2, 10)
    """

    def __init__(
        self,
        depth: int,
        batch_norm: bool = False,
        num_classes: int = 1000,
        dropout: float = 0.5,
        init_weights: bool = True,
        *,
        in_channels: int = 3,
        small: bool = False,
    ):
        super().__init__()
        self.channels = in_channels
        if depth not in BLOCKS:
            raise ValueError(f"a VGG has 11, 13, 16 or 19 layers with weights, got depth={depth}")
        widths = [w // 4 for w in WIDTHS] if small else WIDTHS
        side, hidden = (1, 128) if small else (7, 4096)
        befores = (in_channels, *widths[:-1])
        blocks = zip(befores, widths, BLOCKS[depth], strict=True)
        self.features = nn.Sequential(
            *chain.from_iterable(_block(*sizes, batch_norm) for sizes in blocks)
        )
        self.avgpool = nn.AdaptiveAvgPool2d((side, side))
        self.classifier = nn.Sequential(
            nn.Linear(widths[-1] * side * side, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(hidden, hidden), nn.ReLU(inplace=True), nn.Dropout(dropout),
            nn.Linear(hidden, num_classes),
        )  # fmt: skip
        if init_weights:  # N(0, 0.01) is for 4096 units: of few units it would make next to nothing
            (self.features if small else self).apply(_draw)

    def forward(self, x):
        expect_images(x, self.channels, 2 ** len(WIDTHS), "each of the five blocks halves them")
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _block(before: int, width: int, count: int, batch_norm: bool) -> list[nn.Module]:
    """`count` layers of filters, then half the pixels."""
    layers: list[nn.Module] = []
    for channels in (before, *[width] * (count - 1)):
        layers.append(nn.Conv2d(channels, width, 3, padding=1))
        layers += [nn.BatchNorm2d(width)] if batch_norm else []
        layers.append(nn.ReLU(inplace=True))
    return [*layers, nn.MaxPool2d(2)]


def _draw(module: nn.Module) -> None:
    """The initial weights of one layer."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
    else:
        return
    assert module.bias is not None
    nn.init.zeros_(module.bias)


def vgg11(**settings) -> VGG:
    """Make a `VGG` of 11 layers (132,863,336 parameters).

    Examples
    --------
    >>> import models
    >>> len(models.vgg11(small=True).features)
    21
    """
    return VGG(11, **settings)


def vgg13(**settings) -> VGG:
    """Make a `VGG` of 13 layers (133,047,848 parameters)."""
    return VGG(13, **settings)


def vgg16(**settings) -> VGG:
    """Make a `VGG` of 16 layers (138,357,544 parameters)."""
    return VGG(16, **settings)


def vgg19(**settings) -> VGG:
    """Make a `VGG` of 19 layers (143,667,240 parameters)."""
    return VGG(19, **settings)


def vgg11_bn(**settings) -> VGG:
    """Make a `VGG` of 11 layers with batch normalisation (132,868,840 parameters)."""
    return VGG(11, True, **settings)


def vgg13_bn(**settings) -> VGG:
    """Make a `VGG` of 13 layers with batch normalisation (133,053,736 parameters)."""
    return VGG(13, True, **settings)


def vgg16_bn(**settings) -> VGG:
    """Make a `VGG` of 16 layers with batch normalisation (138,365,992 parameters)."""
    return VGG(16, True, **settings)


def vgg19_bn(**settings) -> VGG:
    """Make a `VGG` of 19 layers with batch normalisation (143,678,248 parameters)."""
    return VGG(19, True, **settings)


RECIPE = Recipe(
    name="vgg",
    summary="VGG (2014), of 16 layers, made small for digits",
    build=VGG,
    data=datasets.images,
    show=show.classifier,
    documents="001",
    paper="Simonyan, Zisserman 2014",
    epochs=20,
    batch_size=64,
    options={
        "optim.lr": 1e-3,
        "model.depth": 16,
        "model.batch_norm": True,
        "model.num_classes": 10,
        "model.in_channels": 1,
        "model.small": True,
        "data.name": "digits",
        "data.size": 32,
        "data.root": None,
    },
    bar=0.98,
    seconds=90,
    quick={"epochs": 6, "model.depth": 11},
    quick_bar=0.9,
)
