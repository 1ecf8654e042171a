"""The notebooks as pages: copied from their folder at each build, with a page that lists them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import generated

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)\s]+)\)")
INTRODUCTION = """# Notebooks

To work through: copy one, change it, run it again. They need `pip install -e ".[notebooks]"`
and only data that is inside the package. Here they are shown as they are kept, without what they
print; `python -m autograd docs --run-notebooks` builds the site with all of it.
"""


def write(source: str | Path, target: str | Path) -> None:
    """Copy the notebooks of `source` to `target` and write the page ``index.md`` there."""
    target, notebooks = Path(target), sorted(Path(source).glob("*.ipynb"))
    texts = {target / path.name: page(path) for path in notebooks}
    entries = "".join(f"{path.stem}\n" for path in notebooks)
    toctree = (
        f"\n```{{toctree}}\n:maxdepth: 1\n\n{entries}```\n" if entries else "\nThere are none.\n"
    )
    texts[target / "index.md"] = INTRODUCTION + toctree
    generated.write(texts, target.glob("*.ipynb"))


def page(path: Path) -> str:
    """A notebook's text for the site: links to files that are no pages become plain names."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    notebook["metadata"].setdefault("language_info", {})["name"] = "python"
    notebook["metadata"]["language_info"].setdefault("pygments_lexer", "ipython3")

    def plain(link: re.Match) -> str:
        is_page = (path.parent / link[2]).suffix == ".ipynb" and (path.parent / link[2]).exists()
        return link[0] if is_page else link[1]

    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = LINK.sub(plain, "".join(cell["source"]))
    return json.dumps(notebook, indent=1, ensure_ascii=False)
