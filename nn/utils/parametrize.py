"""Parametrizations: a parameter that is computed from others each time it is read.

A module with one gets a class of its own, ``ParametrizedLinear`` say, on which the parameter's name
is a property. What it is computed from, and the modules that compute it, live in the submodule
``parametrizations``: ``parametrizations.weight.original``, ``parametrizations.weight.0``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from autograd.mode import no_grad
from autograd.tensor import Tensor
from nn.container import ModuleDict, ModuleList
from nn.module import Module
from nn.parameter import Parameter

_depth = 0  # of nested `cached()`
_cache: dict[tuple[int, str], Tensor] = {}


@contextlib.contextmanager
def cached():
    """Compute each parametrized tensor only once while the context lasts.

    Examples
    --------
    >>> import nn
    >>> from nn.utils import parametrize, parametrizations
    >>> layer = parametrizations.weight_norm(nn.Linear(2, 2))
    >>> with parametrize.cached():
    ...     layer.weight is layer.weight
    True
    """
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth:
            _cache.clear()


class ParametrizationList(ModuleList):
    """The modules that compute one tensor, in order, and the tensors they start from.

    Those are named ``original``, or ``original0``, ``original1``, ... if the last module's
    ``right_inverse`` returns several.
    """

    def __init__(self, modules: Iterable[Module], original: Tensor, unsafe: bool = False):
        modules = list(modules)
        if not modules:
            raise ValueError("ParametrizationList expected at least one module, got none")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            values = self._inverted(original, strict=False)
        self.is_tensor = isinstance(values, Tensor)
        self.ntensors = 1 if self.is_tensor else len(values)
        if self.is_tensor:
            if values.dtype != dtype:
                raise ValueError(
                    f"right_inverse may not change the dtype, {dtype}; it returned {values.dtype}"
                )
            _set(original, values)  # the very parameter an optimiser may know already
            _register(self, "original", original)
        else:
            for i, value in enumerate(values):
                if isinstance(original, Parameter):
                    value = Parameter(value.detach().clone(), original.requires_grad)
                _register(self, f"original{i}", value)
        if not unsafe:
            _check_kind(self(), shape, dtype)

    def forward(self) -> Any:
        """Compute the tensor."""
        first, *others = self
        value = first(*self._originals())
        for module in others:
            value = module(value)
        return value

    def right_inverse(self, value: Tensor) -> None:
        """Change the originals such that `forward` gives `value`."""
        with no_grad():
            values = self._inverted(value, strict=True)
            values = [values] if self.is_tensor else list(values)
            originals = self._originals()
            if len(values) != len(originals):
                raise ValueError(
                    f"right_inverse returned {len(values)} tensors, expected {len(originals)}"
                )
            for original, new in zip(originals, values, strict=True):
                if new.dtype != original.dtype:
                    raise ValueError(
                        f"right_inverse returned {new.dtype}, expected {original.dtype}"
                    )
                _set(original, new)

    def _originals(self) -> list[Any]:
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def _inverted(self, value, strict: bool):
        """`value` led backwards through all modules; one without an inverse counts as identity."""
        for module in reversed(list(self)):
            if hasattr(module, "right_inverse"):
                try:
                    value = module.right_inverse(value)
                except NotImplementedError:
                    if strict:
                        raise
            elif strict:
                raise RuntimeError(
                    f"{type(module).__name__} has no right_inverse, so nothing can be assigned"
                )
        if not isinstance(value, (Tensor, Sequence)):
            raise ValueError(
                "right_inverse expected to return a Tensor or a sequence of Tensors, got "
                f"{type(value).__name__}"
            )
        return value


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Tell whether the module has a parametrization, or one of that name.

    Examples
    --------
    >>> import nn
    >>> from nn.utils import parametrize
    >>> parametrize.is_parametrized(nn.Linear(2, 2))
    False
    """
    table = module._modules.get("parametrizations")
    if not isinstance(table, ModuleDict):
        return False
    return len(table) > 0 if tensor_name is None else tensor_name in table


def type_before_parametrizations(module: Module) -> type:
    """Return the class that the module had without parametrizations.

    Examples
    --------
    >>> import nn
    >>> from nn.utils import parametrize, parametrizations
    >>> layer = parametrizations.weight_norm(nn.Linear(2, 2))
    >>> parametrize.type_before_parametrizations(layer).__name__
    'Linear'
    """
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let ``parametrization(original)`` stand for a parameter or buffer; return the module.

    A second one for the same tensor takes what the first computes. If the parametrization has a
    method ``right_inverse``, the tensor can be assigned to, and the original starts such that the
    tensor keeps its value as far as it can.

    Parameters
    ----------
    module : Module
        Changed in place.
    tensor_name : str
    parametrization : Module
    unsafe : bool, default False
        Do not check that shape and dtype stay the same.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from nn.utils import parametrize
    >>> class Symmetric(nn.Module):
    ...     def forward(self, x):
    ...         return (x + x.T) / 2
    >>> layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    >>> bool((layer.weight == layer.weight.T).all()), sorted(layer.state_dict())
    (True, ['bias', 'parametrizations.weight.original'])
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        old = getattr(module, tensor_name)
        if not unsafe:
            _check_kind(parametrization(old), old.shape, old.dtype)
        entry: Any = module.parametrizations[tensor_name]
        entry.append(parametrization)
        entry.unsafe = entry.unsafe or unsafe
        return module
    original = module._parameters.get(tensor_name)
    if original is None:
        original = module._buffers.get(tensor_name)  # type: ignore[assignment]
    if original is None:
        raise ValueError(
            f"{type(module).__name__} has no parameter, buffer or parametrized tensor named "
            f"{tensor_name!r}"
        )
    entry = ParametrizationList([parametrization], original, unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.parametrizations = ModuleDict()
    base = type_before_parametrizations(module)
    module.parametrizations[tensor_name] = entry
    module.__class__ = _class_with(base, tuple(module.parametrizations))
    return module


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make a parametrized tensor an ordinary one again; return the module.

    With `leave_parametrized` it keeps the value it has now, otherwise it gets the original back.

    Examples
    --------
    >>> import nn
    >>> from nn.utils import parametrize, parametrizations
    >>> layer = parametrizations.weight_norm(nn.Linear(2, 2))
    >>> parametrize.remove_parametrizations(layer, "weight")
    Linear(in_features=2, out_features=2, bias=True)
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"{type(module).__name__} has no parametrization of {tensor_name!r}")
    entry: Any = module.parametrizations[tensor_name]
    if not entry.is_tensor and not leave_parametrized:
        raise ValueError(
            f"{tensor_name!r} is computed from {entry.ntensors} tensors: there is no one original "
            "to leave, pass leave_parametrized=True"
        )
    value = getattr(module, tensor_name)
    if entry.is_tensor:
        original = entry.original
        if leave_parametrized:
            _set(original, value.detach())
    else:
        original = Parameter(value.detach()) if value.requires_grad else value
    base = type_before_parametrizations(module)
    del module.parametrizations[tensor_name]
    names = tuple(module.parametrizations)
    if not names:
        del module.parametrizations
    module.__class__ = _class_with(base, names) if names else base
    _register(module, tensor_name, original)
    return module


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give `to_module` the parametrizations of `from_module` with their tensors; return it.

    That is all of them, or that of `tensor_name`. Both modules then share tensors and modules.

    Examples
    --------
    >>> import nn
    >>> from nn.utils import parametrize, parametrizations
    >>> first, second = parametrizations.weight_norm(nn.Linear(3, 2)), nn.Linear(3, 2)
    >>> _ = parametrize.transfer_parametrizations_and_params(first, second)
    >>> bool((first.weight == second.weight).all())
    True
    """
    if not is_parametrized(from_module):
        return to_module
    entries: Any = from_module.parametrizations
    for name in list(entries) if tensor_name is None else [tensor_name]:
        if not hasattr(to_module, name):
            value = getattr(from_module, name).detach().clone()
            to_module.register_parameter(name, Parameter(value))
        for parametrization in entries[name]:
            register_parametrization(to_module, name, parametrization)
        entry: Any = to_module.parametrizations
        for key in ("original", *(f"original{i}" for i in range(entries[name].ntensors))):
            if hasattr(entries[name], key):
                setattr(entry[name], key, getattr(entries[name], key))
    return to_module


def _class_with(base: type, names: tuple[str, ...]) -> type:
    """A subclass of `base` in which each of `names` is computed. Classes are never changed."""

    def __reduce_ex__(self, protocol):
        return _blank, (base, names), self.__getstate__()

    body: dict[str, Any] = {name: _property(name) for name in names}
    body |= {"__reduce_ex__": __reduce_ex__, "__module__": base.__module__}
    return type(f"Parametrized{base.__name__}", (base,), body)


def _blank(base: type, names: tuple[str, ...]):
    """An instance of the parametrized class without its state: for copies and pickles."""
    cls = _class_with(base, names)
    return object.__new__(cls)


def _property(name: str) -> property:
    def get(self):
        if not _depth:
            return self.parametrizations[name]()
        key = id(self), name
        if key not in _cache:
            _cache[key] = self.parametrizations[name]()
        return _cache[key]

    def put(self, value):
        self.parametrizations[name].right_inverse(value)
        _cache.pop((id(self), name), None)

    return property(get, put)


def _set(tensor: Tensor, value: Tensor) -> None:
    """Give `tensor` the memory of `value`; it stays the object that optimisers know."""
    if tensor.array is not value.array:
        tensor.data = value.array.copy()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _check_kind(value, shape, dtype) -> None:
    if not isinstance(value, Tensor):
        raise ValueError(f"a parametrization expected to return a Tensor, got {type(value)}")
    if value.shape != shape or value.dtype != dtype:
        raise ValueError(
            f"a parametrization may not change shape or dtype, {dtype} of shape {shape}: it "
            f"returned {value.dtype} of shape {value.shape}. With unsafe=True it may"
        )


def tensor_of(module: Module, name: str) -> Tensor:
    """The parameter or buffer of that name, or an error.

    Examples
    --------
    >>> import nn
    >>> nn.utils.parametrize.tensor_of(nn.Linear(2, 3), "bias").shape
    (3,)
    """
    tensor = getattr(module, name, None)
    if not isinstance(tensor, Tensor):
        raise ValueError(f"{type(module).__name__} has no parameter or buffer named {name!r}")
    return tensor
