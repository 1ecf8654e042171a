"""Adafactor: mean squares of rows and columns in place of one for every element."""

from __future__ import annotations

import numpy as np

from autograd import kernels
from autograd.tensor import Tensor, wrap
from optim.optimizer import Optimizer
from optim.options import in_range, only_default
from optim.state import like, number


class Adafactor(Optimizer):
    """Adafactor (Shazeer & Stern 2018), whose state for an n x m matrix is n + m numbers.

    The formula, PyTorch's variant with a learning rate, is that of
    `autograd.kernels.step_matrix.adafactor`.

    Parameters
    ----------
    params : iterable
        See `Optimizer`.
    lr : float or Tensor, default 1e-2
        The largest step, relative to the parameter's root mean square.
    beta2_decay : float, default -0.8
        The power of the step's number with which new gradients count less.
    eps : (float or None, float), default (None, 1e-3)
        The smallest root mean square of gradients (None: the dtype's epsilon) and of parameters.
    d : float, default 1.0
        The largest root mean square of an update.
    weight_decay : float, default 0
        Shrinks the parameters directly, as in `AdamW`.
    maximize : bool, default False
        Ascend instead.
    foreach : None or False
        PyTorch's choice of implementation.

    Examples
    --------
    >>> import autograd as ag, optim
    >>> weight = ag.ones(3, 2, requires_grad=True)
    >>> optimizer = optim.Adafactor([weight], lr=0.5)
    >>> (weight * weight).sum().backward()
    >>> optimizer.step(); weight.detach()[0]
    tensor([0.5, 0.5])
    """

    def __init__(self, params, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0,
                 weight_decay=0.0, *, foreach=None, maximize=False):  # fmt: skip
        only_default(foreach=foreach)
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def check(self, options) -> None:
        """Raise ValueError if an option is out of range."""
        in_range("lr", options["lr"])
        in_range("weight_decay", options["weight_decay"])
        in_range("d", options["d"], 1.0)
        if not options["beta2_decay"] <= 0:
            raise ValueError(f"beta2_decay expected a number <= 0, got {options['beta2_decay']}")
        eps = options["eps"]
        if not isinstance(eps, (tuple, list)) or len(eps) != 2:
            raise ValueError(f"eps expected two numbers, got {eps!r}")
        for i, value in enumerate(eps):
            if i or value is not None:
                in_range(f"eps[{i}]", value)

    def update(self, param: Tensor, grad: np.ndarray, state: dict, group: dict) -> None:
        """Change one parameter and its mean squares."""
        if not state:
            state["step"] = number()
            if param.ndim > 1:
                *rest, rows, columns = param.shape
                state["row_var"] = wrap(np.zeros((*rest, rows, 1), param.dtype))
                state["col_var"] = wrap(np.zeros((*rest, 1, columns), param.dtype))
            else:
                state["variance"] = like(param)
        state["step"].array += 1
        means = (state.get(name) for name in ("row_var", "col_var", "variance"))
        eps1, eps2 = group["eps"]
        kernels.step_matrix.adafactor(
            param.array,
            grad,
            *(None if mean is None else mean.array for mean in means),
            step=state["step"].array.item(),
            lr=float(group["lr"]),
            beta2_decay=float(group["beta2_decay"]),
            eps1=None if eps1 is None else float(eps1),
            eps2=float(eps2),
            d=float(group["d"]),
            weight_decay=float(group["weight_decay"]),
            maximize=group["maximize"],
        )
