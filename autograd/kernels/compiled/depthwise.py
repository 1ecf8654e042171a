"""Convolution with one filter for each channel: as many sums as channels, side by side in vectors.

Nothing is shared between channels, so there is no product of matrices. A vector of channels is
summed up in registers: of some neighbouring pixels over all taps of the filter (`convolve_some`),
or, for the gradient of the filter, of some taps over neighbouring pixels (`multiply_some`).
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from autograd.kernels.compiled.conv_plan import residues
from autograd.kernels.compiled.jit import array, inner, kernel
from autograd.kernels.compiled.layout import transposed
from autograd.kernels.compiled.tile import prefetch
from autograd.kernels.compiled.vectors import INT, Vectors, integer

PARTS = 16  # of the rows, summed apart, in the gradient of the weight
MOST = 8  # pixels, or taps, that are summed up at once
STRETCH = 16  # pixels of a row whose channels stay in the first cache
LINE = 64  # bytes of a line of the cache
int64 = types.int64


# -- vector code -----------------------------------------------------------------------------------


def _vectors(v: Vectors, number, channels):
    """Emit, for so many sums, the code of a vector of channels: once in a loop, once with a mask.

    Yielded are how many sums, where the vector begins, in bytes, and how to load and to store it.
    """
    builder, wide = v.builder, v.lanes * v.align
    whole = builder.sdiv(channels, integer(v.lanes))
    rest = builder.sub(channels, builder.mul(whole, integer(v.lanes)))
    mask = v.below(rest, 0)

    def masked_load(place):
        return v.masked_load(place, mask)

    def masked_store(value, place):
        v.masked_store(value, place, mask)

    end = builder.append_basic_block("end")
    choice = builder.switch(number, end)
    for count in range(1, MOST + 1):
        case = builder.append_basic_block(f"of_{count}")
        choice.add_case(integer(count), case)
        builder.position_at_end(case)
        with cgutils.for_range(builder, whole) as vector:
            yield count, builder.mul(vector.index, integer(wide)), v.load, v.store
        with builder.if_then(builder.icmp_signed(">", rest, integer(0))):
            yield count, builder.mul(whole, integer(wide)), masked_load, masked_store
        builder.branch(end)
    builder.position_at_end(end)


@intrinsic
def convolve_some(typingctx, like, x, x_pixel, reach, taps, line, tap, rows, columns, bias, out,
                  out_pixel, pixels, channels, relu):  # fmt: skip
    """Sum up 1 to `MOST` pixels over rows and columns of taps.

    Addresses, and distances in bytes; `line` is the number of taps in a row, `reach` how far from
    the pixel each reads. The type of numbers is that of the array `like`.
    """
    kind = like.dtype

    def codegen(context, builder, signature, arguments):
        (_, x, x_pixel, reach, taps, line, tap, rows, columns, bias, out, out_pixel, pixels,
         channels, relu) = arguments  # fmt: skip
        v = Vectors(builder, kind)
        sums = [cgutils.alloca_once(builder, v.type) for _ in range(MOST)]
        lowest = ir.Constant(v.number, float("-inf"))
        asked = builder.icmp_signed("!=", relu, integer(0))
        floor = v.splat(builder.select(asked, ir.Constant(v.number, 0.0), lowest))
        for count, at, load, store in _vectors(v, pixels, channels):
            start = load(_place(v, bias, at))
            for total in sums[:count]:
                builder.store(start, total)
            with (
                cgutils.for_range(builder, rows) as row,
                cgutils.for_range(builder, columns) as column,
            ):
                index = builder.add(builder.mul(row.index, line), column.index)
                weight = load(_place(v, taps, at, (index, tap)))
                seen = builder.add(_distance(builder, reach, index), at)
                for p, total in enumerate(sums[:count]):
                    value = load(_place(v, x, seen, (x_pixel, integer(p))))
                    builder.store(v.fma(value, weight, builder.load(total)), total)
            for p, total in enumerate(sums[:count]):
                value = builder.load(total)
                value = builder.select(builder.fcmp_ordered("<", value, floor), floor, value)
                store(value, _place(v, out, at, (out_pixel, integer(p))))
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 14), codegen


@intrinsic
def multiply_some(typingctx, like, x, x_pixel, reach, g, g_pixel, pixels, out, tap, taps,
                  channels):  # fmt: skip
    """Add to the sums of 1 to `MOST` taps the errors of pixels times what they see."""
    kind = like.dtype

    def codegen(context, builder, signature, arguments):
        _, x, x_pixel, reach, g, g_pixel, pixels, out, tap, taps, channels = arguments
        v = Vectors(builder, kind)
        sums = [cgutils.alloca_once(builder, v.type) for _ in range(MOST)]
        for count, at, load, store in _vectors(v, taps, channels):
            places = [_place(v, out, at, (tap, integer(t))) for t in range(count)]
            seen = [
                builder.add(_distance(builder, reach, integer(t)), builder.add(x, at))
                for t in range(count)
            ]
            for place, total in zip(places, sums, strict=False):
                builder.store(load(place), total)
            with cgutils.for_range(builder, pixels) as pixel:
                error = load(_place(v, g, at, (pixel.index, g_pixel)))
                for begin, total in zip(seen, sums, strict=False):
                    value = load(_place(v, begin, (pixel.index, x_pixel)))
                    builder.store(v.fma(value, error, builder.load(total)), total)
            for place, total in zip(places, sums, strict=False):
                store(builder.load(total), place)
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 10), codegen


def _place(v: Vectors, address, *steps):
    """The vector so many bytes further on; of a pair, the product."""
    builder = v.builder
    for step in steps:
        address = builder.add(address, builder.mul(*step) if isinstance(step, tuple) else step)
    return builder.inttoptr(address, v.type.as_pointer())


def _distance(builder, table, index):
    """The number at `index` in an array of int64."""
    return builder.load(builder.gep(builder.inttoptr(table, INT.as_pointer()), [index]))


# -- kernels ---------------------------------------------------------------------------------------


@inner
def inside(steps, at, size):
    """Which of the ascending `steps` from a place lead into an image of this size: first and end.

    Only as many are counted as there are; if none does, both are the same.
    """
    first, end = 0, len(steps)
    while first < end and at + steps[first] < 0:
        first += 1
    while end > first and at + steps[end - 1] >= size:
        end -= 1
    return first, end


@inner
def neighbours(steps, at, stride, size, left, most):
    """How many of the `left` next pixels see all or, as none of their neighbours do, one alone."""
    first, end = inside(steps, at, size)
    if end - first < len(steps):
        return 1
    whole = min(left, (size - 1 - at - steps[end - 1]) // stride + 1)
    parts = (whole + most - 1) // most
    return whole // parts


@inner
def fetch_stretch(address, count):
    """Have so many bytes brought into the cache: the row that the next one of the output needs.

    The processor itself does not foresee it where pixels are taken before channels.
    """
    for line in range(0, count, LINE):
        prefetch(address + line)


@kernel(lambda T: (array(T, 4), array(T, 2), array(T, 4, "A", out=True), array(T, 1),
                   array(int64, 1), array(int64, 1), array(int64, 1), array(int64, 1)))  # fmt: skip
def correlate(x, taps, out, bias, down, along, reach, settings):
    """x (N, H, W, C) with taps (taps, C) into `out`, row by row.

    Rows of taps read `down` from the pixel, columns `along`, so `reach` bytes; `settings`: strides
    and relu.
    """
    n, height, width, channels = x.shape
    _, rows, columns, _ = out.shape
    stride_y, stride_x, relu = settings
    row, pixel = x.strides[1], x.strides[2]
    line, tap = len(along), taps.strides[0]
    for task in prange(n * rows):
        image, y = task // rows, task % rows
        above, below = inside(down, y * stride_y, height)
        done = 0
        while done < columns:
            at = done * stride_x
            pixels = neighbours(along, at, stride_x, width, columns - done, MOST)
            first, end = inside(along, at, width)
            index, high, wide = above * line + first, below - above, end - first
            if wide == line:  # all rows of taps are one stretch of them
                high, wide = 1, line * high
            seen = x.ctypes.data + image * x.strides[0] + y * stride_y * row + at * pixel
            target = out.ctypes.data + image * out.strides[0] + y * out.strides[1]
            target += done * out.strides[2]
            ahead = seen + (down[-1] + stride_y) * row
            for i in range(stride_y):
                fetch_stretch(ahead + i * row, pixels * stride_x * pixel)
            convolve_some(
                x, seen, stride_x * pixel, reach.ctypes.data + 8 * index,
                taps.ctypes.data + index * tap, line, tap, high, wide, bias.ctypes.data, target,
                out.strides[2], pixels, channels, relu,
            )  # fmt: skip
            done += pixels


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 3, out=True), array(int64, 1),
                   array(int64, 1), array(int64, 1), array(int64, 1)))  # fmt: skip
def correlate_outputs(x, g, sums, down, along, reach, settings):
    """Sums (parts, taps, C) of errors times inputs, each part over rows of its own."""
    n, height, width, channels = x.shape
    _, rows, columns, _ = g.shape
    stride_y, stride_x = settings[0], settings[1]
    row, pixel = x.strides[1], x.strides[2]
    parts, line, tap = len(sums), len(along), sums.strides[1]
    for part in prange(parts):
        for task in range(n * rows * part // parts, n * rows * (part + 1) // parts):
            image, y = task // rows, task % rows
            above, below = inside(down, y * stride_y, height)
            done = 0
            while done < columns:
                at = done * stride_x
                pixels = neighbours(along, at, stride_x, width, columns - done, STRETCH)
                first, end = inside(along, at, width)
                # Where all columns are inside, all rows of taps are one stretch of taps.
                high = below - above if end - first == line else 1
                seen = x.ctypes.data + image * x.strides[0] + y * stride_y * row + at * pixel
                error = g.ctypes.data + task * g.strides[1] + done * g.strides[2]
                ahead = seen + (down[-1] + stride_y) * row
                for i in range(stride_y):
                    fetch_stretch(ahead + i * row, pixels * stride_x * pixel)
                fetch_stretch(error + g.strides[1], pixels * g.strides[2])
                for i in range(above, below, max(high, 1)):
                    begin, last = i * line + first, (i + high - 1) * line + end
                    while begin < last:
                        now = (last - begin) // ((last - begin + MOST - 1) // MOST)
                        multiply_some(
                            x, seen, stride_x * pixel, reach.ctypes.data + 8 * begin, error,
                            g.strides[2], pixels,
                            sums.ctypes.data + part * sums.strides[0] + begin * tap, tap, now,
                            channels,
                        )  # fmt: skip
                        begin += now
                done += pixels


def _reach(x, offsets):
    """How far taps read from their pixel: rows of them and columns in pixels, all in bytes."""
    offsets = np.array(offsets, np.int64)
    along = offsets[offsets[:, 0] == offsets[0, 0], 1]
    down = offsets[:: len(along), 0]
    return np.ascontiguousarray(down), along, offsets @ np.array(x.strides[1:3], np.int64)


def forward(x, w, bias, out, offsets, stride, relu) -> None:
    """Correlate x (N, H, W, C) with w (C, 1, R, S) into `out`."""
    if bias is None:
        bias = np.zeros(len(w), x.dtype)
    correlate(
        x, _taps(w), out, bias, *_reach(x, offsets), np.array([*stride, relu], np.int64),
        work=out.size * len(offsets) // 8,
    )  # fmt: skip


def input_gradient(g, w, dx, stride, padding, dilation) -> None:
    """Write the gradient of the input into `dx`, of errors g (N, H, W, C).

    It is a correlation for each residue of a pixel's place, divided by the stride.
    """
    order, parts = residues(w.shape[2:], tuple(stride), tuple(map(tuple, padding)), tuple(dilation))
    taps, nothing = _taps(w)[list(order)], np.zeros(len(w), g.dtype)
    for (y, x), first, offsets in parts:
        part = dx[:, y :: stride[0], x :: stride[1]]
        if not offsets:
            part[...] = 0
        elif part.size:
            correlate(
                g, taps[first : first + len(offsets)], part, nothing, *_reach(g, offsets),
                np.array([1, 1, 0], np.int64), work=part.size * len(offsets) // 8,
            )  # fmt: skip


def weight_gradient(g, x, offsets, stride) -> np.ndarray:
    """The gradient as taps (C, taps), of errors and images (N, H, W, C)."""
    sums = np.zeros((PARTS, len(offsets), x.shape[3]), x.dtype)
    correlate_outputs(
        x, g, sums, *_reach(x, offsets), np.array(stride, np.int64), work=g.size * len(offsets) // 8
    )
    return np.ascontiguousarray(np.add.reduce(sums, axis=0).T)


def _taps(w):
    """(C, 1, R, S) as (R S, C)."""
    return transposed(w.reshape(1, len(w), -1))[0]
