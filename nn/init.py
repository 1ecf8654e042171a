"""Initialisation: functions that fill a tensor in place, without recording, and return it.

Fans of a weight: how many inputs one output is summed from, and how many outputs one input goes to.
Random ones take `generator`, and otherwise the default generator.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable

import numpy as np

from autograd.errors import ShapeError
from autograd.random import Generator, default_generator, normal_array, uniform_array
from autograd.tensor import Tensor
from autograd.versions import wrote

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "conv3d": 1.0,
    "conv_transpose1d": 1.0,
    "conv_transpose2d": 1.0,
    "conv_transpose3d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5.0 / 3,
    "relu": math.sqrt(2.0),
    "selu": 3.0 / 4,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which a nonlinearity's weights should be larger than a linear layer's.

    `param` is the negative slope of ``"leaky_relu"``, 0.01 if absent.

    Examples
    --------
    >>> from nn import init
    >>> round(init.calculate_gain("relu"), 4)
    1.4142
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, (int, float)):
            raise ValueError(f"leaky_relu expected a number as negative slope, got {param!r}")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        known = ", ".join([*_GAINS, "leaky_relu"])
        raise ValueError(f"calculate_gain expected one of {known}; got {nonlinearity!r}")
    return _GAINS[nonlinearity]


def _fill(tensor: Tensor, values, name: str) -> Tensor:
    """Write values into the tensor's memory, as under no_grad()."""
    np.copyto(tensor.array, values, casting="same_kind")
    wrote(tensor.array, name)
    return tensor


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with numbers uniform in [a, b).

    Examples
    --------
    >>> import autograd as ag
    >>> from nn import init
    >>> bool((init.uniform_(ag.empty(100), 2.0, 3.0) >= 2).all())
    True
    """
    return _fill(tensor, uniform_array(generator, tensor.shape, tensor.dtype, a, b), "uniform_")


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill with normal numbers.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn import init
    >>> init.normal_(ag.empty(2), mean=5.0, std=0.0)
    tensor([5., 5.])
    """
    return _fill(tensor, normal_array(generator, tensor.shape, tensor.dtype, mean, std), "normal_")


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers that lie in [a, b]: what falls outside is drawn again.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn import init
    >>> bool((init.trunc_normal_(ag.empty(100), a=0.0) >= 0).all())
    True
    """
    if a >= b or mean - 6 * std > b or mean + 6 * std < a:
        raise ValueError(
            f"trunc_normal_ expected a < b with the mean within six standard deviations of them, "
            f"got mean={mean}, std={std}, a={a}, b={b}"
        )
    values = normal_array(generator, tensor.shape, tensor.dtype, mean, std)
    while (outside := (values < a) | (values > b)).any():
        count = int(outside.sum())
        values[outside] = normal_array(generator, (count,), tensor.dtype, mean, std)
    return _fill(tensor, values, "trunc_normal_")


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn import init
    >>> init.constant_(ag.empty(2), 0.5)
    tensor([0.5, 0.5])
    """
    return _fill(tensor, val, "constant_")


def ones_(tensor: Tensor) -> Tensor:
    """Fill with ones."""
    return _fill(tensor, 1, "ones_")


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with zeros."""
    return _fill(tensor, 0, "zeros_")


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity."""
    if tensor.ndim != 2:
        raise ShapeError(f"eye_ expected a matrix, got shape {tensor.shape}")
    return _fill(tensor, np.eye(tensor.shape[0], tensor.shape[1]), "eye_")


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that as many channels as possible pass unchanged.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn import init
    >>> init.dirac_(ag.empty(1, 1, 3)).tolist()
    [[[0.0, 1.0, 0.0]]]
    """
    if tensor.ndim not in (3, 4, 5):
        raise ShapeError(f"dirac_ expected 3, 4 or 5 dimensions, got shape {tensor.shape}")
    if tensor.shape[0] % groups:
        raise ShapeError(f"dirac_: {tensor.shape[0]} output channels do not divide by {groups=}")
    values = np.zeros(tensor.shape)
    centre = tuple(size // 2 for size in tensor.shape[2:])
    per_group = tensor.shape[0] // groups
    for group in range(groups):
        for channel in range(min(per_group, tensor.shape[1])):
            values[(group * per_group + channel, channel, *centre)] = 1
    return _fill(tensor, values, "dirac_")


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ShapeError(f"fans are defined for 2 dimensions or more, got shape {tensor.shape}")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def xavier_uniform_(
    tensor: Tensor, gain: float = 1.0, generator: Generator | None = None
) -> Tensor:
    """Fill uniformly so that variances survive forward and backward alike (Glorot & Bengio 2010).

    The bound is ``gain * sqrt(6 / (fan_in + fan_out))``.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn import init
    >>> bool((init.xavier_uniform_(ag.empty(3, 3)).abs() <= 1).all())
    True
    """
    bound = gain * math.sqrt(6.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill with normal numbers of deviation ``gain * sqrt(2 / (fan_in + fan_out))``."""
    std = gain * math.sqrt(2.0 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return normal_(tensor, 0.0, std, generator)


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"mode expected 'fan_in' or 'fan_out', got {mode!r}")
    fan = _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]
    return calculate_gain(nonlinearity, a) / math.sqrt(fan)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill uniformly so that variances survive layers with rectifiers (He et al. 2015).

    The bound is ``gain * sqrt(3 / fan)``; `a` is the negative slope of a leaky rectifier.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn import init
    >>> bool((init.kaiming_uniform_(ag.empty(6, 6)).abs() <= 1).all())
    True
    """
    if 0 in tensor.shape:
        return tensor
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill with normal numbers of deviation ``gain / sqrt(fan)`` (He et al. 2015)."""
    if 0 in tensor.shape:
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill with a random matrix of orthonormal rows or columns, times `gain` (Saxe et al. 2013).

    Dimensions after the first count as one. Uniform over such matrices, because the factor R of the
    QR decomposition is made to have a positive diagonal.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn import init
    >>> q = init.orthogonal_(ag.empty(2, 3))
    >>> (q @ q.T).round(decimals=3).abs().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    if tensor.ndim < 2:
        raise ShapeError(f"orthogonal_ expected 2 dimensions or more, got shape {tensor.shape}")
    if 0 in tensor.shape:
        return tensor
    rows = tensor.shape[0]
    flat = normal_array(generator, (rows, tensor.numel() // rows), np.float64)
    wide = flat.shape[0] < flat.shape[1]
    q, r = np.linalg.qr(flat.T if wide else flat)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return _fill(tensor, gain * (q.T if wide else q).reshape(tensor.shape), "orthogonal_")


def sparse_(
    tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None
) -> Tensor:
    """Fill a matrix with normal numbers, a fraction `sparsity` of each column being zero.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn import init
    >>> int((init.sparse_(ag.empty(10, 2), 0.3) == 0).sum())
    6
    """
    if tensor.ndim != 2:
        raise ShapeError(f"sparse_ expected a matrix, got shape {tensor.shape}")
    rows, columns = tensor.shape
    values = normal_array(generator, tensor.shape, tensor.dtype, 0.0, std)
    stream = (generator or default_generator()).numpy
    for column in range(columns):
        values[stream.permutation(rows)[: math.ceil(sparsity * rows)], column] = 0
    return _fill(tensor, values, "sparse_")


def _older_name(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """The function under its name without the underscore, which PyTorch has deprecated."""
    name, old = function.__name__, function.__name__[:-1]

    @functools.wraps(function)
    def deprecated(*args, **kwargs):
        warnings.warn(
            f"nn.init.{old} is deprecated: use nn.init.{name}", FutureWarning, stacklevel=2
        )
        return function(*args, **kwargs)

    deprecated.__name__ = deprecated.__qualname__ = old
    deprecated.__doc__ = f"Do what `{name}` does, whose older name this is, with a warning."
    return deprecated


uniform = _older_name(uniform_)
normal = _older_name(normal_)
constant = _older_name(constant_)
eye = _older_name(eye_)
dirac = _older_name(dirac_)
xavier_uniform = _older_name(xavier_uniform_)
xavier_normal = _older_name(xavier_normal_)
kaiming_uniform = _older_name(kaiming_uniform_)
kaiming_normal = _older_name(kaiming_normal_)
orthogonal = _older_name(orthogonal_)
sparse = _older_name(sparse_)
