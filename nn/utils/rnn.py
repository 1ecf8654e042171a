"""Sequences of different lengths in one batch: padded to the longest, or packed without padding.

Packed, the rows of all sequences' first step come first, then those of the second, and so on, the
longest sequence foremost: so the sequences alive at a step are neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from autograd import cat, full, index_put
from autograd.errors import ShapeError
from autograd.tensor import Tensor, asarray, wrap


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None = None
    unsorted_indices: Tensor | None = None


class PackedSequence(_Packed):
    """Sequences of different lengths without padding; made by `pack_padded_sequence`.

    Attributes
    ----------
    data : Tensor
        Shape (sum of lengths, ...): step after step, the rows of the sequences still alive.
    batch_sizes : Tensor
        How many sequences are alive at each step.
    sorted_indices, unsorted_indices : Tensor or None
        The order by falling length, and the way back; None if the batch was in that order.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.rnn import pack_sequence
    >>> packed = pack_sequence([ag.tensor([1, 2, 3]), ag.tensor([4])])
    >>> packed.data, packed.batch_sizes
    (tensor([1, 4, 2, 3]), tensor([2, 1, 1]))
    """

    __slots__ = ()

    def __new__(cls, data: Tensor, batch_sizes: Tensor, sorted_indices: Tensor | None = None,
                unsorted_indices: Tensor | None = None):  # fmt: skip
        if unsorted_indices is None and sorted_indices is not None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def to(self, *args, **keywords) -> PackedSequence:
        """Return the same with `data` converted as by ``Tensor.to``."""
        return self._replace(data=self.data.to(*args, **keywords))

    def float(self) -> PackedSequence:
        """Return the same with `data` in float32."""
        return self._replace(data=self.data.float())

    def double(self) -> PackedSequence:
        """Return the same with `data` in float64."""
        return self._replace(data=self.data.double())


def pack_padded_sequence(
    input: Tensor, lengths, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch of sequences.

    Parameters
    ----------
    input : Tensor
        Shape (L, N, ...), or (N, L, ...) with `batch_first`.
    lengths : Tensor or sequence of int
        The length of each sequence, at least 1.
    batch_first : bool
    enforce_sorted : bool
        Expect the sequences in the order of falling length; otherwise they are sorted.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.rnn import pack_padded_sequence
    >>> pack_padded_sequence(ag.tensor([[1, 2, 0], [3, 4, 5]]), [2, 3], True, False).data
    tensor([3, 1, 4, 2, 5])
    """
    sizes = _lengths(lengths)
    if input.ndim < 2:
        raise ShapeError(f"expected a padded batch of at least 2 dimensions, got {input.shape}")
    longest, batch = _time_and_batch(input.shape, batch_first)
    if len(sizes) != batch:
        raise ShapeError(f"expected a length for each of {batch} sequences, got {len(sizes)}")
    if sizes.min() <= 0 or sizes.max() > longest:
        raise ShapeError(f"expected lengths from 1 to {longest}, got {sizes.tolist()}")
    order = None
    if not enforce_sorted:
        order = np.argsort(-sizes, kind="stable")
        sizes = sizes[order]
    elif (np.diff(sizes) > 0).any():
        raise ShapeError(
            f"expected lengths in falling order, got {sizes.tolist()}: sort the batch, or pass "
            "enforce_sorted=False"
        )
    batch_sizes = (sizes[:, None] > np.arange(sizes[0])).sum(0)
    step, sequence = _places(batch_sizes)
    if order is not None:
        sequence = order[sequence]
    data = input[(sequence, step) if batch_first else (step, sequence)]
    return PackedSequence(data, wrap(batch_sizes), None if order is None else wrap(order))


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Undo `pack_padded_sequence`: return the padded batch and the lengths.

    Parameters
    ----------
    sequence : PackedSequence
    batch_first : bool
        Return (N, L, ...) instead of (L, N, ...).
    padding_value : float
    total_length : int, optional
        Pad to this length instead of the longest sequence's.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.rnn import pack_sequence, pad_packed_sequence
    >>> packed = pack_sequence([ag.tensor([1, 2]), ag.tensor([4])])
    >>> batch, lengths = pad_packed_sequence(packed, batch_first=True)
    >>> batch.tolist(), lengths.tolist()
    ([[1, 2], [4, 0]], [2, 1])
    """
    batch_sizes = sequence.batch_sizes.numpy()
    longest, batch = len(batch_sizes), int(batch_sizes[0])
    if total_length is not None and total_length < longest:
        raise ValueError(
            f"total_length expected at least {longest}, the longest sequence's, got {total_length}"
        )
    step, place = _places(batch_sizes)
    sizes = (batch_sizes[:, None] > np.arange(batch)).sum(0)
    if sequence.unsorted_indices is not None:
        sizes = sizes[sequence.unsorted_indices.numpy()]
        place = np.argsort(sequence.unsorted_indices.numpy())[place]
    length = longest if total_length is None else total_length
    padded = _padded(sequence.data, step, place, length, batch, batch_first, padding_value)
    return padded, wrap(sizes)


def pad_sequence(
    sequences: Iterable[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Pad sequences to the longest, into one batch.

    Parameters
    ----------
    sequences : iterable of Tensor
        Shapes (L, ...), equal but for L.
    batch_first : bool
        Return (N, L, ...) instead of (L, N, ...).
    padding_value : float
    padding_side : {"right", "left"}

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.rnn import pad_sequence
    >>> pad_sequence([ag.tensor([1, 2, 3]), ag.tensor([4])], batch_first=True).tolist()
    [[1, 2, 3], [4, 0, 0]]
    """
    if padding_side not in ("left", "right"):
        raise ValueError(f"padding_side expected 'left' or 'right', got {padding_side!r}")
    tensors = list(sequences)
    if not tensors:
        raise ValueError("pad_sequence expected at least one sequence")
    if any(not tensor.ndim for tensor in tensors):
        raise ShapeError("pad_sequence expected sequences of at least one dimension, got 0-d")
    sizes = [len(tensor) for tensor in tensors]
    longest = max(sizes)
    step = np.concatenate(
        [np.arange(n) + (longest - n if padding_side == "left" else 0) for n in sizes]
    )
    place = np.repeat(np.arange(len(sizes)), sizes)
    return _padded(cat(tensors), step, place, longest, len(sizes), batch_first, padding_value)


def unpad_sequence(padded_sequences: Tensor, lengths, batch_first: bool = False) -> list[Tensor]:
    """Undo `pad_sequence`: return the sequences without their padding.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.rnn import unpad_sequence
    >>> unpad_sequence(ag.tensor([[1, 2, 3], [4, 0, 0]]), [3, 1], batch_first=True)
    [tensor([1, 2, 3]), tensor([4])]
    """
    sizes = _lengths(lengths).tolist()
    _, batch = _time_and_batch(padded_sequences.shape, batch_first)
    if len(sizes) != batch:
        raise ShapeError(f"expected a length for each of {batch} sequences, got {len(sizes)}")
    if batch_first:
        return [padded_sequences[i, :n] for i, n in enumerate(sizes)]
    return [padded_sequences[:n, i] for i, n in enumerate(sizes)]


def pack_sequence(sequences: list[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of shapes (L, ...).

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.rnn import pack_sequence
    >>> pack_sequence([ag.tensor([4]), ag.tensor([1, 2])], enforce_sorted=False).data
    tensor([1, 4, 2])
    """
    lengths = [len(sequence) for sequence in sequences]
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """Undo `pack_sequence`: return the sequences.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.rnn import pack_sequence, unpack_sequence
    >>> unpack_sequence(pack_sequence([ag.tensor([1, 2]), ag.tensor([4])]))
    [tensor([1, 2]), tensor([4])]
    """
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """Return the permutation that undoes another; None stands for the identity.

    Examples
    --------
    >>> import autograd as ag
    >>> from nn.utils.rnn import invert_permutation
    >>> invert_permutation(ag.tensor([2, 0, 1]))
    tensor([1, 2, 0])
    """
    return None if permutation is None else wrap(np.argsort(permutation.numpy()))


def _lengths(lengths) -> np.ndarray:
    sizes = np.asarray(asarray(lengths))
    if sizes.ndim != 1 or sizes.dtype.kind not in "iu":
        raise ShapeError(f"expected lengths as a list of integers, got {lengths!r}")
    return sizes.astype(np.int64)


def _time_and_batch(shape, batch_first: bool) -> tuple[int, int]:
    return (shape[1], shape[0]) if batch_first else (shape[0], shape[1])


def _places(batch_sizes) -> tuple[np.ndarray, np.ndarray]:
    """The step and the sequence that each packed row belongs to."""
    step = np.repeat(np.arange(len(batch_sizes)), batch_sizes)
    return step, np.concatenate([np.arange(n) for n in batch_sizes])


def _padded(rows: Tensor, step, place, length: int, batch: int, batch_first: bool, value: float):
    """A batch filled with `value`, and with each row at its step of its sequence."""
    leading = (batch, length) if batch_first else (length, batch)
    where = (place, step) if batch_first else (step, place)
    return index_put(full((*leading, *rows.shape[1:]), value, dtype=rows.dtype), where, rows)
