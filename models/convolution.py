"""Convolution: three properties that make it the right layer for images, and pooling.

A convolution lays a small kernel on every place of the image and writes down the weighted sum that
it finds there (`correlate` below is that sentence as a loop). Seen as a matrix, which every linear
layer is, it is remarkable in three ways:

- *sparse connections*: an output sees only the few inputs below the kernel; all others are zeros;
- *shared weights*: in all its rows stand the same few numbers, at other places;
- *translation equivariance*, which follows: move the image, and the answer moves with it.

Pooling then makes one number of a neighbourhood, and with that the answer *invariant*, nearly: a
pattern that moves by a pixel gives nearly the same. The largest value, the mean, a value drawn by
lot, a fixed number of neighbourhoods of any image, or one neighbourhood that is the whole image:
what they keep of a shift is measured here.

LeCun et al. (1989); Zeiler and Fergus, "Stochastic pooling for regularization of deep convolutional
neural networks" (2013). Machine Learning slides, convolutional networks: sparse connections, shared
parameters, the kernel in one and two dimensions, translation equivariance and pooling; they show
it in pictures, and the numbers of the example below are ours.
"""

from __future__ import annotations

import numpy as np

import autograd as ag
import nn
from autograd.functional import jacobian
from models import datasets
from models.training.recipe import Recipe
from models.training.run import Run
from nn import functional as F

# Filters that nobody had to learn.
KERNELS = {
    "blur": np.full((3, 3), 1 / 9),
    "upright edges": np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 4,
    "lying edges": np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]]) / 4,
    "outline": np.array([[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]) / 8,
    "sharpen": np.array([[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
}


def correlate(image, kernel) -> np.ndarray:
    """Return ``out[i, j] = sum_{a, b} kernel[a, b] image[i + a, j + b]``, by loops.

    What networks call a convolution; the mathematician's turns the kernel by half a turn first.

    Examples
    --------
    >>> from models.convolution import correlate
    >>> image = [[1, 2, 3, 0], [0, 1, 2, 3], [3, 0, 1, 2], [2, 3, 0, 1]]
    >>> kernel = [[2, 0, 1], [0, 1, 2], [1, 0, 2]]
    >>> correlate(image, kernel)
    array([[15., 16.],
           [ 6., 15.]])
    """
    image, kernel = np.asarray(image, float), np.asarray(kernel, float)
    rows, columns = np.subtract(image.shape, kernel.shape) + 1
    out = np.empty((rows, columns))
    for i in range(rows):
        for j in range(columns):
            window = image[i : i + kernel.shape[0], j : j + kernel.shape[1]]
            out[i, j] = (kernel * window).sum()
    return out


class HandFilters(nn.Module):
    """The filters of `KERNELS`, side by side: (batch, 1, h, w) -> (batch, filters, h, w).

    The image is continued round its edges, so that a shift loses nothing.

    Examples
    --------
    >>> import autograd as ag, models
    >>> models.HandFilters()(ag.zeros(2, 1, 8, 8)).shape
    (2, 5, 8, 8)
    """

    def __init__(self):
        super().__init__()
        filters = np.stack(list(KERNELS.values()))[:, None].astype(np.float32)
        self.filters = nn.Conv2d(1, len(filters), 3, padding=1, padding_mode="circular", bias=False)
        self.filters.weight = nn.Parameter(ag.tensor(filters), requires_grad=False)

    def forward(self, x):
        return self.filters(x)


def hand_filters() -> HandFilters:
    """Make a `HandFilters`.

    Examples
    --------
    >>> import models
    >>> models.hand_filters().filters.out_channels
    5
    """
    return HandFilters()


def matrix(layer, side: int) -> np.ndarray:
    """The matrix of a linear map of images: its Jacobian, (outputs, side * side).

    Examples
    --------
    >>> import nn
    >>> from models.convolution import matrix
    >>> dense = matrix(nn.Conv2d(1, 1, 3, bias=False), side=8)
    >>> dense.shape, int((dense != 0).sum()), len(set(dense[dense != 0]))
    ((36, 64), 324, 9)
    """
    derivative = jacobian(layer, ag.zeros(1, 1, side, side)).array
    return derivative.reshape(-1, side * side)


def shift(x, rows: int, columns: int):
    """Move images down and to the right; what leaves comes in at the other side."""
    return ag.roll(x, (rows, columns), (-2, -1))


def difference(one, other) -> float:
    """How far two answers are apart, as a part of their size."""
    return float(np.linalg.norm((one - other).array) / np.linalg.norm(one.array))


def equivariance_error(layer, x, by: int = 1, thinned: int = 1) -> float:
    """How far ``layer(shift(x))`` is from ``shift(layer(x))``.

    Parameters
    ----------
    layer : callable
    x : Tensor of shape (batch, channels, h, w)
    by : int
        Pixels to shift by, down and to the right.
    thinned : int
        The layer's stride: the answer moves by ``by / thinned``, where that is whole.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.convolution import HandFilters, equivariance_error
    >>> equivariance_error(HandFilters(), ag.rand(1, 1, 8, 8)) < 1e-6
    True
    """
    moved = by // thinned
    return difference(shift(layer(x), moved, moved), layer(shift(x, by, by)))


class Pools(nn.Module):
    """Five ways to make one number of many, by name; each takes images that are nowhere negative.

    Examples
    --------
    >>> import autograd as ag
    >>> from models.convolution import Pools
    >>> {name: pool(ag.ones(1, 1, 8, 8)).shape[-1] for name, pool in Pools().items()}
    {'maximum': 4, 'average': 4, 'stochastic': 4, 'adaptive': 2, 'global': 1}
    """

    def __init__(self):
        super().__init__()
        self.pools = nn.ModuleDict(
            {
                "maximum": nn.MaxPool2d(2),
                "average": nn.AvgPool2d(2),
                "stochastic": nn.StochasticPool2d(2),  # in evaluation: the mean of its lottery
                "adaptive": nn.AdaptiveAvgPool2d(2),
                "global": nn.AdaptiveAvgPool2d(1),
            }
        )
        self.eval()

    def items(self):
        """Pairs of name and layer."""
        return self.pools.items()


def connections(side: int) -> dict[str, int]:
    """Count connections and weights of a filter, and of a dense layer with the same ends."""
    filter = matrix(nn.Conv2d(1, 1, 3, bias=False), side)
    dense = nn.Sequential(nn.Flatten(), nn.Linear(side * side, len(filter), bias=False))
    return {
        "outputs": len(filter),
        "connections_sparse": int((filter != 0).sum()),
        "connections_dense": int((matrix(dense, side) != 0).sum()),
        "weights_shared": len(np.unique(filter[filter != 0])),
        "weights_dense": dense[1].weight.numel(),
    }


def fit(run: Run) -> tuple[HandFilters, dict[str, float]]:
    """Count connections, shift digits, pool what the filters find, and draw all of it."""
    side = run.settings["side"]
    model, pools = hand_filters(), Pools()
    images = datasets.digits(train=False, size=side, normalise=False).data
    counted = connections(8)
    run.log(counted)

    found = F.relu(model(images))
    dense = nn.Sequential(nn.Flatten(), nn.Linear(side * side, side * side))
    dense.append(nn.Unflatten(1, (1, side, side)))
    thinned = nn.Conv2d(1, 4, 3, stride=2, padding=1, padding_mode="circular")
    errors = {
        "equivariance_error": equivariance_error(model, images),
        "error_dense": equivariance_error(dense, images),
        "error_stride_2_shift_1": equivariance_error(thinned, images, 1, 2),
        "error_stride_2_shift_2": equivariance_error(thinned, images, 2, 2),
    }
    run.log(errors)
    moved = shift(found, 1, 1)
    changes = {"change_unpooled": difference(found, moved)}
    changes |= {f"change_{n}": difference(pool(found), pool(moved)) for n, pool in pools.items()}
    run.log(changes)

    run.draw("filters", lambda figure: draw_filters(figure, model, images[:1]), (10, 2.2))
    run.draw("matrices", draw_matrices, (8, 4))
    run.draw("equivariance", lambda figure: draw_shift(figure, model, images[3:4]), (8, 4.2))
    run.draw("pooling", lambda figure: draw_pools(figure, found[:1, :1], pools), (10, 2.2))
    return model, {**counted, **errors, **changes}


# -- pictures --------------------------------------------------------------------------------------


def show(axes, image, title: str, **limits: float) -> None:
    """Draw one image, dark for large values."""
    axes.imshow(np.asarray(image), cmap="gray_r", **limits)
    axes.set_title(title, fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])


def draw_filters(figure, model: HandFilters, image) -> None:
    """A digit, and what each filter makes of it."""
    grid = figure.subplots(1, 1 + len(KERNELS))
    show(grid[0], image.array[0, 0], "a digit")
    for axes, name, answer in zip(grid[1:], KERNELS, model(image).array[0], strict=True):
        show(axes, answer, name)


def draw_matrices(figure) -> None:
    """The matrix of a filter beside that of a dense layer: zeros are white."""
    filter = nn.Conv2d(1, 1, 3, bias=False)
    dense = nn.Sequential(nn.Flatten(), nn.Linear(64, 36, bias=False))
    grid = figure.subplots(1, 2)
    for axes, layer, title in zip(
        grid, (filter, dense), ("filter: few, and the same", "dense: all, and all different"),
        strict=True,
    ):  # fmt: skip
        values = matrix(layer, 8)
        axes.imshow(np.where(values == 0, np.nan, values), cmap="coolwarm")
        axes.set(title=title, xlabel="inputs", ylabel="outputs")


def draw_shift(figure, model: HandFilters, image) -> None:
    """A digit and its edges, before and after a shift."""
    grid = figure.subplots(2, 3)
    for row, (x, what) in zip(grid, ((image, ""), (shift(image, 3, 3), ", moved")), strict=True):
        answers = model(x).array[0]
        show(row[0], x.array[0, 0], f"a digit{what}")
        show(row[1], answers[1], f"upright edges{what}")
        show(row[2], answers[3], f"outline{what}")


def draw_pools(figure, image, pools: Pools) -> None:
    """A blurred digit, pooled in each way."""
    grid = figure.subplots(1, 1 + len(pools.pools))
    limits = {"vmin": 0.0, "vmax": float(image.array.max())}
    show(grid[0], image.array[0, 0], "before", **limits)
    for axes, (name, pool) in zip(grid[1:], pools.items(), strict=True):
        show(axes, pool(image).array[0, 0], name, **limits)


RECIPE = Recipe(
    name="convolution",
    summary="convolution's three properties and five kinds of pooling, shown on digits",
    build=hand_filters,
    documents="004",
    paper="LeCun et al. 1989; Zeiler, Fergus 2013",
    fit=fit,
    metric="equivariance_error",
    higher_is_better=False,
    options={"side": 20},
    bar=1e-6,
    seconds=10,
    quick_bar=1e-6,
)
