"""What a GAN's game comes to: the best D, the value -log 4, and slopes that are not there.

To make data likely, a generator's density would have to be known: by ``max sum log p_g(x)`` one
gets the least ``KL(p_data || p_g)``, since the difference is the data's own entropy. The value of
the game asks for samples only,

    V(G, D) = E_{x ~ p_data} log D(x) + E_{z ~ p_z} log(1 - D(G(z)))
            = integral of  p_data(x) log D(x) + p_g(x) log(1 - D(x))

With G fixed, ``a log D + b log(1 - D)`` is largest at ``D = a / (a + b)``. So the best D, and what
is left for G to make small, are

    D*(x) = p_data(x) / (p_data(x) + p_g(x)),      C(G) = max_D V = -log 4 + 2 JS(p_data, p_g)

where JS is the divergence of Jensen and Shannon: not the likelihood's KL, but zero, like it, only
at ``p_g = p_data``. There D can but toss a coin. (Document 003 heads C(G) with "fix D". D does not
stay, it answers every G; and it ends at ``p_g = p_data`` without the value there, -log 4.)

In one dimension all of this can be looked at. D learns against a fixed G; D sees through a G that
is far away, whose loss ``log(1 - D)`` then has no slope to follow, while that of ``-log D`` grows;
and the game is played. Its value alone proves nothing: V is near -log 4 for any G that a lazy D
fails to judge. With k = 5 steps of D for each of G, C(G) comes down with it.

Goodfellow et al., "Generative adversarial nets" (2014), sections 3 and 4. Machine Learning chapter
7 (003): the likelihood, V with G fixed, the best D, C(G), the best G.
"""

from __future__ import annotations

import math

import numpy as np

import autograd as ag
import nn
import optim
from models.gan import GAN, LOSSES, Game, perceptron
from models.training.claims import claims
from models.training.recipe import Recipe, section
from models.training.run import Run
from nn import functional as F

COIN = -math.log(4)  # the value where D can but toss a coin
HILLS = ((0.6, -1.5, 0.5), (0.4, 1.0, 0.7))  # p_data: weight, mean and deviation of two normals
START = (1.0, 1.0)  # mean and deviation of the generator that stays fixed
FAR = (6.0, 0.5)  # and of one that has everything to learn
EDGES = np.linspace(-6, 8, 141)  # of bins, for p_g where it has no formula
PLACES = (EDGES[1:] + EDGES[:-1]) / 2
WIDTH = EDGES[1] - EDGES[0]
NEGLIGIBLE = 0.005  # a hundredth of the data's highest density


# -- closed forms ----------------------------------------------------------------------------------


def best_discriminator(p, q):
    """D*, of the densities of data and generator at the same places: p / (p + q).

    Examples
    --------
    >>> from models.gan_theory import best_discriminator
    >>> round(best_discriminator(0.3, 0.1), 4)
    0.75
    """
    return p / (p + q)


def entropy_against(p, q, width: float) -> float:
    """The integral of -p log q, of densities at places that are `width` apart; 0 log 0 is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return -float(np.where(p > 0, p * np.log(q), 0.0).sum() * width)


def best_value(p, q, width: float = WIDTH) -> float:
    """C(G), of the densities of data and generator at places that are `width` apart.

    Examples
    --------
    >>> import numpy as np
    >>> from models.gan_theory import best_value
    >>> print(round(best_value(np.ones(10), np.ones(10), 0.1), 4))
    -1.3863
    """
    total = p + q
    return 2 * entropy_against(total / 2, total, width) - sum(
        entropy_against(part, part, width) for part in (p, q)
    )


def jensen_shannon(p, q, width: float = WIDTH) -> float:
    """JS: the mean divergence of two densities from the one half way between them.

    Examples
    --------
    >>> import numpy as np
    >>> from models.gan_theory import jensen_shannon
    >>> print(round(jensen_shannon(np.array([2.0, 0]), np.array([0, 2.0]), 0.5), 4))  # log 2
    0.6931
    """
    middle = (p + q) / 2
    return sum(entropy_against(part, middle, width) - entropy_against(part, part, width)
               for part in (p, q)) / 2  # fmt: skip


def normal(x, mean: float, deviation: float):
    """The density of a normal distribution."""
    return np.exp(-(((x - mean) / deviation) ** 2) / 2) / (deviation * math.sqrt(2 * math.pi))


def data_density(x):
    """p_data: two hills."""
    return sum(weight * normal(x, *hill) for weight, *hill in HILLS)


def real_samples(count: int) -> ag.Tensor:
    """So many x of p_data, in a column."""
    stream = ag.default_generator().numpy
    weights, means, deviations = np.transpose(HILLS)
    hill = stream.choice(len(HILLS), count, p=weights)
    x = stream.normal(means[hill], deviations[hill])
    return ag.from_numpy(x[:, None].astype(np.float32))


def likelihood_is_divergence() -> bool:
    """Whether the mean log-likelihood and -KL(p_data || q) differ by the same for many q."""
    p, found = data_density(PLACES), []
    for mean, deviation in ((-1, 1), (0, 1.5), (0, 2), (1, 1)):
        q = normal(PLACES, mean, deviation)
        divergence = float((p * np.log(p / q)).sum() * WIDTH)
        found.append(-entropy_against(p, q, WIDTH) + divergence)
    return np.ptp(found) < 1e-9


# -- what is measured ------------------------------------------------------------------------------


def smooth_gan(width: int = 64) -> GAN:
    """Players in one dimension, who both have densities and slopes everywhere.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.gan_theory import smooth_gan
    >>> smooth_gan(width=8)(ag.zeros(5, 1)).shape
    (5, 1)
    """
    model = GAN(latent=1, dims=1, width=width)
    model.generator = perceptron(1, width, 1)
    return model


def affine(mean: float, deviation: float) -> nn.Linear:
    """A generator whose p_g is known: ``G(z) = mean + deviation z``."""
    generator = nn.Linear(1, 1)
    with ag.no_grad():
        nn.init.constant_(generator.weight, deviation)
        nn.init.constant_(generator.get_parameter("bias"), mean)
    return generator


def generated_density(generator: nn.Module, count: int = 20000) -> np.ndarray:
    """p_g at `PLACES`: where evenly spread quantiles of the noise go."""
    z = ag.special.ndtri((ag.arange(count) + 0.5) / count)
    with ag.no_grad():
        x = generator(z[:, None]).array
    return np.histogram(x, EDGES)[0] / (count * WIDTH)


def answers(discriminator: nn.Module) -> np.ndarray:
    """D at `PLACES`."""
    with ag.no_grad():
        logits = discriminator(ag.tensor(PLACES[:, None].astype(np.float32)))
        return F.sigmoid(logits).array[:, 0]


def far_off(found, expected, p, q) -> float:
    """The largest distance of D from what it should be, where p + q is not negligible."""
    return float(abs(found - expected)[p + q > NEGLIGIBLE].max())


def against_a_fixed_generator(settings) -> tuple[np.ndarray, float]:
    """Train D alone; returns D at `PLACES`, and the mean of V over the last quarter."""
    model, steps = smooth_gan(**section(settings, "model")), settings["fixed_steps"]
    model.generator = affine(*START)
    game, values = Game(model, settings["optim.lr"]), []
    schedule = optim.lr_scheduler.CosineAnnealingLR(game.detective, steps)
    for _ in range(steps):
        values.append(game.discriminate(real_samples(settings["batch_size"])))
        schedule.step()
    return answers(model.discriminator), float(np.mean(values[-steps // 4 :]))


def slopes(settings, rounds: int = 20, every: int = 10) -> dict[str, list[float]]:
    """How steep both losses are for a G far from the data, while D learns to see through it.

    Returns
    -------
    dict
        For each loss the norms of its gradient by G's parameters, every so many steps of D; and
        what D says of the forgeries, as ``D(G(z))``.
    """
    model = smooth_gan(**section(settings, "model"))
    model.generator = affine(*FAR)
    game, z = Game(model, settings["optim.lr"]), model.noise(1000)
    found: dict[str, list[float]] = {"D(G(z))": [], **{name: [] for name in LOSSES}}
    for _ in range(rounds):
        logits = model.discriminator(model(z))
        found["D(G(z))"].append(F.sigmoid(logits).mean().item())
        for name, loss in LOSSES.items():
            gradients = ag.grad(loss(logits), model.generator.parameters(), retain_graph=True)
            found[name].append(math.sqrt(sum(float((g.array**2).sum()) for g in gradients)))
        for _ in range(every):
            game.discriminate(real_samples(settings["batch_size"]))
    return found


def play(run: Run) -> tuple[GAN, list[dict]]:
    """Play the game; returns the players, and what was seen on the way, 41 times."""
    settings, steps = run.settings, run.settings["steps"]
    model, p = smooth_gan(**section(settings, "model")), data_density(PLACES)
    game = Game(model, settings["optim.lr"], steps, LOSSES[settings["loss"]])
    looks = np.linspace(0, steps, 41).round().astype(int)
    seen, values = [], [math.nan]
    for step in range(steps + 1):
        if step in looks:
            q = generated_density(model.generator)
            frame = {"step": step, "value": float(np.mean(values)), "best_value": best_value(p, q)}
            seen.append({**frame, "q": q, "D": answers(model.discriminator)})
            if step and len(seen) % 10 == 1:
                run.log(frame)
            values = []
        if step < steps:
            real = [real_samples(settings["batch_size"]) for _ in range(settings["k"])]
            values.append(game.play(real)[0])
    return model, seen


# -- the experiment --------------------------------------------------------------------------------


def fit(run: Run) -> tuple[GAN, dict[str, float]]:
    """Look at D alone, at the slopes, and at the game."""
    p, q = data_density(PLACES), normal(PLACES, *START)
    learned, v = against_a_fixed_generator(run.settings)
    off, expected = far_off(learned, best_discriminator(p, q), p, q), best_value(p, q)
    run.log({"fixed_G": "D", "largest_distance": off, "value": v, "closed_form": expected})
    steep = slopes(run.settings)
    run.log({"slopes": "G far away", **{name: values[-1] for name, values in steep.items()}})
    model, seen = play(run)
    end, value = seen[-1], float(np.mean([frame["value"] for frame in seen[-4:]]))
    tossed = float((p * abs(end["D"] - 0.5)).sum() * WIDTH)  # the mean over real samples
    run.draw("fixed_generator", lambda figure: draw_fixed(figure, learned, steep), (10, 3.2))
    run.draw("game", lambda figure: draw_game(figure, seen), (15, 5.6))
    held = claims(
        likelihood_and_divergence_are_one_aim=likelihood_is_divergence(),
        value_of_the_best_d_is_jensen_shannon=math.isclose(
            expected, COIN + 2 * jensen_shannon(p, q), rel_tol=1e-9
        ),
        d_approaches_its_closed_form=off < 0.05,
        the_value_approaches_its_own=abs(v - expected) < 0.02,
        minimax_loses_its_slope=steep["minimax"][-1] < 0.02 * steep["non_saturating"][-1],
        non_saturating_gains_slope=steep["non_saturating"][-1] > max(steep["minimax"]),
        the_games_value_approaches_minus_log_4=abs(value - COIN) < 0.01,
        even_for_the_best_d=end["best_value"] - COIN < 0.03,
        d_tosses_a_coin=tossed < 0.05,
    )
    numbers = {"off": off, "value": value, "best_value": end["best_value"], "off_coin": tossed}
    return model, {**numbers, **held}


def draw_fixed(figure, learned, steep) -> None:
    """Draw D for a fixed G beside its closed form, and the slopes of both losses."""
    left, right = figure.subplots(1, 2)
    p, q = data_density(PLACES), normal(PLACES, *START)
    left.plot(PLACES, p, "k:", label="$p_{data}$")
    left.plot(PLACES, q, "C2", label="$p_g$, fixed")
    left.plot(PLACES, best_discriminator(p, q), "C7", linewidth=4, alpha=0.5, label="$D^*$")
    left.plot(PLACES, learned, "C0", label="D, learned")
    left.set(xlabel="x", xlim=(-4, 5))
    left.legend()
    for name, values in steep.items():
        right.semilogy(10 * np.arange(len(values)), values, label=name.replace("_", "-"))
    right.set(xlabel="steps of D", title="a G far away: norms of its losses' gradients")
    right.legend()


def draw_game(figure, seen) -> None:
    """Draw densities and D at five moments, all samples over time, and the value."""
    above, below = figure.subfigures(2, 1)
    p = data_density(PLACES)
    moments = [seen[i] for i in (0, 1, 3, 8, -1)]  # most happens early
    for axes, frame in zip(above.subplots(1, 5, sharey=True), moments, strict=True):
        axes.plot(PLACES, p, "k:", label="$p_{data}$")
        axes.plot(PLACES, frame["q"], "C2", label="$p_g$")
        axes.plot(PLACES, frame["D"], "C0", label="D")
        axes.set(xlabel="x", xlim=(-4, 5), ylim=(0, 1), title=f"step {frame['step']}")
    axes.legend()
    samples, curve = below.subplots(1, 2)
    steps = [frame["step"] for frame in seen]
    samples.pcolormesh(steps, PLACES, np.transpose([f["q"] for f in seen]), vmax=0.6, cmap="Greens")
    samples.set(xlabel="steps of G", ylabel="x", ylim=(-4, 5), title="samples")
    for name, label in (("value", "V(G, D)"), ("best_value", "C(G)")):
        curve.plot(steps, [frame[name] for frame in seen], label=label)
    curve.axhline(COIN, color="k", linestyle=":", label="-log 4")
    curve.set(xlabel="steps of G")
    curve.legend()


RECIPE = Recipe(
    name="gan_theory",
    summary="a GAN in one dimension: the best D, the value -log 4, the saturating loss",
    build=smooth_gan,
    fit=fit,
    documents="003",
    paper="Goodfellow et al. 2014",
    metric="claims",
    bar=1.0,
    seconds=25,
    options={
        "steps": 1500,
        "k": 5,
        "fixed_steps": 1500,
        "batch_size": 256,
        "loss": "non_saturating",
        "model.width": 64,
        "optim.lr": 2e-3,
    },
    quick={"steps": 700},
    quick_bar=1.0,
)
