"""Elementwise operations against PyTorch: values, dtypes, first and second derivatives."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sides import SIDES, agree, same  # noqa: E402

import autograd as ag  # noqa: E402
from autograd.errors import DtypeError  # noqa: E402

inf, nan = math.inf, math.nan


# -- one operand -----------------------------------------------------------------------------------

EVERYWHERE = [-1e4, -30.0, -2.5, -1.0, -0.3, -1e-9, 1e-9, 0.3, 0.5, 1.0, 2.5, 30.0, 1e4]
MODERATE = [-5.0, -1.5, -0.3, 1e-6, 0.3, 1.0, 1.5, 5.0]
POSITIVE = [1e-9, 0.1, 0.5, 1.0, 2.0, 700.0]
WITHIN_ONE = [-0.99, -0.5, -1e-9, 1e-9, 0.5, 0.99]
SMOOTH = {
    "neg": EVERYWHERE, "negative": EVERYWHERE, "positive": EVERYWHERE, "abs": EVERYWHERE,
    "absolute": EVERYWHERE, "square": EVERYWHERE, "sign": EVERYWHERE, "sgn": EVERYWHERE,
    "floor": EVERYWHERE, "ceil": EVERYWHERE, "trunc": EVERYWHERE, "fix": EVERYWHERE,
    "round": EVERYWHERE, "frac": EVERYWHERE, "reciprocal": POSITIVE, "nan_to_num": EVERYWHERE,
    "exp": MODERATE, "exp2": MODERATE, "expm1": MODERATE, "sigmoid": EVERYWHERE,
    "log": POSITIVE, "log2": POSITIVE, "log10": POSITIVE, "log1p": POSITIVE,
    "logit": [0.01, 0.3, 0.99], "sqrt": POSITIVE[1:], "rsqrt": POSITIVE[1:],
    "erf": MODERATE, "erfc": MODERATE, "sin": MODERATE, "cos": MODERATE, "tan": MODERATE,
    "sinc": [-2.5, -0.3, 0.4, 1.0], "asin": WITHIN_ONE, "arcsin": WITHIN_ONE, "acos": WITHIN_ONE,
    "arccos": WITHIN_ONE, "atan": EVERYWHERE, "arctan": EVERYWHERE, "sinh": MODERATE,
    "cosh": MODERATE, "tanh": EVERYWHERE, "asinh": MODERATE, "arcsinh": MODERATE,
    "acosh": [1.1, 2.0, 50.0], "arccosh": [1.1, 2.0, 50.0], "atanh": WITHIN_ONE,
    "arctanh": WITHIN_ONE, "deg2rad": EVERYWHERE, "rad2deg": EVERYWHERE,
}  # fmt: skip


@pytest.mark.parametrize("name", list(SMOOTH))
def test_one_operand(name):
    agree(lambda lib, x: getattr(lib, name)(x), SMOOTH[name])
    agree(lambda lib, x: getattr(x, name)(), SMOOTH[name][-1])
    agree(lambda lib, x: getattr(lib, name)(x), np.zeros((2, 0)))


SINGULAR = [-inf, -1.0, 0.0, 1.0, inf, nan]


@pytest.mark.parametrize("name", list(SMOOTH))
def test_one_operand_at_its_edges(name):
    """Infinities, poles and nan: the same answer and gradient, and no warning."""
    # PyTorch's sign of nan is 0; here it is nan, as for NumPy, and so is the gradient of abs.
    values = SINGULAR[:-1] if name in ("sign", "sgn", "abs", "absolute") else SINGULAR
    agree(lambda lib, x: getattr(lib, name)(x), values, second=False)


def test_sign_of_nan():
    assert math.isnan(ag.tensor(nan).sign())


@pytest.mark.parametrize("name", sorted(set(SMOOTH) - {"nan_to_num"}))
def test_one_operand_float32(name):
    values = np.float32(SMOOTH[name])
    mine, reference = (
        getattr(ag, name)(ag.tensor(values)),
        getattr(torch, name)(torch.tensor(values)),
    )
    same(mine, reference, 1e-5)


KEEPS_INTEGERS = ("neg", "abs", "square", "sign", "floor", "ceil", "trunc", "round", "positive")


@pytest.mark.parametrize(
    "name", [*KEEPS_INTEGERS, "exp", "sqrt", "sin", "sigmoid", "reciprocal", "erf"]
)
@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_one_integer_operand(name, dtype):
    values = np.array([1, 2, 4], dtype)
    same(getattr(ag, name)(ag.tensor(values)), getattr(torch, name)(torch.tensor(values)), 1e-6)


def test_logit_with_eps():
    agree(lambda lib, x: lib.logit(x, eps=0.1), [0.05, 0.3, 0.95])
    agree(lambda lib, x: lib.logit(x, eps=0.1), [0.0, 1.0], second=False)


def test_round_to_decimals():
    agree(lambda lib, x: lib.round(x, decimals=2), [1.234, 1.235, -0.5])


def test_nan_to_num():
    agree(lambda lib, x: lib.nan_to_num(x, nan=2.0, posinf=7.0, neginf=-7.0), SINGULAR)


def test_erf_to_the_last_digits():
    x = np.concatenate([np.linspace(-7, 7, 2001), np.linspace(8, 26, 50), [1e-300, 1e-20, 30.0]])
    for mine, exact in ((ag.erf, math.erf), (ag.erfc, math.erfc)):
        values = np.array([exact(v) for v in x])
        np.testing.assert_allclose(mine(ag.tensor(x)).numpy(), values, rtol=2e-15, atol=0)


# -- two operands ----------------------------------------------------------------------------------

FIRST, SECOND = [[-2.5, -1.0, 0.7], [1.0, 2.0, 3.5]], [1.5, 1.0, 0.7]
BINARY = (
    "add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "remainder",
    "fmod", "floor_divide", "maximum", "minimum", "fmax", "fmin", "hypot", "atan2", "arctan2",
    "logaddexp", "logaddexp2", "xlogy", "rsub",
)  # fmt: skip


@pytest.mark.parametrize("name", BINARY)
def test_two_operands(name):
    if name == "floor_divide":  # PyTorch has no gradient for it, here it is zero
        same(ag.floor_divide(ag.tensor(FIRST), 2), torch.floor_divide(torch.tensor(FIRST), 2))
        return
    agree(lambda lib, x, y: getattr(lib, name)(x, y), FIRST, SECOND)
    agree(lambda lib, x, y: getattr(lib, name)(x, y), np.abs(FIRST), np.reshape(SECOND, (3, 1, 1)))
    agree(lambda lib, x, y: getattr(lib, name)(x, y), 2.0, 3.0)
    agree(lambda lib, x, y: getattr(lib, name)(x, y), np.ones((0, 2)), np.ones(2))


PAIRS = np.array(list(itertools.product([-inf, -1.0, 0.0, 2.0, inf, nan], repeat=2))).T


@pytest.mark.parametrize("name", [name for name in BINARY if name not in ("floor_divide",)])
def test_two_operands_at_their_edges(name):
    with np.errstate(all="ignore"):
        agree(lambda lib, x, y: getattr(lib, name)(x, y), *PAIRS, second=False)


OPERANDS = {
    "float32": np.float32([1.5, 2.0]), "float64": np.array([1.5, 2.0]), "int64": np.array([1, 2]),
    "int32": np.array([1, 2], np.int32), "uint8": np.array([1, 2], np.uint8),
    "bool": np.array([True, True]), "float32 0-d": np.array(1.5, np.float32),
    "float64 0-d": np.array(1.5), "int64 0-d": np.array(3), "int": 2, "float": 2.5, "True": True,
}  # fmt: skip


def on(tensor, operand):
    return tensor(operand) if isinstance(operand, np.ndarray) else operand


@pytest.mark.parametrize(
    "name", ["add", "mul", "div", "remainder", "maximum", "floor_divide", "atan2"]
)
@pytest.mark.parametrize(("first", "second"), list(itertools.product(OPERANDS, OPERANDS)))
def test_promotion(name, first, second):
    a, b = OPERANDS[first], OPERANDS[second]
    if not isinstance(a, np.ndarray):
        return
    if name in ("maximum", "atan2") and not isinstance(b, np.ndarray):
        return
    try:
        reference = getattr(torch, name)(torch.tensor(a), on(torch.tensor, b))
    except RuntimeError:  # what PyTorch lacks for bools
        return
    same(getattr(ag, name)(ag.tensor(a), on(ag.tensor, b)), reference, 1e-6)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(OPERANDS, OPERANDS)))
def test_promotion_of_operators(first, second):
    a, b = OPERANDS[first], OPERANDS[second]
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        for symbol in ("+", "*", "/", "<"):
            values = [
                eval(f"a {symbol} b", {"a": on(tensor, a), "b": on(tensor, b)})
                for _, tensor, _ in SIDES
            ]
            same(*values, 1e-6)


def test_alpha_and_rounding_mode():
    agree(lambda lib, x, y: lib.add(x, y, alpha=-2.5), FIRST, SECOND)
    agree(lambda lib, x, y: lib.sub(x, y, alpha=0.5), FIRST, SECOND)
    agree(lambda lib, x, y: lib.rsub(x, y, alpha=0.5), FIRST, SECOND)
    for mode in ("floor", "trunc"):
        agree(lambda lib, x, y, m=mode: lib.div(x, y, rounding_mode=m), FIRST, SECOND)
        a, b = np.array([7, -7, 7, -7]), np.array([2, 2, -2, -2])
        same(*[lib.div(tensor(a), tensor(b), rounding_mode=mode) for lib, tensor, _ in SIDES])
    with pytest.raises(ValueError, match="rounding_mode"):
        ag.div(ag.ones(1), 2, rounding_mode="up")


@pytest.mark.parametrize("name", ["remainder", "fmod", "floor_divide"])
def test_integers_are_not_divided_by_zero(name):
    with pytest.raises(ZeroDivisionError):
        getattr(ag, name)(ag.tensor([1, 2]), ag.tensor([1, 0]))
    a, b = np.array([7, -7, 7, -7]), np.array([2, 2, -2, -2])
    same(*[getattr(lib, name)(tensor(a), tensor(b)) for lib, tensor, _ in SIDES])


# -- powers ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, -1, 0.5, -0.5, 2.5, 0.0, 1.0, 2.0, -2])
def test_power_with_a_number(exponent):
    agree(lambda lib, x: x**exponent, [0.3, 1.0, 2.5])
    agree(lambda lib, x: x**exponent, [-1.5, -1.0, 0.0, 2.0, inf, nan], second=False)
    # PyTorch's second derivative of 0 ** x is nan.
    agree(lambda lib, x: abs(exponent) ** x, [0.5, 1.0, 2.5], second=exponent != 0)


def test_power_at_zero():
    bases, exponents = [0.0, 0.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, 0.5, 0.0]
    agree(lambda lib, x, y: lib.pow(x, y), bases, exponents, second=False)
    agree(lambda lib, x: x**0, [0.0, 1.0])
    agree(lambda lib, x: x**1, [0.0, 1.0])
    agree(lambda lib, x: x**2, [0.0, 1.0])
    agree(lambda lib, x: x**3, [0.0, -1.0])


def test_power_of_tensors():
    agree(lambda lib, x, y: x**y, [[0.5], [2.0]], [1.5, -0.5, 2.0])
    x = ag.tensor([-2.0, -3.0], requires_grad=True)
    (x ** ag.tensor([2.0, 3.0])).sum().backward()
    assert x.grad.tolist() == [-4.0, 27.0]


def test_power_of_integers():
    same(*[lib.pow(tensor([2, 3]), 3) for lib, tensor, _ in SIDES])
    same(*[lib.pow(2, tensor([2, 3])) for lib, tensor, _ in SIDES])
    with pytest.raises(DtypeError, match="negative power"):
        ag.pow(ag.tensor([2, 3]), -1)


# -- limits, interpolation -------------------------------------------------------------------------

LIMITS = [(-1.0, 1.0), (None, 0.5), (-0.5, None), (1.0, -1.0), (0, 1)]


@pytest.mark.parametrize(("low", "high"), LIMITS)
@pytest.mark.parametrize("name", ["clamp", "clip"])
def test_clamp_to_numbers(name, low, high):
    values = [-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0]
    agree(lambda lib, x: getattr(lib, name)(x, low, high), values)
    agree(lambda lib, x: getattr(lib, name)(x, low, high), [nan, inf, -inf], second=False)


def test_clamp_to_tensors():
    x, low, high = [-2.0, -1.0, 0.0, 1.0, 2.0, 0.5], [-1.0] * 5 + [2.0], [1.0] * 5 + [0.0]
    agree(lambda lib, x, a, b: lib.clamp(x, a, b), x, low, high)
    agree(lambda lib, x, a: lib.clamp(x, min=a), x, -0.5)
    agree(lambda lib, x, b: lib.clamp(x, max=b), x, [[-0.5], [0.5]])
    agree(lambda lib, x, a: lib.clamp_min(x, a), x, low)
    agree(lambda lib, x, a: lib.clamp_max(x, a), x, low)
    with pytest.raises(TypeError, match="min or max"):
        ag.clamp(ag.ones(1))


def test_clamp_promotes():
    for low in (0, 0.5):
        same(*[tensor([1, 2, -3]).clamp(min=low) for _, tensor, _ in SIDES])


def test_lerp_addcmul_addcdiv():
    end, weight = [1.0, -2.0, 5.0], [[0.2], [0.5]]
    agree(lambda lib, x, y, w: lib.lerp(x, y, w), FIRST, end, weight)
    agree(lambda lib, x, y: lib.lerp(x, y, 0.75), FIRST, end)
    for name in ("addcmul", "addcdiv"):
        agree(lambda lib, x, y, z, n=name: getattr(lib, n)(x, y, z, value=-0.5), FIRST, end, weight)
    with pytest.raises(DtypeError, match="one dtype"):
        ag.lerp(ag.ones(2), ag.ones(2, dtype=ag.float64), 0.5)


# -- comparisons and logic -------------------------------------------------------------------------

COMPARISONS = (
    "eq", "ne", "lt", "le", "gt", "ge", "not_equal", "less", "less_equal", "greater",
    "greater_equal", "logical_and", "logical_or", "logical_xor",
)  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons(name):
    same(*[getattr(lib, name)(tensor(PAIRS[0]), tensor(PAIRS[1])) for lib, tensor, _ in SIDES])
    same(*[getattr(lib, name)(tensor([1, 2]), tensor([1.0, 2.5])) for lib, tensor, _ in SIDES])


@pytest.mark.parametrize("name", ["isnan", "isinf", "isfinite", "logical_not"])
def test_special_values(name):
    same(*[getattr(lib, name)(tensor(SINGULAR)) for lib, tensor, _ in SIDES])
    same(*[getattr(lib, name)(tensor([0, 1])) for lib, tensor, _ in SIDES])


BITS = ("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift")


@pytest.mark.parametrize("name", BITS)
def test_bits(name):
    for a, b in (([5, -6], [3, 1]), ([7], 2)):
        same(*[getattr(lib, name)(tensor(a), on(tensor, np.array(b))) for lib, tensor, _ in SIDES])
    with pytest.raises(DtypeError, match="integers or bools"):
        getattr(ag, name)(ag.ones(2), ag.ones(2))


def test_bits_of_bools():
    same(*[~tensor([True, False]) for _, tensor, _ in SIDES])
    same(*[~tensor([5, -6]) for _, tensor, _ in SIDES])
    same(*[tensor([True, False]) & tensor([True, True]) for _, tensor, _ in SIDES])
    same(*[tensor([True, False]) & 1 for _, tensor, _ in SIDES])


def test_closeness():
    a, b = [1.0, 2.0, nan, inf], [1.0 + 1e-7, 2.1, nan, inf]
    for equal_nan in (False, True):
        options = {"rtol": 1e-5, "atol": 1e-8, "equal_nan": equal_nan}
        same(*[lib.isclose(tensor(a), tensor(b), **options) for lib, tensor, _ in SIDES])
    assert ag.allclose(ag.ones(2), ag.ones(2)) is True
    assert ag.allclose(ag.ones(2), ag.zeros(2)) is False
    assert ag.equal(ag.ones(2), ag.ones(2)) is True
    assert ag.equal(ag.ones(2), ag.ones(1)) is False
    same(*[lib.isin(tensor([1, 2, 3]), tensor([2]), invert=True) for lib, tensor, _ in SIDES])


def test_where():
    mask = np.array([[True], [False]])
    agree(lambda lib, x, y: lib.where(on(SIDES[lib is torch][1], mask), x, y), FIRST, SECOND)
    agree(lambda lib, x: lib.where(x > 0, x, 1.5), FIRST)
    agree(lambda lib, x: lib.where(x > 0, -1.0, x), FIRST)
    agree(lambda lib, x: x.where(x > 0, 0.0), FIRST)
    for mine, reference in zip(*[lib.where(tensor(mask)) for lib, tensor, _ in SIDES], strict=True):
        same(mine, reference)
    with pytest.raises(DtypeError, match="bool"):
        ag.where(ag.ones(2), 1.0, 2.0)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(OPERANDS, OPERANDS)))
def test_where_promotes(first, second):
    mask, a, b = np.array([True, False]), OPERANDS[first], OPERANDS[second]
    same(*[lib.where(tensor(mask), on(tensor, a), on(tensor, b)) for lib, tensor, _ in SIDES])


def test_masked_fill():
    def filled(lib, x, value=-1.5):
        return x.masked_fill(x > 0, value)

    agree(filled, FIRST)
    agree(filled, FIRST, 2.0)
    agree(lambda lib, x: x.masked_fill(x > 0, -inf).exp(), FIRST)
    agree(lambda lib, x: (x * 2).masked_fill_(x > 0, 3.0) * x, FIRST)
    with pytest.raises(DtypeError, match="bool"):
        ag.ones(2).masked_fill(ag.ones(2), 1.0)
    with pytest.raises(DtypeError, match=r"1\.5"):
        ag.tensor([1, 2]).masked_fill(ag.tensor([True, False]), 1.5)
