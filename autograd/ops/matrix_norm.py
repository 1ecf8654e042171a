"""Norms of vectors and matrices, and what is read off singular values: rank and condition."""

from __future__ import annotations

import builtins
import math

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError, DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops import extremes, reduce
from autograd.ops.arithmetic import div
from autograd.ops.cast import to
from autograd.ops.compare import where
from autograd.ops.decompose import linalg_svdvals
from autograd.ops.piecewise import abs
from autograd.ops.shape import moveaxis, reshape, unsqueeze
from autograd.ops.solve import (
    array_of,
    check_matrices,
    check_square,
    inverse,
    spread,
    tolerances,
)

MATRIX_ORDERS = ("fro", "nuc", math.inf, -math.inf, 1, -1, 2, -2)


# Its matrices, along any two axes, have sums of absolute values and singular values far apart.
APART = np.array([[[1.0, 0.2], [-0.4, 3.0], [0.3, 0.6]], [[5.0, -1.5], [0.8, 9.0], [-2.0, 0.7]]])


def _norm_samples(*keywords):
    def samples(rng):
        for given in keywords:
            yield (APART + rng.uniform(-0.05, 0.05, size=APART.shape),), given

    return samples


def _check_dtype(x, dtype) -> None:
    if x.dtype.kind != "f":
        raise DtypeError(f"a norm is of floating numbers, got {x.dtype}: use .float()")
    if dtype is not None and not np.can_cast(x.dtype, dtype):
        raise ArgumentError(f"a norm of {x.dtype} is not computed in {np.dtype(dtype)}: use .to()")


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
    _check_dtype(x, dtype)
    if isinstance(ord, str):
        raise ArgumentError(f"a vector norm has a number as its order, got ord={ord!r}")
    axes = () if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if (ord < 0 or ord == math.inf) and x.ndim and 0 in ([x.shape[d] for d in axes] or x.shape):
        raise ArgumentError(f"no elements have no norm of order {ord}: got shape {tuple(x.shape)}")
    return reduce.p_norm(x, ord, axes or None, keepdim, dtype=dtype)


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
    _check_dtype(A, dtype)
    if ord not in MATRIX_ORDERS:
        raise ArgumentError(f"ord of a matrix norm is one of {MATRIX_ORDERS}, got {ord!r}")
    rows, columns = _pair(dim, A.ndim)
    A = A if dtype is None else to(A, np.dtype(dtype))
    if ord == "fro":
        return reduce.p_norm(A, 2, (rows, columns), keepdim)
    if ord == "nuc" or builtins.abs(ord) == 2:
        out = _of_singular_values(linalg_svdvals(moveaxis(A, (rows, columns), (-2, -1))), ord)
    else:
        summed, left = (rows, columns) if builtins.abs(ord) == 1 else (columns, rows)
        sums = reduce.sum(abs(A), summed)
        out = _extreme(sums, ord, left - (left > summed))
    if keepdim:
        for axis in sorted((rows, columns)):
            out = unsqueeze(out, axis)
    return out


def _extreme(values, ord, dim: int):
    if ord > 0:  # the largest of none, all of them being positive, is 0
        return extremes.amax(values, dim) if values.shape[dim] else reduce.sum(values, dim)
    return extremes.amin(values, dim)


def _of_singular_values(values, ord):
    return reduce.sum(values, -1) if ord == "nuc" else _extreme(values, ord, -1)


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


@composite(kind="reduce")
def norm(input, p: float | str | None = "fro", dim: reduce.Dims = None,
         keepdim: builtins.bool = False, *, dtype=None):  # fmt: skip
    """Return the p-norm of all elements along `dim`: ``sum(abs(input) ** p) ** (1 / p)``.

    Parameters
    ----------
    input : Tensor
    p : float, "fro" or "nuc"
        "fro" is 2; inf, -inf and 0 are the largest and the smallest absolute value and the number
        of elements that are not 0; "nuc" is the sum of the singular values of a matrix, whose axes
        are `dim`.
    dim : int or sequence of int, optional
    keepdim : bool
    dtype : dtype, optional
        Compute in this dtype.

    Notes
    -----
    Where the norm is 0 it has a kink; the gradient there is 0.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([3.0, -4.0])
    >>> x.norm(), x.norm(p=1), x.norm(p=float("inf"))
    (tensor(5.), tensor(7.), tensor(4.))
    """
    if p == "nuc":
        pair = tuple(range(input.ndim)) if dim is None else dim
        return linalg_matrix_norm(input, p, pair, keepdim, dtype=dtype)
    if isinstance(p, str) and p != "fro":
        raise ArgumentError(f"norm expected p to be a number, 'fro' or 'nuc', got {p!r}")
    return linalg_vector_norm(input, 2 if p in (None, "fro") else p, dim, keepdim, dtype=dtype)


# -- rank and condition ----------------------------------------------------------------------------


@op(space="linalg", samples=lambda rng: [
    ((spread(rng, 3, 2),), {}), ((np.diag([1.0, 0.0, 1e-3]),), {"atol": 1e-2}),
    ((np.diag([1.0, -2.0]),), {"hermitian": True}), ((rng.normal(size=(2, 0, 2)),), {}),
])  # fmt: skip
def linalg_matrix_rank(A: Array, tol=None, hermitian: builtins.bool = False, *, atol=None,
                       rtol=None):  # fmt: skip
    """Return how many singular values of each matrix are above ``max(atol, rtol * the largest)``.

    `rtol` is by default the machine precision times the longer side, or 0 if `atol` is given; `tol`
    is an older name of `atol`. Of a `hermitian` matrix the lower triangle is read.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.matrix_rank(ag.ones(3, 3))
    tensor(1)
    """
    (check_square if hermitian else check_matrices)(A)
    absolute, relative = tolerances(A, tol if atol is None else atol, rtol)
    if hermitian:
        values = np.abs(kernels.linalg.eigenvalues(A, "L"))
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
        The order of the norm; None is 2. Of the others, a singular matrix has the condition inf.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.cond(ag.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(1.3333334)
    """
    if p in (None, 2, -2):
        check_matrices(A, "A of linalg.cond")
        values = linalg_svdvals(A)
        if not values.shape[-1]:
            return values.sum(-1)
        first, last = values[..., 0], values[..., -1]
        return div(last, first) if p == -2 else div(first, last)
    check_square(A, "A of linalg.cond")
    if not A.shape[-1]:
        return reduce.sum(A, (-2, -1))
    singular = kernels.linalg.first_zero_pivot(kernels.linalg.lu(array_of(A))[0]) > 0
    regular = where(singular[..., None, None], np.eye(A.shape[-1], dtype=A.dtype), A)
    out = linalg_matrix_norm(A, p) * linalg_matrix_norm(inverse(regular), p)
    return where(singular | np.isnan(array_of(out)), math.inf, out)
