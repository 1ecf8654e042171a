"""The Cholesky factor of positive definite matrices, and what is solved with it."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.elementwise import quiet
from autograd.ops.linalg import matmul
from autograd.ops.solve import (
    array_of,
    check_square,
    mt,
    near_identity,
    raise_if_any,
    solve_triangles,
    spread,
)


def symmetric(a):
    """The mean of each matrix and its transpose, for `domain`: one triangle is read of an input."""
    return (a + mt(a)) / 2


def symmetric_samples(rng):
    """Positive definite matrices, eigenvalues apart, for `samples`."""
    for shape in ((3, 3), (2, 2, 2), (1, 1), (0, 0)):
        yield (symmetric(spread(rng, *shape)),), {}


def _cholesky_samples(rng):
    for case in symmetric_samples(rng):
        yield case
        yield case[0], {"upper": True}


@op(samples=_cholesky_samples, domain={"input": symmetric}, numpy=np.linalg.cholesky)
def cholesky(input: Array, upper: bool = False):
    """Return the lower triangular L with ``L @ L.mT = input``, or, if `upper`, its transpose.

    Of the symmetric `input` the lower triangle is read, or the `upper`; its gradient is symmetric.

    Raises
    ------
    LinAlgError
        If a matrix is not positive definite.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cholesky(ag.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]], shape=(2, 2))
    """
    check_square(input)
    return kernels.linalg.cholesky(input, upper)


def _cholesky_input(g, out, upper):
    """Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10."""
    lower, g = (mt(out), mt(g)) if upper else (out, g)
    product = np.tril(matmul(mt(lower), g))
    halved = product * (1 - 0.5 * np.eye(out.shape[-1], dtype=out.dtype))
    upper_factor = mt(lower)
    left = solve_triangles(upper_factor, halved, True, False)
    both = mt(solve_triangles(upper_factor, mt(left), True, False))
    return symmetric(both)


cholesky.vjp(input=_cholesky_input)


@composite(samples=_cholesky_samples, domain={"A": symmetric}, space="linalg")
def linalg_cholesky(A, *, upper: bool = False):
    """Return the lower triangular L with ``L @ L.mT = A``, or, if `upper`, its transpose.

    Of the symmetric `A` the lower triangle is read, or the `upper`; its gradient is symmetric.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.cholesky(ag.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]], shape=(2, 2))
    """
    return cholesky(A, upper)


@op(method=True, kind="contraction", domain={"L": np.tril}, samples=lambda rng: [
    ((rng.normal(size=(2, 1)), near_identity(rng, 2, 2)), {}),
    ((rng.normal(size=(2, 2)), near_identity(rng, 2, 2, 2)), {}),
    ((rng.normal(size=(3, 2, 1)), near_identity(rng, 2, 2)), {}),
])  # fmt: skip
@quiet
def cholesky_solve(B: Array, L: Array, upper: bool = False):
    """Return the X in ``A @ X = B``, given the Cholesky factor `L` of A.

    One triangle of `L` is read, but all of it has a gradient, as in PyTorch: through ``L @ L.mT``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cholesky_solve(ag.ones(1, 1), 2 * ag.ones(1, 1))
    tensor([[0.25]], shape=(1, 1))
    """
    check_square(L, "L")
    if B.ndim < 2 or B.shape[-2] != L.shape[-1]:
        raise ShapeError(f"expected B of {L.shape[-1]} rows, got shape {B.shape}")
    lower = mt(L) if upper else L
    half = kernels.linalg.solve_triangular(lower, B, upper=False, unit=False)
    return kernels.linalg.solve_triangular(mt(lower), half, upper=True, unit=False)


def _cholesky_solve_L(g, L, out, upper):
    both = matmul(cholesky_solve(g, L, upper), mt(out))
    both = both + mt(both)
    return -matmul(L, both) if upper else -matmul(both, L)


cholesky_solve.vjp(B=lambda g, L, upper: cholesky_solve(g, L, upper), L=_cholesky_solve_L)


@composite(method=True, domain={"L": np.tril}, samples=lambda rng: [
    ((near_identity(rng, 2, 2),), {}), ((near_identity(rng, 2, 2, 2),), {})
])  # fmt: skip
def cholesky_inverse(L, upper: bool = False):
    """Return the inverse of the matrix whose Cholesky factor is `L`; see `cholesky_solve`.

    Raises
    ------
    LinAlgError
        If `L` has a zero on its diagonal.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cholesky_inverse(2 * ag.eye(1))
    tensor([[0.25]], shape=(1, 1))
    """
    check_square(L, "L of cholesky_inverse")
    zeros = kernels.linalg.first_zero_pivot(array_of(L))
    raise_if_any("cholesky_inverse", zeros, "expected a factor without zeros on its diagonal")
    return cholesky_solve(np.eye(L.shape[-1], dtype=L.dtype), L, upper)
