"""Attention in several heads (Vaswani et al. 2017)."""

from __future__ import annotations

from autograd.tensor import Tensor
from nn import functional as F
from nn import init
from nn.linear import Linear
from nn.module import Module
from nn.parameter import empty


class MultiheadAttention(Module):
    """Let each query read the values, in `num_heads` subspaces at once.

    Takes ``query`` (L, N, E), ``key`` (S, N, kdim) and ``value`` (S, N, vdim); with `batch_first`
    N comes first; without a batch it is left out. Returns ``output`` (L, N, E) and the weights
    (N, L, S), or None.

    Parameters
    ----------
    embed_dim : int
        E, which the heads divide among them.
    num_heads : int
    dropout : float, default 0
        Probability with which a weight is dropped in training.
    bias : bool, default True
    add_bias_kv : bool, default False
        Learn one more key and value, which every query may see.
    add_zero_attn : bool, default False
        Add a key and a value of zeros.
    kdim, vdim : int, optional
        E if left out.
    batch_first : bool, default False

    Examples
    --------
    >>> import autograd as ag, nn
    >>> x = ag.ones(3, 2, 8)
    >>> output, weights = nn.MultiheadAttention(8, 2)(x, x, x)
    >>> output.shape, weights.shape
    ((3, 2, 8), (2, 3, 3))
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.0, bias: bool = True,
                 add_bias_kv: bool = False, add_zero_attn: bool = False, kdim: int | None = None,
                 vdim: int | None = None, batch_first: bool = False, device=None,
                 dtype=None):  # fmt: skip
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                "MultiheadAttention expected embed_dim and num_heads > 0, got "
                f"{embed_dim} and {num_heads}"
            )
        if embed_dim % num_heads:
            raise ValueError(
                f"MultiheadAttention expected an embed_dim that num_heads divides, got {embed_dim} "
                f"and {num_heads}"
            )
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout expected a probability between 0 and 1, got {dropout}")
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        self.add_zero_attn = add_zero_attn
        factory = {"device": device, "dtype": dtype}
        packed = self.kdim == self.vdim == embed_dim
        self.in_proj_weight = empty(3 * embed_dim, embed_dim, **factory) if packed else None
        self.q_proj_weight = None if packed else empty(embed_dim, embed_dim, **factory)
        self.k_proj_weight = None if packed else empty(embed_dim, self.kdim, **factory)
        self.v_proj_weight = None if packed else empty(embed_dim, self.vdim, **factory)
        self.in_proj_bias = empty(3 * embed_dim, **factory) if bias else None
        self.bias_k = empty(1, 1, embed_dim, **factory) if add_bias_kv else None
        self.bias_v = empty(1, 1, embed_dim, **factory) if add_bias_kv else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, **factory)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the projections by Glorot & Bengio (2010); biases start at zero."""
        for name, weight in self.named_parameters():
            if name.endswith("proj_weight"):
                init.xavier_uniform_(weight)
            elif name in ("bias_k", "bias_v"):
                init.xavier_normal_(weight)
            elif name.endswith("bias"):
                init.zeros_(weight)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output, and the weights or None.

        Parameters
        ----------
        query, key, value : Tensor
        key_padding_mask : (N, S), optional
            True, or -inf, for keys that nobody may see.
        need_weights : bool
            Return the weights. Without, a query that may see no key gets zeros instead of NaN.
        attn_mask : (L, S) or (N * num_heads, L, S), optional
            True, or -inf, where a query may not see a key; other numbers are added to the scores.
        average_attn_weights : bool
            Return the mean of all heads' weights, not (N, num_heads, L, S).
        is_causal : bool
            Says that `attn_mask`, which must be given, is the causal mask.
        """
        swap = self.batch_first and query.ndim == 3
        if swap:  # what is one tensor must stay one, to be projected by one product
            turned = {id(x): x.transpose(0, 1) for x in (query, key, value)}
            query, key, value = turned[id(query)], turned[id(key)], turned[id(value)]
        output, weights = F.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight,
            self.in_proj_bias, self.bias_k, self.bias_v, self.add_zero_attn, self.dropout,
            self.out_proj.weight, self.out_proj.bias, training=self.training,
            key_padding_mask=key_padding_mask, need_weights=need_weights, attn_mask=attn_mask,
            use_separate_proj_weight=self.in_proj_weight is None,
            q_proj_weight=self.q_proj_weight, k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight, average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )  # fmt: skip
        return (output.transpose(0, 1) if swap else output), weights
