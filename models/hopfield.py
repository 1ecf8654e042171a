"""Hopfield networks: memories as the low points of a landscape.

Every unit is connected to every other, w_ij = w_ji, and is +1 or -1. A unit looks at the sum of
what the others say and agrees with its sign. Each such step lowers the energy

    E(s) = -1/2 sum_ij w_ij s_i s_j

or leaves it, so the network comes to rest, whatever the order of the units, in a minimum. Hebb's
rule puts the minima where the memories x^m are, W = 1/N sum_m x^m x^mT without its diagonal: a cue
that is partly wrong rolls down to the memory it came from. The network is the earliest recurrent
one. Its room is small: beyond 0.138 N random patterns, noise from the others drowns every memory at
once (Amit, Gutfreund and Sompolinsky 1985).

Forty years later the energy got another form, E(s) = -1/b log sum_m exp(b x^m . s) + 1/2 s . s, and
its step down became s = X^T softmax(b X s): attention, with the memories as keys and as values. It
holds far more patterns than it has units and recalls most of them in one step (`ModernHopfield`).

Hopfield, "Neural networks and physical systems with emergent collective computational abilities",
PNAS 79 (1982); Ramsauer et al., "Hopfield networks is all you need" (2020). Document 004 (Hopfield
network, 1982, in the history of recurrent networks), document 001.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
from models import datasets
from models.hebb import flip, patterns
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F


class Hopfield(nn.Module):
    """Units of -1 and +1 that settle into what was stored.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.hopfield import Hopfield
    >>> memory = Hopfield(6)
    >>> memory.store(ag.tensor([[1.0, 1.0, 1.0, -1.0, -1.0, -1.0]]))
    >>> memory(ag.tensor([[1.0, -1.0, 1.0, -1.0, -1.0, -1.0]]))
    tensor([[ 1.,  1.,  1., -1., -1., -1.]], shape=(1, 6))
    """

    def __init__(self, units: int):
        super().__init__()
        self.weight = nn.Parameter(ag.zeros(units, units), requires_grad=False)

    def store(self, memories) -> None:
        """Add patterns of shape (count, units) by Hebb's rule."""
        units = memories.shape[1]
        self.weight += (memories.T @ memories / units) * (1 - ag.eye(units))

    def energy(self, states):
        """``-1/2 s W s`` for states of shape (count, units)."""
        return -0.5 * ((states @ self.weight) * states).sum(1)

    def sweep(self, states, order=None):
        """Let each unit decide once, one after the other; a unit that hears nothing stays.

        `order` is drawn at random unless given. All states, of shape (count, units), are worked on
        at once: they do not know of each other.
        """
        states = states.clone()
        for unit in ag.randperm(states.shape[1]) if order is None else order:
            heard = states @ self.weight[unit]
            states[:, unit] = ag.where(heard == 0, states[:, unit], ag.sign(heard))
        return states

    def forward(self, states, sweeps: int = 20):
        """Settle: sweep until nothing changes, or `sweeps` times."""
        for _ in range(sweeps):
            before, states = states, self.sweep(states)
            if (before == states).all():
                break
        return states


class ModernHopfield(nn.Module):
    """Memories of numbers, recalled by attention; `beta` says how sharply.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.hopfield import ModernHopfield
    >>> memory = ModernHopfield(ag.eye(3), beta=20.0)
    >>> memory(ag.tensor([[0.9, 0.2, 0.1]])).round()
    tensor([[1., 0., 0.]], shape=(1, 3))
    """

    def __init__(self, memories, beta: float = 1.0):
        super().__init__()
        self.memories = nn.Buffer(memories)
        self.beta = beta

    def energy(self, states):
        """The energy, up to a constant, of states of shape (count, units)."""
        scores = self.beta * states @ self.memories.T
        return -ag.logsumexp(scores, 1) / self.beta + 0.5 * (states**2).sum(1)

    def forward(self, states, steps: int = 1):
        """So many steps down: each state becomes an average of the memories it resembles."""
        for _ in range(steps):
            states = F.scaled_dot_product_attention(
                states, self.memories, self.memories, scale=self.beta
            )
        return states


def recalled(units: int, count: int, flipped: float) -> tuple[float, float]:
    """How well random patterns are recalled from cues with this part of their bits turned.

    Returns the part of the patterns that are recalled (at least 95 % of their bits), and the mean
    part of the bits.
    """
    memories, memory = patterns(count, units), Hopfield(units)
    memory.store(memories)
    right = (memory(flip(memories, flipped)) == memories).float().mean(1)
    return (right >= 0.95).float().mean().item(), right.mean().item()


def descent(memory: Hopfield, states, sweeps: int = 5) -> np.ndarray:
    """The energies of states after every single decision of a unit: (decisions + 1, count).

    Examples
    --------
    >>> from models.hebb import patterns
    >>> from models.hopfield import Hopfield, descent
    >>> memory = Hopfield(10)
    >>> memory.store(patterns(2, 10))
    >>> energies = descent(memory, patterns(3, 10), sweeps=1)
    >>> energies.shape, bool((energies[1:] <= energies[:-1] + 1e-6).all())
    ((11, 3), True)
    """
    energies = [memory.energy(states).array]
    for _ in range(sweeps):
        for unit in ag.randperm(states.shape[1]).tolist():
            states = memory.sweep(states, [unit])
            energies.append(memory.energy(states).array)
    return np.array(energies)


def fit(run: Run) -> tuple[Hopfield, dict[str, float]]:
    """Recall at loads below and above the limit, watch the energy, and recall by attention."""
    units, flipped = run.settings["model.units"], run.settings["flipped"]
    loads = (0.05, 0.1, 0.12, 0.14, 0.16, 0.2, 0.3)
    rates = {}
    for load in loads:
        rates[load], bits = recalled(units, round(load * units), flipped)
        run.log({"load": load, "recalled": rates[load], "bits": bits})
    memory = Hopfield(units)
    memory.store(patterns(round(0.1 * units), units))
    energies = descent(memory, patterns(8, units))
    rises = float((np.diff(energies, axis=0) > 1e-5 * units).sum())
    modern = modern_recalled(units, 10 * units, flipped)
    run.log({"load": 10, "modern_recalled": modern})

    def plot(figure) -> None:
        left, right = figure.subplots(1, 2)
        left.plot(loads, list(rates.values()), "C0.-")
        left.axvline(0.138, color="C3", ls=":")
        left.set(xlabel="patterns per unit", ylabel="patterns recalled")
        right.plot(energies)
        right.set(xlabel="decisions", ylabel="energy")

    run.draw("recall", plot, (8, 3))
    rows = by_attention(run.settings["noise"])
    run.draw("digits", lambda figure: draw_digits(figure, *rows), (6, 2.4))
    return memory, {
        "recalled": rates[0.1],
        "overloaded": rates[0.3],
        "energy_rises": rises,
        "modern_recalled": modern,
    }


def modern_recalled(units: int, count: int, flipped: float) -> float:
    """The part of the patterns that one step of attention recalls without a wrong bit."""
    memories = patterns(count, units)
    found = ModernHopfield(memories, beta=0.5)(flip(memories, flipped))
    return (ag.sign(found) == memories).all(dim=1).float().mean().item()


def by_attention(noise: float):
    """Digits, cues with noise, and what a memory of all 1,437 training digits makes of them."""
    images = F.normalize(datasets.digits(True).tensors[0].flatten(1))
    cues = F.normalize(images[:10] + noise * ag.randn(10, 64))
    return images[:10], cues, ModernHopfield(images, beta=200.0)(cues, steps=3)


def draw_digits(figure, *rows) -> None:
    """Draw the first memories, the cues, and what was recalled."""
    for line, images in zip(figure.subplots(len(rows), 10), rows, strict=True):
        for axes, image in zip(line, images, strict=False):
            axes.imshow(image.array.reshape(8, 8), cmap="gray_r", vmin=-0.2, vmax=0.35)
            axes.set_axis_off()


RECIPE = Recipe(
    name="hopfield",
    summary="Hopfield network (1982): recall of noisy memories, its limit, and attention's form",
    build=Hopfield,
    fit=fit,
    documents="001, 004",
    paper="Hopfield 1982; Ramsauer et al. 2020",
    metric="recalled",
    options={"model.units": 400, "flipped": 0.1, "noise": 0.1},
    bar=0.95,
    seconds=20,
    quick={"model.units": 200},
    quick_bar=0.9,
)
