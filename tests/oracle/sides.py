"""One call made with this library and with PyTorch, in float64, and whether both say the same."""

from __future__ import annotations

import numpy as np
import torch

import autograd as ag

SIDES = ((ag, ag.tensor, ag.grad), (torch, torch.tensor, torch.autograd.grad))


def as_array(value):
    return value.numpy(force=True) if hasattr(value, "detach") else np.asarray(value)


def same(mine, reference, tolerance=1e-10):
    mine, reference = as_array(mine), as_array(reference)
    assert mine.shape == reference.shape
    assert mine.dtype == reference.dtype
    np.testing.assert_allclose(mine, reference, rtol=tolerance, atol=tolerance)


def agree(call, *arrays, second=True, tolerance=1e-10):
    """Compare ``call(lib, *tensors)``: its value, gradients, and gradients of the gradients."""
    answers = []
    for lib, tensor, grad in SIDES:
        rng = np.random.default_rng(0)
        leaves = [tensor(np.asarray(a, np.float64), requires_grad=True) for a in arrays]
        out = call(lib, *leaves)
        cotangent = tensor(rng.uniform(0.5, 1.5, size=tuple(out.shape)), requires_grad=True)
        first = grad(out, leaves, cotangent, create_graph=second)
        values = [out, *first]
        if second:  # PyTorch's zero gradients have no history
            mixed = sum((g * tensor(rng.normal(size=tuple(g.shape)))).sum() for g in first)
            mixed = mixed + 0 * cotangent.sum()
            values += grad(mixed, [*leaves, cotangent], allow_unused=True, materialize_grads=True)
        answers.append(values)
    for mine, reference in zip(*answers, strict=True):
        same(mine, reference, tolerance)
