"""Powers, exponentials and products of matrices."""

from __future__ import annotations

import operator

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError, DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops import linalg
from autograd.ops.arithmetic import mul
from autograd.ops.arrange import roll
from autograd.ops.cast import cases
from autograd.ops.compare import where
from autograd.ops.elementwise import also_named
from autograd.ops.join import concatenate
from autograd.ops.linalg import matmul
from autograd.ops.reduce import sum as sum_
from autograd.ops.shape import wrap_dim
from autograd.ops.solve import (
    check_square,
    inverse,
    mt,
    near_identity,
)
from autograd.ops.views import broadcast_tensors

# -- functions of a matrix -------------------------------------------------------------------------


@composite(samples=lambda rng: [
    ((near_identity(rng, 2, 2),), {"n": n}) for n in (0, 1, 2, 3, -2)
] + [((near_identity(rng, 2, 1, 1),), {"n": 5})])  # fmt: skip
def matrix_power(input, n: int):
    """Return each matrix multiplied by itself, `n` times in all; its inverse for negative `n`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.matrix_power(2 * ag.eye(1), 3)
    tensor([[8.]], shape=(1, 1))
    """
    check_square(input, "input of matrix_power")
    if n == 0:  # whatever the input is, but a function of it
        return where(np.True_, np.eye(input.shape[-1], dtype=input.dtype), input)
    power, result, n = (inverse(input) if n < 0 else input), None, abs(operator.index(n))
    while n:  # by squaring: the bits of n say which powers of two are factors
        if n & 1:
            result = power if result is None else matmul(result, power)
        n >>= 1
        if n:
            power = matmul(power, power)
    return result


@composite(space="linalg", samples=lambda rng: [((near_identity(rng, 2, 2),), {"n": 2})])
def linalg_matrix_power(A, n: int):
    """Return each matrix multiplied by itself, `n` times in all; its inverse for negative `n`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.matrix_power(2 * ag.eye(1), 3)
    tensor([[8.]], shape=(1, 1))
    """
    return matrix_power(A, n)


@op(method=True, samples=cases(((2, 2), {}), ((2, 3, 3), {}), ((1, 1), {}), ((0, 0), {})))
def matrix_exp(A: Array):
    """Return the exponential of each matrix: the sum of its powers divided by factorials.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linalg.matrix_exp(ag.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]], shape=(2, 2))
    """
    check_square(A)
    return kernels.linalg.exponential(A)


def _matrix_exp_A(g, A):
    """Mathias (1996): the derivative at A along E is a block of exp([[A, E], [0, A]])."""
    n = A.shape[-1]
    transposed = mt(A)
    above = concatenate([transposed, g], -1)
    below = concatenate([np.zeros(tuple(A.shape), A.dtype), transposed], -1)
    return matrix_exp(concatenate([above, below], -2))[..., :n, n:]


matrix_exp.vjp(A=_matrix_exp_A)
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
    if x.dtype.kind != "f" or y.dtype.kind != "f":
        raise DtypeError(f"linalg.vecdot expected floating numbers, got {x.dtype} and {y.dtype}")
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
