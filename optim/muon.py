"""Muon: momentum made orthogonal."""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor
from optim.optimizer import Optimizer
from optim.options import in_range
from optim.state import like

ADJUSTMENTS = (None, "original", "match_rms_adamw")


class Muon(Optimizer):
    """Muon (Jordan et al. 2024): for matrices, a step of equal size in every direction.

    For the weights of hidden layers; leave biases, norms, embeddings and the output layer to an
    `AdamW` beside it. The formula is that of `autograd.kernels.step_matrix.muon`.

    Parameters
    ----------
    params : iterable
        See `Optimizer`; all of two axes.
    lr : float or Tensor, default 1e-3
        The learning rate.
    weight_decay : float, default 0.1
        Shrinks the parameters directly, as in `AdamW`.
    momentum : float, default 0.95
    nesterov : bool, default True
        Look ahead by the momentum.
    ns_coefficients : (float, float, float), default (3.4445, -4.775, 2.0315)
        Of the polynomial that is applied to the singular values.
    eps : float, default 1e-7
        The smallest norm to divide by.
    ns_steps : int, default 5
        How often the polynomial is applied.
    adjust_lr_fn : {None, "original", "match_rms_adamw"}
        For an n x m matrix multiply `lr` by ``sqrt(max(1, n / m))`` (the first two), or by
        ``0.2 * sqrt(max(n, m))``, with which rates that suit `AdamW` can be kept.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> weight = ag.eye(2).requires_grad_()
    >>> optimizer = optim.Muon([weight], lr=0.5, weight_decay=0.0)
    >>> (100 * weight.sum()).backward()
    >>> optimizer.step(); bool((weight.detach() < ag.eye(2)).all())
    True
    """

    like_param = ("momentum_buffer",)

    def __init__(self, params, lr=1e-3, weight_decay=0.1, momentum=0.95, nesterov=True,
                 ns_coefficients=(3.4445, -4.7750, 2.0315), eps=1e-7, ns_steps=5,
                 adjust_lr_fn=None):  # fmt: skip
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        for name in ("lr", "weight_decay", "momentum"):
            in_range(name, options[name])
        if options["adjust_lr_fn"] not in ADJUSTMENTS:
            raise ValueError(
                f"adjust_lr_fn expected one of {ADJUSTMENTS}, got {options['adjust_lr_fn']!r}"
            )
        if len(options["ns_coefficients"]) != 3:
            raise ValueError(
                f"ns_coefficients expected three numbers, got {options['ns_coefficients']!r}"
            )
        in_range("ns_steps", options["ns_steps"], 0, 100)

    def _check_params(self, params: list) -> None:
        super()._check_params(params)
        for i, param in enumerate(params):
            if param.ndim != 2:
                raise ValueError(
                    f"Muon optimises matrices, params[{i}] has shape {param.shape}: leave such "
                    "parameters to another optimizer, AdamW for example"
                )

    def update(self, param: Tensor, grad: np.ndarray, state: dict, group: dict) -> None:
        """Change one parameter and its momentum."""
        if not state:
            state["momentum_buffer"] = like(param)
        lr = float(group["lr"])
        rows, columns = param.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            rate = lr * (0.2 * math.sqrt(max(rows, columns)))
        else:
            rate = lr * math.sqrt(max(1, rows / columns))
        kernels.step_matrix.muon(
            param.array,
            grad,
            state["momentum_buffer"].array,
            lr=lr,
            rate=rate,
            weight_decay=float(group["weight_decay"]),
            momentum=float(group["momentum"]),
            nesterov=group["nesterov"],
            coefficients=tuple(map(float, group["ns_coefficients"])),
            steps=group["ns_steps"],
            eps=float(group["eps"]),
        )
