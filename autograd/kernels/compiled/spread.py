"""The gradient of an input of few channels, such as a picture's three: products, then sums.

For so few results the tiles of `conv` would be nearly empty. Instead each pixel of the output's
gradient is multiplied with the whole filter. The products of a row of pixels, turned around, are a
row for each tap and channel. A row of the input is the sum of some of these, shifted by their taps,
which vectors add; with strides there is one for each residue of a column, and they are woven into
each other at last. Adding each product to its pixel would write the same memory again and again,
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
from autograd.kernels.compiled.product import (
    LANES,
    SIZE,
    TRANSPOSE,
    block,
    product,
    workspace_bytes,
)
from autograd.kernels.compiled.tile import CHUNK, call_transpose, copy_chunk
from autograd.kernels.compiled.vectors import Vectors

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


@inner
def turn(unit, source, depth, columns, target, row, zeros, beyond):
    """Transpose `columns` pixels of `depth` numbers, by whole squares; zeros follow each row."""
    lanes, size = unit[LANES], unit[SIZE]
    for i in range(0, depth, lanes):
        for x in range(0, columns, lanes):
            call_transpose(
                unit[TRANSPOSE], source + size * (x * depth + i), depth, min(lanes, columns - x),
                target + size * (i * row + x), row,
            )  # fmt: skip
    for end in range(target + size * columns, target + size * (depth * row + columns), size * row):
        for at in range(0, size * beyond, CHUNK):
            copy_chunk(zeros, end + at)


@kernel(lambda T: (array(T, 4), array(T, 3), array(T, 4, out=True), array(int64, 1),
                   array(int64, 1), array(T, 2, out=True), array(T, 2, out=True),
                   array(T, 2, out=True), array(types.uint8, 2, out=True)))  # fmt: skip
def spread(g, weight, out, geometry, unit, products, turned, sums, space):
    """Write what errors g (N, H, W, O) times weight (O, taps, C) say into `out`, image by image.

    `geometry`: strides, the sizes of the filter, the padding above and at the left, rows of errors
    multiplied at a time, and numbers of a row of products turned around. `sums` has a row for each
    row, channel and residue.
    """
    n, rows, columns, outputs = g.shape
    _, taps, channels = weight.shape
    _, height, width, _ = out.shape
    stride_y, stride_x, high, wide, above, left, tall, row = geometry
    depth, size, lanes, threads = taps * channels, unit[SIZE], unit[LANES], len(space)
    margin = (wide - 1) // stride_x  # zeros on both sides of a row
    reach, lines = columns + margin, channels * stride_x
    pixels = (depth + lanes - 1) // lanes * lanes * row  # a row of them, turned around
    # One row of errors up, or one column to the left, is `stride` taps further on.
    row_step, step = stride_y * wide * channels * row - pixels, stride_x * channels * row - 1
    for thread in prange(threads):
        turned[thread] = 0
        memory = products[thread].ctypes.data
        begin = turned[thread].ctypes.data + CHUNK + size * margin
        for image in range(thread, n, threads):
            sums[thread] = 0
            for first in range(0, rows, tall):
                last = min(rows, first + tall)
                product(
                    unit, g.ctypes.data + size * (image * rows + first) * columns * outputs,
                    outputs, 1, weight.ctypes.data, depth, 1, memory, depth,
                    (last - first) * columns, depth, outputs, 0, 0, 0, space[thread].ctypes.data,
                )  # fmt: skip
                for y in range(last - first):
                    turn(
                        unit, memory + size * y * columns * depth, depth, columns,
                        begin + size * y * pixels, row, turned[thread].ctypes.data, margin,
                    )  # fmt: skip
                for i in range(first * stride_y, (last - 1) * stride_y + high):
                    y, down = first_and_count(i, high, stride_y, first, last)
                    for line in range(lines):
                        residue, c = line // channels, line % channels
                        tap = (i - y * stride_y) * wide + residue
                        source = begin + size * ((y - first) * pixels + (tap * channels + c) * row)
                        across = (wide - residue + stride_x - 1) // stride_x
                        target = sums[thread].ctypes.data + size * (i * lines + line) * reach
                        for k in range(0, reach, lanes):
                            add_window(
                                g, source + size * k, row_step, down, step, across,
                                target + size * k, min(lanes, reach - k),
                            )  # fmt: skip
            out[image] = 0
            for i in range(min(height, (rows - 1) * stride_y + high - above)):
                for line in range(lines):
                    residue, at = line // channels, ((i + above) * lines + line) * reach
                    for k in range(reach):
                        j = k * stride_x + residue - left
                        if 0 <= j < width:
                            out[image, i, j, line % channels] = sums[thread, at + k]


def input_gradient(g, w, dx, stride, padding) -> None:
    """Write the gradient of the input, (N, H, W, C), into `dx`, of errors g (N, H, W, O)."""
    outputs, channels, r, s = w.shape
    weight = transposed(w.reshape(outputs, channels, r * s))
    unit, threads = block(g.dtype.char), get_num_threads()
    (rows, columns), lanes, depth = g.shape[1:3], int(unit[LANES]), r * s * channels
    reach = columns + (s - 1) // stride[1]
    row = ((reach + (s - 1) // stride[1]) // lanes + 2) * lanes
    line = -(-depth // lanes) * lanes * row
    tall = max(1, min(rows, BLOCK_BYTES // (g.itemsize * line)))
    products, turned, sums = (
        np.empty((threads, count + lanes), g.dtype)
        for count in (
            tall * columns * depth,
            CHUNK // g.itemsize + tall * line,
            ((rows - 1) * stride[0] + r) * channels * stride[1] * reach,
        )
    )
    geometry = np.array([*stride, r, s, padding[0][0], padding[1][0], tall, row], np.int64)
    spread(
        g, weight, dx, geometry, unit, products, turned, sums,
        workspace(threads, workspace_bytes(unit)), work=g.size * depth // 32,
    )  # fmt: skip
