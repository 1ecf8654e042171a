"""GPT, written down once more with PyTorch's functions, with the same weights."""

from __future__ import annotations

import numpy as np
import pytest
from torchvision_layers import leave_undrawn

import autograd as ag
import models
import nn

torch = pytest.importorskip("torch")
F = torch.nn.functional


def reference(tokens, w, layers: int, heads: int):
    """The scores of GPT-2, from a state_dict."""

    def linear(x, name):
        return x @ w[f"{name}.weight"] + w[f"{name}.bias"]

    def norm(x, name):
        return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], 1e-5)

    def split(x):
        return x.unflatten(-1, (heads, -1)).transpose(1, 2)

    time = tokens.shape[1]
    future = torch.ones(time, time, dtype=torch.bool).triu(1)
    x = w["transformer.wte.weight"][tokens] + w["transformer.wpe.weight"][:time]
    for i in range(layers):
        at = f"transformer.h.{i}"
        joint = linear(norm(x, f"{at}.ln_1"), f"{at}.attn.c_attn")
        query, key, value = map(split, joint.chunk(3, -1))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        mixed = scores.masked_fill(future, -torch.inf).softmax(-1) @ value
        x = x + linear(mixed.transpose(1, 2).flatten(2), f"{at}.attn.c_proj")
        inner = F.gelu(linear(norm(x, f"{at}.ln_2"), f"{at}.mlp.c_fc"), approximate="tanh")
        x = x + linear(inner, f"{at}.mlp.c_proj")
    return norm(x, "transformer.ln_f") @ w["transformer.wte.weight"].T


def test_scores_and_gradients_of_a_small_gpt():
    random = np.random.default_rng(0)
    model = models.GPT(vocabulary=13, positions=9, width=12, layers=3, heads=4).to(ag.float64)
    for parameter in model.parameters():
        parameter.array[...] = random.normal(size=parameter.shape) / 2
    weights = {
        name: torch.tensor(value.array, requires_grad=True)
        for name, value in model.named_parameters()
    }
    tokens, targets = random.integers(0, 13, (2, 2, 7))
    found = model(ag.tensor(tokens))
    expected = reference(torch.tensor(tokens), weights, 3, 4)
    np.testing.assert_allclose(found.array, expected.detach().numpy(), rtol=1e-10, atol=1e-10)

    nn.functional.cross_entropy(found.flatten(0, 1), ag.tensor(targets.ravel())).backward()
    F.cross_entropy(expected.flatten(0, 1), torch.tensor(targets.ravel())).backward()
    for name, parameter in model.named_parameters():
        np.testing.assert_allclose(
            parameter.grad.array, weights[name].grad.numpy(), rtol=1e-10, atol=1e-10, err_msg=name
        )


def test_the_scores_of_gpt2(monkeypatch):
    with monkeypatch.context() as patch:
        leave_undrawn(patch)
        model = models.gpt2().eval()
    random = np.random.default_rng(0)
    for name, value in model.named_parameters():
        random.standard_normal(dtype=np.float32, out=value.array)
        value.array[...] *= 0.02
        if ".ln_" in name and name.endswith("weight"):
            value.array[...] += 1
    weights = {n: torch.from_numpy(value.array) for n, value in model.named_parameters()}
    tokens = random.integers(0, 50257, (1, 12))
    with ag.no_grad(), torch.no_grad():
        found = model(ag.tensor(tokens)).array
        expected = reference(torch.tensor(tokens), weights, 12, 12).numpy()
    assert expected.std() > 0.3
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
