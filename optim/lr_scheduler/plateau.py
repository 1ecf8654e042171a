"""The schedule that waits for a metric to stop improving."""

from __future__ import annotations

import math
from typing import Any

from optim.lr_scheduler.base import LRScheduler, check_optimizer, per_group, set_option
from optim.optimizer import Optimizer


class ReduceLROnPlateau(LRScheduler):
    """Multiply the rates by `factor` when a metric was no better for more than `patience` epochs.

    Parameters
    ----------
    mode : {"min", "max"}
        Whether small or large metrics are good.
    factor : float, default 0.1
    patience : int, default 10
    threshold : float, default 1e-4
        How much better counts as an improvement, relative to the best or, with
        ``threshold_mode="abs"``, absolutely.
    cooldown : int, default 0
        How many epochs after a reduction do not count.
    min_lr : float or list of float, default 0
    eps : float, default 1e-8
        Smaller changes of a rate are not made.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    >>> for loss in (3.0, 2.0, 2.0, 2.0):
    ...     schedule.step(loss)
    >>> schedule.get_last_lr()
    [0.5]
    """

    def __init__(self, optimizer: Optimizer, mode="min", factor=0.1, patience=10, threshold=1e-4,
                 threshold_mode="rel", cooldown=0, min_lr=0, eps=1e-8):  # fmt: skip
        check_optimizer(optimizer)
        if factor >= 1.0:
            raise ValueError(f"factor expected a number < 1, got {factor}")
        if mode not in ("min", "max"):
            raise ValueError(f"mode expected 'min' or 'max', got {mode!r}")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold_mode expected 'rel' or 'abs', got {threshold_mode!r}")
        self.optimizer = optimizer
        self.mode = mode
        self.factor = factor
        self.patience = patience
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.cooldown = cooldown
        self.min_lrs = per_group("min_lr", min_lr, optimizer)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = self._lrs()
        self._reset()

    def _reset(self) -> None:
        """Forget all metrics seen."""
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    @property
    def mode_worse(self) -> float:
        """What any metric is better than."""
        return math.inf if self.mode == "min" else -math.inf

    @property
    def in_cooldown(self) -> bool:
        """Whether the last reduction was so recently that epochs do not count yet."""
        return self.cooldown_counter > 0

    def step(self, metrics, epoch: int | None = None) -> None:  # type: ignore[override]
        """Look at the metric of an epoch, a number or a one-element tensor; reduce if due."""
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = self._lrs()

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):  # a group was added since
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"the optimizer has {len(groups)} groups by now, but min_lr was given for "
                    f"{len(self.min_lrs)}: extend min_lrs"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, lr, lowest in zip(groups, self._lrs(), self.min_lrs, strict=True):
            reduced = max(lr * self.factor, lowest)
            if lr - reduced > self.eps:
                set_option(group, "lr", reduced)

    def _is_better(self, metric: float, best: float) -> bool:
        relative = self.threshold_mode == "rel"
        if self.mode == "min":
            return metric < (best * (1.0 - self.threshold) if relative else best - self.threshold)
        return metric > (best * (self.threshold + 1.0) if relative else best + self.threshold)

    def _check_state(self, state_dict: dict[str, Any]) -> None:
        # PyTorch stores `mode_worse` too.
        super()._check_state({k: v for k, v in state_dict.items() if k != "mode_worse"})
