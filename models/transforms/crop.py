"""Cutting out, padding and resizing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from models.transforms.base import BatchTransform, RandomTransform, Transform


class Pad(Transform):
    """Add a margin of `padding` pixels, or (left, top, right, bottom), filled with `fill`.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.Pad(2)(np.ones((1, 28, 28))).shape
    (1, 32, 32)
    """

    def __init__(self, padding: int | Sequence[int], fill: float = 0):
        sides = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
        if len(sides) == 2:
            sides = sides * 2
        if len(sides) != 4 or min(sides) < 0:
            raise ValueError(f"Pad expected 1, 2 or 4 widths of at least 0, got {padding}")
        self.padding, self.fill = sides, fill

    def apply(self, image):
        left, top, right, bottom = self.padding
        width = [(0, 0)] * (image.ndim - 2) + [(top, bottom), (left, right)]
        return np.pad(image, width, constant_values=self.fill)

    apply_batch = apply


class CenterCrop(Transform):
    """Cut a square of side `size` (or height and width) out of the middle.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.CenterCrop(1)(np.arange(9).reshape(3, 3))
    array([[4]])
    """

    def __init__(self, size):
        self.size = _pair(size)

    def apply(self, image):
        (height, width), (high, wide) = self.size, image.shape[-2:]
        _check_room("CenterCrop", self.size, image)
        top, left = round((high - height) / 2), round((wide - width) / 2)
        return image[..., top : top + height, left : left + width]

    apply_batch = apply


class RandomCrop(BatchTransform):
    """Cut out a square of side `size` (or height and width) at a random place, after padding.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.RandomCrop(32, padding=2)(np.ones((1, 32, 32))).shape
    (1, 32, 32)
    """

    def __init__(self, size, padding: int = 0, fill: float = 0, generator=None):
        super().__init__(generator)
        self.size = _pair(size)
        self.padding, self.fill = padding, fill

    def apply_batch(self, images):
        images = Pad(self.padding, self.fill).apply(images)
        (height, width), (high, wide) = self.size, images.shape[-2:]
        _check_room("RandomCrop", self.size, images)
        top = self.random.integers(high - height + 1, size=len(images)).tolist()
        left = self.random.integers(wide - width + 1, size=len(images)).tolist()
        out = np.empty((*images.shape[:-2], height, width), images.dtype)
        for i, (y, x) in enumerate(zip(top, left, strict=True)):
            out[i] = images[i, ..., y : y + height, x : x + width]
        return out


class Resize(Transform):
    """Interpolate bilinearly to `size`: the shorter side, or height and width.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.Resize((1, 4))(np.array([[0.0, 4.0]]))
    array([[0., 1., 3., 4.]])
    """

    def __init__(self, size):
        self.size = size if isinstance(size, int) else _pair(size)

    def apply(self, image):
        if not isinstance(self.size, int):
            return resized(image, *self.size)
        high, wide = image.shape[-2:]
        factor = self.size / min(high, wide)
        return resized(image, *(self.size if n == min(high, wide) else int(n * factor)
                                for n in (high, wide)))  # fmt: skip

    apply_batch = apply


class RandomResizedCrop(RandomTransform):
    """Cut out a random part of the image and resize it to `size` (Szegedy et al. 2015).

    The part covers between ``scale[0]`` and ``scale[1]`` of the image; its width is between
    ``ratio[0]`` and ``ratio[1]`` times its height.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.RandomResizedCrop(8)(np.ones((3, 20, 30))).shape
    (3, 8, 8)
    """

    def __init__(self, size, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3), generator=None):
        super().__init__(generator)
        self.size, self.scale, self.ratio = _pair(size), tuple(scale), tuple(ratio)

    def apply(self, image):
        top, left, height, width = self._part(*image.shape[-2:])
        return resized(image[..., top : top + height, left : left + width], *self.size)

    def _part(self, high: int, wide: int) -> tuple[int, int, int, int]:
        for _ in range(10):
            area = self.random.uniform(*self.scale) * high * wide
            ratio = math.exp(self.random.uniform(*np.log(self.ratio)))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < width <= wide and 0 < height <= high:
                top = int(self.random.integers(high - height + 1))
                return top, int(self.random.integers(wide - width + 1)), height, width
        # No luck: the largest part from the middle with a ratio in range.
        low, most = self.ratio
        width = min(wide, round(high * most))
        height = min(high, round(wide / low))
        return (high - height) // 2, (wide - width) // 2, height, width


def resized(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return the image interpolated bilinearly to height x width; pixels are little squares."""
    out = image.astype(np.float64)
    for axis, new in ((-2, height), (-1, width)):
        old = image.shape[axis]
        place = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
        before = np.floor(place).astype(int)
        part = place - before
        part = part[:, None] if axis == -2 else part
        after = np.minimum(before + 1, old - 1)
        out = out.take(before, axis) * (1 - part) + out.take(after, axis) * part
    return as_dtype(out, image.dtype)


def as_dtype(image: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return computed pixels in the dtype of the image, rounded if those are integers."""
    return (np.rint(image) if np.dtype(dtype).kind in "iu" else image).astype(dtype)


def _pair(size) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def _check_room(name: str, size: tuple[int, int], image: np.ndarray) -> None:
    high, wide = image.shape[-2:]
    if size[0] > high or size[1] > wide:
        raise ValueError(f"{name} expected at least {size} pixels, got {(high, wide)}")
