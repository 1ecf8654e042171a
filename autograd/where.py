"""Where in the user's program an operation was called: for error messages and pictures."""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType
from typing import NamedTuple

_HOUSE = tuple(
    os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), package) + os.sep
    for package in ("autograd", "nn", "optim")
)
_inside: dict[str, bool] = {}


class Place(NamedTuple):
    """A point in the source as the interpreter knows it; the line is looked up when asked for."""

    code: CodeType
    instruction: int

    def __str__(self) -> str:
        line = next(
            (line for start, end, line in self.code.co_lines() if start <= self.instruction < end),
            None,
        )
        return f"{self.code.co_filename}:{line}"


def caller() -> Place | None:
    """The innermost frame outside this library: the line the user wrote."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        filename = code.co_filename
        inside = _inside.get(filename)
        if inside is None:
            inside = _inside[filename] = filename.startswith(_HOUSE)
        if not inside:
            return Place(code, frame.f_lasti)
        frame = frame.f_back
    return None
