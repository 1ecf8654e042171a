"""A normalisation and the ReLU after it, as one op where nobody looks in between."""

from __future__ import annotations

from collections.abc import Callable

from autograd.ops.norm import is_like, layer_norm_relu
from autograd.ops.norm_batch import batch_norm_relu
from autograd.ops.norm_group import group_norm_relu
from nn import functional as F
from nn import hooks
from nn.activation import ReLU
from nn.module import Module
from nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d, GroupNorm, LayerNorm

FUSED: dict[type, Callable] = {
    BatchNorm1d: batch_norm_relu,
    BatchNorm2d: batch_norm_relu,
    BatchNorm3d: batch_norm_relu,
    GroupNorm: group_norm_relu,
    LayerNorm: layer_norm_relu,
}


def norm_relu(norm: Module, relu: Callable, input, residual=None):
    """Return ``relu(norm(input) + residual)``, by a kernel that does all three at once.

    It passes over memory no more often than for the norm alone. Where someone might look in
    between, each is called by itself: if either has hooks, or is not exactly one of the library's.

    Parameters
    ----------
    norm : Module
        Batch, group or layer normalisation; any other is called by itself.
    relu : Module or function
    input : Tensor
    residual : Tensor, optional

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from nn.norm_relu import norm_relu
    >>> x = ag.tensor([[1.0], [3.0]])
    >>> norm_relu(nn.BatchNorm1d(1), nn.ReLU(), x, residual=x).round(decimals=2).tolist()
    [[0.0], [4.0]]
    """
    function = _fused(norm, relu)
    if function and is_like(residual, input):
        return norm(input, function, residual=residual)
    out = norm(input)
    return relu(out if residual is None else out + residual)


def _fused(norm, relu) -> Callable | None:
    """The op that does both, or None if each is to be called by itself."""
    plain = relu is F.relu or (type(relu) is ReLU and _unwatched(relu))
    return FUSED.get(type(norm)) if plain and _unwatched(norm) else None


def _unwatched(module: Module) -> bool:
    """Whether nobody listens to a module, nor has given it another forward."""
    if "forward" in vars(module):
        return False
    records = (module._hooks, hooks.everywhere)
    return not any(any(vars(record).values()) for record in records if record is not None)
