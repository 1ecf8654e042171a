"""Losses and their gradients, each in one pass.

Cross entropy sees scores as (samples, classes). A loss is weight[label] * (log sum exp - score of
the label); with smoothing the label keeps 1 - smoothing of that and all classes share the rest.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.arrays import empty
from autograd.kernels.compiled.jit import array, inner, kernel
from autograd.kernels.compiled.mathematics import exp, larger, sigmoid, softplus
from autograd.kernels.plain import loss as plain

WORK = 8  # elementary operations for a score
TALL = 16  # samples of a task: a call costs as much as a short row
BLOCK = 1 << 12  # numbers that are added up at a time
int64, double = types.int64, types.float64

# -- one number against another --------------------------------------------------------------------


@inner
def squares_of_block(x, t):
    apart()
    total = x.dtype.type(0)
    for i in range(x.size):
        total += (x[i] - t[i]) * (x[i] - t[i])
    return total


@inner
def logits_of_block(x, t):
    apart()
    one = x.dtype.type(1)
    total = x.dtype.type(0)
    for i in range(x.size):
        total += (one - t[i]) * x[i] + softplus(-x[i])
    return total


def _blocks(T):
    return array(T, 1), array(T, 1), array(double, 1, out=True)


@kernel(_blocks)
def squares(x, t, totals):
    """The sums of (x - t)**2 over blocks, and then, in front, over all."""
    for block in prange(len(totals)):
        start, stop = block * BLOCK, min(block * BLOCK + BLOCK, x.size)
        totals[block] = squares_of_block(x[start:stop], t[start:stop])
    for block in range(1, len(totals)):
        totals[0] += totals[block]


@kernel(_blocks)
def logits(x, t, totals):
    """The sums of binary cross entropies over blocks, and then, in front, over all."""
    for block in prange(len(totals)):
        start, stop = block * BLOCK, min(block * BLOCK + BLOCK, x.size)
        totals[block] = logits_of_block(x[start:stop], t[start:stop])
    for block in range(1, len(totals)):
        totals[0] += totals[block]


def _elements(T):
    return array(T, 1), array(T, 1), T, array(T, 1, out=True)


@kernel(_elements)
def errors(x, t, scale, out):
    for i in prange(x.size):
        out[i] = scale * (x[i] - t[i])


@kernel(_elements)
def logistic_errors(x, t, scale, out):
    for i in prange(x.size):
        out[i] = scale * (sigmoid(x[i]) - t[i])


def _flat(x, t):
    """Both as the memory they lie in, if it is the same for both and has no gaps."""
    if x.flags.c_contiguous and t.flags.c_contiguous:
        return x.reshape(-1), t.reshape(-1)
    return np.ascontiguousarray(x).reshape(-1), np.ascontiguousarray(t).reshape(-1)


def _total(function, x, t, reduction, work):
    """The sum or mean of the losses that `function` adds up."""
    totals = np.empty(max(1, -(-x.size // BLOCK)))
    function(*_flat(x, t), totals, work=work * x.size)
    total = totals[0]
    if reduction == "mean":
        total = total / x.size if x.size else np.nan
    return x.dtype.type(total)


def _scaled(function, x, t, by, scale, work):
    out = empty(x.shape, x.dtype)
    function(*_flat(x, t), float(by) * scale, out.reshape(-1), work=work * x.size)
    return out


def mse(input, target, weight, reduction):
    if weight is not None or reduction == "none":
        return plain.mse(input, target, weight, reduction)
    return _total(squares, input, target, reduction, 1)


def binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction):
    if weight is not None or pos_weight is not None or reduction == "none":
        return plain.binary_cross_entropy_with_logits(input, target, weight, pos_weight, reduction)
    return _total(logits, input, target, reduction, WORK)


def scaled_error(input, target, by, scale):
    return _scaled(errors, input, target, by, scale, 1)


def scaled_logistic_error(input, target, by, scale):
    return _scaled(logistic_errors, input, target, by, scale, WORK)


# -- scores against labels -------------------------------------------------------------------------


def _in_order(function):
    """Declare an inner function whose operations are done in the order written."""
    return inner(function, fastmath={"contract", "nsz"})


@_in_order
def log_share(score, peak, log_total):
    """The logarithm of a class's probability; large scores go before small ones are added."""
    return (score - peak) - log_total


@inner
def rows_losses(x, first, last, labels, weight, ignored, smoothing, losses, saved):
    """The loss of each sample, its largest score, and log(sum(exp(score - largest)))."""
    apart()
    number, classes = x.dtype.type, x.shape[1]
    for r in range(first, last):
        row, label = x[r], labels[r]
        if label < 0 or label >= classes:  # ignored, or wrong, which the caller then finds out
            label = 0
        peak, total = number(-np.inf), number(0)
        for c in range(classes):
            peak = larger(peak, row[c])
        for c in range(classes):
            total += exp(row[c] - peak)
        log_total = np.log(total)
        saved[0, r], saved[1, r], losses[r] = peak, log_total, 0
        if labels[r] == ignored:
            continue
        on_label = number(1) - smoothing
        if len(weight):
            on_label *= weight[label]
        if on_label != 0:  # a weight of 0 costs nothing, whatever the score
            losses[r] = -on_label * log_share(row[label], peak, log_total)
        if smoothing != 0:
            spread = number(0)
            for c in range(classes):
                share = weight[c] if len(weight) else number(1)
                spread -= share * log_share(row[c], peak, log_total)
            losses[r] += spread * (smoothing / number(classes))


@kernel(lambda T: (array(T, 2), array(int64, 1), array(T, 1), int64, T, array(T, 1, out=True),
                   array(T, 2, out=True), array(double, 1, out=True)))  # fmt: skip
def forward(x, labels, weight, ignored, smoothing, losses, saved, totals):
    """The losses; `saved` has two numbers of each sample.

    `totals` has the sums of loss and of weight, and how many labels are wrong.
    """
    samples, classes = x.shape
    for part in prange((samples + TALL - 1) // TALL):
        last = min(samples, (part + 1) * TALL)
        rows_losses(x, part * TALL, last, labels, weight, ignored, smoothing, losses, saved)
    total, count, wrong = 0.0, 0.0, 0.0
    for i in range(samples):
        total += losses[i]
        if labels[i] == ignored:
            continue
        if labels[i] < 0 or labels[i] >= classes:
            wrong += 1
        else:
            count += weight[labels[i]] if len(weight) else 1.0
    totals[0], totals[1], totals[2] = total, count, wrong


@inner
def rows_gradients(x, first, last, labels, peak, log_total, scale, weight, ignored, smoothing, out):
    apart()
    number, classes = x.dtype.type, x.shape[1]
    for r in range(first, last):
        row, to, label = x[r], out[r], labels[r]
        if label == ignored:
            to[:] = 0
            continue
        factor = scale[r if len(scale) > 1 else 0]
        on_label, share = (number(1) - smoothing) * factor, factor * (smoothing / number(classes))
        whole = share * number(classes)
        if len(weight):
            on_label *= weight[label]
            whole = number(0)
            for c in range(classes):
                whole += share * weight[c]
        whole += on_label
        largest, log = peak[r], log_total[r]
        for c in range(classes):
            to[c] = exp(log_share(row[c], largest, log)) * whole
        if smoothing != 0:
            for c in range(classes):
                to[c] -= share * weight[c] if len(weight) else share
        to[label] -= on_label


@kernel(lambda T: (array(T, 2), array(int64, 1), array(T, 1), array(T, 1), array(T, 1, out=True),
                   int64, array(T, 1), int64, T, array(T, 2, out=True)))  # fmt: skip
def backward(x, labels, peak, log_total, scale, mean, weight, ignored, smoothing, out):
    """softmax minus label, times the scale of each sample (of all, if there is one).

    For the `mean` the scale is divided by the sum of the weights.
    """
    if mean != 0:
        count = 0.0
        for i in range(len(x)):
            if labels[i] != ignored:
                count += weight[labels[i]] if len(weight) else 1.0
        scale[0] /= x.dtype.type(count)
    for part in prange((len(x) + TALL - 1) // TALL):
        last = min(len(x), (part + 1) * TALL)
        rows_gradients(x, part * TALL, last, labels, peak, log_total, scale, weight, ignored,
                       smoothing, out)  # fmt: skip


def _as_rows(scores):
    """The scores as (samples, classes)."""
    if scores.ndim != 2:
        axis = min(scores.ndim - 1, 1)
        scores = np.moveaxis(scores, axis, -1).reshape(-1, scores.shape[axis])
    return np.ascontiguousarray(scores)


def _labels(target):
    return np.ascontiguousarray(target, np.int64).reshape(-1)


NOTHING = {"f": np.empty(0, np.float32), "d": np.empty(0, np.float64)}


def _vector(weight, char):
    return NOTHING[char] if weight is None else np.ascontiguousarray(weight)


def cross_entropy(scores, target, weight, ignore_index, reduction, smoothing):
    """The loss, and what its gradient needs: the largest score and log(sum(exp(score - it)))."""
    rows, dtype = _as_rows(scores), scores.dtype
    losses, saved, totals = np.empty(len(rows), dtype), np.empty((2, len(rows)), dtype), np.empty(3)
    forward(rows, _labels(target), _vector(weight, dtype.char), ignore_index, smoothing, losses,
            saved, totals, work=WORK * scores.size)  # fmt: skip
    total, count, wrong = totals.tolist()
    if wrong:
        plain.check_labels(scores, target, ignore_index)
    axis = plain.class_axis(scores)
    kept = (*scores.shape[:axis], 1, *scores.shape[axis + 1 :])
    peak, log_total = saved.reshape(2, *kept)
    if reduction == "none":
        return losses.reshape(target.shape), peak, log_total
    if reduction == "mean":
        total = total / count if count else np.nan if total == 0 else np.inf
    return dtype.type(total), peak, log_total


def cross_entropy_gradient(
    g, scores, target, peak, log_total, weight, ignore_index, reduction, smoothing
):
    """g * (softmax - one-hot label) in one array, for every option of `cross_entropy`."""
    rows, dtype = _as_rows(scores), scores.dtype
    out = empty(rows.shape, dtype)
    backward(rows, _labels(target), peak.reshape(-1), log_total.reshape(-1),
             np.array(g, dtype).reshape(-1), reduction == "mean", _vector(weight, dtype.char),
             ignore_index, smoothing, out, work=WORK * scores.size)  # fmt: skip
    if scores.ndim == 2:
        return out
    axis = plain.class_axis(scores)
    shape = scores.shape
    return np.moveaxis(out.reshape(shape[:axis] + shape[axis + 1 :] + (shape[axis],)), -1, axis)
