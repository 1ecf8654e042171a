"""The gradient of an input of few channels, such as a picture's three: products, then sums.

For so few results the tiles of `conv` would be nearly empty. Instead each pixel of the output's
gradient is multiplied with the whole filter, and each product added to the pixel it belongs to.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, get_num_threads, kernel
from autograd.kernels.compiled.layout import transposed
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import product, workspace_bytes
from autograd.kernels.compiled.tile import block

BLOCK_BYTES = 1 << 18  # of products that wait to be added
int64 = types.int64


@kernel(lambda T: (array(T, 4), array(T, 3), array(T, 4, out=True), array(int64, 2),
                   array(int64, 1), array(int64, 1), array(T, 2, out=True),
                   array(types.uint8, 2, out=True)))  # fmt: skip
def spread(g, weight, out, runs, geometry, unit, products, space):
    """Write what errors g (N, H, W, O) times weight (O, taps, C) say into `out`, image by image.

    `geometry`: strides, the length of each of the `runs`, rows of errors multiplied at a time.
    """
    n, rows, columns, outputs = g.shape
    _, taps, channels = weight.shape
    _, height, width, _ = out.shape
    stride_y, stride_x, length, tall = geometry
    depth, threads = taps * channels, len(space)
    size, flat, line = g.itemsize, out.reshape(-1), width * channels
    for thread in prange(threads):
        for image in range(thread, n, threads):
            out[image] = 0
            for first in range(0, rows, tall):
                last = min(rows, first + tall)
                product(
                    unit, g.ctypes.data + size * (image * rows + first) * columns * outputs,
                    outputs, 1, weight.ctypes.data, depth, 1, products[thread].ctypes.data, depth,
                    (last - first) * columns, depth, outputs, 0, 0, 0, space[thread].ctypes.data,
                )  # fmt: skip
                for y in range(first, last):
                    for run in range(len(runs)):
                        i = y * stride_y + runs[run, 0]
                        if i < 0 or i >= height:
                            continue
                        row = (image * height + i) * line
                        for x in range(columns):
                            left = (x * stride_x + runs[run, 1]) * channels
                            at = ((y - first) * columns + x) * depth + run * length
                            for k in range(max(0, -left), min(length, line - left)):
                                flat[row + left + k] += products[thread, at + k]


def input_gradient(g, w, dx, runs, length, stride) -> None:
    """Write the gradient of the input, (N, H, W, C), into `dx`, of errors g (N, H, W, O).

    The taps are `runs` that begin at an offset (y, x), of `length` numbers.
    """
    outputs, channels, r, s = w.shape
    weight = transposed(w.reshape(outputs, channels, r * s))
    unit, threads = block(g.dtype.char), get_num_threads()
    rows, columns = g.shape[1:3]
    line = columns * r * s * channels
    tall = max(1, min(rows, BLOCK_BYTES // (g.itemsize * line)))
    products = np.empty((threads, tall * line), g.dtype)
    spread(
        g, weight, dx, runs, np.array([*stride, length, tall], np.int64), unit,
        products, workspace(threads, workspace_bytes(unit)), work=g.size * r * s * channels // 32,
    )  # fmt: skip
