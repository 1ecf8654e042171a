"""Normalisation that only divides: by what neighbouring channels hold, or by a vector's norm."""

from __future__ import annotations

import math

import numpy as np

from autograd.errors import ShapeError
from autograd.op import composite
from autograd.ops.pool import avg_pool2d
from autograd.ops.reduce import p_norm


def _response_samples(rng):
    yield (rng.normal(size=(2, 4, 3)),), {"size": 3, "alpha": 0.5}
    yield (rng.normal(size=(1, 3, 2, 2)),), {"size": 2, "beta": 0.5, "k": 2.0}


@composite(samples=_response_samples, space="nn")
def local_response_norm(input, size: int, alpha=1e-4, beta=0.75, k=1.0):
    """Divide by ``(k + alpha * mean of squares over size neighbouring channels) ** beta``.

    For ``input`` (N, C, ...), from Krizhevsky et al. (2012); channels beyond the ends are zeros.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.local_response_norm(ag.ones(1, 3, 1), 1, alpha=1.0, beta=1.0).reshape(3)
    tensor([0.5, 0.5, 0.5])
    """
    if input.ndim < 3:
        raise ShapeError(
            f"local_response_norm expected an input (N, C, ...) of 3 dimensions or more, "
            f"got shape {list(input.shape)}"
        )
    if size < 1:
        raise ShapeError(f"local_response_norm expected a size of at least 1, got {size}")
    n, channels, *rest = input.shape
    squares = (input * input).reshape((n, 1, channels, math.prod(rest)))
    # An even size reaches one channel further down than up: the extra last window is cut off.
    means = avg_pool2d(squares, (size, 1), stride=1, padding=(size // 2, 0))[:, :, :channels]
    return input / (means.reshape(input.shape) * alpha + k) ** beta


def _direction_samples(rng):
    yield (rng.normal(size=(2, 3)),), {}
    yield (rng.normal(size=(2, 3, 2)),), {"p": 3.0, "dim": -1}


@composite(samples=_direction_samples, space="nn")
def normalize(input, p=2.0, dim=1, eps=1e-12):
    """Divide by the `p`-norm along `dim`, or by `eps` where the norm is smaller.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.normalize(ag.tensor([3.0, 4.0]), dim=0)
    tensor([0.6, 0.8])
    """
    return input / np.maximum(p_norm(input, p, dim, keepdim=True), eps)
