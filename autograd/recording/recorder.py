"""Watching a function run: which ops it calls on which arrays, and what it does besides.

While one function runs in one thread, the forwards of all ops, and the way to a tensor's array, are
replaced by watched ones, as a profile does it (`autograd.events`). Data is followed by identity: an
array that an op returned is, where it is seen again, the value of the same variable. That holds
because every other way to an array, such as ``item()`` or NumPy, goes through ``Tensor.array``:
there, whoever is not known to look only at shapes stops the recording, with a reason.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import NamedTuple

import numpy as np

from autograd import engine, versions
from autograd.events import SEAM, cell_of_forward
from autograd.function import Function
from autograd.op import OPS
from autograd.random import Generator
from autograd.recording.effects import EFFECTS, REPEATED
from autograd.recording.expressions import Names
from autograd.recording.training import Backward, kept
from autograd.recording.walk import Unrecordable
from autograd.tensor import Tensor, next_seq
from autograd.where import Place, caller

_ARRAY = Tensor.__dict__["array"]  # the slot itself
_HOUSE = __name__.split(".")[0]
# Who hands arrays on, or asks for shapes, and looks at no number: these modules, and these methods.
_PLUMBING = frozenset(
    f"{_HOUSE}.{name}"
    for name in ("call", "promotion", "view", "inplace", "versions", "recording.recorder")
)
_SHAPES_ONLY = frozenset(
    {"<lambda>", "__iter__", "__len__", "data", "detach", "dim", "element_size", "grad"}
    | {"is_contiguous", "is_floating_point", "memory_of", "numel", "requires_grad_", "size"}
    | {"stride"}
)
_RECORDING: set[int] = set()  # the threads that record


def is_recording() -> bool:
    """Whether this thread is recording a function; what else is compiled then runs as it is."""
    return bool(_RECORDING) and threading.get_ident() in _RECORDING


class Step(NamedTuple):
    """One call of an op's forward or of an effect: ``results = function(*args, **keywords)``."""

    target: str  # variables
    name: str
    function: Callable
    args: str  # as source, all of them
    scalars: bool  # whether numbers that came back were made arrays


class Recorder:
    """A log of one run.

    Attributes
    ----------
    steps : list of Step
    names : Names
        The variables by which arrays, and other results of steps, are known.
    captured : dict of Tensor
        Tensors from outside, such as parameters, that the run used without being given them, and
        their variables.
    looked_at : list of (array, int)
        Those of them whose numbers were looked at, and how often they had been written to.
    acts : bool
        Whether the run changed something outside itself: gradients, parameters.
    """

    def __init__(self, inputs: list[Tensor]) -> None:
        self.steps: list[Step] = []
        self.names = Names()
        self.captured: dict[Tensor, str] = {}
        self.looked_at: list[tuple[np.ndarray, int]] = []
        self.thread, self.depth = threading.get_ident(), 0
        self.arguments, self.acts = [each.node for each in inputs], False
        self.start = next_seq()
        self.last_write = versions.last_write
        self.reason: str | None = None
        for i, tensor in enumerate(inputs):
            self.names.enter(_ARRAY.__get__(tensor), f"x{i}")

    def run(self, function: Callable, args, keywords):
        """Call the function and watch."""
        with SEAM.lock:
            undo = self._install()
            _RECORDING.add(self.thread)
            try:
                result = function(*args, **keywords)
            finally:
                _RECORDING.discard(self.thread)
                while undo:
                    undo.pop()()
        self._notice_writes()
        return result

    def refuse(self, reason: str) -> None:
        """Note why this run cannot be replayed; the first reason counts."""
        self.reason = self.reason or reason

    def _notice_writes(self) -> None:
        """Refuse if something has been written to that no effect wrote to."""
        if versions.last_write != self.last_write:
            self.refuse("it writes into a tensor in place")

    # -- the seam ----------------------------------------------------------------------------------

    def _install(self) -> list[Callable[[], None]]:
        undo: list[Callable[[], None]] = []

        def replace(owner, name: str, new) -> None:
            old = owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name)
            setattr(owner, name, new)
            undo.append(lambda: setattr(owner, name, old))

        for record in OPS.values():
            cell = cell_of_forward(record.function)
            if cell is not None:
                new = self._watched(record.title, cell.cell_contents, record.defaults, folds=True)
                replace(cell, "cell_contents", new)
        for function in EFFECTS:
            cell = cell_of_forward(function)
            new = self._watched(function.__name__, cell.cell_contents, {}, folds=False)
            replace(cell, "cell_contents", new)
        for function in REPEATED:
            cell = cell_of_forward(function)
            new = self._repeating(function.__name__, cell.cell_contents)
            replace(cell, "cell_contents", new)
        replace(Tensor, "array", property(self._read, self._write))
        replace(Generator, "numpy", property(self._stream(Generator.__dict__["numpy"])))
        grad = Tensor.__dict__["grad"]
        reason = "it reads or sets .grad: zero_grad() and clip_grad_norm_() it may call"
        ways = self._refusing(grad.fget, reason), self._refusing(grad.fset, reason)
        replace(Tensor, "grad", property(*ways))
        replace(engine, "seeds", self._seeding(engine.seeds))
        replace(engine, "run", self._walking(engine.run))
        apply = Function.__dict__["apply"].__func__
        replace(Function, "apply", classmethod(self._refusing(apply, "it applies a Function")))
        return undo

    def _elsewhere(self) -> bool:
        """Whether what happens now is not this run's: another thread's, or inside an op."""
        return self.depth > 0 or threading.get_ident() != self.thread

    def _here(self, function: Callable, inside: Callable) -> Callable:
        """What stands for a function: `inside` where this run calls it, elsewhere the function."""

        def call(*args, **keywords):
            return (function if self._elsewhere() else inside)(*args, **keywords)

        return call

    def _watched(self, name: str, forward: Callable, defaults: dict, folds: bool) -> Callable:
        def run(*args, **keywords):
            self._notice_writes()
            args = tuple(_ARRAY.__get__(a) if isinstance(a, Tensor) else a for a in args)
            result = self._unseen(forward, *args, **keywords)
            if self.last_write != versions.last_write:  # an effect's, for ops are pure
                self.last_write = versions.last_write
                if not self.names.may_be_written(args[0]):
                    self.refuse("it writes into an argument, or a constant, in place")
            given = {k: v for k, v in keywords.items() if k not in defaults or v is not defaults[k]}
            return self._log(name, forward, args, given, result, folds)

        return self._here(forward, run)

    def _unseen(self, function: Callable, *args, **keywords):
        """Call a function and watch nothing that it does."""
        self.depth += 1
        try:
            return function(*args, **keywords)
        finally:
            self.depth -= 1

    def _repeating(self, name: str, function: Callable) -> Callable:
        def run(*args, **keywords):
            self._notice_writes()
            args = tuple(list(a) if isinstance(a, Iterator) else a for a in args)
            for value in (*args, *keywords.values()):
                self._require_constant(name, value)
            result = self._unseen(function, *args, **keywords)
            self.last_write, self.acts = versions.last_write, True
            target, call = "", function
            if isinstance(result, Tensor):
                target, call = self.names.result(_ARRAY.__get__(result), False), _array_of(function)
            elif result is not None:
                self.refuse(f"{name}() returns no tensor, but {type(result).__name__}")
            self.steps.append(Step(target, name, call, self.names.call(args, keywords), False))
            return result

        return self._here(function, run)

    def _require_constant(self, name: str, value) -> None:
        """Refuse unless what a repeated call is given is the same every time."""
        if isinstance(value, (tuple, list)):
            for each in value:
                self._require_constant(name, each)
        elif isinstance(value, Tensor):
            array = _ARRAY.__get__(value)
            if self.names.varies(array) and not self.names.is_captured(array):
                self.refuse(f"it gives {name}() a tensor that varies")
        elif isinstance(value, FunctionType):
            self.refuse(f"it gives {name}() a function")

    def _seeding(self, seeds: Callable) -> Callable:
        def watched(tensors, gradients, create_graph):
            if gradients is not None:
                self.refuse("it gives backward() a gradient")
            return self._unseen(seeds, tensors, gradients, create_graph)

        return self._here(seeds, watched)

    def _walking(self, run: Callable) -> Callable:
        def watched(roots: dict, **how):
            self._notice_writes()
            if any(how.values()):  # create_graph, retain_graph, targets
                self.refuse("it computes gradients other than by loss.backward()")
            else:
                self._log_backward(roots)
            self._unseen(run, roots, **how)

        return self._here(run, watched)

    def _log_backward(self, roots: dict) -> None:
        try:
            backward = Backward([*roots], self.arguments, self.names, self.start)
        except Unrecordable as problem:
            self.refuse(str(problem))
            return
        self.acts = True
        seeds = self.names.source([*roots.values()])
        saved = self.names.result(backward, unpacked=False)
        self.steps.append(Step(saved, "kept", kept, ", ".join(backward.saved), False))
        self.steps.append(Step("", "backward", backward, f"{seeds}, {saved}", False))

    def _log(self, name: str, forward, args, keywords, result, folds: bool):
        """Enter a call; return its result, numbers made arrays so that they can be followed."""
        several = isinstance(result, (tuple, list))
        parts = list(result) if several else [result]
        arrays = [np.asarray(part) if isinstance(part, np.generic) else part for part in parts]
        scalars = any(a is not part for a, part in zip(arrays, parts, strict=True))
        if scalars:
            result = type(result)(arrays) if several else arrays[0]
        before = self.names.uses
        source = self.names.call(args, keywords)
        if folds and self.names.uses == before:  # made of constants alone, it is one
            self.names.keep(result)
            return result
        target = self.names.result(result, unpacked=several and folds)
        self.steps.append(Step(target, name, forward, source, scalars))
        return result

    def _read(self, tensor: Tensor) -> np.ndarray:
        array = _ARRAY.__get__(tensor)
        if not self._elsewhere():
            self._meet(tensor, array)
            reader = sys._getframe(1)
            module, name = reader.f_globals.get("__name__"), reader.f_code.co_name
            looks = (
                name not in _SHAPES_ONLY
                if module == Tensor.__module__
                else (module not in _PLUMBING)
            )
            if looks and self.names.is_captured(array):
                self.looked_at.append((array, versions.version(array)))
            elif looks and self.names.varies(array):
                called = caller()
                at = f" at {Place(*called)}" if called else ""
                self.refuse(f"{name}() looks at the numbers of a tensor{at}")
        return array

    def _meet(self, tensor: Tensor, array: np.ndarray) -> None:
        """A tensor that neither came in nor was made here comes from outside: remember it."""
        if not self.names.knows(array):
            self.captured[tensor] = f"p{len(self.captured)}"
            self.names.enter(array, self.captured[tensor])

    def _write(self, tensor: Tensor, array: np.ndarray) -> None:
        if not self._elsewhere():
            if hasattr(tensor, "_view"):  # `wrap` sets the array first, so this one was there
                self.refuse("it gives a tensor another array")
            elif not self.names.knows(array):
                self.names.keep(array)
        _ARRAY.__set__(tensor, array)

    def _stream(self, cached) -> Callable:
        def numpy(generator: Generator):
            if not self._elsewhere():
                self.refuse("it draws random numbers by other means than rand, randn and dropout")
            return cached.__get__(generator, Generator)

        return numpy

    def _refusing(self, function: Callable, reason: str) -> Callable:
        def watched(*args, **keywords):
            self.refuse(reason)
            return function(*args, **keywords)

        return self._here(function, watched)


def _array_of(function: Callable) -> Callable:
    return lambda *args, **keywords: function(*args, **keywords).array
