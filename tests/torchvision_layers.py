"""What torchvision's networks consist of, read from torchvision_layers.txt."""

from __future__ import annotations

from math import prod
from pathlib import Path

import nn

NORM = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
Shapes = dict[str, tuple[int, ...]]

# Networks that the file does not list: the number of parameters that torchvision's pages give.
MORE_PARAMETERS = {"vgg13_bn": 133_053_736, "vgg19_bn": 143_678_248, "resnet152": 60_192_808}


def read() -> dict[str, tuple[int, Shapes]]:
    """The number of parameters of each network, and the shapes in its state dict."""
    networks: dict[str, tuple[int, Shapes]] = {}
    shapes: Shapes = {}
    for line in Path(__file__).with_suffix(".txt").read_text().splitlines():
        words = line.split()
        if line.startswith("  "):
            shapes |= layer(*words)
        elif words and words[0] != "#":
            shapes = {}
            networks[words[0]] = int(words[1]), shapes
    return networks


def layer(name: str, kind: str, count: str | None = None) -> Shapes:
    """The shapes of one layer, as a line of the file says."""
    if kind == "norm":
        assert count is not None
        return {f"{name}.{key}": () if key == NORM[-1] else (int(count),) for key in NORM}
    weight = {f"{name}.weight": tuple(map(int, kind.split("x")))}
    return weight if count is None else {**weight, f"{name}.bias": (int(count),)}


def parameters(shapes: Shapes) -> int:
    """How many numbers are learned."""
    return sum(prod(s) for key, s in shapes.items() if key.rpartition(".")[2] in NORM[:2])


def leave_undrawn(monkeypatch) -> None:
    """Let networks begin with zeros: to draw 138 million numbers takes seconds."""
    for name in ("uniform_", "normal_", "kaiming_uniform_", "kaiming_normal_", "trunc_normal_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *args, **options: nn.init.zeros_(tensor))
