"""Max pooling by windows of 2 x 2 side by side, of planes that lie one after another in memory.

So most networks pool. Vectors lie along the rows as they are, and nothing is turned around: of two
rows, the even columns and the odd ones are four vectors, which hold the four elements of as many
windows as there are lanes. On the way back their columns are shuffled together again.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from autograd.kernels.compiled.arrays import empty
from autograd.kernels.compiled.jit import array, kernel
from autograd.kernels.compiled.pool_code import BYTE, Bytes
from autograd.kernels.compiled.tile import clear
from autograd.kernels.compiled.vectors import Vectors, integer

KERNEL, STRIDE, PADDING, DILATION = (2, 2), (2, 2), (0, 0), (1, 1)
WORK = 2  # elementary operations for each number of the larger planes
intp, uint8 = types.intp, types.uint8


class _Columns:
    """The columns of a plane that a vector of windows meets, as many in each row."""

    def __init__(self, v: Vectors, index, columns, width) -> None:
        self.v, self.bytes, self.width = v, Bytes(v), width
        self.first = v.builder.mul(index, integer(v.lanes))
        self.inside = v.below(v.builder.sub(columns, self.first), 0)

    def pair(self, plane, window, row: int, most):
        """The two vectors of the windows' upper or lower row, and which lanes are below `most`."""
        v, builder = self.v, self.v.builder
        begin = builder.mul(self.first, integer(2))
        line = builder.add(builder.mul(window, integer(2)), integer(row))
        start = builder.gep(plane, [builder.add(builder.mul(line, self.width), begin)])
        left = builder.sub(most, begin)
        return [(v.vector(start, i), v.below(left, i)) for i in range(2)]


def _windows(v: Vectors, rows, columns, width, covered):
    """Emit loops over vectors of windows, until so many columns are covered, and their rows.

    Yielded are the row, the columns, and how far from the plane's first window they are.
    """
    builder = v.builder
    wide = integer(2 * v.lanes)
    vectors = builder.sdiv(builder.add(covered, integer(2 * v.lanes - 1)), wide)
    with cgutils.for_range(builder, vectors) as vector:
        at = _Columns(v, vector.index, columns, width)
        with cgutils.for_range(builder, rows) as row:
            yield row.index, at, builder.add(builder.mul(row.index, columns), at.first)


def _larger(builder, first, second):
    """Of two numbers and their taps: the first if they are equal, the last if they are NaN."""
    (value, tap), (other, its_tap) = first, second
    more = builder.fcmp_ordered(">", other, value)
    wins = builder.or_(more, builder.fcmp_unordered("uno", other, other))
    return builder.select(wins, other, value), builder.select(wins, its_tap, tap)


@intrinsic
def largest_of_pairs(typingctx, like, plane, width, rows, columns, taps, out):
    """Write the largest element of each window of a plane of numbers like these, and its tap."""

    def codegen(context, builder, signature, arguments):
        v = Vectors(builder, signature.args[0].dtype)
        mark = ir.IntType(8 * v.align)  # as wide as a number, so that one mask serves for both
        _, plane, width, rows, columns, taps, out = arguments
        plane, out, read = v.pointer(plane), v.pointer(out), builder.mul(columns, integer(2))
        for row, at, place in _windows(v, rows, columns, width, read):
            rivals = []
            for i in range(2):
                halves = [v.masked_load(*half) for half in at.pair(plane, row, i, read)]
                for j in range(2):
                    values = v.shuffle(*halves, [*range(j, 2 * v.lanes, 2)])
                    rivals.append((values, v.splat(ir.Constant(mark, 2 * i + j))))
            upper, lower = _larger(builder, *rivals[:2]), _larger(builder, *rivals[2:])
            best, winner = _larger(builder, upper, lower)
            v.masked_store(best, v.vector(builder.gep(out, [place])), at.inside)
            winner = builder.trunc(winner, at.bytes.type)
            target = at.bytes.vector(builder.gep(at.bytes.pointer(taps), [place]))
            at.bytes.masked_store(winner, target, at.inside)
        return context.get_dummy_value()

    return types.void(like, *[intp] * 6), codegen


@intrinsic
def spread_to_pairs(typingctx, like, errors, taps, width, rows, columns, out):
    """Write two rows of a plane for each row of windows: what came for each at its tap, and 0."""

    def codegen(context, builder, signature, arguments):
        v = Vectors(builder, signature.args[0].dtype)
        _, errors, taps, width, rows, columns, out = arguments
        errors, out = v.pointer(errors), v.pointer(out)
        for row, at, place in _windows(v, rows, columns, width, width):
            values = v.masked_load(v.vector(builder.gep(errors, [place])), at.inside)
            source = at.bytes.vector(builder.gep(at.bytes.pointer(taps), [place]))
            winners = at.bytes.masked_load(source, at.inside)
            for i in range(2):
                even, odd = (
                    builder.select(
                        builder.icmp_signed("==", winners, at.bytes.splat(ir.Constant(BYTE, tap))),
                        values, v.zero,
                    )
                    for tap in (2 * i, 2 * i + 1)
                )  # fmt: skip
                for j, (target, mask) in enumerate(at.pair(out, row, i, width)):
                    first = j * v.lanes // 2
                    turns = [first + lane // 2 + lane % 2 * v.lanes for lane in range(v.lanes)]
                    v.masked_store(v.shuffle(even, odd, turns), target, mask)
        return context.get_dummy_value()

    return types.void(like, *[intp] * 6), codegen


@kernel(lambda T: (array(T, 3), array(uint8, 3, out=True), array(T, 3, out=True)))
def pool_pairs(x, taps, out):
    """The largest element of each window of the planes x, and its tap."""
    width = x.shape[2]
    planes, rows, columns = out.shape
    for plane in prange(planes):
        largest_of_pairs(
            x, x[plane].ctypes.data, width, rows, columns, taps[plane].ctypes.data,
            out[plane].ctypes.data,
        )  # fmt: skip


@kernel(lambda T: (array(T, 3), array(uint8, 3), array(T, 3, out=True), intp))
def spread_pairs(g, taps, out, size):
    """Write every number of the planes `out`, of so many bytes: g where its tap is, else 0."""
    planes, rows, columns = g.shape
    _, height, width = out.shape
    written = 2 * rows * width
    for plane in prange(planes):
        target = out[plane].ctypes.data
        spread_to_pairs(
            g, g[plane].ctypes.data, taps[plane].ctypes.data, width, rows, columns, target
        )
        clear(target + size * written, size * (height * width - written))


# -- from Python -----------------------------------------------------------------------------------


def suits(plane, kernel, stride, padding, dilation, size) -> bool:
    """Whether the windows lie side by side, and each of them in the plane."""
    return (
        kernel == KERNEL
        and stride == STRIDE
        and padding == PADDING
        and dilation == DILATION
        and 2 * size[0] <= plane[0]
        and 2 * size[1] <= plane[1]
    )


def max_taps(x, size):
    """See the twin; of contiguous planes."""
    *lead, height, width = x.shape
    planes = math.prod(lead)
    out, taps = empty((planes, *size), x.dtype), empty((planes, *size), np.uint8)
    pool_pairs(x.reshape(planes, height, width), taps, out, work=WORK * x.size)
    return out.reshape(*lead, *size), taps.reshape(*lead, *size)


def spread_taps(g, taps, plane):
    """See the twin; of contiguous planes."""
    *lead, rows, columns = g.shape
    windows = math.prod(lead), rows, columns
    out = empty((windows[0], *plane), g.dtype)
    taps = np.ascontiguousarray(taps).reshape(windows)
    spread_pairs(g.reshape(windows), taps, out, g.itemsize, work=WORK * out.size)
    return out.reshape(*lead, *plane)
