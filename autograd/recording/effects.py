"""What a recording must be told: which calls beside those of ops it repeats, what it cannot see.

This stands below everything that uses it, and imports nothing.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable

EFFECTS: list[Callable] = []
REPEATED: weakref.WeakSet = weakref.WeakSet()  # methods too, and classes come and go


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
    call = _replaceable(function)
    EFFECTS.append(call)
    return call


def repeated(function: Callable) -> Callable:
    """Mark a function that changes gradients, parameters or settings of its own accord.

    A recording takes no notice of what happens inside, and makes the same call at every replay.

    Examples
    --------
    >>> from autograd.recording.effects import REPEATED, repeated
    >>> class Schedule:
    ...     @repeated
    ...     def step(self):
    ...         print("slower")
    >>> Schedule.step in REPEATED
    True
    """
    call = _replaceable(function)
    REPEATED.add(call)
    return call


def _replaceable(function: Callable) -> Callable:
    """A function that calls another, in whose place a recording puts one that watches."""
    forward = function  # it looks for the cell of this name, as in ops

    @functools.wraps(function)
    def call(*args, **keywords):
        return forward(*args, **keywords)

    return call


changes = 0  # what a recording may depend on and cannot see in a call: the settings of modules


def changed() -> None:
    """Note that a module is no longer what it was: recordings that used it are out of date."""
    global changes
    changes += 1
