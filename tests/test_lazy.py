"""Lazy layers: they take their shapes from the first input or state dict, and become ordinary."""

import copy
import pickle

import numpy as np
import pytest

import autograd as ag
import nn

SPACES = {1: (7,), 2: (5, 6), 3: (4, 5, 3)}
CASES = [("Linear", (2,), (3,), (5, 3))]
for _dims, _space in SPACES.items():
    CASES += [
        (f"Conv{_dims}d", (4, 3), (6, 4, 3), (2, 6, *_space)),
        (f"ConvTranspose{_dims}d", (4, 3), (6, 4, 3), (2, 6, *_space)),
        (f"BatchNorm{_dims}d", (), (6,), (2, 6, *_space)),
        (f"InstanceNorm{_dims}d", (), (6,), (2, 6, *_space)),
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_becomes_the_ordinary_layer(case):
    name, args, ordinary_args, shape = case
    if name == "Linear":
        ordinary_args = (3, 2)
    options = {"affine": True, "track_running_stats": True} if "Instance" in name else {}
    x = ag.randn(*shape)
    ag.manual_seed(1)
    lazy = getattr(nn, "Lazy" + name)(*args, **options)
    assert isinstance(lazy, getattr(nn, name)) and lazy.has_uninitialized_params()
    assert "Lazy" in repr(lazy)
    twins = copy.deepcopy(lazy), pickle.loads(pickle.dumps(lazy))
    ordinary = getattr(nn, name)(*ordinary_args, **options)
    for twin in (lazy, *twins):
        ag.manual_seed(1)
        twin(x)
        assert type(twin) is getattr(nn, name) and repr(twin) == repr(ordinary)
        assert list(twin.state_dict()) == list(ordinary.state_dict())
        assert all(type(p) is nn.Parameter for p in twin.parameters())
    ag.manual_seed(1)
    again = getattr(nn, name)(*ordinary_args, **options)
    again(x)
    for key, value in again.state_dict().items():
        np.testing.assert_array_equal(lazy.state_dict()[key].numpy(), value.numpy())
    lazy(x).sum().backward()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_state_dicts(case):
    name, args, _, shape = case
    options = {"affine": True, "track_running_stats": True} if "Instance" in name else {}
    x = ag.randn(*shape)
    lazy, other, source = (getattr(nn, "Lazy" + name)(*args, **options) for _ in range(3))
    assert other.load_state_dict(lazy.state_dict()) == ([], [])  # both still without shapes
    state = lazy.state_dict()
    source(x)
    with pytest.raises(RuntimeError, match="no values for"):
        source.load_state_dict(state)
    lazy.load_state_dict(source.state_dict())
    assert not lazy.has_uninitialized_params()
    source.eval(), lazy.eval()
    np.testing.assert_array_equal(lazy(x).detach().numpy(), source(x).detach().numpy())
    assert repr(lazy) == repr(source)


def test_dtype_and_container():
    model = nn.Sequential(nn.LazyConv2d(4, 3), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(2))
    model.double()
    assert model(ag.randn(2, 3, 5, 5).double()).shape == (2, 2)
    assert all(p.dtype == np.float64 for p in model.parameters())
    assert "Lazy" not in repr(model)
    assert nn.LazyInstanceNorm1d(affine=True)(ag.ones(3, 5)).shape == (3, 5)


def test_what_goes_wrong_is_said():
    with pytest.raises(RuntimeError, match="no shape yet"):
        len(nn.LazyLinear(2).weight.shape)
    with pytest.raises(ValueError, match="dimensions"):
        nn.LazyConv2d(4, 3)(ag.ones(3, 4))
    with pytest.raises(ValueError, match="do not divide"):
        nn.LazyConv1d(4, 3, groups=2)(ag.ones(1, 3, 4))
