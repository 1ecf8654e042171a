"""Scaled dot-product attention and its gradients, over stacks of heads (..., L, E)."""

from __future__ import annotations

import numpy as np


def attend(query, key, value, bias, mask, keep, scale, boost, causal=False):
    """Return ``softmax(query @ key^T * scale + bias) @ value`` and what `attend_gradient` needs.

    That is, for each query, the logarithm of the sum of the exponentials of its scores. The softmax
    runs over the keys that `mask` allows, with `causal` those not behind the query; a query that
    may see none gets zeros. Where `keep` is False a weight is dropped, the others are multiplied by
    `boost`.
    """
    scores = _scores(query, key, bias, mask, scale, causal)
    largest = scores.max(-1, keepdims=True, initial=-np.inf)
    largest = np.where(largest == -np.inf, 0, largest).astype(scores.dtype, copy=False)
    scores -= largest
    weights = np.exp(scores, out=scores)
    total = weights.sum(-1, keepdims=True)
    blind = total == 0
    weights /= np.where(blind, 1, total).astype(weights.dtype, copy=False)
    # By minus infinity the weights of a query that sees nothing become zeros again.
    with np.errstate(divide="ignore"):
        log_sums = np.where(blind, np.inf, largest + np.log(total))[..., 0]
    log_sums = log_sums.astype(scores.dtype, copy=False)
    return _dropped(weights, keep, boost) @ value, log_sums


def attend_gradient(
    g, query, key, value, bias, mask, keep, out, log_sums, scale, boost, causal=False,
    bias_needed=True,
):  # fmt: skip
    """The gradients of (query, key, value, bias), in the shapes that broadcasting gave them.

    That of the bias is None unless it is needed: it is as large as the scores.
    """
    weights = _scores(query, key, bias, mask, scale, causal)
    weights -= log_sums[..., None]
    np.exp(weights, out=weights)
    d_value = _dropped(weights, keep, boost).swapaxes(-1, -2) @ g
    d_weights = _dropped(g @ value.swapaxes(-1, -2), keep, boost)
    d_scores = weights * (d_weights - (g * out).sum(-1, keepdims=True))
    d_query = (d_scores @ key) * scale
    d_key = d_scores.swapaxes(-1, -2) @ (query * scale)
    return d_query, d_key, d_value, d_scores if bias_needed else None


def _scores(query, key, bias, mask, scale, causal):
    scores = (query * scale) @ key.swapaxes(-1, -2)
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    return scores


def _dropped(weights, keep, boost):
    return weights if keep is None else weights * keep * boost
