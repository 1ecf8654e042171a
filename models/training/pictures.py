"""Pictures of a run: its curves, and the graph of what the model computes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from autograd.graph import draw
from autograd.kernels import choose
from autograd.serialize import replace_file
from models.training.loop import Result
from models.training.recipe import Recipe
from models.training.run import BEST, LAST, METRICS, Run

GRAPH = "graph.svg"


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


def graph(recipe: Recipe, model, example: Any, path: Path) -> str:
    """Draw the loss of one example to an SVG file, or as DOT text where Graphviz is missing.

    Returns the path, or why there is no picture.
    """
    model.eval()
    with choose.use("plain"):  # nothing is compiled for the sake of one example
        loss, _ = recipe.objective(model, example)
    if not loss.requires_grad:
        return "not drawn: the model does not learn by gradients"
    picture = draw(loss, params=dict(model.named_parameters()))
    text = path.with_suffix(".dot")
    if shutil.which("dot") is not None and path.suffix != ".dot":
        try:
            picture.save_svg(path)
            return str(path)
        except (subprocess.SubprocessError, OSError) as error:
            replace_file(text, picture.source.encode())
            return f"{text} (dot failed: {error})"
    replace_file(text, picture.source.encode())
    return str(text) if path.suffix == ".dot" else f"{text} (no picture: Graphviz is not installed)"
