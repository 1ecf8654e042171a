# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 9. GAN and autoencoder · 生成对抗网络与自编码器
#
# So far a network answered questions. Here networks make things: points, and digits that nobody
# wrote. A generator learns by deceiving a discriminator; an autoencoder by describing a digit with
# eight numbers so that it can be drawn again; and a variational one in such a way that new numbers
# give new digits. Nothing in this lesson needs a label.

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import autograd as ag
import models
import optim
from models import autoencoder, denoising_autoencoder, gan_theory, vae
from models.gan import Game, draw, found, ring
from models.training.pictures import tiled
from models.training.small import minibatches

ag.manual_seed(0)
digits = {train: autoencoder.digits(train) for train in (True, False)}
print(digits[True])

# %% [markdown]
# ## 9.1 Making data likely · 最大似然与 KL 距离
#
# *Document 003, Generative Adversarial Network (GAN) 结构.*
#
# There are data $x^1, \ldots, x^m$ from a distribution $P_{data}$ that nobody knows, and a
# generator whose samples have the distribution $P_G(x; \theta)$. One would like the data to be
# likely for it:
#
# $$\theta^* = \arg\max_\theta \prod_{i=1}^m P_G(x^i; \theta)
# = \arg\max_\theta \sum_{i=1}^m \log P_G(x^i; \theta)
# \approx \arg\max_\theta E_{x \sim P_{data}}[\log P_G(x; \theta)]
# = \arg\min_\theta KL(P_{data} \| P_G)$$
#
# The last step subtracts $\int P_{data} \log P_{data}$, which does not depend on $\theta$. So the
# two curves below, over the mean of a normal $P_G$, are mirror images, a constant apart, and rest
# at the same place. $P_{data}$ are two hills.

# %%
x, step = gan_theory.PLACES, gan_theory.WIDTH
p_data = gan_theory.data_density(x)
means = np.linspace(-3, 2, 101)
likelihood, divergence = [], []
for mean in means:
    p_g = gan_theory.normal(x, mean, 1.5)
    likelihood.append(float((p_data * np.log(p_g)).sum() * step))
    divergence.append(float((p_data * np.log(p_data / p_g)).sum() * step))
assert np.ptp(np.add(likelihood, divergence)) < 1e-9
assert np.argmax(likelihood) == np.argmin(divergence)
best = means[np.argmin(divergence)]
print(f"both are best at the mean {best:.2f}; the data's mean is {(x * p_data).sum() * step:.2f}")
left, right = plt.figure(figsize=(9, 2.6), layout="constrained").subplots(1, 2)
left.plot(x, p_data, "k:", label="$P_{data}$")
left.plot(x, gan_theory.normal(x, best, 1.5), "C2", label="the best $P_G$")
left.legend()
right.plot(means, likelihood, label="mean log-likelihood")
right.plot(means, divergence, label="$KL(P_{data} \\| P_G)$")
right.set(xlabel="mean of $P_G$")
right.legend()
left.set(xlabel="x", xlim=(-5, 5))
right.grid(alpha=0.3)

# %% [markdown]
# ## 9.2 A game instead · 二人零和博弈
#
# *Document 003, GAN 的优化函数, 固定 G, 最优的 D.*
#
# But a network that makes samples does not tell their density. Goodfellow's way out (2014): let a
# second network $D$ guess of every sample whether it is real, and let the first deceive it.
#
# $$\min_G \max_D V(G, D), \qquad
# V(G, D) = E_{x \sim P_{data}}[\log D(x)] + E_{x \sim P_G}[\log(1 - D(x))]$$
#
# With $G$ fixed, $V = \int p_{data}(x) \log D(x) + p_g(x) \log(1 - D(x))\, dx$, and at every $x$
# the best answer is
#
# $$D_G^*(x) = \frac{p_{data}(x)}{p_{data}(x) + p_g(x)}$$
#
# A network that has seen nothing but samples should find it. We fix $G$ to a normal distribution
# about 1 and train $D$ alone.

# %%
rate, batch = 2e-3, 256
players = gan_theory.smooth_gan()
players.generator = gan_theory.affine(*gan_theory.START)
game, values, steps = Game(players, rate), [], 800
schedule = optim.lr_scheduler.CosineAnnealingLR(game.detective, steps)
for _ in range(steps):
    values.append(game.discriminate(gan_theory.real_samples(batch)))
    schedule.step()
learned, p_g = gan_theory.answers(players.discriminator), gan_theory.normal(x, *gan_theory.START)
best_D = gan_theory.best_discriminator(p_data, p_g)
off = gan_theory.far_off(learned, best_D, p_data, p_g)
print(f"the learned D is at most {off:.3f} from p / (p + q)")
assert off < 0.1

# %% [markdown]
# What is left for $G$ to make small is $C(G) = \max_D V(G, D) = -\log 4 + 2\, JS(p_{data}, p_g)$,
# with the divergence of Jensen and Shannon: zero only if $p_g = p_{data}$, and then $D =
# \frac{1}{2}$ everywhere. So the best $G$ (最优的 G) is $p_g = p_{data}$. (The slide heads this
# with "固定 D", fix $D$. It is not fixed: in $C(G)$ it has answered *every* $G$.)

# %%
expected = gan_theory.best_value(p_data, p_g)
divergence = gan_theory.jensen_shannon(p_data, p_g)
reached = float(np.mean(values[-200:]))
print(f"V with the learned D: {reached:.3f}; in closed form {expected:.3f}", end=" ")
print(f"= -log 4 + 2 JS = {-math.log(4):.3f} + {2 * divergence:.3f}")
assert abs(reached - expected) < 0.05 and abs(expected + math.log(4) - 2 * divergence) < 1e-9

# %% [markdown]
# ## 9.3 A slope that is not there · 梯度饱和
#
# *Document 003 has the minimax rule only; Goodfellow et al. 2014, section 3.*
#
# By the rules $G$ makes $\log(1 - D)$ small. At the beginning its samples are far from the data and
# $D$ sees through them, $D(G(z)) \approx 0$; there $\log(1 - D)$ is flat, and $G$ is told nothing.
# In practice it makes $-\log D$ small, which is steep just there and rests at the same place. Both
# slopes, while $D$ learns to see through a $G$ far away:

# %%
settings = {"model.width": 64, "optim.lr": rate, "batch_size": batch}
steep = gan_theory.slopes(settings, rounds=16)
gan_theory.draw_fixed(plt.figure(figsize=(9, 2.8), layout="constrained"), learned, steep)
for name, slopes in steep.items():
    print(f"{name:15} {slopes[0]:.3f} at first, {slopes[-1]:.5f} after 150 steps of D")
assert steep["minimax"][-1] < 0.05 * steep["non_saturating"][-1]

# %% [markdown]
# ## 9.4 The game · 交替优化 G 和 D
#
# *Document 003, 交替优化 G 和 D; 最优的 G.*
#
# Now both play: four steps of $D$, one of $G$, and so on. The value goes to $-\log 4 = -1.386$,
# where $D$ can but toss a coin, and $p_g$ gets its two hills.

# %%
ag.manual_seed(0)
players, seen, values = gan_theory.smooth_gan(), [], [math.nan]
rounds, looks = 400, np.linspace(0, 400, 25).astype(int)
game = Game(players, rate, rounds)
for round_ in range(rounds + 1):
    if round_ in looks:
        p_g = gan_theory.generated_density(players.generator)
        best, value = gan_theory.best_value(p_data, p_g), float(np.mean(values))
        frame = {"step": round_, "value": value, "best_value": best, "q": p_g}
        seen.append({**frame, "D": gan_theory.answers(players.discriminator)})
        values = []
    values.append(game.play([gan_theory.real_samples(batch) for _ in range(4)])[0])
gan_theory.draw_game(plt.figure(figsize=(12, 5), layout="constrained"), seen)
print(f"V at the end {seen[-1]['value']:.3f}; C(G) {seen[0]['best_value']:.3f}", end=" ")
print(f"at first and {seen[-1]['best_value']:.3f} at the end; -log 4 is {-math.log(4):.3f}")
assert abs(seen[-1]["value"] + math.log(4)) < 0.05
assert seen[-1]["best_value"] + math.log(4) < 0.1

# %% [markdown]
# Eight heaps of points on a ring are harder: the generator has to tear what it gets in one piece,
# and deceiving $D$ at a few heaps is enough for the moment. Early on, some heaps are missed (mode
# collapse, 模式坍塌); the game goes on until they are found, mostly.

# %%
ag.manual_seed(0)
players = models.gan()
rounds = 700
game, noise, frames = Game(players, 1e-3, rounds), players.noise(2000), {}
for round_ in range(rounds + 1):
    if round_ in (0, 50, 100, 200, rounds):
        with ag.no_grad():
            frames[round_] = players(noise).array
        heaps = found(frames[round_])
        print(f"after {round_:3} rounds {heaps['modes']} heaps, {heaps['near']:.0%} of the points")
    game.play([ring(batch)])
draw(plt.figure(figsize=(13, 2.4), layout="constrained"), players, frames)
assert found(frames[0])["modes"] < found(frames[rounds])["modes"] >= 7

# %% [markdown]
# ## 9.5 Through a narrow door · 欠完备自编码器
#
# *Document 004, 自编码器: 编码器, 解码器, 重建, 欠完备自编码器.*
#
# An autoencoder asks for nothing but its input back. An encoder makes a code $h$ of the image, a
# decoder an image of the code, and both learn to make
#
# $$\ell(x, \hat{x}) = \| x - \hat{x} \|_2^2$$
#
# small, without labels (无监督学习). The aim is a code that says much about $x$ (目标: h
# 能很好地编码 x 中的信息). With a code as long as the image, copying would do; so it gets eight
# numbers for 64 pixels. Its rival is principal component analysis, the best that a *linear* encoder
# and decoder can do:


# %%
def teach(model, objective, epochs):
    """Train on the digits with Adam, its rate falling along a cosine."""
    descent = optim.Adam(model.parameters(), 4e-3)
    schedule = optim.lr_scheduler.CosineAnnealingLR(descent, epochs)
    for _ in range(epochs):
        for batch in minibatches(digits[True].tensors, 32):
            loss, _ = objective(model, batch)
            descent.zero_grad()
            loss.backward()
            descent.step()
        schedule.step()


test, errors = digits[False].data, {"PCA": autoencoder.pca_error(8)}
bending = models.Autoencoder(code=8)
teach(bending, autoencoder.objective, epochs=25)

linear, known = models.Autoencoder(code=8, hidden=0).double(), digits[True].data.double()
newton = optim.LBFGS(linear.parameters(), max_iter=20, line_search_fn="strong_wolfe")


def error():
    newton.zero_grad()
    loss = autoencoder.squared_error(known, linear(known))
    loss.backward()
    return loss


for _ in range(20):  # its valley is long and flat, which needs second derivatives
    newton.step(error)
with ag.no_grad():
    errors["linear"] = autoencoder.squared_error(test, linear(test.double())).item()
    errors["bending"] = autoencoder.squared_error(test, bending(test)).item()
blank = autoencoder.squared_error(test, test.mean(0, keepdim=True).expand(test.shape)).item()
print(f"error of a test digit: {blank:.2f} if all are drawn as the mean;", end=" ")
print(", ".join(f"{name} {error:.2f}" for name, error in errors.items()))
assert errors["bending"] < 0.9 * errors["PCA"] and errors["linear"] < 1.05 * errors["PCA"]

# %% [markdown]
# The linear one comes to PCA's error, and its decoder's columns span the same eight dimensions
# (Baldi and Hornik 1989): of the principal angles between the two spaces the cosines are all near
# 1. The one with bending units (ELU) beats both.

# %%
pca = autoencoder.PCA(autoencoder.flat(True), 8)
basis = np.linalg.qr(linear.decoder[0].weight.array)[0]
cosines = np.linalg.svd(pca.components @ basis, compute_uv=False)
print("cosines of the angles:", cosines.round(3))
assert cosines.min() > 0.95
rows = {
    "digits": test[:10].array,
    "PCA": pca(test[:10].array.reshape(10, 64)).reshape(10, 8, 8),
    "eight numbers": bending(test[:10]).detach().array,
}
autoencoder.draw_rows(plt.figure(figsize=(7, 2.6), layout="constrained"), rows)

# %% [markdown]
# Are the codes good? Nobody told the network which digit is which, and yet digits of a kind have
# codes of a kind. Drawn are the codes' first two principal components.

# %%
with ag.no_grad():
    codes = {part: bending.encoder(digits[part].data).array for part in digits}
kind = digits[False].targets.array
autoencoder.draw_codes(plt.figure(figsize=(4.6, 3.4), layout="constrained"), codes[False], kind)
nearest = np.linalg.norm(codes[False][:, None] - codes[True][None], axis=2).argmin(1)
right = (digits[True].targets.array[nearest] == kind).mean()
print(f"the training digit with the nearest code is of the same kind for {right:.1%}")
assert right > 0.9

# %% [markdown]
# ## 9.6 A price on the code · 正则化自编码器
#
# *Document 004, 正则化自编码器: $\Omega(h) = \| h \|_2$.*
#
# The other way to forbid copying: let the code be long, and let it cost something, $\ell(x,
# \hat{x}) + \lambda\, \Omega(h)$ with $\Omega(h) = \| h \|_2$. The document stops here; there is a
# catch. Make the codes half as long and the decoder's weights twice as large: the image is the same
# and the price has halved. So the price alone forces nothing, unless the decoder is kept from
# growing. Noise is another price: spoil the image, ask for the clean one.

# %%
halved = models.Autoencoder(code=8)
halved.load_state_dict(bending.state_dict())
with ag.no_grad():
    for parameter in (halved.encoder[-1].weight, halved.encoder[-1].bias):
        parameter *= 0.5
    halved.decoder[0].weight *= 2.0
    same = abs(halved(test) - bending(test)).max().item()
    price = [model.encoder(test).norm(dim=1).mean().item() for model in (bending, halved)]
print(f"the images differ by {same:.1e}, the price fell from {price[0]:.2f} to {price[1]:.2f}")
assert same < 1e-4 and abs(price[1] - price[0] / 2) < 1e-3

# %%
denoising = models.DenoisingAutoencoder(noise=0.3)
teach(denoising, denoising_autoencoder.objective, epochs=12)
with ag.no_grad():
    noisy = denoising.spoilt(test)
    cleaned = denoising(noisy)
noise, left_over = (autoencoder.squared_error(test, y).item() for y in (noisy, cleaned))
print(f"squared error of the noise {noise:.2f}; of what is left of it {left_over:.2f}")
assert left_over < 0.5 * noise
rows = {"digits": test[:10], "with noise": noisy[:10], "cleaned": cleaned[:10]}
rows = {title: images.array for title, images in rows.items()}
autoencoder.draw_rows(plt.figure(figsize=(7, 2.6), layout="constrained"), rows)

# %% [markdown]
# ## 9.7 Digits that nobody wrote · 变分自编码器
#
# *Not in the documents: the generative sister of 004's 自编码器, Kingma and Welling 2013.*
#
# Between the codes of an autoencoder is no man's land: a code drawn at random seldom gives a digit.
# The variational autoencoder tells a story instead. Somebody drew $z$ from a standard normal
# distribution, then the image from $p(x|z)$. The encoder answers with a distribution
# $q(z|x) = \mathcal{N}(\mu, \sigma^2)$, and whatever it answers,
#
# $$\log p(x) \ge E_q[\log p(x|z)] - KL(q(z|x) \| p(z)), \qquad
# KL = \tfrac12 \sum_j (\mu_j^2 + \sigma_j^2 - 1 - \log \sigma_j^2)$$
#
# Both learn to raise the right side. To get a gradient through a random draw, write it as
# $z = \mu + \sigma \epsilon$ with $\epsilon \sim \mathcal{N}(0, 1)$. The formula for KL, against an
# average over draws:

# %%
mean, log_variance = ag.tensor([[0.5, -1.0]]), ag.tensor([[0.3, -0.7]])
draws = vae.reparameterised(mean.expand(200_000, 2), log_variance.expand(200_000, 2))
log_ratio = (draws**2 - (draws - mean) ** 2 / log_variance.exp() - log_variance).sum(1) / 2
formula = vae.kl_to_standard_normal(mean, log_variance).item()
print(f"KL by the formula {formula:.3f}, by 200,000 draws {log_ratio.mean().item():.3f}")
assert abs(log_ratio.mean().item() - formula) < 0.02

# %%
storyteller, plain = models.VAE(code=16), models.Autoencoder(code=16)
teach(storyteller, vae.objective, epochs=35)
teach(plain, autoencoder.objective, epochs=25)
with ag.no_grad():
    nats = vae.objective(storyteller, digits[False].tensors)[1]["nats"]
    samples = vae.sample(storyteller, {}, ag.Generator().manual_seed(0), count=200).array
    known = plain.encoder(digits[True].data)
    wild = known.mean(0) + known.std(0) * ag.randn(200, 16)  # where its codes lie, by and large
    nonsense = plain.decoder(wild).array
print(
    f"a test digit costs {nats:.1f} nats; if pixels were independent {vae.independent_pixels():.1f}"
)
assert nats < vae.independent_pixels()
scanned, far = digits[True].data.array.reshape(-1, 64), {}
for name, pictures in (("VAE's", samples), ("autoencoder's", nonsense), ("test", test.array)):
    apart = ((pictures.reshape(-1, 1, 64) - scanned) ** 2).sum(2).min(1)
    far[name] = float(apart.mean())
    print(f"{name:13} pictures: squared distance to the nearest training digit {far[name]:.2f}")
assert far["VAE's"] < 0.8 * far["autoencoder's"]
left, right = plt.figure(figsize=(9, 2.6), layout="constrained").subplots(1, 2)
for axes, images, title in (
    (left, samples, "VAE: codes from a normal distribution"),
    (right, nonsense, "autoencoder: likewise"),
):
    axes.imshow(tiled(1 - images[:40], enlarged=1, columns=10))
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()

# %% [markdown]
# And every code between two digits is something like a digit:

# %%
with ag.no_grad():
    means = storyteller.encode(test)[0]
    chosen = means[[int(np.flatnonzero(kind == c)[0]) for c in range(10)]]
    ways = {
        f"from {a} to {b}": vae.walk(storyteller, chosen[a], chosen[b]).array for a, b in vae.WALKS
    }
print("ways:", ", ".join(ways))
autoencoder.draw_rows(plt.figure(figsize=(7, 3.2), layout="constrained"), ways)

# %% [markdown]
# *More: `python -m models train gan`, `gan_theory`, `dcgan`, `wgan_gp`, `cyclegan`, `autoencoder`,
# `linear_autoencoder`, `regularised_autoencoder`, `denoising_autoencoder`, `vae`.*
