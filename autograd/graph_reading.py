"""What a picture shows: the live graph as boxes and arrows, and which boxes are folded into one."""

from __future__ import annotations

import linecache
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from autograd.engine import reachable
from autograd.errors import GraphError
from autograd.node import Output
from autograd.tensor import Leaf, Tensor
from autograd.where import Place


def named_tensors(params) -> dict[str, Tensor]:
    """What pictures can name: a module's parameters, or what a dict of names holds."""
    if params is None:
        return {}
    if hasattr(params, "named_parameters"):
        params = dict(params.named_parameters())
    if not isinstance(params, Mapping):
        raise TypeError(f"params expected a module or a dict of names, got {type(params).__name__}")
    for name, tensor in params.items():
        if not isinstance(tensor, Tensor):
            raise TypeError(f"params[{name!r}] expected a Tensor, got {type(tensor).__name__}")
    return dict(params)


def expect_tensors(y, asking: str) -> tuple[Tensor, ...]:
    """`y` as a tuple of tensors, for the function of the name given."""
    tensors = tuple(y) if isinstance(y, (tuple, list)) else (y,)
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise TypeError(
                f"{asking} expected a tensor or a sequence of them, got {type(tensor).__name__}: "
                f"to {asking} a module, {asking} its output, as in "
                f"{asking}(model(x), params=model)"
            )
    return tensors


class Reading(NamedTuple):
    """A graph as it was found."""

    order: list  # ops and leaves, oldest first
    arrows: list  # (from, to) pairs of them, oldest first
    values: dict  # op or leaf -> {output number: (shape, dtype)}, as far as known
    paths: dict  # op or leaf -> path of the module it belongs to, () if none
    classes: dict  # path of a module -> its class name
    inputs: dict  # op -> the leaves it reads
    names: dict  # leaf that is a parameter -> its name


def read(tensors, named: Mapping[str, Tensor]) -> Reading:
    """Read the graph behind `tensors`."""
    given_names = {id(tensor): name for name, tensor in named.items()}
    roots = [tensor.node for tensor in tensors]
    found = reachable([root for root in roots if root is not None])
    for node in found:
        if node.parents is None:
            raise GraphError(
                f"the graph through {node.place()} was released by backward(): draw before it, or "
                "call backward(retain_graph=True)"
            )
    order = [node for node in found if type(node) is not Output]
    values: dict[Any, dict] = {node: {} for node in order}
    paths: dict[Any, tuple] = {}
    classes: dict[tuple, str] = {}
    arrows: list = []
    inputs: dict[Any, list] = {}
    users: dict[Any, list] = {}
    for node in order:
        if isinstance(node, Leaf):
            continue
        paths[node] = _path(node.layer, classes)
        for index, like in enumerate(node.outputs or ()):
            values[node][index] = like
        inputs[node] = []
        for parent, like in zip(node.parents, node.shapes, strict=True):
            source, index = origin(parent)
            values[source][index] = like
            arrows.append((source, node))
            if isinstance(source, Leaf):
                inputs[node].append(source)
                users.setdefault(source, []).append(paths[node])
    for tensor, root in zip(tensors, roots, strict=True):
        if root is not None:
            source, index = origin(root)
            values[source][index] = (tensor.shape, tensor.dtype)
    names: dict[Any, str] = {}
    for node in order:
        if isinstance(node, Leaf):
            tensor = node.tensor()
            name = given_names.get(id(tensor)) if tensor is not None else None
            if name or type(tensor).__name__ == "Parameter":
                names[node] = name or "parameter"
            # A parameter stands where all its uses are; other leaves stand outside all modules.
            uses = users.get(node, [()]) if node in names else [()]
            paths[node] = _common(uses)
    return Reading(order, arrows, values, paths, classes, inputs, names)


def origin(node) -> tuple:
    """The op or leaf behind a node, and which of its outputs is meant."""
    return (node.parents[0], node.index) if type(node) is Output else (node, 0)


def typed(shape, dtype) -> str:
    """``float32[2, 3]``: what a picture says of an array."""
    return f"{dtype}{list(shape)}"


def source_line(place: Place) -> tuple[str, str]:
    """``file:line`` with the file as seen from here, and what is written there."""
    file, _, line = str(place).rpartition(":")
    text = linecache.getline(file, int(line)).strip() if line.isdigit() else ""
    return f"{file.removeprefix(os.getcwd() + os.sep)}:{line}", text


def _path(layer: str | None, classes: dict) -> tuple[str, ...]:
    """``"Net.features.3 (Conv2d)"`` as a path; notes the class of the module at its end."""
    if not layer:
        return ()
    dotted, _, name = layer.partition(" (")
    path = tuple(dotted.split("."))
    if name:
        classes[path] = name.removesuffix(")")
    return path


def _common(paths: list[tuple]) -> tuple:
    """The longest path that all of these begin with."""
    shortest = min(paths, key=len)
    for end in range(len(shortest), 0, -1):
        if all(path[:end] == shortest[:end] for path in paths):
            return shortest[:end]
    return ()


class Folding:
    """Which box each op and leaf is shown in: its own, its module's, or that of all left out.

    A box is the op or leaf itself, the path of a folded module, or `REST`.
    """

    REST = "rest"

    def __init__(self, reading: Reading, depth: int | None, max_nodes: int):
        deepest = max((len(path) for path in reading.paths.values()), default=0)
        self.depth = deepest if depth is None else min(depth, deepest)
        self.boxes = self._boxes(reading)
        while len(set(self.boxes.values())) > max_nodes and self.depth > 0:
            self.depth -= 1
            self.boxes = self._boxes(reading)
        if len(set(self.boxes.values())) > max_nodes:
            self._cut(reading, max_nodes)
        self.members: dict[Any, list] = {}
        for node in reading.order:
            self.members.setdefault(self.boxes[node], []).append(node)

    def _boxes(self, reading: Reading) -> dict:
        depth = self.depth
        return {
            node: node if len(path := reading.paths[node]) <= depth else path[: depth + 1]
            for node in reading.order
        }

    def _cut(self, reading: Reading, max_nodes: int) -> None:
        """Keep the newest ops, each with its leaves, as far as the number of boxes allows."""
        shown: set = set()
        for node in reversed(reading.order):
            if isinstance(node, Leaf):
                continue
            more = {self.boxes[node], *(self.boxes[leaf] for leaf in reading.inputs[node])}
            if shown and len(shown | more) > max_nodes - 1:
                break
            shown |= more
        self.boxes = {n: box if box in shown else self.REST for n, box in self.boxes.items()}
