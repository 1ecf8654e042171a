"""Stochastic gradient descent."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor, wrap
from optim.optimizer import Optimizer
from optim.options import in_range, only_default


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

    def update(self, param: Tensor, grad: np.ndarray, state: dict, group: dict) -> None:
        """Change one parameter and its momentum."""
        buffer, first = state.get("momentum_buffer"), False
        if group["momentum"] == 0:
            buffer = None
        elif buffer is None:
            first = True
            state["momentum_buffer"] = buffer = wrap(np.empty_like(param.array))
        kernels.step.sgd(
            param.array,
            grad,
            None if buffer is None else buffer.array,
            first=first,
            lr=float(group["lr"]),
            momentum=float(group["momentum"]),
            dampening=float(group["dampening"]),
            weight_decay=float(group["weight_decay"]),
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
