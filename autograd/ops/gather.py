"""Reading and writing along one axis at places given by an index tensor.

Each reader has the accumulating writer as its transpose: `gather` and `scatter_add`, `index_select`
and `index_add`.
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, answers, composite, op
from autograd.ops.cast import cases
from autograd.ops.index import freeze, read_at, zeros_with
from autograd.ops.shape import reshape, wrap_dim
from autograd.ops.views import expand
from autograd.tensor import asarray


def _places(index, length: int, dim: int) -> np.ndarray:
    """An index as an array, refused unless it holds integers from 0 to `length` - 1."""
    index = np.asarray(index)
    if index.dtype.kind not in "iu":
        raise TypeError(f"expected an index of integers, got {index.dtype}")
    if index.size and not 0 <= index.min() <= index.max() < length:
        wrong = index.min() if index.min() < 0 else index.max()
        raise IndexError(f"index {wrong} is out of range for dimension {dim} of size {length}")
    return index


# -- element by element: the index has the shape of the result -------------------------------------


def row(x):
    """`x`, in which a 0-d array counts as having one axis, as PyTorch has it here."""
    return x if x.ndim else x.reshape((1,))


def along(index, dim: int, shape: tuple) -> tuple:
    """The NumPy index, into a `row`, of the places ``[i, index[i, j]]`` (for `dim` 1)."""
    shape = shape or (1,)
    dim = wrap_dim(dim, len(shape))
    index = _places(index, shape[dim], dim)
    if not index.size:  # fits whatever its axes are
        return (np.zeros(index.shape, np.int64),) * len(shape)
    if (index.ndim or 1) != len(shape) or any(
        n > m for i, (n, m) in enumerate(zip(index.shape, shape, strict=False)) if i != dim
    ):
        raise ShapeError(
            f"expected an index of {len(shape)} axes, none but dim {dim} longer than in {shape}, "
            f"got shape {index.shape}"
        )
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[dim : dim + 1] = [index]
    return tuple(grid)


_INDEX = np.array([[2, 0], [0, 0]])


def _gather_samples(rng):
    yield (rng.normal(size=(2, 3)),), {"dim": 1, "index": _INDEX}
    yield (rng.normal(size=(3, 2)),), {"dim": -2, "index": _INDEX[:1]}


@op(samples=_gather_samples)
def gather(input: Array, dim: int, index: Array, *, sparse_grad: bool = False):
    """Return ``input[i, index[i, j]]`` at each i, j (for `dim` 1; likewise along others).

    `index` has as many axes as `input` and may be shorter along those other than `dim`.

    Raises
    ------
    IndexError
        If `index` is not from 0 to ``input.shape[dim] - 1``.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> x.gather(1, ag.tensor([[0], [1]]))
    tensor([[1.],
            [4.]], shape=(2, 1))
    """
    if sparse_grad:
        raise NotImplementedError("sparse_grad=True: gradients here are dense, leave it out")
    return row(input)[along(index, dim, input.shape)]


def _scatter_samples(rng):
    yield (rng.normal(size=(2, 3)),), {"dim": 1, "index": _INDEX, "src": rng.normal(size=(2, 2))}
    yield (
        (rng.normal(size=(3, 2)),),
        {"dim": 0, "index": _INDEX[:1], "src": rng.normal(size=(2, 2))},
    )


def _corner(index) -> tuple:
    return tuple(slice(n) for n in index.shape or (1,))


def used(src, index):
    """The part of a larger `src` that an index uses."""
    if tuple(src.shape) == index.shape:
        return src
    if not index.size:
        return np.zeros(index.shape, src.dtype)
    return row(src)[_corner(index)].reshape(index.shape)


def grown(g, src_shape, index):
    """The gradient of all of `src`, given that of the part in use."""
    if tuple(g.shape) == tuple(src_shape):
        return g
    if not index.size:
        return np.zeros(src_shape, g.dtype)
    shape = tuple(src_shape) or (1,)
    return zeros_with(row(g), shape, _corner(index)).reshape(src_shape)


def source(src, index, dtype):
    """The part of `src` that an index uses, as an array; refused if it does not fit."""
    src, shape = np.asarray(src), index.shape or (1,)
    refuse_other(dtype, src.dtype)
    if index.size:
        lengths = src.shape or (1,)
        if len(lengths) != len(shape) or any(n < m for n, m in zip(lengths, shape, strict=True)):
            raise ShapeError(
                f"expected a src no smaller than the index, {index.shape}, got {src.shape}"
            )
    return used(src, index)


def refuse_other(dtype, given) -> None:
    """Raise unless what is put into a tensor has its dtype."""
    if given != dtype:
        raise DtypeError(f"expected a source of dtype {dtype}, like the input, got {given}")


@op(samples=_scatter_samples, inplace=True)
def scatter_add(input: Array, dim: int, index: Array, src: Array):
    """Return `input` with ``src[i, j]`` added at ``[i, index[i, j]]`` (for `dim` 1).

    Places that come up repeatedly receive every one of their values.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(3).scatter_add(0, ag.tensor([0, 0, 2]), ag.ones(3))
    tensor([2., 0., 1.])
    """
    out = np.array(input)
    kernels.scatter.add_at(row(out), along(index, dim, input.shape), source(src, index, out.dtype))
    return out


gather.vjp(
    input=lambda g, input_shape, dim, index: scatter_add(
        np.zeros(input_shape, g.dtype), dim, index, g
    )
)
scatter_add.vjp(
    input=lambda g: g,
    src=lambda g, src_shape, dim, index: grown(gather(g, dim, index), src_shape, index),
)


@op(samples=_scatter_samples, inplace=True)
def scatter(
    input: Array, dim: int, index: Array, src: Array | None = None, value: float | None = None
):
    """Return `input` with ``src[i, j]``, or the number `value`, put at ``[i, index[i, j]]``.

    Of values for the same place the last one stays.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(3).scatter(0, ag.tensor([1]), 5.0)
    tensor([0., 5., 0.])
    """
    if (src is None) == (value is None):
        raise TypeError("expected either src or value")
    out = np.array(input)
    # A number may also stand where src does.
    given = hasattr(src, "shape")
    values = source(src, index, out.dtype) if given else value if src is None else src
    kernels.scatter.put_at(row(out), along(index, dim, input.shape), values)
    return out


def _scatter_src(g, src_shape, dim, index):
    shape = tuple(g.shape) or (1,)
    stays = kernels.scatter.last_writer(shape, along(index, dim, shape))
    return grown(np.where(stays, gather(g, dim, index), 0.0), src_shape, index)


scatter.vjp(input=lambda g, dim, index: scatter(g, dim, index, 0.0), src=_scatter_src)


def _along_dim_samples(rng):
    yield (rng.normal(size=(2, 3)),), {"indices": _INDEX, "dim": 1}
    yield (rng.normal(size=(2, 3)),), {"indices": np.array([[1]]), "dim": 0}
    yield (rng.normal(size=(2, 2)),), {"indices": np.array([3, 0])}


@composite(samples=_along_dim_samples)
def take_along_dim(input, indices, dim: int | None = None):
    """Return what `gather` does, the other axes broadcast; the flat tensor is read without `dim`.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([[3.0, 1.0, 2.0]])
    >>> ag.take_along_dim(x, x.argsort(dim=1), dim=1)
    tensor([[1., 2., 3.]], shape=(1, 3))
    """
    if dim is None:
        flat = reshape(input, (-1,))
        return gather(flat, 0, _from_front(reshape(indices, (-1,)), flat.shape[0]))
    if input.ndim != indices.ndim:
        raise ShapeError(
            f"take_along_dim expected {input.ndim} axes in indices, got {indices.ndim}"
        )
    dim = wrap_dim(dim, input.ndim)
    shape = [
        m if i == dim else np.broadcast_shapes(n, m)[0]
        for i, (n, m) in enumerate(zip(input.shape, indices.shape, strict=True))
    ]
    wide = [n if i == dim else m for i, (n, m) in enumerate(zip(input.shape, shape, strict=True))]
    return gather(expand(input, wide), dim, expand(_from_front(indices, wide[dim]), shape))


def _from_front(indices, length: int):
    """Indices of which negative ones, that count from the end, have become positive."""
    places = asarray(indices)
    return np.where(places < 0, places + length, places) if (places < 0).any() else indices


@answers(np.take_along_axis)
def _numpy_take_along_axis(arr, indices, axis=-1):
    return take_along_dim(arr, indices, axis)


# -- slice by slice: the index is one row of places ------------------------------------------------


def _row(index, length: int, dim: int) -> np.ndarray:
    index = _places(index, length, dim)
    if index.ndim > 1:
        raise ShapeError(f"expected an index of one axis, got shape {index.shape}")
    return index.reshape(-1)


def _at(input, dim: int, index) -> tuple:
    """The NumPy index, into the `row` of `input`, of the slices at `index` along `dim`."""
    dim = wrap_dim(dim, input.ndim)
    length = input.shape[dim] if input.ndim else 1
    return (slice(None),) * dim + (_row(index, length, dim),)


_ROW = np.array([2, 0, 2])


@op(samples=cases(((3, 2), {"dim": 0, "index": _ROW}), ((2, 3), {"dim": -1, "index": _ROW})))
def index_select(input: Array, dim: int, index: Array):
    """Return the slices at the places `index` along an axis, in that order.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0, 3.0]).index_select(0, ag.tensor([2, 0]))
    tensor([3., 1.])
    """
    taken = row(input)[_at(input, dim, index)]
    if not input.ndim and taken.size != 1:
        raise ShapeError(f"expected one place in the index of a 0-d tensor, got {taken.size}")
    return taken.reshape(()) if not input.ndim else taken


def _index_samples(rng):
    yield (rng.normal(size=(3, 2)),), {"dim": 0, "index": _ROW, "source": rng.normal(size=(3, 2))}
    yield (rng.normal(size=(2, 3)),), {"dim": -1, "index": _ROW, "source": rng.normal(size=(2, 3))}


@op(samples=_index_samples, inplace=True)
def index_add(input: Array, dim: int, index: Array, source: Array, *, alpha: float = 1):
    """Return `input` with the slices of ``alpha * source`` added at the places `index`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(3).index_add(0, ag.tensor([0, 0]), ag.ones(2), alpha=2)
    tensor([4., 0., 0.])
    """
    out = np.array(input)
    rows = _at(input, dim, index)
    if np.ndim(source) != input.ndim:
        raise ShapeError(f"expected a source of {input.ndim} axes, got {np.ndim(source)}")
    source = _slices(source, row(out)[rows].shape, out.dtype)
    kernels.scatter.add_at(row(out), rows, source if alpha == 1 else alpha * source)
    return out


def _slices(source, shape: tuple, dtype):
    source = np.asarray(source)
    refuse_other(dtype, source.dtype)
    if (source.shape or (1,)) != shape:
        raise ShapeError(f"expected a source of shape {shape}, got {source.shape}")
    return source.reshape(shape)


def _index_add_source(g, dim, index, alpha):
    taken = index_select(g, dim, index)
    return taken if alpha == 1 else alpha * taken


index_select.vjp(
    input=lambda g, input_shape, dim, index: index_add(
        np.zeros(input_shape, g.dtype), dim, index, g
    )
)
index_add.vjp(input=lambda g: g, source=_index_add_source)


@op(samples=_index_samples, inplace=True)
def index_copy(input: Array, dim: int, index: Array, source: Array):
    """Return `input` with the slices at the places `index` replaced by those of `source`.

    Of slices for the same place the last one stays.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(3).index_copy(0, ag.tensor([2]), ag.ones(1))
    tensor([0., 0., 1.])
    """
    out = np.array(input)
    rows = _at(input, dim, index)
    kernels.scatter.put_at(row(out), rows, _slices(source, row(out)[rows].shape, out.dtype))
    return out


def _index_copy_source(g, source_shape, dim, index):
    stays = kernels.scatter.last_writer(tuple(g.shape) or (1,), _at(g, dim, index))
    return np.where(stays, index_select(row(g), dim, index), 0.0).reshape(source_shape)


def _fill_samples(rng):
    yield (rng.normal(size=(3, 2)),), {"dim": 0, "index": _ROW, "value": rng.normal(size=())}


@op(samples=_fill_samples, inplace=True)
def index_fill(input: Array, dim: int, index: Array, value: Array):
    """Return `input` with the slices at the places `index` filled with a number.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(3).index_fill(0, ag.tensor([0, 2]), 7.0)
    tensor([7., 0., 7.])
    """
    if np.ndim(value):
        raise ShapeError(f"expected a number or a 0-d tensor, got shape {np.shape(value)}")
    out = np.array(input)
    row(out)[_at(input, dim, index)] = value
    return out


index_copy.vjp(
    input=lambda g, dim, index: index_fill(g, dim, index, 0.0), source=_index_copy_source
)
index_fill.vjp(
    input=lambda g, dim, index: index_fill(g, dim, index, 0.0),
    value=lambda g, dim, index: index_select(row(g), dim, np.unique(np.asarray(index))),
)


@composite(samples=lambda rng: [((rng.normal(size=(2, 2)), np.array([[3, 0, 3]])), {})])
def take(input, index):
    """Return the elements at places of the flattened tensor; negative ones count from its end.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.take(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), ag.tensor([0, 3]))
    tensor([1., 4.])
    """
    return read_at(reshape(input, (-1,)), (freeze(index),))


@answers(np.take)
def _numpy_take(a, indices, axis=None):
    if axis is None:
        return take(a, indices)
    indices = np.asarray(indices)
    axis = wrap_dim(axis, a.ndim)
    taken = index_select(a, axis, indices.reshape(-1) % a.shape[axis])
    return reshape(taken, (*a.shape[:axis], *indices.shape, *a.shape[axis + 1 :]))
