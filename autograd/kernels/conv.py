"""Two-dimensional convolution and its two gradients, as copies of windows and matrix products.

A block of samples at a time has its windows copied into a matrix, one column per output position,
small enough to stay in the cache; the rest is one matrix product per sample and group. Everything
is channels-first. Strides and dilations are (rows, columns); padding is ((top, bottom), (left,
right)).
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import as_strided

BLOCK_BYTES = 1 << 19  # how large the copied windows of a block of samples may get


def forward(x, w, bias, stride, padding, dilation, groups):
    """Correlate `x` (N, C, H, W) with `w` (O, C / groups, kH, kW) and add `bias` (O,) if any."""
    kernel, padded = w.shape[2:], _pad(x, padding)
    rows, cols = output_size(x.shape[2:], kernel, stride, padding, dilation)
    filters = w.reshape(groups, w.shape[0] // groups, -1)
    out = np.empty((len(x), *filters.shape[:2], rows * cols), np.result_type(x, w))
    for block in _blocks(len(x), filters[0, 0].size * groups * rows * cols * out.itemsize):
        windows = _windows(padded[block], kernel, stride, dilation, (rows, cols))
        columns = windows.reshape(len(windows), groups, filters.shape[2], rows * cols)
        np.matmul(filters, columns, out=out[block])
        if bias is not None:
            out[block] += bias.reshape(*filters.shape[:2], 1)
    return out.reshape(len(x), len(w), rows, cols)


def input_gradient(g, w, x_shape, stride, padding, dilation, groups):
    """The gradient of `forward` with respect to `x`, given that of its output.

    Each element of `g` spreads over the window it came from; this is transposed convolution.
    """
    n, channels, height, width = x_shape
    kernel, (rows, cols) = w.shape[2:], g.shape[2:]
    (top, bottom), (left, right) = padding
    filters = w.reshape(groups, w.shape[0] // groups, -1).transpose(0, 2, 1)
    g = g.reshape(n, *filters.shape[::2], rows * cols)
    size = (height + top + bottom, width + left + right)
    out = np.zeros((n, channels, *size), np.result_type(g, w))
    for block in _blocks(n, filters[0].shape[0] * groups * rows * cols * out.itemsize):
        columns = np.matmul(filters, g[block])
        columns = columns.reshape(len(columns), channels, *kernel, rows, cols)
        target = out[block]
        for i, j in np.ndindex(*kernel):
            place = _steps(i, j, stride, dilation, (rows, cols))
            target[:, :, *place] += columns[:, :, i, j]
    return out[:, :, top : top + height, left : left + width]


def weight_gradient(g, x, w_shape, stride, padding, dilation, groups):
    """The gradient of `forward` with respect to `w`, given that of its output."""
    kernel, (rows, cols) = w_shape[2:], g.shape[2:]
    padded = _pad(x, padding)
    taps = w_shape[1] * kernel[0] * kernel[1]
    total = np.zeros((groups, w_shape[0] // groups, taps), np.result_type(g, x))
    for block in _blocks(len(x), taps * groups * rows * cols * total.itemsize):
        windows = _windows(padded[block], kernel, stride, dilation, (rows, cols))
        # All samples of the block side by side, so that one product per group sums over them too.
        samples = len(windows)
        columns = windows.transpose(1, 2, 3, 0, 4, 5).reshape(groups, taps, samples * rows * cols)
        errors = g[block].transpose(1, 0, 2, 3).reshape(groups, -1, samples * rows * cols)
        total += np.matmul(errors, columns.transpose(0, 2, 1))
    return total.reshape(w_shape)


def output_size(size, kernel, stride, padding, dilation):
    """The number of windows along each axis: how often the dilated kernel fits into the input."""
    return tuple(
        (n + before + after - d * (k - 1) - 1) // s + 1
        for n, k, s, (before, after), d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def _pad(x, padding):
    (top, bottom), (left, right) = padding
    if not (top or bottom or left or right):
        return x
    n, channels, height, width = x.shape
    out = np.zeros((n, channels, height + top + bottom, width + left + right), x.dtype)
    out[:, :, top : top + height, left : left + width] = x
    return out


def _windows(padded, kernel, stride, dilation, size):
    """A view (N, C, kH, kW, rows, cols) of `padded`: each kernel tap's values at all positions."""
    n, channels, down, right = padded.strides
    strides = (down * dilation[0], right * dilation[1], down * stride[0], right * stride[1])
    shape = (*padded.shape[:2], *kernel, *size)
    return as_strided(padded, shape, (n, channels, *strides), writeable=False)


def _steps(i, j, stride, dilation, size):
    """The slices of rows and columns that kernel tap (i, j) meets as the kernel moves."""
    return tuple(
        slice(k * d, k * d + (n - 1) * s + 1, s)
        for k, d, n, s in zip((i, j), dilation, size, stride, strict=True)
    )


def _blocks(count, bytes_each):
    """Cut range(count) into slices whose windows together take about BLOCK_BYTES."""
    step = max(1, BLOCK_BYTES // max(1, bytes_each))
    return [slice(start, min(start + step, count)) for start in range(0, count, step)]
