"""State dicts: a module's tensors by name, and how they are put back."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd.tensor import Tensor, wrap
from autograd.versions import wrote
from nn.parameter import Parameter


class IncompatibleKeys(NamedTuple):
    """What `load_state_dict` returns: the names on one side only."""

    missing_keys: list[str]
    unexpected_keys: list[str]

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        missing, unexpected = self
        return f"IncompatibleKeys(missing_keys={missing}, unexpected_keys={unexpected})"


class Slot(NamedTuple):
    """Where a tensor of the state lives: in a module's table of parameters or of buffers."""

    table: dict
    name: str
    tensor: Tensor


def slots(module, prefix: str = "") -> OrderedDict[str, Slot]:
    """Every parameter and persistent buffer below `module`, shared ones under all names."""
    found: OrderedDict[str, Slot] = OrderedDict()
    for path, part in module.named_modules(prefix=prefix, remove_duplicate=False):
        path = f"{path}." if path and not path.endswith(".") else path
        for table, hidden in (
            (part._parameters, ()),
            (part._buffers, part._non_persistent_buffers_set),
        ):
            for name, tensor in table.items():
                if tensor is not None and name not in hidden:
                    found[path + name] = Slot(table, name, tensor)
    return found


def collect(module, destination, prefix: str, keep_vars: bool):
    """Put the state below `module` into `destination`; values share memory with the module."""
    destination = OrderedDict() if destination is None else destination
    for key, slot in slots(module, prefix.removesuffix(".")).items():
        destination[key] = slot.tensor if keep_vars else slot.tensor.detach()
    return destination


def load(module, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Put `state_dict` into `module`, or raise one error that names all that does not fit.

    Everything is checked before anything is written, so a failed load leaves the module as it was.
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"load_state_dict expected a dict, got {type(state_dict).__name__}")
    own = slots(module)
    missing = [key for key in own if key not in state_dict]
    unexpected = [key for key in state_dict if key not in own]
    arrays, problems = {}, []
    for key in own:
        if key in state_dict:
            try:
                arrays[key] = _array(state_dict[key])
            except TypeError as error:
                problems.append(f"wrong type for {key}: {error}")
                continue
            if arrays[key].shape != own[key].tensor.shape:
                problems.append(
                    f"size mismatch for {key}: the state dict has shape {arrays[key].shape}, "
                    f"the model has {own[key].tensor.shape}"
                )
    if strict:
        problems = _name_problems(missing, unexpected) + problems
    if problems:
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(module).__name__}:\n\t"
            + "\n\t".join(problems)
        )
    for key, array in arrays.items():
        _store(own[key], state_dict[key], array, assign)
    return IncompatibleKeys(missing, unexpected)


def _array(value) -> np.ndarray:
    if isinstance(value, Tensor):
        return value.array
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__"):
        return np.asarray(value)
    raise TypeError(f"expected a Tensor or an array, got {type(value).__name__}")


def _store(slot: Slot, value, array: np.ndarray, assign: bool) -> None:
    if not assign:
        np.copyto(slot.tensor.array, array, casting="unsafe")
        wrote(slot.tensor.array, "load_state_dict")
    elif isinstance(slot.tensor, Parameter):
        same = isinstance(value, Parameter)
        slot.table[slot.name] = value if same else Parameter(array, slot.tensor.requires_grad)
    else:
        slot.table[slot.name] = value if isinstance(value, Tensor) else wrap(array)


def _name_problems(missing: list[str], unexpected: list[str]) -> list[str]:
    """Say which names are on one side only, and which of them may be meant to be one."""
    problems = []
    if unexpected:
        problems.append(f"Unexpected key(s) in state_dict: {_quoted(unexpected)}.")
    if missing:
        problems.append(f"Missing key(s) in state_dict: {_quoted(missing)}.")
    head = next((key.partition(".")[0] + "." for key in unexpected), "")
    if unexpected and all(key.startswith(head) for key in unexpected):
        stripped = {key.removeprefix(head) for key in unexpected}
        if stripped & set(missing):
            return [
                *problems,
                f"Every unexpected key begins with {head!r}: remove that prefix from the keys.",
            ]
    for key in unexpected[:8]:
        near = difflib.get_close_matches(key, missing, 1)
        if near:
            problems.append(f'"{key}": did you mean "{near[0]}"?')
    return problems


def _quoted(keys: list[str]) -> str:
    return ", ".join(f'"{key}"' for key in keys)
