"""What an op's page says of its derivative: the rules as written, and the gradients at kinks.

Both are read off the library itself, the rules from its source and the conventions by looking: so
they cannot be out of date.
"""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Callable, Iterator

import numpy as np

from autograd.engine import grad
from autograd.errors import ArgumentError, GraphError
from autograd.op import Op
from autograd.tensor import wrap

POINTS = (-6.0, -3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0, 6.0)  # where elementwise functions have kinks
STEP = 1e-7


def formulas(record: Op) -> list[str]:
    """The derivative rules of an op, as they stand in its file.

    Examples
    --------
    >>> from autograd.op import OPS
    >>> formulas(OPS["exp"])
    ['exp.vjp(input=lambda g, out: g * out)']
    """
    code = getattr(inspect.unwrap(record.forward), "__code__", None)
    return _rules_in(code.co_filename).get(record.name, []) if code else []


@functools.cache
def _rules_in(path: str) -> dict[str, list[str]]:
    """By op: the calls of ``op.vjp`` in a file, and the named functions that these mention."""
    with open(path) as file:
        text = file.read()
    tree = ast.parse(text)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    found: dict[str, list[str]] = {}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr != "vjp" or not isinstance(node.func.value, ast.Name):
            continue
        parts = found.setdefault(node.func.value.id, [])
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        for name in dict.fromkeys(x.id for x in given if isinstance(x, ast.Name)):
            if name in functions:
                parts.append(ast.get_source_segment(text, functions[name]) or "")
        parts.append(textwrap.dedent(ast.get_source_segment(text, node) or ""))
    return found


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
