"""Optimisers and schedules step by step against PyTorch's: same numbers, from the same state."""

import itertools
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
import optim  # noqa: E402

SHAPES = [(3, 4), (5,), ()]
STEPS = 100


def pair(dtype=np.float64, seed=0):
    """The same parameters on both sides."""
    rng = np.random.default_rng(seed)
    arrays = [np.asarray(rng.normal(size=shape), dtype) for shape in SHAPES]
    ours = [ag.tensor(a, requires_grad=True) for a in arrays]
    return ours, [torch.tensor(a, requires_grad=True) for a in arrays]


def give_gradients(ours, theirs, rng):
    for mine, other in zip(ours, theirs, strict=True):
        g = np.asarray(rng.normal(size=mine.shape), mine.dtype)
        mine.grad, other.grad = ag.tensor(g), torch.tensor(g)


def assert_equal(ours, theirs, rtol=1e-10):
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(mine.array, other.detach().numpy(), rtol=rtol, atol=rtol)


def run(mine, other, ours, theirs, steps=STEPS, seed=1, rtol=1e-10):
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        give_gradients(ours, theirs, rng)
        mine.step()
        other.step()
        assert_equal(ours, theirs, rtol)


def grid(**options):
    return [
        dict(zip(options, values, strict=True)) for values in itertools.product(*options.values())
    ]


SGD = [
    options
    for options in grid(
        momentum=[0, 0.9],
        dampening=[0, 0.3],
        weight_decay=[0, 0.1],
        nesterov=[False, True],
        maximize=[False, True],
    )
    if not options["nesterov"] or (options["momentum"] and not options["dampening"])
]
ADAM = grid(
    betas=[(0.9, 0.999), (0.3, 0.6)], eps=[1e-8, 1e-2], weight_decay=[0, 0.1],
    amsgrad=[False, True], maximize=[False, True],
)  # fmt: skip
COMMON = {"weight_decay": [0, 0.1], "maximize": [False, True]}
BETAS = {"betas": [(0.9, 0.999), (0.3, 0.6)], "eps": [1e-8, 1e-2]}
OTHERS = {
    "Adagrad": grid(
        lr_decay=[0, 0.1], initial_accumulator_value=[0, 0.5], eps=[1e-10, 1e-2], **COMMON
    ),
    "RMSprop": grid(
        alpha=[0.99, 0.5], eps=[1e-8, 1e-2], momentum=[0, 0.9], centered=[False, True], **COMMON
    ),
    "Adadelta": grid(rho=[0.9, 0.3, 1.0], eps=[1e-6, 1e-2], **COMMON),
    "Adamax": grid(**BETAS, **COMMON),
    "NAdam": grid(momentum_decay=[4e-3, 0.3], decoupled_weight_decay=[False, True], **BETAS,
                  **COMMON),
    "RAdam": grid(decoupled_weight_decay=[False, True], **BETAS, **COMMON),
    "ASGD": grid(lambd=[1e-4, 0.1], alpha=[0.75, 0.3], t0=[1e6, 0, 20], **COMMON),
    "Rprop": grid(etas=[(0.5, 1.2), (0.3, 2.0)], step_sizes=[(1e-6, 50), (0.01, 0.1)],
                  maximize=[False, True]),
    "Adafactor": grid(beta2_decay=[-0.8, -0.1], eps=[(None, 1e-3), (0.1, 2.0)], d=[1.0, 3.0],
                      **COMMON),
}  # fmt: skip
ADAM_DECOUPLED = grid(weight_decay=[0.1], decoupled_weight_decay=[True], maximize=[False, True])
CASES = [
    *(("SGD", o) for o in SGD),
    *((name, o) for name in ("Adam", "AdamW") for o in ADAM),
    *(("Adam", o) for o in ADAM_DECOUPLED),
    *((name, o) for name, options in OTHERS.items() for o in options),
]


@pytest.mark.parametrize(("name", "options"), CASES, ids=str)
def test_optimizer_steps_equal(name, options):
    ours, theirs = pair()
    mine = getattr(optim, name)(ours, lr=0.05, **options)
    other = getattr(torch.optim, name)(theirs, lr=0.05, foreach=False, **options)
    run(mine, other, ours, theirs)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", *OTHERS])
def test_defaults_and_float32(name):
    ours, theirs = pair(np.float32)
    mine, other = getattr(optim, name)(ours), getattr(torch.optim, name)(theirs, foreach=False)
    run(mine, other, ours, theirs, rtol=1e-5)
    assert all(param.dtype == np.float32 for param in ours)
    shared = set(mine.defaults)
    assert shared <= set(other.defaults)
    assert mine.defaults == {key: other.defaults[key] for key in shared}


def as_arrays(value):
    """A PyTorch state dict with arrays for tensors."""
    if isinstance(value, dict):
        return {key: as_arrays(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_arrays(item) for item in value]
    return value.numpy().copy() if isinstance(value, torch.Tensor) else value


def as_torch(value):
    if isinstance(value, dict):
        return {key: as_torch(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_torch(item) for item in value]
    return torch.tensor(value.array) if isinstance(value, ag.Tensor) else value


STATEFUL = [
    ("SGD", {"momentum": 0.9}), ("Adam", {"amsgrad": True}), ("AdamW", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True}), ("ASGD", {"t0": 3, "lambd": 0.1}),
    *((name, {}) for name in OTHERS if name not in ("RMSprop", "ASGD")),
]  # fmt: skip


@pytest.mark.parametrize(
    "convert", [as_arrays, lambda state: state], ids=["arrays", "torch tensors"]
)
@pytest.mark.parametrize(("name", "options"), STATEFUL)
def test_continue_from_their_state(name, options, convert):
    ours, theirs = pair()
    other = getattr(torch.optim, name)(theirs, lr=0.05, foreach=False, **options)
    run(getattr(optim, name)(ours, lr=0.05, **options), other, ours, theirs, steps=10)
    mine = getattr(optim, name)(ours, lr=123.0)
    mine.load_state_dict(convert(other.state_dict()))
    run(mine, other, ours, theirs, steps=10, seed=2)


@pytest.mark.parametrize(("name", "options"), STATEFUL)
def test_they_continue_from_our_state(name, options):
    ours, theirs = pair()
    mine = getattr(optim, name)(ours, lr=0.05, **options)
    run(mine, getattr(torch.optim, name)(theirs, lr=0.05, **options), ours, theirs, steps=10)
    state, reference = mine.state_dict(), getattr(torch.optim, name)(theirs).state_dict()
    assert set(state) == set(reference)
    assert [g["params"] for g in state["param_groups"]] == [
        g["params"] for g in reference["param_groups"]
    ]
    other = getattr(torch.optim, name)(theirs, lr=123.0)
    other.load_state_dict(as_torch(state))
    assert as_arrays(other.state_dict()["state"]).keys() == state["state"].keys()
    # PyTorch loads its float32 scalars in the parameter's dtype, and goes on more exactly.
    run(mine, other, ours, theirs, steps=10, seed=2, rtol=1e-6 if len(mine.single) > 1 else 1e-10)


def test_state_has_their_keys():
    ours, theirs = pair()
    for name, options in [*STATEFUL, ("SGD", {})]:
        mine = getattr(optim, name)(ours, lr=0.05, **options)
        other = getattr(torch.optim, name)(theirs, lr=0.05, **options)
        run(mine, other, ours, theirs, steps=2)
        for number, entry in other.state_dict()["state"].items():
            tensors = {key for key, value in entry.items() if value is not None}
            assert set(mine.state_dict()["state"][number]) == tensors


def test_groups_with_options_of_their_own():
    ours, theirs = pair()
    groups = [lambda p: {"params": p[:1], "lr": 0.5}, lambda p: {"params": p[1:], "momentum": 0}]
    mine = optim.SGD([g(ours) for g in groups], lr=0.1, momentum=0.9)
    other = torch.optim.SGD([g(theirs) for g in groups], lr=0.1, momentum=0.9, foreach=False)
    run(mine, other, ours, theirs)


# -- schedules -----------------------------------------------------------------------------------


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
        "ChainedScheduler",
        lambda s, o: s.ChainedScheduler(
            [s.ConstantLR(o, 0.1, 5), s.ExponentialLR(o, 0.9), s.StepLR(o, 30, 0.5)]
        ),
    )


SCHEDULES = dict(_schedules())


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
