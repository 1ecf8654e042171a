"""Cutting along named axes, the places of triangles, and further names."""

from __future__ import annotations

import math
import operator

import numpy as np

from autograd.errors import ShapeError
from autograd.op import Array, composite
from autograd.ops.arrange import diag_embed
from autograd.ops.cast import cases
from autograd.ops.elementwise import also_named
from autograd.ops.extremes import _like
from autograd.ops.join import chunk, split, tensor_split, vstack
from autograd.ops.linalg import outer
from autograd.ops.reduce import sum
from autograd.ops.shape import reshape
from autograd.tensor import Tensor, asarray, method, wrap

also_named(outer, "ger")
also_named(vstack, "row_stack")

# -- cutting --------------------------------------------------------------------------------------


def _split(input, indices_or_sections, dim: int, least: int, name: str):
    """Cut like `tensor_split`, into pieces of the same length if a number is given."""
    if input.ndim < least:
        raise ShapeError(f"{name} expected at least {least} axes, got shape {tuple(input.shape)}")
    sections = indices_or_sections
    if isinstance(sections, str):
        raise TypeError(f"{name} expected a number of pieces or a list of places, got {sections!r}")
    if isinstance(sections, int) and (sections < 1 or input.shape[dim] % sections):
        raise ShapeError(
            f"{name} expected a divisor of {input.shape[dim]}, the length of dim {dim}, got "
            f"{sections}"
        )
    return tensor_split(input, sections, dim)


@composite(samples=cases(((2, 4), {"indices_or_sections": 2}),
                         ((4,), {"indices_or_sections": (1, 3)})))  # fmt: skip
def hsplit(input, indices_or_sections) -> tuple[Array, ...]:
    """Cut the second axis (of a vector, the only one) into equal pieces, or at the listed places.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.hsplit(ag.tensor([1.0, 2.0, 3.0, 4.0]), 2)
    (tensor([1., 2.]), tensor([3., 4.]))
    """
    return _split(input, indices_or_sections, 0 if input.ndim == 1 else 1, 1, "hsplit")


@composite(samples=cases(((4, 2), {"indices_or_sections": 2})))
def vsplit(input, indices_or_sections) -> tuple[Array, ...]:
    """Cut the first axis of a matrix into equal pieces, or at the listed places.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.vsplit(ag.tensor([[1.0], [2.0]]), 2)[1]
    tensor([[2.]], shape=(1, 1))
    """
    return _split(input, indices_or_sections, 0, 2, "vsplit")


@composite(samples=cases(((1, 2, 4), {"indices_or_sections": 2})))
def dsplit(input, indices_or_sections) -> tuple[Array, ...]:
    """Cut the third axis into equal pieces, or at the listed places.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.dsplit(ag.zeros(1, 1, 4), 2)[1].shape
    (1, 1, 2)
    """
    return _split(input, indices_or_sections, 2, 3, "dsplit")


@composite(samples=cases(((5, 2), {"split_size": 2}), ((2, 5), {"split_size": 3, "dim": -1})))
def unsafe_split(input, split_size: int, dim: int = 0) -> tuple[Array, ...]:
    """Return what `split` does, for one size. Writing into the pieces in place is safe here.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.unsafe_split(ag.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return split(input, operator.index(split_size), dim)


@composite(samples=cases(((5, 2), {"chunks": 2}), ((2, 5), {"chunks": 4, "dim": 1})))
def unsafe_chunk(input, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    """Return what `chunk` does. Writing into the pieces in place is safe here.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.unsafe_chunk(ag.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return chunk(input, chunks, dim)


@composite(samples=cases(((2, 2), {}), ((3,), {"offset": -1})))
def diagflat(input, offset: int = 0):
    """Return the matrix that has the elements of `input`, flattened, on a diagonal.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.diagflat(ag.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]], shape=(2, 2))
    """
    return diag_embed(reshape(input, (-1,)), offset)


@method
def sum_to_size(self, *size):
    """Sum the axes that broadcasting from shape `size` would have stretched or added."""
    target = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    shape = tuple(self.shape)
    extra = len(shape) - len(target)
    try:
        fits = extra >= 0 and np.broadcast_shapes(shape, target) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"sum_to_size expected a shape that broadcasts to {shape}, got {target}")
    stretched = [i for i in range(len(shape)) if i < extra or target[i - extra] != shape[i]]
    return reshape(sum(self, stretched, True), target) if stretched else self


# -- numbers of places ----------------------------------------------------------------------------


def _triangle(row: int, col: int, offset: int, upper: bool, dtype) -> Tensor:
    if row < 0 or col < 0:
        raise ShapeError(f"expected row and col not to be negative, got {row} and {col}")
    places = np.triu_indices(row, offset, col) if upper else np.tril_indices(row, offset, col)
    return wrap(np.array(places, np.int64 if dtype is None else dtype))


@composite(samples=lambda rng: [((), {"row": 3, "col": 2}), ((3, 3, -1), {})])
def tril_indices(row: int, col: int, offset: int = 0, *, dtype=None):
    """Return the places on and below a diagonal of a matrix, as a row of rows and one of columns.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]], shape=(2, 3))
    """
    return _triangle(row, col, offset, False, dtype)


@composite(samples=lambda rng: [((), {"row": 3, "col": 2}), ((3, 3, -1), {})])
def triu_indices(row: int, col: int, offset: int = 0, *, dtype=None):
    """Return the places on and above a diagonal of a matrix, as a row of rows and one of columns.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]], shape=(2, 3))
    """
    return _triangle(row, col, offset, True, dtype)


@composite(samples=lambda rng: [((np.array([[1, 0], [0, 2]]),), {"size": n}) for n in (1, 3)])
def nonzero_static(input, *, size: int, fill_value: int = -1):
    """Return the places of the first `size` elements that are not zero, a row each.

    If there are fewer, rows of `fill_value` follow.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.nonzero_static(ag.tensor([0, 5]), size=2)
    tensor([[ 1],
            [-1]], shape=(2, 1))
    """
    if size < 0:
        raise ShapeError(f"nonzero_static expected a size from 0 on, got {size}")
    places = np.argwhere(np.asarray(asarray(input)))[:size]
    out = np.full((size, places.shape[1]), fill_value, np.int64)
    out[: len(places)] = places
    return _like(input, out)


@composite(samples=lambda rng: [((np.array([1, 5]),), {"shape": (2, 3)})])
def unravel_index(indices, shape) -> tuple[Array, ...]:
    """Return the places in a tensor of `shape` of places in it flattened: one tensor an axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.unravel_index(ag.tensor([1, 5]), (2, 3))
    (tensor([0, 1]), tensor([1, 2]))
    """
    places = np.asarray(asarray(indices))
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if places.dtype.kind not in "iu":
        raise TypeError(f"unravel_index expected integers, got {places.dtype}")
    size = math.prod(sizes)
    if places.size and not -size <= places.min() <= places.max() < size:
        raise IndexError(f"unravel_index expected places below {size}, got {places.tolist()}")
    found = np.unravel_index(places % max(size, 1), sizes)
    return tuple(_like(indices, p) for p in found)
