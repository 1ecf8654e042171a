"""What a profile is made of: events, and the seam at which ops and the engine are timed.

While a profile runs, the forward that each op's function calls, and the engine's step over one
node, are replaced by timed ones; when the last profile ends they are put back. So a program that is
not profiled runs exactly the code that it would run if this module did not exist.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextvars import ContextVar, Token
from time import perf_counter_ns
from typing import Any, NamedTuple

from autograd import engine
from autograd.flops import backward_flops, forward_flops
from autograd.function import Function
from autograd.mode import CURRENT
from autograd.node import Output
from autograd.op import OPS, Op
from autograd.tensor import next_seq


class Now(NamedTuple):
    """What is going on in this thread."""

    profiles: tuple[list[Event], ...] = ()  # where the running ones put their events
    inside: Event | None = None  # the innermost event that has not ended


NOW: ContextVar[Now] = ContextVar("autograd_profiles", default=Now())  # noqa: B039 - immutable


class Event:
    """Something that took time; open as a `with` block.

    Attributes
    ----------
    name : str
        The op's, or that given to `record_function`.
    phase : {"forward", "backward", "range"}
    layer : str or None
        Path and class of the module it belongs to.
    start, end : int
        Nanoseconds of `time.perf_counter_ns`.
    inner : int
        Nanoseconds of the events inside this one.
    bytes, flops : int
        Of the arrays it returned; and the operations of its formula, 0 if it has none.
    shapes : dict
        Of what it was given, by name, as far as known.
    node : int
        The number, ``seq``, of the graph's node it made or walked over, if there is one.
    whole : bool
        Whether it is one op, so that the ops by which that is computed are not events.
    """

    __slots__ = ("bytes", "end", "flops", "inner", "layer", "name", "node", "phase", "shapes",
                 "start", "thread", "token", "whole")  # fmt: skip

    def __init__(self, name: str, phase: str, layer: str | None, whole: bool = False) -> None:
        self.name, self.phase, self.layer, self.whole = name, phase, layer, whole
        self.start = self.end = self.inner = self.bytes = self.flops = self.node = 0
        self.shapes: dict[str, tuple] = {}
        self.thread = threading.get_ident()
        self.token: Token | None = None

    def __enter__(self) -> Event:
        now = NOW.get()
        if self.layer is None and now.inside is not None:
            self.layer = now.inside.layer  # ops that run within the backward of another
        self.token = NOW.set(Now(now.profiles, self))
        self.start = perf_counter_ns()
        return self

    def stop(self) -> None:
        """Stop the clock: what follows in the block is not part of the event."""
        self.end = perf_counter_ns()

    def __exit__(self, *exc_info) -> None:
        if not self.end:
            self.stop()
        assert self.token is not None
        NOW.reset(self.token)
        self.token = None
        profiles, outside = NOW.get()
        if outside is not None:
            outside.inner += self.end - self.start
        for each in profiles:
            each.append(self)

    @property
    def total(self) -> int:
        """Nanoseconds from start to end."""
        return self.end - self.start

    @property
    def own(self) -> int:
        """Nanoseconds without those of the events inside."""
        return self.total - self.inner


# -- taking times ----------------------------------------------------------------------------------


def _unseen() -> bool:
    """Whether what runs now is no event: in a thread not profiled, or as part of an op."""
    now = NOW.get()
    return not now.profiles or (now.inside is not None and now.inside.whole)


def _timed_forward(record: Op, forward: Callable) -> Callable:
    """The forward of an op, as an event."""

    def run(*arrays, **params):
        if _unseen():
            return forward(*arrays, **params)
        with Event(record.title, "forward", CURRENT.get().layer, whole=True) as event:
            result = forward(*arrays, **params)
            event.stop()
            event.node = next_seq() + 1  # the call's node comes next, if it has one
            results = result if isinstance(result, tuple) else (result,)
            event.bytes = _bytes(results)
            if not record.variadic:
                named = {**params, **dict(zip(record.inputs, arrays, strict=False))}
                event.shapes = _shapes(named)
            out = getattr(results[0], "shape", ())
            event.flops = forward_flops(record.name, event.shapes, out) or 0
        return result

    return run


def _timed_pull(pull: Callable) -> Callable:
    """The engine's step over a node, as an event."""

    def run(node, g, useful, create_graph, whole=None):
        if _unseen():
            return pull(node, g, useful, create_graph, whole)
        plan = node.plan
        with Event(node.name(), "backward", node.layer, whole=plan.op is not None) as event:
            event.node = node.seq
            shapes = shapes_of_node(node)  # now: the walk may let go of what it keeps
            wanted = [useful is None or parent in useful for parent in node.parents]
            event.start = perf_counter_ns()
            result = pull(node, g, useful, create_graph, whole)
            event.stop()
            event.shapes, event.bytes = shapes, _bytes(result)
            if plan.op is not None:
                live = {plan.op.inputs[i] for i, w in zip(plan.live, wanted, strict=False) if w}
                out = getattr(g, "shape", ())
                event.flops = backward_flops(plan.op.name, shapes, out, live) or 0
        return result

    return run


def _timed_apply(apply: Callable) -> Callable:
    """`Function.apply`, as an event."""

    def run(cls, *args):
        if _unseen():
            return apply(cls, *args)
        with Event(cls.__name__, "forward", CURRENT.get().layer) as event:
            result = apply(cls, *args)
            event.stop()
            results = result if isinstance(result, tuple) else (result,)
            made = getattr(results[0], "node", None)
            event.node = getattr(made.parents[0] if type(made) is Output else made, "seq", 0)
            event.bytes = _bytes(results)
        return result

    return run


def _bytes(values: Iterable) -> int:
    return sum(getattr(value, "nbytes", 0) for value in values)


def _shapes(values: dict[str, Any]) -> dict[str, tuple]:
    """The shapes among a call's arguments: of arrays, and those given as ``<name>_shape``."""
    shapes = {n: tuple(v.shape) for n, v in values.items() if getattr(v, "shape", None)}
    given = {n: tuple(v) for n, v in values.items() if n.endswith("_shape") and v is not None}
    return shapes | given


def shapes_of_node(node) -> dict[str, tuple]:
    """The shapes of a node's inputs: of those that want gradients, and of what it keeps."""
    plan = node.plan
    if plan.op is None or plan.op.variadic or node.saved is None:
        return {}
    names, found = plan.op.inputs, _shapes(node.params or {})
    for (kind, which), value in zip(plan.keep, node.saved, strict=True):
        if kind == "shape":
            found[names[which]] = tuple(value)
        elif kind == "input" and getattr(value, "shape", None):
            found[names[which]] = value.shape
    live = zip(plan.live, node.shapes, strict=True)
    return found | {names[i]: tuple(shape) for i, (shape, _) in live}


# -- the seam --------------------------------------------------------------------------------------


class Seam:
    """Puts the timed functions in place while profiles run, and takes them out again."""

    def __init__(self) -> None:
        self.lock, self.running = threading.RLock(), 0
        self.undo: list[Callable[[], None]] = []

    def enter(self) -> None:
        with self.lock:
            self.running += 1
            if self.running == 1:
                self._install()

    def leave(self) -> None:
        with self.lock:
            self.running -= 1
            if not self.running:
                while self.undo:
                    self.undo.pop()()

    def _install(self) -> None:
        for record in OPS.values():
            cell = cell_of_forward(record.function)
            if cell is not None:
                self._replace(cell, "cell_contents", _timed_forward(record, cell.cell_contents))
        self._replace(engine, "_pull", _timed_pull(engine._pull))
        apply = Function.__dict__["apply"]
        self._replace(Function, "apply", classmethod(_timed_apply(apply.__func__)), apply)

    def _replace(self, owner, name: str, new, old=None) -> None:
        old = getattr(owner, name) if old is None else old
        setattr(owner, name, new)
        self.undo.append(lambda: setattr(owner, name, old))


def cell_of_forward(function: Callable):
    """Where the function of an op, as `call.make_function` made it, looks up the op's forward.

    None for composites: they call other ops.
    """
    code, cells = getattr(function, "__code__", None), getattr(function, "__closure__", None)
    named = dict(zip(code.co_freevars, cells, strict=True)) if code and cells else {}
    around = named.get("full") or named.get("function")  # the latter where a decorator adds to it
    return cell_of_forward(around.cell_contents) if around else named.get("forward")


SEAM = Seam()
