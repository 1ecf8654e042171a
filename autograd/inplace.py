"""In-place operations: the pure op runs, its value goes into the tensor's memory, its node becomes
the tensor's. Through a view, the base gets the node of a `view_write` instead and views follow it.

The pure op saves what its rule needs as always; a saved array whose memory is about to be written
is copied first. So ``x.mul_(y)`` has the gradient of ``x * y``, also where PyTorch would refuse.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import numpy as np

from autograd.call import record_call, unwrap
from autograd.errors import DtypeError, GraphError, ShapeError
from autograd.mode import CURRENT
from autograd.node import Node, Output
from autograd.op import Array, op
from autograd.tensor import Leaf, Tensor, next_seq
from autograd.versions import owner, wrote
from autograd.view import View, replay


def write(target: Tensor, name: str, function: Callable, *args, **keywords) -> Tensor:
    """Set `target`, in place, to ``function(target, *args, **keywords)``; `name` is for messages.

    Raises
    ------
    GraphError
        If `target` is a leaf that requires grad, or a view of one, while gradients are recorded.
    ShapeError, DtypeError
        If the value does not fit into `target`.
    """
    recording = CURRENT.get().grad
    if recording:
        _refuse_leaf(target, name)
    if not target.array.flags.writeable:
        raise GraphError(
            f"{name} cannot write to this tensor: several of its elements share one place in "
            "memory, as after expand(), or NumPy has locked it: write to a .clone()"
        )
    start = next_seq()
    value = function(target, *args, **keywords)
    if value.shape != target.shape:
        raise ShapeError(f"{name} would change the shape {target.shape} into {value.shape}")
    if value.dtype != target.dtype:
        if not np.can_cast(value.dtype, target.dtype, "same_kind"):
            raise DtypeError(f"{name} would put {value.dtype} values into a {target.dtype} tensor")
        value = value.to(target.dtype)
    _keep_overwritten(value, target, start)
    np.copyto(target.array, value.array)
    wrote(target.array, name)
    if recording:
        rebase(target, value, name)
    return target


def rebase(target: Tensor, value: Tensor, name: str) -> None:
    """Make the graph say that `target` now holds `value`."""
    view: View | None = target._view
    if view is None or not view.tracked:
        if view is not None and (value.requires_grad or view.base.requires_grad):
            raise GraphError(
                f"{name} writes through a view that was made under no_grad() into a tensor that "
                "takes part in a graph: make the view with gradients enabled, or write under "
                "no_grad()"
            )
        _move_retained(target, value._node)
        target._node = value._node
    elif value.requires_grad or view.base.requires_grad:
        base = view.base
        arrays, mask, _ = unwrap((base, value))
        params = {"chain": view.chain}  # not the view: the node must not hold the base, in a cycle
        written = record_call(view_write.op, (base, value), arrays, mask, base.array, (), params)
        _move_retained(base, written._node)
        base._node = written._node
        view.sync(target)


def _refuse_leaf(target: Tensor, name: str) -> None:
    view = target._view
    if isinstance(target.node, Leaf) or (
        view and view.tracked and isinstance(view.base._node, Leaf)
    ):
        what = "a view of a leaf" if view else "a leaf"
        raise GraphError(
            f"{name} would change {what} tensor that requires grad: do it under no_grad() (as an "
            "optimiser does), or write to a .clone()"
        )


def _keep_overwritten(value: Tensor, target: Tensor, start: int) -> None:
    """Copy what nodes made since `start` saved of the memory that is about to be written."""
    memory = owner(target.array)
    stack = [value._node]
    while stack:
        node = stack.pop()
        if node is None or node.seq < start:
            continue
        stack.extend(node.parents or ())
        if isinstance(node, Node):
            node.saved = tuple(
                item.copy() if isinstance(item, np.ndarray) and owner(item) is memory else item
                for item in node.saved
            )


def _move_retained(tensor: Tensor, node) -> None:
    """`retain_grad` follows the tensor to its new node."""
    old = tensor._node
    if isinstance(old, (Node, Output)) and old.retained is not None:
        old.retained = None
        if node is not None:
            node.retained = weakref.ref(tensor)


def _samples(rng):
    from autograd.op import OPS

    chain = ((OPS["transpose"].function, {"dim0": 0, "dim1": 1}),)
    yield (rng.normal(size=(3, 2)), rng.normal(size=(2, 3))), {"chain": chain}


@op(samples=_samples, space="internal")
def view_write(base: Array, value: Array, chain: tuple):
    """Return `base` with the part that a view's chain leads to replaced by `value`."""
    out = base.copy()
    window = replay(chain, out)
    if owner(window) is out:
        window[...] = value
    else:  # in this layout the chain copies: find the elements by their numbers
        places = replay(chain, np.arange(out.size).reshape(out.shape))
        out.reshape(-1)[places] = value
    return out


view_write.vjp(
    base=lambda g, value_shape, chain: view_write(g, np.zeros(value_shape, g.dtype), chain),
    value=lambda g, chain: replay(chain, g),
)
