"""Normalisation, a residual and ReLU in one op: as if they were three, also to hooks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
import nn
from autograd.errors import GraphError
from autograd.ops.norm_batch import batch_norm_relu
from models.resnet import BasicBlock
from nn import functional as F
from nn.norm_relu import norm_relu

RESIDUALS = {"none": None, "same": (6, 5, 4, 3), "broadcast": (5, 1, 3)}


def layer(dtype, momentum=0.1):
    norm = nn.BatchNorm2d(5, momentum=momentum, dtype=dtype)
    rng = np.random.default_rng(1)
    with ag.no_grad():
        for values in (norm.weight, norm.bias, norm.running_mean):
            values.copy_(ag.tensor(rng.normal(size=5)))
    return norm


def three_things(norm, relu, input, residual=None):
    out = norm(input)
    return relu(out if residual is None else out + residual)


def run(function, norm, x, residual, relu):
    """The output, all gradients, and the layer's state afterwards."""
    x, residual = (a if a is None else a.detach().requires_grad_() for a in (x, residual))
    out = function(norm, relu, x, residual)
    (out * ag.arange(out.numel()).reshape(out.shape).cos()).sum().backward()
    grads = [a.grad.clone() for a in (x, residual, *norm.parameters()) if a is not None]
    return [a.numpy() for a in (out.detach(), *grads, *norm.buffers())]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [ag.float32, ag.float64])
@pytest.mark.parametrize("residual", RESIDUALS)
@given(last=st.booleans(), momentum=st.sampled_from([0.1, None]), seed=st.integers(0, 1000))
def test_the_same_as_three_things(training, dtype, residual, last, momentum, seed):
    rng = np.random.default_rng(seed)
    x = ag.tensor(rng.normal(size=(6, 5, 4, 3)), dtype=dtype)
    x = x.contiguous(memory_format=ag.channels_last) if last else x
    shape = RESIDUALS[residual]
    added = None if shape is None else ag.tensor(rng.normal(size=shape), dtype=dtype)
    results = [
        run(function, layer(dtype, momentum).train(training), x, added, nn.ReLU())
        for function in (norm_relu, three_things)
    ]
    tolerance = 2e-5 if dtype == ag.float32 else 1e-12
    for found, wanted in zip(*results, strict=True):
        assert found.dtype == wanted.dtype
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kind", ["group", "layer", "layer 2d"])
@pytest.mark.parametrize("dtype", [ag.float32, ag.float64])
@pytest.mark.parametrize("residual", ["none", "same", "broadcast"])
@given(last=st.booleans(), affine=st.booleans(), seed=st.integers(0, 1000))
def test_other_norms_the_same_as_three_things(kind, dtype, residual, last, affine, seed):
    rng = np.random.default_rng(seed)
    norm = {
        "group": lambda: nn.GroupNorm(2, 4, affine=affine, dtype=dtype),
        "layer": lambda: nn.LayerNorm(3, elementwise_affine=affine, dtype=dtype),
        "layer 2d": lambda: nn.LayerNorm((5, 3), elementwise_affine=affine, dtype=dtype),
    }[kind]()
    with ag.no_grad():
        for values in norm.parameters():
            values.copy_(ag.tensor(rng.normal(size=values.shape)))
    x = ag.tensor(rng.normal(size=(6, 4, 5, 3)), dtype=dtype)
    x = x.contiguous(memory_format=ag.channels_last) if last else x
    shape = {"none": None, "same": (6, 4, 5, 3), "broadcast": (5, 1)}[residual]
    added = None if shape is None else ag.tensor(rng.normal(size=shape), dtype=dtype)
    results = []
    for function in (norm_relu, three_things):
        results.append(run(function, norm, x, added, nn.ReLU()))
        norm.zero_grad()
    tolerance = 2e-5 if dtype == ag.float32 else 1e-12
    for found, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


def name_of(out):
    return out.grad_fn.name()


def test_one_op_where_nobody_looks_in_between():
    x = ag.randn(2, 5, 3, 3)
    for relu in (nn.ReLU(), nn.ReLU(inplace=True), F.relu):
        assert name_of(norm_relu(layer(ag.float32), relu, x)) == "batch_norm_relu"
        assert name_of(norm_relu(layer(ag.float32), relu, x, x)) == "batch_norm_relu"
        assert name_of(norm_relu(nn.GroupNorm(5, 5), relu, x, x)) == "group_norm_relu"
        assert name_of(norm_relu(nn.LayerNorm(3), relu, x, x)) == "layer_norm_relu"


class Louder(nn.BatchNorm2d):
    def forward(self, input):
        return super().forward(input) * 2


def test_three_where_something_else_is_asked_for():
    x = ag.randn(2, 4, 3, 3)
    assert name_of(norm_relu(nn.InstanceNorm2d(4, affine=True), nn.ReLU(), x)) == "relu"
    assert name_of(norm_relu(nn.BatchNorm2d(4), nn.ReLU6(), x)) == "relu6"
    assert name_of(norm_relu(nn.BatchNorm2d(4), F.leaky_relu, x)) == "leaky_relu"
    louder = Louder(4)
    with ag.no_grad():
        np.testing.assert_array_equal(norm_relu(louder, F.relu, x), F.relu(louder(x)))
    patched = nn.BatchNorm2d(4)
    patched.forward = lambda input: -input
    np.testing.assert_array_equal(norm_relu(patched, F.relu, x), F.relu(-x))


@pytest.mark.parametrize("everywhere", [False, True])
def test_hooks_see_what_they_would(everywhere):
    block, x, seen = BasicBlock(4, 4), ag.randn(2, 4, 5, 5), {}
    expected = block(x).detach()

    def look(module, args, output):
        seen.setdefault(module, []).append(output.detach().clone())

    if everywhere:
        handle = nn.modules.module.register_module_forward_hook(look)
        block(x)
        handle.remove()
    else:
        block.bn2.register_forward_hook(look)
        block.relu.register_forward_hook(look)
        block(x)
    np.testing.assert_allclose(seen[block.relu][-1], expected, rtol=1e-5, atol=1e-6)
    normalised = seen[block.bn2][0]
    assert (normalised < 0).any()
    np.testing.assert_allclose(F.relu(normalised + x), expected, rtol=1e-5, atol=1e-6)


def test_hooks_that_are_gone_do_not_matter():
    block, x = BasicBlock(4, 4), ag.randn(2, 4, 5, 5)
    block.bn2.register_forward_hook(lambda module, args, output: None).remove()
    nn.modules.module.register_module_forward_hook(lambda module, args, output: None).remove()
    assert name_of(block(x)) == "batch_norm_relu"


def test_a_changed_output_is_noticed():
    """Where a residual's gradient passes is read off the output."""
    x = ag.randn(3, 5, 2, 2)
    out = norm_relu(layer(ag.float32), F.relu, x, ag.randn(3, 5, 2, 2, requires_grad=True))
    out.mul_(-1)
    with pytest.raises(GraphError, match="saved by batch_norm_relu"):
        out.sum().backward()


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        norm_relu(nn.BatchNorm1d(2), F.relu, ag.ones(1, 2))
    with pytest.raises(ValueError, match="expected weight of 3 elements"):
        batch_norm_relu(ag.ones(2, 3), None, None, ag.ones(2), training=True)
    assert norm_relu(nn.BatchNorm1d(2), F.relu, ag.ones(0, 2)).shape == (0, 2)


def test_a_number_may_stand_for_the_residual():
    x = ag.randn(4, 3, 2, 2)
    norm = nn.BatchNorm2d(3)
    assert (norm_relu(norm, F.relu, x, 0.5) == F.relu(norm(x) + 0.5)).all()
