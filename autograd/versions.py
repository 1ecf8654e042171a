"""Writes: which memory was changed in place, when, by what. Who never writes pays nothing.

A write is entered here under the array that owns the memory, with a time from the clock that also
numbers nodes. A node's saved value is stale exactly if its memory was written after the node was
made. So nodes store no versions, and a backward pass without later writes checks one integer a
node.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any

import numpy as np

from autograd.errors import GraphError
from autograd.node import Node, checksum
from autograd.tensor import next_seq
from autograd.where import Place, caller


class Write:
    """The last write to some memory."""

    __slots__ = ("keeper", "name", "number", "owner", "seq", "where")

    def __init__(self, owner: weakref.ref, seq: int, name: str, where: Place | None):
        self.owner = owner  # drops the entry when the memory goes away
        self.number = 1
        self.seq, self.name, self.where = seq, name, where
        self.keeper: weakref.ref | None = None  # the node that keeps what was written, there


WRITES: dict[int, Write] = {}
last_write = 0


def owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory `array` looks into."""
    while type(base := array.base) is np.ndarray:
        array = base
    return array


def version(array: np.ndarray) -> int:
    """How often the memory of `array` has been written in place."""
    entry = WRITES.get(id(owner(array)))
    return entry.number if entry else 0


def wrote(array: np.ndarray, name: str) -> None:
    """Enter that `name` has just changed the memory of `array`."""
    wrote_together((array,), name)


def wrote_together(arrays: Iterable[np.ndarray], name: str) -> None:
    """Enter that `name` has just changed the memory of these arrays."""
    global last_write
    last_write = seq = next_seq()
    called = caller()
    where = called and Place(*called)
    for array in arrays:
        memory = owner(array)
        write = WRITES.get(id(memory))
        if write is None:
            WRITES[id(memory)] = Write(_watched(memory), seq, name, where)
        else:
            write.number += 1
            write.seq, write.name, write.where, write.keeper = seq, name, where, None


def keep(array: np.ndarray, node: Node) -> None:
    """Note that `node` keeps what has just been written into the memory of `array`, in it."""
    WRITES[id(owner(array))].keeper = weakref.ref(node)


def keeper(array: np.ndarray) -> Node | None:
    """The node that keeps, in the memory of `array`, what was written there last."""
    write = WRITES.get(id(owner(array)))
    return write.keeper() if write is not None and write.keeper is not None else None


def _watched(memory: np.ndarray) -> weakref.ref:
    key = id(memory)
    return weakref.ref(memory, lambda _: WRITES.pop(key, None))


def check(node: Node) -> None:
    """Raise if a value that `node` keeps has been overwritten since the node was made."""
    for value in node.saved:
        for array in value if isinstance(value, tuple) else (value,):
            write = WRITES.get(id(owner(array))) if isinstance(array, np.ndarray) else None
            if write is not None and write.seq > node.seq:
                raise GraphError(_stale(node, array) + f"{write.name} at {write.where}{_ADVICE}")


def check_fingerprint(node: Node) -> None:
    """Raise if a kept value no longer has the checksum it had (anomaly detection only)."""
    for value, old in zip(node.saved, node.prints or (), strict=True):
        if checksum(value) != old:
            raise GraphError(
                _stale(node, value) + "a write that did not go through a tensor (a NumPy array "
                f"shares its memory){_ADVICE}"
            )


def _stale(node: Node, array: Any) -> str:
    shape = "x".join(map(str, array.shape)) or "0-d"
    return (
        f"a {array.dtype} value of shape {shape} needed for the gradient, saved by {node.place()}, "
        "was overwritten by "
    )


_ADVICE = ": write to a .clone(), use the op that returns a new tensor, or write after backward()"
