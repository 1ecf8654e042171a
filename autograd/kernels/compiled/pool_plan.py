"""Which pixels a pooling reads, worked out for each axis and remembered.

For each position of the output: where it reads, and as which element of the window. For a gradient
the same is asked of each position of the input: by which windows it was read, and as what.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from autograd.kernels.plain.pool import areas


class Plan(NamedTuple):
    """What each position of the output reads."""

    begins: np.ndarray
    reads: np.ndarray  # pairs of where and, times the sizes of the later axes, as which element
    most: int  # that a pixel reads

    @classmethod
    def of(cls, lists, kernel):
        """From a list of (where, element) for each position of each of up to three axes."""
        lists = [[[(0, 0)]]] * (3 - len(lists)) + lists
        kernel = (1,) * (3 - len(kernel)) + tuple(kernel)
        factors = kernel[1] * kernel[2], kernel[2], 1
        begins = np.zeros((5, max(map(len, lists)) + 1), np.int64)
        reads: list[tuple[int, int]] = []
        patterns: dict[tuple, int] = {}
        for axis, (along, factor) in enumerate(zip(lists, factors, strict=True)):
            for place, pairs in enumerate(along):
                begins[axis, place] = len(reads)
                reads += [(where, tap * factor) for where, tap in pairs]
                if axis == 2:
                    shape = tuple((where - pairs[0][0], tap) for where, tap in pairs)
                    begins[3, place] = patterns.setdefault(shape, len(patterns))
            begins[axis, len(along)] = len(reads)
        columns = len(lists[2])
        begins[4, :columns] = np.argsort(begins[3, :columns], kind="stable")
        most = math.prod(max(map(len, along), default=0) for along in lists)
        return cls(begins, np.array([*reads, (0, 0)], np.int64), most)


def _turned(lists, length):
    """For each position that is read: by whom, and as which element."""
    turned: list[list] = [[] for _ in range(length)]
    for place, pairs in enumerate(lists):
        for where, tap in pairs:
            turned[where].append((place, tap))
    return turned


@functools.lru_cache(256)
def window_plan(plane, kernel, stride, padding, dilation, size, back) -> Plan:
    """The plan of regular windows in a plane; of the way `back`, if so asked."""
    lists = []
    for n, k, s, p, d, count in zip(plane, kernel, stride, padding, dilation, size, strict=True):
        along = [
            [(o * s - p + t * d, t) for t in range(k) if 0 <= o * s - p + t * d < n]
            for o in range(count)
        ]
        lists.append(_turned(along, n) if back else along)
    return Plan.of(lists, kernel)


@functools.lru_cache(256)
def span_plan(plane, spans, back) -> Plan:
    """The plan of windows made of one span per axis."""
    lists = []
    for n, along in zip(plane, spans, strict=True):
        reads = [[(i, 0) for i in range(start, stop)] for start, stop in along]
        lists.append(_turned(reads, n) if back else reads)
    return Plan.of(lists, (1,) * len(plane))


@functools.lru_cache(256)
def places(plane, kernel, stride, padding, dilation, size):
    """Where in a plane each window begins, perhaps outside, and how far each element is from it."""
    origins, distances = np.zeros((), np.int64), np.zeros((), np.int64)
    for n, k, s, p, d, count in zip(plane, kernel, stride, padding, dilation, size, strict=True):
        origins = origins[..., None] * n + (np.arange(count) * s - p)
        distances = distances[..., None] * n + np.arange(k) * d
    return origins.reshape(-1), distances.reshape(-1)


def frozen(spans):
    """Spans that can be remembered by, and how many there are along each axis."""
    spans = tuple(tuple(map(tuple, along)) for along in spans)
    return spans, tuple(map(len, spans))


@functools.lru_cache(256)
def counts(spans, dtype):
    """How many elements each window has; a number, if all have as many."""
    return areas([[stop - start for start, stop in along] for along in spans], dtype)
