"""Batch normalisation and the ReLU after it, as one op where nobody looks in between."""

from __future__ import annotations

from collections.abc import Callable

from autograd.ops.norm_batch import batch_norm_relu
from nn import functional as F
from nn import hooks
from nn.activation import ReLU
from nn.module import Module
from nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d


def norm_relu(norm: Module, relu: Callable, input, residual=None):
    """Return ``relu(norm(input) + residual)``; in training by batch normalisation's own kernel.

    It passes over memory no more often than for the norm alone. Where someone might look in
    between, each is called by itself: if either has hooks, or is not exactly one of the library's.

    Parameters
    ----------
    norm : Module
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
    if _alone(norm, BatchNorm1d, BatchNorm2d, BatchNorm3d) and (
        relu is F.relu or _alone(relu, ReLU)
    ):
        return norm(input, batch_norm_relu, residual=residual)
    out = norm(input)
    return relu(out if residual is None else out + residual)


def _alone(module, *kinds: type) -> bool:
    """Whether a module is of exactly one of these kinds, and nobody listens to it."""
    if type(module) not in kinds or "forward" in vars(module):
        return False
    records = (module._hooks, hooks.everywhere)
    return not any(any(vars(record).values()) for record in records if record is not None)
