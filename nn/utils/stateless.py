"""Calling a module with other parameters than its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autograd.tensor import Tensor
from nn.module import Module


def functional_call(
    module: Module,
    parameters_and_buffers: Mapping[str, Tensor],
    args: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
):
    """Call `module` with tensors, by dotted name, in the place of its parameters and buffers.

    The tensors may be part of a graph, so derivatives by parameters are those of a function. After
    the call the module has its own tensors again; a buffer that the call replaces stays in the
    mapping's tensor.

    Parameters
    ----------
    module : Module
    parameters_and_buffers : mapping of str to Tensor
    args : tuple, or one argument
    kwargs : mapping, optional
    tie_weights : bool, default True
        Replace a shared tensor everywhere if it is given under one of its names.
    strict : bool, default False
        Whether every name must be given, and only these.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from nn.utils.stateless import functional_call
    >>> layer = nn.Linear(2, 1, bias=False)
    >>> functional_call(layer, {"weight": ag.tensor([[2.0, 3.0]])}, ag.ones(1, 2))
    tensor([[5.]], shape=(1, 1))
    """
    places = {}  # name -> (table, key in it)
    for above, part in module.named_modules(remove_duplicate=False):
        for table in (part._parameters, part._buffers):
            for key, tensor in table.items():
                if tensor is not None:
                    places[f"{above}.{key}" if above else key] = (table, key)
    unknown = [name for name in parameters_and_buffers if name not in places]
    missing = [name for name in places if name not in parameters_and_buffers]
    given = {id(places[n][0][places[n][1]]) for n in parameters_and_buffers if n in places}
    if tie_weights:
        missing = [n for n in missing if id(places[n][0][places[n][1]]) not in given]
    if strict and (unknown or missing):
        raise RuntimeError(
            f"functional_call: unexpected names {unknown}, missing names {missing} (strict=True)"
        )
    if unknown:
        raise KeyError(f"functional_call: {type(module).__name__} has no tensor {unknown[0]!r}")
    changes = _changes(places, parameters_and_buffers, tie_weights)
    before = [(table, key, table[key]) for table, key, _ in changes]
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    try:
        for table, key, tensor in changes:
            table[key] = tensor
        return module(*arguments, **(kwargs or {}))
    finally:
        for table, key, tensor in before:
            table[key] = tensor


def _changes(places, tensors, tie_weights: bool) -> list:
    """What to put where: (table, key, tensor) for each name, and for names of the same tensor."""
    replaced: dict[int, Tensor] = {}
    for name, tensor in tensors.items():
        old = places[name][0][places[name][1]]
        if tie_weights and replaced.setdefault(id(old), tensor) is not tensor:
            raise ValueError(
                f"functional_call got different tensors for {name!r} and another name of the same "
                "parameter: give one of them, or pass tie_weights=False"
            )
    changes = []
    for name, (table, key) in places.items():
        if name in tensors:
            changes.append((table, key, tensors[name]))
        elif tie_weights and id(table[key]) in replaced:
            changes.append((table, key, replaced[id(table[key])]))
    return changes
