"""The optimisers that see more than one element at a time, against PyTorch's: L-BFGS and Muon."""

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
import optim  # noqa: E402

START = [-1.0, 2.0, 0.3, 0.4]


def rosenbrock(optimizer, x, scale):
    def closure():
        optimizer.zero_grad()
        head, tail = x[:-1], x[1:]
        loss = ((1 - head) ** 2).sum() + 100 * ((tail - head**2) ** 2).sum() + scale.sum() ** 2
        loss.backward()
        return loss

    return closure


def both(**options):
    ours = [ag.tensor(a, dtype=ag.float64, requires_grad=True) for a in (START, [[0.5], [2.0]])]
    theirs = [torch.tensor(p.tolist(), dtype=torch.float64, requires_grad=True) for p in ours]
    return ours, theirs, optim.LBFGS(ours, **options), torch.optim.LBFGS(theirs, **options)


def follow(ours, theirs, mine, other, steps):
    for _ in range(steps):
        loss = mine.step(rosenbrock(mine, *ours))
        expected = other.step(rosenbrock(other, *theirs))
        np.testing.assert_allclose(loss.item(), expected.item(), rtol=1e-9, atol=1e-12)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a.array, b.detach().numpy(), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("search", "history", "max_iter", "max_eval"), list(itertools.product(
    [None, "strong_wolfe"], [100, 3], [1, 6], [None, 3]
)))  # fmt: skip
def test_lbfgs_equals(search, history, max_iter, max_eval):
    ours, theirs, mine, other = both(
        lr=1.0 if search else 1e-3, line_search_fn=search, history_size=history,
        max_iter=max_iter, max_eval=max_eval,
    )  # fmt: skip
    follow(ours, theirs, mine, other, 20)
    state, reference = mine.state[ours[0]], other.state[theirs[0]]
    assert set(state) == set(reference) - {"al"}  # scratch
    for name in ("n_iter", "func_evals"):
        assert state[name] == reference[name]


@pytest.mark.parametrize("options", [
    {"tolerance_grad": 1e3}, {"tolerance_change": 1e2},
    {"lr": 0.5, "line_search_fn": "strong_wolfe"}
])  # fmt: skip
def test_lbfgs_ends_when_theirs_does(options):
    ours, theirs, mine, other = both(**options)
    follow(ours, theirs, mine, other, 3)
    for name in ("n_iter", "func_evals"):
        assert mine.state[ours[0]][name] == other.state[theirs[0]][name]


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_state_goes_both_ways(search):
    options = {"lr": 1.0 if search else 1e-3, "line_search_fn": search, "max_iter": 4}
    ours, theirs, mine, other = both(**options)
    follow(ours, theirs, mine, other, 3)
    again = optim.LBFGS(ours)
    again.load_state_dict(other.state_dict())
    follow(ours, theirs, again, other, 3)

    def as_torch(value):
        if isinstance(value, dict):
            return {key: as_torch(item) for key, item in value.items()}
        if isinstance(value, list):
            return [as_torch(item) for item in value]
        return torch.tensor(value.array) if isinstance(value, ag.Tensor) else value

    theirs_again = torch.optim.LBFGS(theirs)
    theirs_again.load_state_dict(as_torch(again.state_dict()))
    follow(ours, theirs, again, theirs_again, 3)


MUON = list(itertools.product([True, False], [0.0, 0.1], [None, "match_rms_adamw"], [0, 3, 5]))


@pytest.mark.parametrize(("nesterov", "decay", "adjust", "ns_steps"), MUON)
@pytest.mark.parametrize("shape", [(3, 4), (5, 3), (2, 2), (1, 6), (20, 30)])
def test_muon_equals(shape, nesterov, decay, adjust, ns_steps):
    rng = np.random.default_rng(0)
    start = rng.normal(size=shape)
    x, y = ag.tensor(start, requires_grad=True), torch.tensor(start, requires_grad=True)
    options = {
        "lr": 0.05, "nesterov": nesterov, "weight_decay": decay, "adjust_lr_fn": adjust,
        "ns_steps": ns_steps,
    }  # fmt: skip
    mine, other = optim.Muon([x], **options), torch.optim.Muon([y], **options)
    # Products of larger matrices are rounded to bfloat16 from sums in another order.
    tolerance = 1e-9 if max(shape) < 8 else 2e-3
    for _ in range(100 if max(shape) < 8 else 20):
        g = rng.normal(size=shape)
        x.grad, y.grad = ag.tensor(g), torch.tensor(g)
        mine.step()
        other.step()
        np.testing.assert_allclose(x.array, y.detach().numpy(), rtol=tolerance, atol=tolerance)
    buffer = mine.state[x]["momentum_buffer"].array
    np.testing.assert_allclose(buffer, other.state[y]["momentum_buffer"].numpy(), atol=1e-12)
