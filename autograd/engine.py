"""The only loop over the graph: put nodes in order, accumulate gradients, release what is done.

Nodes are walked newest first, by the clock that numbered them, so a node's gradient is complete
when its turn comes. Nothing here recurses: a chain of any length is a list.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd import kernels, versions
from autograd.accumulate import alone_in_a_dict, deliver, keep
from autograd.call import refuse_widened_gradient
from autograd.errors import GraphError, ShapeError
from autograd.mode import CURRENT, State, enable_grad
from autograd.node import Node, Output
from autograd.op import OPS
from autograd.tensor import Leaf, Tensor, wrap

_BY_SEQ = operator.attrgetter("seq")


def run(
    roots: dict, *, create_graph: bool, retain_graph: bool, targets: dict | None = None
) -> None:
    """Walk back from `roots`, a dict of node -> gradient of its value.

    Gradients of leaves are added to their ``.grad``; or, if `targets` is a dict keyed by node,
    nothing is stored in tensors, the gradients of these nodes are put there instead, and only what
    leads to them is computed. Gradients are arrays, or tensors under `create_graph`.
    """
    state = CURRENT.get()
    CURRENT.set(_backward_state(state, create_graph, retain_graph))
    try:
        _walk(roots, create_graph, retain_graph, targets)
    finally:
        CURRENT.set(state)


@functools.lru_cache(64)
def _backward_state(state: State, create_graph: bool, retain_graph: bool) -> State:
    """The state in which rules run, given that in which a backward pass was asked for."""
    return state._replace(grad=create_graph, retain=retain_graph, layer=None)


# Infinities and NaN are answers here, as everywhere in a backward pass, not warnings.
@np.errstate(all="ignore")
def _walk(roots: dict, create_graph: bool, retain_graph: bool, targets: dict | None) -> None:
    order = reachable(roots)
    useful = None if targets is None else _leading_to(targets, order)
    grads: dict[Any, Any] = dict(roots)
    owned: set[Any] = set()  # nodes whose gradient is a buffer made here, free to add into
    while order:
        node = order.pop()
        g = grads.pop(node, None)
        if g is None or (useful is not None and node not in useful):
            continue
        if node.hooks:
            g = run_hooks(node, g)
        if targets is not None and node in targets:
            targets[node] = g
        kind = type(node)
        if kind is Leaf:
            if targets is None:
                deliver(node, g)
            continue
        if node.retained is not None and targets is None:
            keep(node.retained(), g)
        if kind is Output:
            slots = grads.setdefault(node.parents[0], [None] * len(node.parents[0].outputs))
            # Rules that look at `out` under create_graph make a second Output for the same slot.
            old = slots[node.index]
            slots[node.index] = g if old is None else old + g
            continue
        if node.parents is None:
            raise GraphError(
                f"the graph through {node.place()} was already walked, its saved values are gone: "
                "pass retain_graph=True to the first backward(), or run the forward again"
            )
        if useful is not None and useful.isdisjoint(node.parents):
            continue
        add_part = None if create_graph else node.plan.add_part
        whole = grads[node.parents[0]] if add_part and node.parents[0] in owned else None
        grads_in = _pull(node, g, useful, create_graph, whole)
        for parent, (shape, dtype), gi in zip(node.parents, node.shapes, grads_in, strict=True):
            if gi is None or (useful is not None and parent not in useful):
                continue
            if gi.shape != shape:
                gi = _sum_to(gi, shape, node.name())
            if gi.dtype is not dtype and gi.dtype != dtype:
                if CURRENT.get().strict:
                    refuse_widened_gradient(node.name(), g, dtype, gi.dtype)
                gi = gi.to(dtype) if create_graph else gi.astype(dtype)
            old = grads.get(parent)
            if old is None:
                grads[parent] = gi
                if add_part is not None:  # which made an array of its own
                    owned.add(parent)
            elif parent in owned or alone_in_a_dict(old):
                kernels.elementwise.accumulate(old, gi)
            else:  # the first gradient may be someone else's array: add into a new one
                grads[parent] = old = kernels.elementwise.add(old, gi)
                if type(old) is np.ndarray:
                    owned.add(parent)
        if not retain_graph:
            node.release()
        g = gi = old = grads_in = whole = None  # let go before the next node allocates


def reachable(roots) -> list:
    """Every node that gradients can reach from `roots`, oldest first."""
    seen = set(roots)
    stack = list(roots)
    while stack:
        for parent in stack.pop().parents or ():
            if parent not in seen:
                seen.add(parent)
                if parent.parents:
                    stack.append(parent)
    return sorted(seen, key=_BY_SEQ)


def _leading_to(targets, order) -> set:
    """The nodes among `order` (oldest first) from which a target can be reached."""
    useful = set(targets)
    for node in order:
        # What lay behind a released node is gone, so it may have led to a target: reaching it is an
        # error, not a gradient that is missing a term.
        if node.parents is None or any(parent in useful for parent in node.parents):
            useful.add(node)
    return useful


def _pull(node: Node, g, useful, create_graph: bool, whole=None):
    """The gradients of a node's parents, given the gradient of its value.

    If it is a view of a part and the gradient of the `whole` is given, the part's is added to that,
    and there is nothing to return.
    """
    if versions.last_write > node.seq:
        versions.check(node)
    if node.prints is not None:
        versions.check_fingerprint(node)
    if node.outputs is not None and node.plan.materialize:
        g = tuple(
            _zeros(like, create_graph) if slot is None else slot
            for slot, like in zip(g, node.outputs, strict=True)
        )
    if whole is not None:
        node.plan.add_part(whole, g, **node.params)
        result = [g]
    elif not create_graph:
        result = node.plan.pull(node, g, node.saved, useful)
    elif node.plan.op is not None and node.plan.op.reference is not None:
        result = _through_reference(node, g)
    else:
        result = node.plan.pull(node, g, node.plan.reattach(node), useful)
    if CURRENT.get().anomaly:
        for parent, gi in zip(node.parents, result, strict=True):
            array = gi.array if isinstance(gi, Tensor) else gi
            if array is not None and np.isnan(array).any():
                raise GraphError(
                    f"{node.name()} returned a NaN gradient for {parent.name()}; "
                    f"the forward was {node.place()}"
                )
    return result if whole is None else [None]


def _through_reference(node: Node, g) -> list:
    """Differentiate a fused op through the plain composition it stands for, recording it all."""
    plan = node.plan
    saved = plan.reattach(node)
    # Each input gets a node of its own, so that the little graph ends there, even for f(x, x).
    alias = OPS["alias"].function
    inputs = [saved[i] for i in plan.reference_slots]
    inputs = [alias(t) if isinstance(t, Tensor) and t.requires_grad else t for t in inputs]
    params = node.params or {}
    with enable_grad():
        outs = plan.op.reference(*inputs, **params)
    outs, gs = (outs, g) if node.outputs is not None else ((outs,), (g,))
    ends = {inputs[i]._node: None for i in plan.live}
    roots = {out.node: gi for out, gi in zip(outs, gs, strict=True) if out.requires_grad}
    run(roots, create_graph=True, retain_graph=True, targets=ends)
    return list(ends.values())


def fitted(g, shape: tuple, dtype, name: str):
    """A gradient in the shape and dtype of what it belongs to; `name` is of the op it is from."""
    if g.shape != shape:
        g = _sum_to(g, shape, name)
    return g if g.dtype == dtype else g.astype(dtype)


def _sum_to(g, shape: tuple, name: str):
    """Undo broadcasting: sum `g` down to `shape`."""
    lead = g.ndim - len(shape)
    if len(shape) == 1 and g.shape[lead:] == shape and type(g) is np.ndarray:
        return kernels.sums.all_but(g, lead)  # a bias, added to every row
    if lead < 0 or any(n not in (1, m) for n, m in zip(shape, g.shape[lead:], strict=True)):
        raise ShapeError(
            f"the rule of {name} returned a gradient of shape {g.shape} for an input of "
            f"shape {shape}"
        )
    axes = tuple(range(lead))
    axes += tuple(i + lead for i, n in enumerate(shape) if n == 1 and g.shape[i + lead] != 1)
    if isinstance(g, Tensor):
        return g.sum(dim=axes).reshape(shape)
    return np.add.reduce(g, axis=axes).reshape(shape)


def _zeros(like: tuple, create_graph: bool):
    zeros = np.zeros(*like)  # shape, dtype
    return wrap(zeros) if create_graph else zeros


def _tensor(g) -> Tensor:
    return g if isinstance(g, Tensor) else wrap(np.asarray(g))


def run_hooks(node, g):
    """Let each hook see, and replace, the gradient that arrived at `node`."""
    array_mode = not isinstance(g, Tensor)
    tensor = _tensor(g)
    for hook in tuple(node.hooks.values()):
        result = hook(tensor)
        if result is not None:
            if not isinstance(result, Tensor) or result.shape != tensor.shape:
                got = getattr(result, "shape", type(result).__name__)
                raise ShapeError(f"a gradient hook expected shape {tensor.shape} back, got {got}")
            tensor = result
    return tensor.array if array_mode else tensor


def _as_tuple(value) -> tuple:
    return tuple(value) if isinstance(value, (tuple, list, Iterator)) else (value,)


def seeds(tensors: tuple, gradients, create_graph: bool) -> dict:
    """The gradients to start from, by node."""
    gradients = (None,) * len(tensors) if gradients is None else _as_tuple(gradients)
    if len(gradients) != len(tensors):
        raise GraphError(f"expected {len(tensors)} output gradients, got {len(gradients)}")
    roots: dict[Any, Any] = {}
    for tensor, g in zip(tensors, gradients, strict=True):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"expected tensors to differentiate, got {type(tensor).__name__}")
        node = tensor.node
        if node is None:
            raise GraphError(
                "this tensor does not require grad: no input of its computation has "
                "requires_grad=True, or it was made under no_grad() or from .detach()"
            )
        if g is None:
            if tensor.array.size != 1:
                raise GraphError(
                    "a gradient is implied only for one number, this tensor has shape "
                    f"{tensor.shape}: reduce it first, as in .sum().backward(), or pass gradient="
                )
            g = np.empty(tensor.array.shape, tensor.array.dtype)
            g.fill(1)
        elif (shape := g.shape if isinstance(g, Tensor) else np.shape(g)) != tensor.shape:
            raise ShapeError(f"gradient expected shape {tensor.shape}, got {shape}")
        if isinstance(g, Tensor) and not create_graph:
            g = g.array
        if not isinstance(g, Tensor):
            g = np.asarray(g, tensor.dtype)
            g = wrap(g) if create_graph else g
        roots[node] = roots[node] + g if node in roots else g
    return roots


def backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, inputs=None
) -> None:
    """Accumulate into ``.grad`` of every leaf the gradients of `tensors` with respect to it.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor
    grad_tensors : Tensor or sequence, optional
        The vectors of the vector-Jacobian products; may be left out for one-element tensors.
    retain_graph : bool, optional
        Keep saved values, so that the graph can be walked again. Default: `create_graph`.
    create_graph : bool, default False
        Record the backward pass too, for higher derivatives. Prefer `grad` for that: a graph in
        ``.grad`` makes a reference cycle.
    inputs : sequence of Tensor, optional
        Accumulate into these only.

    Raises
    ------
    GraphError
        If nothing requires grad, or the graph was released, or a saved value was overwritten.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor(3.0, requires_grad=True)
    >>> ag.backward(x * x)
    >>> x.grad
    tensor(6.)
    """
    retain_graph = create_graph if retain_graph is None else retain_graph
    tensors = _as_tuple(tensors)
    if inputs is None:
        roots = seeds(tensors, grad_tensors, create_graph)
        run(roots, create_graph=create_graph, retain_graph=retain_graph)
        return
    inputs = _as_tuple(inputs)
    grads = grad(tensors, inputs, grad_tensors, retain_graph, create_graph, allow_unused=True)
    for tensor, g in zip(inputs, grads, strict=True):
        if g is not None:
            tensor._grad = g if tensor._grad is None else tensor._grad + g


def grad(outputs, inputs, grad_outputs=None, retain_graph=None, create_graph=False,
         is_grads_batched=False, allow_unused=None, materialize_grads=False) -> tuple:  # fmt: skip
    """Return the gradients of `outputs` with respect to `inputs`, leaving every ``.grad`` alone.

    Parameters
    ----------
    outputs, inputs : Tensor or sequence of Tensor
    grad_outputs : Tensor or sequence, optional
        The vectors of the vector-Jacobian products; may be left out for one-element outputs.
    retain_graph, create_graph : bool
        As in `backward`.
    allow_unused : bool, default False (True with `materialize_grads`)
        Return None for an input that the outputs do not depend on, instead of raising.
    materialize_grads : bool, default False
        Return zeros instead of None.

    Raises
    ------
    GraphError
        If an input is not part of the graph and `allow_unused` is not set.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor(2.0, requires_grad=True)
    >>> (first,) = ag.grad(x**3, x, create_graph=True)
    >>> ag.grad(first, x)
    (tensor(12.),)
    """
    if is_grads_batched:
        raise NotImplementedError("grad(is_grads_batched=True): call grad once per row instead")
    retain_graph = create_graph if retain_graph is None else retain_graph
    allow_unused = materialize_grads if allow_unused is None else allow_unused
    inputs = _as_tuple(inputs)
    for i, tensor in enumerate(inputs):
        if not tensor.requires_grad:
            raise GraphError(
                f"inputs[{i}] does not require grad: set requires_grad=True before use"
            )
    targets = {tensor.node: None for tensor in inputs}
    roots = seeds(_as_tuple(outputs), grad_outputs, create_graph)
    run(roots, create_graph=create_graph, retain_graph=retain_graph, targets=targets)
    grads = []
    for i, tensor in enumerate(inputs):
        g = targets[tensor.node]
        if g is None and not allow_unused:
            raise GraphError(
                f"the outputs do not depend on inputs[{i}] (shape {tensor.shape}): pass "
                "allow_unused=True to get None for it"
            )
        if g is None and materialize_grads:
            g = np.zeros_like(tensor.array)
        grads.append(None if g is None else _tensor(g))
    return tuple(grads)
