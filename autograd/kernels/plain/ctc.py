"""Connectionist temporal classification: sums over all alignments, in logarithms (Graves 2006).

A target of S labels becomes L = 2 S + 1 states: blank, label, blank, ..., label, blank. An
alignment stays in its state, moves one on, or leaves out the blank between two different labels.
All sequences of a batch move on together; the loop is over time.
"""

from __future__ import annotations

import numpy as np


def forward(log_probs, labels, input_lengths, target_lengths, blank: int):
    """Return minus the log likelihood of each of N targets, and the table of prefixes (T, N, L).

    `log_probs` is (T, N, C), `labels` (N, S), in which what is beyond a target's length is blank.
    """
    states, skips = _states(labels, blank)
    emitted = np.take_along_axis(log_probs, states[None], axis=2)
    prefix = np.full_like(emitted, -np.inf)
    for t in range(len(emitted)):
        if t == 0:
            total = np.full_like(emitted[0], -np.inf)
            total[:, :2] = 0.0
        else:
            before = prefix[t - 1]
            total = before.copy()
            total[:, 1:] = np.logaddexp(total[:, 1:], before[:, :-1])
            total[:, 2:] = np.where(skips, np.logaddexp(total[:, 2:], before[:, :-2]), total[:, 2:])
        prefix[t] = total + emitted[t]
    rows = np.arange(len(labels))
    last = np.maximum(input_lengths - 1, 0)
    end = 2 * target_lengths
    likelihood = prefix[last, rows, end] if len(prefix) else np.full(len(labels), -np.inf)
    if len(prefix):
        on_label = prefix[last, rows, np.maximum(end - 1, 0)]
        likelihood = np.where(end > 0, np.logaddexp(likelihood, on_label), likelihood)
    nothing = np.where(target_lengths == 0, 0.0, -np.inf)  # no time: only the empty target fits
    likelihood = np.where(input_lengths == 0, nothing, likelihood)
    return (-likelihood).astype(log_probs.dtype), prefix


def backward(g, log_probs, labels, input_lengths, target_lengths, blank: int, losses, prefix):
    """Return ``-g[n]`` times the probability, given the target, of each symbol at each time."""
    states, skips = _states(labels, blank)
    emitted = np.take_along_axis(log_probs, states[None], axis=2)
    rows = np.arange(len(labels))
    symbols = np.zeros_like(log_probs)
    suffix = np.full(states.shape, -np.inf, log_probs.dtype)
    end = 2 * target_lengths
    for t in reversed(range(len(emitted))):
        total = suffix.copy()  # what can follow a state, all after time t
        total[:, :-1] = np.logaddexp(total[:, :-1], suffix[:, 1:])
        total[:, :-2] = np.where(skips, np.logaddexp(total[:, :-2], suffix[:, 2:]), total[:, :-2])
        starts = input_lengths - 1 == t
        total[starts] = -np.inf
        total[starts, end[starts]] = 0.0
        total[starts, np.maximum(end - 1, 0)[starts]] = 0.0
        suffix = total + emitted[t]
        with np.errstate(invalid="ignore"):  # an impossible target has a NaN for a gradient
            share = np.exp(prefix[t] + total + losses[:, None])
        share[t >= input_lengths] = 0.0
        symbols[t, :, blank] = share[:, ::2].sum(axis=1)
        for s in range(labels.shape[1]):
            symbols[t, rows, labels[:, s]] += share[:, 2 * s + 1]
    scaled = -g[None, :, None] * symbols
    scaled[:, g == 0] = 0.0
    return scaled


def _states(labels, blank: int):
    """The symbol of each state (N, L), and which states from the third on may be jumped to."""
    states = np.full((len(labels), 2 * labels.shape[1] + 1), blank)
    states[:, 1::2] = labels
    return states, (states[:, 2:] != states[:, :-2]) & (states[:, 2:] != blank)
