"""Convolutions: which of the two computes them."""

from __future__ import annotations

import math

from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import conv as plain
from autograd.kernels.plain.conv import copy_windows, output_size, spread_windows, sum_windows

__all__ = [
    "copy_windows", "forward", "input_gradient", "output_size", "spread_windows", "sum_windows",
    "weight_gradient",
]  # fmt: skip


def _family(images, channels, w_shape, *others):
    """By the multiplications: every number of the images meets the filters' `channels` others."""
    work = images.size * channels * math.prod(w_shape[2:]) / 16
    return compiled("conv") if len(w_shape) < 5 and worth(work, images, *others) else plain


def forward(x, w, bias, stride, padding, dilation, groups, relu=False):
    """Correlate `x` (N, C, *space) with `w` (O, C / groups, *kernel) and add `bias` (O,) if any.

    With `relu`, what is negative then becomes zero.
    """
    return _family(x, len(w), w.shape, w, bias).forward(
        x, w, bias, stride, padding, dilation, groups, relu
    )


def input_gradient(g, w, x_shape, stride, padding, dilation, groups):
    """The gradient of `forward` with respect to `x`, given that of its output."""
    family = _family(g, w.shape[1], w.shape, w)
    return family.input_gradient(g, w, x_shape, stride, padding, dilation, groups)


def weight_gradient(g, x, w_shape, stride, padding, dilation, groups):
    """The gradient of `forward` with respect to `w`, given that of its output."""
    family = _family(g, w_shape[1], w_shape, x)
    return family.weight_gradient(g, x, w_shape, stride, padding, dilation, groups)
