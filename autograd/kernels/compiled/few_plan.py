"""How convolutions of few channels go through images, worked out for each size and remembered.

Along an axis, each position of the output has a first tap, a number of taps and the place that the
first one reads; from tap to tap the place moves on by the same distance. Forwards, tap t of the
output o reads ``o * stride - before + t * dilation``; of the way back, tap t of the input i reads
the output o of which that is i.
"""

from __future__ import annotations

import functools
import itertools
import math
from typing import NamedTuple

import numpy as np


class Axis(NamedTuple):
    """One axis of a convolution, or of the gradient of its input."""

    taps: tuple  # for each position: the first, how many, and the place that the first reads
    tap_step: int
    place_step: int
    position_step: int  # between positions that differ only in the place, which grows by
    place_grows: int


def axis(
    size: int, given: int, k: int, stride: int, before: int, dilation: int, back: bool
) -> Axis:
    """The axis of an output of `size` that reads an input as long as `given`."""
    shared = math.gcd(stride, dilation)
    taps = []
    for at in range(size):
        if back:
            reads = [(t, divmod(at + before - t * dilation, stride)) for t in range(k)]
            seen = [(t, place) for t, (place, rest) in reads if not rest and 0 <= place < given]
        else:
            places = [(t, at * stride - before + t * dilation) for t in range(k)]
            seen = [(t, place) for t, place in places if 0 <= place < given]
        first, place = seen[0] if seen else (0, 0)
        taps.append((first, len(seen), place))
    if back:
        return Axis(tuple(taps), stride // shared, -dilation // shared, stride, 1)
    return Axis(tuple(taps), 1, dilation, 1, stride)


def runs(along: Axis) -> np.ndarray:
    """Positions that see the same taps: the first, how many, its first tap, their number, place."""
    found = []
    for residue in range(along.position_step):
        positions = list(range(residue, len(along.taps), along.position_step))
        for (_, count), group in itertools.groupby(positions, lambda at: along.taps[at][:2]):
            first, *rest = group
            tap, _, place = along.taps[first]
            found.append((first, 1 + len(rest), tap, count, place))
    return np.array(found, np.int64)


@functools.lru_cache(256)
def pieces(count: int, sizes: tuple[int, ...]) -> np.ndarray:
    """`count` as the sum of as few of the `sizes` as can be: where each piece begins, its size."""
    for parts in itertools.count(1):
        fitting = [
            chosen
            for chosen in itertools.combinations_with_replacement(sizes, parts)
            if sum(chosen) == count
        ]
        if fitting:
            chosen = max(fitting, key=min)
            return np.array(list(zip(np.cumsum((0, *chosen)), chosen, strict=False)), np.int64)
    raise AssertionError


def errors_of_taps(size, given, k, stride, before, dilation, apart) -> np.ndarray:
    """For each tap: the first output that reads the input by it, how many do, and where it reads.

    The places of the input are so many numbers `apart`.
    """
    found = []
    for tap in range(k):
        places = [(o, o * stride - before + tap * dilation) for o in range(size)]
        seen = [(o, place * apart) for o, place in places if 0 <= place < given]
        first, place = seen[0] if seen else (0, 0)
        found.append((first, len(seen), place))
    return np.array(found, np.int64)
