"""Pooling over windows of the last two axes; any axes may come before them.

Windows are given as (rows, columns) pairs of kernel, stride, padding and dilation with the number
of windows in `size`, or, where they are irregular, as a list of (start, stop) spans per axis.
The index of an element is its position in the flattened plane: row * width + column.
"""

from __future__ import annotations

import numpy as np


def max_forward(x, kernel, stride, padding, dilation, size):
    """Return each window's largest element and its index: the first of equals, NaN above all."""
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    padded = _pad(x, kernel, stride, padding, dilation, size, lowest)
    taps = list(np.ndindex(*kernel))
    origins = [np.arange(n) * s - p for n, s, p in zip(size, stride, padding, strict=True)]
    # Until something larger turns up the winner is the first tap that lies on the plane.
    first = [np.maximum(0, -(origin // d)) for origin, d in zip(origins, dilation, strict=True)]
    best = np.full((*x.shape[:-2], *size), lowest, x.dtype)
    winner = np.empty(best.shape, np.int32)
    winner[...] = first[0][:, None] * kernel[1] + first[1]
    views = [
        padded[..., _steps(i, stride, dilation, size, 0), _steps(j, stride, dilation, size, 1)]
        for i, j in taps
    ]
    for number, view in enumerate(views):
        np.copyto(winner, number, where=view > best)
        np.maximum(best, view, out=best)
    if np.isnan(best).any():  # nothing compares greater than NaN, so those taps were not noticed
        for number, view in enumerate(views):
            np.copyto(winner, number, where=np.isnan(view))
    offsets = np.array([i * dilation[0] * x.shape[-1] + j * dilation[1] for i, j in taps])
    index = offsets[winner]
    index += origins[0][:, None] * x.shape[-1] + origins[1]
    return best, index


def max_spans(x, rows, columns):
    """Return the largest element, and its index, of each window made of a row and a column span."""
    best = np.empty((*x.shape[:-2], len(rows), len(columns)), x.dtype)
    index = np.empty(best.shape, np.int64)
    for i, (top, bottom) in enumerate(rows):
        for j, (left, right) in enumerate(columns):
            window = x[..., top:bottom, left:right]
            window = window.reshape(*x.shape[:-2], (bottom - top) * (right - left))
            winner = window.argmax(axis=-1)
            best[..., i, j] = np.take_along_axis(window, winner[..., None], axis=-1)[..., 0]
            down, across = np.divmod(winner, right - left)
            index[..., i, j] = (top + down) * x.shape[-1] + left + across
    return best, index


def scatter(values, index, plane):
    """Add each value to the element of a zero plane (height, width) that its index names."""
    planes = values.shape[:-2]
    size = plane[0] * plane[1]
    out = np.zeros((*planes, *plane), values.dtype)
    first = np.arange(out.size // size if size else 0).reshape(*planes, 1, 1) * size
    np.add.at(out.reshape(-1), (index + first).reshape(-1), values.reshape(-1))
    return out


def gather(x, index):
    """Pick from each plane of `x` the elements that `index` names."""
    flat = x.reshape(*x.shape[:-2], x.shape[-2] * x.shape[-1])
    wanted = index.reshape(*index.shape[:-2], index.shape[-2] * index.shape[-1])
    return np.take_along_axis(flat, wanted, axis=-1).reshape(index.shape)


def window_sum(x, kernel, stride, padding, dilation, size):
    """Return the sum of each window; padding counts as zeros. Rows first, then columns."""
    padded = _pad(x, kernel, stride, padding, dilation, size, 0)
    sums = padded[..., _steps(0, stride, dilation, size, 0), :].copy()
    for i in range(1, kernel[0]):
        sums += padded[..., _steps(i, stride, dilation, size, 0), :]
    out = sums[..., _steps(0, stride, dilation, size, 1)].copy()
    for j in range(1, kernel[1]):
        out += sums[..., _steps(j, stride, dilation, size, 1)]
    return out


def window_spread(g, plane, kernel, stride, padding, dilation, size):
    """The adjoint of `window_sum`: add each element of `g` to all of its window in a zero plane."""
    height, width = _extent(plane, kernel, stride, padding, dilation, size)
    sums = np.zeros((*g.shape[:-1], width), g.dtype)
    for j in range(kernel[1]):
        sums[..., _steps(j, stride, dilation, size, 1)] += g
    out = np.zeros((*g.shape[:-2], height, width), g.dtype)
    for i in range(kernel[0]):
        out[..., _steps(i, stride, dilation, size, 0), :] += sums
    return out[..., padding[0] : padding[0] + plane[0], padding[1] : padding[1] + plane[1]]


def mean_spans(x, rows, columns):
    """Return the mean of each window made of a row span and a column span."""
    means = np.empty((*x.shape[:-2], len(rows), x.shape[-1]), x.dtype)
    for i, (top, bottom) in enumerate(rows):
        means[..., i, :] = x[..., top:bottom, :].mean(axis=-2)
    out = np.empty((*means.shape[:-1], len(columns)), x.dtype)
    for j, (left, right) in enumerate(columns):
        out[..., j] = means[..., left:right].mean(axis=-1)
    return out


def spread_spans(g, plane, rows, columns):
    """The adjoint of `mean_spans`: share each element of `g` equally among its window."""
    shares = np.zeros((*g.shape[:-1], plane[1]), g.dtype)
    for j, (left, right) in enumerate(columns):
        shares[..., left:right] += g[..., j : j + 1] / (right - left)
    out = np.zeros((*g.shape[:-2], *plane), g.dtype)
    for i, (top, bottom) in enumerate(rows):
        out[..., top:bottom, :] += shares[..., i : i + 1, :] / (bottom - top)
    return out


def _extent(plane, kernel, stride, padding, dilation, size):
    """The height and width of the padded plane, such that every window lies inside."""
    return tuple(
        max(n + 2 * p, (count - 1) * s + d * (k - 1) + 1)
        for n, k, s, p, d, count in zip(plane, kernel, stride, padding, dilation, size, strict=True)
    )


def _pad(x, kernel, stride, padding, dilation, size, value):
    extent = _extent(x.shape[-2:], kernel, stride, padding, dilation, size)
    if extent == x.shape[-2:]:
        return x
    (top, left), (height, width) = padding, x.shape[-2:]
    out = np.full((*x.shape[:-2], *extent), value, x.dtype)
    out[..., top : top + height, left : left + width] = x
    return out


def _steps(tap, stride, dilation, size, axis):
    """The positions along an axis that one tap of the window meets as the window moves."""
    start = tap * dilation[axis]
    return slice(start, start + (size[axis] - 1) * stride[axis] + 1, stride[axis])
