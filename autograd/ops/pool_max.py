"""Max pooling, and the way back: the largest element of each window, and where it was.

Elements are picked by index; the gradient puts them back, whose gradient picks again. So everything
here can be differentiated any number of times.
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.conv import per_axis
from autograd.ops.loss import array
from autograd.ops.windows import adaptive_size, check_plane, find_windows, spans
from autograd.tensor import Tensor, wrap

# -- moving elements by index ----------------------------------------------------------------------

_INDEX = np.array([[[[0, 4], [4, 5]]], [[[1, 2], [3, 3]]]])


@op(
    samples=lambda rng: [((rng.normal(size=(2, 1, 2, 2)), _INDEX), {"plane": (2, 3)})],
    space="internal",
)
def scatter_plane(input: Array, indices: Array, plane: tuple):
    """Add each element to the one of a zero `plane` (the size of the last axes) its index names."""
    return kernels.pool.scatter(input, indices, plane)


def _gather_samples(rng):
    yield (rng.normal(size=(2, 3, 3)), np.array([[[0, 1, 7]], [[8, 8, 2]]])), {"axes": 2}
    yield (rng.normal(size=(2, 3)), np.array([[0, 1], [2, 2]])), {"axes": 1}


@op(samples=_gather_samples, space="internal")
def gather_plane(input: Array, indices: Array, axes: int):
    """Pick from each plane (the last `axes`) the elements that `indices` names."""
    return kernels.pool.gather(input, indices, axes)


@op(
    samples=lambda rng: [
        ((rng.normal(size=(1, 2, 2)), np.array([[[0, 4], [3, 5]]])), {"plane": (2, 3)})
    ],
    space="internal",
    shown_as="max_unpool",
)
def place_plane(input: Array, indices: Array, plane: tuple):
    """Put each element in a zero `plane` where its index names; of several the last one stays."""
    return kernels.pool.place(input, indices, plane)


_TAPS = np.array([[[[0, 3]]], [[[2, 1]]]], np.uint8)
_WINDOWS = ((2, 2), (1, 2), (0, 0), (1, 1), (1, 2))


@op(
    samples=lambda rng: [
        ((rng.normal(size=(2, 1, 1, 2)), _TAPS), {"plane": (2, 4), "windows": _WINDOWS})
    ],
    space="internal",
    shown_as="max_pool",
)
def spread_taps(input: Array, taps: Array, plane: tuple, windows: tuple):
    """Add each element to the one of a zero `plane` that is number `taps` of its window."""
    return kernels.pool.spread_taps(input, taps, plane, *windows)


spread_taps.vjp(
    input=lambda g, taps, plane, windows: gather_plane(
        g, kernels.pool.tap_index(array(taps), plane, *windows), len(plane)
    )
)
scatter_plane.vjp(input=lambda g, indices, plane: gather_plane(g, indices, len(plane)))
place_plane.vjp(input=lambda g, indices, plane: gather_plane(g, indices, len(plane)))
gather_plane.vjp(
    input=lambda g, indices, input_shape, axes: scatter_plane(g, indices, input_shape[-axes:]),
)


# -- the largest element of each window, with its index --------------------------------------------


def distinct(rng, *shape):
    """Numbers in random order no two of which are close, so that no small change reorders them."""
    return rng.permutation(np.linspace(-2, 2, int(np.prod(shape)))).reshape(shape)


def samples_1d(rng):
    """Signals and windows."""
    yield (distinct(rng, 2, 1, 5),), {"kernel_size": 2}
    yield (distinct(rng, 2, 5),), {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}


def _samples_2d(rng):
    yield (distinct(rng, 2, 1, 3, 4),), {"kernel_size": 2}
    yield (
        (distinct(rng, 1, 5, 5),),
        {"kernel_size": (3, 2), "stride": 2, "padding": (1, 0), "ceil_mode": True},
    )
    yield (distinct(rng, 1, 1, 5, 4),), {"kernel_size": 2, "stride": 1, "dilation": 2}


def _samples_3d(rng):
    yield (distinct(rng, 1, 1, 2, 3, 4),), {"kernel_size": 2}
    yield (
        (distinct(rng, 1, 3, 2, 3),),
        {"kernel_size": (2, 1, 2), "stride": 1, "padding": (1, 0, 1)},
    )


def adaptive_samples_1d(rng):
    """Signals to cut into three."""
    yield (distinct(rng, 1, 2, 5),), {"output_size": 3}


def adaptive_samples_2d(rng):
    """Images and how many windows to cut them into."""
    yield (distinct(rng, 1, 2, 3, 5),), {"output_size": 2}
    yield (distinct(rng, 1, 4, 2),), {"output_size": (2, 3)}


def adaptive_samples_3d(rng):
    """Volumes and how many windows to cut them into."""
    yield (distinct(rng, 1, 1, 2, 3, 4),), {"output_size": (1, 2, 3)}


def _indexed(axes: int, samples, adaptive_samples) -> tuple:
    """The two ops on so many axes that return, as residual, what they chose."""

    def windowed(
        input: Array, kernel_size: int | tuple, stride=None, padding=0, dilation=1, ceil_mode=False
    ):
        """Return the largest element of each window and, as residuals, its tap and the windows.

        The tap is the element's number in its window: a byte, where an index takes eight.
        """
        check_plane(input, axes)
        plane = input.shape[-axes:]
        windows = find_windows(plane, kernel_size, stride, padding, dilation, ceil_mode)
        return *kernels.pool.max_taps(input, *windows), windows

    def adaptive(input: Array, output_size: int | tuple):
        """Return the largest element of each of so many windows and, as residual, its index."""
        check_plane(input, axes)
        plane = input.shape[-axes:]
        return kernels.pool.max_spans(input, *map(spans, adaptive_size(output_size, plane), plane))

    made = []
    for name, function, tries, residuals in (
        (f"max_pool{axes}d", windowed, samples, ("taps", "windows")),
        (f"adaptive_max_pool{axes}d", adaptive, adaptive_samples, ("indices",)),
    ):
        function.__name__ = f"{name}_indexed"
        entered = op(samples=tries, residuals=residuals, space="internal", shown_as=name)
        made.append(entered(function))
    made[0].vjp(
        input=lambda g, taps, windows, input_shape: spread_taps(
            g, taps, input_shape[-axes:], windows
        )
    )
    made[1].vjp(
        input=lambda g, indices, input_shape: scatter_plane(g, indices, input_shape[-axes:])
    )
    return tuple(made)


_max_1d, _adaptive_1d = _indexed(1, samples_1d, adaptive_samples_1d)
_max_2d, _adaptive_2d = _indexed(2, _samples_2d, adaptive_samples_2d)
_max_3d, _adaptive_3d = _indexed(3, _samples_3d, adaptive_samples_3d)


def _with_indices(function, input, return_indices: bool, *args):
    """Call an op whose residuals say what it chose, and return its indices too if wanted."""
    out, (indices, *windows) = function.full(input, *args)
    if not return_indices:
        return out
    if windows:  # what it has are taps
        plane = input.shape[-len(windows[0][0]) :]
        indices = kernels.pool.tap_index(indices, plane, *windows[0])
    return out, wrap(indices) if isinstance(input, Tensor) else indices


@composite(samples=samples_1d, space="nn")
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
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _with_indices(_max_1d, input, return_indices, *settings)


@composite(samples=_samples_2d, space="nn")
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
    return _with_indices(_max_2d, input, return_indices, *settings)


@composite(samples=_samples_3d, space="nn")
def max_pool3d(
    input,
    kernel_size: int | tuple,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
) -> Array | tuple[Array, Array]:
    """Return the largest element of each window of volumes (N, C, D, H, W); see `max_pool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.max_pool3d(ag.arange(27.0).reshape(1, 3, 3, 3), 3)
    tensor([[[[26.]]]], shape=(1, 1, 1, 1))
    """
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _with_indices(_max_3d, input, return_indices, *settings)


@composite(samples=adaptive_samples_1d, space="nn")
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
    return _with_indices(_adaptive_1d, input, return_indices, output_size)


@composite(samples=adaptive_samples_2d, space="nn")
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
    return _with_indices(_adaptive_2d, input, return_indices, output_size)


@composite(samples=adaptive_samples_3d, space="nn")
def adaptive_max_pool3d(
    input, output_size: int | tuple, return_indices=False
) -> Array | tuple[Array, Array]:
    """Return the largest elements of windows that cover volumes; see `adaptive_max_pool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.adaptive_max_pool3d(ag.arange(8.0).reshape(1, 2, 2, 2), 1).reshape(1)
    tensor([7.])
    """
    return _with_indices(_adaptive_3d, input, return_indices, output_size)


# -- the way back ----------------------------------------------------------------------------------


def _unpool(axes, input, indices, kernel_size, stride, padding, output_size):
    """Put each element where it came from, in zeros of the size that the pooling had."""
    name = f"max_unpool{axes}d"
    if input.ndim not in (axes + 1, axes + 2) or tuple(input.shape) != tuple(indices.shape):
        raise ShapeError(
            f"{name} expected an input of {axes + 1} or {axes + 2} dimensions and indices of its "
            f"shape, got {list(input.shape)} and {list(indices.shape)}"
        )
    if indices.dtype.kind not in "iu":
        raise TypeError(f"{name} expected indices of integers, got {indices.dtype}")
    kernel = per_axis(kernel_size, "kernel_size", 1, axes)
    stride = kernel if stride is None else per_axis(stride, "stride", 1, axes)
    padding = per_axis(padding, "padding", 0, axes)
    plane = tuple(
        (n - 1) * s + k - 2 * p
        for n, s, k, p in zip(input.shape[-axes:], stride, kernel, padding, strict=True)
    )
    if output_size is not None:
        plane = _chosen_size(name, plane, stride, tuple(output_size))
    places = np.asarray(indices.detach() if isinstance(indices, Tensor) else indices)
    size = int(np.prod(plane))
    if min(plane) < 0 or (places.size and not 0 <= places.min() <= places.max() < size):
        raise IndexError(
            f"{name} expected indices from 0 to {size - 1} for an output of size {plane}, got "
            f"{places.min()} to {places.max()}"
        )
    return place_plane(input, indices, plane)


def _chosen_size(name, usual, stride, output_size) -> tuple[int, ...]:
    """The size asked for, refused where the pooling could not have started from it."""
    wanted = output_size[2:] if len(output_size) == len(usual) + 2 else output_size
    if len(wanted) != len(usual):
        raise ShapeError(
            f"{name} expected an output_size of {len(usual)} or {len(usual) + 2} numbers, got "
            f"{output_size}"
        )
    if any(abs(want - n) >= s for want, n, s in zip(wanted, usual, stride, strict=True)):
        raise ShapeError(
            f"{name} expected an output_size less than the stride {stride} away from {usual}, got "
            f"{wanted}"
        )
    return wanted


def _unpool_samples(axes: int):
    def samples(rng):
        shape = (1, 1, *(1,) * (axes - 1), 2)
        indices = np.array([1, 2]).reshape(shape)
        yield (rng.normal(size=shape), indices), {"kernel_size": 2}

    return samples


@composite(samples=_unpool_samples(1), space="nn")
def max_unpool1d(
    input, indices, kernel_size: int | tuple, stride=None, padding=0, output_size=None
):
    """Put maxima back where `max_pool1d` found them, zeros elsewhere; see `max_unpool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> maxima = ag.tensor([[5.0, 7.0]])
    >>> nn.functional.max_unpool1d(maxima, ag.tensor([[1, 2]]), 2)
    tensor([[0., 5., 7., 0.]], shape=(1, 4))
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


@composite(samples=_unpool_samples(2), space="nn")
def max_unpool2d(
    input, indices, kernel_size: int | tuple, stride=None, padding=0, output_size=None
):
    """Put maxima back where `max_pool2d` found them, zeros elsewhere.

    Parameters
    ----------
    input, indices : (N, C, H, W) or (C, H, W)
        What ``max_pool2d(..., return_indices=True)`` returned.
    kernel_size, stride, padding : int or pair
        Those of the pooling.
    output_size : sequence of int, optional
        The size of the pooling's input, where a stride leaves it open.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> image = ag.arange(4.0).reshape(1, 2, 2)
    >>> maxima, indices = nn.functional.max_pool2d(image, 2, return_indices=True)
    >>> nn.functional.max_unpool2d(maxima, indices, 2).reshape(4)
    tensor([0., 0., 0., 3.])
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


@composite(samples=_unpool_samples(3), space="nn")
def max_unpool3d(
    input, indices, kernel_size: int | tuple, stride=None, padding=0, output_size=None
):
    """Put maxima back where `max_pool3d` found them, zeros elsewhere; see `max_unpool2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> maxima, index = ag.ones(1, 1, 1, 1), ag.full((1, 1, 1, 1), 6)
    >>> nn.functional.max_unpool3d(maxima, index, 2).reshape(8)
    tensor([0., 0., 0., 0., 0., 0., 1., 0.])
    """
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
