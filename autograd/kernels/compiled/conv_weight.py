"""The gradient of a convolution with respect to its weight.

It is a product of matrices: the errors, (outputs, pixels), times the inputs that each pixel sees,
(pixels, taps and channels). Of the second a strip as wide as a tile and a few hundred pixels deep
is gathered at a time into the first cache, with zeros for what lies outside of the image.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, get_num_threads, kernel
from autograd.kernels.compiled.layout import gather
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, ROWS, SIZE, TILE
from autograd.kernels.compiled.tile import block, call_tile

PIXELS = 256  # that a strip is deep
PARTS = 8  # of the pixels, summed apart, where there are too few strips to share
int64 = types.int64


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 4, out=True), array(int64, 2),
                   array(int64, 1), array(int64, 1), array(types.uint8, 2, out=True)))  # fmt: skip
def correlate_outputs(x, g, out, runs, geometry, unit, space):
    """Add ``g[n, y, x, o] x[n, y * sy + run y, ...]`` to out (parts, G, O / G, runs and elements).

    `geometry`: strides and the length of a run. Each part of the pixels has sums of its own.
    """
    n, height, width, channels = x.shape
    _, rows, columns, outputs = g.shape
    parts, groups, per_group, depth = out.shape
    stride_y, stride_x, length = geometry
    size, high, wide = unit[SIZE], unit[ROWS], unit[COLUMNS]
    strips, tiles, given = (
        (depth + wide - 1) // wide,
        (per_group + high - 1) // high,
        channels // groups,
    )
    places, threads = n * rows * columns, len(space)
    for thread in prange(threads):
        strip = space[thread].ctypes.data
        for task in range(thread, parts * groups * strips, threads):
            part, group = task // (groups * strips), task // strips % groups
            begin = task % strips * wide
            end = min(depth, begin + wide)
            begun, last = places * part // parts, places * (part + 1) // parts
            sums = out.ctypes.data + size * (task // strips * per_group * depth + begin)
            for first in range(begun, last, PIXELS):
                count = min(PIXELS, last - first)
                gather(
                    size, x.ctypes.data, (height, width, channels), (rows, columns),
                    (stride_y, stride_x), runs, length, begin, end, group * given, first, count,
                    strip, wide,
                )  # fmt: skip
                done = 0
                for t in range(tiles):
                    now = (per_group - done) // (tiles - t)
                    error = first * outputs + group * per_group + done
                    call_tile(
                        unit[TILE], g.ctypes.data + size * error, 1, outputs, strip, wide,
                        sums + size * done * depth, depth, count, now, end - begin, 1, 0, 0,
                    )  # fmt: skip
                    done += now


def gradient(g, x, runs, length, count, stride, groups) -> np.ndarray:
    """The gradient as taps (O, taps, C), of errors g and images x (N, H, W, channels).

    Each of the `runs` begins at its offset (y, x) and has `length` numbers; `count` is their sum.
    """
    unit = block(x.dtype.char)
    outputs, wide = g.shape[3], int(unit[COLUMNS])
    # The number of parts depends on nothing but the sizes: so does the order of the sums.
    parts = PARTS if groups * -(-count // wide) < 2 * PARTS else 1
    out = np.zeros((parts, groups, outputs // groups, count), x.dtype)
    threads = get_num_threads()
    correlate_outputs(
        x, g, out, runs, np.array([*stride, length], np.int64), unit,
        workspace(threads, PIXELS * wide * x.itemsize), work=g.size * count // 32,
    )  # fmt: skip
    return out.sum(axis=0) if parts > 1 else out[0]
