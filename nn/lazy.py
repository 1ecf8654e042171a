"""Lazy layers: the number of input features is left open until the first input comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from autograd.errors import ShapeError
from autograd.tensor import Tensor, wrap
from nn.conv import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from nn.linear import Linear
from nn.module import Module
from nn.norm import (
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
)
from nn.parameter import UninitializedBuffer, UninitializedParameter, is_lazy

if TYPE_CHECKING:
    _Base = Module
else:
    _Base = object


class LazyModuleMixin(_Base):
    """What a lazy module inherits from first: it sets itself up in its first call.

    A subclass defines ``initialize_parameters(*args, **kwargs)``, which sees the first call's
    arguments and gives every uninitialised parameter its shape. After that the module becomes an
    instance of `cls_to_become`, if that is set.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer = nn.LazyLinear(2)
    >>> layer.has_uninitialized_params()
    True
    >>> _ = layer(ag.ones(5, 3))
    >>> layer
    Linear(in_features=3, out_features=2, bias=True)
    """

    cls_to_become: type[Module] | None = None

    def __call__(self, *args, **kwargs):
        self.initialize_parameters(*args, **kwargs)
        if self.has_uninitialized_params():
            raise RuntimeError(
                f"{type(self).__name__}.initialize_parameters left parameters uninitialised"
            )
        if self.cls_to_become is None:
            return super().__call__(*args, **kwargs)
        self.__class__ = self.cls_to_become  # type: ignore[assignment]
        return self(*args, **kwargs)

    def initialize_parameters(self, *args, **kwargs) -> None:
        """Give parameters their shapes, from the arguments of the first call."""
        raise NotImplementedError(f"{type(self).__name__} does not define initialize_parameters()")

    def has_uninitialized_params(self) -> bool:
        """Whether any parameter or buffer of this very module has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))

    def reset_parameters(self) -> None:
        """Draw the parameters afresh, once there are any."""
        if not self.has_uninitialized_params():
            super().reset_parameters()  # type: ignore[misc]


class LazyLinear(LazyModuleMixin, Linear):
    """A `Linear` that reads `in_features` off its first input.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.LazyLinear(2)(ag.ones(5, 3)).shape
    (5, 2)
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device=None, dtype=None):
        super().__init__(0, 0, False)
        self.out_features = out_features
        options = {"device": device, "dtype": dtype}
        self.weight = UninitializedParameter(**options)
        self.bias = UninitializedParameter(**options) if bias else None

    def initialize_parameters(self, input) -> None:
        """Make weight and bias for the last dimension of `input`."""
        this: Any = self
        if self.has_uninitialized_params():
            this.in_features = input.shape[-1]
            this.weight.materialize((this.out_features, this.in_features))
            if this.bias is not None:
                this.bias.materialize((this.out_features,))
            this.reset_parameters()
        this.in_features = this.weight.shape[1]


class _LazyConv(LazyModuleMixin):
    """A convolution that reads `in_channels` off its first input."""

    def __init__(self, out_channels: int, kernel_size, *args, bias: bool, device, dtype, **options):
        super().__init__(0, 0, kernel_size, *args, bias=False, **options)  # type: ignore[call-arg]
        self.out_channels = out_channels
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.bias = UninitializedParameter(device=device, dtype=dtype) if bias else None

    def initialize_parameters(self, input, *args, **kwargs) -> None:
        """Make weight and bias for the channels of `input`."""
        this: Any = self
        if self.has_uninitialized_params():
            if input.ndim not in (this.dims + 1, this.dims + 2):
                raise ShapeError(
                    f"{type(self).__name__} expected {this.dims + 1} or {this.dims + 2} "
                    f"dimensions, got shape {input.shape}"
                )
            channels, out = input.shape[-this.dims - 1], this.out_channels
            for name, count in (("channels of the input", channels), ("out_channels", out)):
                if count % this.groups:
                    raise ValueError(f"{name}, {count}, do not divide by groups={this.groups}")
            pair = (channels, out) if this.transposed else (out, channels)
            this.weight.materialize((pair[0], pair[1] // this.groups, *this.kernel_size))
            if this.bias is not None:
                this.bias.materialize((out,))
            this.reset_parameters()
        inner = this.weight.shape[0] if this.transposed else this.weight.shape[1] * this.groups
        this.in_channels = inner


class _LazyDirect(_LazyConv):
    def __init__(self, out_channels: int, kernel_size, stride=1, padding=0, dilation=1,
                 groups: int = 1, bias: bool = True, padding_mode: str = "zeros", device=None,
                 dtype=None):  # fmt: skip
        super().__init__(out_channels, kernel_size, stride, padding, dilation, groups, bias=bias,
                         padding_mode=padding_mode, device=device, dtype=dtype)  # fmt: skip


class _LazyTransposed(_LazyConv):
    def __init__(self, out_channels: int, kernel_size, stride=1, padding=0, output_padding=0,
                 groups: int = 1, bias: bool = True, dilation=1, padding_mode: str = "zeros",
                 device=None, dtype=None):  # fmt: skip
        super().__init__(out_channels, kernel_size, stride, padding, output_padding, groups,
                         bias=bias, dilation=dilation, padding_mode=padding_mode, device=device,
                         dtype=dtype)  # fmt: skip


class _LazyNorm(LazyModuleMixin):
    """A normalisation that reads `num_features` off its first input."""

    def __init__(self, eps: float = 1e-5, momentum: float | None = 0.1,
                 affine: bool = True, track_running_stats: bool = True, device=None,
                 dtype=None, *, bias: bool = True):  # fmt: skip
        super().__init__(0, eps, momentum, False, False)  # type: ignore[call-arg]
        this: Any = self
        this.affine, this.track_running_stats = affine, track_running_stats
        options = {"device": device, "dtype": dtype}
        this.weight = UninitializedParameter(**options) if affine else None
        this.bias = UninitializedParameter(**options) if affine and bias else None
        if track_running_stats:
            this.running_mean = UninitializedBuffer(**options)
            this.running_var = UninitializedBuffer(**options)
            this.num_batches_tracked = wrap(np.zeros((), np.int64))

    def initialize_parameters(self, input) -> None:
        """Make parameters and running statistics for the channels of `input`."""
        this: Any = self
        if self.has_uninitialized_params():
            this._check(input)
            batched = isinstance(self, BatchNorm1d) or input.ndim == max(this.ranks)
            this.num_features = input.shape[1 if batched else 0]
            tensors: list[Any] = [*self._parameters.values(), *self._buffers.values()]
            for tensor in tensors:
                if is_lazy(tensor):
                    tensor.materialize((this.num_features,))
            this.reset_parameters()
        for tensor in (this.weight, this.running_mean):
            if isinstance(tensor, Tensor):
                this.num_features = tensor.shape[0]

    def reset_running_stats(self) -> None:
        """Forget the running statistics, once there are any."""
        if not self.has_uninitialized_params():
            super().reset_running_stats()  # type: ignore[misc]


def _lazy(base: type[Module], mixin: type, made_with: str) -> type:
    """The lazy twin of a layer."""
    doc = f"""A `{base.__name__}` that reads its number of channels off its first input.

    Examples
    --------
    >>> import nn
    >>> nn.Lazy{base.__name__}({made_with}).has_uninitialized_params()
    True
    """
    name = f"Lazy{base.__name__}"
    body = {"__doc__": doc, "__module__": __name__, "__qualname__": name, "cls_to_become": base}
    return type(name, (mixin, base), body)


LazyConv1d = _lazy(Conv1d, _LazyDirect, "8, 3")
LazyConv2d = _lazy(Conv2d, _LazyDirect, "8, 3")
LazyConv3d = _lazy(Conv3d, _LazyDirect, "8, 3")
LazyConvTranspose1d = _lazy(ConvTranspose1d, _LazyTransposed, "8, 3")
LazyConvTranspose2d = _lazy(ConvTranspose2d, _LazyTransposed, "8, 3")
LazyConvTranspose3d = _lazy(ConvTranspose3d, _LazyTransposed, "8, 3")
LazyBatchNorm1d = _lazy(BatchNorm1d, _LazyNorm, "affine=True")
LazyBatchNorm2d = _lazy(BatchNorm2d, _LazyNorm, "affine=True")
LazyBatchNorm3d = _lazy(BatchNorm3d, _LazyNorm, "affine=True")
LazyInstanceNorm1d = _lazy(InstanceNorm1d, _LazyNorm, "affine=True")
LazyInstanceNorm2d = _lazy(InstanceNorm2d, _LazyNorm, "affine=True")
LazyInstanceNorm3d = _lazy(InstanceNorm3d, _LazyNorm, "affine=True")
