"""Datasets, samplers, collating and the loader."""

from collections import OrderedDict, defaultdict, namedtuple
from types import MappingProxyType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd as ag
from autograd.errors import ShapeError
from autograd.utils import data
from autograd.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
    default_convert,
    random_split,
)


def seeded(seed=0):
    return ag.Generator().manual_seed(seed)


def flat(batches):
    return [value for batch in batches for value in batch.tolist()]


class Numbers(IterableDataset):
    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return iter(range(self.count))


class Sized(Numbers):
    def __len__(self):
        return self.count


# -- datasets ------------------------------------------------------------------------------------


def test_tensor_dataset():
    x, y = ag.arange(6).reshape(3, 2), np.array([5, 6, 7])
    dataset = TensorDataset(x, y)
    assert len(dataset) == 3
    row, label = dataset[1]
    assert row.tolist() == [2, 3] and label.item() == 6
    assert dataset.tensors[1].array is y
    with pytest.raises(IndexError):
        dataset[3]


def test_tensor_dataset_refuses_different_lengths():
    with pytest.raises(ShapeError, match=r"got shapes \(3,\), \(2, 3\)"):
        TensorDataset(ag.ones(3), ag.ones(2, 3))
    with pytest.raises(ShapeError):
        TensorDataset(ag.tensor(1.0))
    with pytest.raises(ValueError, match="at least one"):
        TensorDataset()


def test_concat_and_subset():
    joined = ConcatDataset(["ab", "", "cde"])
    assert [joined[i] for i in range(len(joined))] == list("abcde")
    assert joined[-5] == "a"
    for index in (5, -6):
        with pytest.raises(IndexError, match=f"index {index} is out of range"):
            joined[index]
    subset = Subset(Subset(joined, [4, 3, 1]), [2, 0])
    assert [subset[0], subset[1]] == subset.__getitems__([0, 1]) == ["b", "e"]
    added = TensorDataset(ag.zeros(2)) + TensorDataset(ag.ones(1))
    assert isinstance(added, ConcatDataset) and added[2][0].item() == 1.0


def test_chain():
    chained = Numbers(2) + Numbers(1)
    assert isinstance(chained, ChainDataset) and list(chained) == [0, 1, 0]
    assert len(Sized(2) + Sized(3)) == 5
    with pytest.raises(TypeError, match="expected IterableDatasets, got list"):
        ChainDataset([[1]])
    with pytest.raises(TypeError, match="use ChainDataset"):
        ConcatDataset([Numbers(1)])
    with pytest.raises(ValueError, match="at least one"):
        ConcatDataset([])


def test_abstract_datasets_say_what_is_missing():
    with pytest.raises(NotImplementedError, match="__getitem__"):
        Dataset()[0]
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(IterableDataset())
    with pytest.raises(NotImplementedError, match="__iter__"):
        iter(data.Sampler())


@given(st.integers(1, 200), st.integers(1, 5), st.integers(0, 100))
def test_random_split_covers_everything_once(size, parts, seed):
    lengths = np.full(parts, size // parts)
    lengths[0] += size - lengths.sum()
    split = random_split(range(size), lengths.tolist(), seeded(seed))
    assert [len(part) for part in split] == lengths.tolist()
    assert sorted(i for part in split for i in part.indices) == list(range(size))


def test_random_split_by_fractions():
    split = random_split(range(11), [0.5, 0.25, 0.25], seeded())
    assert [len(part) for part in split] == [6, 3, 2]
    again = random_split(range(11), [0.5, 0.25, 0.25], seeded())
    assert [part.indices for part in split] == [part.indices for part in again]
    with pytest.warns(UserWarning, match="part 1 .* is empty"):
        random_split(range(1), [0.9, 0.1])


@pytest.mark.parametrize("lengths", [[3, 3], [0.5, 0.4], [1.5, -0.5]])
def test_random_split_refuses_other_lengths(lengths):
    with pytest.raises(ValueError, match="expected"):
        random_split(range(10), lengths)


# -- samplers ------------------------------------------------------------------------------------


def test_sequential():
    assert list(SequentialSampler("abc")) == [0, 1, 2] and len(SequentialSampler("abc")) == 3


def test_random_order_is_new_each_time_and_the_same_for_a_seed():
    sampler = RandomSampler(range(50), generator=seeded())
    first, second = list(sampler), list(sampler)
    assert sorted(first) == sorted(second) == list(range(50)) and first != second
    again = RandomSampler(range(50), generator=seeded())
    assert [list(again), list(again)] == [first, second]
    assert all(type(index) is int for index in first)


def test_random_order_from_the_default_generator():
    ag.manual_seed(3)
    first = list(RandomSampler(range(20)))
    ag.manual_seed(3)
    assert list(RandomSampler(range(20))) == first


def test_random_counts():
    sampler = RandomSampler(range(4), num_samples=10, generator=seeded())
    drawn = list(sampler)
    assert len(sampler) == len(drawn) == 10 and sorted(drawn[:4]) == sorted(drawn[4:8]) == [
        0,
        1,
        2,
        3,
    ]
    repeated = list(RandomSampler(range(2), replacement=True, num_samples=30, generator=seeded()))
    assert len(repeated) == 30 and set(repeated) == {0, 1}


def test_subset_random():
    sampler = SubsetRandomSampler([7, 8, 9], seeded())
    assert sorted(sampler) == [7, 8, 9] and len(sampler) == 3


def test_weighted():
    sampler = WeightedRandomSampler([0.0, 3.0, 1.0], 4000, generator=seeded())
    counts = np.bincount(list(sampler), minlength=3)
    assert counts[0] == 0 and 0.7 < counts[1] / 4000 < 0.8
    assert sorted(WeightedRandomSampler(ag.tensor([1.0, 0.0, 2.0]), 2, replacement=False)) == [0, 2]


@given(st.integers(0, 30), st.integers(1, 7), st.booleans())
def test_batches_of_indices(size, batch_size, drop_last):
    sampler = BatchSampler(SequentialSampler(range(size)), batch_size, drop_last)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    used = size - size % batch_size if drop_last else size
    assert [i for batch in batches for i in batch] == list(range(used))
    assert all(len(batch) == batch_size for batch in batches[:-1])


@pytest.mark.parametrize(("make", "error", "message"), [
    (lambda: RandomSampler("ab", num_samples=0), ValueError, "num_samples expected an integer > 0"),
    (lambda: RandomSampler("ab", replacement=3), TypeError, "replacement expected a bool, got 3"),
    (lambda: RandomSampler("ab", generator=np.random), TypeError, "autograd.Generator"),
    (lambda: BatchSampler("ab", 0, False), ValueError, "batch_size"),
    (lambda: BatchSampler("ab", True, False), ValueError, "batch_size"),
    (lambda: BatchSampler("ab", 2, 0), TypeError, "drop_last"),
    (lambda: WeightedRandomSampler([[1.0]], 1), ValueError, r"shape \(1, 1\)"),
])  # fmt: skip
def test_refused_samplers(make, error, message):
    with pytest.raises(error, match=message):
        make()


# -- collating -----------------------------------------------------------------------------------

Point = namedtuple("Point", "x y")


@pytest.mark.parametrize(("batch", "dtype"), [
    ([1, 2], ag.int64), ([1.5, 2.0], ag.float64), ([True, False], ag.bool),
    ([np.float32(1), np.float32(2)], ag.float32), ([np.int8([1]), np.int8([2])], ag.int8),
    ([ag.tensor(1.0), ag.tensor(2.0)], ag.float32),
])  # fmt: skip
def test_collated_dtypes(batch, dtype):
    result = default_collate(batch)
    assert result.dtype == dtype and len(result) == 2


def test_collate_nested():
    sample = {"image": np.ones((2, 2), np.float32), "meta": ("name", Point(1, [2.0, b"x"]))}
    batch = default_collate([sample, sample, sample])
    assert batch["image"].shape == (3, 2, 2)
    names, point = batch["meta"]
    assert names == ("name",) * 3 and isinstance(point, Point)
    assert point.x.tolist() == [1, 1, 1] and point.y[0].tolist() == [2.0] * 3
    assert point.y[1] == (b"x",) * 3


def test_collate_keeps_types_of_mappings():
    ordered = default_collate([OrderedDict(a=1), OrderedDict(a=2)])
    assert type(ordered) is OrderedDict and ordered["a"].tolist() == [1, 2]
    grown = default_collate([defaultdict(list, a=1)])
    assert grown.default_factory is list
    assert default_collate([MappingProxyType({"a": 1})])["a"].tolist() == [1]


def test_collate_keeps_gradients():
    x = ag.ones(2, requires_grad=True)
    default_collate([x, x * 2]).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


@pytest.mark.parametrize(("batch", "message"), [
    ([np.ones(2), np.ones(2), np.ones(3)], r"item 0 has shape \(2,\), item 2 has \(3,\)"),
    ([(1, ag.ones(2)), (1, ag.ones(1, 2))], r"at \[1\] of the samples: .* item 1 has \(1, 2\)"),
    ([{"a": [np.ones(1)]}, {"a": [np.ones(2)]}], r"at \['a'\]\[0\]"),
    ([[1, 2], [1]], "item 0 has length 2, item 1 has 1"),
    ([{"a": 1}, {"a": 1, "b": 2}], r"item 1 has \['a', 'b'\]"),
])  # fmt: skip
def test_ragged_samples_are_named(batch, message):
    with pytest.raises(ShapeError, match=message):
        default_collate(batch)


def test_collate_refuses_other_types():
    with pytest.raises(TypeError, match=r"got set at \[0\] of the samples: pass a collate_fn"):
        default_collate([({1},), ({2},)])


def test_convert():
    array = np.ones(2)
    converted = default_convert({"a": array, "b": ["c", None, np.float32(2)], "d": Point(1, array)})
    assert converted["a"].array is array
    assert converted["b"][:2] == ["c", None] and converted["b"][2].dtype == ag.float32
    assert isinstance(converted["d"], Point) and converted["d"].y.array is array


# -- loader --------------------------------------------------------------------------------------


def test_loader_over_a_list():
    loader = DataLoader([(i, float(i)) for i in range(5)], batch_size=2)
    batches = list(loader)
    assert len(loader) == len(batches) == 3
    assert [x.tolist() for x, _ in batches] == [[0, 1], [2, 3], [4]]
    assert batches[0][1].dtype == ag.float64


class Slow(TensorDataset):
    """Goes the way of any dataset, item by item."""


@given(st.integers(1, 20), st.integers(1, 6), st.booleans(), st.booleans(), st.integers(0, 9))
def test_gathered_batches_equal_collated_ones(size, batch_size, shuffle, drop_last, seed):
    x, y = ag.arange(size * 2).reshape(size, 2), ag.arange(size).to(ag.float32)
    rows = np.random.default_rng(seed).permutation(size)[: size // 2 + 1].tolist()
    for wrap in (
        lambda d: d,
        lambda d: Subset(d, rows),
        lambda d: Subset(Subset(d, rows), [0, -1]),
    ):
        both = [
            list(DataLoader(wrap(make(x, y)), batch_size, shuffle, drop_last=drop_last,
                            generator=seeded(seed)))
            for make in (TensorDataset, Slow)
        ]  # fmt: skip
        assert len(both[0]) == len(both[1])
        for fast, slow in zip(*both, strict=True):
            assert type(fast) is type(slow) is list
            for a, b in zip(fast, slow, strict=True):
                assert a.dtype == b.dtype and a.tolist() == b.tolist()
                assert not np.shares_memory(a.array, x.array)


def test_gradients_reach_the_tensors_of_a_dataset():
    x = ag.ones(3, requires_grad=True)
    for (batch,) in DataLoader(TensorDataset(x), batch_size=2):
        batch.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_shuffled_epochs_differ_and_repeat_with_the_seed():
    def epochs(loader):
        return [flat(batch for (batch,) in loader) for _ in range(2)]

    dataset = TensorDataset(ag.arange(40))
    first = epochs(DataLoader(dataset, 7, shuffle=True, generator=seeded(1)))
    assert first == epochs(DataLoader(dataset, 7, shuffle=True, generator=seeded(1)))
    assert first[0] != first[1] and sorted(first[0]) == sorted(first[1]) == list(range(40))
    ag.manual_seed(5)
    default = epochs(DataLoader(dataset, 7, shuffle=True))
    ag.manual_seed(5)
    assert default == epochs(DataLoader(dataset, 7, shuffle=True))


def test_interrupted_epoch_does_not_disturb_the_next():
    loader = DataLoader(TensorDataset(ag.arange(9)), 2)
    next(iter(loader))
    assert flat(batch for (batch,) in loader) == list(range(9))


def test_without_batches():
    array = np.arange(2)
    loader = DataLoader([array, "a"], batch_size=None)
    first, second = loader
    assert first.array is array and second == "a" and len(loader) == 2
    assert list(DataLoader(Numbers(3), batch_size=None)) == [0, 1, 2]
    assert len(DataLoader(Sized(3), batch_size=None)) == 3


def test_empty_dataset():
    for shuffle in (False, True):
        loader = DataLoader(TensorDataset(ag.ones(0, 2)), 4, shuffle)
        assert len(loader) == 0 and list(loader) == []


def test_samplers_of_the_users_own():
    assert flat(DataLoader(range(5), sampler=[4, 0])) == [4, 0]
    loader = DataLoader(range(5), batch_sampler=[[0, 1, 2], [4]])
    assert [batch.tolist() for batch in loader] == [[0, 1, 2], [4]] and len(loader) == 2


def test_samples_fetched_together():
    class Together(Dataset):
        def __len__(self):
            return 4

        def __getitems__(self, indices):
            return [index * 10 for index in indices]

    assert flat(DataLoader(Together(), 3)) == [0, 10, 20, 30]
    assert flat(DataLoader(Subset(Together(), [3, 1]), 2)) == [30, 10]


def test_collate_fn():
    assert list(DataLoader("abc", 2, collate_fn="".join)) == ["ab", "c"]
    loader = DataLoader(TensorDataset(ag.arange(3)), 3, collate_fn=len)
    assert list(loader) == [3]


def test_iterable_datasets():
    assert [b.tolist() for b in DataLoader(Numbers(5), 2)] == [[0, 1], [2, 3], [4]]
    assert [b.tolist() for b in DataLoader(Numbers(5), 2, drop_last=True)] == [[0, 1], [2, 3]]
    assert len(DataLoader(Sized(5), 2)) == 3 and len(DataLoader(Sized(5), 2, drop_last=True)) == 2
    with pytest.raises(TypeError):
        len(DataLoader(Numbers(5), 2))


def test_what_means_nothing_without_workers_is_accepted():
    loader = DataLoader(range(2), pin_memory=True, worker_init_fn=print, num_workers=0, timeout=0)
    assert flat(loader) == [0, 1]
    assert data.get_worker_info() is None


@pytest.mark.parametrize(("options", "error", "message"), [
    ({"num_workers": -1}, ValueError, "num_workers"),
    ({"timeout": 3}, ValueError, "timeout=3 is for worker processes"),
    ({"prefetch_factor": 2}, ValueError, "prefetch_factor"),
    ({"persistent_workers": True}, ValueError, "persistent_workers"),
    ({"multiprocessing_context": "fork"}, ValueError, "multiprocessing_context"),
    ({"num_workers": 1, "multiprocessing_context": "spoon"}, ValueError, "expected one of"),
    ({"num_workers": 1, "multiprocessing_context": 3}, TypeError, "multiprocessing_context"),
    ({"num_workers": 1, "prefetch_factor": 0}, ValueError, "prefetch_factor"),
    ({"num_workers": 1, "timeout": -1}, ValueError, "timeout"),
    ({"batch_size": 0}, ValueError, "batch_size expected an integer > 0, got 0"),
    ({"batch_size": 2.0}, ValueError, "batch_size"),
    ({"sampler": [0], "shuffle": True}, ValueError, "both set an order"),
    ({"batch_sampler": [[0]], "batch_size": 2}, ValueError, "batch_sampler makes the batches"),
    ({"batch_sampler": [[0]], "drop_last": True}, ValueError, "batch_sampler"),
    ({"batch_size": None, "drop_last": True}, ValueError, "drop_last=True needs a batch_size"),
    ({"generator": 3}, TypeError, "generator"),
])  # fmt: skip
def test_refused_loaders(options, error, message):
    with pytest.raises(error, match=message):
        DataLoader(range(3), **options)


@pytest.mark.parametrize("options", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_iterable_datasets_set_their_own_order(options):
    with pytest.raises(ValueError, match=f"leave {next(iter(options))} out"):
        DataLoader(Numbers(3), **options)


def test_a_loader_does_not_change():
    loader = DataLoader(range(3))
    with pytest.raises(ValueError, match="batch_size of a DataLoader is fixed"):
        loader.batch_size = 2
    loader.note = "anything else may be set"


def test_index_out_of_range():
    with pytest.raises(IndexError):
        list(DataLoader(TensorDataset(ag.arange(3)), sampler=[3]))


def test_stacked():
    rows = TensorDataset(ag.arange(3), ag.arange(3) * 2)
    stacked = data.StackDataset(data.Subset(rows, [2, 1]), "ab")
    assert [[part.item() for part in row] + [letter] for row, letter in stacked] == [
        [2, 4, "a"], [1, 2, "b"]
    ]  # fmt: skip
    with pytest.raises(ValueError, match="either in order"):
        data.StackDataset("ab", other="cd")
    with pytest.raises(ValueError, match="either in order"):
        data.StackDataset()
    with pytest.raises(ag.ShapeError, match=r"same length, got \[2, 3\]"):
        data.StackDataset("ab", "abc")


def test_distributed_orders_change_with_the_epoch_and_are_shared():
    replicas = [data.DistributedSampler(range(10), 2, rank) for rank in (0, 1)]
    orders = []
    for epoch in (0, 1, 0):
        for replica in replicas:
            replica.set_epoch(epoch)
        orders.append([list(replica) for replica in replicas])
        assert sorted(i for order in orders[-1] for i in order) == list(range(10))
    assert orders[0] == orders[2] != orders[1]
    assert list(data.DistributedSampler("", 2, 0)) == []


@pytest.mark.parametrize(("options", "message"), [
    ({}, "no process groups"), ({"num_replicas": 2, "rank": 2}, "rank expected a number from 0 to"),
    ({"num_replicas": 0, "rank": 0}, "num_replicas"),
])  # fmt: skip
def test_refused_distributed(options, message):
    with pytest.raises(ValueError, match=message):
        data.DistributedSampler(range(3), **options)
