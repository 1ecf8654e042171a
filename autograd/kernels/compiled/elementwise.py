"""Elementwise work on large arrays in one pass, with vectors and threads; no temporaries.

Arrays of one shape are taken as the flat memory they lie in, whatever the order of their axes (that
of the first: others are copied into it where theirs differs), and so is the result.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from autograd.kernels.compiled.arrays import empty
from autograd.kernels.compiled.jit import Kernel, array, kernel


def flat(*arrays: np.ndarray) -> tuple[list[np.ndarray], list[int] | None]:
    """Arrays of one shape, each as its memory in the order of the first's axes; that order too.

    The order is None where it is the usual one.
    """
    first, order = arrays[0], None
    if not first.flags.c_contiguous:
        order = sorted(range(first.ndim), key=lambda axis: -abs(first.strides[axis]))
        arrays = tuple(a.transpose(order) for a in arrays)
    return [np.ascontiguousarray(a.reshape(-1)) for a in arrays], order


def apply(function: Kernel, *arrays: np.ndarray, options: tuple = (), work: int = 1) -> np.ndarray:
    """A new array, filled by a kernel of flat arrays, the result and options, in that order.

    `work` is that of one element, in elementary operations.
    """
    first = arrays[0]
    memory, order = flat(*arrays)
    shape = first.shape if order is None else tuple(first.shape[axis] for axis in order)
    out = empty(shape, first.dtype)
    function(*memory, out.reshape(-1), *options, work=work * first.size)
    return out if order is None else out.transpose(np.argsort(order))


def one(T):
    """The types of an array and the result."""
    return array(T, 1), array(T, 1, out=True)


def two(T):
    """The types of two arrays and the result."""
    return array(T, 1), array(T, 1), array(T, 1, out=True)


def one_number(T):
    """The types of an array, the result and a number."""
    return array(T, 1), array(T, 1, out=True), T


@kernel(two)
def sums(x, y, out):
    for i in prange(x.size):
        out[i] = x[i] + y[i]


@kernel(two)
def differences(x, y, out):
    for i in prange(x.size):
        out[i] = x[i] - y[i]


@kernel(two)
def products(x, y, out):
    for i in prange(x.size):
        out[i] = x[i] * y[i]


@kernel(two)
def quotients(x, y, out):
    for i in prange(x.size):
        out[i] = x[i] / y[i]


@kernel(one_number)
def shifted(x, out, number):
    for i in prange(x.size):
        out[i] = x[i] + number


@kernel(one_number)
def scaled(x, out, number):
    for i in prange(x.size):
        out[i] = x[i] * number


@kernel(lambda T: (array(T, 1, out=True), array(T, 1)))
def increase(total, x):
    for i in prange(total.size):
        total[i] += x[i]


@kernel(lambda T: (array(T, 2), array(T, 1), array(T, 2, out=True)))
def with_bias(x, bias, out):
    rows, columns = x.shape
    for row in prange(rows):
        for i in range(columns):
            out[row, i] = x[row, i] + bias[i]


def add(x: np.ndarray, y) -> np.ndarray:
    """x + y, for arrays of one shape, or a number y."""
    if isinstance(y, np.ndarray):
        return apply(sums, x, y)
    return apply(shifted, x, options=(y,))


def sub(x: np.ndarray, y) -> np.ndarray:
    """x - y, for arrays of one shape, or a number y."""
    if isinstance(y, np.ndarray):
        return apply(differences, x, y)
    return apply(shifted, x, options=(-y,))


def mul(x: np.ndarray, y) -> np.ndarray:
    """x * y, for arrays of one shape, or a number y."""
    if isinstance(y, np.ndarray):
        return apply(products, x, y)
    return apply(scaled, x, options=(y,))


def div(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """x / y, for arrays of one shape."""
    return apply(quotients, x, y, work=4)


def accumulate(total: np.ndarray, x: np.ndarray) -> None:
    """total += x, for arrays of one shape; the memory of `total` must be dense."""
    (memory, terms), _ = flat(total, x)
    if not np.shares_memory(memory, total):
        total += x
        return
    increase(memory, terms)


def add_bias(x: np.ndarray, bias: np.ndarray, axis: int = -1) -> np.ndarray:
    """x plus a bias for each index of `axis`, whose elements are next to each other in memory.

    The last axis of an ordinary array is such a one, and the channels of images stored channels
    last; of any other x a copy is made first. The result is like that memory.
    """
    order = [i for i in range(x.ndim) if i != axis % x.ndim] + [axis % x.ndim]
    last = np.ascontiguousarray(x.transpose(order))
    out = empty(last.shape, x.dtype)
    rows = -1, len(bias)
    with_bias(last.reshape(rows), np.ascontiguousarray(bias), out.reshape(rows))
    return out.transpose(np.argsort(order))
