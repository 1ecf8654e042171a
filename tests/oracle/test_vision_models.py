"""AlexNet, VGG, GoogLeNet and the ResNets are torchvision's, layer by layer and number by number.

Both sides read the same weights. In float64 all outputs, gradients and statistics are equal to
1e-9. In float32 so many layers have inputs that are at a kink but for rounding: a rectifier may be
open on one side and closed on the other, or the largest of a window be another one, and then a few
gradients differ by 1e-3, PyTorch's as far from those in float64 as ours. There outputs and
statistics are equal to 1e-4, and so are the gradients of at least half of the layers.

Errors are judged by layers, for the biases before a normalisation have gradients of zero, but for
rounding.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch_vision import NETWORKS
from torchvision_layers import MORE_PARAMETERS, leave_undrawn, parameters, read

import autograd as ag
import models
import nn

TOLERANCE = {"float32": 1e-4, "float64": 1e-9}
KINKS = {"float32": 2e-2, "float64": 1e-9}  # for the gradients of any layer
NORMALISED = [name for name in NETWORKS if name != "alexnet" and not name[3:].isdigit()]
DEEP = ("resnet34", "resnet101", "resnet110", "resnet152")  # of blocks that others have, too
CASES = [
    *((name, "float32", True) for name in NETWORKS),
    *((name, "float64", True) for name in NETWORKS if name not in DEEP),
    *((name, "float64", False) for name in NORMALISED if name not in DEEP),
]


@pytest.fixture(scope="module")
def network(request):
    """A network's name, its two sides, and a batch of images."""
    make, size, options = NETWORKS[request.param]
    with pytest.MonkeyPatch.context() as patch:
        leave_undrawn(patch)
        mine = getattr(models, request.param)(**options)
    with torch.device("meta"):
        theirs = make()
    images = np.random.default_rng(0).normal(size=(4, 3, size, size))
    return request.param, mine, theirs, images


def fill(model, dtype: str) -> None:
    """Give every layer weights that keep its outputs' size, and none that is 0 or 1 by default.

    In float32 normalisations lift nearly all their outputs above 0, away from the rectifiers' kink.
    """
    table = np.random.default_rng(1).normal(size=100_003).astype("f4")
    spread, mean = (0.2, 1.0) if dtype == "float32" else (1.0, 0.0)
    for module in model.modules():
        for key, value in (*module.named_parameters("", False), *module.named_buffers("", False)):
            if value.ndim == 0:
                value.array[...] = 0
                continue
            numbers = np.resize(table, value.shape)
            if value.ndim > 1:
                numbers *= np.sqrt(np.float32(2 / np.prod(value.shape[1:])))
            else:
                numbers *= np.float32(0.1)
            if isinstance(module, nn.BatchNorm2d):
                numbers += {"weight": spread, "bias": mean, "running_var": 1.0}.get(key, 0.0)
            value.array[...] = numbers


def share(mine, theirs) -> None:
    """Let PyTorch's side use the same arrays; the statistics, which training moves, are copied."""
    learned = {name for name, _ in mine.named_parameters()}
    state = {
        key: torch.from_numpy(value.array if key in learned else value.array.copy())
        for key, value in mine.state_dict().items()
    }
    theirs.load_state_dict(state, assign=True)
    theirs.requires_grad_(True)


def answers(lib, model, images):
    """All outputs of a model, and the gradients of a number made of them."""
    model.zero_grad()
    leaf = lib.tensor(images, requires_grad=True)
    outs = model(leaf)
    outs = tuple(outs) if isinstance(outs, tuple) else (outs,)
    rng = np.random.default_rng(2)
    weights = [lib.tensor(rng.normal(size=tuple(o.shape)).astype(images.dtype)) for o in outs]
    sum((out * weight).sum() for out, weight in zip(outs, weights, strict=True)).backward()
    found = {f"output {i}": out.detach().numpy() for i, out in enumerate(outs)}
    found["images"] = leaf.grad.numpy()
    for name, parameter in model.named_parameters():
        if parameter.grad is not None:  # auxiliary heads have none outside training
            found[name] = parameter.grad.numpy()
    return found


@pytest.mark.parametrize("network", NETWORKS, indirect=True)
def test_the_state_dict_has_torchvisions_keys_shapes_and_count(network):
    name, mine, theirs, _ = network
    shapes = {key: tuple(value.shape) for key, value in mine.state_dict().items()}
    assert list(shapes.items()) == [(k, tuple(v.shape)) for k, v in theirs.state_dict().items()]
    names = [key for key, _ in mine.named_parameters()]
    assert names == [key for key, _ in theirs.named_parameters()]
    if name in MORE_PARAMETERS:
        assert parameters(shapes) == MORE_PARAMETERS[name]
    elif name in read():
        assert (parameters(shapes), shapes) == read()[name]


@pytest.mark.parametrize("network, dtype, training", CASES, indirect=["network"])
def test_outputs_and_gradients(network, dtype, training):
    name, mine, theirs, images = network
    if dtype == "float64" and name.startswith("vgg"):  # whose head would take gigabytes
        mine, theirs = mine.features, theirs.features
    fill(mine.to(getattr(ag, dtype)).train(training), dtype)
    share(mine, theirs)
    theirs.train(training)
    images = images.astype(dtype)
    found, expected = answers(ag, mine, images), answers(torch, theirs, images)
    outputs = [key for key in expected if key.startswith("output")]
    gradients = compare(found, expected)
    for key in outputs:
        assert gradients.pop(key) <= TOLERANCE[dtype], key
    assert max(gradients.values()) <= KINKS[dtype], max(gradients, key=gradients.__getitem__)
    assert np.median(list(gradients.values())) <= TOLERANCE[dtype]
    buffers = [{k: b.numpy() for k, b in side.named_buffers()} for side in (mine, theirs)]
    for layer, error in compare(*buffers).items():
        assert error <= TOLERANCE[dtype], layer


def compare(found: dict, expected: dict) -> dict[str, float]:
    """The relative error of each layer, over all its arrays."""
    assert list(found) == list(expected)
    layers: dict[str, list[str]] = {}
    for key, value in expected.items():
        assert found[key].dtype == value.dtype and found[key].shape == value.shape, key
        layers.setdefault(key.rpartition(".")[0] or key, []).append(key)
    return {
        layer: norm(found[key] - expected[key] for key in keys)
        / norm(expected[key] for key in keys)
        for layer, keys in layers.items()
    }


def norm(arrays) -> float:
    """The Euclidean norm of all numbers in several arrays."""
    return float(np.sqrt(sum(np.linalg.norm(np.ravel(a)) ** 2 for a in arrays)))
