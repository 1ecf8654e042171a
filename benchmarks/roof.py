"""Prints the operations a second that the innermost loop reaches on all cores: the roof."""

from __future__ import annotations

import time

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, get_num_threads, intp, kernel
from autograd.kernels.compiled.tile import block, call_tile

REPEATS, DEPTH = 2000, 256


@kernel(lambda T: (array(T, 2), array(T, 2), array(T, 3, out=True), intp, array(types.int64, 1)))
def repeat(a, b, c, times, unit):
    """The same tile again and again, a tile for each thread."""
    for t in prange(len(c)):
        for _ in range(times):
            call_tile(
                unit[0], a.ctypes.data, 1, a.shape[1], b.ctypes.data, b.shape[1],
                c.ctypes.data + t * c.strides[0], c.shape[2], len(a), c.shape[1], c.shape[2],
                0, 0, 0,
            )  # fmt: skip


def main() -> None:
    unit, threads = block("f"), get_num_threads()
    rows, columns = int(unit[2]), int(unit[3])
    a, b = np.ones((DEPTH, rows), np.float32), np.ones((DEPTH, columns), np.float32)
    c = np.empty((threads, rows, columns), np.float32)
    best = np.inf
    for _ in range(20):
        start = time.perf_counter()
        repeat(a, b, c, REPEATS, unit, work=1 << 30)
        best = min(best, time.perf_counter() - start)
    print(2 * DEPTH * rows * columns * REPEATS * threads / best)


if __name__ == "__main__":
    main()
