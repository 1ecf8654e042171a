"""How transformers are usually trained: decay of the matrices, and a rate that rises first."""

from __future__ import annotations

import math

import optim


def adamw(parameters, lr: float, weight_decay: float) -> optim.AdamW:
    """AdamW that leaves biases and the scales of norms out of the decay."""
    parameters = list(parameters)
    groups = [
        {"params": [p for p in parameters if p.ndim > 1]},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]
    return optim.AdamW(groups, lr, betas=(0.9, 0.95), weight_decay=weight_decay)


def warm_cosine(optimizer, steps: int, warm: float = 0.05):
    """Let the learning rate rise over the first twentieth of the steps, then fall as a cosine."""

    def factor(step: int) -> float:
        rise = min(1.0, (step + 1) / (warm * steps))
        return rise * (1 + math.cos(math.pi * min(1.0, step / steps))) / 2

    return optim.lr_scheduler.LambdaLR(optimizer, factor)
