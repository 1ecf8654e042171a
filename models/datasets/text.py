"""Text for models of language: Python's own help pages, or any file of the user's."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path


def read_text(name: str | os.PathLike = "pydoc") -> str:
    """The text of that name: ``pydoc``, Python's help pages, or else a file in UTF-8.

    Raises
    ------
    ValueError
        If there is no such file, if it is empty, or if it is not text.

    Examples
    --------
    >>> from models import datasets
    >>> datasets.read_text("pydoc") == datasets.pydoc_text()
    True
    """
    if name == "pydoc":
        return pydoc_text()
    try:
        content = Path(name).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{name} is not text in UTF-8: {error}") from None
    except OSError as error:
        raise ValueError(
            f"{name} cannot be read ({error.strerror}): name a text file, or pydoc"
        ) from None
    if not content:
        raise ValueError(f"{name} is empty: there is nothing to learn from")
    return content


def pydoc_text() -> str:
    """Return the help topics of the standard library, some 470,000 characters, in plain ASCII.

    The text differs a little from one version of Python to the next.

    Examples
    --------
    >>> from models import datasets
    >>> text = datasets.pydoc_text()
    >>> text.isascii(), len(text) > 400_000
    (True, True)
    """
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
