"""Worker processes: the same batches in the same order, random numbers of their own, clean ends."""

import multiprocessing
import os
import time

import numpy as np
import pytest

import autograd as ag
from autograd.utils import data
from autograd.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

pytestmark = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="classes of tests need fork"
)


def loader(dataset, num_workers=2, **options):
    options.setdefault("multiprocessing_context", "fork" if num_workers else None)
    return DataLoader(dataset, num_workers=num_workers, **options)


def processes():
    return [p for p in multiprocessing.active_children() if p.name.startswith("DataLoader")]


class Noise(Dataset):
    """Samples of random numbers from every source there is, and who drew them."""

    def __init__(self, size=8):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return index, float(ag.rand(1, dtype=ag.float64)), np.random.rand(), os.getpid()  # noqa: NPY002


class Shards(IterableDataset):
    """Numbers, each worker its own."""

    def __init__(self, sizes):
        self.sizes = sizes

    def __iter__(self):
        info = data.get_worker_info()
        assert info.num_workers == len(self.sizes)
        return iter(range(100 * info.id, 100 * info.id + self.sizes[info.id]))


class Trouble(Dataset):
    def __init__(self, what):
        self.what = what

    def __len__(self):
        return 6

    def __getitem__(self, index):
        if index == 3:
            self.what()
        return index


def fail():
    raise KeyError("no such picture")


def vanish():
    os._exit(3)


class Picky(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


def fail_oddly():
    raise Picky("a", "b")


def values(batches):
    return [tensor.tolist() for tensor in batches]


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("options", [
    {}, {"batch_size": 4, "drop_last": True}, {"shuffle": True, "batch_size": 3},
    {"batch_size": None}, {"batch_sampler": [[1, 2], [0], [5, 5, 5]]}, {"prefetch_factor": 5},
])  # fmt: skip
def test_batches_are_those_of_one_process(workers, options):
    dataset = range(11)
    make = {"generator": ag.Generator(), **options}
    results = []
    for count in (0, workers):
        make["generator"].manual_seed(3)
        extra = {} if count else {"prefetch_factor": None}
        batches = list(loader(dataset, count, **{**make, **extra}))
        results.append([b.tolist() if isinstance(b, ag.Tensor) else b for b in batches])
    assert results[0] == results[1]
    assert not processes()


def test_tensors_and_structures_come_through():
    dataset = TensorDataset(ag.arange(6).reshape(6, 1), ag.linspace(0, 1, 6))
    for (a, b), (c, d) in zip(loader(dataset, 2), DataLoader(dataset), strict=True):
        assert a.tolist() == c.tolist() and b.tolist() == d.tolist() and b.dtype == d.dtype


def test_workers_never_share_random_numbers_and_repeat_with_the_seed():
    def epoch(seed):
        generator = ag.Generator().manual_seed(seed)
        batches = list(loader(Noise(), 2, generator=generator))
        assert [int(batch[0]) for batch in batches] == list(range(8))
        assert len({int(batch[3]) for batch in batches}) == 2
        return [float(batch[k]) for batch in batches for k in (1, 2)]

    first = epoch(0)
    assert len(set(first)) == 16
    assert epoch(0) == first and not set(epoch(1)) & set(first)


def test_each_epoch_has_new_seeds_also_in_persistent_workers():
    batches = loader(Noise(), 2, persistent_workers=True, batch_size=8)
    (first,), (second,) = list(batches), list(batches)
    assert set(first[3].tolist()) == set(second[3].tolist())  # the same processes
    assert not set(first[1].tolist()) & set(second[1].tolist())
    assert len(processes()) == 2
    del batches
    assert not processes()


def test_the_parents_random_numbers_are_left_alone():
    ag.manual_seed(0)
    list(loader(Noise(), 2, generator=ag.Generator().manual_seed(9)))
    after = float(ag.rand(1))
    ag.manual_seed(0)
    assert after == float(ag.rand(1))


def test_iterable_datasets_are_sharded():
    batches = loader(Shards([3, 5, 1]), 3, batch_size=2)
    expected = [[0, 1], [100, 101], [200], [2], [102, 103], [104]]
    assert values(batches) == expected
    assert values(batches) == expected  # each epoch begins it anew
    dropped = loader(Shards([3, 5]), 2, batch_size=2, drop_last=True)
    assert values(dropped) == [[0, 1], [100, 101], [102, 103]]


def test_init_function_and_info():
    class Marked(Dataset):
        def __len__(self):
            return 4

        def __getitem__(self, index):
            info = data.get_worker_info()
            assert info.dataset is self
            return [info.id, info.num_workers, self.mark]

    def mark(number):
        data.get_worker_info().dataset.mark = 10 + number

    rows = [[int(part) for part in row] for row in loader(Marked(), 2, worker_init_fn=mark)]
    assert rows == [[0, 2, 10], [1, 2, 11], [0, 2, 10], [1, 2, 11]]
    assert data.get_worker_info() is None


@pytest.mark.parametrize(("what", "kind", "message"), [
    (fail, KeyError, "(?s)KeyError in worker process 1 of the DataLoader.*no such picture.*fail()"),
    (fail_oddly, RuntimeError, "(?s)Picky in worker process 1"),
    (vanish, RuntimeError, r"DataLoader worker 1 \(pid \d+\) ended unexpectedly with exit code 3"),
])  # fmt: skip
@pytest.mark.parametrize("persistent", [False, True])
def test_errors_come_back_with_their_worker(what, kind, message, persistent):
    batches = loader(Trouble(what), 2, persistent_workers=persistent)
    seen = []
    with pytest.raises(kind, match=message):
        seen.extend(int(batch) for batch in batches)
    assert seen == [0, 1, 2][: len(seen)]  # one that vanishes takes what it had not sent along
    assert what is vanish or len(seen) == 3
    assert not processes()
    batches.dataset.what = int  # a new epoch starts new workers
    assert len(list(batches)) == 6


def test_errors_of_the_init_function_and_of_what_cannot_be_sent():
    with pytest.raises(ZeroDivisionError, match="worker process 0"):
        list(loader(range(2), 1, worker_init_fn=lambda number: 1 / number))
    with pytest.raises(Exception, match=r"(?is)in worker process 0.*pickle"):
        list(loader(range(2), 1, collate_fn=lambda batch: lambda: batch))


def test_timeout():
    slow = Trouble(lambda: time.sleep(60))
    with pytest.raises(RuntimeError, match=r"worker \d gave no batch within timeout=0.3"):
        list(loader(slow, 2, timeout=0.3))
    assert not processes()


@pytest.mark.parametrize("persistent", [False, True])
def test_loops_may_be_left_early(persistent):
    batches = loader(range(100), 2, persistent_workers=persistent)
    for batch in batches:
        if int(batch) == 3:
            break
    del batch
    assert values(batches) == [[i] for i in range(100)]
    assert bool(processes()) == persistent


def test_ctrl_c_ends_the_workers():
    batches = loader(range(100), 2, persistent_workers=True)
    iterator = iter(batches)
    next(iterator)
    with pytest.raises(KeyboardInterrupt):
        iterator.throw(KeyboardInterrupt())
    assert not processes()


def test_persistent_workers_serve_one_loop_at_a_time():
    batches = loader(range(9), 1, persistent_workers=True)
    first, second = iter(batches), iter(batches)
    next(first)
    assert int(next(second)) == 0
    with pytest.raises(RuntimeError, match="only one at a time"):
        next(first)


def test_spawned_workers():
    dataset = TensorDataset(ag.arange(5))
    batches = loader(dataset, 1, multiprocessing_context="spawn", batch_size=2)
    assert [batch[0].tolist() for batch in batches] == [[0, 1], [2, 3], [4]]
