"""Looking up the rows of a table, and adding rows into one."""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, get_num_threads, intp, kernel
from autograd.kernels.compiled.product import LANES, SIZE, copy_row
from autograd.kernels.compiled.tile import block

int64 = types.int64


@kernel(lambda T: (array(T, 2), array(int64, 1), array(T, 2, out=True), intp, array(int64, 1)))
def copy_rows(table, index, out, parts, unit):
    """Row i of `out` is that row of the table which `index` names."""
    size, columns = unit[SIZE], table.shape[1]
    for part in prange(parts):
        for i in range(len(index) * part // parts, len(index) * (part + 1) // parts):
            copy_row(
                size, table.ctypes.data + size * columns * index[i],
                out.ctypes.data + size * columns * i, columns,
            )  # fmt: skip


@kernel(lambda T: (array(T, 2), array(int64, 1), array(T, 2, out=True), intp, array(int64, 1)))
def add_rows(rows, index, table, parts, unit):
    """Add each row to that of the table which `index` names, in their order; columns in parts."""
    lanes, columns = unit[LANES], rows.shape[1]
    vectors = (columns + lanes - 1) // lanes
    for part in prange(parts):
        first, last = vectors * part // parts * lanes, vectors * (part + 1) // parts * lanes
        last = min(last, columns)
        for i in range(len(index)):
            row = index[i]
            for j in range(first, last):
                table[row, j] += rows[i, j]


def gather(table, index):
    """Return the rows of `table` that `index`, of any shape, names."""
    numbers = np.ascontiguousarray(index, np.int64).reshape(-1)
    if (
        not table.shape[1]
        or not numbers.size
        or not 0 <= numbers.min() <= numbers.max() < len(table)
    ):
        return np.take(table, index, axis=0)  # nothing, or an error, or from the end
    out = np.empty((numbers.size, table.shape[1]), table.dtype)
    copy_rows(
        np.ascontiguousarray(table), numbers, out, get_num_threads(), block(table.dtype.char),
        work=out.size,
    )  # fmt: skip
    return out.reshape(*index.shape, table.shape[1])


def scatter(rows, index, count: int):
    """Add each of `rows` to the row that `index` names in a table of `count` rows of zeros.

    Rows for the same place are summed in their order.
    """
    index = np.ascontiguousarray(index, np.int64).reshape(-1)
    rows = np.ascontiguousarray(rows.reshape(len(index), rows.shape[-1]))
    out = np.zeros((count, rows.shape[1]), rows.dtype)
    if not rows.size:
        return out
    if not -count <= index.min() <= index.max() < count:
        raise IndexError(f"expected rows from 0 to {count - 1}, got {index.min()} to {index.max()}")
    add_rows(
        rows, np.where(index < 0, index + count, index) if index.min() < 0 else index, out,
        get_num_threads(), block(rows.dtype.char),
    )  # fmt: skip
    return out
