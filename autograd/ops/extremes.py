"""Largest and smallest elements, order and what follows from it.

A result that stands for several equal elements (`amax`, `max` of a whole tensor, ...) shares its
gradient evenly among them. Where an index is returned too, the gradient goes to that element.
"""

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

import numpy as np

from autograd.errors import ShapeError
from autograd.op import Array, answers, composite, op
from autograd.ops.cast import cases
from autograd.ops.gather import gather
from autograd.ops.piecewise import maximum, minimum
from autograd.ops.reduce import Dims, axes, count, reduced, share_ties, unsqueezed
from autograd.tensor import Tensor, asarray, wrap


class ValuesIndices(NamedTuple):
    """Elements, and where in their axis they were found."""

    values: Any
    indices: Any


class MinMax(NamedTuple):
    """The smallest and the largest element."""

    min: Any
    max: Any


def _refuse_empty(shape: tuple, dim) -> None:
    if not count(shape, dim):
        where = "the tensor has none" if dim is None else f"there are none along dim {dim}"
        raise ShapeError(f"expected at least one element to choose from, {where}")


def _like(input, array):
    """An array as what `input` is: a tensor or an array."""
    return wrap(np.asarray(array)) if isinstance(input, Tensor) else array


_one_axis = cases(
    ((2, 3), {}), ((2, 3), {"dim": -1}), ((2, 3), {"dim": 0, "keepdim": True}), ((), {})
)  # fmt: skip

# -- values ---------------------------------------------------------------------------------------


@op(numpy=np.max, kind="reduce")
def amax(input: Array, dim: Dims = None, keepdim: builtins.bool = False):
    """Return the largest element; equal ones share the gradient.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([[1.0, 5.0], [3.0, 4.0]]).amax(dim=(0, 1))
    tensor(5.)
    """
    _refuse_empty(input.shape, dim)
    return reduced(np.maximum, input, dim, keepdim)


@op(numpy=np.min, kind="reduce")
def amin(input: Array, dim: Dims = None, keepdim: builtins.bool = False):
    """Return the smallest element; equal ones share the gradient.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([[1.0, 5.0], [3.0, 4.0]]).amin(dim=1)
    tensor([1., 3.])
    """
    _refuse_empty(input.shape, dim)
    return reduced(np.minimum, input, dim, keepdim)


def _extreme_input(g, input, out, dim, keepdim):
    shape = tuple(input.shape)
    g, out = unsqueezed(g, shape, dim, keepdim), unsqueezed(out, shape, dim, keepdim)
    return share_ties(g, input, out, dim)


amax.vjp(input=_extreme_input)
amin.vjp(input=_extreme_input)


@composite(samples=_one_axis)
def aminmax(input, *, dim: int | None = None, keepdim: builtins.bool = False) -> MinMax:
    """Return the smallest and the largest element as a named tuple ``(min, max)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 5.0, 3.0]).aminmax().max
    tensor(5.)
    """
    return MinMax(amin(input, dim, keepdim), amax(input, dim, keepdim))


# -- places ---------------------------------------------------------------------------------------


def _axis(dim, ndim: int) -> int | None:
    """One axis, or None where the whole array is meant; a 0-d array has no other part."""
    return None if dim is None or not axes(int(dim), ndim) else axes(int(dim), ndim)[0]


@op(numpy=np.argmax, samples=_one_axis)
def argmax(input: Array, dim: int | None = None, keepdim: builtins.bool = False):
    """Return where the (first) largest element is; without `dim`, in the flattened tensor.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([[1.0, 5.0], [4.0, 3.0]]).argmax(dim=1)
    tensor([1, 0])
    """
    _refuse_empty(input.shape, dim)
    return np.argmax(input, axis=_axis(dim, input.ndim), keepdims=keepdim)


@op(numpy=np.argmin, samples=_one_axis)
def argmin(input: Array, dim: int | None = None, keepdim: builtins.bool = False):
    """Return where the (first) smallest element is; without `dim`, in the flattened tensor.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([[1.0, 5.0], [4.0, 3.0]]).argmin()
    tensor(0)
    """
    _refuse_empty(input.shape, dim)
    return np.argmin(input, axis=_axis(dim, input.ndim), keepdims=keepdim)


def _pick(input, dim: int, indices, keepdim: builtins.bool) -> ValuesIndices:
    """The elements at `indices`, which have length 1 along `dim`."""
    values = gather(input, dim, indices)
    if not keepdim and input.ndim:
        shape = tuple(n for axis, n in enumerate(input.shape) if axis != dim % input.ndim)
        values, indices = values.reshape(shape), indices.reshape(shape)
    return ValuesIndices(values, indices)


def _is_operand(value) -> builtins.bool:
    return isinstance(value, Tensor) or getattr(value, "ndim", 0) > 0


@composite(samples=_one_axis)
def max(input, dim=None, keepdim: builtins.bool = False) -> Array | ValuesIndices:
    """Return the largest element, or with `dim` a named tuple ``(values, indices)``.

    ``max(input, other)`` with two tensors is `maximum`.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([[1.0, 5.0], [4.0, 3.0]])
    >>> x.max(), x.max(dim=1).values
    (tensor(5.), tensor([5., 4.]))
    """
    if dim is None:
        return amax(input)
    if _is_operand(dim):
        return maximum(input, dim)
    return _pick(input, dim, argmax(input, dim, True), keepdim)


@composite(samples=_one_axis)
def min(input, dim=None, keepdim: builtins.bool = False) -> Array | ValuesIndices:
    """Return the smallest element, or with `dim` a named tuple ``(values, indices)``.

    ``min(input, other)`` with two tensors is `minimum`.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([[1.0, 5.0], [4.0, 3.0]])
    >>> x.min(), x.min(dim=1).indices
    (tensor(1.), tensor([0, 1]))
    """
    if dim is None:
        return amin(input)
    if _is_operand(dim):
        return minimum(input, dim)
    return _pick(input, dim, argmin(input, dim, True), keepdim)


# -- order ----------------------------------------------------------------------------------------

_ordered = cases(
    ((2, 3), {}),
    ((3, 2), {"dim": 0}),
    ((2, 3), {"descending": True}),
    ((), {}),
    ((0, 2), {"dim": 0}),
)


@op(samples=_ordered)
def argsort(
    input: Array, dim: int = -1, descending: builtins.bool = False, stable: builtins.bool = False
):
    """Return the places along an axis in the order of the elements; nan is the largest.

    Equal elements keep their order, whether `stable` or not.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([3.0, 1.0, 2.0]).argsort(descending=True)
    tensor([0, 2, 1])
    """
    axis = _axis(dim, input.ndim)
    if axis is None:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(input, axis=axis, stable=True)
    # Sorted upwards from the other end, so that equal elements keep their order when reversed.
    backwards = np.argsort(np.flip(input, axis), axis=axis, stable=True)
    return input.shape[axis] - 1 - np.flip(backwards, axis)


@composite(samples=_ordered)
def sort(
    input, dim: int = -1, descending: builtins.bool = False, stable: builtins.bool = False
) -> ValuesIndices:
    """Return the elements in order along an axis, and their places, as ``(values, indices)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([3.0, 1.0, 2.0]).sort().values
    tensor([1., 2., 3.])
    """
    indices = argsort(input, dim, descending)
    return ValuesIndices(gather(input, dim, indices), indices)


@answers(np.sort)
def _numpy_sort(a, axis=-1, *, stable=None):
    return sort(a.reshape(-1), 0).values if axis is None else sort(a, axis).values


@answers(np.argsort)
def _numpy_argsort(a, axis=-1, *, stable=None):
    return argsort(a.reshape(-1), 0) if axis is None else argsort(a, axis)


def _slice(indices, dim: int, start: int, stop: int | None):
    axis = _axis(dim, indices.ndim)
    return indices if axis is None else indices[(slice(None),) * axis + (slice(start, stop),)]


@composite(samples=cases(((2, 3), {"k": 2}), ((3, 2), {"k": 1, "dim": 0, "largest": False})))
def topk(
    input, k: int, dim: int = -1, largest: builtins.bool = True, sorted: builtins.bool = True
) -> ValuesIndices:
    """Return the `k` largest (or smallest) elements along an axis, and their places, in order.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([3.0, 1.0, 2.0]).topk(2).values
    tensor([3., 2.])
    """
    length = input.shape[dim] if input.ndim else 1
    if not 0 <= k <= length:
        raise ShapeError(f"topk expected k from 0 to {length}, the length of dim {dim}, got {k}")
    indices = _slice(argsort(input, dim, descending=largest), dim, 0, k)
    return ValuesIndices(gather(input, dim, indices), indices)


@composite(samples=cases(((2, 3), {"k": 2}), ((3, 2), {"k": 1, "dim": 0, "keepdim": True})))
def kthvalue(input, k: int, dim: int = -1, keepdim: builtins.bool = False) -> ValuesIndices:
    """Return the `k`-th smallest element along an axis, counted from 1, and its place.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([3.0, 1.0, 2.0]).kthvalue(2).values
    tensor(2.)
    """
    length = input.shape[dim] if input.ndim else 1
    if not 1 <= k <= length:
        raise ShapeError(
            f"kthvalue expected k from 1 to {length}, the length of dim {dim}, got {k}"
        )
    return _pick(input, dim, _slice(argsort(input, dim), dim, k - 1, k), keepdim)


@op(samples=cases(((5,), {}), ((2, 2), {}), ((), {})), space="internal", shown_as="median")
def lower_median(input: Array):
    """Return the median of all elements, the smaller of two middle ones; nan if there is any."""
    _refuse_empty(input.shape, None)
    middle = (input.size - 1) // 2
    out = np.partition(input, middle, axis=None)[middle]
    return input.dtype.type(np.nan) if np.isnan(input).any() else out


lower_median.vjp(input=lambda g, input, out: share_ties(g, input, out, None))


@composite(samples=_one_axis)
def median(input, dim: int | None = None, keepdim: builtins.bool = False) -> Array | ValuesIndices:
    """Return the median, or with `dim` a named tuple ``(values, indices)``.

    Of two middle elements it is the smaller; if there is a nan, it is nan.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([3.0, 1.0, 2.0, 4.0]).median()
    tensor(2.)
    """
    if dim is None:
        return lower_median(input)
    _refuse_empty(tuple(input.shape), dim)
    order = argsort(input, dim)
    middle = ((input.shape[dim] if input.ndim else 1) - 1) // 2
    indices = asarray(_slice(order, dim, middle, middle + 1))
    # nan, sorted last, has the last word.
    last = asarray(_slice(order, dim, -1, None))
    indices = np.where(np.isnan(asarray(gather(input, dim, last))), last, indices)
    return _pick(input, dim, _like(input, indices), keepdim)


def _repetitive(rng):
    yield (rng.integers(0, 3, (2, 3)),), {}
    yield (rng.integers(0, 2, (3, 2)),), {"dim": 0}


@composite(samples=_repetitive)
def unique(
    input, sorted: builtins.bool = True, return_inverse: builtins.bool = False,
    return_counts: builtins.bool = False, dim: int | None = None,
):  # fmt: skip
    """Return the distinct elements in order (or slices, along `dim`); it has no gradient.

    With `return_inverse` and `return_counts`: also where in the result each element is, and how
    often each comes up.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.unique(ag.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    extras: dict[str, Any] = {"return_inverse": return_inverse, "return_counts": return_counts}
    found = np.unique(asarray(input), axis=dim, **extras)
    if isinstance(found, tuple):
        return tuple(_like(input, array) for array in found)
    return _like(input, found)
