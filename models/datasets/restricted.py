"""Reading pickles of arrays without running what else they might ask for."""

from __future__ import annotations

import os
import pickle
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

try:
    from numpy._core.multiarray import _reconstruct
except ImportError:  # NumPy 1
    from numpy.core.multiarray import _reconstruct  # type: ignore[no-redef]

# All that dicts of lists, texts, numbers and arrays consist of; no name of it runs anything.
ALLOWED = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
}


class Restricted(pickle.Unpickler):
    """Knows the functions that are `allowed`, by module and name, and refuses all others."""

    allowed: ClassVar[Mapping[tuple[str, str], Any]] = ALLOWED

    def find_class(self, module: str, name: str):
        try:
            return self.allowed[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}") from None


def read_arrays(path: str | os.PathLike) -> dict[str, Any]:
    """Read a pickled dict of arrays and plain values; anything else in it is refused.

    Texts written by Python 2 are read as Latin-1.

    Raises
    ------
    ValueError
        If the file holds something else or is damaged.
    """
    with open(path, "rb") as file:
        try:
            content = Restricted(file, encoding="latin1").load()
        except Exception as error:  # a damaged pickle may raise nearly anything
            raise ValueError(
                f"{path} is damaged, or holds more than arrays and plain values: {error}"
            ) from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} expected to hold a dict, got {type(content).__name__}")
    return content
