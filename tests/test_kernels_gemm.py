"""The compiled matrix products against their NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import close, draw_array, dtypes, layouts, seeds

from autograd.kernels import gemm as chosen
from autograd.kernels import sums
from autograd.kernels.choose import use
from autograd.kernels.compiled import gemm as compiled
from autograd.kernels.compiled.jit import get_num_threads, set_num_threads
from autograd.kernels.plain import gemm as plain

sizes = st.sampled_from([0, 1, 2, 7, 15, 33, 70])
leads = st.sampled_from(
    [((), ()), ((3,), ()), ((), (2,)), ((2, 3), (3,)), ((2, 1), (3,)), ((2, 3), (2, 3)), ((0,), ())]
)


@given(seed=seeds, dtype=dtypes, lead=leads, rows=sizes, columns=sizes, depth=sizes,
       layout=st.tuples(layouts, layouts))  # fmt: skip
@settings(max_examples=60)
def test_matmul_as_the_twin(seed, dtype, lead, rows, columns, depth, layout):
    a = draw_array(seed, (*lead[0], rows, depth), dtype, layout[0])
    b = draw_array(seed + 1, (*lead[1], depth, columns), dtype, layout[1])
    found = compiled.matmul(a, b)
    close(found, plain.matmul(a, b), dtype)
    assert found.flags.c_contiguous


@given(seed=seeds, dtype=dtypes, layout=layouts, depth=sizes)
@settings(max_examples=20)
def test_vectors_and_swapped_axes(seed, dtype, layout, depth):
    a = draw_array(seed, (2, 5, depth), dtype, layout)
    v = draw_array(seed, depth, dtype, layout)
    b = np.broadcast_to(draw_array(seed, (1, 4, depth), dtype, layout), (2, 4, depth))
    close(compiled.matmul(a, v), plain.matmul(a, v), dtype)
    close(compiled.matmul(v, a.swapaxes(1, 2)), plain.matmul(v, a.swapaxes(1, 2)), dtype)
    close(np.asarray(compiled.matmul(v, v)), plain.matmul(v, v), dtype)
    close(compiled.matmul(a, b.swapaxes(1, 2)), plain.matmul(a, b.swapaxes(1, 2)), dtype)
    with pytest.raises(ValueError, match="matmul"):
        compiled.matmul(a, np.ones((depth + 1, 2), dtype))


@given(seed=seeds, dtype=dtypes, rows=sizes, columns=sizes, depth=sizes, layout=layouts,
       biased=st.booleans())  # fmt: skip
@settings(max_examples=40)
def test_linear_as_the_twin(seed, dtype, rows, columns, depth, layout, biased):
    x, weight = (draw_array(seed, (n, depth), dtype, layout) for n in (rows, columns))
    bias = draw_array(seed, columns, dtype, layout) if biased else None
    close(compiled.linear(x, weight, bias), plain.linear(x, weight, bias), dtype)


@given(seed=seeds, dtype=dtypes, rows=st.sampled_from([1, 14, 57, 130]),
       columns=st.sampled_from([3, 64, 97, 600]), depth=st.sampled_from([63, 300, 390, 700, 1100]),
       layout=st.tuples(layouts, layouts), start=st.sampled_from(["none", "bias", "held"]),
       relu=st.booleans())  # fmt: skip
@settings(max_examples=30)
def test_blocks_of_depth_and_columns(seed, dtype, rows, columns, depth, layout, start, relu):
    a = draw_array(seed, (rows, depth), dtype, layout[0])
    b = draw_array(seed + 1, (depth, columns), dtype, layout[1])
    bias, held = draw_array(seed, columns, dtype), draw_array(seed, (rows, columns), dtype)
    wanted = plain.matmul(a, b) + {"none": 0, "bias": bias, "held": held}[start]
    found = compiled.run(
        *(compiled._readable(x) for x in (a, b)), held.copy(),
        bias if start == "bias" else None, start == "held", relu,
    )  # fmt: skip
    close(found, np.maximum(wanted, 0) if relu else wanted, dtype)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_not_finite(bad):
    a, b = draw_array(0, (20, 30), np.float32), draw_array(1, (30, 20), np.float32)
    a[3, 4], b[5, 6] = bad, bad
    close(compiled.matmul(a, b), np.matmul(a, b), np.float32)


@pytest.mark.parametrize(
    "shape", [(3, 200, 130, 90), (1, 130, 600, 90), (9, 40, 40, 300), (1, 400, 1, 999)]
)
def test_threads_do_not_change_a_bit(shape):
    stack, rows, columns, depth = shape
    a = draw_array(0, (stack, rows, depth), np.float32)
    b = draw_array(1, (stack, depth, columns), np.float32)
    before, results = get_num_threads(), []
    try:
        for threads in (1, before):
            set_num_threads(threads)
            results.append(compiled.matmul(a, b))
    finally:
        set_num_threads(before)
    np.testing.assert_array_equal(*results)


@given(seed=seeds, dtype=dtypes, rows=sizes, depth=st.sampled_from([128, 129, 400]),
       stacked=st.booleans(), start=st.sampled_from(["nothing", "bias", "sums"]),
       relu=st.booleans())  # fmt: skip
@settings(max_examples=40)
def test_one_long_column(seed, dtype, rows, depth, stacked, start, relu):
    lead = (1,) * stacked
    a, b, out = (
        draw_array(seed + i, (*lead, *shape), dtype)
        for i, shape in enumerate(((rows, depth), (depth, 1), (rows, 1)))
    )
    bias = draw_array(seed + 3, 1, dtype) if start == "bias" else None
    expected = plain.matmul(a, b) + (out if start == "sums" else 0 if bias is None else bias)
    assert compiled.dots.suits(a, b, out) or not rows
    compiled.run(a, b, out, bias, accumulate=start == "sums", relu=relu)
    close(out, np.maximum(expected, 0) if relu else expected, dtype)


def test_one_long_column_not_finite():
    a = np.ones((4, 200), np.float32)
    a[[1, 2], [7, 199]] = np.nan, np.inf
    out = compiled.run(a, np.ones((200, 1), np.float32), np.empty((4, 1), np.float32), relu=True)
    np.testing.assert_array_equal(out[:, 0], [200, np.nan, np.inf, 200])


def test_which_columns_are_left_to_the_tiles():
    a, out = np.ones((4, 200)), np.empty((4, 1))
    column = np.ones((200, 2))[:, :1]
    assert not compiled.dots.suits(a, column, out)
    assert not compiled.dots.suits(np.ones((200, 4)).T, np.ones((200, 1)), out)
    assert not compiled.dots.suits(np.ones((2, 4, 200)), np.ones((200, 1)), np.empty((2, 4, 1)))
    close(compiled.matmul(a, column), a @ column, np.float64)


@given(seed=seeds, dtype=dtypes, n=st.sampled_from([0, 1, 7, 100, 260, 1040]),
       inputs=st.sampled_from([0, 1, 20, 130]), outputs=st.sampled_from([1, 9, 16, 33, 300]),
       layout=st.tuples(layouts, layouts, layouts), weighted=st.booleans())  # fmt: skip
@settings(max_examples=60)
def test_linear_gradients_are_the_single_ones_to_the_bit(
    seed, dtype, n, inputs, outputs, layout, weighted
):
    shapes = (n, outputs), (n, inputs), (outputs, inputs)
    g, x, weight = (
        draw_array(seed, *each) for each in zip(shapes, [dtype] * 3, layout, strict=True)
    )
    before = get_num_threads()
    single = [chosen.matmul(g, weight), chosen.matmul(g.T, x), sums.all_but(g, 1)]
    try:
        for threads in (1, before):
            set_num_threads(threads)
            found = chosen.linear_gradients(g, x, weight if weighted else None)
            assert (found[0] is None) == (not weighted)
            for f, e in [*zip(found, single, strict=True)][not weighted :]:
                np.testing.assert_array_equal(f, e)
    finally:
        set_num_threads(before)


def test_linear_gradients_by_one_kernel(monkeypatch):
    g, x, weight = (
        draw_array(i, shape, np.float32) for i, shape in enumerate([(99, 40), (99, 300), (40, 300)])
    )
    wanted = g @ weight, g.T @ x, g.sum(0)
    monkeypatch.setattr(chosen, "matmul", None)
    for f, e in zip(chosen.linear_gradients(g, x, weight), wanted, strict=True):
        close(f, e, np.float32)


@given(seed=seeds, dtype=dtypes, rows=sizes, columns=st.sampled_from([1, 31, 300]), layout=layouts)
@settings(max_examples=20)
def test_a_copy_by_rows(seed, dtype, rows, columns, layout):
    x = draw_array(seed, (rows, columns), dtype, layout)
    for kind in ("plain", "compiled"):
        with use(kind):
            found = chosen.by_rows(x)
        assert found.flags.carray and not np.may_share_memory(found, x)
        np.testing.assert_array_equal(found, x)
