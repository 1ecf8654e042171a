"""Schedules that follow half a cosine wave downwards (Loshchilov & Hutter 2017, SGDR)."""

from __future__ import annotations

import math

from optim.lr_scheduler.base import LRScheduler
from optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the initial rate down to `eta_min` within `T_max` epochs, and up again.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=2)
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch=-1):
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Compute the rates of epoch `last_epoch`, by the ratio of the formula at two epochs."""
        epoch, last, low = self.last_epoch, self.T_max, self.eta_min
        if self._is_initial:
            return self._lrs()
        if self._step_count == 1 and epoch > 0:
            return [
                low + (base - low) * (1 + math.cos(epoch * math.pi / last)) / 2
                for base in self.base_lrs
            ]
        if (epoch - 1 - last) % (2 * last) == 0:  # at the bottom the ratio would be 0 / 0
            rise = 1 - math.cos(math.pi / last)
            pairs = zip(self._lrs(), self.base_lrs, strict=True)
            return [lr + (base - low) * rise / 2 for lr, base in pairs]
        now = 1 + math.cos(math.pi * epoch / last)
        before = 1 + math.cos(math.pi * (epoch - 1) / last)
        return [now / before * (lr - low) + low for lr in self._lrs()]

    def _get_closed_form_lr(self) -> list[float]:
        return cosine(self.base_lrs, self.eta_min, self.last_epoch, self.T_max)


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine down to `eta_min` within `T_0` epochs, then again from the top.

    Each cycle is `T_mult` times as long as the one before. `step` may be given an epoch, also
    between two whole ones.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> for _ in range(3):
    ...     print(schedule.get_last_lr())
    ...     optimizer.step(); schedule.step()
    [1.0]
    [0.5]
    [1.0]
    """

    def __init__(self, optimizer: Optimizer, T_0: int, T_mult=1, eta_min=0.0, last_epoch=-1):
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} expected an integer >= 1, got {value!r}")
        self.T_0 = self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Compute the rates `T_cur` epochs after the last restart."""
        return cosine(self.base_lrs, self.eta_min, self.T_cur, self.T_i)

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or those of `epoch`, which may be a fraction."""
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        elif epoch < 0:
            raise ValueError(f"epoch expected a number >= 0, got {epoch}")
        else:
            self._find_cycle(epoch)
        self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())

    def _find_cycle(self, epoch: float) -> None:
        """Set how far into which cycle `epoch` is; cycles last T_0, T_0 * T_mult, ... epochs."""
        self.T_i, self.T_cur = self.T_0, epoch
        if epoch < self.T_0:
            return
        if self.T_mult == 1:
            self.T_cur = epoch % self.T_0
            return
        cycles = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
        self.T_cur = epoch - self.T_0 * (self.T_mult**cycles - 1) / (self.T_mult - 1)
        self.T_i = self.T_0 * self.T_mult**cycles


def cosine(tops: list[float], low: float, epoch: float, length: float) -> list[float]:
    """From each of `tops` at epoch 0 down to `low` at `length`."""
    return [low + (top - low) * (1 + math.cos(math.pi * epoch / length)) / 2 for top in tops]
