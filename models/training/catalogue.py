"""The state of the catalogue: what there is, where it is described, and how well it last did."""

from __future__ import annotations

import html
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from autograd.kernels import choose
from models import RECIPES
from models.training.recipe import Recipe, section
from models.training.run import RESULT, find_runs, say, write_json

COLUMNS = ("name", "documents", "paper", "data", "parameters", "goal", "last", "seconds", "summary")


def rows(recipes: Iterable[Recipe] | None = None) -> list[dict[str, Any]]:
    """What is known of each recipe, with the result of its newest finished run below runs/."""
    return [row(recipe, last_result(recipe.name)) for recipe in recipes or RECIPES.values()]


def row(recipe: Recipe, last: dict[str, Any] | None) -> dict[str, Any]:
    """One line of the catalogue, as data."""
    with choose.use("plain"):  # nothing is compiled for the sake of counting
        model = recipe.build(**section(recipe.settings(), "model"))
    return {
        "name": recipe.name,
        "summary": recipe.summary,
        "documents": recipe.documents,
        "paper": recipe.paper,
        "data": _data(recipe),
        "parameters": sum(p.numel() for p in model.parameters()),
        "metric": recipe.metric,
        "goal": recipe.bar,
        "last": last,
    }


def _data(recipe: Recipe) -> str:
    """What a recipe learns from: the name of a data set, if it has one."""
    if "data.name" in recipe.defaults:
        return recipe.defaults["data.name"]
    shared = getattr(recipe.data, "__module__", "").startswith("models.datasets")
    return recipe.data.__name__ if recipe.data and shared else "made by the recipe"


def last_result(name: str) -> dict[str, Any] | None:
    """What the newest finished run of a recipe came to; None if there is none.

    Examples
    --------
    >>> from models.training.catalogue import last_result
    >>> last_result("no such model") is None
    True
    """
    for folder in find_runs(name):
        try:
            return json.loads((folder / RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
    return None


def cells(row: dict[str, Any]) -> list[str]:
    """The texts of one line, in the order of `COLUMNS`."""
    last, goal = row["last"] or {}, row["goal"]
    value = last.get("test", {}).get(row["metric"])
    outcome = {True: "reached", False: "missed", None: ""}[last.get("reached")]
    return [
        row["name"],
        row["documents"],
        row["paper"],
        row["data"],
        f"{row['parameters']:,}",
        "" if goal is None else f"{row['metric']} {goal:g}",
        last.get("error", "") if value is None else f"{value:.4g} {outcome}",
        f"{last['seconds']:.1f}" if "seconds" in last else "",
        row["summary"],
    ]


def table(rows: Sequence[dict[str, Any]]) -> str:
    """The catalogue as text, a line for each recipe."""
    lines = [COLUMNS, *(cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = ("  ".join(f"{c:<{w}}" for c, w in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(text.rstrip() for text in texts)


# -- training all of it ----------------------------------------------------------------------------


def train_all(recipes: Sequence[Recipe], folder: Path, quick=False, seed=0) -> list[dict[str, Any]]:
    """Train recipes one after the other, each by its own command, into folders below `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for number, recipe in enumerate(recipes, 1):
        say(f"[{number}/{len(recipes)}] {recipe.name}")
        found.append(row(recipe, train_one(recipe, folder / recipe.name, quick, seed)))
        write_json(folder / "report.json", found)  # after each: an interruption loses little
    return found


def train_one(recipe: Recipe, folder: Path, quick: bool, seed: int) -> dict[str, Any]:
    """What ``python -m models train NAME`` reports, or an ``error``."""
    changes = as_arguments(recipe.quick if quick else {})
    command = [sys.executable, "-m", "models", "train", recipe.name, "--json", *changes]
    command += ["--run-dir", str(folder), "--seed", str(seed)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return {"error": f"exit code {done.returncode}", "reached": False}
    result = json.loads(done.stdout)
    if quick:
        result |= {"goal": recipe.quick_bar}
        result["reached"] = recipe.reached(result["test"], recipe.quick_bar)
    return result


def as_arguments(settings: Mapping[str, Any]) -> list[str]:
    """Settings as the command line takes them."""
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


def page(rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Write the results as a table (report.md) and as a page with all pictures (index.html)."""
    head = " | ".join(COLUMNS)
    lines = [f"| {head} |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(cells(row)) + " |" for row in rows]
    (folder / "report.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
    path = folder / "index.html"
    body = "\n".join(_chapter(row, folder) for row in rows)
    path.write_text(PAGE.format(head=_cells("th", COLUMNS), body=body), encoding="utf-8")
    return path


def _chapter(row: dict[str, Any], folder: Path) -> str:
    """The table's line of one recipe, with its pictures below."""
    files = (row["last"] or {}).get("files", {}).values()
    pictures = [os.path.relpath(f, folder) for f in files if f.endswith(".png")]
    shown = "".join(f'<img src="{html.escape(p)}" alt="{html.escape(p)}">' for p in pictures)
    return (
        f"<tr>{_cells('td', cells(row))}</tr>\n"
        f'<tr class="pictures"><td colspan="{len(COLUMNS)}">{shown}</td></tr>'
    )


def _cells(tag: str, texts: Iterable[str]) -> str:
    return "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts)


PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Catalogue of models</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 90rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .3rem .6rem; vertical-align: top }}
tr:not(.pictures) {{ border-top: 1px solid #ccc }}
img {{ max-height: 18rem; max-width: 100%; margin: .5rem 1rem .5rem 0 }}
</style>
<h1>Catalogue of models</h1>
<table>
<tr>{head}</tr>
{body}
</table>
</html>
"""
