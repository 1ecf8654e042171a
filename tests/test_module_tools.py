"""Layer paths, copies, printing, containers, and what is beside modules."""

import copy
import pickle
import subprocess
import sys
import textwrap
from collections import OrderedDict

import numpy as np
import pytest
from small_net import Net

import autograd as ag
import nn
from autograd.mode import CURRENT

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
