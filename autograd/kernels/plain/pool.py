"""Pooling over windows of the last axes, as many as the settings have numbers; others come first.

Windows are given by kernel, stride, padding and dilation with the number of windows in `size`, one
number of each for an axis, or, where they are irregular, as a list of (start, stop) spans per axis.
The index of an element is its position in the flattened plane: row * width + column in an image.
"""

from __future__ import annotations

import functools
import math

import numpy as np


def max_forward(x, kernel, stride, padding, dilation, size):
    """Return each window's largest element and its index: the first of equals, NaN above all."""
    best, taps = max_taps(x, kernel, stride, padding, dilation, size)
    plane = x.shape[-len(kernel) :]
    return best, tap_index(taps, plane, kernel, stride, padding, dilation, size)


def max_taps(x, kernel, stride, padding, dilation, size):
    """Return each window's largest element and its tap: which element of the window it is."""
    axes = len(kernel)
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    padded = _pad(x, kernel, stride, padding, dilation, size, lowest)
    taps = list(np.ndindex(*kernel))
    origins = [np.arange(n) * s - p for n, s, p in zip(size, stride, padding, strict=True)]
    # Until something larger turns up the winner is the first tap that lies on the plane.
    first = [np.maximum(0, -(origin // d)) for origin, d in zip(origins, dilation, strict=True)]
    best = np.full((*x.shape[:-axes], *size), lowest, x.dtype)
    winner = np.empty(best.shape, np.uint8 if len(taps) <= 256 else np.int32)
    winner[...] = _flat_position(first, kernel)
    views = [
        padded[(..., *(_steps(tap[a], stride, dilation, size, a) for a in range(axes)))]
        for tap in taps
    ]
    for number, view in enumerate(views):
        np.copyto(winner, number, where=view > best)
        np.maximum(best, view, out=best)
    if np.isnan(best).any():  # nothing compares greater than NaN, so those taps were not noticed
        for number, view in enumerate(views):
            np.copyto(winner, number, where=np.isnan(view))
    return best, winner


def tap_index(taps, plane, kernel, stride, padding, dilation, size):
    """The indices of the elements that are the `taps` of their windows."""
    reach = [np.arange(k) * d for k, d in zip(kernel, dilation, strict=True)]
    origins = [np.arange(n) * s - p for n, s, p in zip(size, stride, padding, strict=True)]
    index = _flat_position(reach, plane).reshape(-1)[taps]
    index += _flat_position(origins, plane)
    return index


def spread_taps(g, taps, plane, kernel, stride, padding, dilation, size):
    """Add each value to the element of a zero plane that is the tap of its window."""
    return scatter(g, tap_index(taps, plane, kernel, stride, padding, dilation, size), plane)


def max_spans(x, *spans):
    """Return the largest element, and its index, of each window made of one span per axis."""
    plane, rest = x.shape[-len(spans) :], x.shape[: -len(spans)]
    best = np.empty((*rest, *map(len, spans)), x.dtype)
    index = np.empty(best.shape, np.int64)
    for place in np.ndindex(*best.shape[len(rest) :]):
        starts, stops = zip(*(span[i] for span, i in zip(spans, place, strict=True)), strict=True)
        window = x[(..., *map(slice, starts, stops))]
        lengths = window.shape[len(rest) :]
        window = window.reshape(*rest, math.prod(lengths))
        winner = window.argmax(axis=-1)
        best[(..., *place)] = np.take_along_axis(window, winner[..., None], axis=-1)[..., 0]
        inside = np.unravel_index(winner, lengths)
        found = [start + i for start, i in zip(starts, inside, strict=True)]
        index[(..., *place)] = np.ravel_multi_index(found, plane)
    return best, index


def max_at(x, starts, kernel):
    """Return the largest element, and its index, of windows that start at places of their own.

    `starts` has an array (N, C, windows) for each axis: every plane is cut up differently.
    """
    axes, index = len(kernel), np.zeros((), np.int64)
    for a, (first, taps) in enumerate(zip(starts, kernel, strict=True)):
        along = first[..., None] + np.arange(taps)
        mesh = [1] * (2 * axes)
        mesh[a], mesh[axes + a] = along.shape[-2:]
        index = index * x.shape[2 + a] + along.reshape(*along.shape[:2], *mesh)
    size = index.shape[2 : 2 + axes]
    index = index.reshape(*x.shape[:2], *size, math.prod(kernel))
    planes = x.reshape(*x.shape[:2], math.prod(x.shape[2:]))
    windows = np.take_along_axis(planes, index.reshape(*x.shape[:2], -1), axis=-1)
    winner = windows.reshape(index.shape).argmax(axis=-1)[..., None]
    index = np.take_along_axis(index, winner, axis=-1)[..., 0]
    return gather(x, index, axes), index


def scatter(values, index, plane):
    """Add each value to the element of a zero plane that its index names."""
    out, places = _zero_planes(values, index, plane)
    np.add.at(out.reshape(-1), places, values.reshape(-1))
    return out


def place(values, index, plane):
    """Put each value at the element of a zero plane that its index names; the last one stays."""
    out, places = _zero_planes(values, index, plane)
    out.reshape(-1)[places] = values.reshape(-1)
    return out


def _zero_planes(values, index, plane):
    """The planes to fill, and where in all their elements each index points to."""
    planes = values.shape[: -len(plane)]
    size = math.prod(plane)
    out = np.zeros((*planes, *plane), values.dtype)
    first = np.arange(math.prod(planes)).reshape(*planes, *(1,) * len(plane)) * size
    return out, (index + first).reshape(-1)


def gather(x, index, axes=2):
    """Pick from each plane of `x`, its last `axes`, the elements that `index` names."""
    flat = x.reshape(*x.shape[:-axes], math.prod(x.shape[-axes:]))
    wanted = index.reshape(*index.shape[:-axes], math.prod(index.shape[-axes:]))
    return np.take_along_axis(flat, wanted, axis=-1).reshape(index.shape)


def areas(lengths, dtype):
    """The sizes of all windows, by their lengths along each axis: one number, if all are equal."""
    sizes = functools.reduce(np.multiply.outer, [np.array(along, dtype) for along in lengths])
    return float(sizes.flat[0]) if sizes.size and np.ptp(sizes) == 0 else sizes


def window_sum(x, kernel, stride, padding, dilation, size, divisor=1.0):
    """Return the sum of each window, divided by `divisor`; padding counts as zeros.

    One axis after the other.
    """
    out = _pad(x, kernel, stride, padding, dilation, size, 0)
    for axis, taps in enumerate(kernel):
        after = (slice(None),) * (len(kernel) - 1 - axis)
        sums = out[(..., _steps(0, stride, dilation, size, axis), *after)].copy()
        for tap in range(1, taps):
            sums += out[(..., _steps(tap, stride, dilation, size, axis), *after)]
        out = sums
    out /= divisor
    return out


def window_spread(g, plane, kernel, stride, padding, dilation, size, divisor=1.0):
    """The adjoint of `window_sum`: add each element of `g` to all of its window in a zero plane."""
    g = g / divisor
    extent = _extent(plane, kernel, stride, padding, dilation, size)
    for axis in reversed(range(len(kernel))):
        after = (slice(None),) * (len(kernel) - 1 - axis)
        shape = list(g.shape)
        shape[axis - len(kernel)] = extent[axis]
        out = np.zeros(shape, g.dtype)
        for tap in range(kernel[axis]):
            out[(..., _steps(tap, stride, dilation, size, axis), *after)] += g
        g = out
    return g[(..., *(slice(p, p + n) for p, n in zip(padding, plane, strict=True)))]


def mean_spans(x, *spans):
    """Return the mean of each window made of one span per axis."""
    for axis, along in enumerate(spans, start=-len(spans)):
        shape = list(x.shape)
        shape[axis] = len(along)
        out = np.empty(shape, x.dtype)
        from_axis, to_axis = np.moveaxis(x, axis, 0), np.moveaxis(out, axis, 0)
        for i, (start, stop) in enumerate(along):
            to_axis[i] = from_axis[start:stop].mean(axis=0)
        x = out
    return x


def spread_spans(g, plane, *spans):
    """The adjoint of `mean_spans`: share each element of `g` equally among its window."""
    for axis, along in enumerate(spans, start=-len(spans)):
        shape = list(g.shape)
        shape[axis] = plane[axis]
        out = np.zeros(shape, g.dtype)
        from_axis, to_axis = np.moveaxis(g, axis, 0), np.moveaxis(out, axis, 0)
        for i, (start, stop) in enumerate(along):
            to_axis[start:stop] += from_axis[i] / (stop - start)
        g = out
    return g


def _flat_position(coordinates, plane):
    """The position in a flattened plane of every combination of coordinates, given per axis.

    Coordinates may lie outside the plane: they are the origins of windows that start in padding.
    """
    total = np.zeros((), np.int64)
    for along, length in zip(coordinates, plane, strict=True):
        total = total[..., None] * length + along
    return total


def _extent(plane, kernel, stride, padding, dilation, size):
    """The size of the padded plane, such that every window lies inside."""
    return tuple(
        max(n + 2 * p, (count - 1) * s + d * (k - 1) + 1)
        for n, k, s, p, d, count in zip(plane, kernel, stride, padding, dilation, size, strict=True)
    )


def _pad(x, kernel, stride, padding, dilation, size, value):
    plane = x.shape[-len(kernel) :]
    extent = _extent(plane, kernel, stride, padding, dilation, size)
    if extent == plane:
        return x
    out = np.full((*x.shape[: -len(kernel)], *extent), value, x.dtype)
    inside: tuple = tuple(slice(p, p + n) for p, n in zip(padding, plane, strict=True))
    out[..., *inside] = x
    return out


def _steps(tap, stride, dilation, size, axis):
    """The positions along an axis that one tap of the window meets as the window moves."""
    start = tap * dilation[axis]
    return slice(start, start + (size[axis] - 1) * stride[axis] + 1, stride[axis])
