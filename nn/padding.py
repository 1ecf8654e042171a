"""Padding layers: what is added around signals, images and volumes."""

from __future__ import annotations

from collections.abc import Sequence

from autograd.errors import ShapeError
from nn import functional as F
from nn.module import Module


class _Pad(Module):
    """Elements before and after each axis, in pairs from the last axis backwards."""

    dims: int  # of space
    mode: str

    def __init__(self, padding: int | Sequence[int]):
        super().__init__()
        amounts = padding if isinstance(padding, Sequence) else (padding,) * (2 * self.dims)
        if len(amounts) != 2 * self.dims:
            raise ValueError(
                f"{type(self).__name__} expected one number or {2 * self.dims} numbers, "
                f"got {padding!r}"
            )
        self.padding = tuple(amounts)

    def forward(self, input):
        """Return the padded input."""
        if input.ndim not in (self.dims + 1, self.dims + 2) and self.mode != "constant":
            raise ShapeError(
                f"{type(self).__name__} expected {self.dims + 1} or {self.dims + 2} dimensions, "
                f"got shape {input.shape}"
            )
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _Constant(_Pad):
    mode = "constant"

    def __init__(self, padding: int | Sequence[int], value: float):
        super().__init__(padding)
        self.value = value

    def forward(self, input):
        """Return the padded input."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class _Zero(_Constant):
    def __init__(self, padding: int | Sequence[int]):
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _Reflection(_Pad):
    mode = "reflect"


class _Replication(_Pad):
    mode = "replicate"


class _Circular(_Pad):
    mode = "circular"


class ZeroPad1d(_Zero):
    """Pad signals with zeros, ``(left, right)`` elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ZeroPad1d(1)(ag.tensor([[[1.0, 2.0, 3.0]]])).tolist()
    [[[0.0, 1.0, 2.0, 3.0, 0.0]]]
    """

    dims = 1


class ZeroPad2d(_Zero):
    """Pad images with zeros, ``(left, right, top, bottom)`` elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ZeroPad2d(1)(ag.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 5)
    """

    dims = 2


class ZeroPad3d(_Zero):
    """Pad volumes with zeros:
    ``(left, right, top, bottom, front, back)``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ZeroPad3d(1)(ag.ones(1, 1, 3, 3, 3)).shape
    (1, 1, 5, 5, 5)
    """

    dims = 3


class ConstantPad1d(_Constant):
    """Pad signals with the number `value`, ``(left, right)`` elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ConstantPad1d(1, 7.0)(ag.tensor([[[1.0, 2.0, 3.0]]])).tolist()
    [[[7.0, 1.0, 2.0, 3.0, 7.0]]]
    """

    dims = 1


class ConstantPad2d(_Constant):
    """Pad images with the number `value`, ``(left, right, top, bottom)`` elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ConstantPad2d(1, 7.0)(ag.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 5)
    """

    dims = 2


class ConstantPad3d(_Constant):
    """Pad volumes with the number `value`:
    ``(left, right, top, bottom, front, back)``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ConstantPad3d(1, 7.0)(ag.ones(1, 1, 3, 3, 3)).shape
    (1, 1, 5, 5, 5)
    """

    dims = 3


class ReflectionPad1d(_Reflection):
    """Pad signals with their mirror image, ``(left, right)`` elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ReflectionPad1d(1)(ag.tensor([[[1.0, 2.0, 3.0]]])).tolist()
    [[[2.0, 1.0, 2.0, 3.0, 2.0]]]
    """

    dims = 1


class ReflectionPad2d(_Reflection):
    """Pad images with their mirror image, ``(left, right, top, bottom)`` elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ReflectionPad2d(1)(ag.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 5)
    """

    dims = 2


class ReflectionPad3d(_Reflection):
    """Pad volumes with their mirror image:
    ``(left, right, top, bottom, front, back)``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ReflectionPad3d(1)(ag.ones(1, 1, 3, 3, 3)).shape
    (1, 1, 5, 5, 5)
    """

    dims = 3


class ReplicationPad1d(_Replication):
    """Pad signals with their outermost elements, ``(left, right)`` elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ReplicationPad1d(1)(ag.tensor([[[1.0, 2.0, 3.0]]])).tolist()
    [[[1.0, 1.0, 2.0, 3.0, 3.0]]]
    """

    dims = 1


class ReplicationPad2d(_Replication):
    """Pad images with their outermost elements, ``(left, right, top, bottom)`` elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ReplicationPad2d(1)(ag.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 5)
    """

    dims = 2


class ReplicationPad3d(_Replication):
    """Pad volumes with their outermost elements:
    ``(left, right, top, bottom, front, back)``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ReplicationPad3d(1)(ag.ones(1, 1, 3, 3, 3)).shape
    (1, 1, 5, 5, 5)
    """

    dims = 3


class CircularPad1d(_Circular):
    """Pad signals with what is at their other end, ``(left, right)`` elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.CircularPad1d(1)(ag.tensor([[[1.0, 2.0, 3.0]]])).tolist()
    [[[3.0, 1.0, 2.0, 3.0, 1.0]]]
    """

    dims = 1


class CircularPad2d(_Circular):
    """Pad images with what is at their other end, ``(left, right, top, bottom)`` elements.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.CircularPad2d(1)(ag.ones(1, 1, 3, 3)).shape
    (1, 1, 5, 5)
    """

    dims = 2


class CircularPad3d(_Circular):
    """Pad volumes with what is at their other end:
    ``(left, right, top, bottom, front, back)``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.CircularPad3d(1)(ag.ones(1, 1, 3, 3, 3)).shape
    (1, 1, 5, 5, 5)
    """

    dims = 3
