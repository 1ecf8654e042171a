"""Windows of images as columns and back, and channels dealt out to places and back."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.conv import check_fit, per_axis

# -- windows as columns: what a convolution multiplies its filters with ----------------------------


def _settings(kernel_size, dilation, padding, stride) -> tuple:
    """Kernel, stride, padding before and after, and dilation, in the form the kernels take."""
    pads = per_axis(padding, "padding", 0, 2)
    return (
        per_axis(kernel_size, "kernel_size", 1, 2),
        per_axis(stride, "stride", 1, 2),
        tuple((p, p) for p in pads),
        per_axis(dilation, "dilation", 1, 2),
    )


def _unfold_samples(rng):
    yield (rng.normal(size=(2, 1, 3, 4)),), {"kernel_size": (2, 3)}
    yield (
        (rng.normal(size=(2, 4, 3)),),
        {"kernel_size": 2, "dilation": (2, 1), "padding": (1, 0), "stride": 2},
    )


@op(samples=_unfold_samples, space="nn", shown_as="unfold")
def im2col(input: Array, kernel_size: int | tuple, dilation=1, padding=0, stride=1):
    """Return each window of images as a column: (N, C, H, W) to (N, C * kH * kW, windows).

    The parameters are those of `conv2d`. It is ``nn.functional.unfold``; the method `unfold` of a
    tensor is another one.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.im2col(ag.arange(6.0).reshape(1, 1, 2, 3), 2)[0].T
    tensor([[0., 1., 3., 4.],
            [1., 2., 4., 5.]], shape=(2, 4))
    """
    if input.ndim not in (3, 4) or 0 in input.shape[-3:]:
        raise ShapeError(
            f"expected an input (N, C, H, W) or (C, H, W) with elements, got {list(input.shape)}"
        )
    kernel, stride, padding, dilation = _settings(kernel_size, dilation, padding, stride)
    check_fit(input.shape[-2:], padding, kernel, dilation)
    images = input if input.ndim == 4 else input[None]
    out = kernels.conv.copy_windows(images, kernel, stride, padding, dilation)
    return out if input.ndim == 4 else out[0]


def _fold_samples(rng):
    yield (rng.normal(size=(2, 6, 4)),), {"output_size": (3, 4), "kernel_size": (2, 3)}
    yield (
        (rng.normal(size=(8, 4)),),
        {
            "output_size": (4, 3),
            "kernel_size": 2,
            "dilation": (2, 1),
            "padding": (1, 0),
            "stride": (2, 1),
        },
    )


@op(samples=_fold_samples, space="nn")
def fold(
    input: Array,
    output_size: int | tuple,
    kernel_size: int | tuple,
    dilation=1,
    padding=0,
    stride=1,
):
    """Add columns (N, C * kH * kW, windows) to their windows in images of `output_size`.

    The transpose of ``unfold``, not its inverse: what windows share is summed.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> columns = ag.ones(1, 4, 2)
    >>> nn.functional.fold(columns, (2, 3), kernel_size=2)[0, 0]
    tensor([[1., 2., 1.],
            [1., 2., 1.]], shape=(2, 3))
    """
    size = per_axis(output_size, "output_size", 1, 2)
    kernel, stride, padding, dilation = _settings(kernel_size, dilation, padding, stride)
    if input.ndim not in (2, 3) or 0 in input.shape[-2:]:
        raise ShapeError(
            "expected an input (N, C * kernel, windows) or (C * kernel, windows) with elements, "
            f"got {list(input.shape)}"
        )
    taps = kernel[0] * kernel[1]
    if input.shape[-2] % taps:
        raise ShapeError(
            f"expected rows for every one of {taps} places in the kernel {kernel}, "
            f"got {input.shape[-2]}"
        )
    check_fit(size, padding, kernel, dilation)
    grid = kernels.conv.output_size(size, kernel, stride, padding, dilation)
    if input.shape[-1] != grid[0] * grid[1]:
        raise ShapeError(
            f"expected {grid[0]} x {grid[1]} windows in an output of size {size}, "
            f"got {input.shape[-1]}"
        )
    columns = input if input.ndim == 3 else input[None]
    shape = (len(columns), input.shape[-2] // taps, *size)
    out = kernels.conv.sum_windows(columns, shape, kernel, stride, padding, dilation)
    return out if input.ndim == 3 else out[0]


im2col.vjp(
    input=lambda g, input_shape, kernel_size, dilation, padding, stride: fold(
        g, input_shape[-2:], kernel_size, dilation, padding, stride
    )
)
fold.vjp(
    input=lambda g, kernel_size, dilation, padding, stride: im2col(
        g, kernel_size, dilation, padding, stride
    )
)

# -- channels as places ----------------------------------------------------------------------------


def _split(input, name: str, least: int, factor: int, what: str):
    """Refuse what has too few axes, or a factor below one."""
    if input.ndim < least:
        raise ShapeError(
            f"{name} expected an input of at least {least} dimensions, got {list(input.shape)}"
        )
    if factor < 1:
        raise ShapeError(f"{name} expected a positive {what}, got {factor}")


@composite(
    samples=lambda rng: [
        ((rng.normal(size=(2, 4, 1, 2)),), {"upscale_factor": 2}),
        ((rng.normal(size=(9, 1, 2)),), {"upscale_factor": 3}),
    ],
    space="both",
)
def pixel_shuffle(input, upscale_factor: int):
    """Deal channels out to places: (*, C * r * r, H, W) to (*, C, H * r, W * r), r the factor.

    From Shi et al. (2016), Real-Time Single Image and Video Super-Resolution.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.pixel_shuffle(ag.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]], shape=(1, 2, 2))
    """
    r = upscale_factor
    _split(input, "pixel_shuffle", 3, r, "upscale_factor")
    *rest, channels, height, width = input.shape
    if channels % (r * r):
        raise ShapeError(
            f"pixel_shuffle expected channels that divide by {r} * {r}, got {channels}"
        )
    n = len(rest)
    parts = input.reshape((*rest, channels // (r * r), r, r, height, width))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return np.transpose(parts, order).reshape((*rest, channels // (r * r), height * r, width * r))


@composite(
    samples=lambda rng: [
        ((rng.normal(size=(2, 1, 2, 4)),), {"downscale_factor": 2}),
        ((rng.normal(size=(2, 3, 3)),), {"downscale_factor": 3}),
    ],
    space="both",
)
def pixel_unshuffle(input, downscale_factor: int):
    """Gather places as channels: (*, C, H * r, W * r) to (*, C * r * r, H, W), r the factor.

    The inverse of `pixel_shuffle`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.pixel_unshuffle(ag.arange(4.0).reshape(1, 2, 2), 2).reshape(4)
    tensor([0., 1., 2., 3.])
    """
    r = downscale_factor
    _split(input, "pixel_unshuffle", 3, r, "downscale_factor")
    *rest, channels, height, width = input.shape
    if height % r or width % r:
        raise ShapeError(
            f"pixel_unshuffle expected height and width that divide by {r}, got {height} x {width}"
        )
    n = len(rest)
    parts = input.reshape((*rest, channels, height // r, r, width // r, r))
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return np.transpose(parts, order).reshape((*rest, channels * r * r, height // r, width // r))


@composite(
    samples=lambda rng: [((rng.normal(size=(2, 4, 2)),), {"groups": 2})],
    space="both",
)
def channel_shuffle(input, groups: int):
    """Deal out the channels of (N, C, ...) like cards: the first of each group, the second, ...

    From Zhang et al. (2018), ShuffleNet.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.channel_shuffle(ag.arange(6.0).reshape(1, 6, 1), 2).reshape(6)
    tensor([0., 3., 1., 4., 2., 5.])
    """
    _split(input, "channel_shuffle", 3, groups, "number of groups")
    n, channels, *space = input.shape
    if channels % groups:
        raise ShapeError(f"channel_shuffle expected groups to divide {channels}, got {groups}")
    parts = input.reshape((n, groups, channels // groups, *space))
    return np.swapaxes(parts, 1, 2).reshape((n, channels, *space))
