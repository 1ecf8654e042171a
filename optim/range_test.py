"""The learning-rate range test: which rates are worth trying, from one short run."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autograd.tensor import Tensor
from optim.optimizer import Optimizer


@dataclass
class RangeTest:
    """What `range_test` saw.

    Attributes
    ----------
    rates, losses : list of float
        The loss at each rate, before the step with it.
    """

    rates: list[float]
    losses: list[float]

    @property
    def smooth(self) -> np.ndarray:
        """The losses as a running mean that forgets a tenth at each step, without its bias."""
        means, mean = [], 0.0
        for count, loss in enumerate(self.losses, 1):
            mean = 0.9 * mean + 0.1 * loss
            means.append(mean / (1 - 0.9**count))
        return np.array(means)

    @property
    def lowest(self) -> float:
        """The rate at which the smooth loss was lowest: the border beyond which steps do harm."""
        return self.rates[int(np.argmin(self.smooth))]

    @property
    def suggestion(self) -> float:
        """A tenth of `lowest`: far enough from the border, and not timid."""
        return self.lowest / 10


def range_test(
    optimizer: Optimizer,
    loss: Callable[[], Tensor],
    start: float = 1e-6,
    end: float = 10.0,
    steps: int = 100,
    diverged: float = 4.0,
) -> RangeTest:
    """Train with a learning rate that grows by a constant factor, until the loss explodes.

    Parameters, gradients, the optimiser's state and its rates are afterwards what they were before.
    The idea is L. N. Smith's, "Cyclical learning rates for training neural networks" (2017).

    Parameters
    ----------
    optimizer : Optimizer
    loss : callable
        Computes the loss of the next batch, as a Tensor with one element.
    start, end : float
        The first rate and the last.
    steps : int, default 100
    diverged : float, default 4.0
        Stop when the loss is not finite, or exceeds the best one so many times.

    Raises
    ------
    ValueError
        If not ``0 < start < end`` or there are fewer than 2 steps.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor(3.0, requires_grad=True)
    >>> found = optim.range_test(optim.SGD([x]), lambda: x * x, start=1e-3)
    >>> 0.05 < found.suggestion < 1, x.item()  # this one diverges from 1 on
    (True, 3.0)
    """
    if not 0 < start < end or steps < 2:
        raise ValueError(
            f"range_test expected 0 < start < end and at least 2 steps, got start={start}, "
            f"end={end}, steps={steps}"
        )
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    before = [(p.array.copy(), p.grad) for p in parameters]
    state = copy.deepcopy(optimizer.state_dict())
    rates = [group["lr"] for group in optimizer.param_groups]
    found = RangeTest([], [])
    try:
        for rate in np.geomspace(start, end, steps).tolist():
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.zero_grad()
            value = loss()
            found.rates.append(rate)
            found.losses.append(value.item())
            if not found.losses[-1] <= diverged * min(found.losses):
                break
            value.backward()
            optimizer.step()
    finally:
        optimizer.load_state_dict(state)
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        for parameter, (array, grad) in zip(parameters, before, strict=True):
            parameter.data.copy_(array)
            parameter.grad = grad
    return found
