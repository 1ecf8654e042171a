"""Functions of one number that become vector code, where numba alone would call libm for each.

Those of float32 are polynomials, accurate to about 2 units in the last place; the exponent of the
result is put together as bits. Those of float64 call libm: exact, and slower. In kernels write
``exp(x)``, ``tanh(x)``, ``sigmoid(x)``; the type of x decides. NaN and infinities pass as in NumPy.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic, overload

# Without `reassoc`: a sum may not be taken apart where it is there to round.
EXACT = {"fastmath": {"contract", "nsz"}, "error_model": "numpy"}
ONE, HALF = np.float32(1), np.float32(0.5)
# exp(x) = 2^n exp(r) with n = round(x / log 2) and r = x - n log 2, log 2 in two parts of which the
# first has few bits, so that n times it is exact; exp(r) by the Taylor series, |r| <= log(2) / 2.
PER_LOG_2 = np.float32(1 / math.log(2))
LOG_2_HIGH = np.float32(round(math.log(2) * 512) / 512)
LOG_2_LOW = np.float32(math.log(2) - round(math.log(2) * 512) / 512)
TAYLOR = tuple(np.float32(1 / math.factorial(k)) for k in range(8))
ROUNDER = np.float32(3 << 22)  # adding it leaves no bits for a fraction
ROUNDER_BITS = np.int32(ROUNDER.view(np.int32))
# tanh(x) = x - x^3 / 3 + ... for small x: the first terms of its series.
SMALL = np.float32(0.5)
TANH = tuple(
    np.float32(c)
    for c in (
        -1 / 3,
        2 / 15,
        -17 / 315,
        62 / 2835,
        -1382 / 155925,
        21844 / 6081075,
        -929569 / 638512875,
    )
)


def fitted(
    function, low: float, high: float, degree: int, below: int = 0
) -> tuple[np.float32, ...]:
    """The polynomial that equals `function` at the Chebyshev points of an interval, as float32.

    Or the quotient P / Q of two: first the coefficients of P, then those of Q, whose degree is
    `below`, but for its first, which is 1.
    """
    count = degree + below + 1
    angles = (2 * np.arange(count) + 1) * math.pi / (2 * count)
    points = (low + high) / 2 + (high - low) / 2 * np.cos(angles)
    values = np.array([function(x) for x in points])
    powers = np.vander(points / high, count, increasing=True)  # P(x) - f(x) (Q(x) - 1) = f(x)
    matrix = np.hstack([powers[:, : degree + 1], -values[:, None] * powers[:, 1 : below + 1]])
    scale = high ** -np.array([*range(degree + 1), *range(1, below + 1)], float)
    return tuple(map(np.float32, np.linalg.solve(matrix, values) * scale))


# tanh(x) = x P(x^2) / Q(x^2) up to 9, where it is 1 in float32; off by 3e-7 of it at most.
QUOTIENT_END = np.float32(9)
QUOTIENT = fitted(lambda square: math.tanh(square**0.5) / square**0.5, 0, 81, 5, 5)
# erf(x) = x P(x^2) up to 1, and 1 - exp(Q(x)) from there to 4, where it is 1 in float32: the
# logarithm of erfc is nearly a parabola.
ERF = fitted(lambda square: math.erf(square**0.5) / square**0.5, 0, 1, 6)
LOG_ERFC = fitted(lambda x: math.log(math.erfc(x)), 1, 4, 8)
# log(x) = e log 2 + log(m), m from sqrt(1/2) to sqrt(2); log(m) = 2 artanh((m - 1) / (m + 1)).
ROOT_HALF_BITS = np.int32(np.float32(0.5**0.5).view(np.int32))
ARTANH = tuple(np.float32(2 / k) for k in (3, 5, 7, 9))
LEAST_NORMAL = np.finfo(np.float32).tiny


@intrinsic
def bits_of(typingctx, number):
    """The bits of a float32, as int32."""
    return types.int32(types.float32), lambda c, builder, s, arguments: builder.bitcast(
        arguments[0], ir.IntType(32)
    )


@intrinsic
def from_bits(typingctx, bits):
    """The float32 of these bits."""
    return types.float32(types.int32), lambda c, builder, s, arguments: builder.bitcast(
        arguments[0], ir.FloatType()
    )


@intrinsic
def choose(typingctx, condition, first, second):
    """`first` where the condition holds, else `second`; no jump, which vectors could not take."""
    return first(types.boolean, first, first), lambda c, builder, s, arguments: builder.select(
        *arguments
    )


@intrinsic
def larger(typingctx, first, second):
    """The larger of two numbers, NaN if one of them is; a loop over it becomes vector code."""

    def codegen(context, builder, signature, arguments):
        name = f"llvm.maximum.f{signature.return_type.bitwidth}"
        kind = ir.FunctionType(arguments[0].type, [arguments[0].type] * 2)
        function = cgutils.get_or_insert_function(builder.module, kind, name)
        return builder.call(function, arguments, fastmath=("nsz",))

    return first(first, first), codegen


if config.DISABLE_JIT:  # kernels are plain Python then
    choose, larger = (lambda condition, first, second: first if condition else second), np.maximum


def exp(x: float) -> float:
    """The exponential function."""
    return np.exp(x)


def tanh(x: float) -> float:
    """The hyperbolic tangent."""
    return np.tanh(x)


def quick_tanh(x: float) -> float:
    """The hyperbolic tangent in half the time, off by up to 5 units in the last place."""
    return np.tanh(x)


def sigmoid(x: float) -> float:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def erf(x: float) -> float:
    """The error function."""
    return math.erf(x)


def log(x: float) -> float:
    """The natural logarithm: -inf at 0, NaN below."""
    return np.log(x)


def log1p(x: float) -> float:
    """log(1 + x), exact also near 0."""
    return np.log1p(x)


def expm1(x: float) -> float:
    """exp(x) - 1, exact also near 0."""
    return np.expm1(x)


def softplus(x: float) -> float:
    """log(1 + exp(x)), with the exponential of -|x| alone: it cannot overflow."""
    return max(x, 0.0) + np.log1p(np.exp(-abs(x)))


@overload(exp, jit_options=EXACT)
def _exp(x):
    if x != types.float32:
        return lambda x: math.exp(x)
    c2, c3, c4, c5, c6, c7 = TAYLOR[2:]

    def of_float32(x):
        inside = choose(x > np.float32(89), np.float32(89), x)  # beyond, it is infinite or zero
        inside = choose(inside < np.float32(-104), np.float32(-104), inside)
        shifted = inside * PER_LOG_2 + ROUNDER
        n = shifted - ROUNDER
        r = (inside - n * LOG_2_HIGH) - n * LOG_2_LOW
        y = ((((c7 * r + c6) * r + c5) * r + c4) * r + c3) * r + c2
        y = (y * r + ONE) * r + ONE
        # 2^n in two halves: each has an exponent that exists, also where the result is subnormal.
        power = bits_of(shifted) - ROUNDER_BITS
        half = power >> np.int32(1)
        first = from_bits((half + np.int32(127)) << np.int32(23))
        return y * first * from_bits((power - half + np.int32(127)) << np.int32(23))

    return of_float32


@overload(tanh, jit_options=EXACT)
def _tanh(x):
    if x != types.float32:
        return lambda x: math.tanh(x)
    a, b, c, d, e, f, g = TANH

    def of_float32(x):
        square = x * x
        small = ((((g * square + f) * square + e) * square + d) * square + c) * square + b
        small = (small * square + a) * square * x + x
        size = abs(x)
        large = ONE - np.float32(2) / (exp(np.float32(2) * size) + ONE)
        large = choose(x < np.float32(0), -large, large)
        return choose(size < SMALL, small, large)

    return of_float32


@overload(quick_tanh, jit_options=EXACT)
def _quick_tanh(x):
    if x != types.float32:
        return lambda x: math.tanh(x)
    p0, p1, p2, p3, p4, p5, q1, q2, q3, q4, q5 = QUOTIENT

    def of_float32(x):
        inside = choose(x > QUOTIENT_END, QUOTIENT_END, x)
        inside = choose(inside < -QUOTIENT_END, -QUOTIENT_END, inside)
        z = inside * inside
        above = ((((p5 * z + p4) * z + p3) * z + p2) * z + p1) * z + p0
        y = inside * above / (((((q5 * z + q4) * z + q3) * z + q2) * z + q1) * z + ONE)
        y = choose(y > ONE, ONE, y)  # rounding may carry it over
        return choose(y < -ONE, -ONE, y)

    return of_float32


@overload(sigmoid, jit_options=EXACT)
def _sigmoid(x):
    if x != types.float32:
        return lambda x: 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))
    return lambda x: ONE / (ONE + exp(-x))


@overload(erf, jit_options=EXACT)
def _erf(x):
    if x != types.float32:
        return lambda x: math.erf(x)
    p0, p1, p2, p3, p4, p5, p6 = ERF
    q0, q1, q2, q3, q4, q5, q6, q7, q8 = LOG_ERFC

    def of_float32(x):
        size, square = abs(x), x * x
        near = ((((p6 * square + p5) * square + p4) * square + p3) * square + p2) * square
        near = ((near + p1) * square + p0) * x
        z = choose(size > np.float32(4), np.float32(4), size)
        tail = ((((q8 * z + q7) * z + q6) * z + q5) * z + q4) * z + q3
        far = ONE - exp(((tail * z + q2) * z + q1) * z + q0)
        return choose(size < ONE, near, choose(x < np.float32(0), -far, far))

    return of_float32


@overload(log, jit_options=EXACT)
def _log(x):
    if x != types.float32:
        return lambda x: math.log(x)
    a3, a5, a7, a9 = ARTANH
    shift, lift = np.float32(24), np.float32(1 << 24)
    mantissa, bits = np.int32((1 << 23) - 1), np.int32(23)

    def of_float32(x):
        subnormal = x < LEAST_NORMAL
        above = bits_of(choose(subnormal, x * lift, x)) - ROOT_HALF_BITS
        m = from_bits((above & mantissa) + ROOT_HALF_BITS)
        e = np.float32(above >> bits) - choose(subnormal, shift, np.float32(0))
        s = (m - ONE) / (m + ONE)
        z = s * s
        series = (((a9 * z + a7) * z + a5) * z + a3) * z * s
        y = e * LOG_2_HIGH + (np.float32(2) * s + (series + e * LOG_2_LOW))
        y = choose(x < np.float32(np.inf), y, x)  # infinity and NaN
        y = choose(x == np.float32(0), np.float32(-np.inf), y)
        return choose(x < np.float32(0), np.float32(np.nan), y)

    return of_float32


@overload(log1p, jit_options=EXACT)
def _log1p(x):
    if x != types.float32:
        return lambda x: math.log1p(x)

    def of_float32(x):
        whole = ONE + x
        lost = (x - (whole - ONE)) / whole  # what rounding took from the sum, to first order
        usual = (whole > np.float32(0)) & (whole < np.float32(np.inf))
        return log(whole) + choose(usual, lost, np.float32(0))

    return of_float32


@overload(expm1, jit_options=EXACT)
def _expm1(x):
    if x != types.float32:
        return lambda x: math.expm1(x)
    c2, c3, c4, c5, c6, c7 = TAYLOR[2:]
    c8 = np.float32(1 / math.factorial(8))

    def of_float32(x):
        near = (((((c8 * x + c7) * x + c6) * x + c5) * x + c4) * x + c3) * x + c2
        return choose(abs(x) < HALF, near * x * x + x, exp(x) - ONE)

    return of_float32


@overload(softplus, jit_options=EXACT)
def _softplus(x):
    if x != types.float32:
        return lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x)))
    return lambda x: choose(x < np.float32(0), np.float32(0), x) + log1p(exp(-abs(x)))
