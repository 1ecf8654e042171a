"""WGAN-GP: the penalty's two derivatives, and the distances."""

import numpy as np
import pytest

import autograd as ag
import models
import nn
import optim
from autograd import ShapeError, gradcheck, gradgradcheck
from models import wgan_gp

RNG = np.random.default_rng(0)


def test_the_penalty_has_right_derivatives_once_and_twice():
    real, made, mix = (ag.tensor(RNG.random(shape)) for shape in ((3, 4), (3, 4), (3,)))
    inner, outer = (
        ag.tensor(RNG.normal(size=shape), requires_grad=True) for shape in ((4, 5), (5, 1))
    )

    def penalty(inner, outer):
        return wgan_gp.gradient_penalty(lambda x: ag.tanh(x @ inner) @ outer, real, made, mix)

    assert gradcheck(penalty, (inner, outer))
    assert gradgradcheck(penalty, (inner, outer))


def test_the_penalty_of_a_linear_critic_is_known():
    weight = ag.tensor(RNG.normal(size=(6, 1)), requires_grad=True)
    real, made = ag.tensor(RNG.random((2, 8, 6)))
    found = wgan_gp.gradient_penalty(lambda x: x @ weight, real, made, ag.tensor(RNG.random(8)))
    length = np.linalg.norm(weight.array)
    assert found.item() == pytest.approx((length - 1) ** 2)
    slope = ag.grad(found, weight)[0].array
    np.testing.assert_allclose(slope, 2 * (length - 1) * weight.array / length)


def test_the_penalty_leaves_the_generator_alone():
    model = models.WGAN(code=3, hidden=8)
    real, made = ag.rand(4, 1, 8, 8), model.draw(4)
    wgan_gp.gradient_penalty(model.critic, real, made, ag.rand(4)).backward()
    assert all(p.grad is None for p in model.generator.parameters())
    last = len(list(model.critic.parameters())) - 1  # a constant, which no slope depends on
    for place, p in enumerate(model.critic.parameters()):
        assert p.ndim == 1 or place == last or np.abs(p.grad.array).max() > 0


def test_the_penalty_says_what_does_not_fit():
    with pytest.raises(ShapeError, match=r"got \(4, 2\), \(3, 2\) and 4 numbers"):
        wgan_gp.gradient_penalty(lambda x: x, ag.ones(4, 2), ag.ones(3, 2), ag.ones(4))
    with pytest.raises(ValueError, match="code and hidden of at least 1, got code=0"):
        models.WGAN(code=0)


def test_a_critic_finds_the_earth_movers_distance():
    # All of one distribution at 0, all of the other at (3, 4): everything must go 5 far. A fine of
    # 10 (slope - 1)^2 lets the slope be 1.25, where 5 slope - 10 (slope - 1)^2 is largest.
    ag.manual_seed(0)
    here, there = ag.zeros(16, 2), ag.tensor([[3.0, 4.0]]).expand(16, 2)
    critic = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
    judge = optim.Adam(critic.parameters(), 1e-2, betas=(0.0, 0.9))
    for _ in range(200):
        moved = critic(there).mean() - critic(here).mean()
        penalty = wgan_gp.gradient_penalty(critic, there, here, ag.rand(16))
        judge.zero_grad()
        (10 * penalty - moved).backward()
        judge.step()
    assert moved.item() == pytest.approx(5 * 1.25, rel=0.05)


def test_the_energy_distance_by_plain_loops():
    some, others = RNG.normal(size=(7, 3)), 1 + RNG.normal(size=(5, 3))

    def apart(a, b):
        return np.mean([np.linalg.norm(x - y) for x in a for y in b])

    by_hand = 2 * apart(some, others) - apart(some, some) - apart(others, others)
    assert wgan_gp.energy_distance(some, others) == pytest.approx(by_hand, rel=1e-9)
    assert wgan_gp.energy_distance(some, some) == pytest.approx(0, abs=1e-6)


def test_only_digits_and_all_of_them_are_near():
    digits, labels = wgan_gp.digits(train=True).tensors
    ag.manual_seed(0)
    collapsed = wgan_gp.distance(digits[labels == 3])  # digits, but not all of them
    assert wgan_gp.distance(digits) < 0.02 < 0.3 < collapsed
    assert wgan_gp.distance(ag.rand(digits.shape)) > 1


def test_samples_repeat_with_their_seed():
    model = models.WGAN()
    with ag.no_grad():
        first, again = (
            wgan_gp.sample(model, {}, ag.Generator().manual_seed(3), count=4).array
            for _ in range(2)
        )
    assert first.shape == (4, 1, 8, 8) and (first == again).all()
