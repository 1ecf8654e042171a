"""DataLoader: iterate over a dataset in batches."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from autograd.random import Generator, default_generator
from autograd.utils.data.collate import default_collate, default_convert
from autograd.utils.data.dataset import IterableDataset
from autograd.utils.data.sampler import (
    BatchSampler,
    RandomSampler,
    SequentialSampler,
    check_bool,
    check_generator,
    check_positive,
)
from autograd.utils.data.source import Source
from autograd.utils.data.worker import get_worker_info as get_worker_info
from autograd.utils.data.workers import Workers, context_of

FIXED = ("dataset", "batch_size", "drop_last", "sampler", "batch_sampler")


class DataLoader:
    """Iterate over the batches of a dataset, made in this process or ahead of time in others.

    Rows of a `TensorDataset` (or of a `Subset` of one) are gathered a batch at a time. Workers pay
    if samples take long to make: what they make has to be copied from process to process.

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
    num_workers : int, default 0
        Processes that make the batches. Order and batches are the same as without. In each epoch
        each begins from a seed of its own, spawned from `generator`; `get_worker_info` tells a
        dataset in which one it is. An error in one is raised here, with its traceback.
    prefetch_factor : int, optional
        How many batches each worker makes ahead. Default: 2.
    persistent_workers : bool, default False
        Keep the processes from epoch to epoch.
    worker_init_fn : callable, optional
        Called in each worker with its number, before the first batch.
    timeout : float, default 0
        Seconds to wait for a batch of a worker before an error; 0: for ever.
    multiprocessing_context : str or context, optional
        How to start workers: "fork", "spawn" or "forkserver". Default: the platform's. For the last
        two, dataset and functions must be picklable and the main module safe to import.
    pin_memory, in_order, pin_memory_device
        Accepted; there is no device memory, and batches always come in order.

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
        _check_workers(
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
        self.prefetch_factor = prefetch_factor or (2 if num_workers else None)
        self.persistent_workers = persistent_workers
        self.multiprocessing_context = context_of(multiprocessing_context) if num_workers else None
        self._workers: Workers | None = None
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
        if self.num_workers:
            return self._from_workers()
        if isinstance(self.dataset, IterableDataset):
            return self._source().chunks()
        return map(self._source().open(), self._tasks())

    def _source(self) -> Source:
        batched = self.batch_sampler is not None
        return Source(self.dataset, self.collate_fn, batched, self.batch_size, self.drop_last)

    def _tasks(self) -> Iterator:
        """What to fetch: lists of indices, or indices; an iterable dataset needs not be told."""
        if isinstance(self.dataset, IterableDataset):
            return itertools.repeat(None)
        return iter(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]

    def _from_workers(self) -> Iterator:
        # The order is drawn before the seeds: it is the same with and without workers.
        tasks = self._tasks()
        tasks = itertools.chain(list(itertools.islice(tasks, 1)), tasks)
        generator = default_generator() if self.generator is None else self.generator
        seeds = [worker.initial_seed() for worker in generator.spawn(self.num_workers)]
        workers = self._workers or Workers(
            self._source(), self.num_workers, self.prefetch_factor or 2, self.timeout,
            self.worker_init_fn, self.multiprocessing_context,
        )  # fmt: skip
        self._workers = workers if self.persistent_workers else None
        try:
            yield from workers.batches(tasks, seeds)
        except GeneratorExit:  # the loop was left early: that may be resumed by a new epoch
            raise
        except BaseException:
            self._workers = None
            workers.close()
            raise
        finally:
            if not self.persistent_workers:
                workers.close()

    def __len__(self) -> int:
        if not isinstance(self.dataset, IterableDataset):
            return len(self.sampler if self.batch_sampler is None else self.batch_sampler)  # type: ignore[arg-type]
        samples = len(self.dataset)  # type: ignore[arg-type] # TypeError if it does not say
        if self.batch_size is None:
            return samples
        full, rest = divmod(samples, self.batch_size)
        return full + (rest > 0 and not self.drop_last)


def _check_workers(num_workers, timeout, context, prefetch_factor, persistent_workers) -> None:
    if isinstance(num_workers, bool) or not isinstance(num_workers, int) or num_workers < 0:
        raise ValueError(f"num_workers expected an integer >= 0, got {num_workers!r}")
    if timeout < 0:
        raise ValueError(f"timeout expected a number of seconds >= 0, got {timeout}")
    if prefetch_factor is not None:
        check_positive("prefetch_factor", prefetch_factor)
    given = {
        "timeout": timeout,
        "multiprocessing_context": context,
        "prefetch_factor": prefetch_factor,
        "persistent_workers": persistent_workers,
    }
    for name, value in given.items():
        if value and not num_workers:
            raise ValueError(f"{name}={value!r} is for worker processes: pass num_workers > 0 too")


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
