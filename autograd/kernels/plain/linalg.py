"""Factorisations and solutions of stacks of matrices, by LAPACK through NumPy.

A matrix that has no answer raises `numpy.linalg.LinAlgError`, saying which of the stack it is.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

# The diagonal Padé approximant of exp of degree 13 is exact to double precision up to this 1-norm
# (Higham, "The scaling and squaring method for the matrix exponential revisited", 2005).
PADE_DEGREE, PADE_RADIUS = 13, 5.37
STUCK = "expected finite numbers for an iteration that converges, but that for {} does not"

quiet = np.errstate(all="ignore")  # nan and inf in, nan and inf out


def _each(function, message: str, a: np.ndarray, *rest: np.ndarray) -> Any:
    """Call `function` on the whole stack; if that fails, raise `message` for the first culprit."""
    try:
        return function(a, *rest)
    except LinAlgError:
        for index in np.ndindex(a.shape[:-2]):
            try:
                function(a[index], *(b[index] for b in rest))
            except LinAlgError:
                raise _culprit(message, index) from None
        raise


def _culprit(message: str, index) -> LinAlgError:
    place = f"matrix {', '.join(map(str, index))} of the stack" if len(index) else "it"
    return LinAlgError(message.format(place))


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


@quiet
def determinant(a: np.ndarray) -> np.ndarray:
    """The determinants."""
    return np.linalg.det(a)


@quiet
def sign_and_logarithm(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The signs of the determinants, and the logarithms of their absolute values."""
    sign, logarithm = np.linalg.slogdet(a)
    return np.where(np.isnan(logarithm), 0, sign).astype(a.dtype), np.asarray(logarithm)


@quiet
def cofactors(a: np.ndarray) -> np.ndarray:
    """The derivative of the determinant: ``det(a) * inv(a).T``, which singular matrices have too.

    With ``a = u @ diag(s) @ vh`` they are ``det(u @ vh) * u @ diag(product of the others) @ vh``.
    """
    u, s, vh = np.linalg.svd(a)
    others = np.where(np.eye(s.shape[-1]) > 0, 1, s[..., None, :]).prod(-1)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return np.matmul(u * (sign[..., None] * others)[..., None, :], vh)


def cholesky(a: np.ndarray, upper: bool) -> np.ndarray:
    """The lower triangular l with ``l @ l.T = a``, or its transpose, from that triangle of `a`."""
    message = "expected a positive definite matrix, but {} is not"
    if upper:
        return cholesky(a.swapaxes(-1, -2), False).swapaxes(-1, -2)
    factor = _each(np.linalg.cholesky, message, a)
    if not np.isfinite(factor).all():  # which LAPACK lets pass
        for index in np.argwhere(first_minor_not_positive(a))[:1]:
            raise _culprit(message, index)
    return factor


@quiet
def cofactor_slopes(a: np.ndarray, g: np.ndarray) -> np.ndarray:
    """The derivative of ``sum(g * cofactors(a))``, which singular matrices have too.

    In the bases u and v ``a`` is diagonal: there a cofactor changes with another element of the
    diagonal by the product of the rest, and off the diagonal with its mirror image by minus that.
    """
    u, s, vh = np.linalg.svd(a)
    s = np.maximum(s, np.finfo(s.dtype).tiny ** 0.5)  # that zeros may be divided out again
    eye = np.eye(s.shape[-1], dtype=s.dtype)
    others = np.where(eye > 0, 1, s[..., None, :]).prod(-1)
    rest = others[..., None] / s[..., None, :] * (1 - eye)
    inside = np.matmul(np.matmul(u.swapaxes(-1, -2), g), vh.swapaxes(-1, -2))
    diagonal = np.diagonal(inside, axis1=-2, axis2=-1)
    slopes = eye * np.matmul(rest, diagonal[..., None]) - rest * inside.swapaxes(-1, -2)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return sign[..., None, None] * np.matmul(np.matmul(u, slopes), vh)


def qr(a: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Orthogonal q and upper triangular r with ``q @ r = a``; q is empty in the mode "r"."""
    if mode == "r":
        return np.empty(0, a.dtype), np.asarray(np.linalg.qr(a, "r"))
    q, r = np.linalg.qr(a, mode)  # type: ignore[call-overload]
    return q, r


def qr_raw(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """R in the upper triangle, Householder's vectors below it; and the factors tau."""
    transposed, tau = np.linalg.qr(a, "raw")
    return transposed.swapaxes(-1, -2), tau


def svd(a: np.ndarray, full: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orthogonal u, descending s, and orthogonal vh with ``u @ diag(s) @ vh = a``."""
    u, s, vh = _each(functools.partial(np.linalg.svd, full_matrices=full), STUCK, a)
    return u, s, vh


def singular_values(a: np.ndarray) -> np.ndarray:
    """The singular values, descending."""
    return _each(functools.partial(np.linalg.svd, compute_uv=False), STUCK, a)


def eigh(a: np.ndarray, triangle: str) -> tuple[np.ndarray, np.ndarray]:
    """The ascending eigenvalues and the eigenvectors, as columns; `triangle` "L" or "U" is read."""
    values, vectors = _each(functools.partial(np.linalg.eigh, UPLO=triangle), STUCK, a)
    return values, vectors


def eigenvalues(a: np.ndarray, triangle: str) -> np.ndarray:
    """The ascending eigenvalues of the symmetric matrices with that triangle, "L" or "U"."""
    return _each(functools.partial(np.linalg.eigvalsh, UPLO=triangle), STUCK, a)


@quiet
def pseudoinverse(a: np.ndarray, absolute, relative, hermitian: bool) -> np.ndarray:
    """The Moore-Penrose inverses, by singular values above the threshold."""
    if hermitian:
        s, u = eigh(a, "L")
        vh = u.swapaxes(-1, -2)
    else:
        u, s, vh = svd(a, full=False)
    size = np.abs(s)
    kept = size > threshold(size, absolute, relative)[..., None]
    inverse = np.where(kept, 1 / np.where(kept, s, 1), 0)
    return np.matmul(vh.swapaxes(-1, -2) * inverse[..., None, :], u.swapaxes(-1, -2))


def threshold(s: np.ndarray, absolute, relative) -> np.ndarray:
    """Below which singular values count as zero: the larger of the two tolerances."""
    largest = s.max(-1, initial=0)
    return np.maximum(absolute, np.asarray(relative, s.dtype) * largest).astype(s.dtype)


@quiet
def exponential(a: np.ndarray) -> np.ndarray:
    """The matrix exponentials, by scaling, a Padé approximant, and squaring."""
    n = a.shape[-1]
    size = np.abs(a).sum(-2).max(-1, initial=0)
    size = np.where(np.isfinite(size), size, 0)
    doublings = np.ceil(np.log2(np.maximum(size / PADE_RADIUS, 1))).astype(int)[..., None, None]
    a = np.ldexp(a, -doublings)
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
    for step in range(doublings.max(initial=0)):
        result = np.where(step < doublings, np.matmul(result, result), result)
    return result


@quiet
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


@quiet
def first_minor_not_positive(a: np.ndarray) -> np.ndarray:
    """The order of the first leading minor that is not positive definite; 0 if all are.

    One triangle of `a`, the lower, is read. These are the pivots of elimination.
    """
    left, info = np.tril(a), np.zeros(a.shape[:-2], np.int32)
    for i in range(a.shape[-1]):
        pivot, column = left[..., i, i, None], left[..., i + 1 :, i]
        info = np.where((info == 0) & ~(pivot[..., 0] > 0), np.int32(i + 1), info)
        left[..., i + 1 :, i + 1 :] -= column[..., None] * (column / pivot)[..., None, :]
    return info
