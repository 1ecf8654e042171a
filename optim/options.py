"""Checks of optimisers' options, so that a bad one is named when it is given, not when it acts."""

from __future__ import annotations

import difflib
import math
import numbers
from typing import Any

import numpy as np

from autograd.tensor import Tensor


def in_range(name: str, value, low: float = 0.0, high: float = math.inf) -> None:
    """Raise unless ``low <= value < high``; `value` is a number or a tensor of one element."""
    single = value.numel() == 1 if isinstance(value, Tensor) else isinstance(value, numbers.Real)
    if not single and not isinstance(value, np.number):
        shape = f" of shape {value.shape}" if isinstance(value, Tensor) else ""
        error = ValueError if isinstance(value, Tensor) else TypeError
        raise error(f"{name} expected one number, got {type(value).__name__}{shape}")
    if not low <= float(value) < high:
        bound = "" if high == math.inf else f" and < {high:g}"
        raise ValueError(f"{name} expected a number >= {low:g}{bound}, got {value}")


def betas_in_range(betas) -> None:
    """Raise unless `betas` are two numbers in [0, 1)."""
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise ValueError(f"betas expected two numbers, got {betas!r}")
    if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
        raise ValueError(f"betas expected two numbers or two tensors, got one of each: {betas!r}")
    for i, beta in enumerate(betas):
        in_range(f"betas[{i}]", beta, 0.0, 1.0)


def only_default(**implementation_choices) -> None:
    """Refuse PyTorch's switches between implementations: here there is one, and it is always on."""
    for name, value in implementation_choices.items():
        if value not in (None, False):
            raise ValueError(
                f"{name}={value!r} is not supported: there is one implementation; leave {name} out"
            )


def suggest(given: dict[str, Any], known: dict[str, Any]) -> None:
    """Refuse what looks like a misspelt option; other names beside the known are the user's."""
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1, cutoff=0.85)
            if near:
                raise ValueError(f"unknown option {name!r}: did you mean {near[0]!r}?")
