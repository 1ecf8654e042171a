"""Layers over one to three axes of space against PyTorch's: keys, prints, outputs, gradients."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn

torch = pytest.importorskip("torch")

SIGNAL, IMAGE, VOLUME = (2, 4, 9), (2, 4, 7, 6), (2, 4, 5, 6, 4)
SHAPES = {1: SIGNAL, 2: IMAGE, 3: VOLUME}

# Name of the layer, its arguments, its keywords, the shape of its input.
CASES = [
    ("Conv3d", (4, 6, 3), {}, VOLUME),
    ("Conv3d", (4, 6, (2, 3, 1)), {"stride": (1, 2, 1), "bias": False}, VOLUME[1:]),
    ("Conv3d", (4, 6, 2), {"dilation": 2, "groups": 2, "padding": "same"}, VOLUME),
    *(
        (f"Conv{axes}d", (4, 6, 3), {"padding": padding, "padding_mode": mode}, SHAPES[axes])
        for axes in (1, 2, 3)
        for mode in ("zeros", "reflect", "replicate", "circular")
        for padding in (1, "same")
    ),
    ("ConvTranspose3d", (4, 6, 3), {}, VOLUME),
    (
        "ConvTranspose3d",
        (4, 6, (3, 2, 2)),
        {"stride": 2, "padding": 1, "output_padding": (0, 1, 1), "dilation": 2, "groups": 2},
        VOLUME,
    ),
    ("MaxPool3d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, VOLUME),
    ("MaxPool3d", ((2, 3, 1),), {"dilation": (2, 1, 3)}, VOLUME[1:]),
    ("AvgPool3d", (3,), {"padding": 1, "count_include_pad": False, "ceil_mode": True}, VOLUME),
    ("AvgPool3d", ((2, 3, 1), 1), {"divisor_override": 5}, VOLUME),
    ("AdaptiveAvgPool3d", ((3, None, 2),), {}, VOLUME),
    ("AdaptiveMaxPool3d", ((3, 2, 1),), {}, VOLUME),
    *((f"LPPool{axes}d", (2, 2), {}, SHAPES[axes]) for axes in (1, 2, 3)),
    ("LPPool2d", (2.0, (2, 3)), {"stride": 1, "ceil_mode": True}, IMAGE),
    *(
        (f"{kind}Pad{axes}d", (2, *value), {}, shape)
        for kind, value in (
            ("Zero", ()), ("Constant", (1.5,)), ("Reflection", ()), ("Replication", ()),
            ("Circular", ()),
        )
        for axes in (1, 2, 3)
        for shape in (SHAPES[axes], SHAPES[axes][1:])
    ),
    ("ZeroPad2d", ((1, -2, 0, 3),), {}, IMAGE),
    ("ReflectionPad3d", ((1, 2, 0, 3, 1, 1),), {}, VOLUME),
    ("Upsample", (), {"scale_factor": 2}, IMAGE),
    ("Upsample", ((3, 5),), {"mode": "bicubic", "align_corners": True}, IMAGE),
    ("Upsample", (), {"scale_factor": (2, 1.5, 0.5), "mode": "trilinear"}, VOLUME),
    ("UpsamplingNearest2d", (), {"scale_factor": 3}, IMAGE),
    ("UpsamplingBilinear2d", (9,), {}, IMAGE),
    ("Unfold", (3,), {"padding": 1, "stride": 2}, IMAGE),
    ("Fold", ((4, 5), 2), {}, (2, 8, 12)),
    ("Fold", ((4, 5), (2, 2)), {}, (8, 12)),
    ("PixelShuffle", (2,), {}, IMAGE),
    ("PixelUnshuffle", (3,), {}, (2, 4, 6, 3)),
    ("BatchNorm3d", (4,), {}, VOLUME),
    ("BatchNorm3d", (4,), {"momentum": None, "affine": False}, VOLUME),
    *((f"InstanceNorm{axes}d", (4,), {}, SHAPES[axes]) for axes in (1, 2, 3)),
    *(
        (f"InstanceNorm{axes}d", (4,), {"affine": True, "track_running_stats": True}, shape)
        for axes in (1, 3)
        for shape in (SHAPES[axes], SHAPES[axes][1:])
    ),
    ("Dropout3d", (0.0,), {}, VOLUME),
    ("FeatureAlphaDropout", (0.0,), {}, VOLUME),
]  # fmt: skip


def close(ours, theirs):
    assert ours.shape == tuple(theirs.shape)
    ours, theirs = ours.detach().numpy(), theirs.detach().numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


def pair(name, args, keywords):
    """A layer of PyTorch's and one of ours, in float64 and with the same state."""
    theirs = getattr(torch.nn, name)(*args, **keywords).double()
    ours = getattr(nn, name)(*args, **keywords).double()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert repr(ours) == repr(theirs)
    for parameter in theirs.parameters():  # weights of 1 and biases of 0 would hide mistakes
        torch.nn.init.normal_(parameter)
    ours.load_state_dict({key: value.numpy().copy() for key, value in theirs.state_dict().items()})
    return theirs, ours


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize(
    ("name", "args", "keywords", "shape"), CASES, ids=[f"{c[0]}-{i}" for i, c in enumerate(CASES)]
)
def test_layer(name, args, keywords, shape):
    rng = np.random.default_rng(0)
    theirs, ours = pair(name, args, keywords)
    array = rng.normal(size=shape)
    for training in (True, False):
        results = []
        for module, make in ((ours, ag.tensor), (theirs, torch.tensor)):
            module.train(training)
            x = make(array, requires_grad=True)
            out = module(x)
            direction = np.random.default_rng(1).normal(size=tuple(out.shape))
            module.zero_grad()
            (out * make(direction)).sum().backward()
            gradients = [p.grad for p in module.parameters()]
            results.append([out, x.grad, *gradients, *module.buffers()])
        for mine, reference in zip(*results, strict=True):
            close(mine, reference)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_max_pooling_and_back(axes):
    array = np.random.default_rng(0).normal(size=SHAPES[axes])
    results = []
    for library, tensor in ((nn, ag.tensor), (torch.nn, torch.tensor)):
        pool = getattr(library, f"MaxPool{axes}d")(2, return_indices=True)
        back = getattr(library, f"MaxUnpool{axes}d")(2)
        maxima, indices = pool(tensor(array))
        results.append([repr(back), back(maxima, indices, output_size=SHAPES[axes])])
    assert results[0][0] == results[1][0]
    close(results[0][1], results[1][1])


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("settings", [{"output_size": 2}, {"output_ratio": 0.6}])
def test_fractional_max_pooling(axes, settings):
    array = np.random.default_rng(0).normal(size=SHAPES[axes])
    samples = np.random.default_rng(1).random((2, 4, axes))
    results = []
    for library, tensor in ((nn, ag.tensor), (torch.nn, torch.tensor)):
        make = getattr(library, f"FractionalMaxPool{axes}d")
        pool = make(2, return_indices=True, _random_samples=tensor(samples), **settings)
        x = tensor(array, requires_grad=True)
        maxima, indices = pool(x)
        (maxima * maxima).sum().backward()
        results.append([maxima, indices, x.grad])
    for mine, reference in zip(*results, strict=True):
        close(mine, reference)


def test_transposed_convolution_to_a_size():
    theirs, ours = pair("ConvTranspose3d", (4, 2, 3), {"stride": 2})
    array = np.random.default_rng(0).normal(size=(1, 4, 2, 3, 2))
    size = [6, 7, 5]
    close(ours(ag.tensor(array), size), theirs(torch.tensor(array), size))
    with pytest.raises(ValueError, match="output_size expected from"):
        ours(ag.tensor(array), [9, 7, 5])


def test_channel_shuffle():
    theirs, ours = pair("ChannelShuffle", (2,), {})
    array = np.random.default_rng(0).normal(size=IMAGE)
    close(ours(ag.tensor(array)), theirs(torch.tensor(array)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.ZeroPad2d((1, 2, 3)), "one number or 4 numbers"),
        (lambda: nn.ReflectionPad2d(1)(ag.zeros(4, 4)), "expected 3 or 4 dimensions"),
        (lambda: nn.Conv3d(2, 2, 3, padding_mode="mirror"), "padding_mode expected one of"),
        (lambda: nn.ConvTranspose3d(2, 2, 3, padding_mode="reflect"), "padding_mode='zeros'"),
        (lambda: nn.BatchNorm3d(2)(ag.zeros(2, 2, 2, 2)), "BatchNorm3d expected 5 dimensions"),
        (lambda: nn.InstanceNorm3d(2)(ag.zeros(1, 3, 2, 2, 2)), "expected 2 channels"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
