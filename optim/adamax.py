"""Adamax: Adam with a maximum in the denominator."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor
from optim.optimizer import Optimizer
from optim.options import betas_in_range, in_range, only_default
from optim.state import begin


class Adamax(Optimizer):
    """Adamax (Kingma & Ba 2015): divide by a fading maximum of the gradient's absolute values.

    The formula is that of `autograd.kernels.step_moments.adamax`.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float or Tensor, default 2e-3
        The learning rate.
    betas : (float, float), default (0.9, 0.999)
        How slowly the running mean forgets, and how slowly the maximum fades.
    eps : float, default 1e-8
        Added to the absolute values.
    weight_decay : float, default 0
        The factor of an L2 penalty, added to the gradient.
    maximize : bool, default False
        Ascend instead.
    foreach, capturable, differentiable : None or False
        PyTorch's choices of implementation.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor([8.0, -100.0], requires_grad=True)
    >>> optimizer = optim.Adamax([x], lr=1.0)
    >>> (x * x).sum().backward()
    >>> optimizer.step(); x.detach()
    tensor([  7., -99.])
    """

    like_param = ("exp_avg", "exp_inf")

    def __init__(self, params, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0,
                 foreach=None, *, maximize=False, differentiable=False,
                 capturable=False):  # fmt: skip
        only_default(foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        for name in ("lr", "eps", "weight_decay"):
            in_range(name, options[name])
        betas_in_range(options["betas"])

    def update(self, param: Tensor, grad: np.ndarray, state: dict, group: dict) -> None:
        """Change one parameter, its running mean and its maximum."""
        if not state:
            begin(state, param, self.like_param)
        state["step"].array += 1
        beta1, beta2 = group["betas"]
        kernels.step_moments.adamax(
            param.array,
            grad,
            state["exp_avg"].array,
            state["exp_inf"].array,
            step=state["step"].array.item(),
            lr=float(group["lr"]),
            beta1=float(beta1),
            beta2=float(beta2),
            eps=float(group["eps"]),
            weight_decay=float(group["weight_decay"]),
            maximize=group["maximize"],
        )
