"""Variance and standard deviation, alone or beside the mean."""

from __future__ import annotations

import builtins

import numpy as np

from autograd.op import Array, answers, composite, op
from autograd.ops.cast import cases
from autograd.ops.elementwise import quiet
from autograd.ops.reduce import Dims, count, mean, reduced, refuse_integers, unsqueezed

_deviating = cases(
    ((5,), {}), ((2, 3), {"dim": 1}), ((2, 3), {"dim": (0, -1), "keepdim": True}),
    ((3, 2), {"dim": 0, "correction": 0}), ((3, 2), {"unbiased": False}),
)  # fmt: skip


def _settle(dim, unbiased, keepdim, correction):
    """The axes, and what is subtracted from their number of elements, of either way to call.

    ``var(x, False)`` means ``unbiased=False``: a bool is no axis.
    """
    if isinstance(dim, builtins.bool):
        if unbiased is not None or keepdim or correction is not None:
            raise TypeError(f"expected dim to be axes, got {dim}, which is a value for unbiased")
        dim, unbiased = None, dim
    if unbiased is None:
        return dim, 1 if correction is None else correction
    if correction is not None:
        raise TypeError("expected unbiased or correction, got both")
    if not isinstance(unbiased, builtins.bool):
        raise TypeError(f"expected unbiased to be a bool, got {unbiased!r}: give correction=")
    return dim, int(unbiased)


@op(samples=_deviating)
@quiet
def var(
    input: Array, dim: Dims = None, unbiased: builtins.bool | None = None,
    keepdim: builtins.bool = False, *, correction: float | None = None,
):  # fmt: skip
    """Return the variance: the sum of squared deviations divided by ``n - correction``.

    Parameters
    ----------
    input : Tensor
    dim : int or sequence of int, optional
    unbiased : bool, optional
        An older way to say ``correction=1`` (True) or 0 (False).
    keepdim : bool
    correction : float, default 1

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([1.0, 3.0])
    >>> x.var(), x.var(correction=0)
    (tensor(2.), tensor(1.))
    """
    return _variance(input, dim, unbiased, keepdim, correction)


def _variance(input, dim, unbiased, keepdim, correction):
    dim, correction = _settle(dim, unbiased, keepdim, correction)
    refuse_integers(input, None, "the variance")
    n = count(input.shape, dim)
    center = np.true_divide(reduced(np.add, input, dim, True), n, dtype=input.dtype)
    deviation = input - center
    total = reduced(np.add, deviation * deviation, dim, keepdim)
    return np.true_divide(total, max(n - correction, 0), dtype=input.dtype)


def _var_input(g, input, dim, unbiased, keepdim, correction):
    dim, correction = _settle(dim, unbiased, keepdim, correction)
    shape = tuple(input.shape)
    deviation = input - mean(input, dim, True)
    freedom = max(count(shape, dim) - correction, 0)
    return 2 * unsqueezed(g, shape, dim, keepdim) / freedom * deviation


var.vjp(input=_var_input)


@op(samples=_deviating)
@quiet
def std(
    input: Array, dim: Dims = None, unbiased: builtins.bool | None = None,
    keepdim: builtins.bool = False, *, correction: float | None = None,
):  # fmt: skip
    """Return the standard deviation, the square root of `var`. The gradient at 0 is 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 3.0]).std()
    tensor(1.4142135)
    """
    return np.sqrt(_variance(input, dim, unbiased, keepdim, correction))


def _std_input(g, input, out, dim, unbiased, keepdim, correction):
    nonzero = np.where(out == 0, 1.0, out)  # the deviations are 0 there
    return _var_input(g / (2 * nonzero), input, dim, unbiased, keepdim, correction)


std.vjp(input=_std_input)


@composite(samples=_deviating)
def var_mean(
    input, dim: Dims = None, unbiased: builtins.bool | None = None,
    keepdim: builtins.bool = False, *, correction: float | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Return the variance and the mean; see `var`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.var_mean(ag.tensor([1.0, 3.0]))
    (tensor(2.), tensor(2.))
    """
    dim, correction = _settle(dim, unbiased, keepdim, correction)
    spread = var(input, dim, keepdim=keepdim, correction=correction)
    return spread, mean(input, dim, keepdim)


@composite(samples=_deviating)
def std_mean(
    input, dim: Dims = None, unbiased: builtins.bool | None = None,
    keepdim: builtins.bool = False, *, correction: float | None = None,
) -> tuple[Array, Array]:  # fmt: skip
    """Return the standard deviation and the mean; see `var`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.std_mean(ag.tensor([1.0, 3.0]))
    (tensor(1.4142135), tensor(2.))
    """
    dim, correction = _settle(dim, unbiased, keepdim, correction)
    spread = std(input, dim, keepdim=keepdim, correction=correction)
    return spread, mean(input, dim, keepdim)


@answers(np.var)
def _numpy_var(a, axis=None, *, ddof=0, keepdims=False):
    return var(a, axis, keepdim=keepdims, correction=ddof)


@answers(np.std)
def _numpy_std(a, axis=None, *, ddof=0, keepdims=False):
    return std(a, axis, keepdim=keepdims, correction=ddof)
