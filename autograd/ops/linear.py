"""The map of a linear layer, and that of a bilinear one."""

from __future__ import annotations

import functools

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.einsum import einsum
from autograd.ops.linalg import matmul, pairs, rows_of


def _linear_samples(rng):
    for shape in ((2, 3), (3,), (2, 1, 3), (0, 3), (2, 0, 3)):
        yield (rng.normal(size=shape), rng.normal(size=(2, 3)), rng.normal(size=(2,))), {}
    yield (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {}


@op(kind="contraction", space="nn", samples=_linear_samples)
def linear(input: Array, weight: Array, bias: Array | None = None):
    """Return ``input @ weight.T + bias`` over the last axis of `input`.

    Parameters
    ----------
    input : Tensor
        Shape (..., in_features).
    weight : Tensor
        Shape (out_features, in_features), or (in_features,) for one output without an axis.
    bias : Tensor, optional
        Shape (out_features,), or a number.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.linear(ag.ones(5, 3), ag.ones(2, 3), ag.ones(2)).shape
    (5, 2)
    """
    return _map(input, weight, bias)


def _map(input, weight, bias=None, relu=False):
    if weight.ndim not in (1, 2) or not input.ndim or input.shape[-1] != weight.shape[-1]:
        columns = weight.shape[-1] if weight.ndim else "in_features"
        raise ShapeError(
            f"expected input of shape (..., {columns}) for a weight of shape {weight.shape}, "
            f"got {input.shape}"
        )
    outputs = weight.shape[:-1]
    if bias is not None and bias.shape not in ((), outputs):
        raise ShapeError(f"expected a bias of shape {outputs}, got {bias.shape}")
    out = kernels.gemm.linear(rows_of(input), weight if outputs else weight[None], bias, relu)
    shape = input.shape[:-1] + outputs
    return out if out.shape == shape else out.reshape(shape)


def _linear_input(g, weight):
    if weight.ndim == 1:
        return g[..., None] * weight
    if type(g) is np.ndarray:  # without the account that the op keeps, which takes as long
        dx = kernels.gemm.matmul(rows_of(g) if g.ndim > 2 else g, weight)
        return dx if g.ndim < 3 else dx.reshape(*g.shape[:-1], weight.shape[1])
    return matmul(g, weight)


def _linear_weight(g, input, weight_shape):
    if len(weight_shape) == 1:
        return matmul(g.reshape(-1), rows_of(input))
    if type(g) is np.ndarray:
        return kernels.gemm.matmul(rows_of(g).T, rows_of(input))
    return matmul(rows_of(g).swapaxes(0, 1), rows_of(input))


def _linear_all(g, input, weight):
    """The gradients of all three, by one kernel."""
    if type(g) is not np.ndarray or weight.ndim == 1 or g.ndim == 1:
        return _linear_input(g, weight), _linear_weight(g, input, weight.shape), g
    dx, dw, db = kernels.gemm.linear_gradients(rows_of(g), rows_of(input), weight)
    return dx if g.ndim == 2 else dx.reshape(input.shape), dw, db


def _linear_parameters(g, input, weight_shape):
    """Those of weight and bias, where the input wants none."""
    if type(g) is not np.ndarray or len(weight_shape) == 1 or g.ndim == 1:
        return _linear_weight(g, input, weight_shape), g
    return kernels.gemm.linear_gradients(rows_of(g), rows_of(input), None)[1:]


linear.vjp(
    input=_linear_input, weight=_linear_weight, bias=lambda g: rows_of(g) if g.ndim > 2 else g
)
linear.op.with_relu = functools.partial(_map, relu=True)
linear.vjp_together(("input", "weight", "bias"), _linear_all)
linear.vjp_together(("weight", "bias"), _linear_parameters)


@composite(space="both", samples=pairs(((2, 3), (2, 2), (2, 3, 2), (2,)), ((3,), (2,), (1, 3, 2))))
def bilinear(input1, input2, weight, bias=None):
    """Return ``input1 @ weight[k] @ input2 + bias[k]`` for each output k, over the last axes.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.bilinear(ag.ones(5, 3), ag.ones(5, 2), ag.ones(4, 3, 2)).shape
    (5, 4)
    """
    if weight.ndim != 3 or (input1.shape[-1], input2.shape[-1]) != tuple(weight.shape[1:]):
        raise ShapeError(
            f"bilinear expected weight of shape (out, {input1.shape[-1]}, {input2.shape[-1]}), "
            f"got {tuple(weight.shape)}"
        )
    if tuple(input1.shape[:-1]) != tuple(input2.shape[:-1]):
        raise ShapeError(
            "bilinear expected inputs that agree in all axes but the last, got "
            f"{tuple(input1.shape)} and {tuple(input2.shape)}"
        )
    out = einsum("...i,kij,...j->...k", input1, weight, input2)
    return out if bias is None else out + bias
