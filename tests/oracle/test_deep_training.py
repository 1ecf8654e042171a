"""Initial distributions, batch normalisation by its formula and max-norm, beside PyTorch's."""

import numpy as np
import pytest
import torch

import autograd as ag
import nn
from models.batch_norm import BatchNorm
from nn.utils import max_norm_

FILLS = {  # name -> arguments
    "uniform_": (-0.5, 2.0),
    "normal_": (1.0, 3.0),
    "trunc_normal_": (0.0, 1.0, -1.0, 2.0),
    "xavier_uniform_": (1.5,),
    "xavier_normal_": (2.0,),
    "kaiming_uniform_": (0.1, "fan_out", "leaky_relu"),
    "kaiming_normal_": (0, "fan_in", "relu"),
    "orthogonal_": (1.4,),
    "sparse_": (0.3, 0.5),
}


@pytest.mark.parametrize("shape", [(400, 300), (60, 40, 5, 5)])
@pytest.mark.parametrize("name", FILLS)
def test_weights_are_drawn_from_pytorchs_distributions(name, shape):
    if name == "sparse_" and len(shape) > 2:
        pytest.skip("for matrices only")
    ag.manual_seed(0), torch.manual_seed(0)
    ours, theirs = (
        np.sort(np.asarray(getattr(lib.init, name)(empty(*shape), *FILLS[name])).ravel())
        for lib, empty in ((nn, ag.empty), (torch.nn, torch.empty))
    )
    # Kolmogorov and Smirnov: the largest distance of the distribution functions.
    both = np.concatenate([ours, theirs])
    distance = np.abs(np.searchsorted(ours, both) - np.searchsorted(theirs, both)).max() / len(ours)
    assert distance < 1.95 * np.sqrt(2 / len(ours))
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.02)


@pytest.mark.parametrize("shape", [(30, 20), (20, 30), (20, 6, 2, 2)])
def test_orthogonal_weights_are(shape):
    flat = nn.init.orthogonal_(ag.empty(*shape, dtype=ag.float64), 1.5).flatten(1).array
    product = flat @ flat.T if flat.shape[0] <= flat.shape[1] else flat.T @ flat
    np.testing.assert_allclose(product, 2.25 * np.eye(len(product)), atol=1e-12)


@pytest.mark.parametrize(
    ("shape", "kind"), [((8, 3), "BatchNorm1d"), ((5, 3, 7), "BatchNorm1d"),
                        ((4, 3, 5, 6), "BatchNorm2d")])  # fmt: skip
def test_batch_normalisation_by_its_formula(shape, kind):
    ag.manual_seed(0)
    layers = [
        BatchNorm(3).double(),
        getattr(nn, kind)(3).double(),
        getattr(torch.nn, kind)(3).double(),
    ]
    weight, bias = np.random.default_rng(0).normal(size=(2, 3))
    found = []
    for layer, tensor in zip(layers, (ag.tensor, ag.tensor, torch.tensor), strict=True):
        rng = np.random.default_rng(1)
        layer.load_state_dict(
            {**layer.state_dict(), "weight": tensor(weight), "bias": tensor(bias)}
        )
        values = []
        for training in (True, True, False):
            layer.train(training)
            x = tensor(2 + 3 * rng.normal(size=shape)).requires_grad_()
            layer.zero_grad()
            out = layer(x)
            (out * tensor(rng.normal(size=shape))).sum().backward()
            values += [out.detach(), x.grad, layer.weight.grad, layer.bias.grad]
        values += [layer.running_mean, layer.running_var, layer.num_batches_tracked]
        found.append([np.asarray(v) for v in values])
    for ours, fast, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(fast, theirs, rtol=1e-10, atol=1e-10)
    assert list(layers[0].state_dict()) == list(layers[2].state_dict())


@pytest.mark.parametrize(("p", "dim"), [(2.0, 0), (1.0, 1), (3.0, 0)])
def test_max_norm_is_renorm(p, dim):
    weight = np.random.default_rng(0).normal(size=(5, 4, 3))
    ours = ag.tensor(weight)
    max_norm_(ours, 1.7, p, dim)
    theirs = torch.renorm(torch.tensor(weight), p, dim, 1.7)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
