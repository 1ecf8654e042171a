"""Adagrad: rates that fall with all the gradients seen so far."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor
from optim.optimizer import Optimizer
from optim.options import in_range, only_default
from optim.state import like, number


class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan & Singer 2011): divide by the root of the sum of squared gradients.

    The formula is that of `autograd.kernels.step_scaled.adagrad`.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float or Tensor, default 1e-2
        The learning rate.
    lr_decay : float, default 0
        Divide the rate of step t by ``1 + (t - 1) * lr_decay``.
    weight_decay : float, default 0
        The factor of an L2 penalty, added to the gradient.
    initial_accumulator_value : float, default 0
        Where the sums of squares begin.
    eps : float, default 1e-10
        Added to the denominator.
    maximize : bool, default False
        Ascend instead.
    foreach, differentiable, fused : None or False
        PyTorch's choices of implementation.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor([8.0, -100.0], requires_grad=True)
    >>> optimizer = optim.Adagrad([x], lr=1.0)
    >>> (x * x).sum().backward()
    >>> optimizer.step(); x.detach()
    tensor([  7., -99.])
    """

    like_param = ("sum",)
    together = "adagrad"

    def __init__(self, params, lr=1e-2, lr_decay=0, weight_decay=0, initial_accumulator_value=0,
                 eps=1e-10, foreach=None, *, maximize=False, differentiable=False,
                 fused=None):  # fmt: skip
        only_default(foreach=foreach, differentiable=differentiable, fused=fused)
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "maximize": maximize,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                self._begin(param)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        for name in ("lr", "lr_decay", "weight_decay", "initial_accumulator_value", "eps"):
            in_range(name, options[name])

    def _begin(self, param: Tensor) -> None:
        start = float(self.defaults["initial_accumulator_value"])
        self.state[param] = {"step": number(), "sum": like(param, start)}

    def arrays(self, param: Tensor, state: dict, group: dict) -> tuple:
        """The count of steps and the sum of squares."""
        if not state:  # of a group added later
            self._begin(param)
            state = self.state[param]
        return state["step"].array, state["sum"].array

    def settings(self, group: dict) -> tuple[float, ...]:
        """The options as numbers."""
        names = ("lr", "lr_decay", "eps", "weight_decay")
        return (*(float(group[name]) for name in names), group["maximize"])

    def alone(self, row: tuple, grad: np.ndarray, group: dict) -> None:
        """Change one parameter and its sum of squares."""
        param, step, total = row
        lr, lr_decay, eps, weight_decay, maximize = self.settings(group)
        step += 1
        kernels.step_scaled.adagrad(
            param, grad, total, step=step.item(), lr=lr, lr_decay=lr_decay, eps=eps,
            weight_decay=weight_decay, maximize=maximize,
        )  # fmt: skip
