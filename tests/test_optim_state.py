"""What an optimiser remembers: saved, loaded, copied."""

import copy
import pickle

import numpy as np
import pytest
from descent import OPTIMIZERS, parameter, square_step

import autograd as ag
import optim


@pytest.mark.parametrize("make", [
    lambda p: optim.SGD(p, momentum=0.9), lambda p: optim.Adam(p, amsgrad=True), *OPTIMIZERS[2:],
    lambda p: optim.RMSprop(p, momentum=0.5, centered=True), optim.Muon,
])  # fmt: skip
def test_state_round_trip(make):
    x, y = parameter(2, 2), parameter(2, 2)
    first, second = make([x]), make([y])
    for _ in range(3):
        square_step(first, x)
    y.array[...] = x.array
    state = pickle.loads(pickle.dumps(first.state_dict()))
    second.load_state_dict(state)
    for _ in range(3):
        square_step(first, x)
        square_step(second, y)
    np.testing.assert_array_equal(x.array, y.array)


def test_loaded_state_is_a_copy_in_the_parameters_dtype():
    x, y = parameter(2), parameter(2, dtype=ag.float64)
    first, second = optim.SGD([x], momentum=0.9), optim.SGD([y], momentum=0.9)
    square_step(first, x)
    second.load_state_dict(first.state_dict())
    buffer = second.state[y]["momentum_buffer"]
    assert buffer.dtype == ag.float64
    assert not np.shares_memory(buffer.array, first.state[x]["momentum_buffer"].array)


def test_state_finds_its_parameters_by_name():
    x, y = parameter(2, value=1.0), parameter(2, value=5.0)
    first = optim.SGD([("x", x), ("y", y)], momentum=0.9)
    square_step(first, x, y)
    second = optim.SGD([("y", y), ("x", x)], momentum=0.9)
    second.load_state_dict(first.state_dict())
    assert second.state[x]["momentum_buffer"].tolist() == [2.0, 2.0]
    assert second.state[y]["momentum_buffer"].tolist() == [10.0, 10.0]
    assert second.param_groups[0]["param_names"] == ["y", "x"]


def test_mismatched_state_is_refused_and_changes_nothing():
    x, y = parameter(2), parameter(3)
    optimizer = optim.Adam([x], lr=0.5)
    other = optim.Adam([y])
    square_step(other, y)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=r"exp_avg of parameter 0 has shape \(3,\)"):
        optimizer.load_state_dict(other.state_dict())
    with pytest.raises(ValueError, match="2 parameter groups, this optimizer has 1"):
        optimizer.load_state_dict(
            optim.Adam([{"params": [parameter(1)]}, {"params": [parameter(1)]}]).state_dict()
        )
    with pytest.raises(ValueError, match="group 0 has 2 parameters"):
        optimizer.load_state_dict(optim.Adam([parameter(1), parameter(1)]).state_dict())
    assert optimizer.state_dict() == before


def test_switches_of_implementations_are_not_loaded():
    optimizer = optim.Adam([parameter(1)])
    state = optimizer.state_dict()
    state["param_groups"][0].update(foreach=True, fused=True, capturable=False, lr=np.float64(0.5))
    optimizer.load_state_dict(state)
    assert "foreach" not in optimizer.param_groups[0]
    assert type(optimizer.param_groups[0]["lr"]) is float


def test_deepcopy_and_pickle():
    x = parameter(2)
    optimizer = optim.Adam([x])
    square_step(optimizer, x)
    for twin in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        (param,) = twin.param_groups[0]["params"]
        assert param is not x and list(twin.state) == [param]
        square_step(twin, param)


# -- the other optimisers, and averages ------------------------------------------------------------
