"""The handwritten digits that come with the package: 1,797 images of 8 x 8 pixels, ten classes.

From the UCI Machine Learning Repository: Optical Recognition of Handwritten Digits, E. Alpaydin and
C. Kaynak (1998), doi 10.24432/C50P49, CC BY 4.0; see models/data/NOTICE. Small enough to be in the
wheel, real enough that a linear classifier gets 2% wrong and a convolutional network 1%.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

import numpy as np

from models.datasets.labelled import Labelled

TRAIN = 1437  # 80%. The file's order is random and never changes, so the split does not either
BRIGHTEST = 16


@cache
def _file() -> tuple[np.ndarray, np.ndarray]:
    source = resources.files("models") / "data" / "digits.npz"
    with source.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        return archive["images"], archive["labels"]


def digits(train=True, size=8, normalise=True, transform=None, target_transform=None) -> Labelled:
    """Return the training part (1,437 images) or the test part (360) of the digits.

    Parameters
    ----------
    train : bool, default True
    size : int, default 8
        Side of the images. Each pixel is repeated as often as fits, the rest is a margin of paper:
        28 is 3 x 8 and a margin of 2, as in MNIST; 32 is 4 x 8.
    normalise : bool, default True
        Subtract the mean and divide by the standard deviation of the training part's pixels. If
        False, pixels are between 0 (paper) and 1 (ink).
    transform, target_transform : callable, optional
        See `models.transforms`.

    Returns
    -------
    Labelled
        Images are float32 of shape (1, size, size).

    Examples
    --------
    >>> from models import datasets
    >>> datasets.digits(train=False, size=32)
    Labelled(360 examples of shape (1, 32, 32), 10 classes)
    """
    if size < 8 or size % 2:
        raise ValueError(f"digits expected an even size of at least 8, got {size}")
    images, labels = _file()
    images = _enlarge(images / np.float32(BRIGHTEST), size)
    if normalise:
        known = images[:TRAIN]
        images = (images - known.mean(dtype=np.float64)) / known.std(dtype=np.float64)
    part = slice(None, TRAIN) if train else slice(TRAIN, None)
    images = np.ascontiguousarray(images[part, None], dtype=np.float32)
    return Labelled(images, labels[part], list("0123456789"), transform, target_transform)


def _enlarge(images: np.ndarray, size: int) -> np.ndarray:
    factor, rest = divmod(size, 8)
    images = np.kron(images, np.ones((1, factor, factor), images.dtype))
    margin = rest // 2
    return np.pad(images, ((0, 0), (margin, margin), (margin, margin)))
