"""What an op's page says of its derivative: the rules as written, and the gradients at kinks.

Both are read off the library itself, the rules from its source and the conventions by looking: so
they cannot be out of date.
"""

from __future__ import annotations

import ast
import functools
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterator
from types import CodeType

import numpy as np

from autograd.engine import grad
from autograd.errors import ArgumentError, GraphError
from autograd.op import Op
from autograd.tensor import wrap

POINTS = (-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0)  # where elementwise functions have kinks
STEP = 1e-7
WIDTH = 100  # of a line of code


def formulas(record: Op) -> list[str]:
    """The derivative rules of an op, as they stand in its file.

    Rules that are functions with names come first, then what they are rules of.

    Examples
    --------
    >>> from autograd.op import OPS
    >>> formulas(OPS["exp"])
    ['exp.vjp(input=lambda g, out: g * out)']
    """
    functions, alone, joint = [], [], []
    for name, rule in record.rules.items():
        function = inspect.unwrap(rule.function)
        shown = _source(function.__code__)
        if function.__name__ != "<lambda>":
            functions.append(shown)
            shown = function.__name__
        if len(rule.inputs) == 1:
            alone.append(f"{name}={shown}")
        else:
            names = ", ".join(f'"{name}"' for name in rule.inputs)
            joint.append(_call(record, [f"({names})", shown]))
    rules = [*joint, _call(record, alone)] if alone else joint
    return [*dict.fromkeys(functions), *dict.fromkeys(rules)]  # some serve several inputs


def _call(record: Op, arguments: list[str]) -> str:
    """A call of the op's ``vjp``, on one line if it fits there."""
    line = f"{record.name}.vjp({', '.join(arguments)})"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    indented = "".join(textwrap.indent(argument, "    ") + ",\n" for argument in arguments)
    return f"{record.name}.vjp(\n{indented})"


def _source(code: CodeType) -> str:
    """The text of a function or a lambda."""
    text, nodes = _functions_in(code.co_filename)
    spans = {place for place in code.co_positions() if place[3]}
    # A lambda may stand on a line with others, or in another one: the innermost that fits.
    for node in reversed(nodes.get((code.co_name, code.co_firstlineno), [])):
        start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        if all(start <= (line, col) and (stop, edge) <= end for line, stop, col, edge in spans):
            first, _, rest = (ast.get_source_segment(text, node) or "").partition("\n")
            margin = "" if isinstance(node, ast.Lambda) else "    "
            return "\n".join([first, textwrap.indent(textwrap.dedent(rest), margin)]).rstrip()
    return code.co_name


@functools.cache
def _functions_in(path: str) -> tuple[str, dict[tuple[str, int], list]]:
    """A file's text, and its functions by what their code says: a name and a first line."""
    text = "".join(linecache.getlines(path))
    found: dict[tuple[str, int], list] = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Lambda):
            found.setdefault(("<lambda>", node.lineno), []).append(node)
        elif isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            found.setdefault((node.name, first), []).append(node)
    return text, found


def kinks(record: Op) -> Iterator[str]:
    """Sentences about the points where an elementwise op of one input has no derivative.

    Examples
    --------
    >>> from autograd.op import OPS
    >>> print(*kinks(OPS["abs"]))
    At 0 the gradient is 0 (left of it -1, right of it 1).
    """
    elementwise = record.kind in ("unary", "unary_any") and len(record.inputs) == 1
    if elementwise and record.rules:
        for point in POINTS:
            left, here, right = (_slope(record.function, point + d) for d in (-STEP, 0, STEP))
            if None in (left, here, right) or np.isnan([left, here, right]).any():
                continue
            if not _close(left, right) or not _close(left, here):
                yield (
                    f"At {point:g} the gradient is {_shown(here)} (left of it {_shown(left)}, "
                    f"right of it {_shown(right)})."
                )
    if record.kind in ("binary", "binary_float") and set(record.rules) == set(record.inputs):
        yield from _ties(record)


def _ties(record: Op) -> Iterator[str]:
    """What a function of two numbers does where they are equal."""
    sides = [_slopes(record.function, (1.0, 1.0 + d)) for d in (-STEP, 0, STEP)]
    if None not in sides and len(record.inputs) == 2:
        left, here, right = (side or () for side in sides)
        if not all(_close(a, b) for a, b in zip(left, right, strict=True)):
            shown = " and ".join(_shown(g) for g in here)
            yield f"Where the inputs are equal (1 and 1) the gradients are {shown}."


def _slope(function: Callable, point: float):
    found = _slopes(function, (point,))
    return found and found[0]


def _slopes(function: Callable, point: tuple) -> tuple | None:
    """The gradients at a point; None where the function has no value."""
    inputs = [wrap(np.array(x)).requires_grad_() for x in point]
    with np.errstate(all="ignore"):
        try:
            value = function(*inputs)
            found = grad(value, inputs, materialize_grads=True)
        except (ArgumentError, GraphError):
            return None
    return None if np.isnan(value.item()) else tuple(g.item() for g in found)


def _close(a: float, b: float) -> bool:
    # Steep is no kink: beside a pole both sides are large.
    return a == b or abs(a - b) <= 1e-4 * (1 + abs(a) + abs(b)) or max(abs(a), abs(b)) > 1e3


def _shown(number: float) -> str:
    return f"{round(number, 6) + 0.0:g}"
