"""In-place operations: the pure op runs, its value goes into the tensor's memory, its node becomes
the tensor's. Through a view, the base gets the node of a `view_write` instead and views follow it.
Methods such as ``t_()``, which only change how a tensor looks at its memory, go through `relayout`.

The pure op saves what its rule needs as always; a saved array whose memory is about to be written
is copied first. So ``x.mul_(y)`` has the gradient of ``x * y``, also where PyTorch would refuse.

An op that can put its result over its input, and needs at most that result for its rule, does so:
ReLU and dropout in place take no memory. What its node keeps is the tensor's own memory, copied if
another write in place follows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autograd.call import record_call, unwrap
from autograd.errors import DtypeError, GraphError, ShapeError
from autograd.mode import CURRENT, enable_grad
from autograd.node import Node
from autograd.op import Array, Op, op
from autograd.recording.effects import effect
from autograd.tensor import Leaf, Tensor, memory_of, next_seq, wrap
from autograd.versions import keep, keeper, owner, wrote
from autograd.view import View, move_retained, replay


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
    node = keeper(target.array)
    if node is not None and node.saved:
        _copy_kept(node, owner(target.array))
    record = getattr(function, "op", None)
    if record is not None and record.overwrite is not None and _is_plain(target):
        _write_over(target, name, record, record.bind((target, *args), keywords)[1])
        return target
    start = next_seq()
    value = function(target, *args, **keywords)
    if value.shape != target.shape:
        raise ShapeError(f"{name} would change the shape {target.shape} into {value.shape}")
    if value.dtype != target.dtype:
        if not np.can_cast(value.dtype, target.dtype, "same_kind"):
            raise DtypeError(f"{name} would put {value.dtype} values into a {target.dtype} tensor")
        value = value.to(target.dtype)
    _keep_overwritten(value, target, start)
    overwrite(target, value, name)
    if recording:
        rebase(target, value, name)
    return target


@effect
def overwrite(target, value, name: str) -> None:
    """Put the elements of `value` into the memory of `target`."""
    target, value = memory_of(target), memory_of(value)
    np.copyto(target, value)
    wrote(target, name)


def _is_plain(target: Tensor) -> bool:
    """Whether it holds floats and is no view."""
    return target._view is None and target.dtype.kind == "f"


def _write_over(target: Tensor, name: str, record: Op, params: dict) -> None:
    """Let an op put its result over what `target` holds."""
    put_over(target, name, record.overwrite, **params)
    if target.requires_grad and CURRENT.get().grad:
        array = memory_of(target)
        value = record_call(record, (target,), [array], 1, array, (), params)
        rebase(target, value, name)
        keep(array, value._node)


@effect
def put_over(target, name: str, change: Callable, /, **params) -> None:
    """Call what changes the memory of `target`."""
    array = memory_of(target)
    change(array, **params)
    wrote(array, name)


@effect
def kept(array: np.ndarray) -> np.ndarray:
    """A copy of what is about to be overwritten, for a node that saved it."""
    return array.copy()


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
        move_retained(target, value._node)
        target._node = value._node
    elif value.requires_grad or view.base.requires_grad:
        base = view.base
        arrays, mask, _ = unwrap((base, value))
        params = {"chain": view.chain}  # not the view: the node must not hold the base, in a cycle
        written = record_call(view_write.op, (base, value), arrays, mask, base.array, (), params)
        move_retained(base, written._node)
        base._node = written._node
        view.sync(target)


def relayout(target: Tensor, name: str, function: Callable, *args, **keywords) -> Tensor:
    """Let `target` itself become its view ``function(target, ...)``: no element moves.

    What it was lives on as the base of the view that it now is. So earlier views still look into
    the same elements, and writes through them or through `target` reach each other.

    Raises
    ------
    GraphError
        If `target` is a leaf that requires grad, or a view of one, while gradients are recorded;
        or if it was computed from one and they are not: its node would belong to the old shape.
    """
    recording, node, view = CURRENT.get().grad, target.node, target._view
    if recording:
        _refuse_leaf(target, name)
    elif isinstance(node, Leaf):  # nothing to record: a leaf has a history of its own
        target.array = function(target.array, *args, **keywords)
        return target
    elif node is not None:
        raise GraphError(
            f"{name} under no_grad() would give a tensor that is part of a graph a shape its node "
            "knows nothing of: call it with gradients enabled, or on .detach()"
        )
    former = wrap(target.array, node) if view is None else target
    with enable_grad():  # without a node there is nothing to record, but a chain to note
        value = function(former, *args, **keywords)
    if value is former:
        return target
    move_retained(target, value._node)
    target.array, target._node, target._view = value.array, value._node, value._view
    target._view.of_itself = view is None or view.of_itself
    return target


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
            _copy_kept(node, memory)


def _copy_kept(node: Node, memory: np.ndarray) -> None:
    """Have a node keep copies of what it has in this memory."""
    node.saved = tuple(
        kept(item) if isinstance(item, np.ndarray) and owner(item) is memory else item
        for item in node.saved
    )


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
