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
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FunctionType

import numba
import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.core import event
from numba.core.caching import CompileResultCacheImpl, FunctionCache, NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler_lock import global_compiler_lock
from numba.core.runtime import rtsys

from autograd.kernels import threads
from autograd.kernels.compiled import loops
from autograd.kernels.compiled.memory import keep_freed_memory
from autograd.kernels.compiled.target import TARGET
from autograd.kernels.threads import get_num_threads, set_num_threads

# Sums may be reordered and multiplications fused with additions; the sign of a zero may be lost.
# NaN and infinities are what they are everywhere: `nnan` and `ninf` are not in this set.
FAST = {"contract", "nsz", "reassoc"}
PARALLEL_FROM = 1 << 15  # elementary operations; below, waking a thread costs more than it helps
NUMPY_TYPES = {"f": types.float32, "d": types.float64}
CHECKED = os.environ.get("NUMBAGRAD_BOUNDSCHECK", "0") == "1"
AS_USUAL = inspect.Parameter.POSITIONAL_OR_KEYWORD
intp = types.intp

if TARGET.bits == 512:  # else LLVM prefers vectors of 256 bits; to be set before the first compile
    numba.config.CPU_FEATURES = TARGET.features + ",-prefer-256-bit"
numba.config.THREADING_LAYER = "omp"  # entered in 3 us; the others take ten times as long
set_num_threads(get_num_threads())  # tells numba too, now that it is loaded
keep_freed_memory()  # whoever has anything compiled works on arrays large enough


def array(of: types.Type, ndim: int, layout: str = "C", out: bool = False) -> types.Array:
    """The type of an array argument: only read unless `out`; layout "A" admits any strides."""
    return types.Array(of, ndim, layout, readonly=not out)


# -- the cache on disk -----------------------------------------------------------------------------

# The files from which others take functions or numbers into their kernels; a test holds the list.
CORE = (
    "target", "jit", "loops", "apart", "memory", "vectors", "tile", "product", "mathematics",
    "sequence", "layout", "winograd_transform", "winograd_tiles", "few_code", "conv_few", "turn",
    "pool_code", "norm_rows", "attention_blocks", "narrow_code", "slide_code",
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


class _Reduced(CompileResultCacheImpl):
    """What is kept of compiled code: without that by which other code could be linked to it.

    Nothing is, but its names have to be there. To read the rest takes longer than all else.
    """

    def reduce(self, result):
        (name, kind, (code, linkable)), *others = super().reduce(result)
        full, names = binding.parse_bitcode(linkable), ir.Module()
        for function in full.functions:
            if not function.is_declaration:
                kept = ir.Function(names, ir.FunctionType(ir.VoidType(), []), function.name)
                ir.IRBuilder(kept.append_basic_block()).ret_void()
        for variable in full.global_variables:
            if not variable.is_declaration:
                kept = ir.GlobalVariable(names, ir.IntType(8), variable.name)
                kept.initializer = ir.Constant(kept.value_type, 0)
        return (name, kind, (code, binding.parse_assembly(str(names)).as_bitcode())), *others


class _Cache(FunctionCache):
    _impl_class = _Reduced

    def load_overload(self, sig, target_context):
        """Load without what only compiling needs: here numba imports a hundred modules."""
        rtsys.initialize(target_context)
        with self._guard_against_spurious_io_errors():
            return self._load_overload(sig, target_context)


def cache_of(function: FunctionType) -> FunctionCache | NullCache:
    """Where code that nothing is linked to is kept."""
    with caching() as possible:
        return _Cache(function) if possible else NullCache()


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


def declare(function: Callable, fastmath: set[str], **options) -> Callable:
    """Have numba compile a function when asked to."""
    return numba.njit(
        nogil=True, error_model="numpy", fastmath=fastmath, boundscheck=CHECKED,
        no_cfunc_wrapper=True, **options,
    )(function)  # fmt: skip


def inner(function: Callable, fastmath: set[str] = FAST, **options) -> Callable:
    """Declare a function that kernels call; it is compiled with them."""
    with caching() as cache:
        return declare(function, fastmath, cache=cache, **options)


def callback(function: Callable, kind: types.Type, **options) -> CFunc:
    """Compile a function at once, or load it from disk, to be called by its address."""
    code = CFunc(function, (kind.args, kind.return_type), {}, options)
    code._cache = cache_of(function)
    code.compile()
    return code


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

    @global_compiler_lock
    def compile(self, char: str) -> Callable:
        """Compile for "f" or "d", or load from disk."""
        function = self.function
        if numba.config.DISABLE_JIT:
            # As in compiled code, infinities and NaN come without warnings.
            quiet = np.errstate(all="ignore")(function)
            variant = self.variants[char] = lambda *args: quiet(*args[:-1])
            return variant
        signature = types.void(*self.signature(NUMPY_TYPES[char]), intp)
        # Stands for the code on disk, which takes the number of parts too; it is never compiled.
        original = self._named(function, function.__globals__, char)
        takes, parts = inspect.signature(function), inspect.Parameter(loops.PARTS, AS_USUAL)
        takes = takes.replace(parameters=[*takes.parameters.values(), parts])
        original.__signature__ = takes
        variant, cache = declare(original, self.fastmath), cache_of(original)
        code = cache.load_overload(signature, variant.targetctx)
        if code is None:
            variant = self._outlined(char)
            variant.compile(signature)
            cache.save_overload(signature, variant.overloads[signature.args])
        else:
            variant.add_overload(code)
        variant.disable_compile()
        self.variants[char] = variant
        return variant

    def _outlined(self, char: str) -> Callable:
        """Declare the kernel with its loops made functions of their own."""
        names = {**self.function.__globals__, "_launch": LAUNCH, **loops.WORDS}
        *parts, whole = loops.outlined(self.function, CHECKED)
        for part in parts:
            twin = self._named(part, names, char)
            names[part.__name__] = inner(twin, self.fastmath, no_cpython_wrapper=True)
        return declare(self._named(whole, names, char), self.fastmath)

    def _named(self, part: FunctionType, names: dict, char: str) -> FunctionType:
        # Another name for each dtype: numba's cache tells functions apart by name and line.
        twin = FunctionType(part.__code__, names, f"{part.__name__}_{np.dtype(char)}")
        twin.__module__, twin.__qualname__ = self.function.__module__, twin.__name__
        return twin


LAUNCH = inner(loops.launch, parallel=True, no_cpython_wrapper=True)


def kernel(signature: Callable, fastmath: set[str] = FAST) -> Callable[[FunctionType], Kernel]:
    """Declare a kernel; `signature` gives, for the type of a number, the types of the arguments."""
    return lambda function: Kernel(function, signature, fastmath)
