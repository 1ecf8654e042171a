"""``python -m autograd docs``: build the documentation of a checkout with Sphinx."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("sphinx", "myst_nb", "numpydoc", "furo")


def command(out: Path, run_notebooks: bool = False) -> list[str]:
    """The call of Sphinx: every warning is an error, and all of them are shown.

    Examples
    --------
    >>> from pathlib import Path
    >>> command(Path("site"))[1:4]
    ['-m', 'sphinx', '-W']
    """
    notebooks = ["-D", "nb_execution_mode=force"] if run_notebooks else []
    options = ["-W", "--keep-going", "-q", "-b", "html", *notebooks]
    return [sys.executable, "-m", "sphinx", *options, str(ROOT / "docs"), str(out)]


def main(out: str | None = None, run_notebooks: bool = False) -> int:
    """Build the site into `out`, or ``build/docs`` of the checkout; returns the exit code."""
    if not (ROOT / "docs" / "api_pages.py").exists():
        print(
            f"the pages are not installed with the library, and there is no {ROOT / 'docs'}: run "
            'this in a checkout of the repository, after pip install -e ".[docs]" there',
            file=sys.stderr,
        )
        return 1
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        print(
            f'the site needs {", ".join(missing)}: pip install -e ".[docs]"',
            file=sys.stderr,
        )
        return 1
    folder = Path(out) if out else ROOT / "build" / "docs"
    code = subprocess.run(command(folder, run_notebooks), check=False).returncode
    if code == 0:
        print(f"open {folder / 'index.html'}")
    return code
