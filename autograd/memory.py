"""What a graph keeps in memory until `backward`, by layer: where the memory of training goes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autograd.errors import GraphError
from autograd.graph_reading import read
from autograd.graph_values import SAVED, kept
from autograd.node import Node
from autograd.tensor import Tensor


class Kept(NamedTuple):
    """One line of a report: what the ops below a module keep."""

    path: str
    ops: int
    bytes: int


class MemoryReport(NamedTuple):
    """Bytes that wait for `backward`, with a table for people.

    Attributes
    ----------
    layers : list of Kept
        By the path of the module, in the order of the forward pass.
    saved : int
        Bytes of arrays that backward needs, each counted once. Parameters are not among them.
    parameters, gradients : int
        Bytes of the parameters the graph leads to, and of their gradients once there are any.
    """

    layers: list[Kept]
    saved: int
    parameters: int
    gradients: int

    def __str__(self) -> str:
        width = max((len(layer.path) for layer in self.layers), default=0)
        width = max(width, len("gradients"))
        lines = [f"{'layer':<{width}}  {'ops':>6}  {'saved':>10}"]
        lines += [f"{p:<{width}}  {ops:>6}  {_size(count):>10}" for p, ops, count in self.layers]
        totals = {"saved": self.saved, "parameters": self.parameters, "gradients": self.gradients}
        lines += [f"{name:<{width}}  {'':>6}  {_size(count):>10}" for name, count in totals.items()]
        return "\n".join(lines)


def memory_report(y: Tensor, depth: int = 1) -> MemoryReport:
    """Count what the graph behind a tensor keeps for its backward pass.

    Between forward and backward this is most of a training step's memory, and it grows with the
    depth of a network; `nn.utils.checkpoint.checkpoint` keeps less and computes again.

    Parameters
    ----------
    y : Tensor
        The loss, before `backward`.
    depth : int, default 1
        How many names of a module's path to show: 1 tells the model's own children apart.

    Raises
    ------
    GraphError
        If `y` needs no gradient, or its graph has been released by `backward`.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.ones(1000, requires_grad=True)
    >>> report = ag.memory_report(x.exp().sin().sum())
    >>> report.saved  # exp keeps its result, which is also what sin keeps
    4000
    """
    if y.node is None:
        raise GraphError("memory_report expected a tensor that requires a gradient")
    reading = read([y], {})
    parameters = {node: node.tensor() for node in reading.names}
    known = {id(_base(tensor.array)) for tensor in parameters.values() if tensor is not None}
    counted: dict[int, np.ndarray] = {}
    layers: dict[str, list[int]] = {}
    for node in reading.order:
        if not isinstance(node, Node):
            continue
        path = ".".join(reading.paths[node][: depth + 1]) or "(no layer)"
        line = layers.setdefault(path, [0, 0])
        line[0] += 1
        for array in map(_base, _arrays(node)):
            if id(array) not in known and id(array) not in counted:
                counted[id(array)] = array
                line[1] += array.nbytes
    present = [tensor for tensor in parameters.values() if tensor is not None]
    return MemoryReport(
        [Kept(path, *line) for path, line in layers.items()],
        sum(array.nbytes for array in counted.values()),
        sum(tensor.array.nbytes for tensor in present),
        sum(tensor.grad.array.nbytes for tensor in present if tensor.grad is not None),
    )


def _arrays(node: Node) -> list[np.ndarray]:
    """The arrays a node holds on to; of a checkpointed one, those to begin again from."""
    saved = SAVED.__get__(node)
    return [array for *_, array in kept(node)] if isinstance(saved, tuple) else saved.held()


def _base(array: np.ndarray) -> np.ndarray:
    """The array whose memory a view shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _size(count: int) -> str:
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024  # type: ignore[assignment]
    return f"{count:.2f} GiB"
