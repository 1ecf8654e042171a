"""Normalisation layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from autograd.device import check_device
from autograd.dtypes import get_default_dtype
from autograd.errors import ShapeError
from autograd.recording.effects import effect
from autograd.tensor import Tensor, wrap
from nn import functional as F
from nn import init
from nn.module import Module
from nn.parameter import empty


class _ChannelNorm(Module):
    """Normalisation per channel, with an optional affine map and optional running statistics."""

    ranks: tuple[int, ...]  # numbers of dimensions the input may have

    def __init__(self, num_features: int, eps: float, momentum: float | None, affine: bool,
                 track_running_stats: bool, device, dtype, bias: bool):  # fmt: skip
        super().__init__()
        check_device(device)
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.weight = empty(num_features, dtype=dtype) if affine else None
        self.bias = empty(num_features, dtype=dtype) if affine and bias else None
        mean = variance = count = None
        if track_running_stats:
            dtype = get_default_dtype() if dtype is None else dtype
            mean, variance = (wrap(np.empty(num_features, dtype)) for _ in range(2))
            count = wrap(np.zeros((), np.int64))
        self.register_buffer("running_mean", mean)
        self.register_buffer("running_var", variance)
        self.register_buffer("num_batches_tracked", count)
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget the running statistics: mean 0, variance 1, no batches."""
        if self.track_running_stats:
            init.zeros_(self.running_mean)
            init.ones_(self.running_var)
            init.zeros_(self.num_batches_tracked)

    def reset_parameters(self) -> None:
        """Start from weight 1 and bias 0, and forget the running statistics."""
        self.reset_running_stats()
        _ones_and_zeros(self)

    def _check(self, input) -> None:
        if input.ndim not in self.ranks:
            ranks = " or ".join(map(str, self.ranks))
            raise ShapeError(
                f"{type(self).__name__} expected {ranks} dimensions, got shape {input.shape}"
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )


@effect
def _count_batch(counter) -> None:
    """Add one, in place; no graph ever holds it."""
    array = counter.array if isinstance(counter, Tensor) else counter
    array += 1


class _BatchNorm(_ChannelNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
                 affine: bool = True, track_running_stats: bool = True,
                 device=None, dtype=None, *, bias: bool = True):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype,
                         bias)  # fmt: skip

    def forward(self, input, function: Callable = F.batch_norm, **more):
        """Return the normalised input; in training also update the running statistics.

        `nn.norm_relu` asks for a function that does more than normalise.
        """
        self._check(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats:
            _count_batch(self.num_batches_tracked)
            if self.momentum is None:  # every batch counts alike
                momentum = 1.0 / int(self.num_batches_tracked)
        return function(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or self.running_mean is None,
            momentum,
            self.eps,
            **more,
        )


class BatchNorm1d(_BatchNorm):
    """Normalise each channel of (N, C) or (N, C, L) over the batch (Ioffe & Szegedy 2015).

    In training with the batch's mean and variance, which also move the running ones by the factor
    `momentum` (None: their plain average over all batches); in evaluation with the running ones.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.BatchNorm1d(2)(ag.tensor([[0.0, 1.0], [2.0, 1.0]])).round(decimals=2).tolist()
    [[-1.0, 0.0], [1.0, 0.0]]
    """

    ranks = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalise each channel of (N, C, H, W) over the batch; see `BatchNorm1d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> list(nn.BatchNorm2d(3).state_dict())
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked']
    """

    ranks = (4,)


class BatchNorm3d(_BatchNorm):
    """Normalise each channel of (N, C, D, H, W) over the batch; see `BatchNorm1d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.BatchNorm3d(3)(ag.ones(2, 3, 2, 4, 4)).abs().max().item()
    0.0
    """

    ranks = (5,)


class _InstanceNorm(_ChannelNorm):
    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1,
                 affine: bool = False, track_running_stats: bool = False,
                 device=None, dtype=None, *, bias: bool = True):  # fmt: skip
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype,
                         bias)  # fmt: skip

    def forward(self, input):
        """Return the normalised input."""
        self._check(input)
        single = input.ndim == self.ranks[0]
        if input.shape[0 if single else 1] != self.num_features:
            raise ShapeError(
                f"{type(self).__name__} expected {self.num_features} channels, got shape "
                f"{input.shape}"
            )
        if single:
            return self._normalise(input.unsqueeze(0)).squeeze(0)
        return self._normalise(input)

    def _normalise(self, input):
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )


class InstanceNorm1d(_InstanceNorm):
    """Normalise each channel of each signal of (N, C, L) or (C, L); see `InstanceNorm2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.InstanceNorm1d(3)(ag.ones(2, 3, 4)).abs().max().item()
    0.0
    """

    ranks = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Normalise each channel of each image of (N, C, H, W) or (C, H, W) (Ulyanov et al. 2016).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.InstanceNorm2d(3)(ag.ones(2, 3, 4, 4)).abs().max().item()
    0.0
    """

    ranks = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Normalise each channel of each volume (N, C, D, H, W) or (C, D, H, W); see `InstanceNorm2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.InstanceNorm3d(3)(ag.ones(2, 3, 4, 4, 4)).abs().max().item()
    0.0
    """

    ranks = (4, 5)


class LayerNorm(Module):
    """Normalise over the last dimensions, those of `normalized_shape` (Ba et al. 2016).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.LayerNorm(2)(ag.tensor([[1.0, 3.0]])).round(decimals=2).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(self, normalized_shape: int | Sequence[int], eps: float = 1e-5,
                 elementwise_affine: bool = True, bias: bool = True,
                 device=None, dtype=None):  # fmt: skip
        super().__init__()
        check_device(device)
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape = tuple(shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        affine = elementwise_affine
        self.weight = empty(*self.normalized_shape, dtype=dtype) if affine else None
        self.bias = empty(*self.normalized_shape, dtype=dtype) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start from weight 1 and bias 0."""
        _ones_and_zeros(self)

    def forward(self, input, function: Callable = F.layer_norm, **more):
        """Return the normalised input; `nn.norm_relu` asks for a function that does more."""
        return function(input, self.normalized_shape, self.weight, self.bias, self.eps, **more)

    def extra_repr(self) -> str:
        affine = self.elementwise_affine
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divide by the root of the mean square over the last dimensions (Zhang & Sennrich 2019).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.RMSNorm(2)(ag.tensor([[3.0, -3.0]])).round(decimals=2).tolist()
    [[1.0, -1.0]]
    """

    def __init__(self, normalized_shape: int | Sequence[int], eps: float | None = None,
                 elementwise_affine: bool = True, device=None, dtype=None):  # fmt: skip
        super().__init__()
        check_device(device)
        shape = (normalized_shape,) if isinstance(normalized_shape, int) else normalized_shape
        self.normalized_shape = tuple(shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        self.weight = empty(*self.normalized_shape, dtype=dtype) if elementwise_affine else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start from weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input):
        """Return the normalised input."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Normalise groups of channels of each sample (Wu & He 2018).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.GroupNorm(2, 6)(ag.ones(1, 6, 4, 4)).shape
    (1, 6, 4, 4)
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
                 device=None, dtype=None, *, bias: bool = True):  # fmt: skip
        super().__init__()
        check_device(device)
        if num_channels % num_groups:
            raise ValueError(f"{num_channels=} does not divide by {num_groups=}")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        self.weight = empty(num_channels, dtype=dtype) if affine else None
        self.bias = empty(num_channels, dtype=dtype) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start from weight 1 and bias 0."""
        _ones_and_zeros(self)

    def forward(self, input, function: Callable = F.group_norm, **more):
        """Return the normalised input; `nn.norm_relu` asks for a function that does more."""
        return function(input, self.num_groups, self.weight, self.bias, self.eps, **more)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class LocalResponseNorm(Module):
    """Divide each value by a power of the sum of squares in `size` neighbouring channels.

    From AlexNet (Krizhevsky et al. 2012):
    ``input / (k + alpha * mean of squares over the window) ** beta``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.LocalResponseNorm(5)(ag.ones(1, 6, 2, 2)).shape
    (1, 6, 2, 2)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        """Return the normalised input."""
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def _ones_and_zeros(module: Module) -> None:
    """Set the weight to ones and the bias to zeros, where there are any."""
    if module.weight is not None:
        init.ones_(module.weight)
    if module.bias is not None:
        init.zeros_(module.bias)
