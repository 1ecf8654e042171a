"""Resampling along one axis: each new element is a weighted sum of a few old ones, its taps."""

from __future__ import annotations

import numpy as np


def forward(x, places, weights, axis):
    """Sum ``weights[i, t] * x[places[i, t]]`` over t, for each new element i of an axis."""
    rows = np.moveaxis(x, axis, 0)
    along = (slice(None), *(None,) * (x.ndim - 1))
    out = rows[places[:, 0]]
    if places.shape[1] == 1:  # the nearest element, which counts wholly
        return np.moveaxis(out, 0, axis)
    weights = weights.astype(x.dtype)
    out *= weights[:, 0][along]
    for tap in range(1, places.shape[1]):
        out += rows[places[:, tap]] * weights[:, tap][along]
    return np.moveaxis(out, 0, axis)


def adjoint(g, places, weights, axis, length):
    """The adjoint of `forward`: add every new element, weighted, to its taps in `length` zeros.

    Contributions are brought into the order of where they go, so that each old element sums one
    stretch of them.
    """
    taps = places.shape[1]
    order = np.argsort(places, axis=None, kind="stable")
    shares = np.moveaxis(g, axis, 0)[order // taps]
    if taps > 1:
        shares *= weights.astype(g.dtype).reshape(-1)[order].reshape(-1, *(1,) * (g.ndim - 1))
    reached, starts = np.unique(places.reshape(-1)[order], return_index=True)
    out = np.zeros((length, *shares.shape[1:]), g.dtype)
    out[reached] = np.add.reduceat(shares, starts, axis=0)
    return np.moveaxis(out, 0, axis)
