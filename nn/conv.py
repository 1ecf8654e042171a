"""Convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from autograd.errors import ShapeError
from nn import functional as F
from nn import init
from nn.module import Module
from nn.parameter import empty

_PAD_MODES = ("zeros", "reflect", "replicate", "circular")


def as_tuple(value, dims: int) -> tuple[int, ...]:
    """One number for each of `dims` dimensions, from one number or a sequence of them."""
    if isinstance(value, Sequence):
        if len(value) != dims:
            raise ValueError(f"expected one number or {dims}, got {value!r}")
        return tuple(value)
    return (value,) * dims


class _Conv(Module):
    """What all convolutions share: sizes, parameters, how they start and how they print."""

    dims: int  # of space
    padding: Any  # "same", "valid", or a number for each dimension

    def __init__(self, in_channels, out_channels, kernel_size, stride, padding, output_padding,
                 dilation, groups, bias, padding_mode, transposed, device, dtype):  # fmt: skip
        super().__init__()
        for name, channels in (("in_channels", in_channels), ("out_channels", out_channels)):
            if groups <= 0 or channels % groups:
                raise ValueError(f"{name}={channels} does not divide by {groups=}")
        if padding_mode not in _PAD_MODES:
            raise ValueError(
                f"padding_mode expected one of {', '.join(_PAD_MODES)}, got {padding_mode!r}"
            )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = as_tuple(kernel_size, self.dims)
        self.stride = as_tuple(stride, self.dims)
        self.dilation = as_tuple(dilation, self.dims)
        self.padding = padding if isinstance(padding, str) else as_tuple(padding, self.dims)
        self._check_padding()
        self.output_padding = as_tuple(output_padding, self.dims)
        self.groups = groups
        self.padding_mode = padding_mode
        self.transposed = transposed
        into, out = (out_channels, in_channels) if transposed else (in_channels, out_channels)
        self.weight = empty(out, into // groups, *self.kernel_size, device=device, dtype=dtype)
        self.bias = empty(out_channels, device=device, dtype=dtype) if bias else None
        self.reset_parameters()

    def _check_padding(self) -> None:
        if not isinstance(self.padding, str):
            return
        if self.padding not in ("same", "valid"):
            raise ValueError(f"padding expected numbers, 'same' or 'valid', got {self.padding!r}")
        if self.padding == "same" and any(stride != 1 for stride in self.stride):
            raise ValueError("padding='same' needs stride 1 to keep the input's size")

    def reset_parameters(self) -> None:
        """Draw weight and bias uniform in ``[-k, k]``, ``k = 1 / sqrt(fan_in)``."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        fan_in = init._calculate_fan_in_and_fan_out(self.weight)[0]
        if self.bias is not None and fan_in:
            init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def _padded(self, input) -> tuple:
        """The input and the padding still to be done by the convolution: zeros it does itself."""
        if self.padding_mode == "zeros":
            return input, self.padding
        amounts: list[int] = []  # before and after each dimension, the last one first
        for d in reversed(range(self.dims)):
            if self.padding == "same":
                total = self.dilation[d] * (self.kernel_size[d] - 1)
                amounts += [total // 2, total - total // 2]
            elif self.padding != "valid":
                amounts += [self.padding[d]] * 2
            else:
                amounts += [0, 0]
        return F.pad(input, tuple(amounts), mode=self.padding_mode), (0,) * self.dims

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}, stride={self.stride}",
        ]
        for name, usual in (("padding", 0), ("dilation", 1), ("output_padding", 0)):
            if getattr(self, name) != (usual,) * self.dims:
                value = getattr(self, name)
                parts.append(f"{name}={value}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Direct(_Conv):
    def __init__(self, in_channels: int, out_channels: int, kernel_size, stride=1, padding=0,
                 dilation=1, groups: int = 1, bias: bool = True, padding_mode: str = "zeros",
                 device=None, dtype=None):  # fmt: skip
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, 0, dilation,
                         groups, bias, padding_mode, False, device, dtype)  # fmt: skip


class Conv1d(_Direct):
    """Convolution over sequences: (N, in_channels, L) to (N, out_channels, L_out).

    `padding` may be a number, ``"same"`` or ``"valid"``; `padding_mode` says what is padded with:
    ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Conv1d(3, 8, kernel_size=5, padding=2)(ag.ones(2, 3, 10)).shape
    (2, 8, 10)
    """

    dims = 1

    def forward(self, input):
        """Return the convolution of `input`."""
        input, padding = self._padded(input)
        return F.conv1d(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class Conv2d(_Direct):
    """Convolution over images: (N, in_channels, H, W) to (N, out_channels, H_out, W_out).

    Sizes are numbers or pairs. `padding` may also be ``"same"`` or ``"valid"``; `padding_mode` says
    what is padded with: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Conv2d(3, 8, kernel_size=3, stride=2)(ag.ones(2, 3, 9, 9)).shape
    (2, 8, 4, 4)
    """

    dims = 2

    def forward(self, input):
        """Return the convolution of `input`."""
        input, padding = self._padded(input)
        return F.conv2d(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class Conv3d(_Direct):
    """Convolution over volumes, (N, in_channels, D, H, W).

    Sizes are numbers or one for each axis; see `Conv2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Conv3d(3, 8, kernel_size=3, stride=2)(ag.ones(2, 3, 5, 9, 9)).shape
    (2, 8, 2, 4, 4)
    """

    dims = 3

    def forward(self, input):
        """Return the convolution of `input`."""
        input, padding = self._padded(input)
        return F.conv3d(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class _Transposed(_Conv):
    def __init__(self, in_channels: int, out_channels: int, kernel_size, stride=1, padding=0,
                 output_padding=0, groups: int = 1, bias: bool = True, dilation=1,
                 padding_mode: str = "zeros", device=None, dtype=None):  # fmt: skip
        name = type(self).__name__
        if padding_mode != "zeros":
            raise ValueError(f"{name} only takes padding_mode='zeros', got {padding_mode!r}")
        if isinstance(padding, str):
            raise ValueError(f"{name} expected numbers for padding, got {padding!r}")
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, output_padding,
                         dilation, groups, bias, padding_mode, True, device, dtype)  # fmt: skip

    def _output_padding(self, input, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """The output padding: the layer's, or the one that leads to `output_size`."""
        if output_size is None:
            return self.output_padding
        size, wanted = input.shape[-self.dims :], tuple(output_size)[-self.dims :]
        least = tuple(
            (n - 1) * stride - 2 * padding + dilation * (kernel - 1) + 1
            for n, stride, padding, dilation, kernel in zip(
                size, self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        )
        extra = tuple(want - low for want, low in zip(wanted, least, strict=True))
        if any(not 0 <= e < stride for e, stride in zip(extra, self.stride, strict=True)):
            most = tuple(low + s - 1 for low, s in zip(least, self.stride, strict=True))
            raise ShapeError(
                f"output_size expected from {least} to {most} for an input of size {size}, "
                f"got {wanted}"
            )
        return extra


class ConvTranspose1d(_Transposed):
    """The transpose of `Conv1d`; see `ConvTranspose2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ConvTranspose1d(8, 3, kernel_size=3, stride=2)(ag.ones(2, 8, 4)).shape
    (2, 3, 9)
    """

    dims = 1

    def forward(self, input, output_size: Sequence[int] | None = None):
        """Return the transposed convolution of `input`."""
        extra = self._output_padding(input, output_size)
        return F.conv_transpose1d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip


class ConvTranspose2d(_Transposed):
    """The transpose of a convolution: it maps shapes as the gradient of `Conv2d` does.

    `output_padding` adds rows and columns at the end, to choose among the input shapes that a
    strided convolution maps to one output shape; `output_size` in the call asks for it directly.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ConvTranspose2d(8, 3, kernel_size=3, stride=2)(ag.ones(2, 8, 4, 4)).shape
    (2, 3, 9, 9)
    """

    dims = 2

    def forward(self, input, output_size: Sequence[int] | None = None):
        """Return the transposed convolution of `input`."""
        extra = self._output_padding(input, output_size)
        return F.conv_transpose2d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip


class ConvTranspose3d(_Transposed):
    """The transpose of `Conv3d`; see `ConvTranspose2d`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ConvTranspose3d(8, 3, kernel_size=3, stride=2)(ag.ones(2, 8, 2, 4, 4)).shape
    (2, 3, 5, 9, 9)
    """

    dims = 3

    def forward(self, input, output_size: Sequence[int] | None = None):
        """Return the transposed convolution of `input`."""
        extra = self._output_padding(input, output_size)
        return F.conv_transpose3d(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip
