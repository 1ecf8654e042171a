"""Pooling: the largest element or the mean of each window of an image.

Max pooling picks elements by index; its gradient puts them back, whose gradient picks again.
Average pooling is linear, and the gradient of its gradient is itself. So both can be differentiated
any number of times.
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.conv import _flat, _pair
from autograd.tensor import Tensor, wrap


def _check(input) -> None:
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise ShapeError(
            f"expected an input (N, C, H, W) or (C, H, W) with pixels, got {list(input.shape)}"
        )


def _check_float(input) -> None:
    if input.dtype.kind != "f":
        raise DtypeError(f"expected floats to average, got {input.dtype}: convert with .float()")


def _windows(plane, kernel_size, stride, padding, dilation, ceil_mode) -> tuple:
    """Kernel, stride, padding, dilation and number of windows, as pairs; refuse misfits."""
    kernel = _pair(kernel_size, "kernel_size", 1)
    stride = kernel if stride is None or stride == () else _pair(stride, "stride", 1)
    padding, dilation = _pair(padding, "padding", 0), _pair(dilation, "dilation", 1)
    size = tuple(map(_count, plane, kernel, stride, padding, dilation, (ceil_mode, ceil_mode)))
    return kernel, stride, padding, dilation, size


def _count(n: int, k: int, s: int, p: int, d: int, ceil_mode: bool) -> int:
    """The number of windows along an axis of `n` pixels."""
    span = d * (k - 1) + 1
    if p > span // 2:
        raise ShapeError(f"expected padding of at most half the window, {span}, got {p}")
    if span > n + 2 * p:
        raise ShapeError(
            f"the window does not fit: it spans {span}, the input {n + 2 * p} (size {n}, padding "
            f"2 x {p})"
        )
    count, rest = divmod(n + 2 * p - span, s)
    count += 1
    # In ceil_mode a last, incomplete window counts, unless it starts beyond the image.
    count += bool(ceil_mode and rest and count * s < n + p)
    starts = [i * s - p for i in range(count)]
    if d > 1 and any(start + max(0, -(start // d)) * d >= n for start in starts):
        raise ShapeError(f"a window of dilation {d} would miss all {n} pixels of the image")
    return count


def _spans(count: int, size: int) -> list[tuple[int, int]]:
    """Cut `size` pixels into `count` spans as equal as can be; they may overlap by a pixel."""
    return [(i * size // count, -((i + 1) * size // -count)) for i in range(count)]


def _adaptive_size(output_size, plane) -> tuple[int, int]:
    """The output size asked for, None standing for the input's."""
    sizes = tuple(output_size) if hasattr(output_size, "__iter__") else (output_size,) * 2
    sizes = tuple(n if s is None else s for s, n in zip(sizes, plane, strict=False))
    return _pair(sizes if len(sizes) == 2 else output_size, "output_size", 1)


# -- moving elements by index: what the gradients of max pooling are made of -----------------------


def _scatter_samples(rng):
    yield (
        (rng.normal(size=(2, 1, 2, 2)), np.array([[[[0, 4], [4, 5]]], [[[1, 2], [3, 3]]]])),
        {"plane": (2, 3)},
    )


@op(samples=_scatter_samples, space="internal")
def scatter_plane(input: Array, indices: Array, plane: tuple):
    """Add each element to the pixel of a zero `plane` (height, width) that its index names."""
    return kernels.pool.scatter(input, indices, plane)


def _gather_samples(rng):
    yield (rng.normal(size=(2, 3, 3)), np.array([[[0, 1, 7]], [[8, 8, 2]]])), {}


@op(samples=_gather_samples, space="internal")
def gather_plane(input: Array, indices: Array):
    """Pick from each plane (the last two axes) the elements that `indices` names."""
    return kernels.pool.gather(input, indices)


scatter_plane.vjp(input=lambda g, indices: gather_plane(g, indices))
gather_plane.vjp(
    input=lambda g, indices, input_shape: scatter_plane(g, indices, input_shape[-2:]),
)


# -- the largest element ---------------------------------------------------------------------------


def _distinct(rng, *shape):
    """Numbers in random order no two of which are close, so that no small change reorders them."""
    return rng.permutation(np.linspace(-2, 2, int(np.prod(shape)))).reshape(shape)


def _max_samples(rng):
    yield (_distinct(rng, 2, 1, 3, 4),), {"kernel_size": 2}
    yield (
        (_distinct(rng, 1, 5, 5),),
        {"kernel_size": (3, 2), "stride": 2, "padding": (1, 0), "ceil_mode": True},
    )
    yield (_distinct(rng, 1, 1, 5, 4),), {"kernel_size": 2, "stride": 1, "dilation": 2}


@op(samples=_max_samples, residuals=("indices",), space="internal", shown_as="max_pool2d")
def max_pool2d_indexed(
    input: Array, kernel_size: int | tuple, stride=None, padding=0, dilation=1, ceil_mode=False
):
    """Return the largest element of each window and, as residual, its index."""
    _check(input)
    windows = _windows(input.shape[-2:], kernel_size, stride, padding, dilation, ceil_mode)
    return kernels.pool.max_forward(input, *windows)


def _adaptive_samples(rng):
    yield (_distinct(rng, 1, 2, 3, 5),), {"output_size": 2}
    yield (_distinct(rng, 1, 4, 2),), {"output_size": (2, 3)}


@op(
    samples=_adaptive_samples,
    residuals=("indices",),
    space="internal",
    shown_as="adaptive_max_pool2d",
)
def adaptive_max_pool2d_indexed(input: Array, output_size: int | tuple):
    """Return the largest element of each of `output_size` windows and, as residual, its index."""
    _check(input)
    size, plane = _adaptive_size(output_size, input.shape[-2:]), input.shape[-2:]
    return kernels.pool.max_spans(input, *map(_spans, size, plane))


for _op in (max_pool2d_indexed, adaptive_max_pool2d_indexed):
    _op.vjp(input=lambda g, indices, input_shape: scatter_plane(g, indices, input_shape[-2:]))


def _with_indices(function, input, return_indices: bool, *args):
    """Call an op whose residual are indices, and return these too if they are wanted."""
    out, (indices,) = function.full(input, *args)
    if not return_indices:
        return out
    return out, wrap(indices) if isinstance(input, Tensor) else indices


@composite(samples=_max_samples, space="nn")
def max_pool2d(
    input,
    kernel_size: int | tuple,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
) -> Array | tuple[Array, Array]:
    """Return the largest element of each window of images (N, C, H, W) or (C, H, W).

    Of equal elements the first counts and gets the gradient; a NaN is larger than anything.

    Parameters
    ----------
    kernel_size, stride, padding, dilation : int or pair
        Size of a window, steps between windows (by default their size), rows and columns added
        around the image (never chosen), and steps between the elements of a window.
    ceil_mode : bool, default False
        Keep a last window that is partly outside the image.
    return_indices : bool, default False
        Return ``(out, indices)``, an index being the pixel's ``row * width + column``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.max_pool2d(ag.arange(16.0).reshape(1, 4, 4), 2).reshape(4)
    tensor([ 5.,  7., 13., 15.])
    """
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _with_indices(max_pool2d_indexed, input, return_indices, *settings)


@composite(samples=_adaptive_samples, space="nn")
def adaptive_max_pool2d(
    input, output_size: int | tuple, return_indices=False
) -> Array | tuple[Array, Array]:
    """Return the largest element of each of ``output_size`` windows, sized to cover the image.

    An entry None of `output_size` keeps that size of the input.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.adaptive_max_pool2d(ag.arange(9.0).reshape(1, 3, 3), (1, 2)).reshape(2)
    tensor([7., 8.])
    """
    return _with_indices(adaptive_max_pool2d_indexed, input, return_indices, output_size)


# -- the mean --------------------------------------------------------------------------------------


def _divisor(plane, windows: tuple, count_include_pad: bool, divisor_override, dtype):
    """What the sum of each window is divided by: how many elements it has, or what was asked."""
    if divisor_override is not None:
        if divisor_override == 0:
            raise ShapeError("expected a divisor_override other than 0")
        return np.asarray(divisor_override, dtype)
    lengths = []
    for n, k, s, p, _, count in zip(plane, *windows, strict=True):
        start = np.arange(count) * s - p
        stop = np.minimum(start + k, n + p)
        if not count_include_pad:
            start, stop = np.maximum(start, 0), np.minimum(stop, n)
        lengths.append((stop - start).astype(dtype))
    return np.outer(*lengths)


def _average_samples(rng):
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


@op(samples=_average_samples, residuals=("windows", "divisor"), space="nn")
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
    _check(input)
    _check_float(input)
    plane = input.shape[-2:]
    windows = _windows(plane, kernel_size, stride, padding, 1, ceil_mode)
    out = kernels.pool.window_sum(input, *windows)
    divisor = _divisor(plane, windows, count_include_pad, divisor_override, out.dtype)
    out /= divisor
    return out, windows, divisor


_SAMPLE_WINDOWS = ((2, 1), (1, 2), (1, 0), (1, 1), (4, 2))


def _window_sum_samples(rng):
    yield (rng.normal(size=(2, 3, 3)),), {"windows": _SAMPLE_WINDOWS}


@op(samples=_window_sum_samples, space="internal", shown_as="avg_pool2d")
def window_sum(input: Array, windows: tuple):
    """Return the sum of each window."""
    return kernels.pool.window_sum(input, *windows)


def _window_spread_samples(rng):
    yield (rng.normal(size=(2, 4, 2)),), {"windows": _SAMPLE_WINDOWS, "plane": (3, 3)}


@op(samples=_window_spread_samples, space="internal")
def window_spread(input: Array, plane: tuple, windows: tuple):
    """Add each element to all pixels of its window in a zero `plane` (height, width)."""
    return kernels.pool.window_spread(input, plane, *windows)


avg_pool2d.vjp(
    input=lambda g, input_shape, windows, divisor: window_spread(
        g / divisor, input_shape[-2:], windows
    )
)
window_sum.vjp(
    input=lambda g, input_shape, windows: window_spread(g, input_shape[-2:], windows),
)
window_spread.vjp(input=lambda g, windows: window_sum(g, windows))


@op(samples=_adaptive_samples, space="nn")
def adaptive_avg_pool2d(input: Array, output_size: int | tuple):
    """Return the mean of each of ``output_size`` windows, sized to cover the image.

    An entry None of `output_size` keeps that size of the input.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.adaptive_avg_pool2d(ag.arange(6.0).reshape(1, 2, 3), 1)
    tensor([[[2.5]]], shape=(1, 1, 1))
    """
    _check(input)
    _check_float(input)
    plane = input.shape[-2:]
    return kernels.pool.mean_spans(input, *map(_spans, _adaptive_size(output_size, plane), plane))


def _share_samples(rng):
    yield (rng.normal(size=(2, 2, 3)),), {"plane": (3, 2)}


@op(samples=_share_samples, space="internal")
def share_adaptively(input: Array, plane: tuple):
    """Share each element equally among the pixels of its window in a `plane` (height, width)."""
    return kernels.pool.spread_spans(input, plane, *map(_spans, input.shape[-2:], plane))


adaptive_avg_pool2d.vjp(input=lambda g, input_shape: share_adaptively(g, input_shape[-2:]))
share_adaptively.vjp(input=lambda g, input_shape: adaptive_avg_pool2d(g, input_shape[-2:]))


# -- one axis --------------------------------------------------------------------------------------


def _as_row(input, name: str):
    """Signals (N, C, L) or (C, L) as images of one row."""
    if input.ndim not in (2, 3):
        raise ShapeError(f"{name} expected an input (N, C, L) or (C, L), got {list(input.shape)}")
    return input.reshape((*input.shape[:-1], 1, input.shape[-1]))


def _as_signal(row):
    return row.reshape((*row.shape[:-2], row.shape[-1]))


def _samples_1d(rng):
    yield (_distinct(rng, 2, 1, 5),), {"kernel_size": 2}
    yield (_distinct(rng, 2, 5),), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}


@composite(samples=_samples_1d, space="nn")
def max_pool1d(
    input,
    kernel_size: int | tuple,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
) -> Array | tuple[Array, Array]:
    """Return the largest element of each window of signals (N, C, L) or (C, L); see `max_pool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.max_pool1d(ag.arange(6.0).reshape(1, 6), 2)
    tensor([[1., 3., 5.]], shape=(1, 3))
    """
    stride = kernel_size if stride is None else stride
    settings = (_flat(kernel_size, 1), _flat(stride, 1), _flat(padding, 0), _flat(dilation, 1))
    row = _as_row(input, "max_pool1d")
    out = max_pool2d(row, *settings, ceil_mode, return_indices)
    return tuple(map(_as_signal, out)) if return_indices else _as_signal(out)


@composite(samples=_samples_1d, space="nn")
def avg_pool1d(
    input, kernel_size: int | tuple, stride=None, padding=0, ceil_mode=False, count_include_pad=True
):
    """Return the mean of each window of signals (N, C, L) or (C, L); see `avg_pool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.avg_pool1d(ag.arange(6.0).reshape(1, 6), 3)
    tensor([[1., 4.]], shape=(1, 2))
    """
    stride = kernel_size if stride is None else stride
    settings = (_flat(kernel_size, 1), _flat(stride, 1), _flat(padding, 0))
    return _as_signal(
        avg_pool2d(_as_row(input, "avg_pool1d"), *settings, ceil_mode, count_include_pad)
    )


def _adaptive_samples_1d(rng):
    yield (_distinct(rng, 1, 2, 5),), {"output_size": 3}


@composite(samples=_adaptive_samples_1d, space="nn")
def adaptive_avg_pool1d(input, output_size: int | tuple):
    """Return the means of `output_size` windows of signals (N, C, L) or (C, L).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.adaptive_avg_pool1d(ag.arange(4.0).reshape(1, 4), 2)
    tensor([[0.5, 2.5]], shape=(1, 2))
    """
    row = _as_row(input, "adaptive_avg_pool1d")
    return _as_signal(adaptive_avg_pool2d(row, _flat(output_size, 1)))


@composite(samples=_adaptive_samples_1d, space="nn")
def adaptive_max_pool1d(
    input, output_size: int | tuple, return_indices=False
) -> Array | tuple[Array, Array]:
    """Return the largest elements of `output_size` windows of signals (N, C, L) or (C, L).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.adaptive_max_pool1d(ag.arange(4.0).reshape(1, 4), 2)
    tensor([[1., 3.]], shape=(1, 2))
    """
    row = _as_row(input, "adaptive_max_pool1d")
    out = adaptive_max_pool2d(row, _flat(output_size, 1), return_indices)
    return tuple(map(_as_signal, out)) if return_indices else _as_signal(out)
