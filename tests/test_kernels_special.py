"""The kernels of special functions against Python's own, or sums in eighty decimal digits."""

from __future__ import annotations

import functools
import math
import statistics
from decimal import Decimal, localcontext
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import draw_array, dtypes, layouts, seeds

from autograd.kernels.plain import (
    bessel,
    cylinder,
    gamma,
    incomplete,
    normal,
    orthogonal,
    polynomial,
    special,
)

RELATIVE = {np.float32: 1e-6, np.float64: 1e-12}
SMALLEST = {np.float32: 1e-30, np.float64: 1e-290}  # smaller results have lost digits

# -- sums in many digits ---------------------------------------------------------------------------

EULER = Decimal("0.57721566490153286060651209008240243104215933593992359880576723488487")
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230782")


def exactly(function):
    """Compute with the exact values of floats, in eighty digits, and return a float."""

    @functools.wraps(function)
    def compute(*values):
        with localcontext() as context:
            context.prec = 80
            return float(function(*map(Decimal, values)))

    return compute


def add_up(first, ratio):
    """The sum of terms, each the one before times ``ratio(k)``, until they do not matter."""
    total = term = Decimal(first)
    k = 0
    while abs(term) > Decimal("1e-78") * abs(total) or k < 4:
        k += 1
        term *= ratio(k)
        total += term
    return total


@functools.cache
def factorial_of(a):
    """The gamma function: from 0 to 150 its integral is a sum, and beyond it is below 1e-60."""
    n = Decimal(150)
    return n**a * (-n).exp() * add_up(1 / a, lambda k: n / (a + k))


def powers(x, order, sign):
    """The terms ``(x / 2)**(2 k + order) / (k! (k + order)!)``, with alternating signs or not."""
    return [
        sign**k * (x / 2) ** (2 * k + order) / (math.factorial(k) * math.factorial(k + order))
        for k in range(int(2 * abs(x)) + 60)
    ]


def first_kind(order, sign):
    return exactly(lambda x: sum(powers(x, order, sign)))


def second_kind(x, order, sign):
    """What Y and K have in common: the sum of powers with a logarithm and harmonic numbers."""
    total, harmonic = Decimal(0), [Decimal(0)]
    for k, term in enumerate(powers(x, order, sign)):
        harmonic.append(harmonic[-1] + Decimal(1) / (k + 1))
        total += term * ((x / 2).ln() + EULER - (harmonic[k] + harmonic[k + order]) / 2)
    return total


def bessel_y(order):
    return exactly(lambda x: 2 / PI * (second_kind(x, order, -1) - order / x))


def bessel_k(order, scaled):
    def value(x):
        out = order / x - (-1) ** order * second_kind(x, order, 1)
        return out * x.exp() if scaled else out

    return exactly(value)


def airy(slope):
    """The power series that solves ``y'' = x y`` with the values of 9.2.3 and 9.2.4 at 0."""

    def value(x):
        third, two = Decimal(1) / 3, Decimal(2) / 3
        terms = [3**-two / factorial_of(two), -(3**-third) / factorial_of(third), Decimal(0)]
        for n in range(300):
            terms.append(terms[n] / ((n + 2) * (n + 3)))
        if slope:
            return sum(n * term * x ** (n - 1) for n, term in enumerate(terms) if n and x)
        return sum(term * x**n for n, term in enumerate(terms) if n == 0 or x)

    return exactly(value)


def lower_gamma(a, x):
    """``x**a exp(-x)`` times the sum of ``x**k / gamma(a + k + 1)``."""
    return x**a * (-x).exp() / factorial_of(a) * add_up(1 / a, lambda k: x / (a + k))


# -- functions of one number -----------------------------------------------------------------------


def between(low, high):
    """Normal numbers, of either sign and sizes from tiny to far, squeezed between two bounds."""
    return lambda x: low + (high - low) / (1 + np.exp(-2 * x))


def spread(low, high):
    """Positive numbers whose logarithms are evenly spread."""
    within = between(math.log(low), math.log(high))
    return lambda x: np.exp(within(x))


def either(places):
    """Those places, and their negatives."""
    return lambda x: np.sign(x) * places(np.abs(x) * 2 - 1)


def root(function, low, high):
    """Where an increasing function crosses 0, by halving."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return low


def digamma_sum(x):
    n = 20_000
    tail = math.log(x + n) - 1 / (2 * (x + n)) - 1 / (12 * (x + n) ** 2)
    return tail - math.fsum(1 / (x + k) for k in range(n))


def zeta_sum(s, q):
    n = 3000
    a = q + n
    tail = (a ** (1 - s) / (s - 1), a**-s / 2, s * a ** (-s - 1) / 12)
    return math.fsum([*((q + k) ** -s for k in range(n)), *tail])


def erf_root(y):
    return root(lambda x: math.erf(x) - y, -6.0, 6.0)


def erfc_root(q):
    return root(lambda x: q - math.erfc(x), -6.0, 30.0)


FAR = either(spread(1e-6, 60.0))
POSITIVE = spread(1e-6, 60.0)
# kernel -> where, twin, and the size of results below which errors are absolute: 0 if nowhere
KERNELS = {
    special.erf: (either(spread(1e-6, 8.0)), math.erf, 0),
    special.erfc: (between(-6, 26), math.erfc, 0),
    gamma.lgamma: (between(-30, 60), math.lgamma, 1),
    gamma.digamma: (spread(1e-3, 1e3), digamma_sum, 1),
    normal.erfinv: (either(spread(1e-6, 0.99)), erf_root, 0),
    normal.erfcx: (between(-5, 25), lambda x: math.exp(x * x) * math.erfc(x), 0),
    normal.ndtr: (between(-8, 8), lambda x: math.erfc(-x / math.sqrt(2)) / 2, 0),
    normal.ndtri: (spread(1e-20, 0.99), lambda p: -math.sqrt(2) * erfc_root(2 * p), 1),
    normal.log_ndtr: (
        between(-37, 6), lambda x: math.log1p(-math.erfc(x / math.sqrt(2)) / 2)
        if x > 0 else math.log(math.erfc(-x / math.sqrt(2)) / 2), 0),
    bessel.i0: (FAR, first_kind(0, 1), 0),
    bessel.i1: (FAR, first_kind(1, 1), 0),
    bessel.i0e: (FAR, exactly(lambda x: sum(powers(x, 0, 1)) * (-abs(x)).exp()), 0),
    bessel.i1e: (FAR, exactly(lambda x: sum(powers(x, 1, 1)) * (-abs(x)).exp()), 0),
    cylinder.j0: (FAR, first_kind(0, -1), 1),
    cylinder.j1: (FAR, first_kind(1, -1), 1),
    cylinder.y0: (POSITIVE, bessel_y(0), 1),
    cylinder.y1: (POSITIVE, bessel_y(1), 1),
    cylinder.k0: (POSITIVE, bessel_k(0, scaled=False), 0),
    cylinder.k1: (POSITIVE, bessel_k(1, scaled=False), 0),
    cylinder.k0e: (POSITIVE, bessel_k(0, scaled=True), 0),
    cylinder.k1e: (POSITIVE, bessel_k(1, scaled=True), 0),
    cylinder.spherical_j0: (FAR, lambda x: math.sin(x) / x, 0),
    cylinder.airy: (between(-15, 12), airy(slope=False), 1),
    cylinder.airy_slope: (between(-15, 12), airy(slope=True), 1),
}  # fmt: skip


def compare(kernel, twin, arrays, scale):
    """The kernel on arrays, and the twin on their numbers one by one."""
    dtype = arrays[0].dtype.type
    out = kernel(*arrays)
    assert out.dtype == dtype and out.shape == arrays[0].shape
    expected = np.empty(out.shape)
    for place in np.ndindex(*out.shape):
        expected[place] = twin(*(float(a[place]) for a in arrays))
    tolerance = RELATIVE[dtype]
    atol = tolerance * scale or SMALLEST[dtype]
    np.testing.assert_allclose(out, expected, rtol=tolerance, atol=atol)


shapes = st.sampled_from([(), (1,), (5,), (2, 3), (0, 2)])


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.__name__)
@given(shape=shapes, dtype=dtypes, layout=layouts, seed=seeds)
def test_functions_of_one_number(kernel, shape, dtype, layout, seed):
    where, twin, scale = KERNELS[kernel]
    x = where(draw_array(seed, shape, np.float64, layout)).astype(dtype)
    compare(kernel, twin, [np.asarray(x)], scale)


def test_probabilities_are_those_of_the_standard_library():
    x = np.linspace(-5, 5, 21)
    expected = [statistics.NormalDist().cdf(value) for value in x]
    np.testing.assert_allclose(normal.ndtr(x), expected, rtol=1e-12, atol=1e-15)


@given(st.sampled_from([0, 1, 2, 4]), dtypes, layouts, seeds)
def test_polygamma(n, dtype, layout, seed):
    x = spread(0.05, 50.0)(draw_array(seed, (2, 2), np.float64, layout)).astype(dtype)

    def twin(x):
        if n == 0:
            return digamma_sum(x)
        return (-1) ** (n + 1) * math.factorial(n) * zeta_sum(n + 1, x)

    compare(lambda x: gamma.polygamma(x, n), twin, [x], 0 if n else 1)


@given(dtypes, layouts, seeds)
def test_zeta(dtype, layout, seed):
    s = spread(1.05, 30.0)(draw_array(seed, (2, 2), np.float64, layout)).astype(dtype)
    q = spread(0.5, 40.0)(draw_array(seed + 1, (2, 2), np.float64)).astype(dtype)
    compare(gamma.zeta, zeta_sum, [s, q], 0)


@given(shapes, dtypes, layouts, seeds)
def test_incomplete_gamma(shape, dtype, layout, seed):
    a = np.asarray(spread(0.1, 30.0)(draw_array(seed, shape, np.float64, layout)), dtype)
    x = np.asarray(spread(0.1, 45.0)(draw_array(seed + 1, shape, np.float64)), dtype)
    compare(incomplete.igamma, exactly(lower_gamma), [a, x], 0)
    compare(incomplete.igammac, exactly(lambda a, x: 1 - lower_gamma(a, x)), [a, x], 1)


@given(seeds)
def test_airy_falls(seed):
    x = POSITIVE(draw_array(seed, (4,), np.float64)) / 4
    compare(cylinder.airy, airy(slope=False), [x], 0)
    compare(cylinder.airy_slope, airy(slope=True), [x], 0)


def test_far_away_sines_and_cosines_keep_their_phase():
    """The first term of 10.17.3, whose error is less than the next, 1 / (8 x)."""
    for x in (1e12, 3e15, 1e22, 1e300):
        size = 1 / math.sqrt(math.pi * x)
        rise, fall = size * (math.cos(x) + math.sin(x)), size * (math.cos(x) - math.sin(x))
        found = [k(np.array(x)) for k in (cylinder.j0, cylinder.j1, cylinder.y0, cylinder.y1)]
        np.testing.assert_allclose(found, [rise, -fall, -fall, -rise], rtol=0, atol=1e-12 * size)


# -- polynomials -----------------------------------------------------------------------------------


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=6), layouts, seeds)
def test_horner(coefficients, layout, seed):
    x = draw_array(seed, (2, 3), np.float64, layout)
    expected = sum(c * x**k for k, c in enumerate(coefficients))
    np.testing.assert_allclose(polynomial.polynomial(coefficients, x), expected, atol=1e-10)


def test_computing_in_double():
    seen = []

    @polynomial.in_double
    def ratio(x, y):
        seen.append((x.dtype, y.dtype))
        return x / y

    out = ratio(np.ones(2, np.float32), np.array([4, 0]))
    assert out.dtype == np.float32 and out.tolist() == [0.25, math.inf]
    assert seen == [(np.float64, np.float64)]


def coefficients_of(family, n):
    """Power -> coefficient, by the explicit sums of 18.5.10 to 18.5.13 and of 18.7."""
    c, f = math.comb, math.factorial
    half = range(n // 2 + 1)
    if family == "chebyshev_u":
        return {n - 2 * k: Fraction((-1) ** k * c(n - k, k) * 2 ** (n - 2 * k)) for k in half}
    if family.startswith("chebyshev"):
        above = coefficients_of("chebyshev_u", n)
        step, weight = {
            "chebyshev_t": (2, Fraction(-1)), "chebyshev_v": (1, Fraction(-1)),
            "chebyshev_w": (1, Fraction(1)),
        }[family]  # fmt: skip
        if n >= step:
            for power, value in coefficients_of("chebyshev_u", n - step).items():
                above[power] = above.get(power, 0) + weight * value
        if family == "chebyshev_t" and n:
            return {power: value / 2 for power, value in above.items()}
        return above
    if family == "hermite_h":
        return {n - 2 * k: Fraction((-1) ** k * f(n) * 2 ** (n - 2 * k), f(k) * f(n - 2 * k))
                for k in half}  # fmt: skip
    if family == "hermite_he":
        return {n - 2 * k: Fraction((-1) ** k * f(n), f(k) * f(n - 2 * k) * 2**k) for k in half}
    if family == "laguerre_l":
        return {k: Fraction((-1) ** k * c(n, k), f(k)) for k in range(n + 1)}
    return {n - 2 * k: Fraction((-1) ** k * c(n, k) * c(2 * n - 2 * k, n), 2**n) for k in half}


@pytest.mark.parametrize("family", orthogonal.STEPS)
@given(st.integers(0, 2), st.booleans(), dtypes, layouts, seeds)
def test_orthogonal_polynomials(family, derivative, shifted, dtype, layout, seed):
    x = between(-1.5, 1.5)(draw_array(seed, (3, 4), np.float64, layout)).astype(dtype)
    n = np.random.default_rng(seed).integers(-1, 12, (3, 4))
    name = ("shifted_" if shifted else "") + family
    out = orthogonal.polynomial(x, n, name, derivative)
    assert out.dtype == dtype
    for place in np.ndindex(3, 4):
        point = 2 * Fraction(float(x[place])) - 1 if shifted else Fraction(float(x[place]))
        terms = coefficients_of(family, int(n[place])) if n[place] >= 0 else {}
        parts = [
            value * math.perm(power, derivative) * point ** (power - derivative)
            for power, value in terms.items() if power >= derivative
        ]  # fmt: skip
        expected = float(sum(parts)) * (2**derivative if shifted else 1)
        size = float(sum(map(abs, parts))) * 2**derivative
        assert abs(out[place] - expected) <= (1e-13 if dtype == np.float64 else 1e-6) * (1 + size)
