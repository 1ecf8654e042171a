"""Transposed convolution: the gradient of a convolution by its input, as a function."""

from __future__ import annotations

from autograd.errors import ShapeError
from autograd.op import Array, composite
from autograd.ops.conv import AXES, conv_input, draw, per_axis


def _transpose(name, input, weight, bias, stride, padding, output_padding, groups, dilation):
    """What the three functions do; `name` says which, and so how many axes there are."""
    axes = int(name[-2])
    if input.ndim not in (axes + 1, axes + 2) or weight.ndim != axes + 2:
        space = AXES[axes]
        raise ShapeError(
            f"{name} expected an input (N, C, {space}) or (C, {space}) and a weight "
            f"(C, O / groups, k{space.replace(', ', ', k')}), got {list(input.shape)} and "
            f"{list(weight.shape)}"
        )
    channels, (incoming, outgoing, *kernel) = input.shape[-axes - 1], weight.shape
    if channels != incoming:
        raise ShapeError(
            f"{name} expected {incoming} input channels (weight is {list(weight.shape)}), "
            f"got {channels}"
        )
    if groups < 1 or channels % groups:
        raise ShapeError(
            f"{name} expected groups to divide {channels} input channels, got {groups}"
        )
    outgoing *= groups
    if bias is not None and bias.shape != (outgoing,):
        raise ShapeError(f"{name} expected a bias of shape ({outgoing},), got {list(bias.shape)}")
    stride = per_axis(stride, "stride", 1, axes)
    dilation = per_axis(dilation, "dilation", 1, axes)
    padding = per_axis(padding, "padding", 0, axes)
    extra = per_axis(output_padding, "output_padding", 0, axes)
    size = _transposed_size(name, input.shape[-axes:], kernel, stride, padding, extra, dilation)
    shape = (*input.shape[: -axes - 1], outgoing, *size)
    out = conv_input(input, weight, shape, stride, padding, dilation, groups)
    return out if bias is None else out + bias.reshape((outgoing,) + (1,) * axes)


def _transposed_size(name, size, kernel, stride, padding, extra, dilation) -> list[int]:
    """The size of the input whose convolution has the given size."""
    result = []
    for n, k, s, p, e, d in zip(size, kernel, stride, padding, extra, dilation, strict=True):
        if e >= max(s, d):
            raise ShapeError(
                f"{name} expected output_padding smaller than the stride or the dilation, "
                f"got output_padding {e} with stride {s} and dilation {d}"
            )
        result.append((n - 1) * s - 2 * p + d * (k - 1) + e + 1)
    if min(result) < 1:
        raise ShapeError(f"{name} would make an output of size {tuple(result)}")
    return result


def _samples_1d(rng):
    yield draw(rng, (2, 2, 3), (2, 1, 2), (1,)), {"stride": 2}


@composite(samples=_samples_1d, space="both")
def conv_transpose1d(
    input,
    weight,
    bias: Array | None = None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Return the transposed convolution of signals (N, C, L) or (C, L); see `conv_transpose2d`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.conv_transpose1d(ag.ones(1, 1, 2), ag.ones(1, 1, 2), stride=2).shape
    (1, 1, 4)
    """
    return _transpose(
        "conv_transpose1d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def _samples_2d(rng):
    yield draw(rng, (2, 2, 2, 2), (2, 1, 2, 3), (1,)), {"stride": 2, "output_padding": (1, 0)}
    yield draw(rng, (2, 2, 3), (2, 1, 2, 2), (2,)), {"padding": 1, "groups": 2, "dilation": (2, 1)}


@composite(samples=_samples_2d, space="both")
def conv_transpose2d(
    input,
    weight,
    bias: Array | None = None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Return the transposed convolution: the gradient of `conv2d` with respect to its input.

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
    weight : (C, O / groups, kH, kW)
    bias : (O,), optional
    output_padding : int or pair
        Rows and columns added at one side of the output, whose size a stride leaves open. Must be
        smaller than the stride or the dilation.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.conv_transpose2d(ag.ones(1, 1, 1, 2), ag.ones(1, 1, 1, 2)).reshape(3)
    tensor([1., 2., 1.])
    """
    return _transpose(
        "conv_transpose2d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )


def _samples_3d(rng):
    yield draw(rng, (1, 2, 1, 2, 2), (2, 1, 2, 1, 2), (1,)), {"stride": (1, 2, 1), "padding": 0}
    yield draw(rng, (2, 2, 1, 2), (2, 1, 1, 2, 1), (2,)), {"groups": 2, "dilation": (1, 2, 1)}


@composite(samples=_samples_3d, space="both")
def conv_transpose3d(
    input,
    weight,
    bias: Array | None = None,
    stride=1,
    padding=0,
    output_padding=0,
    groups=1,
    dilation=1,
):
    """Return the transposed convolution of volumes (N, C, D, H, W); see `conv_transpose2d`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.conv_transpose3d(ag.ones(1, 1, 2, 2, 2), ag.ones(1, 1, 2, 2, 2), stride=2).shape
    (1, 1, 4, 4, 4)
    """
    return _transpose(
        "conv_transpose3d", input, weight, bias, stride, padding, output_padding, groups, dilation
    )
