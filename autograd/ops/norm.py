"""Normalisation layers' functions. Batch, layer and group normalisation are one computation,

    (input - mean) / sqrt(var + eps) * weight + bias,

with different axes sharing a mean and a variance. The rule is a fused kernel; for higher
derivatives each op names the same computation composed of other ops as its reference. Batch
normalisation, which also has running averages, is in `norm_batch`.
"""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.recording.effects import effect
from autograd.tensor import Tensor
from autograd.versions import wrote


def _check_float(input) -> None:
    if input.dtype.kind != "f":
        raise DtypeError(f"expected floats to normalise, got {input.dtype}: convert with .float()")


def _check_vector(name: str, vector, channels: int) -> None:
    if vector is not None and vector.shape != (channels,):
        raise ShapeError(
            f"expected {name} of {channels} elements, one a channel, got shape {list(vector.shape)}"
        )


def draw(rng, *shapes):
    return tuple(rng.normal(size=shape) for shape in shapes)


def normalise(input, weight, bias, axes, eps):
    """The plain composition that the fused kernels stand for."""
    count = math.prod(input.shape[axis] for axis in axes)
    centred = input - input.sum(axis=axes, keepdims=True) / count
    var = (centred * centred).sum(axis=axes, keepdims=True) / count
    out = centred / (var + eps) ** 0.5
    out = out if weight is None else out * weight
    return out if bias is None else out + bias


def reshaped(vector, shape):
    return None if vector is None else vector.reshape(shape)


def _backward(g, input, weight, bias, mean, var, axes, eps, needs):
    return kernels.norm.backward(g, input, weight, bias, mean, var, axes, eps, needs)


def per_channel(input) -> tuple[int, ...]:
    """The shape in which a vector with one element a channel broadcasts against `input`."""
    return (1, -1) + (1,) * (input.ndim - 2)


def check_batch(input, vectors: dict) -> None:
    if input.ndim < 2:
        raise ShapeError(f"batch_norm expected an input (N, C, ...), got shape {list(input.shape)}")
    _check_float(input)
    for name, vector in vectors.items():
        _check_vector(name, vector, input.shape[1])


def by_running(input, running_mean, running_var, weight, bias, eps):
    """Normalise by given averages: one multiplication and one addition an element."""
    if running_mean is None or running_var is None:
        raise ShapeError("expected running_mean and running_var when training=False, got None")
    scale = (running_var + eps) ** -0.5
    scale = scale if weight is None else scale * weight
    shift = -running_mean * scale
    shift = shift if bias is None else shift + bias
    shape = per_channel(input)
    return input * scale.reshape(shape) + shift.reshape(shape)


@effect
def update_running(running, value, momentum: float, scale: float = 1.0) -> None:
    """Move a running average, in place, towards ``scale * value`` of this batch.

    `value` has an element for each channel, or for each channel of each sample.
    """
    if running is None:
        return
    array = running.array if isinstance(running, Tensor) else running
    value = value.reshape(-1, len(array)).mean(axis=0) if value.size != len(array) else value
    array += momentum * (value.reshape(-1) * scale - array)
    wrote(array, "batch_norm")


# -- instance and group ----------------------------------------------------------------------------


def _group_axes(input, num_groups: int) -> tuple[tuple, tuple, tuple]:
    """The shape with an axis of groups, the axes a group spans, and the shape of the vectors."""
    n, channels, *rest = input.shape
    each = channels // num_groups
    shape = (n, num_groups, each, *rest)
    return shape, tuple(range(2, len(shape))), (1, num_groups, each) + (1,) * len(rest)


def _group_reference(input, weight, bias, num_groups, eps=1e-5):
    shape, axes, vector = _group_axes(input, num_groups)
    vectors = reshaped(weight, vector), reshaped(bias, vector)
    return normalise(input.reshape(shape), *vectors, axes, eps).reshape(input.shape)


def _group_samples(rng):
    x, weight, bias = draw(rng, (2, 4, 2), (4,), (4,))
    yield (x,), {"num_groups": 2, "weight": weight, "bias": bias}
    yield (rng.normal(size=(1, 3, 2, 2)),), {"num_groups": 3}
    yield (rng.normal(size=(2, 3)),), {"num_groups": 1, "eps": 0.1}


@op(samples=_group_samples, reference=_group_reference, residuals=("mean", "var"), space="nn")
def group_norm(
    input: Array, num_groups: int, weight: Array | None = None, bias: Array | None = None, eps=1e-5
):
    """Normalise each sample of ``input`` (N, C, ...) over groups of channels (Wu and He, 2018).

    Parameters
    ----------
    num_groups : int
        Must divide C.
    weight, bias : (C,), optional

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.group_norm(ag.tensor([[1.0, 3.0, 5.0, 9.0]]), 2, eps=0.0).reshape(4)
    tensor([-1.,  1., -1.,  1.])
    """
    if input.ndim < 2:
        raise ShapeError(f"expected an input (N, C, ...), got shape {list(input.shape)}")
    _check_float(input)
    channels = input.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(f"expected num_groups to divide the {channels} channels, got {num_groups}")
    _check_vector("weight", weight, channels)
    _check_vector("bias", bias, channels)
    shape, axes, vector = _group_axes(input, num_groups)
    if math.prod(shape[1:]) == num_groups:
        raise ShapeError(
            f"expected more than 1 value per group, got input size {list(input.shape)} and "
            f"num_groups {num_groups}"
        )
    vectors = reshaped(weight, vector), reshaped(bias, vector)
    out, mean, var = kernels.norm.forward(input.reshape(shape), *vectors, axes, eps)
    return out.reshape(input.shape), mean, var


def _group_rule(g, input, weight, bias, mean, var, num_groups, eps, needs):
    shape, axes, vector = _group_axes(input, num_groups)
    vectors = reshaped(weight, vector), reshaped(bias, vector)
    dx, *rest = _backward(
        g.reshape(shape), input.reshape(shape), *vectors, mean, var, axes, eps, needs
    )
    return reshaped(dx, input.shape), *(reshaped(v, -1) for v in rest)


group_norm.vjp(("input", "weight", "bias"), _group_rule)


def _instance_samples(rng):
    running = {"running_mean": rng.normal(size=2), "running_var": rng.uniform(0.5, 2, size=2)}
    affine = {"weight": rng.normal(size=2), "bias": rng.normal(size=2)}
    yield (rng.normal(size=(2, 2, 3)),), affine
    yield (rng.normal(size=(1, 2, 2, 2)),), running | affine | {"use_input_stats": False}


@composite(samples=_instance_samples, space="nn")
def instance_norm(
    input,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    weight: Array | None = None,
    bias: Array | None = None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Normalise each channel of each sample of ``input`` (N, C, ...) (Ulyanov et al., 2016).

    With running averages given, those move towards the mean over the samples of this batch.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.instance_norm(ag.tensor([[[1.0, 3.0]]]), eps=0.0).reshape(2)
    tensor([-1.,  1.])
    """
    check_batch(input, {"running_mean": running_mean, "running_var": running_var,
                         "weight": weight, "bias": bias})  # fmt: skip
    if not use_input_stats:
        return by_running(input, running_mean, running_var, weight, bias, eps)
    channels, *rest = input.shape[1:]
    count = math.prod(rest)
    if count <= 1:
        raise ShapeError(
            "instance_norm expected more than 1 spatial element when training, got input size "
            f"{list(input.shape)}"
        )
    out, (mean, var) = group_norm.full(input, channels, weight, bias, eps)
    update_running(running_mean, mean, momentum)
    update_running(running_var, var, momentum, count / (count - 1))
    return out


# -- layer -----------------------------------------------------------------------------------------


def _last_axes(input, normalized_shape) -> tuple[int, ...]:
    """The axes of `normalized_shape`, which must be how the input's shape ends."""
    shape = _as_shape(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"expected an input whose shape ends in normalized_shape {list(shape)}, "
            f"got {list(input.shape)}"
        )
    return tuple(range(input.ndim - len(shape), input.ndim))


def _as_shape(normalized_shape) -> tuple[int, ...]:
    if hasattr(normalized_shape, "__iter__"):
        return tuple(normalized_shape)
    return (normalized_shape,)


def _layer_reference(input, weight, bias, normalized_shape, eps=1e-5):
    return normalise(input, weight, bias, _last_axes(input, normalized_shape), eps)


def _layer_samples(rng):
    x, weight, bias = draw(rng, (2, 3, 4), (4,), (4,))
    yield (x,), {"normalized_shape": (4,), "weight": weight, "bias": bias}
    x, weight = draw(rng, (2, 2, 3), (2, 3))
    yield (x,), {"normalized_shape": (2, 3), "weight": weight, "eps": 0.1}
    yield (rng.normal(size=5),), {"normalized_shape": 5}


@op(samples=_layer_samples, reference=_layer_reference, residuals=("mean", "var"), space="nn")
def layer_norm(
    input: Array,
    normalized_shape: int | tuple,
    weight: Array | None = None,
    bias: Array | None = None,
    eps=1e-5,
):
    """Normalise over the last axes, those of `normalized_shape` (Ba, Kiros and Hinton, 2016).

    Parameters
    ----------
    normalized_shape : int or sequence of int
        How the shape of `input` ends.
    weight, bias : normalized_shape, optional

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.layer_norm(ag.tensor([[1.0, 3.0]]), (2,), eps=0.0).reshape(2)
    tensor([-1.,  1.])
    """
    axes = _last_axes(input, normalized_shape)
    _check_float(input)
    for name, array in (("weight", weight), ("bias", bias)):
        if array is not None and array.shape != _as_shape(normalized_shape):
            expected = list(_as_shape(normalized_shape))
            raise ShapeError(f"expected {name} of shape {expected}, got {list(array.shape)}")
    return kernels.norm.forward(input, weight, bias, axes, eps)


def _layer_rule(g, input, weight, bias, mean, var, normalized_shape, eps, needs):
    axes = _last_axes(input, normalized_shape)
    return _backward(g, input, weight, bias, mean, var, axes, eps, needs)


layer_norm.vjp(("input", "weight", "bias"), _layer_rule)


def _rms_samples(rng):
    yield (rng.normal(size=(2, 3)),), {"normalized_shape": 3, "weight": rng.normal(size=3)}
    yield (rng.normal(size=(2, 2, 2)),), {"normalized_shape": (2, 2), "eps": 0.1}


@composite(samples=_rms_samples, space="nn")
def rms_norm(input, normalized_shape: int | tuple, weight: Array | None = None, eps=None):
    """Divide by the root of the mean square over the last axes (Zhang and Sennrich, 2019).

    `eps`, added to the mean square, is by default the spacing of the input's dtype at 1.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.rms_norm(ag.tensor([1.0, -1.0]), 2, eps=0.0)
    tensor([ 1., -1.])
    """
    axes = _last_axes(input, normalized_shape)
    _check_float(input)
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    count = math.prod(_as_shape(normalized_shape))
    mean_square = (input * input).sum(axis=axes, keepdims=True) / count
    out = input * (mean_square + eps) ** -0.5
    return out if weight is None else out * weight
