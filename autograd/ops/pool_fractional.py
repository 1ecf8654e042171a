"""Fractional max pooling: windows at random distances, for any output size (Graham, 2014)."""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.errors import ShapeError
from autograd.op import Array, composite, op
from autograd.ops.conv import AXES, per_axis
from autograd.ops.pool_max import distinct, scatter_plane
from autograd.ops.windows import check_plane
from autograd.random import uniform_array
from autograd.tensor import Tensor, wrap


def _starts(samples, n: int, size: int, kernel: int):
    """Where `size` windows start along an axis of `n`, for each of the random numbers given."""
    last = np.full((*samples.shape, 1), n - kernel)
    if size == 1:
        return last
    step = (n - kernel) / (size - 1)
    places = np.arange(size - 1) + samples[..., None]
    first = (places * step).astype(np.int64) - (samples[..., None] * step).astype(np.int64)
    return np.concatenate([first, last], axis=-1)


def _indexed(axes: int):
    """The op on so many axes that returns, as residual, the indices of what it chose."""

    def forward(input: Array, samples: np.ndarray, kernel_size: tuple, output_size: tuple):
        """Return the largest element of each window and, as residual, its index."""
        space = input.shape[2:]
        # The random numbers for images come in the order of x and y, those for volumes do not.
        columns = samples[..., ::-1] if axes == 2 else samples
        starts = [
            _starts(columns[..., a], space[a], output_size[a], kernel_size[a]) for a in range(axes)
        ]
        return kernels.pool.max_at(input, starts, kernel_size)

    name = f"fractional_max_pool{axes}d"
    forward.__name__ = f"{name}_indexed"

    def tries(rng):
        shape = (1, 2, *(1,) * (axes - 2), 4, 5)
        settings = {
            "samples": rng.random((1, 2, axes)),
            "kernel_size": (*(1,) * (axes - 2), 2, 2),
            "output_size": (*(1,) * (axes - 2), 2, 3),
        }
        yield (distinct(rng, *shape),), settings

    made = op(samples=tries, residuals=("indices",), space="internal", shown_as=name)(forward)
    made.vjp(input=lambda g, indices, input_shape: scatter_plane(g, indices, input_shape[2:]))
    return made


_INDEXED = {axes: _indexed(axes) for axes in (2, 3)}


def _pool(axes, input, kernel_size, output_size, output_ratio, return_indices, samples):
    name = f"fractional_max_pool{axes}d"
    check_plane(input, axes)
    if (output_size is None) == (output_ratio is None):
        raise ValueError(f"{name} expected either output_size or output_ratio")
    kernel = per_axis(kernel_size, "kernel_size", 1, axes)
    images = input if input.ndim == axes + 2 else input[None]
    space = tuple(images.shape[2:])
    if output_ratio is not None:
        ratios = tuple(output_ratio) if hasattr(output_ratio, "__iter__") else (output_ratio,)
        ratios = ratios * axes if len(ratios) == 1 else ratios
        if len(ratios) != axes or not all(0 < ratio < 1 for ratio in ratios):
            raise ValueError(f"{name} expected ratios between 0 and 1, got {output_ratio!r}")
        output_size = tuple(math.floor(n * r) for n, r in zip(space, ratios, strict=True))
    size = per_axis(output_size, "output_size", 1, axes)
    if any(m + k - 1 > n for m, k, n in zip(size, kernel, space, strict=True)):
        raise ShapeError(
            f"{name} cannot cut {size} windows of {kernel} from an input ({AXES[axes]}) of {space}"
        )
    if samples is None:
        random = uniform_array(None, (*images.shape[:2], axes), "float64")
    else:
        random = samples.array if isinstance(samples, Tensor) else samples
        random = random[: len(images)]  # PyTorch takes more than it needs
        if random.shape != (*images.shape[:2], axes):
            raise ShapeError(
                f"{name} expected _random_samples of shape {(*images.shape[:2], axes)}, "
                f"got {random.shape}"
            )
    out, (indices,) = _INDEXED[axes].full(images, random, kernel, size)
    if images is not input:
        out, indices = out[0], indices[0]
    if not return_indices:
        return out
    return out, wrap(indices) if isinstance(input, Tensor) else indices


def _samples(axes: int):
    def samples(rng):
        yield (
            (distinct(rng, 1, 2, *(3,) * (axes - 2), 4, 4),),
            {"kernel_size": 2, "output_size": 2},
        )

    return samples


@composite(samples=_samples(2), space="nn")
def fractional_max_pool2d(
    input,
    kernel_size: int | tuple,
    output_size=None,
    output_ratio=None,
    return_indices: bool = False,
    _random_samples=None,
) -> Array | tuple[Array, Array]:
    """Return the largest element of windows that lie at random distances in images (N, C, H, W).

    Parameters
    ----------
    kernel_size : int or pair
    output_size, output_ratio : number or pair
        How many windows, or how many for each pixel of the input (between 0 and 1): one of the two.
    return_indices : bool, default False
        Return ``(out, indices)``, as `max_pool2d` does.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.fractional_max_pool2d(ag.ones(1, 3, 9, 9), 2, output_ratio=0.7).shape
    (1, 3, 6, 6)
    """
    return _pool(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


@composite(samples=_samples(3), space="nn")
def fractional_max_pool3d(
    input,
    kernel_size: int | tuple,
    output_size=None,
    output_ratio=None,
    return_indices: bool = False,
    _random_samples=None,
) -> Array | tuple[Array, Array]:
    """Return `fractional_max_pool2d` of volumes (N, C, D, H, W).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.fractional_max_pool3d(ag.ones(1, 3, 5, 9, 9), 2, output_size=(2, 6, 6)).shape
    (1, 3, 2, 6, 6)
    """
    return _pool(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)
