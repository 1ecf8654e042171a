"""Cross entropy of a linear layer's outputs, a few rows at a time: never all scores at once."""

from __future__ import annotations

import numpy as np

from autograd.kernels import gemm, loss


def forward(input, weight, bias, target, class_weight, ignore_index, reduction, smoothing, rows):
    """The loss and, for the gradient, each row's largest score and log of its sum (`loss`)."""
    losses = np.empty(len(input), input.dtype)
    peak, log_total = np.empty((2, len(input), 1), input.dtype)
    for part in _parts(len(input), rows):
        losses[part], peak[part], log_total[part] = loss.cross_entropy(
            gemm.linear(input[part], weight, bias), target[part], class_weight, ignore_index,
            "none", smoothing,
        )  # fmt: skip
    _, weights = loss.label_weights(target, class_weight, ignore_index, input.dtype)
    return loss.reduce(losses, reduction, divisor=weights.sum()), peak, log_total


def gradients(g, input, weight, bias, target, class_weight, peak, log_total, ignore_index,
              reduction, smoothing, rows, needs):  # fmt: skip
    """Those of input, weight and bias that are needed, None for the others.

    The scores are computed a second time; they are what is not kept.
    """
    wanted = zip(needs, (input, weight, bias), strict=True)
    out = dinput, dweight, dbias = [np.zeros_like(array) if n else None for n, array in wanted]
    if reduction == "mean":
        g = g / loss.label_weights(target, class_weight, ignore_index, input.dtype)[1].sum()
    g = np.broadcast_to(g, len(input))
    for part in _parts(len(input), rows):
        dscores = loss.cross_entropy_gradient(
            g[part], gemm.linear(input[part], weight, bias), target[part], peak[part],
            log_total[part], class_weight, ignore_index, "none", smoothing,
        )  # fmt: skip
        if dinput is not None:
            dinput[part] = gemm.matmul(dscores, weight)
        if dweight is not None:
            dweight += gemm.matmul(dscores.T, input[part])
        if dbias is not None:
            dbias += dscores.sum(0)
    return out


def _parts(count: int, rows: int):
    return (slice(start, start + rows) for start in range(0, count, rows))
