"""RAdam: Adam that needs no warm-up."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor
from optim.optimizer import Optimizer
from optim.options import betas_in_range, in_range, only_default
from optim.state import begin


class RAdam(Optimizer):
    """RAdam (Liu et al. 2020): Adam whose first steps are as careful as their statistics are poor.

    The formula is that of `autograd.kernels.step_moments.radam`.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float or Tensor, default 1e-3
        The learning rate.
    betas : (float, float), default (0.9, 0.999)
        How slowly the running means of the gradient and of its square forget.
    eps : float, default 1e-8
        Added to the denominator.
    weight_decay : float, default 0
        The factor of an L2 penalty, added to the gradient.
    decoupled_weight_decay : bool, default False
        Shrink the parameters by the decay directly, as `AdamW` does.
    maximize : bool, default False
        Ascend instead.
    foreach, capturable, differentiable : None or False
        PyTorch's choices of implementation.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor([8.0, -100.0], requires_grad=True)
    >>> optimizer = optim.RAdam([x], lr=0.25)
    >>> (x * x).sum().backward()
    >>> optimizer.step(); x.detach()  # the mean square of one gradient is not to be relied on
    tensor([  4., -50.])
    """

    like_param = ("exp_avg", "exp_avg_sq")

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0,
                 decoupled_weight_decay=False, *, foreach=None, maximize=False, capturable=False,
                 differentiable=False):  # fmt: skip
        only_default(foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        for name in ("lr", "eps", "weight_decay"):
            in_range(name, options[name])
        betas_in_range(options["betas"])

    def update(self, param: Tensor, grad: np.ndarray, state: dict, group: dict) -> None:
        """Change one parameter and its running means."""
        if not state:
            begin(state, param, self.like_param)
        state["step"].array += 1
        beta1, beta2 = group["betas"]
        kernels.step_moments.radam(
            param.array,
            grad,
            state["exp_avg"].array,
            state["exp_avg_sq"].array,
            step=state["step"].array.item(),
            lr=float(group["lr"]),
            beta1=float(beta1),
            beta2=float(beta2),
            eps=float(group["eps"]),
            weight_decay=float(group["weight_decay"]),
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )
