"""Ready-made parametrizations: weight and spectral normalisation, orthogonality."""

from __future__ import annotations

import functools

import numpy as np

from autograd.random import default_generator, normal_array
from autograd.tensor import Tensor, wrap
from nn.conv import _Conv
from nn.module import Module
from nn.utils.orthogonal import orthogonal as orthogonal
from nn.utils.parametrize import register_parametrization, tensor_of


def norm_except_dim(weight, dim: int):
    """The norm over all dimensions but `dim`, which keeps its size; over all for -1.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.parametrizations import norm_except_dim
    >>> norm_except_dim(ag.tensor([[3.0, 4.0], [0.0, 1.0]]), 0)
    tensor([[5.],
            [1.]], shape=(2, 1))
    """
    if dim == -1:
        return (weight * weight).sum().sqrt()
    others = tuple(d for d in range(weight.ndim) if d != dim)
    return (weight * weight).sum(others, keepdim=True).sqrt() if others else weight.abs()


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight):
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Write a weight as length times direction, both parameters (Salimans & Kingma 2016).

    ``w = g * v / norm(v)``, the norm taken over all dimensions but `dim`, or over all for None.

    Examples
    --------
    >>> import nn
    >>> from nn.utils.parametrizations import weight_norm
    >>> list(weight_norm(nn.Linear(4, 2)).state_dict())
    ['bias', 'parametrizations.weight.original0', 'parametrizations.weight.original1']
    """
    tensor_of(module, name)
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module.register_load_state_dict_pre_hook(functools.partial(_rename_old_keys, name))
    return module


def _rename_old_keys(name: str, module, state_dict, prefix: str, *ignored) -> None:
    """Let state dicts of the older `nn.utils.weight_norm` be loaded."""
    for i, old in enumerate((f"{prefix}{name}_g", f"{prefix}{name}_v")):
        if old in state_dict:
            new = f"{prefix}parametrizations.{name}.original{i}"
            state_dict[new] = state_dict.pop(old)


def as_matrix(weight, dim: int):
    """`weight` as a matrix whose rows are its dimension `dim`.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.parametrizations import as_matrix
    >>> as_matrix(ag.ones(2, 3, 4), 1).shape
    (3, 8)
    """
    return weight.movedim(dim, 0).reshape(weight.shape[dim], -1)


def unit(vector: np.ndarray, eps: float) -> np.ndarray:
    """A vector of length 1 in the same direction."""
    return vector / max(float(np.sqrt(np.sum(vector * vector))), eps)


class _SpectralNorm(Module):
    def __init__(
        self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ):
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise IndexError(f"dim={dim} is out of range for a weight of shape {weight.shape}")
        if n_power_iterations <= 0:
            raise ValueError(f"n_power_iterations expected a number > 0, got {n_power_iterations}")
        self.dim = dim % weight.ndim
        self.eps = eps
        if weight.ndim > 1:
            self.n_power_iterations = n_power_iterations
            matrix = as_matrix(weight.detach(), self.dim).array
            for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                drawn = normal_array(default_generator(), (size,), matrix.dtype)
                self.register_buffer(name, wrap(unit(drawn, eps).astype(matrix.dtype)))
            self._power_method(matrix, 15)

    def _power_method(self, matrix: np.ndarray, count: int) -> None:
        u, v = self._u.array, self._v.array
        for _ in range(count):
            u = unit(matrix @ v, self.eps)
            v = unit(matrix.T @ u, self.eps)
        # New arrays: a graph of an earlier call may hold the old ones.
        self._u.data, self._v.data = u.astype(matrix.dtype), v.astype(matrix.dtype)

    def forward(self, weight):
        if weight.ndim == 1:
            return _unit_tensor(weight, self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix.array, self.n_power_iterations)
        sigma = (self._u.detach() * (matrix @ self._v.detach())).sum()
        return weight / sigma

    def right_inverse(self, value):
        return value


def _unit_tensor(vector, eps: float):
    length = (vector * vector).sum().sqrt()
    return vector / length.clamp(min=eps)


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide a weight by its largest singular value, which power iteration tracks.

    Each call in training moves the estimate by `n_power_iterations` steps (Miyato et al. 2018).
    `dim` is the dimension of the outputs: 0, or 1 for transposed convolutions.

    Examples
    --------
    >>> import nn, numpy as np
    >>> from nn.utils.parametrizations import spectral_norm
    >>> weight = spectral_norm(nn.Linear(4, 3), n_power_iterations=50).weight.detach()
    >>> round(float(np.linalg.norm(weight.numpy(), 2)), 2)
    1.0
    """
    weight = tensor_of(module, name)
    if dim is None:
        dim = 1 if isinstance(module, _Conv) and module.transposed else 0
    return register_parametrization(
        module, name, _SpectralNorm(weight, n_power_iterations, dim, eps)
    )
