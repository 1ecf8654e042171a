"""Compiled training steps: backward, clipping and updates are replayed with everything else."""

from __future__ import annotations

import threading
import weakref

import numpy as np
import pytest

import autograd as ag
import nn
import optim
from autograd.recording.compiled import TRIES
from nn import functional as F

ROUNDS = 7
X = ag.tensor(np.random.default_rng(0).normal(size=(6, 1, 4, 4)).astype(np.float32))
Y = ag.tensor([0, 1, 2, 0, 1, 2])


def network():
    ag.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Dropout(0.2), nn.Flatten(),
        nn.Linear(12, 3),
    )  # fmt: skip


def as_it_is(function):
    return function


def in_full(function):
    return ag.compile(function, fullgraph=True)


def same(first, second):
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def classifier(optimizer, compile):
    """Losses, norms, and what is left in model and optimiser after some steps."""
    model = network()
    update = optimizer(model.parameters())
    schedule = optim.lr_scheduler.ExponentialLR(update, 0.9)

    @compile
    def step(x, y):
        update.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        update.step()
        schedule.step()
        return loss.detach() * 1, norm * 2

    seen = [np.array([each.item() for each in step(X + i, Y)]) for i in range(ROUNDS)]
    grads = [p.grad.numpy() for p in model.parameters()]
    state = [v.numpy() for v in model.state_dict().values()]
    return [*seen, *grads, *state, np.array(schedule.get_last_lr()), ag.rand(2).numpy()]


OPTIMIZERS = {
    "sgd": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adamw": lambda p: optim.AdamW(p, lr=0.01),
    "nadam": lambda p: optim.NAdam(p, lr=0.01),  # has no kernel for whole groups
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_whole_step_is_the_same_to_the_bit(name):
    same(classifier(OPTIMIZERS[name], in_full), classifier(OPTIMIZERS[name], as_it_is))


def adversaries(compile):
    """Two networks, two optimisers, three backward passes a step, gradients of one adding up."""
    ag.manual_seed(2)
    maker, judge = (nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, n)) for n in (2, 1))
    make, learn = (optim.Adam(m.parameters(), lr=0.01) for m in (maker, judge))
    score = F.binary_cross_entropy_with_logits
    yes, no, wide = ag.ones(4, 1), ag.zeros(4, 1), nn.Linear(2, 3)

    @compile
    def step(real):
        judge.zero_grad()
        score(judge(real), yes).backward()
        fake = wide(maker(ag.randn(4, 3)))
        score(judge(fake.detach()), no).backward()
        learn.step()
        make.zero_grad(set_to_none=False)
        loss = score(judge(fake), yes)
        loss.backward()
        make.step()
        return loss

    losses = [step(ag.randn(4, 3)).item() for _ in range(ROUNDS)]
    left = [*maker.parameters(), *judge.parameters(), *wide.parameters()]
    return [np.array(losses), *(v.detach() for v in left), *(v.grad for v in left)]


def test_several_backward_passes():
    same(adversaries(in_full), adversaries(as_it_is))


def test_gradients_add_up_until_they_are_dropped():
    weight = nn.Parameter(ag.ones(2))
    add = in_full(lambda x: (weight * x).sum().backward())
    for i in range(3):
        add(ag.tensor([1.0, 2.0]))
        np.testing.assert_array_equal(weight.grad, [1.0 + i, 2.0 + 2 * i])
    weight.grad = None
    add(ag.tensor([5.0, 6.0]))
    np.testing.assert_array_equal(weight.grad, [5, 6])


def test_hooks_of_parameters_are_called():
    weight, seen = nn.Parameter(ag.ones(2)), []
    weight.register_hook(lambda g: g * 10)
    weight.register_post_accumulate_grad_hook(lambda p: seen.append(p.grad.tolist()))
    add = in_full(lambda x: (weight * x).sum().backward())
    for i in range(3):
        weight.grad = None
        add(ag.tensor([1.0, i]))
    assert seen == [[10.0, 10.0 * i] for i in range(3)]


def test_hooks_of_the_optimizer_and_its_options_are_read_every_time():
    weight, calls = nn.Parameter(ag.ones(1)), []
    update = optim.SGD([weight], lr=1.0)
    update.register_step_post_hook(lambda *_: calls.append(weight.item()))

    @in_full
    def step(x):
        update.zero_grad()
        (weight * x).sum().backward()
        update.step()

    for lr in (1.0, 0.5, 0.25):
        update.param_groups[0]["lr"] = lr
        step(ag.ones(1))
    assert calls == [0.0, -0.5, -0.75]


def test_it_is_recorded_once_and_can_be_read():
    runs, model = [], nn.Linear(3, 1)
    update = optim.SGD(model.parameters(), lr=0.1)

    def step(x):
        runs.append(1)
        model.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        update.step()
        return loss

    compiled = in_full(step)
    for _ in range(TRIES + 3):
        loss = compiled(ag.ones(2, 3))
    assert len(runs) == 1
    lines = [line.strip() for line in compiled.source.splitlines()]
    assert lines[1].startswith("zero_grad(")
    assert any(line.startswith("backward([") for line in lines)
    assert any(line.startswith("step(") for line in lines)
    assert "def backward(g, saved):" in lines
    with pytest.raises(ag.GraphError, match="does not require grad"):
        loss.backward()  # its graph was walked


def test_values_are_let_go_as_the_walk_goes():
    weight, alive, at = nn.Parameter(ag.ones(4)), [], []

    def look(g):
        at.append(sum(each() is not None for each in alive))
        return g

    weight.register_hook(look)  # called when the walk has passed all that was computed
    compiled = in_full(lambda x: (weight * x).exp().sin().sum().backward())
    compiled(ag.ones(4))
    (program,) = compiled.programs.values()
    exp = program.forward.__globals__["exp"]

    def watched(value):
        result = exp(value)
        alive.append(weakref.ref(result))
        return result

    program.forward.__globals__["exp"] = watched
    compiled(ag.ones(4))
    assert len(alive) == 1
    assert at[-1] == 0


def test_a_backward_pass_of_another_thread_hides_nothing():
    entered, leave = threading.Event(), threading.Event()
    other = ag.ones(1, requires_grad=True)

    def wait(g):
        entered.set()
        leave.wait(30)

    other.register_hook(wait)
    thread = threading.Thread(target=(other * 2).sum().backward)

    def function(x):
        thread.start()
        entered.wait(30)
        y = x * 3  # while the other walks
        leave.set()
        thread.join()
        return y

    compiled = in_full(function)
    for i in range(2):
        np.testing.assert_array_equal(compiled(ag.tensor([1.0, i])), [3, 3 * i])
    assert other.grad.item() == 2


def test_what_fails_is_not_done_twice():
    weight, steps = nn.Parameter(ag.ones(1)), []
    update = optim.SGD([weight], lr=1.0)

    def fail(*_):
        steps.append(1)
        if len(steps) == 2:
            raise KeyError("enough")

    update.register_step_post_hook(fail)

    def step(x):
        (weight * x).sum().backward()
        update.step()

    compiled = in_full(step)
    compiled(ag.ones(1))
    with pytest.raises(KeyError, match="enough") as caught:
        compiled(ag.ones(1))
    assert "in a replay of step" in caught.value.__notes__[0]
    assert len(steps) == 2


def test_gradients_of_arguments_are_left_alone():
    compiled = ag.compile(lambda x: (x * x).sum().backward())
    x = ag.ones(2, requires_grad=True)
    with pytest.warns(UserWarning, match="it computes gradients of an argument"):
        compiled(x)
    compiled(x)
    np.testing.assert_array_equal(x.grad, [4, 4])


# -- what cannot be recorded -----------------------------------------------------------------------

WEIGHT = nn.Parameter(ag.ones(2))
UPDATE = optim.SGD([WEIGHT], lr=0.0)
PLATEAU = optim.lr_scheduler.ReduceLROnPlateau(UPDATE)
OUTSIDE = WEIGHT * 2


def loss_of(x):
    return (WEIGHT * x).exp().sum()


def walked_in_part(x):
    y = (WEIGHT * x).exp()
    z = y * 2
    y.sum().backward()
    return z


def by_hand(x):
    loss_of(x).backward()
    with ag.no_grad():
        WEIGHT.sub_(WEIGHT.grad * 0)


def made_inside(x):
    leaf = ag.ones(2).requires_grad_()
    (leaf * x).sum().backward()


UNRECORDABLE = {
    "weighted": (lambda x: loss_of(x).backward(ag.tensor(2.0)), "gives backward.. a gradient"),
    "kept": (lambda x: loss_of(x).backward(retain_graph=True), "other than by loss.backward"),
    "second": (lambda x: loss_of(x).backward(create_graph=True), "other than by loss.backward"),
    "some": (lambda x: loss_of(x).backward(inputs=[WEIGHT]), "computes gradients other than"),
    "changed": (lambda x: loss_of(x.requires_grad_()).backward(), "a tensor that it makes"),
    "made": (made_inside, "a tensor that it makes"),
    "by hand": (by_hand, "reads or sets .grad"),
    "in part": (walked_in_part, "after it was walked"),
    "closure": (lambda x: UPDATE.step(lambda: loss_of(x)), "gives step.. a function"),
    "metric": (lambda x: PLATEAU.step(loss_of(x)), "gives step.. a tensor that varies"),
    "history": (lambda x: (OUTSIDE * x).sum().backward(retain_graph=False), "history from outside"),
}


@pytest.mark.filterwarnings("ignore:Using backward")
@pytest.mark.parametrize("name", UNRECORDABLE)
def test_unrecordable(name):
    global OUTSIDE
    function, reason = UNRECORDABLE[name]
    compiled = ag.compile(function)
    for i in range(3):
        OUTSIDE, WEIGHT.grad = WEIGHT * 2, None
        x = ag.tensor([1.0, i])
        if i == 0:
            with pytest.warns(UserWarning, match=f"cannot be recorded, because .*({reason})"):
                compiled(x.clone())
        else:
            compiled(x.clone())
        found, WEIGHT.grad, OUTSIDE = WEIGHT.grad, None, WEIGHT * 2
        function(x.clone())
        assert (found is None) == (WEIGHT.grad is None)
        if found is not None:
            np.testing.assert_array_equal(found.detach(), WEIGHT.grad.detach())
    WEIGHT.grad = None
