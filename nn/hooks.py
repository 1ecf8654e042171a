"""Hooks of modules: functions called around `forward`, and when gradients pass through a module.

A module has hooks of its own; those of every module are in `nn.modules.module`.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from autograd.function import Function
from autograd.hooks import RemovableHandle
from autograd.mode import CURRENT
from autograd.recording import effects
from autograd.tensor import Tensor


class After(NamedTuple):
    """A forward hook and how it wants to be called."""

    hook: Callable
    with_kwargs: bool
    always_call: bool

    def __call__(self, module, args: tuple, kwargs: dict, output):
        """The output after the hook."""
        extra = (args, kwargs) if self.with_kwargs else (args,)
        changed = self.hook(module, *extra, output)
        return output if changed is None else changed


class Hooks:
    """The hooks of one module. A module has this record only once a hook was registered."""

    def __init__(self) -> None:
        self.before: OrderedDict = OrderedDict()  # forward pre-hooks: (hook, with_kwargs)
        self.after: OrderedDict = OrderedDict()  # forward hooks: After
        self.backward_before: OrderedDict = OrderedDict()
        self.backward: OrderedDict = OrderedDict()
        self.state_before: OrderedDict = OrderedDict()  # around state_dict
        self.state_after: OrderedDict = OrderedDict()
        self.load_before: OrderedDict = OrderedDict()  # around load_state_dict
        self.load_after: OrderedDict = OrderedDict()


everywhere: Hooks | None = None  # the hooks of every module, once there were any
# Called when a module gets a parameter, a buffer or a submodule: hook(module, name, value).
registration: dict[str, OrderedDict] = {
    "parameter": OrderedDict(),
    "buffer": OrderedDict(),
    "module": OrderedDict(),
}


def everyone() -> Hooks:
    """The record of hooks of every module."""
    global everywhere
    if everywhere is None:
        everywhere = Hooks()
    return everywhere


def approved(what: str, module, name: str, value):
    """What a module gets under a name: `value`, or what a registration hook returns instead."""
    for hook in tuple(registration[what].values()):
        changed = hook(module, name, value)
        value = value if changed is None else changed
    return value


def run(module, args: tuple, kwargs: dict):
    """Call `module.forward` with all hooks around it."""
    output, called = None, []
    try:
        for hook, with_kwargs in registered(module, "before"):
            args, kwargs = _call_before(hook, with_kwargs, module, args, kwargs)
        crossing = None
        listening = registered(module, "backward") or registered(module, "backward_before")
        if listening and CURRENT.get().grad:
            crossing = Crossing(module)
            args = crossing.enter(args)
        output = module.forward(*args, **kwargs)
        for after in registered(module, "after"):
            called.append(after)
            output = after(module, args, kwargs, output)
        return output if crossing is None else crossing.leave(output)
    except Exception:
        for after in registered(module, "after"):
            if after.always_call and not any(after is other for other in called):
                output = _despite(after, module, args, kwargs, output)
        raise


def _despite(after: After, module, args: tuple, kwargs: dict, output):
    """Call a hook after an error, which one of its own must not hide."""
    try:
        return after(module, args, kwargs, output)
    except Exception as error:
        warnings.warn(
            f"a forward hook with always_call=True raised {error!r} while another error was on "
            "its way",
            stacklevel=4,
        )
        return output


def add(table: OrderedDict, hook, prepend: bool) -> RemovableHandle:
    """Enter `hook` into a table, at its end or its front; the handle takes it out again."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    effects.changed()
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def registered(module, table: str) -> tuple:
    """The hooks in one table that a module is to call, those of every module first."""
    records = (everywhere, module._hooks)
    return tuple(h for hooks in records if hooks for h in getattr(hooks, table).values())


def _call_before(hook: Callable, with_kwargs: bool, module, args: tuple, kwargs: dict):
    """Call one forward pre-hook; it may return other arguments."""
    if not with_kwargs:
        changed = hook(module, args)
        if changed is not None:
            args = changed if isinstance(changed, tuple) else (changed,)
        return args, kwargs
    changed = hook(module, args, kwargs)
    if changed is None:
        return args, kwargs
    if not (isinstance(changed, tuple) and len(changed) == 2):
        raise RuntimeError(
            "a forward pre-hook registered with_kwargs=True expected to return None or "
            f"(args, kwargs), got {changed!r}"
        )
    return changed


class Crossing:
    """One call of a module with backward hooks: gates at its inputs and outputs.

    The backward pass meets the outputs' gate first, which notes the gradients there, and then the
    inputs' gate, where the hooks are called with both.
    """

    def __init__(self, module):
        self.module = module
        self.grad_output: tuple = ()
        self.arguments = 0
        self.entered = False  # whether any input wants a gradient

    def enter(self, args: tuple) -> tuple:
        """Lead the tensors among the positional arguments through a gate."""
        self.arguments = len(args)
        places = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        self.entered = any(args[i].requires_grad for i in places)
        return _through(args, places, self._at_inputs) if self.entered else args

    def leave(self, output):
        """Lead the output, or the tensors in an output tuple, through a gate."""
        outs = output if isinstance(output, tuple) else (output,)
        places = [i for i, out in enumerate(outs) if isinstance(out, Tensor)]
        if not any(outs[i].requires_grad for i in places):
            return output
        outs = _through(outs, places, self._at_outputs)
        if not isinstance(output, tuple):
            return outs[0]
        return type(output)(*outs) if hasattr(output, "_fields") else outs

    def _at_outputs(self, grads: tuple) -> tuple:
        for hook in registered(self.module, "backward_before"):
            grads = _replaced(grads, hook(self.module, grads), "pre-hook")
        self.grad_output = grads
        if not self.entered:
            self._call((None,) * self.arguments)
        return grads

    def _at_inputs(self, grads: tuple) -> tuple:
        return self._call(grads)

    def _call(self, grads: tuple) -> tuple:
        for hook in registered(self.module, "backward"):
            grads = _replaced(grads, hook(self.module, grads, self.grad_output), "hook")
        return grads


def _replaced(grads: tuple, result, what: str) -> tuple:
    """The gradients after a hook: its result if it returned one."""
    if result is None:
        return grads
    result = result if isinstance(result, tuple) else (result,)
    if len(result) != len(grads):
        raise RuntimeError(
            f"a full backward {what} expected to return {len(grads)} gradients, got {len(result)}"
        )
    return result


def _through(values: tuple, places: list[int], visit: Callable) -> tuple:
    """`values` with those at `places` led through one gate; `visit` sees a gradient for each."""

    def visit_all(grads: tuple) -> tuple:
        every = [None] * len(values)
        for place, grad in zip(places, grads, strict=True):
            every[place] = grad
        changed = visit(tuple(every))
        return tuple(changed[place] for place in places)

    passed = list(values)
    for place, tensor in zip(
        places, Gate.apply(visit_all, *(values[i] for i in places)), strict=True
    ):
        passed[place] = tensor
    return tuple(passed)


class Gate(Function):
    """The identity on several tensors; their gradients are shown to `visit` on the way back."""

    @staticmethod
    def forward(ctx, visit, *tensors):
        ctx.visit = visit
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*(t for t in tensors if t.array.dtype.kind != "f"))
        return tensors

    @staticmethod
    def backward(ctx, *grads):
        return (None, *ctx.visit(grads))
