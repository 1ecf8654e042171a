"""Autoencoders: their formulas, what each price does, and that bounds are bounds."""

import math

import numpy as np
import pytest

import autograd as ag
import models
import nn
import optim
from autograd import gradcheck, gradgradcheck
from models import RECIPES, autoencoder, regularised_autoencoder, vae
from models import contractive_autoencoder as contractive
from models import denoising_autoencoder as denoising
from models.autoencoder import PCA, digits, flat, pca_error, squared_error

IMAGES = digits(train=False).data
RNG = np.random.default_rng(0)


def seeded(build, **settings):
    ag.manual_seed(0)
    return build(**settings)


# -- the plain one, and PCA ------------------------------------------------------------------------


def test_the_loss_is_the_lectures():
    x, y = RNG.random((2, 5, 1, 8, 8))
    by_hand = np.mean([np.linalg.norm((a - b).ravel()) ** 2 for a, b in zip(x, y, strict=True)])
    assert squared_error(ag.tensor(x), ag.tensor(y)).item() == pytest.approx(by_hand, rel=1e-12)


def test_no_projection_to_as_many_numbers_is_better_than_pca():
    rows = flat(train=True)
    pca = PCA(rows, 5)
    np.testing.assert_allclose(pca.components @ pca.components.T, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(pca(pca(rows)), pca(rows), atol=1e-12)
    best = ((rows - pca(rows)) ** 2).sum()
    for _ in range(20):
        basis = np.linalg.qr(pca.components.T + 0.1 * RNG.normal(size=(64, 5)))[0]
        centred = rows - rows.mean(0)
        assert ((centred - centred @ basis @ basis.T) ** 2).sum() > best


def test_pca_set_into_a_linear_autoencoder_leaves_it_nothing_to_learn():
    pca = PCA(flat(train=True), 8)
    model = models.Autoencoder(code=8, hidden=0).double()
    encode, decode = model.encoder[1], model.decoder[0]
    with ag.no_grad():
        encode.weight.copy_(ag.tensor(pca.components))
        encode.bias.copy_(ag.tensor(-pca.components @ pca.mean))
        decode.weight.copy_(ag.tensor(pca.components.T))
        decode.bias.copy_(ag.tensor(pca.mean))
    _, metrics = autoencoder.objective(model, (IMAGES.double(), None))
    assert metrics["error_to_pca"] == pytest.approx(1, abs=1e-12)
    training = squared_error(digits(True).data.double(), model(digits(True).data.double()))
    training.backward()  # a minimum for the training part, where the components come from
    assert max(abs(p.grad.array).max() for p in model.parameters()) < 1e-6


def test_autoencoders_say_what_is_wrong():
    with pytest.raises(ValueError, match="code >= 1 and hidden >= 0, got code=0"):
        models.Autoencoder(code=0)
    with pytest.raises(ValueError, match="1 to 64 components, got 65"):
        pca_error(65)
    with pytest.raises(ValueError, match="expected 'gaussian' or 'masking', got 'salt'"):
        models.DenoisingAutoencoder(kind="salt")
    with pytest.raises(ValueError, match="masking noise expected a number between 0 and 1, got 1"):
        models.DenoisingAutoencoder(kind="masking", noise=1.0)
    with pytest.raises(ValueError, match="gaussian noise expected a number above 0, got 0"):
        models.DenoisingAutoencoder(noise=0.0)
    with pytest.raises(ValueError, match="omega expected one of l1, norm, kl, got 'l0'"):
        models.RegularisedAutoencoder(omega="l0")
    with pytest.raises(ValueError, match=r"rho expected a mean activity between 0 and 1, got 1.5"):
        models.RegularisedAutoencoder(rho=1.5)
    with pytest.raises(ValueError, match="code and hidden of at least 1, got code=0"):
        models.VAE(code=0)


# -- prices ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("omega", regularised_autoencoder.OMEGAS)
def test_prices_have_the_right_slopes(omega):
    codes = ag.tensor(RNG.uniform(0.05, 0.95, (4, 6)), requires_grad=True)
    price = regularised_autoencoder.OMEGAS[omega]
    assert gradcheck(lambda h: price(h, 0.1), (codes,))
    assert gradgradcheck(lambda h: price(h, 0.1), (codes,))


def test_a_price_on_nothing_has_no_slope():
    codes = ag.zeros(3, 4, requires_grad=True)
    regularised_autoencoder.norm(codes).backward()
    assert codes.grad.tolist() == np.zeros((3, 4)).tolist()


def test_kl_is_the_sum_over_both_outcomes():
    rho, active = 0.2, RNG.uniform(0.1, 0.9, 5)
    by_hand = sum(sum(p * math.log(p / q) for p, q in ((rho, r), (1 - rho, 1 - r))) for r in active)
    codes = ag.tensor(np.stack([active * 0.5, active * 1.5]))  # their mean is what counts
    assert regularised_autoencoder.kl(codes, rho).item() == pytest.approx(by_hand, rel=1e-12)


def test_columns_of_length_one_make_scaling_useless():
    model = seeded(models.RegularisedAutoencoder, code=20)
    before = model.decode(ag.ones(1, 20))
    with ag.no_grad():
        model.atoms.mul_(7.0)
    np.testing.assert_allclose(model.columns().array, model.atoms.array /
                               np.linalg.norm(model.atoms.array, axis=0), rtol=1e-5)  # fmt: skip
    np.testing.assert_allclose(model.decode(ag.ones(1, 20)).array, before.array, atol=1e-5)
    free = seeded(models.RegularisedAutoencoder, code=20, unit_columns=False)
    assert (free.columns().array == free.atoms.array).all()


def test_all_but_the_largest_numbers_go():
    codes = ag.rand(6, 30)
    kept = regularised_autoencoder.largest(codes, 4).array
    assert ((kept > 0).sum(1) == 4).all()
    assert (kept[kept > 0] == codes.array[kept > 0]).all()
    assert (np.where(kept > 0, kept, 2).min(1) >= np.where(kept > 0, 0, codes.array).max(1)).all()


def test_a_price_on_the_sum_makes_codes_sparse():
    active = {}
    for strength in (0.0, 1.0):
        model = seeded(models.RegularisedAutoencoder, code=32, hidden=32, strength=strength)
        descent = optim.Adam(model.parameters(), 1e-2)
        for _ in range(60):
            loss, metrics = regularised_autoencoder.objective(model, (IMAGES[:100], None))
            descent.zero_grad()
            loss.backward()
            descent.step()
        active[strength] = metrics["active"]
    assert active[1.0] < 0.2 < 0.4 < active[0.0]


# -- contraction -----------------------------------------------------------------------------------


def test_the_formula_of_the_jacobian_is_autograds():
    model = seeded(models.ContractiveAutoencoder, code=12).double()
    images = IMAGES[:4].double()
    by_formula = model.jacobian_norm(model.encode(images))
    by_backward = contractive.jacobian_norm_by_autograd(model.encode, images)
    jacobians = [ag.functional.jacobian(model.encode, image[None]) for image in images]
    by_jacobian = [(jacobian.array**2).sum() for jacobian in jacobians]
    np.testing.assert_allclose(by_formula.detach().array, by_jacobian, rtol=1e-10)
    np.testing.assert_allclose(by_backward.detach().array, by_jacobian, rtol=1e-10)


def test_so_are_its_derivatives_by_the_weights():
    model = seeded(models.ContractiveAutoencoder, code=12).double()
    images, found = IMAGES[:4].double(), []
    for price in (
        model.jacobian_norm(model.encode(images)),
        contractive.jacobian_norm_by_autograd(model.encode, images),
    ):
        model.zero_grad()
        price.sum().backward()
        found.append([p.grad.array.copy() for p in model.hidden.parameters()])
    for formula, automatic in zip(*found, strict=True):
        assert abs(formula).max() > 1e-3
        np.testing.assert_allclose(formula, automatic, rtol=1e-10, atol=1e-10)


def test_the_jacobian_of_a_deep_encoder_too():
    encoder = seeded(models.Autoencoder, code=3, hidden=10).double().encoder
    image = IMAGES[:1].double()
    jacobian = ag.functional.jacobian(encoder, image).array
    found = contractive.jacobian_norm_by_autograd(encoder, image).item()
    assert found == pytest.approx((jacobian**2).sum(), rel=1e-10)


def test_a_price_on_the_slope_lowers_it():
    slopes = {}
    for strength in (0.0, 1.0):
        model = seeded(models.ContractiveAutoencoder, code=16)
        descent = optim.Adam(model.parameters(), 1e-2)
        for _ in range(60):
            codes = model.encode(IMAGES[:100])
            slope = model.jacobian_norm(codes).mean()
            loss = squared_error(IMAGES[:100], model.decode(codes)) + strength * slope
            descent.zero_grad()
            loss.backward()
            descent.step()
        slopes[strength] = slope.item()
    assert slopes[1.0] < 0.7 * slopes[0.0]


# -- noise -----------------------------------------------------------------------------------------


def test_noise_is_of_the_kind_and_amount_that_was_asked():
    images = ag.full((500, 1, 8, 8), 0.5)
    spoilt = seeded(models.DenoisingAutoencoder, noise=0.3).spoilt(images).array - 0.5
    assert abs(spoilt.mean()) < 0.01 and spoilt.std() == pytest.approx(0.3, rel=0.02)
    masked = seeded(models.DenoisingAutoencoder, kind="masking", noise=0.3).spoilt(images).array
    assert set(np.unique(masked)) == {0.0, 0.5}
    assert (masked == 0).mean() == pytest.approx(0.3, abs=0.01)


def test_copying_the_noise_is_an_error_of_one():
    model = models.DenoisingAutoencoder()
    model.encoder = model.decoder = nn.Identity()
    assert denoising.objective(model, (IMAGES, None))[1]["noise_left"] == pytest.approx(1)


def test_no_linear_filter_is_better_than_wieners():
    known, noise = flat(train=True), 0.3
    noisy = known + noise * RNG.normal(size=known.shape)
    inputs = np.c_[noisy, np.ones(len(noisy))]
    fitted = inputs @ np.linalg.lstsq(inputs, known, rcond=None)[0]  # to these very numbers
    errors = [((x - known) ** 2).sum(1).mean() for x in (noisy, denoising.wiener(noisy, noise),
                                                         fitted)]  # fmt: skip
    assert errors[2] <= errors[1] < 1.1 * errors[2] < 0.3 * errors[0]


# -- the variational one ---------------------------------------------------------------------------


def test_kl_to_the_standard_normal_is_the_mean_over_draws():
    mean, log_variance = ag.tensor(RNG.normal(size=(2, 1, 3)))
    draws = vae.reparameterised(
        mean.expand(200_000, 3), log_variance.expand(200_000, 3), ag.Generator().manual_seed(0)
    ).array
    deviation = np.exp(0.5 * log_variance.array)
    log_q = -0.5 * ((draws - mean.array) / deviation) ** 2 - np.log(deviation)
    log_p = -0.5 * draws**2
    samples = (log_q - log_p).sum(1)
    error = samples.std() / math.sqrt(len(samples))
    found = vae.kl_to_standard_normal(mean, log_variance).item()
    assert abs(samples.mean() - found) < 4 * error < 0.05 * found


def test_kl_has_its_minimum_at_the_standard_normal():
    point = [ag.zeros(1, 4, dtype=ag.float64, requires_grad=True) for _ in range(2)]
    kl = vae.kl_to_standard_normal(*point).sum()
    assert kl.item() == 0
    assert all((slope.array == 0).all() for slope in ag.grad(kl, point))
    mean, log_variance = (ag.tensor(RNG.normal(size=(3, 4)), requires_grad=True) for _ in range(2))
    assert gradcheck(vae.kl_to_standard_normal, (mean, log_variance))


def test_a_draw_has_the_slopes_of_its_mean_and_deviation():
    mean, log_variance = (ag.tensor(RNG.normal(size=(3, 4)), requires_grad=True) for _ in range(2))

    def draw(mean, log_variance):
        return vae.reparameterised(mean, log_variance, ag.Generator().manual_seed(5))

    assert gradcheck(draw, (mean, log_variance))
    noise = (draw(mean, log_variance) - mean).detach().array / np.exp(0.5 * log_variance.array)
    slope = ag.grad(draw(mean, log_variance).sum(), log_variance)[0].array
    np.testing.assert_allclose(slope, 0.5 * np.exp(0.5 * log_variance.array) * noise)


def test_the_likelihoods_of_all_images_of_a_pixel_add_up_to_one():
    logits = ag.full((17, 1, 1, 1), 0.7)
    images = ag.arange(17).reshape(17, 1, 1, 1) / 16
    chances = vae.log_likelihood(logits, images).exp().array
    assert chances.sum() == pytest.approx(1, abs=1e-5)
    p = 1 / (1 + math.exp(-0.7))
    by_hand = [math.comb(16, n) * p**n * (1 - p) ** (16 - n) for n in range(17)]
    np.testing.assert_allclose(chances, by_hand, rtol=1e-4)


def test_the_elbo_is_below_the_probability_of_the_image():
    # With a code of one number the probability is an integral that can be done by summation.
    model = seeded(models.VAE, code=1, hidden=16)
    images = IMAGES[:3]
    with ag.no_grad():
        grid = ag.linspace(-8, 8, 2001)[:, None]
        logits = model.decoder(grid)
        normal = np.exp(-0.5 * grid.array[:, 0].astype(float) ** 2) / math.sqrt(2 * math.pi)
        for image in images:
            logs = vae.log_likelihood(logits, image[None].expand(2001, 1, 8, 8)).array.astype(float)
            top = logs.max()
            exact = top + math.log((np.exp(logs - top) * normal).sum() * 16 / 2000)
            mean, log_variance = model.encode(image[None])
            kl = vae.kl_to_standard_normal(mean, log_variance).item()
            draws = vae.reparameterised(mean.expand(400, 1), log_variance.expand(400, 1))
            likely = vae.log_likelihood(model.decoder(draws), image[None].expand(400, 1, 8, 8))
            assert likely.mean().item() - kl < exact
            posterior = np.exp(logs - top) * normal / (np.exp(logs - top) * normal).sum()
            kept = posterior > 0
            tightest = (posterior[kept] * (
                logs[kept] + np.log(normal[kept] * 16 / 2000) - np.log(posterior[kept])
            )).sum()  # fmt: skip
            assert tightest == pytest.approx(exact, rel=1e-9)  # q = p(z|x) leaves no gap


def test_walks_begin_and_end_where_they_should():
    model = seeded(models.VAE, code=4)
    start, end = ag.tensor([1.0, 0.0, 2.0, 0.5]), ag.tensor([0.0, 1.0, -1.0, 1.0])
    with ag.no_grad():
        way = vae.walk(model, start, end, steps=5).array
        ends = nn.functional.sigmoid(model.decoder(ag.stack([start, end]))).array
    np.testing.assert_allclose(way[[0, -1]], ends, atol=1e-5)


@pytest.mark.parametrize("name", ["vae", "denoising_autoencoder"])
def test_samples_are_images_and_repeat_with_their_seed(name):
    recipe = RECIPES[name]
    model = seeded(recipe.build).eval()
    with ag.no_grad():
        first, again, other = (
            recipe.sample(model, {}, ag.Generator().manual_seed(seed), count=5).array
            for seed in (1, 1, 2)
        )
    assert first.shape == (5, 1, 8, 8) and first.min() >= 0 and first.max() <= 1
    assert (first == again).all() and (first != other).any()
