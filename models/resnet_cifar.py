"""Thousand-layer ResNet: how deep can it go?

The family of residual networks for images of 32 pixels has ``6 n + 2`` layers: three stages of n
blocks, with 16, 32 and 64 channels, of two layers each. Where a stage halves the image, its
shortcut takes every second pixel and adds channels of zeros, so that no weight lies on the path
from the end to the beginning. n = 200 makes 1202 layers, which train without trouble: what limits
the depth is memory, for every layer's activations wait for the way back. So the blocks are grouped
into about sqrt(blocks) segments; a segment keeps only its input and computes the rest again when
its turn comes (Chen et al. 2016), which takes a third more time and O(sqrt(depth)) memory.

At first every block adds something of the size of its input, so six hundred of them make the scores
large and the first steps wild. `residual_scale` is what the last normalisation of each block begins
with: at 0 the network starts as if it had no blocks (Goyal et al. 2017, "Accurate, large minibatch
SGD", section 5.1), at 1 / sqrt(blocks) all of them together add about as much as the image itself.

He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (2015), section 4.2. Deep
Learning lecture notes, day 1: SenseTime's network of 1207 layers; Machine Learning, chapter 7,
residual networks "a thousand layers deep".
"""

from __future__ import annotations

import math

import nn
import optim
from autograd.utils.data import DataLoader
from models import datasets
from models.resnet import conv
from models.training.recipe import Recipe, classify, section
from models.training.run import Run
from nn import functional as F
from nn.norm_relu import norm_relu
from nn.utils.checkpoint import checkpoint_sequential

WIDTHS = (16, 32, 64)


class Shortcut(nn.Module):
    """Every `stride`-th pixel, and zeros for the channels that are new."""

    def __init__(self, before: int, after: int, stride: int):
        super().__init__()
        self.new, self.stride = after - before, stride

    def forward(self, x):
        return F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, self.new))


class Block(nn.Module):
    """Two layers of 3 x 3 filters, added to their input."""

    def __init__(self, before: int, width: int, stride: int = 1):
        super().__init__()
        self.conv1, self.bn1 = conv(before, width, 3, stride), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = conv(width, width, 3), nn.BatchNorm2d(width)
        plain = stride == 1 and before == width
        self.shortcut = nn.Identity() if plain else Shortcut(before, width, stride)

    def forward(self, x):
        y = norm_relu(self.bn1, F.relu, self.conv1(x))
        return norm_relu(self.bn2, F.relu, self.conv2(y), self.shortcut(x))


class CifarResNet(nn.Module):
    """Classify images of shape (batch, in_channels, 32, 32).

    Parameters
    ----------
    depth : int
        ``6 n + 2`` layers with weights: 20, 32, 44, 56, 110, 1202.
    num_classes : int, default 10
    in_channels : int, default 3
    checkpoint : bool, default False
        Keep O(sqrt(depth)) activations in training and compute the others again.
    residual_scale : float, default 1.0
        What the scale of each block's last normalisation begins with.

    Raises
    ------
    ValueError
        If the depth is not ``6 n + 2``.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.CifarResNet(20)(ag.zeros(2, 3, 32, 32)).shape
    (2, 10)
    """

    def __init__(
        self,
        depth: int,
        num_classes: int = 10,
        *,
        in_channels: int = 3,
        checkpoint: bool = False,
        residual_scale: float = 1.0,
    ):
        super().__init__()
        count, rest = divmod(depth - 2, 6)
        if count < 1 or rest:
            raise ValueError(f"depth expected 6 n + 2 layers (20, 56, 110, 1202 ...), got {depth}")
        self.checkpoint = checkpoint
        self.conv1, self.bn1 = conv(in_channels, WIDTHS[0], 3), nn.BatchNorm2d(WIDTHS[0])
        blocks, before = [], WIDTHS[0]
        for stage, width in enumerate(WIDTHS):
            for i in range(count):
                blocks.append(Block(before, width, 2 if stage and i == 0 else 1))
                before = width
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(before, num_classes)
        self.apply(_draw)
        for block in self.blocks:
            nn.init.constant_(block.bn2.weight, residual_scale)

    def forward(self, x):
        x = norm_relu(self.bn1, F.relu, self.conv1(x))
        if self.checkpoint and self.training:
            x = checkpoint_sequential(self.blocks, round(math.sqrt(len(self.blocks))), x)
        else:
            x = self.blocks(x)
        return self.fc(x.mean((2, 3)))


def _draw(module: nn.Module) -> None:
    """The initial weights of one layer: He's rule, for rectifiers."""
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.kaiming_normal_(module.weight)


def resnet20(**settings) -> CifarResNet:
    """Make a `CifarResNet` of 20 layers (269,722 parameters).

    Examples
    --------
    >>> import models
    >>> sum(p.numel() for p in models.resnet20().parameters())
    269722
    """
    return CifarResNet(20, **settings)


def resnet56(**settings) -> CifarResNet:
    """Make a `CifarResNet` of 56 layers."""
    return CifarResNet(56, **settings)


def resnet110(**settings) -> CifarResNet:
    """Make a `CifarResNet` of 110 layers."""
    return CifarResNet(110, **settings)


def resnet1202(**settings) -> CifarResNet:
    """Make a `CifarResNet` of 1202 layers.

    It recomputes activations, and its 600 blocks begin gently, unless told otherwise.
    """
    return CifarResNet(1202, **{"checkpoint": True, "residual_scale": 600**-0.5, **settings})


def fit(run: Run) -> tuple[CifarResNet, dict[str, float]]:
    """Take some steps and see whether the loss falls."""
    settings = run.settings
    model = CifarResNet(**section(settings, "model"))
    optimizer = optim.Adam(model.parameters(), **section(settings, "optim"))
    loader = DataLoader(datasets.images(True, size=32), settings["batch_size"], shuffle=True)
    losses: list[float] = []
    batches = iter(loader)
    for step in range(settings["steps"]):
        loss, _ = classify(model, next(batches))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        run.log({"step": step + 1, "train_loss": losses[-1], "seconds": round(run.seconds, 1)})
    third = max(1, len(losses) // 3)
    start, end = (sum(part) / third for part in (losses[:third], losses[-third:]))
    return model, {"fall": end / start, "first_loss": start, "last_loss": end}


RECIPE = Recipe(
    name="resnet1202",
    summary="ResNet of 1202 layers: 20 steps in O(sqrt(depth)) memory",
    build=CifarResNet,
    documents="001, 003",
    paper="He, Zhang, Ren, Sun 2015; Chen et al. 2016",
    fit=fit,
    metric="fall",
    higher_is_better=False,
    options={
        "steps": 20,
        "batch_size": 16,
        "model.depth": 1202,
        "model.num_classes": 10,
        "model.in_channels": 1,
        "model.checkpoint": True,
        "model.residual_scale": 600**-0.5,
        "optim.lr": 1e-3,
    },
    bar=0.9,
    seconds=300,
    quick={"model.depth": 20, "model.residual_scale": 0.3, "optim.lr": 3e-3, "steps": 12},
    quick_bar=0.9,
)
