"""Compiled updates of whole groups of parameters against the NumPy updates, one at a time."""

from __future__ import annotations

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
import optim
from autograd.kernels import choose
from autograd.kernels.compiled import jit
from autograd.kernels.compiled import step as compiled

SHAPES = [(3, 4), (), (0,), (17,), (1, 9000)]
ADAM = {"lr": 0.1, "betas": (0.8, 0.7), "eps": 1e-3}
OPTIMISERS = [
    *((optim.SGD, {"lr": 0.1, "momentum": m, "dampening": d, "nesterov": n})
      for m, d, n in [(0, 0, False), (0.9, 0, False), (0.9, 0.3, False), (0.9, 0, True)]),
    *((optim.Adam, {**ADAM, "amsgrad": a, "decoupled_weight_decay": d})
      for a, d in itertools.product([False, True], repeat=2)),
    *((optim.RMSprop, {"lr": 0.1, "momentum": m, "centered": c, "eps": 1e-3})
      for m, c in itertools.product([0, 0.9], [False, True])),
    (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.2, "eps": 1e-3}),
]  # fmt: skip


def trained(kind, make, options, dtype, seed, steps=4, shapes=SHAPES, special=False):
    """Parameters and state after some steps by kernels of a kind."""
    rng = np.random.default_rng(seed)
    params = [ag.tensor(np.asarray(rng.normal(size=s), dtype), requires_grad=True) for s in shapes]
    optimizer = make(params, **options)
    with choose.use(kind):
        for step in range(steps):
            for i, p in enumerate(params):
                g = np.asarray(rng.normal(size=p.shape), dtype)
                if special and g.size > 5:
                    g.flat[:3] = np.nan, np.inf, -np.inf
                # Counts of steps differ: the second parameter has no gradient at first.
                p.grad = ag.tensor(g) if i != 1 or step else None
            optimizer.step()
    state = [v.array for p in params for _, v in sorted(optimizer.state[p].items())]
    return [p.array for p in params] + state


def compare(make, options, dtype, seed, **how):
    expected = trained("plain", make, options, dtype, seed, **how)
    actual = trained("compiled", make, options, dtype, seed, **how)
    rtol = 1e-12 if dtype == "float64" else 2e-4  # steps are of size 0.1
    for a, b in zip(actual, expected, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-14 if dtype == "float64" else 2e-5)


@pytest.mark.parametrize(("make", "options"), OPTIMISERS)
@settings(max_examples=8)
@given(
    st.sampled_from(["float32", "float64"]),
    st.sampled_from([0, 0.1]),
    st.booleans(),
    st.integers(0, 99),
)
def test_groups_equal_one_parameter_at_a_time(make, options, dtype, weight_decay, maximize, seed):
    options = {**options, "weight_decay": weight_decay, "maximize": maximize}
    compare(make, options, dtype, seed)


@pytest.mark.parametrize(("make", "options"), OPTIMISERS)
def test_infinities_and_nan_are_what_they_are_in_numpy(make, options):
    compare(make, options, "float64", 0, special=True)


@pytest.mark.skipif(numba.config.NUMBA_NUM_THREADS < 2, reason="one core")
def test_threads_do_not_change_a_bit():
    results = []
    for threads in (1, 2):
        jit.set_num_threads(threads)
        shapes = [(300, 301), (7,), (64, 64)]
        results.append(trained("compiled", optim.Adam, ADAM, "float32", 1, shapes=shapes))
    for first, second in zip(*results, strict=True):
        assert first.tobytes() == second.tobytes()


def test_what_does_not_suit_is_left():
    def row(dtype="float32", order="C", other="float32", size=6):
        p = np.zeros((2, 3), dtype, order)
        return p, None, np.zeros(size, other), None

    rows = [
        row(), row("float16", other="float16"), row(order="F"), row(other="float64"), row(size=5),
        row("float64", other="float64"),
    ]  # fmt: skip
    fixed = row()
    fixed[0].flags.writeable = False
    rows.append(fixed)
    grads = [np.ones((2, 3), row[0].dtype) for row in rows]
    left = compiled.Tables("sgd").update(rows, grads, (0.5, 0.9, 0, 0, False, False))
    assert left == [1, 2, 3, 4, 6]
    assert [bool((r[0] == -0.5).all()) for r in rows[:-1]] == [
        True,
        False,
        False,
        False,
        False,
        True,
    ]


def test_an_update_of_ones_own_is_used():
    class Still(optim.Adam):
        def update(self, param, grad, state, group):
            pass

    x = ag.ones(3, requires_grad=True)
    x.grad = ag.ones(3)
    Still([x]).step()
    assert x.tolist() == [1, 1, 1]
