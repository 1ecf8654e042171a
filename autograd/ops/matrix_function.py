"""Powers, exponentials and products of matrices, least squares, and tensors taken as matrices."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops import linalg
from autograd.ops.arithmetic import mul
from autograd.ops.arrange import roll
from autograd.ops.cast import cases
from autograd.ops.elementwise import also_named
from autograd.ops.join import concatenate, stack
from autograd.ops.linalg import matmul
from autograd.ops.matrix_norm import linalg_matrix_rank
from autograd.ops.reduce import sum as sum_
from autograd.ops.shape import moveaxis, reshape, wrap_dim
from autograd.ops.solve import (
    as_like,
    check_matrices,
    check_square,
    inverse,
    linalg_pinv,
    linalg_solve,
    mt,
    near_identity,
    spread,
)
from autograd.ops.views import broadcast_tensors, diagonal
from autograd.tensor import Tensor

# -- functions of a matrix -------------------------------------------------------------------------


@composite(samples=lambda rng: [
    ((near_identity(rng, 2, 2),), {"n": n}) for n in (0, 1, 2, 3, -2)
] + [((near_identity(rng, 2, 1, 1),), {"n": 5})])  # fmt: skip
def matrix_power(input, n: int):
    """Return each matrix multiplied by itself, `n` times in all; its inverse for negative `n`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.matrix_power(2 * ag.eye(1), 3)
    tensor([[8.]], shape=(1, 1))
    """
    check_square(input)
    if n == 0:
        return input * 0 + np.eye(input.shape[-1], dtype=input.dtype)
    power, result, n = (inverse(input) if n < 0 else input), None, abs(n)
    while n:  # by squaring: the bits of n say which powers of two are factors
        if n & 1:
            result = power if result is None else matmul(result, power)
        n >>= 1
        if n:
            power = matmul(power, power)
    return result


also_named(matrix_power, "linalg_matrix_power", space="linalg")


@op(samples=cases(((2, 2), {}), ((2, 3, 3), {}), ((1, 1), {}), ((0, 0), {})))
def matrix_exp(input: Array):
    """Return the exponential of each matrix: the sum of its powers divided by factorials.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.matrix_exp(ag.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]], shape=(2, 2))
    """
    check_square(input)
    return kernels.linalg.exponential(input)


def _matrix_exp_input(g, input):
    """Mathias (1996): the derivative at A along E is a block of exp([[A, E], [0, A]])."""
    n = input.shape[-1]
    transposed = mt(input)
    above = concatenate([transposed, g], -1)
    below = concatenate([np.zeros(tuple(input.shape), input.dtype), transposed], -1)
    return matrix_exp(concatenate([above, below], -2))[..., :n, n:]


matrix_exp.vjp(input=_matrix_exp_input)
also_named(matrix_exp, "linalg_matrix_exp", space="linalg")


# -- products --------------------------------------------------------------------------------------


def _chain_samples(rng):
    yield ([rng.normal(size=s) for s in ((2,), (2, 3), (3, 1), (1, 2))],), {}
    yield ([rng.normal(size=s) for s in ((2, 3), (3, 1), (1,))],), {}
    yield ([rng.normal(size=s) for s in ((2, 3), (3, 2))],), {}


@composite(space="linalg", samples=_chain_samples)
def linalg_multi_dot(tensors):
    """Return the product of several matrices, in the order that takes the fewest multiplications.

    The first and the last may be vectors.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.multi_dot([ag.ones(2, 3), ag.ones(3, 4), ag.ones(4)])
    tensor([12., 12.])
    """
    tensors = list(tensors)
    if len(tensors) < 2:
        raise ArgumentError(f"linalg.multi_dot expected at least 2 tensors, got {len(tensors)}")
    row, column = tensors[0].ndim == 1, tensors[-1].ndim == 1
    if row:
        tensors[0] = tensors[0][None]
    if column:
        tensors[-1] = tensors[-1][..., None]
    for i, tensor in enumerate(tensors):
        if tensor.ndim != 2:
            raise ShapeError(f"linalg.multi_dot: tensor {i} is no matrix: {tuple(tensor.shape)}")
        if i and tensors[i - 1].shape[1] != tensor.shape[0]:
            raise ShapeError(
                f"linalg.multi_dot expected tensor {i} to have {tensors[i - 1].shape[1]} rows, "
                f"got shape {tuple(tensor.shape)}"
            )
    out = _product(tensors, _splits([tensors[0].shape[0], *(t.shape[1] for t in tensors)]), 0)
    out = out[0] if row else out
    return out[..., 0] if column else out


def _splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split each stretch of a chain: matrix i has sizes[i] rows, sizes[i + 1] columns."""
    count = len(sizes) - 1
    cost = {(i, i): 0 for i in range(count)}
    split = {}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            choices = {
                k: cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            }
            split[i, j] = min(choices, key=choices.__getitem__)
            cost[i, j] = choices[split[i, j]]
    return split


def _product(tensors, split, start: int):
    """The product of a stretch of the chain that begins with matrix `start`."""
    if len(tensors) == 1:
        return tensors[0]
    middle = split[start, start + len(tensors) - 1] + 1
    left = _product(tensors[: middle - start], split, start)
    return matmul(left, _product(tensors[middle - start :], split, middle))


@composite(samples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=(3, 2))), {})])
def chain_matmul(*matrices):
    """Return the product of several matrices; see `autograd.linalg.multi_dot`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.chain_matmul(ag.ones(1, 2), ag.ones(2, 3), ag.ones(3, 1))
    tensor([[6.]], shape=(1, 1))
    """
    return matrices[0] if len(matrices) == 1 else linalg_multi_dot(matrices)


@composite(samples=lambda rng: [
    ((rng.normal(size=(2, 1)), rng.normal(size=(3, 2, 2)), rng.normal(size=(3, 2, 1))), {}),
    ((rng.normal(size=(2, 1)), rng.normal(size=(1, 2, 2)), rng.normal(size=(1, 2, 1))),
     {"beta": 2, "alpha": 0.5}),
], inplace=True)  # fmt: skip
def addbmm(input, batch1, batch2, *, beta: float = 1, alpha: float = 1):
    """Return ``beta * input + alpha * bmm(batch1, batch2).sum(0)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.addbmm(ag.zeros(1), ag.ones(5, 2, 3), ag.ones(5, 3, 1)).shape
    (2, 1)
    """
    return linalg._scaled_sum(input, sum_(linalg.bmm(batch1, batch2), 0), beta, alpha)


also_named(linalg.outer, "ger")
also_named(linalg.matmul, "linalg_matmul", space="linalg")


def _pair_samples(rng):
    yield (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {}
    yield (rng.normal(size=(3, 1)), rng.normal(size=(3, 2))), {"dim": 0}


@composite(space="linalg", samples=_pair_samples)
def linalg_vecdot(x, y, *, dim: int = -1):
    """Return the inner products of vectors along `dim`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.vecdot(ag.ones(2, 3), ag.ones(3))
    tensor([3., 3.])
    """
    return sum_(mul(x, y), dim)


@composite(space="linalg", samples=_pair_samples)
def linalg_cross(input, other, *, dim: int = -1):
    """Return the cross products of the vectors of 3 elements along `dim`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.cross(ag.tensor([1.0, 0.0, 0.0]), ag.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    if input.ndim != other.ndim:
        raise ShapeError(
            f"linalg.cross expected as many axes in both, got {input.ndim} and {other.ndim}"
        )
    axis = wrap_dim(dim, input.ndim)
    if (input.shape[axis], other.shape[axis]) != (3, 3):
        raise ShapeError(
            f"linalg.cross expected 3 elements along dim {dim}, got shapes "
            f"{tuple(input.shape)} and {tuple(other.shape)}"
        )
    input, other = broadcast_tensors(input, other)
    forwards = roll(input, -1, axis) * roll(other, -2, axis)
    return forwards - roll(input, -2, axis) * roll(other, -1, axis)


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
    check_matrices(A, "A")
    vector = A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]) and A.ndim > 2
    right = B[..., None] if vector else B
    if right.ndim < 2 or right.shape[-2] != A.shape[-2]:
        raise ShapeError(
            f"linalg.lstsq expected B with {A.shape[-2]} rows, got shape {tuple(B.shape)}"
        )
    solution = matmul(linalg_pinv(A, rtol=rcond), right)
    data = A.array if isinstance(A, Tensor) else A
    rank = np.asarray(linalg_matrix_rank(data, rtol=rcond))
    filled = driver not in (None, "gelsy") and A.shape[-2] > A.shape[-1]
    filled = filled and bool((rank == A.shape[-1]).all())
    empty = np.empty(0, A.dtype)
    residuals = ((matmul(A, solution) - right) ** 2).sum(-2) if filled else as_like(A, empty)
    values = kernels.linalg.singular_values(data) if driver in ("gelsd", "gelss") else empty
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
    if not x.ndim:
        raise ShapeError("linalg.vander expected at least 1 axis, got a 0-d tensor")
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
