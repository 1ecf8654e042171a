"""Adam: a step of its own size for every element."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor
from optim.optimizer import Optimizer
from optim.options import betas_in_range, in_range, only_default
from optim.state import begin


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015): descend along mean over root mean square of the recent gradients.

    The formula is that of `autograd.kernels.step.adam`.

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
    amsgrad : bool, default False
        Divide by the largest mean square so far (Reddi et al. 2018).
    maximize : bool, default False
        Ascend instead.
    decoupled_weight_decay : bool, default False
        Shrink the parameters by the decay directly, which makes this `AdamW`.
    foreach, capturable, differentiable, fused : None or False
        PyTorch's choices of implementation.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor([8.0, -100.0], requires_grad=True)
    >>> optimizer = optim.Adam([x], lr=1.0)
    >>> (x * x).sum().backward()
    >>> optimizer.step(); x.detach()
    tensor([  7., -99.])
    """

    like_param = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    together = "adam"

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0,
                 amsgrad=False, *, foreach=None, maximize=False, capturable=False,
                 differentiable=False, fused=None, decoupled_weight_decay=False):  # fmt: skip
        only_default(
            foreach=foreach, capturable=capturable, differentiable=differentiable, fused=fused
        )
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        for name in ("lr", "eps", "weight_decay"):
            in_range(name, options[name])
        betas_in_range(options["betas"])

    def arrays(self, param: Tensor, state: dict, group: dict) -> tuple:
        """The count of steps, the running means and, if there is one, the largest mean square."""
        if not state:
            begin(state, param, self.like_param[: 3 if group["amsgrad"] else 2])
        return (
            state["step"].array,
            state["exp_avg"].array,
            state["exp_avg_sq"].array,
            state["max_exp_avg_sq"].array if group["amsgrad"] else None,
        )

    def settings(self, group: dict) -> tuple[float, ...]:
        """The options as numbers."""
        beta1, beta2 = group["betas"]
        return (
            float(group["lr"]),
            float(beta1),
            float(beta2),
            float(group["eps"]),
            float(group["weight_decay"]),
            group["decoupled_weight_decay"],
            group["maximize"],
        )

    def alone(self, row: tuple, grad: np.ndarray, group: dict) -> None:
        """Change one parameter and its running means."""
        param, step, *means = row
        lr, beta1, beta2, eps, weight_decay, decoupled, maximize = self.settings(group)
        step += 1
        kernels.step.adam(
            param, grad, *means, step=step.item(), lr=lr, beta1=beta1, beta2=beta2,
            eps=eps, weight_decay=weight_decay, decoupled=decoupled, maximize=maximize,
        )  # fmt: skip
