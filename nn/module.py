"""Module: a tree of named parameters, buffers and submodules, and a call."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from autograd.device import check_device
from autograd.hooks import RemovableHandle
from autograd.mode import CURRENT
from autograd.recording.effects import repeated
from autograd.tensor import Tensor, wrap
from nn import hooks, path, state
from nn.tree import Tree, described


class Module(Tree):
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
    _hooks: hooks.Hooks | None

    def __init__(self) -> None:
        super().__init__()
        self.__dict__.update(training=True, _hooks=None, **_UNNAMED)

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
            if self._hooks is None and hooks.everywhere is None:
                return self.forward(*args, **kwargs)
            return hooks.run(self, args, kwargs)
        except Exception as error:
            path.note(error, inside.layer)
            raise
        finally:
            after = CURRENT.get()
            # A forward may have switched something for good, as with set_grad_enabled(False).
            CURRENT.set(outside if after is inside else after._replace(layer=outside.layer))

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
            raise ValueError(f"training mode is expected to be a bool, got {described(mode)}")
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

    @repeated
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            else:
                parameter.grad = wrap(np.zeros_like(parameter.grad.array))

    def to(self, *args, **kwargs):
        """Convert floating point parameters and buffers to a dtype, in place; return self.

        Called as ``to(dtype)``, ``to("cpu")``, ``to("cpu", dtype)``, or ``to(tensor)`` for the
        dtype of that tensor.

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
        return self._convert(
            lambda array: array.astype(dtype) if array.dtype.kind == "f" else array
        )

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

    def to_empty(self, *, device, recurse: bool = True):
        """Give parameters and buffers fresh memory, with values yet to be set; return self."""
        check_device(device)
        for tensor in (*self.parameters(recurse), *self.buffers(recurse)):
            tensor.data = np.empty_like(tensor.array)
        return self

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

    def state_dict(
        self, *, destination=None, prefix: str = "", keep_vars: bool = False
    ) -> OrderedDict:
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

    def get_extra_state(self) -> Any:
        """Return what the state dict is to hold beside tensors; a subclass may define it.

        It is saved under the key ``_extra_state`` and given back to `set_extra_state`.
        """
        raise RuntimeError(f"{type(self).__name__} does not define get_extra_state()")

    def set_extra_state(self, state: Any) -> None:
        """Take back what `get_extra_state` returned; to be defined together with it."""
        raise RuntimeError(f"{type(self).__name__} does not define set_extra_state()")

    def _has_extra_state(self, which: str) -> bool:
        name = f"{which}_extra_state"
        return getattr(type(self), name) is not getattr(Module, name)

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, prefix, keep_vars)`` before the module's state is collected."""
        return hooks.add(self._hook_tables().state_before, hook, False)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, state_dict, prefix, local_metadata)`` after; it may change the dict.

        Examples
        --------
        >>> import nn
        >>> layer = nn.Linear(2, 2)
        >>> handle = layer.register_state_dict_post_hook(
        ...     lambda module, state, prefix, metadata: state.__delitem__(prefix + "bias")
        ... )
        >>> list(layer.state_dict())
        ['weight']
        """
        return hooks.add(self._hook_tables().state_after, hook, False)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """Call a hook before loading; it may change the state dict, of which it sees a copy.

        It is called ``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)``.
        """
        return hooks.add(self._hook_tables().load_before, hook, False)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(module, incompatible_keys)`` after loading; it may take names off the lists.

        With such a hook, names that do not fit are complained about only after loading.
        """
        return hooks.add(self._hook_tables().load_after, hook, False)

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

        With `always_call` also when `forward` or a hook raises; `output` is None then.

        Examples
        --------
        >>> import autograd as ag, nn
        >>> layer = nn.ReLU()
        >>> handle = layer.register_forward_hook(lambda module, args, output: output + 1)
        >>> layer(ag.zeros(1))
        tensor([1.])
        >>> handle.remove()
        """
        entry = hooks.After(hook, with_kwargs, always_call)
        return hooks.add(self._hook_tables().after, entry, prepend)

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

    def __getstate__(self) -> dict:
        return {**self.__dict__, **_UNNAMED}

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
