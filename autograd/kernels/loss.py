"""Losses: which of the two does it. Most are NumPy's.

Cross entropy and that of logits are compiled even if they are small: NumPy needs a dozen calls for
each, and who computes a loss is about to take a compiled step.
"""

from __future__ import annotations

from autograd.kernels import choose
from autograd.kernels.choose import compiled, may_compile, worth
from autograd.kernels.plain import loss as plain
from autograd.kernels.plain.loss import (  # noqa: F401
    binary_cross_entropy,
    check_labels,
    class_axis,
    huber,
    kl_div,
    l1,
    label_coefficients,
    label_weights,
    nll,
    reduce,
    smooth_l1,
    total_weight,
)


def _large(input, *others):
    much = input.size >= choose.least and worth(input.size, input, *others)
    return compiled("loss") if much else plain


def _always(scores, other):
    known = may_compile(scores) and (other is None or other.dtype is scores.dtype)
    return compiled("loss") if known and scores.ndim else plain


def mse(input, target, weight, reduction):
    """The squared error."""
    return _large(input, target).mse(input, target, weight, reduction)


def scaled_error(input, target, by, scale):
    """by * scale * (input - target)."""
    return _large(input, target, by).scaled_error(input, target, by, scale)


def binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction):
    """The binary cross entropy of sigmoid(input)."""
    family = _always(input, target)
    return family.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)


def scaled_logistic_error(input, target, by, scale):
    """by * scale * (sigmoid(input) - target)."""
    return _always(input, target).scaled_logistic_error(input, target, by, scale)


def cross_entropy(scores, target, weight, ignore_index, reduction, smoothing):
    """The loss, and what its gradient needs: the largest score and log(sum(exp(score - it)))."""
    family = _always(scores, weight)
    return family.cross_entropy(scores, target, weight, ignore_index, reduction, smoothing)


def cross_entropy_gradient(
    g, scores, target, peak, log_total, weight, ignore_index, reduction, smoothing
):
    """g * (softmax - one-hot label), for every option of `cross_entropy`."""
    return _always(scores, weight).cross_entropy_gradient(
        g, scores, target, peak, log_total, weight, ignore_index, reduction, smoothing
    )
