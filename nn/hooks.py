"""Hooks of modules: functions called around `forward`, and when gradients pass through a module."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from autograd.function import Function
from autograd.hooks import RemovableHandle
from autograd.mode import CURRENT
from autograd.tensor import Tensor


class Hooks:
    """The hooks of one module. A module has this record only once a hook was registered."""

    def __init__(self) -> None:
        self.before: OrderedDict = OrderedDict()  # forward pre-hooks: (hook, with_kwargs)
        self.after: OrderedDict = OrderedDict()  # forward hooks: (hook, with_kwargs)
        self.backward_before: OrderedDict = OrderedDict()
        self.backward: OrderedDict = OrderedDict()
        self.state_before: OrderedDict = OrderedDict()  # around state_dict
        self.state_after: OrderedDict = OrderedDict()
        self.load_before: OrderedDict = OrderedDict()  # around load_state_dict
        self.load_after: OrderedDict = OrderedDict()

    def run(self, module, args: tuple, kwargs: dict):
        """Call `module.forward` with all hooks around it."""
        for hook, with_kwargs in tuple(self.before.values()):
            args, kwargs = _call_before(hook, with_kwargs, module, args, kwargs)
        crossing = None
        if (self.backward or self.backward_before) and CURRENT.get().grad:
            crossing = Crossing(self, module)
            args = crossing.enter(args)
        output = module.forward(*args, **kwargs)
        for hook, with_kwargs in tuple(self.after.values()):
            extra = (args, kwargs) if with_kwargs else (args,)
            changed = hook(module, *extra, output)
            output = output if changed is None else changed
        return output if crossing is None else crossing.leave(output)


def add(table: OrderedDict, hook, prepend: bool) -> RemovableHandle:
    """Enter `hook` into a table, at its end or its front; the handle takes it out again."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


def registered(module, table: str) -> tuple:
    """The hooks in one table of a module that may have none."""
    return () if module._hooks is None else tuple(getattr(module._hooks, table).values())


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

    def __init__(self, hooks: Hooks, module):
        self.hooks = hooks
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
        for hook in tuple(self.hooks.backward_before.values()):
            grads = _replaced(grads, hook(self.module, grads), "pre-hook")
        self.grad_output = grads
        if not self.entered:
            self._call((None,) * self.arguments)
        return grads

    def _at_inputs(self, grads: tuple) -> tuple:
        return self._call(grads)

    def _call(self, grads: tuple) -> tuple:
        for hook in tuple(self.hooks.backward.values()):
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
