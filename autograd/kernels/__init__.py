"""Kernels: arrays in, arrays out. They know NumPy and numba and nothing else of this library.

An op's forward and its fused rules call them; whoever makes one faster changes this folder alone.
Each family is reached through its module, imported when first used: ``kernels.conv.forward(...)``.
`plain` has all of them in NumPy, `compiled` those that repay compiling; a module here, of the same
name, chooses between the two. Where there is none, ``kernels.ctc`` is ``kernels.plain.ctc``.
"""

from __future__ import annotations

import importlib


def __getattr__(name: str):
    for place in ("autograd.kernels", "autograd.kernels.plain"):
        try:
            return importlib.import_module(f"{place}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{place}.{name}":
                raise
    raise AttributeError(f"there is no kernel family {name!r}")
