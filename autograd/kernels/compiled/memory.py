"""Memory that kernels work in: kept from call to call, aligned for the widest vectors."""

from __future__ import annotations

import ctypes
import threading

import numpy as np

ALIGNED = 64  # bytes, a line of the cache
_kept = threading.local()
# The address of its data is the first thing in an array object (`PyArrayObject_fields` in NumPy's
# C interface), behind what all Python objects have; and `id` is the address of the object. Asking
# NumPy for the address takes a microsecond, which is too long for what a small network computes.
HEADER = object.__basicsize__


def address_of(array: np.ndarray) -> int:
    """Where the numbers of an array begin."""
    return ctypes.c_size_t.from_address(id(array) + HEADER).value


def workspace(count: int, size: int) -> np.ndarray:
    """`count` rows of at least `size` bytes each, every one aligned: scratch memory of this thread.

    What it held is lost by the next call.
    """
    row = -(-size // ALIGNED) * ALIGNED
    memory = getattr(_kept, "memory", None)
    if memory is None or memory.size < count * row:
        raw = np.empty(count * row + ALIGNED, np.uint8)
        start = -address_of(raw) % ALIGNED
        memory = _kept.memory = raw[start : start + count * row]
    return memory[: count * row].reshape(count, row)


def keep_freed_memory() -> None:
    """Have the C library keep big blocks that are freed, for the next array of that size.

    By default it returns them to the system and asks again for the next, whose every page the
    system then has to clear: for an array of 40 MB that takes as long as adding two of them. Only
    glibc has this switch; elsewhere nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD and M_MMAP_MAX of malloc.h
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(mmap_max, 0)
