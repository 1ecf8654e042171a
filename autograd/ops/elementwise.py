"""What the elementwise families share."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import numpy as np

from autograd.op import register

# Dividing by zero, the logarithm of a negative number, an overflow: the answer is inf or nan and no
# warning, as in PyTorch. This decorates the forwards where ordinary numbers can lead to that; the
# engine does the same for a whole backward pass. It costs half a microsecond a call, so add, sub
# and mul go without: they warn, as NumPy does, of an overflow and of inf - inf.
quiet = np.errstate(all="ignore")


def also_named(function: Callable, *names: str, space: str | None = None) -> None:
    """Enter an op under further names: same forward, rules and plans, a function of its own.

    With `space`, these names are public there: ``also_named(det, "linalg_det", space="linalg")``.
    """
    from autograd.call import make_function

    for name in names:
        record = copy.copy(function.op)  # type: ignore[attr-defined]
        record.name, record.numpy, record.space = name, None, space or record.space
        twin = _forward_to(function) if record.composite else make_function(record)
        twin.__name__ = twin.__qualname__ = name
        register(record, twin)


def _forward_to(function: Callable) -> Callable:
    @functools.wraps(function)
    def call(*args, **keywords):
        return function(*args, **keywords)

    return call
