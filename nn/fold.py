"""Layers that take images apart into windows and put windows together."""

from __future__ import annotations

from nn import functional as F
from nn.module import Module


class Unfold(Module):
    """Each window of images as a column: (N, C, H, W) to (N, C * kH * kW, windows).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Unfold(kernel_size=3)(ag.ones(2, 4, 5, 5)).shape
    (2, 36, 9)
    """

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        """Return the columns."""
        return F.im2col(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, "
            f"stride={self.stride}"
        )


class Fold(Module):
    """Columns (N, C * kH * kW, windows) summed into images of `output_size`; see `Unfold`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Fold(output_size=5, kernel_size=3)(ag.ones(2, 36, 9)).shape
    (2, 4, 5, 5)
    """

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        """Return the images."""
        return F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )

    def extra_repr(self) -> str:
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, "
            f"dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
        )
