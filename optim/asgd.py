"""ASGD: gradient descent that also averages the parameters."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor
from optim.optimizer import Optimizer
from optim.options import in_range, only_default
from optim.state import like, number


class ASGD(Optimizer):
    """Averaged stochastic gradient descent (Polyak & Juditsky 1992).

    From step `t0` on the average of each parameter is kept as ``optimizer.state[param]["ax"]``. The
    formula is that of `autograd.kernels.step_scaled.asgd`.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float or Tensor, default 1e-2
        The learning rate to start with.
    lambd : float, default 1e-4
        How fast rate and parameters decay.
    alpha : float, default 0.75
        The power with which the rate falls.
    t0 : float, default 1e6
        The step after which to average.
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
    >>> optimizer = optim.ASGD([x], lr=0.25, lambd=0.0, t0=0)
    >>> for _ in range(2):
    ...     optimizer.zero_grad(); (x * x).sum().backward(); optimizer.step()
    >>> x.item(), optimizer.state[x]["ax"].item()
    (2.0, 2.0)
    """

    like_param = ("ax",)
    single = ("step", "eta", "mu")

    def __init__(self, params, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0,
                 foreach=None, maximize=False, differentiable=False, capturable=False):  # fmt: skip
        only_default(foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        for name in ("lr", "weight_decay"):
            in_range(name, options[name])

    def update(self, param: Tensor, grad: np.ndarray, state: dict, group: dict) -> None:
        """Change one parameter and its average."""
        if not state:
            state["step"] = number()
            state["eta"] = number(group["lr"])
            state["mu"] = number(1.0)
            state["ax"] = like(param)
        state["step"].array += 1
        kernels.step_scaled.asgd(
            param.array,
            grad,
            state["ax"].array,
            state["eta"].array,
            state["mu"].array,
            step=state["step"].array.item(),
            lr=float(group["lr"]),
            lambd=float(group["lambd"]),
            alpha=float(group["alpha"]),
            t0=float(group["t0"]),
            weight_decay=float(group["weight_decay"]),
            maximize=group["maximize"],
        )
