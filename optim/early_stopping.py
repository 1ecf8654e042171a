"""Early stopping: end training when a metric no longer improves, and keep the best weights."""

from __future__ import annotations

import copy
import math
import warnings
from typing import Any


class EarlyStopping:
    """Tell when `patience` epochs in a row (0 means the same as 1) have not improved a metric.

    Parameters
    ----------
    patience : int, default 10
    min_delta : float, default 0.0
        An improvement is better than the best by more than this.
    mode : {"min", "max"}
        Whether small or large metrics are good.
    restore_best : bool, default True
        Keep a copy of the state of the best epoch's model, if `step` is given one, and put it back
        into the model when it is time to stop.

    Attributes
    ----------
    best : float or None
        The best metric so far.
    best_epoch : int or None
        The epoch it came from; the first call of `step` is epoch 0.
    stopped : bool
        Whether `step` has said so.

    Examples
    --------
    >>> import optim
    >>> stopping = optim.EarlyStopping(patience=2)
    >>> [stopping.step(loss) for loss in (0.9, 0.5, 0.6, 0.7)]
    [False, False, False, True]
    >>> stopping.best, stopping.best_epoch
    (0.5, 1)
    """

    def __init__(self, patience: int = 10, min_delta: float = 0.0, mode: str = "min",
                 restore_best: bool = True):  # fmt: skip
        if mode not in ("min", "max"):
            raise ValueError(f"mode expected 'min' or 'max', got {mode!r}")
        if not isinstance(patience, int) or patience < 0:
            raise ValueError(f"patience expected a number of epochs >= 0, got {patience!r}")
        if not min_delta >= 0:
            raise ValueError(f"min_delta expected a number >= 0, got {min_delta}")
        self.patience = patience
        self.min_delta = min_delta
        self.mode = mode
        self.restore_best = restore_best
        self.best: float | None = None
        self.best_epoch: int | None = None
        self.best_state: dict[str, Any] | None = None
        self.epoch = -1
        self.bad_epochs = 0
        self.stopped = False

    def step(self, metric, model=None) -> bool:
        """Look at the metric of an epoch and return whether to stop.

        It may be a number or a tensor of one element. A NaN is a warning and no improvement.
        """
        metric = float(metric)
        self.epoch += 1
        if math.isnan(metric):
            warnings.warn(
                f"the metric of epoch {self.epoch} is NaN; it counts as no improvement",
                RuntimeWarning,
                stacklevel=2,
            )
        if self._is_better(metric):
            self.best, self.best_epoch, self.bad_epochs = metric, self.epoch, 0
            if self.restore_best and model is not None:
                self.best_state = copy.deepcopy(model.state_dict())
            return False
        self.bad_epochs += 1
        self.stopped = self.bad_epochs >= self.patience
        if self.stopped and self.best_state is not None and model is not None:
            self.restore(model)
        return self.stopped

    def _is_better(self, metric: float) -> bool:
        if self.best is None:
            return not math.isnan(metric)
        gain = self.best - metric if self.mode == "min" else metric - self.best
        return gain > self.min_delta

    def restore(self, model) -> None:
        """Put the state of the best epoch into `model`, also when training ended by itself."""
        if self.best_state is None:
            raise RuntimeError(
                "there is no best state to restore: it is kept if restore_best=True and step() is "
                "given the model"
            )
        model.load_state_dict(self.best_state)

    def state_dict(self) -> dict[str, Any]:
        """Return everything needed to continue, including the best state."""
        return dict(self.__dict__)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a `state_dict`."""
        wrong = set(self.__dict__) ^ set(state_dict)
        if wrong:
            raise ValueError(
                f"this is not the state of an EarlyStopping: {sorted(wrong)} are on one side only"
            )
        self.__dict__.update(copy.deepcopy(state_dict))
