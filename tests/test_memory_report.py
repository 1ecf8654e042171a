"""The memory report counts what waits for backward: once, by layer, and less with checkpoints."""

import pytest

import autograd as ag
import nn
from autograd.errors import GraphError
from models.resnet_cifar import CifarResNet
from nn.utils.checkpoint import checkpoint


def test_bytes_are_those_of_the_saved_arrays():
    x = ag.ones(100, requires_grad=True, dtype=ag.float64)
    assert ag.memory_report(x.exp()).saved == 800
    assert ag.memory_report(x.exp().exp()).saved == 1600
    assert ag.memory_report((x * 2.0).sum()).saved < 100


def test_an_array_counts_once_however_often_it_is_kept():
    x = ag.ones(100, requires_grad=True)
    y = x.exp()
    total = y * y.reshape(10, 10).flatten() + y.sin()
    assert ag.memory_report(total).saved == 400


def test_layers_and_parameters():
    model = nn.Sequential(nn.Linear(50, 20), nn.Tanh(), nn.Linear(20, 1))
    loss = model(ag.ones(4, 50)).sum()
    report = ag.memory_report(loss)
    assert [layer.path for layer in report.layers[:3]] == [f"Sequential.{i}" for i in range(3)]
    assert report.parameters == 4 * (50 * 20 + 20 + 20 + 1) and report.gradients == 0
    assert report.saved == 4 * (4 * 50 + 4 * 20)  # the input, and the result of tanh
    assert "Sequential.1" in str(report) and "parameters" in str(report)
    loss.backward(retain_graph=True)
    assert ag.memory_report(loss).gradients == report.parameters


def test_a_checkpoint_keeps_its_arguments_only_and_is_not_run_for_the_report():
    runs = []

    def function(u):
        runs.append(1)
        for _ in range(6):
            u = u.sigmoid()
        return u

    x = ag.ones(100, requires_grad=True)
    assert ag.memory_report(function(x).sum()).saved == 2400
    assert ag.memory_report(checkpoint(function, x).sum()).saved <= 400
    assert len(runs) == 2


def test_checkpoints_make_memory_grow_with_the_root_of_the_depth():
    def saved(depth: int, checkpoint: bool) -> int:
        ag.manual_seed(0)
        model = CifarResNet(depth, in_channels=1, checkpoint=checkpoint)
        return ag.memory_report(model(ag.zeros(2, 1, 8, 8)).sum()).saved

    plain = saved(110, False) / saved(26, False)
    rooted = saved(110, True) / saved(26, True)
    assert plain > 3.5 and rooted < 2.5  # 54 blocks against 12: 4.5 times, whose root is 2.1


def test_what_cannot_be_counted():
    with pytest.raises(GraphError, match="requires a gradient"):
        ag.memory_report(ag.ones(2))
    y = ag.ones(2, requires_grad=True).exp().sum()
    y.backward()
    with pytest.raises(GraphError, match="released"):
        ag.memory_report(y)
