"""Clipping of gradients, between `backward` and an optimiser's step."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable

import numpy as np

from autograd.recording.effects import repeated
from autograd.tensor import Tensor, wrap
from autograd.versions import wrote


def get_total_norm(
    tensors: Tensor | Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of all elements of all tensors, as if they were one vector.

    `foreach`, a choice between PyTorch's implementations, makes no difference here.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils import get_total_norm
    >>> get_total_norm([ag.tensor([3.0]), ag.tensor([4.0])])
    tensor(5.)
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not tensors:
        return wrap(np.zeros((), np.float32))
    with np.errstate(over="ignore", invalid="ignore"):  # the norm says it all
        norms = [np.linalg.norm(t.array.reshape(-1), norm_type) for t in tensors]
        total = np.linalg.norm(np.array(norms), norm_type)
    if error_if_nonfinite and not math.isfinite(total):
        raise RuntimeError(
            f"the total norm of the gradients is {total}, so they cannot be clipped; with "
            "error_if_nonfinite=False they would be scaled by it all the same"
        )
    return wrap(np.asarray(total, np.result_type(*(t.dtype for t in tensors))))


@repeated
def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, in place, so that their total norm is at most `max_norm`.

    Parameters
    ----------
    parameters : Tensor or iterable of Tensor
        Those without a gradient are passed over.
    max_norm : float
    norm_type : float, default 2
        May be ``inf``.
    error_if_nonfinite : bool, default False
        Raise if the norm is infinite or NaN.
    foreach : bool, optional
        A choice between PyTorch's implementations; makes no difference here.

    Returns
    -------
    Tensor
        The norm before clipping.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils import clip_grad_norm_
    >>> x = ag.tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> clip_grad_norm_(x, 1.0), x.grad.round(decimals=3)
    (tensor(10.), tensor([0.6, 0.8]))
    """
    grads = _gradients(parameters)
    total = get_total_norm(grads, norm_type, error_if_nonfinite)
    _scale_down(grads, max_norm, total, "clip_grad_norm_")
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Do what `clip_grad_norm_` does, whose older name this is, with a warning."""
    warnings.warn(
        "nn.utils.clip_grad_norm is deprecated: use nn.utils.clip_grad_norm_",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@repeated
def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    total_norm: Tensor,
    foreach: bool | None = None,
) -> None:
    """Scale all gradients, in place, by what brings a known `total_norm` down to `max_norm`.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils import clip_grads_with_norm_
    >>> x = ag.tensor([3.0, 4.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> clip_grads_with_norm_(x, 1.0, ag.tensor(10.0)); x.grad.round(decimals=3)
    tensor([0.6, 0.8])
    """
    _scale_down(_gradients(parameters), max_norm, total_norm, "clip_grads_with_norm_")


def _scale_down(grads: list[Tensor], max_norm: float, total: Tensor, name: str) -> None:
    # PyTorch's formula: the small number guards against a norm of zero.
    factor = min(float(max_norm) / (total.item() + 1e-6), 1.0)
    if factor < 1.0 or math.isnan(factor):
        with np.errstate(invalid="ignore"):  # 0 * inf, where the norm is infinite
            for grad in grads:
                grad.array *= factor
                wrote(grad.array, name)


@repeated
def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every element of all gradients, in place, to ``[-clip_value, clip_value]``.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils import clip_grad_value_
    >>> x = ag.tensor([3.0, 0.1], requires_grad=True)
    >>> (x * x).sum().backward(); clip_grad_value_(x, 1.0); x.grad
    tensor([1. , 0.2])
    """
    clip_value = float(clip_value)
    for grad in _gradients(parameters):
        np.clip(grad.array, -clip_value, clip_value, out=grad.array)
        wrote(grad.array, "clip_grad_value_")


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    parameters = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in parameters if p.grad is not None]
