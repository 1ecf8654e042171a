"""A limit on the size of weights, between an optimiser's step and the next."""

from __future__ import annotations

from collections.abc import Iterable

import autograd as ag
from autograd.tensor import Tensor


def max_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, norm_type: float = 2.0, dim: int = 0
) -> None:
    """Scale the incoming weights of every unit, in place, so that their norm is at most `max_norm`.

    Call it after `step`. A unit's weights are a slice along `dim`: a row of a linear layer's
    weight, the filters of one output channel of a convolution's. Parameters of fewer than two axes,
    as biases are, stay. Srebro and Shraibman (2005); Srivastava et al., "Dropout" (2014), 5.1.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
    max_norm : float
        The limit, at least 0; 3 or 4 is usual beside dropout.
    norm_type : float, default 2
        May be ``inf``.
    dim : int, default 0

    Raises
    ------
    ValueError
        If `max_norm` is negative or `norm_type` is not above 0.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils import max_norm_
    >>> weight = ag.tensor([[3.0, 4.0], [0.3, 0.4]])
    >>> max_norm_(weight, 1.0); weight.round(decimals=3)
    tensor([[0.6, 0.8],
            [0.3, 0.4]], shape=(2, 2))
    """
    if max_norm < 0 or norm_type <= 0:
        raise ValueError(f"expected max_norm >= 0 and norm_type > 0, got {max_norm}, {norm_type}")
    with ag.no_grad():
        for parameter in [parameters] if isinstance(parameters, Tensor) else parameters:
            if parameter.ndim >= 2:
                parameter.copy_(ag.renorm(parameter, norm_type, dim, max_norm))
