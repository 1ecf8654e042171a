"""ResNet: layers that add to what is there, so that a hundred of them can be trained.

Deeper plain networks are not only harder to train, they end worse even on the training images:
they degrade, for a stack of layers does not easily learn to do nothing. A residual block learns
the difference instead, ``x_{l+1} = x_l + F(x_l)``: doing nothing is ``F = 0``. Unrolled,
``x_L = x_l + sum F(x_i)``, and so the gradient at any block is that at the end, unchanged, plus
what comes through the blocks between: it cannot vanish on the way. There is no pooling inside the
blocks, and all filters are small.

He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (2015), under torchvision's
names; the stride of a bottleneck is at its 3 x 3 filters. Deep Learning lecture notes, day 1:
winner of ImageNet's competition of 2015, top-5 error of 3.57 %, 152 layers; Machine Learning,
chapter 7, residual networks.
"""

from __future__ import annotations

import nn
from models import datasets
from models.training import show
from models.training.recipe import Recipe
from nn.norm_relu import norm_relu

# The kind of block and how many of them each of the four stages has.
DEPTHS = {
    18: ("basic", (2, 2, 2, 2)),
    34: ("basic", (3, 4, 6, 3)),
    50: ("bottleneck", (3, 4, 6, 3)),
    101: ("bottleneck", (3, 4, 23, 3)),
    152: ("bottleneck", (3, 8, 36, 3)),
}


def conv(before: int, after: int, kernel_size: int, stride: int = 1) -> nn.Conv2d:
    """Filters without a bias (the normalisation that follows has one) that keep the size."""
    return nn.Conv2d(before, after, kernel_size, stride, padding=kernel_size // 2, bias=False)


class BasicBlock(nn.Module):
    """Two layers of 3 x 3 filters, added to their input."""

    expansion = 1

    def __init__(self, before: int, width: int, stride: int = 1, downsample=None):
        super().__init__()
        self.conv1, self.bn1 = conv(before, width, 3, stride), nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2, self.bn2 = conv(width, width, 3), nn.BatchNorm2d(width)
        self.downsample = downsample

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        x = norm_relu(self.bn1, self.relu, self.conv1(x))
        return norm_relu(self.bn2, self.relu, self.conv2(x), identity)


class Bottleneck(nn.Module):
    """3 x 3 filters on few channels, between layers of one pixel that shrink and widen them."""

    expansion = 4

    def __init__(self, before: int, width: int, stride: int = 1, downsample=None):
        super().__init__()
        after = width * self.expansion
        self.conv1, self.bn1 = conv(before, width, 1), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3, stride), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = conv(width, after, 1), nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        x = norm_relu(self.bn1, self.relu, self.conv1(x))
        x = norm_relu(self.bn2, self.relu, self.conv2(x))
        return norm_relu(self.bn3, self.relu, self.conv3(x), identity)


class ResNet(nn.Module):
    """Classify images of shape (batch, 3, 224, 224).

    Parameters
    ----------
    depth : {18, 34, 50, 101, 152}
    num_classes : int, default 1000
    zero_init_residual : bool, default False
        Begin with blocks that do nothing: the last normalisation of each scales by zero.
    in_channels : int, default 3
    width : int, default 64
        Channels of the first stage; each later one has twice as many.
    small : bool, default False
        For images of 32 pixels: 3 x 3 filters first, without stride and pooling.

    Raises
    ------
    ValueError
        If there is no ResNet of that depth.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.ResNet(18, num_classes=10, in_channels=1, width=8, small=True)
    >>> model(ag.zeros(2, 1, 32, 32)).shape
    (2, 10)
    """

    def __init__(
        self,
        depth: int,
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        *,
        in_channels: int = 3,
        width: int = 64,
        small: bool = False,
    ):
        super().__init__()
        if depth not in DEPTHS:
            known = ", ".join(map(str, DEPTHS))
            raise ValueError(f"a ResNet has {known} layers with weights, got depth={depth}")
        kind, counts = DEPTHS[depth]
        block = BasicBlock if kind == "basic" else Bottleneck
        self.conv1 = conv(in_channels, width, *((3, 1) if small else (7, 2)))
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.Identity() if small else nn.MaxPool2d(3, stride=2, padding=1)
        channels = width
        for stage, count in enumerate(counts):
            wide, stride = width << stage, 1 if stage == 0 else 2
            self.add_module(f"layer{stage + 1}", _stage(block, channels, wide, count, stride))
            channels = wide * block.expansion
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(channels, num_classes)
        self.apply(_draw)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, (BasicBlock, Bottleneck)):
                    last = module.bn2 if isinstance(module, BasicBlock) else module.bn3
                    assert last.weight is not None
                    nn.init.zeros_(last.weight)

    def forward(self, x):
        x = self.maxpool(norm_relu(self.bn1, self.relu, self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def _stage(block, before: int, width: int, count: int, stride: int) -> nn.Sequential:
    """Blocks of one width; the first may halve the image, and then changes its shortcut too."""
    after, downsample = width * block.expansion, None
    if stride != 1 or before != after:
        downsample = nn.Sequential(conv(before, after, 1, stride), nn.BatchNorm2d(after))
    first = block(before, width, stride, downsample)
    return nn.Sequential(first, *(block(after, width) for _ in range(count - 1)))


def _draw(module: nn.Module) -> None:
    """The initial weights of one layer: He's rule, for rectifiers."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def resnet18(**settings) -> ResNet:
    """Make a `ResNet` of 18 layers (11,689,512 parameters).

    Examples
    --------
    >>> import models
    >>> models.resnet18(num_classes=2, width=8).fc.in_features
    64
    """
    return ResNet(18, **settings)


def resnet34(**settings) -> ResNet:
    """Make a `ResNet` of 34 layers (21,797,672 parameters)."""
    return ResNet(34, **settings)


def resnet50(**settings) -> ResNet:
    """Make a `ResNet` of 50 layers (25,557,032 parameters)."""
    return ResNet(50, **settings)


def resnet101(**settings) -> ResNet:
    """Make a `ResNet` of 101 layers (44,549,160 parameters)."""
    return ResNet(101, **settings)


def resnet152(**settings) -> ResNet:
    """Make a `ResNet` of 152 layers (60,192,808 parameters)."""
    return ResNet(152, **settings)


RECIPE = Recipe(
    name="resnet",
    summary="ResNet (2015), of 18 layers, made small for digits",
    build=ResNet,
    data=datasets.images,
    show=show.classifier,
    documents="000, 001, 003",
    paper="He, Zhang, Ren, Sun 2015",
    epochs=15,
    batch_size=64,
    options={
        "optim.lr": 2e-3,
        "model.depth": 18,
        "model.num_classes": 10,
        "model.in_channels": 1,
        "model.width": 16,
        "model.small": True,
        "data.name": "digits",
        "data.size": 32,
        "data.root": None,
    },
    bar=0.985,
    seconds=90,
    quick={"epochs": 2, "model.width": 8},
    quick_bar=0.9,
)
