"""Convolution, pooling, normalisation, dropout and embedding against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
from autograd.op import OPS  # noqa: E402

T = torch.nn.functional
seeds = st.integers(0, 2**32 - 1)
TOLERANCE = {np.float64: 1e-10, np.float32: 5e-4}


def close(ours, theirs, tolerance=1e-10):
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def agree(name, arrays, seed=0, second=False, dtype=np.float64, constants=None, **keywords):
    """Compare `name` here and in PyTorch: values, gradients and, if asked, second derivatives.

    `arrays` are passed by name and differentiated, `constants` are only passed, and compared too
    afterwards since an operation may update them; `keywords` are passed as they are.
    """
    results = []
    for function, tensor, grad in (
        (OPS[name].function, ag.tensor, ag.grad),
        (getattr(T, name), torch.tensor, torch.autograd.grad),
    ):
        rng = np.random.default_rng(seed)
        inputs = {key: tensor(a.astype(dtype), requires_grad=True) for key, a in arrays.items()}
        fixed = {key: tensor(a) for key, a in (constants or {}).items()}
        leaves = list(inputs.values())
        out = function(**inputs, **fixed, **keywords)
        direction = rng.normal(size=tuple(out.shape)).astype(dtype)
        cotangent = tensor(direction, requires_grad=True)
        first = grad(out, leaves, cotangent, create_graph=second)
        values = [out, *first, *fixed.values()]
        if second:
            total = sum((g * tensor(rng.normal(size=tuple(g.shape)))).sum() for g in first)
            values += grad(total, [*leaves, cotangent], allow_unused=True, materialize_grads=True)
        results.append(values)
    for mine, reference in zip(*results, strict=True):
        close(mine, reference, TOLERANCE[dtype])


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape)


# -- convolution -----------------------------------------------------------------------------------


@st.composite
def convolutions(draw):
    """Arrays for a convolution, batched or not, with or without bias, and its keywords."""
    pair = lambda low, high: (draw(st.integers(low, high)), draw(st.integers(low, high)))  # noqa: E731
    kernel, stride, padding, dilation = pair(1, 3), pair(1, 3), pair(0, 2), pair(1, 2)
    plane = [
        max(1, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 4))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    ]
    groups, each, outs = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    batch = draw(st.sampled_from([(), (1,), (3,)]))
    seed = draw(seeds)
    arrays = {
        "input": normal(seed, *batch, groups * each, *plane),
        "weight": normal(seed + 1, groups * outs, each, *kernel),
    }
    if draw(st.booleans()):
        arrays["bias"] = normal(seed + 2, groups * outs)
    keywords = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return arrays, keywords


@given(convolutions(), st.booleans(), st.sampled_from([np.float64, np.float32]))
def test_conv2d(case, second, dtype):
    arrays, keywords = case
    agree("conv2d", arrays, second=second and dtype is np.float64, dtype=dtype, **keywords)


@pytest.mark.parametrize("kernel", [(1, 1), (2, 3), (3, 4)])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.filterwarnings("ignore:Using padding='same'")  # PyTorch, about its own speed
def test_conv2d_keeps_the_size_with_padding_same(kernel, dilation):
    arrays = {"input": normal(0, 2, 2, 7, 8), "weight": normal(1, 3, 2, *kernel)}
    agree("conv2d", arrays, padding="same", dilation=dilation)
    agree("conv2d", arrays, padding="valid", dilation=dilation)


def test_conv2d_of_an_empty_batch():
    agree("conv2d", {"input": normal(0, 0, 2, 5, 5), "weight": normal(1, 3, 2, 3, 3)})


@given(seeds, st.integers(1, 3), st.integers(0, 2), st.integers(1, 2), st.booleans())
def test_conv1d(seed, stride, padding, dilation, batched):
    batch = (2,) if batched else ()
    arrays = {
        "input": normal(seed, *batch, 4, 8),
        "weight": normal(seed + 1, 2, 2, 3),
        "bias": normal(seed + 2, 2),
    }
    keywords = {"stride": stride, "padding": padding, "dilation": dilation, "groups": 2}
    agree("conv1d", arrays, **keywords)
    arrays["weight"] = normal(seed + 1, 4, 1, 3)
    keywords["output_padding"] = stride - 1
    agree("conv_transpose1d", arrays, **keywords)


@given(st.data(), seeds, st.booleans())
def test_conv_transpose2d(data, seed, second):
    pair = lambda low, high: [data.draw(st.integers(low, high)) for _ in range(2)]  # noqa: E731
    kernel, stride, padding, dilation = pair(1, 3), pair(1, 3), pair(0, 1), pair(1, 2)
    groups = data.draw(st.integers(1, 2))
    extra = [
        data.draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
    ]
    plane = pair(1, 4)
    size = [
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, k, s, p, d, e in zip(plane, kernel, stride, padding, dilation, extra, strict=True)
    ]
    assume(min(size) > 0)
    batch = data.draw(st.sampled_from([(), (2,)]))
    arrays = {
        "input": normal(seed, *batch, 2 * groups, *plane),
        "weight": normal(seed + 1, 2 * groups, 2, *kernel),
        "bias": normal(seed + 2, 2 * groups),
    }
    keywords = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    agree("conv_transpose2d", arrays, second=second, output_padding=extra, **keywords)


@pytest.mark.parametrize(
    ("shapes", "keywords", "message"),
    [
        (((1, 32, 8, 8), (16, 64, 3, 3)), {}, r"expected 64 input channels \(weight is \[16, 64"),
        (((1, 4, 8, 8), (6, 4, 3, 3)), {"groups": 4}, "groups to divide 6 output channels, got 4"),
        (((1, 4, 2, 8), (6, 4, 3, 3)), {}, r"spans 3 \(size 3, dilation 1\), the input 2"),
        (((4, 8), (6, 4, 3, 3)), {}, r"input \(N, C, H, W\) or \(C, H, W\), got \[4, 8\]"),
        (((1, 4, 8, 8), (6, 4, 3)), {}, "expected a weight"),
        (((1, 4, 8, 8), (6, 4, 3, 3), (5,)), {}, r"bias of shape \(6,\), got \[5\]"),
        (((1, 4, 8, 8), (6, 4, 3, 3)), {"stride": 0}, "stride to be one or two integers >= 1"),
        (((1, 4, 8, 8), (6, 4, 3, 3)), {"padding": "same", "stride": 2}, "needs stride 1"),
    ],
)
def test_conv2d_says_what_does_not_fit(shapes, keywords, message):
    with pytest.raises((RuntimeError, ValueError)):
        T.conv2d(*(torch.zeros(shape) for shape in shapes), **keywords)
    with pytest.raises(ValueError, match=message):
        ag.conv2d(*(ag.zeros(shape) for shape in shapes), **keywords)


# -- pooling ---------------------------------------------------------------------------------------


@st.composite
def poolings(draw, dilated):
    """An array of distinct elements, and the keywords of a pooling whose windows fit."""
    settings = []
    for _ in range(2):
        kernel, stride = draw(st.integers(1, 3)), draw(st.integers(1, 3))
        dilation = draw(st.integers(1, 2)) if dilated else 1
        span = dilation * (kernel - 1) + 1
        n = draw(st.integers(span, span + 4))
        settings.append((n, kernel, stride, draw(st.integers(0, kernel // 2)), dilation))
    plane, kernel, stride, padding, dilation = zip(*settings, strict=True)
    shape = (*draw(st.sampled_from([(2,), (1, 2), (2, 1)])), *plane)
    array = np.random.default_rng(draw(seeds)).permutation(np.arange(float(np.prod(shape))))
    keywords = {"kernel_size": kernel, "stride": stride, "padding": padding}
    if dilated:
        keywords["dilation"] = dilation
    keywords["ceil_mode"] = draw(st.booleans())
    return array.reshape(shape), keywords


@given(poolings(dilated=True), st.sampled_from([np.float64, np.float32]))
def test_max_pool2d(case, dtype):
    array, keywords = case
    agree("max_pool2d", {"input": array}, second=dtype is np.float64, dtype=dtype, **keywords)
    ours = OPS["max_pool2d"].function(ag.tensor(array), return_indices=True, **keywords)
    theirs = T.max_pool2d(torch.tensor(array), return_indices=True, **keywords)
    for mine, reference in zip(ours, theirs, strict=True):
        close(mine, reference)


def test_max_pool2d_with_ties_and_nan():
    array = np.zeros((1, 1, 4, 4))
    array[0, 0, 2, 3] = np.nan
    agree("max_pool2d", {"input": array}, kernel_size=2)
    agree("max_pool2d", {"input": array}, kernel_size=3, stride=1, padding=1)


@given(poolings(dilated=False), st.booleans(), st.sampled_from([None, 5]), st.booleans())
def test_avg_pool2d(case, count_include_pad, divisor_override, second):
    array, keywords = case
    keywords |= {"count_include_pad": count_include_pad, "divisor_override": divisor_override}
    agree("avg_pool2d", {"input": array}, second=second, **keywords)


@given(st.integers(1, 7), st.integers(1, 7), st.integers(1, 8), st.integers(1, 8), seeds)
def test_adaptive_pooling(height, width, rows, columns, seed):
    array = np.random.default_rng(seed).permutation(np.arange(2.0 * height * width))
    array = array.reshape(1, 2, height, width)
    for name in ("adaptive_avg_pool2d", "adaptive_max_pool2d"):
        agree(name, {"input": array}, second=True, output_size=(rows, columns))
        agree(name, {"input": array[0]}, output_size=(None, columns))
    for name in ("adaptive_avg_pool1d", "adaptive_max_pool1d"):
        agree(name, {"input": array[0]}, output_size=rows)
    ours = OPS["adaptive_max_pool2d"].function(ag.tensor(array), rows, return_indices=True)
    close(ours[1], T.adaptive_max_pool2d(torch.tensor(array), rows, return_indices=True)[1])


@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 1), st.booleans(), seeds)
def test_pooling_of_signals(kernel, stride, padding, ceil_mode, seed):
    assume(padding <= kernel // 2)
    array = np.random.default_rng(seed).permutation(np.arange(14.0)).reshape(1, 2, 7)
    keywords = {"kernel_size": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    for name in ("max_pool1d", "avg_pool1d"):
        agree(name, {"input": array}, **keywords)
        agree(name, {"input": array[0]}, **keywords)


@pytest.mark.parametrize(
    ("name", "keywords", "message"),
    [
        ("max_pool2d", {"kernel_size": 2, "padding": 2}, "at most half the window"),
        ("avg_pool2d", {"kernel_size": 5}, "does not fit"),
        ("avg_pool2d", {"kernel_size": 2, "divisor_override": 0}, "other than 0"),
        ("max_pool2d", {"kernel_size": (2, 2, 2)}, "kernel_size to be one or two integers"),
    ],
)
def test_pooling_says_what_does_not_fit(name, keywords, message):
    with pytest.raises((RuntimeError, ValueError, TypeError)):
        getattr(T, name)(torch.zeros(1, 4, 4), **keywords)
    with pytest.raises(ValueError, match=message):
        OPS[name].function(ag.zeros(1, 4, 4), **keywords)


# -- normalisation ---------------------------------------------------------------------------------

shapes = st.sampled_from([(4, 4), (3, 4, 2), (2, 4, 2, 3), (1, 4, 3, 1)])


def affine(seed, size, drawn):
    return {"weight": normal(seed, *size), "bias": normal(seed + 1, *size)} if drawn else {}


@given(shapes, st.booleans(), seeds, st.floats(0, 1))
def test_batch_norm_training(shape, with_affine, seed, momentum):
    assume(np.prod(shape) > shape[1])
    arrays = {"input": normal(seed, *shape), **affine(seed, (4,), with_affine)}
    running = {"running_mean": normal(seed + 3, 4), "running_var": normal(seed + 4, 4) ** 2}
    keywords = {"training": True, "momentum": momentum, "eps": 0.1}
    agree("batch_norm", arrays, second=True, constants=running, **keywords)
    running = {key: value.astype(np.float32) for key, value in running.items()}
    agree("batch_norm", arrays, dtype=np.float32, constants=running, **keywords)
    keywords |= {"running_mean": None, "running_var": None}
    agree("batch_norm", arrays, **keywords)


@given(shapes, st.booleans(), seeds)
def test_batch_norm_evaluation(shape, with_affine, seed):
    arrays = {"input": normal(seed, *shape), **affine(seed, (4,), with_affine)}
    running = {"running_mean": normal(seed + 3, 4), "running_var": normal(seed + 4, 4) ** 2}
    agree("batch_norm", arrays, second=True, constants=running, eps=0.1)


@given(shapes, st.sampled_from([1, 2, 4]), st.booleans(), seeds)
def test_group_norm(shape, groups, with_affine, seed):
    assume(np.prod(shape[1:]) > groups and np.prod(shape) > groups)
    arrays = {"input": normal(seed, *shape), **affine(seed, (4,), with_affine)}
    agree("group_norm", arrays, second=True, num_groups=groups, eps=0.1)
    agree("group_norm", arrays, dtype=np.float32, num_groups=groups, eps=0.1)


@given(shapes, st.booleans(), st.booleans(), seeds)
def test_instance_norm(shape, with_affine, use_input_stats, seed):
    assume(np.prod(shape[2:]) > 1)
    arrays = {"input": normal(seed, *shape), **affine(seed, (4,), with_affine)}
    running = {"running_mean": normal(seed + 3, 4), "running_var": normal(seed + 4, 4) ** 2}
    keywords = {"use_input_stats": use_input_stats, "eps": 0.1}
    agree("instance_norm", arrays, constants=running, **keywords)


@given(shapes, st.integers(1, 2), st.booleans(), seeds)
def test_layer_and_rms_norm(shape, axes, with_affine, seed):
    ending = shape[-axes:]
    arrays = {"input": normal(seed, *shape), **affine(seed, ending, with_affine)}
    keywords = {"normalized_shape": ending, "eps": 0.1}
    agree("layer_norm", arrays, second=True, **keywords)
    agree("layer_norm", arrays, dtype=np.float32, **keywords)
    arrays.pop("bias", None)
    agree("rms_norm", arrays, second=True, **keywords)
    agree("rms_norm", arrays, normalized_shape=ending)


@given(shapes, st.integers(1, 4), seeds)
def test_local_response_norm(shape, size, seed):
    assume(len(shape) > 2)
    agree("local_response_norm", {"input": normal(seed, *shape)}, size=size, alpha=0.7, k=2.0)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0])
def test_normalize(p):
    agree("normalize", {"input": normal(0, 3, 4, 2)}, p=p, second=True)
    agree("normalize", {"input": normal(0, 3, 4)}, p=p, dim=-1)
    agree("normalize", {"input": np.zeros((2, 3))}, p=p)


@pytest.mark.parametrize(
    ("name", "shape", "keywords", "message"),
    [
        (
            "batch_norm",
            (1, 4),
            {"running_mean": None, "running_var": None, "training": True},
            "more than 1 value per channel when training",
        ),
        ("batch_norm", (2, 4), {"running_mean": None, "running_var": None}, "running_mean"),
        ("group_norm", (2, 4, 3), {"num_groups": 3}, "num_groups to divide the 4 channels, got 3"),
        ("instance_norm", (2, 4, 1), {}, "more than 1 spatial element"),
        ("layer_norm", (2, 4), {"normalized_shape": (3,)}, r"normalized_shape \[3\], got \[2, 4\]"),
        ("local_response_norm", (2, 4), {"size": 2}, "3 dimensions or more"),
    ],
)
def test_normalisation_says_what_does_not_fit(name, shape, keywords, message):
    with pytest.raises((RuntimeError, ValueError)):
        getattr(T, name)(torch.zeros(shape), **keywords)
    with pytest.raises(ValueError, match=message):
        OPS[name].function(ag.zeros(shape), **keywords)


# -- dropout ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "shape", "axes"),
    [("dropout", (40, 50), 0), ("dropout1d", (40, 50, 2), 1), ("dropout2d", (40, 50, 2, 3), 2)],
)
def test_dropout(name, shape, axes):
    function = OPS[name].function
    ag.manual_seed(1)
    x = ag.ones(*shape, requires_grad=True)
    out = function(x, p=0.25)
    kept = out.detach().numpy().reshape(40, 50, -1)
    assert set(np.unique(kept)) == {np.float32(0), np.float32(1 / 0.75)}
    assert (kept == kept[:, :, :1]).all()  # whole channels
    assert abs((kept > 0).mean() - 0.75) < 0.05
    out.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), out.detach().numpy())
    ag.manual_seed(1)
    np.testing.assert_array_equal(function(x, p=0.25).detach().numpy(), out.detach().numpy())
    assert function(x, p=0.0) is x
    assert function(x, training=False) is x
    assert not function(x, p=1.0).detach().numpy().any()
    with pytest.raises(ValueError, match="between 0 and 1, got"):
        function(x, p=1.5)


def test_dropout_in_place():
    x = ag.ones(4, 5, requires_grad=True)
    y = x * 3
    assert OPS["dropout"].function(y, inplace=True) is y
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.detach().numpy())


def test_alpha_dropout_keeps_mean_and_variance():
    ag.manual_seed(0)
    x = ag.randn(300, 300)
    out = OPS["alpha_dropout"].function(x, p=0.3, training=True).numpy()
    assert abs(out.mean()) < 0.02
    assert abs(out.var() - 1) < 0.02
    assert OPS["alpha_dropout"].function(x) is x  # as in PyTorch, training is off unless asked for
    channels = OPS["feature_alpha_dropout"].function(x.reshape(300, 100, 3) * 0, 0.3, training=True)
    assert len(np.unique(channels.numpy())) == 2


# -- embedding -------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 3), max_size=3).map(tuple),
    st.sampled_from([None, 0, -1]),
    st.booleans(),
    seeds,
)
def test_embedding(shape, padding_idx, by_frequency, seed):
    index = np.random.default_rng(seed).integers(0, 5, shape)
    keywords = {"padding_idx": padding_idx, "scale_grad_by_freq": by_frequency}
    arrays, constants = {"weight": normal(seed, 5, 3)}, {"input": index}
    # PyTorch cannot differentiate an empty one twice, and forgets the frequencies when it does.
    second = index.size > 0 and not by_frequency
    agree("embedding", arrays, constants=constants, second=second, **keywords)
    agree("embedding", arrays, constants=constants, dtype=np.float32, **keywords)


@pytest.mark.parametrize("norm_type", [1.0, 2.0])
def test_embedding_limits_norms(norm_type):
    index, table = np.array([[0, 2], [2, 2]]), normal(0, 4, 3)
    mine, reference = ag.tensor(table), torch.tensor(table)
    ours = OPS["embedding"].function(ag.tensor(index), mine, max_norm=1.0, norm_type=norm_type)
    close(ours, T.embedding(torch.tensor(index), reference, max_norm=1.0, norm_type=norm_type))
    close(mine, reference)


def test_embedding_says_what_is_wrong():
    embedding, table = OPS["embedding"].function, ag.zeros(4, 2)
    message = r"index 7 at position \[0, 1\] is out of range for a vocabulary of 4 rows"
    with pytest.raises(IndexError, match=message):
        embedding(ag.tensor([[0, 7], [9, 0]]), table)
    with pytest.raises(IndexError, match="index -1 is out of range"):
        embedding(ag.tensor(-1), table)
    with pytest.raises(TypeError, match="expected integers"):
        embedding(ag.zeros(2), table)
    with pytest.raises(NotImplementedError, match="sparse=True"):
        embedding(ag.tensor([0]), table, sparse=True)
