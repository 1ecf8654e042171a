"""Running sums and products, and the product itself, whose rule is made of them.

The gradient of a product divides by the elements, which a zero forbids. Then the product of all
others is found from running products from both ends; its own derivative, needed for second
derivatives, is the same of a matrix that leaves out one element a row.
"""

from __future__ import annotations

import builtins

import numpy as np

from autograd.op import Array, answers, op
from autograd.ops.cast import cases
from autograd.ops.compare import where
from autograd.ops.reduce import Dims, axes, reduced, unsqueezed


def _axis(dim, ndim: int) -> int | None:
    """`dim` as one axis; a 0-d array is a row of one."""
    if dim is None:
        raise TypeError("expected the dim to go along, got None")
    return axes(int(dim), ndim)[0] if axes(int(dim), ndim) else None


def _integer_sum(input, dtype):
    return np.int64 if dtype is None and input.dtype.kind != "f" else dtype


# -- running sums ---------------------------------------------------------------------------------

_along = cases(
    ((2, 3), {"dim": 1}), ((2, 3, 2), {"dim": -2}), ((), {"dim": 0}), ((0, 2), {"dim": 0})
)


@op(samples=_along, inplace=True)
def cumsum(input: Array, dim: int, *, dtype=None):
    """Return the sums of the elements up to each one along an axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0, 3.0]).cumsum(0)
    tensor([1., 3., 6.])
    """
    axis = _axis(dim, input.ndim)
    dtype = _integer_sum(input, dtype)
    if axis is None:
        return np.array(input, dtype=dtype)
    return np.add.accumulate(input, axis=axis, dtype=dtype)


@op(samples=_along, space="internal")
def cumsum_from_end(input: Array, dim: int):
    """Return the sums of the elements from each one on: the transpose of `cumsum`."""
    axis = _axis(dim, input.ndim)
    if axis is None:
        return np.array(input)
    return np.flip(np.add.accumulate(np.flip(input, axis), axis=axis), axis)


cumsum.vjp(input=lambda g, dim: cumsum_from_end(g, dim))
cumsum_from_end.vjp(input=lambda g, dim: cumsum(g, dim))


@answers(np.cumsum)
def _numpy_cumsum(a, axis=None, dtype=None):
    return cumsum(a.reshape(-1), 0, dtype=dtype) if axis is None else cumsum(a, axis, dtype=dtype)


# -- running products -----------------------------------------------------------------------------


def _along_with_zeros(rng):
    yield from _along(rng)
    x = rng.normal(size=(3, 4))
    x[0, 1] = x[1, 0] = x[1, 3] = 0
    yield (x,), {"dim": 1}


@op(samples=_along_with_zeros, inplace=True)
def cumprod(input: Array, dim: int, *, dtype=None):
    """Return the products of the elements up to each one along an axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0, 3.0]).cumprod(0)
    tensor([1., 2., 6.])
    """
    axis = _axis(dim, input.ndim)
    dtype = _integer_sum(input, dtype)
    if axis is None:
        return np.array(input, dtype=dtype)
    return np.multiply.accumulate(input, axis=axis, dtype=dtype)


def _cumprod_input(g, input, out, dim):
    axis = _axis(dim, input.ndim)
    if axis is None:
        return g
    if not (input == 0).any():
        return cumsum_from_end(g * out, axis) / input
    # d out[j] / d input[i] is the running product, up to j >= i, of the row that leaves out i.
    running = cumprod(_leave_one_out(np.moveaxis(input, axis, -1)), -1)
    n = input.shape[axis]
    from_here = np.triu(np.ones((n, n), np.bool))
    terms = where(from_here, running * np.moveaxis(g, axis, -1)[..., None, :], 0.0)
    return np.moveaxis(terms.sum(-1), -1, axis)


cumprod.vjp(input=_cumprod_input)


def _leave_one_out(rows):
    """For rows of n elements: n by n matrices whose row i is the row with a 1 at place i."""
    n = rows.shape[-1]
    return where(np.eye(n, dtype=np.bool), 1.0, rows[..., None, :])


@answers(np.cumprod)
def _numpy_cumprod(a, axis=None, dtype=None):
    return cumprod(a.reshape(-1), 0, dtype=dtype) if axis is None else cumprod(a, axis, dtype=dtype)


# -- the product ----------------------------------------------------------------------------------


def _rows(rng):
    yield (rng.normal(size=(2, 3)),), {}
    yield (np.array([[0.0, 2.0, 3.0], [0.0, 0.0, 3.0]]),), {}
    yield (rng.normal(size=(2, 1)),), {}


@op(samples=_rows, space="internal")
def product_of_others(input: Array):
    """Return, at each element of the last axis, the product of the others."""
    one = np.ones((*input.shape[:-1], 1), input.dtype)
    before = np.multiply.accumulate(np.concatenate([one, input[..., :-1]], -1), axis=-1)
    after = np.multiply.accumulate(np.concatenate([one, input[..., :0:-1]], -1), axis=-1)
    return before * after[..., ::-1]


def _others_input(g, input):
    n = input.shape[-1]
    without_two = product_of_others(_leave_one_out(input))  # of i and j, at [i, j]
    terms = where(np.eye(n, dtype=np.bool), 0.0, g[..., None] * without_two)
    return terms.sum(-2)


product_of_others.vjp(input=_others_input)


@op(numpy=np.prod, kind="reduce")
def prod(input: Array, dim: Dims = None, keepdim: builtins.bool = False, *, dtype=None):
    """Return the product of the elements.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([[1.0, 2.0], [3.0, 4.0]]).prod(dim=1)
    tensor([ 2., 12.])
    """
    dtype = _integer_sum(input, dtype)
    return reduced(np.multiply, input, dim, keepdim, dtype=dtype)


def _prod_input(g, input, out, dim, keepdim):
    shape = tuple(input.shape)
    g, out = unsqueezed(g, shape, dim, keepdim), unsqueezed(out, shape, dim, keepdim)
    if not (input == 0).any():
        return g * (out / input)
    reduced = axes(dim, len(shape))
    if not reduced:
        return g
    last = tuple(range(-len(reduced), 0))
    rows = np.moveaxis(input, reduced, last)
    others = product_of_others(rows.reshape((*rows.shape[: -len(reduced)], -1))).reshape(rows.shape)
    return g * np.moveaxis(others, last, reduced)


prod.vjp(input=_prod_input)
