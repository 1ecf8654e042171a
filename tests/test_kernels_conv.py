"""The compiled convolutions against their NumPy twins, the two algorithms, and threads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd.kernels.plain import conv as plain

pytest.importorskip("numba")
from autograd.kernels.compiled import conv, filters, jit

TOLERANCE = {"d": 1e-12, "f": 1e-5}  # of the largest result
WINOGRAD_TOLERANCE = 2e-5  # of the deviation of the results


@st.composite
def problems(draw, axes=2):
    """Sizes, and what convolutions are asked for; a filter that fits."""
    groups = draw(st.sampled_from([1, 1, 2, 3]))
    given_, per_group = draw(st.sampled_from([1, 2, 7, 17])), draw(st.sampled_from([1, 2, 5, 33]))
    kernel = [draw(st.integers(1, 4)) for _ in range(axes)]
    dilation = tuple(draw(st.integers(1, 2)) for _ in range(axes))
    padding = tuple((draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(axes))
    space = [d * (k - 1) + 1 + draw(st.integers(0, 7)) for k, d in zip(kernel, dilation)]  # noqa: B905
    stride = tuple(draw(st.integers(1, 3)) for _ in range(axes))
    n = draw(st.integers(0, 3))
    shapes = (n, given_ * groups, *space), (per_group * groups, given_, *kernel)
    return shapes, (stride, padding, dilation, groups)


def draw_arrays(shapes, keywords, dtype, seed=0):
    """An input in one of three layouts, a filter, a bias, and a gradient of the output."""
    rng = np.random.default_rng(seed)
    x, w = (rng.normal(size=shape).astype(dtype) for shape in shapes)
    b = rng.normal(size=len(w)).astype(dtype)
    size = plain.output_size(x.shape[2:], w.shape[2:], *keywords[:3])
    g = rng.normal(size=(len(x), len(w), *size)).astype(dtype)
    return x, w, b, g


def in_layout(x, layout):
    if layout == "last":
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)
    return np.repeat(x, 2, axis=-1)[..., ::2] if layout == "gaps" else x


def all_three(family, x, w, b, g, keywords):
    return (
        family.forward(x, w, b, *keywords),
        family.input_gradient(g, w, x.shape, *keywords),
        family.weight_gradient(g, x, w.shape, *keywords),
    )


def check(x, w, b, g, keywords, layout="first"):
    expected = all_three(plain, *(a.astype("d") for a in (x, w, b, g)), keywords)
    got = all_three(conv, in_layout(x, layout), w, b, in_layout(g, layout), keywords)
    for e, r in zip(expected, got, strict=True):
        assert r.shape == e.shape and r.dtype == x.dtype
        if e.size:
            assert abs(r - e).max() <= TOLERANCE[x.dtype.char] * (1 + abs(e).max())


@settings(max_examples=40, deadline=None)
@given(problems(), st.sampled_from("df"), st.sampled_from(["first", "last", "gaps"]))
def test_images(problem, dtype, layout):
    shapes, keywords = problem
    check(*draw_arrays(shapes, keywords, dtype), keywords, layout)


@settings(max_examples=15, deadline=None)
@given(problems(axes=1), st.sampled_from("df"))
def test_signals(problem, dtype):
    shapes, keywords = problem
    check(*draw_arrays(shapes, keywords, dtype), keywords)


ONE = ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)
SPECIAL = {
    "one pixel": (((4, 20, 6, 5), (40, 20, 1, 1)), ONE),
    "one pixel, strided": (((4, 20, 7, 7), (40, 20, 1, 1)), ((2, 3), *ONE[1:])),
    "all pixels": (((4, 20, 3, 5), (40, 20, 3, 5)), ONE),
    "depthwise": (((3, 37, 9, 8), (37, 1, 3, 3)), ((2, 1), ((1, 1), (1, 2)), (1, 2), 37)),
    "depthwise, large": (((2, 64, 9, 21), (64, 1, 7, 7)), ((1, 1), ((3, 3), (3, 3)), (1, 1), 64)),
    "depthwise, strided": (((2, 5, 13, 41), (5, 1, 5, 3)), ((3, 2), ((2, 0), (1, 4)), (1, 3), 5)),
    "three taps": (((2, 37, 9, 28), (37, 1, 3, 3)), ((1, 1), ((1, 1), (1, 1)), (1, 1), 37)),
    "three taps, narrow": (((2, 33, 4, 1), (33, 1, 3, 3)), ((1, 1), ((0, 1), (1, 1)), (1, 1), 33)),
    "three taps, flat": (((2, 16, 5, 7), (16, 1, 2, 3)), ((1, 1), ((1, 0), (2, 2)), (1, 1), 16)),
    "three taps, far off": (((2, 8, 4, 5), (8, 1, 3, 3)), ((1, 1), ((4, 0), (1, 0)), (1, 1), 8)),
    "groups of two": (((3, 38, 9, 8), (38, 2, 3, 3)), ((2, 1), ((1, 1), (1, 2)), (1, 2), 19)),
    "groups of four": (((2, 36, 9, 13), (36, 4, 3, 3)), ((1, 1), ((1, 1), (1, 1)), (1, 1), 9)),
    "groups of eight": (((2, 40, 7, 21), (40, 8, 5, 3)), ((2, 2), ((2, 2), (1, 1)), (1, 1), 5)),
    "a picture": (((2, 3, 23, 21), (40, 3, 7, 5)), ((2, 2), ((3, 3), (2, 2)), (1, 1), 1)),
    "one channel": (((9, 1, 21, 27), (6, 1, 5, 5)), ((1, 1), ((2, 2), (2, 2)), (1, 1), 1)),
    "one channel, strided": (((2, 1, 23, 38), (5, 1, 3, 4)), ((2, 3), ((1, 0), (2, 1)), (2, 1), 1)),
    "one channel, narrow": (((3, 1, 33, 3), (20, 1, 5, 2)), ONE),
    "a vector of taps": (((5, 1, 17, 19), (48, 1, 4, 4)), ((2, 2), ((1, 1), (1, 1)), (1, 1), 1)),
    "few taps": (((9, 1, 21, 27), (64, 1, 3, 2)), ((1, 1), ((1, 1), (0, 1)), (1, 1), 1)),
    "a large filter": (((2, 2, 41, 39), (24, 2, 33, 37)), ((1, 1), ((1, 0), (0, 3)), (1, 1), 1)),
    "gaps between filters": (((2, 2, 17, 21), (40, 2, 2, 1)), ((3, 4), ONE[1], (1, 1), 1)),
    "five channels": (((2, 5, 31, 33), (40, 5, 5, 5)), ((2, 1), ((2, 2), (2, 2)), (1, 1), 1)),
    "few outputs": (((9, 6, 14, 14), (16, 6, 5, 5)), ONE),
    "every other pixel": (((3, 40, 9, 12), (24, 40, 1, 1)), ((2, 3), *ONE[1:])),
    "few of the pixels": (((2, 9, 7, 5), (33, 9, 1, 1)), ((4, 1), *ONE[1:])),
    "many channels, short rows": (((5, 70, 5, 5), (65, 70, 3, 3)), ((2, 2), *ONE[1:])),
}


@pytest.mark.parametrize("name", SPECIAL)
@pytest.mark.parametrize("dtype", "df")
def test_special_ways(name, dtype):
    shapes, keywords = SPECIAL[name]
    check(*draw_arrays(shapes, keywords, dtype), keywords, "last")


WINOGRAD = {
    "even": (((4, 32, 8, 8), (48, 32, 3, 3)), ((1, 1), ((1, 1), (1, 1)), (1, 1), 1)),
    "odd": (((2, 144, 13, 11), (32, 144, 3, 3)), ((1, 1), ((2, 1), (0, 1)), (1, 1), 1)),
    "blocks": (((8, 32, 18, 16), (96, 32, 3, 3)), ((1, 1), ((0, 0), (0, 0)), (1, 1), 1)),
    "strided": (((4, 32, 14, 14), (48, 32, 4, 4)), ((2, 2), ((1, 1), (1, 1)), (1, 1), 1)),
    "strided_odd": (((3, 48, 15, 20), (32, 48, 4, 4)), ((2, 2), ((2, 1), (0, 3)), (1, 1), 1)),
}


@pytest.mark.parametrize("name", WINOGRAD)
def test_winograd(name, monkeypatch):
    shapes, keywords = WINOGRAD[name]
    arrays = draw_arrays(shapes, keywords, "f")
    expected = all_three(plain, *(a.astype("d") for a in arrays), keywords)
    got = all_three(conv, *arrays, keywords)
    monkeypatch.setattr(conv, "WINOGRAD", False)
    direct = all_three(conv, *arrays, keywords)
    for e, r, d in zip(expected, got, direct, strict=True):
        assert abs(r - e).max() <= WINOGRAD_TOLERANCE * e.std()
        assert abs(d - e).max() <= TOLERANCE["f"] * abs(e).max()
        assert not np.array_equal(r, d)  # both ways were taken


@pytest.mark.skipif(jit.numba.config.NUMBA_NUM_THREADS < 2, reason="needs two cores")
@pytest.mark.parametrize("problem", [*SPECIAL.values(), *WINOGRAD.values()])
def test_threads_do_not_change_a_bit(problem, monkeypatch):
    monkeypatch.setattr(jit, "PARALLEL_FROM", 0)
    shapes, keywords = problem
    arrays, before, results = draw_arrays(shapes, keywords, "f"), jit.get_num_threads(), []
    try:
        for threads in (1, 2):
            jit.set_num_threads(threads)
            results.append(all_three(conv, *arrays, keywords))
    finally:
        jit.set_num_threads(before)
    for one, two in zip(*results, strict=True):
        assert np.array_equal(one, two)


@pytest.mark.parametrize("problem", [*SPECIAL.values(), *WINOGRAD.values()])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_stays(problem, value):
    shapes, keywords = problem
    x, w, b, _ = draw_arrays(shapes, keywords, "f")
    x[0, 0, 2, min(2, x.shape[3] - 1)] = value
    with np.errstate(invalid="ignore"):
        expected = plain.forward(x, w, b, *keywords)
        got = conv.forward(x, w, b, *keywords)
    assert (~np.isfinite(got))[~np.isfinite(expected)].all()


@pytest.mark.parametrize("problem", [*SPECIAL.values(), *WINOGRAD.values()])
def test_relu(problem):
    shapes, keywords = problem
    x, w, b, _ = draw_arrays(shapes, keywords, "f")
    out = conv.forward(x, w, b, *keywords)
    assert np.array_equal(conv.forward(x, w, b, *keywords, relu=True), np.maximum(out, 0))


@pytest.mark.parametrize("size", [16, 32, 64])
def test_a_vector_of_filters_is_copied_and_nothing_behind_it(size):
    source, target = np.arange(1.0, 33, dtype="f"), np.zeros(32, "f")
    filters.copy_vector(size, source.ctypes.data, target.ctypes.data)
    assert np.array_equal(target, np.where(np.arange(32) < size // 4, source, 0))
