"""Compiled functions: replays compute what the function does, and notice when they no longer would.

That every op replays as it runs is a promise of the op table (`tests/test_ops.py`).
"""

from __future__ import annotations

import enum
import threading
import warnings

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from autograd.op import OPS, Array, op
from autograd.recording.compiled import TRIES
from autograd.tensor import memory_of
from autograd.versions import wrote
from nn import functional as F


class Size(enum.IntEnum):
    TWO = 2


def numbers(*shape, seed=0):
    return ag.tensor(np.random.default_rng(seed).normal(size=shape))


def recorded(function, *args):
    """The function, compiled and called once."""
    compiled = ag.compile(function, fullgraph=True)
    compiled(*args)
    return compiled


def gradients(function, *args):
    """What it returns for these numbers, and the gradients of its sum."""
    tensors = [arg.detach().requires_grad_(arg.is_floating_point()) for arg in args]
    out = function(*tensors)
    wanted = [t for t in tensors if t.requires_grad]
    return [out, *ag.grad(out.sum(), wanted, materialize_grads=True)]


def agree(compiled, *args):
    """Check that replay and function give the same numbers, to the bit."""
    pairs = zip(gradients(compiled, *args), gradients(compiled.function, *args), strict=True)
    assert all(np.array_equal(a.detach(), b.detach(), equal_nan=True) for a, b in pairs)


class Net(nn.Module):
    """Some of everything that draws, remembers or branches."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.drop, self.cell = nn.Dropout(0.3), nn.GRU(16, 8, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        x = self.drop(self.norm(self.conv(x)).relu())
        out, _ = self.cell(x.flatten(2))
        return self.head(self.drop(out).mean(dim=1) + ag.randn(8))


def trained(compile):
    """Parameters, buffers, losses, and the generator's next number, after some steps."""
    ag.manual_seed(3)
    model = Net()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    x, y = numbers(6, 1, 4, 4).float(), ag.tensor([0, 1, 2, 0, 1, 2])
    loss = compile(lambda x, y: F.cross_entropy(model(x), y))
    losses = []
    for i in range(6):
        if i == 4:
            model.eval()
        optimizer.zero_grad()
        value = loss(x + i, y)
        value.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(value.item())
    state = [value.numpy() for value in model.state_dict().values()]
    return [*state, np.array(losses), ag.rand(2).numpy()]


def test_training_is_the_same_to_the_bit():
    compiled = trained(lambda loss: ag.compile(loss, fullgraph=True))
    for a, b in zip(compiled, trained(lambda loss: loss), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_replay_runs_no_python():
    runs = []

    def function(x):
        runs.append(1)
        return (x * x).sum()

    compiled = recorded(function, numbers(3))
    for seed in range(3):
        agree(compiled, numbers(3, seed=seed))
    assert len(runs) == 2 + 3  # recordings without and with gradients; and the function itself
    assert "def forward(x0):\n    v0 = mul(x0, x0)" in compiled.source
    assert "def backward(g, saved):" in compiled.source


@pytest.mark.parametrize(
    "arguments",
    [(numbers(3, 2), numbers(3, 2)), (numbers(2, 3), numbers(2, 3)), (numbers(3, 2), numbers(2)),
     (numbers(3, 2).float(), numbers(3, 2).float()), (numbers(2, 3).T, numbers(3, 2)),
     (numbers(0, 2), numbers(0, 2)), (numbers(3, 2), ag.ones(3, 2, dtype=ag.int64))],
)  # fmt: skip
def test_other_arguments_are_recorded_anew(arguments):
    compiled = recorded(lambda x, y: (x * y).tanh().reshape(-1), numbers(3, 2), numbers(3, 2))
    agree(compiled, *arguments)
    agree(compiled, *[(each * 2).to(each.dtype) for each in arguments])


def test_constants_are_part_of_the_form():
    compiled = ag.compile(lambda x, power, options: x**power * options["scale"], fullgraph=True)
    x = numbers(3)
    for power, scale in ((2, 1.0), (3, 1.0), (3, 2.0), (2, 1.0)):
        found = compiled(x, power, {"scale": scale})
        np.testing.assert_array_equal(found, x.numpy() ** power * scale)
    assert len(compiled.programs) == 3


def test_one_tensor_twice():
    compiled = recorded(lambda x, y: x * 2 + y, numbers(2), numbers(2, seed=1))
    x = numbers(2).requires_grad_()
    compiled(x, x).sum().backward()
    np.testing.assert_array_equal(x.grad, [3.0, 3.0])
    agree(compiled, numbers(2), numbers(2, seed=4))  # the other way round: twice, then two


def test_a_parameter_as_argument_too():
    weight = nn.Parameter(numbers(2))
    compiled = recorded(lambda x: x * weight, weight)
    np.testing.assert_array_equal(compiled(ag.ones(2, dtype=ag.float64)).detach(), weight.detach())


def test_nested_arguments_and_results():
    def function(pair, names):
        a, (b,) = pair
        return {"sum": a + b, "best": (a * names["factor"]).max(dim=0), "none": None}

    compiled = ag.compile(function, fullgraph=True)
    for seed in range(3):
        a, b, factor = numbers(3, 2, seed=seed), numbers(3, 2, seed=9), numbers(2, seed=seed)
        given = ([a.requires_grad_(), (b,)], {"factor": factor})
        found, expected = compiled(*given), function(*given)
        assert found.keys() == expected.keys() and found["none"] is None
        np.testing.assert_array_equal(found["best"].indices, expected["best"].indices)
        assert not found["best"].indices.requires_grad
        (one,) = ag.grad(found["best"].values.sum(), a)  # the other output has no gradient
        (two,) = ag.grad(expected["best"].values.sum(), a)
        np.testing.assert_array_equal(one, two)


def test_gradients_add_up_and_the_graph_can_be_kept():
    compiled = recorded(lambda x: (x * x).sum(), numbers(3).requires_grad_())
    x = numbers(3, seed=5).requires_grad_()
    out = compiled(x)
    out.backward(retain_graph=True)
    out.backward()
    np.testing.assert_array_equal(x.grad, 4 * x.detach())
    with pytest.raises(ag.GraphError, match="already walked"):
        out.backward()


def test_what_was_saved_is_let_go_during_the_walk():
    compiled = recorded(lambda x: x.exp().sin().sum(), numbers(3).requires_grad_())
    out = compiled(numbers(3).requires_grad_())
    saved = out.node.saved
    assert saved
    out.backward()
    assert not saved


def test_it_may_stand_in_the_middle_of_a_graph():
    compiled = recorded(lambda x: x.exp(), numbers(3).requires_grad_())
    x = numbers(3).requires_grad_()
    (found,) = ag.grad((compiled(x * 2) ** 2).sum(), x)
    (expected,) = ag.grad(((x * 2).exp() ** 2).sum(), x)
    np.testing.assert_array_equal(found, expected)


def test_values_written_in_place():
    def function(x):
        y = x * 2
        z = y[1:]  # sees the writes
        y.exp_()
        y[0] = x[1]
        y[2:] = 0.5
        F.relu(z.sub_(1.5), inplace=True)
        return (y * z.sum()).sin()

    compiled = recorded(function, numbers(4))
    for seed in range(3):
        agree(compiled, numbers(4, seed=seed))


def test_a_tensor_from_outside_written_in_place():
    def trained(compile):
        total = ag.zeros(2, dtype=ag.float64)
        step = compile(lambda x: (x * total.mul_(0.5).add_(x.detach())).sum())
        return [step(numbers(2, seed=seed)).item() for seed in range(4)], total.tolist()

    assert trained(lambda f: ag.compile(f, fullgraph=True)) == trained(lambda f: f)


# -- what makes a recording out of date ------------------------------------------------------------


@pytest.mark.parametrize("change", [
    lambda model: model.eval(),
    lambda model: setattr(model[1], "p", 0.9),
    lambda model: setattr(model, "0", nn.Linear(2, 2)),
    lambda model: setattr(model[0], "bias", None),
    lambda model: setattr(model[0].weight, "data", ag.ones(2, 2)),
    lambda model: model[0].weight.requires_grad_(False),
    lambda model: model[0].register_forward_hook(lambda module, args, out: out * 3),
    lambda model: model.double() and model.float(),
])  # fmt: skip
def test_a_changed_model(change):
    ag.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5))
    compiled, x = ag.compile(model, fullgraph=True), ag.ones(4, 2)
    for _ in range(2):
        for function in (compiled, model):
            ag.manual_seed(1)
            model.zero_grad()
            function(x).sum().backward()
            grads = [p.grad if p.grad is None else p.grad.numpy() for p in model.parameters()]
            if function is compiled:
                first = grads
        for a, b in zip(first, grads, strict=True):
            np.testing.assert_array_equal(a, b)
        change(model)


def test_a_variable_that_the_function_refers_to():
    x, factor = numbers(2), 2.0
    compiled = ag.compile(lambda: x * factor, fullgraph=True)
    compiled()
    x, factor = numbers(2, seed=1), 3.0
    np.testing.assert_array_equal(compiled(), x.numpy() * 3)


def test_parameters_written_in_place_are_read():
    weight = nn.Parameter(ag.ones(2))
    compiled = recorded(lambda x: x * weight, ag.ones(2))
    with ag.no_grad():
        weight.add_(1)
    np.testing.assert_array_equal(compiled(ag.ones(2)).detach(), [2.0, 2.0])
    assert len(compiled.programs) == 1


def test_numbers_from_outside_that_were_looked_at():
    limit = ag.tensor(1.0)
    compiled = recorded(lambda x: x * 2 if limit.item() > 0 else -x, ag.ones(2))
    limit.fill_(-1.0)
    np.testing.assert_array_equal(compiled(ag.ones(2)), [-1.0, -1.0])


def test_a_seed_is_set_at_every_replay():
    def function():
        ag.manual_seed(5)
        return ag.rand(3) * 1

    compiled = ag.compile(function, fullgraph=True)
    assert compiled().tolist() == compiled().tolist() == function().tolist()


def test_gradient_mode():
    compiled = recorded(lambda x: x * x, numbers(2).requires_grad_())
    x = numbers(2).requires_grad_()
    with ag.no_grad():
        assert not compiled(x).requires_grad
    assert compiled(x).requires_grad


def test_what_changes_at_every_call_is_left_alone():
    count = 0

    def function(x):
        nonlocal count
        count += 1
        return x * count

    compiled = ag.compile(function)
    with pytest.warns(UserWarning, match="sets what it depends on"):
        found = [compiled(ag.ones(1)).item() for _ in range(TRIES + 5)]
    assert found == sorted(set(found))


# -- what cannot be recorded -----------------------------------------------------------------------


class Doubled(ag.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


class Held:
    def __init__(self, x):
        self.x = x * 2


def hooked(x):
    y = x * 2
    y.register_hook(lambda g: g * 5)
    return y


def unseen(x):
    wrote(memory_of(x), "somebody")
    return x * 2


BUFFER = numbers(2)
OUTSIDE = numbers(2).requires_grad_() * 2
UNRECORDABLE = {
    "item": (lambda x: x * x[0].item(), "item.. looks at the numbers"),
    "branch": (lambda x: x if x.sum() > 0 else -x, "looks at the numbers"),
    "numpy": (lambda x: x * ag.from_numpy(x.detach().numpy() * 2), "looks at the numbers"),
    "array": (lambda x: x * np.asarray(x.detach()).max(), "looks at the numbers"),
    "repr": (lambda x: x * len(repr(x)), "looks at the numbers"),
    "written": (lambda x: x.detach().fill_(3) + x, "writes into an argument"),
    "added up": (lambda x: ag.zeros(2, dtype=ag.float64).add_(x), "writes into an argument, or a"),
    "given a history": (lambda x: BUFFER.fill_(1).mul_(x) + 1, "tensor from outside a history"),
    "unseen": (unseen, "writes into a tensor in place"),
    "gradient": (lambda x: x * ag.grad((x * x).sum(), x)[0], "computes gradients"),
    "cleared": (lambda x: [setattr(x, "grad", None), x * 2][1], "reads or sets .grad"),
    "function": (lambda x: Doubled.apply(x), "applies a Function"),
    "hook": (hooked, "has a hook"),
    "outside": (lambda x: x * OUTSIDE, "history from outside"),
    "drawn": (lambda x: x * ag.randperm(2), "random numbers"),
    "argument": (lambda x: x, "returns an argument"),
    "view": (lambda x: x[:1], "returns an argument"),
    "constant": (lambda x: ag.ones(2), "returns an argument"),
    "object": (Held, "returns something of type Held"),
    "arrays": (lambda x: (x * 2, np.ones(2)), "NumPy array"),
}


@pytest.mark.parametrize("name", UNRECORDABLE)
def test_unrecordable(name):
    function, reason = UNRECORDABLE[name]
    compiled = ag.compile(function)
    with pytest.warns(UserWarning, match=f"cannot be recorded, because .*({reason}).*as it is"):
        ag.manual_seed(0)
        first = compiled(numbers(2).requires_grad_())
    assert first is not None
    for seed in range(2):  # no further warning
        x = numbers(2, seed=seed).requires_grad_()
        ag.manual_seed(1)
        found = compiled(x)
        ag.manual_seed(1)
        expected = function(x)
        if isinstance(found, ag.Tensor):
            np.testing.assert_array_equal(found.detach(), expected.detach())
    with pytest.raises(ag.GraphError, match=reason):
        ag.compile(function, fullgraph=True)(numbers(2).requires_grad_())


def test_arrays_are_no_arguments():
    compiled = ag.compile(lambda x, scale: x * scale)
    with pytest.warns(UserWarning, match="NumPy array"):
        np.testing.assert_array_equal(compiled(ag.ones(2), np.full(2, 3.0)), [3.0, 3.0])


def test_too_many_kinds_of_arguments():
    compiled = ag.compile(lambda x, k: x * k)
    with pytest.warns(UserWarning, match="more than 64 kinds of arguments"):
        found = [compiled(ag.ones(1), k).item() for k in range(70)]
    assert found == list(range(70)) and len(compiled.programs) == 64


def test_constants_of_odd_kinds():
    @op(samples=lambda rng: [((rng.normal(size=2),), {"how": "x0", "size": Size.TWO})])
    def tagged(input: Array, how: str, size: Size):
        return input * len(how) * size

    try:
        tagged.vjp(input=lambda g, how, size: g * len(how) * size)
        compiled = recorded(lambda x: tagged(x, how="x0", size=Size.TWO), numbers(2))
        agree(compiled, numbers(2, seed=3))
    finally:
        del OPS["tagged"]


def test_a_replay_that_fails_is_not_tried_again():
    compiled = ag.compile(lambda x: x * 2)
    compiled(ag.ones(1))
    (program,) = compiled.programs.values()
    program.forward = None
    with pytest.warns(UserWarning, match="a replay failed where the function itself does not"):
        assert compiled(ag.ones(1)).item() == 2
    assert compiled(ag.ones(1)).item() == 2


def test_second_derivatives_are_refused():
    compiled = recorded(lambda x: (x**3).sum(), numbers(2).requires_grad_())
    with pytest.raises(ag.GraphError, match="compiled, and a replay is no graph"):
        compiled(numbers(2).requires_grad_()).backward(create_graph=True)


def test_errors_are_those_of_the_function():
    model = nn.Linear(3, 2)
    compiled = ag.compile(lambda x, y: F.cross_entropy(model(x), y), fullgraph=True)
    compiled(ag.ones(2, 3), ag.tensor([0, 1]))
    with pytest.raises(IndexError, match="cross_entropy"):
        compiled(ag.ones(2, 3), ag.tensor([0, 7]))


def test_an_overwritten_parameter_is_noticed():
    weight = nn.Parameter(numbers(2))
    compiled = recorded(lambda x: (x * weight).exp().sum(), numbers(2).requires_grad_())
    out = compiled(numbers(2).requires_grad_())
    with ag.no_grad():
        weight.mul_(2)
    with pytest.raises(ag.GraphError, match="overwritten"):
        out.backward()


def test_anomalies_and_profiles_are_looked_for_op_by_op():
    compiled = recorded(lambda x: x.sqrt() * 0, ag.ones(1).requires_grad_())
    with ag.detect_anomaly(), pytest.raises(ag.GraphError, match="sqrt returned a NaN"):
        compiled(ag.zeros(1).requires_grad_()).backward()
    with ag.profiler.profile() as profile:
        compiled(ag.ones(1).requires_grad_())
    assert "sqrt" in profile.key_averages().table()


def test_other_threads_are_not_recorded():
    ready, go, other = threading.Event(), threading.Event(), []

    def busy():
        ready.wait()
        other.append((ag.ones(3) * 7).sum().item())
        go.set()

    def function(x):
        ready.set()
        go.wait()
        return x * 2

    thread = threading.Thread(target=busy)
    thread.start()
    compiled = recorded(function, ag.ones(2))
    thread.join()
    assert other == [21.0] and "7" not in compiled.source


def test_one_inside_another():
    inner = ag.compile(lambda x: x.exp(), fullgraph=True)
    outer = recorded(lambda x: inner(x) * 2, numbers(3))
    agree(outer, numbers(3, seed=2))
    assert "exp" in outer.source


def test_a_compiled_module_is_used_like_one():
    model = nn.Sequential(nn.Linear(2, 1))
    compiled = ag.compile(model)
    assert [*compiled.state_dict()] == ["0.weight", "0.bias"]
    assert compiled.eval() is model and not compiled.training
    assert "Sequential" in repr(compiled)


def test_as_a_decorator_of_methods():
    class Scaled:
        def __init__(self, factor):
            self.factor = factor

        @ag.compile(fullgraph=True)
        def __call__(self, x):
            return x * self.factor

    assert Scaled(2.0)(ag.ones(1)).item() == 2 and Scaled(3.0)(ag.ones(1)).item() == 3


def test_disabled():
    assert ag.compile(abs, disable=True) is abs


def test_nothing_is_watched_afterwards():
    before = ag.Tensor.__dict__["array"], ag.add.__closure__
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ag.compile(lambda x: x.item())(ag.ones(1))
    with pytest.raises(ZeroDivisionError):
        ag.compile(lambda x: 1 / 0)(ag.ones(1))
    assert (ag.Tensor.__dict__["array"], ag.add.__closure__) == before
    assert type(ag.Tensor.__dict__["array"]).__name__ == "member_descriptor"
