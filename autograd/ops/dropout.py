"""Dropout: set random elements or channels to zero while training (Srivastava et al., 2014).

The masks come from the default generator, so `manual_seed` repeats them. What the layers below the
mask see is right on average: what is kept is scaled up.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.inplace import write
from autograd.op import Array, composite, op
from autograd.random import default_generator
from autograd.recording.effects import effect
from autograd.tensor import Tensor


def _samples(rng):
    yield (rng.normal(size=(2, 3)), rng.random((2, 3)) < 0.5), {"scale": 2.0}
    yield (rng.normal(size=(2, 3, 2)), rng.random((2, 3, 1)) < 0.5), {"scale": 1.25}


@op(samples=_samples, space="internal", shown_as="dropout")
def masked_scale(input: Array, mask: Array, scale: float):
    """Return ``input * scale`` where the mask is True and zero elsewhere."""
    return kernels.dropout.apply(input, mask, scale)


masked_scale.vjp(input=lambda g, mask, scale: masked_scale(g, mask, scale))


def _random_samples(rng):
    yield (rng.normal(size=(2, 3)),), {"place": (5, 16), "p": 0.5}
    yield (rng.normal(size=(2, 3, 40)),), {"place": (2**63, 0), "p": 0.25}


@op(samples=_random_samples, space="internal", shown_as="dropout")
def random_drop(input: Array, place: tuple, p: float):
    """Return ``input / (1 - p)``, and zero with probability `p`: where, a `place` decides.

    That is the key of a stream of random numbers, and where in it to start (`Generator.take`).

    No mask is kept: the backward pass draws the same numbers again, which is faster than reading.
    """
    return kernels.random.drop(input, *place, p)


random_drop.vjp(input=lambda g, place, p: random_drop(g, place, p))
random_drop.op.overwrite = lambda input, place, p: kernels.random.overwrite_by_drop(
    input, *place, p
)


def _check(input, p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"expected a dropout probability p between 0 and 1, got {p}")
    if input.dtype.kind != "f":
        raise DtypeError(f"expected floats to drop out, got {input.dtype}: convert with .float()")


def _assign(input, inplace: bool, function, *args):
    """Return ``function(input, *args)``, put into `input` itself if asked for."""
    if not inplace:
        return function(input, *args)
    if isinstance(input, Tensor):
        return write(input, "dropout_", function, *args)
    np.copyto(input, function(input, *args))
    return input


@effect
def keep_mask(shape, p: float) -> np.ndarray:
    """Draw for each element of an array whether it stays: False with probability `p`."""
    return kernels.random.keep_mask(*default_generator().take(math.prod(shape)), shape, p)


def _drop(input, p: float, shape, inplace: bool):
    if shape == input.shape:
        place = default_generator().take(math.prod(shape))
        return _assign(input, inplace, random_drop, place, p)
    mask = keep_mask(shape, p)
    return _assign(input, inplace, masked_scale, mask, 1 / (1 - p) if p < 1 else 0.0)


def _dropout_samples(rng):
    yield (rng.normal(size=(2, 3, 2)),), {"training": True}
    yield (rng.normal(size=(2, 3)),), {"training": True, "p": 0.25}
    yield (rng.normal(size=(2, 3)),), {"training": False}


@composite(samples=_dropout_samples, space="nn")
def dropout(input, p=0.5, training=True, inplace=False):
    """Set each element to zero with probability `p` and multiply the others by ``1 / (1 - p)``.

    Without `training`, or for ``p=0``, the input itself is returned.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> _ = ag.manual_seed(0)
    >>> sorted(set(nn.functional.dropout(ag.ones(100), 0.75).tolist()))
    [0.0, 4.0]
    """
    _check(input, p)
    return _drop(input, p, input.shape, inplace) if training and p > 0 else input


def _channelwise(input, axes: int) -> tuple[int, ...]:
    """The mask's shape, one element a channel, for channels of the given number of axes."""
    if input.ndim not in (axes + 1, axes + 2):
        raise ShapeError(
            f"dropout{axes}d expected an input of {axes + 2} dimensions (N, C, ...), or {axes + 1} "
            f"without a batch, got shape {list(input.shape)}"
        )
    return (*input.shape[:-axes], *(1,) * axes)


@composite(samples=_dropout_samples, space="nn")
def dropout1d(input, p=0.5, training=True, inplace=False):
    """Set whole channels of ``input`` (N, C, L) or (C, L) to zero with probability `p`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.dropout1d(ag.ones(2, 3, 4), p=1.0).sum()
    tensor(0.)
    """
    _check(input, p)
    shape = _channelwise(input, 1)
    return _drop(input, p, shape, inplace) if training and p > 0 else input


def _image_samples(rng):
    yield (rng.normal(size=(2, 3, 2, 1)),), {"training": True}


@composite(samples=_image_samples, space="nn")
def dropout2d(input, p=0.5, training=True, inplace=False):
    """Set whole channels of ``input`` (N, C, H, W) to zero with probability `p`.

    Three dimensions are taken as (N, C, L), with a warning, as PyTorch does.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.dropout2d(ag.ones(2, 3, 4, 4), p=1.0).sum()
    tensor(0.)
    """
    _check(input, p)
    if input.ndim == 3:
        warnings.warn(
            "dropout2d takes an input of 3 dimensions as (N, C, L): use dropout1d for that, or "
            "give images a batch axis",
            stacklevel=2,
        )
    shape = _channelwise(input, 1 if input.ndim == 3 else 2)
    return _drop(input, p, shape, inplace) if training and p > 0 else input


def _volume_samples(rng):
    yield (rng.normal(size=(2, 3, 2, 1, 2)),), {"training": True}


@composite(samples=_volume_samples, space="nn")
def dropout3d(input, p=0.5, training=True, inplace=False):
    """Set whole channels of ``input`` (N, C, D, H, W) or (C, D, H, W) to zero with probability `p`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.dropout3d(ag.ones(2, 3, 2, 4, 4), p=1.0).sum()
    tensor(0.)
    """
    _check(input, p)
    shape = _channelwise(input, 3)
    return _drop(input, p, shape, inplace) if training and p > 0 else input


# -- for SELU --------------------------------------------------------------------------------------

SATURATION = (
    1.7580993408473766  # minus the value SELU tends to on the left: its scale times its alpha
)


def _spread(input, mask, p: float):
    """Put ``-SATURATION`` where the mask is False, then restore mean 0 and variance 1."""
    if p == 1:
        return input * 0
    scale = ((1 - p) * (1 + p * SATURATION**2)) ** -0.5
    noise = np.where(mask, p, p - 1).astype(input.dtype) * (SATURATION * scale)
    return masked_scale(input, mask, scale) + noise


def _alpha_drop(input, p: float, shape, inplace: bool):
    mask = keep_mask(shape, p)
    return _assign(input, inplace, _spread, mask, p)


@composite(samples=_dropout_samples, space="nn")
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Drop elements to SELU's lower limit, keeping mean 0 and variance 1 (Klambauer et al., 2017).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> x = ag.ones(3); nn.functional.alpha_dropout(x) is x
    True
    """
    _check(input, p)
    return _alpha_drop(input, p, input.shape, inplace) if training and p > 0 else input


@composite(samples=_dropout_samples, space="nn")
def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Like `alpha_dropout`, for whole channels of ``input`` (N, C, ...).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> x = ag.ones(2, 3, 4); nn.functional.feature_alpha_dropout(x) is x
    True
    """
    _check(input, p)
    if input.ndim < 2:
        raise ShapeError(f"feature_alpha_dropout expected (N, C, ...), got {list(input.shape)}")
    shape = (*input.shape[:2], *(1,) * (input.ndim - 2))
    return _alpha_drop(input, p, shape, inplace) if training and p > 0 else input
