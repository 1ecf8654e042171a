"""``python -m autograd warmup``: compile all kernels ahead, so that no first use has to wait."""

from __future__ import annotations

import importlib
import pkgutil
import time


def main(everything: bool = False) -> int:
    """Compile for float32, and for float64 too if `everything`; returns the exit code."""
    try:
        from autograd.kernels import compiled
        from autograd.kernels.compiled.jit import CACHE, Kernel
        from autograd.kernels.compiled.tile import block
    except ImportError as error:
        print(f"nothing to compile: numba is not there ({error}); NumPy does all the work")
        return 1
    begin = time.perf_counter()
    for char in "fd" if everything else "f":
        block(char)
        for found in pkgutil.iter_modules(compiled.__path__):
            module = importlib.import_module(f"{compiled.__name__}.{found.name}")
            kernels = [
                value for value in vars(module).values()
                if isinstance(value, Kernel) and value.function.__module__ == module.__name__
            ]  # fmt: skip
            for kernel in kernels:
                kernel.compile(char)
            if kernels:
                seconds = time.perf_counter() - begin
                dtype = "float32" if char == "f" else "float64"
                print(f"{found.name:<20} {len(kernels):>3} kernels  {dtype}  {seconds:6.1f} s")
    print(f"compiled code is kept in {CACHE or 'no folder: none is writable'}")
    return 0
