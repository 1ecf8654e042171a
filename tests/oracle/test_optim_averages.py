"""Averages of weights against PyTorch's."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
import nn  # noqa: E402
import optim  # noqa: E402

OURS, THEIRS = optim.swa_utils, torch.optim.swa_utils


def models():
    return [m.Sequential(m.Linear(3, 4), m.BatchNorm1d(4)) for m in (nn, torch.nn)]


def fill(mine, other, rng):
    """The same new values in all parameters and buffers of both."""
    theirs = other.state_dict()
    for name, value in mine.state_dict().items():
        new = rng.integers(0, 99) if value.dtype.kind == "i" else rng.normal(size=value.shape)
        value.array[...] = new
        theirs[name].copy_(torch.as_tensor(value.array))


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("choose", [
    lambda u: {},
    lambda u: {"avg_fn": u.get_swa_avg_fn()},
    lambda u: {"avg_fn": u.get_ema_avg_fn(0.9)},
    lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.9)},
    lambda u: {"multi_avg_fn": u.get_ema_multi_avg_fn(0.3)},
    lambda u: {"multi_avg_fn": u.get_swa_multi_avg_fn()},
])  # fmt: skip
def test_averages_equal(choose, use_buffers):
    mine, other = models()
    if use_buffers:  # theirs refuses to average integers in some of these
        del mine[1].num_batches_tracked, other[1].num_batches_tracked
    averaged = OURS.AveragedModel(mine, use_buffers=use_buffers, **choose(OURS))
    reference = THEIRS.AveragedModel(other, use_buffers=use_buffers, **choose(THEIRS))
    rng = np.random.default_rng(0)
    for _ in range(20):
        fill(mine, other, rng)
        averaged.update_parameters(mine)
        reference.update_parameters(other)
    state, expected = averaged.state_dict(), reference.state_dict()
    assert list(state) == list(expected)
    for name, value in state.items():
        np.testing.assert_allclose(value.array, expected[name].numpy(), rtol=1e-5, atol=1e-6)


def test_batch_norm_statistics_equal():
    mine, other = models()
    fill(mine, other, np.random.default_rng(0))
    mine[1].momentum = other[1].momentum = 0.3
    data = np.random.default_rng(1).normal(size=(5, 8, 3)).astype("float32")
    mine.eval()
    other.eval()
    OURS.update_bn([(ag.tensor(batch), 0) for batch in data], mine)
    THEIRS.update_bn([(torch.tensor(batch), 0) for batch in data], other)
    assert not mine.training and mine[1].momentum == 0.3
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        ours, theirs = getattr(mine[1], name), getattr(other[1], name)
        np.testing.assert_allclose(ours.array, theirs.numpy(), rtol=1e-5, atol=1e-6)
