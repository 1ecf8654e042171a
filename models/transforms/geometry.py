"""Flips, rotations and other affine maps."""

from __future__ import annotations

import math

import numpy as np

from models.transforms.base import BatchTransform
from models.transforms.crop import as_dtype


class RandomHorizontalFlip(BatchTransform):
    """Mirror left and right with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.RandomHorizontalFlip(p=1)(np.array([[1, 2]]))
    array([[2, 1]])
    """

    def __init__(self, p: float = 0.5, generator=None):
        super().__init__(generator)
        self.p = p

    def apply_batch(self, images):
        chosen, out = self.random.random(len(images)) < self.p, images.copy()
        out[chosen] = images[chosen][..., ::-1]
        return out


class RandomVerticalFlip(BatchTransform):
    """Mirror top and bottom with probability `p`.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.RandomVerticalFlip(p=1)(np.array([[1], [2]]))
    array([[2],
           [1]])
    """

    def __init__(self, p: float = 0.5, generator=None):
        super().__init__(generator)
        self.p = p

    def apply_batch(self, images):
        chosen, out = self.random.random(len(images)) < self.p, images.copy()
        out[chosen] = images[chosen][..., ::-1, :]
        return out


class RandomRotation(BatchTransform):
    """Turn about the centre by an angle between -`degrees` and `degrees` (or from a given pair).

    Pixels are interpolated bilinearly; what comes in from outside is `fill`.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.RandomRotation((90, 90))(np.array([[1.0, 2.0], [3.0, 4.0]])).round(6)
    array([[2., 4.],
           [1., 3.]])
    """

    def __init__(self, degrees, fill: float = 0, generator=None):
        super().__init__(generator)
        self.degrees = (-degrees, degrees) if isinstance(degrees, (int, float)) else tuple(degrees)
        self.fill = fill

    def apply_batch(self, images):
        low, high = self.degrees
        angles = np.radians(self.random.uniform(low, high, len(images)))
        return warped(images, rotation(angles), np.zeros((len(images), 2)), self.fill)


class RandomAffine(BatchTransform):
    """Turn, shift, scale and shear about the centre, by random amounts.

    Pixels are interpolated bilinearly; what comes in from outside is `fill`.

    Parameters
    ----------
    degrees : number or (number, number)
        Turn by an angle in this range, or up to this much either way.
    translate : (float, float), optional
        Shift by up to these parts of width and height, either way.
    scale : (float, float), optional
        Enlarge by a factor in this range.
    shear : number, two or four numbers, optional
        Shear by an angle up to this, in this range, or in one range along x and one along y.
    fill : float, default 0
    generator : Generator, optional

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> double = transforms.RandomAffine(0, scale=(2, 2))
    >>> double(np.array([[0.0, 0.0, 0.0, 0.0], [0.0, 4.0, 4.0, 0.0]] * 2)).shape
    (4, 4)
    """

    def __init__(self, degrees, translate=None, scale=None, shear=None, fill: float = 0,
                 generator=None):  # fmt: skip
        super().__init__(generator)
        self.degrees, self.fill = _range(degrees), fill
        self.translate = (0.0, 0.0) if translate is None else tuple(translate)
        self.scale = (1.0, 1.0) if scale is None else tuple(scale)
        shears = (0, 0) if shear is None else _range(shear)
        self.shear = (*shears, 0, 0) if len(shears) == 2 else shears
        if not all(0 <= part <= 1 for part in self.translate) or len(self.translate) != 2:
            raise ValueError(f"translate expected two numbers from 0 to 1, got {translate}")
        if not all(factor > 0 for factor in self.scale) or len(self.scale) != 2:
            raise ValueError(f"scale expected two numbers above 0, got {scale}")
        if len(self.shear) != 4 or len(self.degrees) != 2:
            raise ValueError(f"expected a number or a range, got {degrees=}, {shear=}")

    def apply_batch(self, images):
        count, (high, wide) = len(images), images.shape[-2:]

        def drawn(low: float, high: float) -> np.ndarray:
            return self.random.uniform(low, high, count)

        turn = rotation(np.radians(drawn(*self.degrees)))
        across, down = (
            drawn(-part * n, part * n) for part, n in zip(self.translate, (wide, high), strict=True)
        )
        factor = drawn(*self.scale)[:, None, None]
        shear = np.tile(np.eye(2), (count, 1, 1))
        shear[:, 1, 0] = np.tan(np.radians(drawn(*self.shear[:2])))
        shear[:, 0, 1] = np.tan(np.radians(drawn(*self.shear[2:])))
        return warped(images, factor * turn @ shear, np.stack([down, across], 1), self.fill)


def _range(value) -> tuple:
    return (-value, value) if isinstance(value, (int, float)) else tuple(value)


def rotation(angle) -> np.ndarray:
    """Matrices, of shape (..., 2, 2), that turn (y, x) counter-clockwise; an image's y is down."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.moveaxis(np.array([[cos, -sin], [sin, cos]]), (0, 1), (-2, -1))


def rotated(image: np.ndarray, angle: float, fill: float = 0) -> np.ndarray:
    """Return the image turned counter-clockwise by `angle` radians, in its own frame and dtype."""
    return warped(image[None], rotation(angle)[None], np.zeros((1, 2)), fill)[0]


def warped(images: np.ndarray, matrices: np.ndarray, shifts: np.ndarray, fill: float = 0):
    """Return images (N, ..., H, W) with (y, x), from the centre, moved to ``M @ (y, x) + shift``.

    Computed in float32 unless the images are float64.
    """
    high, wide = images.shape[-2:]
    dtype = np.float64 if images.dtype == np.float64 else np.float32
    # Where each new pixel comes from. Rounding makes quarter turns exact.
    back = np.linalg.inv(matrices).round(12)
    centre = np.array([high - 1, wide - 1]) / 2
    start = centre - (back @ (centre + shifts)[..., None])[..., 0]
    y: np.ndarray = np.arange(high).astype(dtype)[:, None]
    x: np.ndarray = np.arange(wide).astype(dtype)
    maps: np.ndarray = np.concatenate([back, start[..., None]], -1).round(12).astype(dtype)
    row, column = (
        np.clip(m[:, 0, None, None] * y + m[:, 1, None, None] * x + m[:, 2, None, None], -1, n)
        for m, n in ((maps[:, 0], high), (maps[:, 1], wide))
    )
    top, left = np.floor(row), np.floor(column)
    down, right = row - top, column - left
    # Every image has a frame of `fill`, so that what lies outside needs no case of its own.
    frame = [(0, 0)] * (images.ndim - 2) + [(1, 2), (1, 2)]
    framed = np.pad(images, frame, constant_values=fill).astype(dtype, copy=False)
    line = wide + 3
    channels = math.prod(images.shape[1:-2])
    place = ((top + 1) * line + (left + 1)).astype(np.intp)[:, None]
    first = np.arange(len(images) * channels).reshape(-1, channels, 1, 1) * ((high + 3) * line)
    flat, place = framed.reshape(-1), place + first
    down, right = down[:, None], right[:, None]

    def between(place):
        before = flat.take(place)
        return before + right * (flat.take(place + 1) - before)

    upper = between(place)
    out = upper + down * (between(place + line) - upper)
    return as_dtype(out.reshape(images.shape), images.dtype)
