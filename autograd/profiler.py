"""Where the time of a program goes: by op and by layer, forward and backward, on a time line."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import ContextDecorator
from contextvars import Token
from time import perf_counter_ns

from autograd.events import NOW, SEAM, Event, Now
from autograd.mode import CURRENT


class Average:
    """The events of one key together; times are in microseconds, as PyTorch's are."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.count = self.backward_count = self.bytes = self.flops = 0
        self.cpu_time_total = self.self_cpu_time_total = self.forward = self.backward = 0.0

    def add(self, event: Event) -> None:
        """Count an event in."""
        own = event.own / 1e3
        self.self_cpu_time_total += own
        self.cpu_time_total += event.total / 1e3
        self.bytes += event.bytes
        self.flops += event.flops
        if event.phase == "backward":
            self.backward_count += 1
            self.backward += own
        else:
            self.count += 1
            self.forward += own

    def cells(self, whole: float, roof: float | None) -> tuple[str, ...]:
        """A line of the table, in which `whole` is the time of all, in microseconds."""
        speed = self.flops / (self.self_cpu_time_total / 1e6) if self.flops else 0.0
        return (
            self.key,
            f"{self.self_cpu_time_total / 1e3:.3f}",
            f"{self.self_cpu_time_total / (whole or 1):.1%}",
            f"{self.forward / 1e3:.3f}",
            f"{self.backward / 1e3:.3f}",
            f"{self.cpu_time_total / 1e3:.3f}",
            str(self.count),
            str(self.backward_count),
            f"{self.bytes / 2**20:.2f}",
            f"{self.flops / 1e9:.4f}" if speed else "",
            f"{speed / 1e9:.1f}" if speed else "",
            f"{speed / (roof or 1):.0%}" if speed else "",
        )

    def __repr__(self) -> str:
        return f"<{self.key}: {self.count} calls, {self.self_cpu_time_total:.0f} us>"


SORTS = ("self_cpu_time_total", "cpu_time_total", "forward", "backward", "count", "bytes", "flops")


class Averages(list):
    """A list of `Average`, with a `table`."""

    title = "op"

    def table(self, sort_by: str | None = None, row_limit: int = 100,
              roof: float | None = None) -> str:  # fmt: skip
        """Return the rows as text, the largest first.

        Parameters
        ----------
        sort_by : str, default "self_cpu_time_total"
            Or "cpu_time_total", "forward", "backward", "count", "bytes", "flops".
        row_limit : int, default 100
            Show no more rows; -1 shows all.
        roof : float, optional
            The operations a second that the machine can do; adds a column with the share of it.
        """
        sort_by = sort_by or SORTS[0]
        if sort_by not in SORTS:
            raise ValueError(
                f"sort_by is expected to be one of {', '.join(SORTS)}, got {sort_by!r}"
            )
        rows = sorted(self, key=lambda row: getattr(row, sort_by), reverse=True)
        rows = rows if row_limit < 0 else rows[:row_limit]
        whole = sum(row.self_cpu_time_total for row in self)
        headings = (self.title, "self ms", "self %", "forward ms", "backward ms", "total ms",
                    "calls", "backwards", "MiB", "GFLOP", "GFLOP/s", "of roof")  # fmt: skip
        lines = [headings, *(row.cells(whole, roof) for row in rows)]
        if roof is None:
            lines = [line[:-1] for line in lines]
        return _aligned(lines) + f"\nself time of all: {whole / 1e3:.3f} ms"


def _aligned(lines: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as need be: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    first = [f"{line[0]:<{widths[0]}}" for line in lines]
    rest = [
        "".join(f"  {cell:>{w}}" for cell, w in zip(line[1:], widths[1:], strict=True))
        for line in lines
    ]
    rows = [(a + b).rstrip() for a, b in zip(first, rest, strict=True)]
    return "\n".join([rows[0], "-" * (sum(widths) + 2 * len(widths) - 2), *rows[1:]])


class profile:
    """Take the time of everything that this thread computes inside a `with` block.

    Seen are ops, forward and backward, also of graphs that were recorded before, custom
    `Function`s, and what `record_function` names. What runs between ops, in Python or in an
    optimiser's update, is not an event: name it with `record_function` to see it. Profiles may be
    nested; each sees what happens in its own block. Times include the cost of taking them, a few
    microseconds an op.

    Attributes
    ----------
    events : list of Event
        In the order in which they ended.

    Examples
    --------
    >>> import autograd as ag
    >>> import nn
    >>> model = nn.Sequential(nn.Linear(3, 5), nn.ReLU())
    >>> with ag.profiler.profile() as p:
    ...     model(ag.ones(8, 3)).sum().backward()
    >>> {row.key: (row.count, row.backward_count, row.flops) for row in p.key_averages()}
    {'linear': (1, 1, 480), 'relu': (1, 1, 0), 'sum': (1, 1, 0)}
    >>> [row.key for row in p.key_averages(group_by_layer=True)]
    ['Sequential.0 (Linear)', 'Sequential.1 (ReLU)', '(no layer)']
    """

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._start = 0
        self._token: Token | None = None

    def __enter__(self) -> profile:
        if self._token is not None:
            raise RuntimeError("this profile is running already: make another one to nest")
        SEAM.enter()
        self.events, self._start = [], perf_counter_ns()
        now = NOW.get()
        self._token = NOW.set(Now((*now.profiles, self.events), now.inside))
        return self

    def __exit__(self, *exc_info) -> None:
        assert self._token is not None
        NOW.reset(self._token)
        self._token = None
        SEAM.leave()

    def key_averages(self, group_by_layer: bool = False) -> Averages:
        """Return the sums by op, or by layer, in the order in which they first ran.

        A layer's row has what its own ops took, not those of the modules inside it; ranges named
        with `record_function` are rows among ops only.
        """
        found: dict[str, Average] = {}
        for event in sorted(self.events, key=lambda event: event.start):
            if group_by_layer and event.phase == "range":
                continue
            key = (event.layer or "(no layer)") if group_by_layer else event.name
            found.setdefault(key, Average(key)).add(event)
        rows = Averages(found.values())
        rows.title = "layer" if group_by_layer else "op"
        return rows

    def table(self, sort_by: str | None = None, row_limit: int = 100,
              roof: float | None = None) -> str:  # fmt: skip
        """Return the table by op, and below it the one by layer if any layer ran.

        Parameters are those of ``key_averages().table``.
        """
        text = self.key_averages().table(sort_by, row_limit, roof)
        if any(event.layer for event in self.events):
            text += "\n\n" + self.key_averages(group_by_layer=True).table(sort_by, row_limit, roof)
        return text

    def export_chrome_trace(self, path) -> None:
        """Write the events as JSON that Perfetto and ``chrome://tracing`` draw on a time line."""
        trace = [
            {
                "name": event.name, "cat": event.phase, "ph": "X", "pid": os.getpid(),
                "tid": event.thread, "ts": (event.start - self._start) / 1e3,
                "dur": event.total / 1e3,
                "args": {"layer": event.layer, "bytes": event.bytes, "flops": event.flops,
                         "shapes": event.shapes},
            }
            for event in sorted(self.events, key=lambda event: event.start)
        ]  # fmt: skip
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": trace, "displayTimeUnit": "ms"}, file)


class record_function(ContextDecorator):
    """Give a block, or a decorated function, a row of its own in the profiles that run.

    Examples
    --------
    >>> import autograd as ag
    >>> with ag.profiler.profile() as p, ag.profiler.record_function("doubling"):
    ...     _ = ag.ones(2) * 2
    >>> {row.key for row in p.key_averages()} >= {"doubling", "mul"}
    True
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._open: list[Event | None] = []  # a stack, so that one instance may be entered again

    def __enter__(self) -> record_function:
        event = Event(self.name, "range", CURRENT.get().layer) if NOW.get().profiles else None
        self._open.append(event.__enter__() if event is not None else None)
        return self

    def __exit__(self, *exc_info) -> None:
        event = self._open.pop()
        if event is not None:
            event.__exit__(*exc_info)
