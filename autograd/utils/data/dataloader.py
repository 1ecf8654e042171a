"""DataLoader: iterate over a dataset in batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from autograd.random import Generator
from autograd.tensor import wrap
from autograd.utils.data.collate import default_collate, default_convert
from autograd.utils.data.dataset import IterableDataset, Subset, TensorDataset
from autograd.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    check_bool,
    check_generator,
    check_positive,
)

FIXED = ("dataset", "batch_size", "drop_last", "sampler", "batch_sampler")


class DataLoader:
    """Iterate over the batches of a dataset, in this process.

    Rows of a `TensorDataset` (or of a `Subset` of one) are gathered a batch at a time.

    Parameters
    ----------
    dataset : Dataset, or anything with ``__getitem__`` and ``__len__``; or IterableDataset
    batch_size : int, optional, default 1
        None: yield single samples, without a batch axis.
    shuffle : bool, optional
        Take the samples in an order that is new each epoch. The same state of the generator gives
        the same order.
    sampler : iterable of int, optional
        Indices in the order wanted, instead of `shuffle`.
    batch_sampler : iterable of list of int, optional
        The indices of each batch, instead of `batch_size`, `shuffle`, `sampler` and `drop_last`.
    collate_fn : callable, optional
        Makes a batch of a list of samples. Default: `default_collate`.
    drop_last : bool, default False
        Drop the last batch if it is not full.
    generator : Generator, optional
        Where the shuffled order comes from. Default: the default generator.
    pin_memory, worker_init_fn, in_order, pin_memory_device
        Accepted; they mean nothing without accelerators and workers.
    num_workers, timeout, prefetch_factor, persistent_workers, multiprocessing_context
        Refused unless left at their defaults: there are no worker processes.

    Examples
    --------
    >>> import autograd as ag
    >>> from autograd.utils.data import DataLoader, TensorDataset
    >>> loader = DataLoader(TensorDataset(ag.arange(5)), batch_size=2)
    >>> len(loader), list(loader)
    (3, [[tensor([0, 1])], [tensor([2, 3])], [tensor([4])]])
    """

    _made = False

    def __init__(self, dataset, batch_size: int | None = 1, shuffle: bool | None = None,
                 sampler: Iterable | None = None, batch_sampler: Iterable | None = None,
                 num_workers: int = 0, collate_fn: Callable | None = None,
                 pin_memory: bool = False, drop_last: bool = False, timeout: float = 0,
                 worker_init_fn: Callable | None = None, multiprocessing_context=None,
                 generator: Generator | None = None, *, prefetch_factor: int | None = None,
                 persistent_workers: bool = False, pin_memory_device: str = "",
                 in_order: bool = True):  # fmt: skip
        _refuse_workers(
            num_workers, timeout, multiprocessing_context, prefetch_factor, persistent_workers
        )
        check_generator(generator)
        check_bool("drop_last", drop_last)
        if isinstance(dataset, IterableDataset):
            _refuse_order(shuffle, sampler, batch_sampler)
        _check_batching(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        if not isinstance(dataset, IterableDataset):
            if sampler is None and shuffle:
                sampler = RandomSampler(dataset, generator=generator)
            elif sampler is None:
                sampler = SequentialSampler(dataset)
            if batch_size is not None:
                batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.dataset = dataset
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.generator = generator
        self.num_workers, self.timeout = num_workers, timeout
        self.pin_memory, self.pin_memory_device = pin_memory, pin_memory_device
        self.worker_init_fn, self.in_order = worker_init_fn, in_order
        batched = batch_size is not None or batch_sampler is not None
        self.collate_fn = collate_fn or (default_collate if batched else default_convert)
        self._made = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._made and name in FIXED:
            raise ValueError(f"{name} of a DataLoader is fixed: make a new DataLoader")
        super().__setattr__(name, value)

    def __iter__(self) -> Iterator:
        if isinstance(self.dataset, IterableDataset):
            return self._chunks()
        if self.batch_sampler is None:
            return (self.collate_fn(self.dataset[index]) for index in self.sampler)  # type: ignore[union-attr]
        fetch = self._gather() or self._fetch
        return (fetch(indices) for indices in self.batch_sampler)

    def _fetch(self, indices: list[int]):
        """Collate the samples at `indices`."""
        together = getattr(self.dataset, "__getitems__", None)
        if callable(together):
            return self.collate_fn(together(indices))
        return self.collate_fn([self.dataset[index] for index in indices])

    def _gather(self) -> Callable | None:
        """A function from indices to a batch for datasets that are tensors, else None."""
        dataset, rows = self.dataset, None
        while type(dataset) is Subset:
            indices = np.asarray(dataset.indices, dtype=np.intp)
            rows = indices if rows is None else indices[rows]
            dataset = dataset.dataset
        if type(dataset) is not TensorDataset or self.collate_fn is not default_collate:
            return None
        tensors = dataset.tensors
        if any(tensor.requires_grad for tensor in tensors):
            return None

        def gather(indices: list[int]):
            where = np.asarray(indices, dtype=np.intp)
            if rows is not None:
                where = rows[where]
            return [wrap(tensor.array.take(where, axis=0)) for tensor in tensors]

        return gather

    def _chunks(self) -> Iterator:
        """The samples of an iterable dataset, in batches."""
        if self.batch_size is None:
            yield from map(self.collate_fn, self.dataset)
            return
        samples = iter(self.dataset)
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
        samples = len(self.dataset)  # type: ignore[arg-type] # TypeError if it does not say
        if self.batch_size is None:
            return samples
        full, rest = divmod(samples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)


def get_worker_info() -> None:
    """Return None, as PyTorch does in the main process: there are no worker processes."""


def _refuse_workers(num_workers, timeout, context, prefetch_factor, persistent_workers) -> None:
    if num_workers < 0:
        raise ValueError(f"num_workers expected a number >= 0, got {num_workers}")
    if num_workers > 0:
        raise NotImplementedError(
            f"num_workers={num_workers}: there are no worker processes; leave num_workers out. For "
            "data in memory, loading in this process is faster: nothing is copied between processes"
        )
    given = {
        "timeout": timeout,
        "multiprocessing_context": context,
        "prefetch_factor": prefetch_factor,
        "persistent_workers": persistent_workers,
    }
    for name, value in given.items():
        if value:
            raise ValueError(
                f"{name}={value!r} needs worker processes, and there are none: leave it out"
            )


def _check_batching(batch_size, shuffle, sampler, batch_sampler, drop_last) -> None:
    if sampler is not None and shuffle:
        raise ValueError("sampler and shuffle=True both set an order: leave one out")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler makes the batches: leave out batch_size, shuffle, sampler, drop_last"
            )
    elif batch_size is not None:
        check_positive("batch_size", batch_size)
    elif drop_last:
        raise ValueError("drop_last=True needs a batch_size: without one nothing is batched")


def _refuse_order(shuffle, sampler, batch_sampler) -> None:
    given = {"shuffle": shuffle or None, "sampler": sampler, "batch_sampler": batch_sampler}
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"an IterableDataset sets its own order: leave {name} out")
