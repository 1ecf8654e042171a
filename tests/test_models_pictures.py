"""Colouring, style and CycleGAN; and the pictures that recipes draw of classifiers."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import autograd as ag
import models
import nn
from autograd import gradcheck
from autograd.utils.data import Subset
from models import colouring, cyclegan, style
from models.datasets.optical_digits import TRAIN
from models.datasets.photographs import landscapes, patches, photograph
from models.training.recipe import UsageError, section
from models.training.run import Run
from nn import functional as F

RNG = np.random.default_rng(0)


# -- colouring -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rgb, lab",
    [  # the values of the CIE's formulas for sRGB and D65
        ((0, 0, 0), (0, 0, 0)),
        ((1, 1, 1), (100, 0, 0)),
        ((1, 0, 0), (53.241, 80.092, 67.203)),
        ((0, 1, 0), (87.735, -86.183, 83.179)),
        ((0, 0, 1), (32.297, 79.188, -107.860)),
        ((0.01, 0.01, 0.01), (0.699, 0, 0)),  # on the straight part of both curves
    ],
)
def test_lab_has_the_standards_values(rgb, lab):
    found = colouring.to_lab(np.reshape(rgb, (3, 1, 1)).astype(float))
    np.testing.assert_allclose(found.reshape(3), lab, atol=0.01)


def test_lab_and_back_and_what_no_screen_shows():
    rgb = RNG.random((2, 3, 5, 4))
    np.testing.assert_allclose(colouring.to_rgb(colouring.to_lab(rgb)), rgb, atol=1e-9)
    neon = colouring.to_rgb(np.array([50.0, 120, -120]).reshape(3, 1, 1))
    assert (neon.min(), neon.max()) == pytest.approx((0, 1), abs=1e-12)


def test_one_colour_for_all_is_an_error_of_one():
    light, colors = colouring.data(True, "landscapes", 8, 32).tensors
    best = ag.tensor(np.broadcast_to(colors.array.mean((0, 2, 3), keepdims=True), colors.shape))
    loss, metrics = colouring.objective(lambda _: best, (light, colors))
    assert metrics["error"] == pytest.approx(1.0, abs=1e-5)
    assert colouring.objective(lambda _: colors, (light, colors))[1]["error"] == 0.0
    assert loss.item() > 0


def test_brightness_alone_does_not_tell_the_colour():
    # The best guess from a pixel's own brightness: what is left must be learned from forms.
    light, colors = (t.array for t in colouring.data(True, "landscapes", 64, 32).tensors)
    level = (light[:, 0] * 50).astype(int).ravel()
    flat = colors.transpose(0, 2, 3, 1).reshape(-1, 2)
    means = np.stack([np.bincount(level, c) / np.maximum(np.bincount(level), 1) for c in flat.T], 1)
    left = ((flat - means[level]) ** 2).mean() / ((flat - flat.mean(0)) ** 2).mean()
    assert 0.3 < left < 1


def test_the_unet_keeps_the_size_and_sees_far():
    ag.manual_seed(0)
    net = models.UNet(width=4, depth=2).eval()
    image = ag.rand(1, 1, 16, 16).requires_grad_()
    out = net(image)
    assert out.shape == (1, 2, 16, 16)
    out[0, :, 8, 8].sum().backward()
    assert abs(image.grad.array[0, 0, 1:4, 1:4]).max() > 0
    with pytest.raises(ValueError, match=r"multiples of 4, got \[1, 1, 16, 18\]"):
        net(ag.zeros(1, 1, 16, 18))


def test_landscapes_are_pictures_and_repeat_themselves():
    first, again = (landscapes(3, 24, np.random.default_rng(5)) for _ in range(2))
    assert first.dtype == np.float32 and 0 <= first.min() < first.max() <= 1
    assert (first == again).all() and (first[0] != first[1]).any()


def test_a_photo_is_learned_on_the_left_and_tested_on_the_right(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((16, 100, 3), np.uint8)
    pixels[:, 80:, 0] = 255
    path = str(tmp_path / "photo.png")
    image.fromarray(pixels).save(path)
    assert photograph(path).shape == (3, 16, 100)
    assert (colouring.data(True, path, 12, 16).tensors[0].array == 0).all()
    light, colors = colouring.data(False, path, 12, 16).tensors
    assert len(light) == 3 and light.array.min() > 0.53 and colors.array.min() > 0.6  # pure red
    with pytest.raises(ValueError, match=r"100 x 16 pixels.*patches of 32.*at least 160 x 32"):
        colouring.data(True, path, 12, 32)


def test_without_a_photo_it_says_how_to_give_one(tmp_path):
    with pytest.raises(ValueError, match=r"no picture .*none\.jpg: give a photo as --data photo"):
        colouring.data(True, str(tmp_path / "none.jpg"), 4, 32)


def test_photos_of_scikit_learn_are_found_where_it_is_installed():
    pytest.importorskip("sklearn")
    assert photograph("china").shape == (3, 427, 640)


def test_patches_are_parts_of_the_picture_or_their_mirror_images():
    picture = RNG.random((3, 8, 20))
    for patch in patches(picture, True, 10, 8, RNG):
        places = [picture[:, :, x : x + 8] for x in range(9)]
        assert any((patch == p).all() or (patch == p[..., ::-1]).all() for p in places)


# -- style -----------------------------------------------------------------------------------------


def test_the_gram_matrix_counts_pairs_and_knows_no_places():
    features = RNG.normal(size=(1, 3, 4, 5))
    found = style.gram(ag.tensor(features)).array
    expected = np.einsum("ihw,jhw->ij", features[0], features[0]) / 20
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    shuffled = RNG.permutation(features.reshape(3, 20).T).T.reshape(1, 3, 4, 5)
    np.testing.assert_allclose(style.gram(ag.tensor(shuffled)).array, expected, rtol=1e-12)


def test_the_gradient_of_the_style_is_right():
    reference = style.gram(ag.tensor(RNG.normal(size=(1, 3, 4, 4))))
    x = ag.tensor(RNG.normal(size=(1, 3, 4, 4)), requires_grad=True)
    assert gradcheck(lambda x: style.style_distance([x], [reference]), (x,))
    assert gradcheck(style.roughness, (x,))


def test_a_picture_is_at_no_distance_from_itself():
    eye = models.style_eye()
    seen = eye(style.picture("swirls", 32))
    assert style.style_distance(seen, [style.gram(f) for f in seen]).item() == 0
    assert [f.shape[1:] for f in seen] == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]
    assert all(f.min().item() >= 0 for f in seen)


def test_painting_lowers_the_loss_and_leaves_the_network_alone():
    eye = models.style_eye()
    before = [p.array.copy() for p in eye.parameters()]
    content, manner = style.picture("landscape", 32), style.picture("swirls", 32)
    losses = []
    painted = style.transfer(eye, content, manner, 3, watch=lambda _, loss: losses.append(loss))
    assert losses == sorted(losses, reverse=True) and losses[-1] < 0.5 * losses[0]
    assert painted.shape == content.shape and not painted.requires_grad
    assert (content.array == style.picture("landscape", 32).array).all()
    assert all((p.array == b).all() for p, b in zip(eye.parameters(), before, strict=True))


def test_a_photo_is_made_smaller_by_means(tmp_path):
    image = pytest.importorskip("PIL.Image")
    pixels = np.zeros((10, 13, 3), np.uint8)
    pixels[::2] = 255
    image.fromarray(pixels).save(tmp_path / "photo.png")
    small = style.picture(str(tmp_path / "photo.png"), 5)
    assert small.shape == (1, 3, 5, 6) and (small.array == 0.5).all()


# -- cyclegan --------------------------------------------------------------------------------------


def test_outlines_are_the_rim_of_the_ink():
    square = np.zeros((1, 1, 8, 8), np.float32)
    square[..., 1:7, 1:7] = 1
    ink, outline = (cyclegan.drawn(square, s)[0, 0] for s in cyclegan.STYLES)
    assert ink[10, 10] == -1 and ink[0, 0] == 1  # dark inside, light paper
    assert outline[10, 10] == -1 and outline[0, 0] == -1 and outline.max() == 1
    assert ((outline > 0) <= (ink < 0)).all()


def test_the_two_styles_are_learned_from_different_digits():
    numbers = np.arange(TRAIN)
    ink, outline = (set(numbers[part]) for part in cyclegan.HALVES.values())
    assert not ink & outline and len(ink) == len(outline) == TRAIN // 2
    assert [len(images) for images in cyclegan.unpaired()] == [TRAIN // 2] * 2


def test_the_generators_loss_is_the_papers():
    ag.manual_seed(0)
    model = models.cycle_gan(width=4, blocks=1)
    a, b = (ag.tensor(RNG.normal(size=(2, 1, 8, 8)).astype("f4")) for _ in range(2))
    loss, fake_a, fake_b = cyclegan.generators_loss(model, a, b, 10.0, 2.0)
    np.testing.assert_allclose(fake_b.array, model.to_b(a).array, atol=1e-5)
    np.testing.assert_allclose(fake_a.array, model.to_a(b).array, atol=1e-5)
    fooled = ((model.critic_b(fake_b) - 1) ** 2).mean() + ((model.critic_a(fake_a) - 1) ** 2).mean()
    cycle = F.l1_loss(model.to_a(fake_b), a) + F.l1_loss(model.to_b(fake_a), b)
    identity = F.l1_loss(model.to_b(b), b) + F.l1_loss(model.to_a(a), a)
    assert loss.item() == pytest.approx((fooled + 10 * cycle + 2 * identity).item(), rel=1e-4)


def test_a_critic_is_right_when_its_loss_is_zero():
    model = models.cycle_gan(width=4, blocks=1)
    model.critic_a = model.critic_b = nn.Identity()
    real, fake = ag.ones(2, 1, 4, 4), ag.zeros(2, 1, 4, 4)
    assert cyclegan.critics_loss(model, real, real, fake, fake).item() == 0
    assert cyclegan.critics_loss(model, fake, fake, real, real).item() == 2


def test_the_pool_gives_back_what_it_was_given():
    pool = cyclegan.Pool(4, np.random.default_rng(0))
    given, older = set(), 0
    for start in range(0, 60, 3):
        batch = np.arange(start, start + 3)
        given |= set(batch)
        taken = pool.exchange(batch)
        assert set(taken) <= given and len(pool.images) <= 4
        older += sum(taken < start)
    assert 10 < older < 45  # about every second one, once the pool is full


def test_the_rate_falls_in_the_second_half():
    assert [cyclegan.half_linear(8)(step) for step in range(9)] == [1] * 5 + [0.75, 0.5, 0.25, 0]


def test_settings_of_an_experiment_are_checked():
    with pytest.raises(UsageError, match="did you mean 'cycle'"):
        models.RECIPES["cyclegan"].settings({"cycel": 1})


# -- what recipes show -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lenet5", "googlenet", "resnet"])
def test_what_classifiers_of_images_show(name, tmp_path):
    recipe = models.RECIPES[name]
    few = replace(recipe, data=lambda *args, **kw: Subset(recipe.data(*args, **kw), range(40)))
    run = Run(few, recipe.settings(recipe.quick), 0, tmp_path / "run").start()
    recipe.show(run, recipe.build(**section(run.settings, "model")).eval())
    assert set(run.pictures) == {"confusion", "filters", "feature_maps"}
    for path in run.pictures.values():
        assert Path(path).read_bytes().startswith(b"\x89PNG")
