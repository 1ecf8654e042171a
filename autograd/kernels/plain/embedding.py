"""Looking up the rows of a table, adding rows into one, and limiting the norms of rows."""

from __future__ import annotations

import numpy as np


def gather(table, index):
    """Return the rows of `table` that `index`, of any shape, names."""
    return np.take(table, index, axis=0)


def scatter(rows, index, count: int):
    """Add each of `rows` to the row that `index` names in a table of `count` rows of zeros.

    Rows for the same place are brought together by a stable sort and summed in their order.
    """
    index = index.reshape(-1)
    rows = rows.reshape(len(index), rows.shape[-1])
    out = np.zeros((count, rows.shape[1]), rows.dtype)
    if not index.size:
        return out
    order = np.argsort(index, kind="stable")
    index = index[order]
    starts = np.flatnonzero(np.concatenate(([True], index[1:] != index[:-1])))
    out[index[starts]] = np.add.reduceat(rows[order], starts, axis=0)
    return out


def renormalise(table, index, max_norm: float, norm_type: float) -> None:
    """Scale down, in place, the rows named by `index` whose norm is above `max_norm`."""
    index = np.unique(index)
    norms = np.linalg.norm(table[index], ord=norm_type, axis=1)
    above = norms > max_norm
    table[index[above]] *= (max_norm / (norms[above] + 1e-7))[:, None].astype(table.dtype)


def first_peaks(rows, bags, count: int):
    """Return, for each bag and column, the first of `rows` that is the largest of its bag.

    `bags` names the bag of each row. A bag without rows gets -1; NaN counts as larger than all.
    """
    first = np.full((count, rows.shape[1]), -1)
    if not len(bags):
        return first
    order = np.argsort(bags, kind="stable")
    starts = np.flatnonzero(np.diff(bags[order], prepend=-1))
    present = bags[order][starts]
    peaks = np.empty((count, rows.shape[1]), rows.dtype)
    peaks[present] = np.maximum.reduceat(rows[order], starts, axis=0)
    at_peak = (rows == peaks[bags]) | np.isnan(rows)
    places = np.where(at_peak, np.arange(len(rows))[:, None], len(rows))
    first[present] = np.minimum.reduceat(places[order], starts, axis=0)
    return first
