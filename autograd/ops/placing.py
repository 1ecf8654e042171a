"""Combining values with those at the places they are put in: by a sum, a product, an extreme.

A slice, a diagonal or single elements can be replaced too. All of these return a new tensor.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.cast import clone
from autograd.ops.compare import where
from autograd.ops.gather import along, gather, grown, row, scatter, scatter_add, source, used
from autograd.ops.index import freeze, write_at
from autograd.ops.shape import reshape, wrap_dim
from autograd.ops.views import diagonal
from autograd.tensor import asarray

REDUCTIONS = ("sum", "prod", "mean", "amax", "amin")

# -- products and extremes ------------------------------------------------------------------------

_INDEX = np.array([[2, 0, 0], [0, 0, 1]])


def _pairs(rng):
    for shape in ((2, 3), (3, 3)):
        yield (rng.normal(size=(3, 3)), 1, _INDEX, rng.normal(size=shape)), {}
    yield (rng.normal(size=(3, 3)), 0, _INDEX[:1], rng.normal(size=(2, 3))), {}
    with_zeros = np.array([[1.0, 0.0, 2.0], [1.0, 3.0, 0.0]])
    yield (rng.normal(size=(3, 3)), 1, _INDEX, with_zeros), {}


@op(samples=_pairs, space="internal", shown_as="scatter_reduce")
def scatter_prod(input: Array, dim: int, index: Array, src: Array):
    """Return `input` with what is at ``[i, index[i, j]]`` multiplied by ``src[i, j]``."""
    return _combined(np.multiply, input, dim, index, src)


def _combined(ufunc: Any, input, dim, index, src):
    out = np.array(input)
    ufunc.at(row(out), along(index, dim, input.shape), source(src, index, out.dtype))
    return out


def _scatter_prod_input(g, input, src, out, dim, index):
    if not (input == 0).any():
        return g * (out / input)
    return g * scatter_prod(np.ones(tuple(input.shape), input.dtype), dim, index, src)


def _scatter_prod_src(g, input, src, out, src_shape, dim, index):
    part = used(src, index)
    zero = part == 0
    if not zero.any():
        return grown(gather(g * out, dim, index) / part, src_shape, index)
    # The product of all others: with the one zero left out, or 0 where there are more of them.
    zeros = np.asarray(asarray(zero), part.dtype)
    number = scatter_add(np.zeros(tuple(input.shape), part.dtype), dim, index, zeros)
    single = zero & (gather(number, dim, index) == 1)
    safe = where(zero, 1.0, part)
    others = gather(g * scatter_prod(input, dim, index, safe), dim, index)
    rest = gather(g * out, dim, index) / safe
    taken = where(single, others, where(zero, 0.0, rest))
    return grown(taken, src_shape, index)


scatter_prod.vjp(input=_scatter_prod_input, src=_scatter_prod_src)


def _extreme_pairs(rng):
    for (input, dim, index, src), _ in _pairs(rng):
        moved = rng.permutation(src.size).reshape(src.shape)  # no ties
        yield (input, dim, index, src + 0.01 * moved, rng.random() < 0.5), {}


@op(samples=_extreme_pairs, space="internal", shown_as="scatter_reduce")
def scatter_extreme(input: Array, dim: int, index: Array, src: Array, largest: bool):
    """Return `input` with the larger (smaller) of what is there and ``src[i, j]`` at each place."""
    return _combined(np.maximum if largest else np.minimum, input, dim, index, src)


def _scatter_extreme_rule(g, input, src, out, src_shape, dim, index, needs):
    """Equal elements share the gradient."""
    part = used(asarray(src), index)
    value = asarray(out)
    own = np.asarray(asarray(input) == value, value.dtype)
    theirs = np.asarray(part == gather(value, dim, index), value.dtype)
    share = g / scatter_add(own, dim, index, theirs)
    to_src = grown(gather(share, dim, index) * theirs, src_shape, index) if needs[1] else None
    return share * own, to_src


scatter_extreme.vjp(("input", "src"), _scatter_extreme_rule)


# -- all reductions -------------------------------------------------------------------------------


def _reductions(rng):
    src = rng.normal(size=(2, 3)) + 0.1
    for reduce in REDUCTIONS:
        for include_self in (True, False):
            keywords = {"reduce": reduce, "include_self": include_self}
            yield (rng.normal(size=(3, 3)), 1, _INDEX, src), keywords


def _start(reduce: str, dtype: np.dtype):
    """What changes nothing when combined with a value."""
    if reduce == "prod":
        return 1
    if reduce in ("sum", "mean"):
        return 0
    bounds: Any = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    least, most = (-np.inf, np.inf) if dtype.kind == "f" else (bounds.min, bounds.max)
    return least if reduce == "amax" else most


@composite(samples=_reductions, inplace=True)
def scatter_reduce(input, dim: int, index, src, reduce: str, *, include_self: bool = True):
    """Combine each ``src[i, j]`` with what is at ``[i, index[i, j]]`` (for `dim` 1).

    Parameters
    ----------
    input : Tensor
    dim : int
    index, src : Tensor
        As in `scatter_add`.
    reduce : {"sum", "prod", "mean", "amax", "amin"}
    include_self : bool, default True
        Whether the elements of `input` count, at the places that receive others.

    Examples
    --------
    >>> import autograd as ag
    >>> index, src = ag.tensor([0, 0, 1]), ag.tensor([1.0, 5.0, 3.0])
    >>> ag.zeros(3).scatter_reduce(0, index, src, "amax")
    tensor([5., 3., 0.])
    """
    if reduce not in REDUCTIONS:
        raise ValueError(
            f"scatter_reduce expected reduce to be one of {', '.join(REDUCTIONS)}, got {reduce!r}"
        )
    start = _start(reduce, input.dtype)
    base = input if include_self else scatter(input, dim, index, value=start)
    if reduce == "prod":
        return scatter_prod(base, dim, index, src)
    if reduce in ("amax", "amin"):
        return scatter_extreme(base, dim, index, src, reduce == "amax")
    total = scatter_add(base, dim, index, src)
    if reduce == "sum":
        return total
    places = asarray(index)
    number = np.ones(tuple(input.shape), input.dtype)
    if not include_self:
        number = scatter(number, dim, places, value=0)
    number = scatter_add(number, dim, places, np.ones(places.shape, input.dtype))
    number = np.maximum(number, 1)
    return total / number if input.dtype.kind == "f" else total // number


def _slices(rng):
    places = np.array([2, 0, 2])
    for reduce in REDUCTIONS[1:]:
        keywords = {"reduce": reduce, "include_self": reduce != "mean"}
        yield (rng.normal(size=(3, 2)), 0, places, rng.normal(size=(3, 2))), keywords
    yield (rng.normal(size=(2, 3)), -1, places, rng.normal(size=(2, 3))), {"reduce": "mean"}


@composite(samples=_slices, inplace=True)
def index_reduce(input, dim: int, index, source, reduce: str, *, include_self: bool = True):
    """Combine the slices of `source` with those of `input` at the places `index` along an axis.

    `reduce` is "prod", "mean", "amax" or "amin"; see `scatter_reduce`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.ones(2).index_reduce(0, ag.tensor([1, 1]), ag.tensor([2.0, 3.0]), "prod")
    tensor([1., 6.])
    """
    if reduce not in REDUCTIONS[1:]:
        raise ValueError(
            f"index_reduce expected reduce to be one of {', '.join(REDUCTIONS[1:])}, got {reduce!r}"
        )
    if not input.ndim and not source.ndim:
        only = index_reduce(row(input), dim, index, row(source), reduce, include_self=include_self)
        return reshape(only, ())
    dim = wrap_dim(dim, input.ndim)
    places = freeze(index)
    expected = (*input.shape[:dim], places.size, *input.shape[dim + 1 :]) if input.ndim else ()
    if places.ndim > 1 or tuple(source.shape) != expected:
        raise ShapeError(
            f"index_reduce expected an index of one axis and a source of shape {expected}, got "
            f"shapes {places.shape} and {tuple(source.shape)}"
        )
    along_dim = places.reshape([-1 if i == dim else 1 for i in range(input.ndim)])
    wide = np.broadcast_to(along_dim, expected)
    return scatter_reduce(input, dim, wide, source, reduce, include_self=include_self)


# -- replacing ------------------------------------------------------------------------------------


def _put_samples(rng):
    places = np.array([3, 0, -1])
    for accumulate in (False, True):
        yield (rng.normal(size=(2, 2)), places, rng.normal(size=3)), {"accumulate": accumulate}


@composite(samples=_put_samples, inplace=True)
def put(input, index, source, accumulate: bool = False):
    """Put the elements of `source` at places of the flattened tensor, or add them there.

    Negative places count from the end; of elements for the same place the last one stays.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 2).put(ag.tensor([1, -1]), ag.tensor([5.0, 7.0]))
    tensor([[0., 5.],
            [0., 7.]], shape=(2, 2))
    """
    places = freeze(index).reshape(-1)
    size = int(np.prod(input.shape))
    if places.dtype.kind not in "iu":
        raise TypeError(f"put expected an index of integers, got {places.dtype}")
    if places.size and not -size <= places.min() <= places.max() < size:
        wrong = places.min() if places.min() < -size else places.max()
        raise IndexError(f"put got index {wrong} for a tensor of {size} elements")
    values = reshape(source, (-1,))
    if values.shape[0] != places.size:
        raise ShapeError(f"put expected {places.size} elements in source, got {values.shape[0]}")
    out = write_at(reshape(input, (-1,)), values, (places % max(size, 1),), accumulate)
    return reshape(out, tuple(input.shape))


def _replaced(input, src, part, name: str):
    """A copy of `input`, the `part` of which, a function that makes a view, is `src`."""
    out = clone(input)
    region = part(out)
    if tuple(region.shape) != tuple(src.shape):
        raise ShapeError(
            f"{name} expected a src of shape {tuple(region.shape)}, got {tuple(src.shape)}"
        )
    region[...] = src
    return out


def _select_samples(rng):
    yield (rng.normal(size=(2, 3)), rng.normal(size=2)), {"dim": 1, "index": -1}


@composite(samples=_select_samples)
def select_scatter(input, src, dim: int, index: int):
    """Return a copy of `input` in which the part at one place along an axis is `src`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 2).select_scatter(ag.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]], shape=(2, 2))
    """
    key = (slice(None),) * wrap_dim(dim, input.ndim) + (index, ...)
    return _replaced(input, src, lambda out: out[key], "select_scatter")


def _slice_samples(rng):
    yield (rng.normal(size=(2, 4)), rng.normal(size=(2, 2))), {"dim": 1, "start": 1, "step": 2}


@composite(samples=_slice_samples)
def slice_scatter(input, src, dim: int = 0, start: int | None = None, end: int | None = None,
                  step: int = 1):  # fmt: skip
    """Return a copy of `input` in which the slice ``start:end:step`` along an axis is `src`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(4).slice_scatter(ag.ones(2), start=1, end=3)
    tensor([0., 1., 1., 0.])
    """
    if step < 1:
        raise ValueError(f"slice_scatter expected step > 0, got {step}")
    key = (slice(None),) * wrap_dim(dim, input.ndim) + (slice(start, end, step),)
    return _replaced(input, src, lambda out: out[key], "slice_scatter")


def _diagonal_samples(rng):
    yield (rng.normal(size=(3, 3)), rng.normal(size=3)), {}
    yield (rng.normal(size=(2, 2, 3)), rng.normal(size=(2, 2))), {"offset": 1, "dim1": 1, "dim2": 2}


@composite(samples=_diagonal_samples)
def diagonal_scatter(input, src, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """Return a copy of `input` in which a `diagonal` is `src`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 2).diagonal_scatter(ag.ones(2))
    tensor([[1., 0.],
            [0., 1.]], shape=(2, 2))
    """
    return _replaced(input, src, lambda out: diagonal(out, offset, dim1, dim2), "diagonal_scatter")
