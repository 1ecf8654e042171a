"""Optimisers, schedules and early stopping: what they do, what they keep, what they refuse."""

import pickle

import numpy as np
import pytest
from descent import OPTIMIZERS, parameter, square_step

import autograd as ag
import nn
import optim
from autograd import kernels
from autograd.errors import GraphError
from optim import lr_scheduler
from optim.lr_scheduler import StepLR

# -- steps ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", OPTIMIZERS)
@pytest.mark.parametrize("dtype", [ag.float32, ag.float64, ag.float16])
def test_descends_and_keeps_the_dtype(make, dtype):
    x, y = parameter(3, 2, dtype=dtype), parameter(dtype=dtype, value=-2.0)
    optimizer = make([x, y], lr=0.05)
    for _ in range(20):
        square_step(optimizer, x, y)
    assert (np.abs(x.array) < 1).all() and abs(y.item()) < 2
    assert x.dtype == y.dtype == dtype
    for state in optimizer.state.values():
        assert all(v.dtype == dtype for name, v in state.items() if name not in optimizer.single)


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_writes_into_the_parameters_memory(make):
    x = parameter(4)
    array = x.array
    square_step(make([x], lr=0.1), x)
    assert x.array is array and (array < 1).all()


@pytest.mark.parametrize("make", OPTIMIZERS)
def test_blocks_do_not_change_the_result(make, monkeypatch):
    results = []
    for block in (5, 1 << 14):
        monkeypatch.setattr(kernels.step, "BLOCK", block)
        x = ag.tensor(np.linspace(-1, 1, 24).reshape(4, 6), requires_grad=True)
        y = ag.tensor(x.array, requires_grad=True)
        y.data = np.asfortranarray(x.array)  # not contiguous: updated in one piece
        options = {} if make is optim.Rprop else {"weight_decay": 0.1}
        optimizer = make([x, y], lr=0.1, maximize=True, **options)
        for _ in range(3):
            square_step(optimizer, x, y)
        np.testing.assert_allclose(x.array, y.array, rtol=1e-12)  # compiled, and not
        results.append(x.array)
    np.testing.assert_array_equal(*results)


def test_parameters_without_gradient_are_left_alone():
    x, y, frozen = parameter(2), parameter(2), ag.ones(2)
    optimizer = optim.Adam([x, y, frozen])
    x.sum().backward()
    optimizer.step()
    assert y.tolist() == frozen.tolist() == [1.0, 1.0]
    assert list(optimizer.state) == [x]


@pytest.mark.parametrize("make", [*OPTIMIZERS, optim.Muon])
def test_empty_parameter(make):
    x = parameter(0, 3)
    optimizer = make([x])
    x.sum().backward()
    optimizer.step()
    assert x.shape == (0, 3)


def test_infinite_gradients_are_no_warnings():
    x = parameter(2)
    x.grad = ag.tensor([np.inf, np.nan])
    optim.Adam([x]).step()
    assert np.isnan(x.array).all()


def test_closure_runs_with_gradients_and_its_loss_is_returned():
    x = parameter(1)
    optimizer = optim.SGD([x], lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = (x * x).sum()
        loss.backward()
        return loss

    with ag.no_grad():
        assert optimizer.step(closure).item() == 1.0
    assert x.item() == 0.0


def test_learning_rate_may_be_a_tensor():
    x, lr = parameter(1), ag.tensor(0.5)
    optimizer = optim.SGD([x], lr=lr)
    schedule = lr_scheduler.ExponentialLR(optimizer, 0.5)
    square_step(optimizer, x)
    assert x.item() == 0.0
    schedule.step()
    assert optimizer.param_groups[0]["lr"] is lr and lr.item() == 0.25


def test_step_between_forward_and_backward_is_noticed():
    x = parameter(2)
    optimizer = optim.SGD([x], lr=0.1)
    loss = (x * x).sum()
    x.grad = ag.ones(2)
    optimizer.step()
    with pytest.raises(GraphError, match=r"SGD\.step at .*test_optim\.py"):
        loss.backward()


def test_gradient_with_a_graph():
    x = parameter(1)
    (x * x * x).sum().backward(create_graph=True)
    optimizer = optim.SGD([x], lr=1.0)
    optimizer.step()
    assert x.item() == -2.0
    optimizer.zero_grad(set_to_none=False)
    assert x.grad.item() == 0.0 and not x.grad.requires_grad


def test_zero_grad():
    x = parameter(2)
    optimizer = optim.SGD([x])
    x.sum().backward()
    grad = x.grad
    optimizer.zero_grad(set_to_none=False)
    assert x.grad is grad and grad.tolist() == [0.0, 0.0]
    optimizer.zero_grad()
    assert x.grad is None


def test_state_does_not_outlive_the_optimizer_or_leak_graphs():
    x = parameter(3)
    optimizer = optim.Adam([x])
    for _ in range(3):
        square_step(optimizer, x)
    tensors = [*optimizer.state[x].values(), x]
    assert all(tensor.grad_fn is None for tensor in tensors)


# -- groups --------------------------------------------------------------------------------------


def test_groups_fill_in_defaults_and_keep_extras():
    x, y = parameter(1), parameter(2)
    optimizer = optim.SGD(
        [{"params": x, "lr": 0.5, "role": "head"}, {"params": iter([y])}], momentum=0.9
    )
    head, rest = optimizer.param_groups
    assert (head["lr"], head["momentum"], head["role"], head["params"]) == (0.5, 0.9, "head", [x])
    assert (rest["lr"], rest["params"]) == (1e-3, [y])


def test_the_callers_group_is_not_changed():
    group = {"params": [parameter(1)]}
    optim.SGD([group])
    assert list(group) == ["params"]


def test_named_parameters():
    x, y = parameter(1), parameter(1)
    optimizer = optim.SGD([("x", x), ("y", y)])
    assert optimizer.param_groups[0]["param_names"] == ["x", "y"]
    assert optimizer.param_groups[0]["params"] == [x, y]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["x", "y"]
    with pytest.raises(ValueError, match="names or none"):
        optimizer.add_param_group({"params": [parameter(1)]})
    with pytest.raises(ValueError, match="pairs throughout"):
        optim.SGD([("x", x), y])


def leaf_and_result():
    x = parameter(1)
    return [x, x * 2]


@pytest.mark.parametrize(("params", "error", "message"), [
    (lambda: [], ValueError, "empty"),
    (lambda: parameter(1), TypeError, r"write \[tensor\]"),
    (lambda: {parameter(1)}, TypeError, "set"),
    (lambda: 3, TypeError, r"pass model\.parameters\(\)"),
    (lambda: [np.ones(2)], TypeError, r"got ndarray as params\[0\]"),
    (lambda: {"weight": parameter(1)}, TypeError, r"got str as params\[0\]"),
    (lambda: [parameter(1)] * 2, ValueError, r"params\[1\].*twice"),
    (leaf_and_result, ValueError, r"params\[1\].*not a leaf.*mul"),
    (lambda: [{"lr": 0.1}], ValueError, "key 'params'"),
    (lambda: [{"params": [parameter(1)]}, parameter(1)], TypeError, "is a dict, got Tensor"),
    (lambda: [{"params": [parameter(1)], "weigth_decay": 0.1}], ValueError, "mean 'weight_decay'"),
    (lambda: [{"params": [parameter(1)], "lr": -1}], ValueError, "lr expected .* got -1"),
])  # fmt: skip
def test_refused_parameters(params, error, message):
    with pytest.raises(error, match=message):
        optim.SGD(params())


def test_a_parameter_belongs_to_one_group():
    x = parameter(1)
    optimizer = optim.SGD([x])
    with pytest.raises(ValueError, match="already"):
        optimizer.add_param_group({"params": [x]})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize(("make", "options", "message"), [
    (optim.SGD, {"lr": -0.1}, "lr .* got -0.1"),
    (optim.SGD, {"lr": float("nan")}, "lr .* got nan"),
    (optim.SGD, {"momentum": -1}, "momentum"),
    (optim.SGD, {"weight_decay": -1}, "weight_decay"),
    (optim.SGD, {"nesterov": True}, "nesterov=True needs momentum"),
    (optim.SGD, {"nesterov": True, "momentum": 0.9, "dampening": 0.1}, "dampening=0.1"),
    (optim.SGD, {"foreach": True}, "foreach=True is not supported"),
    (optim.SGD, {"lr": ag.ones(2)}, r"one number, got Tensor of shape \(2,\)"),
    (optim.Adam, {"betas": (0.9, 1.0)}, r"betas\[1\] expected .* < 1, got 1.0"),
    (optim.Adam, {"betas": (-0.1, 0.9)}, r"betas\[0\]"),
    (optim.Adam, {"betas": 0.9}, "betas expected two numbers"),
    (optim.Adam, {"eps": -1e-8}, "eps"),
    (optim.AdamW, {"weight_decay": -1}, "weight_decay"),
    (optim.AdamW, {"fused": True}, "fused=True"),
    (optim.Adam, {"differentiable": True}, "differentiable=True"),
])  # fmt: skip
def test_refused_options(make, options, message):
    with pytest.raises(ValueError, match=message):
        make([parameter(1)], **options)


def test_an_option_must_be_a_number():
    with pytest.raises(TypeError, match="lr expected one number, got str"):
        optim.SGD([parameter(1)], lr="0.1")


def test_repr():
    text = repr(optim.SGD([parameter(1)], lr=0.1))
    assert text.startswith("SGD (\nParameter Group 0\n    dampening: 0\n    lr: 0.1\n")


# -- hooks and subclasses ------------------------------------------------------------------------


def test_hooks():
    x = parameter(1)
    optimizer = optim.SGD([x], lr=0.5)
    seen = []
    before = optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("before"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append(o is optimizer))
    optimizer.step()
    before.remove()
    optimizer.step()
    assert seen == ["before", True, True]


def test_pre_hook_may_replace_the_arguments():
    optimizer = optim.SGD([parameter(1)])
    optimizer.register_step_pre_hook(lambda o, args, kwargs: (args, {"closure": lambda: 7}))
    assert optimizer.step() == 7
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="step pre-hook expected"):
        optimizer.step()


def test_subclass_in_pytorchs_style():
    class Plain(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @ag.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for param in group["params"]:
                    param -= group["lr"] * param.grad

    class Noisy(Plain):
        def step(self, closure=None):
            return super().step(closure)

    x = parameter(1)
    optimizer = Noisy([x], lr=0.5)
    calls = []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    schedule = StepLR(optimizer, 1)
    square_step(optimizer, x)
    schedule.step()
    assert x.item() == 0.0 and calls == [1]


def test_base_class_alone_does_nothing():
    x = parameter(1)
    x.sum().backward()
    with pytest.raises(NotImplementedError, match="neither update"):
        optim.Optimizer([x], {}).step()


# -- state ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("make", "options", "message"), [
    (optim.Adagrad, {"lr_decay": -1}, "lr_decay"), (optim.Adagrad, {"fused": True}, "fused=True"),
    (optim.RMSprop, {"alpha": -1}, "alpha"), (optim.Adadelta, {"rho": 1.5}, "rho"),
    (optim.RMSprop, {"capturable": True}, "capturable=True"), (optim.Adamax, {"eps": -1}, "eps"),
    (optim.NAdam, {"momentum_decay": -1}, "momentum_decay"), (optim.RAdam, {"betas": (1, 0)}, "b"),
    (optim.RAdam, {"differentiable": True}, "differentiable=True"), (optim.ASGD, {"lr": -1}, "lr"),
    (optim.Rprop, {"etas": (0.5, 0.9)}, "etas"), (optim.Rprop, {"step_sizes": 3}, "step_sizes"),
    (optim.Adafactor, {"d": 0.5}, "d expected"), (optim.Adafactor, {"eps": (0, -1)}, r"eps\[1\]"),
    (optim.Adafactor, {"beta2_decay": 0.1}, "beta2_decay"), (optim.Muon, {"ns_steps": 100}, "ns_"),
    (optim.Muon, {"adjust_lr_fn": "other"}, "adjust_lr_fn"),
    (optim.Muon, {"ns_coefficients": (1, 2)}, "ns_coefficients"),
    (optim.LBFGS, {"line_search_fn": "wolfe"}, "line_search_fn"),
])  # fmt: skip
def test_refused_options_of_the_others(make, options, message):
    with pytest.raises(ValueError, match=message):
        make([parameter(2, 2)], **options)


def test_muon_wants_matrices_and_lbfgs_one_group_and_a_closure():
    with pytest.raises(ValueError, match=r"params\[0\] has shape \(3,\)"):
        optim.Muon([parameter(3)])
    with pytest.raises(ValueError, match="one group"):
        optim.LBFGS([{"params": [parameter(1)]}, {"params": [parameter(1)]}])
    with pytest.raises(TypeError, match="needs a closure"):
        optim.LBFGS([parameter(1)]).step()


def test_adagrad_begins_groups_that_come_later():
    x, y = parameter(1), parameter(1)
    optimizer = optim.Adagrad([x], lr=0.5, initial_accumulator_value=1.0)
    optimizer.add_param_group({"params": [y]})
    square_step(optimizer, x, y)
    assert x.tolist() == y.tolist()


def test_decay_leaves_out_biases_and_norms():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1, bias=False))
    model[2].weight.requires_grad_(False)
    decaying, others = optim.decay_groups(model, 0.1)
    assert [name for name, _ in decaying["params"]] == ["0.weight"]
    assert [name for name, _ in others["params"]] == ["0.bias", "1.weight", "1.bias"]
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.1, 0.0)
    assert len(optim.decay_groups(nn.Linear(1, 1, bias=False), 0.1)) == 1


def test_averaged_models():
    model = nn.Linear(2, 1)
    averaged = optim.swa_utils.AveragedModel(model)
    averaged.update_parameters(model)
    x = ag.ones(3, 2)
    assert averaged(x).tolist() == model(x).tolist()
    again = optim.swa_utils.AveragedModel(nn.Linear(2, 1))
    again.load_state_dict(averaged.state_dict())
    assert int(again.n_averaged) == 1 and again(x).tolist() == model(x).tolist()
    with pytest.raises(ValueError, match="leave one out"):
        optim.swa_utils.AveragedModel(model, avg_fn=print, multi_avg_fn=print)
    for make in (optim.swa_utils.get_ema_avg_fn, optim.swa_utils.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match="decay expected"):
            make(1.5)


@pytest.mark.parametrize(("make", "message"), [
    (lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.2, mode="square"), "mode"),
    (lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.2, step_size_up=0), "steps up and down"),
    (lambda o: lr_scheduler.CyclicLR(o, [0.1, 0.2], 0.2), "base_lr expected 1 values"),
    (lambda o: lr_scheduler.CyclicLR(o, 0.1, 0.2, scale_mode="x"), "scale_mode"),
    (lambda o: optim.swa_utils.SWALR(o, 0.1, anneal_strategy="x"), "anneal_strategy"),
    (lambda o: optim.swa_utils.SWALR(o, 0.1, anneal_epochs=-1), "anneal_epochs"),
])  # fmt: skip
def test_refused_cycles_and_averages(make, message):
    with pytest.raises(ValueError, match=message):
        make(optim.SGD([parameter(1)], momentum=0.9))


def test_cycles_need_a_momentum_and_keep_their_own_scale():
    with pytest.raises(ValueError, match="cycle_momentum=False"):
        lr_scheduler.CyclicLR(optim.Adagrad([parameter(1)]), 0.1, 0.2)

    class Scale:
        def __init__(self, factor):
            self.factor = factor

        def __call__(self, x):
            return self.factor

    adam = optim.Adam([parameter(1)])
    first = lr_scheduler.CyclicLR(adam, 0.1, 0.2, scale_fn=Scale(0.5))
    second = lr_scheduler.CyclicLR(adam, 0.1, 0.2, scale_fn=Scale(0.9))
    second.load_state_dict(pickle.loads(pickle.dumps(first.state_dict())))
    assert second.scale_fn(1) == 0.5
    assert adam.param_groups[0]["betas"][0] == 0.9
