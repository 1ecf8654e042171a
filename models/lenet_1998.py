"""LeNet-5 as it was published: 60,000 parameters and a picture of every digit at the end.

What today's form (`models.lenet`) has simplified stands here as it was. A subsampling layer adds
four neighbours, multiplies the sum by a coefficient, adds a bias, one of each for a map, and both
are learned. Sixteen maps of the second layer look at chosen ones of the six below, no two at the
same: the broken symmetry makes them extract different things, and it saves weights. Every unit
squashes by ``1.7159 tanh(2 a / 3)``, which has f(1) = 1, f(-1) = -1 and its largest curvature
there. The 84 units of F6 are to draw the answer: an output unit holds a bitmap of its character,
of 7 x 12 pixels of -1 or +1, and says how far F6 is from it, ``y_i = sum_j (x_j - w_ij)^2``. The
smallest penalty wins.

LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document recognition",
Proceedings of the IEEE 86 (1998), section II; Machine Learning lecture notes, the history of deep
learning (LeNet-5, which they date to 1989: the network of that year was its ancestor, and the name
belongs to this one). The paper's method of second order is replaced by Adam.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

import autograd as ag
import nn
from models import datasets
from models.image_size import expect_side
from models.training.recipe import Recipe, classify
from nn import functional as F

# Which maps of S2 each map of C3 looks at: three neighbours, four, two pairs, and all of them.
TABLE = (
    *((i, (i + 1) % 6, (i + 2) % 6) for i in range(6)),
    *((i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6) for i in range(6)),
    *((i, i + 1, (i + 3) % 6, (i + 4) % 6) for i in range(3)),
    tuple(range(6)),
)

DRAWINGS = """
.#####.  ...##..  .#####.  .#####.  ....##.  #######  ..####.  #######  .#####.  .#####.
##...##  ..###..  ##...##  ##...##  ...###.  ##.....  .##....  #.....#  ##...##  ##...##
#.....#  .#.##..  .....##  .....##  ..##.#.  #......  ##.....  ......#  #.....#  #.....#
#.....#  ...##..  .....##  .....##  .##..#.  #......  #......  .....##  #.....#  #.....#
#.....#  ...##..  ....##.  ....##.  ##...#.  #.####.  #.####.  ....##.  ##...##  ##...##
#.....#  ...##..  ...##..  ..####.  #....#.  ##...##  ##...##  ....#..  .#####.  .######
#.....#  ...##..  ..##...  .....##  #######  ......#  #.....#  ...##..  ##...##  ......#
#.....#  ...##..  .##....  ......#  .....#.  ......#  #.....#  ..##...  #.....#  ......#
#.....#  ...##..  ##.....  ......#  .....#.  ......#  #.....#  ..#....  #.....#  ......#
##...##  ...##..  #......  #.....#  .....#.  #.....#  #.....#  .##....  #.....#  .....##
.##.##.  ...##..  #......  ##...##  .....#.  ##...##  ##...##  .#.....  ##...##  ....##.
..###..  .######  #######  .#####.  .....#.  .#####.  .#####.  ##.....  .#####.  .####..
"""


def bitmaps() -> np.ndarray:
    """The targets of F6: ten digits on 12 x 7 pixels, +1 for ink and -1 for paper.

    Examples
    --------
    >>> from models.lenet_1998 import bitmaps
    >>> bitmaps().shape, float(bitmaps().max())
    ((10, 12, 7), 1.0)
    """
    rows = [line.split() for line in DRAWINGS.split("\n") if line]
    ink = [[[pixel == "#" for pixel in row[digit]] for row in rows] for digit in range(10)]
    return np.where(ink, np.float32(1), np.float32(-1))


def squash(input):
    """The paper's sigmoid, ``1.7159 tanh(2 a / 3)``.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.lenet_1998 import squash
    >>> squash(ag.tensor([-1.0, 0.0, 1.0])).array.round(3).tolist()
    [-1.0, 0.0, 1.0]
    """
    return 1.7159 * F.tanh(input * (2 / 3))


class Subsampling(nn.Module):
    """Halve the maps: coefficient times the sum of four pixels, plus bias, one each for a map."""

    def __init__(self, maps: int):
        super().__init__()
        self.coefficient = nn.Parameter(ag.full((maps, 1, 1), 0.25))  # starts as the mean
        self.bias = nn.Parameter(ag.zeros(maps, 1, 1))

    def forward(self, x):
        return self.coefficient * (4 * F.avg_pool2d(x, 2)) + self.bias


class TableConv2d(nn.Module):
    """Filters between those pairs of maps that a table names, and no weights between the others.

    Parameters
    ----------
    in_channels : int
    table : sequence of sequence of int
        For each output map the input maps it sees.
    kernel_size : int
    """

    def __init__(self, in_channels: int, table, kernel_size: int):
        super().__init__()
        pairs = [(after, before) for after, row in enumerate(table) for before in row]
        self.fan_in = np.array([len(row) * kernel_size**2 for row in table])
        # Where each filter of the full bank comes from; one past the last stands for zeros.
        place = np.full((len(table), in_channels), len(pairs))
        for number, pair in enumerate(pairs):
            place[pair] = number
        self.place = nn.Buffer(ag.tensor(place), persistent=False)
        self.owner = np.array([after for after, _ in pairs])
        self.weight = nn.Parameter(ag.zeros(len(pairs), kernel_size, kernel_size))
        self.bias = nn.Parameter(ag.zeros(len(table)))

    def forward(self, x):
        nothing = ag.zeros(1, *self.weight.shape[1:], dtype=self.weight.dtype)
        return F.conv2d(x, ag.cat([self.weight, nothing])[self.place], self.bias)


class RBF(nn.Module):
    """Squared distances to fixed patterns: (batch, features) -> (batch, classes).

    Examples
    --------
    >>> import autograd as ag
    >>> from models.lenet_1998 import RBF, bitmaps
    >>> drawings = ag.tensor(bitmaps()).flatten(1)
    >>> RBF(drawings)(drawings).array.argmin(1).tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """

    def __init__(self, patterns):
        super().__init__()
        self.patterns = nn.Buffer(ag.as_tensor(patterns))

    def forward(self, x):
        return ((x.unsqueeze(1) - self.patterns) ** 2).sum(2)


class LeNet1998(nn.Module):
    """Classify images of shape (batch, 1, 32, 32) into ten classes.

    Parameters
    ----------
    output : {"rbf", "linear"}
        Penalties, of which the smallest wins, or logits, of which the largest does.

    Raises
    ------
    ValueError
        For another kind of output.

    Examples
    --------
    >>> import autograd as ag, models
    >>> model = models.LeNet1998()
    >>> model(ag.zeros(2, 1, 32, 32)).shape
    (2, 10)
    >>> sum(p.numel() for p in model.parameters())
    60000
    """

    def __init__(self, output: str = "rbf"):
        super().__init__()
        if output not in ("rbf", "linear"):
            raise ValueError(f"output expected 'rbf' or 'linear', got {output!r}")
        self.c1 = nn.Conv2d(1, 6, 5)
        self.s2 = Subsampling(6)
        self.c3 = TableConv2d(6, TABLE, 5)
        self.s4 = Subsampling(16)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        drawings = ag.tensor(bitmaps()).flatten(1)
        self.output: nn.Module = RBF(drawings) if output == "rbf" else nn.Linear(84, 10)
        self.apply(_draw)

    def forward(self, x):
        expect_side(x, 1, 32)
        # x is                                (batch,   1, 32, 32)
        x = squash(self.c1(x))  #             (batch,   6, 28, 28)
        x = squash(self.s2(x))  #             (batch,   6, 14, 14)
        x = squash(self.c3(x))  #             (batch,  16, 10, 10)
        x = squash(self.s4(x))  #             (batch,  16,  5,  5)
        x = squash(self.c5(x))  #             (batch, 120,  1,  1)
        x = squash(self.f6(x.flatten(1)))  #  (batch, 84), a drawing of 7 x 12
        return self.output(x)


def _draw(module: nn.Module) -> None:
    """The paper's initial weights: uniform within 2.4 / fan-in."""
    if isinstance(module, TableConv2d):
        nn.init.uniform_(module.weight, -1, 1)
        bound = 2.4 / module.fan_in[module.owner]
        module.weight.array[...] *= bound[:, None, None].astype(np.float32)
    elif isinstance(module, (nn.Conv2d, nn.Linear)):
        bound = 2.4 / module.weight[0].numel()
        nn.init.uniform_(module.weight, -bound, bound)
        module.get_parameter("bias").array[...] = 0


def mean_penalty(penalties, targets):
    """The penalty of the right class, averaged over the examples: equation (8), the MSE criterion.

    Wrong classes may come as near as they like, which is what `competitive_penalty` mends.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.lenet_1998 import mean_penalty
    >>> mean_penalty(ag.tensor([[1.0, 9.0], [9.0, 3.0]]), ag.tensor([0, 1])).item()
    2.0
    """
    return penalties.gather(1, targets.unsqueeze(1)).mean()


def competitive_penalty(penalties, targets, rubbish: float = 15.0):
    """The MAP criterion, ``mean(y_right + log(exp(-j) + sum_i exp(-y_i)))``: equation (9).

    Pulls the penalty of the right class down and pushes the others up, those least that are above
    j already: the penalty of a class "none of them".

    Parameters
    ----------
    penalties : Tensor of shape (batch, classes)
    targets : Tensor of int, of shape (batch,)
    rubbish : float, default 15
        The paper's j. It gives no number; here the drawings are some 100 from each other.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.lenet_1998 import competitive_penalty
    >>> loss = competitive_penalty(ag.tensor([[3.0, 3.0]]), ag.tensor([0]), rubbish=3.0)
    >>> round(loss.item(), 4)  # log 3: three equal candidates, one of them rubbish
    1.0986
    """
    others = F.pad(-penalties, (0, 1), value=-rubbish)
    return mean_penalty(penalties, targets) + ag.logsumexp(others, 1).mean()


def lenet1998(**settings) -> LeNet1998:
    """Make a `LeNet1998`.

    Examples
    --------
    >>> import models
    >>> models.lenet1998(output="linear").output.out_features
    10
    """
    return LeNet1998(**settings)


def objective(model: nn.Module, batch):
    """The MAP criterion of a batch, and the part whose right class has the smallest penalty."""
    inputs, targets = batch
    penalties = model(inputs)
    right = penalties.array.argmin(1) == targets.array
    return competitive_penalty(penalties, targets), {"accuracy": float(right.mean())}


RECIPE = Recipe(
    name="lenet5_1998",
    summary="LeNet-5 as published: subsampling, table of maps, RBF output",
    build=lenet1998,
    data=datasets.images,
    objective=objective,
    epochs=20,
    batch_size=64,
    options={
        "optim.lr": 4e-3,
        "model.output": "rbf",
        "data.name": "digits",
        "data.size": 32,
        "data.root": None,
    },
    documents="000, 004",
    paper="LeCun, Bottou, Bengio, Haffner 1998",
    bar=0.975,
    seconds=15,
    quick={"epochs": 3},
    quick_bar=0.85,
)

LINEAR = replace(
    RECIPE,
    name="lenet5_1998_linear",
    summary="LeNet-5 as published, but for its output: linear, trained by cross entropy",
    objective=classify,
    options={**RECIPE.options, "model.output": "linear"},
)

RECIPES = (RECIPE, LINEAR)
