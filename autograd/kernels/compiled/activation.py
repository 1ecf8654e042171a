"""Activation functions and, fused with the error that comes back, their gradients: in one pass."""

from __future__ import annotations

import math

import numpy as np
from numba import prange, types
from numba.extending import overload

from autograd.kernels.compiled import mathematics
from autograd.kernels.compiled.elementwise import apply, one, one_number, two
from autograd.kernels.compiled.jit import array, kernel
from autograd.kernels.compiled.mathematics import bits_of, choose, exp, expm1, from_bits

ROOT_HALF, DENSITY = math.sqrt(0.5), math.sqrt(0.5 / math.pi)
CURVE, CUBIC = math.sqrt(2 / math.pi), 0.044715  # of gelu's approximation
# Of float32, which are exact: a plain 1 would turn the sums of float32 into float64.
ONE, HALF = np.float32(1), np.float32(0.5)
QUARTER = np.float32(0.25)


def _tail(t: float) -> float:
    """The normal distribution's tail beyond x over exp(-x**2 / 2), for t = 1 / (1 + x / 4)."""
    x = 4 * (1 / t - 1)
    return math.erfc(x * ROOT_HALF) * math.exp(x * x / 2) / 2


TAIL = mathematics.fitted(_tail, 1 / (1 + 14 / 4), 1, 7)  # beyond 14 it is 0; off by 2e-7 at most
POWER = mathematics.fitted(lambda x: 2.0**x, -0.5, 0.5, 6)
PER_SQUARE = np.float32(-0.5 / math.log(2))  # exp(-x**2 / 2) is 2 to this times x**2
WORK = 8  # elementary operations for each element of those that need an exponential


def two_number(T):
    """The types of two arrays, the result and a number."""
    return array(T, 1), array(T, 1), array(T, 1, out=True), T


@kernel(one)
def relu_flat(x, out):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        out[i] = choose(x[i] <= 0, zero, x[i])


@kernel(lambda T: (array(T, 1, out=True),))
def raise_to_zero(x):
    zero = x.dtype.type(0)
    for i in prange(x.size):
        x[i] = choose(x[i] <= 0, zero, x[i])


@kernel(two)
def relu_errors(g, y, out):
    zero = g.dtype.type(0)
    for i in prange(g.size):
        out[i] = choose(y[i] <= 0, zero, g[i])


@kernel(one_number)
def leaky_flat(x, out, slope):
    for i in prange(x.size):
        out[i] = choose(x[i] > 0, x[i], x[i] * slope)


@kernel(two_number)
def leaky_errors(g, x, out, slope):
    for i in prange(g.size):
        out[i] = choose(x[i] > 0, g[i], g[i] * slope)


@kernel(one_number)
def elu_flat(x, out, alpha):
    for i in prange(x.size):
        out[i] = choose(x[i] > 0, x[i], alpha * expm1(x[i]))


@kernel(two_number)
def elu_errors(g, x, out, alpha):
    for i in prange(g.size):
        out[i] = choose(x[i] > 0, g[i], g[i] * (alpha * exp(x[i])))


@kernel(one)
def sigmoid_flat(x, out):
    for i in prange(x.size):
        out[i] = mathematics.sigmoid(x[i])


@kernel(two)
def sigmoid_errors(g, y, out):
    for i in prange(g.size):
        out[i] = g[i] * (y[i] * (ONE - y[i]))


@kernel(one)
def tanh_flat(x, out):
    for i in prange(x.size):
        out[i] = mathematics.tanh(x[i])


@kernel(two)
def tanh_errors(g, y, out):
    for i in prange(g.size):
        out[i] = g[i] * (ONE - y[i] * y[i])


@kernel(one)
def silu_flat(x, out):
    for i in prange(x.size):
        out[i] = x[i] * mathematics.sigmoid(x[i])


@kernel(two)
def silu_errors(g, x, out):
    for i in prange(g.size):
        s = mathematics.sigmoid(x[i])
        out[i] = g[i] * (s * (ONE + x[i] * (ONE - s)))


@kernel(one)
def softplus_flat(x, out):
    for i in prange(x.size):
        out[i] = mathematics.softplus(x[i])


def bell(x: float) -> float:
    """exp(-x**2 / 2), in half the time of `exp`: there is no large result, and no subnormal one."""
    return math.exp(-0.5 * x * x)


@overload(bell, jit_options=mathematics.EXACT)
def _bell(x):
    if x != types.float32:
        return lambda x: math.exp(-0.5 * x * x)
    c0, c1, c2, c3, c4, c5, c6 = POWER

    def of_float32(x):
        power = PER_SQUARE * x * x
        shifted = power + mathematics.ROUNDER
        r = power - (shifted - mathematics.ROUNDER)
        y = (((((c6 * r + c5) * r + c4) * r + c3) * r + c2) * r + c1) * r + c0
        y = from_bits(bits_of(y) + (bits_of(shifted) << np.int32(23)))
        return choose(power < np.float32(-126), np.float32(0), y)

    return of_float32


def cdf(x: float, kernel: float) -> float:
    """The normal distribution function, given ``kernel = bell(x)``."""
    return 0.5 * (1 + math.erf(x * ROOT_HALF))


@overload(cdf, jit_options=mathematics.EXACT)
def _cdf(x, kernel):
    if x != types.float32:
        return lambda x, kernel: 0.5 * (1 + math.erf(x * ROOT_HALF))
    c0, c1, c2, c3, c4, c5, c6, c7 = TAIL

    def of_float32(x, kernel):
        t = ONE / (ONE + QUARTER * abs(x))
        tail = ((((((c7 * t + c6) * t + c5) * t + c4) * t + c3) * t + c2) * t + c1) * t + c0
        tail *= kernel
        return choose(x < np.float32(0), tail, ONE - tail)

    return of_float32


@kernel(one)
def gelu_flat(x, out):
    for i in prange(x.size):
        out[i] = x[i] * cdf(x[i], bell(x[i]))


@kernel(two)
def gelu_errors(g, x, out):
    top = g.dtype.type(DENSITY)
    for i in prange(g.size):
        kernel = bell(x[i])
        out[i] = g[i] * (cdf(x[i], kernel) + x[i] * (top * kernel))


@kernel(one)
def gelu_tanh_flat(x, out):
    curve, cubic = x.dtype.type(CURVE), x.dtype.type(CUBIC)
    for i in prange(x.size):
        argument = curve * (x[i] + cubic * x[i] * x[i] * x[i])
        out[i] = HALF * x[i] * (ONE + mathematics.tanh(argument))


@kernel(two)
def gelu_tanh_errors(g, x, out):
    number = g.dtype.type
    curve, cubic, triple = number(CURVE), number(CUBIC), number(3 * CUBIC)
    for i in prange(g.size):
        square = x[i] * x[i]
        t = mathematics.tanh(curve * (x[i] + cubic * square * x[i]))
        slope = curve * (ONE + triple * square)
        out[i] = g[i] * HALF * (ONE + t + x[i] * (ONE - t * t) * slope)


# -- see the twins in `autograd.kernels.plain` -----------------------------------------------------


def relu(x: np.ndarray) -> np.ndarray:
    return apply(relu_flat, x)


def overwrite_by_relu(x: np.ndarray) -> None:
    memory = x.ravel("K")
    if np.may_share_memory(memory, x):
        raise_to_zero(memory)
    else:  # with gaps
        np.maximum(x, 0, out=x)


def relu_gradient(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    return apply(relu_errors, g, y)


def leaky_relu(x: np.ndarray, slope: float) -> np.ndarray:
    return apply(leaky_flat, x, options=(slope,))


def leaky_relu_gradient(g: np.ndarray, x: np.ndarray, slope: float) -> np.ndarray:
    return apply(leaky_errors, g, x, options=(slope,))


def elu(x: np.ndarray, alpha: float) -> np.ndarray:
    return apply(elu_flat, x, options=(alpha,), work=WORK)


def elu_gradient(g: np.ndarray, x: np.ndarray, alpha: float) -> np.ndarray:
    return apply(elu_errors, g, x, options=(alpha,), work=WORK)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return apply(sigmoid_flat, x, work=WORK)


def sigmoid_gradient(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    return apply(sigmoid_errors, g, y)


def tanh(x: np.ndarray) -> np.ndarray:
    return apply(tanh_flat, x, work=WORK)


def tanh_gradient(g: np.ndarray, y: np.ndarray) -> np.ndarray:
    return apply(tanh_errors, g, y)


def silu(x: np.ndarray) -> np.ndarray:
    return apply(silu_flat, x, work=WORK)


def silu_gradient(g: np.ndarray, x: np.ndarray) -> np.ndarray:
    return apply(silu_errors, g, x, work=WORK)


def softplus(x: np.ndarray) -> np.ndarray:
    return apply(softplus_flat, x, work=WORK)


def gelu(x: np.ndarray, approximate: str) -> np.ndarray:
    return apply(gelu_flat if approximate == "none" else gelu_tanh_flat, x, work=WORK)


def gelu_gradient(g: np.ndarray, x: np.ndarray, approximate: str) -> np.ndarray:
    return apply(gelu_errors if approximate == "none" else gelu_tanh_errors, g, x, work=2 * WORK)
