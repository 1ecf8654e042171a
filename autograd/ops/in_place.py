"""In-place methods and functions that no record makes: see `autograd.inplace` for what they share.

The functions, such as `relu_`, are in `autograd` and in `nn.functional` as they are in PyTorch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autograd.errors import DtypeError, GraphError, ShapeError
from autograd.inplace import write
from autograd.ops.activation import celu, elu, selu
from autograd.ops.cast import copy
from autograd.ops.compare import masked_fill
from autograd.ops.floating import float_power
from autograd.ops.rectifier import hardtanh, leaky_relu, relu, rrelu
from autograd.ops.rectifier import threshold as pure_threshold
from autograd.ops.special import polygamma
from autograd.tensor import Tensor, method

__all__ = [
    "celu_", "elu_", "hardtanh_", "leaky_relu_", "relu_", "rrelu_", "selu_", "threshold_",
]  # fmt: skip

# -- methods --------------------------------------------------------------------------------------


@method
def fill_diagonal_(self: Tensor, fill_value, wrap: bool = False) -> Tensor:
    """Set the main diagonal to a number, in place; all axes must have one length if more than two.

    With `wrap` the diagonal of a matrix that is longer than wide begins again below its end, after
    a row that is left alone.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 2).fill_diagonal_(5.0)
    tensor([[5., 0.],
            [0., 5.]], shape=(2, 2))
    """
    if self.ndim < 2 or (self.ndim > 2 and len({*self.shape}) > 1):
        raise ShapeError(
            "fill_diagonal_ expected a matrix, or more axes all of one length, got shape "
            f"{self.shape}"
        )
    diagonal = np.zeros(self.shape, np.bool)
    np.fill_diagonal(diagonal, True, wrap)
    return write(self, "fill_diagonal_", masked_fill, diagonal, fill_value)


@method
def float_power_(self: Tensor, exponent) -> Tensor:
    """In-place version of `float_power`, for tensors that are float64 already."""
    if self.dtype != np.float64:
        raise DtypeError(
            f"float_power_ computes in float64, which a {self.dtype} tensor cannot hold: use "
            ".pow_(), or .double() first"
        )
    return write(self, "float_power_", float_power, exponent)


@method
def polygamma_(self: Tensor, n: int) -> Tensor:
    """In-place version of `polygamma`."""
    return write(self, "polygamma_", lambda input: polygamma(n, input))


@method
def apply_(self: Tensor, callable: Callable) -> Tensor:
    """Replace each element by ``callable(element)``, a Python call each: slow, for small tensors.

    Raises
    ------
    GraphError
        If the tensor requires grad: what `callable` does cannot be recorded.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0]).apply_(lambda x: x + 1)
    tensor([2., 3.])
    """
    if self.requires_grad:
        raise GraphError(
            "apply_ cannot record what a Python function does to a tensor that requires grad: "
            "use .detach().apply_()"
        )
    results = [callable(element) for element in self.array.reshape(-1).tolist()]
    values = np.array(results, self.dtype).reshape(self.shape)
    return write(self, "apply_", copy, values)


# -- activation functions -------------------------------------------------------------------------


def relu_(input: Tensor) -> Tensor:
    """In-place version of `relu`.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([-1.0, 2.0]); _ = ag.relu_(x); x
    tensor([0., 2.])
    """
    return relu(input, inplace=True)


def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """In-place version of `nn.functional.threshold`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.threshold_(ag.tensor([0.5, 2.0]), 1.0, 7.0)
    tensor([7., 2.])
    """
    return pure_threshold(input, threshold, value, inplace=True)


def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """In-place version of `nn.functional.hardtanh`.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.hardtanh_(ag.tensor([-3.0, 0.5]))
    tensor([-1. ,  0.5])
    """
    return hardtanh(input, min_val, max_val, inplace=True)


def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """In-place version of `nn.functional.leaky_relu`.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.leaky_relu_(ag.tensor([-1.0, 2.0]), 0.5)
    tensor([-0.5,  2. ])
    """
    return leaky_relu(input, negative_slope, inplace=True)


def rrelu_(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Tensor:
    """In-place version of `nn.functional.rrelu`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.rrelu_(ag.tensor([-1.0, 2.0]), 0.25, 0.75)
    tensor([-0.5,  2. ])
    """
    return rrelu(input, lower, upper, training, inplace=True)


def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """In-place version of `nn.functional.elu`.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.elu_(ag.tensor([-1e4, 2.0]))
    tensor([-1.,  2.])
    """
    return elu(input, alpha, inplace=True)


def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """In-place version of `nn.functional.celu`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.celu_(ag.tensor([-1e4, 2.0]), alpha=0.5)
    tensor([-0.5,  2. ])
    """
    return celu(input, alpha, inplace=True)


def selu_(input: Tensor) -> Tensor:
    """In-place version of `nn.functional.selu`.

    Examples
    --------
    >>> import autograd as ag
    >>> round(ag.selu_(ag.tensor(1.0)).item(), 4)
    1.0507
    """
    return selu(input, inplace=True)
