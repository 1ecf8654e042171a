"""What a recorded call leaves behind. Nodes point to nodes; no tensor can be reached from one."""

from __future__ import annotations

import zlib

import numpy as np

from autograd.tensor import next_seq
from autograd.where import Place, caller


class Node:
    """One recorded call: its plan, the nodes of its inputs, and what its rules asked to keep."""

    __slots__ = (
        "__weakref__", "_caller", "hooks", "layer", "outputs", "params", "parents", "plan",
        "prints", "retained", "saved", "seq", "shapes",
    )  # fmt: skip

    def __init__(self, plan, parents, shapes, saved, params, layer, outputs=None):
        self.plan = plan
        self.parents = parents
        self.shapes = shapes  # (shape, dtype) of each parent's value, to undo broadcasting
        self.saved = saved
        self.params = params
        self.layer = layer
        self.outputs = outputs  # (shape, dtype) of each output where there are several, else None
        self._caller = caller()
        self.seq = next_seq()
        self.hooks = None  # functions of the gradient, by handle number
        self.retained = None  # weak reference to the tensor that wants its .grad kept
        self.prints = None  # under anomaly detection: a checksum of each saved array

    def name(self) -> str:
        """The op's name."""
        return self.plan.name

    @property
    def where(self) -> Place | None:
        """The line of the user's program that made it."""
        return self._caller and Place(*self._caller)

    @property
    def next_functions(self) -> tuple:
        """The nodes this one sends gradients to, paired with an output number as in PyTorch."""
        return tuple(
            (p.parents[0], p.index) if type(p) is Output else (p, 0) for p in self.parents or ()
        )

    def place(self) -> str:
        """What and where it was made, for messages."""
        layer = f" in {self.layer}" if self.layer else ""
        return f"{self.name()}{layer} at {self.where}"

    def release(self) -> None:
        """Forget everything but the name, so that memory returns while backward walks."""
        self.parents = self.saved = self.shapes = None

    def fingerprint(self) -> None:
        """Take checksums of what is saved, to notice changes made behind the library's back."""
        self.prints = [checksum(value) for value in self.saved]


class Output:
    """One output of a node that has several; its gradient goes into a slot of that node's."""

    __slots__ = ("__weakref__", "hooks", "index", "parents", "retained", "seq")

    def __init__(self, node: Node, index: int):
        self.parents = (node,)
        self.index = index
        self.seq = next_seq()
        self.hooks = self.retained = None

    layer = property(lambda self: self.parents[0].layer)
    where = property(lambda self: self.parents[0].where)
    next_functions = property(lambda self: ((self.parents[0], self.index),))

    def name(self) -> str:
        """The op's name."""
        return self.parents[0].name()


def checksum(value):
    """A checksum of an array's bytes; None for anything else."""
    if isinstance(value, np.ndarray):
        return zlib.crc32(np.ascontiguousarray(value).view(np.uint8).data) if value.size else 0
    return None
