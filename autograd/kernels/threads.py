"""How many threads kernels use; this much is known without loading numba.

NumPy's BLAS has threads of its own, which would be in the way of ours: both kinds wait for work in
a loop for a while. They do not meet. Compiled kernels call no BLAS, and of the products in float32
and float64 NumPy is left those of fewer than 2^17 multiplications (`choose.least`, `gemm`), for
which OpenBLAS wakes nobody: it does from 2^18 on. A test watches its threads. What remains is
`numpy.linalg`, and a program's own NumPy; ``python -m models`` gives BLAS one thread to begin with.
"""

from __future__ import annotations

import os
import sys


def _cores() -> int:
    """The cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


MOST = int(os.environ.get("NUMBA_NUM_THREADS", 0)) or _cores()
_count = MOST
forked = False  # in a forked child OpenMP cannot be used again: its threads did not survive


def set_num_threads(count: int) -> None:
    """Set how many threads the compiled kernels use; results do not depend on it, to the bit.

    At first all cores are used, or as many as the environment variable ``NUMBA_NUM_THREADS`` says,
    which is also the most that can be set.

    Raises
    ------
    ValueError
        If there are not so many.

    Examples
    --------
    >>> import autograd as ag
    >>> before = ag.get_num_threads()
    >>> ag.set_num_threads(1)
    >>> ag.get_num_threads()
    1
    >>> ag.set_num_threads(before)
    """
    global _count
    if not 1 <= count <= MOST:
        raise ValueError(
            f"set_num_threads expected between 1 and {MOST} (the cores this process may use, or "
            f"NUMBA_NUM_THREADS), got {count}"
        )
    _count = int(count)
    if "numba" in sys.modules:
        sys.modules["numba"].set_num_threads(_count)


def get_num_threads() -> int:
    """Return how many threads the compiled kernels use; see `set_num_threads`."""
    return _count


def _in_child() -> None:
    global _count, forked
    _count, forked = 1, "numba" in sys.modules


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
