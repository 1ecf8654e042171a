"""The LU factors of a matrix, and the variants of other functions that report a failure."""

from __future__ import annotations

import builtins
from typing import NamedTuple

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError, DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.cholesky import linalg_cholesky, symmetric, symmetric_samples
from autograd.ops.compare import where
from autograd.ops.join import concatenate
from autograd.ops.linalg import matmul
from autograd.ops.solve import (
    array_of,
    as_like,
    check_matrices,
    check_square,
    inverse,
    linalg_solve,
    mt,
    near_identity,
    raise_if_any,
    solve_triangles,
    spread,
)
from autograd.tensor import Tensor


def _lu_samples(rng):
    yield (near_identity(rng, 3, 3),), {}
    yield (near_identity(rng, 2, 2, 2),), {}
    yield (spread(rng, 3, 2)[::-1].copy(),), {}  # so that rows must be swapped
    yield (spread(rng, 2, 3)[::-1].copy(),), {}
    yield (np.zeros((0, 2, 2)),), {}


@op(samples=_lu_samples, residuals=("pivots", "P"), space="internal", shown_as="linalg.lu")
def lu_packed(input: Array):
    """Return L, below the diagonal, and U, above, in one array; beside it, the permutation."""
    check_matrices(input)
    packed, pivots = kernels.linalg.lu(input)
    return packed, pivots, kernels.linalg.permutation(pivots, input.shape[-2], input.dtype)


def _lu_input(g, input_shape, out, P):
    """The leading square block of ``P.mT @ input`` is L1 @ U1. What is right of it gives the rest
    of U by a solution with L1, what is below gives the rest of L by one with U1."""
    rows, columns = input_shape[-2:]
    k = min(rows, columns)
    square = out[..., :k, :k]
    gl = gu = g[..., :k, :k]
    if columns > k:
        rest = solve_triangles(mt(square), g[..., k:], True, True)
        gl = gl - matmul(rest, mt(out[..., k:]))
    elif rows > k:
        rest = mt(solve_triangles(square, mt(g[..., k:, :]), True, False))
        gu = gu - matmul(mt(out[..., k:, :]), rest)
    lower = np.tril(square, -1) + np.eye(k, dtype=out.dtype)
    inside = np.tril(matmul(mt(lower), np.tril(gl, -1)), -1)
    inside = inside + np.triu(matmul(np.triu(gu), mt(np.triu(square))))
    right = mt(solve_triangles(square, mt(inside), True, False))
    result = solve_triangles(mt(square), right, True, True)
    if rows != columns:
        result = concatenate([result, rest], -1 if columns > k else -2)
    return matmul(P, result)


lu_packed.vjp(input=_lu_input)


def _refuse_no_pivots(pivot: bool) -> None:
    if not pivot:
        raise ArgumentError("LU without pivoting is for CUDA only: leave out pivot=False")


class PLU(NamedTuple):
    """What `linalg.lu` returns."""

    P: Tensor
    L: Tensor
    U: Tensor


class LUFactor(NamedTuple):
    """What `linalg.lu_factor` returns."""

    LU: Tensor
    pivots: Tensor


class LUFactorInfo(NamedTuple):
    """What `linalg.lu_factor_ex` returns."""

    LU: Tensor
    pivots: Tensor
    info: Tensor


@composite(space="linalg", samples=_lu_samples)
def linalg_lu(A, *, pivot: builtins.bool = True) -> PLU:
    """Return a permutation P, a unit lower triangular L and an upper triangular U: their product.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.lu(ag.tensor([[1.0, 0.0], [2.0, 3.0]])).U
    tensor([[ 2. ,  3. ],
            [ 0. , -1.5]], shape=(2, 2))
    """
    _refuse_no_pivots(pivot)
    packed, (_, permutation) = lu_packed.full(A)  # type: ignore[attr-defined]
    return PLU(as_like(A, permutation), *_triangles(packed))


def _triangles(packed):
    """L and U, which stand in one array."""
    rows, columns = packed.shape[-2:]
    k = min(rows, columns)
    lower = np.tril(packed[..., :k], -1) + np.eye(rows, k, dtype=packed.dtype)
    return lower, np.triu(packed[..., :k, :])


@composite(space="linalg", samples=_lu_samples)
def linalg_lu_factor_ex(A, *, pivot: builtins.bool = True,
                        check_errors: builtins.bool = False) -> LUFactorInfo:  # fmt: skip
    """Return the LU factors as `lu_factor` does, and the number of the first zero of U, or 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.lu_factor_ex(ag.zeros(2, 2)).info
    tensor(1, dtype=int32)
    """
    _refuse_no_pivots(pivot)
    packed, (pivots, _) = lu_packed.full(A)  # type: ignore[attr-defined]
    info = kernels.linalg.first_zero_pivot(array_of(packed))
    if check_errors:
        raise_if_any("linalg.lu_factor", info, "expected U without zeros on its diagonal")
    return LUFactorInfo(packed, as_like(A, pivots), as_like(A, info))


@composite(space="linalg", samples=_lu_samples)
def linalg_lu_factor(A, *, pivot: builtins.bool = True) -> LUFactor:
    """Return L and U in one array, the ones of L left out, and the rows swapped, counted from 1.

    Raises
    ------
    LinAlgError
        If U has a zero on its diagonal.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.lu_factor(ag.tensor([[1.0, 0.0], [2.0, 3.0]])).pivots
    tensor([2, 2], dtype=int32)
    """
    packed, pivots, _ = linalg_lu_factor_ex(A, pivot=pivot, check_errors=True)
    return LUFactor(packed, pivots)


def _permutation(packed, pivots) -> np.ndarray:
    """The matrix of the rows swapped."""
    pivots, rows = array_of(pivots), packed.shape[-2]
    if pivots.dtype != np.int32:
        raise DtypeError(f"expected the int32 pivots of lu_factor, got {pivots.dtype}")
    if pivots.size and not (pivots.min() >= 1 and pivots.max() <= rows):
        raise ArgumentError(f"expected pivots from 1 to {rows}, as lu_factor returns them")
    return kernels.linalg.permutation(pivots, rows, packed.dtype)


def _lu_solve_samples(rng):
    swaps = np.array([2, 2], np.int32)
    yield (near_identity(rng, 2, 2), swaps, rng.normal(size=(2, 1))), {}
    yield (near_identity(rng, 2, 2), swaps, rng.normal(size=(3, 2))), {"left": False}
    yield (near_identity(rng, 2, 2), swaps, rng.normal(size=(2, 2))), {"adjoint": True}


@composite(space="linalg", samples=_lu_solve_samples)
def linalg_lu_solve(LU, pivots, B, *, left: builtins.bool = True,
                    adjoint: builtins.bool = False):  # fmt: skip
    """Return the X in ``A @ X = B``, given `lu_factor` of A; unless `left`, in ``X @ A = B``.

    With `adjoint`, A is transposed first.

    Examples
    --------
    >>> import autograd as ag
    >>> A = ag.tensor([[1.0, 0.0], [2.0, 4.0]])
    >>> ag.linalg.lu_solve(*ag.linalg.lu_factor(A), ag.ones(2, 1)).flatten()
    tensor([ 1.  , -0.25])
    """
    check_square(LU, "LU of linalg.lu_solve")
    if B.ndim < 2 or B.shape[-2 if left else -1] != LU.shape[-1]:
        raise ShapeError(
            f"linalg.lu_solve expected B to fit LU of shape {tuple(LU.shape)}, "
            f"got shape {tuple(B.shape)}"
        )
    if not left:
        return mt(linalg_lu_solve(LU, pivots, mt(B), adjoint=not adjoint))
    P = _permutation(LU, pivots)
    if adjoint:
        half = solve_triangles(mt(LU), B, False, False)
        return matmul(P, solve_triangles(mt(LU), half, True, True))
    half = solve_triangles(LU, matmul(mt(P), B), False, True)
    return solve_triangles(LU, half, True, False)


# -- older names ---------------------------------------------------------------------------------


@composite(method=True, samples=_lu_samples)
def lu(A, pivot: builtins.bool = True, get_infos: builtins.bool = False) -> LUFactor | LUFactorInfo:
    """Return what `linalg.lu_factor` does, and with `get_infos` what `linalg.lu_factor_ex` does.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.lu(ag.tensor([[1.0, 0.0], [2.0, 3.0]]))[1]
    tensor([2, 2], dtype=int32)
    """
    found = linalg_lu_factor_ex(A, pivot=pivot)
    return found if get_infos else LUFactor(found.LU, found.pivots)


@composite(method=True, samples=lambda rng: [
    ((rng.normal(size=(2, 1)), near_identity(rng, 2, 2), np.array([2, 2], np.int32)), {})
])  # fmt: skip
def lu_solve(b, LU_data, LU_pivots):
    """Return the X in ``A @ X = b``, given `linalg.lu_factor` of A; see `linalg.lu_solve`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.lu_solve(ag.ones(1, 1), *ag.linalg.lu_factor(2 * ag.eye(1)))
    tensor([[0.5]], shape=(1, 1))
    """
    return linalg_lu_solve(LU_data, LU_pivots, b)


@composite(samples=lambda rng: [
    ((rng.normal(size=shape), np.array([2, 2], np.int32)), {}) for shape in ((3, 2), (2, 3))
])  # fmt: skip
def lu_unpack(LU_data, LU_pivots, unpack_data: builtins.bool = True,
              unpack_pivots: builtins.bool = True) -> PLU:  # fmt: skip
    """Return P, L and U, as `linalg.lu` does, given `linalg.lu_factor`.

    Unless `unpack_data`, L and U are empty; unless `unpack_pivots`, P is.

    Examples
    --------
    >>> import autograd as ag
    >>> P, L, U = ag.lu_unpack(*ag.linalg.lu_factor(ag.tensor([[1.0, 0.0], [2.0, 3.0]]))); U
    tensor([[ 2. ,  3. ],
            [ 0. , -1.5]], shape=(2, 2))
    """
    check_matrices(LU_data, "LU_data of lu_unpack")
    none = as_like(LU_data, np.empty(0, LU_data.dtype))
    P = as_like(LU_data, _permutation(LU_data, LU_pivots)) if unpack_pivots else none
    return PLU(P, *(_triangles(LU_data) if unpack_data else (none, none)))


# -- failures reported -----------------------------------------------------------------------------


class InverseInfo(NamedTuple):
    """What `linalg.inv_ex` returns."""

    inverse: Tensor
    info: Tensor


class SolutionInfo(NamedTuple):
    """What `linalg.solve_ex` returns."""

    result: Tensor
    info: Tensor


class CholeskyInfo(NamedTuple):
    """What `linalg.cholesky_ex` returns."""

    L: Tensor
    info: Tensor


def _singular(A, check_errors: bool, name: str):
    """The info of each matrix, and `A` with NaN for those that are singular."""
    check_square(A, f"A of {name}")
    info = kernels.linalg.first_zero_pivot(kernels.linalg.lu(array_of(A))[0])
    if check_errors:
        raise_if_any(name, info, "expected an invertible matrix")
    safe = where(info[..., None, None] > 0, np.nan, A) if info.any() else A
    return info, safe


@composite(space="linalg", samples=lambda rng: [((near_identity(rng, 2, 2, 2),), {})])
def linalg_inv_ex(A, *, check_errors: builtins.bool = False) -> InverseInfo:
    """Return the inverses, NaN for singular matrices, and the number of their first zero pivot.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.inv_ex(ag.zeros(1, 1)).info
    tensor(1, dtype=int32)
    """
    info, safe = _singular(A, check_errors, "linalg.inv_ex")
    return InverseInfo(inverse(safe), as_like(A, info))


@composite(space="linalg", samples=lambda rng: [
    ((near_identity(rng, 2, 2), rng.normal(size=(2,))), {})
])  # fmt: skip
def linalg_solve_ex(A, B, *, left: builtins.bool = True,
                    check_errors: builtins.bool = False) -> SolutionInfo:  # fmt: skip
    """Return what `solve` does, NaN for singular matrices, and the number of the first zero pivot.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.solve_ex(ag.eye(1), ag.ones(1)).info
    tensor(0, dtype=int32)
    """
    info, safe = _singular(A, check_errors, "linalg.solve_ex")
    return SolutionInfo(linalg_solve(safe, B, left=left), as_like(A, info))


@composite(space="linalg", domain={"A": symmetric},
           samples=lambda rng: list(symmetric_samples(rng))[:2])  # fmt: skip
def linalg_cholesky_ex(A, *, upper: builtins.bool = False,
                       check_errors: builtins.bool = False) -> CholeskyInfo:  # fmt: skip
    """Return the Cholesky factors, NaN where there is none, and the first minor that is to blame.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.cholesky_ex(-ag.eye(2)).info
    tensor(1, dtype=int32)
    """
    check_square(A, "A of linalg.cholesky_ex")
    info = kernels.linalg.first_minor_not_positive(array_of(mt(A) if upper else A))
    if check_errors:
        raise_if_any("linalg.cholesky_ex", info, "expected a positive definite matrix")
    if not info.any():
        return CholeskyInfo(linalg_cholesky(A, upper=upper), as_like(A, info))
    failed = info[..., None, None] > 0
    factor = linalg_cholesky(where(failed, np.eye(A.shape[-1], dtype=A.dtype), A), upper=upper)
    return CholeskyInfo(where(failed, np.nan, factor), as_like(A, info))
