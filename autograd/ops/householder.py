"""Householder reflections: what LAPACK's QR factorisation leaves, and products with it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import composite
from autograd.ops.compare import where
from autograd.ops.linalg import matmul
from autograd.ops.solve import array_of, as_like, check_matrices, mt, refuse_gradient, spread
from autograd.tensor import Tensor


class Reflections(NamedTuple):
    """What `geqrf` returns."""

    a: Tensor
    tau: Tensor


@composite(samples=lambda rng: [
    ((spread(rng, *shape),), {}) for shape in ((3, 2), (2, 3), (2, 2, 2), (0, 2))
])  # fmt: skip
def geqrf(input) -> Reflections:
    """Return the QR factors as LAPACK does: R in the upper triangle, and reflections that make Q.

    Below the diagonal stand the vectors of the reflections, in `tau` their factors: see `ormqr` and
    `orgqr`. There is no derivative, as in PyTorch: `qr` has one.

    Raises
    ------
    GraphError
        If `input` requires grad.

    Examples
    --------
    >>> import autograd as ag
    >>> a, tau = ag.geqrf(ag.tensor([[3.0], [4.0]])); a.flatten(), tau
    (tensor([-5. ,  0.5]), tensor([1.6]))
    """
    check_matrices(input, "input of geqrf")
    refuse_gradient("geqrf", input)
    return Reflections(*(as_like(input, x) for x in kernels.linalg.qr_raw(array_of(input))))


def _reflected(vectors, tau, matrix, order):
    """The matrix, reflected by ``I - tau[i] * v @ v.T`` for each i in `order`."""
    vectors = np.tril(vectors, -1) + np.eye(*vectors.shape[-2:], dtype=vectors.dtype)
    for i in order:
        v = vectors[..., i : i + 1]
        matrix = matrix - tau[..., i, None, None] * matmul(v, matmul(mt(v), matrix))
    return matrix


def _householder_samples(rng):
    yield (rng.normal(size=(3, 2)), rng.normal(size=(2,))), {}
    yield (rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 1))), {}


@composite(space="linalg", samples=_householder_samples)
def linalg_householder_product(A, tau):
    """Return the first columns of the product of the reflections ``I - tau[i] * v @ v.T``.

    Each v is a column of `A` from its diagonal down, with a 1 in place of the diagonal.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.householder_product(ag.zeros(2, 1), ag.tensor([2.0]))
    tensor([[-1.],
            [ 0.]], shape=(2, 1))
    """
    check_matrices(A, "A of linalg.householder_product")
    rows, columns = A.shape[-2:]
    if rows < columns or tau.shape[-1] > columns or tau.shape[:-1] != A.shape[:-2]:
        raise ShapeError(
            "linalg.householder_product expected A (..., m, n) with m >= n and tau (..., k) "
            f"with k <= n, got {tuple(A.shape)} and {tuple(tau.shape)}"
        )
    identity = where(np.True_, np.eye(rows, columns, dtype=A.dtype), A)  # of the stack's shape
    return _reflected(A, tau, identity, reversed(range(tau.shape[-1])))


@composite(samples=_householder_samples)
def orgqr(input, tau):
    """Return the first columns of a product of reflections; see `linalg.householder_product`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.orgqr(*ag.geqrf(ag.tensor([[3.0], [4.0]])))
    tensor([[-0.6],
            [-0.8]], shape=(2, 1))
    """
    return linalg_householder_product(input, tau)


@composite(samples=lambda rng: [
    ((rng.normal(size=(3, 2)), rng.normal(size=(2,)), rng.normal(size=(3, 2))), {}),
    ((rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 2)), rng.normal(size=(2, 1, 3))),
     {"left": False}),
    ((rng.normal(size=(3, 2)), rng.normal(size=(2,)), rng.normal(size=(3, 1))),
     {"transpose": True}),
])  # fmt: skip
def ormqr(input, tau, other, left: bool = True, transpose: bool = False):
    """Return ``Q @ other``, or, unless `left`, ``other @ Q``, for a product Q of reflections.

    Parameters
    ----------
    input, tau : Tensor
        The reflections, as `geqrf` returns them: shapes (..., m, n) and (..., min(m, n)). Q is
        m x m, and never formed.
    other : Tensor
        Shape (..., m, k), or, unless `left`, (..., k, m).
    left : bool
    transpose : bool
        Multiply by ``Q.mT``.

    Examples
    --------
    >>> import autograd as ag
    >>> a = ag.tensor([[3.0], [4.0]])
    >>> ag.ormqr(*ag.geqrf(a), a, transpose=True).flatten()
    tensor([-5.,  0.])
    """
    check_matrices(input, "input of ormqr")
    side = -2 if left else -1
    fits = other.ndim == input.ndim and other.shape[side] == input.shape[-2]
    if not fits or other.shape[:-2] != input.shape[:-2]:
        raise ShapeError(
            f"ormqr expected other to fit input of shape {tuple(input.shape)} from the "
            f"{'left' if left else 'right'}, got shape {tuple(other.shape)}"
        )
    count = min(input.shape[-2:])
    if tuple(tau.shape) != (*input.shape[:-2], count):
        raise ShapeError(
            f"ormqr expected tau of shape {(*input.shape[:-2], count)}, got {tuple(tau.shape)}"
        )
    if not input.dtype == tau.dtype == other.dtype:
        raise DtypeError(
            f"ormqr expected one dtype, got {input.dtype}, {tau.dtype} and {other.dtype}"
        )
    order = range(count) if left == transpose else reversed(range(count))
    result = _reflected(input, tau, other if left else mt(other), order)
    return result if left else mt(result)
