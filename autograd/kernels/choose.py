"""Which of two does the work: the compiled kernel where there is much of it, else its NumPy twin.

Small work stays with NumPy: it is as fast there, and a program that has nothing else never loads
numba. The environment variable ``NUMBAGRAD_KERNELS`` may be set to ``plain`` or ``compiled`` to
have one of the two alone; without numba there is only the first.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import numpy as np

LEAST = {"auto": 1 << 13, "plain": math.inf, "compiled": 0}  # elementary operations


def _least() -> float:
    wish = os.environ.get("NUMBAGRAD_KERNELS", "auto")
    if wish not in LEAST:
        raise ValueError(f"NUMBAGRAD_KERNELS: expected one of {', '.join(LEAST)}, got {wish!r}")
    return LEAST[wish] if importlib.util.find_spec("numba") else math.inf


# The hottest pickers compare with it before they call `worth`.
least = _least()


def may_compile(array: np.ndarray) -> bool:
    """Whether there are compiled kernels at all, and for numbers like these."""
    return least < math.inf and array.dtype.char in "fd"


def worth(work: float, first: np.ndarray, *others: np.ndarray | None) -> bool:
    """Whether to compile: there is `work` enough, on arrays of one dtype that kernels know."""
    if work < least or not may_compile(first):
        return False
    for other in others:  # noqa: SIM110, `all` takes longer than it compares
        if other is not None and other.dtype != first.dtype:
            return False
    return True


@functools.cache
def compiled(family: str) -> ModuleType:
    """The module of compiled kernels of this name."""
    return importlib.import_module(f"autograd.kernels.compiled.{family}")


@contextmanager
def use(kind: str) -> Iterator[None]:
    """Within, work of any size is done as named: "auto", "plain" or "compiled"."""
    global least
    before, least = least, LEAST[kind]
    try:
        yield
    finally:
        least = before
