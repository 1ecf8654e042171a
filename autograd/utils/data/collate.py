"""Collating: a list of samples becomes one sample whose tensors have a batch axis in front."""

from __future__ import annotations

import copy
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

import numpy as np

from autograd import dtypes
from autograd.creation import tensor
from autograd.errors import ShapeError
from autograd.op import OPS
from autograd.tensor import Tensor, wrap


def default_collate(batch: Sequence) -> Any:
    """Make one batch of a list of samples.

    Tensors and arrays are stacked; numbers become a tensor (Python floats a float64 one, as in
    PyTorch); strings stay a list, or a tuple where they come out of tuples or lists; tuples, lists
    and dicts are collated entry by entry.

    Raises
    ------
    ShapeError
        If two samples have different shapes, lengths or keys in the same place.
    TypeError
        If there is something that cannot be collated.

    Examples
    --------
    >>> import autograd as ag
    >>> from autograd.utils.data import default_collate
    >>> default_collate([(ag.zeros(2), 0), (ag.ones(2), 1)])
    [tensor([[0., 0.],
            [1., 1.]], shape=(2, 2)), tensor([0, 1])]
    >>> default_collate([{"name": "a"}, {"name": "b"}])
    {'name': ['a', 'b']}
    """
    return _collate(list(batch), "")


def _collate(items: Sequence, place: str) -> Any:
    """Collate `items`, found at `place` of the samples: "[0]['image']", say."""
    first = items[0]
    if isinstance(first, (Tensor, np.ndarray, np.generic)):
        return _stack(items, place)
    if isinstance(first, (bool, int)):
        return tensor(items)
    if isinstance(first, float):
        return tensor(items, dtype=dtypes.float64)
    if isinstance(first, (str, bytes)):
        return items
    if isinstance(first, Mapping):
        _check_same("keys", [sorted(item, key=str) for item in items], place)
        return _mapping_like(
            first, {key: _collate([it[key] for it in items], f"{place}[{key!r}]") for key in first}
        )
    if isinstance(first, Sequence):
        _check_same("length", [len(item) for item in items], place)
        columns = [
            _collate(column, f"{place}[{i}]") for i, column in enumerate(zip(*items, strict=True))
        ]
        return _sequence_like(first, columns)
    raise TypeError(
        f"default_collate expected tensors, arrays, numbers, strings, dicts or sequences, "
        f"got {type(first).__name__}{_at(place)}: pass a collate_fn"
    )


def _stack(items: Sequence, place: str) -> Tensor:
    items = [item if isinstance(item, Tensor) else wrap(np.asarray(item)) for item in items]
    _check_same("shape", [item.shape for item in items], place)
    return OPS["stack"].function(items, dim=0)


def _check_same(what: str, values: list, place: str) -> None:
    for i, value in enumerate(values):
        if value != values[0]:
            raise ShapeError(
                f"cannot collate{_at(place)}: item 0 has {what} {values[0]}, item {i} has {value}; "
                "make them equal in the dataset (crop or pad), or pass a collate_fn"
            )


def _at(place: str) -> str:
    return f" at {place} of the samples" if place else ""


def default_convert(data: Any) -> Any:
    """Turn the arrays in a sample into tensors that share their memory; leave the rest as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from autograd.utils.data import default_convert
    >>> default_convert((np.arange(2), "a", 1))
    [tensor([0, 1]), 'a', 1]
    """
    if isinstance(data, (np.ndarray, np.generic)) and data.dtype.kind in "biuf":
        return wrap(np.asarray(data))
    if isinstance(data, Mapping):
        return _mapping_like(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _sequence_like(data, [default_convert(item) for item in data])
    return data


def _mapping_like(model: Mapping, values: dict) -> Mapping:
    """`values` in a mapping of the type of `model`, where that can be made."""
    if type(model) is dict:
        return values
    if isinstance(model, MutableMapping):  # keeps what else it has, such as a default factory
        twin = copy.copy(model)
        twin.update(values)
        return twin
    try:
        return type(model)(values)  # type: ignore[call-arg]
    except TypeError:
        return values


def _sequence_like(model: Sequence, values: list) -> Any:
    """`values` in a sequence of the type of `model`; a list for tuples, as in PyTorch."""
    if hasattr(model, "_fields"):
        return type(model)(*values)
    if type(model) in (list, tuple):
        return values
    try:
        return type(model)(values)  # type: ignore[call-arg]
    except TypeError:
        return values
