"""Samplers, splits and collating where PyTorch's results are settled."""

from collections import OrderedDict, namedtuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils import data as theirs  # noqa: E402

import autograd as ag  # noqa: E402
from autograd.utils import data as ours  # noqa: E402

Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize("size", [0, 1, 2, 5, 12, 13])
@pytest.mark.parametrize("replicas", [1, 2, 5, 7])
@pytest.mark.parametrize("drop_last", [False, True])
def test_distributed_shares(size, replicas, drop_last):
    if size == 0:
        pytest.skip("theirs divides by the size")
    shuffled = []
    for rank in range(replicas):
        options = {"num_replicas": replicas, "rank": rank, "drop_last": drop_last}
        mine = ours.DistributedSampler(range(size), shuffle=False, **options)
        other = theirs.DistributedSampler(range(size), shuffle=False, **options)
        assert list(mine) == list(other)
        assert (len(mine), mine.num_samples, mine.total_size) == (
            len(other), other.num_samples, other.total_size,
        )  # fmt: skip
        mine = ours.DistributedSampler(range(size), seed=3, **options)
        mine.set_epoch(2)
        shuffled += list(mine)
    expected = np.bincount(
        [
            i
            for r in range(replicas)
            for i in theirs.DistributedSampler(
                range(size), replicas, r, shuffle=False, drop_last=drop_last
            )
        ]
        or [0],
        minlength=size,
    )
    assert sorted(np.bincount(shuffled or [0], minlength=size)) == sorted(expected)


@pytest.mark.parametrize("size", [0, 1, 10, 11, 997])
@pytest.mark.parametrize("lengths", [[0.5, 0.5], [0.7, 0.2, 0.1], [0.33, 0.33, 0.34], [1.0]])
@pytest.mark.filterwarnings("ignore")
def test_lengths_of_random_splits(size, lengths):
    mine, other = (module.random_split(range(size), lengths) for module in (ours, theirs))
    assert [len(part) for part in mine] == [len(part) for part in other]
    assert sorted(i for part in mine for i in part) == list(range(size))


@pytest.mark.parametrize("size", [0, 1, 7, 8])
@pytest.mark.parametrize("batch_size", [1, 3, 8])
@pytest.mark.parametrize("drop_last", [False, True])
def test_batches_of_indices(size, batch_size, drop_last):
    mine, other = (
        module.BatchSampler(module.SequentialSampler(range(size)), batch_size, drop_last)
        for module in (ours, theirs)
    )
    assert list(mine) == list(other) and len(mine) == len(other)
    mine, other = (
        module.DataLoader(range(size), batch_size, drop_last=drop_last) for module in (ours, theirs)
    )
    assert [b.tolist() for b in mine] == [b.tolist() for b in other]
    assert len(mine) == len(other)


def same(mine, other):
    if isinstance(other, torch.Tensor):
        assert isinstance(mine, ag.Tensor)
        np.testing.assert_array_equal(mine.array, other.numpy())
        assert mine.dtype == other.numpy().dtype
    elif isinstance(other, dict):
        assert type(mine) is type(other) and list(mine) == list(other)
        for key in other:
            same(mine[key], other[key])
    elif isinstance(other, (list, tuple)):
        assert type(mine) is type(other) and len(mine) == len(other)
        for a, b in zip(mine, other, strict=True):
            same(a, b)
    else:
        assert mine == other


@pytest.mark.parametrize("make", [
    lambda t: [1, 2], lambda t: [1.0, 2.5], lambda t: [True, False], lambda t: ["a", "b"],
    lambda t: [b"a", b"b"], lambda t: [t([1.0, 2.0]), t([3.0, 4.0])], lambda t: [t(1), t(2)],
    lambda t: [np.float32(1), np.float32(2)], lambda t: [np.arange(3), np.arange(3)],
    lambda t: [(t(1.0), 2, "x"), (t(2.0), 3, "y")], lambda t: [[1, (2.0, t([3]))]] * 2,
    lambda t: [{"a": 1, "b": {"c": t([1.0])}}] * 3, lambda t: [Pair(1, t(2.0)), Pair(3, t(4.0))],
    lambda t: [OrderedDict(z=1, a=[2]), OrderedDict(z=3, a=[4])], lambda t: [[]] * 2,
])  # fmt: skip
def test_collated_batches(make):
    same(ours.default_collate(make(ag.tensor)), theirs.default_collate(make(torch.tensor)))


@pytest.mark.parametrize("make", [
    lambda m: m.StackDataset(range(4), "abcd"),
    lambda m: m.StackDataset(number=range(4), letter="abcd"),
    lambda m: m.ConcatDataset([range(3), range(5)]),
    lambda m: m.Subset(m.StackDataset(range(4), "abcd"), [2, 0]),
])  # fmt: skip
def test_composed_datasets(make):
    mine, other = make(ours), make(theirs)
    assert len(mine) == len(other)
    assert [mine[i] for i in range(len(mine))] == [other[i] for i in range(len(other))]
    for a, b in zip(ours.DataLoader(mine, 3), theirs.DataLoader(other, 3), strict=True):
        same(a, b)
