"""What a recording must be told: which functions beside the ops it repeats, and what it cannot see.

This stands below everything that uses it, and imports nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

EFFECTS: list[Callable] = []


def effect(function: Callable) -> Callable:
    """Mark a function that ops are called beside: it draws numbers, or writes running averages.

    A recording repeats its calls, and hands it arrays where it was given tensors. What else it is
    given must be the same every time.

    Examples
    --------
    >>> from autograd.recording.effects import EFFECTS, effect
    >>> @effect
    ... def halve(array):
    ...     array /= 2
    >>> EFFECTS.pop() is halve
    True
    """
    forward = function  # a recording looks for the cell of this name, as in ops

    @functools.wraps(function)
    def call(*args, **keywords):
        return forward(*args, **keywords)

    EFFECTS.append(call)
    return call


changes = 0  # what a recording may depend on and cannot see in a call: the settings of modules


def changed() -> None:
    """Note that a module is no longer what it was: recordings that used it are out of date."""
    global changes
    changes += 1
