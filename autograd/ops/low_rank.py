"""Some singular values or eigenvalues of large matrices, with their vectors."""

from __future__ import annotations

import numpy as np

from autograd.errors import ArgumentError, ShapeError
from autograd.op import composite
from autograd.ops.arrange import flip
from autograd.ops.cholesky import linalg_cholesky, symmetric, symmetric_samples
from autograd.ops.decompose import linalg_eigh, linalg_qr, linalg_svd
from autograd.ops.linalg import matmul
from autograd.ops.reduce import mean
from autograd.ops.solve import check_matrices, check_square, mt, solve_triangles
from autograd.random import normal_array


def _low_rank_samples(rng):
    for rows, columns in ((5, 4), (4, 5)):
        left, right = rng.normal(size=(rows, 2)), rng.normal(size=(2, columns))
        yield (left @ np.diag([3.0, 1.0]) @ right,), {"q": 2}


@composite(samples=_low_rank_samples)
def svd_lowrank(A, q: int | None = 6, niter: int | None = 2, M=None):
    """Return U, S and V with ``U @ diag(S) @ V.mT`` near `A`, by a random projection to rank `q`.

    Halko, Martinsson and Tropp, "Finding structure with randomness" (2009), algorithm 5.1: an
    orthonormal basis of the image of `q` random vectors, improved `niter` times by multiplying with
    ``A @ A.mT``, stands in for the columns of A. It is exact if A has at most rank `q`.

    Parameters
    ----------
    A : Tensor
        Shape (..., m, n).
    q : int
        The number of singular values, a little more than the rank that is expected.
    niter : int
    M : Tensor, optional
        Subtracted from `A`.

    Examples
    --------
    >>> import autograd as ag
    >>> U, S, V = ag.svd_lowrank(ag.ones(30, 20), q=1); S
    tensor([24.494896])
    """
    check_matrices(A, "A of svd_lowrank")
    A = A if M is None else A - M
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    if A.shape[-2] < A.shape[-1]:
        U, S, V = svd_lowrank(mt(A), q, niter)
        return V, S, U
    basis = linalg_qr(matmul(A, normal_array(None, (A.shape[-1], q), A.dtype))).Q
    for _ in range(niter):
        basis = linalg_qr(matmul(A, linalg_qr(matmul(mt(A), basis)).Q)).Q
    U, S, Vh = linalg_svd(matmul(mt(basis), A), full_matrices=False)
    return matmul(basis, U), S, mt(Vh)


@composite(samples=_low_rank_samples)
def pca_lowrank(A, q: int | None = None, center: bool = True, niter: int = 2):
    """Return U, S and V, the principal directions of the rows of `A` being the columns of V.

    They are those of `svd_lowrank`, of A minus the mean of its rows if `center`; `q` is by default
    6, or the smaller side of A.

    Examples
    --------
    >>> import autograd as ag
    >>> points = ag.tensor([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])
    >>> ag.pca_lowrank(points, q=1)[1]
    tensor([2.])
    """
    check_matrices(A, "A of pca_lowrank")
    most = min(A.shape[-2:])
    if q is None:
        q = min(6, most)
    if not 0 <= q <= most or niter < 0:
        raise ArgumentError(
            f"pca_lowrank expected q from 0 to {most} and niter of at least 0, got {q} and {niter}"
        )
    return svd_lowrank(A - mean(A, -2, True) if center else A, q, niter)


def _lobpcg_samples(rng):
    yield (np.diag([1.0, 2.0, 4.0, 7.0]) + symmetric(rng.uniform(-0.1, 0.1, (4, 4))),), {"k": 1}
    a = np.diag(np.arange(1.0, 7.0) ** 2) + symmetric(rng.uniform(-0.1, 0.1, (2, 6, 6)))
    yield (a,), {"k": 2, "largest": False}
    b = next(iter(symmetric_samples(rng)))[0][0]
    yield (np.diag([1.0, 3.0, 7.0]) + 0 * b,), {"k": 1, "B": b}


@composite(samples=_lobpcg_samples)
def lobpcg(A, k: int | None = None, B=None, X=None, n: int | None = None, iK=None,
           niter: int | None = None, tol: float | None = None, largest: bool | None = None,
           method: str | None = None, tracker=None, ortho_iparams=None, ortho_fparams=None,
           ortho_bparams=None):  # fmt: skip
    """Return the `k` largest or smallest eigenvalues E and eigenvectors X of ``A @ X = B @ X @ E``.

    The answer is PyTorch's but not the way to it: all matrices here are dense, and `linalg.eigh`
    finds all their eigenvalues, to the last digit and with derivatives of every order. So nothing
    is left for a first guess, a preconditioner and limits of an iteration to do.

    Parameters
    ----------
    A : Tensor
        Symmetric, shape (..., m, m); the mean of it and its transpose is taken.
    k : int, optional
        At most a third of m; by default 1, or the columns of `X`.
    B : Tensor, optional
        Symmetric and positive definite; by default the identity.
    X, n, iK, niter, tol, method
        The guess, its number of columns, a preconditioner, limits, and "basic" or "ortho".
    largest : bool, default True
        The largest eigenvalues, descending; else the smallest, ascending.
    tracker, ortho_iparams, ortho_fparams, ortho_bparams : None
        What watches and tunes the iteration: refused.

    Examples
    --------
    >>> import autograd as ag
    >>> E, X = ag.lobpcg(ag.diag(ag.tensor([1.0, 4.0, 2.0])), k=1); E
    tensor([4.])
    """
    check_square(A, "A of lobpcg")
    tuned = {"tracker": tracker, "ortho_iparams": ortho_iparams, "ortho_fparams": ortho_fparams,
             "ortho_bparams": ortho_bparams}  # fmt: skip
    for name, value in tuned.items():
        if value is not None:
            raise ArgumentError(f"lobpcg({name}=...): there is no iteration here; leave it out")
    if method not in (None, "basic", "ortho"):
        raise ArgumentError(f"lobpcg: method is 'basic' or 'ortho', got {method!r}")
    if X is not None and (X.ndim < 2 or X.shape[-2] != A.shape[-1]):
        raise ShapeError(f"lobpcg expected X of {A.shape[-1]} rows, got shape {tuple(X.shape)}")
    columns = X.shape[-1] if X is not None else n or (1 if k is None else k)
    count = columns if k is None else min(k, columns)
    if count < 1 or 3 * columns > A.shape[-1]:
        raise ArgumentError(
            f"lobpcg expected 1 to {A.shape[-1] // 3} eigenvalues of a matrix of "
            f"{A.shape[-1]} rows, got {columns}: see linalg.eigh"
        )
    values, vectors = _eigen(symmetric(A), B)
    if largest is None or largest:
        return flip(values[..., -count:], (-1,)), flip(vectors[..., -count:], (-1,))
    return values[..., :count], vectors[..., :count]


def _eigen(A, B):
    """All eigenvalues, ascending, and vectors of A, or of the pair: with ``B = L @ L.mT`` those of
    ``inv(L) @ A @ inv(L.mT)``."""
    if B is None:
        return linalg_eigh(A)
    check_square(B, "B of lobpcg")
    lower = linalg_cholesky(symmetric(B))
    half = solve_triangles(lower, A, False, False)
    values, vectors = linalg_eigh(symmetric(solve_triangles(lower, mt(half), False, False)))
    return values, solve_triangles(mt(lower), vectors, True, False)
