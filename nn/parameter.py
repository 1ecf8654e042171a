"""Parameter and Buffer: the tensors a module knows by name."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd.device import check_device
from autograd.dtypes import get_default_dtype
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


def empty(*shape: int, device=None, dtype=None) -> Parameter:
    """Make a parameter whose values are yet to be set, of the default dtype unless told."""
    check_device(device)
    return Parameter(np.empty(shape, get_default_dtype() if dtype is None else dtype))
