"""Which parameters to decay: matrices and filters, but not biases and norms."""

from __future__ import annotations

from typing import Any

from nn.module import Module


def decay_groups(model: Module, weight_decay: float) -> list[dict[str, Any]]:
    """Return two parameter groups: what is to decay, and biases and norms, which are not.

    Decay keeps weights small that multiply inputs. A bias, or the scale and shift of a norm, does
    no such thing; these are the parameters of fewer than two axes.

    Parameters
    ----------
    model : Module
    weight_decay : float
        That of the first group; the second has 0. All other options are the optimiser's.

    Examples
    --------
    >>> import nn, optim
    >>> model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4))
    >>> optimizer = optim.AdamW(optim.decay_groups(model, weight_decay=0.1), lr=1e-3)
    >>> for group in optimizer.param_groups:
    ...     print(group["weight_decay"], group["param_names"])
    0.1 ['0.weight']
    0.0 ['0.bias', '1.weight', '1.bias']
    """
    named = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    decaying = [pair for pair in named if pair[1].ndim >= 2]
    others = [pair for pair in named if pair[1].ndim < 2]
    groups = [
        {"params": decaying, "weight_decay": float(weight_decay)},
        {"params": others, "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
