"""The neocognitron: a network of 1980 that finds out by itself what there is to see.

Simple cells (S) look for a feature at one place; complex cells (C) look at a small neighbourhood of
simple cells of one kind and answer wherever the feature is in it. Layers of S and C in turn make
features of features, found ever less exactly at their place: the ancestor of today's filters and
pooling. All cells of a plane share their weights. Its learning is all its own: no teacher, no
gradient, and no weight that ever falls.

With ``phi(x) = max(x, 0)`` a simple cell computes

    u_S = r phi((1 + sum a u_C) / (1 + r / (1 + r) b v_C) - 1),    v_C = sqrt(sum c u_C^2)

where the inhibiting cell v divides ("shunts") rather than subtracts, so that once a and b have
grown, ``u_S = (1 + r) s - r`` where s says how much the input looks like what was learned, whatever
its contrast: the cell is silent below ``s = r / (1 + r)``, its selectivity. A complex cell computes

    u_C = psi((1 + sum d u_S) / (1 + v_S) - 1),    psi(x) = phi(x / (alpha + x))

with v_S the mean over all planes, which is lateral inhibition. To learn, simple cells at one place
compete; the winner of a competition, the seed cell, strengthens the connections that made it win,

    delta a = q c u_C,    delta b = q v_C,

and every cell of its plane with it. Where there is something to see and every cell is silent, a
plane that was never used grows its first connections.

Fukushima, "Neocognitron: a self-organizing neural network model for a mechanism of pattern
recognition unaffected by shift in position", Biological Cybernetics 36 (1980), which writes
2 r / (1 + r) and lets b grow by q v / 2, to the same effect; new planes where all are silent, and
a selectivity that is higher while learning, as in Fukushima, Neurocomputing 51 (2003). Machine
Learning slides, a short history of deep learning: the rudiment of convolutional networks.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
from models import datasets
from models.training.recipe import Recipe, section
from models.training.run import Run
from nn import functional as F


def bell(size: int) -> np.ndarray:
    """Weights of a window that fall off from its middle, and add up to 1.

    Examples
    --------
    >>> from models.neocognitron import bell
    >>> bell(3).round(2)
    array([[0.08, 0.12, 0.08],
           [0.12, 0.19, 0.12],
           [0.08, 0.12, 0.08]], dtype=float32)
    """
    away = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(away**2) / (size / 2) ** 2)
    window = np.outer(weights, weights)
    return (window / window.sum()).astype(np.float32)


class SLayer(nn.Module):
    """Planes of simple cells, (batch, before, h, w) -> (batch, planes, h', w').

    A plane whose weights are zero is silent, for ``(1 + 0) / (1 + 0) - 1 = 0``: it waits.

    Parameters
    ----------
    before, planes : int
    size : int
        Side of the window a cell sees.
    selectivity : float
        The paper's r.
    padding : int
    """

    def __init__(self, before: int, planes: int, size: int, selectivity: float, padding: int):
        super().__init__()
        self.selectivity, self.padding = selectivity, padding
        self.excite = nn.Parameter(ag.zeros(planes, before, size, size), requires_grad=False)
        self.inhibit = nn.Parameter(ag.zeros(planes), requires_grad=False)
        fixed = np.broadcast_to(bell(size) / before, (1, before, size, size))
        self.fixed = nn.Buffer(ag.tensor(fixed), persistent=False)

    def shunt(self, u):
        """The inhibiting cells v: the root of a weighted mean square of what a window shows."""
        return F.conv2d(u**2, self.fixed, padding=self.padding) ** 0.5

    def forward(self, u):
        r = self.selectivity
        found = F.conv2d(u, self.excite, padding=self.padding)
        damped = r / (1 + r) * self.inhibit[:, None, None] * self.shunt(u)
        return r * F.relu((1 + found) / (1 + damped) - 1)


class CLayer(nn.Module):
    """Planes of complex cells, one for each plane of simple cells: a blurred, thinned copy."""

    def __init__(self, planes: int, size: int, stride: int, padding: int, alpha: float = 0.5):
        super().__init__()
        self.planes, self.stride, self.padding, self.alpha = planes, stride, padding, alpha
        window = np.broadcast_to(bell(size), (planes, 1, size, size))
        self.window = nn.Buffer(ag.tensor(window), persistent=False)

    def forward(self, u):
        near = F.conv2d(u, self.window, None, self.stride, self.padding, groups=self.planes)
        x = (1 + near) / (1 + near.mean(1, keepdim=True)) - 1
        return F.relu(x / (self.alpha + F.relu(x)))


class Neocognitron(nn.Module):
    """Read digits of shape (batch, 1, 16, 16) after having looked at some; see `learn`.

    Parameters
    ----------
    planes : (int, int, int)
        How many kinds of features the three layers of simple cells may learn.
    selectivity : (float, float, float)
        Their r when they answer. While they learn it is higher (`LEARNING`), so that different
        things get different planes.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.Neocognitron()(ag.zeros(2, 1, 16, 16)).shape
    (2, 10)
    """

    def __init__(self, planes=(16, 80, 400), selectivity=(1.5, 3.0, 9.0)):
        super().__init__()
        one, two, three = planes
        r1, r2, r3 = selectivity
        # Sides of the planes:               16 -> 16, 8, 8, 4, 3, 1
        self.s1, self.c1 = SLayer(1, one, 5, r1, padding=2), CLayer(one, 5, 2, 2)
        self.s2, self.c2 = SLayer(one, two, 5, r2, padding=2), CLayer(two, 5, 2, 2)
        self.s3, self.c3 = SLayer(two, three, 4, r3, padding=1), CLayer(three, 3, 1, 0)
        self.label = nn.Parameter(ag.zeros(three, 10), requires_grad=False)

    @property
    def modules_in_turn(self) -> list[tuple[SLayer, CLayer]]:
        """The three pairs of layers, from the retina up."""
        return [(self.s1, self.c1), (self.s2, self.c2), (self.s3, self.c3)]

    def answers(self, x):
        """What the last complex cells say, one of each plane: (batch, planes)."""
        for simple, complex in self.modules_in_turn:
            x = complex(simple(x))
        return x.flatten(1)

    def forward(self, x):
        """Return for each class the strongest answer of the cells that stand for it."""
        return (self.answers(x).unsqueeze(2) * self.label).amax(1)


def neocognitron(**settings) -> Neocognitron:
    """Make a `Neocognitron`.

    Examples
    --------
    >>> import models
    >>> models.neocognitron(planes=(8, 8, 50)).label.shape
    (50, 10)
    """
    return Neocognitron(**settings)


# -- learning without a teacher --------------------------------------------------------------------

# Of each layer: r while it learns, q, the reach of competition, and the v below which a place is
# empty. The paper has q = 1, 16, 16.
LEARNING = ((2.0, 1.0, 3, 0.1), (6.0, 16.0, 2, 0.05), (12.0, 16.0, 4, 0.0))


class Plasticity:
    """How one layer of simple cells learns.

    Parameters
    ----------
    layer : SLayer
    speed : float
        The paper's q.
    area : int
        Cells compete that are less than so many rows and columns from each other, in all planes.
    faint : float
        Where v is below, there is nothing worth a new plane.
    """

    def __init__(self, layer: SLayer, speed: float, area: int, faint: float):
        self.layer, self.speed, self.area, self.faint = layer, speed, area, faint
        self.used = int((layer.inhibit.array > 0).sum())

    def see(self, u: np.ndarray) -> None:
        """Learn from one pattern, of shape (before, h, w)."""
        tensor = ag.tensor(u[None])
        shunt = self.layer.shunt(tensor).array[0, 0]
        answers = self.layer(tensor).array[0]
        padded = np.pad(u, ((0, 0), *[(self.layer.padding,) * 2] * 2))
        silent = shunt > self.faint
        for plane, row, column in self.seeds(answers[: self.used]):
            self.strengthen(plane, padded, row, column, shunt)
            silent[self.near(row, column)] = False
        silent &= ~(answers > 0).any(0)
        while self.used < len(answers) and silent.any():
            row, column = divmod(int((shunt * silent).argmax()), silent.shape[1])
            self.strengthen(self.used, padded, row, column, shunt)
            self.used += 1
            silent[self.near(row, column)] = False

    def seeds(self, answers: np.ndarray) -> list[tuple[int, int, int]]:
        """The winners: the strongest cell, then the strongest outside its plane and area ..."""
        answers, found = answers.copy(), []
        while answers.size and answers.max() > 0:
            plane, row, column = np.unravel_index(answers.argmax(), answers.shape)
            seed = int(plane), int(row), int(column)
            found.append(seed)
            answers[seed[0]] = 0
            answers[:, *self.near(*seed[1:])] = 0
        return found

    def near(self, row: int, column: int) -> tuple[slice, slice]:
        """The places in competition with one."""
        reach = self.area - 1
        return (
            slice(max(row - reach, 0), row + reach + 1),
            slice(max(column - reach, 0), column + reach + 1),
        )

    def strengthen(self, plane: int, padded, row: int, column: int, shunt) -> None:
        """``delta a = q c u, delta b = q v`` with what the seed cell sees."""
        layer = self.layer
        size = layer.excite.shape[-1]
        seen = padded[:, row : row + size, column : column + size]
        layer.excite.array[plane] += self.speed * layer.fixed.array[0] * seen
        layer.inhibit.array[plane] += self.speed * shunt[row, column]


def learn(model: Neocognitron, images, random: np.random.Generator):
    """Let the layers look at the images, from the retina up, each when the one below has learned.

    Returns the last complex cells' answers to the images, (images, planes). No label is seen.
    """
    x = images
    for (simple, complex), (r, speed, area, faint) in zip(
        model.modules_in_turn, LEARNING, strict=True
    ):
        answering, simple.selectivity = simple.selectivity, r
        plasticity = Plasticity(simple, speed, area, faint)
        for number in random.permutation(len(x)):
            plasticity.see(x.array[number])
        simple.selectivity = answering
        x = complex(simple(x))
    return x.flatten(1)


def name_cells(model: Neocognitron, answers, targets) -> None:
    """Label each of the last cells by the class of those images that it answers to most strongly.

    Only here do labels come in: a name for what the network already tells apart.
    """
    answers, targets = answers.array, targets.array
    winner, votes = answers.argmax(1), np.zeros(model.label.shape)
    np.add.at(votes, (winner, targets), answers.max(1))
    known = votes.max(1, keepdims=True) > 0
    model.label.array[...] = known * np.eye(10)[votes.argmax(1)]


def data(train: bool) -> datasets.Labelled:
    """Digits on the 16 x 16 cells of the paper's retina: 0 is paper, 1 is ink."""
    return datasets.digits(train, size=16, normalise=False)


def fit(run: Run) -> tuple[Neocognitron, dict[str, float]]:
    """Look at the digits once in each layer, name the last cells, and draw what was learned."""
    model = neocognitron(**section(run.settings, "model"))
    images, targets = (part[: run.settings["examples"]] for part in data(train=True).tensors)
    answers = learn(model, images, np.random.default_rng(run.seed))
    name_cells(model, answers, targets)
    grown = {
        f"planes_{number}": float((simple.inhibit.array > 0).sum())
        for number, (simple, _) in enumerate(model.modules_in_turn, 1)
    }
    right = model(images).array.argmax(1) == targets.array
    run.log({**grown, "train_accuracy": float(right.mean()), "seconds": round(run.seconds, 1)})
    run.draw("features", lambda figure: draw_features(figure, model), (8, 2.4))
    run.draw("layers", lambda figure: draw_layers(figure, model, images[:1]), (8, 4.2))
    return model, grown


def draw_features(figure, model: Neocognitron) -> None:
    """The first layer's weights: what each plane has found worth looking for."""
    planes = model.s1.excite.array[:, 0]
    grid = figure.subplots(2, len(planes) // 2).flat
    for axes, weights in zip(grid, planes, strict=False):
        axes.imshow(weights, cmap="gray_r")
        axes.set_axis_off()


def draw_layers(figure, model: Neocognitron, image) -> None:
    """A digit, and which of eight planes of each layer answer to it where."""
    shown, x = [image.array[0]], image
    for simple, complex in model.modules_in_turn[:2]:
        found = simple(x)
        x = complex(found)
        shown += [found.array[0], x.array[0]]
    names = ("retina", "S1", "C1", "S2", "C2")
    grid = figure.subplots(len(shown), 8, squeeze=False)
    for row, planes, name in zip(grid, shown, names, strict=True):
        busiest = planes.sum((1, 2)).argsort()[::-1]
        for axes in row:
            axes.set_axis_off()
        for axes, plane in zip(row, busiest, strict=False):
            axes.imshow(planes[plane], cmap="gray_r")
        row[0].set_title(name, fontsize=8, loc="left")


RECIPE = Recipe(
    name="neocognitron",
    summary="neocognitron (1980): learns to read digits without a teacher, by competition",
    build=neocognitron,
    data=data,
    fit=fit,
    options={
        "examples": 1437,
        "model.planes": (16, 80, 400),
        "model.selectivity": (1.5, 3.0, 9.0),
    },
    documents="004",
    paper="Fukushima 1980",
    bar=0.85,
    seconds=60,
    quick={"examples": 300},
    quick_bar=0.6,
)
