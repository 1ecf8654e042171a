"""The worker processes of a `DataLoader`, seen from the main process."""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import pickle
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from autograd.utils.data.source import Source
from autograd.utils.data.worker import rebuild, work

PATIENCE = 2.0  # seconds that a worker gets to end by itself
GLANCE = 1.0  # seconds between two looks at whether a worker that does not answer still lives


class Worker(NamedTuple):
    """One process and the two ways to it: tasks go in through a pipe, answers come from a queue."""

    process: Any
    tasks: Any
    results: Any


class Workers:
    """Processes that make batches ahead of time.

    Task i goes to worker i modulo their number, and each answers in the order it was asked, so that
    reading the answers in turn gives the batches in order, whoever is fastest.
    """

    def __init__(self, source: Source, count: int, prefetch: int, timeout: float,
                 init_fn: Callable | None, context):  # fmt: skip
        self.prefetch, self.timeout = prefetch, timeout
        self.epoch = 0
        self.all: list[Worker] = []
        try:
            for number in range(count):
                receive, send = context.Pipe(duplex=False)
                results = context.Queue()
                process = context.Process(
                    target=work, args=(source, number, count, receive, results, init_fn),
                    daemon=True, name=f"DataLoader worker {number}",
                )  # fmt: skip
                process.start()
                receive.close()
                self.all.append(Worker(process, send, results))
        except BaseException:
            self.close()
            raise

    def batches(self, tasks: Iterator, seeds: list[int]) -> Iterator:
        """Yield the batches of an epoch; the workers begin it from these seeds."""
        self.epoch += 1
        epoch = self.epoch
        for worker, seed in zip(self.all, seeds, strict=True):
            self._send(worker, ("begin", epoch, seed))
        waiting: deque[Worker] = deque()

        def ask(worker: Worker) -> None:
            for task in itertools.islice(tasks, 1):
                self._send(worker, ("fetch", epoch, task))
                waiting.append(worker)

        for worker in self.all * self.prefetch:
            ask(worker)
        while waiting:
            worker = waiting.popleft()
            kind, answer = self._receive(worker, epoch)
            if kind == "error":
                raise rebuild(answer)
            if kind == "end":  # this worker has no more; the others go on in turn
                continue
            ask(worker)
            yield pickle.loads(answer)
            if self.epoch != epoch:
                raise RuntimeError(
                    "a new iteration over this DataLoader has begun: with persistent_workers=True "
                    "there can be only one at a time"
                )

    def _send(self, worker: Worker, message) -> None:
        try:
            worker.tasks.send(message)
        except (BrokenPipeError, ConnectionResetError):
            raise self._died(worker) from None

    def _receive(self, worker: Worker, epoch: int) -> tuple[str, bytes]:
        """The next answer of a worker; those to questions of an abandoned epoch are dropped."""
        deadline = time.monotonic() + self.timeout if self.timeout else float("inf")
        while True:
            try:
                wait = min(GLANCE, max(deadline - time.monotonic(), 0.0))
                asked_in, kind, answer = worker.results.get(timeout=wait)
            except queue.Empty:
                if not worker.process.is_alive() and worker.results.empty():
                    raise self._died(worker) from None
                if time.monotonic() >= deadline:
                    raise RuntimeError(
                        f"{worker.process.name} gave no batch within timeout={self.timeout} seconds"
                    ) from None
                continue
            if asked_in == epoch:
                return kind, answer

    @staticmethod
    def _died(worker: Worker) -> RuntimeError:
        worker.process.join(PATIENCE)
        return RuntimeError(
            f"{worker.process.name} (pid {worker.process.pid}) ended unexpectedly with exit code "
            f"{worker.process.exitcode}; a negative one is the number of a signal, such as -9 when "
            "the system is out of memory. num_workers=0 shows errors where they happen"
        )

    def close(self) -> None:
        """End all processes, also those in the middle of a batch."""
        workers, self.all = self.all, []
        for worker in workers:
            with contextlib.suppress(OSError):
                worker.tasks.send(None)
        deadline = time.monotonic() + PATIENCE
        for worker in workers:
            worker.process.join(max(deadline - time.monotonic(), 0.0))
            if worker.process.is_alive():
                worker.process.terminate()
                worker.process.join()
            worker.tasks.close()
            worker.results.close()

    def __del__(self):
        with contextlib.suppress(Exception):  # at the end of the program modules may be gone
            self.close()


def context_of(given) -> Any:
    """The multiprocessing context that is meant: the platform's default, one by name, or `given`.

    Raises
    ------
    ValueError
        If there is no way to start processes by that name here.
    """
    if given is None or isinstance(given, str):
        known = multiprocessing.get_all_start_methods()
        if given is not None and given not in known:
            raise ValueError(f"multiprocessing_context expected one of {known}, got {given!r}")
        return multiprocessing.get_context(given)
    if not isinstance(given, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context expected a name or a context of multiprocessing, "
            f"got {type(given).__name__}"
        )
    return given
