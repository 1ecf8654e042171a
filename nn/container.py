"""Containers: modules in a row, in a list, in a dict; parameters in a list, in a dict."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from autograd.tensor import Tensor
from nn.module import Module, indented, tree_repr
from nn.parameter import Parameter


class _Listed(Module):
    """Submodules under the names "0", "1", ...: what Sequential and ModuleList have in common."""

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Module]:
        return iter(self._modules.values())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)._of(dict(list(self._modules.items())[index]))
        return self._modules[self._key(index)]

    def __setitem__(self, index: int, module: Module) -> None:
        self.register_module(self._key(index), module)

    def __delitem__(self, index: int | slice) -> None:
        keys = list(self._modules)
        for key in keys[index] if isinstance(index, slice) else [self._key(index)]:
            del self._modules[key]
        self._renumber(list(self._modules.values()))

    def __add__(self, other: Iterable[Module]):
        return type(self)._of({str(i): module for i, module in enumerate([*self, *other])})

    def __iadd__(self, other: Iterable[Module]):
        return self.extend(other)

    def append(self, module: Module):
        """Add a module at the end; return self."""
        self.register_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]):
        """Add modules at the end; return self."""
        for module in list(modules):
            self.append(module)
        return self

    def insert(self, index: int, module: Module):
        """Put a module before position `index`; return self."""
        modules = list(self)
        if not -len(modules) <= index <= len(modules):
            raise IndexError(f"index {index} is out of range for {len(modules)} modules")
        modules.insert(index, module)
        self._renumber(modules)
        return self

    def pop(self, index: int = -1) -> Module:
        """Take the module at `index` out and return it."""
        module = self[index]
        del self[index]
        return module

    def _key(self, index: int) -> str:
        """The name under which position `index` is registered."""
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} modules")
        return list(self._modules)[index]

    def _renumber(self, modules: list) -> None:
        self._modules.clear()
        for position, module in enumerate(modules):
            self.register_module(str(position), module)

    @classmethod
    def _of(cls, modules: Mapping[str, Module]):
        raise NotImplementedError


class Sequential(_Listed):
    """Modules called one after the other, each with the output of the one before.

    Parameters
    ----------
    *modules : Module
        Or one dict of modules, which then have its names.

    Examples
    --------
    >>> import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    >>> model[:2]
    Sequential(
      (0): Linear(in_features=4, out_features=8, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *modules: Any):
        super().__init__()
        if len(modules) == 1 and isinstance(modules[0], Mapping):
            named = dict(modules[0])
        else:
            named = {str(i): module for i, module in enumerate(modules)}
        for name, module in named.items():
            self.register_module(name, module)

    @classmethod
    def _of(cls, modules: Mapping[str, Module]):
        return cls(modules)

    def forward(self, input):
        """Pass `input` through all modules."""
        for module in self._modules.values():
            input = module(input)
        return input


class ModuleList(_Listed):
    """A list whose modules are submodules. It has no forward of its own.

    Examples
    --------
    >>> import nn
    >>> layers = nn.ModuleList(nn.Linear(2, 2) for _ in range(3))
    >>> len(layers), len(list(layers.parameters()))
    (3, 6)
    """

    def __init__(self, modules: Iterable[Module] | None = None):
        super().__init__()
        self.extend(() if modules is None else modules)

    @classmethod
    def _of(cls, modules: Mapping[str, Module]):
        return cls(modules.values())

    def __repr__(self) -> str:
        # Equal neighbours are written once, with their number: "(0-2): 3 x Linear(...)".
        runs: list[list] = []
        for position, module in enumerate(self):
            text = repr(module)
            if runs and runs[-1][1] == text:
                runs[-1][2] = position
            else:
                runs.append([position, text, position])
        lines = []
        for first, text, last in runs:
            several = f"({first}-{last}): {last - first + 1} x "
            head = several if last > first else f"({first}): "
            lines.append(head + indented(text))
        return tree_repr(self._get_name(), [], lines)


class ModuleDict(Module):
    """A dict whose modules are submodules. It has no forward of its own.

    Examples
    --------
    >>> import nn
    >>> heads = nn.ModuleDict({"colour": nn.Linear(4, 3), "size": nn.Linear(4, 1)})
    >>> list(heads)
    ['colour', 'size']
    """

    def __init__(self, modules: Mapping[str, Module] | Iterable | None = None):
        super().__init__()
        self.update({} if modules is None else modules)

    def __getitem__(self, key: str) -> Module:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.register_module(key, module)

    def __delitem__(self, key: str) -> None:
        if key not in self._modules:
            raise KeyError(key)
        delattr(self, key)

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def keys(self):
        """Return the names."""
        return self._modules.keys()

    def values(self):
        """Return the modules."""
        return self._modules.values()

    def items(self):
        """Return pairs of name and module."""
        return self._modules.items()

    def pop(self, key: str) -> Module:
        """Take a module out and return it."""
        module = self[key]
        del self[key]
        return module

    def clear(self) -> None:
        """Take all modules out."""
        for key in list(self):
            del self[key]

    def update(self, modules: Mapping[str, Module] | Iterable) -> None:
        """Add or replace modules from a dict or from pairs."""
        for key, module in dict(modules).items():
            self[key] = module


class ParameterList(Module):
    """A list of tensors, each of which is made a parameter.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ParameterList([ag.ones(2, 3)])
    ParameterList(
      (0): Parameter containing: [float32 of size 2x3]
    )
    """

    def __init__(self, values: Iterable | None = None):
        super().__init__()
        self.extend(() if values is None else values)

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator:
        return iter(self._parameters.values())

    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return type(self)(list(self)[index])
        return self._parameters[self._key(index)]

    def __setitem__(self, index: int, value) -> None:
        self.register_parameter(self._key(index), _as_parameter(value))

    def __iadd__(self, values: Iterable):
        return self.extend(values)

    def append(self, value):
        """Add a parameter at the end; return self."""
        self.register_parameter(str(len(self)), _as_parameter(value))
        return self

    def extend(self, values: Iterable):
        """Add parameters at the end; return self."""
        for value in list(values):
            self.append(value)
        return self

    def _key(self, index: int) -> str:
        index = operator.index(index)
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range for {len(self)} parameters")
        return str(index % len(self))

    def __repr__(self) -> str:
        return tree_repr(self._get_name(), [], _parameter_lines(self))


class ParameterDict(Module):
    """A dict of tensors, each of which is made a parameter.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> scales = nn.ParameterDict({"left": ag.ones(1)})
    >>> scales["left"].requires_grad
    True
    """

    def __init__(self, parameters: Mapping[str, Any] | Iterable | None = None):
        super().__init__()
        self.update({} if parameters is None else parameters)

    def __getitem__(self, key: str) -> Parameter | None:
        return self._parameters[key]

    def __setitem__(self, key: str, value) -> None:
        self.register_parameter(key, _as_parameter(value))

    def __delitem__(self, key: str) -> None:
        del self._parameters[key]

    def __len__(self) -> int:
        return len(self._parameters)

    def __iter__(self) -> Iterator[str]:
        return iter(self._parameters)

    def __contains__(self, key: object) -> bool:
        return key in self._parameters

    def keys(self):
        """Return the names."""
        return self._parameters.keys()

    def values(self):
        """Return the parameters."""
        return self._parameters.values()

    def items(self):
        """Return pairs of name and parameter."""
        return self._parameters.items()

    def get(self, key: str, default=None):
        """Return the parameter of that name, or `default`."""
        return self._parameters.get(key, default)

    def pop(self, key: str) -> Parameter | None:
        """Take a parameter out and return it."""
        return self._parameters.pop(key)

    def clear(self) -> None:
        """Take all parameters out."""
        self._parameters.clear()

    def update(self, parameters: Mapping[str, Any] | Iterable) -> None:
        """Add or replace parameters from a dict or from pairs."""
        for key, value in dict(parameters).items():
            self[key] = value

    def __repr__(self) -> str:
        return tree_repr(self._get_name(), [], _parameter_lines(self))


def _as_parameter(value) -> Parameter | None:
    plain = isinstance(value, Tensor) and not isinstance(value, Parameter)
    return Parameter(value, requires_grad=value.is_floating_point()) if plain else value


def _parameter_lines(module: Module) -> list[str]:
    return [
        f"({name}): Parameter containing: [{p.dtype} of size {'x'.join(map(str, p.shape))}]"
        for name, p in module._parameters.items()
        if p is not None
    ]
