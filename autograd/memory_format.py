"""The order in which elements lie in memory, by PyTorch's names; shapes and values do not change.

NumPy's strides say all there is to say about it, so a format is a name and no part of a tensor.
"""

from __future__ import annotations

import numpy as np

from autograd.errors import ArgumentError, ShapeError

__all__ = ["channels_last", "channels_last_3d", "contiguous_format", "preserve_format"]

contiguous_format = "contiguous_format"  # C order
preserve_format = "preserve_format"  # that of the tensor at hand, without its gaps
channels_last = "channels_last"  # (N, C, H, W) with the channels of a pixel side by side
channels_last_3d = "channels_last_3d"  # likewise (N, C, D, H, W)

_AXES = {channels_last: 4, channels_last_3d: 5}


def is_laid_out(array: np.ndarray, memory_format) -> bool:
    """Whether the elements of `array` lie in memory as the format says, without gaps."""
    return bool(_outermost_first(array, memory_format).flags.c_contiguous)


def laid_out(array: np.ndarray, memory_format) -> np.ndarray:
    """A copy of `array` whose elements lie in memory as the format says."""
    if _name(memory_format) == preserve_format:
        # An expanded axis has stride 0, from which "K" would read a meaningless order of axes.
        return array.copy("C" if 0 in array.strides else "K")
    copy = _outermost_first(array, memory_format).copy("C")
    return np.moveaxis(copy, -1, 1) if _name(memory_format) in _AXES else copy


def _outermost_first(array: np.ndarray, memory_format) -> np.ndarray:
    """A view that is in C order if `array` has the format."""
    name = _name(memory_format)
    if name not in _AXES:
        return array
    if array.ndim != _AXES[name]:
        raise ShapeError(f"{name} expected a tensor of {_AXES[name]} axes, got {array.shape}")
    return np.moveaxis(array, 1, -1)


def _name(memory_format) -> str:
    if memory_format in __all__:
        return memory_format
    name = str(memory_format).rpartition(".")[2]  # that of a foreign object: torch.channels_last
    if name not in __all__:
        raise ArgumentError(
            f"memory_format expected one of {', '.join(__all__)}, got {memory_format!r}"
        )
    return name
