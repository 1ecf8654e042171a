"""Where data sets of the user's own lie, and what to say when they do not."""

from __future__ import annotations

import hashlib
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


def check_sum(path: str | os.PathLike, expected: str) -> None:
    """Raise unless a file has the md5 (32 hexadecimal digits) or SHA-256 (64) expected of it.

    Examples
    --------
    >>> import os
    >>> from models.datasets.folder import check_sum
    >>> check_sum(os.devnull, "d41d8cd98f00b204e9800998ecf8427e")
    """
    if len(expected) not in (32, 64):
        raise ValueError(f"expected an md5 or a SHA-256 in hexadecimal digits, got {expected!r}")
    kind = "md5" if len(expected) == 32 else "sha256"
    with open(path, "rb") as file:
        # Against damage, not against forgers: md5 is good enough, and what the sets are listed by.
        found = hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False))
    if found.hexdigest() != expected.lower():
        raise ValueError(
            f"{path} is damaged or another version: its {kind} is {found.hexdigest()}, expected "
            f"{expected}; fetch it again"
        )


def refuse_download(name: str, download: bool) -> None:
    """Nothing is fetched from the network; say so rather than ignore the wish."""
    if download:
        raise NotImplementedError(
            f"{name}(download=True): data sets are not downloaded here; leave it out to be told "
            "which files to put where"
        )
