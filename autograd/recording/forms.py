"""Arguments and results taken apart: the tensors in them, and the form in which they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd.tensor import Tensor

TENSOR = "tensor"  # the form of one; other forms are tuples


class NoForm(Exception):
    """What a value is that cannot be compared with that of another call."""


def form_of(value: Any, tensors: list[Tensor], constants: tuple[type, ...] = ()) -> Any:
    """The form of a nest of lists, tuples and dicts, hashable; its tensors are appended.

    What else is in it is a constant, of whatever type if `constants` names none.
    """
    if isinstance(value, Tensor):
        tensors.append(value)
        return TENSOR
    kind = type(value)
    if issubclass(kind, (tuple, list)):
        return (kind, *[form_of(each, tensors, constants) for each in value])
    if kind is dict:
        parts = [form_of(each, tensors, constants) for each in value.values()]
        return (kind, tuple(value), *parts)
    if isinstance(value, np.ndarray):
        raise NoForm("that is a NumPy array, no tensor as autograd.from_numpy makes it")
    if constants and kind not in constants:
        raise NoForm(f"of type {kind.__name__}")
    try:
        hash(value)
    except TypeError:
        raise NoForm(f"of type {kind.__name__}, which cannot be hashed") from None
    return (None, kind, value)  # with its type: 1 == True


def filled(form: Any, tensors: Iterator[Tensor]) -> Any:
    """A value of this form with these tensors in it: the inverse of `form_of`."""
    if form is TENSOR:
        return next(tensors)
    kind = form[0]
    if kind is None:
        return form[2]
    if kind is dict:
        return {key: filled(each, tensors) for key, each in zip(form[1], form[2:], strict=True)}
    parts = [filled(each, tensors) for each in form[1:]]
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)  # a named tuple takes each
