"""Pictures of a run: its curves, and the graph of what the model computes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from autograd.graph import draw
from autograd.serialize import replace_file
from models.recipe import Recipe
from models.run import BEST, LAST, METRICS, Run
from models.train import Result

CURVES, GRAPH = "curves.png", "graph.svg"


def files(result: Result) -> dict[str, str]:
    """Draw what can be drawn; returns where each file of the run is, or why there is none."""
    run = result.run
    found = {"weights": BEST, "checkpoint": LAST, "metrics": METRICS}
    where = {kind: str(run.path(name)) for kind, name in found.items() if run.path(name).exists()}
    return {
        **where,
        "curves": curves(run),
        "graph": graph(run.recipe, result.model, result.example, run.path(GRAPH)),
    }


def curves(run: Run) -> str:
    """Draw loss and metric over the epochs to curves.png; returns its path, or why not."""
    try:
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator
    except ImportError:
        return "not drawn: matplotlib is not installed (pip install matplotlib)"
    epochs = [entry["epoch"] for entry in run.history]
    names = {name for entry in run.history for name in entry}
    panels = [p for p in ("loss", run.recipe.metric) if any(n.endswith(f"_{p}") for n in names)]
    if not panels:
        return "not drawn: nothing was measured"
    figure = Figure(figsize=(4.5 * len(panels), 3.2), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        for part, style in {"train": "C0-", "valid": "C1-"}.items():
            values = [entry.get(f"{part}_{panel}") for entry in run.history]
            if any(value is not None for value in values):
                axes.plot(epochs, values, style, marker=".", label=part)
        axes.set(xlabel="epoch", ylabel=panel)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(run.recipe.name)
    path = run.path(CURVES)
    figure.savefig(path, dpi=120)
    return str(path)


def graph(recipe: Recipe, model, example: Any, path: Path) -> str:
    """Draw the loss of one example to an SVG file, or as DOT text where Graphviz is missing.

    Returns the path, or why there is no picture.
    """
    model.eval()
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
