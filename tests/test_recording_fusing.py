"""Recorded programs do not what nobody needs, and let the kernel before a ReLU do that too."""

from __future__ import annotations

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from nn import functional as F

LAYERS = {
    "linear": (lambda: nn.Linear(6, 5), (4, 6)),
    "large linear": (lambda: nn.Linear(96, 80), (70, 96)),
    "conv1d": (lambda: nn.Conv1d(3, 4, 3, bias=False), (2, 3, 9)),
    "conv2d": (lambda: nn.Conv2d(2, 4, 3, padding=1, groups=2), (2, 2, 5, 5)),
    "few channels": (lambda: nn.Conv2d(1, 6, 5, padding=2), (40, 1, 20, 20)),
    "winograd": (lambda: nn.Conv2d(32, 32, 3, padding=1), (4, 32, 16, 16)),
    "depthwise": (lambda: nn.Conv2d(32, 32, 3, groups=32), (2, 32, 12, 12)),
    "1x1, stride 2": (lambda: nn.Conv2d(32, 48, 1, stride=2), (4, 32, 14, 14)),
    "conv3d": (lambda: nn.Conv3d(1, 2, 2), (1, 1, 3, 4, 3)),
}
RELUS = {"function": F.relu, "layer": nn.ReLU(), "in place": nn.ReLU(inplace=True)}


def numbers(*shape, seed=0):
    return ag.tensor(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def outcome(function, layer, x):
    """The result and the gradients of the layer's parameters."""
    layer.zero_grad()
    out = function(x)
    (out * out).sum().backward()
    return [out.detach(), *(p.grad for p in layer.parameters())]


@pytest.mark.parametrize("relu", RELUS)
@pytest.mark.parametrize("name", LAYERS)
def test_relu_is_done_by_the_kernel_before_it(name, relu):
    make, shape = LAYERS[name]
    layer, after = make(), RELUS[relu]

    def function(x):
        return after(layer(x)) * 2

    compiled = ag.compile(function, fullgraph=True)
    compiled(numbers(*shape))
    kind = type(layer).__name__.lower()
    assert f"= {kind}_relu(" in compiled.source and "put_over" not in compiled.source
    for seed in range(2):
        x = numbers(*shape, seed=seed)
        for found, expected in zip(
            outcome(compiled, layer, x), outcome(function, layer, x), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    "rest",
    [
        lambda h: F.relu(h) + h,
        lambda h: (F.relu(h), h),
        lambda h: F.relu(h) * h.exp(),
        lambda h: F.leaky_relu(h) + F.relu(h),
        lambda h: F.relu(h.exp()),
        lambda h: F.relu(h[1:]),
    ],
)  # fmt: skip
def test_what_else_is_needed_stays_as_it_is(rest):
    layer, x = nn.Linear(3, 4), numbers(5, 3)
    compiled = ag.compile(lambda x: rest(layer(x)), fullgraph=True)
    compiled(x)
    assert "linear_relu" not in compiled.source
    found, expected = compiled(x), rest(layer(x))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.detach(), b.detach())


def test_what_nobody_needs_is_left_out_but_not_what_it_changes():
    norm, x = nn.BatchNorm1d(3), numbers(5, 3)

    def function(x):
        (x.exp() + 1).sum(0)
        norm(F.dropout(x, 0.5))
        twice = x * 2
        twice.view(-1).mul_(3)
        return twice

    results = []
    for run in (function, ag.compile(function, fullgraph=True)):
        ag.manual_seed(0)
        norm.reset_running_stats()
        results.append([*[run(x) for _ in range(3)], norm.running_mean.clone(), ag.rand(2)])
    assert "exp(" not in run.source and "dropout(" in run.source
    for found, expected in zip(*results, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_whole_training_step():
    def trained(compile):
        ag.manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 2),
        )  # fmt: skip
        optimizer = optim.SGD(net.parameters(), lr=0.1)
        x, labels = numbers(6, 1, 8, 8), ag.tensor([0, 1, 0, 1, 1, 0])

        def step():
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), labels)
            loss.backward()
            optimizer.step()
            return loss

        step = compile(step)
        return [step().item() for _ in range(4)]

    assert trained(lambda f: ag.compile(f, fullgraph=True)) == trained(lambda f: f)
