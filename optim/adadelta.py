"""Adadelta: steps in the units of the parameter."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor
from optim.optimizer import Optimizer
from optim.options import in_range, only_default
from optim.state import begin


class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012): the size of past steps over that of past gradients is the rate.

    The formula is that of `autograd.kernels.step_scaled.adadelta`.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float or Tensor, default 1.0
        A factor of all steps.
    rho : float, default 0.9
        How slowly the running mean squares forget.
    eps : float, default 1e-6
        Added to both mean squares; it sets the first step.
    weight_decay : float, default 0
        The factor of an L2 penalty, added to the gradient.
    maximize : bool, default False
        Ascend instead.
    foreach, capturable, differentiable : None or False
        PyTorch's choices of implementation.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor([8.0], requires_grad=True)
    >>> optimizer = optim.Adadelta([x], rho=0.75, eps=1.0)
    >>> (x * x).sum().backward()
    >>> optimizer.step(); round(x.item(), 4)
    6.0154
    """

    like_param = ("square_avg", "acc_delta")

    def __init__(self, params, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0, foreach=None, *,
                 capturable=False, maximize=False, differentiable=False):  # fmt: skip
        only_default(foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        for name in ("lr", "eps", "weight_decay", "rho"):
            in_range(name, options[name])
        if options["rho"] > 1:
            raise ValueError(f"rho expected a number from 0 to 1, got {options['rho']}")

    def update(self, param: Tensor, grad: np.ndarray, state: dict, group: dict) -> None:
        """Change one parameter and its running means."""
        if not state:
            begin(state, param, self.like_param)
        state["step"].array += 1
        kernels.step_scaled.adadelta(
            param.array,
            grad,
            state["square_avg"].array,
            state["acc_delta"].array,
            lr=float(group["lr"]),
            rho=float(group["rho"]),
            eps=float(group["eps"]),
            weight_decay=float(group["weight_decay"]),
            maximize=group["maximize"],
        )
