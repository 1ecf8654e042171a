"""Batch normalisation: in training by the mean and variance of each batch, else by running ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.norm import (
    before_relu,
    by_running,
    check_batch,
    draw,
    is_like,
    normalise,
    per_channel,
    reshaped,
    update_running,
    with_relu,
)


def _vectors(input, weight, bias) -> tuple[Any, Any, tuple[int, ...]]:
    """The vectors as they broadcast against `input`, and the axes that share a mean."""
    shape = per_channel(input)
    return reshaped(weight, shape), reshaped(bias, shape), (0, *range(2, input.ndim))


# -- by the batch's own mean and variance ----------------------------------------------------------


def _reference(input, weight, bias, eps=1e-5):
    return normalise(input, *_vectors(input, weight, bias), eps)


def _samples(rng):
    yield draw(rng, (3, 2, 2, 2), (2,), (2,)), {}
    yield draw(rng, (5, 3), (3,), (3,)), {"eps": 0.1}
    yield (rng.normal(size=(2, 2, 3)), None, None), {}


@op(
    samples=_samples,
    reference=_reference,
    residuals=("mean", "var"),
    space="internal",
    shown_as="batch_norm",
)
def batch_norm_train(
    input: Array, weight: Array | None = None, bias: Array | None = None, eps=1e-5
):
    """Normalise each channel by its mean and variance over the batch, which are the residuals."""
    return kernels.norm.forward(input, *_vectors(input, weight, bias), eps)


def _gradients(g, input, weight, bias, mean, var, eps, needs, backward):
    *vectors, axes = _vectors(input, weight, bias)
    dx, *rest = backward(g, input, *vectors, mean, var, axes, eps, needs)
    return dx, *(reshaped(v, -1) for v in rest)


def _rule(g, input, weight, bias, mean, var, eps, needs):
    return _gradients(g, input, weight, bias, mean, var, eps, needs, kernels.norm.backward)


batch_norm_train.vjp(("input", "weight", "bias"), _rule)


def _relu_reference(input, weight, bias, residual, eps=1e-5):
    return with_relu(_reference(input, weight, bias, eps), residual)


def _relu_samples(rng):
    x, weight, bias, residual = draw(rng, (3, 2, 2, 2), (2,), (2,), (3, 2, 2, 2))
    yield (x, weight, bias), {}
    yield (x, weight, bias, residual), {"eps": 0.1}
    yield (*draw(rng, (5, 3)), None, None, *draw(rng, (5, 3))), {}


@op(
    samples=_relu_samples,
    reference=_relu_reference,
    residuals=("mean", "var"),
    space="internal",
    shown_as="batch_norm_relu",
)
def batch_norm_relu_train(
    input: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    residual: Array | None = None,
    eps=1e-5,
):
    """Return ``relu(batch_norm_train(input, weight, bias, eps) + residual)``."""
    return kernels.norm.forward_relu(input, residual, *_vectors(input, weight, bias), eps)


def _relu_rule(g, input, weight, bias, residual, out, mean, var, eps, needs):
    g, backward = before_relu(g, out, residual)
    return *_gradients(g, input, weight, bias, mean, var, eps, needs[:3], backward), g


batch_norm_relu_train.vjp(("input", "weight", "bias", "residual"), _relu_rule)


# -- by either, as layers call it ------------------------------------------------------------------


def _running_samples(rng):
    running = rng.normal(size=2), rng.uniform(0.5, 2, size=2)
    affine = {"weight": rng.normal(size=2), "bias": rng.normal(size=2)}
    yield (rng.normal(size=(2, 2, 3)), *running), affine
    yield (rng.normal(size=(2, 2)), *running), {}
    yield (rng.normal(size=(2, 2, 2)), None, None), affine | {"training": True}


@composite(samples=_running_samples, space="nn")
def batch_norm(
    input,
    running_mean,
    running_var,
    weight: Array | None = None,
    bias: Array | None = None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """Normalise each channel of ``input`` (N, C, ...) over the batch (Ioffe and Szegedy, 2015).

    Parameters
    ----------
    running_mean, running_var : (C,) or None
        Averages over batches, used outside of training. In training they are updated in place:
        ``running += momentum * (batch - running)``, the batch's variance being the unbiased one.
    weight, bias : (C,), optional
    training : bool, default False
        Normalise by this batch's own mean and (biased) variance.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> x = ag.tensor([[1.0], [3.0]])
    >>> nn.functional.batch_norm(x, None, None, training=True).reshape(2).round(decimals=3)
    tensor([-1.,  1.])
    """
    _check(input, running_mean, running_var, weight, bias, training, eps)
    if not training:
        return by_running(input, running_mean, running_var, weight, bias, eps)
    if not math.prod(input.shape):  # no value has to be normalised, and there is no mean
        none = np.zeros(input.shape[1], input.dtype)
        return by_running(input, none, none, weight, bias, eps)
    out, (mean, var) = batch_norm_train.full(input, weight, bias, eps)
    _update(input, running_mean, mean, running_var, var, momentum)
    return out


def _check(input, running_mean, running_var, weight, bias, training, eps) -> None:
    check_batch(input, {"running_mean": running_mean, "running_var": running_var,
                        "weight": weight, "bias": bias})  # fmt: skip
    if eps < 0 or (training and eps == 0):
        least = "> 0 when training" if training else ">= 0"
        raise ArgumentError(f"batch_norm expected eps {least}, got {eps}")
    if training and math.prod(input.shape) == input.shape[1] > 0:
        raise ShapeError(
            "batch_norm expected more than 1 value per channel when training, got input size "
            f"{list(input.shape)}: use a larger batch, or .eval()"
        )


def _update(input, running_mean, mean, running_var, var, momentum) -> None:
    """Move the running averages towards those of this batch."""
    count = math.prod(input.shape) // input.shape[1]
    update_running(running_mean, mean, momentum)
    update_running(running_var, var, momentum, count / (count - 1))


def _with_relu_samples(rng):
    for (input, *running), keywords in _running_samples(rng):
        for residual in (None, rng.normal(size=input.shape), rng.normal(size=input.shape[1:])):
            yield (input, *running), keywords | {"residual": residual}


@composite(samples=_with_relu_samples, space="internal")
def batch_norm_relu(
    input,
    running_mean,
    running_var,
    weight: Array | None = None,
    bias: Array | None = None,
    training=False,
    momentum=0.1,
    eps=1e-5,
    residual: Array | None = None,
):
    """Return ``relu(batch_norm(input, ...) + residual)``; in training in one op."""
    if training and is_like(residual, input) and math.prod(input.shape):
        _check(input, running_mean, running_var, weight, bias, training, eps)
        out, (mean, var) = batch_norm_relu_train.full(input, weight, bias, residual, eps)
        _update(input, running_mean, mean, running_var, var, momentum)
        return out
    out = batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    return with_relu(out, residual)
