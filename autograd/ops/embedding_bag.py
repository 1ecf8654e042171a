"""Bags of embeddings: rows of a table looked up and, bag by bag, added, averaged or compared."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import composite
from autograd.ops.embedding import _row, embedding, scatter_rows
from autograd.ops.loss import array

MODES = ("sum", "mean", "max")


def _samples(rng):
    table = rng.normal(size=(5, 3))
    row, offsets = np.array([0, 2, 1, 2, 4, 4]), np.array([0, 2, 2])
    for mode in MODES:
        yield (np.array([[0, 2], [1, 2]]), table), {"mode": mode}
        yield (row, table, offsets), {"mode": mode, "padding_idx": 1}
    last = {"include_last_offset": True, "mode": "sum"}
    yield (row, table, np.array([0, 2, 6])), {**last, "per_sample_weights": rng.normal(size=6)}


@composite(samples=_samples, space="nn")
def embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Return the sum, mean or maximum of the rows of `weight` that each bag of numbers names.

    Parameters
    ----------
    input : integers of shape (B, N), or (M,) with `offsets`
        One bag in each row, or all bags one after the other.
    weight : (V, D)
    offsets : (B,) of integers, optional
        Where each bag begins; the first at 0.
    max_norm, norm_type, scale_grad_by_freq
        As in `embedding`; scaling by frequency does not go with ``mode="max"``.
    mode : {"mean", "sum", "max"}
        An empty bag gives zeros.
    per_sample_weights : floats of the shape of `input`, optional
        A factor for each looked-up row; for ``mode="sum"`` only.
    include_last_offset : bool, default False
        `offsets` has one entry more, the end of the last bag.
    padding_idx : int, optional
        Numbers that count as absent: neither added nor counted, without a gradient.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> table = ag.tensor([[0.0, 1.0], [2.0, 3.0]])
    >>> nn.functional.embedding_bag(ag.tensor([1, 0, 1]), table, ag.tensor([0, 1]), mode="sum")
    tensor([[2., 3.],
            [2., 4.]], shape=(2, 2))
    """
    if mode not in MODES:
        raise ValueError(f"embedding_bag: mode expected one of {', '.join(MODES)}, got {mode!r}")
    if mode == "max" and scale_grad_by_freq:
        raise ValueError("embedding_bag: mode='max' does not go with scale_grad_by_freq=True")
    _check_sample_weights(input, weight, per_sample_weights, mode)
    bags, count = _bags(input, offsets, include_last_offset)
    numbers = array(input).reshape(-1)
    if padding_idx is not None:
        padding_idx = _row(padding_idx, len(weight))
    rows = embedding(
        numbers if input is array(input) else input.reshape(-1), weight, None, max_norm, norm_type,
        scale_grad_by_freq, sparse,
    )  # fmt: skip
    if mode == "max":
        return _largest(rows, bags, numbers, padding_idx, count)
    if per_sample_weights is not None:
        rows = rows * per_sample_weights.reshape(-1)[:, None]
    kept = np.ones(len(numbers), bool) if padding_idx is None else numbers != padding_idx
    total = scatter_rows(np.where(kept[:, None], rows, 0.0), bags, count)
    if mode == "sum":
        return total
    members = np.maximum(np.bincount(bags[kept], minlength=count), 1)
    return total / members[:, None].astype(weight.dtype)


def _largest(rows, bags, numbers, padding_idx, count: int):
    places = (
        np.arange(len(numbers)) if padding_idx is None else np.flatnonzero(numbers != padding_idx)
    )
    if not len(places):
        return scatter_rows(rows[:0], bags[:0], count)
    rows, bags = rows[places], bags[places]
    first = kernels.embedding.first_peaks(array(rows), bags, count)
    picked = rows[np.maximum(first, 0), np.arange(first.shape[1])]
    return np.where(first < 0, 0.0, picked)


def _check_sample_weights(input, weight, per_sample_weights, mode) -> None:
    if per_sample_weights is None:
        return
    if mode != "sum":
        raise NotImplementedError(
            f"embedding_bag: per_sample_weights go with mode='sum' only, got mode={mode!r}"
        )
    if per_sample_weights.shape != input.shape:
        raise ShapeError(
            f"embedding_bag expected per_sample_weights of the input's shape {input.shape}, got "
            f"{per_sample_weights.shape}"
        )
    if per_sample_weights.dtype != weight.dtype:
        raise DtypeError(
            f"embedding_bag expected per_sample_weights in the weight's dtype {weight.dtype}, got "
            f"{per_sample_weights.dtype}"
        )


def _bags(input, offsets, include_last_offset):
    """The bag of each number, in one row, and how many bags there are."""
    if input.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "embedding_bag: offsets go with a row of numbers; the rows of an input with two "
                f"dimensions, here {input.shape}, are the bags: leave offsets None"
            )
        return np.repeat(np.arange(input.shape[0]), input.shape[1]), input.shape[0]
    if input.ndim != 1:
        raise ShapeError(f"embedding_bag expected input (B, N) or (M,), got {input.shape}")
    if offsets is None:
        raise ValueError("embedding_bag: an input with one dimension needs offsets")
    starts = np.asarray(array(offsets))
    if starts.ndim != 1 or starts.dtype.kind not in "iu":
        raise ShapeError(
            f"embedding_bag expected offsets as a row of integers, got {starts.dtype} of shape "
            f"{starts.shape}"
        )
    total = input.shape[0]
    if include_last_offset and not starts.size:
        raise ValueError("embedding_bag: include_last_offset=True needs at least one offset")
    if starts.size and (starts[0] != 0 or (np.diff(starts) < 0).any() or starts[-1] > total):
        raise ValueError(
            f"embedding_bag expected offsets that begin at 0 and rise to at most {total}, the "
            f"length of the input; got {starts.tolist()}"
        )
    if include_last_offset:
        if starts[-1] != total:
            raise ValueError(
                f"embedding_bag expected a last offset of {total}, the end of the input, with "
                f"include_last_offset=True; got {starts[-1]}"
            )
        starts = starts[:-1]
    if not starts.size and total:
        raise ValueError(f"embedding_bag: {total} numbers, but no offsets to put them into bags")
    return np.repeat(np.arange(starts.size), np.diff(starts, append=total)), starts.size
