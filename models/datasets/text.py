"""Text for models of language: Python's own help pages, or any file of the user's."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path


def pydoc_text(path: str | os.PathLike | None = None) -> str:
    """Return the help topics of the standard library, some 470,000 characters, in plain ASCII.

    The text differs a little from one version of Python to the next.

    Parameters
    ----------
    path : path, optional
        Read this UTF-8 file instead.

    Examples
    --------
    >>> from models import datasets
    >>> text = datasets.pydoc_text()
    >>> text.isascii(), len(text) > 400_000
    (True, True)
    """
    if path is not None:
        return ascii_fold(Path(path).read_text(encoding="utf-8"))
    from pydoc_data.topics import topics

    return ascii_fold("\n".join(topics[name] for name in sorted(topics)))


def ascii_fold(text: str) -> str:
    """Replace accented letters by bare ones and drop what ASCII has nothing for.

    Examples
    --------
    >>> from models.datasets.text import ascii_fold
    >>> ascii_fold("d\u00e9j\u00e0 vu")
    'deja vu'
    """
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
