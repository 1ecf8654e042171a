"""Checkpointing: the same gradients of every order, from less memory."""

import gc
import weakref

import numpy as np
import pytest

import autograd as ag
import nn
from autograd.errors import GraphError
from autograd.gradient_check import gradcheck, gradgradcheck
from nn.utils.checkpoint import checkpoint, checkpoint_sequential


def net():
    ag.manual_seed(3)
    layers = [nn.Linear(4, 4), nn.Tanh(), nn.Dropout(0.5), nn.Linear(4, 4), nn.BatchNorm1d(4)]
    return nn.Sequential(*layers, nn.ReLU(), nn.Linear(4, 2)).double()


def gradients(model, run):
    model.zero_grad()
    ag.manual_seed(7)
    x = ag.tensor(np.random.default_rng(0).normal(size=(5, 4)), requires_grad=True)
    loss = (run(x) ** 2).sum()
    after = ag.rand(1).item()  # the state of the generator afterwards is the same, too
    loss.backward()
    return [loss.item(), after, ag.rand(1).item(), x.grad.numpy()] + [
        p.grad.numpy().copy() for p in model.parameters()
    ]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: lambda x: checkpoint(model, x),
        lambda model: lambda x: checkpoint(model, x, use_reentrant=False),
        lambda model: lambda x: checkpoint(lambda *, input: model(input), input=x),
        lambda model: lambda x: checkpoint_sequential(model, 3, x),
        lambda model: lambda x: checkpoint(lambda y: checkpoint_sequential(model, 2, y), x),
        lambda model: lambda x: checkpoint(lambda: model(x)),  # all inputs in the closure
        lambda model: lambda x: model[2:](checkpoint(model[:2], x)),
    ],
)
def test_gradients_are_the_same(wrap):
    expected, model = gradients(plain := net(), plain), net()
    for a, b in zip(gradients(model, wrap(model)), expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_inputs_without_gradient():
    model = net()
    checkpoint(model, ag.ones(3, 4).double()).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    with ag.no_grad():
        assert not checkpoint(model, ag.ones(3, 4).double()).requires_grad


def test_higher_derivatives_and_grad():
    x = ag.tensor(np.random.default_rng(0).normal(size=3), requires_grad=True)
    assert gradcheck(lambda t: checkpoint(lambda u: (u * u).exp() * u.sin(), t), (x,))
    assert gradgradcheck(lambda t: checkpoint(lambda u: (u * u).exp() * u.sin(), t), (x,))
    y = checkpoint(lambda u: u * u * u, x).sum()
    (first,) = ag.grad(y, x, create_graph=True)
    (second,) = ag.grad(first.sum(), x)
    np.testing.assert_allclose(second.numpy(), 6 * x.detach().numpy())


def test_several_outputs_and_retained_graphs():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    a, (b, c) = checkpoint(lambda u: (u * u, [u.exp(), {"not": "a tensor"}]), x)
    assert c == {"not": "a tensor"}
    (a + b).sum().backward(retain_graph=True)
    (a + b).sum().backward(retain_graph=True)
    one = 2 * np.array([1.0, 2.0]) + np.exp([1.0, 2.0])
    np.testing.assert_allclose(x.grad.numpy(), 2 * one, rtol=1e-6)


def test_writes_inside_are_allowed():
    def function(u):
        v = u * 2
        v.mul_(v.sigmoid())
        return v.exp_()

    x = ag.tensor([0.5, -1.0], requires_grad=True)
    y = ag.tensor([0.5, -1.0], requires_grad=True)
    checkpoint(function, x).sum().backward()
    function(y).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), y.grad.numpy())


def test_memory_is_given_back_until_backward():
    kept = []

    def function(u):
        for _ in range(5):
            u = u.sigmoid()
            kept.append(weakref.ref(u.array))
        return u

    x = ag.ones(10, requires_grad=True)
    plain = function(x)
    assert all(reference() is not None for reference in kept)
    del plain
    kept.clear()
    y = checkpoint(function, x)
    gc.collect()
    assert [reference() is not None for reference in kept] == [False] * 4 + [True]
    y.sum().backward()
    assert len(kept) == 10


def test_what_goes_wrong_is_said():
    x = ag.ones(2, requires_grad=True)
    base = x * 1
    y = checkpoint(lambda t: t.exp(), base)
    base.add_(1)
    with pytest.raises(GraphError, match="changed in place after"):
        y.sum().backward()
    with pytest.raises(GraphError, match="changed one of its arguments"):
        checkpoint(lambda t: t.mul_(2), x * 1)
    turns = iter([1, 2])
    y = checkpoint(lambda t: t.exp() if next(turns) == 1 else t.exp().sin(), x)
    with pytest.raises(GraphError, match="something else"):
        y.sum().backward()
    with pytest.raises(NotImplementedError, match="use_reentrant"):
        checkpoint(lambda t: t, x, use_reentrant=True)
    with pytest.raises(NotImplementedError, match="debug"):
        checkpoint(lambda t: t, x, debug=True)
    with pytest.raises(ValueError, match="segments"):
        checkpoint_sequential([nn.ReLU()], 2, x)
