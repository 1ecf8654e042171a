"""Pooling layers."""

from __future__ import annotations

from nn import functional as F
from nn.conv import as_tuple
from nn.module import Module


class _MaxPool(Module):
    def __init__(self, kernel_size, stride=None, padding=0, dilation=1,
                 return_indices: bool = False, ceil_mode: bool = False):  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def _options(self) -> tuple:
        """The arguments of the function after the kernel size."""
        return self.stride, self.padding, self.dilation, self.ceil_mode, self.return_indices

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest value in each window of a sequence.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.MaxPool1d(2)(ag.tensor([[[1.0, 2.0, 4.0, 3.0]]])).tolist()
    [[[2.0, 4.0]]]
    """

    def forward(self, input):
        """Return the pooled input; also the positions of the maxima if `return_indices`."""
        return F.max_pool1d(input, self.kernel_size, *self._options())


class MaxPool2d(_MaxPool):
    """The largest value in each window of an image.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.MaxPool2d(3, stride=2, padding=1)(ag.ones(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    def forward(self, input):
        """Return the pooled input; also the positions of the maxima if `return_indices`."""
        return F.max_pool2d(input, self.kernel_size, *self._options())


class MaxPool3d(_MaxPool):
    """The largest value in each window of a volume.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.MaxPool3d(2)(ag.ones(1, 3, 4, 8, 8)).shape
    (1, 3, 2, 4, 4)
    """

    def forward(self, input):
        """Return the pooled input; also the positions of the maxima if `return_indices`."""
        return F.max_pool3d(input, self.kernel_size, *self._options())


class AvgPool1d(Module):
    """The mean of each window of a sequence.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.AvgPool1d(2)(ag.tensor([[[1.0, 2.0, 4.0, 3.0]]])).tolist()
    [[[1.5, 3.5]]]
    """

    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode: bool = False,
                 count_include_pad: bool = True):  # fmt: skip
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = self.kernel_size if stride is None else _single(stride)
        self.padding = _single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input):
        """Return the pooled input."""
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(Module):
    def __init__(self, kernel_size, stride=None, padding=0, ceil_mode: bool = False,
                 count_include_pad: bool = True, divisor_override: int | None = None):  # fmt: skip
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def _options(self) -> tuple:
        """The arguments of the function after the kernel size."""
        return (
            self.stride, self.padding, self.ceil_mode, self.count_include_pad,
            self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window of an image.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.AvgPool2d(2)(ag.ones(1, 3, 8, 8)).shape
    (1, 3, 4, 4)
    """

    def forward(self, input):
        """Return the pooled input."""
        return F.avg_pool2d(input, self.kernel_size, *self._options())


class AvgPool3d(_AvgPool):
    """The mean of each window of a volume.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.AvgPool3d(2)(ag.ones(1, 3, 4, 8, 8)).shape
    (1, 3, 2, 4, 4)
    """

    def forward(self, input):
        """Return the pooled input."""
        return F.avg_pool3d(input, self.kernel_size, *self._options())


class _AdaptiveAvgPool(Module):
    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean over windows of a sequence, as many as `output_size` says.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.AdaptiveAvgPool1d(2)(ag.ones(2, 3, 7)).shape
    (2, 3, 2)
    """

    def forward(self, input):
        """Return the pooled input."""
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean over windows of an image, as many as `output_size` says.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.AdaptiveAvgPool2d((1, 1))(ag.ones(2, 3, 7, 5)).shape
    (2, 3, 1, 1)
    """

    def forward(self, input):
        """Return the pooled input."""
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean over windows of a volume, as many as `output_size` says.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.AdaptiveAvgPool3d((1, 2, 2))(ag.ones(2, 3, 3, 7, 5)).shape
    (2, 3, 1, 2, 2)
    """

    def forward(self, input):
        """Return the pooled input."""
        return F.adaptive_avg_pool3d(input, self.output_size)


class _AdaptiveMaxPool(Module):
    def __init__(self, output_size, return_indices: bool = False):
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest value in windows of a sequence, as many as `output_size` says.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.AdaptiveMaxPool1d(2)(ag.ones(2, 3, 7)).shape
    (2, 3, 2)
    """

    def forward(self, input):
        """Return the pooled input; also the positions of the maxima if `return_indices`."""
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest value in windows of an image, as many as `output_size` says.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.AdaptiveMaxPool2d(2)(ag.ones(2, 3, 7, 5)).shape
    (2, 3, 2, 2)
    """

    def forward(self, input):
        """Return the pooled input; also the positions of the maxima if `return_indices`."""
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest value in windows of a volume, as many as `output_size` says.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.AdaptiveMaxPool3d(2)(ag.ones(2, 3, 3, 7, 5)).shape
    (2, 3, 2, 2, 2)
    """

    def forward(self, input):
        """Return the pooled input; also the positions of the maxima if `return_indices`."""
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class _FractionalMaxPool(Module):
    dims: int  # of space

    def __init__(self, kernel_size, output_size=None, output_ratio=None,
                 return_indices: bool = False, _random_samples=None):  # fmt: skip
        super().__init__()
        if (output_size is None) == (output_ratio is None):
            raise ValueError(f"{type(self).__name__} expected either output_size or output_ratio")
        self.kernel_size = as_tuple(kernel_size, self.dims)
        self.output_size = None if output_size is None else as_tuple(output_size, self.dims)
        self.output_ratio = None if output_ratio is None else as_tuple(output_ratio, self.dims)
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(
                f"{type(self).__name__} expected ratios between 0 and 1, got {output_ratio!r}"
            )
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)

    def _options(self) -> tuple:
        """The arguments of the function after the kernel size."""
        return self.output_size, self.output_ratio, self.return_indices, self._random_samples


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest value in windows of an image that lie at random distances (Graham 2014).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.FractionalMaxPool2d(3, output_ratio=0.6)(ag.ones(1, 3, 10, 10)).shape
    (1, 3, 6, 6)
    """

    dims = 2

    def forward(self, input):
        """Return the pooled input; also the positions of the maxima if `return_indices`."""
        return F.fractional_max_pool2d(input, self.kernel_size, *self._options())


class FractionalMaxPool3d(_FractionalMaxPool):
    """`FractionalMaxPool2d` for volumes.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.FractionalMaxPool3d(2, output_size=(2, 4, 4))(ag.ones(1, 3, 4, 9, 9)).shape
    (1, 3, 2, 4, 4)
    """

    dims = 3

    def forward(self, input):
        """Return the pooled input; also the positions of the maxima if `return_indices`."""
        return F.fractional_max_pool3d(input, self.kernel_size, *self._options())


def _single(value) -> tuple[int]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)
