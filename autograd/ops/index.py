"""Indexing with brackets, for reading and for writing.

An index is taken apart as PyTorch does it. Integers, slices, None and the ellipsis come first: they
make a view, through which writes reach the tensor. Arrays and masks then pick elements from that
view and copy them; `read_at`, its transpose `sum_at` and `write_at` name each other in their
rules.
"""

from __future__ import annotations

import operator

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.inplace import write
from autograd.mode import CURRENT
from autograd.op import Array, composite, op
from autograd.ops.cast import cases, copy
from autograd.ops.shape import reshape, wrap_dim
from autograd.recording.effects import effect
from autograd.tensor import Tensor, asarray, memory_of, method
from autograd.versions import wrote

# -- basic indices: views --------------------------------------------------------------------------


@op(kind="view", space="internal",
    samples=cases(((2, 3), {"index": (1, slice(None, None, -2))}),
                  ((2, 3), {"index": (None, ..., 1, None)}), ((), {"index": ()})))  # fmt: skip
def getitem(input: Array, index: tuple):
    """Return the view ``input[index]`` for an index of integers, slices, None and an ellipsis."""
    return input[index if ... in index else (*index, ...)]  # the ellipsis keeps 0-d results arrays


@op(space="internal",
    samples=cases(((2, 2), {"shape": (3, 2), "index": (slice(1, 3),)}),
                  ((), {"shape": (2,), "index": (1,)})))  # fmt: skip
def zeros_with(input: Array, shape: tuple, index: tuple):
    """Return zeros of `shape` with `input` at a basic index: the transpose of `getitem`."""
    out = np.zeros(shape, input.dtype)
    out[index] = input
    return out


def _add_at(total, g, index: tuple) -> None:
    total[index] += g


getitem.vjp(input=lambda g, input_shape, index: zeros_with(g, input_shape, index))
getitem.op.add_part = _add_at
zeros_with.vjp(input=lambda g, index: getitem(g, index))


# -- index arrays and masks: copies ----------------------------------------------------------------


def _index_samples(rng):
    rows, mask = np.array([0, 2, 0]), np.array([[True, False], [False, True], [True, True]])
    yield (rng.normal(size=(3, 2)),), {"index": (rows,)}
    yield (rng.normal(size=(3, 2)),), {"index": (mask,)}
    yield (rng.normal(size=(3, 2, 2)),), {"index": (rows, slice(None), np.array([1, 1, 0]))}
    yield (rng.normal(size=(3, 2)),), {"index": (np.zeros((0,), int),)}


@op(samples=_index_samples, space="internal", shown_as="getitem")
def read_at(input: Array, index: tuple):
    """Return the copy ``input[index]`` for an index of integer arrays, masks and full slices."""
    return input[index]


@op(space="internal",
    samples=cases(((3,), {"shape": (2,), "index": (np.array([1, 0, 1]),)})))  # fmt: skip
def sum_at(input: Array, shape: tuple, index: tuple):
    """Return zeros of `shape` with `input` added at ``[index]``: the transpose of `read_at`."""
    return kernels.scatter.sum_at(shape, index, input)


read_at.vjp(input=lambda g, input_shape, index: sum_at(g, input_shape, index))
sum_at.vjp(input=lambda g, index: read_at(g, index))


def _put_samples(rng):
    rows = np.array([0, 2, 0])
    for accumulate in (False, True):
        keywords = {"indices": (rows,), "accumulate": accumulate}
        yield (rng.normal(size=(3, 2)), rng.normal(size=(3, 2))), keywords
        yield (rng.normal(size=(3, 2)), rng.normal(size=(3, 1))), keywords
        yield (rng.normal(size=(3, 2)), rng.normal(size=())), keywords
    yield (
        (rng.normal(size=(3,)), rng.normal(size=(2,))),
        {"indices": (np.array([True, False, True]),)},
    )


@op(samples=_put_samples, space="internal", shown_as="setitem")
def write_at(input: Array, values: Array, indices: tuple, accumulate: bool = False):
    """Return a copy of `input` with ``[indices]`` set, or added to; they are plain arrays."""
    out = input.copy()
    values = np.asarray(values, input.dtype)
    try:
        if accumulate:
            kernels.scatter.add_at(out, indices, values)
        else:
            kernels.scatter.put_at(out, indices, values)
    except ValueError:
        raise ShapeError(
            f"expected values that broadcast to {out[indices].shape}, got shape {values.shape}"
        ) from None
    return out


def _put_values(g, indices, accumulate):
    taken = read_at(g, indices)
    if accumulate or kernels.scatter.visits_once(indices):
        return taken
    return np.where(kernels.scatter.last_writer(tuple(g.shape), indices), taken, 0.0)


write_at.vjp(
    input=lambda g, indices, accumulate: g if accumulate else write_at(g, 0.0, indices),
    values=_put_values,
)


def _index_put_samples(rng):
    for (input, values), keywords in _put_samples(rng):
        indices, accumulate = keywords["indices"], keywords.get("accumulate", False)
        yield (input, indices, values, accumulate), {}


@composite(samples=_index_put_samples, inplace=True)
def index_put(input, indices: tuple, values, accumulate: bool = False):
    """Return a copy of `input` in which ``[indices]`` is set to `values`, or added to.

    Parameters
    ----------
    input : Tensor
    indices : tuple of integer or bool tensors
    values : Tensor or number
        Broadcast to the shape of ``input[indices]``.
    accumulate : bool, default False
        Add, counting repeated places as often as they come up. Otherwise the last value stays.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(3).index_put((ag.tensor([0, 0]),), ag.tensor(1.0), accumulate=True)
    tensor([2., 0., 0.])
    """
    if not isinstance(indices, (tuple, list)):
        raise TypeError(
            f"index_put expected a tuple of index tensors, got {type(indices).__name__}"
        )
    frozen = tuple(slice(None) if i is None else freeze(i) for i in indices)
    return write_at(input, values, frozen, accumulate)


# -- taking an index apart -------------------------------------------------------------------------


def freeze(part) -> np.ndarray:
    """An index array of its own, which no later write can change."""
    array = np.array(asarray(part))
    if not array.size and array.dtype.kind == "f" and not isinstance(part, (Tensor, np.ndarray)):
        array = array.astype(np.int64)  # the empty list
    if array.dtype.kind not in "iub":
        raise IndexError(f"an index must be integer or bool, got an array of {array.dtype}")
    return array


def _whole(part: slice) -> slice:
    """A slice whose bounds are plain integers."""
    bounds = (part.start, part.stop, part.step)
    return slice(*(None if b is None else operator.index(b) for b in bounds))


def _take_apart(key, ndim: int) -> tuple[tuple, tuple | None]:
    """Split an index into the basic one, and the arrays to index the resulting view with, or None.

    Each array stands at its axis of the view: ``x[0, :, [1, 2]]`` becomes ``x[0][:, [1, 2]]``. So
    an integer does not pull the arrays' axes to the front, as it does in NumPy.
    """
    parts = [_plain(part) for part in (key if isinstance(key, tuple) else (key,))]
    if not any(isinstance(part, np.ndarray) for part in parts):
        return tuple(parts), None
    missing = ndim - sum(map(_consumes, parts))
    basic: list = []
    arrays: list = []
    for part in parts:
        if (
            isinstance(part, np.ndarray) and part.ndim == 0
        ):  # True or False: a new axis, kept or not
            basic.append(None)
            arrays.append(np.zeros(int(part), np.int64))
        elif isinstance(part, np.ndarray):
            basic.extend([slice(None)] * _consumes(part))
            arrays.append(part)
        else:
            basic.append(part)
            if part is ...:
                arrays.extend([slice(None)] * missing)
            elif not isinstance(part, int):
                arrays.append(slice(None))
    return tuple(basic), tuple(arrays)


def _plain(part):
    """One part of an index as an int, slice, None, ellipsis or array."""
    if part is None or part is ...:
        return part
    if isinstance(part, slice):
        return _whole(part)
    if isinstance(part, (int, np.integer)) and not isinstance(part, bool):
        return int(part)
    array = freeze(part)
    return int(array) if array.ndim == 0 and array.dtype != bool else array


def _consumes(part) -> int:
    """How many axes a part of an index uses up."""
    if part is None or part is ...:
        return 0
    if isinstance(part, np.ndarray) and part.dtype == bool:
        return part.ndim
    return 1


def _is_all(basic: tuple) -> bool:
    return all(part is ... or part == slice(None) for part in basic)


@method
def __getitem__(self: Tensor, key) -> Tensor:
    basic, arrays = _take_apart(key, self.ndim)
    if arrays is None:
        return getitem(self, basic)
    return read_at(self if _is_all(basic) else getitem(self, basic), arrays)


@method
def __setitem__(self: Tensor, key, value) -> None:
    basic, arrays = _take_apart(key, self.ndim)
    involved = self.requires_grad or (isinstance(value, Tensor) and value.requires_grad)
    if not (
        involved and CURRENT.get().grad
    ):  # no graph to keep: only the elements named are touched
        _assign(self, basic, arrays, value)
        return
    region = self if _is_all(basic) else getitem(self, basic)
    if arrays is not None:
        taken = region.array[arrays]
        write(region, "setitem", write_at, _without_leading_ones(value, taken.ndim), arrays)
    elif not _is_same_view(value, region):
        write(region, "setitem", copy, _without_leading_ones(value, region.ndim))


@effect
def _assign(target, basic: tuple, arrays: tuple | None, value) -> None:
    array, value = memory_of(target), memory_of(value)
    region = array[basic if ... in basic else (*basic, ...)]
    try:
        kernels.scatter.put_at(region, ... if arrays is None else arrays, value)
    except ValueError as error:  # shapes that do not fit, or memory that is not to be written
        raise ShapeError(f"setitem: {error}") from None
    wrote(array, "setitem")


def _is_same_view(value, target: Tensor) -> bool:
    """Whether `value` is what is there already, as at the end of ``x[1:] += y``."""
    if not isinstance(value, Tensor) or value._view is None or not value._view.tracked:
        return False
    base = None if target._view is None else target._view.base
    ours, theirs = (memory_of(x).__array_interface__ for x in (target, value))
    return value._view.base is base and ours == theirs


def _without_leading_ones(value, ndim: int):
    """Drop axes of length one in front, as NumPy and PyTorch do when assigning."""
    extra = np.ndim(memory_of(value)) - ndim
    if extra <= 0 or not hasattr(value, "shape") or any(n != 1 for n in value.shape[:extra]):
        return value
    return reshape(value, tuple(value.shape[extra:]))


# -- parts by name ---------------------------------------------------------------------------------


@composite(samples=cases(((2, 3), {"dim": 1, "index": -1})))
def select(input, dim: int, index: int):
    """Return a view of the part at one place along an axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([[1.0, 2.0], [3.0, 4.0]]).select(1, 0)
    tensor([1., 3.])
    """
    return getitem(input, (slice(None),) * wrap_dim(dim, input.ndim) + (operator.index(index),))


@composite(
    samples=cases(
        ((2, 3), {"dim": 1, "start": 1, "length": 2}), ((3,), {"dim": 0, "start": -2, "length": 1})
    )
)
def narrow(input, dim: int, start: int, length: int):
    """Return a view of `length` places along an axis, from `start` on.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(5).narrow(0, 1, 3)
    tensor([1, 2, 3])
    """
    if not input.ndim:
        raise ShapeError("narrow expected a tensor of at least one axis, got a 0-d one")
    dim = wrap_dim(dim, input.ndim)
    size, start = input.shape[dim], operator.index(start)
    first = start + size if start < 0 else start
    if not 0 <= first <= first + length <= size:
        raise IndexError(
            f"narrow expected a part of dimension {dim} of size {size}, got start {start} and "
            f"length {length}"
        )
    return getitem(input, (slice(None),) * dim + (slice(first, first + length),))


def _mask_samples(rng):
    yield (rng.normal(size=(2, 2)), np.array([[True, False], [True, True]])), {}
    yield (rng.normal(size=(2, 2)), np.array([True, False])), {}


@composite(samples=_mask_samples)
def masked_select(input, mask):
    """Return the elements where `mask` is True, as one row; the two are broadcast together.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([1.0, -2.0, 3.0]); ag.masked_select(x, x > 0)
    tensor([1., 3.])
    """
    mask = _mask(mask, "masked_select")
    shape = np.broadcast_shapes(tuple(input.shape), mask.shape)
    return read_at(np.broadcast_to(input, shape), (np.broadcast_to(mask, shape),))


def _mask(mask, name: str) -> np.ndarray:
    given = asarray(mask)
    if given.dtype != bool:
        raise TypeError(f"{name} expected a bool mask, got {given.dtype}")
    return freeze(mask)


def _masked_scatter_samples(rng):
    yield (rng.normal(size=(3,)), np.array([True, False, True]), rng.normal(size=(3,))), {}


@composite(samples=_masked_scatter_samples, inplace=True)
def masked_scatter(input, mask, source):
    """Return a copy of `input` whose elements where `mask` is True are the first ones of `source`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(3).masked_scatter(ag.tensor([True, False, True]), ag.tensor([1.0, 2.0, 3.0]))
    tensor([1., 0., 2.])
    """
    mask = _mask(mask, "masked_scatter")
    shape = np.broadcast_shapes(tuple(input.shape), mask.shape)
    mask = np.broadcast_to(mask, shape)
    if tuple(input.shape) != shape:
        input = np.broadcast_to(input, shape)
    count = int(mask.sum())
    row = reshape(source, (-1,))
    if row.shape[0] < count:
        raise ShapeError(
            f"masked_scatter expected at least {count} elements in source, got {row.shape[0]}"
        )
    return write_at(input, getitem(row, (slice(count),)), (mask,))


@op(samples=lambda rng: [((np.array([[0.0, 2.0], [3.0, 0.0]]),), {})])
def argwhere(input: Array):
    """Return the places of the elements that are not zero, one row each.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.argwhere(ag.tensor([0.0, 5.0]))
    tensor([[1]], shape=(1, 1))
    """
    return np.argwhere(input)


@composite(samples=lambda rng: [((np.array([[0.0, 2.0], [3.0, 0.0]]),), {"as_tuple": False})])
def nonzero(input, *, as_tuple: bool = False) -> Array | tuple[Array, ...]:
    """Return the places of the elements that are not zero.

    As one row each; or, with `as_tuple`, as a tuple of index tensors, one for each axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([0.0, 5.0]).nonzero(as_tuple=True)
    (tensor([1]),)
    """
    if not as_tuple:
        return argwhere(input)
    places = argwhere(input if input.ndim else reshape(input, (1,)))
    return tuple(select(places, 1, i) for i in range(places.shape[1]))


@op(space="nn", samples=lambda rng: [((np.array([0, 2, 1]),), {"num_classes": 3})])
def one_hot(tensor: Array, num_classes: int = -1):
    """Return vectors that are 1 at the given class and 0 elsewhere, along a new last axis.

    Parameters
    ----------
    tensor : Tensor of integers
    num_classes : int, default -1
        The length of the vectors; -1 for one more than the greatest class.

    Raises
    ------
    IndexError
        If a class is negative or not below `num_classes`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.one_hot(ag.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]], shape=(2, 3))
    """
    if tensor.dtype.kind not in "iu":
        raise TypeError(f"expected integer classes, got {tensor.dtype}")
    if num_classes == -1:
        if not tensor.size:
            raise ValueError("cannot tell the number of classes from no labels: pass num_classes=")
        num_classes = int(tensor.max()) + 1
    if tensor.size and not 0 <= tensor.min() <= tensor.max() < num_classes:
        wrong = tensor.min() if tensor.min() < 0 else tensor.max()
        raise IndexError(f"expected classes from 0 to {num_classes - 1}, got {wrong}")
    return (tensor[..., None] == np.arange(num_classes)).astype(np.int64)
