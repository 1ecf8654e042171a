"""The compiled kernels of embeddings against their NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import close, draw_array, dtypes, layouts, seeds

from autograd.kernels.compiled import embedding as compiled
from autograd.kernels.compiled.jit import get_num_threads, set_num_threads
from autograd.kernels.plain import embedding as plain

tables = st.tuples(st.integers(1, 9), st.sampled_from([0, 1, 3, 16, 33]))
indices = st.sampled_from([(), (0,), (5,), (3, 4)])


@given(seed=seeds, dtype=dtypes, shape=tables, of=indices, layout=layouts,
       kind=st.sampled_from([np.int64, np.int32, np.uint8]))  # fmt: skip
@settings(max_examples=40)
def test_as_the_twin(seed, dtype, shape, of, layout, kind):
    index = np.asarray(np.random.default_rng(seed).integers(0, shape[0], of), kind)
    table = draw_array(seed, shape, dtype, layout)
    close(compiled.gather(table, index), plain.gather(table, index), dtype)
    rows = draw_array(seed, (*of, shape[1]), dtype, layout)
    close(compiled.scatter(rows, index, shape[0]), plain.scatter(rows, index, shape[0]), dtype)


def test_not_finite():
    rows = np.array([[np.nan, 1.0], [np.inf, 2.0], [-np.inf, 3.0]], np.float32)
    found = compiled.scatter(rows, np.array([0, 1, 1]), 3)
    np.testing.assert_array_equal(found, np.float32([[np.nan, 1], [np.nan, 5], [0, 0]]))


def test_places_that_do_not_exist():
    table = np.ones((3, 2), np.float32)
    for index in ([3], [-4]):
        with pytest.raises(IndexError):
            compiled.gather(table, np.array(index))
        with pytest.raises(IndexError):
            compiled.scatter(table[:1], np.array(index), 3)


def test_threads_do_not_change_a_bit():
    rng = np.random.default_rng(0)
    index, rows = rng.integers(0, 7, 900), rng.normal(size=(900, 99)).astype(np.float32)
    before, results = get_num_threads(), []
    try:
        for threads in (1, before):
            set_num_threads(threads)
            table = compiled.scatter(rows, index, 7)
            results.append((table, compiled.gather(table, index)))
    finally:
        set_num_threads(before)
    for one, more in zip(*results, strict=True):
        np.testing.assert_array_equal(one, more)
