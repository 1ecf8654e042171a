"""Orthogonality as a parametrization: any matrix stands for an orthogonal one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import autograd as ag
from autograd.errors import ShapeError
from autograd.random import default_generator, normal_array
from autograd.tensor import Tensor, wrap
from nn.module import Module
from nn.utils.parametrize import register_parametrization, tensor_of


def _exponential(a):
    return ag.matrix_exp(a)


def _cayley(a):
    identity = np.eye(a.shape[-1], dtype=a.dtype)
    return ag.linalg.solve(identity - 0.5 * a, identity + 0.5 * a)


MAPS: dict[str, Callable | None] = {
    "matrix_exp": _exponential,
    "cayley": _cayley,
    "householder": None,  # takes no skew-symmetric matrix, but the reflections themselves
}


class _Orthogonal(Module):
    def __init__(self, weight: Tensor, orthogonal_map: str, use_trivialization: bool = True):
        super().__init__()
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        self.use_trivialization = use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X):
        wide = X.shape[-2] < X.shape[-1]
        if wide:
            X = X.mT
        Q = self._reflected(X) if self.orthogonal_map == "householder" else self._rotated(X)
        if self.use_trivialization:
            Q = self.base @ Q
        return Q.mT if wide else Q

    def _rotated(self, X):
        """The map of the skew-symmetric matrix whose lower triangle is that of X."""
        n, k = X.shape[-2:]
        X = X.tril()
        if n != k:
            X = ag.cat([X, ag.zeros(*X.shape[:-2], n, n - k, dtype=X.dtype)], dim=-1)
        function = MAPS[self.orthogonal_map]
        assert function is not None
        return function(X - X.mT)[..., :k]

    def _reflected(self, X):
        """The product of the reflections below the diagonal of X, times its signs."""
        A = X.tril(-1)
        tau = 2.0 / (1.0 + (A * A).sum(-2))
        signs = wrap(np.diagonal(X.array, axis1=-2, axis2=-1).astype(int).astype(X.dtype))
        return ag.linalg.householder_product(A, tau) * signs.unsqueeze(-2)

    def right_inverse(self, Q):
        if Q.shape != self.shape:
            raise ShapeError(f"expected a weight of shape {self.shape}, got {Q.shape}")
        wide = Q.shape[-2] < Q.shape[-1]
        matrix = np.swapaxes(Q.array, -1, -2) if wide else Q.array
        if not self.use_trivialization:
            if self.orthogonal_map != "householder":
                raise NotImplementedError(
                    f"nothing can be assigned through {self.orthogonal_map} with "
                    "use_trivialization=False"
                )
            packed = _packed_reflections(matrix)
            return wrap(np.swapaxes(packed, -1, -2).copy() if wide else packed)
        n, k = matrix.shape[-2:]
        if n != k:  # complete it to a square one
            more = normal_array(default_generator(), (*matrix.shape[:-2], n, n - k), matrix.dtype)
            matrix = np.concatenate([matrix, more], axis=-1)
        self.base = wrap(matrix.copy() if n == k and _is_orthogonal(matrix) else _nearby(matrix))
        start = np.zeros(Q.shape, Q.dtype)
        diagonal = np.arange(min(Q.shape[-2:]))
        start[..., diagonal, diagonal] = -1.0  # the reflections of which make the identity
        return wrap(start)


def _is_orthogonal(matrix: np.ndarray) -> bool:
    k = matrix.shape[-1]
    difference = np.swapaxes(matrix, -1, -2) @ matrix - np.eye(k, dtype=matrix.dtype)
    return bool((np.abs(difference) <= 10 * k * np.finfo(matrix.dtype).eps).all())


def _nearby(matrix: np.ndarray) -> np.ndarray:
    """The orthogonal factor of a matrix, with the signs that make the other's diagonal positive."""
    q, r = np.linalg.qr(matrix)
    return q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]


def _packed_reflections(matrix: np.ndarray) -> np.ndarray:
    """Householder reflections below the diagonal, on it the signs of the triangular factor."""
    h, tau = np.linalg.qr(matrix, mode="raw")
    packed = np.swapaxes(h, -1, -2).copy()
    diagonal = np.arange(packed.shape[-1])
    signs = np.sign(packed[..., diagonal, diagonal])
    packed[..., diagonal, diagonal] = np.where(tau == 0, -signs, signs)
    return packed


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep a weight orthogonal: its columns, or rows if there are fewer, are orthonormal.

    Parameters
    ----------
    module : Module
    name : str
        A parameter that is a matrix, or a batch of them.
    orthogonal_map : {"matrix_exp", "cayley", "householder"}, optional
        How free parameters become orthogonal (Lezcano-Casado 2019). By default "matrix_exp" for
        square matrices, otherwise "householder".
    use_trivialization : bool, default True
        Move relative to a fixed orthogonal matrix, so that the weight can be assigned.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> from nn.utils.parametrizations import orthogonal
    >>> Q = orthogonal(nn.Linear(3, 3)).weight.detach()
    >>> bool(ag.allclose(Q.T @ Q, ag.eye(3), atol=1e-5))
    True
    """
    weight = tensor_of(module, name)
    if weight.ndim < 2:
        raise ShapeError(f"orthogonal expected a matrix or a batch of them, got {weight.shape}")
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1]
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in MAPS:
        raise ValueError(f"orthogonal_map expected one of {list(MAPS)}, got {orthogonal_map!r}")
    parametrization = _Orthogonal(weight, orthogonal_map, use_trivialization)
    return register_parametrization(module, name, parametrization, unsafe=True)
