"""Convolution with one filter for each channel: as many sums as channels, side by side in vectors.

Nothing is shared between channels, so there is no product of matrices: the work is reading memory.
A stretch of channels at a time keeps its filters and sums in the first cache.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, kernel
from autograd.kernels.compiled.layout import transposed

PARTS = 16  # of the rows, summed apart, in the gradient of the weight
int64 = types.int64


@kernel(lambda T: (array(T, 4), array(T, 2), array(T, 4, out=True), array(T, 1), array(int64, 2),
                   array(int64, 1)))  # fmt: skip
def correlate(x, taps, out, bias, offsets, settings):
    """x (N, H, W, C) with taps (taps, C) into `out`, row by row; `settings`: strides and relu."""
    n, height, width, channels = x.shape
    _, rows, columns, _ = out.shape
    for task in prange(n * rows):
        image, y = task // rows, task % rows
        for x_ in range(columns):
            for c in range(channels):
                out[image, y, x_, c] = bias[c]
            for tap in range(len(offsets)):
                i, j = y * settings[0] + offsets[tap, 0], x_ * settings[1] + offsets[tap, 1]
                if 0 <= i < height and 0 <= j < width:
                    for c in range(channels):
                        out[image, y, x_, c] += x[image, i, j, c] * taps[tap, c]
            if settings[2]:
                for c in range(channels):
                    value = out[image, y, x_, c]
                    out[image, y, x_, c] = 0 if value < 0 else value


@kernel(lambda T: (array(T, 4), array(T, 2), array(T, 4, out=True), array(int64, 2),
                   array(int64, 1)))  # fmt: skip
def spread(g, taps, out, offsets, settings):
    """The adjoint of `correlate`: errors g (N, H, W, C) to the input's pixels, row by row."""
    n, rows, columns, channels = g.shape
    _, height, width, _ = out.shape
    stride_y, stride_x = settings[0], settings[1]
    for task in prange(n * height):
        image, i = task // height, task % height
        for j in range(width):
            for c in range(channels):
                out[image, i, j, c] = 0
            for tap in range(len(offsets)):
                down, along = i - offsets[tap, 0], j - offsets[tap, 1]
                y, x = down // stride_y, along // stride_x
                if (
                    down == y * stride_y and along == x * stride_x
                    and 0 <= y < rows and 0 <= x < columns
                ):  # fmt: skip
                    for c in range(channels):
                        out[image, i, j, c] += g[image, y, x, c] * taps[tap, c]


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 3, out=True), array(int64, 2),
                   array(int64, 1)))  # fmt: skip
def correlate_outputs(x, g, sums, offsets, settings):
    """Sums (parts, taps, C) of errors times inputs, each part over rows of its own."""
    n, height, width, channels = x.shape
    _, rows, columns, _ = g.shape
    parts = len(sums)
    for part in prange(parts):
        for task in range(n * rows * part // parts, n * rows * (part + 1) // parts):
            image, y = task // rows, task % rows
            for x_ in range(columns):
                for tap in range(len(offsets)):
                    i, j = y * settings[0] + offsets[tap, 0], x_ * settings[1] + offsets[tap, 1]
                    if 0 <= i < height and 0 <= j < width:
                        for c in range(channels):
                            sums[part, tap, c] += x[image, i, j, c] * g[image, y, x_, c]


def forward(x, w, bias, out, offsets, stride, relu) -> None:
    """Correlate x (N, H, W, C) with w (C, 1, R, S) into `out`."""
    if bias is None:
        bias = np.zeros(len(w), x.dtype)
    correlate(
        x, _taps(w), out, bias, np.array(offsets, np.int64), np.array([*stride, relu], np.int64),
        work=out.size * len(offsets),
    )  # fmt: skip


def input_gradient(g, w, dx, offsets, stride) -> None:
    """Write the gradient of the input into `dx`, of errors g (N, H, W, C)."""
    spread(
        g, _taps(w), dx, np.array(offsets, np.int64), np.array(stride, np.int64),
        work=g.size * len(offsets),
    )  # fmt: skip


def weight_gradient(g, x, offsets, stride) -> np.ndarray:
    """The gradient as taps (C, taps), of errors and images (N, H, W, C)."""
    sums = np.zeros((PARTS, len(offsets), x.shape[3]), x.dtype)
    correlate_outputs(
        x, g, sums, np.array(offsets, np.int64), np.array(stride, np.int64),
        work=g.size * len(offsets),
    )  # fmt: skip
    return np.ascontiguousarray(sums.sum(axis=0).T)


def _taps(w):
    """(C, 1, R, S) as (R S, C)."""
    return transposed(w.reshape(1, len(w), -1))[0]
