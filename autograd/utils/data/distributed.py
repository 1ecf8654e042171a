"""A sampler for training in several processes at once."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sized

from autograd.random import Generator
from autograd.utils.data.sampler import Sampler, check_bool, check_positive


class DistributedSampler(Sampler):
    """One replica's share of the samples: every `num_replicas`-th, from `rank` on.

    All replicas draw the same order, from `seed` and the epoch, so that together they see every
    sample once. Shares are made equal: by repeating samples from the beginning, or by dropping.

    Parameters
    ----------
    dataset : Sized
    num_replicas, rank : int
        How many replicas there are, and which of them this is.
    shuffle : bool, default True
        In an order that is new each epoch; call `set_epoch` before each.
    seed : int, default 0
        The same in all replicas.
    drop_last : bool, default False
        Drop what cannot be shared out equally.

    Examples
    --------
    >>> from autograd.utils.data import DistributedSampler
    >>> [list(DistributedSampler(range(5), 2, rank, shuffle=False)) for rank in (0, 1)]
    [[0, 2, 4], [1, 3, 0]]
    """

    def __init__(self, dataset: Sized, num_replicas: int | None = None, rank: int | None = None,
                 shuffle: bool = True, seed: int = 0, drop_last: bool = False):  # fmt: skip
        if num_replicas is None or rank is None:
            raise ValueError(
                "there are no process groups here to ask: pass num_replicas and rank, for example "
                "from the environment of the launcher"
            )
        check_positive("num_replicas", num_replicas)
        check_bool("shuffle", shuffle)
        check_bool("drop_last", drop_last)
        if not 0 <= rank < num_replicas:
            raise ValueError(f"rank expected a number from 0 to {num_replicas - 1}, got {rank}")
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0

    @property
    def num_samples(self) -> int:
        """How many samples each replica gets."""
        shares = len(self.dataset) / self.num_replicas
        return math.floor(shares) if self.drop_last else math.ceil(shares)

    @property
    def total_size(self) -> int:
        """How many samples all replicas get together."""
        return self.num_samples * self.num_replicas

    def __iter__(self) -> Iterator[int]:
        order = list(range(len(self.dataset)))
        if self.shuffle:
            stream = Generator().manual_seed(self.seed + self.epoch).numpy
            order = stream.permutation(len(order)).tolist()
        if order and len(order) < self.total_size:
            order *= math.ceil(self.total_size / len(order))
        return iter(order[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next: its order is drawn from `seed` and this number."""
        self.epoch = epoch
