"""What happens in a worker process of a `DataLoader`: it makes batches of tasks until told to stop.

A worker is sent ``("begin", epoch, seed)``, then tasks as ``("fetch", epoch, task)``, and None in
the end. It answers each task, in order, with ``(epoch, kind, pickled value)``; the kind is "batch",
"end" (an iterable dataset has nothing more) or "error".
"""

from __future__ import annotations

import multiprocessing
import pickle
import random
import signal
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd.random import default_generator
from autograd.utils.data.source import END, Source

LOOK_AROUND = 5.0  # seconds after which an idle worker looks whether its parent still lives


@dataclass(frozen=True)
class WorkerInfo:
    """Who a worker is: its number, of how many, its seed, and its copy of the dataset.

    Examples
    --------
    >>> from autograd.utils.data import WorkerInfo
    >>> WorkerInfo(id=0, num_workers=2, seed=7, dataset=[3])
    WorkerInfo(id=0, num_workers=2, seed=7, dataset=[3])
    """

    id: int
    num_workers: int
    seed: int
    dataset: Any


_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """Return who this worker process is, and None in the main process.

    An iterable dataset asks this to give each worker a part of the samples of its own; otherwise
    every worker yields them all.

    Examples
    --------
    >>> from autograd.utils.data import IterableDataset, get_worker_info
    >>> class Count(IterableDataset):
    ...     def __iter__(self):
    ...         info = get_worker_info()
    ...         first, of = (0, 1) if info is None else (info.id, info.num_workers)
    ...         return iter(range(first, 6, of))
    >>> list(Count())
    [0, 1, 2, 3, 4, 5]
    """
    return _info


def work(source: Source, number: int, of: int, tasks, results, init_fn: Callable | None) -> None:
    """Serve tasks until told to stop, or until the parent process is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    fetch: Callable | None = None
    broken: bytes | None = None
    started = False
    while (message := _receive(tasks)) is not None:
        what, epoch, content = message
        if what == "begin":
            try:
                _begin(source, number, of, content)
                if init_fn is not None and not started:
                    init_fn(number)
                started = True
                fetch, broken = source.open(), None
            except Exception as error:
                broken = describe(error, number)
        elif broken is not None:
            results.put((epoch, "error", broken))
        else:
            assert fetch is not None
            try:
                batch = fetch(content)
                kind = "end" if batch is END else "batch"
                answer = pickle.dumps(None if batch is END else batch, pickle.HIGHEST_PROTOCOL)
            except Exception as error:
                kind, answer = "error", describe(error, number)
            results.put((epoch, kind, answer))
    results.cancel_join_thread()  # what was prefetched in vain is not waited for


def _begin(source: Source, number: int, of: int, seed: int) -> None:
    """Start every source of random numbers there is from this worker's seed of this epoch."""
    global _info
    _info = WorkerInfo(number, of, seed, source.dataset)
    default_generator().manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - data sets of others may use it


def _receive(tasks):
    parent = multiprocessing.parent_process()
    try:
        while not tasks.poll(LOOK_AROUND):
            if parent is not None and not parent.is_alive():
                return None
        return tasks.recv()
    except (EOFError, OSError):  # the parent has closed its end
        return None


def describe(error: Exception, number: int) -> bytes:
    """An exception as (its type if it can be sent, a message with the worker's traceback)."""
    trace = "".join(traceback.format_exception(error)).rstrip()
    message = (
        f"{type(error).__name__} in worker process {number} of the DataLoader: {error}\n\n"
        f"In the worker:\n{trace}"
    )
    try:
        return pickle.dumps((type(error), message))
    except Exception:  # a class the main process cannot know
        return pickle.dumps((RuntimeError, message))


class Message(str):
    """A text that KeyError, which shows the repr of its argument, shows as it is."""

    def __repr__(self) -> str:
        return str(self)


def rebuild(description: bytes) -> Exception:
    """The exception of `describe`: of its own type if that takes a message, else RuntimeError."""
    try:
        kind, message = pickle.loads(description)
    except Exception as unreadable:  # its class cannot be imported here
        return RuntimeError(f"a worker process failed with something unreadable: {unreadable!r}")
    try:
        error = kind(Message(message))
    except Exception:
        return RuntimeError(message)
    return error if isinstance(error, Exception) else RuntimeError(message)
