"""What all schedules share: epochs are counted, and each epoch's rates are put into the groups."""

from __future__ import annotations

import copy
import warnings
from typing import Any

from autograd.recording.effects import repeated
from autograd.tensor import Tensor
from optim.optimizer import Optimizer


class LRScheduler:
    """Base class of schedules. Making one sets the rates of epoch 0; `step` moves on by one epoch.

    A subclass defines `get_lr`, computing the next rates from the present ones, which other
    schedules may have changed too: such schedules can be chained. If there is a formula for any
    epoch, it goes into ``_get_closed_form_lr`` and serves ``step(epoch)``.

    Parameters
    ----------
    optimizer : Optimizer
        The rates its groups have now are kept as their "initial_lr".
    last_epoch : int, default -1
        The epoch to continue from; its groups must have an "initial_lr" then.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> class Harmonic(optim.lr_scheduler.LRScheduler):
    ...     def get_lr(self):
    ...         return [lr / (self.last_epoch + 1) for lr in self.base_lrs]
    >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = Harmonic(optimizer)
    >>> optimizer.step(); schedule.step(); schedule.get_last_lr()
    [0.5]
    """

    def __init_subclass__(cls, **keywords) -> None:
        super().__init_subclass__(**keywords)
        if "step" in cls.__dict__:
            cls.step = repeated(cls.step)  # type: ignore[method-assign]

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1):
        check_optimizer(optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", float(group["lr"]))
            elif "initial_lr" not in group:
                raise KeyError(
                    f"last_epoch={last_epoch} continues a schedule, but parameter group {i} has no "
                    "'initial_lr': load the optimizer's state dict first, or leave last_epoch out"
                )
        self.optimizer = optimizer
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def _initial_step(self) -> None:
        """Set the rates of the first epoch."""
        self._step_count = 0
        self._is_initial = True  # some schedules leave the rates as they are this time
        self.step()
        self._is_initial = False

    def get_lr(self) -> list[float]:
        """Compute the rates of epoch `last_epoch`. To ask for the present ones: `get_last_lr`."""
        raise NotImplementedError(f"{type(self).__name__} does not define get_lr()")

    def get_last_lr(self) -> list[float]:
        """Return the rates last set, one for each group."""
        return self._last_lr

    @repeated
    def step(self, epoch: int | None = None) -> None:
        """Set the rates of the next epoch, or of `epoch`. Call it after the optimiser's step."""
        if self._step_count == 1 and not self.optimizer._stepped:
            warnings.warn(
                f"{type(self).__name__}.step() was called before any optimizer.step(), so the "
                "first learning rate of the schedule is skipped: call optimizer.step() first",
                UserWarning,
                stacklevel=3,
            )
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        formula = None if epoch is None else getattr(self, "_get_closed_form_lr", None)
        self._set(self.get_lr() if formula is None else formula())

    def _set(self, lrs: list[float]) -> None:
        for group, lr in zip(self.optimizer.param_groups, lrs, strict=True):
            set_option(group, "lr", lr)
        self._last_lr = self._lrs()

    def _lrs(self) -> list[float]:
        """The rates the groups have now."""
        return [float(group["lr"]) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimiser as a dict of plain values.

        Examples
        --------
        >>> import autograd as ag, optim
        >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
        >>> optim.lr_scheduler.ExponentialLR(optimizer, 0.5).state_dict()["last_epoch"]
        0
        """
        return {name: copy.copy(v) for name, v in self.__dict__.items() if name != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a `state_dict`. The optimiser's own state dict holds its present rates.

        Raises
        ------
        ValueError
            If the state is that of another kind of schedule.
        """
        self._check_state(state_dict)
        known = {name: value for name, value in state_dict.items() if name in self.__dict__}
        self.__dict__.update(copy.deepcopy(known))

    def _check_state(self, state_dict: dict[str, Any]) -> None:
        own = {name for name in self.__dict__ if name != "optimizer" and not name.startswith("_")}
        wrong = own ^ {name for name in state_dict if not name.startswith("_")}
        if wrong:
            raise ValueError(
                f"this is not the state of a {type(self).__name__}: {sorted(wrong)} "
                "are on one side only"
            )


def check_optimizer(optimizer) -> None:
    """Refuse what is not an optimiser."""
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"a schedule expected an Optimizer, got {type(optimizer).__name__}")


def set_option(group: dict[str, Any], name: str, value: float) -> None:
    """Set an option of a group; one that is a tensor is filled, since others may hold it."""
    if isinstance(group[name], Tensor):
        group[name].array.fill(value)
    else:
        group[name] = value


def per_group(name: str, value, optimizer: Optimizer) -> list:
    """One value for each group: `value` itself if it is a list, else `value` for all."""
    groups = len(optimizer.param_groups)
    if not isinstance(value, (list, tuple)):
        return [value] * groups
    if len(value) != groups:
        raise ValueError(f"{name} expected {groups} values, one for each group, got {len(value)}")
    return list(value)
