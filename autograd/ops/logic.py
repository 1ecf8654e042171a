"""Logic: on truth values, and on the bits of integers."""

from __future__ import annotations

import numpy as np

from autograd.errors import DtypeError
from autograd.op import Array, op

# -- truth: whatever is not zero is true ----------------------------------------------------------


@op(numpy=np.logical_and, kind="compare", inplace=True)
def logical_and(input: Array, other: Array):
    """Tell where both are true.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.logical_and(ag.tensor([True, True]), ag.tensor([True, False]))
    tensor([ True, False])
    """
    return np.logical_and(input, other)


@op(numpy=np.logical_or, kind="compare", inplace=True)
def logical_or(input: Array, other: Array):
    """Tell where at least one is true.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.logical_or(ag.tensor([True, False]), ag.tensor([False, False]))
    tensor([ True, False])
    """
    return np.logical_or(input, other)


@op(numpy=np.logical_xor, kind="compare", inplace=True)
def logical_xor(input: Array, other: Array):
    """Tell where exactly one is true.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.logical_xor(ag.tensor([True, False]), ag.tensor([True, True]))
    tensor([False,  True])
    """
    return np.logical_xor(input, other)


def _truths(rng):
    yield (np.array([0.0, 1.0, -2.0]),), {}
    yield (np.array([[True, False]]),), {}


@op(numpy=np.logical_not, kind="compare", samples=_truths, inplace=True)
def logical_not(input: Array):
    """Tell where `input` is not true.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.logical_not(ag.tensor([True, False]))
    tensor([False,  True])
    """
    return np.logical_not(input)


# -- bits -----------------------------------------------------------------------------------------


def _integers(rng):
    yield (rng.integers(-8, 8, (2, 3)), rng.integers(-8, 8, (3,))), {}
    yield (np.array([True, False]), np.array(True)), {}


def _shifts(rng):
    yield (rng.integers(-8, 8, (2, 3)), rng.integers(0, 4, (3,))), {}


def _refuse_floats(*operands) -> None:
    for operand in operands:
        if np.asarray(operand).dtype.kind == "f":
            raise DtypeError(
                f"expected integers or bools, got {getattr(operand, 'dtype', 'float')}: "
                "compare floats first"
            )


@op(numpy=np.bitwise_and, samples=_integers, inplace=True)
def bitwise_and(input: Array, other: Array):
    """Return ``input & other``, bit by bit; for bools their logical and.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([True, True]) & ag.tensor([True, False])
    tensor([ True, False])
    """
    _refuse_floats(input, other)
    return np.bitwise_and(input, other)


@op(numpy=np.bitwise_or, samples=_integers, inplace=True)
def bitwise_or(input: Array, other: Array):
    """Return ``input | other``, bit by bit; for bools their logical or.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([True, False]) | ag.tensor([False, False])
    tensor([ True, False])
    """
    _refuse_floats(input, other)
    return np.bitwise_or(input, other)


@op(numpy=np.bitwise_xor, samples=_integers, inplace=True)
def bitwise_xor(input: Array, other: Array):
    """Return ``input ^ other``, bit by bit.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1, 2]) ^ 3
    tensor([2, 1])
    """
    _refuse_floats(input, other)
    return np.bitwise_xor(input, other)


@op(numpy=np.invert, samples=lambda rng: [((rng.integers(-8, 8, (2, 3)),), {})], inplace=True)
def bitwise_not(input: Array):
    """Return ``~input``, bit by bit; for bools their logical not.

    Examples
    --------
    >>> import autograd as ag
    >>> ~ag.tensor([True, False])
    tensor([False,  True])
    """
    _refuse_floats(input)
    return np.invert(input)


@op(numpy=np.left_shift, samples=_shifts, inplace=True)
def bitwise_left_shift(input: Array, other: Array):
    """Return ``input << other``: times two, `other` times.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.bitwise_left_shift(ag.tensor([1, 2]), 3)
    tensor([ 8, 16])
    """
    _refuse_floats(input, other)
    return np.left_shift(input, other)


@op(numpy=np.right_shift, samples=_shifts, inplace=True)
def bitwise_right_shift(input: Array, other: Array):
    """Return ``input >> other``: half, rounded down, `other` times.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.bitwise_right_shift(ag.tensor([8, -16]), 3)
    tensor([ 1, -2])
    """
    _refuse_floats(input, other)
    return np.right_shift(input, other)
