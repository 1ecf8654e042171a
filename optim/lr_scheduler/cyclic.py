"""Cyclical rates: up and down between two bounds, batch by batch."""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any

from optim.lr_scheduler.base import LRScheduler, check_optimizer, per_group, set_option
from optim.optimizer import Optimizer

MODES = ("triangular", "triangular2", "exp_range")


class CyclicLR(LRScheduler):
    """Go up from `base_lr` to `max_lr` and down again, over and over (Smith 2017).

    Call `step` after each batch. The momentum, or the first of the betas, goes the other way.

    Parameters
    ----------
    optimizer : Optimizer
    base_lr, max_lr : float or list
        The bounds, for all groups or for each.
    step_size_up : int, default 2000
        Steps on the way up.
    step_size_down : int, optional
        Steps on the way down. Default: as many.
    mode : {"triangular", "triangular2", "exp_range"}
        The height stays, is halved each cycle, or is multiplied by `gamma` each step.
    gamma : float, default 1.0
    scale_fn : callable, optional
        The factor of the height, instead of `mode`: a function of the cycle's number, from 1.
    scale_mode : {"cycle", "iterations"}
        "iterations": `scale_fn` is a function of the step.
    cycle_momentum : bool, default True
    base_momentum, max_momentum : float or list, default 0.8 and 0.9
        The bounds of the momentum.
    last_epoch : int, default -1
        The step to continue from.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], momentum=0.9)
    >>> schedule = optim.lr_scheduler.CyclicLR(optimizer, 1.0, 2.0, step_size_up=2)
    >>> for _ in range(4):
    ...     print(schedule.get_last_lr())
    ...     optimizer.step(); schedule.step()
    [1.0]
    [1.5]
    [2.0]
    [1.5]
    """

    def __init__(self, optimizer: Optimizer, base_lr, max_lr, step_size_up: int = 2000,
                 step_size_down: int | None = None, mode: str = "triangular", gamma: float = 1.0,
                 scale_fn: Callable[[float], float] | None = None, scale_mode: str = "cycle",
                 cycle_momentum: bool = True, base_momentum=0.8, max_momentum=0.9,
                 last_epoch: int = -1):  # fmt: skip
        check_optimizer(optimizer)
        if mode not in MODES and scale_fn is None:
            raise ValueError(f"mode expected one of {MODES}, got {mode!r}: or pass a scale_fn")
        if scale_mode not in ("cycle", "iterations"):
            raise ValueError(f"scale_mode expected 'cycle' or 'iterations', got {scale_mode!r}")
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        if up <= 0 or down <= 0:
            raise ValueError(f"a cycle expected steps up and down, got {step_size_up} and {down:g}")
        bottoms = per_group("base_lr", base_lr, optimizer)
        self.max_lrs = per_group("max_lr", max_lr, optimizer)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        self.mode, self.gamma = mode, gamma
        self._scale_fn_custom = scale_fn
        if scale_fn is None:
            scale_mode = "iterations" if mode == "exp_range" else "cycle"
        self.scale_mode = scale_mode
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._prepare_momentum(optimizer, base_momentum, max_momentum, last_epoch)
        if last_epoch == -1:
            for group, lr in zip(optimizer.param_groups, bottoms, strict=True):
                set_option(group, "lr", lr)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = bottoms

    def _prepare_momentum(self, optimizer, base_momentum, max_momentum, last_epoch) -> None:
        self.use_beta1 = "betas" in optimizer.defaults
        if not self.use_beta1 and "momentum" not in optimizer.defaults:
            raise ValueError(
                "cycle_momentum=True needs an optimizer with momentum or betas, "
                f"{type(optimizer).__name__} has neither: pass cycle_momentum=False"
            )
        self.base_momentums = per_group("base_momentum", base_momentum, optimizer)
        self.max_momentums = per_group("max_momentum", max_momentum, optimizer)
        if last_epoch == -1:
            for i, group in enumerate(optimizer.param_groups):
                group["base_momentum"] = self.base_momentums[i]
                group["max_momentum"] = self.max_momentums[i]

    def scale_fn(self, x: float) -> float:
        """Return the factor of the height in cycle `x`, or in step `x`."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular":
            return 1.0
        return 1 / 2.0 ** (x - 1) if self.mode == "triangular2" else self.gamma**x

    def get_lr(self) -> list[float]:
        """Compute the rates of step `last_epoch`, and set its momenta."""
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        ratio = self.step_ratio
        height = x / ratio if x <= ratio else (x - 1) / (ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            bounds = zip(self.base_momentums, self.max_momentums, strict=True)
            momenta = [high - (high - low) * height * scale for low, high in bounds]
            for group, momentum in zip(self.optimizer.param_groups, momenta, strict=True):
                if self.use_beta1:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum
        bounds = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height * scale for low, high in bounds]

    def state_dict(self) -> dict[str, Any]:
        """Return the state; of `scale_fn`, only if it is an object."""
        custom = self._scale_fn_custom
        plain = custom is None or isinstance(custom, types.FunctionType)
        kept = None if plain else dict(custom.__dict__)
        return {**super().state_dict(), "_scale_fn_custom": kept}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a `state_dict`; a `scale_fn` has to be given to the constructor again."""
        custom = self._scale_fn_custom
        super().load_state_dict(state_dict)
        if state_dict.get("_scale_fn_custom") is not None and custom is not None:
            custom.__dict__.update(state_dict["_scale_fn_custom"])
        self._scale_fn_custom = custom
