"""Tree: what makes a module a tree of named parameters, buffers and submodules.

The three kinds live in tables of their own and are reached as attributes. `nn.Module` adds what can
be done with such a tree.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd.tensor import Tensor
from nn import hooks, path
from nn.parameter import Buffer, Parameter


class Tree:
    """Named parts, and ways to walk over them."""

    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    def __init__(self) -> None:
        self.__dict__.update(
            _parameters={}, _buffers={}, _modules={}, _non_persistent_buffers_set=set()
        )

    # -- attributes ------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._vacate(name, "_parameters", "parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Tree):
            self._vacate(name, "_modules", "modules")
            self._modules[name] = hooks.approved("module", self, name, value)
            path.changed(self)
        elif isinstance(value, Buffer):
            self._vacate(name, "_buffers", "buffers")
            self.register_buffer(name, value, getattr(value, "persistent", True))
        else:
            self._set_plain(name, value)

    def _set_plain(self, name: str, value: Any) -> None:
        """Assign what is neither parameter nor module nor Buffer: perhaps to the name of one."""
        attributes = self.__dict__
        if name in attributes.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign {described(value)} to the parameter {name!r}: expected an "
                    f"nn.Parameter or None; to change its values write to {name}.data"
                )
            self._parameters[name] = None
            path.set_up_anew(self)
        elif name in attributes.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign {described(value)} to the submodule {name!r}: expected an "
                    "nn.Module or None"
                )
            self._modules[name] = None
            path.changed(self)
        elif name in attributes.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign {described(value)} to the buffer {name!r}: expected a Tensor "
                    "or None"
                )
            self._buffers[name] = hooks.approved("buffer", self, name, value)
            path.set_up_anew(self)
        else:
            if attributes.get(name) is not value:
                path.set_up_anew(self)
            object.__setattr__(self, name, value)

    def _vacate(self, name: str, destination: str, what: str) -> None:
        """Make room for `name` in one table by taking it out of everywhere else."""
        if destination not in self.__dict__:
            raise AttributeError(
                f"cannot assign {what} before super().__init__() was called in "
                f"{type(self).__name__}.__init__"
            )
        self.__dict__.pop(name, None)
        for table in ("_parameters", "_buffers", "_modules"):
            if table != destination:
                self.__dict__[table].pop(name, None)
        self._non_persistent_buffers_set.discard(name)

    def __getattr__(self, name: str) -> Any:
        # Only called for what is not an ordinary attribute.
        attributes = self.__dict__
        try:
            return attributes["_parameters"][name]
        except KeyError:  # rare, and free if it does not happen
            pass
        for table in ("_buffers", "_modules"):
            if table in attributes and name in attributes[table]:
                return attributes[table][name]
        if "_modules" not in attributes and not name.startswith("__"):
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r}: its __init__ did not call "
                "super().__init__()"
            )
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
        )

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]  # type: ignore[attr-defined]
                self._non_persistent_buffers_set.discard(name)
                path.changed(self)
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or None to reserve its name."""
        self._check_name(name, "_parameters", "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"parameter {name!r}: expected an nn.Parameter or None, got {described(param)}"
            )
        if param is not None:
            param = hooks.approved("parameter", self, name, param)
        self._parameters[name] = param
        path.set_up_anew(self)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not a parameter; it is saved if `persistent`."""
        self._check_name(name, "_buffers", "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"buffer {name!r}: expected a Tensor or None, got {described(tensor)}")
        self._buffers[name] = hooks.approved("buffer", self, name, tensor)
        path.set_up_anew(self)
        (set.discard if persistent else set.add)(self._non_persistent_buffers_set, name)

    def register_module(self, name: str, module: Tree | None) -> None:
        """Add a submodule, or None to reserve its name."""
        self._check_name(name, "_modules", "module")
        if module is not None and not isinstance(module, Tree):
            raise TypeError(
                f"module {name!r}: expected an nn.Module or None, got {described(module)}"
            )
        self._modules[name] = hooks.approved("module", self, name, module)
        path.changed(self)

    add_module = register_module

    def _check_name(self, name: str, table: str, what: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign a {what} before super().__init__() was called")
        if not isinstance(name, str):
            raise TypeError(f"{what} name: expected a str, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(
                f"{what} name {name!r}: expected a name that is not empty and has no dot"
            )
        if name not in self.__dict__[table] and hasattr(self, name):
            raise KeyError(f"{what} name {name!r}: there is an attribute of that name already")

    # -- walking the tree ------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Tree]]:
        """Iterate over the direct submodules and their names, each module once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Tree]:
        """Iterate over the direct submodules."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tree]]:
        """Iterate over this module and all below it, parents first, with dotted names.

        Examples
        --------
        >>> import nn
        >>> [name for name, _ in nn.Sequential(nn.Linear(2, 2), nn.ReLU()).named_modules()]
        ['', '0', '1']
        """
        memo = set() if memo is None else memo
        stack: list[tuple[str, Tree]] = [(prefix, self)]
        while stack:
            above, module = stack.pop()
            if remove_duplicate:
                if module in memo:
                    continue
                memo.add(module)
            yield above, module
            dotted = f"{above}." if above else ""
            stack.extend(
                (dotted + name, child)
                for name, child in reversed(module._modules.items())
                if child is not None
            )

    def modules(self, remove_duplicate: bool = True) -> Iterator[Tree]:
        """Iterate over this module and all below it."""
        return (part for _, part in self.named_modules(remove_duplicate=remove_duplicate))

    def _named_tensors(
        self, table: str, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterator[tuple[str, Any]]:
        seen = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else [(prefix, self)]
        )
        for above, module in modules:
            for name, tensor in getattr(module, table).items():
                if tensor is None or tensor in seen:
                    continue
                if remove_duplicate:
                    seen.add(tensor)
                yield (f"{above}.{name}" if above else name), tensor

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Iterate over parameters and their dotted names, each parameter once."""
        return self._named_tensors("_parameters", prefix, recurse, remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Iterate over parameters, as optimisers want them."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Iterate over buffers and their dotted names, each buffer once."""
        return self._named_tensors("_buffers", prefix, recurse, remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Iterate over buffers."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Tree:
        """Return the module at a dotted path; "" is this one."""
        module = self
        for name in target.split(".") if target else ():
            found = module._modules.get(name)
            if found is None:
                near = difflib.get_close_matches(name, module._modules, 1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise AttributeError(
                    f"no submodule {target!r}: {type(module).__name__} has no {name!r}{hint}"
                )
            module = found
        return module

    def get_parameter(self, target: str) -> Parameter:
        """Return the parameter at a dotted path."""
        return self._get_tensor(target, "_parameters", "parameter")

    def get_buffer(self, target: str) -> Tensor:
        """Return the buffer at a dotted path."""
        return self._get_tensor(target, "_buffers", "buffer")

    def _get_tensor(self, target: str, table: str, what: str):
        above, _, name = target.rpartition(".")
        tensor = getattr(self.get_submodule(above), table).get(name)
        if tensor is None:
            raise AttributeError(f"no {what} {target!r} in {type(self).__name__}")
        return tensor

    def set_submodule(self, target: str, module: Tree, strict: bool = False) -> None:
        """Put a module at a dotted path; with `strict` there must be one already."""
        above, _, name = target.rpartition(".")
        if not name:
            raise ValueError("set_submodule expected the path of a submodule, got an empty one")
        if not isinstance(module, Tree):
            raise ValueError(f"set_submodule expected an nn.Module, got {described(module)}")
        parent = self.get_submodule(above)
        if (strict or hasattr(parent, name)) and name not in parent._modules:
            raise AttributeError(
                f"no submodule {target!r}: {type(parent).__name__} has no {name!r}"
            )
        setattr(parent, name, module)


def described(value: Any) -> str:
    """Name a value's type, and its shape if it has one, for messages."""
    shape = f" of shape {value.shape}" if isinstance(value, (Tensor, np.ndarray)) else ""
    return f"{type(value).__name__}{shape}"
