"""The backward pass of a recorded run as source: the engine's walk, written down.

Each decision of `autograd.engine` that does not depend on numbers is taken here beforehand; sums
are made in its order, so the gradients are the same to the bit.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from autograd import kernels
from autograd.accumulate import sum_of
from autograd.engine import fitted
from autograd.node import Node, Output
from autograd.plan import Plan, VariadicPlan
from autograd.recording.expressions import Names
from autograd.recording.source import VARIABLE, Functions, Line, function_of, listed
from autograd.tensor import Leaf


class Unrecordable(Exception):
    """Why a function cannot be replayed."""


class Pull(NamedTuple):
    """A node of the recorded graph: how a gradient goes through it, as source.

    Nodes go by their places in `Graph.entries`.
    """

    name: str
    call: str  # of its rule, with ``{g}`` for the gradient
    unpack: str  # where the results go, with ``{0}`` for the gradient of the first parent
    parents: list[tuple[int, tuple, np.dtype]]  # of each its place, shape and dtype
    outputs: list | None  # shape and dtype of each, if there are several
    zeros: bool  # whether outputs without a gradient get zeros
    add_part: str | None  # as in `Plan`, with ``{whole}`` and ``{g}``


class Slot(NamedTuple):
    """One output of a node that has several."""

    node: int
    number: int
    of: int


class Graph:
    """The recorded graph: what a backward pass needs to know of it, and which values it keeps."""

    def __init__(
        self, roots: list, ends: list, names: Names, start: int, functions: Functions
    ) -> None:
        self.ends = set(ends)
        nodes = _reachable(roots, self.ends, start)
        self.functions, self.names = functions, names
        self.place = {node: i for i, node in enumerate(nodes)}
        self.entries = [self._entry(node) for node in nodes]
        calls = "".join(entry.call for entry in self.entries if isinstance(entry, Pull))
        self.saved = list(dict.fromkeys(VARIABLE.findall(calls)))

    def _entry(self, node) -> Pull | Slot | None:
        if isinstance(node, Node) and node not in self.ends:
            return self._pull(node)
        if isinstance(node, Output):
            above = node.parents[0]
            return Slot(self.place[above], node.index, len(above.outputs))
        return None  # the end of a way

    def _pull(self, node: Node) -> Pull:
        plan: Plan = node.plan
        values = self.names.source(tuple(node.saved))
        params = _braced(self.names.source(node.params or {}))
        needs, called = "None", plan.all_calls
        unpack = listed(f"{{{i}}}" for i in range(len(plan.live)))
        if isinstance(plan, VariadicPlan) or plan.joint:
            called = plan.calls[0]
            order = range(plan.count) if isinstance(plan, VariadicPlan) else plan.order
            needs = self.names.constant(tuple(i in plan.live for i in order))
            which = {i: place for place, i in enumerate(plan.live)}
            unpack = listed(f"{{{which[i]}}}" if i in which else "_" for i in order)
        rule = self.functions.name(called, f"{plan.name}_vjp")
        add_part = None
        if plan.add_part is not None:
            function = self.functions.name(plan.add_part, f"{plan.name}_add_part")
            add_part = f"{function}({{whole}}, {{g}}, **{params})"
        pairs = zip(node.parents, node.shapes, strict=True)
        parents = [(self.place[parent], shape, dtype) for parent, (shape, dtype) in pairs]
        call = f"{rule}({{g}}, {_braced(values)}, {params}, {needs})"
        return Pull(plan.name, call, unpack, parents, node.outputs, plan.materialize,
                    add_part)  # fmt: skip

    def forget(self) -> None:
        """Let go of the nodes and arrays of the recorded run."""
        self.place, self.ends = {}, set()
        self.names.forget()

    def backward(self, roots: list[int], wanted: list[int]) -> tuple[str, Callable]:
        """The backward function: given the gradients of `roots`, a list of those of `wanted`."""
        return Walk(self, roots, wanted).function()


def _reachable(roots: list, ends: set, start: int) -> list:
    """The nodes that a walk from `roots` to `ends`, or leaves, reaches; newest first."""
    seen, stack = set(roots), list(roots)
    while stack:
        node = stack.pop()
        if node in ends:
            continue
        _check(node, start)
        stack += [parent for parent in node.parents if parent not in seen]
        seen.update(node.parents)
    return sorted(seen, key=lambda node: -node.seq)


def _check(node, start: int) -> None:
    """Raise `Unrecordable` unless a node is a leaf, or of an op and without ties to the world."""
    if isinstance(node, Leaf):
        return
    if node.seq < start:
        raise Unrecordable("it uses a tensor with a history from outside: pass it as an argument")
    if node.hooks or node.retained is not None:
        raise Unrecordable(f"a tensor made by {node.name()} has a hook, or called retain_grad()")
    if is_walked(node):
        raise Unrecordable(f"it needs the graph through {node.name()} after it was walked")
    if isinstance(node, Node) and not isinstance(node.plan, Plan):
        raise Unrecordable(f"{node.name()} is a Function or the like, not an op")


def is_walked(node) -> bool:
    """Whether a backward pass has been through a node, which no longer has what another needs."""
    return (node.parents[0] if isinstance(node, Output) else node).parents is None


def _braced(text: str) -> str:
    """Text that `str.format` leaves as it is."""
    return text.replace("{", "{{").replace("}", "}}")


HELPERS = np.zeros, fitted, sum_of, kernels.elementwise.accumulate


class Walk:
    """One walk back over a recorded graph, written down: `autograd.engine._walk` as source."""

    def __init__(self, graph: Graph, roots: list[int], wanted: list[int]) -> None:
        self.graph, self.wanted = graph, wanted
        self.lines: list[Line] = []
        self.grads: dict[int, Any] = {}
        self.owned: set[int] = set()  # whose gradient is an array that nobody else sees
        self.fresh = itertools.count()
        given = [self._variable() for _ in roots]
        self.lines = [Line(listed(given), "g")]
        if graph.saved:
            self.lines.append(Line(listed(graph.saved), "saved"))
        self.lines.append(Line("", "saved.clear()"))
        for root, g in zip(roots, given, strict=True):
            self.grads[root] = self._sum(self.grads.get(root), g)
        for place, entry in enumerate(graph.entries):
            if entry is not None and place in self.grads:
                self._visit(entry, self.grads.pop(place))

    def function(self) -> tuple[str, Callable]:
        """The source, and the function it defines."""
        result = ", ".join(str(self.grads.get(leaf)) for leaf in self.wanted)
        names = self.graph.functions.by_name | self.graph.names.constants
        return function_of("backward", "g, saved", self.lines, f"[{result}]", names)

    def _variable(self) -> str:
        return f"d{next(self.fresh)}"

    def _sum(self, old: str | None, g: str) -> str:
        if old is None:
            return g
        total = self._variable()
        self.lines.append(Line(total, f"{old} + {g}"))
        return total

    def _visit(self, entry: Pull | Slot, g) -> None:
        if isinstance(entry, Slot):
            slots = self.grads.setdefault(entry.node, [None] * entry.of)
            slots[entry.number] = self._sum(slots[entry.number], g)
            return
        g = g if entry.outputs is None else self._tuple(g, entry)
        first = entry.parents[0][0]
        if entry.add_part is not None and first in self.owned:
            self.lines.append(Line("", entry.add_part.format(whole=self.grads[first], g=g)))
            return
        results = [self._variable() for _ in entry.parents]
        self.lines.append(Line(entry.unpack.format(*results), entry.call.format(g=g)))
        for result, (parent, shape, dtype) in zip(results, entry.parents, strict=True):
            self._deliver(result, parent, shape, dtype, entry)

    def _tuple(self, slots: list, entry: Pull) -> str:
        """The gradients of a node's outputs, those that none came for as zeros."""
        parts = []
        for slot, (shape, dtype) in zip(slots, entry.outputs or (), strict=True):
            zeros = f"zeros({shape}, {self.graph.names.constant(dtype)})"
            parts.append(slot or (zeros if entry.zeros else "None"))
        return f"({', '.join(parts)},)"

    def _deliver(self, result: str, parent: int, shape, dtype, entry: Pull) -> None:
        kind, name = self.graph.names.constant(dtype), self.graph.names.source(entry.name)
        self.lines.append(Line(result, f"fitted({result}, {shape}, {kind}, {name})"))
        old = self.grads.get(parent)
        if old is None:
            self.grads[parent] = result
            if entry.add_part is not None:  # which made an array of its own
                self.owned.add(parent)
        elif parent in self.owned:
            self.lines.append(Line("", f"accumulate({old}, {result})"))
        else:
            self.lines.append(Line(old, f"sum_of({old}, {result})"))
            if shape:  # else it may be one of NumPy's numbers, which nothing can be added into
                self.owned.add(parent)
