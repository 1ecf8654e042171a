"""Tensor methods that start a backward pass or listen to one."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable

from autograd import engine
from autograd.errors import GraphError
from autograd.recording import effects
from autograd.tensor import Leaf, Tensor, attach, method
from autograd.versions import version

_numbers = itertools.count()


class RemovableHandle:
    """What registering a hook returns: `remove`, or the end of `with`, takes the hook away."""

    def __init__(self, hooks: dict):
        self.hooks = hooks
        self.id = next(_numbers)

    def remove(self) -> None:
        """Take the hook away; doing it twice does nothing."""
        self.hooks.pop(self.id, None)
        effects.changed()

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc_info) -> None:
        self.remove()


def _register(hooks: dict, hook: Callable) -> RemovableHandle:
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    return handle


@method
def register_hook(self: Tensor, hook: Callable) -> RemovableHandle:
    """Call ``hook(grad)`` when the gradient of this tensor is complete; it may return another.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.ones(1, requires_grad=True)
    >>> handle = x.register_hook(lambda g: g * 10)
    >>> (x * 2).sum().backward(); x.grad
    tensor([20.])
    """
    node = self.node
    if node is None:
        raise GraphError(
            "register_hook: this tensor does not require grad, so no gradient will come"
        )
    if node.hooks is None:
        node.hooks = {}
    return _register(node.hooks, hook)


@method
def register_post_accumulate_grad_hook(self: Tensor, hook: Callable) -> RemovableHandle:
    """Call ``hook(tensor)`` each time this leaf's ``.grad`` has been added to."""
    node = self.node
    if not isinstance(node, Leaf):
        raise GraphError("register_post_accumulate_grad_hook expected a leaf that requires grad")
    if node.post_hooks is None:
        node.post_hooks = {}
    return _register(node.post_hooks, hook)


@method
def retain_grad(self: Tensor) -> None:
    """Keep this tensor's gradient in ``.grad`` although it is not a leaf."""
    node = self.node
    if node is None:
        raise GraphError("retain_grad: this tensor does not require grad")
    if not isinstance(node, Leaf):
        node.retained = weakref.ref(self)


@method
def backward(
    self: Tensor, gradient=None, retain_graph=None, create_graph=False, inputs=None
) -> None:
    """Accumulate the gradients of this tensor into the leaves it was computed from.

    See `autograd.backward`; `gradient` may be left out when the tensor has one element.
    """
    engine.backward(self, gradient, retain_graph, create_graph, inputs)


def _retains_grad(self: Tensor) -> bool:
    """Whether `retain_grad` was called on this tensor."""
    return not self.is_leaf and self.node.retained is not None


def _version(self: Tensor) -> int:
    """How often this tensor's memory was written in place, through it or a view of it."""
    return version(self.array)


attach("retains_grad", property(_retains_grad))
attach("_version", property(_version))
