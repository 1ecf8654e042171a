"""Addition, multiplication, division and powers, elementwise with broadcasting.

Integers stay integers except under true division. Where a rule would divide by zero although the
gradient is finite, the divisor is replaced there and not the result: a masked nan would come back
one derivative later.
"""

from __future__ import annotations

import numpy as np

from autograd import kernels, promotion
from autograd.errors import DtypeError
from autograd.op import Array, composite, op
from autograd.ops.cast import fill
from autograd.ops.elementwise import also_named, quiet


def flat(g):
    """The gradient of a function that is constant between its jumps."""
    return fill(g, 0.0)


# -- sums -----------------------------------------------------------------------------------------


@op(numpy=np.add, kind="binary")
def add(input: Array, other: Array, *, alpha: float = 1):
    """Return ``input + alpha * other``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0]) + 1
    tensor([2., 3.])
    """
    return kernels.elementwise.add(input, other if alpha == 1 else alpha * other)


add.vjp(input=lambda g: g, other=lambda g, alpha: g if alpha == 1 else alpha * g)


@op(numpy=np.subtract, kind="binary")
def sub(input: Array, other: Array, *, alpha: float = 1):
    """Return ``input - alpha * other``.

    Examples
    --------
    >>> import autograd as ag
    >>> 1 - ag.tensor([1.0, 2.0])
    tensor([ 0., -1.])
    """
    return kernels.elementwise.sub(input, other if alpha == 1 else alpha * other)


sub.vjp(input=lambda g: g, other=lambda g, alpha: -g if alpha == 1 else -alpha * g)
also_named(sub, "subtract")


@composite(kind="binary")
def rsub(input, other, *, alpha: float = 1):
    """Return ``other - alpha * input``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.rsub(ag.tensor([1.0, 2.0]), 1)
    tensor([ 0., -1.])
    """
    return sub(other, input, alpha=alpha)


@op(numpy=np.negative, kind="unary_any")
def neg(input: Array):
    """Return ``-input``.

    Examples
    --------
    >>> import autograd as ag
    >>> -ag.tensor([1.0, -2.0])
    tensor([-1.,  2.])
    """
    return np.negative(input)


neg.vjp(input=lambda g: -g)
also_named(neg, "negative")


@composite(numpy=np.positive, kind="unary_any")
def positive(input):
    """Return `input` itself.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, -2.0]).positive()
    tensor([ 1., -2.])
    """
    return input


# -- products and quotients -----------------------------------------------------------------------


@op(numpy=np.multiply, kind="binary")
def mul(input: Array, other: Array):
    """Return ``input * other``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0]) * 3
    tensor([3., 6.])
    """
    return kernels.elementwise.mul(input, other)


mul.vjp(input=lambda g, other: g * other, other=lambda g, input: g * input)
also_named(mul, "multiply")


@composite(numpy=np.square, kind="unary_any")
def square(input):
    """Return ``input * input``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, -2.0]).square()
    tensor([1., 4.])
    """
    return input * input


@op(numpy=np.true_divide, kind="binary", domain=(0.5, 3))
@quiet
def div(input: Array, other: Array, *, rounding_mode: str | None = None):
    """Return ``input / other``, a float also for integers unless it is rounded.

    Parameters
    ----------
    input, other : Tensor or number
    rounding_mode : {None, "trunc", "floor"}
        Round the quotient towards zero or down; the result then has the dtype of the operands.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1, -3]) / 2, ag.div(ag.tensor([1, -3]), 2, rounding_mode="trunc")
    (tensor([ 0.5, -1.5]), tensor([ 0, -1]))
    """
    if rounding_mode is None:
        if input.dtype.kind != "f":
            input, other = promotion.promote_float((input, other))
        return np.true_divide(input, other)
    if rounding_mode == "floor":
        return _floor_divide(input, other)
    if rounding_mode == "trunc":
        return _trunc_divide(input, other)
    raise ValueError(f"rounding_mode expected None, 'trunc' or 'floor', got {rounding_mode!r}")


div.vjp(
    input=lambda g, other, rounding_mode: flat(g) if rounding_mode else g / other,
    other=lambda g, input, other, rounding_mode: (
        flat(g) if rounding_mode else -g * (input / other) / other
    ),
)
also_named(div, "divide")


@composite(kind="binary_float", domain=(0.5, 3))
def true_divide(input, other):
    """Return ``input / other``; see `div`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.true_divide(ag.tensor([1, -3]), 2)
    tensor([ 0.5, -1.5])
    """
    return div(input, other)


def _refuse_zero(input, other) -> None:
    """Integers have no infinity to answer with."""
    if input.dtype.kind != "f" and not np.all(other):
        raise ZeroDivisionError(
            "integer division by zero: remove the zeros in other, or use floats"
        )


def _floor_divide(input, other):
    _refuse_zero(input, other)
    return np.floor_divide(input, other)


def _trunc_divide(input, other):
    _refuse_zero(input, other)
    if input.dtype.kind == "f":
        return np.trunc(np.true_divide(input, other))
    down = np.floor_divide(input, other)
    return down + ((down < 0) & (down * other != input))


@op(numpy=np.floor_divide, kind="binary", domain=(0.5, 3))
@quiet
def floor_divide(input: Array, other: Array):
    """Return ``input / other`` rounded down; its gradient is zero.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([7, -7]) // 2
    tensor([ 3, -4])
    """
    return _floor_divide(input, other)


floor_divide.vjp(input=flat, other=flat)


@op(numpy=np.remainder, kind="binary", domain=(0.5, 3))
@quiet
def remainder(input: Array, other: Array):
    """Return ``input - other * floor(input / other)``, which has the sign of `other`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([5.0, -5.0]) % 3
    tensor([2., 1.])
    """
    _refuse_zero(input, other)
    return np.remainder(input, other)


remainder.vjp(input=lambda g: g, other=lambda g, input, other: -g * np.floor_divide(input, other))


@op(numpy=np.fmod, kind="binary", domain=(0.5, 3))
@quiet
def fmod(input: Array, other: Array):
    """Return ``input - other * trunc(input / other)``, which has the sign of `input`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.fmod(ag.tensor([5.0, -5.0]), 3)
    tensor([ 2., -2.])
    """
    _refuse_zero(input, other)
    return np.fmod(input, other)


fmod.vjp(input=lambda g: g, other=lambda g, input, other: -g * np.trunc(input / other))


@op(numpy=np.reciprocal, kind="unary", domain=(0.5, 3))
@quiet
def reciprocal(input: Array):
    """Return ``1 / input``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([2.0, 0.0]).reciprocal()
    tensor([0.5, inf])
    """
    return np.reciprocal(input)


reciprocal.vjp(input=lambda g, out: -g * out * out)


# -- powers ---------------------------------------------------------------------------------------


@op(numpy=np.power, kind="binary", domain=(0.5, 2.5))
@quiet
def pow(input: Array, exponent: Array):
    """Return ``input ** exponent``; either may be a number.

    The gradient is finite wherever the power is smooth: that of ``x ** 0`` is 0, that of ``x ** 2``
    at 0 and of ``0 ** y`` for y > 0 (with respect to y) as well.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([2.0, 3.0]) ** 2, 2 ** ag.tensor([1.0, 0.0])
    (tensor([4., 9.]), tensor([2., 1.]))
    """
    if input.dtype.kind != "f" and np.any(np.less(exponent, 0)):
        raise DtypeError("an integer to a negative power is no integer: convert with .float()")
    return input**exponent


def _pow_input(g, input, exponent):
    if isinstance(exponent, (int, float)):
        return g * (exponent * input ** (exponent - 1)) if exponent else flat(g)
    lowered = np.where((input == 0) & (exponent == 0), 0.0, exponent - 1)
    return g * (exponent * input**lowered)


def _pow_exponent(g, input, exponent, out):
    base = np.where((input == 0) & (exponent >= 0), 1.0, input)
    return g * (out * np.log(base))


pow.vjp(input=_pow_input, exponent=_pow_exponent)


@op(numpy=np.hypot, kind="binary_float", domain=(0.5, 3))
@quiet
def hypot(input: Array, other: Array):
    """Return ``sqrt(input**2 + other**2)`` without overflow on the way.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.hypot(ag.tensor([3.0]), ag.tensor([4.0]))
    tensor([5.])
    """
    return np.hypot(input, other)


hypot.vjp(
    input=lambda g, input, out: g * (input / out), other=lambda g, other, out: g * (other / out)
)


# -- three operands -------------------------------------------------------------------------------


def _three(rng):
    yield (rng.normal(size=(2, 3)), rng.normal(size=(3,)), rng.uniform(0.5, 2, (2, 1))), {}
    yield (rng.normal(size=()), rng.normal(size=()), rng.uniform(0.5, 2, ())), {}


def _three_and_value(rng):
    for args, _ in _three(rng):
        yield args, {}
        yield args, {"value": -0.5}


@op(kind="contraction", samples=_three, inplace=True)
def lerp(input: Array, end: Array, weight: Array):
    """Return ``input + weight * (end - input)``, exact at both ends.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.lerp(ag.tensor([0.0, 1.0]), ag.tensor([2.0, 2.0]), 0.5)
    tensor([1. , 1.5])
    """
    step = end - input
    return np.where(np.less(weight, 0.5), input + weight * step, end - step * (1 - weight))


lerp.vjp(
    input=lambda g, weight: g * (1 - weight),
    end=lambda g, weight: g * weight,
    weight=lambda g, input, end: g * (end - input),
)


@composite(samples=_three_and_value, inplace=True)
def addcmul(input, tensor1, tensor2, *, value: float = 1):
    """Return ``input + value * tensor1 * tensor2``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.addcmul(ag.ones(2), ag.tensor([1.0, 2.0]), ag.tensor([3.0, 4.0]), value=2)
    tensor([ 7., 17.])
    """
    return add(input, tensor1 * tensor2, alpha=value)


@composite(samples=_three_and_value, inplace=True)
def addcdiv(input, tensor1, tensor2, *, value: float = 1):
    """Return ``input + value * tensor1 / tensor2``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.addcdiv(ag.ones(2), ag.tensor([1.0, 2.0]), ag.tensor([2.0, 4.0]))
    tensor([1.5, 1.5])
    """
    return add(input, div(tensor1, tensor2), alpha=value)
