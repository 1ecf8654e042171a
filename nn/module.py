"""Module: a tree of named parameters, buffers and submodules, and a call."""

from __future__ import annotations

import difflib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from autograd.hooks import RemovableHandle
from autograd.mode import CURRENT
from autograd.tensor import Tensor, wrap
from nn import hooks, path, state
from nn.parameter import Buffer, Parameter, check_device


class Module:
    """Base class of all layers and models.

    A subclass calls ``super().__init__()``, assigns parameters, buffers and other modules to
    attributes, and defines ``forward``. Calling the module runs `forward` with the hooks around it.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> class Scale(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(ag.tensor(3.0))
    ...     def forward(self, input):
    ...         return input * self.factor
    >>> Scale()(ag.ones(2)).detach()
    tensor([3., 3.])
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _non_persistent_buffers_set=set(),
            _modules={},
            _hooks=None,
            **_UNNAMED,
        )

    def forward(self, *args, **kwargs):
        """Compute the output; every subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} does not define forward()")

    def __call__(self, *args, **kwargs):
        outside = CURRENT.get()
        before, inside = self._states
        if before is not outside or self._stamp != path.epoch:
            inside = path.state_inside(self, outside)
        CURRENT.set(inside)
        try:
            if self._hooks is None:
                return self.forward(*args, **kwargs)
            return self._hooks.run(self, args, kwargs)
        except Exception as error:
            path.note(error, inside.layer)
            raise
        finally:
            after = CURRENT.get()
            # A forward may have switched something for good, as with set_grad_enabled(False).
            CURRENT.set(outside if after is inside else after._replace(layer=outside.layer))

    # -- attributes ------------------------------------------------------------------------------

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._vacate(name, "_parameters", "parameters")
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._vacate(name, "_modules", "modules")
            self._modules[name] = value
            path.changed()
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
                    f"cannot assign {_described(value)} to the parameter {name!r}: expected an "
                    f"nn.Parameter or None; to change its values write to {name}.data"
                )
            self._parameters[name] = None
        elif name in attributes.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign {_described(value)} to the submodule {name!r}: expected an "
                    "nn.Module or None"
                )
            self._modules[name] = None
            path.changed()
        elif name in attributes.get("_buffers", ()):
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"cannot assign {_described(value)} to the buffer {name!r}: expected a Tensor "
                    "or None"
                )
            self._buffers[name] = value
        else:
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
        for table in ("_parameters", "_buffers", "_modules"):
            if table in attributes and name in attributes[table]:
                return attributes[table][name]
        if "_modules" not in attributes and not name.startswith("__"):
            raise AttributeError(
                f"{type(self).__name__} has no attribute {name!r}: super().__init__() was not called"
            )
        raise AttributeError(
            f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
        )

    def __delattr__(self, name: str) -> None:
        for table in (self._parameters, self._buffers, self._modules):
            if name in table:
                del table[name]  # type: ignore[attr-defined]
                self._non_persistent_buffers_set.discard(name)
                path.changed()
                return
        object.__delattr__(self, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._parameters, *self._buffers, *self._modules})

    def __getstate__(self) -> dict:
        return {**self.__dict__, **_UNNAMED}

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter, or None to reserve its name."""
        self._check_name(name, "_parameters", "parameter")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"parameter {name!r}: expected an nn.Parameter or None, got {_described(param)}"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not a parameter; it is saved if `persistent`."""
        self._check_name(name, "_buffers", "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(f"buffer {name!r}: expected a Tensor or None, got {_described(tensor)}")
        self._buffers[name] = tensor
        (set.discard if persistent else set.add)(self._non_persistent_buffers_set, name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Add a submodule, or None to reserve its name."""
        self._check_name(name, "_modules", "module")
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"module {name!r}: expected an nn.Module or None, got {_described(module)}")
        self._modules[name] = module
        path.changed()

    add_module = register_module

    def _check_name(self, name: str, table: str, what: str) -> None:
        if table not in self.__dict__:
            raise AttributeError(f"cannot assign a {what} before super().__init__() was called")
        if not isinstance(name, str):
            raise TypeError(f"{what} name: expected a str, got {type(name).__name__}")
        if not name or "." in name:
            raise KeyError(f"{what} name {name!r}: expected a name that is not empty and has no dot")
        if name not in self.__dict__[table] and hasattr(self, name):
            raise KeyError(f"{what} name {name!r}: there is an attribute of that name already")

    # -- walking the tree ------------------------------------------------------------------------

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Iterate over the direct submodules and their names, each module once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def children(self) -> Iterator[Module]:
        """Iterate over the direct submodules."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, memo: set | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Iterate over this module and all below it, parents first, with dotted names.

        Examples
        --------
        >>> import nn
        >>> [name for name, _ in nn.Sequential(nn.Linear(2, 2), nn.ReLU()).named_modules()]
        ['', '0', '1']
        """
        memo = set() if memo is None else memo
        stack: list[tuple[str, Module]] = [(prefix, self)]
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

    def modules(self) -> Iterator[Module]:
        """Iterate over this module and all below it."""
        return (module for _, module in self.named_modules())

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

    def get_submodule(self, target: str) -> Module:
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

    def set_submodule(self, target: str, module: Module) -> None:
        """Replace the module at a dotted path."""
        above, _, name = target.rpartition(".")
        if not name:
            raise ValueError("set_submodule expected the path of a submodule, got an empty one")
        setattr(self.get_submodule(above), name, module)

    # -- changing the whole tree -----------------------------------------------------------------

    def apply(self, fn: Callable[[Module], Any]):
        """Call `fn` on every module below and then on this one; return self.

        Examples
        --------
        >>> import nn
        >>> model = nn.Sequential(nn.Linear(2, 2))
        >>> _ = model.apply(lambda m: nn.init.zeros_(m.bias) if isinstance(m, nn.Linear) else None)
        >>> model[0].bias.tolist()
        [0.0, 0.0]
        """
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    def train(self, mode: bool = True):
        """Set training mode, which dropout and batch normalisation look at; return self."""
        if not isinstance(mode, bool):
            raise ValueError(f"training mode is expected to be a bool, got {_described(mode)}")
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self):
        """Set evaluation mode; return self."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True):
        """Ask, or stop asking, for gradients of every parameter; return self."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad = wrap(np.zeros_like(parameter.grad.array))

    def to(self, *args, **kwargs):
        """Convert floating point parameters and buffers to a dtype, in place; return self.

        Called as ``to(dtype)``, ``to("cpu")``, ``to("cpu", dtype)`` or ``to(tensor)``, whose dtype is
        then taken.

        Examples
        --------
        >>> import autograd as ag, nn
        >>> nn.Linear(2, 2).to(ag.float64).weight.dtype
        dtype('float64')
        """
        dtype = _dtype_of_to(*args, **kwargs)
        if dtype is None:
            return self
        if dtype.kind != "f":
            raise TypeError(f"Module.to expected a floating point dtype, got {dtype}")
        return self._convert(lambda array: array.astype(dtype) if array.dtype.kind == "f" else array)

    def type(self, dst_type):
        """Convert all parameters and buffers, integers too, to a dtype, in place; return self."""
        return self._convert(lambda array: array.astype(dst_type))

    def float(self):
        """Convert floating point parameters and buffers to float32, in place; return self."""
        return self.to("float32")

    def double(self):
        """Convert floating point parameters and buffers to float64, in place; return self."""
        return self.to("float64")

    def half(self):
        """Convert floating point parameters and buffers to float16, in place; return self."""
        return self.to("float16")

    def cpu(self):
        """Return self: everything lives on the CPU."""
        return self

    def _convert(self, function: Callable[[np.ndarray], np.ndarray]):
        """Replace the memory of every parameter, gradient and buffer; the tensors stay the same."""
        for tensor in (*self.parameters(), *self.buffers()):
            tensor.data = function(tensor.array)
            if tensor.is_leaf and tensor.grad is not None:
                tensor.grad = wrap(function(tensor.grad.array))
        return self

    # -- state -----------------------------------------------------------------------------------

    def state_dict(self, *, destination=None, prefix: str = "", keep_vars: bool = False) -> OrderedDict:
        """Return all parameters and persistent buffers by dotted name, sharing the module's memory.

        Examples
        --------
        >>> import nn
        >>> list(nn.Sequential(nn.Linear(2, 1)).state_dict())
        ['0.weight', '0.bias']
        """
        return state.collect(self, destination, prefix, keep_vars)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> state.IncompatibleKeys:
        """Copy tensors or arrays, by name, into this module's parameters and buffers.

        Parameters
        ----------
        state_dict : mapping of str to Tensor or array
        strict : bool, default True
            Whether names on one side only are an error.
        assign : bool, default False
            Take the tensors themselves, with their dtypes, instead of copying their values.

        Raises
        ------
        RuntimeError
            Lists every missing, unexpected and wrongly shaped entry; nothing was loaded then.
        """
        return state.load(self, state_dict, strict, assign)

    # -- hooks -----------------------------------------------------------------------------------

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before `forward`; it may return other arguments."""
        return hooks.add(self._hook_tables().before, (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, output)`` after `forward`; it may return another output.

        Examples
        --------
        >>> import autograd as ag, nn
        >>> layer = nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1)
        >>> layer(ag.zeros(1))
        tensor([1.])
        >>> handle.remove()
        """
        if always_call:
            raise NotImplementedError(
                "register_forward_hook(always_call=True) is not supported: a hook is not called "
                "when forward raises"
            )
        return hooks.add(self._hook_tables().after, (hook, with_kwargs), prepend)

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` when the outputs' gradients are known."""
        return hooks.add(self._hook_tables().backward_before, hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` when the inputs' gradients are known.

        Both are tuples, `grad_input` with one entry per positional argument. The hook may return
        gradients to go on with in place of `grad_input`.
        """
        return hooks.add(self._hook_tables().backward, hook, prepend)

    def _hook_tables(self) -> hooks.Hooks:
        if self._hooks is None:
            self._hooks = hooks.Hooks()
        return self._hooks

    # -- how it prints ---------------------------------------------------------------------------

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """Say what belongs between the parentheses of the repr; subclasses override it."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        lines = [f"({name}): {indented(repr(child))}" for name, child in self._modules.items()]
        return tree_repr(self._get_name(), extra_lines, lines)


# What a module is before `nn.path` has named it; copies and pickles start from here again.
_UNNAMED: dict[str, Any] = {"_label": None, "_stamp": -1, "_states": (None, None)}


def indented(text: str) -> str:
    """`text` with all lines but the first moved in by two spaces."""
    return text.replace("\n", "\n  ")


def tree_repr(name: str, extra: list[str], children: list[str]) -> str:
    """Lay out a module's name, its extra lines and its children as PyTorch does."""
    if len(extra) == 1 and not children:
        return f"{name}({extra[0]})"
    lines = extra + children
    return f"{name}(\n  " + "\n  ".join(lines) + "\n)" if lines else f"{name}()"


def _described(value: Any) -> str:
    shape = f" of shape {value.shape}" if isinstance(value, (Tensor, np.ndarray)) else ""
    return f"{type(value).__name__}{shape}"


def _dtype_of_to(*args, device=None, dtype=None, non_blocking=False, copy=False):
    """The dtype asked for in a call of `Module.to`, or None."""
    for value in args:
        if isinstance(value, bool):  # non_blocking, which means nothing here
            continue
        if isinstance(value, Tensor):
            dtype = value.dtype
        elif value is None or str(value) == "cpu" or str(value).startswith("cuda"):
            device = value
        else:
            dtype = value
    check_device(device)
    return None if dtype is None else np.dtype(dtype)
