"""The Boltzmann machine: a Hopfield network that dreams, and learns from its dreams.

Units are 0 or 1 and connected both ways, as in `models/hopfield.py`, but each decides by chance:

    P(s_i = 1) = sigmoid(sum_j w_ij s_j + b_i)

Left alone, such a network visits its states with probability exp(-E(s)) / Z. Some of its units are
seen, the others are hidden and free to stand for whatever explains what is seen. Learning makes the
distribution of the visible units like that of the world, and the slope of the log-likelihood is a
difference between two experiences (Ackley, Hinton and Sejnowski 1985):

    dw_ij = eta (<s_i s_j> with the visible units held to data - <s_i s_j> left alone)

strengthen what goes together when awake, weaken what goes together in dreams. Both averages are
taken from states that Gibbs sampling visits, unit after unit. Three visible units of even parity
(none, or any two, are on) show why hidden units are needed: each unit, and each pair, looks like
coin flips. With few units everything can be counted: `distribution` sums over all states, and the
Kullback-Leibler divergence between the world and the machine is exact.

Ackley, Hinton and Sejnowski, "A learning algorithm for Boltzmann machines", Cognitive Science 9
(1985); documents 001 and 004 (Hinton's machines in the history of deep learning).
"""

from __future__ import annotations

from itertools import product

import autograd as ag
import nn
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F


class BoltzmannMachine(nn.Module):
    """All units connected; the first `visible` of them are seen.

    Examples
    --------
    >>> import models
    >>> machine = models.BoltzmannMachine(visible=2, hidden=1)
    >>> machine.distribution().tolist()
    [0.25, 0.25, 0.25, 0.25]
    """

    def __init__(self, visible: int = 3, hidden: int = 4):
        super().__init__()
        self.visible, units = visible, visible + hidden
        self.weight = nn.Parameter(ag.zeros(units, units))
        self.bias = nn.Parameter(ag.zeros(units))

    def energy(self, states):
        """``-1/2 s W s - b s`` for states of shape (count, units)."""
        return -0.5 * ((states @ self.weight) * states).sum(1) - states @ self.bias

    def dream(self, states, sweeps: int = 1, held: int = 0):
        """Gibbs sampling: each unit but the first `held` draws anew, one after the other."""
        states = states.clone()
        with ag.no_grad():
            for _ in range(sweeps):
                for unit in range(held, states.shape[1]):
                    chance = F.sigmoid(states @ self.weight[unit] + self.bias[unit])
                    states[:, unit] = ag.bernoulli(chance)
        return states

    def distribution(self):
        """The probabilities of all visible states, (0, ..., 0) first, by summing over all states.

        Shape (2 ** visible,); differentiable.
        """
        states = every_state(len(self.bias)).to(self.bias.dtype)
        chances = F.softmax(-self.energy(states), dim=0)
        return chances.reshape(2**self.visible, -1).sum(1)


def every_state(units: int) -> ag.Tensor:
    """All states of so many units, of shape (2 ** units, units), counting in binary.

    Examples
    --------
    >>> from models.boltzmann import every_state
    >>> every_state(2).tolist()
    [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    """
    return ag.tensor(list(product((0.0, 1.0), repeat=units)))


def together(states) -> ag.Tensor:
    """How often two units are on together: <s_i s_j> over states of shape (count, units)."""
    return states.T @ states / len(states)


def learn(machine: BoltzmannMachine, awake, dreaming, eta: float, decay: float) -> None:
    """One step of the rule, from states seen awake and states dreamed.

    The decay keeps weights from growing so large that dreams no longer move between states.
    """
    with ag.no_grad():
        change = together(awake) - together(dreaming) - decay * machine.weight
        machine.weight += eta * change * (1 - ag.eye(len(change)))
        machine.bias += eta * ag.diagonal(change)  # s_i s_i = s_i, and w_ii = 0


def divergence(world, machine: BoltzmannMachine) -> float:
    """Kullback-Leibler divergence, in nats, of the machine's distribution from the world's."""
    with ag.no_grad():
        mine = machine.distribution()
        return float(ag.where(world > 0, world * (world.clamp(min=1e-30) / mine).log(), 0.0).sum())


def parity(visible: int) -> ag.Tensor:
    """The world: all states with an even number of units on are equally likely, others never come.

    Examples
    --------
    >>> from models.boltzmann import parity
    >>> parity(2)
    tensor([0.5, 0. , 0. , 0.5])
    """
    even = (every_state(visible).sum(1) % 2 == 0).float()
    return even / even.sum()


def fit(run: Run) -> tuple[BoltzmannMachine, dict[str, float]]:
    """Be awake and dream in turn, with many copies of the machine at once."""
    settings = run.settings
    machine = BoltzmannMachine(settings["model.visible"], settings["model.hidden"])
    with ag.no_grad():  # hidden units that begin alike would stay alike
        random = ag.randn(*machine.weight.shape) * run.settings["spread"]
        machine.weight += (random + random.T) * (1 - ag.eye(len(random)))
    visible, units, copies = machine.visible, len(machine.bias), settings["copies"]
    world, states = parity(visible), every_state(visible)
    dreaming = ag.bernoulli(ag.full((copies, units), 0.5))
    start = divergence(world, machine)
    for step in range(settings["steps"]):
        seen = states[ag.multinomial(world, copies, replacement=True)]
        guess = ag.bernoulli(ag.full((copies, units - visible), 0.5))
        awake = machine.dream(ag.cat([seen, guess], 1), settings["sweeps"], held=visible)
        dreaming = machine.dream(dreaming, settings["sweeps"])
        rate = settings["eta"] * (1 - step / settings["steps"])
        learn(machine, awake, dreaming, rate, settings["decay"])
        if step % 100 == 99:
            run.log({"step": step + 1, "divergence": divergence(world, machine)})
    run.draw("distribution", lambda figure: draw(figure, world, machine))
    return machine, {"divergence": divergence(world, machine), "at_first": start}


def draw(figure, world, machine: BoltzmannMachine) -> None:
    """Draw both distributions side by side."""
    axes, states = figure.subplots(), every_state(machine.visible).long().tolist()
    names = ["".join(map(str, state)) for state in states]
    places = range(len(names))
    axes.bar([x - 0.2 for x in places], world.tolist(), 0.4, label="world")
    axes.bar([x + 0.2 for x in places], machine.distribution().tolist(), 0.4, label="machine")
    axes.set_xticks(list(places), names)
    axes.set(xlabel="visible state", ylabel="probability")
    axes.legend()


RECIPE = Recipe(
    name="boltzmann",
    summary="Boltzmann machine (1985): learns even parity, awake and in dreams",
    build=BoltzmannMachine,
    fit=fit,
    documents="001, 004",
    paper="Ackley, Hinton, Sejnowski 1985",
    metric="divergence",
    higher_is_better=False,
    options={
        "model.visible": 3,
        "model.hidden": 4,
        "copies": 800,
        "steps": 3000,
        "sweeps": 3,
        "eta": 3.0,
        "decay": 3e-4,
        "spread": 1.0,
    },
    bar=0.05,
    seconds=30,
    quick={"steps": 400},
    quick_bar=0.2,
)
