"""Optimisers and schedules step by step against PyTorch's: same numbers, from the same state."""

import itertools

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
