"""What the nodes of a graph cost: bytes kept, operations by formula, time where it was taken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from autograd.events import shapes_of_node
from autograd.flops import FORMULAS, backward_flops, forward_flops
from autograd.graph_reading import Reading
from autograd.graph_values import kept
from autograd.profiler import profile
from autograd.tensor import Leaf

UNITS = ("", "K", "M", "G", "T")


class Cost(NamedTuple):
    """Of one op, or of several together; what is not known counts as nothing."""

    bytes: int = 0
    forward_flops: int = 0
    backward_flops: int = 0
    forward_time: int = 0  # nanoseconds
    backward_time: int = 0

    def lines(self) -> list[str]:
        """The costs in words, one line of memory and operations, and one of time.

        Examples
        --------
        >>> Cost(2048, 3_000_000, 6_000_000, 150_000, 320_000).lines()
        ['keeps 2.0 KiB, 3.0 + 6.0 MFLOP', '0.15 + 0.32 ms']
        """
        parts = [f"keeps {amount(self.bytes, 1024)}iB"] if self.bytes >= 1024 else []
        parts += [f"keeps {self.bytes} B"] if 0 < self.bytes < 1024 else []
        parts += [operations(self)] if self.forward_flops or self.backward_flops else []
        times = f"{self.forward_time / 1e6:.3g} + {self.backward_time / 1e6:.3g} ms"
        return [", ".join(parts)] * bool(parts) + [times] * (self[3:] != (0, 0))


def operations(cost: Cost) -> str:
    """``3.0 + 6.0 MFLOP``: forward and backward in the unit that suits the larger."""
    power = _power(max(cost.forward_flops, cost.backward_flops), 1000)
    forward, backward = (flops / 1000**power for flops in cost[1:3])
    digits = 1 if power else 0
    return f"{forward:.{digits}f} + {backward:.{digits}f} {UNITS[power]}FLOP"


def amount(number: float, base: int = 1000) -> str:
    """A number with a letter for thousands, millions, and so on.

    Examples
    --------
    >>> amount(1536, 1024), amount(2_500_000)
    ('1.5 K', '2.5 M')
    """
    power = _power(number, base)
    return f"{number / base**power:.{1 if power else 0}f} {UNITS[power]}".rstrip()


def _power(number: float, base: int) -> int:
    return next((p for p in range(len(UNITS)) if number < base ** (p + 1)), len(UNITS) - 1)


def costs(nodes: Iterable, reading: Reading, profiled: profile | None = None) -> dict:
    """The cost of each op among these nodes; its time if `profiled` saw it run."""
    times = _times(profiled)
    found = {}
    for node in nodes:
        if not isinstance(node, Leaf):
            saved = sum(array.nbytes for _, _, array in kept(node))
            took = (times.get((phase, node.seq), 0) for phase in ("forward", "backward"))
            found[node] = Cost(saved, *_flops(node, reading), *took)
    return found


def together(parts: Iterable[Cost]) -> Cost:
    """The sum of costs."""
    return Cost(*map(sum, zip(Cost(), *parts, strict=True)))


def _flops(node, reading: Reading) -> tuple[int, int]:
    """Operations forward and backward; 0 for an op without a formula, or too little known."""
    op = node.plan.op
    if op is None or op.name not in FORMULAS:
        return 0, 0
    shapes, (out, _) = shapes_of_node(node), reading.values[node].get(0, ((), None))
    live = {op.inputs[i] for i in node.plan.live}
    try:
        return (
            forward_flops(op.name, shapes, out) or 0,
            backward_flops(op.name, shapes, out, live) or 0,
        )
    except (KeyError, IndexError):
        return 0, 0


def _times(profiled: profile | None) -> dict[tuple[str, int], int]:
    """Nanoseconds by phase and number of node; of several backward passes, the last one's."""
    events = profiled.events if profiled is not None else ()
    return {(event.phase, event.node): event.total for event in events if event.node}
