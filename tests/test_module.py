"""Module: names, modes, conversions, hooks, state dicts, layer paths, copies, containers."""

import copy
import pickle
import subprocess
import sys
import textwrap
from collections import OrderedDict

import numpy as np
import pytest

import autograd as ag
import nn
from autograd.mode import CURRENT


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 3)
        )
        self.flatten = nn.Flatten()
        self.head = nn.Linear(8 * 4 * 4, 3)

    def forward(self, x):
        return self.head(self.flatten(self.features(x)))


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


# -- layer paths -----------------------------------------------------------------------------------


def test_an_op_error_names_the_layer():
    net = Net()
    net.features[3] = nn.Conv2d(5, 8, 3)
    with pytest.raises(RuntimeError, match=r"^in Net\.features\.3 \(Conv2d\): conv2d\("):
        net(ag.ones(1, 1, 8, 8))
    assert CURRENT.get().layer is None


def test_other_errors_get_one_note_from_the_innermost_module():
    class Broken(nn.Module):
        def forward(self, x):
            raise KeyError("lost")

    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([nn.Identity(), Broken()])

        def forward(self, x):
            return self.blocks[1](self.blocks[0](x))

    with pytest.raises(KeyError) as caught:
        Outer()(1)
    assert caught.value.__notes__ == ["in Outer.blocks.1 (Broken)"]


def test_graph_nodes_carry_the_path():
    net = Net()
    out = net(ag.ones(2, 1, 8, 8))
    assert out.grad_fn.layer == "Net.head (Linear)"
    assert nn.ReLU()(ag.ones(1, requires_grad=True)).grad_fn.layer == "ReLU"


def test_paths_follow_changes_of_the_tree():
    inner = nn.Sequential(nn.Tanh())
    x = ag.ones(1, requires_grad=True)
    assert inner(x).grad_fn.layer == "Sequential.0 (Tanh)"
    outer = nn.Sequential(OrderedDict(body=inner))
    assert outer(x).grad_fn.layer == "Sequential.body.0 (Tanh)"
    assert inner(x).grad_fn.layer == "Sequential.body.0 (Tanh)"
    inner.insert(0, nn.Identity())
    assert outer(x).grad_fn.layer == "Sequential.body.1 (Tanh)"


def test_a_module_nobody_registered_goes_by_its_class():
    class Hidden(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = [nn.Tanh()]

        def forward(self, x):
            return self.layers[0](x)

    model = Hidden()
    for _ in range(2):
        assert model(ag.ones(1, requires_grad=True)).grad_fn.layer == "Tanh"


def test_calls_restore_the_state_but_keep_what_forward_switched():
    class Switch(nn.Module):
        def forward(self, x):
            ag.set_grad_enabled(False)
            return x

    with ag.enable_grad():
        Switch()(1)
        assert not ag.is_grad_enabled() and CURRENT.get().layer is None
    assert ag.is_grad_enabled()
    with ag.no_grad():
        assert not nn.ReLU()(ag.ones(1, requires_grad=True)).requires_grad
    assert nn.ReLU()(ag.ones(1, requires_grad=True)).requires_grad


# -- copies ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent_and_complete(duplicate):
    net = Net()
    net(ag.randn(2, 1, 8, 8))
    twin = duplicate(net)
    assert list(twin.state_dict()) == list(net.state_dict())
    for key, value in net.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[key], value)
        assert twin.state_dict()[key].array is not value.array
    assert type(twin.head.weight) is nn.Parameter and twin.head.weight.requires_grad
    assert twin(ag.ones(2, 1, 8, 8)).grad_fn.layer == "Net.head (Linear)"


def test_copies_keep_parameters_tied():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    twin = copy.deepcopy(net)
    assert twin[1].weight is twin[0].weight and twin[0].weight is not net[0].weight


def test_parameters():
    array = np.ones(2, np.float32)
    parameter = nn.Parameter(ag.from_numpy(array))
    assert parameter.array is array and parameter.is_leaf and parameter.requires_grad
    assert repr(parameter) == "Parameter containing:\ntensor([1., 1.], requires_grad=True)"
    assert type(parameter * 2) is ag.Tensor
    assert not nn.Parameter(ag.ones(1), requires_grad=False).requires_grad
    with pytest.raises(RuntimeError, match="floating point"):
        nn.Parameter(ag.tensor([1]))


# -- printing --------------------------------------------------------------------------------------


def test_the_repr_is_the_tree():
    net = Net()
    net.features[1] = nn.GroupNorm(2, 4)
    assert repr(net) == textwrap.dedent(
        """\
        Net(
          (features): Sequential(
            (0): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1))
            (1): GroupNorm(2, 4, eps=1e-05, affine=True, bias=True)
            (2): ReLU()
            (3): Conv2d(4, 8, kernel_size=(3, 3), stride=(1, 1))
          )
          (flatten): Flatten(start_dim=1, end_dim=-1)
          (head): Linear(in_features=128, out_features=3, bias=True)
        )"""
    )
    assert repr(nn.Sequential()) == "Sequential()"


# -- containers ------------------------------------------------------------------------------------


def test_sequential_is_a_sequence():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    assert len(net) == 3 and isinstance(net[-1], nn.Linear) and len(net[:2]) == 2
    assert net[1:][1] is net[2]
    net.insert(1, nn.Tanh())
    assert [type(m).__name__ for m in net] == ["Linear", "Tanh", "ReLU", "Linear"]
    del net[1]
    assert list(net._modules) == ["0", "1", "2"]
    net[1] = nn.Sigmoid()
    assert isinstance(net[1], nn.Sigmoid)
    assert net.append(nn.ReLU()) is net and isinstance(net.pop(), nn.ReLU)
    net += [nn.Identity()]
    assert len(net + nn.Sequential(nn.ReLU())) == 5
    del net[1:3]
    assert list(net._modules) == ["0", "1"]
    assert net(ag.ones(1, 2)).shape == (1, 3)
    with pytest.raises(IndexError, match="out of range for 2"):
        net[2]
    with pytest.raises(TypeError, match=r"expected an nn\.Module or None, got function"):
        nn.Sequential(lambda x: x)


def test_sequential_of_named_modules():
    net = nn.Sequential(OrderedDict([("hidden", nn.Linear(2, 3)), ("act", nn.ReLU())]))
    assert list(net.state_dict()) == ["hidden.weight", "hidden.bias"]
    assert net.hidden is net[0] and list(net[:1]._modules) == ["hidden"]


def test_module_list():
    layers = nn.ModuleList([nn.Linear(2, 2)])
    layers.extend([nn.Linear(2, 2), nn.ReLU()])
    assert len(layers) == 3 and isinstance(layers[:2], nn.ModuleList)
    assert repr(layers) == textwrap.dedent(
        """\
        ModuleList(
          (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)
          (2): ReLU()
        )"""
    )
    layers[0] = nn.Tanh()
    assert isinstance(layers.pop(0), nn.Tanh) and list(layers._modules) == ["0", "1"]
    with pytest.raises(NotImplementedError, match=r"ModuleList does not define forward\(\)"):
        layers(1)


def test_module_dict():
    heads = nn.ModuleDict({"a": nn.Linear(2, 1)})
    heads["b"] = nn.ReLU()
    heads.update([("c", nn.Tanh())])
    assert list(heads) == list(heads.keys()) == ["a", "b", "c"] and "b" in heads
    assert list(heads.state_dict()) == ["a.weight", "a.bias"]
    assert isinstance(heads.pop("c"), nn.Tanh) and len(heads) == 2
    with pytest.raises(KeyError):
        del heads["z"]
    heads.clear()
    assert len(heads) == 0 and list(heads.items()) == [] and list(heads.values()) == []


def test_parameter_containers():
    several = nn.ParameterList([ag.ones(2)])
    several += [nn.Parameter(ag.zeros(3))]
    assert len(several) == 2 and isinstance(several[0], nn.Parameter)
    assert [p.shape for p in several] == [(2,), (3,)] and len(several[1:]) == 1
    several[0] = ag.ones(4)
    assert list(several.state_dict()) == ["0", "1"] and several[-2].shape == (4,)
    with pytest.raises(IndexError):
        several[2]
    named = nn.ParameterDict({"w": ag.ones(2, 3)})
    named["v"] = nn.Parameter(ag.zeros(1))
    assert list(named) == ["w", "v"] and named["w"].requires_grad and "w" in named
    assert repr(named).splitlines()[1] == "  (w): Parameter containing: [float32 of size 2x3]"
    assert named.get("nothing") is None and named.pop("v").shape == (1,) and len(named) == 1
    del named["w"]
    assert not list(named.items()) and not list(named.keys()) and not list(named.values())


# -- utils and summary -----------------------------------------------------------------------------


def test_clipping():
    x = ag.tensor([3.0, -4.0], requires_grad=True)
    (x * x).sum().backward()
    assert nn.utils.clip_grad_norm_([x, ag.ones(1)], 5.0).item() == 10
    np.testing.assert_allclose(x.grad, [3, -4], rtol=1e-6)
    nn.utils.clip_grad_norm_(x, 100.0)
    np.testing.assert_allclose(x.grad, [3, -4], rtol=1e-6)
    nn.utils.clip_grad_value_([x], 3.5)
    np.testing.assert_allclose(x.grad, [3, -3.5], rtol=1e-6)
    assert nn.utils.clip_grad_norm_(x, 1.0, norm_type=np.inf).item() == 3.5
    x.grad = ag.tensor([np.inf, 1.0], dtype=ag.float32)
    with pytest.raises(RuntimeError, match="total norm of the gradients is inf"):
        nn.utils.clip_grad_norm_(x, 1.0, error_if_nonfinite=True)
    nn.utils.clip_grad_norm_(x, 1.0)
    assert np.isnan(x.grad.array[0]) and x.grad.array[1] == 0
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0


def test_parameters_to_vector_and_back():
    layer = nn.Linear(3, 2)
    vector = nn.utils.parameters_to_vector(layer.parameters())
    vector.sum().backward()
    assert (layer.weight.grad == 1).all()
    nn.utils.vector_to_parameters(vector.detach() * 0 + 1, layer.parameters())
    assert (layer.weight == 1).all() and layer.weight.requires_grad
    with pytest.raises(ValueError, match="8 elements"):
        nn.utils.vector_to_parameters(ag.ones(7), layer.parameters())
    with pytest.raises(TypeError):
        nn.utils.vector_to_parameters([1.0], layer.parameters())


def test_summary():
    net = Net()
    net.head.weight.requires_grad_(False)
    net.features.eval()
    result = nn.summary(net, input_size=(2, 1, 8, 8))
    assert result.total == sum(p.numel() for p in net.parameters())
    assert result.total - result.trainable == net.head.weight.numel()
    shapes = {layer.name: layer.output_shape for layer in result.layers}
    assert shapes["3"] == (2, 8, 4, 4) and shapes["head"] == shapes[""] == (2, 3)
    assert net.training and not net.features.training and not net.features[1]._hooks.after
    assert int(net.features[1].num_batches_tracked) == 0
    text = str(result)
    assert "  ├─Conv2d (0): 2-1" in text and f"{result.total:,}" in text
    assert "Conv2d (0)" not in str(nn.summary(net, input_data=ag.ones(1, 1, 8, 8), depth=1))


def test_summary_counts_shared_layers_once():
    layer = nn.Linear(2, 2)
    result = nn.summary(nn.Sequential(layer, nn.ReLU(), layer), (1, 2))
    assert result.total == 6 and [row.seen for row in result.layers] == [False, False, False, True]
    lstm = nn.summary(nn.LSTM(3, 4), input_data=(ag.ones(5, 2, 3),))
    assert lstm.layers[0].output_shape == [(5, 2, 4), [(1, 2, 4), (1, 2, 4)]]
    with pytest.raises(ValueError, match="got both"):
        nn.summary(layer, (1, 2), ag.ones(1, 2))


# -- beside another autograd -----------------------------------------------------------------------


def test_a_foreign_autograd_is_refused(tmp_path):
    (tmp_path / "autograd").mkdir()
    (tmp_path / "autograd" / "__init__.py").write_text("grad = None\n")
    root = nn.__path__[0].rpartition("nn")[0]
    code = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {root!r}]; import nn"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert "ImportError" in ran.stderr and str(tmp_path) in ran.stderr
    assert "pip uninstall autograd" in ran.stderr
