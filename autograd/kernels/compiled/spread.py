"""The gradient of an input of few channels, such as a picture's three: products, then sums.

For so few results the tiles of `conv` would be nearly empty. Instead each pixel of the output's
gradient is multiplied with the whole filter, and each pixel of the input then sums the products
that belong to it. Adding each product to its pixel would write the same memory again and again,
and wait for it.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import array, get_num_threads, inner, kernel
from autograd.kernels.compiled.layout import transposed
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import LANES, SIZE, block, product, workspace_bytes
from autograd.kernels.compiled.tile import Vectors

BLOCK_BYTES = 1 << 18  # of products that wait to be added
int64 = types.int64


@intrinsic
def add_window(typingctx, like, source, row_step, rows, step, count, target, lanes):
    """Add `rows` times `count` vectors, at these steps in numbers, to the first `lanes` numbers.

    Whole vectors are read of the source; `like` has its numbers' type.
    """

    def codegen(context, builder, signature, arguments):
        _, source, row_step, rows, step, count, target, lanes = arguments
        v = Vectors(builder, signature.args[0].dtype)
        place, mask = v.vector(v.pointer(target)), v.below(lanes, 0)
        total = cgutils.alloca_once_value(builder, v.masked_load(place, mask))
        with cgutils.for_range(builder, rows) as row:
            begin = builder.gep(v.pointer(source), [builder.mul(row.index, row_step)])
            with cgutils.for_range(builder, count) as column:
                value = v.load(v.vector(builder.gep(begin, [builder.mul(column.index, step)])))
                builder.store(builder.fadd(builder.load(total), value), total)
        v.masked_store(builder.load(total), place, mask)
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 7), codegen


@inner
def first_and_count(place, taps, stride, begin, end):
    """By which of the positions `begin` to `end`, `stride` apart, `place` is read: last, and count.

    Position p reads from ``p * stride`` on, as many as there are taps.
    """
    last = min(place // stride, end - 1)
    first = max(begin, (place - taps + stride) // stride)
    return last, max(0, last - first + 1)


@kernel(lambda T: (array(T, 4), array(T, 3), array(T, 4, out=True), array(int64, 1),
                   array(int64, 1), array(T, 2, out=True),
                   array(types.uint8, 2, out=True)))  # fmt: skip
def spread(g, weight, out, geometry, unit, products, space):
    """Write what errors g (N, H, W, O) times weight (O, taps, C) say into `out`, image by image.

    `geometry`: strides, the sizes of the filter, the padding above and at the left, rows of errors
    multiplied at a time.
    """
    n, rows, columns, outputs = g.shape
    _, taps, channels = weight.shape
    _, height, width, _ = out.shape
    stride_y, stride_x, high, wide, above, left, tall = geometry
    depth, threads = taps * channels, len(space)
    size, lanes = unit[SIZE], unit[LANES]
    # One row of errors up, or one column to the left, is `stride` taps further on.
    row_step = stride_y * wide * channels - columns * depth
    step = stride_x * channels - depth
    for thread in prange(threads):
        memory = products[thread].ctypes.data
        for image in range(thread, n, threads):
            out[image] = 0
            for first in range(0, rows, tall):
                last = min(rows, first + tall)
                product(
                    unit, g.ctypes.data + size * (image * rows + first) * columns * outputs,
                    outputs, 1, weight.ctypes.data, depth, 1, memory, depth,
                    (last - first) * columns, depth, outputs, 0, 0, 0, space[thread].ctypes.data,
                )  # fmt: skip
                for i in range(max(0, first * stride_y - above),
                               min(height, (last - 1) * stride_y + high - above)):  # fmt: skip
                    y, down = first_and_count(i + above, high, stride_y, first, last)
                    if down == 0:
                        continue
                    row = (y - first) * columns * depth + (
                        i + above - y * stride_y
                    ) * wide * channels
                    for j in range(width):
                        x, across = first_and_count(j + left, wide, stride_x, 0, columns)
                        if across == 0:
                            continue
                        at = row + x * depth + (j + left - x * stride_x) * channels
                        pixel = ((image * height + i) * width + j) * channels
                        for c in range(0, channels, lanes):
                            add_window(
                                g, memory + size * (at + c), row_step, down, step, across,
                                out.ctypes.data + size * (pixel + c), min(lanes, channels - c),
                            )  # fmt: skip


def input_gradient(g, w, dx, stride, padding) -> None:
    """Write the gradient of the input, (N, H, W, C), into `dx`, of errors g (N, H, W, O)."""
    outputs, channels, r, s = w.shape
    weight = transposed(w.reshape(outputs, channels, r * s))
    unit, threads = block(g.dtype.char), get_num_threads()
    rows, columns = g.shape[1:3]
    line = columns * r * s * channels
    tall = max(1, min(rows, BLOCK_BYTES // (g.itemsize * line)))
    products = np.empty((threads, tall * line + int(unit[LANES])), g.dtype)
    geometry = np.array([*stride, r, s, padding[0][0], padding[1][0], tall], np.int64)
    spread(
        g, weight, dx, geometry, unit, products, workspace(threads, workspace_bytes(unit)),
        work=g.size * r * s * channels // 32,
    )  # fmt: skip
