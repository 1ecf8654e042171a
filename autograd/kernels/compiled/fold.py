"""Images of one channel as images of as many channels as a filter has rows.

What a column of the filter sees, below a pixel, becomes that pixel's channels; the filter then has
one row. So the numbers that an output pixel sees lie side by side, as one long run in place of
several short ones, and each is copied only once for every row of the filter.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.arrays import empty
from autograd.kernels.compiled.jit import array, get_num_threads, kernel
from autograd.kernels.compiled.layout import copy_padded
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import LANES, SIZE, TRANSPOSE
from autograd.kernels.compiled.tile import block, call_transpose, copy_number

int64 = types.int64


@kernel(lambda T: (array(T, 3), array(T, 4, out=True), array(int64, 1), array(int64, 1),
                   array(types.uint8, 2, out=True)))  # fmt: skip
def fold(x, out, geometry, unit, space):
    """Write ``out[n, y, x, i] = x[n, y * stride + i * dilation - above, x - left]``, or zeros.

    `geometry`: stride and dilation of rows, the padding above and at the left.
    """
    n, height, width = x.shape
    _, rows, columns, taps = out.shape
    stride, dilation, above, left = geometry
    lanes, size, threads = unit[LANES], unit[SIZE], len(space)
    deep = (rows - 1) * stride + (taps - 1) * dilation + 1
    for thread in prange(threads):
        padded = space[thread].ctypes.data
        for image in range(thread, n, threads):
            source = x.ctypes.data + size * image * height * width
            copy_padded(size, source, height, width, 1, -above, -left, deep, columns, padded)
            for y in range(rows):
                begin = padded + size * y * stride * columns
                target = out.ctypes.data + size * (image * rows + y) * columns * taps
                # Whole squares as vectors: each pixel written runs over into the next ones, which
                # are written after it. So the image must not end there.
                done, room = 0, (rows - y) * columns * taps
                while (
                    taps <= lanes and done < columns and (done + lanes - 1) * taps + lanes <= room
                ):
                    call_transpose(
                        unit[TRANSPOSE], begin + size * done, dilation * columns, taps,
                        target + size * done * taps, taps,
                    )  # fmt: skip
                    done += lanes
                for column in range(done, columns):
                    for i in range(taps):
                        copy_number(
                            size, begin + size * (i * dilation * columns + column),
                            target + size * (column * taps + i),
                        )  # fmt: skip


def folded(x, w_shape, size, stride, padding, dilation):
    """`x` (N, 1, H, W) for a filter of `w_shape` and an output of `size`, as (N, R, rows, W)."""
    n, _, height, width = x.shape
    columns = width + sum(padding[1])
    out = empty((n, size[0], columns, w_shape[2]), x.dtype)
    deep = (size[0] - 1) * stride[0] + (w_shape[2] - 1) * dilation[0] + 1
    geometry = np.array([stride[0], dilation[0], padding[0][0], padding[1][0]], np.int64)
    unit = block(x.dtype.char)
    fold(
        np.ascontiguousarray(x).reshape(n, height, width), out, geometry, unit,
        workspace(get_num_threads(), (deep * columns + int(unit[LANES])) * x.itemsize),
        work=out.size,
    )  # fmt: skip
    return out.transpose(0, 3, 1, 2)
