"""The compiled kernels of recurrent layers against their NumPy twins."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import dtypes, seeds

from autograd.kernels.compiled import recurrent as compiled
from autograd.kernels.compiled.jit import get_num_threads, set_num_threads
from autograd.kernels.plain import recurrent as plain

KINDS = {"lstm": 4, "projected": 4, "gru": 3, "tanh": 1, "relu": 1}  # and how many gates
TOLERANCE = {np.float32: 2e-4, np.float64: 1e-11}

lengths = st.one_of(
    st.lists(st.integers(1, 5), min_size=1, max_size=4).map(
        lambda sizes: tuple(sorted(sizes, reverse=True))
    ),
    st.tuples(st.integers(1, 4), st.sampled_from([1, 2, 15, 33])).map(
        lambda shape: (shape[1],) * shape[0]
    ),
)
widths = st.sampled_from([1, 3, 16, 40])
orders = st.sampled_from([(False,), (True,), (False, True)])  # the directions


def per_direction(kind, arrays):
    """The inputs as kernels take them: x, the states, and a tuple of weights a direction."""
    x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr = arrays
    several = {"lstm": (b_ih, w_hr), "projected": (b_ih, w_hr), "gru": (b_ih, b_hh)}
    weights = [w_ih, w_hh, *several.get(kind, (b_ih,))]
    states = (h, c) if kind in ("lstm", "projected") else (h,)
    mine = [[None if w is None else w[d] for w in weights] for d in range(len(h))]
    return x, states, mine


def layer(module, kind, arrays, sizes, reverse):
    """The forward pass."""
    x, states, weights = per_direction(kind, arrays)
    if kind in ("lstm", "projected"):
        return module.lstm(x, *states, weights, sizes, reverse)
    if kind == "gru":
        return module.gru(x, *states, weights, sizes, reverse)
    return module.rnn(x, *states, weights, kind, sizes, reverse)


def gradients(module, kind, g, arrays, outs, sizes, reverse, **options):
    """The gradients of all inputs, from what a forward pass left, in one list."""
    x, states, weights = per_direction(kind, arrays)
    output, *others = outs
    kept = others[len(states) :]
    inputs = *g[: 1 + len(states)], x, *states, weights, output
    order = sizes, reverse
    if kind in ("lstm", "projected"):
        found = module.lstm_gradient(*inputs, *kept, *order, **options)
    elif kind == "gru":
        found = module.gru_gradient(*inputs, *kept, *order, **options)
    else:
        found = module.rnn_gradient(*inputs, kind, *order, **options)
    *first, of_weights = found
    return [*first, *(d for mine in of_weights for d in mine)]


def draw(seed, kind, sizes, width, hidden, dtype, biased=True, directions=1):
    """The inputs of a layer, and gradients of its outputs whose rows are not contiguous."""
    rng = np.random.default_rng(seed)
    rows, batch, gates = sum(sizes), sizes[0], KINDS[kind]
    shown = max(1, hidden // 2) if kind == "projected" else hidden

    def normal(*shape):
        return (rng.normal(size=shape) / np.sqrt(shape[-1])).astype(dtype)

    def each(*shape):
        return normal(directions, *shape)

    arrays = [
        normal(width, rows).T, each(batch, shown), each(batch, hidden),
        each(gates * hidden, width), each(gates * hidden, shown),
        each(gates * hidden) if biased else None, each(gates * hidden) if biased else None,
        each(shown, hidden) if kind == "projected" else None,
    ]  # fmt: skip
    both = directions * shown
    g = normal(rows, 2 * both)[:, both:], each(batch, shown), each(batch, hidden)
    return arrays, g


def compare(found, expected, dtype):
    for actual, wanted in zip(found, expected, strict=True):
        if wanted is None:
            assert actual is None
            continue
        assert actual.dtype == dtype and actual.shape == wanted.shape
        scale = max(1, np.abs(wanted).max(initial=0))
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("kind", KINDS)
@given(seed=seeds, sizes=lengths, width=widths, hidden=widths, dtype=dtypes,
       biased=st.booleans(), reverse=orders)  # fmt: skip
@settings(max_examples=15)
def test_as_the_twin(kind, seed, sizes, width, hidden, dtype, biased, reverse):
    arrays, g = draw(seed, kind, sizes, width, hidden, dtype, biased, len(reverse))
    outs = layer(plain, kind, arrays, sizes, reverse)
    compare(layer(compiled, kind, arrays, sizes, reverse), outs, dtype)
    expected = gradients(plain, kind, g, arrays, outs, sizes, reverse)
    compare(gradients(compiled, kind, g, arrays, outs, sizes, reverse), expected, dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(9,) * 3, (30, 8, 1), (1, 1)], ids=["equal", "packed", "one"])
@pytest.mark.parametrize("reverse", [(True,), (False, True)], ids=["alone", "both"])
def test_threads_do_not_change_a_bit(kind, sizes, reverse):
    arrays, g = draw(0, kind, sizes, 65, 72, np.float32, directions=len(reverse))

    def run():
        outs = layer(compiled, kind, arrays, sizes, reverse)
        return *outs, *gradients(compiled, kind, g, arrays, outs, sizes, reverse)

    before = get_num_threads()
    try:
        results = []
        for threads in (1, before):
            set_num_threads(threads)
            results.append(run())
    finally:
        set_num_threads(before)
    for one, more in zip(*results, strict=True):
        np.testing.assert_array_equal(one, more)


@pytest.mark.parametrize("module", [plain, compiled], ids=["plain", "compiled"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_nan_and_infinity_stay_in_their_sequence(module, kind, value):
    arrays, _ = draw(1, kind, (3,) * 3, 5, 20, np.float32)
    sane = layer(module, kind, arrays, (3,) * 3, (False,))[0]
    arrays[0][4, 2] = value  # of sequence 1, at step 1
    with np.errstate(invalid="ignore", over="ignore"):
        output = layer(module, kind, arrays, (3,) * 3, (False,))[0]
        expected = layer(plain, kind, arrays, (3,) * 3, (False,))[0]
    hit = [4, 7]
    others = [row for row in range(9) if row not in hit]
    np.testing.assert_array_equal(output[others], sane[others])
    if np.isnan(value):
        assert np.isnan(output[hit]).all()
    else:
        np.testing.assert_allclose(output, expected, rtol=2e-4, atol=2e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sizes", [(20,), (20,) * 3, (20, 7)], ids=["one", "equal", "packed"])
@pytest.mark.parametrize("back", [False, True])
@pytest.mark.parametrize("value", [0, np.nan])
def test_zeros_to_start_from_add_numbers_only(kind, sizes, back, value):
    arrays, g = draw(4, kind, sizes, 5, 20, np.float32)
    arrays[1][:], arrays[2][:] = 0, 0
    g[0][-1 if back else 0] += value  # in the first step that is taken
    outs = layer(plain, kind, arrays, sizes, (back,))
    expected = gradients(plain, kind, g, arrays, outs, sizes, (back,))
    compare(gradients(compiled, kind, g, arrays, outs, sizes, (back,)), expected, np.float32)


@pytest.mark.parametrize("module", [plain, compiled], ids=["plain", "compiled"])
@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_needed(module, kind):
    sizes = (3, 2)
    arrays, g = draw(2, kind, sizes, 3, 4, np.float64)
    outs = layer(module, kind, arrays, sizes, (False,))
    run = functools.partial(gradients, module, kind, g, arrays, outs, sizes, (False,))
    everything = run()
    for chosen in range(len(everything)):
        found = run(needs=tuple(k == chosen for k in range(len(everything))))
        if everything[chosen] is not None:
            np.testing.assert_array_equal(found[chosen], everything[chosen])


@pytest.mark.parametrize("kind", KINDS)
def test_no_sequences(kind):
    arrays, g = draw(3, kind, (0, 0), 3, 4, np.float32)
    outs = layer(plain, kind, arrays, (0, 0), (False,))
    compare(layer(compiled, kind, arrays, (0, 0), (False,)), outs, np.float32)
    expected = gradients(plain, kind, g, arrays, outs, (0, 0), (False,))
    compare(gradients(compiled, kind, g, arrays, outs, (0, 0), (False,)), expected, np.float32)
