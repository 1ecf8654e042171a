"""Make the notebooks from their scripts: ``python notebooks/pair.py``; ``--check`` only compares.

The script is what is written and reviewed: percent format, ``# %%`` before a cell of code and
``# %% [markdown]`` before one of text. The notebook is made of it, to the same bytes each time:
no outputs, no counts, and cells named by their number. Jupytext reads and writes the same pairs, so
what was edited in Jupyter with Jupytext comes back into the script.
"""

import json
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
METADATA = {
    "jupytext": {"formats": "ipynb,py:percent"},
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def scripts() -> list[Path]:
    """The scripts of the course, in order: their names begin with their number."""
    return sorted(FOLDER.glob("[0-9][0-9]_*.py"))


def cells(script: str) -> list[tuple[str, str]]:
    """The cells of a script in percent format: ("markdown" or "code", source)."""
    parts = ("\n" + script).split("\n# %%")[1:]  # what stands before is the header
    return [_cell(part) for part in parts]


def _cell(part: str) -> tuple[str, str]:
    mark, _, body = part.partition("\n")
    if mark.strip() == "[markdown]":
        lines = body.strip().splitlines()
        return "markdown", "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)
    if mark.strip():
        raise ValueError(f"a cell expected '# %%' or '# %% [markdown]', got '# %%{mark}'")
    return "code", body.strip("\n")


def notebook(script: str) -> str:
    """The text of the .ipynb file that belongs to a script."""
    made = []
    for number, (kind, source) in enumerate(cells(script), 1):
        cell = {"cell_type": kind, "id": f"cell-{number:02}", "metadata": {}}
        if kind == "code":
            cell |= {"execution_count": None, "outputs": []}
        made.append({**cell, "source": source.splitlines(keepends=True)})
    content = {"cells": made, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the notebooks that differ from their scripts, or only name them."""
    stale = []
    for script in scripts():
        text, place = notebook(script.read_text(encoding="utf-8")), script.with_suffix(".ipynb")
        if not place.exists() or place.read_text(encoding="utf-8") != text:
            stale.append(place.name)
            if "--check" not in arguments:
                place.write_text(text, encoding="utf-8")
    print("\n".join(stale) or "every notebook is what its script makes")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
