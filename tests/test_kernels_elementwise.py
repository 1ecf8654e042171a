"""Compiled elementwise kernels against their NumPy twins, and the functions they are made of."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.kernels.compiled import activation, elementwise, jit, mathematics
from autograd.kernels.plain import activation as plain
from autograd.kernels.plain import elementwise as plain_elementwise

RTOL = {np.float32: 1e-6, np.float64: 1e-12}
# Where both subtract nearly equal numbers and multiply by large ones.
ATOL = {np.float32: 1e-5, np.float64: 1e-12}
SPECIAL = [0.0, -0.0, 1.0, -1.0, math.inf, -math.inf, math.nan, 1e-30, -50.0, 50.0]

ONE = [
    ("relu", ()), ("leaky_relu", (0.25,)), ("elu", (1.5,)), ("sigmoid", ()), ("tanh", ()),
    ("silu", ()), ("softplus", ()), ("gelu", ("none",)), ("gelu", ("tanh",)),
]  # fmt: skip
TWO = [
    ("relu_gradient", ()), ("leaky_relu_gradient", (0.25,)), ("elu_gradient", (1.5,)),
    ("sigmoid_gradient", ()), ("tanh_gradient", ()), ("silu_gradient", ()),
    ("gelu_gradient", ("none",)), ("gelu_gradient", ("tanh",)),
]  # fmt: skip

dtypes = st.sampled_from([np.float32, np.float64])
shapes = st.sampled_from([(), (0,), (1,), (37,), (3, 0, 2), (2, 3, 5, 7), (1, 130)])


def draw(seed, shape, dtype, axes=None):
    """Numbers of size 3 or so, in memory of another order of axes if asked for."""
    x = np.asarray(np.random.default_rng(seed).normal(size=shape) * 3, dtype)
    if axes and x.ndim == 4:
        back = np.argsort(axes)
        x = np.ascontiguousarray(x.transpose(axes)).transpose(back)
    return x


def close(actual, expected, dtype):
    assert actual.dtype == dtype and actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=RTOL[dtype], atol=ATOL[dtype])


@pytest.mark.parametrize(("name", "options"), ONE)
@given(shapes, dtypes, st.sampled_from([None, (0, 2, 3, 1)]), st.integers(0, 99))
def test_functions_equal_their_twins(name, options, shape, dtype, axes, seed):
    x = draw(seed, shape, dtype, axes)
    out = getattr(activation, name)(x, *options)
    close(out, np.asarray(getattr(plain, name)(x, *options)), dtype)
    if x.size > 1:
        assert out.strides == x.strides


@given(shapes, dtypes, st.sampled_from([None, (0, 2, 3, 1)]), st.integers(0, 99))
def test_relu_over_its_input_equals_relu(shape, dtype, axes, seed):
    x = draw(seed, shape, dtype, axes)
    for change in (activation.overwrite_by_relu, plain.overwrite_by_relu):
        for target in (x.copy(order="K"), np.repeat(x[..., None], 2, -1)[..., 0]):  # with gaps
            expected = activation.relu(target)
            change(target)
            np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize(("name", "options"), TWO)
@given(shapes, dtypes, st.sampled_from([None, (0, 2, 3, 1)]), st.integers(0, 99))
def test_gradients_equal_their_twins(name, options, shape, dtype, axes, seed):
    g, x = draw(seed, shape, dtype), draw(seed + 1, shape, dtype, axes)
    out = getattr(activation, name)(g, x, *options)
    close(out, np.asarray(getattr(plain, name)(g, x, *options)), dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_infinities_and_nan_are_what_they_are_in_numpy(dtype):
    x = np.array(SPECIAL, dtype)
    with np.errstate(all="ignore"):
        for name, options in ONE:
            close(getattr(activation, name)(x, *options), getattr(plain, name)(x, *options), dtype)
        for name, options in TWO:
            g = np.ones_like(x)
            actual = getattr(activation, name)(g, x, *options)
            close(actual, getattr(plain, name)(g, x, *options), dtype)


@given(shapes, dtypes, st.sampled_from([None, (0, 2, 3, 1)]), st.integers(0, 99))
def test_arithmetic_is_exactly_numpys(shape, dtype, axes, seed):
    x, y = draw(seed, shape, dtype, (0, 2, 3, 1)), draw(seed + 1, shape, dtype, axes)
    for name in ("add", "sub", "mul"):
        expected = getattr(plain_elementwise, name)(x, y)
        np.testing.assert_array_equal(getattr(elementwise, name)(x, y), expected)
        for number in (3, -0.1):
            expected = getattr(plain_elementwise, name)(x, number)
            found = getattr(elementwise, name)(x, number)
            np.testing.assert_array_equal(found, expected)
            assert (found.dtype, found.strides) == (expected.dtype, expected.strides)
    for total in (x.copy(), x.copy(order="K"), np.repeat(x[..., None], 2, -1)[..., 0]):
        expected = total + y
        elementwise.accumulate(total, y)
        np.testing.assert_array_equal(total, expected)


@pytest.mark.parametrize("index", [
    (slice(None, None, 2),), (slice(None), slice(None, None, -1)), (None, ..., None, slice(1, 3)),
])  # fmt: skip
def test_arithmetic_of_parts_and_of_broadcast_arrays(index):
    whole = draw(0, (4, 5, 6), np.float32).transpose(1, 2, 0)
    for x in (whole[index], np.broadcast_to(whole[0, index[-1]], (3, *whole[0, index[-1]].shape))):
        y = np.arange(x.size, dtype=np.float32).reshape(x.shape)
        np.testing.assert_array_equal(elementwise.add(x, y), x + y)
        np.testing.assert_array_equal(elementwise.sub(y, x), y - x)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
def test_threads_do_not_change_a_bit():
    g, x = draw(1, (100_003,), np.float32), draw(2, (100_003,), np.float32)
    results = []
    for threads in (1, 2):
        jit.set_num_threads(threads)
        results.append([
            activation.gelu(x, "none"), activation.gelu_gradient(g, x, "none"),
            elementwise.mul(g, x),
        ])  # fmt: skip
    for first, second in zip(*results, strict=True):
        assert first.tobytes() == second.tobytes()


# -- the functions they are made of ----------------------------------------------------------------

REFERENCE = {
    "erf": (np.vectorize(math.erf), (-5, 5)),
    "log": (np.log, (1e-20, 9)),
    "log1p": (np.log1p, (-0.999, 4)),
    "expm1": (np.expm1, (-20, 20)),
    "softplus": (lambda x: np.logaddexp(0, x), (-40, 40)),
}
FUNCTIONS = [getattr(mathematics, name) for name in REFERENCE]
erf, log, log1p, expm1, softplus = FUNCTIONS


@numba.njit(cache=False, error_model="numpy")
def all_of(x, out):
    for i in range(x.size):
        out[0, i], out[1, i], out[2, i] = erf(x[i]), log(x[i]), log1p(x[i])
        out[3, i], out[4, i] = expm1(x[i]), softplus(x[i])


def test_functions_of_float32_are_off_by_three_units_in_the_last_place_at_most():
    rng = np.random.default_rng(0)
    for row, (name, (reference, interval)) in enumerate(REFERENCE.items()):
        x = rng.uniform(*interval, 20_000).astype(np.float32)
        x[:1000] *= np.float32(1e-4)
        if name == "log":
            x[-1000:] = 1 + rng.normal(size=1000) * 1e-2
        out = np.empty((5, x.size), np.float32)
        all_of(x, out)
        expected = reference(x.astype(np.float64))
        units = np.abs(out[row] - expected) / np.spacing(np.abs(expected.astype(np.float32)))
        assert units.max() < 3, name


@numba.njit(cache=False, error_model="numpy")
def all_quick_tanh(x, out):
    for i in range(x.size):
        out[i] = mathematics.quick_tanh(x[i])


def test_quick_tanh_of_float32_is_off_by_six_units_at_most_and_never_beyond_one():
    x = np.concatenate([np.linspace(-10, 10, 100_001), np.logspace(-40, 1, 20_001)])
    x = np.append(x, [np.inf, -np.inf, np.nan]).astype(np.float32)
    out = np.empty_like(x)
    all_quick_tanh(x, out)
    expected = np.tanh(x.astype(np.float64))
    units = np.abs(out - expected) / np.spacing(np.abs(expected.astype(np.float32)))
    assert np.nanmax(units) < 6 and np.nanmax(np.abs(out)) == 1
    np.testing.assert_array_equal(np.isnan(out), np.isnan(expected))


def test_functions_of_infinities_nan_and_zero():
    x = np.array([*SPECIAL, -2.0, 1e-40], np.float32)
    out = np.empty((5, x.size), np.float32)
    all_of(x, out)
    with np.errstate(all="ignore"):
        for row, (reference, _) in zip(out, REFERENCE.values(), strict=True):
            np.testing.assert_allclose(row, reference(x.astype(np.float64)), rtol=1e-6, atol=1e-37)
