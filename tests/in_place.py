"""Programs that write in place beside the same without."""

from __future__ import annotations

import numpy as np
from hypothesis import settings

import autograd as ag

few = settings(max_examples=60, deadline=None)


def leaf(*shape, seed=0):
    data = np.random.default_rng(seed).normal(size=shape)
    return ag.tensor(data, requires_grad=True)


def differentiate(program, *leaves):
    """The value of a program, its gradients, and the gradients of those."""
    rng = np.random.default_rng(1)
    out = program(*leaves)
    out = (out * out * ag.tensor(rng.normal(size=out.shape))).sum()
    out = out + sum((x * x).sum() for x in leaves)  # it then depends on each of them
    first = ag.grad(out, leaves, create_graph=True)
    mixed = sum((g * ag.tensor(rng.normal(size=g.shape))).sum() for g in first)
    return [out, *first, *ag.grad(mixed, leaves)]


def same(in_place, pure, *shapes):
    """Two programs that should agree in value, gradients, and second derivatives."""
    leaves = [leaf(*shape, seed=i) for i, shape in enumerate(shapes)]
    mine = differentiate(in_place, *leaves)
    expected = differentiate(pure, *leaves)
    for a, b in zip(mine, expected, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-12, atol=1e-12)
