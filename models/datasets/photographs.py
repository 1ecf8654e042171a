"""Pictures in colour to learn colouring from: a photograph, or landscapes drawn by a program.

A photograph of the user's, or one of the two that scikit-learn brings (china.jpg and flower.jpg).
Without any of these there are landscapes: skies, hills, meadows, trees and houses at random places.
They are simple, but honestly so: what colour a thing has depends on its form, its brightness and
what it stands next to, never on its place alone, and a bit of it is chance.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np

from models.datasets.image_folder import load_picture

IN_SCIKIT_LEARN = {"china": "china.jpg", "flower": "flower.jpg"}


def photograph(name: str) -> np.ndarray:
    """The pixels of a photograph, between 0 and 1, of shape (3, height, width); needs Pillow.

    Parameters
    ----------
    name : str
        A file (PNG, JPEG ...), or "china" or "flower", which scikit-learn brings.

    Raises
    ------
    ValueError
        If there is no such file, if it is no picture, or scikit-learn is not installed.

    Examples
    --------
    >>> from models.datasets.photographs import photograph
    >>> photograph("nowhere.jpg")
    Traceback (most recent call last):
    ...
    ValueError: there is no picture nowhere.jpg: give a photo as --data photo.jpg (PNG or JPEG), \
"china" or "flower" where scikit-learn is installed, or "landscapes"
    """
    path = _bundled(IN_SCIKIT_LEARN[name]) if name in IN_SCIKIT_LEARN else Path(name).expanduser()
    if not path.is_file():
        raise ValueError(
            f"there is no picture {path}: give a photo as --data photo.jpg (PNG or JPEG), "
            '"china" or "flower" where scikit-learn is installed, or "landscapes"'
        )
    return load_picture(path).numpy().astype(np.float32) / 255


def _bundled(file: str) -> Path:
    """Where scikit-learn keeps a picture; it need not be imported for that."""
    found = importlib.util.find_spec("sklearn")
    if found is None or found.origin is None:
        return Path(file)
    return Path(found.origin).parent / "datasets" / "images" / file


def patches(picture: np.ndarray, train: bool, count: int, size: int, random) -> np.ndarray:
    """Cut `count` squares out of a picture: to train, from its left four fifths, else the rest.

    Examples
    --------
    >>> import numpy as np
    >>> from models.datasets.photographs import patches
    >>> patches(np.zeros((3, 60, 300)), True, 5, 48, np.random.default_rng(0)).shape
    (5, 3, 48, 48)
    """
    edge = picture.shape[2] * 4 // 5
    part = picture[:, :, :edge] if train else picture[:, :, edge:]
    if min(part.shape[1:]) < size:
        raise ValueError(
            f"a picture of {picture.shape[2]} x {picture.shape[1]} pixels is too small for patches "
            f"of {size}: it should be at least {5 * size} x {size}"
        )
    tops = random.integers(part.shape[1] - size + 1, size=count)
    lefts = random.integers(part.shape[2] - size + 1, size=count)
    cut = [part[:, y : y + size, x : x + size] for y, x in zip(tops, lefts, strict=True)]
    return np.stack([c[..., ::-1] if flip else c for c, flip in
                     zip(cut, random.random(count) < 0.5, strict=True)])  # fmt: skip


# -- landscapes ------------------------------------------------------------------------------------


def landscapes(count: int, size: int, random: np.random.Generator) -> np.ndarray:
    """Draw landscapes: float32 of shape (count, 3, size, size), between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from models.datasets.photographs import landscapes
    >>> landscapes(2, 48, np.random.default_rng(0)).shape
    (2, 3, 48, 48)
    """
    return np.stack([landscape(size, random) for _ in range(count)]).astype(np.float32)


def landscape(size: int, random: np.random.Generator) -> np.ndarray:
    """One landscape: from the sky to what is near."""
    y, x = np.mgrid[:size, :size] / size
    horizon, night = random.uniform(0.3, 0.6), random.uniform(0.75, 1.0)
    part = np.clip(y / horizon, 0, 1)
    picture = _mix(part, (0.35, 0.55, 0.9), (0.85, 0.9, 0.95))
    center, radius = random.uniform((0.1, 0.1), (0.9, 0.25)), random.uniform(0.05, 0.09)
    _paint(picture, np.hypot(x - center[0], y - center[1]) < radius, (1.0, 0.93, 0.5))
    for haze in (0.6, 0.25):  # hills: the farther, the bluer
        waves = random.uniform(4, 9), random.uniform(0, 6)
        ridge = horizon - haze * 0.2 + 0.06 * np.sin(waves[0] * x + waves[1])
        green = (1 - haze) * np.array([0.25, 0.45, 0.2]) + haze * np.array([0.5, 0.6, 0.75])
        _paint(picture, y > ridge, green)
    meadow = np.where(y > horizon, 1.0, 0.0)
    blades = 0.12 * random.standard_normal((size, size))
    _paint(picture, meadow > 0, np.array([0.45, 0.65, 0.25])[:, None, None] * (1 + blades))
    for _ in range(random.integers(1, 4)):
        _house(picture, x, y, random, horizon)
    for _ in range(random.integers(2, 5)):
        _tree(picture, x, y, random, horizon)
    return np.clip(picture * night + 0.02 * random.standard_normal(picture.shape), 0, 1)


def _house(picture, x, y, random, horizon) -> None:
    """White walls below a red roof."""
    left, base, width = random.uniform(0, 0.8), random.uniform(horizon + 0.1, 1), 0.2
    top = base - 0.15
    _paint(picture, (abs(x - left - width / 2) < width / 2) & (y > top) & (y < base), (0.9,) * 3)
    slope = abs(x - left - width / 2) < (y - top + 0.13) * 0.95
    _paint(picture, slope & (y <= top) & (y > top - 0.13), (0.7, 0.25, 0.18))


def _tree(picture, x, y, random, horizon) -> None:
    """A brown trunk; a round crown is orange with autumn, a pointed one dark green."""
    middle, base = random.uniform(0.05, 0.95), random.uniform(horizon + 0.08, 1)
    height = random.uniform(0.18, 0.3)
    _paint(picture, (abs(x - middle) < 0.02) & (y < base) & (y > base - height), (0.4, 0.28, 0.15))
    leaves = 1 + 0.1 * random.standard_normal(x.shape)
    if random.random() < 0.5:
        crown = np.hypot(x - middle, y - base + height) < height * 0.45
        color = np.array([0.85, 0.5, 0.15])
    else:
        up = y - (base - 1.3 * height)
        crown = (abs(x - middle) < up * 0.35) & (up > 0) & (y < base - 0.3 * height)
        color = np.array([0.1, 0.35, 0.2])
    _paint(picture, crown, color[:, None, None] * leaves)


def _mix(part, first, second) -> np.ndarray:
    """From one colour to another: (h, w) -> (3, h, w)."""
    first, second = (np.reshape(color, (3, 1, 1)) for color in (first, second))
    return (1 - part) * first + part * second


def _paint(picture, where, color) -> None:
    """Give the pixels of a mask a colour, or those of a coloured plane."""
    color = np.asarray(color, float)
    plane = np.broadcast_to(color if color.ndim == 3 else color[:, None, None], picture.shape)
    np.copyto(picture, plane, where=where)
