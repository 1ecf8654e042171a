"""Hypothesis strategies for the generated tests: how inputs of each kind of op are drawn.

Hypothesis draws what is worth shrinking (shapes, layouts, dims and a seed); the numbers come from a
NumPy generator with that seed. So a failing example is small, and kinks and ties, which have tests
of their own, are met with probability zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd.op import SAMPLED, Op

DOMAIN = (-2.0, 2.0)  # where a record that names no domain is tested
seeds = st.integers(0, 2**32 - 1)


class Case(NamedTuple):
    """One call of an op."""

    args: tuple
    keywords: dict[str, Any]

    def arrays(self) -> list[np.ndarray]:
        """The arrays among the arguments, those in lists too, in order."""
        found: list[np.ndarray] = []
        self.replace(lambda name, value: found.append(value) or value)
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


def shapes(min_dims=0, max_dims=3, min_side=1, max_side=3):
    """Small shapes, 0-d included."""
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


empty_shapes = shapes(min_dims=1, min_side=0).filter(lambda shape: 0 in shape)


def broadcastable(count: int, min_side: int = 1):
    """Tuples of `count` shapes that broadcast with each other."""
    return hnp.mutually_broadcastable_shapes(
        num_shapes=count, max_dims=3, min_side=min_side, max_side=3
    ).map(lambda drawn: drawn.input_shapes)


def numbers(rng: np.random.Generator, shape: tuple, domain=None) -> np.ndarray:
    """Float64 numbers spread over `domain`."""
    low, high = domain or DOMAIN
    return np.asarray(rng.uniform(low, high, size=shape))


@st.composite
def arrays(draw, shape=None, domain=None):
    """Float64 arrays of a given or drawn shape."""
    shape = draw(shapes()) if shape is None else shape
    return numbers(np.random.default_rng(draw(seeds)), shape, domain)


@st.composite
def dims(draw, ndim: int):
    """A reduction's dim: None, one axis (from either end), or several."""
    if not ndim:
        return draw(st.sampled_from([None]))
    axes = st.integers(-ndim, ndim - 1)
    several = st.lists(axes, min_size=1, max_size=ndim, unique_by=lambda axis: axis % ndim)
    return draw(st.none() | axes | several.map(tuple))


@st.composite
def single_dims(draw, ndim: int):
    """Like `dims`, at most one axis."""
    return draw(st.none() | st.integers(-ndim, ndim - 1)) if ndim else None


# -- the same numbers, laid out differently in memory ----------------------------------------------


def transposed(a: np.ndarray) -> np.ndarray:
    """Fortran order."""
    return a.T.copy().T


def sliced(a: np.ndarray) -> np.ndarray:
    """Every second element of a larger array, along the last axis."""
    return np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a


def reversed_(a: np.ndarray) -> np.ndarray:
    """Negative strides along every axis."""
    flip = (slice(None, None, -1),) * a.ndim
    return a[flip].copy()[flip] if a.ndim else a


def rotated(a: np.ndarray) -> np.ndarray:
    """The first axis varies fastest, the others lie in C order."""
    return np.moveaxis(np.moveaxis(a, 0, -1).copy(), -1, 0) if a.ndim else a


LAYOUTS = (transposed, sliced, reversed_, rotated)
layouts = st.sampled_from(LAYOUTS)


# -- cases of an op --------------------------------------------------------------------------------


@st.composite
def cases(draw, record: Op, empty: bool = False):
    """Cases for a record: one for elementwise ops and reductions, else all its samples."""
    rng = np.random.default_rng(draw(seeds))
    if record.kind not in SAMPLED or record.samples is not None:
        return [sample(record, *drawn) for drawn in record.samples(rng)]
    if record.kind == "reduce":
        shape = draw(empty_shapes if empty else shapes())
        return [Case((numbers(rng, shape, record.domain),), draw(reduction(record, len(shape))))]
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


@st.composite
def reduction(draw, record: Op, ndim: int):
    """Keyword arguments of a reduction: dim and keepdim."""
    params: dict[str, Any] = {}
    if "dim" in record.params:
        params["dim"] = draw(dims(ndim))
    if "keepdim" in record.params:
        params["keepdim"] = draw(st.booleans())
    return params
