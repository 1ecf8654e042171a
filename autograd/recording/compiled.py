"""`compile`: a function that runs once as it is written, and afterwards as a recorded program.

What a call of a small operation costs here is mostly Python: sorting arguments, wrapping arrays,
making nodes, walking over them. A program has none of that. It computes the same, to the bit.
"""

from __future__ import annotations

import functools
import types
import warnings
from collections.abc import Callable
from typing import Any

from autograd.errors import GraphError
from autograd.events import SEAM
from autograd.mode import CURRENT, enable_grad
from autograd.op import OPS
from autograd.recording import effects
from autograd.recording.forms import NoForm, filled, form_of
from autograd.recording.program import Program, name_of
from autograd.recording.recorder import Recorder, is_recording
from autograd.recording.walk import Unrecordable
from autograd.tensor import Tensor, wrap

alias = OPS["alias"].function
MOST = 64  # programs of one function; with more, recording costs more than it saves
TRIES = 8  # recordings out of date when next asked for, after which the function is left alone


def compile(model: Callable | None = None, *, fullgraph: bool = False, dynamic=None, backend=None,
            mode=None, options=None, disable: bool = False):  # fmt: skip
    """Return a function that records what `model` computes, and then replays it without Python.

    The first call with arguments of given shapes, dtypes and constants runs the function, writes
    down which ops it calls on which arrays, and how gradients go back through them; later ones run
    that program. The result and its gradients are the same to the bit, and so is whatever uses
    them: ``backward``, optimisers, schedules, hooks on parameters. Best compile a whole training
    step: ``zero_grad()``, forward, ``loss.backward()``, `nn.utils.clip_grad_norm_`, the steps of
    optimisers and schedules. What it returns has no graph then, which ``backward`` has walked.
    A ReLU that follows a linear layer or a convolution is done by the kernel of that.

    A recording holds while the arguments' shapes, the settings of all modules (training, hooks,
    attributes), and the variables that the function itself refers to are the same; otherwise
    another is made. Loops and branches are recorded as they went. Dropout, `rand`, `randn` and
    the running averages of batch normalisation vary from replay to replay as they should.
    What else a function does in Python, such as printing, or changing a global variable from
    deep inside, happens when it is recorded only.

    A function that cannot be recorded runs as it is, after one warning that says why: if it looks
    at numbers (``item``, ``if`` on a tensor, NumPy), writes into its arguments, computes gradients
    in other ways than that, or uses a custom `Function`. So it does under anomaly detection and
    while it is profiled.

    Parameters
    ----------
    model : callable
        A function or module. Its arguments may be tensors, lists, tuples and dicts of them, and
        constants.
    fullgraph : bool, default False
        Raise GraphError instead of warning if the function cannot be recorded.
    disable : bool, default False
        Return `model` itself.
    dynamic, backend, mode, options
        PyTorch's, for its compiler; have no meaning here.

    Returns
    -------
    Compiled
        Called as `model` is; its attributes are those of `model`, and `source` shows the programs.

    Examples
    --------
    >>> import autograd as ag
    >>> @ag.compile
    ... def loss(x, y):
    ...     return ((x - y) ** 2).mean()
    >>> x, y = ag.tensor([1.0, 4.0], requires_grad=True), ag.tensor([1.0, 2.0])
    >>> loss(x, y).backward(); x.grad
    tensor([0., 2.])
    >>> print(loss.source.rstrip())
    def forward(x0, x1):
        v0 = sub(x0, x1)
        del x0, x1
        v1 = pow(v0, 2)
        v2 = arrays(mean(v1))
        return (v2,), [v0]
    """
    if model is None:  # with options, as a decorator
        return functools.partial(compile, fullgraph=fullgraph, disable=disable)
    return model if disable else Compiled(model, fullgraph)


class Compiled:
    """A function and the programs recorded from it; see `compile`."""

    def __init__(self, function: Callable, fullgraph: bool) -> None:
        functools.update_wrapper(self, function, updated=())
        self.function, self.fullgraph = function, fullgraph
        self.programs: dict[Any, Program] = {}
        self.left_alone = False  # it cannot be recorded
        self._outside = _outside(function)
        self._outdated = 0

    def __call__(self, *args, **keywords):
        state = CURRENT.get()
        if self.left_alone or state.anomaly or state.strict or SEAM.running or is_recording():
            return self.function(*args, **keywords)
        tensors: list[Tensor] = []
        try:
            form = form_of(args, tensors), form_of(keywords, tensors)
        except NoForm as problem:
            self._leave_alone(f"it is given an argument {problem}")
            return self.function(*args, **keywords)
        key = form, state.grad, *map(_kind, tensors)
        program = self.programs.get(key)
        if program is None or not program.holds(self._outside()):
            return self._record(key, tensors)
        try:
            return program(tensors)
        except Exception as problem:
            if program.acts:  # then it may have done so already, and must not do it twice
                problem.add_note(f"in a replay of {name_of(self.function)}, which was compiled")
                raise
            result = self.function(*args, **keywords)  # which, as a rule, says it better
            self._leave_alone(f"a replay failed where the function itself does not: {problem!r}")
            return result

    def __getattr__(self, name: str):
        return getattr(self.__dict__["function"], name)

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self) -> str:
        return f"compile({self.function!r})"

    @property
    def source(self) -> str:
        """The source of all programs recorded so far."""
        return "\n\n".join(program.source for program in self.programs.values())

    def _record(self, key, tensors: list[Tensor]):
        """Run the function once, on tensors that stand for the given ones, and watch."""
        (form, named), *_ = key
        stand_ins = [_stand_in(tensor) for tensor in tensors]
        given = iter(stand_ins)
        recorder, outside, changes = Recorder(stand_ins), self._outside(), effects.changes
        self._outdated += key in self.programs
        if len(self.programs) >= MOST:
            recorder.refuse(f"it is called with more than {MOST} kinds of arguments")
        result = recorder.run(self.function, filled(form, given), filled(named, given))
        try:
            if effects.changes != changes or self._outdated > TRIES:
                raise Unrecordable("it sets what it depends on: module attributes, or variables")
            self.programs[key] = Program(self.function, recorder, result, stand_ins, outside)
        except Unrecordable as problem:
            self._leave_alone(str(problem))
        return result

    def _leave_alone(self, reason: str) -> None:
        message = f"compile: {name_of(self.function)} cannot be recorded, because {reason}"
        if self.fullgraph:
            raise GraphError(message)
        self.left_alone = True
        warnings.warn(f"{message}; it runs as it is", stacklevel=4)


def _kind(tensor: Tensor) -> tuple:
    array = tensor.array
    return array.shape, array.strides, array.dtype, tensor.node is None


def _stand_in(tensor: Tensor) -> Tensor:
    """A tensor told apart from the given one, but with its history, and from any captured."""
    with enable_grad():
        return wrap(tensor.array.view(), alias(tensor).node if tensor.requires_grad else None)


def _outside(function: Callable) -> Callable[[], list]:
    """What gives the values of the variables that a function's own source takes from outside."""
    code = getattr(function, "__code__", None)
    if code is None:
        return list
    cells = function.__closure__ or ()
    table = function.__globals__
    names = [name for name in code.co_names if name in table]

    def values() -> list:
        return [cell.cell_contents for cell in cells] + [table.get(name) for name in names]

    return values
