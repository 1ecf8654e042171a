"""Batch normalisation, residual and ReLU in one op against PyTorch's three."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sides import agree, same  # noqa: E402

import autograd as ag  # noqa: E402
from autograd.ops.norm_batch import batch_norm_relu  # noqa: E402

SHAPES = [(7, 3), (3, 5, 4), (2, 3, 5, 7), (2, 2, 3, 2, 2)]


def drawn(shape):
    rng = np.random.default_rng(len(shape))
    channels = shape[1]
    vectors = rng.normal(size=channels), rng.normal(size=channels)
    return rng.normal(size=shape), *vectors, rng.normal(size=shape)


def averages(lib, channels):
    return lib.linspace(-1, 1, channels, dtype=lib.float64), lib.linspace(
        1, 2, channels, dtype=lib.float64
    )


def compute(lib, running, training, x, weight, bias, residual=None):
    if lib is ag:
        return batch_norm_relu(x, *running, weight, bias, training, 0.3, 0.1, residual)
    out = torch.nn.functional.batch_norm(x, *running, weight, bias, training, 0.3, 0.1)
    return torch.relu(out if residual is None else out + residual)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("added", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_derivatives(shape, added, training):
    arrays = drawn(shape)[: 4 if added else 3]
    kept = []

    def call(lib, *tensors):
        running = averages(lib, shape[1])
        kept.append(running)
        return compute(lib, running, training, *tensors)

    agree(call, *arrays)
    for mine, reference in zip(*kept, strict=True):
        same(mine, reference)
