"""Scaled dot-product attention and its gradients, over stacks of heads (..., L, E)."""

from __future__ import annotations

import numpy as np


def attend(query, key, value, bias, mask, keep, scale, boost):
    """Return ``softmax(query @ key^T * scale + bias) @ value`` and the softmax.

    The softmax runs over the keys that `mask` allows; a query that may see none gets zeros. Where
    `keep` is False a weight is dropped, the others are multiplied by `boost`.
    """
    scores = (query * scale) @ key.swapaxes(-1, -2)
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    weights = _softmax(scores)
    return _dropped(weights, keep, boost) @ value, weights


def attend_gradient(g, query, key, value, weights, keep, scale, boost):
    """The gradients of (query, key, value, bias), in the shapes that broadcasting gave them."""
    d_value = _dropped(weights, keep, boost).swapaxes(-1, -2) @ g
    d_weights = _dropped(g @ value.swapaxes(-1, -2), keep, boost)
    d_scores = weights * d_weights
    d_scores -= weights * d_scores.sum(-1, keepdims=True)
    d_query = (d_scores @ key) * scale
    d_key = d_scores.swapaxes(-1, -2) @ (query * scale)
    return d_query, d_key, d_value, d_scores


def _softmax(scores):
    """Softmax of the last axis, in place; zeros where all scores are -inf."""
    largest = scores.max(-1, keepdims=True, initial=-np.inf)
    scores -= np.where(largest == -np.inf, 0, largest).astype(scores.dtype, copy=False)
    np.exp(scores, out=scores)
    total = scores.sum(-1, keepdims=True)
    scores /= np.where(total == 0, 1, total).astype(scores.dtype, copy=False)
    return scores


def _dropped(weights, keep, boost):
    return weights if keep is None else weights * keep * boost
