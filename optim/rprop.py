"""Rprop: only the sign of the gradient counts."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor
from optim.optimizer import Optimizer
from optim.options import in_range, only_default
from optim.state import like, number


class Rprop(Optimizer):
    """Resilient propagation (Riedmiller & Braun 1993), for gradients of the whole data set.

    Each element has a step size that grows while its gradient keeps its sign and shrinks when it
    turns (`autograd.kernels.step_scaled.rprop`).

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float or Tensor, default 1e-2
        The step size to start with.
    etas : (float, float), default (0.5, 1.2)
        The factors by which step sizes shrink and grow.
    step_sizes : (float, float), default (1e-6, 50)
        The smallest and the largest step size.
    maximize : bool, default False
        Ascend instead.
    foreach, capturable, differentiable : None or False
        PyTorch's choices of implementation.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor([8.0, -100.0], requires_grad=True)
    >>> optimizer = optim.Rprop([x], lr=1.0)
    >>> (x * x).sum().backward()
    >>> optimizer.step(); x.detach()
    tensor([  7., -99.])
    """

    like_param = ("prev", "step_size")

    def __init__(self, params, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50), *,
                 capturable=False, foreach=None, maximize=False, differentiable=False):  # fmt: skip
        only_default(foreach=foreach, capturable=capturable, differentiable=differentiable)
        defaults = {"lr": lr, "etas": etas, "step_sizes": step_sizes, "maximize": maximize}
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        in_range("lr", options["lr"])
        for name in ("etas", "step_sizes"):
            if not isinstance(options[name], (tuple, list)) or len(options[name]) != 2:
                raise ValueError(f"{name} expected two numbers, got {options[name]!r}")
        shrink, grow = options["etas"]
        if not 0 < shrink < 1 < grow:
            raise ValueError(f"etas expected 0 < etas[0] < 1 < etas[1], got {options['etas']}")

    def update(self, param: Tensor, grad: np.ndarray, state: dict, group: dict) -> None:
        """Change one parameter and its step sizes."""
        if not state:
            state["step"] = number()
            state["prev"] = like(param)
            state["step_size"] = like(param, float(group["lr"]))
        state["step"].array += 1
        shrink, grow = group["etas"]
        smallest, largest = group["step_sizes"]
        kernels.step_scaled.rprop(
            param.array,
            grad,
            state["prev"].array,
            state["step_size"].array,
            shrink=float(shrink),
            grow=float(grow),
            smallest=float(smallest),
            largest=float(largest),
            maximize=group["maximize"],
        )
