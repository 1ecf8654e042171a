"""Group and instance normalisation: each sample's channels, in groups or each by itself."""

from __future__ import annotations

import math

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.norm import (
    before_relu,
    by_running,
    check_batch,
    check_float,
    check_vector,
    draw,
    normalise,
    reshaped,
    update_running,
    with_relu,
)


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
    shape, axes, vectors = _grouped(input, num_groups, weight, bias)
    out, mean, var = kernels.norm.forward(input.reshape(shape), *vectors, axes, eps)
    return out.reshape(input.shape), mean, var


def _grouped(input, num_groups, weight, bias):
    """The shape with an axis of groups, its axes that share a mean, and the vectors to fit it."""
    if input.ndim < 2:
        raise ShapeError(f"expected an input (N, C, ...), got shape {list(input.shape)}")
    check_float(input)
    channels = input.shape[1]
    if num_groups < 1 or channels % num_groups:
        raise ShapeError(f"expected num_groups to divide the {channels} channels, got {num_groups}")
    check_vector("weight", weight, channels)
    check_vector("bias", bias, channels)
    shape, axes, vector = _group_axes(input, num_groups)
    if math.prod(shape[1:]) == num_groups:
        raise ShapeError(
            f"expected more than 1 value per group, got input size {list(input.shape)} and "
            f"num_groups {num_groups}"
        )
    return shape, axes, (reshaped(weight, vector), reshaped(bias, vector))


def _gradients(g, input, weight, bias, mean, var, num_groups, eps, needs, backward):
    shape, axes, vector = _group_axes(input, num_groups)
    vectors = reshaped(weight, vector), reshaped(bias, vector)
    dx, *rest = backward(
        g.reshape(shape), input.reshape(shape), *vectors, mean, var, axes, eps, needs
    )
    return reshaped(dx, input.shape), *(reshaped(v, -1) for v in rest)


def _group_rule(g, input, weight, bias, mean, var, num_groups, eps, needs):
    backward = kernels.norm.backward
    return _gradients(g, input, weight, bias, mean, var, num_groups, eps, needs, backward)


group_norm.vjp(("input", "weight", "bias"), _group_rule)


def _group_relu_reference(input, weight, bias, residual, num_groups, eps=1e-5):
    return with_relu(_group_reference(input, weight, bias, num_groups, eps), residual)


def _group_relu_samples(rng):
    for (x,), params in _group_samples(rng):
        yield (x,), params
        yield (x,), params | {"residual": rng.normal(size=x.shape)}


@op(
    samples=_group_relu_samples,
    reference=_group_relu_reference,
    residuals=("mean", "var"),
    space="internal",
)
def group_norm_relu(
    input: Array,
    num_groups: int,
    weight: Array | None = None,
    bias: Array | None = None,
    eps=1e-5,
    residual: Array | None = None,
):
    """Return ``relu(group_norm(input, ...) + residual)``."""
    shape, axes, vectors = _grouped(input, num_groups, weight, bias)
    out, mean, var = kernels.norm.forward_relu(
        input.reshape(shape), reshaped(residual, shape), *vectors, axes, eps
    )
    return out.reshape(input.shape), mean, var


def _group_relu_rule(g, input, weight, bias, residual, out, mean, var, num_groups, eps, needs):
    g, backward = before_relu(g, out, residual)
    return *_gradients(g, input, weight, bias, mean, var, num_groups, eps, needs[:3], backward), g


group_norm_relu.vjp(("input", "weight", "bias", "residual"), _group_relu_rule)


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
