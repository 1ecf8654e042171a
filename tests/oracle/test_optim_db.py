"""Every optimiser PyTorch tests, with its own choices of options: 100 steps down the same slope.

What PyTorch's table says it refuses is refused here.
"""

import functools
import math

import numpy as np
import pytest

import autograd as ag
import optim

torch = pytest.importorskip("torch")

from torch_testing import optim_db  # noqa: E402

STEPS = 100
ABSENT = {"SparseAdam": "there are no sparse gradients"}
PRESENT = [info for info in optim_db if info.optim_cls.__name__ not in ABSENT]
SHAPES = [(3, 4), (4,), ()]


def mine(value):
    """An argument of theirs in this library."""
    if isinstance(value, torch.Tensor):
        return ag.tensor(value.detach().numpy().copy())
    if isinstance(value, (tuple, list)):
        return type(value)(map(mine, value))
    return {name: mine(v) for name, v in value.items()} if isinstance(value, dict) else value


def loss_of(lib, params):
    """A convex function of all parameters together, with its minimum some way off.

    So it does not magnify rounding; neither do the optimisers that divide by what gradients are.
    """
    total = sum(param.sum() for param in params)
    out = (1 + total * total / 100).sqrt()
    for param in params:
        size = math.prod(param.shape)
        target = lib.tensor(np.linspace(5, 20, size).reshape(tuple(param.shape)))
        out = out + ((param - target) ** 2 * target).sum() / 40
    return out


def follow(lib, module, name, options, shapes):
    """The parameters after each step."""
    rng = np.random.default_rng(0)
    params = [lib.tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]
    optimizer = getattr(module, name)(params, **options)

    def closure():
        optimizer.zero_grad()
        loss = loss_of(lib, params)
        loss.backward()
        return loss

    for _ in range(STEPS):
        optimizer.step(closure)
        yield [param.detach().numpy().copy() for param in params]


def choices():
    for info in PRESENT:
        for sample in info.optim_inputs_func("cpu"):
            name = info.optim_cls.__name__
            yield pytest.param(name, sample.kwargs, id=f"{name}-{sample.desc}")


@pytest.mark.parametrize(("name", "options"), list(choices()))
def test_steps(name, options):
    shapes = SHAPES[:1] if name == "Muon" else SHAPES
    close = 1e-3 if name == "Muon" else 1e-9  # Muon rounds to bfloat16, see test_optim_matrix.py
    ours = follow(ag, optim, name, mine(options), shapes)
    theirs = follow(torch, torch.optim, name, options, shapes)
    for step, (params, reference) in enumerate(zip(ours, theirs, strict=True)):
        for a, b in zip(params, reference, strict=True):
            np.testing.assert_allclose(a, b, rtol=close, atol=close, err_msg=f"step {step}")


def refusals():
    for info in PRESENT:
        for case in info.optim_error_inputs_func("cpu", torch.float64):
            name = info.optim_cls.__name__
            if "complex" not in case.optimizer_error_input.desc:  # there are no such parameters
                yield pytest.param(name, case, id=f"{name}-{case.optimizer_error_input.desc}")


@pytest.mark.parametrize(("name", "case"), list(refusals()))
def test_what_is_refused(name, case):
    sample = case.optimizer_error_input
    params = [torch.nn.Parameter(torch.ones(2, 2))] if sample.params is None else sample.params
    # PyTorch only warns of a parameter that is twice in a group.
    expected = ValueError if case.error_type is UserWarning else case.error_type
    made = {}  # one parameter here for one parameter there

    def convert(value):
        if isinstance(value, torch.Tensor):
            return made.setdefault(value, mine(value))
        if isinstance(value, (tuple, list)):
            return type(value)(map(convert, value))
        return {n: convert(v) for n, v in value.items()} if isinstance(value, dict) else value

    with pytest.raises(expected):
        getattr(optim, name)(convert(params), **mine(sample.kwargs))


def test_what_is_absent_is_absent():
    for name in ABSENT:
        assert not hasattr(optim, name)


def test_hooks_around_state_dicts():
    found = []
    for lib, module in ((ag, optim), (torch, torch.optim)):
        optimizer = module.SGD([lib.ones(1, requires_grad=True)], lr=0.5)
        events: list = []

        def note(name, optimizer, *state, events=events):
            events.append([name, type(optimizer).__name__, [sorted(s) for s in state]])

        for moment in ("state_dict_pre", "state_dict_post", "load_state_dict_pre",
                       "load_state_dict_post"):  # fmt: skip
            register = getattr(optimizer, f"register_{moment}_hook")
            register(functools.partial(note, moment))
            register(functools.partial(note, f"first {moment}"), prepend=True)
            register(functools.partial(note, "removed")).remove()
        optimizer.register_state_dict_post_hook(lambda optimizer, state: {**state, "more": 1})

        def with_another_rate(optimizer, state):
            groups = [{**group, "lr": 0.25} for group in state["param_groups"]]
            return {**state, "param_groups": groups}

        optimizer.register_load_state_dict_pre_hook(with_another_rate)
        state = optimizer.state_dict()
        optimizer.load_state_dict(state)
        assert state["param_groups"][0]["lr"] == 0.5  # the caller's dict stays
        found.append([events, optimizer.param_groups[0]["lr"]])
    assert found[0] == found[1]
