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
    conv_weight,
    depthwise,
    gemm,
    spread,
    winograd,
    winograd_plan,
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
MOST_FOLDED = 16  # rows of a filter for one channel, that become channels
FEW_INPUTS = 8  # channels of an input whose gradient is spread rather than gathered
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
    runs, _ = joined_runs(tuple(offsets), channels, groups)
    work, unit = out.size * packed.shape[2] // 32, block(char)
    start = NOTHING[char] if bias is None else bias
    short = out.flags.c_contiguous and out.shape[2] < SHORT_ROW
    plan, run = (plan_pixels, correlate_gathered) if short else (plan_rows, correlate)
    geometry, needed = plan(
        x.shape, out.shape, x.itemsize, tuple(offsets), packed.shape[2], groups,
        tuple(stride), relu, threads,
    )  # fmt: skip
    run(x, packed, out, start, runs, geometry, unit, workspace(threads, needed), work=work)


def _as_images(*arrays, axes):
    """Signals (N, C, L) as images of one row, (N, C, 1, L), and so filters; images as they are."""
    return [a if axes == 2 else a[:, :, None] for a in arrays]


def _settings(stride, padding, dilation):
    """The same of what each axis has."""
    if len(stride) == 2:
        return stride, padding, dilation
    return (1, *stride), ((0, 0), *padding), (1, *dilation)


def _pointwise(w_shape, padding, groups) -> bool:
    """Whether each pixel of the output sees one of the input."""
    return groups == 1 and tuple(w_shape[2:]) == (1, 1) and not any(map(any, padding))


def forward(x, w, bias, stride, padding, dilation, groups, relu=False):
    """See the twin in `autograd.kernels.plain`; signals and images. `relu` is applied if asked."""
    axes = len(stride)
    x, w = _as_images(x, w, axes=axes)
    stride, padding, dilation = _settings(stride, padding, dilation)
    size = [
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, (before, after), d in zip(
            x.shape[2:], w.shape[2:], stride, padding, dilation, strict=True
        )
    ]
    outputs, given = w.shape[:2]
    if conv_few.suits(x.dtype, x.shape, (len(x), outputs, *size), groups):
        out = conv_few.forward(x, w, bias, size, stride, padding, dilation, relu)
        return out if axes == 2 else out[:, :, 0]
    if _folds(w.shape, groups) and len(x) and min(size) > 0:
        x, w = folded(x, w.shape, size, stride, padding, dilation), w.transpose(0, 2, 1, 3)
        given, stride, padding, dilation = w.shape[1], *_unfolded(stride, dilation)
    out = empty((len(x), *size, outputs), x.dtype)
    offsets = tap_offsets(w.shape[2:], padding, dilation)
    if out.size == 0:
        pass
    elif _sees_all(x.shape, w.shape, padding, groups):
        weight = _pixels_first(w).transpose(0, 2, 1)
        pixels = channels_last(x).reshape(1, len(x), -1)
        gemm.run(pixels, weight, out.reshape(1, -1, outputs), bias, relu=relu)
    elif _pointwise(w.shape, padding, groups):
        pixels = pixels_at(x, stride).reshape(1, -1, given)
        weight = w.reshape(1, outputs, given).transpose(0, 2, 1)
        gemm.run(pixels, weight, out.reshape(1, -1, outputs), bias, relu=relu)
    elif depthwise.suits(w.shape, groups, x.dtype):
        depthwise.forward(channels_last(x), w, bias, out, offsets, stride, relu)
    elif conv_folded.suits(w.shape, dilation, groups):
        conv_folded.forward(channels_last(x), w, bias, out, stride, padding, dilation, relu)
    else:
        images, suited = channels_last(x), (x.dtype, x.shape, w.shape, size)
        if conv_tiny.suits(*suited, stride, dilation, groups):
            conv_tiny.forward(images, w, out, bias, offsets[0], relu)
        elif WINOGRAD and winograd_plan.suits(*suited, stride, dilation, groups):
            winograd.forward(
                images, np.ascontiguousarray(w), out, bias, offsets[0], tuple(stride), relu
            )  # fmt: skip
        else:
            packed = packed_filters(w, range(len(offsets)), groups, True)
            _correlate(images, packed, offsets, out, bias, stride, relu)
    return _result(out, axes)


def _folds(w_shape, groups) -> bool:
    """Whether an image of one channel is to be folded, see `fold`."""
    _, given, rows, columns = w_shape
    return given == groups == 1 and 1 < rows <= MOST_FOLDED and columns > 1


def _unfolded(stride, dilation):
    """Stride, padding and dilation that remain once the rows of the filter are folded."""
    return (1, stride[1]), ((0, 0), (0, 0)), (1, dilation[1])


def _sees_all(x_shape, w_shape, padding, groups) -> bool:
    """Whether the output is one pixel, which sees all of the input."""
    return groups == 1 and tuple(x_shape[2:]) == tuple(w_shape[2:]) and not any(map(any, padding))


def _pixels_first(w):
    """Filters (O, C, R, S) as a matrix (1, O, R S C)."""
    return transposed(w.reshape(len(w), w.shape[1], -1)).reshape(1, len(w), -1)


def _result(images, axes):
    """(N, H, W, C) as (N, C, H, W), or (N, 1, L, C) as (N, C, L)."""
    images = images.transpose(0, 3, 1, 2)
    return images if axes == 2 else images[:, :, 0]


def input_gradient(g, w, x_shape, stride, padding, dilation, groups):
    """The gradient of `forward` with respect to its input, given that of its output."""
    axes = len(stride)
    g, w = _as_images(g, w, axes=axes)
    stride, padding, dilation = _settings(stride, padding, dilation)
    x_shape = x_shape if axes == 2 else (*x_shape[:2], 1, x_shape[2])
    if conv_few.suits(g.dtype, g.shape, x_shape, groups):
        dx = conv_few.input_gradient(g, w, x_shape, stride, padding, dilation)
        return dx if axes == 2 else dx[:, :, 0]
    n, channels, height, width = x_shape
    outputs, given, *kernel_size = w.shape
    errors = channels_last(g)
    dx = empty((n, height, width, channels), errors.dtype)
    suited = g.dtype, (n, *g.shape[1:]), (given, outputs, *kernel_size), (height, width)
    # For a filter turned around: its first tap reads what the last one of the forward wrote.
    corner = padding[0][0] - kernel_size[0] + 1, padding[1][0] - kernel_size[1] + 1
    if dx.size == 0:
        pass
    elif g.size == 0:
        dx[...] = 0
    elif _sees_all(x_shape, w.shape, padding, groups) and g.shape[2:] == (1, 1):
        weight = _pixels_first(w)
        gemm.run(errors.reshape(1, n, outputs), weight, dx.reshape(1, n, -1))
    elif _pointwise(w.shape, padding, groups):
        whole = g.shape[2:] == (height, width)
        target = dx if whole else np.empty((*errors.shape[:3], given), dx.dtype)
        pixels, weight = errors.reshape(1, -1, outputs), w.reshape(1, outputs, given)
        gemm.run(pixels, weight, target.reshape(1, -1, given))
        if not whole:
            put_pixels(target, dx, np.array(stride, np.int64), work=dx.size)
    elif depthwise.suits(w.shape, groups, g.dtype):
        depthwise.input_gradient(errors, w, dx, stride, padding, dilation)
    elif conv_tiny.suits(*suited, stride, dilation, groups):
        conv_tiny.forward(errors, w, dx, None, corner, turned=True)
    elif WINOGRAD and winograd_plan.suits(*suited, stride, dilation, groups):
        winograd.forward(
            errors, np.ascontiguousarray(w), dx, None, corner, tuple(stride), turned=True
        )  # fmt: skip
    elif groups == 1 and given < FEW_INPUTS and max(dilation) == 1:
        spread.input_gradient(errors, w, dx, stride, padding)
    else:
        _by_residues(errors, w, dx, stride, padding, dilation, groups)
    return _result(dx, axes)


def _by_residues(errors, w, dx, stride, padding, dilation, groups):
    """The gradient of the input for each residue of a pixel's place, divided by the stride."""
    order, parts = residues(w.shape[2:], tuple(stride), tuple(map(tuple, padding)), tuple(dilation))
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
    (g, x), shape = _as_images(g, x, axes=len(stride)), w_shape
    if len(stride) == 1:
        shape = (*w_shape[:2], 1, w_shape[2])
    stride, padding, dilation = _settings(stride, padding, dilation)
    outputs, given, *kernel_size = shape
    offsets = tap_offsets(kernel_size, padding, dilation)
    if g.size == 0 or x.size == 0:
        return np.zeros(w_shape, x.dtype)
    if conv_few.suits(x.dtype, x.shape, g.shape, groups, of_weight=True):
        return conv_few_weight.gradient(g, x, shape, stride, padding, dilation).reshape(w_shape)
    if _folds(shape, groups):
        x = folded(x, shape, g.shape[2:], stride, padding, dilation)
        shape, given = (outputs, kernel_size[0], 1, kernel_size[1]), kernel_size[0]
        stride, padding, dilation = _unfolded(stride, dilation)
        kernel_size = shape[2:]
        offsets = tap_offsets(kernel_size, padding, dilation)
    errors, suited = channels_last(g), (x.dtype, x.shape, shape, g.shape[2:])
    if _sees_all(x.shape, shape, padding, groups):
        taps = np.empty((1, outputs, given * len(offsets)), x.dtype)
        images = channels_last(x).reshape(1, len(x), -1)
        gemm.run(errors.reshape(1, -1, outputs).transpose(0, 2, 1), images, taps)
    elif _pointwise(shape, padding, groups):
        pixels = pixels_at(x, stride).reshape(1, -1, given)
        taps = np.empty((1, outputs, given), x.dtype)
        gemm.run(errors.reshape(1, -1, outputs).transpose(0, 2, 1), pixels, taps)
    elif depthwise.suits(shape, groups, x.dtype):
        taps = depthwise.weight_gradient(errors, channels_last(x), given, offsets, stride)
    elif outputs > conv_weight.FEW_OUTPUTS and conv_folded.suits(shape, dilation, groups):
        images = channels_last(x)
        dw = conv_folded.weight_gradient(errors, images, shape, stride, padding, dilation)
        return dw.reshape(w_shape)
    elif conv_tiny.suits(*suited, stride, dilation, groups):
        return conv_tiny.weight_gradient(errors, channels_last(x), offsets[0]).reshape(w_shape)
    elif WINOGRAD and winograd_plan.suits(*suited, stride, dilation, groups):
        dw = winograd.weight_gradient(errors, channels_last(x), offsets[0], tuple(stride))
        return dw.reshape(w_shape)
    else:
        runs, length = joined_runs(offsets, given, groups)
        count = len(offsets) * given
        taps = conv_weight.gradient(errors, channels_last(x), runs, length, count, stride, groups)
    return as_filters(taps, shape).reshape(w_shape)
