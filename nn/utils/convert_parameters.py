"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from autograd import cat
from autograd.errors import ShapeError
from autograd.tensor import Tensor
from autograd.versions import wrote


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all elements of all parameters as one vector, through which gradients pass.

    Examples
    --------
    >>> import nn
    >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    (8,)
    """
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the elements of a vector into the parameters, in order.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer = nn.Linear(2, 1)
    >>> nn.utils.vector_to_parameters(ag.tensor([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.weight.tolist(), layer.bias.tolist()
    ([[1.0, 2.0]], [3.0])
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"vector_to_parameters expected a Tensor, got {type(vec).__name__}")
    parameters = list(parameters)
    count = sum(parameter.numel() for parameter in parameters)
    if vec.shape != (count,):
        raise ShapeError(
            f"vector_to_parameters expected a vector of {count} elements, got shape {vec.shape}"
        )
    position = 0
    for parameter in parameters:
        part = vec.array[position : position + parameter.numel()]
        np.copyto(parameter.array, part.reshape(parameter.shape), casting="same_kind")
        wrote(parameter.array, "vector_to_parameters")
        position += parameter.numel()
