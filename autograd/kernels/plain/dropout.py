"""Random masks applied; they are drawn in `random`."""

from __future__ import annotations


def apply(x, mask, scale: float):
    """Return x * scale where the mask is True and x * 0 (so NaN stays NaN) where it is not."""
    out = x * mask
    out *= scale
    return out
