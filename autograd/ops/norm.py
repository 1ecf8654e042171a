"""Normalisation layers' functions. Batch, layer and group normalisation are one computation,

    (input - mean) / sqrt(var + eps) * weight + bias,

with different axes sharing a mean and a variance. The rule is a fused kernel; for higher
derivatives each op names the same computation composed of other ops as its reference. Here is what
they share, and layer normalisation; the others are in `norm_batch` and `norm_group`.

Where a sum and ReLU follow, as in residual networks, each has an op that does all three. Memory is
passed over no more often than for the norm alone; what comes out is the same.
"""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.rectifier import relu
from autograd.recording.effects import effect
from autograd.tensor import Tensor
from autograd.versions import wrote


def check_float(input) -> None:
    if input.dtype.kind != "f":
        raise DtypeError(f"expected floats to normalise, got {input.dtype}: convert with .float()")


def check_vector(name: str, vector, channels: int) -> None:
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


def with_relu(out, residual):
    """What follows the norm, composed."""
    return relu(out if residual is None else out + residual)


def is_like(residual, input) -> bool:
    """Whether a residual has the form that the op takes; it may be a number, say."""
    if residual is None:
        return True
    return getattr(residual, "shape", ()) == input.shape and residual.dtype == input.dtype


def before_relu(g, out, residual):
    """The gradient of the sum under the ReLU, and the kernel that takes it through the norm."""
    if residual is None:
        return g, kernels.norm.backward_relu  # where g passes, it sees from the input
    return kernels.activation.relu_gradient(g, out), kernels.norm.backward


def per_channel(input) -> tuple[int, ...]:
    """The shape in which a vector with one element a channel broadcasts against `input`."""
    return (1, -1) + (1,) * (input.ndim - 2)


def check_batch(input, vectors: dict) -> None:
    if input.ndim < 2:
        raise ShapeError(f"batch_norm expected an input (N, C, ...), got shape {list(input.shape)}")
    check_float(input)
    for name, vector in vectors.items():
        check_vector(name, vector, input.shape[1])


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


def _layer_relu_reference(input, weight, bias, residual, normalized_shape, eps=1e-5):
    return with_relu(_layer_reference(input, weight, bias, normalized_shape, eps), residual)


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
    axes = _layer_axes(input, normalized_shape, weight, bias)
    return kernels.norm.forward(input, weight, bias, axes, eps)


def _layer_axes(input, normalized_shape, weight, bias) -> tuple[int, ...]:
    axes = _last_axes(input, normalized_shape)
    check_float(input)
    for name, array in (("weight", weight), ("bias", bias)):
        if array is not None and array.shape != _as_shape(normalized_shape):
            expected = list(_as_shape(normalized_shape))
            raise ShapeError(f"expected {name} of shape {expected}, got {list(array.shape)}")
    return axes


def _layer_rule(g, input, weight, bias, mean, var, normalized_shape, eps, needs):
    axes = _last_axes(input, normalized_shape)
    return kernels.norm.backward(g, input, weight, bias, mean, var, axes, eps, needs)


layer_norm.vjp(("input", "weight", "bias"), _layer_rule)


def _layer_relu_samples(rng):
    for (x,), params in _layer_samples(rng):
        yield (x,), params
        yield (x,), params | {"residual": rng.normal(size=x.shape)}


@op(
    samples=_layer_relu_samples,
    reference=_layer_relu_reference,
    residuals=("mean", "var"),
    space="internal",
)
def layer_norm_relu(
    input: Array,
    normalized_shape: int | tuple,
    weight: Array | None = None,
    bias: Array | None = None,
    eps=1e-5,
    residual: Array | None = None,
):
    """Return ``relu(layer_norm(input, ...) + residual)``."""
    axes = _layer_axes(input, normalized_shape, weight, bias)
    return kernels.norm.forward_relu(input, residual, weight, bias, axes, eps)


def _layer_relu_rule(
    g, input, weight, bias, residual, out, mean, var, normalized_shape, eps, needs
):
    axes = _last_axes(input, normalized_shape)
    g, backward = before_relu(g, out, residual)
    return *backward(g, input, weight, bias, mean, var, axes, eps, needs[:3]), g


layer_norm_relu.vjp(("input", "weight", "bias", "residual"), _layer_relu_rule)


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
    check_float(input)
    eps = float(np.finfo(input.dtype).eps) if eps is None else eps
    count = math.prod(_as_shape(normalized_shape))
    mean_square = (input * input).sum(axis=axes, keepdims=True) / count
    out = input * (mean_square + eps) ** -0.5
    return out if weight is None else out * weight
