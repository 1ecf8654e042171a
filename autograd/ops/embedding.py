"""Embedding: rows of a table by their numbers. Its gradient adds rows back into a table, and the
gradient of that looks rows up again, so any number of derivatives exists.
"""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, op
from autograd.versions import wrote


def _samples(rng):
    yield (np.array([[0, 2], [2, 1]]), rng.normal(size=(4, 3))), {}
    # padding_idx and scale_grad_by_freq change the gradient on purpose: it is no derivative then.
    yield (np.array(1), rng.normal(size=(2, 2))), {}
    yield (np.zeros((0, 2), np.int64), rng.normal(size=(2, 2))), {}


@op(samples=_samples, residuals=("factor",), space="nn")
def embedding(
    input: Array,
    weight: Array,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    """Return the rows of `weight` that the integers of `input` name, in the shape of `input`.

    Parameters
    ----------
    input : integers from 0 to V - 1, any shape
    weight : (V, D)
    padding_idx : int, optional
        A row that gets no gradient. Negative counts from the end.
    max_norm, norm_type : float, optional
        First scale those rows whose norm is above `max_norm` down to it, in place.
    scale_grad_by_freq : bool, default False
        Divide the gradient of a row by how often `input` names it.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> table = ag.tensor([[0.0, 1.0], [2.0, 3.0]])
    >>> nn.functional.embedding(ag.tensor([1, 0]), table)
    tensor([[2., 3.],
            [0., 1.]], shape=(2, 2))
    """
    _check(input, weight)
    if sparse:
        raise NotImplementedError("sparse=True: gradients are dense here, leave it False")
    if padding_idx is not None:
        padding_idx = _row(padding_idx, len(weight))
    if max_norm is not None:
        kernels.embedding.renormalise(weight, input, max_norm, norm_type)
        wrote(weight, "embedding(max_norm=...)")
    factor = _factor(input, weight, padding_idx, scale_grad_by_freq)
    return kernels.embedding.gather(weight, input), factor


def _check(input, weight) -> None:
    if input.dtype.kind not in "iu":
        raise DtypeError(f"expected integers to look up, got {input.dtype}: convert with .long()")
    if weight.ndim != 2:
        raise ShapeError(f"expected a weight (rows, features), got shape {list(weight.shape)}")
    wrong = (input < 0) | (input >= len(weight))
    if wrong.any():
        place = tuple(int(i[0]) for i in np.nonzero(np.atleast_1d(wrong)))[: input.ndim]
        where = f" at position {list(place)}" if place else ""
        raise IndexError(
            f"index {input[place]}{where} is out of range for a vocabulary of {len(weight)} rows: "
            f"expected 0 to {len(weight) - 1}"
        )


def _row(padding_idx: int, count: int) -> int:
    if not -count <= padding_idx < count:
        raise IndexError(f"expected padding_idx to be one of {count} rows, got {padding_idx}")
    return padding_idx % count


def _factor(input, weight, padding_idx, scale_grad_by_freq):
    """What the gradient of each looked-up row is multiplied by; None stands for 1."""
    if padding_idx is None and not scale_grad_by_freq:
        return None
    factor = np.ones(input.shape, weight.dtype)
    if scale_grad_by_freq:
        factor /= np.bincount(input.reshape(-1), minlength=len(weight))[input]
    if padding_idx is not None:
        factor[input == padding_idx] = 0
    return factor[..., None]


def _gather_samples(rng):
    yield (rng.normal(size=(3, 2)), np.array([[2, 0], [2, 2]])), {}


@op(samples=_gather_samples, space="internal", shown_as="embedding")
def gather_rows(input: Array, index: Array):
    """Return the rows of a table that `index` names."""
    return kernels.embedding.gather(input, index)


def _scatter_samples(rng):
    yield (rng.normal(size=(2, 2, 3)), np.array([[2, 0], [2, 2]])), {"count": 4}


@op(samples=_scatter_samples, space="internal")
def scatter_rows(input: Array, index: Array, count: int):
    """Add each row to the row that `index` names in a table of `count` rows of zeros."""
    return kernels.embedding.scatter(input, index, count)


embedding.vjp(
    weight=lambda g, input, weight_shape, factor: scatter_rows(
        g if factor is None else g * factor, input, weight_shape[0]
    )
)
gather_rows.vjp(input=lambda g, index, input_shape: scatter_rows(g, index, input_shape[0]))
scatter_rows.vjp(input=lambda g, index: gather_rows(g, index))
