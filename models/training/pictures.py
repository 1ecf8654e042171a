"""Pictures of a run: its curves, and the graph of what the model computes."""

from __future__ import annotations

import math
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from autograd.graph import draw
from autograd.graph_page import explore
from autograd.kernels import choose
from autograd.serialize import replace_file
from models.training.loop import Result
from models.training.recipe import Recipe, UsageError
from models.training.run import BEST, LAST, METRICS, Run, picture
from nn.utils import plots
from optim import RangeTest

GRAPH = "graph.svg"
NO_GRAPH = "not drawn: the model does not learn by gradients"


def files(result: Result) -> dict[str, str]:
    """Draw what can be drawn; returns where each file of the run is, or why there is none."""
    run = result.run
    found = {"weights": BEST, "checkpoint": LAST, "metrics": METRICS}
    where = {kind: str(run.path(name)) for kind, name in found.items() if run.path(name).exists()}
    curves(run)
    where |= run.pictures
    if result.example is not None:
        where["graph"] = graph(run.recipe, result.model, result.example, run.path(GRAPH))
    return where


def curves(run: Run) -> None:
    """Draw loss and metric over the epochs to curves.png, if there were epochs."""
    epochs = [entry["epoch"] for entry in run.history if "epoch" in entry]
    names = {name for entry in run.history for name in entry}
    panels = [p for p in ("loss", run.recipe.metric) if any(n.endswith(f"_{p}") for n in names)]
    if not panels or len(epochs) < len(run.history):
        return

    def plot(figure) -> None:
        from matplotlib.ticker import MaxNLocator

        grid = figure.subplots(1, len(panels), squeeze=False)
        for axes, panel in zip(grid[0], panels, strict=True):
            for part, style in {"train": "C0-", "valid": "C1-"}.items():
                values = [entry.get(f"{part}_{panel}") for entry in run.history]
                if any(value is not None for value in values):
                    axes.plot(epochs, values, style, marker=".", label=part)
            axes.set(xlabel="epoch", ylabel=panel)
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.3)
            axes.legend()
        figure.suptitle(run.recipe.name)

    run.draw("curves", plot, (4.5 * len(panels), 3.2))


def grid(images, path: Path) -> str:
    """Draw images of shape (count, channels, height, width), from 0 to 1, side by side.

    Returns the path.

    Raises
    ------
    UsageError
        If matplotlib, which writes the file, is not installed.
    """
    try:
        from matplotlib.image import imsave
    except ImportError:
        raise UsageError("drawing needs matplotlib: pip install matplotlib") from None
    imsave(path, tiled(np.asarray(images)))
    return str(path)


def tiled(
    images: np.ndarray, margin: int = 1, enlarged: int = 3, columns: int | None = None
) -> np.ndarray:
    """One picture, (height, width, 3), of images of shape (count, 1 or 3 channels, h, w).

    Without `columns` as many lines as columns, or one less.

    Examples
    --------
    >>> import numpy as np
    >>> from models.training.pictures import tiled
    >>> tiled(np.zeros((6, 1, 8, 8)), enlarged=1).shape
    (19, 28, 3)
    """
    count, _, height, width = images.shape
    columns = columns or math.ceil(math.sqrt(count))
    lines = math.ceil(count / columns)
    size = height + margin, width + margin
    page = np.ones((lines * size[0] + margin, columns * size[1] + margin, 3))
    for i, image in enumerate(images.clip(0, 1)):
        top, left = (i // columns) * size[0] + margin, (i % columns) * size[1] + margin
        page[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return page.repeat(enlarged, 0).repeat(enlarged, 1)


def rates(found: RangeTest, path: Path) -> str:
    """Draw losses over learning rates; returns the path, or why there is no picture."""
    return picture(path, partial(plots.learning_rates, found), (5, 3.2))


def page(recipe: Recipe, model, example: Any, path: Path) -> str:
    """Write how the loss of one example is computed, and its gradients, as a page to explore."""
    loss = _loss(recipe, model, example)
    return NO_GRAPH if loss is None else explore(loss, path, model, gradients=True)


def _loss(recipe: Recipe, model, example: Any):
    """The loss of one example; None if it is not differentiable."""
    model.eval()
    with choose.use("plain"):  # nothing is compiled for the sake of one example
        loss, _ = recipe.objective(model, example)
    return loss if loss.requires_grad else None


def graph(recipe: Recipe, model, example: Any, path: Path) -> str:
    """Draw the loss of one example to an SVG file, or as DOT text where Graphviz is missing.

    Returns the path, or why there is no picture.
    """
    loss = _loss(recipe, model, example)
    if loss is None:
        return NO_GRAPH
    drawn = draw(loss, params=dict(model.named_parameters()))
    text = path.with_suffix(".dot")
    if shutil.which("dot") is not None and path.suffix != ".dot":
        try:
            drawn.save_svg(path)
            return str(path)
        except (subprocess.SubprocessError, OSError) as error:
            replace_file(text, drawn.source.encode())
            return f"{text} (dot failed: {error})"
    replace_file(text, drawn.source.encode())
    return str(text) if path.suffix == ".dot" else f"{text} (no picture: Graphviz is not installed)"
