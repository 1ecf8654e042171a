"""The compiled kernels of attention against their NumPy twins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twins import dtypes, seeds

import autograd as ag
import nn.functional as F
from autograd import kernels
from autograd.errors import ShapeError
from autograd.kernels.compiled import attention as compiled
from autograd.kernels.compiled.jit import get_num_threads, set_num_threads
from autograd.kernels.plain import attention as plain

TOLERANCE = {np.float32: 1e-4, np.float64: 1e-12}
lengths = st.sampled_from([1, 2, 5, 16, 33, 61, 130])
widths = st.sampled_from([1, 3, 16, 32, 40])
leads = st.sampled_from([(), (2,), (2, 3), (1, 2, 2), (3, 1)])
layouts = st.sampled_from(["plain", "rows", "strided"])
masks = st.sampled_from(["nothing", "bias", "mask", "keep", "causal", "row", "all"])


def heads(rng, dtype, lead, length, width, layout):
    """Normal numbers (..., L, E), in memory as they come, or as a transpose of (..., L, H, E)."""
    shape = (*lead, length, width)
    if layout == "rows" and len(shape) > 2:
        order = [*range(len(lead) - 1), len(lead), len(lead) - 1, len(lead) + 1]
        memory = rng.normal(size=[*(shape[axis] for axis in order[:-1]), 2 * width])
        return memory.astype(dtype)[..., width:].transpose(np.argsort(order))
    if layout == "strided":
        return rng.normal(size=(*shape, 2)).astype(dtype)[..., ::-1, 1]
    return rng.normal(size=shape).astype(dtype)


def draw(seed, dtype, lead, targets, sources, depth, width, masked, layout="plain"):
    """The arguments of `attend`, and a gradient of its result."""
    rng = np.random.default_rng(seed)
    bias = mask = keep = None
    q, k, v, g = (
        heads(rng, dtype, lead, length, size, layout)
        for length, size in ((targets, depth), (sources, depth), (sources, width), (targets, width))
    )
    if masked in ("bias", "all"):
        bias = rng.normal(size=(targets, sources)).astype(dtype)
    if masked in ("mask", "all"):
        mask = rng.random((targets, sources)) < 0.5
    if masked == "row":
        mask = rng.random((*lead[:1], *[1] * len(lead[1:]), 1, sources)) < 0.7
    if masked in ("keep", "all"):
        keep = rng.random((*lead, targets, sources)) < 0.8
    return (q, k, v, bias, mask, keep, 0.4, 1.25, masked in ("causal", "all")), g


def gradients(module, arguments, g, outs, bias_needed=True):
    *inputs, scale, boost, causal = arguments
    return module.attend_gradient(g, *inputs, *outs, scale, boost, causal, bias_needed)


def compare(found, expected, dtype):
    for actual, wanted in zip(found, expected, strict=True):
        assert actual.dtype == dtype and actual.shape == wanted.shape
        scale = np.abs(wanted).max(initial=1, where=np.isfinite(wanted))
        np.testing.assert_allclose(actual, wanted, rtol=0, atol=TOLERANCE[dtype] * scale)


@given(seed=seeds, dtype=dtypes, lead=leads, targets=lengths, sources=lengths, depth=widths,
       width=widths, masked=masks, layout=layouts)  # fmt: skip
@settings(max_examples=60)
def test_as_the_twin(seed, dtype, lead, targets, sources, depth, width, masked, layout):
    arguments, g = draw(seed, dtype, lead, targets, sources, depth, width, masked, layout)
    outs, expected = compiled.attend(*arguments), plain.attend(*arguments)
    compare(outs, expected, dtype)
    compare(
        gradients(compiled, arguments, g, outs), gradients(plain, arguments, g, expected), dtype
    )


@pytest.mark.parametrize("masked", ["causal", "all"])
@pytest.mark.parametrize("lead", [(), (3,), (4, 3)], ids=str)
def test_threads_do_not_change_a_bit(lead, masked):
    arguments, g = draw(0, np.float32, lead, 200, 130, 32, 33, masked, "rows")
    before, results = get_num_threads(), []
    try:
        for threads in (1, before):
            set_num_threads(threads)
            outs = compiled.attend(*arguments)
            results.append((*outs, *gradients(compiled, arguments, g, outs)))
    finally:
        set_num_threads(before)
    for one, more in zip(*results, strict=True):
        np.testing.assert_array_equal(one, more)


@given(seed=seeds, dtype=dtypes, lead=leads, empty=st.integers(0, 3))
@settings(max_examples=10)
def test_empty(seed, dtype, lead, empty):
    sizes = [0 if i == empty else 3 for i in range(4)]
    arguments, g = draw(seed, dtype, lead, *sizes, "nothing")
    outs, expected = compiled.attend(*arguments), plain.attend(*arguments)
    compare(outs, expected, dtype)
    compare(
        gradients(compiled, arguments, g, outs), gradients(plain, arguments, g, expected), dtype
    )


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_what_is_not_finite_passes(place, bad):
    arguments, g = draw(1, np.float32, (2,), 20, 20, 16, 16, "nothing")
    arguments[place][0, 3, 2] = bad
    outs, expected = compiled.attend(*arguments), plain.attend(*arguments)
    compare(outs, expected, np.float32)
    found = gradients(compiled, arguments, g, outs)
    wanted = gradients(plain, arguments, g, expected)
    for actual, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(np.isfinite(actual), np.isfinite(other))


def test_keys_and_values_may_be_shared_by_heads():
    rng = np.random.default_rng(0)
    q, g = rng.normal(size=(2, 2, 2, 3, 9, 4))
    k, v = rng.normal(size=(2, 2, 2, 1, 7, 4))
    arguments = q, k, v, None, None, None, 0.5, 1.0, False
    outs, expected = compiled.attend(*arguments), plain.attend(*arguments)
    compare(outs, expected, np.float64)
    compare(
        gradients(compiled, arguments, g, outs), gradients(plain, arguments, g, expected),
        np.float64,
    )  # fmt: skip


def test_the_result_lies_as_the_query_does():
    arguments, g = draw(0, np.float32, (2, 3), 5, 5, 16, 16, "causal", "rows")
    out, log_sums = compiled.attend(*arguments)
    assert out.transpose(0, 2, 1, 3).flags.c_contiguous
    found = gradients(compiled, arguments, g, (out, log_sums), bias_needed=False)
    assert all(d.transpose(0, 2, 1, 3).flags.c_contiguous for d in found[:3])
    assert found[3] is None


def test_long_rows_take_little_memory():
    arguments, g = draw(0, np.float32, (1, 1), 1500, 1500, 8, 8, "causal")
    outs, expected = compiled.attend(*arguments), plain.attend(*arguments)
    compare(outs, expected, np.float32)
    compare(
        gradients(compiled, arguments, g, outs), gradients(plain, arguments, g, expected),
        np.float32,
    )  # fmt: skip


def test_shared_heads_are_read_where_they_are(monkeypatch):
    q = ag.tensor(np.random.default_rng(0).normal(size=(2, 6, 5, 4)), requires_grad=True)
    k, v = (ag.tensor(np.random.default_rng(i).normal(size=(2, 2, 7, 4))) for i in (1, 2))
    read, usual = [], kernels.attention.attend
    monkeypatch.setattr(kernels.attention, "attend", lambda *a: read.append(a) or usual(*a))
    out = F.scaled_dot_product_attention(q, k, v, enable_gqa=True)
    repeated = (x.repeat_interleave(3, dim=-3) for x in (k, v))
    assert (out - F.scaled_dot_product_attention(q, *repeated)).abs().max().item() < 1e-12
    for x, array in zip((q, k, v), read[0], strict=False):
        assert np.shares_memory(x.detach().numpy(), array)
    with pytest.raises(ShapeError, match="1 or 6 heads"):
        F.scaled_dot_product_attention(q, k, v, ag.ones(2, 5, 7, dtype=bool), enable_gqa=True)
