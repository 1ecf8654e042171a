"""Where the windows of a pooling lie: regular ones by kernel, stride, padding and dilation,
adaptive ones by how many there are to be.
"""

from __future__ import annotations

import functools

from autograd.errors import DtypeError, ShapeError
from autograd.ops.conv import AXES, per_axis


def check_plane(input, axes: int) -> None:
    """Refuse what is not a batch of channels, or one sample's, with elements to pool."""
    if input.ndim not in (axes + 1, axes + 2) or 0 in input.shape[-axes - 1 :]:
        space = AXES[axes]
        raise ShapeError(
            f"expected an input (N, C, {space}) or (C, {space}) with elements, "
            f"got {list(input.shape)}"
        )


def check_float(input) -> None:
    """Refuse integers, whose mean is not one."""
    if input.dtype.kind != "f":
        raise DtypeError(f"expected floats to average, got {input.dtype}: convert with .float()")


def find_windows(plane, kernel_size, stride, padding, dilation, ceil_mode) -> tuple:
    """Kernel, stride, padding, dilation and number of windows, one for each axis of `plane`."""
    axes = len(plane)
    kernel = per_axis(kernel_size, "kernel_size", 1, axes)
    absent = stride is None or stride == ()
    stride = kernel if absent else per_axis(stride, "stride", 1, axes)
    padding = per_axis(padding, "padding", 0, axes)
    dilation = per_axis(dilation, "dilation", 1, axes)
    size = _counts(tuple(plane), kernel, stride, padding, dilation, bool(ceil_mode))
    return kernel, stride, padding, dilation, size


@functools.lru_cache(256)
def _counts(plane, kernel, stride, padding, dilation, ceil_mode: bool) -> tuple[int, ...]:
    """The number of windows along each axis."""
    return tuple(map(_count, plane, kernel, stride, padding, dilation, (ceil_mode,) * len(plane)))


def _count(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """The number of windows along an axis of `n` elements."""
    span = d * (k - 1) + 1
    if p > span // 2:
        raise ShapeError(f"expected padding of at most half the window, {span}, got {p}")
    count, rest = divmod(n + 2 * p - span, s)
    count += 1
    # In ceil_mode a last, incomplete window counts, unless it starts beyond the input.
    count += bool(ceil_mode and rest and count * s < n + p)
    if count < 1:
        raise ShapeError(
            f"the window does not fit: it spans {span}, the input {n + 2 * p} (size {n}, padding "
            f"2 x {p})"
        )
    starts = [i * s - p for i in range(count)]
    if d > 1 and any(start + max(0, -(start // d)) * d >= n for start in starts):
        raise ShapeError(f"a window of dilation {d} would miss all {n} elements of the input")
    return count


@functools.lru_cache(256)
def spans(count: int, size: int) -> tuple[tuple[int, int], ...]:
    """Cut `size` elements into `count` spans as equal as can be; they may overlap by one."""
    return tuple((i * size // count, -((i + 1) * size // -count)) for i in range(count))


def adaptive_size(output_size, plane) -> tuple[int, ...]:
    """The output size asked for, None standing for the input's."""
    axes = len(plane)
    sizes = tuple(output_size) if hasattr(output_size, "__iter__") else (output_size,) * axes
    if len(sizes) != axes:
        return per_axis(output_size, "output_size", 1, axes)
    sizes = tuple(n if s is None else s for s, n in zip(sizes, plane, strict=True))
    return per_axis(sizes, "output_size", 1, axes)
