"""Scaled dot-product attention and its gradients: which of the two computes them."""

from __future__ import annotations

from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import attention as plain


def _family(query, key, value, *others):
    work = query.size * key.shape[-2] / 8
    return compiled("attention") if worth(work, query, key, value, *others) else plain


def attend(query, key, value, bias, mask, keep, scale, boost, causal=False):
    """Return ``softmax(query @ key^T * scale + bias) @ value``, and what the gradient needs."""
    family = _family(query, key, value, bias)
    return family.attend(query, key, value, bias, mask, keep, scale, boost, causal)


def attend_gradient(
    g, query, key, value, bias, mask, keep, out, log_sums, scale, boost, causal=False,
    bias_needed=True,
):  # fmt: skip
    """The gradients of (query, key, value, bias), in the shapes that broadcasting gave them."""
    return _family(query, key, value, bias, g).attend_gradient(
        g, query, key, value, bias, mask, keep, out, log_sums, scale, boost, causal, bias_needed
    )
