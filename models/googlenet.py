"""GoogLeNet: filters of several sizes side by side.

How large should a filter be? An inception block does not choose: it looks with 1 x 1, 3 x 3 and
wider filters and a pooling at once and joins what they found. Filters of one pixel before the wide
ones shrink the channels first, which is what makes 22 layers affordable: 7 million parameters
where AlexNet had 61. The depth is no obstacle to learning because two auxiliary classifiers, on
top of blocks in the middle, bring the error to the early layers during training; afterwards they
are of no use.

Szegedy et al., "Going deeper with convolutions" (2014), in torchvision's form and names: batch
normalised, the "5 x 5" branch of 3 x 3 filters, 13,004,888 parameters with both heads. Deep
Learning lecture notes, day 1: winner of ImageNet's competition of 2014, top-5 error of 6.7 %, 22
layers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import autograd as ag
import nn
from models import datasets
from models.image_size import expect_images
from models.training import show
from models.training.recipe import Recipe, graded
from nn import functional as F
from nn.norm_relu import norm_relu

# Of each block: channels of 1 x 1; before and after 3 x 3; before and after "5 x 5"; after pooling.
BLOCKS = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}


class GoogLeNetOutputs(NamedTuple):
    """What the network says in training: at its end, and at its two auxiliary heads."""

    logits: Any
    aux_logits2: Any
    aux_logits1: Any


class BasicConv2d(nn.Module):
    """Filters, batch normalisation, rectifier."""

    def __init__(self, before: int, after: int, kernel_size: int, **options):
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel_size, bias=False, **options)
        self.bn = nn.BatchNorm2d(after, eps=0.001)

    def forward(self, x):
        return norm_relu(self.bn, F.relu, self.conv(x))


class Inception(nn.Module):
    """Four ways of looking at the same pixels, joined along the channels."""

    def __init__(self, before: int, one, three_in, three, five_in, five, pooled):
        super().__init__()
        self.branch1 = BasicConv2d(before, one, 1)
        self.branch2 = nn.Sequential(
            BasicConv2d(before, three_in, 1), BasicConv2d(three_in, three, 3, padding=1)
        )
        self.branch3 = nn.Sequential(
            BasicConv2d(before, five_in, 1), BasicConv2d(five_in, five, 3, padding=1)
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=True), BasicConv2d(before, pooled, 1)
        )

    def forward(self, x):
        return ag.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """A classifier in the middle of the network."""

    def __init__(self, before: int, num_classes: int, dropout: float = 0.7):
        super().__init__()
        self.conv = BasicConv2d(before, 128, 1)
        self.fc1 = nn.Linear(128 * 4 * 4, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4))).flatten(1)
        return self.fc2(self.dropout(F.relu(self.fc1(x), inplace=True)))


class GoogLeNet(nn.Module):
    """Classify images of shape (batch, 3, 224, 224).

    In training with auxiliary heads the result is `GoogLeNetOutputs`, else a tensor.

    Parameters
    ----------
    num_classes : int, default 1000
    aux_logits : bool, default True
        Whether there are auxiliary heads.
    transform_input : bool, default False
        Take images normalised as ImageNet's are to the range -1 to 1 first.
    init_weights : bool, default True
        Draw filters and weights from N(0, 0.01), cut off at -2 and 2.
    dropout, dropout_aux : float
    in_channels : int, default 3
    small : bool, default False
        For images of 32 pixels: the first filters look at 3 x 3 pixels without a stride, and there
        is a quarter of the channels.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.GoogLeNet(num_classes=10, in_channels=1, small=True).eval()
    >>> model(ag.zeros(2, 1, 32, 32)).shape
    (2, 10)
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool = True,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
        *,
        in_channels: int = 3,
        small: bool = False,
    ):
        super().__init__()
        self.channels = in_channels
        self.aux_logits, self.transform_input = aux_logits, transform_input
        part = 4 if small else 1
        first = (3, 1, 1) if small else (7, 2, 3)  # kernel, stride, padding
        self.conv1 = BasicConv2d(
            in_channels, 64 // part, first[0], stride=first[1], padding=first[2]
        )
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = BasicConv2d(64 // part, 64 // part, 1)
        self.conv3 = BasicConv2d(64 // part, 192 // part, 3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        channels, at_head = 192 // part, {}
        for name, sizes in BLOCKS.items():
            if name == "inception4a":
                self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
            elif name == "inception5a":
                self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
            at_head[name] = channels
            one, three_in, three, five_in, five, pooled = (size // part for size in sizes)
            self.add_module(name, Inception(channels, one, three_in, three, five_in, five, pooled))
            channels = one + three + five + pooled
        self.aux1 = self.aux2 = None
        if aux_logits:
            self.aux1 = InceptionAux(at_head["inception4b"], num_classes, dropout_aux)
            self.aux2 = InceptionAux(at_head["inception4e"], num_classes, dropout_aux)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels, num_classes)
        if init_weights:
            self.apply(_draw)

    def forward(self, x):
        expect_images(x, self.channels, 15, "poolings shrink them to a sixteenth")
        if self.transform_input:
            x = _to_unit_range(x)
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        training = self.training and self.aux_logits
        early = self.aux1(x) if training and self.aux1 is not None else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        late = self.aux2(x) if training and self.aux2 is not None else None
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        x = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return GoogLeNetOutputs(x, late, early) if training else x


def _to_unit_range(x):
    """Undo ImageNet's mean and deviation; shift to mean 0.5 and deviation 0.5."""
    deviation = ag.tensor([0.229, 0.224, 0.225], dtype=x.dtype).reshape(3, 1, 1)
    mean = ag.tensor([0.485, 0.456, 0.406], dtype=x.dtype).reshape(3, 1, 1)
    return (x * deviation + mean - 0.5) / 0.5


def _draw(module: nn.Module) -> None:
    """The initial weights of one layer."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.trunc_normal_(module.weight, std=0.01, a=-2, b=2)


def googlenet(**settings) -> GoogLeNet:
    """Make a `GoogLeNet`.

    Examples
    --------
    >>> import models
    >>> models.googlenet(num_classes=2, small=True).fc.out_features
    2
    """
    return GoogLeNet(**settings)


def objective(model: GoogLeNet, batch):
    """Cross entropy; in training that of the auxiliary heads too, which count 0.3 each."""
    inputs, targets = batch
    outputs = model(inputs)
    if not isinstance(outputs, GoogLeNetOutputs):
        return graded(outputs, targets)
    loss, metrics = graded(outputs.logits, targets)
    heads = (F.cross_entropy(head, targets) for head in outputs[1:])
    return loss + 0.3 * sum(heads), metrics


RECIPE = Recipe(
    name="googlenet",
    summary="GoogLeNet (2014) with both auxiliary heads, made small for digits",
    build=googlenet,
    data=datasets.images,
    show=show.classifier,
    objective=objective,
    documents="001",
    paper="Szegedy et al. 2014",
    epochs=20,
    batch_size=64,
    options={
        "optim.lr": 2e-3,
        "model.num_classes": 10,
        "model.in_channels": 1,
        "model.small": True,
        "data.name": "digits",
        "data.size": 32,
        "data.root": None,
    },
    bar=0.98,
    seconds=90,
    quick={"epochs": 4},
    quick_bar=0.85,
)
