"""Loss values, and the fused gradients of the commonest.

`reduction` is "none", "mean" or "sum"; a `weight` that is None counts as ones. Classes lie on axis
1, or on axis 0 of a single unbatched row of scores.
"""

from __future__ import annotations

import numpy as np

from autograd.kernels.plain.activation import sigmoid


def reduce(losses, reduction, weight=None, divisor=None):
    """Weigh and reduce elementwise losses; a mean divides by their number, or by `divisor`."""
    if weight is not None:
        losses = losses * weight
    if reduction == "none":
        return losses
    total = np.add.reduce(losses, axis=None)
    if reduction == "sum":
        return total
    if divisor is None and losses.size:
        return total / losses.size
    with np.errstate(invalid="ignore"):  # the mean of nothing is NaN, without a word
        return total / (losses.size if divisor is None else divisor)


# -- one number against another --------------------------------------------------------------------


def mse(input, target, weight, reduction):
    difference = input - target
    return reduce(difference * difference, reduction, weight, total_weight(weight))


def l1(input, target, weight, reduction):
    return reduce(np.abs(input - target), reduction, weight, total_weight(weight))


def smooth_l1(input, target, beta, reduction):
    """Half the square over `beta` up to a distance of `beta`, from there on the distance."""
    distance = np.abs(input - target)
    if beta > 0:
        square = distance * distance * (0.5 / beta)
        distance = np.where(distance < beta, square, distance - 0.5 * beta)
    return reduce(distance, reduction)


def huber(input, target, delta, weight, reduction):
    distance = np.abs(input - target)
    square = 0.5 * distance * distance
    losses = np.where(distance <= delta, square, delta * (distance - 0.5 * delta))
    return reduce(losses, reduction, weight)


def binary_cross_entropy(input, target, weight, reduction):
    """Logarithms are cut off at -100, so that a wrong certainty costs 100 and not infinity."""
    with np.errstate(divide="ignore"):
        log_p = np.maximum(np.log(input), -100.0)
        log_q = np.maximum(np.log1p(-input), -100.0)
    return reduce(-(target * log_p + (1.0 - target) * log_q), reduction, weight)


def binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction):
    """(1 - t) x + (1 + (w - 1) t) log(1 + exp(-x)), with the exponential of -|x| alone."""
    penalty = np.maximum(-input, 0.0) + np.log1p(np.exp(-np.abs(input)))
    if pos_weight is not None:
        penalty = penalty * (1.0 + (pos_weight - 1.0) * target)
    return reduce((1.0 - target) * input + penalty, reduction, weight)


def scaled_error(input, target, by, scale):
    """by * scale * (input - target): the slope of half the squared error, times a number."""
    return (input - target) * (by * scale)


def scaled_logistic_error(input, target, by, scale):
    """by * scale * (sigmoid(input) - target): the slope of binary cross entropy of logits."""
    return (sigmoid(input) - target) * (by * scale)


def kl_div(input, target, log_target, reduction):
    """t (log t - x), where 0 log 0 is 0."""
    if log_target:
        return reduce(np.exp(target) * (target - input), reduction)
    log = np.log(np.where(target == 0, 1.0, np.where(target < 0, np.nan, target)))
    return reduce(target * (log - input), reduction)


def total_weight(weight):
    """What a weighted mean divides by; None for the number of elements."""
    return None if weight is None else weight.sum()


# -- scores against class labels -------------------------------------------------------------------


def class_axis(scores):
    return min(scores.ndim - 1, 1)


def check_labels(scores, target, ignore_index):
    """Raise IndexError unless every label is one of the classes, or ignored."""
    classes = scores.shape[class_axis(scores)]
    bad = ((target < 0) | (target >= classes)) & (target != ignore_index)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f" at position {place[0] if len(place) == 1 else place}" if place else ""
        raise IndexError(
            f"label {target[place]}{where} is out of range: there are {classes} classes, labels go "
            f"from 0 to {classes - 1} (and {ignore_index} is ignored)"
        )


def label_weights(target, weight, ignore_index, dtype):
    """Return labels that can be used as an index, and the weight of each: 0 where ignored."""
    kept = target != ignore_index
    labels = np.where(kept, target, 0)
    weights = np.asarray(kept, dtype)
    return labels, weights if weight is None else weights * weight[labels]


def nll(log_probabilities, target, weight, ignore_index, reduction):
    axis = class_axis(log_probabilities)
    labels, weights = label_weights(target, weight, ignore_index, log_probabilities.dtype)
    losses = _cost(weights, log_probabilities[_places(labels, axis)])
    return reduce(losses, reduction, divisor=weights.sum())


def label_coefficients(scores, target, weight, ignore_index, reduction, smoothing=0.0):
    """The array to multiply log probabilities with so that their sum is the loss.

    With label smoothing the label's class counts 1 - smoothing, and all classes share the rest.
    """
    axis = class_axis(scores)
    labels, weights = label_weights(target, weight, ignore_index, scores.dtype)
    out = np.zeros_like(scores)
    if smoothing:
        kept = np.expand_dims(target != ignore_index, axis)
        out -= kept * _class_weights(weight, scores, axis) * (smoothing / scores.shape[axis])
    out[_places(labels, axis)] += (smoothing - 1.0) * weights
    return out / weights.sum() if reduction == "mean" else out


def cross_entropy(scores, target, weight, ignore_index, reduction, smoothing):
    """The loss, and what its gradient needs: the largest score and log(sum(exp(score - largest))).

    The two are kept apart because their sum would lose digits where scores are large. Labels that
    are no classes are refused.
    """
    check_labels(scores, target, ignore_index)
    axis = class_axis(scores)
    labels, weights = label_weights(target, weight, ignore_index, scores.dtype)
    peak = scores.max(axis, keepdims=True, initial=-np.inf)
    with np.errstate(invalid="ignore"):  # infinite scores give NaN
        shifted = scores - peak
    picked = shifted[_places(labels, axis)]
    if smoothing:
        spread = _class_weights(weight, scores, axis) * (smoothing / scores.shape[axis])
        smooth, share = np.sum(spread * shifted, axis), np.sum(spread * np.ones_like(shifted), axis)
    np.exp(shifted, out=shifted)
    with np.errstate(divide="ignore"):
        log_total = np.log(shifted.sum(axis, keepdims=True))
    log_z = log_total.squeeze(axis)
    losses = _cost((1.0 - smoothing) * weights, picked - log_z)
    if smoothing:
        losses = losses + np.where(target == ignore_index, 0.0, share * log_z - smooth)
    return reduce(losses, reduction, divisor=weights.sum()), peak, log_total


def cross_entropy_gradient(
    g, scores, target, peak, log_total, weight, ignore_index, reduction, smoothing
):
    """g * (softmax - one-hot label) in one array, for every option of `cross_entropy`."""
    axis = class_axis(scores)
    labels, weights = label_weights(target, weight, ignore_index, scores.dtype)
    scale = g / weights.sum() if reduction == "mean" else g
    on_label = (1.0 - smoothing) * weights * scale
    out = scores - peak
    out -= log_total
    np.exp(out, out=out)
    if smoothing:
        kept = np.expand_dims((target != ignore_index) * scale, axis)
        on_class = kept * _class_weights(weight, scores, axis) * (smoothing / scores.shape[axis])
        out *= np.expand_dims(on_label, axis) + on_class.sum(axis, keepdims=True)
        out -= on_class
    else:
        out *= np.expand_dims(on_label, axis)
    out[_places(labels, axis)] -= on_label
    ignored = target == ignore_index
    if ignored.any():  # zero, whatever the scores were
        np.copyto(out, 0.0, where=np.expand_dims(ignored, axis))
    return out


def _places(labels, axis):
    """The index of each sample's label among the scores; no place occurs twice."""
    index = list(np.indices(labels.shape, sparse=True))
    index.insert(axis, labels)
    return tuple(index)


def _cost(weights, log_probabilities):
    """-weights * log_probabilities, and 0 where the weight is 0, whatever the probability."""
    return np.where(weights == 0, 0.0, -weights * np.where(weights == 0, 0.0, log_probabilities))


def _class_weights(weight, scores, axis):
    """The weight of each class along `axis`, in a shape that broadcasts against the scores."""
    shape = [1] * scores.ndim
    shape[axis] = -1
    if weight is None:
        weight = np.ones(scores.shape[axis], scores.dtype)
    return weight.reshape(shape)
