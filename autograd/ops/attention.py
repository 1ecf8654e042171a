"""Attention: each query reads the values, most of those whose keys it resembles.

    softmax(query key^T / sqrt(E) + mask) value

(Vaswani et al. 2017). One fused op does it for all heads; around it are PyTorch's two functions.
"""

from __future__ import annotations

import builtins
import math

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.arrange import repeat_interleave
from autograd.ops.dropout import keep_mask
from autograd.ops.shape import transpose
from autograd.ops.softmax import softmax
from autograd.tensor import Tensor


def _composed(query, key, value, bias, mask, keep, scale, boost, causal):
    """The formula in other ops."""
    scores = (query * scale) @ transpose(key, -2, -1)
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = np.where(mask, scores, -np.inf)
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    values = scores.array if isinstance(scores, Tensor) else scores
    blind = (values == -np.inf).all(-1, keepdims=True)  # queries that may see no key at all
    weights = np.where(blind, 0.0, softmax(np.where(blind, 0.0, scores), dim=-1))
    if keep is not None:
        weights = weights * keep * boost
    return weights @ value


def _attend_samples(rng):
    q, k, v = rng.normal(size=(2, 2, 3)), rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3, 2))
    mask = np.array([[True, True, False], [False, False, False]])
    yield (q, k, v), {"scale": 0.5}
    yield (q, k, v, rng.normal(size=(2, 3))), {"scale": 0.5}
    yield (q, k, v, None, mask), {"scale": 0.5}
    yield (q, k[:1], v, rng.normal(size=(2, 1, 3)), mask), {"scale": 0.5}
    yield (q, k, v, None, None, rng.random((2, 2, 3)) < 0.5), {"scale": 0.5, "boost": 2.0}
    yield (q, k, v), {"scale": 0.5, "causal": True}


@op(samples=_attend_samples, residuals=("log_sums",), reference=_composed, kind="contraction",
    space="internal", shown_as="scaled_dot_product_attention")  # fmt: skip
def attend(query: Array, key: Array, value: Array, bias: Array | None = None,
           mask: Array | None = None, keep: Array | None = None, scale: float = 1.0,
           boost: float = 1.0, causal: bool = False):  # fmt: skip
    """Return attention with everything settled: the mask, what is dropped, and the scale."""
    return kernels.attention.attend(query, key, value, bias, mask, keep, scale, boost, causal)


def _attend_rule(
    g, query, key, value, bias, mask, keep, out, log_sums, scale, boost, causal, needs
):  # fmt: skip
    gradients = kernels.attention.attend_gradient(
        g, query, key, value, bias, mask, keep, out, log_sums, scale, boost, causal, needs[3]
    )
    return tuple(d if needed else None for d, needed in zip(gradients, needs, strict=True))


attend.vjp(("query", "key", "value", "bias"), _attend_rule)


def _samples(rng):
    q, k, v = rng.normal(size=(2, 2, 3)), rng.normal(size=(2, 3, 3)), rng.normal(size=(2, 3, 2))
    mask = np.array([[True, True, False], [False, False, False]])
    yield (q, k, v), {}
    yield (q, k, v), {"is_causal": True, "scale": 0.3}
    yield (q, k, v, mask), {}
    yield (q, k, v, rng.normal(size=(1, 2, 3))), {}
    yield (q, k[:1], v[:1]), {"enable_gqa": True}


@composite(samples=_samples, space="nn")
def scaled_dot_product_attention(
    query: Array, key: Array, value: Array, attn_mask: Array | None = None,
    dropout_p: float = 0.0, is_causal: bool = False, *, scale: float | None = None,
    enable_gqa: bool = False,
):  # fmt: skip
    """Return for each query the mean of the values, weighted by ``softmax(query key^T * scale)``.

    Parameters
    ----------
    query : (..., L, E)
    key : (..., S, E)
    value : (..., S, V)
    attn_mask : Tensor, optional
        Broadcastable to (..., L, S), at least 2-D: bool, True where a query may see a key; or
        floats, which are added to the scores. A query that may see no key gets zeros.
    dropout_p : float
        Probability with which a weight is dropped; given in evaluation too, so pass 0 there.
    is_causal : bool
        Let query i see keys 0 to i only; not together with `attn_mask`.
    scale : float, optional
        ``1 / sqrt(E)`` if left out.
    enable_gqa : bool
        Let several heads of the query (axis -3) share one of key and value (Ainslie et al. 2023).

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> x = ag.tensor([[0.0], [2.0]])
    >>> F.scaled_dot_product_attention(x, x, x, is_causal=True)[0]
    tensor([0.])
    """
    _check(query, key, value, dropout_p)
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    if not enable_gqa:
        return _attention(query, key, value, attn_mask, dropout_p, is_causal, scale)
    grouped, key, value, attn_mask = _grouped(query, key, value, attn_mask)
    out = _attention(grouped, key, value, attn_mask, dropout_p, is_causal, scale)
    return out.reshape(*out.shape[:-4], query.shape[-3], *out.shape[-2:])


def _attention(query, key, value, attn_mask, dropout_p, is_causal, scale):
    shape = _scores_shape(query, key, value)
    bias = mask = None
    if is_causal:
        if attn_mask is not None:
            raise ValueError(
                "scaled_dot_product_attention expected either attn_mask or is_causal=True, got "
                "both: put the causal mask into attn_mask"
            )
    elif attn_mask is not None:
        bias, mask = _sorted_mask(attn_mask, query, shape)
    keep = None
    if dropout_p > 0:
        keep = keep_mask(shape, dropout_p)
    return attend(
        query, key, value, bias, mask, keep, scale=scale,
        boost=1 / (1 - dropout_p) if dropout_p < 1 else 0.0, causal=is_causal,
    )  # fmt: skip


def _check(query, key, value, dropout_p: float) -> None:
    if not 0 <= dropout_p <= 1:
        raise ValueError(f"dropout_p expected a probability between 0 and 1, got {dropout_p}")
    for name, x in (("query", query), ("key", key), ("value", value)):
        if x.ndim < 2:
            raise ShapeError(f"expected {name} of at least 2 dimensions, got shape {x.shape}")
        if x.dtype != query.dtype or x.dtype.kind != "f":
            raise DtypeError(
                "scaled_dot_product_attention expected query, key and value of one floating point "
                f"dtype, got {query.dtype}, {key.dtype} and {value.dtype}"
            )


def _grouped(query, key, value, attn_mask):
    """The same with the query's heads split in two: those of keys and values, and who shares one.

    Along the second, keys and values have size 1, and so they are read by all without a copy.
    """
    for name, x in (("key", key), ("value", value)):
        if query.ndim < 3 or x.ndim < 3:
            raise ShapeError(
                f"enable_gqa expected heads on axis -3, got shape {x.shape} for {name}"
            )
        if not x.shape[-3] or query.shape[-3] % x.shape[-3]:
            raise ShapeError(
                f"enable_gqa expected a number of {name} heads that divides the query's "
                f"{query.shape[-3]}, got {x.shape[-3]}"
            )
    heads, count = query.shape[-3], math.lcm(key.shape[-3], value.shape[-3])
    if key.shape[-3] != value.shape[-3]:
        key, value = (repeat_interleave(x, count // x.shape[-3], -3) for x in (key, value))
    every, alone = (count, heads // count), (count, 1)
    query, key, value = _split(query, every), _split(key, alone), _split(value, alone)
    if attn_mask is not None and attn_mask.ndim > 2:
        if attn_mask.shape[-3] not in (1, heads):
            raise ShapeError(
                f"attn_mask expected 1 or {heads} heads on axis -3, got shape {attn_mask.shape}"
            )
        attn_mask = _split(attn_mask, (1, 1) if attn_mask.shape[-3] == 1 else every)
    return query, key, value, attn_mask


def _split(x, heads: tuple[int, int]):
    return x.reshape(*x.shape[:-3], *heads, *x.shape[-2:])


def _scores_shape(query, key, value) -> tuple[int, ...]:
    """The shape (..., L, S) of the weights; the sizes are checked here."""
    if query.shape[-1] != key.shape[-1]:
        raise ShapeError(
            "expected query and key with the same last dimension, got shapes "
            f"{query.shape} and {key.shape}"
        )
    if key.shape[-2] != value.shape[-2]:
        raise ShapeError(
            f"expected as many values as keys on axis -2, got shapes {value.shape} and {key.shape}"
        )
    try:
        batch = np.broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    except ValueError:
        raise ShapeError(
            "expected query, key and value whose leading dimensions broadcast, got shapes "
            f"{query.shape}, {key.shape} and {value.shape}"
        ) from None
    return (*batch, query.shape[-2], key.shape[-2])


def _sorted_mask(attn_mask, query, shape):
    """`attn_mask` as either a bias to add or a bool mask."""
    if attn_mask.dtype != query.dtype and attn_mask.dtype.kind != "b":
        raise DtypeError(
            f"attn_mask expected bool or {query.dtype} like the query, got {attn_mask.dtype}"
        )
    fits = 2 <= len(attn_mask.shape) <= len(shape) and builtins.all(
        m in (1, n) for m, n in zip(attn_mask.shape[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ShapeError(
            f"attn_mask expected 2 dimensions or more that broadcast to {shape}, got "
            f"{attn_mask.shape}"
        )
    return (None, attn_mask) if attn_mask.dtype.kind == "b" else (attn_mask, None)
