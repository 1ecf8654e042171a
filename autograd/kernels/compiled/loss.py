"""Cross entropy of scores against class labels: one pass over the scores each way.

Scores are seen as (samples, classes). A loss is weight[label] * (log sum exp - score of the label);
with smoothing the label keeps 1 - smoothing of that and all classes share the rest.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.arrays import empty
from autograd.kernels.compiled.jit import array, inner, kernel
from autograd.kernels.compiled.mathematics import exp, larger

WORK = 8  # elementary operations for a score
TALL = 16  # samples of a task: a call costs as much as a short row
int64, double = types.int64, types.float64


@inner
def rows_losses(x, first, last, labels, weight, ignored, smoothing, losses, saved):
    """The loss of each sample, its largest score, and log(sum(exp(score - largest)))."""
    apart()
    number, classes = x.dtype.type, x.shape[1]
    for r in range(first, last):
        row, label = x[r], labels[r] if labels[r] != ignored else 0
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
            losses[r] = on_label * (log_total - (row[label] - peak))
        if smoothing != 0:
            spread = number(0)
            for c in range(classes):
                share = weight[c] if len(weight) else number(1)
                spread += share * (log_total - (row[c] - peak))
            losses[r] += spread * (smoothing / number(classes))


@kernel(lambda T: (array(T, 2), array(int64, 1), array(T, 1), int64, T, array(T, 1, out=True),
                   array(T, 2, out=True), array(double, 1, out=True)))  # fmt: skip
def forward(x, labels, weight, ignored, smoothing, losses, saved, totals):
    """The losses; `saved` has two numbers of each sample, `totals` the sums of loss and weight."""
    samples = len(x)
    for part in prange((samples + TALL - 1) // TALL):
        last = min(samples, (part + 1) * TALL)
        rows_losses(x, part * TALL, last, labels, weight, ignored, smoothing, losses, saved)
    total, count = 0.0, 0.0
    for i in range(samples):
        total += losses[i]
        if labels[i] != ignored:
            count += weight[labels[i]] if len(weight) else 1.0
    totals[0], totals[1] = total, count


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
            to[c] = exp((row[c] - largest) - log) * whole
        if smoothing != 0:
            for c in range(classes):
                to[c] -= share * weight[c] if len(weight) else share
        to[label] -= on_label


@kernel(lambda T: (array(T, 2), array(int64, 1), array(T, 1), array(T, 1), array(T, 1), array(T, 1),
                   int64, T, array(T, 2, out=True)))  # fmt: skip
def backward(x, labels, peak, log_total, scale, weight, ignored, smoothing, out):
    """softmax minus label, times the scale of each sample (of all, if there is one)."""
    for part in prange((len(x) + TALL - 1) // TALL):
        last = min(len(x), (part + 1) * TALL)
        rows_gradients(x, part * TALL, last, labels, peak, log_total, scale, weight, ignored,
                       smoothing, out)  # fmt: skip


def _as_rows(scores):
    """The scores as (samples, classes), and the order of axes that makes them so."""
    axis = min(scores.ndim - 1, 1)
    order = [*(a for a in range(scores.ndim) if a != axis), axis]
    rows = np.ascontiguousarray(scores.transpose(order))
    return rows.reshape(-1, scores.shape[axis]), order


def _labels(target):
    return np.ascontiguousarray(target, np.int64).reshape(-1)


def _vector(weight, dtype):
    return np.empty(0, dtype) if weight is None else np.ascontiguousarray(weight)


def cross_entropy(scores, target, weight, ignore_index, reduction, smoothing):
    """The loss, and what its gradient needs: the largest score and log(sum(exp(score - it)))."""
    rows, _ = _as_rows(scores)
    losses, saved = np.empty(len(rows), scores.dtype), np.empty((2, len(rows)), scores.dtype)
    totals = np.empty(2)
    forward(rows, _labels(target), _vector(weight, scores.dtype), ignore_index, smoothing, losses,
            saved, totals, work=WORK * scores.size)  # fmt: skip
    axis = min(scores.ndim - 1, 1)
    kept = (*scores.shape[:axis], 1, *scores.shape[axis + 1 :])
    peak, log_total = saved[0].reshape(kept), saved[1].reshape(kept)
    if reduction == "none":
        return losses.reshape(target.shape), peak, log_total
    total = totals[0]
    if reduction == "mean":
        total = total / totals[1] if totals[1] else np.nan if totals[0] == 0 else np.inf
    return scores.dtype.type(total), peak, log_total


def cross_entropy_gradient(
    g, scores, target, peak, log_total, weight, ignore_index, reduction, smoothing
):
    """g * (softmax - one-hot label) in one array, for every option of `cross_entropy`."""
    rows, order = _as_rows(scores)
    labels, vector = _labels(target), _vector(weight, scores.dtype)
    scale = np.ascontiguousarray(g, scores.dtype).reshape(-1)
    if reduction == "mean":
        kept = labels if weight is None else labels[labels != ignore_index]
        count = np.count_nonzero(kept != ignore_index) if weight is None else vector[kept].sum()
        scale = scale / scores.dtype.type(count)
    out = empty(rows.shape, scores.dtype)
    backward(rows, labels, peak.reshape(-1), log_total.reshape(-1), scale, vector, ignore_index,
             smoothing, out, work=WORK * scores.size)  # fmt: skip
    shape = [scores.shape[a] for a in order]
    return out.reshape(shape).transpose(np.argsort(order))
