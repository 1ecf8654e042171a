"""Interpolation: signals, images and volumes in another size.

Every mode works along one axis after the other, and along each is linear: a new element is a
weighted sum of a few old ones, its taps. The mode says which and how much; `resample` does it, and
its adjoint is its gradient. So everything here can be differentiated any number of times.
"""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.cast import clone
from autograd.ops.pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d

_PLACES, _WEIGHTS = np.array([[0, 1], [1, 2], [2, 2], [0, 3]]), np.array([[0.5, 0.5], [0.25, 0.75]])
_TAPS = {"places": _PLACES, "weights": np.concatenate([_WEIGHTS, _WEIGHTS - 1])}


def _samples(rng):
    yield (rng.normal(size=(2, 4)),), {**_TAPS, "axis": -1}
    yield (rng.normal(size=(1, 5, 2)),), {**_TAPS, "axis": -2}


@op(samples=_samples, space="internal", shown_as="interpolate")
def resample(input: Array, places: np.ndarray, weights: np.ndarray, axis: int):
    """Sum ``weights[i, t] * input[places[i, t]]`` over t, for each new element i of an axis."""
    return kernels.resample.forward(input, places, weights, axis)


def _adjoint_samples(rng):
    yield (rng.normal(size=(2, 4)),), {**_TAPS, "axis": -1, "length": 4}
    yield (rng.normal(size=(4, 2)),), {**_TAPS, "axis": -2, "length": 5}


@op(samples=_adjoint_samples, space="internal", shown_as="interpolate")
def resample_adjoint(input: Array, places: np.ndarray, weights: np.ndarray, axis: int, length: int):
    """Add each element, weighted, to its taps in an axis of so many zeros."""
    return kernels.resample.adjoint(input, places, weights, axis, length)


resample.vjp(
    input=lambda g, input_shape, places, weights, axis: resample_adjoint(
        g, places, weights, axis, input_shape[axis]
    )
)
resample_adjoint.vjp(
    input=lambda g, places, weights, axis: resample(g, places, weights, axis),
)


# -- the taps of one axis: from `n` elements to `m`, `scale` old elements a new one ----------------


def _nearest(n: int, m: int, scale: float, offset: float) -> tuple:
    # PyTorch finds the place in single precision, which decides where it falls between two.
    single = np.float32(scale)
    places = np.floor((np.arange(m, dtype=np.float32) + np.float32(offset)) * single)
    return np.minimum(places.astype(np.int64), n - 1)[:, None], np.ones((m, 1))


def _positions(m: int, scale: float, align_corners: bool) -> np.ndarray:
    """Where the new elements lie among the old ones."""
    return np.arange(m) * scale if align_corners else (np.arange(m) + 0.5) * scale - 0.5


def _linear(n: int, m: int, scale: float, align_corners: bool) -> tuple:
    position = np.maximum(_positions(m, scale, align_corners), 0)
    before = np.minimum(position.astype(np.int64), n - 1)
    share = np.clip(position - before, 0, 1)
    places = np.stack([before, np.minimum(before + 1, n - 1)], axis=1)
    return places, np.stack([1 - share, share], axis=1)


def cubic(distance, a: float):
    """Keys' kernel (1981), which reaches two elements to either side; `a` is its slope at one."""
    x = abs(distance)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def _cubic(n: int, m: int, scale: float, align_corners: bool) -> tuple:
    position = _positions(m, scale, align_corners)
    before = np.minimum(np.floor(position).astype(np.int64), n - 1)
    share = np.clip(position - before, 0, 1)
    steps = np.arange(-1, 3)
    weights = cubic(share[:, None] - steps, -0.75)
    return np.clip(before[:, None] + steps, 0, n - 1), weights


def _smoothed(n: int, m: int, scale: float, mode: str) -> tuple:
    """Taps for making smaller without aliasing: the kernel widens with the step between elements.

    As in Pillow, whose cubic kernel has slope -0.5.
    """
    reach = (1 if mode == "bilinear" else 2) * max(scale, 1.0)
    centre = scale * (np.arange(m) + 0.5)  # with align_corners too, as in PyTorch
    first = np.maximum((centre - reach + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + reach + 0.5).astype(np.int64), n)
    places = first[:, None] + np.arange((last - first).max())
    distance = (places - centre[:, None] + 0.5) / max(scale, 1.0)
    kernel = np.maximum(1 - abs(distance), 0) if mode == "bilinear" else cubic(distance, -0.5)
    weights = np.where(places < last[:, None], kernel, 0.0)
    return np.minimum(places, last[:, None] - 1), weights / weights.sum(axis=1, keepdims=True)


def _taps(n: int, m: int, factor: float | None, mode: str, align_corners: bool, antialias: bool):
    """The taps along an axis."""
    if mode in ("nearest", "nearest-exact"):
        scale = n / m if factor is None else 1 / factor
        return _nearest(n, m, scale, 0.0 if mode == "nearest" else 0.5)
    if align_corners:
        scale = (n - 1) / (m - 1) if m > 1 else 0.0
    else:
        scale = n / m if factor is None else 1 / factor
    if antialias:
        return _smoothed(n, m, scale, mode)
    return (_cubic if mode == "bicubic" else _linear)(n, m, scale, align_corners)


def _moves(mode: str, axes: int, antialias: bool) -> bool:
    """Whether a factor that leaves an axis its size, 1.1 of 5, still moves elements in PyTorch."""
    return (mode == "nearest" and axes != 2) or (mode == "bicubic" and not antialias)


# -- the public function ---------------------------------------------------------------------------

_AXES = {  # how many axes of space each mode is for
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}


def _check(input, mode: str, align_corners, antialias: bool) -> int:
    """Refuse settings that do not go together; return how many axes of space there are."""
    axes = input.ndim - 2
    if mode not in _AXES:
        raise ValueError(f"interpolate expected a mode of {', '.join(_AXES)}, got {mode!r}")
    if axes not in _AXES[mode]:
        wanted = " or ".join(str(n + 2) for n in _AXES[mode])
        raise ShapeError(
            f"interpolate expected an input of {wanted} dimensions (N, C, ...) for mode {mode!r}, "
            f"got shape {list(input.shape)}"
        )
    if align_corners is not None and mode in ("nearest", "nearest-exact", "area"):
        raise ValueError(f"interpolate takes no align_corners in mode {mode!r}")
    if antialias and mode not in ("bilinear", "bicubic"):
        raise ValueError(
            f"interpolate takes antialias in the modes 'bilinear' and 'bicubic', not in {mode!r}"
        )
    if input.dtype.kind != "f":
        raise DtypeError(f"interpolate expected floats, got {input.dtype}: convert with .float()")
    if 0 in input.shape[1:]:
        raise ShapeError(f"interpolate expected elements, got shape {list(input.shape)}")
    return axes


def _each(value, axes: int, name: str) -> tuple:
    """A number, or one for each axis, as one for each axis."""
    values = tuple(value) if hasattr(value, "__iter__") else (value,) * axes
    if len(values) != axes:
        raise ShapeError(f"interpolate expected {axes} numbers for {name}, got {value!r}")
    return values


def _target(space, size, scale_factor, recompute: bool | None) -> tuple:
    """The new size, and the factors to compute places with where the sizes do not decide."""
    axes = len(space)
    if (size is None) == (scale_factor is None):
        raise ValueError("interpolate expected either size or scale_factor")
    factors: tuple = (None,) * axes
    if size is not None:
        if recompute:
            raise ValueError("interpolate takes recompute_scale_factor with scale_factor only")
        sizes = _each(size, axes, "size")
    else:
        factors = tuple(float(f) for f in _each(scale_factor, axes, "scale_factor"))
        sizes = tuple(math.floor(n * f) for n, f in zip(space, factors, strict=True))
    if any(n < 1 for n in sizes):
        raise ShapeError(f"interpolate would make an output of size {sizes}")
    return sizes, (None,) * axes if recompute else factors


def _interpolate_samples(rng):
    yield (rng.normal(size=(1, 2, 4)),), {"scale_factor": 1.5}
    yield (rng.normal(size=(1, 1, 3, 4)),), {"size": (5, 3), "mode": "bilinear"}
    yield (
        (rng.normal(size=(1, 1, 3, 2)),),
        {"size": 4, "mode": "bicubic", "align_corners": True},
    )
    yield (rng.normal(size=(1, 1, 2, 2, 3)),), {"scale_factor": (2, 1, 0.7), "mode": "trilinear"}


def _all_samples(rng):
    yield from _interpolate_samples(rng)
    yield (rng.normal(size=(1, 1, 5, 4)),), {"size": 2, "mode": "bilinear", "antialias": True}


@composite(samples=_all_samples, space="nn")
def interpolate(
    input,
    size=None,
    scale_factor: float | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
):
    """Return signals (N, C, L), images (N, C, H, W) or volumes (N, C, D, H, W) in another size.

    Parameters
    ----------
    size, scale_factor : number, or one for each axis
        The new size, or how many times the old one it is: one of the two.
    mode : str, default "nearest"
        ``"nearest"``, ``"nearest-exact"`` (rounding as other libraries do) and ``"area"`` (means)
        for all; ``"linear"`` for signals, ``"bilinear"`` and ``"bicubic"`` for images,
        ``"trilinear"`` for volumes.
    align_corners : bool, default False
        Whether the outermost elements are points that stay in place, or squares whose outer edges
        do. For the linear and cubic modes.
    recompute_scale_factor : bool, optional
        Whether places follow from the sizes, where `scale_factor` does not give whole ones.
    antialias : bool, default False
        Smooth while making smaller. For ``"bilinear"`` and ``"bicubic"``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> signal = ag.tensor([[[0.0, 1.0]]])
    >>> nn.functional.interpolate(signal, size=3, mode="linear", align_corners=True).reshape(3)
    tensor([0. , 0.5, 1. ])
    """
    axes = _check(input, mode, align_corners, antialias)
    space = tuple(input.shape[2:])
    sizes, factors = _target(space, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[axes - 1](
            input, sizes
        )
    out = input
    for axis in range(axes):
        n, m, factor = space[axis], sizes[axis], factors[axis]
        if n != m or (factor not in (None, 1.0) and _moves(mode, axes, antialias)):
            places, weights = _taps(n, m, factor, mode, bool(align_corners), antialias)
            out = resample(out, places, weights, axis - axes)
    return clone(input) if out is input else out


@composite(samples=_interpolate_samples, space="nn")
def upsample(
    input,
    size=None,
    scale_factor: float | None = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
):
    """Return `interpolate` of the same arguments, under its earlier name.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.upsample(ag.tensor([[[1.0, 2.0]]]), scale_factor=2).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """
    return interpolate(input, size, scale_factor, mode, align_corners)


def _enlarged(rng):
    yield (rng.normal(size=(1, 2, 2, 3)),), {"scale_factor": 2}
    yield (rng.normal(size=(1, 1, 2, 3)),), {"size": (3, 4)}


@composite(samples=_enlarged, space="nn")
def upsample_nearest(input, size=None, scale_factor=None):
    """Return `interpolate` with the mode "nearest", under its earlier name.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.upsample_nearest(ag.tensor([[[1.0, 2.0]]]), size=4).tolist()
    [[[1.0, 1.0, 2.0, 2.0]]]
    """
    return interpolate(input, size, scale_factor)


@composite(samples=_enlarged, space="nn")
def upsample_bilinear(input, size=None, scale_factor=None):
    """Return `interpolate` with the mode "bilinear" and the corners in place.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.upsample_bilinear(ag.tensor([[[[0.0, 1.0]]]]), size=(1, 3)).tolist()
    [[[[0.0, 0.5, 1.0]]]]
    """
    return interpolate(input, size, scale_factor, "bilinear", align_corners=True)
