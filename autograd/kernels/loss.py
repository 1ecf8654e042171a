"""Losses: which of the two does it. All but cross entropy are NumPy's."""

from __future__ import annotations

from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import loss as plain
from autograd.kernels.plain.loss import (  # noqa: F401
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    class_axis,
    huber,
    kl_div,
    l1,
    label_coefficients,
    label_weights,
    mse,
    nll,
    reduce,
    smooth_l1,
    total_weight,
)


def _family(scores, *others):
    return compiled("loss") if scores.ndim and worth(scores.size, scores, *others) else plain


def cross_entropy(scores, target, weight, ignore_index, reduction, smoothing):
    """The loss, and what its gradient needs: the largest score and log(sum(exp(score - it)))."""
    family = _family(scores, weight)
    return family.cross_entropy(scores, target, weight, ignore_index, reduction, smoothing)


def cross_entropy_gradient(
    g, scores, target, peak, log_total, weight, ignore_index, reduction, smoothing
):
    """g * (softmax - one-hot label), for every option of `cross_entropy`."""
    return _family(scores, weight).cross_entropy_gradient(
        g, scores, target, peak, log_total, weight, ignore_index, reduction, smoothing
    )
