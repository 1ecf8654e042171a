"""Convolution over any number of axes and its two gradients: copied windows and matrix products.

A block of samples at a time has its windows copied into a matrix, one column per output position,
small enough to stay in the cache; the rest is one matrix product per sample and group. Everything
is channels-first: samples, channels, then the axes of space, (H, W) for images. Strides and
dilations have one number for each of these, padding a pair (before, after).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import as_strided

from autograd.kernels.plain.activation import overwrite_by_relu

BLOCK_BYTES = 1 << 19  # how large the copied windows of a block of samples may get


def forward(x, w, bias, stride, padding, dilation, groups, relu=False):
    """Correlate `x` (N, C, *space) with `w` (O, C / groups, *kernel) and add `bias` (O,) if any.

    With `relu`, what is negative then becomes zero.
    """
    kernel, padded = w.shape[2:], _pad(x, padding)
    size = output_size(x.shape[2:], kernel, stride, padding, dilation)
    filters, places = w.reshape(groups, w.shape[0] // groups, -1), math.prod(size)
    out = np.empty((len(x), *filters.shape[:2], places), np.result_type(x, w))
    for block in _blocks(len(x), filters[0, 0].size * groups * places * out.itemsize):
        windows = _windows(padded[block], kernel, stride, dilation, size)
        columns = windows.reshape(len(windows), groups, filters.shape[2], places)
        np.matmul(filters, columns, out=out[block])
        if bias is not None:
            out[block] += bias.reshape(*filters.shape[:2], 1)
    if relu:
        overwrite_by_relu(out)
    return out.reshape(len(x), len(w), *size)


def input_gradient(g, w, x_shape, stride, padding, dilation, groups):
    """The gradient of `forward` with respect to `x`, given that of its output.

    Each element of `g` spreads over the window it came from; this is transposed convolution.
    """
    n, channels, *space = x_shape
    kernel, size = w.shape[2:], g.shape[2:]
    places = math.prod(size)
    filters = w.reshape(groups, w.shape[0] // groups, -1).transpose(0, 2, 1)
    g = g.reshape(n, *filters.shape[::2], places)
    out = np.zeros((n, channels, *_grown(space, padding)), np.result_type(g, w))
    for block in _blocks(n, filters[0].shape[0] * groups * places * out.itemsize):
        columns = np.matmul(filters, g[block])
        columns = columns.reshape(len(columns), channels, *kernel, *size)
        spread_windows(out[block], columns, stride, dilation)
    return out[:, :, *_inside(space, padding)]


def weight_gradient(g, x, w_shape, stride, padding, dilation, groups):
    """The gradient of `forward` with respect to `w`, given that of its output."""
    kernel, size = w_shape[2:], g.shape[2:]
    padded, places = _pad(x, padding), math.prod(size)
    taps = w_shape[1] * math.prod(kernel)
    total = np.zeros((groups, w_shape[0] // groups, taps), np.result_type(g, x))
    for block in _blocks(len(x), taps * groups * places * total.itemsize):
        windows = _windows(padded[block], kernel, stride, dilation, size)
        # All samples of the block side by side, so that one product per group sums over them too.
        columns = np.moveaxis(windows, 0, 1 + len(kernel))
        columns = columns.reshape(groups, taps, len(windows) * places)
        errors = np.moveaxis(g[block], 0, 1).reshape(groups, -1, len(windows) * places)
        total += np.matmul(errors, columns.transpose(0, 2, 1))
    return total.reshape(w_shape)


def output_size(size, kernel, stride, padding, dilation):
    """The number of windows along each axis: how often the dilated kernel fits into the input."""
    return tuple(
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, (before, after), d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def copy_windows(x, kernel, stride, padding, dilation):
    """Return every window of `x` as a column: (N, C * taps of the kernel, places)."""
    size = output_size(x.shape[2:], kernel, stride, padding, dilation)
    windows = _windows(_pad(x, padding), kernel, stride, dilation, size)
    return windows.reshape(len(x), x.shape[1] * math.prod(kernel), math.prod(size))


def sum_windows(columns, x_shape, kernel, stride, padding, dilation):
    """The adjoint of `copy_windows`: add each column to its window in zeros of `x_shape`."""
    n, channels, *space = x_shape
    size = output_size(space, kernel, stride, padding, dilation)
    out = np.zeros((n, channels, *_grown(space, padding)), columns.dtype)
    spread_windows(out, columns.reshape(n, channels, *kernel, *size), stride, dilation)
    return out[:, :, *_inside(space, padding)]


def spread_windows(out, windows, stride, dilation):
    """Add `windows` (N, C, *kernel, *places) to where they lie in the padded `out`."""
    axes = out.ndim - 2
    kernel, size = windows.shape[2 : 2 + axes], windows.shape[2 + axes :]
    for tap in np.ndindex(*kernel):
        place = tuple(
            slice(k * d, k * d + (n - 1) * s + 1, s)
            for k, d, n, s in zip(tap, dilation, size, stride, strict=True)
        )
        out[:, :, *place] += windows[:, :, *tap]


def _grown(space, padding):
    return [n + before + after for n, (before, after) in zip(space, padding, strict=True)]


def _inside(space, padding):
    """Where the input lies within its padding."""
    return tuple(slice(before, before + n) for n, (before, _) in zip(space, padding, strict=True))


def _pad(x, padding):
    if not any(before or after for before, after in padding):
        return x
    out = np.zeros((*x.shape[:2], *_grown(x.shape[2:], padding)), x.dtype)
    out[:, :, *_inside(x.shape[2:], padding)] = x
    return out


def _windows(padded, kernel, stride, dilation, size):
    """A view (N, C, *kernel, *size) of `padded`: each kernel tap's values at all positions."""
    steps = padded.strides[2:]
    taps = [step * d for step, d in zip(steps, dilation, strict=True)]
    moves = [step * s for step, s in zip(steps, stride, strict=True)]
    shape = (*padded.shape[:2], *kernel, *size)
    return as_strided(padded, shape, (*padded.strides[:2], *taps, *moves), writeable=False)


def _blocks(count, bytes_each):
    """Cut range(count) into slices whose windows together take about BLOCK_BYTES."""
    step = max(1, BLOCK_BYTES // max(1, bytes_each))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
