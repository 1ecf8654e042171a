"""Symmetric indefinite matrices as ``L @ D @ L.T``, D of 1 x 1 and 2 x 2 blocks, and solutions.

The pivots are chosen as Bunch and Kaufman do ("Some stable methods for calculating inertia and
solving symmetric linear systems", 1977), and stored as by LAPACK's sytrf: ``p`` where rows k and
p - 1 were swapped for a block of one, ``-p`` twice where rows k + 1 and p - 1 were for one of two.
"""

from __future__ import annotations

import numpy as np

RATIO = (1 + 17**0.5) / 8  # between diagonal and column: keeps the growth of elements smallest


@np.errstate(all="ignore")  # nan in, nan out
def factor(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """L and D in one array, the pivots, and the number of the first zero block of D, or 0."""
    packed, stack = np.tril(a), a.shape[:-2]
    pivots, info = np.zeros(a.shape[:-1], np.int32), np.zeros(stack, np.int32)
    for index in np.ndindex(stack):
        info[index] = _factor_one(packed[index], pivots[index])
    return packed, pivots, info


def _factor_one(a: np.ndarray, pivots: np.ndarray) -> int:
    """Factorise the lower triangle of one matrix in place."""
    n, k, info = len(a), 0, 0
    while k < n:
        row, size = _pivot(a, k)
        if size == 0:  # a column of zeros: nothing to eliminate
            info, size = info or k + 1, 1
        else:
            _swap(a, k, k + size - 1, row)
            block, below = slice(k, k + size), slice(k + size, n)
            d = np.tril(a[block, block]) + np.tril(a[block, block], -1).T
            multipliers = np.linalg.solve(d, a[below, block].T).T
            a[below, below] -= np.tril(multipliers @ a[below, block].T)
            a[below, block] = multipliers
        pivots[k : k + size] = row + 1 if size == 1 else -(row + 1)
        k += size
    return info


def _pivot(a: np.ndarray, k: int) -> tuple[int, int]:
    """Which row to swap in for step k, and the size of the block; 0 if the column has no pivot."""
    diagonal, column = abs(a[k, k]), np.abs(a[k + 1 :, k])
    largest = column.max(initial=0)
    if max(diagonal, largest) == 0 or np.isnan(diagonal):
        return k, 0
    if diagonal >= RATIO * largest:
        return k, 1
    row = k + 1 + int(column.argmax())
    in_row = max(np.abs(a[row, k:row]).max(), np.abs(a[row + 1 :, row]).max(initial=0))
    if diagonal >= RATIO * largest * (largest / in_row):
        return k, 1
    return (row, 1) if abs(a[row, row]) >= RATIO * in_row else (row, 2)


def _swap(a: np.ndarray, k: int, i: int, j: int) -> None:
    """Swap rows and columns i <= j of the symmetric matrix that is left at step k."""
    if i == j:
        return
    order = np.arange(len(a))
    order[[i, j]] = j, i
    left = slice(k, len(a))
    rest = a[left, left] + np.tril(a[left, left], -1).T
    a[left, left] = np.tril(rest[np.ix_(order[left] - k, order[left] - k)])


def solve(packed: np.ndarray, pivots: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The x in ``a @ x = b``, given what `factor` made of a."""
    stack = np.broadcast_shapes(packed.shape[:-2], b.shape[:-2])
    packed = np.broadcast_to(packed, stack + packed.shape[-2:])
    pivots = np.broadcast_to(pivots, stack + pivots.shape[-1:])
    x = np.broadcast_to(b, stack + b.shape[-2:]).copy()
    for index in np.ndindex(stack):
        _solve_one(packed[index], pivots[index], x[index])
    return x


def _solve_one(a: np.ndarray, pivots: np.ndarray, x: np.ndarray) -> None:
    """Solve for the columns of `x` in place: by L and D downwards, by L.T upwards."""
    starts, k = [], 0
    while k < len(a):
        starts.append(k)
        k += 1 if pivots[k] > 0 else 2
    blocks = [(k, k + (1 if pivots[k] > 0 else 2)) for k in starts]
    for k, end in blocks:
        _swap_rows(x, end - 1, abs(pivots[k]) - 1)
        d = np.tril(a[k:end, k:end]) + np.tril(a[k:end, k:end], -1).T
        x[end:] -= a[end:, k:end] @ x[k:end]
        x[k:end] = x[k:end] / d if len(d) == 1 else np.linalg.solve(d, x[k:end])
    for k, end in reversed(blocks):
        x[k:end] -= a[end:, k:end].T @ x[end:]
        _swap_rows(x, end - 1, abs(pivots[k]) - 1)


def _swap_rows(x: np.ndarray, i: int, j: int) -> None:
    x[[i, j]] = x[[j, i]]
