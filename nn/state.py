"""State dicts: a module's tensors by name, and how they are put back."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from autograd.tensor import Tensor, wrap
from autograd.versions import wrote
from nn.hooks import registered
from nn.parameter import Parameter, is_lazy


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


EXTRA = "_extra_state"  # the key of what a module's own get_extra_state returns


def _own(module, prefix: str) -> Iterator[tuple[str, Slot]]:
    """The parameters and persistent buffers of this very module."""
    for table, hidden in (
        (module._parameters, ()),
        (module._buffers, module._non_persistent_buffers_set),
    ):
        for name, tensor in table.items():
            if tensor is not None and name not in hidden:
                yield prefix + name, Slot(table, name, tensor)


def _parts(module) -> Iterator[tuple[str, Any]]:
    """Every module below, shared ones under all names, with the prefix of its keys."""
    for path, part in module.named_modules(remove_duplicate=False):
        yield f"{path}." if path else "", part


def collect(module, destination, prefix: str, keep_vars: bool):
    """Put the state below `module` into `destination`; values share memory with the module."""
    destination = OrderedDict() if destination is None else destination
    for hook in registered(module, "state_before"):
        hook(module, prefix, keep_vars)
    for key, slot in _own(module, prefix):
        destination[key] = slot.tensor if keep_vars else slot.tensor.detach()
    if module._has_extra_state("get"):
        destination[prefix + EXTRA] = module.get_extra_state()
    for name, child in module._modules.items():
        if child is not None:
            child.state_dict(
                destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
            )
    for hook in registered(module, "state_after"):
        hook(module, destination, prefix, {})
    return destination


def load(module, state_dict: Mapping[str, Any], strict: bool, assign: bool) -> IncompatibleKeys:
    """Put `state_dict` into `module`, or raise one error that names all that does not fit.

    Everything is checked before anything is written, so a failed load leaves the module as it was.
    """
    if not isinstance(state_dict, Mapping):
        raise TypeError(f"load_state_dict expected a dict, got {type(state_dict).__name__}")
    arrays: dict[str, np.ndarray] = {}
    problems: list[str] = []
    missing: list[str] = []
    unexpected: list[str] = []
    parts = list(_parts(module))
    state_dict = OrderedDict(state_dict)  # hooks may change it
    for prefix, part in parts:
        for hook in registered(part, "load_before"):
            hook(part, state_dict, prefix, {}, strict, missing, unexpected, problems)
    own = {key: slot for prefix, part in parts for key, slot in _own(part, prefix)}
    extra = {prefix + EXTRA: part for prefix, part in parts if part._has_extra_state("set")}
    wanted = {prefix + EXTRA for prefix, part in parts if part._has_extra_state("get")}
    missing += [key for key in (*own, *wanted) if key not in state_dict]
    unexpected += [key for key in state_dict if key not in own and key not in extra]
    for key in own:
        if key in state_dict:
            try:
                array = _array(state_dict[key])
            except TypeError as error:
                problems.append(f"wrong type for {key}: {error}")
                continue
            if is_lazy(state_dict[key]):
                if not is_lazy(own[key].tensor):
                    problems.append(
                        f"no values for {key}: the state dict is of a lazy module that was not "
                        "called yet"
                    )
                continue
            arrays[key] = array
            if is_lazy(own[key].tensor):  # takes whatever shape comes
                continue
            if arrays[key].shape != own[key].tensor.shape:
                problems.append(
                    f"size mismatch for {key}: the state dict has shape {arrays[key].shape}, "
                    f"the model has {own[key].tensor.shape}"
                )
    keys = IncompatibleKeys(missing, unexpected)
    after = list(_hooks_after(module))
    # A hook that runs after loading may still forgive names: only then is loading tried before.
    _refuse(module, problems, keys, strict and not after)
    for key, array in arrays.items():
        _store(own[key], state_dict[key], array, assign)
    for key, part in extra.items():
        if key in state_dict:
            part.set_extra_state(state_dict[key])
    for part, hook in after:
        hook(part, keys)
    _refuse(module, [], keys, strict)
    return keys


def _hooks_after(module) -> Iterator[tuple[Any, Any]]:
    """The hooks to call after loading, those of children before their parent's."""
    for child in module._modules.values():
        if child is not None:
            yield from _hooks_after(child)
    for hook in registered(module, "load_after"):
        yield module, hook


def _refuse(module, problems: list[str], keys: IncompatibleKeys, strict: bool) -> None:
    problems = (_name_problems(*keys) if strict else []) + problems
    if problems:
        raise RuntimeError(
            f"Error(s) in loading state_dict for {type(module).__name__}:\n\t"
            + "\n\t".join(problems)
        )


def _array(value) -> np.ndarray:
    if isinstance(value, Tensor):
        return value.array
    if isinstance(value, (np.ndarray, np.generic)) or hasattr(value, "__array__"):
        return np.asarray(value)
    raise TypeError(f"expected a Tensor or an array, got {type(value).__name__}")


def _store(slot: Slot, value, array: np.ndarray, assign: bool) -> None:
    if is_lazy(slot.tensor):
        slot.tensor.materialize(array.shape)  # type: ignore[attr-defined]
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
