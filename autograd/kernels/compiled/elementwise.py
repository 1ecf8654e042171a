"""Elementwise work on large arrays in one pass, with vectors and threads; no temporaries.

Arrays of one shape are taken as the flat memory they lie in, whatever the order of their axes (that
of the first: others are copied into it where theirs differs), and so is the result.
"""

from __future__ import annotations

import numpy as np
from numba import prange

from autograd.kernels.compiled.jit import Kernel, array, kernel


def like(array: np.ndarray, dense: np.ndarray) -> np.ndarray:
    """The array, or a copy of it, with its axes in memory as those of one that has no gaps."""
    if array.strides == dense.strides or (array.flags.c_contiguous and dense.flags.c_contiguous):
        return array
    copy = np.empty_like(dense)
    np.copyto(copy, array)
    return copy


def apply(function: Kernel, *arrays: np.ndarray, options: tuple = (), work: int = 1) -> np.ndarray:
    """A new array, filled by a kernel of flat arrays, the result and options, in that order.

    `work` is that of one element, in elementary operations.
    """
    out = np.empty_like(arrays[0])
    memory = [like(each, out).ravel("K") for each in arrays]
    function(*memory, out.ravel("K"), *options, work=work * out.size)
    return out


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


@kernel(one_number)
def sums_with_number(x, out, number):
    for i in prange(x.size):
        out[i] = x[i] + number


@kernel(one_number)
def products_with_number(x, out, number):
    for i in prange(x.size):
        out[i] = x[i] * number


@kernel(lambda T: (array(T, 1, out=True), array(T, 1)))
def increase(total, x):
    for i in prange(total.size):
        total[i] += x[i]


# -- see the twins in `autograd.kernels.plain` -----------------------------------------------------


def add(x: np.ndarray, y: np.ndarray | float) -> np.ndarray:
    if type(y) is np.ndarray:
        return apply(sums, x, y)
    return apply(sums_with_number, x, options=(float(y),))


def sub(x: np.ndarray, y: np.ndarray | float) -> np.ndarray:
    if type(y) is np.ndarray:
        return apply(differences, x, y)
    return apply(sums_with_number, x, options=(-float(y),))


def mul(x: np.ndarray, y: np.ndarray | float) -> np.ndarray:
    if type(y) is np.ndarray:
        return apply(products, x, y)
    return apply(products_with_number, x, options=(float(y),))


def accumulate(total: np.ndarray, x: np.ndarray) -> None:
    memory = total.ravel("K")
    if np.may_share_memory(memory, total):
        increase(memory, like(x, total).ravel("K"))
    else:  # with gaps
        np.add(total, x, out=total)
