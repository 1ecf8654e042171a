"""Ctrl-C with manners: the first asks for an end at a good moment, the second ends at once."""

from __future__ import annotations

import os
import signal
import threading

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(Exception):
    """A run that was stopped by a signal and saved; `folder` is where."""

    def __init__(self, folder):
        super().__init__(f"interrupted; the run is saved in {folder}")
        self.folder = folder


class Interrupt:
    """Inside the block, `requested` tells whether SIGINT or SIGTERM has come.

    Examples
    --------
    >>> import signal
    >>> from models.training.interrupt import Interrupt
    >>> with Interrupt() as interrupt:
    ...     signal.raise_signal(signal.SIGINT)
    ...     interrupt.requested
    True
    """

    def __init__(self) -> None:
        self.requested = False
        self._before: dict = {}

    def __enter__(self) -> Interrupt:
        # Python lets only the main thread set handlers; elsewhere signals are somebody else's.
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._receive) for number in SIGNALS}
        return self

    def _receive(self, number, frame) -> None:
        if self.requested:
            os._exit(130)  # files are only ever replaced whole, so nothing is left half written
        self.requested = True

    def __exit__(self, *exc_info) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
