"""Distances between vectors, and products and sets of vectors."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, Arrays, composite
from autograd.ops.arrange import roll
from autograd.ops.cast import cases
from autograd.ops.compare import where
from autograd.ops.index import read_at
from autograd.ops.join import meshgrid, stack
from autograd.ops.reduce import p_norm
from autograd.ops.shape import reshape, unsqueeze, wrap_dim

# -- distances ------------------------------------------------------------------------------------

ORDERS = (2.0, 1.0, 3.0, float("inf"))


def _pair_samples(rng):
    for p in ORDERS:
        yield (rng.normal(size=(2, 3)), rng.normal(size=(3,))), {"p": p}


@composite(samples=_pair_samples)
def dist(input, other, p: float = 2):
    """Return the p-norm of ``input - other``; 0 has the gradient 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.dist(ag.tensor([3.0, 0.0]), ag.tensor([0.0, 4.0]))
    tensor(5.)
    """
    return p_norm(input - other, p)


def _row_samples(rng):
    for p in ORDERS:
        yield (rng.normal(size=(2, 3)), rng.normal(size=(4, 3))), {"p": p}
    yield (rng.normal(size=(2, 1, 2, 2)), rng.normal(size=(3, 1, 2))), {}


COMPUTE_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


@composite(samples=_row_samples)
def cdist(x1, x2, p: float = 2.0, compute_mode: str = COMPUTE_MODES[0]):
    """Return the p-norm of the difference of each row of `x1` and each row of `x2`.

    A distance of 0 has the gradient 0. Every `compute_mode` takes the differences themselves, which
    keeps the digits of small distances.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cdist(ag.tensor([[0.0, 0.0]]), ag.tensor([[3.0, 4.0], [0.0, 1.0]]))
    tensor([[5., 1.]], shape=(1, 2))
    """
    if compute_mode not in COMPUTE_MODES:
        raise ValueError(
            f"cdist expected compute_mode to be one of {COMPUTE_MODES}, got {compute_mode!r}"
        )
    if p < 0:
        raise ValueError(f"cdist expected p >= 0, got {p}")
    if x1.ndim < 2 or x2.ndim < 2 or x1.shape[-1] != x2.shape[-1]:
        raise ShapeError(
            "cdist expected two tensors of rows of one length, got shapes "
            f"{tuple(x1.shape)} and {tuple(x2.shape)}"
        )
    if x1.dtype != x2.dtype or x1.dtype.kind != "f":
        raise DtypeError(
            f"cdist expected floating point tensors of one dtype, got {x1.dtype} and {x2.dtype}"
        )
    return p_norm(unsqueeze(x1, -2) - unsqueeze(x2, -3), p, -1)


@composite(samples=cases(((3, 2), {}), ((4, 2), {"p": 3.0})), space="both")
def pdist(input, p: float = 2):
    """Return the distances between all pairs of rows, as the upper triangle of `cdist` read off.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.pdist(ag.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 4.0]]))
    tensor([5., 4., 3.])
    """
    if input.ndim != 2:
        raise ShapeError(f"pdist expected a matrix of rows, got shape {tuple(input.shape)}")
    if p < 0:
        raise ValueError(f"pdist expected p >= 0, got {p}")
    first, second = np.triu_indices(input.shape[0], 1)
    return p_norm(read_at(input, (first,)) - read_at(input, (second,)), p, 1)


@composite(samples=cases(((2, 3), {"p": 2, "dim": 0, "maxnorm": 1.0}),
                         ((2, 3), {"p": 1, "dim": -1, "maxnorm": 1.5})), inplace=True)  # fmt: skip
def renorm(input, p: float, dim: int, maxnorm: float):
    """Scale down the slices along an axis whose p-norm is larger than `maxnorm`, to that norm.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.renorm(ag.tensor([[3.0, 4.0], [0.3, 0.4]]), 2, 0, 1.0)
    tensor([[0.6, 0.8],
            [0.3, 0.4]], shape=(2, 2))
    """
    if input.ndim < 2:
        raise ShapeError(f"renorm expected at least two axes, got shape {tuple(input.shape)}")
    if p <= 0 or maxnorm < 0:
        raise ValueError(f"renorm expected p > 0 and maxnorm >= 0, got {p} and {maxnorm}")
    dim = wrap_dim(dim, input.ndim)
    size = p_norm(input, p, tuple(i for i in range(input.ndim) if i != dim), True)
    large = size > maxnorm
    # The small number, PyTorch's, keeps the division from failing where maxnorm is 0.
    return input * where(large, maxnorm / (where(large, size, 1.0) + 1e-7), 1.0)


# -- products -------------------------------------------------------------------------------------


def _triples(rng):
    yield (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {}
    yield (rng.normal(size=(3, 2)), rng.normal(size=(3, 1))), {"dim": 0}


@composite(samples=_triples)
def cross(input, other, dim: int | None = None):
    """Return the cross product of vectors of length 3, which lie along `dim`.

    Without `dim`, along the first axis of length 3.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cross(ag.tensor([1.0, 0.0, 0.0]), ag.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if input.ndim != other.ndim:
        raise ShapeError(f"cross expected as many axes in both, got {input.ndim} and {other.ndim}")
    if dim is None:
        threes = [i for i, n in enumerate(np.broadcast_shapes(input.shape, other.shape)) if n == 3]
        dim = threes[0] if threes else -1
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise ShapeError(
            f"cross expected vectors of length 3, got shapes {tuple(input.shape)} and "
            f"{tuple(other.shape)} along dim {dim}"
        )
    return roll(input, -1, dim) * roll(other, -2, dim) - roll(input, -2, dim) * roll(other, -1, dim)


@composite(samples=lambda rng: [((rng.normal(size=3),), {}), ((rng.normal(size=2), 4, True), {}),
                                ((rng.normal(size=2), 1), {})])  # fmt: skip
def vander(x, N: int | None = None, increasing: bool = False):
    """Return Vandermonde's matrix, whose columns are the powers of a vector.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.vander(ag.tensor([2.0, 3.0]), 3)
    tensor([[4., 2., 1.],
            [9., 3., 1.]], shape=(2, 3))
    """
    if x.ndim != 1:
        raise ShapeError(f"vander expected one axis, got shape {tuple(x.shape)}")
    columns = x.shape[0] if N is None else N
    if columns < 0:
        raise ValueError(f"vander expected N >= 0, got {N}")
    if not columns:
        return read_at(unsqueeze(x, 1), (slice(None), np.zeros(0, np.int64)))
    powers = [x * 0 + 1]
    for _ in range(columns - 1):
        powers.append(powers[-1] * x)
    return stack(powers if increasing else powers[::-1], -1)


# -- sets -----------------------------------------------------------------------------------------


@composite(samples=lambda rng: [((rng.normal(size=2), rng.normal(size=3)), {}),
                                ((rng.normal(size=2),), {})])  # fmt: skip
def cartesian_prod(*tensors: Array | Arrays) -> Array:
    """Return all tuples of an element of each vector, one a row.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cartesian_prod(ag.tensor([1, 2]), ag.tensor([3, 4]))
    tensor([[1, 3],
            [1, 4],
            [2, 3],
            [2, 4]], shape=(4, 2))
    """
    vectors: list[Any] = list(tensors)
    for vector in vectors:
        if vector.ndim != 1:
            raise ShapeError(f"cartesian_prod expected vectors, got shape {tuple(vector.shape)}")
    if len(vectors) == 1:
        return vectors[0]
    return stack([reshape(grid, (-1,)) for grid in meshgrid(*vectors, indexing="ij")], 1)


@composite(samples=cases(((3,), {}), ((3,), {"r": 2, "with_replacement": True})))
def combinations(input, r: int = 2, with_replacement: bool = False):
    """Return all choices of `r` elements of a vector, one a row, in the order of the vector.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.combinations(ag.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]], shape=(3, 2))
    """
    if input.ndim != 1:
        raise ShapeError(f"combinations expected one axis, got shape {tuple(input.shape)}")
    if r < 0:
        raise ValueError(f"combinations expected r >= 0, got {r}")
    if not r:
        return input[:0]
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    places = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return read_at(input, (places,))
