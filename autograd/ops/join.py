"""Tensors put together, and taken apart into views."""

from __future__ import annotations

import operator

import numpy as np

from autograd.errors import ShapeError
from autograd.op import Array, Arrays, answers, composite, op
from autograd.ops.arrange import constant_pad
from autograd.ops.cast import cases
from autograd.ops.index import getitem
from autograd.ops.shape import atleast_1d, atleast_2d, atleast_3d, reshape, transpose, wrap_dim
from autograd.ops.views import expand
from autograd.tensor import Tensor, attach


def _lists(*items):
    """Make the `samples` of an op on a list of arrays from ``(shapes, keywords)`` pairs."""

    def samples(rng):
        for shapes, keywords in items:
            yield ([rng.normal(size=shape) for shape in shapes],), keywords

    return samples


def _part(dim: int, where) -> tuple:
    return (*(slice(None),) * dim, where)


# -- together --------------------------------------------------------------------------------------


@op(numpy=np.concatenate, kind="join",
    samples=_lists((((2, 3), (1, 3)), {}), (((3,),), {}),
                   (((2, 1), (2, 0), (2, 2)), {"dim": -1})))  # fmt: skip
def cat(tensors: Arrays, dim: int = 0):
    """Join tensors along an axis they have; their other lengths must agree.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cat([ag.zeros(1), ag.ones(2)])
    tensor([0., 1., 1.])
    """
    if not tensors:
        raise ShapeError("expected at least one tensor to join")
    # PyTorch lets empty vectors join anything; they used to stand for "nothing yet".
    try:
        joined = [a for a in tensors if a.shape != (0,)] or tensors
    except AttributeError:
        kinds = ", ".join(type(a).__name__ for a in tensors)
        raise TypeError(f"expected tensors to join, got {kinds}") from None
    first = joined[0].shape
    dim = wrap_dim(dim, len(first))
    for a in joined:
        if not a.ndim:
            raise ShapeError("0-d tensors cannot be joined: use stack, or .reshape(1)")
        if a.ndim != len(first) or any(
            n != m for i, (n, m) in enumerate(zip(a.shape, first, strict=True)) if i != dim
        ):
            raise ShapeError(
                f"expected shapes that agree in all but dim {dim}, got {first} and {a.shape}"
            )
    return np.concatenate(joined, axis=dim)


def _cat_rule(g, tensors_shape, dim, needs):
    dim, start, grads = wrap_dim(dim, g.ndim), 0, []
    for shape, wanted in zip(tensors_shape, needs, strict=True):
        if len(shape) != g.ndim:  # an empty vector among tensors of more axes
            grads.append(g.reshape(-1)[:0] if wanted else None)
            continue
        end = start + shape[dim]
        grads.append(g[_part(dim, slice(start, end))] if wanted else None)
        start = end
    return grads


cat.vjp(tensors=_cat_rule)


@composite(kind=None, samples=_lists((((2, 3), (1, 3)), {})))
def concat(tensors, dim: int = 0):
    """Join tensors along an axis; another name for `cat`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.concat([ag.zeros(1), ag.ones(2)])
    tensor([0., 1., 1.])
    """
    return cat(tensors, dim)


@composite(samples=_lists((((2, 3), (1, 3)), {})))
def concatenate(tensors, dim: int = 0):
    """Join tensors along an axis; NumPy's name for `cat`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.concatenate([ag.zeros(1), ag.ones(2)])
    tensor([0., 1., 1.])
    """
    return cat(tensors, dim)


@op(numpy=np.stack, kind="join", samples=_lists((((2,), (2,)), {}), (((2, 3), (2, 3)), {"dim": -1}),
                                                (((), ()), {})))  # fmt: skip
def stack(tensors: Arrays, dim: int = 0):
    """Join tensors of one shape along a new axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.stack([ag.zeros(2), ag.ones(2)], dim=1)
    tensor([[0., 1.],
            [0., 1.]], shape=(2, 2))
    """
    if not tensors:
        raise ShapeError("expected at least one tensor to stack")
    shapes = {a.shape for a in tensors}
    if len(shapes) > 1:
        raise ShapeError(
            f"expected tensors of one shape, got {', '.join(map(str, sorted(shapes)))}"
        )
    return np.stack(tensors, axis=wrap_dim(dim, tensors[0].ndim + 1))


def _stack_rule(g, dim, needs):
    dim = wrap_dim(dim, g.ndim)
    return [g[_part(dim, i)] if wanted else None for i, wanted in enumerate(needs)]


stack.vjp(tensors=_stack_rule)


@composite(numpy=np.hstack, samples=_lists((((2, 1), (2, 2)), {}), (((2,), ()), {})))
def hstack(tensors):
    """Join tensors side by side: along their second axis, or the only one.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.hstack([ag.zeros(2, 1), ag.ones(2, 2)]).shape
    (2, 3)
    """
    tensors = [atleast_1d(tensor) for tensor in tensors]
    return cat(tensors, 1 if tensors and tensors[0].ndim > 1 else 0)


@composite(numpy=np.vstack, samples=_lists((((1, 2), (2, 2)), {}), (((2,), (2,)), {})))
def vstack(tensors):
    """Join tensors on top of each other; vectors are rows.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.vstack([ag.zeros(2), ag.ones(2)]).shape
    (2, 2)
    """
    return cat([atleast_2d(tensor) for tensor in tensors], 0)


@composite(numpy=np.dstack, samples=_lists((((2, 1), (2, 1)), {}), (((2,), (2,)), {})))
def dstack(tensors):
    """Join tensors along their third axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.dstack([ag.zeros(2), ag.ones(2)]).shape
    (1, 2, 2)
    """
    return cat([atleast_3d(tensor) for tensor in tensors], 2)


@composite(numpy=np.column_stack, samples=_lists((((2,), (2, 2)), {})))
def column_stack(tensors):
    """Join tensors side by side; vectors are columns.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.column_stack([ag.zeros(2), ag.ones(2)]).shape
    (2, 2)
    """
    return cat([t if t.ndim > 1 else reshape(t, (-1, 1)) for t in tensors], 1)


# -- apart -----------------------------------------------------------------------------------------


def _cut(input, dim: int, ends) -> tuple:
    """Views of `input` between consecutive places along an axis, up to each of `ends`."""
    starts = [0, *ends[:-1]]
    return tuple(
        getitem(input, _part(dim, slice(start, end)))
        for start, end in zip(starts, ends, strict=True)
    )


def _length(input, dim: int, name: str) -> tuple[int, int]:
    if not input.ndim:
        raise ShapeError(f"{name} expected at least one axis, got a 0-d tensor")
    dim = wrap_dim(dim, input.ndim)
    return dim, input.shape[dim]


@composite(samples=cases(((5, 2), {"split_size_or_sections": 2}),
                         ((2, 5), {"split_size_or_sections": (1, 0, 4), "dim": -1})))  # fmt: skip
def split(
    tensor, split_size_or_sections: int | tuple[int, ...] | list[int], dim: int = 0
) -> tuple[Array, ...]:
    """Cut an axis into pieces of a size (the last may be shorter), or of the listed sizes.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    dim, length = _length(tensor, dim, "split")
    if isinstance(split_size_or_sections, (tuple, list)):
        sizes = [operator.index(n) for n in split_size_or_sections]
        if sum(sizes) != length or any(n < 0 for n in sizes):
            raise ShapeError(f"split expected sizes that add up to {length}, got {sizes}")
        return _cut(tensor, dim, np.cumsum(sizes).tolist())
    size = operator.index(split_size_or_sections)
    if size < 0 or (size == 0 and length):
        raise ShapeError(f"split expected a positive size, got {size}")
    ends = [min(end, length) for end in range(size, length + size, size)] if length else [0]
    return _cut(tensor, dim, ends)


def _split_method(
    self: Tensor, split_size: int | tuple[int, ...] | list[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Cut an axis into pieces of a size, or of the listed sizes; see `autograd.split`."""
    return split(self, split_size, dim)


attach("split", _split_method)


@composite(samples=cases(((5, 2), {"chunks": 2}), ((2, 5), {"chunks": 4, "dim": 1})))
def chunk(input, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    """Cut an axis into at most `chunks` pieces, all but the last of one size.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(5).chunk(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if chunks < 1:
        raise ShapeError(f"chunk expected at least one chunk, got {chunks}")
    dim, length = _length(input, dim, "chunk")
    if not length:
        return _cut(input, dim, [0] * chunks)
    return split(input, -(-length // chunks), dim)


@composite(samples=cases(((5, 2), {"indices_or_sections": 2}),
                         ((2, 5), {"indices_or_sections": (1, 3), "dim": 1})))  # fmt: skip
def tensor_split(
    input, indices_or_sections: int | tuple[int, ...] | list[int] | Tensor, dim: int = 0
) -> tuple[Array, ...]:
    """Cut an axis into a number of nearly equal pieces, or at the listed places.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor_split(ag.arange(5), (1, 3))
    (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    dim, length = _length(input, dim, "tensor_split")
    if isinstance(indices_or_sections, Tensor):
        indices_or_sections = indices_or_sections.tolist()
    if not isinstance(indices_or_sections, (tuple, list)):
        sections = operator.index(indices_or_sections)
        if sections < 1:
            raise ShapeError(f"tensor_split expected at least one section, got {sections}")
        size, extra = divmod(length, sections)
        sizes = [size + 1] * extra + [size] * (sections - extra)
        return _cut(input, dim, np.cumsum(sizes).tolist())
    return _cut(input, dim, [*indices_or_sections, None])


@answers(np.split)
def _numpy_split(ary, indices_or_sections, axis=0):
    dim, length = _length(ary, axis, "split")
    if not isinstance(indices_or_sections, (tuple, list)) and length % indices_or_sections:
        raise ShapeError(f"split expected a divisor of {length}, got {indices_or_sections}")
    return list(tensor_split(ary, indices_or_sections, dim))


@answers(np.array_split)
def _numpy_array_split(ary, indices_or_sections, axis=0):
    return list(tensor_split(ary, indices_or_sections, axis))


@composite(samples=cases(((2, 3), {}), ((2, 3), {"dim": -1})))
def unbind(input, dim: int = 0) -> tuple[Array, ...]:
    """Return the views at each place of an axis, as a tuple.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.eye(2).unbind()
    (tensor([1., 0.]), tensor([0., 1.]))
    """
    dim, length = _length(input, dim, "unbind")
    return tuple(getitem(input, _part(dim, i)) for i in range(length))


# -- grids and blocks ------------------------------------------------------------------------------


def _grid_samples(rng):
    yield (rng.normal(size=2), rng.normal(size=3)), {"indexing": "ij"}
    yield (rng.normal(size=2), rng.normal(size=3)), {"indexing": "xy"}


@composite(samples=_grid_samples)
def meshgrid(*tensors: Array | Arrays, indexing: str | None = None) -> tuple[Array, ...]:
    """Return the coordinates of a grid: view i holds the i-th vector along axis i.

    With `indexing` "xy", not the default "ij", the first two axes are exchanged.

    Examples
    --------
    >>> import autograd as ag
    >>> rows, columns = ag.meshgrid(ag.arange(2), ag.arange(3), indexing="ij")
    >>> columns
    tensor([[0, 1, 2],
            [0, 1, 2]], shape=(2, 3))
    """
    if indexing not in (None, "ij", "xy"):
        raise ValueError(f"meshgrid expected indexing 'ij' or 'xy', got {indexing!r}")
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    vectors = [atleast_1d(tensor) for tensor in tensors]
    if any(v.ndim != 1 for v in vectors):
        raise ShapeError(
            f"meshgrid expected vectors, got shapes {[tuple(v.shape) for v in vectors]}"
        )
    count, shape = len(vectors), tuple(v.shape[0] for v in vectors)
    grids = [
        expand(reshape(v, (*(1,) * i, -1, *(1,) * (count - 1 - i))), shape)
        for i, v in enumerate(vectors)
    ]
    swap = indexing == "xy" and count > 1
    return tuple(transpose(grid, 0, 1) if swap else grid for grid in grids)


@answers(np.meshgrid)
def _numpy_meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    if sparse:
        raise NotImplementedError("meshgrid of tensors has no sparse=True")
    return meshgrid(*xi, indexing=indexing)


@composite(
    samples=lambda rng: [
        ((rng.normal(size=(2, 1)), rng.normal(size=(2,)), rng.normal(size=())), {})
    ]
)
def block_diag(*tensors: Arrays):
    """Return a matrix with the given matrices along its diagonal; vectors are rows.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.block_diag(ag.ones(1, 2), ag.ones(1))
    tensor([[1., 1., 0.],
            [0., 0., 1.]], shape=(2, 3))
    """
    blocks = [atleast_2d(tensor) for tensor in tensors]
    width, left, rows = sum(block.shape[1] for block in blocks), 0, []
    for block in blocks:
        right = width - left - block.shape[1]
        rows.append(constant_pad(block, ((0, 0), (left, right))))
        left += block.shape[1]
    return cat(rows, 0)
