"""Losses of scores against classes: negative log likelihood and cross entropy.

Cross entropy with labels is one op with a fused kernel for its gradient; `_composed` is the same
function in other ops, for higher derivatives.
"""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError, DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.loss import REDUCTIONS, array, check_reduction, reduced
from autograd.ops.softmax import log_softmax

IGNORE = -100  # the label that PyTorch, by default, leaves out


def check_labels(input, target, weight, ignore_index) -> None:
    """Raise unless every label is one of the classes that `input` has scores for, or ignored."""
    _check_shapes(input, target, weight)
    kernels.loss.check_labels(input, target, ignore_index)


def _check_shapes(input, target, weight) -> None:
    """Raise unless there is one label, an integer, for each row of scores."""
    if input.dtype.kind != "f":
        raise DtypeError(f"expected floating point scores, got {input.dtype}: use .float()")
    if input.ndim == 0:
        raise ShapeError("expected scores of shape (C,) or (N, C, ...), got a single number")
    _check_class_weight(input, weight)
    expected = input.shape[:1] + input.shape[2:] if input.ndim > 1 else ()
    if target.shape != expected:
        raise ShapeError(
            f"expected labels of shape {expected} for scores of shape {input.shape} (classes on "
            f"dim {min(input.ndim - 1, 1)}), got {target.shape}"
        )
    if target.dtype.kind not in "iu":
        raise DtypeError(f"expected class labels as integers, got {target.dtype}: use .long()")


def _check_class_weight(input, weight) -> None:
    if weight is None:
        return
    classes = input.shape[kernels.loss.class_axis(input)]
    if weight.shape != (classes,):
        raise ShapeError(f"expected a weight for each class, ({classes},), got {weight.shape}")
    if weight.dtype != input.dtype:
        raise DtypeError(
            f"expected the weight in the dtype of the input, {input.dtype}, got {weight.dtype}"
        )


def _label_samples(rng, **keywords):
    weight = rng.uniform(0.5, 2.0, size=3)
    for reduction in REDUCTIONS:
        options = {"reduction": reduction, **keywords}
        yield (rng.normal(size=(4, 3)), np.array([0, 2, -100, 1])), options
        options = {**options, "ignore_index": 7}
        yield (rng.normal(size=(2, 3, 2)), np.array([[0, 2], [1, 7]]), weight), options
    yield (rng.normal(size=3), np.array(1), weight), keywords


@op(samples=_label_samples, space="nn")
def nll_loss(input: Array, target: Array, weight: Array | None = None, size_average=None,
             ignore_index: int = IGNORE, reduce=None, reduction: str = "mean"):  # fmt: skip
    """Return minus the log probability that `input` gives to each label, reduced.

    Parameters
    ----------
    input : (C,), (N, C) or (N, C, d1, ...)
        Log probabilities, as from `log_softmax`.
    target : (), (N,) or (N, d1, ...) of integers
        Labels from 0 to C - 1.
    weight : (C,), optional
        A factor for each class; the mean then divides by the sum of the weights of all labels.
    ignore_index : int
        Labels of this value count nothing.
    reduction : {"mean", "sum", "none"}

    Raises
    ------
    IndexError
        If a label is not a class.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.nll_loss(ag.tensor([[-0.5, -2.0], [-3.0, -0.25]]), ag.tensor([1, 0]))
    tensor(2.5)
    """
    check_reduction(reduction, size_average, reduce)
    check_labels(input, target, weight, ignore_index)
    return kernels.loss.nll(input, target, weight, ignore_index, reduction)


def _nll_rule(g, input, target, weight, ignore_index, reduction):
    scores, target, weight = array(input), array(target), array(weight)
    coefficients = kernels.loss.label_coefficients(scores, target, weight, ignore_index, reduction)
    return (g[:, None] if g.ndim else g) * coefficients


nll_loss.vjp(input=_nll_rule)


def _composed(input, target, weight, ignore_index, reduction, label_smoothing):
    """Cross entropy as the sum of log probabilities times constants."""
    scores, target, weight = array(input), array(target), array(weight)
    axis = kernels.loss.class_axis(scores)
    factors = kernels.loss.label_coefficients(
        scores, target, weight, ignore_index, reduction, label_smoothing
    )
    terms = np.where(factors == 0, 0.0, log_softmax(input, dim=axis) * factors)
    return np.sum(terms, axis=axis) if reduction == "none" else np.sum(terms)


def _cross_entropy_samples(rng):
    yield from _label_samples(rng, label_smoothing=0.0)
    yield from _label_samples(rng, label_smoothing=0.25)


@op(samples=_cross_entropy_samples, residuals=("peak", "log_total"), reference=_composed,
    space="internal", shown_as="cross_entropy")  # fmt: skip
def label_cross_entropy(input: Array, target: Array, weight: Array | None = None,
                        ignore_index: int = IGNORE, reduction: str = "mean",
                        label_smoothing: float = 0.0):  # fmt: skip
    """Return the cross entropy of softmax(input) against class labels."""
    _check_shapes(input, target, weight)
    return kernels.loss.cross_entropy(
        input, target, weight, ignore_index, reduction, label_smoothing
    )


def _label_cross_entropy_rule(
    g, input, target, peak, log_total, weight, ignore_index, reduction, label_smoothing
):
    return kernels.loss.cross_entropy_gradient(
        g, input, target, peak, log_total, weight, ignore_index, reduction, label_smoothing
    )


label_cross_entropy.vjp(input=_label_cross_entropy_rule)


def _public_samples(rng):
    yield from _label_samples(rng)
    yield (rng.normal(size=(2, 3)), rng.dirichlet(np.ones(3), 2)), {"label_smoothing": 0.25}
    weight = rng.uniform(0.5, 2, 3)
    yield (rng.normal(size=3), rng.dirichlet(np.ones(3)), weight), {"reduction": "sum"}


@composite(samples=_public_samples, space="nn")
def cross_entropy(input, target, weight=None, size_average=None, ignore_index: int = IGNORE,
                  reduce=None, reduction: str = "mean", label_smoothing: float = 0.0):  # fmt: skip
    """Return the cross entropy of ``softmax(input)`` against labels or probabilities, reduced.

    Parameters
    ----------
    input : (C,), (N, C) or (N, C, d1, ...)
        Scores before any softmax.
    target : integers of shape (), (N,) or (N, d1, ...), or floats of the shape of `input`
        Labels from 0 to C - 1, or the probability of each class.
    weight : (C,), optional
        A factor for each class. With labels, the mean divides by the sum of the labels' weights.
    ignore_index : int
        Labels of this value count nothing.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float
        The part of the target that is spread evenly over all classes (Szegedy et al. 2016).

    Raises
    ------
    IndexError
        If a label is not a class.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.cross_entropy(ag.tensor([[0.0, 1e4], [1e4, 0.0]]), ag.tensor([1, 1]))
    tensor(5000.)
    """
    check_reduction(reduction, size_average, reduce)
    if not 0 <= label_smoothing <= 1:
        raise ArgumentError(f"label_smoothing expected a value from 0 to 1, got {label_smoothing}")
    if target.shape != input.shape:
        return label_cross_entropy(
            input, target, weight, ignore_index=ignore_index, reduction=reduction,
            label_smoothing=label_smoothing,
        )  # fmt: skip
    if ignore_index >= 0:
        raise ArgumentError(
            f"cross_entropy got ignore_index={ignore_index} and a target of class probabilities: "
            "there are no labels to ignore, leave it out"
        )
    return _probability_cross_entropy(input, target, weight, reduction, label_smoothing)


def _probability_cross_entropy(input, target, weight, reduction, smoothing):
    if target.dtype.kind != "f":
        raise DtypeError(
            f"cross_entropy got a target of the input's shape {input.shape}: that means class "
            f"probabilities, which are floats, got {target.dtype}. Labels have no class dimension"
        )
    if not input.ndim:
        raise ShapeError("cross_entropy expected scores of shape (C,) or (N, C, ...), got a number")
    _check_class_weight(input, weight)
    axis = min(input.ndim - 1, 1)
    classes = input.shape[axis]
    if smoothing:
        target = target * (1 - smoothing) + smoothing / classes
    if weight is not None:
        target = target * weight.reshape((-1,) + (1,) * (input.ndim - 1 - axis))
    losses = -np.sum(log_softmax(input, dim=axis) * target, axis=axis)
    if reduction == "mean":  # also with weights: over the samples
        return np.sum(losses) / math.prod(losses.shape) if losses.ndim else losses
    return reduced(losses, reduction)
