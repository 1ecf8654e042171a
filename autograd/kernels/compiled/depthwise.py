"""Convolution with a filter to each channel, or to each of a few channels side by side.

Little is shared between channels, so there is no product of matrices. A vector of channels is
summed up in registers: of some neighbouring pixels over all taps of the filter, or, for the
gradient of the filter, of some taps over neighbouring pixels; see `narrow_code`. Where filters of
one channel have rows of three taps, it slides along rows of pixels; see `slide_code`.
"""

from __future__ import annotations

import functools

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.conv_plan import residues
from autograd.kernels.compiled.jit import array, inner, intp, kernel
from autograd.kernels.compiled.narrow_code import (
    MOST,
    address,
    call_convolve,
    call_multiply,
    most_taps,
    widths,
)
from autograd.kernels.compiled.slide_code import TAPS, call_collect, call_slide, slide_address
from autograd.kernels.compiled.tile import prefetch

PARTS = 16  # of the rows, summed apart, in the gradient of the weight
STRETCH = 16  # pixels of a row whose channels stay in the first cache
LINE = 64  # bytes of a line of the cache
int64 = types.int64


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


@kernel(lambda T: (array(T, 4), array(T, 3), array(T, 4, "A", out=True), array(T, 1),
                   array(int64, 1), array(int64, 1), array(int64, 1), array(int64, 1)))  # fmt: skip
def correlate(x, taps, out, bias, down, along, reach, settings):
    """x (N, H, W, C) with taps (taps, width, C) into `out`, row by row.

    Rows of taps read `down` from the pixel, columns `along`, so `reach` bytes; `settings`: strides,
    relu, and the code of `convolve`.
    """
    n, height, width, channels = x.shape
    _, rows, columns, _ = out.shape
    stride_y, stride_x, relu, code = settings
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
            call_convolve(
                code, seen, stride_x * pixel, reach.ctypes.data + 8 * index,
                taps.ctypes.data + index * tap, line, tap, high, wide, bias.ctypes.data, target,
                out.strides[2], pixels, channels, relu,
            )  # fmt: skip
            done += pixels


@inner
def list_taps(above, below, first, end, line, listed):
    """List the taps of some rows and columns; count them."""
    count = 0
    for i in range(above, below):
        for j in range(first, end):
            listed[count] = i * line + j
            count += 1
    return count


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 4, out=True), array(int64, 2, out=True),
                   array(int64, 1), array(int64, 1), array(int64, 1), array(int64, 1)))  # fmt: skip
def correlate_outputs(x, g, sums, space, down, along, reach, settings):
    """Sums (parts, taps, width, C) of errors times inputs, each part over rows of its own.

    `settings`: strides, the code of `multiply`, and how many taps it takes at most.
    """
    n, height, width, channels = x.shape
    _, rows, columns, _ = g.shape
    stride_y, stride_x, code, most = settings
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
                listed = space[part]
                seeing, begin = list_taps(above, below, first, end, line, listed), 0
                seen = x.ctypes.data + image * x.strides[0] + y * stride_y * row + at * pixel
                error = g.ctypes.data + task * g.strides[1] + done * g.strides[2]
                ahead = seen + (down[-1] + stride_y) * row
                for i in range(stride_y):
                    fetch_stretch(ahead + i * row, pixels * stride_x * pixel)
                fetch_stretch(error + g.strides[1], pixels * g.strides[2])
                while begin < seeing:
                    now = (seeing - begin) // ((seeing - begin + most - 1) // most)
                    call_multiply(
                        code, seen, stride_x * pixel, reach.ctypes.data, error, g.strides[2],
                        pixels, sums.ctypes.data + part * sums.strides[0],
                        listed.ctypes.data + 8 * begin, tap, now, channels,
                    )  # fmt: skip
                    begin += now
                done += pixels


@kernel(lambda T: (array(T, 4), array(T, 3), array(T, 4, out=True), array(T, 1), array(int64, 1),
                   intp, intp, intp))  # fmt: skip
def correlate_rows(x, taps, out, bias, down, left, relu, code):
    """The same for rows of three taps side by side and steps of one pixel, see `slide_code`."""
    n, height, width, channels = x.shape
    _, rows, columns, _ = out.shape
    row, tap = x.strides[1], taps.strides[0]
    for task in prange(n * rows):
        image, y = task // rows, task % rows
        above, below = inside(down, y, height)
        seen = x.ctypes.data + image * x.strides[0] + (y + down[above]) * row
        call_slide(
            code, seen, row, x.strides[2], width, left,
            taps.ctypes.data + above * TAPS * tap, tap, below - above, bias.ctypes.data,
            out.ctypes.data + image * out.strides[0] + y * out.strides[1], out.strides[2],
            columns, channels, relu,
        )  # fmt: skip


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 4, out=True), array(int64, 1), intp,
                   intp))  # fmt: skip
def correlate_rows_outputs(x, g, sums, down, left, code):
    """The same for rows of three taps side by side and steps of one pixel, see `slide_code`."""
    n, height, width, channels = x.shape
    rows, columns = g.shape[1:3]
    parts, row, tap = len(sums), x.strides[1], sums.strides[1]
    for part in prange(parts):
        for task in range(n * rows * part // parts, n * rows * (part + 1) // parts):
            image, y = task // rows, task % rows
            above, below = inside(down, y, height)
            call_collect(
                code, x.ctypes.data + image * x.strides[0] + (y + down[above]) * row, row,
                x.strides[2], width, left, g.ctypes.data + task * g.strides[1], g.strides[2],
                columns, sums.ctypes.data + part * sums.strides[0] + above * TAPS * tap, tap,
                below - above, channels,
            )  # fmt: skip


def _slides(x, width, out, down, along, stride) -> bool:
    """Whether a vector slides along rows: taps are side by side, and each output sees some."""
    if width > 1 or stride != (1, 1) or len(along) != TAPS or len(down) > TAPS:
        return False
    dense = down[-1] - down[0] == len(down) - 1 and along[-1] - along[0] == TAPS - 1
    (high, wide), (rows, columns) = x.shape[1:3], out.shape[1:3]
    seen = down[-1] >= 0 and rows - 1 + down[0] < high
    seen &= along[0] <= 0 <= along[-1] and wide <= columns - 1 + along[-1] < wide + TAPS - 1
    return dense and seen and out.flags.c_contiguous


def _reach(x, offsets):
    """How far taps read from their pixel: rows of them and columns in pixels, all in bytes."""
    return _distances(tuple(offsets), *x.strides[1:3])


@functools.lru_cache(256)
def _distances(offsets, row, pixel):
    reach = np.array(offsets, np.int64)
    along = reach[reach[:, 0] == reach[0, 0], 1]
    down = np.ascontiguousarray(reach[:: len(along), 0])
    return down, along, reach @ np.array((row, pixel), np.int64)


def suits(w_shape, groups, dtype) -> bool:
    """Whether there is such code: for narrow groups, with as many outputs as inputs."""
    outputs, width = w_shape[:2]
    return groups > 1 and outputs == groups * width and width in widths(dtype.char)


def forward(x, w, bias, out, offsets, stride, relu) -> None:
    """Correlate x (N, H, W, C) with w (C, width, R, S) into `out`."""
    if bias is None:
        bias = np.zeros(len(w), x.dtype)
    taps = np.ascontiguousarray(_taps_last(w).transpose(2, 1, 0))
    _correlate(x, taps, out, bias, offsets, stride, relu)


def _correlate(x, taps, out, bias, offsets, stride, relu) -> None:
    down, along, reach = _reach(x, offsets)
    work = out.size * len(offsets) * taps.shape[1] // 8
    if _slides(x, taps.shape[1], out, down, along, stride):
        code = slide_address("slide", x.dtype.char)
        correlate_rows(x, taps, out, bias, down, -along[0], int(relu), code, work=work)
        return
    code = address("convolve", x.dtype.char, taps.shape[1])
    settings = np.array([*stride, relu, code], np.int64)
    correlate(x, taps, out, bias, down, along, reach, settings, work=work)


def input_gradient(g, w, dx, stride, padding, dilation) -> None:
    """Write the gradient of the input into `dx`, of errors g (N, H, W, C).

    It is a correlation for each residue of a pixel's place, divided by the stride.
    """
    order, parts = residues(w.shape[2:], stride, padding, dilation)
    # Outputs and inputs of the groups change places.
    channels, width = w.shape[:2]
    taps = _taps_last(w).reshape(-1, width, width, w[0, 0].size).transpose(3, 1, 0, 2)
    taps = taps[list(order)].reshape(-1, width, channels)
    nothing = np.zeros(channels, g.dtype)
    for (y, x), first, offsets in parts:
        part = dx[:, y :: stride[0], x :: stride[1]]
        if not offsets:
            part[...] = 0
        elif part.size:
            these = np.ascontiguousarray(taps[first : first + len(offsets)])
            _correlate(g, these, part, nothing, offsets, (1, 1), False)


def weight_gradient(g, x, width, offsets, stride) -> np.ndarray:
    """The gradient as taps (C, taps, width), of errors and images (N, H, W, C)."""
    sums = np.zeros((PARTS, len(offsets), width, x.shape[3]), x.dtype)
    down, along, reach = _reach(x, offsets)
    work = g.size * len(offsets) * width // 8
    if _slides(x, width, g, down, along, stride):
        code = slide_address("collect", x.dtype.char)
        correlate_rows_outputs(x, g, sums, down, -along[0], code, work=work)
    else:
        code, space = address("multiply", x.dtype.char, width), np.empty((PARTS, len(offsets)), "q")
        settings = np.array([*stride, code, most_taps(width)], np.int64)
        correlate_outputs(x, g, sums, space, down, along, reach, settings, work=work)
    return np.ascontiguousarray(np.add.reduce(sums, axis=0).transpose(2, 0, 1))


def _taps_last(w):
    """(C, width, R, S) as (C, width, R S)."""
    return w.reshape(*w.shape[:2], -1)
