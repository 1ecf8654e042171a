"""Weight and spectral normalisation by a hook: PyTorch's older form, with its state dict keys.

New code rather uses `nn.utils.parametrizations`.
"""

from __future__ import annotations

from typing import Any

from autograd.mode import no_grad
from autograd.random import default_generator, normal_array
from autograd.tensor import wrap
from nn.conv import _Conv
from nn.module import Module
from nn.parameter import Parameter
from nn.utils.parametrizations import as_matrix, norm_except_dim, unit


class WeightNorm:
    """The hook of `weight_norm`: before each call, ``weight = g * v / norm(v)``."""

    def __init__(self, name: str, dim: int):
        self.name, self.dim = name, dim
        self.keys = (f"{name}_g", f"{name}_v")

    def compute(self, module: Module):
        """The weight as it is now."""
        g, v = (getattr(module, key) for key in self.keys)
        return v * (g / norm_except_dim(v, self.dim))

    def final(self, module: Module):
        """The weight to leave behind."""
        return self.compute(module)

    def __call__(self, module: Module, args) -> None:
        setattr(module, self.name, self.compute(module))


class SpectralNorm:
    """The hook of `spectral_norm`: before each call, one more step of power iteration."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float):
        if n_power_iterations <= 0:
            raise ValueError(f"n_power_iterations expected a number > 0, got {n_power_iterations}")
        self.name, self.dim, self.eps = name, dim, eps
        self.n_power_iterations = n_power_iterations
        self.keys = (f"{name}_orig", f"{name}_u", f"{name}_v")

    def compute(self, module: Module, count: int):
        """The weight as it is after `count` more steps."""
        weight, u, v = (getattr(module, key) for key in self.keys)
        matrix = as_matrix(weight, self.dim)
        for _ in range(count):
            v.data = unit(matrix.array.T @ u.array, self.eps)
            u.data = unit(matrix.array @ v.array, self.eps)
        return weight / (u.detach() * (matrix @ v.detach())).sum()

    def final(self, module: Module):
        """The weight to leave behind."""
        return self.compute(module, 0)

    def __call__(self, module: Module, args) -> None:
        count = self.n_power_iterations if module.training else 0
        setattr(module, self.name, self.compute(module, count))


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Write a weight as length `name_g` times direction `name_v` (Salimans & Kingma 2016).

    Examples
    --------
    >>> import nn
    >>> sorted(nn.utils.weight_norm(nn.Linear(4, 2)).state_dict())
    ['bias', 'weight_g', 'weight_v']
    """
    weight = _take(module, name, WeightNorm)
    hook = WeightNorm(name, -1 if dim is None else dim)
    with no_grad():
        length = norm_except_dim(weight, hook.dim)
    module.register_parameter(hook.keys[0], Parameter(length))
    module.register_parameter(hook.keys[1], Parameter(weight.array))
    setattr(module, name, hook.compute(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module: Module, name: str = "weight") -> Module:
    """Take off what `weight_norm` put on; the weight keeps its value.

    Examples
    --------
    >>> import nn
    >>> layer = nn.utils.weight_norm(nn.Linear(4, 2))
    >>> sorted(nn.utils.remove_weight_norm(layer).state_dict())
    ['bias', 'weight']
    """
    return _remove(module, name, WeightNorm)


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value, as power iteration estimates it.

    Examples
    --------
    >>> import nn
    >>> sorted(nn.utils.spectral_norm(nn.Linear(4, 2)).state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if dim is None:
        dim = 1 if isinstance(module, _Conv) and module.transposed else 0
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = _take(module, name, SpectralNorm)
    matrix = as_matrix(weight.detach(), dim)
    module.register_parameter(hook.keys[0], weight)
    setattr(module, name, weight.data)
    for key, size in zip(hook.keys[1:], matrix.shape, strict=True):
        drawn = normal_array(default_generator(), (size,), matrix.dtype)
        module.register_buffer(key, wrap(unit(drawn, eps)))
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module: Module, name: str = "weight") -> Module:
    """Take off what `spectral_norm` put on; the weight keeps its value.

    Examples
    --------
    >>> import nn
    >>> layer = nn.utils.spectral_norm(nn.Linear(4, 2))
    >>> sorted(nn.utils.remove_spectral_norm(layer).state_dict())
    ['bias', 'weight']
    """
    return _remove(module, name, SpectralNorm)


def _hooks(module: Module, name: str, kind: type[Any]) -> dict[int, Any]:
    """The hooks of one kind on one parameter, by number."""
    table: Any = {} if module._hooks is None else module._hooks.before
    return {k: h for k, (h, _) in table.items() if isinstance(h, kind) and h.name == name}


def _take(module: Module, name: str, kind: type) -> Parameter:
    """The parameter, which is then no longer the module's."""
    if _hooks(module, name, kind):
        raise RuntimeError(f"{type(module).__name__}.{name} has a {kind.__name__} already")
    weight = module._parameters.get(name)
    if weight is None:
        raise ValueError(f"{type(module).__name__} has no parameter {name!r}")
    delattr(module, name)
    return weight


def _remove(module: Module, name: str, kind: type) -> Module:
    found = _hooks(module, name, kind)
    if not found:
        raise ValueError(f"{type(module).__name__} has no {kind.__name__} on {name!r}")
    for number, hook in found.items():
        with no_grad():
            weight = hook.final(module)
        for key in (name, *hook.keys):
            delattr(module, key)
        module.register_parameter(name, Parameter(weight))
        del module._hooks.before[number]  # type: ignore[union-attr]
    return module
