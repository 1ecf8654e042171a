"""Norms of vectors and matrices, and what is read off singular values: rank and condition."""

from __future__ import annotations

import builtins
import math

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops import extremes, reduce
from autograd.ops.arithmetic import div
from autograd.ops.cast import to
from autograd.ops.decompose import linalg_svdvals
from autograd.ops.piecewise import abs
from autograd.ops.shape import moveaxis, reshape, unsqueeze
from autograd.ops.solve import check_matrices, check_square, inverse, spread, tolerances

MATRIX_ORDERS = ("fro", "nuc", math.inf, -math.inf, 1, -1, 2, -2)


# Its matrices, along any two axes, have sums of absolute values and singular values far apart.
APART = np.array([[[1.0, 0.2], [-0.4, 3.0], [0.3, 0.6]], [[5.0, -1.5], [0.8, 9.0], [-2.0, 0.7]]])


def _norm_samples(*keywords):
    def samples(rng):
        for given in keywords:
            yield (APART + rng.uniform(-0.05, 0.05, size=APART.shape),), given

    return samples


def _check_float(x, dtype) -> None:
    if x.dtype.kind != "f" and dtype is None:
        raise ArgumentError(f"a norm is of floating numbers, got {x.dtype}: use .float() or dtype=")


@composite(space="linalg", samples=_norm_samples(
    {}, {"ord": 3, "dim": 1}, {"ord": math.inf, "dim": (0, 2), "keepdim": True},
    {"ord": 1, "dim": -1}, {"ord": 0, "dim": 0}, {"ord": 0.5, "dim": (1,)},
))  # fmt: skip
def linalg_vector_norm(x, ord: float = 2, dim=None, keepdim: builtins.bool = False, *, dtype=None):
    """Return the vector norm along `dim`, of all elements by default.

    Parameters
    ----------
    x : Tensor
    ord : float
        The norm is ``sum(abs(x) ** ord) ** (1 / ord)``; inf and -inf are the largest and smallest
        absolute value, 0 the number of elements that are not 0.
    dim : int or sequence of int, optional
    keepdim : bool
    dtype : dtype, optional
        Compute in this dtype.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.vector_norm(ag.tensor([3.0, -4.0]))
    tensor(5.)
    """
    _check_float(x, dtype)
    if isinstance(ord, str):
        raise ArgumentError(f"a vector norm has a number as its order, got ord={ord!r}")
    return reduce.norm(x, ord, None if dim in ((), []) else dim, keepdim, dtype=dtype)


def _pair(dim, ndim: int) -> tuple[int, int]:
    """The two axes of the matrices, counted from the front."""
    if isinstance(dim, int) or len(dim) != 2:
        raise ArgumentError(f"expected the two axes of the matrices as dim, got {dim}")
    if ndim < 2:
        raise ShapeError(f"expected matrices, got {ndim} axes")
    for d in dim:
        if not -ndim <= d < ndim:
            raise IndexError(f"dim {d} is out of range for {ndim} axes")
    first, second = (d % ndim for d in dim)
    if first == second:
        raise ArgumentError(f"expected two different axes as dim, got {dim}")
    return first, second


@composite(space="linalg", samples=_norm_samples(
    {}, {"ord": "nuc"}, {"ord": 2, "dim": (0, 1)}, {"ord": -2, "keepdim": True},
    {"ord": 1, "dim": (2, 0), "keepdim": True}, {"ord": -math.inf}, {"ord": math.inf},
))  # fmt: skip
def linalg_matrix_norm(A, ord="fro", dim=(-2, -1), keepdim: builtins.bool = False, *, dtype=None):
    """Return the norm of each matrix.

    Parameters
    ----------
    A : Tensor
    ord : {"fro", "nuc", inf, -inf, 1, -1, 2, -2}
        The root of the sum of squares; the sum of the singular values; the largest or smallest
        sum of absolute values of a row (inf, -inf) or column (1, -1); the largest or smallest
        singular value.
    dim : pair of int
        The axes of the matrices.
    keepdim : bool
    dtype : dtype, optional
        Compute in this dtype.

    Examples
    --------
    >>> import autograd as ag
    >>> A = ag.tensor([[3.0, 0.0], [0.0, -4.0]])
    >>> ag.linalg.matrix_norm(A), ag.linalg.matrix_norm(A, "nuc"), ag.linalg.matrix_norm(A, 2)
    (tensor(5.), tensor(7.), tensor(4.))
    """
    _check_float(A, dtype)
    if ord not in MATRIX_ORDERS:
        raise ArgumentError(f"ord of a matrix norm is one of {MATRIX_ORDERS}, got {ord!r}")
    rows, columns = _pair(dim, A.ndim)
    A = A if dtype is None else to(A, np.dtype(dtype))
    if ord == "fro":
        return reduce.norm(A, 2, (rows, columns), keepdim)
    if ord == "nuc" or builtins.abs(ord) == 2:
        out = _of_singular_values(linalg_svdvals(moveaxis(A, (rows, columns), (-2, -1))), ord)
    else:
        summed, left = (rows, columns) if builtins.abs(ord) == 1 else (columns, rows)
        sums = reduce.sum(abs(A), summed)
        out = _extreme(ord)(sums, left - (left > summed))
    if keepdim:
        for axis in sorted((rows, columns)):
            out = unsqueeze(out, axis)
    return out


def _extreme(ord):
    return extremes.amax if ord > 0 else extremes.amin


def _of_singular_values(values, ord):
    return reduce.sum(values, -1) if ord == "nuc" else _extreme(ord)(values, -1)


@composite(space="linalg", samples=_norm_samples(
    {}, {"dim": (0, 1)}, {"ord": 2, "dim": 1}, {"ord": "nuc", "dim": (0, 1), "keepdim": True},
    {"dim": 2, "keepdim": True},
))  # fmt: skip
def linalg_norm(A, ord=None, dim=None, keepdim: builtins.bool = False, *, dtype=None):
    """Return a norm: of vectors if `dim` is one axis or `A` has one, else of matrices.

    Without `ord` it is the root of the sum of all squares along `dim`, by default of all elements.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.norm(ag.tensor([[3.0], [4.0]]))
    tensor(5.)
    """
    axes = (dim,) if isinstance(dim, int) else dim
    if ord is None:
        if axes is None:
            out = linalg_vector_norm(reshape(A, (-1,)), 2, dtype=dtype)
            return reshape(out, (1,) * A.ndim) if keepdim else out
        return linalg_vector_norm(A, 2, axes, keepdim, dtype=dtype)
    if axes is None and A.ndim not in (1, 2):
        raise ShapeError(f"linalg.norm with an ord and no dim expected 1 or 2 axes, got {A.ndim}")
    if len(axes if axes is not None else A.shape) == 2:
        return linalg_matrix_norm(A, ord, axes or (0, 1), keepdim, dtype=dtype)
    return linalg_vector_norm(A, ord, axes, keepdim, dtype=dtype)


@composite(samples=_norm_samples({}, {"dim": (0, 1), "keepdim": True}))
def nuclear_norm(input, dim=None, keepdim: builtins.bool = False):
    """Return the sum of the singular values of each matrix.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.nuclear_norm(ag.eye(3))
    tensor(3.)
    """
    return linalg_matrix_norm(input, "nuc", (-2, -1) if dim is None else dim, keepdim)


# -- rank and condition ----------------------------------------------------------------------------


@op(space="linalg", samples=lambda rng: [
    ((spread(rng, 3, 2),), {}), ((np.diag([1.0, 0.0, 1e-3]),), {"atol": 1e-2}),
    ((np.diag([1.0, -2.0]),), {"hermitian": True}), ((rng.normal(size=(2, 0, 2)),), {}),
])  # fmt: skip
def linalg_matrix_rank(A: Array, tol=None, *, atol=None, rtol=None,
                       hermitian: builtins.bool = False):  # fmt: skip
    """Return how many singular values of each matrix are above ``max(atol, rtol * the largest)``.

    `rtol` is by default the machine precision times the longer side, or 0 if `atol` is given; `tol`
    is an older name of `atol`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.matrix_rank(ag.ones(3, 3))
    tensor(1)
    """
    (check_square if hermitian else check_matrices)(A)
    absolute, relative = tolerances(A, tol if atol is None else atol, rtol)
    if hermitian:
        values = np.abs(kernels.linalg.eigenvalues(A, upper=False))
    else:
        values = kernels.linalg.singular_values(A)
    limit = kernels.linalg.threshold(values, absolute, relative)
    return np.sum(values > limit[..., None], -1)


@composite(space="linalg", samples=lambda rng: [
    ((spread(rng, 2, 2, 2),), {"p": p}) for p in (None, -2, "fro", "nuc", math.inf, -1)
])  # fmt: skip
def linalg_cond(A, p=None):
    """Return the condition of each matrix: its norm times that of its inverse.

    Parameters
    ----------
    A : Tensor
        Shape (..., n, n); for the orders None, 2 and -2 also (..., m, n).
    p : {None, 2, -2, "fro", "nuc", inf, -inf, 1, -1}
        The order of the norm; None is 2.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.cond(ag.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(1.3333334)
    """
    if p in (None, 2, -2):
        check_matrices(A)
        values = linalg_svdvals(A)
        if not values.shape[-1]:
            return values.sum(-1)
        first, last = values[..., 0], values[..., -1]
        return div(last, first) if p == -2 else div(first, last)
    check_square(A)
    return linalg_matrix_norm(A, p) * linalg_matrix_norm(inverse(A), p)
