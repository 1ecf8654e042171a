"""Flips, rotations and other affine maps."""

from __future__ import annotations

import math

import numpy as np

from models.transforms.base import RandomTransform
from models.transforms.crop import Pad, as_dtype


class RandomHorizontalFlip(RandomTransform):
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

    def apply(self, image):
        return np.ascontiguousarray(image[..., ::-1]) if self.random.random() < self.p else image


class RandomVerticalFlip(RandomTransform):
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

    def apply(self, image):
        return np.ascontiguousarray(image[..., ::-1, :]) if self.random.random() < self.p else image


class RandomRotation(RandomTransform):
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

    def apply(self, image):
        angle = math.radians(self.random.uniform(*self.degrees))
        return rotated(image, angle, self.fill)


class RandomAffine(RandomTransform):
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

    def apply(self, image):
        uniform, (high, wide) = self.random.uniform, image.shape[-2:]
        turn = rotation(math.radians(uniform(*self.degrees)))
        across, down = (
            uniform(-part, part) * n for part, n in zip(self.translate, (wide, high), strict=True)
        )
        factor = uniform(*self.scale)
        along_x, along_y = (math.tan(math.radians(uniform(*self.shear[i : i + 2]))) for i in (0, 2))
        matrix = factor * turn @ np.array([[1, along_y], [along_x, 1]])
        return warped(image, matrix, (down, across), self.fill)


def _range(value) -> tuple:
    return (-value, value) if isinstance(value, (int, float)) else tuple(value)


def rotation(angle: float) -> np.ndarray:
    """The matrix that turns (y, x) counter-clockwise by `angle`; the y axis of an image is down."""
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def rotated(image: np.ndarray, angle: float, fill: float = 0) -> np.ndarray:
    """Return the image turned counter-clockwise by `angle` radians, in its own frame and dtype."""
    return warped(image, rotation(angle), (0.0, 0.0), fill)


def warped(image: np.ndarray, matrix: np.ndarray, shift, fill: float = 0) -> np.ndarray:
    """Return the image with (y, x), from its centre, moved to ``matrix @ (y, x) + shift``."""
    height, width = image.shape[-2:]
    y, x = np.mgrid[:height, :width]
    y, x = y - (height - 1) / 2 - shift[0], x - (width - 1) / 2 - shift[1]
    (a, b), (c, d) = np.linalg.inv(matrix)  # where each new pixel comes from
    row, column = a * y + b * x + (height - 1) / 2, c * y + d * x + (width - 1) / 2
    row, column = np.round(row, 9), np.round(column, 9)  # so that quarter turns are exact
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    down, right = row - top, column - left
    framed = Pad(1, fill).apply(image).astype(np.float64)

    def pixels(rows, columns):
        return framed[..., np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)]

    upper = (1 - right) * pixels(top, left) + right * pixels(top, left + 1)
    lower = (1 - right) * pixels(top + 1, left) + right * pixels(top + 1, left + 1)
    return as_dtype((1 - down) * upper + down * lower, image.dtype)
