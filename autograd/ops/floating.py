"""Signs, exponents and neighbours of floating point numbers; common divisors of integers."""

from __future__ import annotations

import numpy as np

from autograd.errors import DtypeError
from autograd.op import Array, composite, op
from autograd.ops.arithmetic import flat, pow
from autograd.ops.cast import cases
from autograd.ops.elementwise import quiet
from autograd.ops.transcendental import exp2
from autograd.tensor import Tensor, asarray

# -- signs ----------------------------------------------------------------------------------------


@op(numpy=np.copysign, kind="binary_float")
def copysign(input: Array, other: Array):
    """Return the magnitude of `input` with the sign of `other`, whose -0.0 is negative too.

    The gradient at an input of 0 is 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.copysign(ag.tensor([1.0, -2.0]), -1)
    tensor([-1., -2.])
    """
    return np.copysign(input, other)


copysign.vjp(
    input=lambda g, input, out: g * (np.sign(input) * np.sign(out)),
    other=lambda g: flat(g),
)


@op(numpy=np.signbit, kind="compare")
def signbit(input: Array):
    """Tell where the sign is negative, that of -0.0 included.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.signbit(ag.tensor([1.0, -0.0]))
    tensor([False,  True])
    """
    return input < 0 if input.dtype.kind in "iub" else np.signbit(input)


@op(numpy=np.isposinf, samples=cases(((2, 3), {})))
def isposinf(input: Array):
    """Tell where the elements are inf.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.isposinf(ag.tensor([1.0, float("inf"), -float("inf")]))
    tensor([False,  True, False])
    """
    return np.isposinf(input)


@op(numpy=np.isneginf, samples=cases(((2, 3), {})))
def isneginf(input: Array):
    """Tell where the elements are -inf.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.isneginf(ag.tensor([1.0, float("inf"), -float("inf")]))
    tensor([False, False,  True])
    """
    return np.isneginf(input)


@op(numpy=np.isreal, samples=cases(((2, 3), {})))
def isreal(input: Array):
    """Tell where the elements are real: everywhere, since there are no complex tensors here.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.isreal(ag.tensor([1.0]))
    tensor([ True])
    """
    return np.ones(input.shape, np.bool)


# -- exponents ------------------------------------------------------------------------------------


def _pairs(rng):
    yield (rng.normal(size=(2, 3)), rng.normal(size=(3,))), {}


@composite(samples=_pairs, inplace=True)
def ldexp(input, other):
    """Return ``input * 2 ** other``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.ldexp(ag.tensor([1.0, 3.0]), ag.tensor([4, 0]))
    tensor([16.,  3.])
    """
    return input * exp2(other)


@op(samples=cases(((2, 3), {}), ((), {}), ((0, 2), {})), outputs=("mantissa", "exponent"))
def frexp(input: Array):
    """Return ``(mantissa, exponent)``: ``input = mantissa * 2 ** exponent``.

    The mantissa is from 0.5 to 1 in size, or 0.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.frexp(ag.tensor([1.0, 6.0]))
    (tensor([0.5 , 0.75]), tensor([1, 3], dtype=int32))
    """
    if input.dtype.kind != "f":
        raise DtypeError(f"expected a floating point tensor, got {input.dtype}: convert it first")
    mantissa, exponent = np.frexp(input)
    return np.asarray(mantissa), np.asarray(exponent)


# 2**-exponent, in the mantissa's dtype
frexp.vjp(input=lambda g, out: g[0] * np.exp2(-asarray(out[1]).astype(g[0].dtype)))


@composite(samples=lambda rng: [((np.array([1, 2, 3]), 2), {}), ((np.array([4, 9]), 0.5), {})])
def float_power(input, exponent):
    """Return `input` to the power `exponent`, computed in float64 whatever the dtypes.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.float_power(ag.tensor([2, 3]), -1)
    tensor([0.5       , 0.33333333], dtype=float64)
    """
    return pow(_double(input), _double(exponent))


def _double(value):
    if isinstance(value, Tensor):
        return value.to(np.float64)
    return value if isinstance(value, (int, float)) else np.asarray(value, np.float64)


@op(numpy=np.nextafter, kind="binary_float", samples=_pairs)
@quiet
def nextafter(input: Array, other: Array):
    """Return the floating point number next to `input` towards `other`.

    The gradient is that of `input`, but 0 for both where they are equal: PyTorch's convention.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.nextafter(ag.tensor([1.0]), ag.tensor([2.0])) > 1
    tensor([ True])
    """
    return np.nextafter(input, other)


nextafter.vjp(
    input=lambda g, input, other: np.where(input == other, 0.0, g), other=lambda g: g * 0.0
)


# -- integers -------------------------------------------------------------------------------------


def _integers(rng):
    yield (rng.integers(-9, 9, (2, 3)), rng.integers(-9, 9, (3,))), {}
    yield (np.array(0), np.array([0, 5])), {}


def _refuse_floats(*operands) -> None:
    for value in operands:
        if np.asarray(value).dtype.kind not in "iu":
            raise DtypeError(f"expected integers, got {np.asarray(value).dtype}")


@op(numpy=np.gcd, kind="binary", samples=_integers)
def gcd(input: Array, other: Array):
    """Return the greatest common divisor of integers, elementwise.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.gcd(ag.tensor([12, 5]), 8)
    tensor([4, 1])
    """
    _refuse_floats(input, other)
    return np.gcd(input, other)


@op(numpy=np.lcm, kind="binary", samples=_integers)
def lcm(input: Array, other: Array):
    """Return the least common multiple of integers, elementwise.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.lcm(ag.tensor([4, 5]), 6)
    tensor([12, 30])
    """
    _refuse_floats(input, other)
    return np.lcm(input, other)
