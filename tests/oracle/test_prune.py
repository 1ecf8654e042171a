"""Pruning in both libraries: the same masks, keys, values and refusals."""

import numpy as np
import pytest

import autograd as ag
import nn
from nn.utils import prune

torch = pytest.importorskip("torch")
theirs = pytest.importorskip("torch.nn.utils.prune")

SIDES = ((ag, nn, prune), (torch, torch.nn, theirs))


def layers():
    """The same layer on both sides, with a tie nowhere."""
    weight = np.random.default_rng(0).normal(size=(4, 5, 3))
    made = []
    for lib, package, _ in SIDES:
        layer = package.Conv1d(5, 4, 3).double()
        layer.weight.data = lib.tensor(weight.copy())
        layer.bias.data = lib.tensor(np.arange(4.0) + 1)
        made.append(layer)
    return made


def state(layer):
    return {name: tensor.numpy().tolist() for name, tensor in layer.state_dict().items()}


def check(act):
    """`act(lib, prune, layer)` leaves both layers with the same state and weight."""
    pair = layers()
    for layer, (lib, _, module) in zip(pair, SIDES, strict=True):
        act(lib, module, layer)
    mine, other = pair
    assert state(mine) == state(other)
    assert mine.weight.detach().numpy().tolist() == other.weight.detach().numpy().tolist()
    assert [name for name, _ in mine.named_parameters()] == [
        name for name, _ in other.named_parameters()
    ]
    assert prune.is_pruned(mine) == theirs.is_pruned(other)
    x = np.random.default_rng(1).normal(size=(2, 5, 6))
    for layer, (lib, _, _) in zip(pair, SIDES, strict=True):
        out = layer(lib.tensor(x))
        (out * out).sum().backward()
    for a, b in zip(mine.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-9, atol=1e-9)


def mask(lib, *shape):
    return lib.tensor((np.arange(np.prod(shape)) % 3 > 0).reshape(shape).astype(float))


WAYS = {
    "identity": lambda lib, p, m: p.identity(m, "weight"),
    "l1 count": lambda lib, p, m: p.l1_unstructured(m, "weight", 7),
    "l1 fraction": lambda lib, p, m: p.l1_unstructured(m, "weight", 0.37),
    "l1 nothing": lambda lib, p, m: p.l1_unstructured(m, "weight", 0),
    "l1 all": lambda lib, p, m: p.l1_unstructured(m, "weight", 1.0),
    "l1 bias": lambda lib, p, m: p.l1_unstructured(m, "bias", 0.5),
    "l1 scores": lambda lib, p, m: p.l1_unstructured(
        m, "weight", 9, importance_scores=lib.tensor(np.arange(60.0).reshape(4, 5, 3))
    ),
    "ln rows": lambda lib, p, m: p.ln_structured(m, "weight", 2, n=2, dim=0),
    "ln columns": lambda lib, p, m: p.ln_structured(m, "weight", 0.5, n=1, dim=1),
    "ln last": lambda lib, p, m: p.ln_structured(m, "weight", 1, n=float("inf"), dim=-1),
    "ln -inf": lambda lib, p, m: p.ln_structured(m, "weight", 1, n=float("-inf"), dim=0),
    "mask": lambda lib, p, m: p.custom_from_mask(m, "weight", mask(lib, 4, 5, 3)),
    "global": lambda lib, p, m: p.global_unstructured(
        [(m, "weight"), (m, "bias")], p.L1Unstructured, amount=0.6
    ),
    "global scores": lambda lib, p, m: p.global_unstructured(
        [(m, "weight"), (m, "bias")],
        p.L1Unstructured,
        {(m, "bias"): lib.tensor(np.arange(4.0) / 100)},
        amount=5,
    ),
    "remove": lambda lib, p, m: p.remove(p.l1_unstructured(m, "weight", 11), "weight"),
}


@pytest.mark.parametrize("way", WAYS)
def test_prune(way):
    check(WAYS[way])


TIES = ("ln -inf",)  # of what is pruned: all its slices have a zero
SECOND = [way for way in WAYS if "bias" not in way and way != "l1 count" and way not in TIES]


@pytest.mark.parametrize("second", SECOND)
@pytest.mark.parametrize("first", ["l1 count", "ln rows", "mask", "identity"])
def test_prune_again(first, second):
    def act(lib, module, layer):
        WAYS[first](lib, module, layer)
        WAYS[second](lib, module, layer)

    check(act)


@pytest.mark.parametrize("way", ["random_unstructured", "random_structured"])
def test_random_pruning_takes_as_many(way):
    ag.manual_seed(0)
    for layer, (_, _, module) in zip(layers(), SIDES, strict=True):
        more = {"dim": 1} if "_structured" in way else {}
        getattr(module, way)(layer, "weight", 0.4, **more)
        getattr(module, way)(layer, "weight", 2, **more)
        zero = layer.weight.detach().numpy() == 0
        if more:
            assert zero.all(axis=(0, 2)).sum() == 4 and zero.sum() == 4 * 12
        else:
            assert zero.sum() == 26


@pytest.mark.parametrize("wrong", [
    lambda lib, p, m: p.l1_unstructured(m, "weight", -1),
    lambda lib, p, m: p.l1_unstructured(m, "weight", 1.5),
    lambda lib, p, m: p.l1_unstructured(m, "weight", 61),
    lambda lib, p, m: p.l1_unstructured(m, "weight", "half"),
    lambda lib, p, m: p.ln_structured(m, "bias", 1, n=2, dim=0),
    lambda lib, p, m: p.ln_structured(m, "weight", 1, n=2, dim=3),
    lambda lib, p, m: p.remove(m, "weight"),
    lambda lib, p, m: p.l1_unstructured(m, "wait", 1),
    lambda lib, p, m: p.global_unstructured([(m, "weight")], p.LnStructured, amount=1, n=2),
    lambda lib, p, m: p.global_unstructured(3, p.L1Unstructured, amount=1),
    lambda lib, p, m: p.global_unstructured([(m, "weight")], p.L1Unstructured, [3], amount=1),
])  # fmt: skip
def test_what_is_refused(wrong):
    for layer, (lib, _, module) in zip(layers(), SIDES, strict=True):
        before = state(layer)
        with pytest.raises((TypeError, ValueError, IndexError, AttributeError)):
            wrong(lib, module, layer)
        assert state(layer) == before and not module.is_pruned(layer)


def test_shapes_that_do_not_fit_are_refused():
    layer, _ = layers()
    with pytest.raises(ValueError, match="importance_scores expected the shape"):
        prune.l1_unstructured(layer, "weight", 1, importance_scores=ag.ones(3))
    with pytest.raises(ValueError, match="expected a mask of shape"):
        prune.custom_from_mask(layer, "weight", ag.ones(3))


def test_a_method_prunes_a_tensor():
    for lib, _, module in SIDES:
        method = module.L1Unstructured(2)
        out = method.prune(lib.tensor([3.0, -1.0, 2.0]))
        assert np.abs(out.numpy()).tolist() == [3.0, 0.0, 0.0]
        container = module.PruningContainer()
        container._tensor_name = method._tensor_name = "weight"
        container.add_pruning_method(method)
        assert len(container) == 1 and container[0] is method and list(container) == [method]
        with pytest.raises(TypeError):
            container.add_pruning_method(3)
        other = module.L1Unstructured(2)
        other._tensor_name = "bias"
        with pytest.raises(ValueError):
            container.add_pruning_method(other)
