"""RMSprop: the gradient over its running root mean square."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor
from optim.optimizer import Optimizer
from optim.options import in_range, only_default
from optim.state import like, number


class RMSprop(Optimizer):
    """RMSprop (Tieleman & Hinton 2012): divide by the running root mean square of the gradient.

    The formula is that of `autograd.kernels.step_scaled.rmsprop`.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float or Tensor, default 1e-2
        The learning rate.
    alpha : float, default 0.99
        How slowly the running mean forgets.
    eps : float, default 1e-8
        Added to the denominator.
    weight_decay : float, default 0
        The factor of an L2 penalty, added to the gradient.
    momentum : float, default 0
    centered : bool, default False
        Divide by the running standard deviation instead (Graves 2013).
    maximize : bool, default False
        Ascend instead.
    foreach, capturable, differentiable : None or False
        PyTorch's choices of implementation.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor([8.0, -100.0], requires_grad=True)
    >>> optimizer = optim.RMSprop([x], lr=1.0, alpha=0.75)
    >>> (x * x).sum().backward()
    >>> optimizer.step(); x.detach()
    tensor([  6., -98.])
    """

    like_param = ("square_avg", "momentum_buffer", "grad_avg")
    together = "rmsprop"

    def __init__(self, params, lr=1e-2, alpha=0.99, eps=1e-8, weight_decay=0, momentum=0,
                 centered=False, capturable=False, foreach=None, maximize=False,
                 differentiable=False):  # fmt: skip
        only_default(foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        for name in ("lr", "momentum", "alpha", "eps", "weight_decay"):
            in_range(name, options[name])

    def arrays(self, param: Tensor, state: dict, group: dict) -> tuple:
        """The count of steps, the mean square, and the mean and the momentum if there are any."""
        if not state:
            state["step"] = number()
            state["square_avg"] = like(param)
            if group["momentum"] > 0:
                state["momentum_buffer"] = like(param)
            if group["centered"]:
                state["grad_avg"] = like(param)
        return (
            state["step"].array,
            state["square_avg"].array,
            state["grad_avg"].array if group["centered"] else None,
            state["momentum_buffer"].array if group["momentum"] > 0 else None,
        )

    def settings(self, group: dict) -> tuple[float, ...]:
        """The options as numbers."""
        names = ("lr", "alpha", "eps", "weight_decay", "momentum")
        return (*(float(group[name]) for name in names), group["maximize"])

    def alone(self, row: tuple, grad: np.ndarray, group: dict) -> None:
        """Change one parameter and its running means."""
        param, step, *means = row
        lr, alpha, eps, weight_decay, momentum, maximize = self.settings(group)
        step += 1
        kernels.step_scaled.rmsprop(
            param, grad, *means, lr=lr, alpha=alpha, eps=eps,
            weight_decay=weight_decay, momentum=momentum, maximize=maximize,
        )  # fmt: skip
