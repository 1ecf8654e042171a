"""Sampling images and volumes at places given by a grid: spatial transformers.

From Jaderberg et al. (2015). A grid holds places between -1 and 1, x before y before z. All of it
is composed of other ops: reading elements by index, and weights that depend on the grid.
"""

from __future__ import annotations

import itertools

import numpy as np

from autograd.errors import DtypeError, ShapeError
from autograd.op import composite
from autograd.ops.gather import gather
from autograd.ops.resample import cubic
from autograd.tensor import Tensor

_MODES = ("bilinear", "nearest", "bicubic")
_PADDING_MODES = ("zeros", "border", "reflection")


def _values(x) -> np.ndarray:
    """The numbers of a tensor, apart from any graph: what decides which elements are read."""
    return x.array if isinstance(x, Tensor) else x


def _position(x, n: int, align_corners: bool):
    """A place between -1 and 1 in units of the elements of an axis, the first being 0."""
    return (x + 1) * ((n - 1) / 2) if align_corners else ((x + 1) * n - 1) * 0.5


def _bounded(x, n: int):
    """Places moved to the nearest end of the axis if they are outside; there they have no slope."""
    values = _values(x)
    inside = (values > 0) & (values < n - 1)
    return np.where(inside, x, np.clip(values, 0, n - 1))


def _reflected(x, n: int, align_corners: bool):
    """Places mirrored at the ends of the axis: its outer elements, or their outer edges."""
    low, high = (0.0, n - 1.0) if align_corners else (-0.5, n - 0.5)
    if low == high:
        return x * 0
    away = abs(_values(x) - low)
    side = np.where(_values(x) < low, -1.0, 1.0).astype(away.dtype)
    turns = np.floor(away / (high - low))
    start = turns * (high - low)
    # After an odd number of turns the way leads back from the other end.
    odd = turns % 2 == 1
    direction = np.where(odd, -side, side).astype(away.dtype)
    origin = np.where(odd, high + start, low - start).astype(away.dtype)
    return (x - low) * direction + origin


def _kept(x, n: int, padding_mode: str, align_corners: bool):
    """Places brought back to the axis as the padding mode says; "zeros" leaves them outside."""
    if padding_mode == "border":
        return _bounded(x, n)
    if padding_mode == "reflection":
        return _bounded(_reflected(x, n, align_corners), n)
    return x


def _taps(x, n: int, mode: str, padding_mode: str, align_corners: bool) -> list:
    """The elements along one axis that each place reads, as (index, weight) pairs.

    The weight is None where the element counts wholly; an index may lie outside the axis.
    """
    x = _position(x, n, align_corners)
    if mode == "bicubic":
        before = np.floor(_values(x))
        share = x - before
        return [
            (_kept(before + step, n, padding_mode, align_corners), cubic(share - step, -0.75))
            for step in range(-1, 3)
        ]
    x = _kept(x, n, padding_mode, align_corners)
    if mode == "nearest":
        return [(np.rint(_values(x)), None)]
    before = np.floor(_values(x))
    return [(before, before + 1 - x), (before + 1, x - before)]


def _read(flat, indices: list, space: tuple):
    """The elements of (N, C, places) at one index per axis; zero where an index is outside."""
    inside, place = np.ones((), bool), np.zeros((), np.int64)
    for index, n in zip(indices, space, strict=True):
        inside = inside & (index >= 0) & (index <= n - 1)
        # Far away, infinite or NaN: outside, whatever is read in its stead.
        place = place * n + np.nan_to_num(np.clip(index, 0, n - 1)).astype(np.int64)
    rows = place.reshape(len(place), 1, -1)
    rows = np.broadcast_to(rows, (*flat.shape[:2], rows.shape[-1]))
    found = gather(flat, 2, rows).reshape((*flat.shape[:2], *place.shape[1:]))
    return np.where(inside[:, None], found, 0.0)


def _check(input, grid, mode: str, padding_mode: str) -> int:
    """Refuse what does not fit together; return how many axes of space there are."""
    axes = input.ndim - 2
    if mode not in _MODES:
        raise ValueError(f"grid_sample expected a mode of {', '.join(_MODES)}, got {mode!r}")
    if padding_mode not in _PADDING_MODES:
        raise ValueError(
            f"grid_sample expected a padding_mode of {', '.join(_PADDING_MODES)}, "
            f"got {padding_mode!r}"
        )
    if axes not in (2, 3):
        raise ShapeError(
            "grid_sample expected an input (N, C, H, W) or (N, C, D, H, W), got shape "
            f"{list(input.shape)}"
        )
    if grid.ndim != axes + 2 or grid.shape[-1] != axes or len(grid) != len(input):
        wanted = [len(input), *("H_out", "W_out")] if axes == 2 else [len(input), "D_out", "..."]
        raise ShapeError(
            f"grid_sample expected a grid of {axes + 2} dimensions, "
            f"({', '.join(map(str, wanted))}, {axes}), got shape {list(grid.shape)}"
        )
    if mode == "bicubic" and axes == 3:
        raise ValueError("grid_sample takes mode 'bicubic' for images only, not for volumes")
    if input.dtype != grid.dtype or input.dtype.kind != "f":
        raise DtypeError(
            f"grid_sample expected input and grid of one float dtype, got {input.dtype} and "
            f"{grid.dtype}"
        )
    if 0 in input.shape[1:]:
        raise ShapeError(f"grid_sample expected elements, got shape {list(input.shape)}")
    return axes


def _samples(rng):
    image, places = rng.normal(size=(1, 2, 3, 4)), rng.uniform(-1.2, 1.2, size=(1, 2, 2, 2))
    yield (image, places), {"align_corners": False}
    yield (image, places), {"padding_mode": "border", "align_corners": True}
    yield (image, places), {"mode": "bicubic", "padding_mode": "reflection"}
    yield (image, places), {"mode": "nearest"}
    yield (rng.normal(size=(1, 1, 2, 3, 2)), rng.uniform(-1, 1, size=(1, 1, 2, 1, 3))), {}


@composite(samples=_samples, space="nn")
def grid_sample(
    input,
    grid,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
):
    """Return what images or volumes hold at the places of a grid.

    Parameters
    ----------
    input : (N, C, H, W) or (N, C, D, H, W)
    grid : (N, H_out, W_out, 2) or (N, D_out, H_out, W_out, 3)
        Places (x, y) or (x, y, z); -1 and 1 are the ends of an axis.
    mode : {"bilinear", "nearest", "bicubic"}
        How to go between elements; ``"bicubic"`` for images only.
    padding_mode : {"zeros", "border", "reflection"}
        What is outside: zeros, the outermost elements, or a mirror image.
    align_corners : bool, default False
        Whether the ends of an axis are the outermost elements, or their outer edges.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> image = ag.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
    >>> nn.functional.grid_sample(image, ag.zeros(1, 1, 1, 2))
    tensor([[[[2.5]]]], shape=(1, 1, 1, 1))
    """
    axes = _check(input, grid, mode, padding_mode)
    space = tuple(input.shape[2:])
    settings = mode, padding_mode, bool(align_corners)
    # The last number of a place is for the first axis.
    taps = [_taps(grid[..., axes - 1 - a], space[a], *settings) for a in range(axes)]
    flat = input.reshape((*input.shape[:2], -1)) if len(input) else input[..., 0]
    out = 0.0
    for chosen in itertools.product(*taps):
        part = _read(flat, [index for index, _ in chosen], space)
        for _, weight in chosen:
            if weight is not None:
                part = part * weight[:, None]
        out = part + out
    return out


# -- the grid of an affine map ---------------------------------------------------------------------


def _axis(n: int, align_corners: bool, dtype) -> np.ndarray:
    """The places of n elements between -1 and 1."""
    if n <= 1:
        return np.zeros(n, dtype)
    places = np.linspace(-1, 1, n)
    return (places if align_corners else places * ((n - 1) / n)).astype(dtype)


@composite(
    samples=lambda rng: [
        ((rng.normal(size=(2, 2, 3)),), {"size": (2, 1, 2, 3), "align_corners": False}),
        ((rng.normal(size=(1, 3, 4)),), {"size": (1, 1, 2, 1, 2), "align_corners": True}),
    ],
    space="nn",
)
def affine_grid(theta, size: tuple, align_corners: bool | None = None):
    """Return the grid for `grid_sample` that an affine map makes of an even one.

    Parameters
    ----------
    theta : (N, 2, 3) or (N, 3, 4)
        The maps: a matrix, and a shift in the last column.
    size : (N, C, H, W) or (N, C, D, H, W)
        The size of the images to be made.
    align_corners : bool, default False
        As in `grid_sample`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> mirror = ag.tensor([[[-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
    >>> nn.functional.affine_grid(mirror, (1, 1, 1, 2), align_corners=True)[0, 0]
    tensor([[ 1.,  0.],
            [-1.,  0.]], shape=(2, 2))
    """
    axes = len(size) - 2
    if axes not in (2, 3) or any(n < 1 for n in size):
        raise ShapeError(f"affine_grid expected a size of 4 or 5 positive numbers, got {size}")
    if tuple(theta.shape) != (size[0], axes, axes + 1):
        raise ShapeError(
            f"affine_grid expected theta of shape {[size[0], axes, axes + 1]}, "
            f"got {list(theta.shape)}"
        )
    if theta.dtype.kind != "f":
        raise DtypeError(f"affine_grid expected theta of floats, got {theta.dtype}")
    along = [_axis(n, bool(align_corners), theta.dtype) for n in size[2:]]
    places = np.meshgrid(*along, indexing="ij")[::-1]  # x first
    ones = np.ones(tuple(size[2:]), theta.dtype)
    even = np.stack([*places, ones], axis=-1).reshape(-1, axes + 1)
    return np.matmul(even, np.swapaxes(theta, 1, 2)).reshape((size[0], *size[2:], axes))
