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


class _Inside(dict):
    """Whether a source file is one of the library's."""

    def __missing__(self, filename: str) -> bool:
        inside = self[filename] = filename.startswith(_HOUSE)
        return inside


_inside = _Inside()


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


def caller() -> tuple[CodeType, int] | None:
    """The innermost frame outside this library, the line the user wrote: what makes a `Place`."""
    frame: FrameType | None = sys._getframe(2)  # who calls this is not the user
    while frame is not None:
        code = frame.f_code
        if not _inside[code.co_filename]:
            return code, frame.f_lasti
        frame = frame.f_back
    return None
