"""Transforms of single images, for data sets and for augmentation, named as torchvision names them.

Each takes a Tensor or an array whose last two axes are height and width, and returns the same kind;
only `ToTensor` also takes height x width x channels. Random ones draw from the generator they are
given, else from the default one, so a seed settles them and a checkpoint can restore them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import autograd as ag


class Transform:
    """A function on images; subclasses define `apply` on arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from models.transforms import Transform
    >>> class Invert(Transform):
    ...     def apply(self, image):
    ...         return 1 - image
    >>> Invert()(np.ones(2))
    array([0., 0.])
    """

    def __call__(self, image):
        if isinstance(image, ag.Tensor):
            return ag.as_tensor(self.apply(image.array))
        return self.apply(image)

    def apply(self, image: np.ndarray) -> np.ndarray:
        raise NotImplementedError(f"{type(self).__name__} does not define apply()")

    def __repr__(self) -> str:
        shown = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


class RandomTransform(Transform):
    """A transform that draws its random numbers from `generator`."""

    def __init__(self, generator: ag.Generator | None = None):
        self._generator = generator

    @property
    def random(self) -> np.random.Generator:
        """The stream to draw from."""
        return (self._generator or ag.default_generator()).numpy


class Compose(Transform):
    """Apply several transforms in turn.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> both = transforms.Compose([transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])
    >>> both(np.array([[0, 255]], dtype=np.uint8))
    tensor([[[-1.,  1.]]], shape=(1, 1, 2))
    """

    def __init__(self, transforms: Sequence[Callable]):
        self.transforms = list(transforms)

    def __call__(self, image):
        for transform in self.transforms:
            image = transform(image)
        return image


class Lambda(Transform):
    """Apply any function.

    Examples
    --------
    >>> from models import transforms
    >>> transforms.Lambda(lambda image: image + 1)(1)
    2
    """

    def __init__(self, lambd: Callable[[Any], Any]):
        self.lambd = lambd

    def __call__(self, image):
        return self.lambd(image)


class ToTensor(Transform):
    """Make a float tensor of shape (channels, height, width); bytes become numbers from 0 to 1.

    An array is taken as height x width (x channels), a tensor as (channels x) height x width.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.ToTensor()(np.zeros((5, 4, 3), np.uint8)).shape
    (3, 5, 4)
    """

    def __call__(self, image) -> ag.Tensor:
        array = image.array if isinstance(image, ag.Tensor) else np.asarray(image)
        if array.ndim not in (2, 3):
            raise ValueError(f"ToTensor expected an image of 2 or 3 axes, got shape {array.shape}")
        if array.ndim == 2:
            array = array[None]
        elif not isinstance(image, ag.Tensor):
            array = array.transpose(2, 0, 1)
        dtype = ag.get_default_dtype()
        scale = 255 if array.dtype == np.uint8 else 1
        return ag.from_numpy(np.ascontiguousarray(array, dtype) / dtype.type(scale))


class Normalize(Transform):
    """Subtract `mean` and divide by `std`: one number, or one for each channel.

    Examples
    --------
    >>> import autograd as ag
    >>> from models import transforms
    >>> transforms.Normalize((0.0, 1.0), (1.0, 2.0))(ag.ones(2, 1, 1)).reshape(-1)
    tensor([1., 0.])
    """

    def __init__(self, mean, std):
        self.mean, self.std = mean, std
        if not np.all(np.asarray(std) > 0):
            raise ValueError(f"Normalize expected standard deviations above 0, got {std}")

    def apply(self, image):
        mean = np.asarray(self.mean, image.dtype).reshape(-1, 1, 1)
        std = np.asarray(self.std, image.dtype).reshape(-1, 1, 1)
        return (image - mean) / std


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


class RandomCrop(RandomTransform):
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
        self.size = (size, size) if isinstance(size, int) else tuple(size)
        self.padding, self.fill = padding, fill

    def apply(self, image):
        image = Pad(self.padding, self.fill).apply(image)
        (height, width), (high, wide) = self.size, image.shape[-2:]
        if height > high or width > wide:
            raise ValueError(f"RandomCrop expected at least {self.size} pixels, got {(high, wide)}")
        top = int(self.random.integers(high - height + 1))
        left = int(self.random.integers(wide - width + 1))
        return image[..., top : top + height, left : left + width]


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


def rotated(image: np.ndarray, angle: float, fill: float = 0) -> np.ndarray:
    """Return the image turned counter-clockwise by `angle` radians, in its own frame and dtype."""
    height, width = image.shape[-2:]
    y, x = np.mgrid[:height, :width]
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    # Where each new pixel comes from: turn back. The y axis of an image points down.
    cos, sin = math.cos(angle), math.sin(angle)
    row = (cos * y + sin * x) + (height - 1) / 2
    column = (cos * x - sin * y) + (width - 1) / 2
    row, column = np.round(row, 9), np.round(column, 9)  # so that quarter turns are exact
    top, left = np.floor(row).astype(int), np.floor(column).astype(int)
    down, right = row - top, column - left
    framed = Pad(1, fill).apply(image).astype(np.float64)

    def pixels(rows, columns):
        return framed[..., np.clip(rows + 1, 0, height + 1), np.clip(columns + 1, 0, width + 1)]

    upper = (1 - right) * pixels(top, left) + right * pixels(top, left + 1)
    lower = (1 - right) * pixels(top + 1, left) + right * pixels(top + 1, left + 1)
    return ((1 - down) * upper + down * lower).astype(image.dtype)


class GaussianNoise(RandomTransform):
    """Add normal noise of mean `mean` and standard deviation `sigma`.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> transforms.GaussianNoise(sigma=0)(np.ones(2))
    array([1., 1.])
    """

    def __init__(self, mean: float = 0.0, sigma: float = 0.1, generator=None):
        super().__init__(generator)
        self.mean, self.sigma = mean, sigma

    def apply(self, image):
        if image.dtype.kind != "f":
            raise TypeError(f"GaussianNoise expected floats, got {image.dtype}: use ToTensor first")
        noise = self.mean + self.sigma * self.random.standard_normal(image.shape)
        return image + noise.astype(image.dtype)


class RandomErasing(RandomTransform):
    """With probability `p`, overwrite a rectangle at a random place with `value`.

    Zhong, Zheng, Kang, Li and Yang (2020). The rectangle covers a part between ``scale[0]`` and
    ``scale[1]`` of the image; its height is between ``ratio[0]`` and ``ratio[1]`` times its width.

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> erased = transforms.RandomErasing(p=1)(np.ones((1, 8, 8)))
    >>> 0 < int((erased == 0).sum()) < 64
    True
    """

    def __init__(
        self, p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3), value: float = 0, generator=None
    ):
        super().__init__(generator)
        self.p, self.scale, self.ratio, self.value = p, tuple(scale), tuple(ratio), value

    def apply(self, image):
        if self.random.random() >= self.p:
            return image
        high, wide = image.shape[-2:]
        area = self.random.uniform(*self.scale) * high * wide
        ratio = math.exp(self.random.uniform(*np.log(self.ratio)))
        height = min(max(round(math.sqrt(area * ratio)), 1), high)
        width = min(max(round(math.sqrt(area / ratio)), 1), wide)
        top = int(self.random.integers(high - height + 1))
        left = int(self.random.integers(wide - width + 1))
        image = image.copy()
        image[..., top : top + height, left : left + width] = self.value
        return image
