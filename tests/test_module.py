"""Module: names, modes, conversions, hooks, state dicts, layer paths, copies, containers."""

from collections import OrderedDict

import numpy as np
import pytest
from small_net import Net

import autograd as ag
import nn


class Scale(nn.Module):
    """One parameter, one buffer, one buffer that is not saved."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(ag.tensor([2.0]))
        self.register_buffer("offset", ag.zeros(1))
        self.register_buffer("scratch", ag.zeros(1), persistent=False)

    def forward(self, x):
        return x * self.factor + self.offset


# -- attributes and names --------------------------------------------------------------------------


def test_parameters_buffers_and_modules_are_found_by_name():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == [
        "features.0.weight", "features.0.bias", "features.1.weight", "features.1.bias",
        "features.3.weight", "features.3.bias", "head.weight", "head.bias",
    ]  # fmt: skip
    assert [name for name, _ in net.named_children()] == ["features", "flatten", "head"]
    assert [name for name, _ in net.named_buffers()] == [
        "features.1.running_mean", "features.1.running_var", "features.1.num_batches_tracked",
    ]  # fmt: skip
    assert [name for name, _ in net.named_modules()][:3] == ["", "features", "features.0"]
    assert len(list(net.parameters(recurse=False))) == 0
    assert [name for name, _ in net.head.named_parameters(prefix="x")] == ["x.weight", "x.bias"]


def test_what_is_shared_is_listed_once_unless_asked_otherwise():
    layer = nn.Linear(2, 2)
    net = nn.Sequential(layer, layer)
    assert len(list(net.parameters())) == 2
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert len(list(net.modules())) == 2
    assert len(list(net.named_modules(remove_duplicate=False))) == 3
    assert list(net.state_dict()) == ["0.weight", "0.bias", "1.weight", "1.bias"]


def test_assignment_moves_a_name_between_the_kinds():
    module = nn.Module()
    module.thing = 3
    module.thing = nn.Parameter(ag.ones(1))
    assert list(module._parameters) == ["thing"] and "thing" not in module.__dict__
    module.thing = nn.ReLU()
    assert not module._parameters and list(module._modules) == ["thing"]
    module.thing = nn.Buffer(ag.ones(1), persistent=False)
    assert not module._modules and list(module._buffers) == ["thing"] and not module.state_dict()
    del module.thing
    with pytest.raises(AttributeError, match="no attribute 'thing'"):
        _ = module.thing


def test_wrong_assignments_are_refused():
    layer = nn.Linear(2, 2)
    with pytest.raises(TypeError, match=r"cannot assign Tensor of shape \(2, 2\) to the parameter"):
        layer.weight = ag.ones(2, 2)
    with pytest.raises(TypeError, match="submodule '0'"):
        setattr(nn.Sequential(layer), "0", 3)
    with pytest.raises(TypeError, match="buffer 'offset'"):
        Scale().offset = 3.0
    layer.bias = None
    assert layer(ag.ones(1, 2)).shape == (1, 2)

    class Early(nn.Module):
        def __init__(self):
            self.layer = nn.ReLU()

    with pytest.raises(AttributeError, match=r"before super\(\).__init__\(\) was called in Early"):
        Early()


@pytest.mark.parametrize("name", ["", "a.b", 3, "forward"])
def test_wrong_names_are_refused(name):
    module = nn.Module()
    for register, value in (
        (module.register_parameter, nn.Parameter(ag.ones(1))),
        (module.register_buffer, ag.ones(1)),
        (module.register_module, nn.ReLU()),
    ):
        with pytest.raises((KeyError, TypeError), match="name"):
            register(name, value)


def test_wrong_values_are_refused():
    module = nn.Module()
    for register in (module.register_parameter, module.register_buffer, module.add_module):
        with pytest.raises(TypeError, match=r"expected an? .* or None, got int"):
            register("name", 3)


def test_getting_parts_by_path():
    net = Net()
    assert net.get_submodule("features.3") is net.features[3]
    assert net.get_submodule("") is net
    assert net.get_parameter("head.bias") is net.head.bias
    assert net.get_buffer("features.1.running_mean") is net.features[1].running_mean
    with pytest.raises(AttributeError, match="did you mean 'features'"):
        net.get_submodule("featurs.3")
    with pytest.raises(AttributeError, match=r"no parameter 'head\.wait'"):
        net.get_parameter("head.wait")
    net.set_submodule("features.3", nn.Identity())
    assert isinstance(net.features[3], nn.Identity)
    assert "head" in dir(net)


def test_apply_visits_children_first():
    seen = []
    net = Net()
    assert net.apply(lambda module: seen.append(type(module).__name__)) is net
    assert seen[-1] == "Net" and seen.index("Conv2d") < seen.index("Sequential")


def test_modes():
    net = Net()
    assert net.eval() is net and not any(module.training for module in net.modules())
    net.train()
    assert all(module.training for module in net.modules())
    with pytest.raises(ValueError, match="bool"):
        net.train("yes")


def test_requires_grad_and_zero_grad():
    net = Net()
    net.features.requires_grad_(False)
    net(ag.randn(2, 1, 8, 8)).sum().backward()
    assert net.features[0].weight.grad is None and net.head.weight.grad is not None
    net.zero_grad(set_to_none=False)
    assert (net.head.weight.grad == 0).all()
    net.zero_grad()
    assert net.head.weight.grad is None


# -- conversions -----------------------------------------------------------------------------------


def test_a_dtype_move_keeps_tensors_and_integers():
    net = Net()
    weight = net.head.weight
    net(ag.randn(2, 1, 8, 8)).sum().backward()
    assert net.double() is net
    assert net.head.weight is weight and weight.dtype == ag.float64 and weight.requires_grad
    assert weight.grad.dtype == ag.float64
    assert net.features[1].running_mean.dtype == ag.float64
    assert net.features[1].num_batches_tracked.dtype == ag.int64
    net.zero_grad()
    out = net(ag.randn(2, 1, 8, 8, dtype=ag.float64))
    out.sum().backward()
    assert out.dtype == weight.grad.dtype == ag.float64
    assert net.half().head.weight.dtype == ag.float16
    assert net.float().head.weight.dtype == ag.float32


def test_the_forms_of_to():
    layer = nn.Linear(2, 2)
    assert layer.to("cpu") is layer and layer.weight.dtype == ag.float32
    assert layer.to("cpu", ag.float64).weight.dtype == ag.float64
    assert layer.to(dtype=ag.float32).weight.dtype == ag.float32
    assert layer.to(ag.ones(1, dtype=ag.float64)).weight.dtype == ag.float64
    with pytest.raises(ValueError, match="cuda"):
        layer.to("cuda:0")
    with pytest.raises(TypeError, match="floating point"):
        layer.to(ag.int64)
    with pytest.raises(ValueError, match="got 'cuda'"):
        nn.Linear(2, 2, device="cuda")


def test_fresh_layers_have_the_dtype_asked_for():
    assert nn.Linear(2, 2, dtype=ag.float64).weight.dtype == ag.float64
    ag.set_default_dtype(ag.float64)
    try:
        assert nn.BatchNorm2d(2).running_mean.dtype == nn.Linear(2, 2).weight.dtype == ag.float64
    finally:
        ag.set_default_dtype(ag.float32)


# -- hooks -----------------------------------------------------------------------------------------


def test_forward_hooks_see_and_replace():
    layer = Scale()
    seen = []
    pre = layer.register_forward_pre_hook(lambda module, args: (args[0] + 1,))
    layer.register_forward_hook(lambda module, args, output: seen.append(args[0].item()))
    post = layer.register_forward_hook(lambda module, args, output: output * 10)
    assert layer(ag.ones(1)).item() == 40 and seen == [2]
    pre.remove()
    post.remove()
    assert layer(ag.ones(1)).item() == 2 and seen == [2, 1]


def test_forward_hooks_with_keywords_and_order():
    class Add(nn.Module):
        def forward(self, x, *, other):
            return x + other

    module, order = Add(), []
    module.register_forward_pre_hook(
        lambda m, args, kwargs: (args, {"other": kwargs["other"] + 1}), with_kwargs=True
    )
    module.register_forward_hook(lambda m, args, output: order.append("second"))
    module.register_forward_hook(
        lambda m, args, kwargs, output: order.append("first"), prepend=True, with_kwargs=True
    )
    assert module(1, other=2) == 4 and order == ["first", "second"]
    module.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="with_kwargs=True expected"):
        module(1, other=2)


def test_full_backward_hook_sees_both_ends():
    class Product(nn.Module):
        def forward(self, x, y, unused):
            return x * y

    module, seen = Product(), []
    handle = module.register_full_backward_hook(
        lambda m, grad_input, grad_output: seen.append((grad_input, grad_output))
    )
    x, y = (ag.tensor([v], requires_grad=True) for v in (2.0, 5.0))
    (module(x, y, None) * 3).sum().backward()
    ((first, second, third), (out,)) = seen[0]
    assert (first.item(), second.item(), third, out.item()) == (15, 6, None, 3)
    assert (x.grad.item(), y.grad.item()) == (15, 6)
    handle.remove()
    module(x, y, None).sum().backward()
    assert len(seen) == 1


def test_full_backward_hooks_replace_gradients():
    layer = Scale()
    layer.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 2,))
    layer.register_full_backward_hook(lambda m, grad_input, grad_output: (grad_input[0] * 10,))
    x = ag.ones(1, requires_grad=True)
    layer(x).sum().backward()
    assert layer.factor.grad.item() == 2 and x.grad.item() == 40


def test_full_backward_hook_without_input_gradient_and_with_several_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(ag.ones(1))

        def forward(self, x):
            return x * self.weight, x + self.weight

    module, seen = Two(), []
    module.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    first, second = module(ag.tensor([3.0]))
    (first + 2 * second).sum().backward()
    ((inputs, outputs),) = seen
    assert inputs == (None,) and [g.item() for g in outputs] == [1, 2]
    assert module.weight.grad.item() == 5
    seen.clear()
    first, _ = module(ag.tensor([3.0]))
    first.sum().backward()
    assert seen[0][1][1] is None


def test_hooks_do_not_disturb_second_derivatives():
    layer = nn.Tanh()
    layer.register_full_backward_hook(lambda m, grad_input, grad_output: None)
    x = ag.tensor(0.3, dtype=ag.float64, requires_grad=True)
    (first,) = ag.grad(layer(x), x, create_graph=True)
    (second,) = ag.grad(first, x)
    tanh = np.tanh(0.3)
    np.testing.assert_allclose(second.item(), -2 * tanh * (1 - tanh**2))


def test_wrong_number_of_gradients_from_a_hook():
    layer = Scale()
    layer.register_full_backward_hook(lambda m, gi, go: (gi[0], gi[0]))
    with pytest.raises(RuntimeError, match="expected to return 1 gradients, got 2"):
        layer(ag.ones(1, requires_grad=True)).sum().backward()


# -- state dicts -----------------------------------------------------------------------------------


def test_a_state_dict_shares_memory_and_loads_back():
    net, other = Net(), Net()
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert state["head.weight"].array is net.head.weight.array
    assert not state["head.weight"].requires_grad
    assert net.state_dict(keep_vars=True)["head.weight"] is net.head.weight
    assert list(net.head.state_dict(prefix="p.")) == ["p.weight", "p.bias"]
    result = other.load_state_dict(state)
    assert repr(result) == "<All keys matched successfully>"
    assert result.missing_keys == [] and result.unexpected_keys == []
    net.eval(), other.eval()
    x = ag.randn(2, 1, 8, 8)
    np.testing.assert_array_equal(net(x).detach(), other(x).detach())
    assert list(Scale().state_dict()) == ["factor", "offset"]


def test_loading_arrays_converts_them():
    layer = nn.Linear(2, 1)
    layer.load_state_dict({"weight": np.array([[1.0, 2.0]]), "bias": np.array([3], np.int8)})
    assert layer.weight.dtype == ag.float32 and layer.weight.tolist() == [[1, 2]]
    assert layer.bias.tolist() == [3] and layer.weight.requires_grad


def test_loading_with_assign_takes_the_tensors():
    layer = nn.Linear(2, 1)
    layer.weight.requires_grad_(False)
    weight = ag.ones(1, 2, dtype=ag.float64)
    layer.load_state_dict({"weight": weight, "bias": nn.Parameter(ag.ones(1))}, assign=True)
    assert layer.weight.array is weight.array and layer.weight.dtype == ag.float64
    assert isinstance(layer.weight, nn.Parameter) and not layer.weight.requires_grad


def test_one_error_names_everything_that_does_not_fit():
    layer = nn.Sequential(OrderedDict(first=nn.Linear(2, 2), second=nn.Linear(2, 2)))
    before = layer.first.weight.tolist()
    state = layer.state_dict()
    state = {key: value.clone() + 1 for key, value in state.items()}
    state["first.wieght"] = state.pop("first.weight")
    state["second.bias"] = ag.ones(3)
    state["second.weight"] = [1, 2]
    with pytest.raises(RuntimeError) as caught:
        layer.load_state_dict(state)
    message = str(caught.value)
    for part in (
        "Error(s) in loading state_dict for Sequential",
        'Missing key(s) in state_dict: "first.weight"',
        'Unexpected key(s) in state_dict: "first.wieght"',
        'did you mean "first.weight"?',
        "size mismatch for second.bias: the state dict has shape (3,), the model has (2,)",
        "wrong type for second.weight: expected a Tensor or an array, got list",
    ):
        assert part in message
    assert layer.first.weight.tolist() == before and layer.first.bias.tolist() != [1, 1]


def test_a_prefix_on_all_keys_is_noticed():
    layer = nn.Linear(2, 2)
    state = {f"module.{key}": value for key, value in layer.state_dict().items()}
    with pytest.raises(RuntimeError, match=r"begins with 'module\.'"):
        layer.load_state_dict(state)


def test_loading_loosely_returns_the_differences():
    layer = nn.Linear(2, 2)
    result = layer.load_state_dict({"weight": ag.ones(2, 2), "other": ag.ones(1)}, strict=False)
    assert result.missing_keys == ["bias"] and result.unexpected_keys == ["other"]
    assert layer.weight.tolist() == [[1, 1], [1, 1]]
    with pytest.raises(RuntimeError, match="size mismatch"):
        layer.load_state_dict({"weight": ag.ones(3, 3)}, strict=False)
    with pytest.raises(TypeError, match="expected a dict"):
        layer.load_state_dict([1])


def test_loading_is_a_write_that_backward_notices():
    layer = nn.Linear(2, 2)
    loss = layer(ag.ones(1, 2, requires_grad=True)).sum()
    layer.load_state_dict(nn.Linear(2, 2).state_dict())
    with pytest.raises(RuntimeError, match="load_state_dict"):
        loss.backward()
