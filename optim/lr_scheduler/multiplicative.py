"""A schedule that multiplies the rates by a function of the epoch."""

from __future__ import annotations

from optim.lr_scheduler.decay import LambdaLR


class MultiplicativeLR(LambdaLR):
    """Multiply the present rate by a function of the epoch, or one function for each group.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> optimizer = optim.SGD([ag.ones(1, requires_grad=True)], lr=1.0)
    >>> schedule = optim.lr_scheduler.MultiplicativeLR(optimizer, lambda epoch: 0.5)
    >>> for _ in range(2):
    ...     optimizer.step(); schedule.step()
    >>> schedule.get_last_lr()
    [0.25]
    """

    def get_lr(self) -> list[float]:
        """Compute the rates of epoch `last_epoch`."""
        if self._is_initial:
            return self._lrs()
        pairs = zip(self._lrs(), self.lr_lambdas, strict=True)
        return [lr * function(self.last_epoch) for lr, function in pairs]
