"""Attention in several heads at once, between two projections (Vaswani et al. 2017)."""

from __future__ import annotations

import math

import numpy as np

from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, composite
from autograd.ops.attention import scaled_dot_product_attention
from autograd.ops.dropout import dropout
from autograd.ops.join import cat, chunk, split
from autograd.ops.linear import linear
from autograd.ops.reduce import mean
from autograd.ops.shape import permute, squeeze, transpose, unsqueeze
from autograd.ops.softmax import softmax
from autograd.ops.views import expand
from autograd.tensor import Tensor


def _samples(rng):
    def normal(*shape):
        return rng.normal(size=shape)

    q, k = normal(2, 1, 4), normal(3, 1, 4)
    packed, bias, out = normal(12, 4), normal(12), (normal(4, 4), normal(4))
    yield (q, k, k, 4, 2, packed, bias, None, None, False, 0.0, *out), {}
    yield (
        (q, k, k, 4, 2, None, bias, normal(1, 1, 4), normal(1, 1, 4), True, 0.0, *out),
        {
            "use_separate_proj_weight": True,
            "q_proj_weight": normal(4, 4),
            "k_proj_weight": normal(4, 4),
            "v_proj_weight": normal(4, 4),
            "need_weights": False,
        },
    )


@composite(samples=_samples, space="nn")
def multi_head_attention_forward(
    query: Array, key: Array, value: Array, embed_dim_to_check: int, num_heads: int,
    in_proj_weight: Array | None, in_proj_bias: Array | None, bias_k: Array | None,
    bias_v: Array | None, add_zero_attn: bool, dropout_p: float, out_proj_weight: Array,
    out_proj_bias: Array | None, training: bool = True, key_padding_mask: Array | None = None,
    need_weights: bool = True, attn_mask: Array | None = None,
    use_separate_proj_weight: bool = False, q_proj_weight: Array | None = None,
    k_proj_weight: Array | None = None, v_proj_weight: Array | None = None,
    static_k: Array | None = None, static_v: Array | None = None,
    average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Array, Array | None]:  # fmt: skip
    """Return what `nn.MultiheadAttention` returns, with all its parameters given.

    Parameters
    ----------
    query, key, value : (L, N, E), (S, N, E), (S, N, E), or without N
    embed_dim_to_check : int
        The E that is expected.
    num_heads : int
    in_proj_weight, in_proj_bias : (3E, E), (3E,), optional
        The projections of query, key and value, one below the other.
    bias_k, bias_v : (1, 1, E), optional
        One more key and value for every sequence.
    add_zero_attn : bool
        Add a key and a value of zeros.
    dropout_p : float
        Probability with which a weight is dropped in training.
    out_proj_weight, out_proj_bias : (E, E), (E,), optional
    key_padding_mask : (N, S), optional
        True, or -inf, for keys that nobody may see.
    need_weights : bool
        Return the weights as well. Without, a query that may see no key gets zeros, not NaN.
    attn_mask : (L, S) or (N * num_heads, L, S), optional
        True, or -inf, where a query may not see a key; other numbers are added to the scores.
    use_separate_proj_weight : bool
        Use `q_proj_weight`, `k_proj_weight` and `v_proj_weight` instead of `in_proj_weight`.
    static_k, static_v : (N * num_heads, S, E / num_heads), optional
        Take the place of the projected keys and values.
    average_attn_weights : bool
        Return the mean of all heads' weights, (N, L, S), instead of (N, num_heads, L, S).
    is_causal : bool
        Says that `attn_mask` is the causal mask.

    Examples
    --------
    >>> import autograd as ag, nn, nn.functional as F
    >>> x, layer = ag.ones(3, 1, 4), nn.MultiheadAttention(4, 2)
    >>> out, weights = F.multi_head_attention_forward(
    ...     x, x, x, 4, 2, layer.in_proj_weight, layer.in_proj_bias, None, None, False, 0.0,
    ...     layer.out_proj.weight, layer.out_proj.bias)
    >>> out.shape, weights.shape
    ((3, 1, 4), (1, 3, 3))
    """
    batched = _check_dimensions(query, key, value, key_padding_mask, attn_mask)
    same = query is key, key is value
    if not batched:
        query, key, value = (unsqueeze(x, 1) for x in (query, key, value))
        if key_padding_mask is not None:
            key_padding_mask = unsqueeze(key_padding_mask, 0)
    (targets, batch, size), sources = query.shape, key.shape[0]
    _check_sizes(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    if is_causal and attn_mask is None:
        raise ValueError(
            "is_causal=True says what attn_mask is, so attn_mask must be given too: see "
            "nn.Transformer.generate_square_subsequent_mask"
        )
    separate = (q_proj_weight, k_proj_weight, v_proj_weight)
    matrices = separate if use_separate_proj_weight else (in_proj_weight,)
    if any(matrix is None for matrix in matrices):
        raise TypeError(
            "expected q_, k_ and v_proj_weight with use_separate_proj_weight=True, and "
            "in_proj_weight without; got None"
        )
    q, k, v = _projected(query, key, value, matrices, in_proj_bias, same)
    causal = is_causal and key_padding_mask is None and not need_weights
    attn_mask = None if causal else attn_mask  # the causal mask needs no array
    attn_mask = _attention_mask(attn_mask, query.dtype, (batch, num_heads, targets, sources))
    padding = _padding_mask(key_padding_mask, query.dtype, (batch, sources))

    extra = 0  # keys added behind the sequence, which every mask lets through
    if (bias_k is None) != (bias_v is None):
        raise TypeError("expected bias_k and bias_v, or neither; got one of them")
    if bias_k is not None:
        if static_k is not None or static_v is not None:
            raise ValueError("bias_k and bias_v cannot be added to static_k and static_v")
        k = cat([k, expand(bias_k, (1, batch, size))])
        v = cat([v, expand(bias_v, (1, batch, size))])
        extra += 1
    q, k, v = (_heads(x, num_heads) for x in (q, k, v))
    k = k if static_k is None else _static(static_k, "static_k", k.shape)
    v = v if static_v is None else _static(static_v, "static_v", v.shape)
    if add_zero_attn:
        zeros = np.zeros((batch, num_heads, 1, size // num_heads), q.dtype)
        k, v = cat([k, zeros], dim=2), cat([v, zeros], dim=2)
        extra += 1
    mask = _sum_masks(_widened(attn_mask, extra), _widened(padding, extra))
    if mask is not None and mask.dtype != q.dtype:
        raise DtypeError(f"expected masks of bool or {q.dtype} like the query, got {mask.dtype}")

    out, weights = _read(q, k, v, mask, dropout_p if training else 0.0, need_weights, causal)
    out = permute(out, (2, 0, 1, 3)).reshape(targets, batch, size)
    out = linear(out, out_proj_weight, out_proj_bias)
    if weights is not None and average_attn_weights:
        weights = mean(weights, dim=1)
    if not batched:
        return squeeze(out, 1), None if weights is None else squeeze(weights, 0)
    return out, weights


def _read(q, k, v, mask, dropout_p: float, need_weights: bool, causal: bool):
    """What all heads read from the values, (N, heads, L, E / heads), and the weights if needed."""
    if not need_weights:
        return scaled_dot_product_attention(q, k, v, mask, dropout_p, causal), None
    scores = (q * (1 / math.sqrt(q.shape[-1]))) @ transpose(k, -2, -1)
    weights = softmax(scores if mask is None else scores + mask, dim=-1)
    weights = dropout(weights, dropout_p)
    return weights @ v, weights


def _check_dimensions(query, key, value, key_padding_mask, attn_mask) -> bool:
    """Whether there is a batch dimension."""
    if query.ndim not in (2, 3):
        raise ShapeError(
            f"expected query of 3 dimensions, or 2 without a batch; got shape {query.shape}"
        )
    batched = query.ndim == 3
    for name, x, ndims in (
        ("key", key, (query.ndim,)),
        ("value", value, (query.ndim,)),
        ("key_padding_mask", key_padding_mask, (query.ndim - 1,)),
        ("attn_mask", attn_mask, (2, 3)),
    ):
        if x is not None and x.ndim not in ndims:
            raise ShapeError(
                f"expected {name} of {' or '.join(map(str, ndims))} dimensions for a query of "
                f"shape {query.shape}, got shape {x.shape}"
            )
    return batched


def _check_sizes(query, key, value, embed_dim: int, num_heads: int, separate: bool) -> None:
    if query.shape[2] != embed_dim:
        raise ShapeError(f"expected query of size {embed_dim}, got shape {query.shape}")
    if embed_dim % num_heads:
        raise ShapeError(f"expected a size that {num_heads} heads divide, got {embed_dim}")
    axes = 2 if separate else 3
    if key.shape[:axes] != value.shape[:axes] or key.shape[1] != query.shape[1]:
        raise ShapeError(
            "expected key and value of the same length, and the query's batch size; got shapes "
            f"{query.shape}, {key.shape} and {value.shape}"
        )


def _projected(query, key, value, weights, bias, same: tuple[bool, bool]):
    """Project all three; those that are one tensor by one product."""
    if len(weights) == 1 and same[1]:
        size = weights[0].shape[1]
        if same[0]:
            return chunk(linear(query, weights[0], bias), 3, dim=-1)
        own, common = split(weights[0], (size, 2 * size))
        first, rest = (None, None) if bias is None else split(bias, (size, 2 * size))
        return linear(query, own, first), *chunk(linear(key, common, rest), 2, dim=-1)
    matrices = chunk(weights[0], 3) if len(weights) == 1 else weights
    biases = (None,) * 3 if bias is None else chunk(bias, 3)
    given = zip((query, key, value), matrices, biases, strict=True)
    return tuple(linear(x, weight, b) for x, weight, b in given)


def _heads(x, count: int):
    """(L, N, E) as (N, heads, L, E / heads)."""
    length, batch, size = x.shape
    return permute(x.reshape(length, batch, count, size // count), (1, 2, 0, 3))


def _static(x, name: str, shape):
    """Keys or values that come in place of projected ones, in the shape of heads."""
    batch, heads, _, size = shape
    if x.ndim != 3 or x.shape[0] != batch * heads or x.shape[2] != size:
        raise ShapeError(f"expected {name} of shape ({batch * heads}, S, {size}), got {x.shape}")
    return x.reshape(batch, heads, x.shape[1], size)


def _as_bias(mask, name: str, dtype):
    """A bool mask as numbers to add to the scores: -inf where it is True."""
    if mask.dtype.kind == "b":
        array = mask.array if isinstance(mask, Tensor) else mask
        return np.where(array, -np.inf, 0.0).astype(dtype)
    if mask.dtype.kind != "f":
        raise DtypeError(f"{name} expected bool or {dtype} like the query, got {mask.dtype}")
    return mask


def _attention_mask(mask, dtype, shape):
    """As (1 or N, 1 or heads, L, S)."""
    if mask is None:
        return None
    batch, heads, targets, sources = shape
    expected = (targets, sources) if mask.ndim == 2 else (batch * heads, targets, sources)
    if mask.shape != expected:
        raise ShapeError(f"expected attn_mask of shape {expected}, got {mask.shape}")
    leading = (1, 1) if mask.ndim == 2 else (batch, heads)
    return _as_bias(mask, "attn_mask", dtype).reshape(*leading, targets, sources)


def _padding_mask(mask, dtype, shape):
    """As (N, 1, 1, S)."""
    if mask is None:
        return None
    if mask.shape != shape:
        raise ShapeError(f"expected key_padding_mask of shape {shape}, got {mask.shape}")
    return _as_bias(mask, "key_padding_mask", dtype).reshape(shape[0], 1, 1, shape[1])


def _widened(mask, extra: int):
    """Let `extra` more keys through."""
    if mask is None or not extra:
        return mask
    return cat([mask, np.zeros((*mask.shape[:-1], extra), mask.dtype)], dim=-1)


def _sum_masks(one, other):
    return other if one is None else one if other is None else one + other
