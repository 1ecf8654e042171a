"""Parameter and Buffer: the tensors a module knows by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.device import check_device
from autograd.dtypes import get_default_dtype
from autograd.errors import ShapeError
from autograd.tensor import Tensor, asarray


class Parameter(Tensor):
    """A tensor that becomes a parameter of the module it is assigned to.

    Parameters
    ----------
    data : array_like, optional
        Memory is shared with an array or tensor; a tensor's graph is left behind.
    requires_grad : bool, default True

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Parameter(ag.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Any = None, requires_grad: bool = True):
        super().__init__(() if data is None else asarray(data), requires_grad=requires_grad)

    def __repr__(self) -> str:
        return f"Parameter containing:\n{super().__repr__()}"


class Buffer(Tensor):
    """A tensor that becomes a buffer of the module it is assigned to: state without a gradient.

    Parameters
    ----------
    data : array_like, optional
    persistent : bool, default True
        Whether the buffer is part of the module's `state_dict`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer = nn.Module()
    >>> layer.steps = nn.Buffer(ag.zeros(1))
    >>> [name for name, _ in layer.named_buffers()]
    ['steps']
    """

    def __init__(self, data: Any = None, *, persistent: bool = True):
        super().__init__(() if data is None else asarray(data))
        self.persistent = persistent


class _Uninitialized(Tensor):
    """A tensor whose shape is not known yet: that of a lazy module's parameter or buffer."""

    becomes: type

    @property
    def shape(self):  # type: ignore[override]
        """Not known yet."""
        raise RuntimeError(
            f"this {type(self).__name__} has no shape yet: call the lazy module it belongs to once "
            "on an input, or load a state dict into it"
        )

    def materialize(self, shape, device=None, dtype=None) -> None:
        """Get memory of a shape, with values yet to be set, and become an ordinary tensor."""
        check_device(device)
        self.array = np.empty(tuple(shape), self.array.dtype if dtype is None else dtype)
        self.__class__ = self.becomes  # type: ignore[assignment]

    def detach(self):
        """Return self: there is nothing to cut off yet."""
        return self

    def __deepcopy__(self, memo):
        make, parts = self.__reduce__()
        twin = memo[id(self)] = make(*parts)
        return twin

    def __reduce__(self) -> tuple[Any, tuple]:
        return type(self), (self.requires_grad, None, str(self.array.dtype))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class UninitializedParameter(_Uninitialized, Parameter):
    """A parameter whose shape a lazy module finds out when it is first called.

    Examples
    --------
    >>> import nn
    >>> weight = nn.UninitializedParameter()
    >>> weight.materialize((2, 3)); weight.shape
    (2, 3)
    """

    becomes = Parameter

    def __init__(self, requires_grad: bool = True, device=None, dtype=None):
        check_device(device)
        super().__init__(_nothing(dtype), requires_grad)


class UninitializedBuffer(_Uninitialized):
    """A buffer whose shape a lazy module finds out when it is first called.

    Examples
    --------
    >>> import nn
    >>> mean = nn.UninitializedBuffer()
    >>> mean.materialize((3,)); mean.shape
    (3,)
    """

    becomes = Buffer

    def __init__(self, requires_grad: bool = False, device=None, dtype=None,
                 persistent: bool = True):  # fmt: skip
        check_device(device)
        super().__init__(_nothing(dtype), requires_grad=requires_grad)
        self.persistent = persistent


def _nothing(dtype) -> np.ndarray:
    return np.empty(0, get_default_dtype() if dtype is None else dtype)


def is_lazy(tensor) -> bool:
    """Whether a tensor waits for its shape.

    Examples
    --------
    >>> import nn
    >>> nn.parameter.is_lazy(nn.UninitializedParameter())
    True
    """
    return isinstance(tensor, _Uninitialized)


def empty(*shape: int, device=None, dtype=None) -> Parameter:
    """Make a parameter whose values are yet to be set, of the default dtype unless told."""
    check_device(device)
    if min(shape, default=0) < 0:
        raise ShapeError(f"a parameter cannot have the negative size {min(shape)}: shape {shape}")
    return Parameter(np.empty(shape, get_default_dtype() if dtype is None else dtype))
