"""The Cholesky factor of positive definite matrices, and what is solved with it."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.linalg import matmul
from autograd.ops.solve import check_square, mt, near_identity, solve_triangles, spread


def symmetric_samples(rng):
    """Positive definite matrices, eigenvalues apart, for `samples`."""
    for shape in ((3, 3), (2, 2, 2), (1, 1), (0, 0)):
        a = spread(rng, *shape)
        yield ((a + mt(a)) / 2,), {}


def _cholesky_samples(rng):
    for case in symmetric_samples(rng):
        yield case
        yield case[0], {"upper": True}


@op(samples=_cholesky_samples, numpy=np.linalg.cholesky)
def cholesky(input: Array, upper: bool = False):
    """Return the lower triangular L with ``L @ L.mT = input``, or, if `upper`, its transpose.

    Only one triangle of the symmetric `input` counts; its gradient is symmetric.

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
    return (both + mt(both)) / 2


cholesky.vjp(input=_cholesky_input)


@composite(samples=_cholesky_samples, space="linalg")
def linalg_cholesky(A, *, upper: bool = False):
    """Return the lower triangular L with ``L @ L.mT = A``, or, if `upper`, its transpose.

    Only one triangle of the symmetric `A` counts; its gradient is symmetric.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.cholesky(ag.tensor([[4.0, 2.0], [2.0, 2.0]]))
    tensor([[2., 0.],
            [1., 1.]], shape=(2, 2))
    """
    return cholesky(A, upper)


@composite(samples=lambda rng: [
    ((rng.normal(size=(2, 1)), near_identity(rng, 2, 2)), {}),
    ((rng.normal(size=(2, 2)), near_identity(rng, 2, 2, 2)), {"upper": True}),
])  # fmt: skip
def cholesky_solve(input, L, upper: bool = False):
    """Return the X in ``A @ X = input``, given the Cholesky factor `L` of A.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cholesky_solve(ag.ones(1, 1), 2 * ag.ones(1, 1))
    tensor([[0.25]], shape=(1, 1))
    """
    check_square(L, "L")
    if input.ndim < 2 or input.shape[-2] != L.shape[-1]:
        raise ShapeError(
            f"cholesky_solve expected input of {L.shape[-1]} rows, got shape {tuple(input.shape)}"
        )
    lower = mt(L) if upper else L
    half = solve_triangles(lower, input, False, False)
    return solve_triangles(mt(lower), half, True, False)


@composite(samples=lambda rng: [
    ((near_identity(rng, 2, 2),), {}), ((near_identity(rng, 2, 2, 2),), {"upper": True})
])  # fmt: skip
def cholesky_inverse(input, upper: bool = False):
    """Return the inverse of the matrix whose Cholesky factor is `input`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cholesky_inverse(2 * ag.eye(1))
    tensor([[0.25]], shape=(1, 1))
    """
    check_square(input)
    return cholesky_solve(np.eye(input.shape[-1], dtype=input.dtype), input, upper)
