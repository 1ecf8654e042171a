"""How convolutions are cut into runs and blocks, worked out for each size once and remembered."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

BLOCK_BYTES = 1 << 18  # of padded input, that stays in the second cache
SEEN_BYTES = 1 << 18  # of what some pixels see, side by side


@functools.lru_cache(256)
def plan_pixels(shape, size, itemsize, offsets, depth, groups, stride, relu, threads):
    """The geometry and the bytes a thread works in, for `correlate_gathered`."""
    _, length = joined_runs(offsets, depth // len(offsets), groups)
    places, line = math.prod(size[:3]), itemsize * (depth + 16)
    pixels = max(14, min(SEEN_BYTES // line, -(-places // (4 * threads)))) // 14 * 14
    return np.array([*stride, length, pixels, relu], np.int64), pixels * line


@functools.lru_cache(256)
def plan_rows(shape, size, itemsize, offsets, depth, groups, stride, relu, threads):
    """The same for `correlate`."""
    runs, length = joined_runs(offsets, depth // len(offsets), groups)
    (_, height, width, channels), (n, rows, columns, _) = shape, size
    low, high = runs.min(axis=0), runs.max(axis=0) + np.array([1, length // channels or 1])
    reach = (rows - 1) * stride[0] + high[0], (columns - 1) * stride[1] + high[1]
    padded = low.min() < 0 or reach[0] > height or reach[1] > width
    line = itemsize * channels * ((columns - 1) * stride[1] + high[1] - low[1])
    # As many rows as fit into the cache, but a task for every thread at the least.
    tall = max(1, min(rows, (BLOCK_BYTES // line - (high[0] - low[0])) // stride[0] + 1))
    tall = max(1, min(tall, -(-rows * n // (2 * threads))))
    tall = -(-rows // -(-rows // tall))  # blocks of nearly the same size
    needed = line * ((tall - 1) * stride[0] + high[0] - low[0]) if padded else 0
    return np.array([*stride, length, tall, padded, relu], np.int64), int(needed) + 64


@functools.lru_cache(256)
def joined_runs(offsets, channels, groups):
    """Taps side by side, joined to runs of pixels where contiguous: the runs and their length."""
    offsets = np.array(offsets, np.int64).reshape(-1, 2)
    across = next(i for i in range(1, len(offsets) + 1)
                  if i == len(offsets) or offsets[i, 0] != offsets[0, 0])  # fmt: skip
    line = offsets[:across]
    joined = groups == 1 and np.array_equal(line - line[0], [(0, i) for i in range(across)])
    if not joined:
        return offsets, channels
    return np.ascontiguousarray(offsets[::across]), across * channels


@functools.lru_cache(256)
def tap_offsets(kernel_size, padding, dilation):
    """Where the taps of a filter read, from the pixel of the input that the output's stands for."""
    return tuple(
        (i * dilation[0] - padding[0][0], j * dilation[1] - padding[1][0])
        for i, j in np.ndindex(*kernel_size)
    )


@functools.lru_cache(256)
def residues(kernel_size, stride, padding, dilation):
    """How the gradient of the input falls apart by the residue of a pixel's place.

    Returned are the taps in the order in which they are read, and for each residue: itself, the
    place of its first tap in that order, and how far from the pixel its taps read.
    """
    order: list[int] = []
    parts = []
    for residue in itertools.product(range(stride[0]), range(stride[1])):
        # The taps that fall on such a pixel, the last first.
        rows, columns = (
            [(k, (at + before - k * d) // s) for k in reversed(range(count))
             if (at + before - k * d) % s == 0]
            for at, (before, _), d, s, count in zip(
                residue, padding, dilation, stride, kernel_size, strict=True
            )
        )  # fmt: skip
        first, offsets = len(order), []
        for (i, y), (j, x) in itertools.product(rows, columns):
            order.append(i * kernel_size[1] + j)
            offsets.append((y, x))
        parts.append((residue, first, tuple(offsets)))
    return tuple(order), tuple(parts)
