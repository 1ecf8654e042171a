"""Pages written by a program: those that are as they were stay untouched, and Sphinx skips them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path


def write(texts: Mapping[Path, str], there: Iterable[Path]) -> None:
    """Write these files, and delete those of an earlier build that are `there` and no longer made.

    Parameters
    ----------
    texts : dict of Path to str
    there : paths
    """
    for path in set(there) - set(texts):
        path.unlink()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
