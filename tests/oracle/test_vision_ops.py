"""Convolution, pooling, padding and resampling over one to three axes against PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
from nn import functional as F  # noqa: E402

T = torch.nn.functional
SPACE = {1: (7,), 2: (6, 7), 3: (4, 5, 6)}
# PyTorch, about its own speed and about grids of one row.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Using padding='same'"),
    pytest.mark.filterwarnings("ignore:Since version 1.3.0, affine_grid"),
]


def close(ours, theirs, tolerance=1e-9):
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def agree(name, *arrays, second=True, constants=(), theirs=None, **keywords):
    """Compare a function here and there: values, gradients and, if asked, second derivatives."""
    results = []
    for function, tensor, grad in (
        (getattr(F, name), ag.tensor, ag.grad),
        (getattr(T, theirs or name), torch.tensor, torch.autograd.grad),
    ):
        rng = np.random.default_rng(0)
        inputs = [tensor(a, requires_grad=True) for a in arrays]
        out = function(*inputs, *map(tensor, constants), **keywords)
        cotangent = tensor(rng.normal(size=tuple(out.shape)), requires_grad=True)
        first = grad(out, inputs, cotangent, create_graph=second, allow_unused=True)
        first = [g for g in first if g is not None]
        values = [out, *first]
        if second:
            total = sum((g * tensor(rng.normal(size=tuple(g.shape)))).sum() for g in first)
            leaves = [*inputs, cotangent]
            values += grad(total, leaves, allow_unused=True, materialize_grads=True)
        results.append(values)
    for mine, reference in zip(*results, strict=True):
        close(mine, reference)


def refused(name, *shapes, match, **keywords):
    """Both refuse; we say what `match` says."""
    with pytest.raises((RuntimeError, ValueError, NotImplementedError, TypeError, AssertionError)):
        getattr(T, name)(*map(torch.zeros, shapes), **keywords)
    with pytest.raises((ValueError, TypeError), match=match):
        getattr(F, name)(*map(ag.zeros, shapes), **keywords)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def distinct(*shape):
    return np.random.default_rng(0).permutation(np.arange(float(np.prod(shape)))).reshape(shape)


# -- convolution -----------------------------------------------------------------------------------

CONV3D = [
    {},
    {"stride": (1, 2, 3), "padding": (1, 0, 2)},
    {"dilation": (1, 2, 1), "groups": 2, "padding": 1},
    {"padding": "same", "dilation": (1, 1, 2)},
    {"padding": "valid", "stride": 2},
]


@pytest.mark.parametrize("keywords", CONV3D)
@pytest.mark.parametrize("batch", [(), (2,)])
def test_conv3d(keywords, batch):
    groups = keywords.get("groups", 1)
    weight = normal(4, 2 // groups, 2, 3, 2, seed=1)
    agree("conv3d", normal(*batch, 2, 4, 5, 6), weight, normal(4, seed=2), **keywords)
    agree("conv3d", normal(*batch, 2, 4, 5, 6), weight, **keywords)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"stride": 2, "padding": 1, "output_padding": 1},
        {"stride": 3, "groups": 2, "output_padding": 2},
        {"dilation": 2, "output_padding": 1},
    ],
)
def test_transposed_convolution(axes, keywords):
    space = (4, 2, 3)[:axes]
    weight = normal(2, 2, *(2, 3, 2)[:axes], seed=1)
    bias = normal(2 * keywords.get("groups", 1), seed=2)
    agree(f"conv_transpose{axes}d", normal(2, 2, *space), weight, bias, **keywords)
    agree(f"conv_transpose{axes}d", normal(2, *space), weight, **keywords)


@pytest.mark.parametrize("axes", [1, 3])
def test_convolution_says_what_does_not_fit(axes):
    name, ones = f"conv{axes}d", (1,) * axes
    big, small = (4,) * axes, (3,) * axes
    refused(name, (1, 3, *big), (2, 4, *small), match="expected 4 input channels")
    refused(name, (1, 4, *ones), (2, 4, *small), match="does not fit: it spans 3")
    refused(name, (1, 4, *big), (2, 4), match="expected a weight")
    refused(name, (1, 4, *big), (2, 4, *small), stride=(1,) * 4, match="stride to be one")
    refused(name, (1, 4, *big), (2, 4, *small), padding="same", stride=2, match="needs stride 1")
    transposed = f"conv_transpose{axes}d"
    refused(transposed, (1, 3, *big), (4, 2, *small), match="expected 4 input channels")
    refused(
        transposed, (1, 4, *big), (4, 2, *small), output_padding=1, match="smaller than the stride"
    )


# -- pooling ---------------------------------------------------------------------------------------

WINDOWS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 3, "stride": 2, "ceil_mode": True},
    {"kernel_size": 2, "stride": 1, "padding": 1},
]


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("keywords", WINDOWS)
@pytest.mark.parametrize("batch", [(), (2,)])
def test_pooling(axes, keywords, batch):
    x = distinct(*batch, 2, *SPACE[axes])
    agree(f"max_pool{axes}d", x, **keywords)
    mine = getattr(F, f"max_pool{axes}d")(ag.tensor(x), return_indices=True, **keywords)
    found = getattr(T, f"max_pool{axes}d")(torch.tensor(x), return_indices=True, **keywords)
    close(mine[1], found[1])
    agree(f"avg_pool{axes}d", x, **keywords)
    agree(f"avg_pool{axes}d", x, count_include_pad=False, **keywords)
    if axes > 1:
        agree(f"avg_pool{axes}d", x, divisor_override=3, **keywords)


def test_max_pool3d_with_dilation_ties_and_nan():
    agree("max_pool3d", distinct(2, 4, 5, 6), kernel_size=2, dilation=(1, 2, 3), stride=1)
    x = np.zeros((1, 1, 4, 4, 4))
    x[0, 0, 1, 2, 3] = np.nan
    agree("max_pool3d", x, kernel_size=2, second=False)


@pytest.mark.parametrize("size", [1, 3, (2, None, 4), (7, 8, 3)])
@pytest.mark.parametrize("name", ["adaptive_avg_pool3d", "adaptive_max_pool3d"])
def test_adaptive_pooling_of_volumes(name, size):
    agree(name, distinct(2, 2, *SPACE[3]), output_size=size)
    agree(name, distinct(2, *SPACE[3]), output_size=size)


def test_adaptive_max_pool3d_returns_indices():
    x = distinct(2, 2, *SPACE[3])
    mine = F.adaptive_max_pool3d(ag.tensor(x), (2, 3, 5), return_indices=True)
    for ours, theirs in zip(
        mine, T.adaptive_max_pool3d(torch.tensor(x), (2, 3, 5), return_indices=True), strict=True
    ):
        close(ours, theirs)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("norm_type", [1, 2, 3.0, float("inf")])
def test_lp_pooling(axes, norm_type):
    x = np.abs(distinct(2, 2, *SPACE[axes]) / 100) + 0.1
    agree(f"lp_pool{axes}d", x, norm_type=norm_type, kernel_size=2)
    agree(f"lp_pool{axes}d", x, norm_type=norm_type, kernel_size=3, stride=2, ceil_mode=True)


def test_lp_pooling_of_a_window_of_zeros_has_gradient_zero():
    x = np.zeros((1, 1, 2, 4))
    x[..., 3] = 1.0
    agree("lp_pool2d", x, norm_type=2, kernel_size=2, second=False)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("batch", [(), (2,)])
def test_max_unpooling(axes, batch):
    x = torch.tensor(distinct(*batch, 2, *SPACE[axes]))
    pool = getattr(T, f"max_pool{axes}d")
    for keywords in ({"kernel_size": 2}, {"kernel_size": 2, "stride": 2, "padding": 1}):
        maxima, indices = pool(x, return_indices=True, **keywords)
        keywords["output_size"] = SPACE[axes]
        agree(
            f"max_unpool{axes}d",
            maxima.numpy(),
            constants=[indices.numpy()],
            second=axes == 1,
            **keywords,
        )


def test_max_unpooling_says_what_does_not_fit():
    unpool, one = F.max_unpool2d, ag.ones(1, 1, 1, 1)
    with pytest.raises(IndexError, match="indices from 0 to 3 for an output of size"):
        unpool(one, ag.full((1, 1, 1, 1), 9), 2)
    with pytest.raises(ValueError, match="less than the stride"):
        unpool(one, ag.full((1, 1, 1, 1), 0), 2, output_size=(9, 9))
    with pytest.raises(ValueError, match="indices of its shape"):
        unpool(one, ag.zeros(2, 1, 1, 1, dtype=ag.int64), 2)
    with pytest.raises(TypeError, match="indices of integers"):
        unpool(one, one, 2)


def test_pooling_says_what_does_not_fit():
    refused("max_pool3d", (1, 4, 4, 4), kernel_size=2, padding=2, match="half the window")
    refused("avg_pool3d", (1, 4, 4, 4), kernel_size=5, match="does not fit")
    refused("max_pool3d", (4, 4, 4), kernel_size=2, match="expected an input")
    refused("lp_pool3d", (1, 4, 4, 4), norm_type=2, kernel_size=5, match="does not fit")
    refused("adaptive_avg_pool3d", (1, 4, 4, 4), output_size=(1, 2), match="output_size")


# -- padding ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
@pytest.mark.parametrize("amounts", [(1, 2, 0, 1, 2, 3), (2, -1, 1, 1, -1, 0)])
def test_pad(axes, mode, amounts):
    amounts = amounts[: 2 * axes]
    agree("pad", normal(2, 2, *SPACE[axes]), pad=amounts, mode=mode)
    agree("pad", normal(2, *SPACE[axes]), pad=amounts, mode=mode)


def test_pad_with_a_value():
    agree("pad", normal(2, 3, 4), pad=(1, 0, 0, 2, 1, 1), value=1.5)
    agree("pad", normal(3), pad=(-2, 3), value=-np.inf, second=False)


# -- another size ----------------------------------------------------------------------------------

SIZES = [
    {"size": 3},
    {"size": 7},
    {"size": 1},
    {"scale_factor": 2},
    {"scale_factor": 0.6},
    {"scale_factor": 1.3},
    {"scale_factor": 2.5, "recompute_scale_factor": True},
]
MODES = [
    *itertools.product(["nearest", "nearest-exact", "area"], [1, 2, 3], [None]),
    *((m, a, c) for m, a in (("linear", 1), ("trilinear", 3)) for c in (True, False)),
    *((m, 2, c) for m in ("bilinear", "bicubic") for c in (True, False, None)),
]


@pytest.mark.parametrize(("mode", "axes", "align_corners"), MODES)
def test_interpolate(mode, axes, align_corners):
    x = normal(2, 2, *(5, 4, 6)[:axes])
    for keywords in SIZES:
        agree("interpolate", x, mode=mode, align_corners=align_corners, **keywords)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("align_corners", [True, False])
def test_interpolate_without_aliasing(mode, align_corners):
    for keywords in SIZES:
        keywords = keywords | {"align_corners": align_corners, "antialias": True}
        agree("interpolate", normal(1, 2, 9, 8), mode=mode, second=False, **keywords)


@pytest.mark.parametrize("mode", ["nearest", "linear", "bilinear", "bicubic"])
def test_interpolate_by_a_factor_that_leaves_the_size(mode):
    axes = 1 if mode == "linear" else 2
    x, keywords = normal(1, 2, *(5, 40)[:axes]), {"scale_factor": 1.1, "mode": mode}
    close(F.interpolate(ag.tensor(x), **keywords), T.interpolate(torch.tensor(x), **keywords))


def test_interpolate_says_what_does_not_fit():
    image = (1, 1, 4, 4)
    refused("interpolate", image, match="either size or scale_factor")
    refused("interpolate", image, size=2, scale_factor=2, match="either size or scale_factor")
    refused("interpolate", image, size=2, mode="linear", match="3 dimensions")
    refused("interpolate", image, size=2, mode="cubic", match="expected a mode of")
    refused("interpolate", image, size=2, align_corners=True, match="no align_corners in mode")
    refused("interpolate", image, size=(2, 2, 2), match="2 numbers for size")
    refused("interpolate", image, size=2, antialias=True, match="takes antialias in the modes")
    refused("interpolate", image, size=2, recompute_scale_factor=True, match="with scale_factor")
    refused("interpolate", image, size=0, match="output of size")


# -- grids -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize(
    ("mode", "space"),
    [
        ("bilinear", (3, 4)),
        ("nearest", (3, 4)),
        ("bicubic", (3, 4)),
        ("bilinear", (1, 3)),
        ("bilinear", (3, 2, 4)),
        ("nearest", (3, 2, 4)),
    ],
)
def test_grid_sample(mode, space, padding_mode, align_corners):
    grid = np.random.default_rng(0).uniform(-3, 3, (2, *(2, 5, 3)[: len(space)], len(space)))
    keywords = {"mode": mode, "padding_mode": padding_mode, "align_corners": align_corners}
    if mode == "nearest":  # PyTorch gives the grid zeros, we nothing
        agree("grid_sample", normal(2, 3, *space), constants=[grid], second=False, **keywords)
    else:
        agree("grid_sample", normal(2, 3, *space), grid, second=False, **keywords)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("size", [(2, 3, 4, 5), (2, 1, 1, 3), (2, 3, 2, 3, 4)])
def test_affine_grid(size, align_corners):
    theta = normal(2, len(size) - 2, len(size) - 1)
    agree("affine_grid", theta, size=size, align_corners=align_corners, second=False)


def test_grids_say_what_does_not_fit():
    image, grid = (1, 1, 4, 4), (1, 2, 2, 2)
    refused("grid_sample", image, grid, mode="area", align_corners=True, match="a mode of")
    refused("grid_sample", image, grid, padding_mode="x", align_corners=True, match="padding_mode")
    refused("grid_sample", image, (2, 2, 2, 2), align_corners=True, match="expected a grid")
    refused("grid_sample", (1, 4, 4), grid, align_corners=True, match="expected an input")
    refused("affine_grid", (1, 3, 3), size=image, align_corners=True, match="theta of shape")
    refused("affine_grid", (1, 2, 3), size=(1, 4), align_corners=True, match="expected a size")


# -- windows as columns, channels as places --------------------------------------------------------

UNFOLDS = [
    {"kernel_size": 2},
    {"kernel_size": (2, 3), "stride": (2, 1), "padding": (1, 2), "dilation": (2, 1)},
]


@pytest.mark.parametrize("keywords", UNFOLDS)
@pytest.mark.parametrize("batch", [(), (2,)])
def test_unfold_and_fold(keywords, batch):
    image = normal(*batch, 3, 5, 6)
    agree("unfold", image, **keywords)
    columns = T.unfold(torch.tensor(image), **keywords).numpy()
    agree("fold", columns, output_size=(5, 6), **keywords)


def test_fold_says_what_does_not_fit():
    refused("fold", (1, 5, 4), output_size=3, kernel_size=2, match="every one of 4 places")
    refused("fold", (1, 4, 5), output_size=3, kernel_size=2, match="expected 2 x 2 windows")
    refused("unfold", (1, 1, 2, 2), kernel_size=3, match="does not fit")


def test_shuffles():
    agree("pixel_shuffle", normal(2, 3, 18, 2, 3), upscale_factor=3)
    agree("pixel_unshuffle", normal(2, 3, 6, 4), downscale_factor=2)
    agree("channel_shuffle", normal(2, 6, 3, 2), groups=3, second=False)
    refused("pixel_shuffle", (1, 6, 2, 2), upscale_factor=2, match="divide by 2")
    refused("pixel_unshuffle", (1, 3, 3, 2), downscale_factor=2, match="divide by 2")
    refused("channel_shuffle", (1, 5, 2), groups=2, match="groups to divide 5")


def test_dropout3d_drops_whole_channels():
    ag.manual_seed(0)
    out = F.dropout3d(ag.ones(40, 50, 2, 1, 2), 0.25).numpy().reshape(40, 50, -1)
    assert (out == out[:, :, :1]).all()
    assert abs((out[:, :, 0] > 0).mean() - 0.75) < 0.05
    with pytest.raises(ValueError, match="5 dimensions"):
        F.dropout3d(ag.ones(2, 3))
