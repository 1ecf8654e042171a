"""Reductions: sums, means, norms and whatever else takes many numbers to one.

In all of them `dim` is an axis, several axes, or None for all of them; with `keepdim` the reduced
axes stay, with length 1. Integers and bools are summed as int64.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, answers, composite, op
from autograd.ops.arithmetic import flat
from autograd.ops.elementwise import quiet

Dims = int | tuple[int, ...] | list[int] | None

# -- what reductions share ------------------------------------------------------------------------


def axes(dim, ndim: int) -> tuple[int, ...]:
    """The axes that `dim` names, each from 0 to ``ndim - 1``; all of them for None."""
    if dim is None or dim == () or dim == []:
        return tuple(range(ndim))
    dims = dim if isinstance(dim, (tuple, list)) else (dim,)
    limit = max(ndim, 1)  # a 0-d array may be reduced along its one imagined axis
    for d in dims:
        if not -limit <= d < limit:
            raise IndexError(f"dim expected values from {-limit} to {limit - 1}, got {d}")
    found = tuple(d % limit for d in dims)
    if len(set(found)) < len(found):
        raise ShapeError(f"each axis may appear once in dim, got {dim}")
    return found if ndim else ()


def count(shape: tuple, dim) -> int:
    """How many elements are reduced to one."""
    return math.prod(shape[axis] for axis in axes(dim, len(shape)))


def spread(g, shape: tuple, dim, keepdim: builtins.bool):
    """Repeat a reduction's result, or its gradient, along the axes that were reduced."""
    return np.broadcast_to(unsqueezed(g, shape, dim, keepdim), shape)


def unsqueezed(g, shape: tuple, dim, keepdim: builtins.bool):
    """A reduction's result with the reduced axes back, with length 1."""
    if keepdim or dim is None:
        return g
    reduced = axes(dim, len(shape))
    return g.reshape(tuple(1 if axis in reduced else n for axis, n in enumerate(shape)))


def reduced(ufunc: Any, input, dim, keepdim: builtins.bool = False, **keywords):
    """`ufunc` between all elements along `dim`."""
    return ufunc.reduce(input, axis=axes(dim, input.ndim), keepdims=keepdim, **keywords)


def refuse_integers(input, dtype, what: str) -> None:
    """Raise if the result would be an integer where it has to be a float."""
    kind = (input.dtype if dtype is None else np.dtype(dtype)).kind
    if kind != "f":
        raise DtypeError(f"{what} of {input.dtype} is no integer: convert it with .float()")


# -- sums -----------------------------------------------------------------------------------------


@op(numpy=np.sum, kind="reduce")
def sum(input: Array, dim: Dims = None, keepdim: builtins.bool = False, *, dtype=None):
    """Return the sum of the elements.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([[1.0, 2.0], [3.0, 4.0]]).sum(dim=0)
    tensor([4., 6.])
    """
    if dtype is None and input.dtype.kind != "f":
        dtype = np.int64
    return reduced(np.add, input, dim, keepdim, dtype=dtype)


sum.vjp(input=lambda g, input_shape, dim, keepdim: spread(g, input_shape, dim, keepdim))


@op(kind="reduce")
def nansum(input: Array, dim: Dims = None, keepdim: builtins.bool = False, *, dtype=None):
    """Return the sum of the elements that are not nan.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, float("nan"), 2.0]).nansum()
    tensor(3.)
    """
    if dtype is None and input.dtype.kind != "f":
        dtype = np.int64
    return np.nansum(input, axis=axes(dim, input.ndim), dtype=dtype, keepdims=keepdim)


nansum.vjp(
    input=lambda g, input, dim, keepdim: np.where(
        np.isnan(input), 0.0, unsqueezed(g, tuple(input.shape), dim, keepdim)
    )
)


@op(numpy=np.mean, kind="reduce")
@quiet
def mean(input: Array, dim: Dims = None, keepdim: builtins.bool = False, *, dtype=None):
    """Return the mean of the elements, nan if there are none.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([[1.0, 2.0], [3.0, 4.0]]).mean(1)
    tensor([1.5, 3.5])
    """
    refuse_integers(input, dtype, "the mean")
    total = reduced(np.add, input, dim, keepdim, dtype=dtype)
    return np.true_divide(total, count(input.shape, dim), dtype=total.dtype)


mean.vjp(
    input=lambda g, input_shape, dim, keepdim: spread(
        g / count(input_shape, dim), input_shape, dim, keepdim
    )
)


@composite(kind="reduce")
def nanmean(input, dim: Dims = None, keepdim: builtins.bool = False, *, dtype=None):
    """Return the mean of the elements that are not nan.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, float("nan"), 2.0]).nanmean()
    tensor(1.5)
    """
    refuse_integers(input, dtype, "the mean")
    present = np.isfinite(input) | np.isinf(input)
    total = nansum(input, dim, keepdim, dtype=dtype)
    return total / sum(present, dim, keepdim, dtype=total.dtype)


@answers(np.nansum)
def _numpy_nansum(a, axis=None, dtype=None, keepdims=False):
    return nansum(a, axis, keepdims, dtype=dtype)


@answers(np.nanmean)
def _numpy_nanmean(a, axis=None, dtype=None, keepdims=False):
    return nanmean(a, axis, keepdims, dtype=dtype)


@op(kind="reduce")
@quiet
def logsumexp(input: Array, dim: Dims, keepdim: builtins.bool = False):
    """Return the logarithm of the sum of the exponentials, without overflow.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.logsumexp(ag.tensor([1000.0, 0.0]), dim=0)
    tensor(1000.)
    """
    refuse_integers(input, None, "the logarithm")
    if not input.size:
        return np.log(reduced(np.add, input, dim, keepdim))
    top = reduced(np.maximum, input, dim, True)
    top = np.where(np.isfinite(top), top, 0.0)  # inf - inf is nan: leave infinite ones as they are
    total = reduced(np.add, np.exp(input - top), dim, True)
    out = np.log(total) + top
    return out if keepdim else np.squeeze(out, axes(dim, input.ndim))


def _logsumexp_input(g, input, out, dim, keepdim):
    shape = tuple(input.shape)
    g, out = unsqueezed(g, shape, dim, keepdim), unsqueezed(out, shape, dim, keepdim)
    return g * np.exp(input - out)


logsumexp.vjp(input=_logsumexp_input)


# -- norms ----------------------------------------------------------------------------------------


@op(kind="reduce", space="internal", shown_as="norm")
@quiet
def p_norm(input: Array, p: float = 2, dim: Dims = None,
           keepdim: builtins.bool = False, *, dtype=None):  # fmt: skip
    """Return the p-norm of all elements along `dim`: ``sum(abs(input) ** p) ** (1 / p)``."""
    if dtype is not None:
        input = input.astype(dtype)
    refuse_integers(input, None, "the norm")
    if p == 2:
        return np.sqrt(reduced(np.add, input * input, dim, keepdim))
    size = np.abs(input)
    if p == 0:
        return reduced(np.add, size != 0, dim, keepdim, dtype=input.dtype)
    if p == math.inf:
        return reduced(np.maximum, size, dim, keepdim, initial=0)
    if p == -math.inf:
        return reduced(np.minimum, size, dim, keepdim)
    return reduced(np.add, size**p, dim, keepdim) ** (1 / p)


def _norm_input(g, input, out, p, dim, keepdim):
    shape = tuple(input.shape)
    if p == 0:
        return flat(input)
    g, out = unsqueezed(g, shape, dim, keepdim), unsqueezed(out, shape, dim, keepdim)
    if p == 1:
        return g * np.sign(input)
    if math.isinf(p):
        return np.sign(input) * share_ties(g, np.abs(input), out, dim)
    safe = np.where(out == 0, 1.0, out)
    if p == 2:
        return input * (g / safe)
    # abs(0) ** (p - 1) is infinite for p < 1, while the factor sign(0) says: no gradient.
    size = np.where(input == 0, 1.0, np.abs(input))
    return np.sign(input) * (size / safe) ** (p - 1) * g


def share_ties(g, input, out, dim):
    """The gradient of an extreme value `out`, evenly among the elements of `input` that equal it.

    `g` and `out` have the reduced axes, with length 1.
    """
    ties = (input == out) | np.isnan(input)  # a nan among the elements is their extreme
    number = np.sum(ties, axis=axes(dim, input.ndim), dtype=g.dtype, keepdims=True)
    return np.where(ties, g / number, 0.0)


p_norm.vjp(input=_norm_input)


# -- truth ----------------------------------------------------------------------------------------


@op(numpy=np.all, kind="reduce")
def all(input: Array, dim: Dims = None, keepdim: builtins.bool = False):
    """Tell whether no element is zero or false.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([True, False]).all()
    tensor(False)
    """
    return reduced(np.logical_and, input, dim, keepdim)


@op(numpy=np.any, kind="reduce")
def any(input: Array, dim: Dims = None, keepdim: builtins.bool = False):
    """Tell whether some element is not zero or false.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([True, False]).any()
    tensor(True)
    """
    return reduced(np.logical_or, input, dim, keepdim)


@op(numpy=np.count_nonzero, kind="reduce")
def count_nonzero(input: Array, dim: Dims = None):
    """Return how many elements are not zero.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([0.0, 3.0, 0.0]).count_nonzero()
    tensor(1)
    """
    return reduced(np.add, input != 0, dim, dtype=np.int64)
