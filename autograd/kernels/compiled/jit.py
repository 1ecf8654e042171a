"""Compiling: the one decorator of all kernels, their cache on disk, and threads.

A kernel is a function of arrays whose loops over independent work are written ``prange``. It is
compiled when first called, for the dtype that comes, twice: in threads for much work and without
for little. Nothing is compiled at import. The compiled code is kept on disk; what must be compiled
says so once on stderr.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType

import numba
import numpy as np
from numba import types
from numba.core import event

from autograd.kernels import threads
from autograd.kernels.compiled.target import TARGET
from autograd.kernels.threads import get_num_threads, set_num_threads

# Sums may be reordered and multiplications fused with additions; the sign of a zero may be lost.
# NaN and infinities are what they are everywhere: `nnan` and `ninf` are not in this set.
FAST = {"contract", "nsz", "reassoc"}
PARALLEL_FROM = 1 << 15  # elementary operations; below, waking a thread costs more than it helps
NUMPY_TYPES = {"f": types.float32, "d": types.float64}
intp = types.intp

if TARGET.bits == 512:  # else LLVM prefers vectors of 256 bits; to be set before the first compile
    numba.config.CPU_FEATURES = TARGET.features + ",-prefer-256-bit"
numba.config.THREADING_LAYER = "omp"  # entered in 3 us; the others take ten times as long
set_num_threads(get_num_threads())  # tells numba too, now that it is loaded


def array(of: types.Type, ndim: int, layout: str = "C", out: bool = False) -> types.Array:
    """The type of an array argument: only read unless `out`; layout "A" admits any strides."""
    return types.Array(of, ndim, layout, readonly=not out)


# -- the cache on disk -----------------------------------------------------------------------------


def _cache_folder() -> Path | None:
    """A writable folder for compiled code, of this processor and of this state of the core files.

    numba notices a change in the file of a kernel, but not in files from which it takes functions:
    hence the hash.
    """
    core = b"".join(
        Path(__file__).with_name(f"{name}.py").read_bytes()
        for name in (
            *("target", "jit", "memory", "tile", "product", "mathematics", "sequence"),
            *("layout", "winograd_transform"),
        )
    )
    key = f"{TARGET.bits}-{hashlib.sha256(core).hexdigest()[:16]}"
    home = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    for parent in (Path(home), Path(tempfile.gettempdir()) / f"cache-{user}"):
        folder = parent / "numbagrad" / "kernels" / key
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    return None


CACHE = _cache_folder()


@contextmanager
def caching() -> Iterator[bool]:
    """Let numba keep in our folder what is declared within; its own setting stays the user's."""
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = before or str(CACHE or "")
    try:
        yield CACHE is not None or bool(before)
    finally:
        numba.config.CACHE_DIR = before


class _Announcer(event.Listener):
    """Says once for each family of kernels that it is being compiled."""

    def __init__(self) -> None:
        self.said: set[str] = set()

    def on_start(self, event) -> None:
        home = getattr(event.data.get("dispatcher"), "__module__", None) or ""
        if not home.startswith(__package__):
            return
        family = home.rpartition(".")[2]
        if family not in self.said:
            self.said.add(family)
            print(f"compiling {family} kernels, first use on this machine ...", file=sys.stderr)

    def on_end(self, event) -> None:
        """Nothing to say."""


event.register("numba:compile", _Announcer())


# -- the decorators --------------------------------------------------------------------------------


def inner(function: Callable, fastmath: set[str] = FAST) -> Callable:
    """Declare a function that kernels call; it is compiled with them."""
    with caching() as cache:
        return numba.njit(
            cache=cache, nogil=True, error_model="numpy", fastmath=fastmath, boundscheck=False
        )(function)


class Kernel:
    """A kernel, compiled as it is needed: by dtype, with threads or without.

    Calling it with arrays picks by the dtype of the first and by the `work` to do, in elementary
    operations; if not given, by the size of the first.
    """

    def __init__(self, function: FunctionType, signature: Callable, fastmath: set[str]) -> None:
        self.function, self.signature, self.fastmath = function, signature, fastmath
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.variants: dict[tuple[str, bool], Callable] = {}

    def __call__(self, *args, work: int | None = None) -> None:
        first = args[0]
        # Not by the number of threads: code compiled for several may add up in another order.
        parallel = (first.size if work is None else work) >= PARALLEL_FROM and not threads.forked
        key = first.dtype.char, parallel
        variant = self.variants.get(key)
        if variant is None:
            variant = self.compile(*key)
        variant(*args)

    def compile(self, char: str, parallel: bool) -> Callable:
        """Compile a variant, or load it from disk: for "f" or "d", with threads or without."""
        function = self.function
        # Another name for each, for numba's cache tells functions apart by name and line.
        name = f"{function.__name__}_{np.dtype(char)}_{'threads' if parallel else 'serial'}"
        twin = FunctionType(function.__code__, function.__globals__, name)
        twin.__module__, twin.__qualname__ = function.__module__, name
        with caching() as cache:
            variant = numba.njit(
                types.void(*self.signature(NUMPY_TYPES[char])), parallel=parallel, cache=cache,
                nogil=True, error_model="numpy", fastmath=self.fastmath, boundscheck=False,
            )(twin)  # fmt: skip
        self.variants[char, parallel] = variant
        return variant


def kernel(signature: Callable, fastmath: set[str] = FAST) -> Callable[[FunctionType], Kernel]:
    """Declare a kernel; `signature` gives, for the type of a number, the types of the arguments."""
    return lambda function: Kernel(function, signature, fastmath)
