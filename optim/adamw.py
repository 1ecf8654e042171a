"""AdamW: Adam with weight decay as it was meant."""

from __future__ import annotations

from optim.adam import Adam


class AdamW(Adam):
    """Adam whose weight decay shrinks parameters directly (Loshchilov & Hutter 2019).

    In `Adam` the decay is part of the gradient and is divided by its running root mean square, so
    that parameters with large gradients hardly decay. Here each step multiplies a parameter by
    ``1 - lr * weight_decay``.

    Parameters
    ----------
    params, lr, betas, eps, amsgrad, maximize
        As in `Adam`.
    weight_decay : float, default 1e-2

    Examples
    --------
    >>> import autograd as ag, optim
    >>> x = ag.tensor([2.0], requires_grad=True)
    >>> optimizer = optim.AdamW([x], lr=0.1, weight_decay=0.5)
    >>> x.grad = ag.zeros(1)
    >>> optimizer.step(); x.detach()
    tensor([1.9])
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2,
                 amsgrad=False, *, maximize=False, foreach=None, capturable=False,
                 differentiable=False, fused=None):  # fmt: skip
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )
