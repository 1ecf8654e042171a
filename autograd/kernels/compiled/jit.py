"""Compiling: the one decorator of all kernels, their cache on disk, and threads.

A kernel is a function of arrays whose loops over independent work are written ``prange``; for much
work threads share them. It is compiled when first called, for the dtype that comes. Nothing is
compiled at import. The compiled code is kept on disk; what must be compiled says so once on stderr.

With the environment variable ``NUMBAGRAD_BOUNDSCHECK=1`` a kernel that would read or write outside
of an array raises an IndexError instead (but not where it works with addresses), and uses no
threads. With numba's ``NUMBA_DISABLE_JIT=1`` kernels run as the Python that they are written in.
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
from autograd.kernels.compiled import loops
from autograd.kernels.compiled.target import TARGET
from autograd.kernels.threads import get_num_threads, set_num_threads

# Sums may be reordered and multiplications fused with additions; the sign of a zero may be lost.
# NaN and infinities are what they are everywhere: `nnan` and `ninf` are not in this set.
FAST = {"contract", "nsz", "reassoc"}
PARALLEL_FROM = 1 << 15  # elementary operations; below, waking a thread costs more than it helps
NUMPY_TYPES = {"f": types.float32, "d": types.float64}
CHECKED = os.environ.get("NUMBAGRAD_BOUNDSCHECK", "0") == "1"
intp = types.intp

if TARGET.bits == 512:  # else LLVM prefers vectors of 256 bits; to be set before the first compile
    numba.config.CPU_FEATURES = TARGET.features + ",-prefer-256-bit"
numba.config.THREADING_LAYER = "omp"  # entered in 3 us; the others take ten times as long
set_num_threads(get_num_threads())  # tells numba too, now that it is loaded


def array(of: types.Type, ndim: int, layout: str = "C", out: bool = False) -> types.Array:
    """The type of an array argument: only read unless `out`; layout "A" admits any strides."""
    return types.Array(of, ndim, layout, readonly=not out)


# -- the cache on disk -----------------------------------------------------------------------------

# The files from which others take functions or numbers into their kernels; a test holds the list.
CORE = (
    "target", "jit", "loops", "apart", "memory", "vectors", "tile", "product", "mathematics",
    "sequence", "layout", "winograd_transform", "few_code", "conv_few", "turn", "pool_code",
    "norm_rows", "attention_blocks",
)  # fmt: skip


def _cache_folder() -> Path | None:
    """A writable folder for compiled code, of this processor and of this state of the core files.

    numba notices a change in the file of a kernel, but not in files from which it takes functions:
    hence the hash.
    """
    core = b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in CORE)
    key = f"{TARGET.bits}-{hashlib.sha256(core).hexdigest()[:16]}{'-checked' * CHECKED}"
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


def declare(function: Callable, *signature: types.Type, fastmath: set[str], **options) -> Callable:
    """Have numba compile a function, when first called or at once for a signature."""
    with caching() as cache:
        return numba.njit(
            *signature, cache=cache, nogil=True, error_model="numpy", fastmath=fastmath,
            boundscheck=CHECKED, no_cfunc_wrapper=True, **options,
        )(function)  # fmt: skip


def inner(function: Callable, fastmath: set[str] = FAST, **options) -> Callable:
    """Declare a function that kernels call; it is compiled with them."""
    return declare(function, fastmath=fastmath, **options)


class Kernel:
    """A kernel, compiled as it is needed, by dtype.

    Calling it with arrays picks by the dtype of the first. Threads share the loops if there is
    enough `work`, in elementary operations; if not given, it is the size of the first.
    """

    def __init__(self, function: FunctionType, signature: Callable, fastmath: set[str]) -> None:
        self.function, self.signature, self.fastmath = function, signature, fastmath
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.variants: dict[str, Callable] = {}

    def __call__(self, *args, work: int | None = None) -> None:
        first = args[0]
        variant = self.variants.get(first.dtype.char)
        if variant is None:
            variant = self.compile(first.dtype.char)
        much = (first.size if work is None else work) >= PARALLEL_FROM and not threads.forked
        variant(*args, get_num_threads() if much else 1)

    def compile(self, char: str) -> Callable:
        """Compile for "f" or "d", or load from disk."""
        function = self.function
        if numba.config.DISABLE_JIT:
            # As in compiled code, infinities and NaN come without warnings.
            quiet = np.errstate(all="ignore")(function)
            variant = self.variants[char] = lambda *args: quiet(*args[:-1])
            return variant
        names = {**function.__globals__, "_launch": LAUNCH, **loops.WORDS}
        *parts, whole = loops.outlined(function, CHECKED)
        for part in parts:
            twin = self._named(part, names, char)
            names[part.__name__] = inner(twin, self.fastmath, no_cpython_wrapper=True)
        signature = types.void(*self.signature(NUMPY_TYPES[char]), intp)
        variant = declare(self._named(whole, names, char), signature, fastmath=self.fastmath)
        self.variants[char] = variant
        return variant

    def _named(self, part: FunctionType, names: dict, char: str) -> FunctionType:
        # Another name for each dtype: numba's cache tells functions apart by name and line.
        twin = FunctionType(part.__code__, names, f"{part.__name__}_{np.dtype(char)}")
        twin.__module__, twin.__qualname__ = self.function.__module__, twin.__name__
        return twin


LAUNCH = inner(loops.launch, parallel=True, no_cpython_wrapper=True)


def kernel(signature: Callable, fastmath: set[str] = FAST) -> Callable[[FunctionType], Kernel]:
    """Declare a kernel; `signature` gives, for the type of a number, the types of the arguments."""
    return lambda function: Kernel(function, signature, fastmath)
