"""Line search: how far to go along a direction (Nocedal & Wright 2006, algorithms 3.5 and 3.6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from autograd import kernels

ENOUGH_DECREASE, ENOUGH_FLATTER = 1e-4, 0.9  # c1 and c2 of the Wolfe conditions


class Point(NamedTuple):
    """A place on the line: how far along, and loss, gradient and slope there."""

    t: float
    loss: float
    gradient: np.ndarray
    slope: float


def strong_wolfe(evaluate: Callable[[float], Point], start: Point, t: float, longest: float,
                 tolerance: float, trials: int) -> tuple[Point, int]:  # fmt: skip
    """Find a point where the loss is well below that of `start` and the slope much flatter.

    Parameters
    ----------
    evaluate : callable
        From a t to the `Point` there.
    start : Point
        That of t = 0.
    t : float
        Where to look first.
    longest : float
        The largest absolute value in the direction: an interval of t that moves no parameter by
        more than `tolerance` is not searched further.
    trials : int
        How many points to look at at most, beside the first.

    Returns
    -------
    Point
        The best found if there is none that fulfils both conditions.
    int
        How many points were evaluated.
    """
    ends, done, evaluated = _bracket(evaluate, start, t, trials)
    low, high = (0, 1) if ends[0].loss <= ends[1].loss else (1, 0)
    stuck = False
    while not done and evaluated <= trials:
        if abs(ends[1].t - ends[0].t) * longest < tolerance:
            break
        t, stuck = _inside(ends, stuck)
        point = evaluate(t)
        evaluated += 1
        if not _low_enough(point, start) or point.loss >= ends[low].loss:
            ends[high] = point
            low, high = (0, 1) if ends[0].loss <= ends[1].loss else (1, 0)
            continue
        done = _flat_enough(point, start)
        if not done and point.slope * (ends[high].t - ends[low].t) >= 0:
            ends[high] = ends[low]
        ends[low] = point
    return ends[low], evaluated


def _bracket(evaluate, start: Point, t: float, trials: int) -> tuple[list[Point], bool, int]:
    """Go further and further until the lowest point must be between the last two."""
    last, point = start, evaluate(t)
    evaluated = 1
    while evaluated <= trials:
        risen = evaluated > 2 and point.loss >= last.loss
        if not _low_enough(point, start) or risen:
            return [last, point], False, evaluated
        if _flat_enough(point, start):
            return [point, point], True, evaluated
        if point.slope >= 0:
            return [last, point], False, evaluated
        bounds = (point.t + 0.01 * (point.t - last.t), point.t * 10)
        t = _lowest(last, point, bounds)
        last, point = point, evaluate(t)
        evaluated += 1
    return [start, point], True, evaluated


def _inside(ends: list[Point], stuck: bool) -> tuple[float, bool]:
    """Where to look next between `ends`: not too near to either of them twice in a row."""
    t = _lowest(ends[0], ends[1])
    left, right = sorted(end.t for end in ends)
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if stuck or t >= right or t <= left:
        return (right - margin if abs(t - right) < abs(t - left) else left + margin), False
    return t, True


def _lowest(a: Point, b: Point, bounds=None) -> float:
    values = (a.t, a.loss, a.slope, b.t, b.loss, b.slope)
    return kernels.step_newton.cubic_minimum(*values, bounds)


def _low_enough(point: Point, start: Point) -> bool:
    return not point.loss > start.loss + ENOUGH_DECREASE * point.t * start.slope


def _flat_enough(point: Point, start: Point) -> bool:
    return abs(point.slope) <= -ENOUGH_FLATTER * start.slope
