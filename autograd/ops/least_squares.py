"""Least squares, and tensors taken as matrices."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError, ShapeError
from autograd.op import composite
from autograd.ops.cast import cases
from autograd.ops.join import stack
from autograd.ops.linalg import matmul
from autograd.ops.matrix_norm import linalg_matrix_rank
from autograd.ops.shape import moveaxis, reshape
from autograd.ops.solve import (
    array_of,
    as_like,
    check_matrices,
    inverse,
    linalg_pinv,
    linalg_solve,
    near_identity,
    raise_if_any,
    spread,
)
from autograd.ops.views import diagonal
from autograd.tensor import Tensor

# -- least squares ---------------------------------------------------------------------------------


class LeastSquares(NamedTuple):
    """What `linalg.lstsq` returns."""

    solution: Tensor
    residuals: Tensor
    rank: Tensor
    singular_values: Tensor


@composite(space="linalg", samples=lambda rng: [
    ((spread(rng, 3, 2), rng.normal(size=(3, 2))), {}),
    ((spread(rng, 2, 2, 3), rng.normal(size=(2, 2))), {}),
])  # fmt: skip
def linalg_lstsq(A, B, rcond=None, *, driver: str | None = None) -> LeastSquares:
    """Return the X of least norm among those for which ``A @ X - B`` is smallest.

    Parameters
    ----------
    A : Tensor
        Shape (..., m, n).
    B : Tensor
        Shape (..., m, k), or one vector for each matrix of a stack.
    rcond : float, optional
        Singular values up to this times the largest count as zero.
    driver : {"gelsy", "gels", "gelsd", "gelss"}
        Of LAPACK's routines in PyTorch; here it only decides which of the results are filled:
        `rank` is empty for "gels", `singular_values` unless it is "gelsd" or "gelss". `residuals`,
        the sums of squares, are empty for "gelsy", the default, and unless m > n and all ranks
        are n.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.lstsq(ag.tensor([[2.0], [0.0]]), ag.tensor([[6.0], [1.0]])).solution
    tensor([[3.]], shape=(1, 1))
    """
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ArgumentError(f"driver is 'gels', 'gelsy', 'gelsd' or 'gelss', got {driver!r}")
    check_matrices(A, "A of linalg.lstsq")
    vector = A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]) and A.ndim > 2
    right = B[..., None] if vector else B
    if right.ndim < 2 or right.shape[-2] != A.shape[-2]:
        raise ShapeError(
            f"linalg.lstsq expected B with {A.shape[-2]} rows, got shape {tuple(B.shape)}"
        )
    solution = matmul(linalg_pinv(A, rtol=rcond), right)
    data = array_of(A)
    rank = np.asarray(linalg_matrix_rank(data, rtol=rcond))
    if driver == "gels":
        lacking = np.where(rank < min(A.shape[-2:]), rank + 1, 0)
        raise_if_any("linalg.lstsq", lacking, "the driver 'gels' expected matrices of full rank")
    filled = driver not in (None, "gelsy") and A.shape[-2] > A.shape[-1]
    filled = filled and bool((rank == A.shape[-1]).all())
    values = np.empty(0, A.dtype)
    if driver in ("gelsd", "gelss"):
        values = kernels.linalg.singular_values(data)
    if filled:
        residuals = ((matmul(A, solution) - right) ** 2).sum(-2)
    else:  # nothing, but nothing that depends on A and B, as in PyTorch
        residuals = reshape(solution[..., :0], (-1,))
    return LeastSquares(
        solution[..., 0] if vector else solution,
        residuals,
        as_like(A, np.empty(0, np.int64) if driver == "gels" else rank),
        as_like(A, values),
    )


# -- tensors as matrices ---------------------------------------------------------------------------


@composite(space="linalg", samples=lambda rng: [
    ((near_identity(rng, 4, 4).reshape(2, 2, 4),), {"ind": 2}),
    ((near_identity(rng, 4, 4).reshape(4, 2, 2),), {"ind": 1}),
])  # fmt: skip
def linalg_tensorinv(A, ind: int = 2):
    """Return the inverse of `A` as a map by `tensordot`, its first `ind` axes being the rows.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.tensorinv(ag.eye(4).reshape(4, 2, 2), ind=1).shape
    (2, 2, 4)
    """
    if ind <= 0:
        raise ArgumentError(f"linalg.tensorinv expected a positive ind, got {ind}")
    first, last = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if math.prod(first) != math.prod(last):
        raise ShapeError(f"linalg.tensorinv expected as many rows as columns: {first}, {last}")
    return reshape(inverse(reshape(A, (math.prod(first), math.prod(last)))), (*last, *first))


@composite(space="linalg", samples=lambda rng: [
    ((near_identity(rng, 4, 4).reshape(2, 2, 4), rng.normal(size=(2, 2))), {}),
    ((near_identity(rng, 4, 4).reshape(4, 2, 2), rng.normal(size=(2, 2))), {"dims": (0,)}),
])  # fmt: skip
def linalg_tensorsolve(A, B, dims=None):
    """Return the X with ``tensordot(A, X, X.ndim) = B``, after `dims` of `A` are moved to its end.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.tensorsolve(ag.eye(4).reshape(2, 2, 4), ag.ones(2, 2))
    tensor([1., 1., 1., 1.])
    """
    if dims is not None:
        A = moveaxis(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = tuple(A.shape[B.ndim :])
    if math.prod(shape) != math.prod(B.shape) or math.prod(A.shape) != math.prod(shape) ** 2:
        raise ShapeError(
            f"linalg.tensorsolve expected A to map its last axes {shape} one to one to B, "
            f"got B of shape {tuple(B.shape)}"
        )
    matrix = reshape(A, (math.prod(B.shape), math.prod(shape)))
    return reshape(linalg_solve(matrix, reshape(B, (-1,))), shape)


@composite(space="linalg", samples=lambda rng: [
    ((rng.normal(size=(3,)),), {}), ((rng.normal(size=(2, 3)),), {"N": 2})
])  # fmt: skip
def linalg_vander(x, *, N: int | None = None):
    """Return the Vandermonde matrices: the powers 0 to N - 1 of each element, along a new axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.vander(ag.tensor([2.0, 3.0]), N=3)
    tensor([[1., 2., 4.],
            [1., 3., 9.]], shape=(2, 3))
    """
    if not x.ndim and N is None:
        raise ShapeError("linalg.vander expected N with a 0-d tensor")
    if not x.ndim:
        x = reshape(x, (1,))
    count = x.shape[-1] if N is None else N
    if count <= 1 and (N is not None or count < 1):
        raise ArgumentError(f"linalg.vander expected N of at least 2, got {count}")
    powers = [x * 0 + 1]
    for _ in range(count - 1):
        powers.append(powers[-1] * x)
    return stack(powers, -1)


@composite(space="linalg", samples=cases(((2, 3, 3), {}), ((3, 2), {"offset": -1})))
def linalg_diagonal(A, *, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """Return the diagonal of each matrix as a view.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.diagonal(ag.eye(2))
    tensor([1., 1.])
    """
    return diagonal(A, offset, dim1, dim2)
