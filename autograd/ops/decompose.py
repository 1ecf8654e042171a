"""Factorisations of matrices: QR, singular values, eigenvalues of symmetric matrices."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError
from autograd.op import Array, composite, op
from autograd.ops.cholesky import symmetric, symmetric_samples
from autograd.ops.elementwise import quiet
from autograd.ops.join import concatenate
from autograd.ops.linalg import matmul
from autograd.ops.solve import check_matrices, check_square, mt, solve_triangles, spread
from autograd.tensor import Tensor

# -- QR --------------------------------------------------------------------------------------------


class QR(NamedTuple):
    """What `qr` returns."""

    Q: Tensor
    R: Tensor


def _qr_samples(rng):
    for shape in ((3, 2), (2, 3), (2, 2, 2), (1, 1)):
        yield (spread(rng, *shape),), {"mode": "reduced"}
    yield (spread(rng, 2, 3),), {"mode": "complete"}


@op(samples=_qr_samples, outputs=("Q", "R"), space="internal", shown_as="linalg.qr")
def qr_factors(input: Array, mode: str):
    """Return orthogonal Q and upper triangular R with ``Q @ R = input``."""
    check_matrices(input)
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentError(f"mode is 'reduced', 'complete' or 'r', got {mode!r}")
    return kernels.linalg.qr(input, mode)


def _qr_input(g, input, out, mode):
    """Seeger et al., "Auto-differentiating linear algebra" (2017), section 4.3, transposed.

    A wide matrix is ``[A1, A2] = Q @ [R1, R2]``: A1 is square, and R2 is a function of Q and A2.
    """
    if mode == "r":
        raise ArgumentError("the derivative needs Q, which the mode 'r' leaves out: use 'reduced'")
    (gq, gr), (q, r) = g, out
    rows, columns = input.shape[-2:]
    if mode == "complete" and rows > columns:
        raise ArgumentError("the mode 'complete' of more rows than columns has no derivative")
    if rows >= columns:
        return _tall_qr_input(gq, gr, q, r)
    gq = gq + matmul(input[..., rows:], mt(gr[..., rows:]))
    first = _tall_qr_input(gq, gr[..., :rows], q, r[..., :rows])
    return concatenate([first, matmul(q, gr[..., rows:])], -1)


def _tall_qr_input(gq, gr, q, r):
    m = matmul(r, mt(gr)) - matmul(mt(gq), q)
    mirrored = np.tril(m) + mt(np.tril(m, -1))
    return mt(solve_triangles(r, mt(gq + matmul(q, mirrored)), True, False))


qr_factors.vjp(input=_qr_input)


@composite(samples=_qr_samples, space="linalg")
def linalg_qr(A, mode: str = "reduced") -> QR:
    """Return Q with orthonormal columns and upper triangular R with ``Q @ R = A``.

    Parameters
    ----------
    A : Tensor
        Shape (..., m, n).
    mode : {"reduced", "complete", "r"}
        Whether Q has min(m, n) or m columns. In the mode "r" it is empty and not computed; then
        there are no derivatives.

    Examples
    --------
    >>> import autograd as ag
    >>> Q, R = ag.linalg.qr(ag.ones(3, 2)); Q.shape, R.shape
    ((3, 2), (2, 2))
    """
    return QR(*qr_factors(A, mode))


@composite(samples=lambda rng: [((spread(rng, 3, 2),), {})])
def qr(input, some: bool = True) -> QR:
    """Return the QR factors, complete unless `some`; see `autograd.linalg.qr`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.qr(ag.ones(3, 2)).R.shape
    (2, 2)
    """
    return QR(*qr_factors(input, "reduced" if some else "complete"))


# -- singular values -------------------------------------------------------------------------------


def _quotient(a, b):
    """``a / b``, but 0 where both are 0: what no output depends on asks for no gradient."""
    return a / np.where((a == 0) & (b == 0), 1.0, b)


def _differences(values):
    """The differences ``values[j] - values[i]``, with ones on the diagonal."""
    n = values.shape[-1]
    return values[..., None, :] - values[..., :, None] + np.eye(n, dtype=values.dtype)


def _diagonal_matrix(values):
    return values[..., None] * np.eye(values.shape[-1], dtype=values.dtype)


def _svd_samples(rng):
    for shape in ((3, 2), (2, 3), (2, 2, 2), (1, 1), (2, 0)):
        yield (spread(rng, *shape),), {"full_matrices": False}


@op(samples=_svd_samples, outputs=("U", "S", "Vh"), space="internal", shown_as="linalg.svd")
def svd_factors(input: Array, full_matrices: bool):
    """Return orthogonal U, descending S and orthogonal Vh with ``U @ diag(S) @ Vh = input``."""
    check_matrices(input)
    return kernels.linalg.svd(input, full_matrices)


@quiet
def _svd_input(g, out):
    """Townsend, "Differentiating the singular value decomposition" (2016).

    The columns of U and rows of Vh beyond the singular values are free to turn: they have none.
    """
    k = out[1].shape[-1]
    (gu, gs, gv), (u, s, v) = ((x[0][..., :, :k], x[1], mt(x[2][..., :k, :])) for x in (g, out))
    gaps = _differences(s * s)
    turned = []
    for vectors, gradient in ((u, gu), (v, gv)):
        product = matmul(mt(vectors), gradient)
        turned.append(_quotient(product - mt(product), gaps))
    inside = turned[0] * s[..., None, :] + s[..., :, None] * turned[1] + _diagonal_matrix(gs)
    result = matmul(matmul(u, inside), mt(v))
    if u.shape[-2] > k:  # the part of gu that no column of u explains
        rest = _quotient(gu - matmul(u, matmul(mt(u), gu)), s[..., None, :])
        result = result + matmul(rest, mt(v))
    if v.shape[-2] > k:
        rest = _quotient(gv - matmul(v, matmul(mt(v), gv)), s[..., None, :])
        result = result + matmul(u, mt(rest))
    return result


svd_factors.vjp(input=_svd_input)


class SVD(NamedTuple):
    """What `linalg.svd` returns."""

    U: Tensor
    S: Tensor
    Vh: Tensor


class TransposedSVD(NamedTuple):
    """What `svd` returns."""

    U: Tensor
    S: Tensor
    V: Tensor


@composite(samples=_svd_samples, space="linalg")
def linalg_svd(A, full_matrices: bool = True, *, driver: str | None = None) -> SVD:
    """Return U, S and Vh with ``U @ diag(S) @ Vh = A``; S descends.

    U and Vh are determined up to a common sign of each pair, so only what does not depend on these
    signs has a meaningful gradient. That is infinite where singular values are equal.

    Parameters
    ----------
    A : Tensor
        Shape (..., m, n).
    full_matrices : bool
        Whether U and Vh are square; else they have as many columns and rows as S has values.
    driver : None
        PyTorch's choice of a CUDA routine: refused.

    Examples
    --------
    >>> import autograd as ag
    >>> U, S, Vh = ag.linalg.svd(ag.tensor([[3.0, 0.0], [0.0, 4.0]])); S
    tensor([4., 3.])
    """
    _refuse_driver(driver)
    return SVD(*svd_factors(A, full_matrices))


def _refuse_driver(driver) -> None:
    if driver is not None:
        raise ArgumentError(f"driver={driver!r} chooses a routine for CUDA: leave it out")


@composite(samples=lambda rng: [((spread(rng, 3, 2),), {})])
def svd(input, some: bool = True, compute_uv: bool = True) -> TransposedSVD:
    """Return U, S and V with ``U @ diag(S) @ V.mT = input``; see `autograd.linalg.svd`.

    Unless `some`, U and V are square. Unless `compute_uv`, they are filled with zeros.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.svd(ag.tensor([[3.0, 0.0], [0.0, 4.0]])).S
    tensor([4., 3.])
    """
    if compute_uv:
        u, s, vh = svd_factors(input, not some)
        return TransposedSVD(u, s, mt(vh))
    zeros = (np.zeros((*input.shape[:-2], n, n), input.dtype) for n in input.shape[-2:])
    u, v = (cast(Any, Tensor(z) if isinstance(input, Tensor) else z) for z in zeros)
    return TransposedSVD(u, linalg_svdvals(input), v)


@op(space="linalg", samples=lambda rng: [
    ((spread(rng, *shape),), {}) for shape in ((3, 2), (2, 2, 3), (1, 1), (0, 2))
])  # fmt: skip
def linalg_svdvals(A: Array, *, driver: str | None = None):
    """Return the singular values of each matrix, descending.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.svdvals(ag.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor([4., 3.])
    """
    check_matrices(A)
    _refuse_driver(driver)
    return kernels.linalg.singular_values(A)


def _svdvals_A(g, A):
    u, _, vh = svd_factors(A, False)
    return matmul(u * g[..., None, :], vh)


linalg_svdvals.vjp(A=_svdvals_A)


# -- eigenvalues of symmetric matrices -------------------------------------------------------------


def _triangle(UPLO: str) -> str:
    if UPLO not in ("L", "U", "l", "u"):
        raise ArgumentError(f"UPLO is 'L' or 'U', got {UPLO!r}")
    return UPLO.upper()


def _eigh_samples(rng):
    for i, case in enumerate(symmetric_samples(rng)):
        yield case[0], {"UPLO": "LU"[i % 2]}


@op(samples=_eigh_samples, outputs=("eigenvalues", "eigenvectors"), space="internal",
    domain={"input": symmetric}, shown_as="linalg.eigh")  # fmt: skip
def eigh_factors(input: Array, UPLO: str):
    """Return ascending eigenvalues, and eigenvectors as columns, of symmetric matrices."""
    check_square(input)
    return kernels.linalg.eigh(input, _triangle(UPLO))


@quiet
def _eigh_input(g, out):
    """Giles (2008), section 3.1, for symmetric matrices: the gradient is symmetric."""
    (g_values, g_vectors), (values, vectors) = g, out
    turned = _quotient(matmul(mt(vectors), g_vectors), _differences(values))
    eye = np.eye(values.shape[-1], dtype=values.dtype)
    inside = turned * (1 - eye) + _diagonal_matrix(g_values)
    return matmul(matmul(vectors, (inside + mt(inside)) / 2), mt(vectors))


eigh_factors.vjp(input=_eigh_input)


class Eigh(NamedTuple):
    """What `linalg.eigh` returns."""

    eigenvalues: Tensor
    eigenvectors: Tensor


@composite(samples=_eigh_samples, domain={"A": symmetric}, space="linalg")
def linalg_eigh(A, UPLO: str = "L") -> Eigh:
    """Return the ascending eigenvalues and, as columns, the eigenvectors of symmetric matrices.

    Each eigenvector has a sign of its own choice, so only what does not depend on these signs has a
    meaningful gradient. That is infinite where eigenvalues are equal.

    Parameters
    ----------
    A : Tensor
        Shape (..., n, n); only the lower (UPLO "L") or upper ("U") triangle counts.
    UPLO : {"L", "U"}

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.eigh(ag.tensor([[2.0, 0.0], [0.0, 1.0]])).eigenvalues
    tensor([1., 2.])
    """
    return Eigh(*eigh_factors(A, UPLO))


@op(samples=_eigh_samples, domain={"A": symmetric}, space="linalg")
def linalg_eigvalsh(A: Array, UPLO: str = "L"):
    """Return the ascending eigenvalues of symmetric matrices; see `autograd.linalg.eigh`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.eigvalsh(ag.tensor([[2.0, 0.0], [0.0, 1.0]]))
    tensor([1., 2.])
    """
    check_square(A)
    return kernels.linalg.eigenvalues(A, _triangle(UPLO))


def _eigvalsh_A(g, A, UPLO):
    _, vectors = eigh_factors(A, UPLO)
    return matmul(vectors * g[..., None, :], mt(vectors))


linalg_eigvalsh.vjp(A=_eigvalsh_A)
