"""Products of matrices and vectors."""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, answers, composite, op
from autograd.ops.cast import cases
from autograd.ops.shape import permute, reshape, unsqueeze
from autograd.ops.views import diagonal


def pairs(*items):
    """Make the `samples` of an op on arrays from tuples of their shapes."""

    def samples(rng):
        for shapes in items:
            yield tuple(rng.normal(size=shape) for shape in shapes), {}

    return samples


def rows_of(a):
    """All leading axes of `a` as one."""
    return a if a.ndim == 2 else a.reshape(math.prod(a.shape[:-1]), a.shape[-1])


# -- matmul ----------------------------------------------------------------------------------------


@op(numpy=np.matmul, kind="contraction",
    samples=pairs(((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 2)),
                   ((2, 2, 3), (3, 2)), ((2, 3), (2, 3, 1)), ((3,), (2, 3, 1)), ((2, 2, 3), (3,)),
                   ((2, 1, 1, 3), (2, 3, 2)), ((2, 0), (0, 2)), ((0, 2), (2, 1))))  # fmt: skip
def matmul(input: Array, other: Array):
    """Return the matrix product; vectors are rows on the left, columns on the right.

    With more than two axes the last two are the matrices, and the others are broadcast.

    Raises
    ------
    DtypeError
        If the operands differ in dtype.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.ones(2, 3) @ ag.ones(3)
    tensor([3., 3.])
    """
    if not input.ndim or not other.ndim:
        raise ShapeError("expected operands of at least one axis: multiply by numbers with *")
    if input.shape[-1] != other.shape[max(other.ndim - 2, 0)]:
        raise ShapeError(
            f"expected as many columns in input as rows in other, got {input.shape[-1]} and "
            f"{other.shape[max(other.ndim - 2, 0)]}"
        )
    return kernels.gemm.matmul(input, other)


def _matmul_input(g, input_shape, other):
    if other.ndim == 1:
        return g[..., None] * other
    if len(input_shape) == 1:
        return matmul(g[..., None, :], other.swapaxes(-1, -2))[..., 0, :]
    return matmul(g, other.swapaxes(-1, -2))


def _matmul_other(g, input, other_shape):
    if input.ndim == 1:
        return g[..., None] * input if len(other_shape) == 1 else input[:, None] * g[..., None, :]
    if len(other_shape) == 1:
        return matmul(g.reshape(-1), rows_of(input))
    if len(other_shape) == 2 and input.ndim > 2:  # sum over the stack within the product
        return matmul(rows_of(input).swapaxes(0, 1), rows_of(g))
    return matmul(input.swapaxes(-1, -2), g)


matmul.vjp(input=_matmul_input, other=_matmul_other)


@answers(np.dot)
def _numpy_dot(a, b):
    if not getattr(a, "ndim", 0) or not getattr(b, "ndim", 0):
        return a * b
    return matmul(a, b) if b.ndim <= 2 else tensordot(a, b, ([-1], [-2]))


def _expect(name: str, **operands) -> None:
    """Raise unless each operand, given as ``(tensor, ndim)``, has that many axes."""
    for argument, (tensor, ndim) in operands.items():
        if tensor.ndim != ndim:
            raise ShapeError(
                f"{name} expected {argument} of {ndim} axes, got shape {tuple(tensor.shape)}"
            )


@composite(samples=pairs(((2, 3), (3, 2))))
def mm(input, mat2):
    """Return the product of two matrices.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.mm(ag.ones(2, 3), ag.ones(3, 1)).shape
    (2, 1)
    """
    _expect("mm", input=(input, 2), mat2=(mat2, 2))
    return matmul(input, mat2)


@composite(samples=pairs(((2, 2, 3), (2, 3, 1))))
def bmm(input, mat2):
    """Return the products of two equally long stacks of matrices.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.bmm(ag.ones(5, 2, 3), ag.ones(5, 3, 1)).shape
    (5, 2, 1)
    """
    _expect("bmm", input=(input, 3), mat2=(mat2, 3))
    if input.shape[0] != mat2.shape[0]:
        raise ShapeError(
            f"bmm expected stacks of one length, got {input.shape[0]} and {mat2.shape[0]}"
        )
    return matmul(input, mat2)


@composite(samples=pairs(((2, 3), (3,))))
def mv(input, vec):
    """Return the product of a matrix and a vector.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.mv(ag.ones(2, 3), ag.ones(3))
    tensor([3., 3.])
    """
    _expect("mv", input=(input, 2), vec=(vec, 1))
    return matmul(input, vec)


@composite(samples=pairs(((3,), (3,))))
def dot(input, tensor):
    """Return the inner product of two vectors.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.dot(ag.ones(3), ag.ones(3))
    tensor(3.)
    """
    _expect("dot", input=(input, 1), tensor=(tensor, 1))
    return matmul(input, tensor)


@composite(numpy=np.vdot, samples=pairs(((3,), (3,))))
def vdot(input, other):
    """Return the inner product of two vectors; for real numbers the same as `dot`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.vdot(ag.ones(3), ag.ones(3))
    tensor(3.)
    """
    return dot(input, other)


@composite(numpy=np.inner, samples=pairs(((3,), (3,)), ((2, 3), (1, 2, 3)), ((), (2,))))
def inner(input, other):
    """Return the inner products over the last axes; a 0-d operand multiplies.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.inner(ag.ones(2, 3), ag.ones(4, 3)).shape
    (2, 4)
    """
    if not input.ndim or not other.ndim:
        return input * other
    return tensordot(input, other, ([-1], [-1]))


@composite(samples=pairs(((2,), (3,))))
def outer(input, vec2):
    """Return the products of each element of one vector with each of another.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.outer(ag.ones(2), ag.ones(3)).shape
    (2, 3)
    """
    _expect("outer", input=(input, 1), vec2=(vec2, 1))
    return unsqueeze(input, 1) * vec2


@answers(np.outer)
def _numpy_outer(a, b):
    return outer(reshape(a, (-1,)), reshape(b, (-1,)))


# -- a product and a sum ---------------------------------------------------------------------------


def _scaled_sum(input, product, beta, alpha):
    """``beta * input + alpha * product``; with beta 0 the input counts for nothing, NaN or not."""
    if alpha != 1:
        product = alpha * product
    if beta == 0:
        return product
    return (input if beta == 1 else beta * input) + product


@composite(samples=pairs(((2, 2), (2, 3), (3, 2)), ((2,), (2, 3), (3, 2))), inplace=True)
def addmm(input, mat1, mat2, *, beta: float = 1, alpha: float = 1):
    """Return ``beta * input + alpha * (mat1 @ mat2)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.addmm(ag.ones(1), ag.ones(1, 2), ag.ones(2, 1))
    tensor([[3.]], shape=(1, 1))
    """
    return _scaled_sum(input, mm(mat1, mat2), beta, alpha)


@composite(samples=pairs(((2,), (2, 3), (3,))), inplace=True)
def addmv(input, mat, vec, *, beta: float = 1, alpha: float = 1):
    """Return ``beta * input + alpha * (mat @ vec)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.addmv(ag.ones(1), ag.ones(1, 2), ag.ones(2))
    tensor([3.])
    """
    return _scaled_sum(input, mv(mat, vec), beta, alpha)


@composite(samples=pairs(((2, 3), (2,), (3,))), inplace=True)
def addr(input, vec1, vec2, *, beta: float = 1, alpha: float = 1):
    """Return ``beta * input + alpha * outer(vec1, vec2)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.addr(ag.zeros(2, 2), ag.ones(2), ag.ones(2)).sum()
    tensor(4.)
    """
    return _scaled_sum(input, outer(vec1, vec2), beta, alpha)


@composite(samples=pairs(((2, 2, 1), (2, 2, 3), (2, 3, 1))), inplace=True)
def baddbmm(input, batch1, batch2, *, beta: float = 1, alpha: float = 1):
    """Return ``beta * input + alpha * bmm(batch1, batch2)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.baddbmm(ag.zeros(1), ag.ones(5, 2, 3), ag.ones(5, 3, 1)).shape
    (5, 2, 1)
    """
    return _scaled_sum(input, bmm(batch1, batch2), beta, alpha)


# -- sums over chosen axes -------------------------------------------------------------------------


@composite(samples=lambda rng: [
    ((rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {"dims": 2}),
    ((rng.normal(size=(2, 3, 1)), rng.normal(size=(2, 2, 3))), {"dims": ([1, 0], [-1, 0])}),
    ((rng.normal(size=(2,)), rng.normal(size=(3,))), {"dims": 0}),
])  # fmt: skip
def tensordot(a, b, dims: int | tuple = 2):
    """Return the sum of products over axes of `a` and of `b`.

    Parameters
    ----------
    a, b : Tensor
    dims : int or pair of sequences
        The number of axes, the last of `a` and the first of `b`; or the axes of each, in pairs.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensordot(ag.ones(2, 3, 4), ag.ones(3, 4, 5)).shape
    (2, 5)
    """
    if isinstance(dims, int):
        if not 0 <= dims <= min(a.ndim, b.ndim):
            raise ShapeError(f"tensordot expected dims from 0 to {min(a.ndim, b.ndim)}, got {dims}")
        dims = (range(a.ndim - dims, a.ndim), range(dims))
    first, second = ((d,) if isinstance(d, int) else d for d in dims)
    first, second = [d % a.ndim for d in first], [d % b.ndim for d in second]
    for i, j in zip(first, second, strict=False):  # as PyTorch: beside one of length 1, sum
        if a.shape[i] != b.shape[j] and 1 in (a.shape[i], b.shape[j]):
            a = a if a.shape[i] == 1 else a.sum(i, keepdim=True)
            b = b if b.shape[j] == 1 else b.sum(j, keepdim=True)
    lengths, others = [a.shape[d] for d in first], [b.shape[d] for d in second]
    if lengths != others:
        raise ShapeError(f"tensordot expected axes of equal lengths, got {lengths} and {others}")
    left = [d for d in range(a.ndim) if d not in first]
    right = [d for d in range(b.ndim) if d not in second]
    shape = (*(a.shape[d] for d in left), *(b.shape[d] for d in right))
    inside = math.prod(lengths)
    rows, columns = (math.prod(x.shape[d] for d in free) for x, free in ((a, left), (b, right)))
    product = matmul(
        reshape(permute(a, (*left, *first)), (rows, inside)),
        reshape(permute(b, (*second, *right)), (inside, columns)),
    )
    return reshape(product, shape)


@answers(np.tensordot)
def _numpy_tensordot(a, b, axes=2):
    return tensordot(a, b, axes)


@composite(samples=cases(((2, 3), {})))
def trace(input):
    """Return the sum of the diagonal of a matrix.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.trace(ag.eye(3))
    tensor(3.)
    """
    _expect("trace", input=(input, 2))
    return diagonal(input).sum()


@answers(np.trace)
def _numpy_trace(a, offset=0, axis1=0, axis2=1):
    return diagonal(a, offset, axis1, axis2).sum(-1)


@composite(numpy=np.kron, samples=pairs(((2, 1), (1, 3)), ((2,), (2, 2)), ((), (2,))))
def kron(input, other):
    """Return the Kronecker product: each element of `input` times all of `other`, as blocks.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.kron(ag.eye(2), ag.ones(1, 2))
    tensor([[1., 1., 0., 0.],
            [0., 0., 1., 1.]], shape=(2, 4))
    """
    ndim = max(input.ndim, other.ndim)
    outer_shape = (1,) * (ndim - input.ndim) + tuple(input.shape)
    inner_shape = (1,) * (ndim - other.ndim) + tuple(other.shape)
    blocks = reshape(input, [m for n in outer_shape for m in (n, 1)])
    cells = reshape(other, [m for n in inner_shape for m in (1, n)])
    return reshape(blocks * cells, [n * m for n, m in zip(outer_shape, inner_shape, strict=True)])
