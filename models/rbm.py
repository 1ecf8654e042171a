"""The restricted Boltzmann machine: two layers without connections inside, so both are easy.

A Boltzmann machine (`models/boltzmann.py`) whose connections run only between visible units v and
hidden units h needs no patience: given v all hidden units are independent, given h all visible ones

    P(h = 1 | v) = sigmoid(W v + c)        P(v = 1 | h) = sigmoid(W^T h + b)

so a whole layer draws at once, and the hidden units can be summed out of the energy,

    F(v) = -b . v - sum_j log(1 + exp(W v + c)_j),        P(v) = exp(-F(v)) / Z.

Learning lowers the free energy F of data and raises that of the machine's own fantasies, for which
contrastive divergence takes what k steps of sampling make of the data (CD-k, Hinton 2002), while
persistent contrastive divergence lets them live on from batch to batch (PCD, Tieleman 2008). Either
way the gradient of ``F(data) - F(fantasy)`` is the Boltzmann machine's rule, and back-propagation
finds it.

Smolensky (1986), as "harmonium"; Hinton, "Training products of experts by minimizing contrastive
divergence", Neural Computation 14 (2002); documents 001 and 004 (pretraining, 2006).
"""

from __future__ import annotations

import autograd as ag
import nn
from models import datasets
from models.training.pictures import tiled
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F


class RBM(nn.Module):
    """`visible` and `hidden` units of 0 or 1.

    Parameters
    ----------
    visible, hidden : int
    steps : int, default 1
        Steps of sampling, the k of CD-k.
    chains : int, default 0
        How many fantasies live on between batches (PCD); 0 begins anew from the data (CD).

    Examples
    --------
    >>> import autograd as ag, models
    >>> machine = models.RBM(visible=6, hidden=4)
    >>> machine.free_energy(ag.ones(2, 6)).shape
    (2,)
    """

    def __init__(self, visible: int = 64, hidden: int = 128, steps: int = 1, chains: int = 0):
        super().__init__()
        self.steps = steps
        self.weight = nn.Parameter(0.01 * ag.randn(hidden, visible))
        self.visible_bias = nn.Parameter(ag.zeros(visible))
        self.hidden_bias = nn.Parameter(ag.zeros(hidden))
        self.fantasies = nn.Buffer(ag.bernoulli(ag.full((chains, visible), 0.5)))

    def hidden(self, v):
        """The chances of the hidden units, given the visible ones."""
        return F.sigmoid(F.linear(v, self.weight, self.hidden_bias))

    def visible(self, h):
        """The chances of the visible units, given the hidden ones."""
        return F.sigmoid(F.linear(h, self.weight.T, self.visible_bias))

    def free_energy(self, v):
        """``F(v)`` for states of shape (count, visible): minus log P(v), up to a constant."""
        heard = F.linear(v, self.weight, self.hidden_bias)
        return -(v @ self.visible_bias) - F.softplus(heard).sum(1)

    def dream(self, v, steps: int):
        """Gibbs sampling: hidden and visible units in turn, `steps` times."""
        with ag.no_grad():
            for _ in range(steps):
                v = ag.bernoulli(self.visible(ag.bernoulli(self.hidden(v))))
        return v

    def fantasy(self, v):
        """What the machine makes of data, or of its own fantasies if they persist."""
        if not len(self.fantasies):
            return self.dream(v, self.steps)
        dreamed = self.dream(self.fantasies, self.steps)
        if self.training:
            with ag.no_grad():
                self.fantasies.copy_(dreamed)
        return dreamed

    def forward(self, v):
        """Data as the machine reconstructs it: chances of the visible units."""
        return self.visible(self.hidden(v))


def binary_digits(train: bool) -> datasets.Labelled:
    """The digits, each pixel ink or paper."""
    return datasets.digits(train, 8, normalise=False, transform=ink)


def ink(image):
    """1 where a pixel is more than half black."""
    return (image > 0.5).float()


def objective(model: RBM, batch):
    """Free energy of the data less that of fantasies; the error of reconstruction; and the gap.

    The gap, in nats, is between the free energies of noise with the digits' share of ink and of
    the digits: how much likelier these are to the machine.
    """
    v = batch[0].flatten(1)
    energy = model.free_energy(v).mean()
    loss = energy - model.free_energy(model.fantasy(v)).mean()
    with ag.no_grad():
        error = ((model(v) - v) ** 2).mean().item()
        noise = v[:, ag.randperm(v.shape[1])]
        gap = model.free_energy(noise).mean().item() - energy.item()
    return loss, {"reconstruction": error, "gap": gap}


def sample(model: RBM, settings, generator, count: int = 25):
    """Images the machine dreams: chances of ink after a thousand steps from noise."""
    v = ag.bernoulli(ag.full((count, len(model.visible_bias)), 0.5), generator=generator)
    for _ in range(1000):
        h = ag.bernoulli(model.hidden(v), generator=generator)
        chances = model.visible(h)
        v = ag.bernoulli(chances, generator=generator)
    return chances.reshape(count, 1, 8, 8)


def show(run: Run, model: RBM) -> None:
    """Draw what hidden units look for, and what the machine dreams."""

    def plot(figure) -> None:
        weights = model.weight.array[:64].reshape(-1, 1, 8, 8)
        dreams = sample(model, run.settings, ag.Generator().manual_seed(run.seed), 64).array
        titles = "weights of hidden units", "dreams"
        for axes, images, title in zip(
            figure.subplots(1, 2), (0.5 + weights / 4, 1 - dreams), titles, strict=True
        ):
            axes.imshow(tiled(images))
            axes.set_title(title)
            axes.set_axis_off()

    with ag.no_grad():
        run.draw("dreams", plot, (8, 4.2))


RECIPE = Recipe(
    name="rbm",
    summary="restricted Boltzmann machine: persistent contrastive divergence on digits",
    build=RBM,
    data=binary_digits,
    objective=objective,
    show=show,
    sample=sample,
    documents="001, 004",
    paper="Smolensky 1986; Hinton 2002; Tieleman 2008",
    metric="reconstruction",
    higher_is_better=False,
    epochs=40,
    batch_size=32,
    options={
        "optim.lr": 1e-2,
        "model.visible": 64,
        "model.hidden": 128,
        "model.steps": 5,
        "model.chains": 100,
    },
    bar=0.06,
    seconds=30,
    quick={"epochs": 12},
    quick_bar=0.11,
)
