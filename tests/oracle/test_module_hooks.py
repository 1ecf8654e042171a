"""The same hooks on the same modules in both libraries: what they see, when, and what they do."""

import copy
import warnings

import numpy as np
import pytest

import autograd as ag
import nn

torch = pytest.importorskip("torch")
pytest.importorskip("torch.nn.utils.prune")  # which torch.nn.utils does not import

BOTH = [(ag, nn), (torch, torch.nn)]

# Names of PyTorch's Module that ours lacks, and why.
ABSENT = {
    **dict.fromkeys(("cuda", "ipu", "mtia", "xpu", "share_memory"), "there is one device"),
    "bfloat16": "a dtype NumPy has not",
    "compile": "kernels are compiled as they are",
    "register_backward_hook": "deprecated: register_full_backward_hook",
    **dict.fromkeys(("T_destination", "call_super_init", "dump_patches"), "of its implementation"),
}


def test_names_of_module():
    missing = set(dir(torch.nn.Module)) - set(dir(nn.Module))
    assert {name for name in missing if not name.startswith("_")} == set(ABSENT)


def test_names_of_nn():
    """What is missing of the package, and why, stands in one list."""
    absent = {
        "Container": "deprecated: Module",
        # Its windows never let go of the first channel, and its gradient is that of others.
        "CrossMapLRN2d": "not what it says: LocalResponseNorm",
        "DataParallel": "for several devices",
        "SyncBatchNorm": "for several devices",
        "factory_kwargs": "of its implementation",
    }
    for theirs, ours, reasons in (
        (torch.nn, nn, absent),
        (torch.nn.init, nn.init, {}),
        (torch.nn.utils, nn.utils, {}),
        (torch.nn.utils.prune, nn.utils.prune, {}),
        (torch.nn.utils.parametrizations, nn.utils.parametrizations, {}),
    ):
        names = {
            name
            for name in dir(theirs)
            if not name.startswith("_")
            and getattr(getattr(theirs, name), "__module__", "").startswith(theirs.__name__)
        }
        assert names - set(dir(ours)) == set(reasons), theirs.__name__


def same(act):
    """The events `act(lib, nn, events)` notes are the same in both libraries."""
    found = []
    for lib, layers in BOTH:
        events: list = []
        act(lib, layers, events)
        found.append(events)
    assert found[0] == found[1]
    assert found[0]


def plain(value):
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value.detach().numpy().tolist() if hasattr(value, "detach") else value


def noting(events, name):
    return lambda module, *seen: events.append([name, type(module).__name__, plain(seen)])


def model(lib, layers):
    net = layers.Sequential(layers.Linear(2, 2), layers.Sequential(layers.Tanh(), layers.ReLU()))
    for parameter in net.parameters():
        parameter.data = lib.full(tuple(parameter.shape), 0.5)
    return net


def test_hooks_of_every_module():
    def act(lib, layers, events):
        register = layers.modules.module
        net = model(lib, layers)
        net[1].register_forward_pre_hook(noting(events, "own pre"))
        net[1].register_forward_hook(noting(events, "own"))
        net[0].register_full_backward_hook(noting(events, "own backward"))
        handles = [
            register.register_module_forward_hook(noting(events, "after")),
            register.register_module_forward_pre_hook(noting(events, "before")),
            register.register_module_full_backward_hook(noting(events, "backward")),
            register.register_module_full_backward_pre_hook(noting(events, "backward pre")),
        ]
        x = lib.tensor([[1.0, -2.0]], requires_grad=True)
        net(x).sum().backward()
        events.append(plain(x.grad))
        for handle in handles:
            handle.remove()
        net[1](x)

    same(act)


def test_hooks_of_every_module_may_replace():
    def act(lib, layers, events):
        register = layers.modules.module
        net = layers.Identity()
        x = lib.tensor([1.0], requires_grad=True)
        with (
            register.register_module_forward_pre_hook(lambda module, args: args[0] * 2),
            register.register_module_forward_hook(
                lambda module, args, kwargs, out: out + len(kwargs), with_kwargs=True
            ),
            register.register_module_full_backward_hook(lambda module, gin, gout: (gin[0] * 3,)),
        ):
            out = net(x)
            out.sum().backward()
        events.append([plain(out), plain(x.grad)])

    same(act)


@pytest.mark.parametrize("everywhere", [False, True])
def test_hooks_that_are_always_called(everywhere):
    def act(lib, layers, events):
        class Failing(layers.Module):
            def forward(self, x):
                raise KeyError("forward")

        def stumble(module, args, out):
            raise ValueError("hook")

        for cls in (Failing, layers.Identity):
            module = cls()
            on = module.register_forward_hook
            if everywhere:
                on = layers.modules.module.register_module_forward_hook
            handles = [
                on(noting(events, "first"), always_call=True),
                on(stumble, always_call=True),
                on(noting(events, "never")),
                on(noting(events, "last"), always_call=True),
            ]
            with warnings.catch_warnings(record=True) as caught, pytest.raises(Exception) as error:
                warnings.simplefilter("always")
                module(lib.ones(1))
            events.append([type(error.value).__name__, len(caught)])
            for handle in handles:
                handle.remove()

    same(act)


def test_hooks_of_registration():
    def act(lib, layers, events):
        register = layers.modules.module
        with (
            register.register_module_parameter_registration_hook(noting(events, "parameter")),
            register.register_module_buffer_registration_hook(noting(events, "buffer")),
            register.register_module_module_registration_hook(
                lambda module, name, part: events.append([name, type(part).__name__])
            ),
        ):
            module = layers.Module()
            module.weight = layers.Parameter(lib.ones(1))
            module.register_parameter("bias", None)
            module.register_buffer("mean", lib.zeros(1))
            module.mean = lib.ones(1)
            module.register_buffer("none", None)
            module.part = layers.ReLU()
            module.add_module("other", layers.Tanh())
            module.add_module("absent", None)
        with register.register_module_parameter_registration_hook(
            lambda module, name, parameter: layers.Parameter(parameter.detach() * 2)
        ):
            module.weight = layers.Parameter(lib.ones(1))
        events.append(plain(module.weight))

    same(act)


def test_to_empty_keeps_the_tensors():
    for lib, layers in BOTH:
        module = layers.BatchNorm1d(3)
        before = [*module.parameters(), *module.buffers()]
        shapes = [tuple(t.shape) for t in before]
        assert module.to_empty(device="cpu") is module
        assert [tuple(t.shape) for t in (*module.parameters(), *module.buffers())] == shapes
        if lib is ag:  # PyTorch makes new ones for an optimiser to find out about
            assert all(a is b for a, b in zip(before, module.parameters(), strict=False))


def test_set_submodule():
    def act(lib, layers, events):
        net = model(lib, layers)
        net.set_submodule("1.0", layers.ReLU6())
        net.set_submodule("1.2", layers.Tanh())
        events.append(repr(net))
        for target, part, strict in (
            ("1.7", layers.Tanh(), True),
            ("", layers.Tanh(), False),
            ("0.weight", layers.Tanh(), False),
            ("5.1", layers.Tanh(), False),
            ("0", 3, False),
        ):
            with pytest.raises((AttributeError, ValueError)) as error:
                net.set_submodule(target, part, strict)
            events.append(type(error.value).__name__)
        shared = layers.Sequential(net[0], net[0])
        events.append([len(list(shared.modules(remove_duplicate=r))) for r in (True, False)])

    same(act)


def test_hooks_survive_a_copy():
    module = nn.Identity()
    module.register_forward_hook(lambda module, args, out: out + 1, always_call=True)
    twin = copy.deepcopy(module)
    np.testing.assert_array_equal(twin(ag.zeros(1)).numpy(), [1.0])
