"""Datasets: samples by index, or one after another."""

from __future__ import annotations

import itertools
import math
import warnings
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from autograd.creation import as_tensor
from autograd.errors import ShapeError
from autograd.random import Generator, randperm
from autograd.tensor import Tensor


class Dataset:
    """Base class of datasets with samples by index.

    A subclass defines ``__getitem__`` and ``__len__``. With ``__getitems__(indices)`` it may give
    the samples of a whole batch at once, as a list.

    Examples
    --------
    >>> from autograd.utils.data import Dataset
    >>> class Squares(Dataset):
    ...     def __len__(self):
    ...         return 4
    ...     def __getitem__(self, index):
    ...         return index**2
    >>> [Squares()[i] for i in range(4)]
    [0, 1, 4, 9]
    """

    def __getitem__(self, index) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__()")

    def __add__(self, other: Dataset) -> ConcatDataset:
        return ConcatDataset([self, other])


class IterableDataset(Dataset):
    """Base class of datasets with samples one after another: a subclass defines ``__iter__``.

    Examples
    --------
    >>> from autograd.utils.data import DataLoader, IterableDataset
    >>> class Countdown(IterableDataset):
    ...     def __iter__(self):
    ...         return iter([3, 2, 1])
    >>> list(DataLoader(Countdown(), batch_size=2))
    [tensor([3, 2]), tensor([1])]
    """

    def __iter__(self) -> Iterator:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__()")

    def __add__(self, other: Dataset) -> ChainDataset:  # type: ignore[override]
        return ChainDataset([self, other])


class TensorDataset(Dataset):
    """Rows of one or more tensors of the same length; sample i is a tuple of their i-th rows.

    Arrays are taken as tensors that share their memory.

    Examples
    --------
    >>> import autograd as ag
    >>> from autograd.utils.data import TensorDataset
    >>> TensorDataset(ag.tensor([[1.0, 2.0], [3.0, 4.0]]), ag.tensor([0, 1]))[1]
    (tensor([3., 4.]), tensor(1))
    """

    tensors: tuple[Tensor, ...]

    def __init__(self, *tensors: Tensor):
        if not tensors:
            raise ValueError("TensorDataset expected at least one tensor")
        self.tensors = tuple(as_tensor(tensor) for tensor in tensors)
        shapes = [tensor.shape for tensor in self.tensors]
        if any(not shape or shape[0] != shapes[0][0] for shape in shapes):
            raise ShapeError(
                "TensorDataset expected tensors with the same first dimension, the number of "
                f"samples; got shapes {', '.join(map(str, shapes))}"
            )

    def __getitem__(self, index) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)  # type: ignore[index]

    def __len__(self) -> int:
        return len(self.tensors[0])


class Subset(Dataset):
    """The samples of a dataset at `indices`.

    Examples
    --------
    >>> from autograd.utils.data import Subset
    >>> list(Subset("abcd", [3, 0]))
    ['d', 'a']
    """

    def __init__(self, dataset, indices: Sequence[int]):
        self.dataset = dataset
        self.indices = indices

    def __getitem__(self, index):
        return self.dataset[self.indices[index]]

    def __getitems__(self, indices: Sequence[int]) -> list:
        """Return several samples."""
        indices = [self.indices[index] for index in indices]
        if callable(getattr(self.dataset, "__getitems__", None)):
            return self.dataset.__getitems__(indices)
        return [self.dataset[index] for index in indices]

    def __len__(self) -> int:
        return len(self.indices)


class ConcatDataset(Dataset):
    """Datasets one behind the other, as one.

    Examples
    --------
    >>> from autograd.utils.data import ConcatDataset
    >>> joined = ConcatDataset(["ab", "cde"])
    >>> len(joined), joined[2], joined[-1]
    (5, 'c', 'e')
    """

    def __init__(self, datasets: Iterable):
        self.datasets = list(datasets)
        if not self.datasets:
            raise ValueError("ConcatDataset expected at least one dataset")
        if any(isinstance(dataset, IterableDataset) for dataset in self.datasets):
            raise TypeError("ConcatDataset needs samples by index: use ChainDataset for iterables")
        self.cumulative_sizes = list(itertools.accumulate(len(d) for d in self.datasets))

    def __getitem__(self, index: int):
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"index {index} is out of range for a dataset of {len(self)} samples")
        which = bisect_right(self.cumulative_sizes, place)
        return self.datasets[which][place - (self.cumulative_sizes[which - 1] if which else 0)]

    def __len__(self) -> int:
        return self.cumulative_sizes[-1]


class ChainDataset(IterableDataset):
    """Iterable datasets, one after the other.

    Examples
    --------
    >>> from autograd.utils.data import ChainDataset, IterableDataset
    >>> class Letters(IterableDataset):
    ...     def __iter__(self):
    ...         return iter("ab")
    >>> list(Letters() + Letters())
    ['a', 'b', 'a', 'b']
    """

    def __init__(self, datasets: Iterable[Dataset]):
        self.datasets = list(datasets)
        for dataset in self.datasets:
            if not isinstance(dataset, IterableDataset):
                raise TypeError(
                    f"ChainDataset expected IterableDatasets, got {type(dataset).__name__}: "
                    "use ConcatDataset for samples by index"
                )

    def __iter__(self) -> Iterator:
        return itertools.chain.from_iterable(self.datasets)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return sum(len(dataset) for dataset in self.datasets)  # type: ignore[arg-type, misc]


def random_split(
    dataset, lengths: Sequence[float], generator: Generator | None = None
) -> list[Subset]:
    """Split a dataset at random into parts of the given lengths, or fractions that sum to 1.

    Fractions are rounded down, and what is left over goes to the first parts, one sample each.

    Raises
    ------
    ValueError
        If the lengths do not add up to that of the dataset.

    Examples
    --------
    >>> import autograd as ag
    >>> from autograd.utils.data import random_split
    >>> parts = random_split(range(10), [0.7, 0.3], ag.Generator().manual_seed(0))
    >>> [len(part) for part in parts]
    [7, 3]
    """
    counts = _counts(len(dataset), lengths)
    order = randperm(len(dataset), generator=generator).tolist()
    ends = itertools.accumulate(counts)
    return [Subset(dataset, order[end - n : end]) for end, n in zip(ends, counts, strict=True)]


def _counts(size: int, lengths: Sequence[float]) -> list[int]:
    total = sum(lengths)
    if total == size and all(isinstance(length, int) for length in lengths):
        return list(lengths)  # type: ignore[arg-type]
    if math.isclose(total, 1) and total <= 1:
        if any(not 0 <= fraction <= 1 for fraction in lengths):
            raise ValueError(f"fractions expected numbers from 0 to 1, got {list(lengths)}")
        counts = [math.floor(size * fraction) for fraction in lengths]
        for i in range(size - sum(counts)):
            counts[i % len(counts)] += 1
        if 0 in counts:
            warnings.warn(
                f"part {counts.index(0)} of random_split({list(lengths)}) is empty: "
                f"the dataset has only {size} samples",
                stacklevel=3,
            )
        return counts
    raise ValueError(
        f"lengths {list(lengths)} add up to {total}; expected integers that add up to {size}, the "
        "number of samples, or fractions that add up to 1"
    )
