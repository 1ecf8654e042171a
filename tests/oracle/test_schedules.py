"""Schedules step by step against PyTorch's: the same rates, and from the same state."""

import inspect
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
import optim  # noqa: E402


def averaging(schedulers):
    """The module with SWALR that goes with a module of schedules."""
    return optim.swa_utils if schedulers is optim.lr_scheduler else torch.optim.swa_utils


def _schedules():
    yield "StepLR", lambda s, o: s.StepLR(o, 7, gamma=0.8)
    yield "MultiStepLR", lambda s, o: s.MultiStepLR(o, [3, 10, 10, 50], gamma=0.3)
    yield "ConstantLR", lambda s, o: s.ConstantLR(o, factor=0.3, total_iters=9)
    yield "LinearLR", lambda s, o: s.LinearLR(o, start_factor=0.1, end_factor=0.7, total_iters=11)
    yield (
        "LinearLR, down",
        lambda s, o: s.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=5),
    )
    yield "ExponentialLR", lambda s, o: s.ExponentialLR(o, 0.97)
    yield "PolynomialLR", lambda s, o: s.PolynomialLR(o, total_iters=30, power=1.7)
    yield "CosineAnnealingLR", lambda s, o: s.CosineAnnealingLR(o, T_max=13, eta_min=1e-3)
    yield "CosineAnnealingLR, long", lambda s, o: s.CosineAnnealingLR(o, T_max=400)
    yield "LambdaLR", lambda s, o: s.LambdaLR(o, [lambda e: 0.9**e, lambda e: 1 / (1 + e)])
    yield "MultiplicativeLR", lambda s, o: s.MultiplicativeLR(o, [lambda e: 0.9, lambda e: 0.9**e])
    yield "CyclicLR", lambda s, o: s.CyclicLR(o, 0.01, [0.3, 0.5], step_size_up=7)
    yield (
        "CyclicLR, halving",
        lambda s, o: s.CyclicLR(o, [0.01, 0.02], 0.3, 5, 11, "triangular2", base_momentum=0.5),
    )
    yield (
        "CyclicLR, fading",
        lambda s, o: s.CyclicLR(o, 0.01, 0.3, 5, 3, "exp_range", 0.99, cycle_momentum=False),
    )
    yield (
        "CyclicLR, own scale",
        lambda s, o: s.CyclicLR(o, 0.01, 0.3, 5, scale_fn=lambda x: 1 / x, max_momentum=[0.7, 0.8]),
    )
    yield (
        "CyclicLR, own scale by step",
        lambda s, o: s.CyclicLR(o, 0.1, 0.3, 5, scale_fn=lambda x: 0.9**x, scale_mode="iterations"),
    )
    yield "SWALR", lambda s, o: averaging(s).SWALR(o, [0.05, 0.3], anneal_epochs=60)
    yield "SWALR, linear", lambda s, o: averaging(s).SWALR(o, 0.05, 7, "linear")
    yield "SWALR, at once", lambda s, o: averaging(s).SWALR(o, 0.05, anneal_epochs=0)
    yield "WarmRestarts", lambda s, o: s.CosineAnnealingWarmRestarts(o, 10, eta_min=1e-4)
    yield "WarmRestarts, growing", lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, T_mult=2)
    yield "OneCycleLR", lambda s, o: s.OneCycleLR(o, 0.7, total_steps=201)
    yield (
        "OneCycleLR, linear",
        lambda s, o: s.OneCycleLR(
            o, [0.7, 0.2], epochs=21, steps_per_epoch=10, anneal_strategy="linear", three_phase=True
        ),
    )
    yield (
        "SequentialLR",
        lambda s, o: s.SequentialLR(
            o,
            [s.LinearLR(o, 0.1, total_iters=5), s.CosineAnnealingLR(o, 40), s.StepLR(o, 9)],
            milestones=[5, 60],
        ),
    )
    yield (
        "SequentialLR, nested",
        lambda s, o: s.SequentialLR(
            o,
            [
                s.SequentialLR(
                    o, [s.ConstantLR(o, 0.5, 99), s.ExponentialLR(o, 0.9)], milestones=[4]
                ),
                s.MultiStepLR(o, [2, 5]),
            ],
            milestones=[20],
        ),
    )
    yield (
        "OneCycleLR, all options",
        lambda s, o: s.OneCycleLR(
            o,
            [0.7, 0.2],
            205,
            pct_start=0.4,
            base_momentum=[0.7, 0.6],
            max_momentum=0.99,
            div_factor=7,
            final_div_factor=50,
        ),
    )
    yield (
        "OneCycleLR, momentum left",
        lambda s, o: s.OneCycleLR(o, 0.7, 205, cycle_momentum=False, three_phase=True),
    )
    yield (
        "CyclicLR, mode and scale",
        lambda s, o: s.CyclicLR(o, 0.01, 0.3, 4, None, "triangular2", 0.5, None, "iterations"),
    )
    yield "CosineAnnealingLR, down to more", lambda s, o: s.CosineAnnealingLR(o, 9, eta_min=0.5)
    yield (
        "SequentialLR, of a restart",
        lambda s, o: s.SequentialLR(
            o,
            [s.LinearLR(o, 0.3, total_iters=4), s.CosineAnnealingWarmRestarts(o, 9, 2, 1e-3)],
            milestones=[4],
        ),
    )
    yield (
        "ChainedScheduler, given its optimiser",
        lambda s, o: s.ChainedScheduler(
            [s.PolynomialLR(o, 50, 2.0), s.MultiplicativeLR(o, lambda e: 0.99)], o
        ),
    )
    yield (
        "ChainedScheduler",
        lambda s, o: s.ChainedScheduler(
            [s.ConstantLR(o, 0.1, 5), s.ExponentialLR(o, 0.9), s.StepLR(o, 30, 0.5)]
        ),
    )


SCHEDULES = dict(_schedules())


def test_none_is_left_out():
    module = torch.optim.lr_scheduler
    classes = {
        name
        for name, thing in vars(module).items()
        if inspect.isclass(thing) and issubclass(thing, module.LRScheduler) and name[0] != "_"
    }
    short = {"WarmRestarts": "CosineAnnealingWarmRestarts"}
    tried = {short.get(head, head) for head in (name.partition(",")[0] for name in SCHEDULES)}
    assert classes - tried == {"LRScheduler", "ReduceLROnPlateau"}  # the base; below


def optimizers(momentum=0.9):
    """An optimiser of two groups on both sides."""
    made = []
    for library, ones in ((optim, ag.ones), (torch.optim, torch.ones)):
        groups = [
            {"params": [ones(1, requires_grad=True)]},
            {"params": [ones(1, requires_grad=True)], "lr": 0.02},
        ]
        made.append(library.SGD(groups, lr=0.1, momentum=momentum))
    return made


def settings(optimizer):
    return [(group["lr"], group["momentum"]) for group in optimizer.param_groups]


def follow(mine, other, mine_opt, other_opt, steps=200):
    for _ in range(steps):
        assert settings(mine_opt) == settings(other_opt)
        assert mine.get_last_lr() == other.get_last_lr()
        for thing in (mine_opt, mine, other_opt, other):
            thing.step()


@pytest.mark.filterwarnings("ignore:Detected call")  # theirs, of nested schedules
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_equals(name):
    mine_opt, other_opt = optimizers()
    make = SCHEDULES[name]
    mine, other = make(optim.lr_scheduler, mine_opt), make(torch.optim.lr_scheduler, other_opt)
    follow(mine, other, mine_opt, other_opt)


@pytest.mark.filterwarnings("ignore:Detected call")  # theirs, of nested schedules
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule_continues_from_its_state_and_theirs(name):
    mine_opt, other_opt = optimizers()
    make = SCHEDULES[name]
    mine, other = make(optim.lr_scheduler, mine_opt), make(torch.optim.lr_scheduler, other_opt)
    follow(mine, other, mine_opt, other_opt, steps=37)
    for state, options in (
        (mine.state_dict(), mine_opt.state_dict()),
        (other.state_dict(), other_opt.state_dict()),
    ):
        again_opt, _ = optimizers()
        again = make(optim.lr_scheduler, again_opt)
        again_opt.load_state_dict(options)
        again.load_state_dict(state)
        assert again.get_last_lr() == other.get_last_lr()
        for thing in (again_opt, again):
            thing.step()
        rates = [group["lr"] for group in again_opt.param_groups]
    for thing in (mine_opt, mine, other_opt, other):
        thing.step()
    assert rates == mine.get_last_lr() == other.get_last_lr()


CLOSED = [n for n in SCHEDULES if not n.startswith(("Sequential", "Chained"))]


@pytest.mark.parametrize("name", CLOSED)
def test_jump_to_an_epoch(name):
    mine_opt, other_opt = optimizers()
    make = SCHEDULES[name]
    mine, other = make(optim.lr_scheduler, mine_opt), make(torch.optim.lr_scheduler, other_opt)
    mine_opt.step()
    other_opt.step()
    for epoch in (5, 23, 2, 0, 61):
        mine.step(epoch)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other.step(epoch)
        assert settings(mine_opt) == settings(other_opt)


def test_warm_restarts_between_epochs():
    mine_opt, other_opt = optimizers()
    make = SCHEDULES["WarmRestarts, growing"]
    mine, other = make(optim.lr_scheduler, mine_opt), make(torch.optim.lr_scheduler, other_opt)
    for epoch in np.linspace(0, 40, 57).tolist():
        mine.step(epoch)
        other.step(epoch)
        assert settings(mine_opt) == settings(other_opt)


@pytest.mark.parametrize("make", [
    lambda o: optim.lr_scheduler.StepLR(o, 3, last_epoch=4),
    lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 9, last_epoch=4),
    lambda o: optim.lr_scheduler.LinearLR(o, last_epoch=4),
    lambda o: optim.lr_scheduler.ExponentialLR(o, 0.5, last_epoch=4),
])  # fmt: skip
def test_last_epoch(make, monkeypatch):
    mine_opt, other_opt = optimizers()
    for group in (*mine_opt.param_groups, *other_opt.param_groups):
        group["initial_lr"] = 0.3
    mine = make(mine_opt)
    with monkeypatch.context() as patch:
        patch.setattr(optim, "lr_scheduler", torch.optim.lr_scheduler)
        other = make(other_opt)
    follow(mine, other, mine_opt, other_opt, steps=30)


@pytest.mark.parametrize("options", [
    {"patience": 2, "factor": 0.5},
    {"mode": "max", "patience": 3, "cooldown": 4},
    {"threshold": 0.05, "threshold_mode": "abs", "patience": 1, "min_lr": [1e-3, 1e-4]},
    {"mode": "max", "threshold": 0.05, "threshold_mode": "abs", "patience": 1},
    {"patience": 0, "factor": 0.5, "eps": 0.01, "min_lr": 0.001},
])  # fmt: skip
def test_reduce_on_plateau(options):
    mine_opt, other_opt = optimizers()
    mine = optim.lr_scheduler.ReduceLROnPlateau(mine_opt, **options)
    other = torch.optim.lr_scheduler.ReduceLROnPlateau(other_opt, **options)
    rng = np.random.default_rng(0)
    for epoch in range(200):
        metric = float("nan") if epoch == 20 else 1 / (1 + epoch) + rng.normal() * 0.1
        mine.step(metric)
        other.step(metric)
        assert settings(mine_opt) == settings(other_opt)
        assert (mine.num_bad_epochs, mine.best) == (other.num_bad_epochs, other.best)
        if epoch == 100:
            mine.load_state_dict(other.state_dict())


def test_momentum_of_adam_cycles_in_its_betas():
    found = []
    for library, tensor in ((optim, ag.tensor), (torch.optim, torch.tensor)):
        optimizer = library.Adam([tensor([1.0], requires_grad=True)], lr=0.1, betas=(0.9, 0.95))
        s = library.lr_scheduler
        schedule = s.SequentialLR(
            optimizer,
            [s.CyclicLR(optimizer, 0.01, 0.2, 5), s.OneCycleLR(optimizer, 0.3, 100)],
            milestones=[30],
        )
        seen = []
        for _ in range(100):
            seen.append((optimizer.param_groups[0]["lr"], optimizer.param_groups[0]["betas"]))
            optimizer.step()
            schedule.step()
        found.append(seen)
    assert found[0] == found[1]


@pytest.mark.parametrize("wrong", [
    lambda s, o: s.LambdaLR(o, [lambda e: e]),
    lambda s, o: s.MultiplicativeLR(o, [lambda e: e] * 3),
    lambda s, o: s.ConstantLR(o, factor=1.5),
    lambda s, o: s.LinearLR(o, start_factor=0.0),
    lambda s, o: s.LinearLR(o, end_factor=2.0),
    lambda s, o: s.SequentialLR(o, [s.StepLR(o, 3)], milestones=[3]),
    lambda s, o: s.SequentialLR(o, [], milestones=[]),
    lambda s, o: s.ChainedScheduler([]),
    lambda s, o: s.ChainedScheduler([s.StepLR(o, 3), s.StepLR(other(s), 3)]),
    lambda s, o: s.ReduceLROnPlateau(o, factor=1.0),
    lambda s, o: s.ReduceLROnPlateau(o, mode="least"),
    lambda s, o: s.ReduceLROnPlateau(o, threshold_mode="log"),
    lambda s, o: s.ReduceLROnPlateau(o, min_lr=[0.1]),
    lambda s, o: s.CyclicLR(o, 0.1, 0.2, mode="square"),
    lambda s, o: s.CyclicLR(o, [0.1], 0.2),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, 0),
    lambda s, o: s.CosineAnnealingWarmRestarts(o, 5, 0),
    lambda s, o: s.OneCycleLR(o, 0.1),
    lambda s, o: s.OneCycleLR(o, 0.1, -3),
    lambda s, o: s.OneCycleLR(o, 0.1, 10, pct_start=1.5),
    lambda s, o: s.OneCycleLR(o, 0.1, 10, anneal_strategy="square"),
    lambda s, o: s.OneCycleLR(o, 0.1, epochs=3),
    lambda s, o: s.StepLR(o, 3, last_epoch=4),
    lambda s, o: s.StepLR(3, 3),
])  # fmt: skip
def test_what_is_refused(wrong):
    for library, optimizer in zip((optim, torch.optim), optimizers(), strict=True):
        with pytest.raises((ValueError, TypeError, KeyError)):
            wrong(library.lr_scheduler, optimizer)


def other(schedulers):
    mine, theirs = optimizers()
    return mine if schedulers is optim.lr_scheduler else theirs
