"""Kernels: arrays in, arrays out. They know NumPy and numba and nothing else of this library.

An op's forward and its fused rules call them; whoever makes one faster changes this folder alone.
Each is reached through its module (``kernels.conv.forward(...)``), imported when first used.
"""

from __future__ import annotations

import importlib


def __getattr__(name: str):
    try:
        return importlib.import_module(f"autograd.kernels.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"autograd.kernels.{name}":
            raise
        raise AttributeError(f"there is no kernel family {name!r}") from None
