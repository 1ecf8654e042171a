"""AlexNet: the network that made depth win.

Eight layers with weights, five of filters and three fully connected. What made them trainable in
2012: rectifiers, which do not saturate, instead of tanh; dropout before the large layers, which
otherwise learn the training images by heart; augmented images; and two graphics cards. Large
filters with a stride look first, 11 x 11 and then 5 x 5, small ones follow, and three overlapping
poolings shrink the image from 224 pixels to 6.

Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks"
(2012), in the form of Krizhevsky, "One weird trick for parallelizing convolutional neural networks"
(2014), whose names and sizes torchvision has as well: 61,100,840 parameters. The first paper's
normalisation of neighbouring channels is an option. Deep Learning lecture notes, day 1: top-5 error
of 16.4 % in ImageNet's competition, 8 layers.
"""

from __future__ import annotations

import nn
from models import datasets
from models.image_size import expect_images
from models.training import show
from models.training.recipe import Recipe


class AlexNet(nn.Module):
    """Classify images of shape (batch, 3, 224, 224).

    Parameters
    ----------
    num_classes : int, default 1000
    dropout : float, default 0.5
    in_channels : int, default 3
    small : bool, default False
        For images of 32 pixels: the first filters look at 5 x 5 pixels without a stride, all layers
        have a quarter of the channels, and the fully connected ones 256 units.
    local_response_norm : bool, default False
        Divide each channel by the activity of its neighbours after the first two layers, as the
        paper of 2012 did (section 3.3).

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.AlexNet(num_classes=10, in_channels=1, small=True)(ag.zeros(2, 1, 32, 32)).shape
    (2, 10)
    """

    def __init__(
        self,
        num_classes: int = 1000,
        dropout: float = 0.5,
        *,
        in_channels: int = 3,
        small: bool = False,
        local_response_norm: bool = False,
    ):
        super().__init__()
        self.channels, self.smallest = in_channels, 15 if small else 63
        a, b, c, d = (16, 48, 96, 64) if small else (64, 192, 384, 256)
        side, hidden = (3, 256) if small else (6, 4096)
        kernel_size, stride = (5, 1) if small else (11, 4)

        def rectifier():
            relu = nn.ReLU(inplace=True)
            if not local_response_norm:
                return relu
            return nn.Sequential(relu, nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0))

        self.features = nn.Sequential(  #                                    pixels of 224, of 32
            nn.Conv2d(in_channels, a, kernel_size, stride, padding=2), rectifier(),
            nn.MaxPool2d(3, 2),  #                                                   27  15
            nn.Conv2d(a, b, 5, padding=2), rectifier(), nn.MaxPool2d(3, 2),  #          13   7
            nn.Conv2d(b, c, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(c, d, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(d, d, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),  # 6   3
        )  # fmt: skip
        self.avgpool = nn.AdaptiveAvgPool2d((side, side))
        self.classifier = nn.Sequential(
            nn.Dropout(dropout), nn.Linear(d * side * side, hidden), nn.ReLU(inplace=True),
            nn.Dropout(dropout), nn.Linear(hidden, hidden), nn.ReLU(inplace=True),
            nn.Linear(hidden, num_classes),
        )  # fmt: skip

    def forward(self, x):
        hint = "resize them, or make the network with small=True for images of 32 pixels"
        expect_images(x, self.channels, self.smallest, hint)
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def alexnet(**settings) -> AlexNet:
    """Make an `AlexNet`.

    Examples
    --------
    >>> import models
    >>> models.alexnet(num_classes=2, small=True).classifier[6].out_features
    2
    """
    return AlexNet(**settings)


RECIPE = Recipe(
    name="alexnet",
    summary="AlexNet (2012), its eight layers made small for digits",
    build=alexnet,
    data=datasets.images,
    show=show.classifier,
    documents="001",
    paper="Krizhevsky, Sutskever, Hinton 2012",
    epochs=25,
    batch_size=64,
    options={
        "optim.lr": 1e-3,
        "model.num_classes": 10,
        "model.in_channels": 1,
        "model.small": True,
        "model.local_response_norm": False,
        "data.name": "digits",
        "data.size": 32,
        "data.root": None,
    },
    bar=0.97,
    seconds=60,
    quick={"epochs": 9},
    quick_bar=0.9,
)
