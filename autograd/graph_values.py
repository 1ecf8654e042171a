"""What flows through a graph: the values at hand, and the gradients that a backward pass brings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd.engine import reachable, run, seeds
from autograd.errors import GraphError
from autograd.graph_reading import Reading, origin
from autograd.node import Node
from autograd.tensor import Leaf
from autograd.versions import check

SMALL = 12  # arrays of no more elements are shown in full
SAVED: Any = Node.__dict__["saved"]  # the slot itself: a checkpointed node computes when asked


class Facts(NamedTuple):
    """An array in a few words, so that the array itself need not be kept."""

    norm: float | None  # the square root of the sum of squares; None if these are not numbers
    text: str  # a small array in full, the range of a large one
    bad: str  # "3 NaN, 1 inf", or nothing
    size: int


def facts(array: np.ndarray) -> Facts:
    """Look at an array.

    Examples
    --------
    >>> facts(np.array([3.0, 4.0]))
    Facts(norm=5.0, text='[3. 4.]', bad='', size=2)
    """
    if array.dtype.kind not in "fciub":
        return Facts(None, "", "", array.size)
    bad = ""
    if array.dtype.kind in "fc":
        nan, inf = int(np.isnan(array).sum()), int(np.isinf(array).sum())
        bad = ", ".join(f"{n} {name}" for n, name in ((nan, "NaN"), (inf, "inf")) if n)
    if array.ndim == 0 and array.dtype.kind in "fiu":
        text = f"{array.item():.5g}"
    elif array.size <= SMALL:
        text = np.array2string(array, precision=4, separator=" ", max_line_width=60)
    elif bad or array.dtype.kind == "c":
        text = ""
    else:
        text = f"from {array.min():.4g} to {array.max():.4g}, mean {array.mean():.4g}"
    with np.errstate(all="ignore"):
        wide = array.astype(np.complex128 if array.dtype.kind == "c" else np.float64, copy=False)
        return Facts(float(np.linalg.norm(wide.ravel())), text, bad, array.size)


def kept(node: Node) -> Iterator[tuple[str, Any, np.ndarray]]:
    """The arrays a node keeps for backward: (kind, which, array), with names for `saved_name`.

    Nothing is told of a checkpointed node, which keeps none of its own.
    """
    saved = SAVED.__get__(node)
    if not isinstance(saved, tuple):
        return
    for slot, value in enumerate(saved):
        kind, which = ("slot", slot) if node.plan.op is None else node.plan.keep[slot]
        for index, array in enumerate(value if isinstance(value, tuple) else (value,)):
            if isinstance(array, np.ndarray):
                yield kind, index if kind == "out" else which, array


def saved_name(node: Node, kind: str, which: Any) -> str:
    """What the rules of a node call one of the arrays it keeps."""
    op = node.plan.op
    if kind == "slot":
        return f"saved {which}"
    if kind == "out":
        return "out"
    if kind == "residual":
        return op.residuals[which]
    return f"{op.inputs[0]}[{which}]" if op.variadic else op.inputs[which]


def constants(node: Node) -> list[tuple[str, np.ndarray | None]]:
    """The inputs that no gradient goes to, by name; None for one that the node does not keep.

    Left out are numbers that are kept, and what is not kept of ops whose inputs may be absent.
    """
    op, live = node.plan.op, getattr(node.plan, "live", ())
    if op is None or (len(live) == len(op.inputs) and not op.variadic):
        return []
    found: dict[int, tuple[str, np.ndarray | None]] = {}
    known, saved = set(live), SAVED.__get__(node)
    if isinstance(saved, tuple):
        for (kind, which), value in zip(node.plan.keep, saved, strict=True):
            if kind == "input" and which not in live:
                known.add(which)
                if isinstance(value, np.ndarray):
                    found[which] = saved_name(node, kind, which), value
    count = node.plan.count if op.variadic else 2 if op.kind in ("binary", "binary_float") else 0
    for which in range(count):
        if which not in known:
            found[which] = saved_name(node, "input", which), None
    return [found[which] for which in sorted(found)]


class Memory:
    """Which of the values at hand, or of the tensors named, an array is."""

    def __init__(self, known: dict, named: Mapping[str, Any]):
        self.sources = {_place(array): key[0] for key, array in known.items() if array.size}
        self.names = {_place(tensor.array): name for name, tensor in named.items()}

    def source(self, array: np.ndarray | None):
        """The op or leaf whose value this is: it was detached on its way. None if there is none."""
        return None if array is None else self.sources.get(_place(array))

    def name(self, array: np.ndarray | None) -> str | None:
        """The name that was given for it, if one was."""
        return None if array is None else self.names.get(_place(array))


def _place(array: np.ndarray) -> tuple:
    return array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.str


def values(tensors, reading: Reading) -> dict:
    """The arrays at hand, by (op or leaf, output number).

    A graph keeps only what its backward needs, so most values are gone. Nor is a value told that
    was overwritten since it was computed.
    """
    found: dict[tuple, np.ndarray] = {}
    for node in reading.order:
        if isinstance(node, Leaf):
            tensor = node.tensor()
            if tensor is not None:
                found[node, 0] = tensor.array
        elif node.plan.op is not None and isinstance(SAVED.__get__(node), tuple) and _fresh(node):
            parents = dict(zip(node.plan.live, node.parents, strict=True))
            for kind, which, array in kept(node):
                if kind == "out":
                    found[node, which] = array
                elif kind == "input" and which in parents:
                    found[origin(parents[which])] = array
    for tensor in tensors:
        if tensor.node is not None:
            found[origin(tensor.node)] = tensor.array
    return found


def _fresh(node: Node) -> bool:
    """Whether what a node keeps is still what it was."""
    try:
        check(node)
    except GraphError:
        return False
    return True


def stored(reading: Reading) -> dict:
    """The gradients that an earlier backward has left in leaves: facts, as `gradients` gives."""
    found: dict[tuple, Facts | None] = {}
    for node in reading.order:
        tensor = node.tensor() if isinstance(node, Leaf) else None
        if tensor is not None and tensor.grad is not None:
            found[node, 0] = facts(tensor.grad.array)
    return found


class _Watch(dict):
    """Targets of a backward pass that note what arrives, in that order, and keep no array."""

    def __init__(self, nodes):
        super().__init__(dict.fromkeys(nodes))
        self.seen: dict[tuple, Facts | None] = {}

    def __setitem__(self, node, g):
        if isinstance(g, np.ndarray | np.generic):
            self.seen[origin(node)] = facts(np.asarray(g))
        else:  # one gradient for each output, which have been seen each on its own
            self.seen.setdefault((node, None), None)


def gradients(tensors, grad_tensors=None) -> dict:
    """Run backward and say what arrives: (op or leaf, output number) -> facts, in that order.

    The graph is retained and every ``.grad`` left as it is; hooks of tensors run as ever. An op
    of several outputs comes also with None for the output, when its turn comes.
    """
    roots = seeds(tensors, grad_tensors, create_graph=False)
    watch = _Watch(reachable(roots))
    run(roots, create_graph=False, retain_graph=True, targets=watch)
    return watch.seen
