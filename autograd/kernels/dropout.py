"""Random masks, and their application."""

from __future__ import annotations

import numpy as np


def keep_mask(stream: np.random.Generator, shape, p: float):
    """A bool mask whose elements are False, independently, with probability `p`."""
    return stream.random(shape, dtype=np.float32) >= p


def apply(x, mask, scale: float):
    """Return x * scale where the mask is True and x * 0 (so NaN stays NaN) where it is not."""
    out = x * mask
    out *= scale
    return out
