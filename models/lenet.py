"""LeNet-5: the convolutional network that read cheques.

A layer of learned filters slides over the image (so a stroke is found wherever it is), pooling
keeps the strongest answer of each neighbourhood (so a small shift changes nothing), and a second
such pair looks at what the first found; three fully connected layers then decide. Weights are
shared over the image, which is why so few of them are enough: 61,706.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86 (1998); Machine Learning lecture notes, convolutional networks. This is
the form the network has today: max pooling, every map of the second layer connected to all of the
first, a linear output trained by cross entropy. The paper averaged and scaled in place of the
maximum, connected the second layer by a sparse table, and compared its output to drawings of the
characters.
"""

from __future__ import annotations

import nn
from models import datasets
from models.image_size import expect_side
from models.training import show
from models.training.recipe import Recipe
from nn import functional as F


class LeNet5(nn.Module):
    """Classify images of shape (batch, 1, 32, 32) into `num_classes` classes.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.LeNet5()
    >>> model(ag.zeros(2, 1, 32, 32)).shape
    (2, 10)
    >>> sum(p.numel() for p in model.parameters())
    61706
    """

    def __init__(self, num_classes: int = 10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, x):
        expect_side(x, 1, 32)
        # x is                                                        (batch,  1, 32, 32)
        x = F.max_pool2d(F.tanh(self.conv1(x)), 2)  # 28, halved:     (batch,  6, 14, 14)
        x = F.max_pool2d(F.tanh(self.conv2(x)), 2)  # 10, halved:     (batch, 16,  5,  5)
        x = x.flatten(1)  #                                           (batch, 400)
        x = F.tanh(self.fc1(x))
        x = F.tanh(self.fc2(x))
        return self.fc3(x)


def lenet5(**settings) -> LeNet5:
    """Make a `LeNet5`.

    Examples
    --------
    >>> import models
    >>> models.lenet5(num_classes=2).fc3.out_features
    2
    """
    return LeNet5(**settings)


RECIPE = Recipe(
    name="lenet5",
    summary="LeNet-5 (1998) on handwritten digits",
    build=lenet5,
    data=datasets.images,
    epochs=15,
    batch_size=64,
    patience=5,
    options={
        "optim.lr": 2e-3,
        "model.num_classes": 10,
        "data.name": "digits",
        "data.size": 32,
        "data.root": None,
    },
    show=show.classifier,
    documents="001, 003, 004",
    paper="LeCun, Bottou, Bengio, Haffner 1998",
    bar=0.975,
    seconds=15,
    quick={"epochs": 2},
    quick_bar=0.85,
)
