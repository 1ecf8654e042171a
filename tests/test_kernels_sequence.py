"""Kernels of sequences and bags against plain loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.kernels import plain as kernels


def read(alignment, blank):
    """What an alignment says: without repetitions, then without blanks."""
    return [symbol for symbol, _ in itertools.groupby(alignment) if symbol != blank]


@given(
    time=st.integers(1, 5), target=st.lists(st.integers(0, 1), max_size=3),
    blank=st.sampled_from([0, 2]), seed=st.integers(0, 99),
)  # fmt: skip
def test_ctc_sums_over_all_alignments(time, target, blank, seed):
    symbols = [s for s in range(3) if s != blank]
    target = [symbols[i] for i in target]
    log_probs = np.log(np.random.default_rng(seed).dirichlet(np.ones(3), time))
    total, shares = 0.0, np.zeros((time, 3))
    for alignment in itertools.product(range(3), repeat=time):
        if read(alignment, blank) == target:
            probability = np.exp(sum(log_probs[t, s] for t, s in enumerate(alignment)))
            total += probability
            for t, s in enumerate(alignment):
                shares[t, s] += probability
    # In a batch beside a longer one, padded in time and in labels.
    batch = np.concatenate([log_probs[:, None], log_probs[:, None]], axis=1)
    batch = np.concatenate([batch, batch[:1]])
    labels = np.full((2, 4), blank)
    labels[0, : len(target)] = target
    labels[1, 0] = symbols[0]
    options = batch, labels, np.array([time, time + 1]), np.array([len(target), 1]), blank
    losses, prefix = kernels.ctc.forward(*options)
    with np.errstate(divide="ignore"):
        np.testing.assert_allclose(losses[0], -np.log(total), atol=1e-12)
    if total:
        gradient = kernels.ctc.backward(np.array([2.0, 0.0]), *options, losses, prefix)
        np.testing.assert_allclose(gradient[:time, 0], -2 * shares / total, atol=1e-12)
        assert not gradient[time:, 0].any() and not gradient[:, 1].any()


@pytest.mark.parametrize("seed", range(5))
def test_first_peaks(seed):
    rng = np.random.default_rng(seed)
    rows, bags = rng.integers(0, 3, (8, 2)).astype(float), rng.integers(0, 4, 8)
    found = kernels.embedding.first_peaks(rows, bags, 5)
    for bag, column in itertools.product(range(5), range(2)):
        members = [i for i in range(8) if bags[i] == bag]
        best = max(members, key=lambda i: (rows[i, column], -i), default=-1)
        assert found[bag, column] == best
