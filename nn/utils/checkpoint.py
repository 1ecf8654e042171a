"""Checkpointing: trade time for memory by computing a part of the forward pass again in backward.

The part runs once and its graph is recorded as usual, but what the nodes have saved is dropped
(Chen et al. 2016). The first node that the backward pass asks for its saved values has the function
run again; the nodes of that second graph hand their values, one by one, to the nodes of the first.
So hooks, several outputs, `autograd.grad`, nesting and higher derivatives need no special care.
"""

from __future__ import annotations

import contextlib
from bisect import bisect
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.engine import reachable
from autograd.errors import GraphError
from autograd.mode import CURRENT, enable_grad
from autograd.node import Node
from autograd.random import get_rng_state, set_rng_state
from autograd.tensor import Tensor, next_seq
from autograd.versions import WRITES, owner, version

_saved: Any = Node.__dict__["saved"]  # the slot itself, below the property of Forgetful


class Forgetful(Node):
    """A node whose saved values are computed again when they are asked for."""

    __slots__ = ()

    @property
    def saved(self):
        """What the node's rules need."""
        value = _saved.__get__(self)
        while isinstance(value, Promise):  # a promise within a promise: checkpoints are nested
            value = value.redeem()
        self.saved = value
        return value

    @saved.setter
    def saved(self, value) -> None:
        _saved.__set__(self, value)
        self.__class__ = Node  # type: ignore[assignment]


class Promise:
    """What a node holds instead of its saved values: its number in a forward to be run again."""

    def __init__(self, run: Run, number: int):
        self.run, self.number = run, number

    def redeem(self):
        return self.run.take(self.number)

    def held(self) -> list[np.ndarray]:
        """What is kept meanwhile: the arguments of the call, as arrays."""
        return [tensor.array for tensor in _tensors((self.run.args, self.run.kwargs))]


class Run:
    """One checkpointed call: all that it takes to repeat it."""

    def __init__(self, function, args, kwargs, preserve_rng_state, context, check):
        self.function, self.args, self.kwargs = function, args, kwargs
        self.state = CURRENT.get()
        self.random = get_rng_state() if preserve_rng_state else None
        self.context, self.check = context, check
        self.versions = self._versions()
        self.seqs: list[int] = []  # of the nodes of the first graph
        self.kinds: list = []  # what they were, to compare with those of the second
        self.again: list | None = None  # the saved values, once computed again

    def first(self, context):
        """Run the function, and let the nodes it made forget what they saved."""
        mark = next_seq()
        with context:
            output = self.function(*self.args, **self.kwargs)
        if self._versions() != self.versions:
            raise GraphError(
                "checkpoint: the function changed one of its arguments in place, so it cannot be "
                "run again: clone the argument first"
            )
        for number, node in enumerate(_made_since(mark, output)):
            self.seqs.append(node.seq)
            self.kinds.append(_kind(node))
            _saved.__set__(node, Promise(self, number))
            node.__class__ = Forgetful
        return output

    def take(self, number: int):
        """The saved values of a node, which are handed over: they are kept there, not here."""
        if self.again is None or self.again[number] is None:
            self._repeat()
        value, self.again[number] = self.again[number], None  # type: ignore[index]
        return value

    def _repeat(self) -> None:
        if self._versions() != self.versions:
            raise GraphError(
                "checkpoint: an argument was changed in place after the call, so the function "
                "cannot be run again on the same values: clone it first"
            )
        state, random = CURRENT.get(), get_rng_state()
        mark = next_seq()
        try:
            CURRENT.set(self.state)
            if self.random is not None:
                set_rng_state(self.random)
            with enable_grad(), self.context:
                output = self.function(*self.args, **self.kwargs)
        finally:
            CURRENT.set(state)
            if self.random is not None:
                set_rng_state(random)
        nodes = _made_since(mark, output)
        kinds = [_kind(node) for node in nodes]
        if len(kinds) != len(self.kinds) or (self.check and kinds != self.kinds):
            place = next(
                (i for i, (a, b) in enumerate(zip(kinds, self.kinds, strict=False)) if a != b),
                min(len(kinds), len(self.kinds)),
            )
            raise GraphError(
                f"checkpoint: run again, the function computed something else: {len(self.kinds)} "
                f"operations before, {len(kinds)} now; they part at number {place}. It must do the "
                "same in both runs"
            )
        self._backdate(mark, nodes)
        self.again = [_saved.__get__(node) for node in nodes]

    def _backdate(self, mark: int, nodes: list) -> None:
        """Let writes of the second run count as those of the first, to which the nodes belong."""
        times = [node.seq for node in nodes]
        for node in nodes:
            value = _saved.__get__(node)
            for array in value if isinstance(value, tuple) else ():
                key = id(owner(array)) if isinstance(array, np.ndarray) else None
                write = WRITES.get(key) if key else None
                if write is not None and write.seq > mark:
                    place = bisect(times, write.seq)
                    if place < len(times):
                        write.seq = self.seqs[place]

    def _versions(self) -> list[int]:
        return [version(t.array) for t in _tensors((self.args, self.kwargs))]


def _kind(node: Node) -> tuple:
    return node.name(), [(shape, str(dtype)) for shape, dtype in node.shapes]


def _tensors(value) -> list[Tensor]:
    """The tensors in tuples, lists and dicts, however nested."""
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return []
    return [tensor for part in value for tensor in _tensors(part)]


def _made_since(mark: int, output) -> list[Node]:
    """The nodes behind `output` that are younger than `mark`, oldest first."""
    roots = [t.node for t in _tensors(output) if t.node is not None]
    return [n for n in reachable(roots) if isinstance(n, Node) and n.seq > mark]


def _no_context():
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable,
    *args,
    use_reentrant: bool | None = False,
    context_fn: Callable = _no_context,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs,
):
    """Return ``function(*args, **kwargs)``, keeping its arguments instead of what backward needs.

    In backward the function runs a second time. It must compute the same again: arguments may not
    be changed in place, and side effects happen twice.

    Parameters
    ----------
    function : callable
        Usually a module or a part of one's forward.
    use_reentrant : False or None
        PyTorch's older implementation, True, is not there.
    context_fn : callable
        Returns two context managers, for the first run and for the second.
    determinism_check : {"default", "none"}
        Whether to compare the operations and shapes of both runs; their number always is.
    early_stop : bool
        Makes no difference: the second run goes to the end.
    preserve_rng_state : bool, default True
        Let the second run draw the random numbers of the first, as dropout must.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.checkpoint import checkpoint
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> checkpoint(lambda t: t.exp() * t.sin(), x).backward()
    >>> x.grad.round(decimals=4)
    tensor(3.6439)
    """
    if use_reentrant:
        raise NotImplementedError(
            "checkpoint(use_reentrant=True) is not supported: leave it False, the gradients are "
            "the same and fewer things are forbidden"
        )
    if debug:
        raise NotImplementedError("checkpoint(debug=True) is not supported")
    if determinism_check not in ("default", "none"):
        raise ValueError(
            f"determinism_check expected 'default' or 'none', got {determinism_check!r}"
        )
    before, again = context_fn()
    if not CURRENT.get().grad:
        with before:
            return function(*args, **kwargs)
    check = determinism_check == "default"
    return Run(function, args, kwargs, preserve_rng_state, again, check).first(before)


def checkpoint_sequential(functions, segments: int, input, use_reentrant: bool | None = False,
                          preserve_rng_state: bool = True):  # fmt: skip
    """Return `input` passed through modules in turn, checkpointed in `segments` parts.

    The last part is not checkpointed: its values are the first that backward needs.

    Parameters
    ----------
    functions : nn.Sequential or list of callables
    segments : int
        How many parts of about equal length.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from nn.utils.checkpoint import checkpoint_sequential
    >>> model = nn.Sequential(*(nn.Linear(3, 3) for _ in range(4)))
    >>> checkpoint_sequential(model, 2, ag.ones(1, 3)).shape
    (1, 3)
    """
    functions = list(functions.children() if hasattr(functions, "children") else functions)
    if not 1 <= segments <= len(functions):
        raise ValueError(f"segments expected 1 to {len(functions)}, got {segments}")

    def part(start: int, end: int) -> Callable:
        def run(value):
            for function in functions[start:end]:
                value = function(value)
            return value

        return run

    length = len(functions) // segments
    for start in range(0, length * (segments - 1), length):
        input = checkpoint(
            part(start, start + length), input, use_reentrant=use_reentrant,
            preserve_rng_state=preserve_rng_state,
        )  # fmt: skip
    return part(length * (segments - 1), len(functions))(input)
