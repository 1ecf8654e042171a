"""Convolution: `conv1d`, `conv2d`, `conv3d`.

They and the two gradients they share are linear in each of their arrays, and the gradient of any is
another: a closed family, differentiable any number of times.
"""

from __future__ import annotations

import functools

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.shape import permute

AXES = ("", "L", "H, W", "D, H, W")  # the names of so many axes of space
_COUNT = ("", "one integer", "one or two integers", "one or three integers")


def per_axis(value, name: str, least: int, axes: int) -> tuple[int, ...]:
    """An int, or a sequence of one or one for each axis, as one for each axis."""
    if type(value) is tuple and len(value) == axes:  # as layers give them, several times a call
        for v in value:
            if type(v) is not int or v < least:
                break
        else:
            return value
    if type(value) is int and value >= least:
        return (value,) * axes
    values = tuple(value) if hasattr(value, "__iter__") else (value,)
    values = values * axes if len(values) == 1 else values
    if len(values) != axes or any(not hasattr(v, "__index__") or v < least for v in values):
        raise ShapeError(f"expected {name} to be {_COUNT[axes]} >= {least}, got {value!r}")
    return tuple(map(int, values))


def _padding(padding, kernel, stride, dilation) -> tuple:
    """Padding as (before, after) for each axis, whichever way it was asked for."""
    if not isinstance(padding, str):
        return tuple((p, p) for p in per_axis(padding, "padding", 0, len(kernel)))
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding != "same":
        raise ShapeError(f"expected padding 'same', 'valid' or integers, got {padding!r}")
    if any(step != 1 for step in stride):
        raise ShapeError(f"padding='same' needs stride 1, got {stride}: pad by numbers")
    # An odd total puts the extra element at the end.
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _settings(stride, padding, dilation, groups, kernel) -> tuple:
    """The keywords of a convolution in the form the kernels take."""
    found = _each if _are_whole(stride, padding, dilation) else _each.__wrapped__
    return *found(stride, padding, dilation, kernel), groups


def _are_whole(*values) -> bool:
    """Whether all are of integers: of others, some are equal to integers and yet no settings."""
    for value in values:
        if type(value) is tuple:
            for v in value:
                if type(v) is not int:
                    return False
        elif type(value) is not int:
            return False
    return True


@functools.lru_cache(1024)
def _each(stride, padding, dilation, kernel) -> tuple:
    axes = len(kernel)
    stride = per_axis(stride, "stride", 1, axes)
    dilation = per_axis(dilation, "dilation", 1, axes)
    return stride, _padding(padding, kernel, stride, dilation), dilation


def _check(input, weight, bias, groups, axes) -> None:
    """Refuse what does not fit together, with the numbers that do not fit."""
    shape, names = list(weight.shape), AXES[axes]
    if weight.ndim != axes + 2:
        taps = ", ".join(f"k{name}" if axes > 1 else "k" for name in names.split(", "))
        raise ShapeError(f"expected a weight (O, C / groups, {taps}), got {shape}")
    if input.ndim not in (axes + 1, axes + 2):
        given = list(input.shape)
        raise ShapeError(f"expected an input (N, C, {names}) or (C, {names}), got {given}")
    if groups < 1 or shape[0] % groups:
        raise ShapeError(f"expected groups to divide {shape[0]} output channels, got {groups}")
    channels = input.shape[-axes - 1]
    if channels != shape[1] * groups:
        grouped = f" and groups is {groups}" if groups != 1 else ""
        raise ShapeError(
            f"expected {shape[1] * groups} input channels (weight is {shape}{grouped}), "
            f"got {channels}"
        )
    if bias is not None and bias.shape != (shape[0],):
        raise ShapeError(f"expected a bias of shape ({shape[0]},), got {list(bias.shape)}")


def check_fit(space, padding, kernel, dilation) -> None:
    """Refuse a kernel that spans more than the padded input."""
    for n, pads, k, d in zip(space, padding, kernel, dilation, strict=True):
        span, room = d * (k - 1) + 1, n + sum(pads)
        if k < 1 or span > room:
            raise ShapeError(
                f"the kernel does not fit: it spans {span} (size {k}, dilation {d}), the input "
                f"{room} (size {n}, padding {pads[0]} + {pads[1]})"
            )


_check_fit = functools.lru_cache(1024)(check_fit)


def _convolve(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, *, axes,
              relu=False):  # fmt: skip
    """What the three forwards do."""
    _check(input, weight, bias, groups, axes)
    settings = _settings(stride, padding, dilation, groups, weight.shape[2:])
    _check_fit(input.shape[-axes:], settings[1], weight.shape[2:], settings[2])
    out = kernels.conv.forward(_batched(input, axes), weight, bias, *settings, relu)
    return out if input.ndim == axes + 2 else out[0]


def _batched(array, axes: int):
    """The array with a batch axis, which a single sample lacks."""
    return array if array.ndim == axes + 2 else array[None]


def draw(rng, *shapes):
    """Normal numbers in arrays of these shapes."""
    return tuple(rng.normal(size=shape) for shape in shapes)


def _samples_1d(rng):
    yield draw(rng, (2, 2, 5), (2, 1, 3), (2,)), {"stride": 2, "padding": 1, "groups": 2}
    yield draw(rng, (1, 4), (2, 1, 2)), {"padding": "same"}


def _samples_2d(rng):
    yield draw(rng, (2, 2, 3, 4), (1, 2, 2, 2), (1,)), {}
    yield draw(rng, (2, 5, 4), (2, 1, 3, 2)), {"padding": 1, "stride": (2, 1), "groups": 2}
    yield (
        draw(rng, (1, 1, 5, 5), (2, 1, 2, 2), (2,)),
        {"dilation": 2, "stride": 2, "padding": (1, 0)},
    )
    yield draw(rng, (1, 1, 3, 3), (1, 1, 2, 3)), {"padding": "same"}
    yield draw(rng, (0, 1, 3, 3), (1, 1, 2, 2)), {}


def _samples_3d(rng):
    yield draw(rng, (1, 2, 2, 3, 2), (1, 2, 2, 2, 1), (1,)), {"padding": (0, 0, 1)}
    yield (
        draw(rng, (2, 2, 3, 3), (2, 1, 1, 2, 2)),
        {"padding": 1, "stride": (2, 3, 1), "groups": 2, "dilation": (1, 1, 2)},
    )


@op(kind="contraction", samples=_samples_1d, space="both")
def conv1d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
):
    """Return the cross-correlation of signals (N, C, L) or (C, L) with filters (O, C / groups, k).

    The other parameters are those of `conv2d`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.conv1d(ag.arange(4.0).reshape(1, 1, 4), ag.ones(1, 1, 2))
    tensor([[[1., 3., 5.]]], shape=(1, 1, 3))
    """
    return _convolve(input, weight, bias, stride, padding, dilation, groups, axes=1)


@op(kind="contraction", samples=_samples_2d, space="both")
def conv2d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
):
    """Return the cross-correlation of images with filters.

    ``out[n, o, y, x]`` is ``bias[o]`` plus the sum over c, i and j of
    ``weight[o, c, i, j] * input[n, c, y * stride + i * dilation, x * stride + j * dilation]``.

    Parameters
    ----------
    input : (N, C, H, W) or (C, H, W)
    weight : (O, C / groups, kH, kW)
    bias : (O,), optional
    stride, dilation : int or pair
        Steps between positions of the filter, and between its taps.
    padding : int, pair, "same" or "valid"
        Zeros around the image. "same" keeps its size (stride 1 only).
    groups : int
        Cut the channels into this many groups that do not see each other.

    Examples
    --------
    >>> import autograd as ag
    >>> image = ag.arange(9.0).reshape(1, 1, 3, 3)
    >>> ag.conv2d(image, ag.ones(1, 1, 2, 2)).reshape(4)
    tensor([ 8., 12., 20., 24.])
    """
    return _convolve(input, weight, bias, stride, padding, dilation, groups, axes=2)


@op(kind="contraction", samples=_samples_3d, space="both")
def conv3d(
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride=1,
    padding=0,
    dilation=1,
    groups=1,
):
    """Return the cross-correlation of volumes with filters (O, C / groups, kD, kH, kW).

    The volumes are (N, C, D, H, W) or (C, D, H, W); the other parameters are those of `conv2d`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.conv3d(ag.ones(1, 1, 3, 3, 3), ag.ones(1, 1, 2, 2, 3)).reshape(4)
    tensor([12., 12., 12., 12.])
    """
    return _convolve(input, weight, bias, stride, padding, dilation, groups, axes=3)


for _function, _axes in ((conv1d, 1), (conv2d, 2), (conv3d, 3)):
    _function.op.with_relu = functools.partial(_convolve, axes=_axes, relu=True)


def _input_samples(rng):
    yield draw(rng, (2, 1, 2, 3), (1, 2, 2, 2)), {"input_shape": (2, 2, 3, 4)}
    keywords = {"input_shape": (2, 5, 4), "padding": 1, "stride": (2, 1), "groups": 2}
    yield draw(rng, (2, 3, 5), (2, 1, 3, 2)), keywords
    yield draw(rng, (1, 2, 2), (1, 1, 1, 2)), {"input_shape": (1, 2, 5), "dilation": 2}
    yield draw(rng, (1, 1, 2, 2, 1), (1, 2, 2, 1, 2)), {"input_shape": (1, 2, 3, 2, 2)}
    yield draw(rng, (2, 1, 2), (1, 2, 2)), {"input_shape": (2, 2, 4), "stride": 2}


@op(kind="contraction", samples=_input_samples, space="internal")
def conv_input(
    grad: Array, weight: Array, input_shape: tuple, stride=1, padding=0, dilation=1, groups=1
):
    """Return the gradient of a convolution with respect to its input, of `input_shape`."""
    axes = weight.ndim - 2
    settings = _settings(stride, padding, dilation, groups, weight.shape[2:])
    shape = input_shape if len(input_shape) == axes + 2 else (1, *input_shape)
    out = kernels.conv.input_gradient(_batched(grad, axes), weight, shape, *settings)
    return out.reshape(input_shape)


def _weight_samples(rng):
    yield draw(rng, (2, 1, 2, 3), (2, 2, 3, 4)), {"weight_shape": (1, 2, 2, 2)}
    keywords = {"weight_shape": (2, 1, 3, 2), "padding": 1, "stride": (2, 1), "groups": 2}
    yield draw(rng, (2, 3, 5), (2, 5, 4)), keywords
    yield draw(rng, (2, 1, 2, 2, 1), (2, 2, 3, 2, 2)), {"weight_shape": (1, 2, 2, 1, 2)}
    yield draw(rng, (1, 2), (2, 4)), {"weight_shape": (1, 2, 2), "stride": 2}


@op(kind="contraction", samples=_weight_samples, space="internal")
def conv_weight(
    grad: Array, input: Array, weight_shape: tuple, stride=1, padding=0, dilation=1, groups=1
):
    """Return the gradient of a convolution with respect to its weight, of `weight_shape`."""
    axes = len(weight_shape) - 2
    settings = _settings(stride, padding, dilation, groups, weight_shape[2:])
    grad, input = _batched(grad, axes), _batched(input, axes)
    return kernels.conv.weight_gradient(grad, input, weight_shape, *settings)


def _channel_samples(rng):
    yield (rng.normal(size=(2, 3, 2, 2)),), {}
    yield (rng.normal(size=(3, 4, 2)),), {"axes": 2}
    yield (rng.normal(size=(2, 3, 4)),), {"axes": 1}


@op(samples=_channel_samples, space="internal")
def channel_sums(input: Array, axes: int = 2):
    """Sum over all axes but that of the channels, before the last `axes`."""
    return kernels.sums.all_but(input, -axes - 1)


channel_sums.vjp(
    input=lambda g, input_shape, axes: np.broadcast_to(g.reshape((-1,) + (1,) * axes), input_shape)
)


def _bias_rule(axes: int):
    return lambda g: channel_sums(g, axes)


for _axes, _op in enumerate((conv1d, conv2d, conv3d), start=1):
    _op.vjp(
        input=lambda g, weight, input_shape, stride, padding, dilation, groups: conv_input(
            g, weight, input_shape, stride, padding, dilation, groups
        ),
        weight=lambda g, input, weight_shape, stride, padding, dilation, groups: conv_weight(
            g, input, weight_shape, stride, padding, dilation, groups
        ),
        bias=_bias_rule(_axes),
    )


def _correlate(input, weight, shape, stride, padding, dilation, groups):
    """The convolution, where `shape` may leave out the last positions of the filter.

    They are left out in a transposed convolution whose output_padding makes room for them.
    """
    function = (conv1d, conv2d, conv3d)[len(weight.shape) - 3]
    out = function(input, weight, None, stride, padding, dilation, groups)
    if out.shape == shape:
        return out
    return out[(..., *(slice(n) for n in shape[2 - len(weight.shape) :]))]


conv_input.vjp(
    grad=lambda g, weight, grad_shape, stride, padding, dilation, groups: _correlate(
        g, weight, grad_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, grad, weight_shape, stride, padding, dilation, groups: conv_weight(
        grad, g, weight_shape, stride, padding, dilation, groups
    ),
)
conv_weight.vjp(
    grad=lambda g, input, grad_shape, stride, padding, dilation, groups: _correlate(
        input, g, grad_shape, stride, padding, dilation, groups
    ),
    input=lambda g, grad, input_shape, stride, padding, dilation, groups: conv_input(
        grad, g, input_shape, stride, padding, dilation, groups
    ),
)


def _samples_tbc(rng):
    yield draw(rng, (4, 2, 3), (2, 3, 2), (2,)), {"pad": 1}
    yield draw(rng, (3, 1, 2), (3, 2, 1), (1,)), {}


@composite(samples=_samples_tbc, space="both")
def conv_tbc(input, weight, bias, pad: int = 0):
    """Return `conv1d` of signals laid out as (time, batch, channels).

    Parameters
    ----------
    input : (T, N, C)
    weight : (k, C, O)
    bias : (O,)
    pad : int
        Zeros at both ends.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.conv_tbc(ag.ones(3, 1, 1), ag.ones(2, 1, 1), ag.zeros(1)).reshape(2)
    tensor([2., 2.])
    """
    if input.ndim != 3 or weight.ndim != 3 or bias.ndim != 1:
        raise ShapeError(
            "conv_tbc expected an input (T, N, C), a weight (k, C, O) and a bias (O,), got shapes "
            f"{tuple(input.shape)}, {tuple(weight.shape)} and {tuple(bias.shape)}"
        )
    signals = permute(input, (1, 2, 0))
    out = conv1d(signals, permute(weight, (2, 1, 0)), bias, padding=pad)
    return permute(out, (2, 0, 1))
