"""Pictures of training, over matplotlib (``pip install "numbagrad[plot]"``).

Every function draws on the `figure` it is given, which may be a part of a larger one
(``figure.subfigures``), and returns it; without one it makes its own with pyplot, which a notebook
shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from autograd.mode import no_grad
from autograd.tensor import Tensor
from nn.module import Module


def _figure(figure: Any, size: tuple[float, float]) -> Any:
    """The figure to draw on."""
    if figure is not None:
        return figure
    from matplotlib import pyplot

    return pyplot.figure(figsize=size, layout="constrained")


def _array(value: Any) -> np.ndarray:
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def _panels(figure: Any, count: int) -> list[Any]:
    """So many axes in a grid that is about square."""
    columns = math.ceil(math.sqrt(count))
    axes = figure.subplots(math.ceil(count / columns), columns, squeeze=False).ravel()
    for unused in axes[count:]:
        unused.set_axis_off()
    return list(axes[:count])


# -- how learning goes -----------------------------------------------------------------------------


def curves(values: Mapping[str, Sequence[float]], figure: Any = None, log: bool = False) -> Any:
    """Draw numbers over the steps they were taken at, a line for each name.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from nn.utils import plots
    >>> drawn = plots.curves({"loss": [3.0, 2.0, 1.5], "test": [3.1, 2.4, 2.2]}, Figure())
    >>> len(drawn.axes[0].lines)
    2
    """
    figure = _figure(figure, (5, 3.2))
    axes = figure.subplots()
    for name, numbers in values.items():
        axes.plot(range(1, len(numbers) + 1), numbers, marker=".", label=name)
    axes.set(xlabel="step", yscale="log" if log else "linear")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def gradient_flow(model: Module, figure: Any = None) -> Any:
    """Draw the mean and the largest absolute gradient of each parameter, after `backward`.

    Bars that shrink from right to left are gradients that vanish on their way back.

    Raises
    ------
    ValueError
        If no parameter has a gradient.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from matplotlib.figure import Figure
    >>> model = nn.Linear(3, 2)
    >>> model(ag.ones(4, 3)).sum().backward()
    >>> [label.get_text() for label in
    ...     nn.utils.plots.gradient_flow(model, Figure()).axes[0].get_xticklabels()]
    ['weight', 'bias']
    """
    grads = {
        name: np.abs(parameter.grad.array)
        for name, parameter in model.named_parameters()
        if parameter.grad is not None
    }
    if not grads:
        raise ValueError("gradient_flow expected gradients: call backward() on a loss first")
    figure = _figure(figure, (max(5, 0.3 * len(grads)), 3.6))
    axes, places = figure.subplots(), np.arange(len(grads))
    axes.bar(places, [grad.max() for grad in grads.values()], color="C0", alpha=0.4, label="max")
    axes.bar(places, [grad.mean() for grad in grads.values()], color="C0", label="mean")
    axes.set_xticks(places, list(grads), rotation=90, fontsize=7)
    axes.set(yscale="log", ylabel="|gradient|")
    axes.legend()
    return figure


def learning_rates(found: Any, figure: Any = None) -> Any:
    """Draw what `optim.range_test` found: losses over rates, and the rate it suggests.

    Examples
    --------
    >>> import autograd as ag, nn, optim
    >>> from matplotlib.figure import Figure
    >>> x = ag.tensor(3.0, requires_grad=True)
    >>> found = optim.range_test(optim.SGD([x]), lambda: x * x, start=1e-3)
    >>> nn.utils.plots.learning_rates(found, Figure()).axes[0].get_xscale()
    'log'
    """
    figure = _figure(figure, (5, 3.2))
    axes = figure.subplots()
    axes.plot(found.rates, found.losses, "C0", alpha=0.3, label="loss")
    axes.plot(found.rates, found.smooth, "C0", label="running mean")
    axes.axvline(found.suggestion, color="C3", label=f"suggestion {found.suggestion:.2g}")
    axes.set(xscale="log", xlabel="learning rate")
    axes.legend()
    return figure


def paths(
    error: Callable[[np.ndarray], np.ndarray],
    walked: Mapping[str, Any],
    ranges: tuple[tuple[float, float], tuple[float, float]],
    goal: Sequence[float] | None = None,
    figure: Any = None,
) -> Any:
    """Draw the ways of optimisers through a valley of two weights, a panel for each.

    Parameters
    ----------
    error : callable
        The error at points of shape (..., 2), of shape (...); contours are drawn on a log scale.
    walked : dict
        The points of each path, of shape (steps + 1, 2).
    ranges : ((low, high), (low, high))
        The part of the plane.
    goal : (float, float), optional
        The bottom.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from nn.utils import plots
    >>> walked = {"half way": [[2, 2], [1, 1], [0.5, 0.5]]}
    >>> bowl = lambda w: (w**2).sum(-1)
    >>> plots.paths(bowl, walked, ((-3, 3), (-3, 3)), figure=Figure()).axes[0].get_title()
    'half way (2 steps)'
    """
    figure = _figure(figure, (3 * len(walked), 3.4))
    w1, w2 = (np.linspace(*ends, 80) for ends in ranges)
    heights = error(np.stack(np.meshgrid(w1, w2), -1))
    lowest = max(heights.min() * 1.05, heights.max() * 1e-6)
    levels = np.geomspace(lowest, heights.max(), 14)
    panels = figure.subplots(1, len(walked), squeeze=False)[0]
    for axes, (name, path) in zip(panels, walked.items(), strict=True):
        axes.contour(w1, w2, heights, levels=levels, cmap="Greys", linewidths=0.6)
        axes.plot(*_array(path).T, "C0.-", linewidth=0.7, markersize=2)
        if goal is not None:
            axes.plot(*goal, "C3*", markersize=10)
        axes.set(title=f"{name} ({len(path) - 1} steps)", xlabel="w1", ylabel="w2")
    return figure


# -- what is inside --------------------------------------------------------------------------------


def activations(model: Module, *inputs: Any) -> dict[str, np.ndarray]:
    """Call a model and return what each of its innermost modules put out, by path.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> model = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    >>> {path: a.shape for path, a in nn.utils.plots.activations(model, ag.ones(2, 3)).items()}
    {'0': (2, 5), '1': (2, 5)}
    """
    found: dict[str, np.ndarray] = {}
    handles = []
    for path, module in model.named_modules():
        if next(module.children(), None) is None:

            def keep(module, args, output, path=path):
                first = output[0] if isinstance(output, tuple) else output
                if isinstance(first, Tensor):
                    found[path] = first.array.copy()  # the next layer may work in place

            handles.append(module.register_forward_hook(keep))
    try:
        with no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found


def histograms(values: Module | Mapping[str, Any], figure: Any = None, bins: int = 50) -> Any:
    """Draw the distribution of arrays by name: of `activations`, or of a model's parameters.

    Examples
    --------
    >>> import nn
    >>> from matplotlib.figure import Figure
    >>> len(nn.utils.plots.histograms(nn.Linear(3, 2), Figure()).axes)
    2
    """
    named = dict(values.named_parameters()) if isinstance(values, Module) else values
    figure = _figure(figure, (9, 7))
    for axes, (name, value) in zip(_panels(figure, len(named)), named.items(), strict=True):
        array = _array(value).ravel()
        axes.hist(array, bins)
        axes.set_title(f"{name}\nmean {array.mean():.2g}, deviation {array.std():.2g}", fontsize=7)
        axes.tick_params(labelsize=6)
        axes.set_yticks([])
    return figure


def filters(weight: Any, figure: Any = None, limit: int = 64) -> Any:
    """Draw the filters of a convolution, such as a network's first, each on a scale of its own.

    Parameters
    ----------
    weight : array of shape (filters, channels, height, width)
        Three channels are drawn as colours; of other numbers the mean is drawn.
    limit : int, default 64
        Draw no more than so many.

    Examples
    --------
    >>> import nn
    >>> from matplotlib.figure import Figure
    >>> len(nn.utils.plots.filters(nn.Conv2d(1, 6, 5).weight, Figure()).axes)
    6
    """
    kernels = _array(weight)[:limit]
    images = kernels.transpose(0, 2, 3, 1) if kernels.shape[1] == 3 else kernels.mean(1)
    return _images(images, _figure(figure, (5, 5)))


def feature_maps(maps: Any, figure: Any = None, limit: int = 64) -> Any:
    """Draw what a layer made of one image: an array of shape (channels, height, width).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from matplotlib.figure import Figure
    >>> model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> seen = nn.utils.plots.activations(model, ag.rand(1, 1, 8, 8))
    >>> len(nn.utils.plots.feature_maps(seen["1"][0], Figure()).axes)
    4
    """
    return _images(_array(maps)[:limit], _figure(figure, (6, 6)))


def _images(images: np.ndarray, figure: Any) -> Any:
    """Draw images side by side, from each one's least value to its greatest."""
    for axes, image in zip(_panels(figure, len(images)), images, strict=True):
        spread = float(np.ptp(image)) or 1.0
        axes.imshow((image - image.min()) / spread, cmap="gray", vmin=0, vmax=1)
        axes.set_axis_off()
    return figure


def attention(weights: Any, queries: Sequence[str] = (), keys: Sequence[str] = (),
              figure: Any = None, titles: Sequence[str] = ()) -> Any:  # fmt: skip
    """Draw maps of attention: which keys (columns) each query (row) looks at.

    Parameters
    ----------
    weights : array of shape (layers, heads, queries, keys)
        Layers are drawn one below the other; layers, or layers and heads, may be left out.
    queries, keys : sequence of str, optional
        What stands at the rows and at the columns.
    titles : sequence of str, optional
        What stands above each map, layer by layer; by default the numbers of layer and head.

    Examples
    --------
    >>> import numpy as np
    >>> from matplotlib.figure import Figure
    >>> from nn.utils import plots
    >>> drawn = plots.attention(np.full((4, 2, 3, 3), 1 / 3), "abc", "abc", Figure())
    >>> len(drawn.axes), drawn.axes[3].get_title()
    (8, 'layer 2, head 2')
    """
    maps = _array(weights)
    maps = maps.reshape((1,) * (4 - maps.ndim) + maps.shape)
    layers, heads = maps.shape[:2]
    figure = _figure(figure, (3.2 * heads, 3.2 * layers))
    size, turned = (6, 0) if max(map(len, keys), default=0) < 2 else (5, 90)
    for number, axes in enumerate(figure.subplots(layers, heads, squeeze=False).ravel()):
        layer, head = divmod(number, heads)
        axes.imshow(maps[layer, head], cmap="Greys", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(keys)), list(keys), fontsize=size, rotation=turned)
        axes.set_yticks(range(len(queries)), list(queries), fontsize=size)
        axes.tick_params(length=0, pad=1)
        names = [f"layer {layer + 1}"] * (layers > 1) + [f"head {head + 1}"] * (heads > 1)
        axes.set_title(titles[number] if titles else ", ".join(names), fontsize=7)
    return figure


# -- what comes out --------------------------------------------------------------------------------


def confusion(targets: Any, predictions: Any, classes: int | None = None) -> np.ndarray:
    """Count how often each class (row) was taken for each class (column).

    Examples
    --------
    >>> from nn.utils import plots
    >>> plots.confusion([0, 0, 1], [0, 1, 1])
    array([[1, 1],
           [0, 1]])
    """
    rows, columns = _array(targets).ravel(), _array(predictions).ravel()
    size = classes or int(max(rows.max(), columns.max())) + 1
    return np.bincount(rows * size + columns, minlength=size * size).reshape(size, size)


def confusion_matrix(counts: Any, names: Sequence[str] | None = None, figure: Any = None) -> Any:
    """Draw what `confusion` counted: shades are parts of a row, numbers are counts.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from nn.utils import plots
    >>> axes = plots.confusion_matrix([[5, 1], [0, 6]], ["cat", "dog"], Figure()).axes[0]
    >>> [text.get_text() for text in axes.texts]
    ['5', '1', '6']
    """
    counts = _array(counts)
    labels = [str(i) for i in range(len(counts))] if names is None else list(names)
    figure = _figure(figure, (4.5, 4.2))
    axes = figure.subplots()
    parts = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    axes.imshow(parts, cmap="Blues", vmin=0, vmax=1)
    for row, column in zip(*np.nonzero(counts), strict=True):
        color = "white" if parts[row, column] > 0.5 else "black"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color,
                  fontsize=7)  # fmt: skip
    axes.set_xticks(range(len(labels)), labels)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="answer", ylabel="truth",
             title=f"{np.trace(counts) / max(counts.sum(), 1):.1%} right")  # fmt: skip
    return figure
