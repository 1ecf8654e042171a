"""Stochastic gradient descent."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor
from optim.optimizer import Optimizer
from optim.options import in_range, only_default
from optim.state import like


class SGD(Optimizer):
    """Stochastic gradient descent, optionally with momentum (`autograd.kernels.step.sgd`).

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float or Tensor, default 1e-3
        The learning rate.
    momentum : float, default 0
    dampening : float, default 0
        How much less than fully a gradient enters the momentum.
    weight_decay : float, default 0
        The factor of an L2 penalty, added to the gradient.
    nesterov : bool, default False
        Look ahead by the momentum; needs momentum and no dampening.
    maximize : bool, default False
        Ascend instead.
    foreach, differentiable, fused : None or False
        PyTorch's choices of implementation.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor(1.0, requires_grad=True)
    >>> optimizer = optim.SGD([x], lr=0.25)
    >>> (x * x).backward()
    >>> optimizer.step(); x.item()
    0.5
    """

    like_param = ("momentum_buffer",)
    together = "sgd"

    def __init__(self, params, lr=1e-3, momentum=0, dampening=0, weight_decay=0, nesterov=False, *,
                 maximize=False, foreach=None, differentiable=False, fused=None):  # fmt: skip
        only_default(foreach=foreach, differentiable=differentiable, fused=fused)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        for name in ("lr", "momentum", "weight_decay"):
            in_range(name, options[name])
        if options["nesterov"] and (options["momentum"] <= 0 or options["dampening"] != 0):
            raise ValueError(
                "nesterov=True needs momentum > 0 and dampening = 0, got "
                f"momentum={options['momentum']}, dampening={options['dampening']}"
            )

    def arrays(self, param: Tensor, state: dict, group: dict) -> tuple:
        """No count of steps; the momentum, if there is any, and once more if it is new."""
        if group["momentum"] == 0:
            return None, None, None
        buffer = state.get("momentum_buffer")
        if buffer is not None:
            return None, buffer.array, None
        buffer = state["momentum_buffer"] = like(param)
        return None, buffer.array, buffer.array

    def settings(self, group: dict) -> tuple[float, ...]:
        """The options as numbers."""
        return (
            float(group["lr"]),
            float(group["momentum"]),
            float(group["dampening"]),
            float(group["weight_decay"]),
            group["nesterov"],
            group["maximize"],
        )

    def alone(self, row: tuple, grad: np.ndarray, group: dict) -> None:
        """Change one parameter and its momentum."""
        param, _, buffer, new = row
        lr, momentum, dampening, weight_decay, nesterov, maximize = self.settings(group)
        kernels.step.sgd(
            param, grad, buffer, first=new is not None, lr=lr, momentum=momentum,
            dampening=dampening, weight_decay=weight_decay, nesterov=nesterov, maximize=maximize,
        )  # fmt: skip
