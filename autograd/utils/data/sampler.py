"""Samplers: in which order, and how often, the samples of a dataset are used."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence, Sized

import numpy as np

from autograd.random import Generator, default_generator, multinomial
from autograd.tensor import asarray, wrap


class Sampler:
    """Base class of samplers: a subclass defines ``__iter__``, over indices, and ``__len__``.

    Examples
    --------
    >>> from autograd.utils.data import DataLoader, Sampler
    >>> class Backwards(Sampler):
    ...     def __init__(self, dataset):
    ...         self.dataset = dataset
    ...     def __iter__(self):
    ...         return reversed(range(len(self.dataset)))
    >>> list(DataLoader("abc", sampler=Backwards("abc")))
    [['c'], ['b'], ['a']]
    """

    def __iter__(self) -> Iterator:
        raise NotImplementedError(f"{type(self).__name__} does not define __iter__()")


class SequentialSampler(Sampler):
    """All samples in order.

    Examples
    --------
    >>> from autograd.utils.data import SequentialSampler
    >>> list(SequentialSampler("abc"))
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized):
        self.data_source = data_source

    def __iter__(self) -> Iterator[int]:
        return iter(range(len(self.data_source)))

    def __len__(self) -> int:
        return len(self.data_source)


class RandomSampler(Sampler):
    """All samples in an order that is new each time, or random draws.

    Parameters
    ----------
    data_source : Sized
    replacement : bool, default False
        Draw independently, so that a sample may come up twice.
    num_samples : int, optional
        Default: the length of `data_source`.
    generator : Generator, optional

    Examples
    --------
    >>> import autograd as ag
    >>> from autograd.utils.data import RandomSampler
    >>> sampler = RandomSampler("abc", generator=ag.Generator().manual_seed(0))
    >>> sorted(sampler)
    [0, 1, 2]
    """

    def __init__(self, data_source: Sized, replacement: bool = False,
                 num_samples: int | None = None, generator: Generator | None = None):  # fmt: skip
        check_bool("replacement", replacement)
        check_generator(generator)
        if num_samples is not None:
            check_positive("num_samples", num_samples)
        self.data_source = data_source
        self.replacement = replacement
        self._num_samples = num_samples
        self.generator = generator

    @property
    def num_samples(self) -> int:
        """How many indices an iteration yields; the dataset may grow between two."""
        return len(self.data_source) if self._num_samples is None else self._num_samples

    def __iter__(self) -> Iterator[int]:
        size, count = len(self.data_source), self.num_samples
        stream = numpy_stream(self.generator)
        if self.replacement:
            yield from stream.integers(size, size=count).tolist()
            return
        while count > 0:  # more than there are: all of them, several times
            yield from stream.permutation(size)[:count].tolist()
            count -= size

    def __len__(self) -> int:
        return self.num_samples


class SubsetRandomSampler(Sampler):
    """The given indices, in an order that is new each time.

    Examples
    --------
    >>> from autograd.utils.data import SubsetRandomSampler
    >>> sorted(SubsetRandomSampler([5, 7]))
    [5, 7]
    """

    def __init__(self, indices: Sequence[int], generator: Generator | None = None):
        check_generator(generator)
        self.indices = indices
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        for place in numpy_stream(self.generator).permutation(len(self.indices)).tolist():
            yield self.indices[place]

    def __len__(self) -> int:
        return len(self.indices)


class WeightedRandomSampler(Sampler):
    """Random draws in which sample i comes up with a probability proportional to ``weights[i]``.

    Examples
    --------
    >>> from autograd.utils.data import WeightedRandomSampler
    >>> list(WeightedRandomSampler([0.0, 1.0], num_samples=3))
    [1, 1, 1]
    """

    def __init__(self, weights: Sequence[float], num_samples: int, replacement: bool = True,
                 generator: Generator | None = None):  # fmt: skip
        check_positive("num_samples", num_samples)
        check_bool("replacement", replacement)
        check_generator(generator)
        self.weights = wrap(asarray(weights, np.float64))
        if self.weights.ndim != 1:
            raise ValueError(
                f"weights expected one number a sample, got shape {self.weights.shape}"
            )
        self.num_samples = num_samples
        self.replacement = replacement
        self.generator = generator

    def __iter__(self) -> Iterator[int]:
        drawn = multinomial(
            self.weights, self.num_samples, self.replacement, generator=self.generator
        )
        return iter(drawn.tolist())

    def __len__(self) -> int:
        return self.num_samples


class BatchSampler(Sampler):
    """Lists of `batch_size` indices from another sampler; the last may be shorter, or dropped.

    Examples
    --------
    >>> from autograd.utils.data import BatchSampler
    >>> list(BatchSampler(range(5), batch_size=2, drop_last=False))
    [[0, 1], [2, 3], [4]]
    """

    def __init__(self, sampler: Iterable[int], batch_size: int, drop_last: bool):
        check_positive("batch_size", batch_size)
        check_bool("drop_last", drop_last)
        self.sampler = sampler
        self.batch_size = batch_size
        self.drop_last = drop_last

    def __iter__(self) -> Iterator[list[int]]:
        indices = iter(self.sampler)
        while batch := list(itertools.islice(indices, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield batch

    def __len__(self) -> int:
        full, rest = divmod(len(self.sampler), self.batch_size)  # type: ignore[arg-type]
        return full + (rest > 0 and not self.drop_last)


def numpy_stream(generator: Generator | None) -> np.random.Generator:
    """The NumPy generator behind `generator`, or behind the default one."""
    return (default_generator() if generator is None else generator).numpy


def check_generator(generator) -> None:
    """Refuse other libraries' generators."""
    if generator is not None and not isinstance(generator, Generator):
        raise TypeError(f"generator expected an autograd.Generator, got {type(generator).__name__}")


def check_positive(name: str, value) -> None:
    """Raise unless `value` is an integer above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value <= 0:
        raise ValueError(f"{name} expected an integer > 0, got {value!r}")


def check_bool(name: str, value) -> None:
    """Raise unless `value` is a bool: a number here is an argument in the wrong place."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} expected a bool, got {value!r}")
