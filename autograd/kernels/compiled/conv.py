"""Convolution over channels-last images, as runs of tiles: nothing is copied but the padding.

A pixel's channels lie next to each other, and so do those of the pixels beside it. So what one row
of a filter reads, S pixels of C channels, is one run of memory, and a row of output pixels times
that row of the filter is a product of matrices: a has a row for each output pixel, `stride` pixels
apart. The rows of the filter add up in the tile. With dilation or groups, runs are single pixels.

The gradient of the input is the same correlation, of the output's gradient with the filter turned
around; with strides, one for each residue of the position, with every stride-th row and column of
the filter.

An image of one channel is first folded (`fold`), so that its runs are long; one of a few channels,
row by row (`conv_folded`). Other ways where they are faster: one product for filters of one pixel,
`depthwise` for narrow groups, `conv_tiny` for tiny images, and `winograd` for filters of
3 x 3, or of 4 x 4 that move by 2 pixels, and many channels, which rounds a little more and which
`WINOGRAD` (or the environment variable ``NUMBAGRAD_WINOGRAD=0``) switches off.
"""

from __future__ import annotations

import os

import numpy as np
from numba import prange, types

from autograd.kernels.compiled import (
    conv_few,
    conv_few_weight,
    conv_folded,
    conv_tiny,
    conv_ways,
    conv_weight,
    depthwise,
    gemm,
    spread,
    winograd,
)
from autograd.kernels.compiled.arrays import empty
from autograd.kernels.compiled.conv_plan import (
    joined_runs,
    plan_pixels,
    plan_rows,
    residues,
    tap_offsets,
)
from autograd.kernels.compiled.filters import as_filters, packed_filters
from autograd.kernels.compiled.fold import folded
from autograd.kernels.compiled.jit import array, get_num_threads, kernel
from autograd.kernels.compiled.layout import (
    channels_last,
    copy_padded,
    extent,
    gather,
    pixels_at,
    put_pixels,
    transposed,
)
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import ROWS, SIZE, TILE
from autograd.kernels.compiled.tile import block, call_tile

WINOGRAD = os.environ.get("NUMBAGRAD_WINOGRAD", "1") != "0"
SHORT_ROW = 6  # pixels of output, below which tiles are filled with several rows
int64 = types.int64


@kernel(lambda T: (array(T, 4), array(T, 4, "A"), array(T, 4, "A", out=True), array(T, 1),
                   array(int64, 2), array(int64, 1), array(int64, 1),
                   array(types.uint8, 2, out=True)))  # fmt: skip
def correlate(x, filters, out, bias, runs, geometry, unit, space):
    """Sum over the runs of ``x[n, y * sy + run y, x * sx + run x ...] @ filters[run]`` into `out`.

    `runs` holds (y, x) offsets; `geometry`: strides, the length of a run in channels, the block of
    output rows of one task, whether to copy with padding, and whether relu follows.
    """
    n, height, width, channels = x.shape
    groups, strips, _, wide = filters.shape
    _, rows, columns, outputs = out.shape
    stride_y, stride_x, length, tall, padded, relu = geometry
    size, high = unit[SIZE], unit[ROWS]
    per_group, given = outputs // groups, channels // groups
    top, left, bottom, right = extent(runs)
    across = (columns - 1) * stride_x + right - left + max(1, length // channels)
    start = bias.ctypes.data if bias.size else 0
    blocks, threads = (rows + tall - 1) // tall, len(space)
    out_row, out_pixel = out.strides[1], out.strides[2]
    tiles = (columns + high - 1) // high
    for thread in prange(threads):
        for task in range(thread, n * blocks, threads):
            image, first = task // blocks, task % blocks * tall
            last = min(rows, first + tall)
            source = x.ctypes.data + size * image * height * width * channels
            begin, row = source + size * (first * stride_y * width) * channels, width * channels
            if padded:
                deep = (last - 1 - first) * stride_y + bottom - top + 1
                copy_padded(size, source, height, width, channels, first * stride_y + top, left,
                            deep, across, space[thread].ctypes.data)  # fmt: skip
                row = across * channels
                begin = space[thread].ctypes.data - size * (top * row + left * channels)
            for strip in range(groups * strips):
                g, s = strip // strips, strip % strips
                count = min(wide, per_group - s * wide)
                channel = g * per_group + s * wide
                filter_ = filters.ctypes.data + g * filters.strides[0] + s * filters.strides[1]
                for y in range(first, last):
                    target = out.ctypes.data + image * out.strides[0] + y * out_row + size * channel
                    done = 0
                    for t in range(tiles):
                        pixels = (columns - done) // (tiles - t)
                        for r in range(len(runs)):
                            at = (y - first) * stride_y + runs[r, 0]
                            place = at * row + (done * stride_x + runs[r, 1]) * channels + g * given
                            call_tile(
                                unit[TILE], begin + size * place, stride_x * channels, 1,
                                filter_ + size * r * length * wide, wide,
                                target + done * out_pixel, out_pixel // size, length, pixels, count,
                                r > 0, start + size * channel if start else 0,
                                relu and r == len(runs) - 1,
                            )  # fmt: skip
                        done += pixels


@kernel(lambda T: (array(T, 4), array(T, 4, "A"), array(T, 4, out=True), array(T, 1),
                   array(int64, 2), array(int64, 1), array(int64, 1),
                   array(types.uint8, 2, out=True)))  # fmt: skip
def correlate_gathered(x, filters, out, bias, runs, geometry, unit, space):
    """The same as `correlate`, for short rows: what pixels see is first put side by side.

    `geometry`: strides, the length of a run in channels, pixels of a task, whether relu follows.
    """
    n, height, width, channels = x.shape
    groups, strips, depth, wide = filters.shape
    _, rows, columns, outputs = out.shape
    stride_y, stride_x, length, pixels, relu = geometry
    size, high = unit[SIZE], unit[ROWS]
    per_group, given = outputs // groups, channels // groups
    total, threads, row = n * rows * columns, len(space), (depth + 15) // 16 * 16
    tasks = (total + pixels - 1) // pixels
    start = bias.ctypes.data if bias.size else 0
    for thread in prange(threads):
        seen = space[thread].ctypes.data
        for task in range(thread, tasks * groups, threads):
            first, g = task // groups * pixels, task % groups
            count = min(pixels, total - first)
            gather(
                size, x.ctypes.data, (height, width, channels), (rows, columns),
                (stride_y, stride_x), runs, length, 0, depth, g * given, first, count, seen, row,
            )  # fmt: skip
            for s in range(strips):
                channel = g * per_group + s * wide
                done, tiles = 0, (count + high - 1) // high
                for t in range(tiles):
                    now = (count - done) // (tiles - t)
                    call_tile(
                        unit[TILE], seen + size * done * row, row, 1,
                        filters.ctypes.data + g * filters.strides[0] + s * filters.strides[1], wide,
                        out.ctypes.data + size * ((first + done) * outputs + channel), outputs,
                        depth, now, min(wide, per_group - s * wide), 0,
                        start + size * channel if start else 0, relu,
                    )  # fmt: skip
                    done += now


NOTHING = {"f": np.empty(0, np.float32), "d": np.empty(0, np.float64)}


def _correlate(x, packed, offsets, out, bias, stride, relu=False):
    """Correlate `x` (N, H, W, C) with `packed` filters into `out`.

    Their taps read at these offsets (y, x) from the pixel `stride` times that of `out`.
    """
    groups, threads, char = len(packed), get_num_threads(), x.dtype.char
    channels = packed.shape[2] // len(offsets)
    runs, _ = joined_runs(offsets, channels, groups)
    work, unit = out.size * packed.shape[2] // 32, block(char)
    start = NOTHING[char] if bias is None else bias
    short = out.flags.c_contiguous and out.shape[2] < SHORT_ROW
    plan, run = (plan_pixels, correlate_gathered) if short else (plan_rows, correlate)
    geometry, needed = plan(
        x.shape, out.shape, x.itemsize, offsets, packed.shape[2], groups, stride, relu, threads
    )  # fmt: skip
    run(x, packed, out, start, runs, geometry, unit, workspace(threads, needed), work=work)


def _as_images(stride, padding, dilation):
    """The settings of signals, for images of one row."""
    return (1, *stride), ((0, 0), *padding), (1, *dilation)


def forward(x, w, bias, stride, padding, dilation, groups, relu=False):
    """See the twin in `autograd.kernels.plain`; signals and images. `relu` is applied if asked."""
    if len(stride) == 1:
        settings = *_as_images(stride, padding, dilation), groups, relu
        return forward(x[:, :, None], w[:, :, None], bias, *settings)[:, :, 0]
    settings = stride, padding, dilation, groups, WINOGRAD
    way, size = conv_ways.of_forward(x.dtype, x.shape, w.shape, *settings)
    if way == "few":
        return conv_few.forward(x, w, bias, size, stride, padding, dilation, relu)
    if way == "fold":
        x, w = folded(x, w.shape, size, stride, padding, dilation), w.transpose(0, 2, 1, 3)
        stride, padding, dilation = _unfolded(stride, dilation)
        settings = stride, padding, dilation, groups, WINOGRAD
        way, _ = conv_ways.of_forward(x.dtype, x.shape, w.shape, *settings, folded=True)
    outputs, given = w.shape[:2]
    out = empty((len(x), *size, outputs), x.dtype)
    if way == "one pixel":
        weight = _pixels_first(w).transpose(0, 2, 1)
        pixels = channels_last(x).reshape(1, len(x), -1)
        gemm.run(pixels, weight, out.reshape(1, -1, outputs), bias, relu=relu)
    elif way == "pixels":
        weight = w.reshape(1, outputs, given).transpose(0, 2, 1)
        pixels = pixels_at(x, stride).reshape(1, -1, given)
        gemm.run(pixels, weight, out.reshape(1, -1, outputs), bias, relu=relu)
    elif way == "rows":
        conv_folded.forward(channels_last(x), w, bias, out, stride, padding, dilation, relu)
    elif way != "nothing":
        images, offsets = channels_last(x), tap_offsets(w.shape[2:], padding, dilation)
        if way == "depthwise":
            depthwise.forward(images, w, bias, out, offsets, stride, relu)
        elif way == "tiny":
            conv_tiny.forward(images, w, out, bias, offsets[0], relu)
        elif way == "winograd":
            filters = np.ascontiguousarray(w)
            winograd.forward(images, filters, out, bias, offsets[0], stride, relu)
        else:
            packed = packed_filters(w, range(len(offsets)), groups, True)
            _correlate(images, packed, offsets, out, bias, stride, relu)
    return out.transpose(0, 3, 1, 2)


def _unfolded(stride, dilation):
    """Stride, padding and dilation that remain once the rows of the filter are folded."""
    return (1, stride[1]), ((0, 0), (0, 0)), (1, dilation[1])


def _pixels_first(w):
    """Filters (O, C, R, S) as a matrix (1, O, R S C)."""
    return transposed(w.reshape(len(w), w.shape[1], -1)).reshape(1, len(w), -1)


def input_gradient(g, w, x_shape, stride, padding, dilation, groups):
    """The gradient of `forward` with respect to its input, given that of its output."""
    if len(stride) == 1:
        g, w, shape = g[:, :, None], w[:, :, None], (*x_shape[:2], 1, x_shape[2])
        settings = *_as_images(stride, padding, dilation), groups
        return input_gradient(g, w, shape, *settings)[:, :, 0]
    settings = stride, padding, dilation, groups, WINOGRAD
    way = conv_ways.of_input_gradient(g.dtype, g.shape, w.shape, x_shape, *settings)
    if way == "few":
        return conv_few.input_gradient(g, w, x_shape, stride, padding, dilation)
    (n, channels, height, width), (outputs, given) = x_shape, w.shape[:2]
    errors, dx = channels_last(g), empty((n, height, width, channels), g.dtype)
    # For a filter turned around: its first tap reads what the last one of the forward wrote.
    corner = padding[0][0] - w.shape[2] + 1, padding[1][0] - w.shape[3] + 1
    if way == "zeros":
        dx[...] = 0
    elif way == "one pixel":
        gemm.run(errors.reshape(1, n, outputs), _pixels_first(w), dx.reshape(1, n, -1))
    elif way == "pixels":
        whole = g.shape[2:] == (height, width)
        target = dx if whole else np.empty((*errors.shape[:3], given), dx.dtype)
        pixels, weight = errors.reshape(1, -1, outputs), w.reshape(1, outputs, given)
        gemm.run(pixels, weight, target.reshape(1, -1, given))
        if not whole:
            put_pixels(target, dx, np.array(stride, np.int64), work=dx.size)
    elif way == "depthwise":
        depthwise.input_gradient(errors, w, dx, stride, padding, dilation)
    elif way == "tiny":
        conv_tiny.forward(errors, w, dx, None, corner, turned=True)
    elif way == "winograd":
        filters = np.ascontiguousarray(w)
        winograd.forward(errors, filters, dx, None, corner, stride, turned=True)
    elif way == "spread":
        spread.input_gradient(errors, w, dx, stride, padding)
    elif way == "direct":
        _by_residues(errors, w, dx, stride, padding, dilation, groups)
    return dx.transpose(0, 3, 1, 2)


def _by_residues(errors, w, dx, stride, padding, dilation, groups):
    """The gradient of the input for each residue of a pixel's place, divided by the stride."""
    order, parts = residues(w.shape[2:], stride, padding, dilation)
    packed, outputs = packed_filters(w, order, groups, False), len(w) // groups
    for (y, x), first, offsets in parts:
        part = dx[:, y :: stride[0], x :: stride[1]]
        if not offsets:
            part[...] = 0
        elif part.size:
            strips = packed[:, :, first * outputs : (first + len(offsets)) * outputs]
            _correlate(errors, strips, offsets, part, None, (1, 1))


def weight_gradient(g, x, w_shape, stride, padding, dilation, groups):
    """The gradient of `forward` with respect to its weight, given that of its output."""
    if len(stride) == 1:
        g, x, shape = g[:, :, None], x[:, :, None], (*w_shape[:2], 1, w_shape[2])
        settings = *_as_images(stride, padding, dilation), groups
        return weight_gradient(g, x, shape, *settings).reshape(w_shape)
    settings = stride, padding, dilation, groups, WINOGRAD
    way = conv_ways.of_weight_gradient(g.dtype, g.shape, w_shape, x.shape, *settings)
    if way == "zeros":
        return np.zeros(w_shape, x.dtype)
    if way == "few":
        return conv_few_weight.gradient(g, x, w_shape, stride, padding, dilation)
    shape = w_shape
    if way == "fold":
        x = folded(x, w_shape, g.shape[2:], stride, padding, dilation)
        shape = w_shape[0], w_shape[2], 1, w_shape[3]
        stride, padding, dilation = _unfolded(stride, dilation)
        settings = stride, padding, dilation, groups, WINOGRAD
        sizes = g.shape, shape, x.shape
        way = conv_ways.of_weight_gradient(g.dtype, *sizes, *settings, folded=True)
    (outputs, given), errors = shape[:2], channels_last(g)
    if way in ("one pixel", "pixels"):
        seen = channels_last(x) if way == "one pixel" else pixels_at(x, stride)
        matrix = errors.reshape(1, -1, outputs).transpose(0, 2, 1)
        seen = seen.reshape(1, matrix.shape[2], -1)
        taps = np.empty((1, outputs, seen.shape[2]), x.dtype)
        gemm.run(matrix, seen, taps)
        return as_filters(taps, shape).reshape(w_shape)
    images, offsets = channels_last(x), tap_offsets(shape[2:], padding, dilation)
    if way == "rows":
        dw = conv_folded.weight_gradient(errors, images, shape, stride, padding, dilation)
    elif way == "tiny":
        dw = conv_tiny.weight_gradient(errors, images, offsets[0])
    elif way == "winograd":
        dw = winograd.weight_gradient(errors, images, offsets[0], stride)
    elif way == "depthwise":
        dw = as_filters(depthwise.weight_gradient(errors, images, given, offsets, stride), shape)
    else:
        runs, length = joined_runs(offsets, given, groups)
        count = len(offsets) * given
        taps = conv_weight.gradient(errors, images, runs, length, count, stride, groups)
        dw = as_filters(taps, shape)
    return dw.reshape(w_shape)
