"""Factorisations and solutions of stacks of matrices, by LAPACK through NumPy.

A matrix that has no answer raises `numpy.linalg.LinAlgError`, saying which of the stack it is.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.linalg import LinAlgError

# The diagonal Padé approximant of exp of degree 13 is exact to double precision up to this 1-norm
# (Higham, "The scaling and squaring method for the matrix exponential revisited", 2005).
PADE_DEGREE, PADE_RADIUS = 13, 5.37


def _each(function, message: str, a: np.ndarray, *rest: np.ndarray) -> np.ndarray:
    """Call `function` on the whole stack; if that fails, raise `message` for the first culprit."""
    try:
        return function(a, *rest)
    except LinAlgError:
        for index in np.ndindex(a.shape[:-2]):
            try:
                function(a[index], *(b[index] for b in rest))
            except LinAlgError:
                place = f"matrix {', '.join(map(str, index))} of the stack" if index else "it"
                raise LinAlgError(message.format(place)) from None
        raise


def inverse(a: np.ndarray) -> np.ndarray:
    """The inverses."""
    return _each(np.linalg.inv, "expected an invertible matrix, but {} is singular", a)


def solve(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The x in ``a @ x = b``."""
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (np.broadcast_to(m, stack + m.shape[-2:]) for m in (a, b))
    return _each(np.linalg.solve, "expected an invertible matrix, but {} is singular", a, b)


def solve_triangular(a: np.ndarray, b: np.ndarray, upper: bool, unit: bool) -> np.ndarray:
    """The x in ``a @ x = b``, row by row; only one triangle of `a` is read.

    A zero on the diagonal makes infinities and no error, as the division says.
    """
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = np.empty(stack + b.shape[-2:], np.result_type(a, b))
    n = a.shape[-1]
    for i in reversed(range(n)) if upper else range(n):
        known = slice(i + 1, n) if upper else slice(0, i)
        row = b[..., i, :] - np.matmul(a[..., i, None, known], x[..., known, :])[..., 0, :]
        x[..., i, :] = row if unit else row / a[..., i, i, None]
    return x


def determinant(a: np.ndarray) -> np.ndarray:
    """The determinants."""
    return np.linalg.det(a)


def sign_and_logarithm(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The signs of the determinants, and the logarithms of their absolute values."""
    sign, logarithm = np.linalg.slogdet(a)
    return np.asarray(sign), np.asarray(logarithm)


def cofactors(a: np.ndarray) -> np.ndarray:
    """The derivative of the determinant: ``det(a) * inv(a).T``, which singular matrices have too.

    With ``a = u @ diag(s) @ vh`` they are ``det(u @ vh) * u @ diag(product of the others) @ vh``.
    """
    u, s, vh = np.linalg.svd(a)
    others = np.repeat(s[..., None, :], s.shape[-1], axis=-2)
    others[..., np.arange(s.shape[-1]), np.arange(s.shape[-1])] = 1
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return np.matmul(u * (sign[..., None] * others.prod(-1))[..., None, :], vh)


def symmetric(a: np.ndarray, upper: bool) -> np.ndarray:
    """The symmetric matrix that one triangle of `a` stands for.

    Where both triangles agree up to rounding their mean is taken, so that neither one is the input:
    a function of symmetric matrices then has the symmetric gradient that its rule gives.
    """
    other = a.swapaxes(-1, -2)
    if np.abs(a - other).max(initial=0) <= 1e-5 * np.abs(a).max(initial=0):
        return (a + other) / 2
    half = np.triu(a, 1) if upper else np.tril(a, -1)
    return half + half.swapaxes(-1, -2) + a * np.eye(a.shape[-1], dtype=a.dtype)


def cholesky(a: np.ndarray, upper: bool) -> np.ndarray:
    """The lower triangular l with ``l @ l.T = a``, or its transpose."""
    message = "expected a positive definite matrix, but {} is not"
    lower = _each(np.linalg.cholesky, message, symmetric(a, upper))
    return lower.swapaxes(-1, -2) if upper else lower


def qr(a: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Orthogonal q and upper triangular r with ``q @ r = a``; q is empty in the mode "r"."""
    if mode == "r":
        return np.empty(0, a.dtype), np.asarray(np.linalg.qr(a, "r"))
    q, r = np.linalg.qr(a, mode)  # type: ignore[call-overload]
    return q, r


def svd(a: np.ndarray, full: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orthogonal u, descending s, and orthogonal vh with ``u @ diag(s) @ vh = a``."""
    u, s, vh = np.linalg.svd(a, full_matrices=full)
    return u, s, vh


def singular_values(a: np.ndarray) -> np.ndarray:
    """The singular values, descending."""
    return np.linalg.svd(a, compute_uv=False)


def eigh(a: np.ndarray, upper: bool) -> tuple[np.ndarray, np.ndarray]:
    """The ascending eigenvalues and the eigenvectors, as columns, of symmetric matrices."""
    values, vectors = np.linalg.eigh(symmetric(a, upper))
    return values, vectors


def eigenvalues(a: np.ndarray, upper: bool) -> np.ndarray:
    """The ascending eigenvalues of symmetric matrices."""
    return np.linalg.eigvalsh(symmetric(a, upper))


def pseudoinverse(a: np.ndarray, absolute, relative, hermitian: bool) -> np.ndarray:
    """The Moore-Penrose inverses, by singular values above the threshold."""
    u, s, vh = np.linalg.svd(symmetric(a, upper=False) if hermitian else a, full_matrices=False)
    kept = s > threshold(s, absolute, relative)[..., None]
    inverse = np.where(kept, 1 / np.where(kept, s, 1), 0)
    return np.matmul(vh.swapaxes(-1, -2) * inverse[..., None, :], u.swapaxes(-1, -2))


def threshold(s: np.ndarray, absolute, relative) -> np.ndarray:
    """Below which singular values count as zero: the larger of the two tolerances."""
    largest = s.max(-1, initial=0)
    return np.maximum(absolute, np.asarray(relative, s.dtype) * largest).astype(s.dtype)


def exponential(a: np.ndarray) -> np.ndarray:
    """The matrix exponentials, by scaling, a Padé approximant, and squaring."""
    n = a.shape[-1]
    size = np.abs(a).sum(-2).max(-1, initial=0).max(initial=0)
    doublings = max(0, math.ceil(math.log2(size / PADE_RADIUS))) if 0 < size < math.inf else 0
    a = a / 2**doublings
    identity = np.broadcast_to(np.eye(n, dtype=a.dtype), a.shape)
    coefficient, power = 1.0, identity
    even, odd = identity, np.zeros_like(a)
    for k in range(1, PADE_DEGREE + 1):
        coefficient *= (PADE_DEGREE - k + 1) / (k * (2 * PADE_DEGREE - k + 1))
        power = np.matmul(power, a)
        if k % 2:
            odd = odd + coefficient * power
        else:
            even = even + coefficient * power
    result = np.linalg.solve(even - odd, even + odd)
    for _ in range(doublings):
        result = np.matmul(result, result)
    return result


def lu(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """L below and U on and above the diagonal of one array; and the row each step swapped, from 1.

    Gaussian elimination with row pivoting, on all matrices of the stack at a time.
    """
    rows, columns = a.shape[-2:]
    packed = a.reshape(math.prod(a.shape[:-2]), rows, columns).copy()
    pivots = np.empty((len(packed), min(rows, columns)), np.int32)
    each = np.arange(len(packed))
    for i in range(pivots.shape[1]):
        best = i + np.abs(packed[:, i:, i]).argmax(-1)
        pivots[:, i] = best + 1
        packed[each, i], packed[each, best] = packed[each, best], packed[each, i].copy()
        pivot = packed[:, i, i]
        packed[:, i + 1 :, i] /= np.where(pivot == 0, 1, pivot)[:, None]
        packed[:, i + 1 :, i + 1 :] -= packed[:, i + 1 :, i, None] * packed[:, i, None, i + 1 :]
    return packed.reshape(a.shape), pivots.reshape(*a.shape[:-2], pivots.shape[1])


def permutation(pivots: np.ndarray, rows: int, dtype) -> np.ndarray:
    """The matrix p with ``p @ l @ u = a``, from the swaps of `lu`."""
    swaps = pivots.reshape(math.prod(pivots.shape[:-1]), pivots.shape[-1])
    order = np.tile(np.arange(rows), (len(swaps), 1))
    each = np.arange(len(swaps))
    for i in range(swaps.shape[1]):
        other = swaps[:, i] - 1
        order[each, i], order[each, other] = order[each, other], order[each, i].copy()
    matrices = np.eye(rows, dtype=dtype)[order].swapaxes(-1, -2)
    return matrices.reshape(*pivots.shape[:-1], rows, rows)


def first_zero_pivot(packed: np.ndarray) -> np.ndarray:
    """The number, from 1, of the first zero on the diagonal of U; 0 if there is none."""
    zero = np.diagonal(packed, axis1=-2, axis2=-1) == 0
    found = zero.any(-1)
    return np.where(found, zero.argmax(-1) + 1 if zero.shape[-1] else 0, 0).astype(np.int32)


def first_minor_not_positive(a: np.ndarray) -> np.ndarray:
    """The order of the first leading minor that is not positive definite; 0 if all are."""
    info = np.zeros(a.shape[:-2], np.int32)
    for index in np.ndindex(info.shape):
        for order in range(1, a.shape[-1] + 1):
            try:
                np.linalg.cholesky(a[index][:order, :order])
            except LinAlgError:
                info[index] = order
                break
    return info
