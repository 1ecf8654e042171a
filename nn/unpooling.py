"""Layers that pool by a norm, and layers that put maxima back where they came from."""

from __future__ import annotations

from collections.abc import Sequence

from nn import functional as F
from nn.conv import as_tuple
from nn.module import Module


class _LPPool(Module):
    def __init__(self, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def _options(self) -> tuple:
        return float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class _MaxUnpool(Module):
    dims: int  # of space

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = as_tuple(kernel_size, self.dims)
        self.stride = as_tuple(kernel_size if stride is None else stride, self.dims)
        self.padding = as_tuple(padding, self.dims)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class LPPool1d(_LPPool):
    """The norm of each window of a sequence: ``(sum of x ** norm_type) ** (1 / norm_type)``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.LPPool1d(2, kernel_size=2)(ag.ones(1, 1, 4)).shape
    (1, 1, 2)
    """

    def forward(self, input):
        """Return the pooled input."""
        return F.lp_pool1d(input, *self._options())


class LPPool2d(_LPPool):
    """The norm of each window of an image: ``(sum of x ** norm_type) ** (1 / norm_type)``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.LPPool2d(2, kernel_size=2)(ag.ones(1, 1, 4, 4)).shape
    (1, 1, 2, 2)
    """

    def forward(self, input):
        """Return the pooled input."""
        return F.lp_pool2d(input, *self._options())


class LPPool3d(_LPPool):
    """The norm of each window of a volume: ``(sum of x ** norm_type) ** (1 / norm_type)``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.LPPool3d(2, kernel_size=2)(ag.ones(1, 1, 4, 4, 4)).shape
    (1, 1, 2, 2, 2)
    """

    def forward(self, input):
        """Return the pooled input."""
        return F.lp_pool3d(input, *self._options())


class MaxUnpool1d(_MaxUnpool):
    """The way back from `MaxPool1d`: maxima at their places, zeros elsewhere.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> x = ag.arange(4.0).reshape(1, 1, 4)
    >>> maxima, indices = nn.MaxPool1d(2, return_indices=True)(x)
    >>> nn.MaxUnpool1d(2)(maxima, indices).shape
    (1, 1, 4)
    """

    dims = 1

    def forward(self, input, indices, output_size: Sequence[int] | None = None):
        """Return the maxima `input` put back at `indices`."""
        return F.max_unpool1d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool2d(_MaxUnpool):
    """The way back from `MaxPool2d`: maxima at their places, zeros elsewhere.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> x = ag.arange(16.0).reshape(1, 1, 4, 4)
    >>> maxima, indices = nn.MaxPool2d(2, return_indices=True)(x)
    >>> nn.MaxUnpool2d(2)(maxima, indices).shape
    (1, 1, 4, 4)
    """

    dims = 2

    def forward(self, input, indices, output_size: Sequence[int] | None = None):
        """Return the maxima `input` put back at `indices`."""
        return F.max_unpool2d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool3d(_MaxUnpool):
    """The way back from `MaxPool3d`: maxima at their places, zeros elsewhere.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> x = ag.arange(64.0).reshape(1, 1, 4, 4, 4)
    >>> maxima, indices = nn.MaxPool3d(2, return_indices=True)(x)
    >>> nn.MaxUnpool3d(2)(maxima, indices).shape
    (1, 1, 4, 4, 4)
    """

    dims = 3

    def forward(self, input, indices, output_size: Sequence[int] | None = None):
        """Return the maxima `input` put back at `indices`."""
        return F.max_unpool3d(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )
