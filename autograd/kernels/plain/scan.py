"""Recurrences along the last axis."""

from __future__ import annotations

import numpy as np


def decayed_sum(x: np.ndarray, decay: np.ndarray) -> np.ndarray:
    """Return r with ``r[i] = x[i] + decay[i] * r[i + 1]``, from the end of the last axis."""
    out = np.array(x)
    for i in range(x.shape[-1] - 2, -1, -1):
        out[..., i] += decay[..., i] * out[..., i + 1]
    return out
