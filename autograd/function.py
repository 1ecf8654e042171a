"""Function: PyTorch's way to write a differentiable operation, with a context object.

An op of this library is shorter to write as a record (`autograd.op`); this is for code that comes
from PyTorch, and for operations whose backward needs more than a formula.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.errors import GraphError
from autograd.inplace import rebase
from autograd.mode import CURRENT, no_grad
from autograd.node import Node, Output
from autograd.tensor import Leaf, Tensor, wrap
from autograd.versions import wrote


class Context:
    """What a Function's forward leaves for its backward."""

    def __init__(self, needs_input_grad: tuple[bool, ...]):
        self.needs_input_grad = needs_input_grad
        self.materialize_grads = True
        self._to_save: tuple = ()
        self._dirty: tuple = ()
        self._constant: tuple = ()
        self._saved: Any = None  # called to get the saved tensors while backward runs

    def save_for_backward(self, *tensors) -> None:
        """Keep tensors (or None) for the backward; they are checked for later overwriting."""
        self._to_save = tensors

    @property
    def saved_tensors(self) -> tuple:
        """What was kept with `save_for_backward`."""
        if self._saved is None:
            raise GraphError("saved_tensors can only be read while backward runs")
        return self._saved()

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs the forward changed in place; it must return them."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which outputs have no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether backward gets zeros (the default) or None for outputs without a gradient."""
        self.materialize_grads = value


class FunctionPlan:
    """Stands where an op's plan stands on the node of one Function call."""

    op = add_part = None

    def __init__(self, cls: type[Function], ctx: Context, live: list[int], count: int):
        self.cls, self.ctx, self.live, self.count = cls, ctx, live, count
        self.name = cls.__name__
        self.materialize = ctx.materialize_grads

    def pull(self, node: Node, g, saved, useful) -> list:
        """Call the user's backward; on tensors always, recorded if gradients are on."""
        graph = CURRENT.get().grad
        gs = g if isinstance(g, (tuple, list)) else (g,)  # a list of slots if not materialized
        gs = tuple(x if x is None or isinstance(x, Tensor) else wrap(np.asarray(x)) for x in gs)
        tensors = self._tensors(node, saved)
        self.ctx._saved = lambda: tensors
        try:
            result = self.cls.backward(self.ctx, *gs)
        finally:
            self.ctx._saved = None
        result = result if isinstance(result, tuple) else (result,)
        if len(result) != self.count:
            raise GraphError(
                f"{self.name}.backward returned {len(result)} gradients, expected one for each of "
                f"the {self.count} arguments of forward (None where there is none)"
            )
        picked = [result[i] for i in self.live]
        for i, value in zip(self.live, picked, strict=True):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"{self.name}.backward returned {type(value).__name__} for argument {i}, "
                    "expected a Tensor or None"
                )
        return picked if graph else [x if x is None else x.array for x in picked]

    def _tensors(self, node: Node, saved) -> tuple:
        """The saved arrays as tensors, attached again to the nodes they came from."""
        links = node.params["links"]
        tensors = []
        for array, link in zip(saved, links, strict=True):
            if isinstance(link, int):  # an output of this very call
                link = Output(node, link) if node.outputs is not None else node
            tensors.append(None if array is None else wrap(array, link))
        return tuple(tensors)

    def reattach(self, node: Node):
        """Saved arrays are attached in `pull`, whether or not the backward is recorded."""
        return node.saved


class Function:
    """Base of custom differentiable operations: define static `forward` and `backward`, `apply` it.

    ``forward(ctx, *args)``, or ``forward(*args)`` beside ``setup_context(ctx, inputs, output)``,
    runs without recording. ``backward(ctx, *grads)`` returns one gradient per argument of forward;
    written with differentiable operations it can itself be differentiated.

    Examples
    --------
    >>> import autograd as ag
    >>> class Cube(ag.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x**3
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return g * 3 * x**2
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> Cube.apply(x).backward(); x.grad
    tensor(12.)
    """

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the output or a tuple of outputs."""
        raise NotImplementedError("a Function needs a static method forward(ctx, *args)")

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        """Keep what backward needs, when forward takes no ctx."""
        raise NotImplementedError

    @staticmethod
    def backward(ctx, *grads):
        """Return the gradient of each argument of forward."""
        raise NotImplementedError("a Function needs a static method backward(ctx, *grads)")

    vjp = None  # PyTorch's other name for backward; kept free for subclasses

    @classmethod
    def apply(cls, *args):
        """Run the operation and record it."""
        nodes = [a.node if isinstance(a, Tensor) else None for a in args]
        recording = CURRENT.get().grad
        ctx = Context(tuple(recording and n is not None for n in nodes))
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                result = cls.forward(*args)
                cls.setup_context(ctx, args, result)
            else:
                result = cls.forward(ctx, *args)
        for tensor in ctx._dirty:
            wrote(tensor.array, cls.__name__)
        if not any(ctx.needs_input_grad):
            return result
        return cls._record(ctx, args, nodes, result)

    @classmethod
    def _record(cls, ctx: Context, args, nodes, result):
        """Give the outputs a node."""
        several = isinstance(result, tuple)
        outs = result if several else (result,)
        for out in outs:
            if not isinstance(out, Tensor):
                raise TypeError(
                    f"{cls.__name__}.forward returned {type(out).__name__}, not a Tensor"
                )
        live = [i for i, wanted in enumerate(ctx.needs_input_grad) if wanted]
        saved = ctx._to_save
        links = [
            None if any(t is c for c in ctx._constant) else _link(t, args, nodes, outs)
            for t in saved
        ]
        node = Node(
            FunctionPlan(cls, ctx, live, len(args)),
            [nodes[i] for i in live],
            [(args[i].array.shape, args[i].array.dtype) for i in live],
            tuple(None if t is None else t.array for t in saved),
            {"links": links},
            CURRENT.get().layer,
            [(out.shape, out.dtype) for out in outs] if several else None,
        )
        if CURRENT.get().anomaly:
            node.fingerprint()
        wrapped = []
        for i, out in enumerate(outs):
            if any(out is t for t in ctx._constant):
                wrapped.append(out)
                continue
            recorded = wrap(out.array, Output(node, i) if several else node)
            if any(out is t for t in ctx._dirty):
                if isinstance(out.node, Leaf):
                    raise GraphError(f"{cls.__name__} changed a leaf that requires grad in place")
                rebase(out, recorded, cls.__name__)
                recorded = out
            wrapped.append(recorded)
        return tuple(wrapped) if several else wrapped[0]


def _link(tensor, args, nodes, outs):
    """Where a saved tensor hangs in the graph: an argument's node, an output's number, or none."""
    if tensor is None:
        return None
    for i, out in enumerate(outs):
        if tensor is out and not any(tensor is a for a in args):
            return i
    for a, node in zip(args, nodes, strict=True):
        if tensor is a:
            return node
    return tensor.node


def once_differentiable(backward):
    """Mark a Function's backward as not differentiable: differentiating it again raises.

    Examples
    --------
    >>> from autograd.function import once_differentiable
    >>> @once_differentiable
    ... def backward(ctx, g):
    ...     return g
    """

    def wrapper(ctx, *grads):
        if CURRENT.get().grad:
            raise GraphError(
                "this Function's backward is marked once_differentiable: it cannot run with "
                "create_graph=True"
            )
        return backward(ctx, *grads)

    return wrapper
