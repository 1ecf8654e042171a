"""Running extremes, the most frequent element, search in sorted rows, and counting."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.cast import cases, to
from autograd.ops.extremes import (
    ValuesIndices,
    _axis,
    _like,
    _pick,
    _refuse_empty,
    argsort,
    lower_median,
    sort,
)
from autograd.ops.gather import gather
from autograd.ops.index import read_at, sum_at
from autograd.tensor import Tensor, asarray

_along = cases(((2, 4), {"dim": 1}), ((3, 2), {"dim": 0}), ((), {"dim": 0}), ((0, 2), {"dim": 0}))
_one_axis = cases(((2, 5), {}), ((3, 2), {"dim": 0, "keepdim": True}), ((), {}))


@composite(samples=cases(((3, 2), {}), ((4,), {})))
def msort(input):
    """Return the elements in order along the first axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.msort(ag.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    return sort(input, 0).values


# -- running extremes -----------------------------------------------------------------------------


def _running(ufunc: Any, input, dim: int) -> ValuesIndices:
    """The extreme elements up to each one; of equal ones the last, and nan as soon as there is one.

    Only the places are searched for: the elements, and their gradients, follow by `gather`.
    """
    array = np.asarray(asarray(input))
    axis = _axis(dim, array.ndim)
    if axis is None:
        places = np.zeros((), np.int64)
    else:
        shape = tuple(-1 if i == axis else 1 for i in range(array.ndim))
        here = np.arange(array.shape[axis]).reshape(shape)
        found = (array == ufunc.accumulate(array, axis=axis)) | (array != array)
        places = np.maximum.accumulate(np.where(found, here, 0), axis=axis)
    indices = _like(input, places)
    return ValuesIndices(gather(input, dim, indices), indices)


@composite(samples=_along)
def cummax(input, dim: int) -> ValuesIndices:
    """Return the largest elements up to each one along an axis as ``(values, indices)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cummax(ag.tensor([1.0, 3.0, 2.0]), 0).values
    tensor([1., 3., 3.])
    """
    return _running(np.maximum, input, dim)


@composite(samples=_along)
def cummin(input, dim: int) -> ValuesIndices:
    """Return the smallest elements up to each one along an axis as ``(values, indices)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cummin(ag.tensor([3.0, 1.0, 2.0]), 0).indices
    tensor([0, 1, 1])
    """
    return _running(np.minimum, input, dim)


# -- one element of many --------------------------------------------------------------------------


@composite(samples=_one_axis)
def mode(input, dim: int = -1, keepdim: builtins.bool = False) -> ValuesIndices:
    """Return the most frequent element along an axis, and its last place.

    Of equally frequent elements it is the smallest.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.mode(ag.tensor([2.0, 3.0, 3.0, 1.0]))
    ValuesIndices(values=tensor(3.), indices=tensor(2))
    """
    array = np.asarray(asarray(input))
    _refuse_empty(array.shape, dim)
    axis = _axis(dim, array.ndim)
    if axis is None:
        return _pick(input, dim, _like(input, np.zeros((), np.int64)), keepdim)
    order = np.asarray(argsort(array, axis))
    ordered = np.moveaxis(np.take_along_axis(array, order, axis), axis, -1)
    here = np.arange(ordered.shape[-1])
    begins = np.ones(ordered.shape, np.bool)
    begins[..., 1:] = ordered[..., 1:] != ordered[..., :-1]
    length = here - np.maximum.accumulate(np.where(begins, here, 0), axis=-1)
    # The end of the first of the longest runs; equal elements stand in the order of their places.
    last = np.expand_dims(np.argmax(length, axis=-1), axis)
    return _pick(input, dim, _like(input, np.take_along_axis(order, last, axis)), keepdim)


@composite(samples=_one_axis)
def nanmedian(
    input, dim: int | None = None, keepdim: builtins.bool = False
) -> Array | ValuesIndices:
    """Return the median of the elements that are not nan; with `dim`, ``(values, indices)``.

    Of two middle elements it is the smaller; it is nan if there are no others.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.nanmedian(ag.tensor([3.0, float("nan"), 2.0]))
    tensor(2.)
    """
    array = np.asarray(asarray(input))
    present = array == array
    if dim is None:
        return lower_median(read_at(input, (present,)) if present.any() else input)
    _refuse_empty(array.shape, dim)
    axis = _axis(dim, array.ndim)
    if axis is None:
        return _pick(input, dim, _like(input, np.zeros((), np.int64)), keepdim)
    count = present.sum(axis, keepdims=True)
    order = np.asarray(argsort(array, axis))  # nan comes last
    middle = np.take_along_axis(order, np.maximum(count - 1, 0) // 2, axis)
    return _pick(input, dim, _like(input, middle), keepdim)


# -- search ---------------------------------------------------------------------------------------


def _searches(rng):
    rows = np.sort(rng.normal(size=(2, 4)))
    yield (rows, rng.normal(size=(2, 3))), {"right": True}
    yield (rows[0], rng.normal(size=(2, 3))), {"out_int32": True}
    yield (rng.permutation(rows[0]), 0.5), {"side": "left"}


@composite(samples=_searches)
def searchsorted(sorted_sequence, input, *, out_int32: builtins.bool = False,
                 right: builtins.bool = False, side: str | None = None, sorter=None):  # fmt: skip
    """Return where in a sorted row the elements of `input` could be put in, keeping the order.

    Parameters
    ----------
    sorted_sequence : Tensor
        One row for all elements, or as many axes as `input`, with a row for each of its rows.
    input : Tensor or number
    out_int32 : bool
        Return int32 instead of int64.
    right : bool
        Behind equal elements instead of before them.
    side : {"left", "right"}, optional
        The same in words.
    sorter : Tensor of integers, optional
        The order of a sequence that is not sorted, as from `argsort`.

    Examples
    --------
    >>> import autograd as ag
    >>> row = ag.tensor([1.0, 3.0, 5.0])
    >>> ag.searchsorted(row, ag.tensor([3.0, 6.0])), ag.searchsorted(row, 3.0, right=True)
    (tensor([1, 3]), tensor(2))
    """
    if side not in (None, "left", "right"):
        raise ValueError(f"searchsorted expected side 'left' or 'right', got {side!r}")
    if side == "left" and right:
        raise ValueError("searchsorted got right=True and side='left', which contradict each other")
    rows = np.asarray(asarray(sorted_sequence))
    values = np.asarray(input.array if isinstance(input, Tensor) else input)
    if sorter is not None:
        order = np.asarray(asarray(sorter))
        if order.shape != rows.shape or order.dtype.kind not in "iu":
            raise ShapeError(
                f"searchsorted expected a sorter of integers of shape {rows.shape}, got "
                f"{order.dtype} of shape {order.shape}"
            )
        rows = np.take_along_axis(rows, order, -1)
    if rows.ndim != 1 and rows.shape[:-1] != values.shape[:-1]:
        raise ShapeError(
            "searchsorted expected one row, or one for each row of input, got shapes "
            f"{rows.shape} and {values.shape}"
        )
    where: Any = "right" if right or side == "right" else "left"
    if rows.ndim == 1:
        found = np.asarray(np.searchsorted(rows, values, where))
    else:
        found = np.empty(values.shape, np.int64)
        for place in np.ndindex(rows.shape[:-1]):
            found[place] = np.searchsorted(rows[place], values[place], where)
    return _like(sorted_sequence, found.astype(np.int32 if out_int32 else np.int64))


@composite(samples=lambda rng: [((rng.normal(size=(2, 3)), np.array([-1.0, 0.0, 1.0])), {})])
def bucketize(input, boundaries, *, out_int32: builtins.bool = False,
              right: builtins.bool = False):  # fmt: skip
    """Return the number of the interval between sorted `boundaries` that each element lies in.

    An element equal to a boundary belongs to the interval that ends there; with `right`, to the
    one that begins there.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.bucketize(ag.tensor([0.5, 1.0, 7.0]), ag.tensor([1.0, 2.0]))
    tensor([0, 0, 2])
    """
    if np.ndim(asarray(boundaries)) != 1:
        raise ShapeError(
            f"bucketize expected boundaries of one axis, got shape {tuple(boundaries.shape)}"
        )
    return searchsorted(boundaries, input, out_int32=out_int32, right=right)


# -- counting -------------------------------------------------------------------------------------


def _repetitive(rng):
    yield (rng.integers(0, 2, (2, 4)),), {"return_counts": True}
    yield (rng.integers(0, 2, (4, 1)),), {"return_inverse": True, "dim": 0}


@composite(samples=_repetitive)
def unique_consecutive(input, return_inverse: builtins.bool = False,
                       return_counts: builtins.bool = False, dim: int | None = None):  # fmt: skip
    """Return the elements (or slices, along `dim`) that differ from the one before.

    With `return_inverse` and `return_counts`: also where in the result each element is, and the
    length of each run. It has no gradient.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.unique_consecutive(ag.tensor([1, 1, 2, 1]), return_counts=True)
    (tensor([1, 2, 1]), tensor([2, 1, 1]))
    """
    array = np.asarray(asarray(input))
    axis = None if dim is None else _axis(dim, array.ndim)
    if dim is not None and not array.ndim:
        raise IndexError("unique_consecutive expected no dim for a 0-d tensor")
    rows = array.reshape(-1) if axis is None else np.moveaxis(array, axis, 0)
    begins = np.ones(len(rows), np.bool)
    begins[1:] = (rows[1:] != rows[:-1]).any(tuple(range(1, rows.ndim)))
    distinct = rows[begins] if axis is None else np.moveaxis(rows[begins], 0, axis)
    results = [distinct]
    if return_inverse:
        inverse = np.cumsum(begins) - 1
        results.append(inverse.reshape(array.shape) if axis is None else inverse)
    if return_counts:
        results.append(np.diff(np.append(np.flatnonzero(begins), len(rows))))
    found = tuple(_like(input, result) for result in results)
    return found if len(found) > 1 else found[0]


@composite(
    samples=lambda rng: [
        ((np.array([1, 3, 1]),), {}),
        ((np.array([0, 1]), np.array([0.5, 2.0])), {"minlength": 4}),
    ]
)
def bincount(input, weights=None, minlength: int = 0):
    """Count how often each of the integers 0, 1, 2, ... comes up, or add up their weights.

    The weights have a gradient, which PyTorch's have not.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.bincount(ag.tensor([1, 3, 1]))
    tensor([0, 2, 0, 1])
    """
    places = np.asarray(asarray(input))
    if places.ndim != 1 or places.dtype.kind not in "iu" or (places < 0).any():
        raise ValueError(
            "bincount expected one axis of integers from 0 on, got "
            f"{places.dtype} of shape {places.shape}"
        )
    if minlength < 0:
        raise ValueError(f"bincount expected minlength >= 0, got {minlength}")
    if weights is None:
        return _like(input, np.bincount(places, minlength=minlength))
    weight = np.asarray(asarray(weights))
    if weight.shape != places.shape:
        raise ShapeError(f"bincount expected weights of shape {places.shape}, got {weight.shape}")
    dtype = np.dtype(np.float32 if weight.dtype == np.float32 else np.float64)
    length = builtins.max(minlength, places.max(initial=-1) + 1)
    total = sum_at(
        to(weights if isinstance(weights, Tensor) else weight, dtype), (length,), (places,)
    )
    return total if isinstance(total, Tensor) else _like(input, total)


@op(samples=cases(((2, 6), {"bins": 4}), ((5,), {"bins": 3, "min": -1, "max": 1})))
def histc(input: Array, bins: int = 100, min: float = 0, max: float = 0):
    """Count the elements in each of `bins` equal parts of the interval from `min` to `max`.

    Elements outside are not counted. If the two are equal, the interval is that of the elements.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.histc(ag.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    if input.dtype.kind != "f":
        raise DtypeError(f"expected floating point numbers, got {input.dtype}: use bincount")
    if bins <= 0 or min > max:
        raise ValueError(f"expected bins > 0 and min <= max, got {bins}, {min} and {max}")
    low, high = float(min), float(max)
    if low == high and input.size:
        low, high = float(input.min()), float(input.max())
    if not np.isfinite([low, high]).all():
        raise ValueError(f"expected a finite interval, got {low} to {high}")
    if low == high:
        low, high = low - 1, high + 1
    inside = input[(input >= low) & (input <= high)]
    places = ((inside - low) * bins / (high - low)).astype(np.int64)
    return np.bincount(np.minimum(places, bins - 1), minlength=bins).astype(input.dtype)
