"""GANs: closed forms, whose turn it is, what the networks take, and how a run is broken off."""

import json
import math
import signal

import numpy as np
import pytest

import autograd as ag
import models
import nn
from autograd import gradcheck, serialize
from models import datasets, gan_theory
from models.dcgan import between, draw_images, judged, real, sample
from models.gan import (
    CENTRES,
    LOSSES,
    RADIUS,
    SPREAD,
    Game,
    found,
    minimax,
    non_saturating,
    ring,
    value,
)
from models.training import cli
from models.training.interrupt import Interrupted
from models.training.loop import train
from models.training.recipe import section
from nn import functional as F

RNG = np.random.default_rng(0)


def weights(module) -> list[np.ndarray]:
    return [p.array.copy() for p in module.parameters()]


def same(module, before) -> bool:
    return all((p.array == b).all() for p, b in zip(module.parameters(), before, strict=True))


# -- the value and the losses ----------------------------------------------------------------------


def test_the_value_is_the_papers():
    real, fake = RNG.normal(size=(2, 50))
    d = [1 / (1 + np.exp(-logits)) for logits in (real, fake)]
    expected = np.log(d[0]).mean() + np.log(1 - d[1]).mean()
    assert value(ag.tensor(real), ag.tensor(fake)).item() == pytest.approx(expected, rel=1e-12)
    assert minimax(ag.tensor(fake)).item() == pytest.approx(np.log(1 - d[1]).mean(), rel=1e-12)
    assert non_saturating(ag.tensor(fake)).item() == pytest.approx(-np.log(d[1]).mean())


@pytest.mark.parametrize("a", [-30.0, -8.0, 0.0, 8.0, 30.0])
def test_slopes_by_the_logit(a):
    logit = ag.tensor(a, dtype=ag.float64, requires_grad=True)
    d = 1 / (1 + math.exp(-a))
    (saturating,) = ag.grad(minimax(logit), logit)
    (other,) = ag.grad(non_saturating(logit), logit)
    assert saturating.item() == pytest.approx(-d, rel=1e-9)
    assert other.item() == pytest.approx(-1 / (1 + math.exp(a)), rel=1e-9)  # -(1 - D)
    assert saturating.item() < 0 and other.item() < 0  # one direction


def test_logits_may_be_extreme():
    far = ag.tensor([-1e4, 1e4], requires_grad=True)
    for loss in (*LOSSES.values(), lambda x: value(x, x)):
        lost = loss(far)
        assert np.isfinite(lost.item()) and np.isfinite(ag.grad(lost, far)[0].array).all()


def test_gradients_of_the_losses():
    x, y = (ag.tensor(RNG.normal(size=7), requires_grad=True) for _ in range(2))
    assert gradcheck(value, (x, y))
    assert gradcheck(minimax, (x,)) and gradcheck(non_saturating, (x,))


# -- closed forms ----------------------------------------------------------------------------------

X, WIDTH = gan_theory.PLACES, gan_theory.WIDTH


def test_the_densities_are_densities():
    assert gan_theory.data_density(X).sum() * WIDTH == pytest.approx(1, abs=1e-9)
    assert gan_theory.normal(X, 1, 0.5).sum() * WIDTH == pytest.approx(1, abs=1e-9)
    ag.manual_seed(0)
    drawn = np.histogram(gan_theory.real_samples(50000).array, gan_theory.EDGES)[0] / 50000 / WIDTH
    np.testing.assert_allclose(drawn, gan_theory.data_density(X), atol=0.03)


def test_no_d_is_better_than_the_best():
    p, q = gan_theory.data_density(X), gan_theory.normal(X, 0.5, 1.0)
    best = gan_theory.best_discriminator(p, q)

    def v(d):
        return ((p * np.log(d) + q * np.log1p(-d)) * WIDTH).sum()

    np.testing.assert_allclose(v(best), gan_theory.best_value(p, q), rtol=1e-9)
    for _ in range(20):
        other = best + RNG.uniform(-0.1, 0.1, best.shape) * best * (1 - best)
        assert v(other) < v(best)


def test_the_best_value_is_minus_log_4_only_where_g_is_right():
    p = gan_theory.data_density(X)
    assert gan_theory.best_value(p, p) == pytest.approx(-math.log(4), rel=1e-9)
    for mean in (-3.0, 0.0, 4.0):
        q = gan_theory.normal(X, mean, 0.4)
        divergence = gan_theory.jensen_shannon(p, q)
        assert 0 < divergence <= math.log(2)
        assert gan_theory.best_value(p, q) == pytest.approx(2 * divergence - math.log(4), rel=1e-9)
    apart = np.eye(2)[:, :, None] / WIDTH  # all on one place, all on another: D is always right
    assert gan_theory.best_value(*apart) == pytest.approx(0, abs=1e-12)


def test_more_likely_is_less_divergent():
    assert gan_theory.likelihood_is_divergence()


def test_what_an_affine_generator_makes_is_normal():
    q = gan_theory.generated_density(gan_theory.affine(1.0, 0.5))
    np.testing.assert_allclose(q, gan_theory.normal(X, 1.0, 0.5), atol=0.02)


# -- the game --------------------------------------------------------------------------------------


@pytest.fixture
def game():
    ag.manual_seed(0)
    return Game(models.GAN(width=8), rate=1e-2)


def test_each_side_moves_itself_only(game):
    sides = game.model.generator, game.model.discriminator
    before = [weights(side) for side in sides]
    game.discriminate(ring(16))
    assert same(sides[0], before[0]) and not same(sides[1], before[1])
    assert all(p.grad is None for p in sides[0].parameters())
    before = [weights(side) for side in sides]
    game.generate(16)
    assert not same(sides[0], before[0]) and same(sides[1], before[1])
    assert all(p.requires_grad for p in game.model.parameters())


def test_k_steps_of_d_then_one_of_g(game, monkeypatch):
    turns = []
    for side, optimizer in (("G", game.forger), ("D", game.detective)):
        step = optimizer.step
        monkeypatch.setattr(optimizer, "step", lambda s=side, f=step: (turns.append(s), f()))
    game.play([ring(8)] * 3)
    game.play([ring(8)])
    assert "".join(turns) == "DDDGDG"


def test_d_climbs_the_value_and_g_goes_down(game):
    real = ring(64)
    climbing = [game.discriminate(real) for _ in range(200)]
    assert climbing[-1] > climbing[0] + 0.3
    falling = [game.generate(64) for _ in range(50)]
    assert falling[-1] < falling[0]


def test_the_rates_fall_to_zero():
    game = Game(models.GAN(width=4), rate=1e-2, steps=4)
    for _ in range(4):
        game.play([ring(4)])
    for side in (game.forger, game.detective):
        assert side.param_groups[0]["lr"] == pytest.approx(0, abs=1e-12)
        assert side.param_groups[0]["betas"] == (0.5, 0.999)


def test_heaps_are_counted():
    ag.manual_seed(0)
    assert found(ring(20000).numpy())["near"] == pytest.approx(0.989, abs=0.003)
    all_but_one = np.repeat(CENTRES[:7], 10, 0)
    assert found(all_but_one) == {"modes": 7, "near": 1.0, "smallest": 0.0}
    outside = CENTRES * (1 + 3.1 * SPREAD / RADIUS)
    assert found(outside)["modes"] == 0


# -- images ----------------------------------------------------------------------------------------


@pytest.fixture
def small():
    ag.manual_seed(0)
    return models.dcgan(latent=6, width=4)


def test_shapes_and_ranges(small):
    images = small(small.noise(5))
    assert images.shape == (5, 1, 16, 16) and abs(images.array).max() <= 1
    assert small.discriminator(images).shape == (5, 1)
    digits = real(train=True)
    assert digits.shape == (1437, 1, 16, 16) and digits.min().item() == -1 == -digits.max().item()


def test_the_papers_initial_weights():
    ag.manual_seed(0)
    model = models.dcgan(latent=32, width=32)
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            assert layer.weight.array.std() == pytest.approx(0.02, rel=0.15)
        if isinstance(layer, nn.BatchNorm2d):
            assert layer.weight.array.mean() == pytest.approx(1, abs=0.02)
            assert not layer.bias.array.any()
    slopes = {m.negative_slope for m in model.discriminator if isinstance(m, nn.LeakyReLU)}
    assert slopes == {0.2}


def test_noise_of_another_shape_is_refused(small):
    with pytest.raises(ValueError, match=r"shape \(n, 6\), got \[3, 5\]: model.noise\(n\) draws"):
        small(ag.zeros(3, 5))
    with pytest.raises(ValueError, match=r"got \[6\]"):
        small(ag.zeros(6))


def test_drawing_leaves_the_statistics_and_the_mode_alone(small):
    z = small.noise(8)
    small(z)
    before = {k: v.array.copy() for k, v in small.state_dict().items()}
    drawn = draw_images(small, z)
    assert small.training and not drawn.requires_grad
    assert all((v.array == before[k]).all() for k, v in small.state_dict().items())
    alone = draw_images(small, z[:1])  # an image does not depend on its company
    np.testing.assert_allclose(alone.array, drawn.array[:1], atol=1e-6)
    assert abs(small(z).array - drawn.array).max() > 1e-3  # while training it does


def test_the_way_between_two_noises(small):
    a, b = small.noise(2)
    way = between(a, b, 9).array
    np.testing.assert_allclose(way[[0, -1]], [a.array, b.array], atol=1e-6)
    turned = between(a / a.norm(), b / b.norm(), 9)
    np.testing.assert_allclose(turned.norm(dim=1).array, 1, atol=1e-6)
    np.testing.assert_allclose(between(a, a, 3).array, np.stack([a.array] * 3), atol=1e-6)


def test_it_learns_from_the_users_own_pictures(tmp_path):
    image = pytest.importorskip("PIL.Image")
    folder = tmp_path / "photos" / "below"
    folder.mkdir(parents=True)
    dice = np.random.default_rng(0)
    for i in range(6):
        pixels = dice.integers(0, 256, (40 + i, 50, 3)).astype(np.uint8)
        image.fromarray(pixels).save(folder / f"{i}.png")
    (folder / "notes.txt").write_text("not a picture")
    settings = {
        "data.name": str(tmp_path / "photos"), "model.side": 32, "model.channels": 3,
        "model.width": 4, "epochs": 1, "batch_size": 3,
    }  # fmt: skip
    result = train(models.RECIPES["dcgan"], settings, folder=tmp_path / "run")
    assert result.reached is None and result.test["pictures"] == 6
    images = sample(result.model, settings, ag.Generator().manual_seed(0), count=2)
    assert images.shape == (2, 3, 32, 32)


def test_what_it_cannot_learn_from_is_refused(tmp_path):
    recipe = models.RECIPES["dcgan"]
    with pytest.raises(ValueError, match=r"there are no pictures in .*empty"):
        train(recipe, {"data.name": str(tmp_path / "empty")}, folder=tmp_path / "run")
    with pytest.raises(ValueError, match="digits are grey and of 16 pixels"):
        train(recipe, {"model.side": 32}, folder=tmp_path / "other")
    with pytest.raises(ValueError, match=r"16, 32, 64, .* got side=24"):
        models.DCGAN(side=24)


def test_samples_are_images_and_repeat_themselves(small):
    def draw():
        return sample(small, {}, ag.Generator().manual_seed(3), count=7)

    images = draw()
    assert images.shape == (7, 1, 16, 16) and 0 <= images.min().item() < images.max().item() <= 1
    assert (images.array == draw().array).all()


class Reader(nn.Module):
    """Reads a digit from how bright the paper is: all pixels alike."""

    def forward(self, images):
        known = datasets.digits(True, normalise=False).data
        level = images.array[:, 0, 0, 0] * float(known.std()) + float(known.mean())
        return ag.tensor(50 * np.eye(10, dtype=np.float32)[np.rint(9 * level).astype(int)])


def test_a_reader_must_be_sure_and_see_all_ten():
    levels = np.linspace(-1, 1, 10, dtype=np.float32)
    images = ag.tensor(np.broadcast_to(levels[:, None, None, None], (10, 1, 16, 16)).copy())
    assert judged(Reader(), images) == {"confident": 1.0, "classes": 10, "read": 1.0}
    assert judged(Reader(), images[:9]) == {"confident": 1.0, "classes": 9, "read": 0.0}
    unsure = judged(lambda x: Reader()(x) * 0.01, images)
    assert unsure == {"confident": 0.0, "classes": 0, "read": 0.0}


def test_both_networks_learn_from_the_same_steps(small):
    before = weights(small.generator), weights(small.discriminator)
    game = Game(small, rate=1e-3)
    v, loss = game.play([real(train=True)[:16]])
    assert np.isfinite([v, loss]).all()
    assert not same(small.generator, before[0]) and not same(small.discriminator, before[1])
    assert F.sigmoid(small.discriminator(real(True)[:4])).array.std() > 0


def test_what_was_learned_until_ctrl_c_is_kept(tmp_path, monkeypatch):
    recipe, turns = models.RECIPES["dcgan"], []
    play = Game.play

    def pressed(game, batches):
        turns.append(1)
        if len(turns) == 3:
            signal.raise_signal(signal.SIGINT)
        return play(game, batches)

    monkeypatch.setattr(Game, "play", pressed)
    with pytest.raises(Interrupted, match="the run is saved in") as stop:
        train(recipe, {"reader_epochs": 1, "model.width": 4}, folder=tmp_path / "run")
    assert len(turns) == 3 and stop.value.folder == tmp_path / "run"
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    model = models.dcgan(**section(config["settings"], "model"))
    model.load_state_dict(serialize.load(tmp_path / "run" / "best.safetensors"))
    assert cli.farewell(stop.value).endswith(f"python -m models sample {tmp_path / 'run'}")
