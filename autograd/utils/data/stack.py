"""A dataset of tuples or dicts made of other datasets."""

from __future__ import annotations

from typing import Any

from autograd.errors import ShapeError
from autograd.utils.data.dataset import Dataset


class StackDataset(Dataset):
    """Datasets of the same length side by side: sample i is a tuple, or a dict, of their i-th.

    Parameters
    ----------
    *args : Dataset
        For tuples.
    **kwargs : Dataset
        For dicts, instead.

    Examples
    --------
    >>> from autograd.utils.data import StackDataset
    >>> StackDataset("ab", [1, 2])[1], StackDataset(letter="ab", number=[1, 2])[0]
    (('b', 2), {'letter': 'a', 'number': 1})
    """

    datasets: tuple | dict

    def __init__(self, *args, **kwargs):
        if bool(args) == bool(kwargs):
            raise ValueError(
                "StackDataset expected datasets either in order, for tuples, or by name, for dicts"
            )
        self.datasets = args or kwargs
        sizes = [len(dataset) for dataset in (args or kwargs.values())]
        if len(set(sizes)) > 1:
            raise ShapeError(f"StackDataset expected datasets of the same length, got {sizes}")
        self._length = sizes[0]

    def __getitem__(self, index) -> Any:
        if isinstance(self.datasets, dict):
            return {name: dataset[index] for name, dataset in self.datasets.items()}
        return tuple(dataset[index] for dataset in self.datasets)

    def __getitems__(self, indices: list) -> list:
        """Return several samples."""
        if isinstance(self.datasets, dict):
            columns = [_several(dataset, indices) for dataset in self.datasets.values()]
            return [
                dict(zip(self.datasets, row, strict=True)) for row in zip(*columns, strict=True)
            ]
        columns = [_several(dataset, indices) for dataset in self.datasets]
        return list(zip(*columns, strict=True))

    def __len__(self) -> int:
        return self._length


def _several(dataset, indices: list) -> list:
    together = getattr(dataset, "__getitems__", None)
    if not callable(together):
        return [dataset[index] for index in indices]
    items = together(indices)
    if len(items) != len(indices):
        raise ValueError(
            f"{type(dataset).__name__}.__getitems__ gave {len(items)} samples for "
            f"{len(indices)} indices"
        )
    return items
