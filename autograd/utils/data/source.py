"""Where batches come from: a dataset and how to collate it, in this process or in a worker."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.tensor import wrap
from autograd.utils.data.collate import default_collate
from autograd.utils.data.dataset import IterableDataset, Subset, TensorDataset

END = object()  # what `open` of an iterable dataset gives when there is nothing more


@dataclass
class Source:
    """A dataset, and what makes a batch of its samples. Workers get a copy of it."""

    dataset: Any
    collate_fn: Callable
    batched: bool
    batch_size: int | None
    drop_last: bool

    def open(self) -> Callable[[Any], Any]:
        """Return a function from a task, an index or a list of them, to a sample or a batch.

        An iterable dataset is begun anew; the tasks say nothing then.
        """
        if isinstance(self.dataset, IterableDataset):
            chunks = self.chunks()
            return lambda task: next(chunks, END)
        if not self.batched:
            return lambda index: self.collate_fn(self.dataset[index])
        return self._gather() or self._fetch

    def _fetch(self, indices: list[int]):
        """Collate the samples at `indices`."""
        together = getattr(self.dataset, "__getitems__", None)
        if callable(together):
            return self.collate_fn(together(indices))
        return self.collate_fn([self.dataset[index] for index in indices])

    def _gather(self) -> Callable | None:
        """A function from indices to a batch for datasets that are tensors, else None.

        They are `TensorDataset`, subsets, and what says so by an attribute `rows`: the tensors
        whose rows its samples are, or None.
        """
        dataset, rows = self.dataset, None
        while type(dataset) is Subset:
            indices = np.asarray(dataset.indices, dtype=np.intp)
            rows = indices if rows is None else indices[rows]
            dataset = dataset.dataset
        exact = type(dataset) is TensorDataset
        tensors = dataset.tensors if exact else getattr(dataset, "rows", None)
        if tensors is None or self.collate_fn is not default_collate:
            return None
        if any(tensor.requires_grad for tensor in tensors):
            return None

        def gather(indices: list[int]):
            where = np.asarray(indices, dtype=np.intp)
            if rows is not None:
                where = rows[where]
            return [wrap(tensor.array.take(where, axis=0)) for tensor in tensors]

        return gather

    def chunks(self) -> Iterator:
        """The samples of an iterable dataset, in batches."""
        if self.batch_size is None:
            yield from map(self.collate_fn, self.dataset)
            return
        samples = iter(self.dataset)
        while batch := list(itertools.islice(samples, self.batch_size)):
            if len(batch) == self.batch_size or not self.drop_last:
                yield self.collate_fn(batch)
