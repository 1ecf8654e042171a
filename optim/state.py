"""State dicts of optimisers, in PyTorch's layout: parameters are numbered through all groups."""

from __future__ import annotations

import copy
from collections import defaultdict
from typing import Any

import numpy as np

from autograd.dtypes import float32
from autograd.tensor import Tensor, wrap

# PyTorch's switches between implementations that compute the same; not kept when loading.
CHOICES = ("foreach", "fused", "capturable", "differentiable")


def number(value: float | Tensor = 0.0) -> Tensor:
    """A 0-d float32 tensor, the form in which PyTorch keeps counts and the like."""
    return wrap(np.array(float(value), float32))


def like(param: Tensor, value: float = 0.0) -> Tensor:
    """A tensor of the shape and dtype of `param`, filled with `value`."""
    return wrap(np.full_like(param.array, value))


def begin(state: dict[str, Any], param: Tensor, names) -> None:
    """Start the state of `param`: no steps yet, and zeros for each running quantity in `names`."""
    state["step"] = number()
    for name in names:
        state[name] = like(param)


def collect(optimizer) -> dict[str, Any]:
    """Return {"state": {number: dict}, "param_groups": [options and numbers]}."""
    numbers: dict[int, int] = {}
    groups = []
    for group in optimizer.param_groups:
        for param in group["params"]:
            numbers[id(param)] = len(numbers)
        options = {name: value for name, value in group.items() if name != "params"}
        groups.append({**options, "params": [numbers[id(param)] for param in group["params"]]})
    state = {
        numbers[id(key)] if isinstance(key, Tensor) else key: value
        for key, value in optimizer.state.items()
    }
    return {"state": state, "param_groups": groups}


def load(optimizer, state_dict: dict[str, Any]) -> None:
    """Put a state dict into `optimizer`; all is checked before anything is changed."""
    own, saved = optimizer.param_groups, state_dict["param_groups"]
    if len(own) != len(saved):
        raise ValueError(
            f"the state dict has {len(saved)} parameter groups, this optimizer has {len(own)}"
        )
    params: dict[Any, Tensor] = {}
    groups = []
    for i, (group, theirs) in enumerate(zip(own, saved, strict=True)):
        if len(group["params"]) != len(theirs["params"]):
            raise ValueError(
                f"parameter group {i} has {len(theirs['params'])} parameters in the state dict and "
                f"{len(group['params'])} in this optimizer"
            )
        params.update(_pairs(group, theirs))
        groups.append(_options(optimizer, group, theirs))
    state: defaultdict[Any, dict[str, Any]] = defaultdict(dict)
    for key, values in state_dict["state"].items():
        if key in params:
            param = params[key]
            state[param] = {
                name: _adapted(optimizer, key, name, value, param) for name, value in values.items()
            }
        else:  # what a subclass remembers beside its parameters
            state[key] = copy.deepcopy(values)
    optimizer.state, optimizer.param_groups = state, groups


def _pairs(group: dict[str, Any], saved: dict[str, Any]) -> dict[Any, Tensor]:
    """Which parameter each number of a saved group stands for: by name if both sides know it."""
    names, saved_names = group.get("param_names"), saved.get("param_names")
    if names and saved_names and sorted(names) == sorted(saved_names):
        by_name = dict(zip(names, group["params"], strict=True))
        return {k: by_name[name] for k, name in zip(saved["params"], saved_names, strict=True)}
    return dict(zip(saved["params"], group["params"], strict=True))


def _options(optimizer, group: dict[str, Any], saved: dict[str, Any]) -> dict[str, Any]:
    """The saved options of a group, with this optimiser's parameters and their names."""
    options = {name: _own(value) for name, value in saved.items() if name not in CHOICES}
    options = {**optimizer.defaults, **options, "params": group["params"]}
    if "param_names" in group:
        options["param_names"] = group["param_names"]
    optimizer.check(options)
    return options


def _adapted(optimizer, key, name: str, value, param: Tensor):
    """A saved value in the form in which `param` keeps it: a copy, and in its dtype."""
    if isinstance(value, list):
        return [_adapted(optimizer, key, name, item, param) for item in value]
    value = _own(value)
    if name in optimizer.single:  # as PyTorch's a 0-d tensor, but not in the parameter's dtype
        return number(value)
    if not isinstance(value, Tensor):
        return value
    if name in optimizer.like_param and value.shape != param.shape:
        raise ValueError(
            f"{name} of parameter {key} has shape {value.shape} in the state dict, the parameter "
            f"has {param.shape}"
        )
    return wrap(value.array.astype(param.dtype)) if value.dtype.kind == "f" else value


def _own(value):
    """A copy of a saved value that shares nothing: any kind of array becomes a tensor."""
    if isinstance(value, Tensor):
        return wrap(value.array.copy())
    if isinstance(value, np.generic):
        return value.item()
    return wrap(np.asarray(value).copy()) if hasattr(value, "__array__") else copy.deepcopy(value)
