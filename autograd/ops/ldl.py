"""Symmetric matrices that need not be definite: their factors ``L @ D @ L.T``, and solutions."""

from __future__ import annotations

import builtins
from typing import NamedTuple

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.cholesky import symmetric, symmetric_samples
from autograd.ops.elementwise import quiet
from autograd.ops.solve import array_of, as_like, check_square, raise_if_any, refuse_gradient
from autograd.tensor import Tensor


class LDL(NamedTuple):
    """What `linalg.ldl_factor` returns."""

    LD: Tensor
    pivots: Tensor


class LDLInfo(NamedTuple):
    """What `linalg.ldl_factor_ex` returns."""

    LD: Tensor
    pivots: Tensor
    info: Tensor


def _ldl_samples(rng):
    yield from symmetric_samples(rng)
    yield (symmetric(rng.normal(size=(2, 5, 5))),), {}


@composite(space="linalg", samples=_ldl_samples)
def linalg_ldl_factor_ex(A, *, hermitian: builtins.bool = False,
                         check_errors: builtins.bool = False) -> LDLInfo:  # fmt: skip
    """Return what `ldl_factor` does, and the number of the first block of D that is 0, or 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.ldl_factor_ex(ag.zeros(2, 2)).info
    tensor(1, dtype=int32)
    """
    check_square(A, "A of linalg.ldl_factor")
    refuse_gradient("linalg.ldl_factor", A)
    packed, pivots, info = kernels.ldl.factor(array_of(A))
    if check_errors:
        raise_if_any("linalg.ldl_factor", info, "expected D without blocks of zeros")
    return LDLInfo(as_like(A, packed), as_like(A, pivots), as_like(A, info))


@composite(space="linalg", samples=_ldl_samples)
def linalg_ldl_factor(A, *, hermitian: builtins.bool = False) -> LDL:
    """Return L and D with ``L @ D @ L.mT = A`` but for swaps of rows, in one array; and the swaps.

    `A` is symmetric, of which the lower triangle is read; L is unit lower triangular, D has blocks
    of 1 or 2 rows, which the pivots, LAPACK's, tell. There is no derivative, as in PyTorch.

    Parameters
    ----------
    A : Tensor
        Shape (..., n, n).
    hermitian : bool
        Makes no difference to real numbers.

    Raises
    ------
    GraphError
        If `A` requires grad.
    LinAlgError
        If D has a block of zeros.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.ldl_factor(ag.tensor([[2.0, 1.0], [1.0, 3.0]])).LD
    tensor([[2. , 0. ],
            [0.5, 2.5]], shape=(2, 2))
    """
    packed, pivots, _ = linalg_ldl_factor_ex(A, hermitian=hermitian, check_errors=True)
    return LDL(packed, pivots)


def _solve_samples(rng):
    for shape, right in (((3, 3), (3, 2)), ((2, 2, 2), (2, 1)), ((5, 5), (2, 5, 1))):
        a = symmetric(rng.normal(size=shape)) + 3 * np.fliplr(np.eye(shape[-1]))
        packed, pivots, _ = kernels.ldl.factor(a)
        yield (packed, pivots, rng.normal(size=right)), {}


@op(space="linalg", samples=_solve_samples)
@quiet
def linalg_ldl_solve(LD: Array, pivots: Array, B: Array, *, hermitian: builtins.bool = False):
    """Return the X in ``A @ X = B``, given `ldl_factor` of A.

    `B` has a derivative; `LD` has none.

    Examples
    --------
    >>> import autograd as ag
    >>> A = ag.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> ag.linalg.ldl_solve(*ag.linalg.ldl_factor(A), ag.tensor([[2.0], [3.0]])).flatten()
    tensor([3., 2.])
    """
    check_square(LD, "LD")
    if pivots.shape != LD.shape[:-1] or pivots.dtype.kind != "i":
        raise ShapeError(
            f"expected integer pivots of shape {LD.shape[:-1]}, got {pivots.dtype}{pivots.shape}"
        )
    if B.ndim < 2 or B.shape[-2] != LD.shape[-1]:
        raise ShapeError(f"expected B of {LD.shape[-1]} rows, got shape {B.shape}")
    if B.dtype != LD.dtype:
        raise DtypeError(f"expected B of the dtype of LD, {LD.dtype}, got {B.dtype}")
    return kernels.ldl.solve(LD, pivots, B)


linalg_ldl_solve.vjp(B=lambda g, LD, pivots: linalg_ldl_solve(LD, pivots, g))
