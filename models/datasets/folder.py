"""Where data sets of the user's own lie, and what to say when they do not."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path


def data_root(root: str | os.PathLike | None = None) -> Path:
    """Return the folder of data sets: `root`, else $NUMBAGRAD_DATA, else the user's cache folder.

    Examples
    --------
    >>> from models.datasets.folder import data_root
    >>> data_root("data").name
    'data'
    """
    if root is None:
        root = os.environ.get("NUMBAGRAD_DATA")
    if root is None:
        cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        root = Path(cache) / "numbagrad" / "datasets"
    return Path(root).expanduser()


def missing(name: str, folder: Path, files: Mapping[str, str]) -> FileNotFoundError:
    """The error that says which files are wanted, where, and how to tell them."""
    listing = "\n".join(f"  {file}  (md5 {md5})" for file, md5 in files.items())
    return FileNotFoundError(
        f"{name} was not found in {folder}. Put these files there:\n{listing}\n"
        "or say where they are with root= (--data-root on the command line) or $NUMBAGRAD_DATA"
    )


def refuse_download(name: str, download: bool) -> None:
    """Nothing is fetched from the network; say so rather than ignore the wish."""
    if download:
        raise NotImplementedError(
            f"{name}(download=True): data sets are not downloaded here; leave it out to be told "
            "which files to put where"
        )
