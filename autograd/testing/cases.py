"""Cases of an op: the calls that tests make, drawn from its kind or from its samples."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from autograd.op import SAMPLED, Op
from autograd.testing.strategies import (
    broadcastable,
    empty_shapes,
    numbers,
    reductions,
    seeds,
    shapes,
)


class Case(NamedTuple):
    """One call of an op."""

    args: tuple
    keywords: dict[str, Any]

    def arrays(self) -> list[np.ndarray]:
        """The arrays among the arguments, those in lists too, in order."""
        return [value for _, value in self.named()]

    def named(self, record: Op | None = None) -> list[tuple[str, np.ndarray]]:
        """The same, each with the name of the parameter it belongs to."""
        found: list[tuple[str, np.ndarray]] = []

        def note(name, value):
            found.append((name, value))
            return value

        self.replace(note, record)
        return found

    def replace(self, change, record: Op | None = None) -> Case:
        """The same call with ``change(parameter, array)`` for each array."""
        names = record.positional if record else ()

        def walk(name, value):
            if isinstance(value, np.ndarray):
                return change(name, value)
            if isinstance(value, (list, tuple)):
                return type(value)(walk(name, item) for item in value)
            return value

        args = tuple(
            walk(names[min(i, len(names) - 1)] if names else "", value)
            for i, value in enumerate(self.args)
        )
        return Case(args, {name: walk(name, value) for name, value in self.keywords.items()})


@st.composite
def cases(draw, record: Op, empty: bool = False):
    """Cases for a record: one for elementwise ops and reductions, else all its samples."""
    rng = np.random.default_rng(draw(seeds))
    if record.kind not in SAMPLED or record.samples is not None:
        return [sample(record, *drawn) for drawn in record.samples(rng)]
    if record.kind == "reduce":
        shape = draw(empty_shapes if empty else shapes())
        return [
            Case((numbers(rng, shape, record.domain),), draw(reductions(len(shape), record.params)))
        ]
    count = len(record.inputs)
    if count == 1:
        drawn = (draw(empty_shapes if empty else shapes()),)
    elif empty:
        drawn = (draw(empty_shapes),) * count
    else:
        drawn = draw(broadcastable(count))
    inputs = tuple(numbers(rng, shape, record.domain) for shape in drawn)
    if record.kind == "compare":  # equal values matter to these
        inputs = tuple(np.asarray(np.round(a)) for a in inputs)
    return [Case(inputs, {})]


def sample(record: Op, args: tuple, keywords: dict) -> Case:
    """A case from what `samples` yields: array inputs in order, or the call as it is."""
    if any(name in keywords for name in record.positional[: len(args)]):
        return Case((), {**dict(zip(record.inputs, args, strict=False)), **keywords})
    return Case(tuple(args), dict(keywords))
