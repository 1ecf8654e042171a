"""Inverses and systems of linear equations.

The rules are those of Giles, "Collected matrix derivative results for forward and reverse mode
algorithmic differentiation" (2008).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, GraphError, LinAlgError, ShapeError
from autograd.mode import CURRENT
from autograd.op import Array, composite, op
from autograd.ops.elementwise import quiet
from autograd.ops.linalg import matmul
from autograd.tensor import Tensor


def check_matrices(a, name: str = "matrices") -> None:
    """Raise unless `a` is a stack of matrices of floating numbers."""
    if a.ndim < 2:
        raise ShapeError(f"expected {name} of at least 2 axes, got shape {tuple(a.shape)}")
    if a.dtype not in (np.float32, np.float64):
        raise DtypeError(f"expected {name} of float32 or float64, got {a.dtype}; use .float()")


def check_square(a, name: str = "matrices") -> None:
    """Raise unless `a` is a stack of square matrices of floating numbers."""
    check_matrices(a, name)
    if a.shape[-1] != a.shape[-2]:
        raise ShapeError(f"expected square {name}, got shape {tuple(a.shape)}")


def mt(a):
    """Each matrix transposed."""
    return a.swapaxes(-1, -2)


def as_like(x, array: np.ndarray) -> Any:
    """The array, as a tensor if `x` is one."""
    return Tensor(array) if isinstance(x, Tensor) else array


def array_of(x) -> np.ndarray:
    """The array of a tensor; an array as it is."""
    return x.array if isinstance(x, Tensor) else x


def refuse_gradient(name: str, *inputs) -> None:
    """Raise if a derivative is wanted of a function that has none here."""
    if CURRENT.get().grad and any(isinstance(x, Tensor) and x.requires_grad for x in inputs):
        raise GraphError(
            f"{name} is not differentiable, but its input requires grad: pass it with .detach()"
        )


def raise_if_any(name: str, info: np.ndarray, message: str) -> None:
    """Raise LinAlgError for the first matrix of the stack whose `info` is not 0."""
    for index in np.argwhere(info)[:1]:
        place = f", for matrix {', '.join(map(str, index))} of the stack" if len(index) else ""
        raise LinAlgError(f"{name}: {message}{place}; info is {info[tuple(index)]}")


def near_identity(rng, *shape):
    """Square matrices that are far from singular whatever is drawn, for `samples`."""
    return 2 * np.eye(shape[-1]) + rng.uniform(-0.5, 0.5, size=shape)


def spread(rng, *shape):
    """Matrices whose singular values are far from each other whatever is drawn, for `samples`."""
    diagonal = np.eye(*shape[-2:]) * 2 * np.arange(1, shape[-1] + 1)
    return diagonal + rng.uniform(-0.3, 0.3, size=shape)


def square_samples(rng):
    """Invertible matrices, stacks of them, and empty ones, for `samples`."""
    for shape in ((3, 3), (2, 2, 2), (1, 1), (0, 0), (0, 2, 2)):
        yield (near_identity(rng, *shape),), {}


# -- inverse ---------------------------------------------------------------------------------------


@op(numpy=np.linalg.inv, samples=square_samples)
def inverse(input: Array):
    """Return the inverse of each matrix.

    Raises
    ------
    LinAlgError
        If a matrix is singular.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.inverse(ag.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5 , 0.  ],
            [0.  , 0.25]], shape=(2, 2))
    """
    check_square(input)
    return kernels.linalg.inverse(input)


def _inverse_input(g, out):
    transposed = mt(out)
    return -matmul(transposed, matmul(g, transposed))


inverse.vjp(input=_inverse_input)


@composite(samples=square_samples, space="linalg")
def linalg_inv(A):
    """Return the inverse of each matrix; see `autograd.inverse`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.inv(2 * ag.eye(1))
    tensor([[0.5]], shape=(1, 1))
    """
    return inverse(A)


def _pinverse_samples(rng):
    for shape in ((3, 2), (2, 3), (2, 2, 2), (0, 2), (2, 0)):
        yield (spread(rng, *shape),), {}
    yield (spread(rng, 3, 1) @ spread(rng, 1, 2),), {"atol": 1e-3}


@op(samples=_pinverse_samples, numpy=np.linalg.pinv, space="linalg")
def linalg_pinv(A: Array, rcond=None, hermitian: bool = False, *, atol=None, rtol=None):
    """Return the Moore-Penrose inverse of each matrix.

    Singular values up to ``max(atol, rtol * the largest)`` count as zero. `rtol` is by default the
    machine precision times the longer side, or 0 if `atol` is given; `rcond` is its older name.
    Of a `hermitian` matrix the lower triangle is read.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.pinv(ag.tensor([[2.0], [0.0]]))
    tensor([[0.5, 0. ]], shape=(1, 2))
    """
    (check_square if hermitian else check_matrices)(A)
    absolute, relative = tolerances(A, atol, rcond if rtol is None else rtol)
    return kernels.linalg.pseudoinverse(A, absolute, relative, hermitian)


def tolerances(a, atol, rtol):
    """The absolute and relative tolerance under which singular values of `a` count as zero."""
    if rtol is None:
        rtol = np.finfo(a.dtype).eps * max(a.shape[-2:]) if atol is None else 0.0
    atol, rtol = (t.array if isinstance(t, Tensor) else t for t in (atol, rtol))
    return 0.0 if atol is None else atol, rtol


def _pinv_A(g, A, out):
    """Golub and Pereyra, "The differentiation of pseudo-inverses" (1973), while the rank stays."""
    transposed, opposite = mt(out), mt(g)
    first = -matmul(transposed, matmul(g, transposed))
    rows = matmul(opposite, matmul(out, transposed))
    rows = rows - matmul(A, matmul(out, rows))
    columns = matmul(matmul(transposed, out), opposite)
    columns = columns - matmul(matmul(columns, out), A)
    return first + rows + columns


linalg_pinv.vjp(A=_pinv_A)


@composite(samples=lambda rng: [((spread(rng, 3, 2),), {})])
def pinverse(input, rcond: float = 1e-15):
    """Return the Moore-Penrose inverse of each matrix; see `autograd.linalg.pinv`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.pinverse(ag.tensor([[2.0], [0.0]]))
    tensor([[0.5, 0. ]], shape=(1, 2))
    """
    return linalg_pinv(input, rtol=rcond)


# -- equations -------------------------------------------------------------------------------------


@op(kind="contraction", space="internal", shown_as="linalg.solve",
    samples=lambda rng: [((near_identity(rng, *a), rng.normal(size=b)), {}) for a, b in (
        ((3, 3), (3, 2)), ((2, 2, 2), (2, 1)), ((2, 2), (3, 2, 1)), ((0, 0), (0, 2)))
    ])  # fmt: skip
def solve_matrices(A: Array, B: Array):
    """Return the X in ``A @ X = B``."""
    return kernels.linalg.solve(A, B)


solve_matrices.vjp(
    A=lambda g, A, out: -matmul(solve_matrices(mt(A), g), mt(out)),
    B=lambda g, A: solve_matrices(mt(A), g),
)


def _is_vector(A, B) -> bool:
    """Whether `B` is, as in PyTorch, one vector, or one for each matrix of the stack `A`."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))


def _check_system(name: str, A, B, left: bool = True) -> None:
    check_square(A, f"A of {name}")
    if B.ndim < 2:
        raise ShapeError(f"{name} expected B of at least 2 axes, got shape {tuple(B.shape)}")
    if A.dtype != B.dtype:
        raise DtypeError(f"{name} expected A and B of one dtype, got {A.dtype} and {B.dtype}")
    side, what = (-2, "rows") if left else (-1, "columns")
    if B.shape[side] != A.shape[-1]:
        raise ShapeError(
            f"{name} expected B to have {A.shape[-1]} {what}, for A of shape {tuple(A.shape)}; "
            f"got shape {tuple(B.shape)}"
        )


@composite(space="linalg", samples=lambda rng: [
    ((near_identity(rng, 2, 2), rng.normal(size=(2,))), {}),
    ((near_identity(rng, 2, 2, 2), rng.normal(size=(2, 2))), {}),
    ((near_identity(rng, 2, 2), rng.normal(size=(1, 2))), {"left": False}),
])  # fmt: skip
def linalg_solve(A, B, *, left: bool = True):
    """Return the X in ``A @ X = B``, or, unless `left`, in ``X @ A = B``.

    Parameters
    ----------
    A : Tensor
        Shape (..., n, n).
    B : Tensor
        Shape (..., n, k), or one vector for each matrix of `A`: its shape without the last axis.
    left : bool

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.solve(ag.tensor([[2.0, 0.0], [0.0, 4.0]]), ag.ones(2))
    tensor([0.5 , 0.25])
    """
    if _is_vector(A, B):
        if not left:
            raise ShapeError("linalg.solve with left=False expected matrices B, got vectors")
        return linalg_solve(A, B[..., None])[..., 0]
    _check_system("linalg.solve", A, B, left)
    return solve_matrices(A, B) if left else mt(solve_matrices(mt(A), mt(B)))


def _one_triangle(g, upper, unitriangular):
    """The part of a gradient that belongs to what a triangular solution reads."""
    shift = int(unitriangular)
    return np.triu(g, shift) if upper else np.tril(g, -shift)


def _triangular_samples(rng):
    for a, b, upper, unitriangular in (
        ((3, 3), (3, 2), True, False),
        ((2, 2, 2), (2, 1), False, True),
        ((2, 2), (2, 2, 1), True, True),
        ((0, 0), (0, 2), False, False),
    ):
        keywords = {"upper": upper, "unitriangular": unitriangular}
        yield (near_identity(rng, *a), rng.normal(size=b)), keywords


@op(kind="contraction", space="internal", samples=_triangular_samples,
    shown_as="linalg.solve_triangular")  # fmt: skip
@quiet
def solve_triangles(A: Array, B: Array, upper: bool, unitriangular: bool):
    """Return the X in ``A @ X = B``, reading one triangle of `A`."""
    return kernels.linalg.solve_triangular(A, B, upper, unitriangular)


def _solve_triangles_A(g, A, out, upper, unitriangular):
    back = solve_triangles(mt(A), g, not upper, unitriangular)
    return _one_triangle(-matmul(back, mt(out)), upper, unitriangular)


solve_triangles.vjp(
    A=_solve_triangles_A,
    B=lambda g, A, upper, unitriangular: solve_triangles(mt(A), g, not upper, unitriangular),
)


@composite(space="linalg", samples=lambda rng: [
    ((near_identity(rng, 2, 2), rng.normal(size=(2, 1))), {"upper": True}),
    ((near_identity(rng, 2, 2), rng.normal(size=(3, 2))), {"upper": False, "left": False}),
])  # fmt: skip
def linalg_solve_triangular(A, B, *, upper: bool, left: bool = True, unitriangular: bool = False):
    """Return the X in ``A @ X = B``, or, unless `left`, in ``X @ A = B``, for triangular `A`.

    The other triangle of `A` is not read, nor is its diagonal if `unitriangular`: it is all ones.
    A zero on the diagonal gives infinities.

    Examples
    --------
    >>> import autograd as ag
    >>> A = ag.tensor([[1.0, 0.0], [1.0, 2.0]])
    >>> ag.linalg.solve_triangular(A, ag.ones(2, 1), upper=False)
    tensor([[1.],
            [0.]], shape=(2, 1))
    """
    _check_system("linalg.solve_triangular", A, B, left)
    if left:
        return solve_triangles(A, B, upper, unitriangular)
    return mt(solve_triangles(mt(A), mt(B), not upper, unitriangular))


class TriangularSolution(NamedTuple):
    """What `triangular_solve` returns."""

    solution: Tensor
    cloned_coefficient: Tensor


@composite(method=True, samples=lambda rng: [
    ((rng.normal(size=(2, 1)), near_identity(rng, 2, 2)), {})
])  # fmt: skip
def triangular_solve(b, A, upper: bool = True, transpose: bool = False,
                     unitriangular: bool = False) -> TriangularSolution:  # fmt: skip
    """Return the X in ``A @ X = b``, or ``A.mT @ X = b``, for triangular `A`, and `A`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.triangular_solve(ag.ones(1, 1), 2 * ag.ones(1, 1)).solution
    tensor([[0.5]], shape=(1, 1))
    """
    _check_system("triangular_solve", A, b)
    matrix, side = (mt(A), not upper) if transpose else (A, upper)
    copy: Any = A.copy() if isinstance(A, np.ndarray) else A.clone()
    return TriangularSolution(solve_triangles(matrix, b, side, unitriangular), copy)
