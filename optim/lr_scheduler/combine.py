"""Schedules made of schedules: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from optim.lr_scheduler.base import LRScheduler, set_option
from optim.lr_scheduler.plateau import ReduceLROnPlateau
from optim.optimizer import Optimizer


class _Combined(LRScheduler):
    """A schedule whose state is that of its parts."""

    _schedulers: list[LRScheduler]

    def _initial_step(self) -> None:
        # The parts are stepped again here, and not by the user: nothing to be warned about.
        stepped, self.optimizer._stepped = self.optimizer._stepped, True
        super()._initial_step()
        self.optimizer._stepped = stepped

    def state_dict(self) -> dict[str, Any]:
        """Return the state, with that of the parts under "_schedulers"."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        states = state_dict["_schedulers"]
        if len(states) != len(self._schedulers):
            raise ValueError(
                f"the state dict has {len(states)} schedules, this one is made of "
                f"{len(self._schedulers)}"
            )
        super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        for schedule, state in zip(self._schedulers, states, strict=True):
            schedule.load_state_dict(state)

    def _take(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None) -> None:
        """Check the parts, and that they are of one optimiser."""
        name = type(self).__name__
        if not schedulers:
            raise ValueError(f"{name} expected at least one schedule")
        for i, schedule in enumerate(schedulers):
            if not isinstance(schedule, LRScheduler):
                raise TypeError(f"{name}: schedule {i} is a {type(schedule).__name__}")
            if isinstance(schedule, ReduceLROnPlateau):
                raise ValueError(
                    f"{name}: schedule {i} is a ReduceLROnPlateau, whose step needs a metric: "
                    "step it by itself"
                )
            if schedule.optimizer is not (optimizer or schedulers[0].optimizer):
                raise ValueError(f"{name}: schedule {i} belongs to another optimizer")
        self.optimizer = optimizer or schedulers[0].optimizer
        self._schedulers = list(schedulers)


class SequentialLR(_Combined):
    """One schedule after another: the next takes over at each of the `milestones`.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> from optim.lr_scheduler import ConstantLR, ExponentialLR, SequentialLR
    >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> parts = [ConstantLR(optimizer, 0.25, total_iters=9), ExponentialLR(optimizer, 0.5)]
    >>> schedule = SequentialLR(optimizer, parts, milestones=[2])
    >>> for _ in range(4):
    ...     print(schedule.get_last_lr())
    ...     optimizer.step(); schedule.step()
    [0.25]
    [0.25]
    [1.0]
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler],
                 milestones: Sequence[int], last_epoch: int = -1):  # fmt: skip
        self._take(schedulers, optimizer)
        if len(milestones) != len(schedulers) - 1:
            raise ValueError(
                f"{len(schedulers)} schedules need {len(schedulers) - 1} milestones, "
                f"got {len(milestones)}"
            )
        self._milestones = list(milestones)
        self.last_epoch = last_epoch + 1
        # Each part has set its own first rate; all but the first must take that back.
        for group in optimizer.param_groups:
            set_option(group, "lr", group["initial_lr"])
        _undo_first_step(self)
        first = self._schedulers[bisect_right(self._milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self, epoch=None) -> None:
        """Set the rates of the next epoch."""
        if epoch is not None:
            raise ValueError("SequentialLR.step expected no epoch: its parts count their own")
        self.last_epoch += 1
        current = bisect_right(self._milestones, self.last_epoch)
        schedule = self._schedulers[current]
        if current > 0 and self._milestones[current - 1] == self.last_epoch:
            schedule._update_lr(0)
        else:
            schedule.step()
        self._last_lr = schedule.get_last_lr()


class ChainedScheduler(_Combined):
    """Several schedules at once: each changes what those before it have set.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> from optim.lr_scheduler import ChainedScheduler, ExponentialLR, StepLR
    >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = ChainedScheduler([ExponentialLR(optimizer, 0.5), StepLR(optimizer, 1, 0.5)])
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.25]
    """

    def __init__(self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None):
        self._take(schedulers, optimizer)
        self._last_lr = self._lrs()

    def step(self, epoch=None) -> None:
        """Set the rates of the next epoch."""
        if epoch is not None:
            raise ValueError("ChainedScheduler.step expected no epoch: its parts count their own")
        for schedule in self._schedulers:
            schedule.step()
        self._last_lr = self._lrs()


def _undo_first_step(schedule: LRScheduler) -> None:
    """Take back the epoch that a schedule, or each of its parts, counted when it was made."""
    if isinstance(schedule, _Combined):
        for part in schedule._schedulers:
            _undo_first_step(part)
    else:
        schedule.last_epoch -= 1
