"""The one-cycle schedule."""

from __future__ import annotations

import math
from typing import NamedTuple

from optim.lr_scheduler.base import LRScheduler, check_optimizer, per_group
from optim.optimizer import Optimizer


class Phase(NamedTuple):
    """Until step `end`, from one option's value to another's: rates, and momenta the other way."""

    end: float
    lr: tuple[str, str]
    momentum: tuple[str, str]


class OneCycleLR(LRScheduler):
    """Up to `max_lr`, then down to almost nothing, stepped every batch (Smith & Topin 2018).

    Parameters
    ----------
    max_lr : float or list of float
    total_steps : int, optional
        Or `epochs` and `steps_per_epoch`, whose product it is.
    pct_start : float, default 0.3
        The fraction of steps that goes up.
    anneal_strategy : {"cos", "linear"}
    cycle_momentum : bool, default True
        Move the momentum (or the first of `betas`) the other way, between `base_momentum` and
        `max_momentum`.
    div_factor, final_div_factor : float
        The first rate is ``max_lr / div_factor``, the last ``first / final_div_factor``.
    three_phase : bool, default False
        Come down to the first rate as fast as up, and spend the rest going to the last one.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=0.1, momentum=0.9)
    >>> schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=10)
    >>> for _ in range(2):
    ...     optimizer.step(); schedule.step()
    >>> schedule.get_last_lr()
    [1.0]
    """

    def __init__(self, optimizer: Optimizer, max_lr, total_steps=None, epochs=None,
                 steps_per_epoch=None, pct_start=0.3, anneal_strategy="cos", cycle_momentum=True,
                 base_momentum=0.85, max_momentum=0.95, div_factor=25.0, final_div_factor=1e4,
                 three_phase=False, last_epoch=-1):  # fmt: skip
        check_optimizer(optimizer)
        self.total_steps = _total(total_steps, epochs, steps_per_epoch)
        if not 0 <= pct_start <= 1:
            raise ValueError(f"pct_start expected a number from 0 to 1, got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy expected 'cos' or 'linear', got {anneal_strategy!r}")
        self._anneal = anneal_strategy
        self._phases = _phases(self.total_steps, pct_start, three_phase)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = "betas" in optimizer.defaults
            if not self.use_beta1 and "momentum" not in optimizer.defaults:
                raise ValueError(
                    "cycle_momentum=True needs an optimizer with momentum or betas, "
                    f"{type(optimizer).__name__} has neither: pass cycle_momentum=False"
                )
        if last_epoch == -1:
            rates = per_group("max_lr", max_lr, optimizer)
            bases = per_group("base_momentum", base_momentum, optimizer)
            tops = per_group("max_momentum", max_momentum, optimizer)
            groups = zip(optimizer.param_groups, rates, bases, tops, strict=True)
            for group, rate, base, top in groups:
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
                if cycle_momentum:
                    group["base_momentum"], group["max_momentum"] = base, top
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Compute the rates of step `last_epoch`, and set its momenta."""
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"OneCycleLR ends after total_steps={self.total_steps} steps, this is step {step}"
            )
        start = 0.0
        for phase in self._phases:
            if step <= phase.end or phase is self._phases[-1]:
                break
            start = phase.end
        done = (step - start) / (phase.end - start)
        lrs = []
        for group in self.optimizer.param_groups:
            lrs.append(self._between(group, phase.lr, done))
            if self.cycle_momentum:
                momentum = self._between(group, phase.momentum, done)
                if self.use_beta1:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        return lrs

    def _between(self, group: dict, ends: tuple[str, str], done: float) -> float:
        start, end = (group[name] for name in ends)
        if self._anneal == "linear":
            return (end - start) * done + start
        return end + (start - end) / 2.0 * (math.cos(math.pi * done) + 1)


def _total(total_steps, epochs, steps_per_epoch) -> int:
    if total_steps is None:
        if epochs is None or steps_per_epoch is None:
            raise ValueError("OneCycleLR needs total_steps, or epochs and steps_per_epoch")
        total_steps = epochs * steps_per_epoch
    if not isinstance(total_steps, int) or total_steps <= 0:
        raise ValueError(f"total_steps expected an integer > 0, got {total_steps!r}")
    return total_steps


def _phases(total: int, up: float, three_phase: bool) -> list[Phase]:
    rise = Phase(float(up * total) - 1, ("initial_lr", "max_lr"), ("max_momentum", "base_momentum"))
    if not three_phase:
        return [rise, Phase(total - 1, ("max_lr", "min_lr"), ("base_momentum", "max_momentum"))]
    fall_end = float(2 * up * total) - 2
    fall = Phase(fall_end, ("max_lr", "initial_lr"), ("base_momentum", "max_momentum"))
    return [
        rise,
        fall,
        Phase(total - 1, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum")),
    ]
