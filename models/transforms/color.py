"""Colours: brightness, contrast, saturation and hue."""

from __future__ import annotations

import numpy as np

from models.transforms.base import RandomTransform
from models.transforms.crop import as_dtype

LUMA = (0.2989, 0.587, 0.114)  # how bright red, green and blue look (ITU-R BT.601)


class ColorJitter(RandomTransform):
    """Change brightness, contrast, saturation and hue by random amounts, in random order.

    Images have three channels, red, green and blue, or one, whose saturation and hue stay; floats
    go from 0 to 1.

    Parameters
    ----------
    brightness, contrast, saturation : number or (number, number)
        Multiply by a factor in this range, or in ``[max(0, 1 - number), 1 + number]``: the image,
        its differences from the mean brightness, its differences from its greys.
    hue : number or (number, number)
        Turn the colours by a part of the colour circle in this range, within -0.5 and 0.5, or by up
        to this much either way.
    generator : Generator, optional

    Examples
    --------
    >>> import numpy as np
    >>> from models import transforms
    >>> red = np.array([1.0, 0.0, 0.0]).reshape(3, 1, 1)
    >>> transforms.ColorJitter(hue=(0.5, 0.5))(red).reshape(-1)
    array([0., 1., 1.])
    """

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0, generator=None):
        super().__init__(generator)
        self.brightness = _range("brightness", brightness, 1)
        self.contrast = _range("contrast", contrast, 1)
        self.saturation = _range("saturation", saturation, 1)
        self.hue = _range("hue", hue, 0)

    def apply(self, image):
        if image.ndim < 3 or image.shape[-3] not in (1, 3):
            raise ValueError(f"ColorJitter expected 1 or 3 channels, got shape {image.shape}")
        most = np.iinfo(image.dtype).max if image.dtype.kind in "iu" else 1.0
        out = image.astype(np.float64) / most
        steps = (
            (self.brightness, brightened, 1),
            (self.contrast, contrasted, 1),
            (self.saturation, saturated, 1),
            (self.hue, turned, 0),
        )
        for i in self.random.permutation(len(steps)):
            limits, change, neutral = steps[i]
            if limits != (neutral, neutral):
                out = change(out, self.random.uniform(*limits))
        return as_dtype(out * most, image.dtype)


def brightened(image: np.ndarray, factor: float) -> np.ndarray:
    """Return the image times `factor`."""
    return np.clip(image * factor, 0, 1)


def contrasted(image: np.ndarray, factor: float) -> np.ndarray:
    """Return the image with its differences from the mean brightness times `factor`."""
    mean = greys(image).mean(axis=(-3, -2, -1), keepdims=True)
    return np.clip(mean + factor * (image - mean), 0, 1)


def saturated(image: np.ndarray, factor: float) -> np.ndarray:
    """Return the image with its differences from its greys times `factor`."""
    grey = greys(image)
    return np.clip(grey + factor * (image - grey), 0, 1)


def greys(image: np.ndarray) -> np.ndarray:
    """Return how bright each pixel looks, as one channel."""
    if image.shape[-3] == 1:
        return image
    return np.einsum("...chw,c->...hw", image, LUMA)[..., None, :, :]


def turned(image: np.ndarray, part: float) -> np.ndarray:
    """Return the image with its hues turned by a part of the colour circle.

    In the hexagon of Smith (1978) a channel's value depends on how far the hue is from its own.
    """
    if image.shape[-3] == 1:
        return image
    value = image.max(axis=-3)
    chroma = value - image.min(axis=-3)
    red, green, blue = np.moveaxis(image, -3, 0)
    some = np.where(chroma > 0, chroma, 1.0)
    sixths = np.where(
        value == red,
        (green - blue) / some,
        np.where(value == green, 2 + (blue - red) / some, 4 + (red - green) / some),
    )
    sixths = sixths + 6 * part
    channels = []
    for own in (5, 3, 1):
        distance = np.mod(own + sixths, 6)
        less = np.clip(np.minimum(distance, 4 - distance), 0, 1)
        channels.append(value - chroma * less)
    return np.stack(channels, axis=-3)


def _range(name: str, value, centre: float) -> tuple[float, float]:
    """The range that one number, or a pair, stands for."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ValueError(f"{name} expected a number >= 0 or a range, got {value}")
        value = (centre - value, centre + value)
        if centre:
            value = (max(value[0], 0.0), value[1])
    low, high = value
    least, most = (0.0, np.inf) if centre else (-0.5, 0.5)
    if not least <= low <= high <= most:
        raise ValueError(f"{name} expected a range within {least} and {most}, got {tuple(value)}")
    return low, high
