"""What becomes of finished gradients: they are added to ``.grad``, in arrays that no one else sees.

Whether anyone else does is read off the interpreter's reference counts.
"""

from __future__ import annotations

import sys

import numpy as np

from autograd import kernels
from autograd.tensor import Leaf, Tensor, wrap


def deliver(leaf: Leaf, g) -> None:
    """Add a finished gradient to the leaf tensor's .grad; nothing to do if the tensor is gone."""
    tensor = leaf.tensor()
    if tensor is None:
        return
    old = tensor._grad
    if isinstance(g, Tensor):
        tensor._grad = g if old is None else old + g
    elif old is None:
        # Keep the array itself if nobody else can see it, and it lies in memory as the tensor does.
        kept = type(g) is np.ndarray and sys.getrefcount(g) <= _ALONE
        kept = kept and (g.flags.carray or g.strides == tensor.array.strides) and _owns_memory(g)
        tensor._grad = wrap(g if kept else _laid_out_as(tensor.array, g))
    elif old.requires_grad:
        tensor._grad = old.detach() + wrap(np.asarray(g))
    else:
        np.add(old.array, g, out=old.array)
    if leaf.post_hooks:
        for hook in tuple(leaf.post_hooks.values()):
            hook(tensor)


def _laid_out_as(array: np.ndarray, g) -> np.ndarray:
    """A copy of g whose axes lie in memory in the order of the array's."""
    if g.ndim == 2 and type(g) is np.ndarray and array.flags.c_contiguous:
        return kernels.gemm.by_rows(g)
    copy = np.empty_like(array, dtype=np.asarray(g).dtype, subok=False)
    np.copyto(copy, g)
    return copy


def _references_on_the_way(g=None, depth: int = 1) -> int:
    """What getrefcount says of an array that only the engine's loop and `deliver` have named.

    Counted rather than written down: interpreters differ in whether passing an argument counts.
    """
    if g is None:
        g = np.empty(0)
    if depth:
        g = _references_on_the_way(g, depth - 1)
        return g
    return sys.getrefcount(g)


def _references_in_a_dict() -> int:
    """What it says in `alone_in_a_dict` of an array that is a value of a dict, and named once."""
    grads = {0: np.empty(0)}
    old = grads.get(0)
    return _references_on_the_way(old, 0)


def _references_in_a_variable() -> int:
    """What it says in `sum_of` of an array that one variable names."""
    old = np.empty(0)
    return _references_on_the_way(old, 0)


_ALONE, _IN_A_DICT = _references_on_the_way(), _references_in_a_dict()
_IN_A_VARIABLE = _references_in_a_variable()
_PADDING = 64  # bytes by which kernels make a buffer larger, so that its numbers are aligned


def _owns_memory(array: np.ndarray) -> bool:
    """Whether `array` is the whole of a buffer that nothing else refers to."""
    if not array.flags.writeable:  # such as one number seen as many
        return False
    base = array.base
    if base is None:
        return True
    whole = type(base) is np.ndarray and base.base is None
    whole = whole and 0 <= base.nbytes - array.nbytes <= _PADDING
    # The array's reference, the name here, the argument.
    return whole and sys.getrefcount(base) <= 3


def alone_in_a_dict(value) -> bool:
    """Whether `value`, named once where this is called, is an array free to be added into."""
    return (
        sys.getrefcount(value) <= _IN_A_DICT and type(value) is np.ndarray and _owns_memory(value)
    )


def sum_of(old, g):
    """``old + g``, put into `old` if that is an array which one variable names and nobody else."""
    if sys.getrefcount(old) <= _IN_A_VARIABLE and type(old) is np.ndarray and _owns_memory(old):
        kernels.elementwise.accumulate(old, g)
        return old
    return kernels.elementwise.add(old, g)


def keep(tensor: Tensor | None, g) -> None:
    """Store the gradient of a tensor that called retain_grad, and that still lives."""
    if tensor is not None:
        g = g if isinstance(g, Tensor) else wrap(np.array(g))
        tensor._grad = g if tensor._grad is None else tensor._grad + g
