"""Docstrings as Sphinx is given them: formulas as they are written, parameters as plain code."""

from __future__ import annotations

import inspect
import re
from typing import Any

NAME = re.compile(r"(?<![`:])`(\w+)`(?!`)")


def mark_parameters(value: Any, lines: list[str]) -> None:
    """Make names of parameters plain code, in place: there may be functions of these names."""
    try:
        names = inspect.signature(value).parameters
    except (TypeError, ValueError):  # of what cannot be called
        return
    for i, line in enumerate(lines):
        lines[i] = NAME.sub(lambda m: f"``{m[1]}``" if m[1] in names else m[0], line)


def mark_formulas(lines: list[str]) -> None:
    """Make the indented paragraphs of a docstring literal blocks, in place: they are formulas.

    Docstrings are written to be read as they are, with formulas set off by four spaces; Sphinx
    would take these for quotations and fill their lines.
    """
    marked: list[str] = []
    last, literal = "", None  # the last line with text; how far the block we are in is indented
    for line in lines:
        indented = len(line) - len(line.lstrip())
        if line.strip():
            if literal is not None and indented < literal:
                literal = None
            margin = len(last) - len(last.lstrip())
            if literal is None and last and not marked[-1].strip() and indented >= margin + 4:
                literal = indented
                if not last.endswith("::") and not last.lstrip().startswith(".. "):
                    marked += [" " * margin + "::", ""]
            last = line
        marked.append(line)
    lines[:] = marked
