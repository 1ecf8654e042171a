"""Pooling by the mean of each window, or by another norm of it.

Averaging is linear, and the gradient of its gradient is itself: it can be differentiated any number
of times.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.conv import per_axis
from autograd.ops.pool_max import (
    adaptive_samples_1d,
    adaptive_samples_2d,
    adaptive_samples_3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
    samples_1d,
)
from autograd.ops.rectifier import relu
from autograd.ops.windows import adaptive_size, check_float, check_plane, find_windows, spans

# -- the mean --------------------------------------------------------------------------------------


@functools.lru_cache(256)
def _divisor(plane, windows: tuple, count_include_pad: bool, divisor_override, dtype):
    """What the sum of each window is divided by: how many elements it has, or what was asked.

    A float where it is the same for all windows, else an array, to be read only.
    """
    if divisor_override is not None:
        if divisor_override == 0:
            raise ShapeError("expected a divisor_override other than 0")
        return float(divisor_override)
    lengths = []
    for n, k, s, p, _, count in zip(plane, *windows, strict=True):
        start = np.arange(count) * s - p
        stop = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        lengths.append(stop - start)
    return kernels.pool.areas(lengths, dtype)


def _average(input, axes, kernel_size, stride, padding, ceil_mode, include_pad, override=None):
    """What the three forwards do: the mean of each window, and what the gradient needs."""
    check_plane(input, axes)
    check_float(input)
    plane = input.shape[-axes:]
    windows = find_windows(plane, kernel_size, stride, padding, 1, ceil_mode)
    divisor = _divisor(plane, windows, include_pad, override, input.dtype)
    return kernels.pool.window_sum(input, *windows, divisor), windows, divisor


def _samples_2d(rng):
    yield (rng.normal(size=(2, 1, 4, 3)),), {"kernel_size": 2}
    yield (
        (rng.normal(size=(1, 4, 3)),),
        {"kernel_size": (3, 2), "stride": 2, "padding": 1, "ceil_mode": True},
    )
    yield (
        (rng.normal(size=(1, 1, 4, 3)),),
        {"kernel_size": 3, "stride": (1, 2), "padding": 1, "count_include_pad": False},
    )
    yield (rng.normal(size=(1, 4, 3)),), {"kernel_size": 2, "stride": 1, "divisor_override": 3}


def _samples_3d(rng):
    yield (
        (rng.normal(size=(1, 2, 3, 3)),),
        {"kernel_size": 2, "stride": (1, 2, 1), "padding": 1, "count_include_pad": False},
    )
    yield (rng.normal(size=(1, 1, 2, 2, 3)),), {"kernel_size": (1, 2, 2), "divisor_override": 3}


@op(samples=samples_1d, residuals=("windows", "divisor"), space="both")
def avg_pool1d(
    input: Array,
    kernel_size: int | tuple,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
):
    """Return the mean of each window of signals (N, C, L) or (C, L); see `avg_pool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.avg_pool1d(ag.arange(6.0).reshape(1, 6), 3)
    tensor([[1., 4.]], shape=(1, 2))
    """
    return _average(input, 1, kernel_size, stride, padding, ceil_mode, count_include_pad)


@op(samples=_samples_2d, residuals=("windows", "divisor"), space="nn")
def avg_pool2d(
    input: Array,
    kernel_size: int | tuple,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Return the mean of each window of images (N, C, H, W) or (C, H, W).

    Parameters
    ----------
    kernel_size, stride, padding : int or pair
        Size of a window, steps between windows (by default their size), and rows and columns of
        zeros around the image.
    ceil_mode : bool, default False
        Keep a last window that is partly outside the image.
    count_include_pad : bool, default True
        Whether the zeros of the padding count as elements.
    divisor_override : int, optional
        Divide the sums by this instead of the number of elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.avg_pool2d(ag.arange(16.0).reshape(1, 4, 4), 2).reshape(4)
    tensor([ 2.5,  4.5, 10.5, 12.5])
    """
    return _average(
        input, 2, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@op(samples=_samples_3d, residuals=("windows", "divisor"), space="nn")
def avg_pool3d(
    input: Array,
    kernel_size: int | tuple,
    stride=None,
    padding=0,
    ceil_mode=False,
    count_include_pad=True,
    divisor_override=None,
):
    """Return the mean of each window of volumes (N, C, D, H, W) or (C, D, H, W); see `avg_pool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.avg_pool3d(ag.arange(8.0).reshape(1, 2, 2, 2), (1, 2, 2)).reshape(2)
    tensor([1.5, 5.5])
    """
    return _average(
        input, 3, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


_SAMPLE_WINDOWS = ((2, 1), (1, 2), (1, 0), (1, 1), (4, 2))


def _window_sum_samples(rng):
    yield (rng.normal(size=(2, 3, 3)),), {"windows": _SAMPLE_WINDOWS}
    yield (rng.normal(size=(2, 3, 3)),), {"windows": _SAMPLE_WINDOWS, "divisor": 4.0}


@op(samples=_window_sum_samples, space="internal", shown_as="avg_pool")
def window_sum(input: Array, windows: tuple, divisor=1.0):
    """Return the sum of each window, divided by `divisor`."""
    return kernels.pool.window_sum(input, *windows, divisor)


def _window_spread_samples(rng):
    keywords = {"windows": _SAMPLE_WINDOWS, "plane": (3, 3)}
    yield (rng.normal(size=(2, 4, 2)),), keywords
    yield (rng.normal(size=(2, 4, 2)),), {**keywords, "divisor": 4.0}


@op(samples=_window_spread_samples, space="internal")
def window_spread(input: Array, plane: tuple, windows: tuple, divisor=1.0):
    """Add each element over `divisor` to all of its window in a zero `plane`, the last axes."""
    return kernels.pool.window_spread(input, plane, *windows, divisor)


def _average_rule(g, input_shape, windows, divisor):
    if type(divisor) is not float:
        g, divisor = g / divisor, 1.0
    return window_spread(g, input_shape[-len(windows[0]) :], windows, divisor)


for _op in (avg_pool1d, avg_pool2d, avg_pool3d):
    _op.vjp(input=_average_rule)
window_sum.vjp(
    input=lambda g, input_shape, windows, divisor: window_spread(
        g, input_shape[-len(windows[0]) :], windows, divisor
    ),
)
window_spread.vjp(input=lambda g, windows, divisor: window_sum(g, windows, divisor))


# -- as many windows as asked for ------------------------------------------------------------------


def _adaptive(input, output_size, axes: int):
    check_plane(input, axes)
    check_float(input)
    plane = input.shape[-axes:]
    size = adaptive_size(output_size, plane)
    if size == plane:  # each window is one element
        return input.copy(order="K")
    return kernels.pool.mean_spans(input, *map(spans, size, plane))


@op(samples=adaptive_samples_1d, space="both")
def adaptive_avg_pool1d(input: Array, output_size: int | tuple):
    """Return the means of `output_size` windows of signals (N, C, L) or (C, L).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.adaptive_avg_pool1d(ag.arange(4.0).reshape(1, 4), 2)
    tensor([[0.5, 2.5]], shape=(1, 2))
    """
    return _adaptive(input, output_size, 1)


@op(samples=adaptive_samples_2d, space="nn")
def adaptive_avg_pool2d(input: Array, output_size: int | tuple):
    """Return the mean of each of ``output_size`` windows, sized to cover the image.

    An entry None of `output_size` keeps that size of the input.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.adaptive_avg_pool2d(ag.arange(6.0).reshape(1, 2, 3), 1)
    tensor([[[2.5]]], shape=(1, 1, 1))
    """
    return _adaptive(input, output_size, 2)


@op(samples=adaptive_samples_3d, space="nn")
def adaptive_avg_pool3d(input: Array, output_size: int | tuple):
    """Return the means of windows that cover volumes (N, C, D, H, W); see `adaptive_avg_pool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.adaptive_avg_pool3d(ag.arange(8.0).reshape(1, 2, 2, 2), 1).reshape(1)
    tensor([3.5])
    """
    return _adaptive(input, output_size, 3)


def _share_samples(rng):
    yield (rng.normal(size=(2, 2, 3)),), {"plane": (3, 2)}
    yield (rng.normal(size=(2, 2)),), {"plane": (3,)}


@op(samples=_share_samples, space="internal")
def share_adaptively(input: Array, plane: tuple):
    """Share each element equally among the elements of its window in a `plane`."""
    size = input.shape[-len(plane) :]
    if size == plane:
        return input.copy(order="K")
    return kernels.pool.spread_spans(input, plane, *map(spans, size, plane))


_ADAPTIVE = (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)


def _adaptive_rule(axes: int):
    return lambda g, input_shape: share_adaptively(g, input_shape[-axes:])


for _axes, _op in enumerate(_ADAPTIVE, start=1):
    _op.vjp(input=_adaptive_rule(_axes))
share_adaptively.vjp(
    input=lambda g, input_shape, plane: _ADAPTIVE[len(plane) - 1](g, input_shape[-len(plane) :])
)


# -- another norm ----------------------------------------------------------------------------------


def _norm_of_windows(input, norm_type, kernel_size, stride, ceil_mode, axes: int):
    largest = (max_pool1d, max_pool2d, max_pool3d)[axes - 1]
    if norm_type == math.inf:
        return largest(abs(input), kernel_size, stride, 0, 1, ceil_mode)
    if norm_type == -math.inf:
        return -largest(-abs(input), kernel_size, stride, 0, 1, ceil_mode)
    average = (avg_pool1d, avg_pool2d, avg_pool3d)[axes - 1]
    mean = average(input**norm_type, kernel_size, stride, 0, ceil_mode)
    # The mean again, but with gradient zero where it is zero and its root has none.
    mean = np.sign(mean) * relu(abs(mean))
    count = math.prod(per_axis(kernel_size, "kernel_size", 1, axes))
    return (mean * count) ** (1.0 / norm_type)


def _norm_samples(axes: int):
    def samples(rng):
        shape = (1, 2, *(2,) * (axes - 1), 4)
        yield (rng.uniform(0.5, 2, size=shape),), {"norm_type": 3.0, "kernel_size": 2, "stride": 1}
        yield (rng.normal(size=shape),), {"norm_type": 2, "kernel_size": 2}

    return samples


@composite(samples=_norm_samples(1), space="nn")
def lp_pool1d(input, norm_type: float, kernel_size: int | tuple, stride=None, ceil_mode=False):
    """Return the `norm_type`-norm of each window of signals; see `lp_pool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.lp_pool1d(ag.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]], shape=(1, 1))
    """
    return _norm_of_windows(input, norm_type, kernel_size, stride, ceil_mode, 1)


@composite(samples=_norm_samples(2), space="nn")
def lp_pool2d(input, norm_type: float, kernel_size: int | tuple, stride=None, ceil_mode=False):
    """Return ``(sum of x ** norm_type) ** (1 / norm_type)`` over each window of images.

    The sum of odd powers may be negative, and then has no root. ``norm_type=inf`` gives the largest
    absolute value.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.lp_pool2d(ag.ones(1, 2, 2), 2, 2)
    tensor([[[2.]]], shape=(1, 1, 1))
    """
    return _norm_of_windows(input, norm_type, kernel_size, stride, ceil_mode, 2)


@composite(samples=_norm_samples(3), space="nn")
def lp_pool3d(input, norm_type: float, kernel_size: int | tuple, stride=None, ceil_mode=False):
    """Return the `norm_type`-norm of each window of volumes; see `lp_pool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.lp_pool3d(ag.ones(1, 2, 2, 2), 1, 2).reshape(1)
    tensor([8.])
    """
    return _norm_of_windows(input, norm_type, kernel_size, stride, ceil_mode, 3)
