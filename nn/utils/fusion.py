"""Folding a batch norm, in evaluation mode, into the layer before it."""

from __future__ import annotations

import copy

from autograd.mode import no_grad
from autograd.tensor import Tensor
from nn.parameter import Parameter


def fuse_conv_bn_eval(conv, bn, transpose: bool = False):
    """Return a copy of `conv` that computes ``bn(conv(x))``; both are in evaluation mode.

    `transpose` is for transposed convolutions.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> conv, bn = nn.Conv2d(3, 4, 2).eval(), nn.BatchNorm2d(4).eval()
    >>> x = ag.ones(1, 3, 5, 5)
    >>> bool(ag.allclose(nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-5))
    True
    """
    return _fused(conv, bn, transpose)


def fuse_conv_bn_weights(conv_w: Tensor, conv_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor,
                         bn_eps: float, bn_w: Tensor | None, bn_b: Tensor | None,
                         transpose: bool = False) -> tuple[Parameter, Parameter]:  # fmt: skip
    """Return weight and bias of a convolution that includes a batch norm.

    With ``scale = bn_w / sqrt(bn_rv + bn_eps)`` for each output channel these are
    ``conv_w * scale`` and ``(conv_b - bn_rm) * scale + bn_b``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> one = ag.ones(1)
    >>> w, b = nn.utils.fuse_conv_bn_weights(ag.ones(1, 1, 1), None, one, 4 * one, 0.0, one, None)
    >>> w.item(), b.item()
    (0.5, -0.5)
    """
    with no_grad():
        scale = (bn_rv + bn_eps) ** -0.5
        scale = scale if bn_w is None else scale * bn_w
        shape = [1] * conv_w.ndim
        shape[1 if transpose else 0] = -1
        bias = -bn_rm * scale if conv_b is None else (conv_b - bn_rm) * scale
        bias = bias if bn_b is None else bias + bn_b
        weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype)
    dtype = conv_w.dtype if conv_b is None else conv_b.dtype
    wanted = conv_b is not None and conv_b.requires_grad
    return Parameter(weight, conv_w.requires_grad), Parameter(bias.to(dtype), wanted)


def fuse_linear_bn_eval(linear, bn):
    """Return a copy of `linear` that computes ``bn(linear(x))``; both are in evaluation mode.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> linear, bn = nn.Linear(3, 4).eval(), nn.BatchNorm1d(4).eval()
    >>> x = ag.ones(2, 3)
    >>> bool(ag.allclose(nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-5))
    True
    """
    if bn.num_features not in (linear.out_features, 1):
        raise ValueError(
            f"fuse_linear_bn_eval expected a batch norm of {linear.out_features} features, or of "
            f"1, got {bn.num_features}"
        )
    return _fused(linear, bn, False)


def fuse_linear_bn_weights(linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor,
                           bn_eps: float, bn_w: Tensor | None, bn_b: Tensor | None):  # fmt: skip
    """Return weight and bias of a linear layer that includes a batch norm.

    The formula is that of `fuse_conv_bn_weights`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> one = ag.ones(1)
    >>> w, b = nn.utils.fuse_linear_bn_weights(ag.ones(1, 1), None, one, 4 * one, 0.0, one, one)
    >>> w.item(), b.item()
    (0.5, 0.5)
    """
    return fuse_conv_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)


def _fused(layer, bn, transpose: bool):
    if layer.training or bn.training:
        raise ValueError("fusing is for evaluation mode: call .eval() on both modules first")
    if bn.running_mean is None or bn.running_var is None:
        raise ValueError("fusing needs a batch norm with running averages")
    fused = copy.deepcopy(layer)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        layer.weight, layer.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias,
        transpose,
    )  # fmt: skip
    return fused
