"""Convolution. `conv2d` and its two gradients are linear in each of their arrays, and the gradient
of any of the three is one of the other two: a closed family, differentiable any number of times.
Everything else here is one of the family with its axes rearranged.
"""

from __future__ import annotations

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op


def _pair(value, name: str, least: int) -> tuple[int, int]:
    """An int, or a sequence of one or two, as (rows, columns)."""
    values = tuple(value) if hasattr(value, "__iter__") else (value,)
    values = values * 2 if len(values) == 1 else values
    if len(values) != 2 or any(not hasattr(v, "__index__") or v < least for v in values):
        raise ShapeError(f"expected {name} to be one or two integers >= {least}, got {value!r}")
    return int(values[0]), int(values[1])


def _padding(padding, kernel, stride, dilation) -> tuple:
    """Padding as ((top, bottom), (left, right)), whichever way it was asked for."""
    if not isinstance(padding, str):
        return tuple((p, p) for p in _pair(padding, "padding", 0))
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding != "same":
        raise ShapeError(f"expected padding 'same', 'valid' or integers, got {padding!r}")
    if stride != (1, 1):
        raise ShapeError(f"padding='same' needs stride 1, got {stride}: pad by numbers")
    # An odd total puts the extra row or column at the end.
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((total // 2, total - total // 2) for total in totals)


def _settings(stride, padding, dilation, groups, kernel) -> tuple:
    """The keywords of a convolution in the form the kernels take."""
    stride, dilation = _pair(stride, "stride", 1), _pair(dilation, "dilation", 1)
    return stride, _padding(padding, kernel, stride, dilation), dilation, groups


def _check(input, weight, bias, settings) -> None:
    """Refuse what does not fit together, with the numbers that do not fit."""
    _, padding, dilation, groups = settings
    shape = list(weight.shape)
    if weight.ndim != 4:
        raise ShapeError(f"expected a weight (O, C / groups, kH, kW), got {shape}")
    if input.ndim not in (3, 4):
        raise ShapeError(f"expected an input (N, C, H, W) or (C, H, W), got {list(input.shape)}")
    if groups < 1 or shape[0] % groups:
        raise ShapeError(f"expected groups to divide {shape[0]} output channels, got {groups}")
    channels = input.shape[-3]
    if channels != shape[1] * groups:
        grouped = f" and groups is {groups}" if groups != 1 else ""
        raise ShapeError(
            f"expected {shape[1] * groups} input channels (weight is {shape}{grouped}), "
            f"got {channels}"
        )
    if bias is not None and bias.shape != (shape[0],):
        raise ShapeError(f"expected a bias of shape ({shape[0]},), got {list(bias.shape)}")
    for n, pads, k, d in zip(input.shape[-2:], padding, shape[2:], dilation, strict=True):
        span, room = d * (k - 1) + 1, n + sum(pads)
        if k < 1 or span > room:
            raise ShapeError(
                f"the kernel does not fit: it spans {span} (size {k}, dilation {d}), the input "
                f"{room} (size {n}, padding {pads[0]} + {pads[1]})"
            )


def _batched(array):
    """The array with a batch axis, which a single sample lacks."""
    return array if array.ndim == 4 else array[None]


def _draw(rng, *shapes):
    return tuple(rng.normal(size=shape) for shape in shapes)


def _samples(rng):
    yield _draw(rng, (2, 2, 3, 4), (1, 2, 2, 2), (1,)), {}
    yield _draw(rng, (2, 5, 4), (2, 1, 3, 2)), {"padding": 1, "stride": (2, 1), "groups": 2}
    yield (
        _draw(rng, (1, 1, 5, 5), (2, 1, 2, 2), (2,)),
        {"dilation": 2, "stride": 2, "padding": (1, 0)},
    )
    yield _draw(rng, (1, 1, 3, 3), (1, 1, 2, 3)), {"padding": "same"}
    yield _draw(rng, (0, 1, 3, 3), (1, 1, 2, 2)), {}


@op(kind="contraction", samples=_samples, space="both")
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
    settings = _settings(stride, padding, dilation, groups, weight.shape[2:])
    _check(input, weight, bias, settings)
    out = kernels.conv.forward(_batched(input), weight, bias, *settings)
    return out if input.ndim == 4 else out[0]


def _input_samples(rng):
    yield _draw(rng, (2, 1, 2, 3), (1, 2, 2, 2)), {"input_shape": (2, 2, 3, 4)}
    keywords = {"input_shape": (2, 5, 4), "padding": 1, "stride": (2, 1), "groups": 2}
    yield _draw(rng, (2, 3, 5), (2, 1, 3, 2)), keywords
    yield _draw(rng, (1, 2, 2), (1, 1, 1, 2)), {"input_shape": (1, 2, 5), "dilation": 2}


@op(kind="contraction", samples=_input_samples, space="internal")
def conv2d_input(
    grad: Array, weight: Array, input_shape: tuple, stride=1, padding=0, dilation=1, groups=1
):
    """Return the gradient of `conv2d` with respect to its input, an array of `input_shape`."""
    settings = _settings(stride, padding, dilation, groups, weight.shape[2:])
    shape = input_shape if len(input_shape) == 4 else (1, *input_shape)
    out = kernels.conv.input_gradient(_batched(grad), weight, shape, *settings)
    return out.reshape(input_shape)


def _weight_samples(rng):
    yield _draw(rng, (2, 1, 2, 3), (2, 2, 3, 4)), {"weight_shape": (1, 2, 2, 2)}
    keywords = {"weight_shape": (2, 1, 3, 2), "padding": 1, "stride": (2, 1), "groups": 2}
    yield _draw(rng, (2, 3, 5), (2, 5, 4)), keywords


@op(kind="contraction", samples=_weight_samples, space="internal")
def conv2d_weight(
    grad: Array, input: Array, weight_shape: tuple, stride=1, padding=0, dilation=1, groups=1
):
    """Return the gradient of `conv2d` with respect to its weight, an array of `weight_shape`."""
    settings = _settings(stride, padding, dilation, groups, weight_shape[2:])
    return kernels.conv.weight_gradient(_batched(grad), _batched(input), weight_shape, *settings)


conv2d.vjp(
    input=lambda g, weight, input_shape, stride, padding, dilation, groups: conv2d_input(
        g, weight, input_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, input, weight_shape, stride, padding, dilation, groups: conv2d_weight(
        g, input, weight_shape, stride, padding, dilation, groups
    ),
    bias=lambda g: g.sum(axis=(0, 2, 3) if g.ndim == 4 else (1, 2)),
)


def _correlate(input, weight, shape, stride, padding, dilation, groups):
    """`conv2d`, where `shape` may leave out the last positions of the filter.

    They are left out in a transposed convolution whose output_padding makes room for them.
    """
    out = conv2d(input, weight, None, stride, padding, dilation, groups)
    return out if out.shape == shape else out[..., : shape[-2], : shape[-1]]


conv2d_input.vjp(
    grad=lambda g, weight, grad_shape, stride, padding, dilation, groups: _correlate(
        g, weight, grad_shape, stride, padding, dilation, groups
    ),
    weight=lambda g, grad, weight_shape, stride, padding, dilation, groups: conv2d_weight(
        grad, g, weight_shape, stride, padding, dilation, groups
    ),
)
conv2d_weight.vjp(
    grad=lambda g, input, grad_shape, stride, padding, dilation, groups: _correlate(
        input, g, grad_shape, stride, padding, dilation, groups
    ),
    input=lambda g, grad, input_shape, stride, padding, dilation, groups: conv2d_input(
        grad, g, input_shape, stride, padding, dilation, groups
    ),
)


def _flat(value, other: int):
    """A setting for one axis as one for an image of a single row, where the rows need `other`."""
    if isinstance(value, str):
        return value
    values = tuple(value) if hasattr(value, "__iter__") else (value,)
    if len(values) != 1:
        raise ShapeError(f"expected one integer for the one axis there is, got {value!r}")
    return other, values[0]


def _one_row(input, weight, name: str):
    """Signals (N, C, L) and filters (O, C, k) as images and filters of one row."""
    if input.ndim not in (2, 3):
        raise ShapeError(
            f"{name} expected an input (N, C, L) or (C, L), got shape {list(input.shape)}"
        )
    if weight.ndim != 3:
        raise ShapeError(f"{name} expected a weight of 3 dimensions, got {list(weight.shape)}")
    return [x.reshape((*x.shape[:-1], 1, x.shape[-1])) for x in (input, weight)]


def _conv1d_samples(rng):
    yield _draw(rng, (2, 2, 5), (2, 1, 3), (2,)), {"stride": 2, "padding": 1, "groups": 2}
    yield _draw(rng, (1, 4), (2, 1, 2)), {"padding": "same"}


@composite(samples=_conv1d_samples, space="both")
def conv1d(input, weight, bias: Array | None = None, stride=1, padding=0, dilation=1, groups=1):
    """Return the cross-correlation of signals (N, C, L) or (C, L) with filters (O, C / groups, k).

    The other parameters are those of `conv2d`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.conv1d(ag.arange(4.0).reshape(1, 1, 4), ag.ones(1, 1, 2))
    tensor([[[1., 3., 5.]]], shape=(1, 1, 3))
    """
    row, filters = _one_row(input, weight, "conv1d")
    out = conv2d(
        row, filters, bias, _flat(stride, 1), _flat(padding, 0), _flat(dilation, 1), groups
    )
    return out.reshape((*out.shape[:-2], out.shape[-1]))


def _transpose_samples(rng):
    yield _draw(rng, (2, 2, 2, 2), (2, 1, 2, 3), (1,)), {"stride": 2, "output_padding": (1, 0)}
    yield _draw(rng, (2, 2, 3), (2, 1, 2, 2), (2,)), {"padding": 1, "groups": 2, "dilation": (2, 1)}


@composite(samples=_transpose_samples, space="both")
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
    if input.ndim not in (3, 4) or weight.ndim != 4:
        raise ShapeError(
            "conv_transpose2d expected an input (N, C, H, W) or (C, H, W) and a weight "
            f"(C, O / groups, kH, kW), got {list(input.shape)} and {list(weight.shape)}"
        )
    channels, (incoming, outgoing, *kernel) = input.shape[-3], weight.shape
    if channels != incoming:
        raise ShapeError(
            f"conv_transpose2d expected {incoming} input channels (weight is "
            f"{list(weight.shape)}), got {channels}"
        )
    if groups < 1 or channels % groups:
        raise ShapeError(
            f"conv_transpose2d expected groups to divide {channels} input channels, got {groups}"
        )
    outgoing *= groups
    if bias is not None and bias.shape != (outgoing,):
        raise ShapeError(
            f"conv_transpose2d expected a bias of shape ({outgoing},), got {list(bias.shape)}"
        )
    stride, dilation = _pair(stride, "stride", 1), _pair(dilation, "dilation", 1)
    padding, extra = _pair(padding, "padding", 0), _pair(output_padding, "output_padding", 0)
    size = _transposed_size(input.shape[-2:], kernel, stride, padding, extra, dilation)
    shape = (*input.shape[:-3], outgoing, *size)
    out = conv2d_input(input, weight, shape, stride, padding, dilation, groups)
    return out if bias is None else out + bias.reshape((outgoing, 1, 1))


def _transposed_size(size, kernel, stride, padding, extra, dilation) -> list[int]:
    """The size of the image whose convolution has the given size."""
    result = []
    for n, k, s, p, e, d in zip(size, kernel, stride, padding, extra, dilation, strict=True):
        if e >= max(s, d):
            raise ShapeError(
                "conv_transpose2d expected output_padding smaller than the stride or the dilation, "
                f"got output_padding {e} with stride {s} and dilation {d}"
            )
        result.append((n - 1) * s - 2 * p + d * (k - 1) + e + 1)
    if min(result) < 1:
        raise ShapeError(f"conv_transpose2d would make an image of size {tuple(result)}")
    return result


def _transpose1d_samples(rng):
    yield _draw(rng, (2, 2, 3), (2, 1, 2), (1,)), {"stride": 2}


@composite(samples=_transpose1d_samples, space="both")
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
    row, filters = _one_row(input, weight, "conv_transpose1d")
    out = conv_transpose2d(
        row,
        filters,
        bias,
        _flat(stride, 1),
        _flat(padding, 0),
        _flat(output_padding, 0),
        groups,
        _flat(dilation, 1),
    )
    return out.reshape((*out.shape[:-2], out.shape[-1]))
