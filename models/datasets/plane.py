"""Points in the plane with two or more classes, made on the fly: where a boundary can be drawn."""

from __future__ import annotations

import numpy as np

import autograd as ag
from models.datasets.labelled import Labelled


def moons(n: int = 200, noise: float = 0.1, generator: ag.Generator | None = None) -> Labelled:
    """Return two interleaved half circles.

    Parameters
    ----------
    n : int, default 200
        Points in all.
    noise : float, default 0.1
        Standard deviation of the normal noise added to both coordinates.
    generator : Generator, optional

    Examples
    --------
    >>> from models import datasets
    >>> datasets.moons(100)
    Labelled(100 examples of shape (2,), 2 classes)
    """
    upper, lower = (np.linspace(0, np.pi, count) for count in _shares(n, 2))
    arcs = [
        np.stack([np.cos(upper), np.sin(upper)], 1),
        np.stack([1 - np.cos(lower), 0.5 - np.sin(lower)], 1),
    ]
    return _points(arcs, noise, generator)


def circles(
    n: int = 200, noise: float = 0.1, factor: float = 0.5, generator: ag.Generator | None = None
) -> Labelled:
    """Return a circle of radius 1 and, as the second class, one of radius `factor` inside it.

    Examples
    --------
    >>> from models import datasets
    >>> datasets.circles(50).classes
    ['0', '1']
    """
    rings = []
    for radius, count in zip((1.0, factor), _shares(n, 2), strict=True):
        angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
        rings.append(radius * np.stack([np.cos(angle), np.sin(angle)], 1))
    return _points(rings, noise, generator)


def spirals(
    n: int = 300,
    noise: float = 0.02,
    arms: int = 3,
    turns: float = 0.75,
    generator: ag.Generator | None = None,
) -> Labelled:
    """Return `arms` spirals, one class each, that wind around the origin `turns` times.

    Examples
    --------
    >>> from models import datasets
    >>> datasets.spirals(arms=4)
    Labelled(300 examples of shape (2,), 4 classes)
    """
    windings = []
    for arm, count in enumerate(_shares(n, arms)):
        radius = np.linspace(0.05, 1, count)
        angle = 2 * np.pi * (turns * radius + arm / arms)
        windings.append(radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1))
    return _points(windings, noise, generator)


def _shares(n: int, parts: int) -> list[int]:
    """`n` in `parts` parts as equal as possible."""
    return [n // parts + (i < n % parts) for i in range(parts)]


def _points(classes: list[np.ndarray], noise: float, generator: ag.Generator | None) -> Labelled:
    """Join the classes, add noise, and shuffle."""
    stream = (generator or ag.default_generator()).numpy
    points = np.concatenate(classes)
    labels = np.repeat(np.arange(len(classes)), [len(part) for part in classes])
    points = points + noise * stream.standard_normal(points.shape)
    order = stream.permutation(len(points))
    names = [str(i) for i in range(len(classes))]
    return Labelled(points[order].astype(np.float32), labels[order], names)
