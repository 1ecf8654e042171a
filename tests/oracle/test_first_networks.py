"""Networks of 1980 and 1998, written down once more in PyTorch, with the same weights."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import models
from models.lenet_1998 import TABLE, bitmaps, competitive_penalty
from models.neocognitron import CLayer, SLayer

torch = pytest.importorskip("torch")
F = torch.nn.functional


def reference(x, w):
    """LeNet-5 of 1998 map by map, from a state_dict."""

    def squash(a):
        return 1.7159 * torch.tanh(2 * a / 3)

    def subsampled(maps, name):
        sums = 4 * F.avg_pool2d(maps, 2)
        return squash(w[f"{name}.coefficient"] * sums + w[f"{name}.bias"])

    s2 = subsampled(squash(F.conv2d(x, w["c1.weight"], w["c1.bias"])), "s2")
    filters = iter(w["c3.weight"])
    c3 = [
        sum(F.conv2d(s2[:, i : i + 1], next(filters)[None, None]) for i in seen)[:, 0] + bias
        for seen, bias in zip(TABLE, w["c3.bias"], strict=True)
    ]
    s4 = subsampled(squash(torch.stack(c3, 1)), "s4")
    c5 = squash(F.conv2d(s4, w["c5.weight"], w["c5.bias"])).flatten(1)
    f6 = squash(F.linear(c5, w["f6.weight"], w["f6.bias"]))
    return torch.cdist(f6, torch.tensor(bitmaps()).flatten(1).to(f6)) ** 2


def test_lenet_1998_and_its_criterion():
    ag.manual_seed(3)
    model, random = models.lenet1998().to(ag.float64), np.random.default_rng(0)
    x, targets = random.normal(size=(3, 1, 32, 32)), np.array([1, 7, 7])
    weights = {
        name: torch.tensor(value.array, requires_grad=True)
        for name, value in model.named_parameters()
    }
    found, expected = model(ag.tensor(x)), reference(torch.tensor(x), weights)
    np.testing.assert_allclose(found.array, expected.detach().numpy(), rtol=1e-10)

    competitive_penalty(found, ag.tensor(targets), rubbish=15.0).backward()
    others = torch.cat([-expected, torch.full((3, 1), -15.0)], 1).logsumexp(1)
    (expected[torch.arange(3), targets] + others).mean().backward()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(
            parameter.grad.array, weights[name].grad.numpy(), rtol=1e-8, atol=1e-10, err_msg=name
        )


def test_the_neocognitrons_cells():
    random = np.random.default_rng(0)
    u = random.random((2, 3, 8, 8)).astype(np.float32)
    simple, complex = SLayer(3, 4, 5, 1.5, padding=2), CLayer(4, 5, stride=2, padding=2)
    simple.excite.array[...] = random.random(simple.excite.shape)
    simple.inhibit.array[...] = 40 + 40 * random.random(4)
    a, b = torch.tensor(simple.excite.array), torch.tensor(simple.inhibit.array)
    c, x = torch.tensor(simple.fixed.array), torch.tensor(u)
    v = F.conv2d(x**2, c, padding=2).sqrt()
    inner = (1 + F.conv2d(x, a, padding=2)) / (1 + 0.6 * b[:, None, None] * v) - 1
    s = 1.5 * inner.relu()
    found = simple(ag.tensor(u))
    assert 0.1 < (found.array > 0).mean() < 1
    np.testing.assert_allclose(found.array, s.numpy(), rtol=1e-4, atol=1e-5)

    d = torch.tensor(complex.window.array)
    near = F.conv2d(s, d, stride=2, padding=2, groups=4)
    y = (1 + near) / (1 + near.mean(1, keepdim=True)) - 1
    expected = (y / (0.5 + y.relu())).relu()
    np.testing.assert_allclose(complex(found).array, expected.numpy(), rtol=1e-3, atol=1e-5)
