"""Connectionist temporal classification: the loss of a sequence of labels without an alignment.

The gradient is a fused kernel; `_composed` is the same recursion in other ops, for higher
derivatives, which PyTorch does not have.
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, op
from autograd.ops.join import concatenate
from autograd.ops.loss import array, check_reduction

NEVER = -1e30  # stands for -inf where its differences are taken, which would be NaN


def _samples(rng):
    def scores(*shape):
        x = rng.normal(size=shape)
        return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))

    padded = np.array([[1, 1], [2, 0]])
    lengths = np.array([4, 3]), np.array([2, 1])
    for reduction in ("mean", "sum", "none"):
        yield (scores(4, 2, 3), padded, *lengths), {"reduction": reduction}
    yield (scores(4, 2, 3), np.array([0, 1, 0]), *lengths), {"blank": 2}
    yield (scores(4, 3), np.array([2, 1]), np.array(4), np.array(2)), {}
    lengths = np.array([2, 3]), np.array([2, 1])  # the first is too short for a double label
    yield (scores(3, 2, 3), padded, *lengths), {"zero_infinity": True}


def _composed(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity):
    """The loss by the forward recursion alone, on whatever the ops take."""
    scores = array(log_probs)
    single = scores.ndim == 2
    labels, times, lengths = _read(
        scores, array(targets), array(input_lengths), array(target_lengths), blank
    )
    if single:
        log_probs = log_probs[:, None]
    possible = np.isfinite(kernels.ctc.forward(array(log_probs), labels, times, lengths, blank)[0])
    states, skips = kernels.ctc._states(labels, blank)
    rows = np.arange(len(labels))
    emitted = log_probs[:, rows[:, None], states]
    never = np.full((len(labels), 2), NEVER, scores.dtype)
    first = np.where(np.arange(states.shape[1]) < 2, emitted[0], NEVER)
    prefixes = [first]
    may_skip = np.concatenate([np.zeros((len(labels), 2), bool), skips], axis=1)
    for t in range(1, len(scores)):
        before = concatenate([never, prefixes[-1]], dim=1)
        total = np.logaddexp(before[:, 2:], before[:, 1:-1])
        total = np.logaddexp(total, np.where(may_skip, before[:, :-2], NEVER))
        prefixes.append(total + emitted[t])
    ends = []
    for n, (time, length) in enumerate(zip(times, lengths, strict=True)):
        last = prefixes[max(time - 1, 0)]
        end = last[n, 2 * length]
        if length:
            end = np.logaddexp(end, last[n, 2 * length - 1])
        ends.append(np.where(time > 0, -end, 0.0 if length == 0 else np.inf)[None])
    losses = concatenate(ends, dim=0)
    if zero_infinity:
        losses = np.where(possible, losses, 0.0)
    else:
        losses = np.where(possible, losses, np.inf)
    if reduction == "none":
        return losses[0] if single else losses
    if reduction == "mean":
        return np.sum(losses / np.maximum(lengths, 1).astype(scores.dtype)) / len(lengths)
    return np.sum(losses)


@op(samples=_samples, residuals=("losses", "prefix"), reference=_composed, space="nn")
def ctc_loss(log_probs: Array, targets: Array, input_lengths: Array, target_lengths: Array,
             blank: int = 0, reduction: str = "mean", zero_infinity: bool = False):  # fmt: skip
    """Return minus the log probability of label sequences, summed over alignments, reduced.

    An alignment writes one symbol at each time; without repetitions and then without blanks it
    reads as the target (Graves et al. 2006).

    Parameters
    ----------
    log_probs : (T, N, C) or (T, C)
        Logarithms of the probabilities of C symbols, as from `log_softmax`.
    targets : (N, S), the sum of all lengths, or (S,), of integers
        Labels, padded to one length or one target after the other.
    input_lengths, target_lengths : (N,) or () of integers
        How much of each row counts.
    blank : int
        The symbol that stands for none.
    reduction : {"mean", "sum", "none"}
        "mean" divides each loss by the length of its target, then averages over the batch.
    zero_infinity : bool
        Count targets that are too long for their input as 0, without a gradient.

    Notes
    -----
    The gradient is the derivative by `log_probs`. PyTorch's is the one by the scores before
    `log_softmax`, ``exp(log_probs)`` more; behind `log_softmax` the two are equal.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> log_probs = ag.full((2, 1, 2), 0.5).log()
    >>> F.ctc_loss(log_probs, ag.tensor([[1]]), [2], [1]).exp().round(decimals=4)
    tensor(1.3333)
    """
    check_reduction(reduction)
    labels, times, lengths = _read(log_probs, targets, input_lengths, target_lengths, blank)
    batch = log_probs[:, None] if log_probs.ndim == 2 else log_probs
    losses, prefix = kernels.ctc.forward(batch, labels, times, lengths, blank)
    values = np.where(np.isinf(losses), 0.0, losses) if zero_infinity else losses
    values = values.astype(log_probs.dtype)
    if reduction == "sum":
        values = values.sum()
    elif reduction == "mean":
        values = (values / np.maximum(lengths, 1).astype(values.dtype)).mean()
    elif log_probs.ndim == 2:
        values = values[0]
    return values, losses, prefix


def _rule(g, log_probs, targets, input_lengths, target_lengths, losses, prefix, blank, reduction,
          zero_infinity):  # fmt: skip
    labels, times, lengths = _read(log_probs, targets, input_lengths, target_lengths, blank)
    batch = log_probs[:, None] if log_probs.ndim == 2 else log_probs
    g = np.broadcast_to(g, losses.shape)
    if reduction == "mean":
        g = g / (np.maximum(lengths, 1) * len(lengths)).astype(losses.dtype)
    if zero_infinity:
        g = np.where(np.isinf(losses), 0.0, g).astype(losses.dtype)
    gradient = kernels.ctc.backward(g, batch, labels, times, lengths, blank, losses, prefix)
    return gradient.reshape(log_probs.shape)


ctc_loss.vjp(log_probs=_rule)


def _read(log_probs, targets, input_lengths, target_lengths, blank):
    """Labels as (N, S) with blanks beyond each target's length, and both lengths as (N,)."""
    targets = np.asarray(targets)
    if log_probs.dtype.kind != "f":
        raise DtypeError(f"expected floating point log_probs, got {log_probs.dtype}: use .float()")
    if log_probs.ndim not in (2, 3):
        raise ShapeError(f"expected log_probs (T, N, C) or (T, C), got shape {log_probs.shape}")
    longest, symbols = log_probs.shape[0], log_probs.shape[-1]
    count = log_probs.shape[1] if log_probs.ndim == 3 else 1
    if not longest or not count:
        raise ShapeError(f"expected log_probs that are not empty, got shape {log_probs.shape}")
    if not 0 <= blank < symbols:
        raise IndexError(f"blank={blank} is out of range for {symbols} symbols")
    if targets.dtype.kind not in "iu":
        raise DtypeError(f"expected targets as integers, got {targets.dtype}: use .long()")
    times = _lengths("input_lengths", input_lengths, count)
    lengths = _lengths("target_lengths", target_lengths, count)
    if (times > longest).any():
        raise ValueError(f"input_lengths expected at most {longest} (T), got {times.max()}")
    return _labels(targets, lengths, count, symbols, blank), times, lengths


def _lengths(name: str, values, count: int):
    values = np.asarray(values)
    if values.dtype.kind not in "iu":
        raise DtypeError(f"expected {name} as integers, got {values.dtype}")
    if values.size != count or values.ndim > 1:
        raise ShapeError(f"expected {name} of shape ({count},), got {values.shape}")
    values = values.reshape(-1).astype(np.int64)
    if (values < 0).any():
        raise ValueError(f"{name} expected lengths >= 0, got {values.min()}")
    return values


def _labels(targets, lengths, count: int, symbols: int, blank: int):
    """The targets as one padded table, checked."""
    most = int(lengths.max(initial=0))
    kept = np.arange(most) < lengths[:, None]
    if targets.ndim == 2:
        if len(targets) != count or targets.shape[1] < most:
            raise ShapeError(
                f"expected padded targets of shape ({count}, at least {most}), got {targets.shape}"
            )
        given = targets[:, :most][kept]
    elif targets.ndim == 1 and targets.size == lengths.sum():
        given = targets
    else:
        raise ShapeError(
            f"expected targets (N, S), or all in one row of length {lengths.sum()}, the sum of "
            f"target_lengths; got shape {targets.shape}"
        )
    wrong = (given < 0) | (given >= symbols)
    if wrong.any():
        raise IndexError(f"label {given[wrong][0]} is out of range for {symbols} symbols")
    labels = np.full((count, most), blank, np.int64)
    labels[kept] = given
    return labels
