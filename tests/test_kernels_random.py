"""Random numbers by counting: known answers, compiled equal to NumPy, and their statistics."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd import kernels
from autograd.kernels import choose
from autograd.kernels.compiled import jit
from autograd.kernels.compiled import random as compiled
from autograd.kernels.plain import random as plain

keys, starts = st.integers(0, 2**64 - 1), st.integers(0, 2**63)
counts = st.sampled_from([0, 1, 31, 32, 64, 65, 127, 1000])
dtypes = st.sampled_from([np.float32, np.float64])


def test_known_answers_of_philox():
    # From the tests of Salmon's own Random123, of a zero key and counter.
    words = plain.philox(0, np.zeros(1, np.uint64))
    assert [int(w[0]) for w in words] == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


@given(keys, starts, counts, dtypes)
def test_compiled_and_not_agree_to_the_bit(key, start, count, dtype):
    x = np.random.default_rng(0).normal(size=count).astype(dtype)
    for name, args in (("uniform", ((count,), dtype)), ("keep_mask", ((count,), 0.3))):
        first, second = (getattr(m, name)(key, start, *args) for m in (plain, compiled))
        assert first.dtype == second.dtype
        np.testing.assert_array_equal(first, second)
    dropped = compiled.drop(x, key, start, 0.3)
    np.testing.assert_array_equal(plain.drop(x, key, start, 0.3), dropped)
    mask = compiled.keep_mask(key, start, (count,), 0.3)
    np.testing.assert_array_equal(dropped, np.where(mask, x * dtype(1 / 0.7), 0))


@given(keys, starts, counts, dtypes)
def test_dropping_over_the_input_equals_a_drop(key, start, count, dtype):
    x = np.random.default_rng(0).normal(size=count).astype(dtype)
    expected = plain.drop(x, key, start, 0.3)
    apart = np.repeat(x[:, None], 2, 1)[:, 0]
    crooked = np.empty(x.nbytes + 1, np.uint8)[1:].view(dtype)
    crooked[:] = x
    whole = x.copy()
    plain.overwrite_by_drop(whole, key, start, 0.3)
    np.testing.assert_array_equal(whole, expected)
    for target in (x, apart, crooked):
        compiled.overwrite_by_drop(target, key, start, 0.3)
        np.testing.assert_array_equal(target, expected)


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_array_is_a_piece_of_the_stream(groups, count):
    whole = plain.words(5, 0, 4 * plain.LANES * groups + count)
    start = plain.LANES * groups
    np.testing.assert_array_equal(whole[4 * start :], plain.words(5, start, count))
    assert plain.counters(count) * 2 >= count


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
def test_threads_do_not_change_a_bit():
    results = []
    for threads in (1, 2):
        jit.set_num_threads(threads)
        results.append(compiled.uniform(3, 16, (100_001,), np.float32))
    assert results[0].tobytes() == results[1].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_and_not_correlated(dtype):
    n = 1 << 20
    x = compiled.uniform(1234, 0, (n,), dtype)
    assert x.min() >= 0 and x.max() < 1
    counts = np.bincount((x * 256).astype(int), minlength=256)
    chi = ((counts - n / 256) ** 2 / (n / 256)).sum()
    assert abs(chi - 255) < 5 * (2 * 255) ** 0.5
    z = (x.astype(np.float64) - 0.5) * 12**0.5
    next_key = compiled.uniform(1235, 0, (n,), dtype)
    for lag in (1, 2, 15, 16, 17, 32, 48, 64, 128):
        assert abs((z[:-lag] * z[lag:]).mean()) < 5 / n**0.5
    assert abs((z * (next_key - 0.5)).mean()) < 5 / n**0.5
    bits = compiled.keep_mask(1, 0, (n,), 0.25)
    assert abs(bits.mean() - 0.75) < 5 * (0.1875 / n) ** 0.5


def test_probabilities_at_the_ends_and_nan():
    x = np.array([1.0, np.nan, -2.0] * 50, np.float32)
    for family in (plain, compiled):
        np.testing.assert_array_equal(family.drop(x, 1, 0, 0.0), x)
        gone = family.drop(x, 1, 0, 1.0)
        assert np.isnan(gone[1]) and (gone[::3] == 0).all()


@pytest.mark.parametrize("shape", [(50,), (2, 3, 40, 50)])
def test_dropout_repeats_with_its_seed_whichever_kernels_are_used(shape):
    results = []
    for kind in ("plain", "compiled"):
        with choose.use(kind):
            ag.manual_seed(3)
            x = ag.ones(*shape, requires_grad=True)
            y = nn.functional.dropout(nn.functional.dropout(x, 0.25), 0.5)
            y.sum().backward()
            np.testing.assert_array_equal(x.grad.array, y.array)
            results.append(y.array)
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("shape", [(50,), (2, 3, 40, 50)])
def test_dropout_in_place_is_dropout(shape):
    results = []
    for inplace in (False, True):
        ag.manual_seed(3)
        x = ag.ones(*shape, requires_grad=True)
        hidden = (x * 2).relu_()
        before = hidden.array
        y = nn.functional.dropout(hidden, 0.25, inplace=inplace)
        assert (y.array is before) == inplace
        (y * y).sum().backward()
        results.append((y.array, x.grad.array))
    for ours, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_the_gradient_drops_the_same_elements_in_any_layout():
    x = ag.ones(2, 30, 4, 5, requires_grad=True)
    last = x.permute(0, 2, 3, 1).clone().permute(0, 3, 1, 2)
    y = nn.functional.dropout(last, 0.5)
    g = np.ascontiguousarray(np.ones((2, 4, 5, 30), np.float32)).transpose(0, 3, 1, 2)
    y.backward(ag.tensor(g))
    np.testing.assert_array_equal(x.grad.array, y.array)


def test_a_state_restores_both_streams():
    generator = ag.Generator().manual_seed(1)
    ag.rand(200, 200, generator=generator)
    state = generator.get_state()
    first = ag.rand(200, 200, generator=generator), ag.rand(3, generator=generator)
    generator.set_state(state)
    second = ag.rand(200, 200, generator=generator), ag.rand(3, generator=generator)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.array, b.array)
    assert kernels.random.counters(1) > 0
