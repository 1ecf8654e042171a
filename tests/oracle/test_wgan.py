"""The critic's fine, its gradients and a step of the critic beside PyTorch's."""

import numpy as np
import pytest
import torch

import autograd as ag
import models
import optim
from models.wgan_gp import gradient_penalty


def theirs_of(critic):
    """The same critic in PyTorch, with the same weights."""
    layers = torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(64, 20),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(20, 20),
        torch.nn.LeakyReLU(0.2),
        torch.nn.Linear(20, 1),
    ).double()
    state = critic.state_dict().items()
    layers.load_state_dict({name: torch.tensor(t.numpy()) for name, t in state})
    return layers


def their_penalty(critic, real, made, mix):
    mix = mix.reshape(-1, 1, 1, 1)
    between = (mix * real + (1 - mix) * made).requires_grad_()
    (slopes,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return ((slopes.flatten(1).norm(dim=1) - 1) ** 2).mean()


@pytest.mark.parametrize("seed", range(3))
def test_the_penalty_and_training_are_pytorchs(seed):
    ag.manual_seed(seed)
    rng = np.random.default_rng(seed)
    critic = models.WGAN(hidden=20).critic.double()
    other = theirs_of(critic)
    judge = optim.Adam(critic.parameters(), 1e-3, betas=(0.0, 0.9))
    their_judge = torch.optim.Adam(other.parameters(), 1e-3, betas=(0.0, 0.9))
    for _ in range(5):
        arrays = *rng.random((2, 6, 1, 8, 8)), rng.random(6)
        real, made, mix = map(ag.tensor, arrays)
        ours = gradient_penalty(critic, real, made, mix)
        judge.zero_grad()
        (10 * ours + critic(made).mean() - critic(real).mean()).backward()
        judge.step()
        real, made, mix = map(torch.tensor, arrays)
        theirs = their_penalty(other, real, made, mix)
        their_judge.zero_grad()
        (10 * theirs + other(made).mean() - other(real).mean()).backward()
        their_judge.step()
        assert ours.item() == pytest.approx(theirs.item(), rel=1e-10)
        for p, q in zip(critic.parameters(), other.parameters(), strict=True):
            np.testing.assert_allclose(p.grad, q.grad, rtol=1e-9, atol=1e-10)
            np.testing.assert_allclose(p.detach(), q.detach(), rtol=1e-8, atol=1e-8)
