"""What compiles the kernels: the sharing of loops, the cache's list of files, and the switches."""

from __future__ import annotations

import ast
import importlib
import os
import subprocess
import sys
from numbers import Number
from pathlib import Path

import numpy as np
import pytest

numba = pytest.importorskip("numba")

from autograd.kernels import compiled  # noqa: E402
from autograd.kernels.compiled import jit  # noqa: E402
from autograd.kernels.compiled.jit import array, intp, kernel  # noqa: E402

prange = numba.prange
FOLDER = Path(compiled.__file__).parent
ROOT = Path(__file__).resolve().parent.parent


@kernel(lambda T: (array(T, 2), array(T, 2, out=True), array(T, 1, out=True), intp))
def steps(x, out, total, times):
    """Loops in a loop and in a branch, which take variables, and what is between them."""
    rows, scale = len(x), 2 * x.dtype.type(times)
    for _ in range(times):
        for i in prange(rows):
            scaled = x[i, -1] * scale
            for j in range(x.shape[1]):
                out[i, j] += x[i, j] * scaled
        total[0] = 0
        for i in range(rows):
            total[0] += out[i, 0]
        if times > 1:
            for i in prange(rows - 1):
                out[i + 1, 0] += total[0]


def plain_steps(x, out, total, times):
    for _ in range(times):
        out += x * (x[:, -1:] * (2 * times))
        total[0] = out[:, 0].sum()
        if times > 1:
            out[1:, 0] += total


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 64])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("dtype", "fd")
def test_shared_loops_do_what_the_kernel_says(rows, times, dtype):
    x = np.random.default_rng(rows).standard_normal((rows, 5)).astype(dtype)
    results = []
    for run in (plain_steps, *(lambda *a, w=w: steps(*a, work=w) for w in (0, jit.PARALLEL_FROM))):
        out, total = np.ones_like(x), np.zeros(1, dtype)
        run(x, out, total, times)
        results.append((out, total))
    expected, serial, shared = results
    for a, b, c in zip(expected, serial, shared, strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-5 if dtype == "f" else 1e-12)
        assert np.array_equal(b, c)


# -- the cache on disk -----------------------------------------------------------------------------


def taken_from_others():
    """(file, name) of all functions and numbers that one file of kernels takes from another."""
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            home = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if home.startswith(f"{compiled.__name__}."):
                for name in node.names:
                    yield home.rpartition(".")[2], name.name


def in_kernels(module: str, name: str) -> bool:
    """Whether compiled code may hold what has this name: a function for it, or a number."""
    value = getattr(importlib.import_module(f"{compiled.__name__}.{module}"), name)
    kinds = (numba.core.dispatcher.Dispatcher, numba.core.extending._Intrinsic, Number, tuple)
    return isinstance(value, kinds)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="then nothing is compiled, and nothing kept")
def test_a_change_in_a_file_others_take_from_is_noticed():
    missing = {f for f, name in taken_from_others() if f not in jit.CORE and in_kernels(f, name)}
    assert not missing, f"numba does not see changes there: add to jit.CORE {sorted(missing)}"


# -- the switches ----------------------------------------------------------------------------------

OUTSIDE = """
import numpy as np
from numba import prange
from autograd.kernels.compiled.jit import array, kernel

@kernel(lambda T: (array(T, 1), array(T, 1, out=True)))
def shift(x, out):
    for i in prange(len(x)):
        out[i] = x[i + 1]

try:
    shift(np.ones(3, np.float32), np.ones(3, np.float32), work=1 << 20)
except IndexError:
    print("caught")
"""


WATCH = """
import os

def ticks():  # of the processor's time, by thread
    fields = {}
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/stat") as file:
            fields[thread] = file.read().rpartition(")")[2].split()
    return {thread: int(f[11]) + int(f[12]) for thread, f in fields.items()}

import numpy as np
blas = ticks().keys() - {str(os.getpid())}
import autograd as ag
before = ticks()
for m, n, k in ((50, 51, 51), (8, 128, 127), (127, 8, 128), (1, 500, 260), (120, 1, 1000)):
    for _ in range(2000):
        ag.ones(m, k) @ ag.ones(k, n)
after = ticks()
print(sum(after[thread] - before[thread] for thread in blas))
"""


def run(*command, **environment):
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux does")
def test_the_threads_of_blas_are_never_woken(tmp_path):
    script = tmp_path / "watch.py"
    script.write_text(WATCH)
    assert int(run(str(script))) <= 2


PAGES = """
import ctypes, resource
import numpy as np
from autograd.kernels import activation

x, faults = np.ones(1 << 24, np.float32), []  # too many bytes for the C library to keep by itself
for _ in range(4):
    activation.relu(x)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
print(faults[-1] - faults[-2] if hasattr(ctypes.CDLL(None), "mallopt") else 0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the switch is glibc's")
def test_freed_memory_is_kept_whatever_is_compiled():
    assert int(run("-c", PAGES)) < 4


def test_bounds_are_checked_when_asked(tmp_path):
    script = tmp_path / "outside.py"
    script.write_text(OUTSIDE)
    assert run(str(script), NUMBAGRAD_BOUNDSCHECK="1") == "caught\n"


def test_kernels_are_the_python_they_are_written_in():
    files = (f"tests/test_kernels_{family}.py" for family in ("softmax", "loss"))
    options = "--hypothesis-profile=ci", "-p", "no:cacheprovider", "-o", "addopts="
    run("-m", "pytest", "-q", "--import-mode=importlib", *options, *files, NUMBA_DISABLE_JIT="1")
