"""Cases of an op: the calls that tests make, drawn from its kind or from its samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from autograd.op import Op
from autograd.testing.strategies import broadcastable, numbers, reductions, seeds, shapes


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
def cases_of_kind(draw, kind: str | None, count: int, domain=None, params=("dim", "keepdim")):
    """A case: of an elementwise function of `count` arrays, or of a reduction."""
    rng = np.random.default_rng(draw(seeds))
    if kind == "reduce":
        shape = draw(shapes())
        return Case((numbers(rng, shape, domain),), draw(reductions(len(shape), params)))
    drawn = draw(broadcastable(count)) if count > 1 else (draw(shapes()),)
    inputs = tuple(numbers(rng, shape, domain) for shape in drawn)
    if kind == "compare":  # equal values matter to these
        inputs = tuple(np.asarray(np.round(a)) for a in inputs)
    return Case(inputs, {})


def onto_domain(record: Op | None, name: str, array):
    """An input of an op as its derivatives are checked: mapped onto the op's domain."""
    maps = record.domain if record is not None else None
    return maps[name](array) if isinstance(maps, dict) and name in maps else array


def samples_of(record: Op) -> Callable | None:
    """The record's samples as ``(args, kwargs)`` of calls; they may give only the array inputs."""
    if record.samples is None:
        return None

    def samples(rng):
        for args, keywords in record.samples(rng):
            if any(name in keywords for name in record.positional[: len(args)]):
                args, keywords = (), dict(zip(record.inputs, args, strict=False)) | keywords
            yield args, keywords

    return samples
