"""Softmax and its relatives.

softmax and softmax_gradient are a closed family: the derivative of each is written with the other.
So it is with log_softmax. Both gradients are fused kernels that compute from the output alone.
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError
from autograd.op import Array, composite, op
from autograd.ops.cast import cases
from autograd.random import uniform_array
from autograd.tensor import Tensor


def _axis(array, dim):
    """`dim` as an axis for NumPy; a 0-d array is a row of one."""
    if dim is None:
        raise TypeError("expected the dimension along which the result sums to 1: pass dim=")
    ndim = max(array.ndim, 1)
    if not -ndim <= dim < ndim:
        raise IndexError(f"dim expected a value from {-ndim} to {ndim - 1}, got {dim}")
    return dim if array.ndim else None


def _scores(input, dtype):
    """The input in `dtype`; integers are taken only if a dtype is named, as in PyTorch."""
    if dtype is not None:
        input = input.astype(dtype)
    if input.dtype.kind != "f":
        raise DtypeError(f"expected floating point scores, got {input.dtype}: pass dtype=")
    return input


def _total(x, dim):
    return np.sum(x, axis=dim if x.ndim else None, keepdims=True)


_samples = cases(
    ((3, 4), {"dim": 1}), ((2, 3, 2), {"dim": -2}), ((), {"dim": 0}), ((2, 0), {"dim": 1})
)


def _gradient_samples(rng):
    yield (rng.normal(size=(3, 4)), -rng.uniform(0.1, 1, (3, 4))), {"dim": 1}
    yield (np.array(0.5), np.array(-0.25)), {"dim": 0}


@op(samples=_samples, space="both")
def softmax(input: Array, dim: int | None = None, dtype=None):
    """Return ``exp(input) / sum(exp(input))`` along `dim`: numbers between 0 and 1 whose sum is 1.

    Parameters
    ----------
    input : Tensor
    dim : int
        Must be given: none is the obvious one.
    dtype : dtype, optional
        Compute in this dtype.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.softmax(ag.tensor([0.0, 0.0, -1e4]), dim=0)
    tensor([0.5, 0.5, 0. ])
    """
    return kernels.softmax.softmax(_scores(input, dtype), _axis(input, dim))


@op(samples=_gradient_samples, space="internal")
def softmax_gradient(grad_output: Array, output: Array, dim: int):
    """Return the gradient of softmax, given its output: ``y * (g - sum(g * y))``."""
    return kernels.softmax.softmax_gradient(grad_output, output, _axis(output, dim))


softmax.vjp(input=lambda g, out, dim: softmax_gradient(g, out, dim=dim))
softmax_gradient.vjp(
    grad_output=lambda g, output, dim: softmax_gradient(g, output, dim=dim),  # J is symmetric
    output=lambda g, grad_output, output, dim: (
        g * (grad_output - _total(grad_output * output, dim))
        - grad_output * _total(g * output, dim)
    ),
)


@op(samples=_samples, space="both")
def log_softmax(input: Array, dim: int | None = None, dtype=None):
    """Return the logarithm of softmax along `dim`, also where the softmax is too small for a float.

    Parameters
    ----------
    input : Tensor
    dim : int
        Must be given: none is the obvious one.
    dtype : dtype, optional
        Compute in this dtype.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.log_softmax(ag.tensor([0.0, 1e4]), dim=0)
    tensor([-10000.,      0.])
    """
    return kernels.softmax.log_softmax(_scores(input, dtype), _axis(input, dim))


@op(samples=_gradient_samples, space="internal")
def log_softmax_gradient(grad_output: Array, output: Array, dim: int):
    """Return the gradient of log_softmax, given its output: ``g - exp(y) * sum(g)``."""
    return kernels.softmax.log_softmax_gradient(grad_output, output, _axis(output, dim))


log_softmax.vjp(input=lambda g, out, dim: log_softmax_gradient(g, out, dim=dim))
log_softmax_gradient.vjp(
    grad_output=lambda g, output, dim: g - _total(g * np.exp(output), dim),
    output=lambda g, grad_output, output, dim: -g * np.exp(output) * _total(grad_output, dim),
)


@composite(samples=_samples, space="nn")
def softmin(input, dim: int | None = None, dtype=None):
    """Return ``softmax(-input)``: most weight where `input` is smallest.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.softmin(ag.tensor([1.0, 1.0, 1e4]), dim=0)
    tensor([0.5, 0.5, 0. ])
    """
    return softmax(-input, dim=dim, dtype=dtype)


@composite(samples=cases(((3, 4), {"tau": 2.0}), ((3,), {"dim": 0})), space="nn")
def gumbel_softmax(logits, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1):
    """Draw from the categorical distribution of `logits` so that gradients pass (Jang et al. 2016).

    Parameters
    ----------
    logits : Tensor
        Logarithms of probabilities, up to a constant along `dim`.
    tau : float
        Temperature: near 0 the draw is nearly one-hot.
    hard : bool
        Return an exact one-hot vector, with the gradient of the soft one.
    eps : float
        Not used; PyTorch has it too.
    dim : int

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.gumbel_softmax(ag.tensor([0.0, 1e4]), hard=True)
    tensor([0., 1.])
    """
    exponential = -np.log1p(-uniform_array(None, logits.shape, logits.dtype))
    noise = -np.log(np.maximum(exponential, np.finfo(logits.dtype).tiny))
    soft = softmax((logits + noise) / tau, dim=dim)
    if not hard:
        return soft
    values = soft.array if isinstance(soft, Tensor) else soft
    one_hot = np.zeros_like(values)
    np.put_along_axis(one_hot, values.argmax(dim, keepdims=True), 1.0, dim)
    return soft + (one_hot - values)
