"""Losses: how far an output is from its target, as one number to minimise.

All take ``reduction="mean"`` (the default), ``"sum"`` or ``"none"``.
"""

from __future__ import annotations

import warnings

from autograd.tensor import Tensor
from nn import functional as F
from nn.module import Module


class _Loss(Module):
    reductions: tuple[str, ...] = ("none", "mean", "sum")

    def __init__(self, size_average=None, reduce=None, reduction: str = "mean"):
        super().__init__()
        for name, value in (("size_average", size_average), ("reduce", reduce)):
            if value is not None:
                raise ValueError(f"{name} is not supported: use reduction='mean', 'sum' or 'none'")
        if reduction not in self.reductions:
            raise ValueError(f"reduction expected one of {self.reductions}, got {reduction!r}")
        self.reduction = reduction


class _WeightedLoss(_Loss):
    weight: Tensor | None

    def __init__(
        self, weight: Tensor | None = None, size_average=None, reduce=None, reduction: str = "mean"
    ):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """Mean absolute difference.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.L1Loss()(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 4.0]))
    tensor(1.)
    """

    def forward(self, input, target):
        """Return the loss."""
        return F.l1_loss(input, target, reduction=self.reduction)


class MSELoss(_Loss):
    """Mean squared difference.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.MSELoss()(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 4.0]))
    tensor(2.)
    """

    def forward(self, input, target):
        """Return the loss."""
        return F.mse_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """Squared difference over ``2 * beta`` below `beta`, absolute difference minus beta/2 above.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.SmoothL1Loss()(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 4.0]))
    tensor(0.75)
    """

    def __init__(self, size_average=None, reduce=None, reduction: str = "mean", beta: float = 1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        """Return the loss."""
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """Half the squared difference below `delta`, ``delta * (difference - delta / 2)`` above.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.HuberLoss()(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 4.0]))
    tensor(0.75)
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0):
        if not isinstance(delta, (float, int)):
            raise TypeError(f"HuberLoss expected delta to be a float, got {delta!r}")
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input, target):
        """Return the loss."""
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class CrossEntropyLoss(_WeightedLoss):
    """Cross entropy of scores (N, C, ...) with labels (N, ...) or with probabilities (N, C, ...).

    The scores are logits: softmax is part of the loss.

    Parameters
    ----------
    weight : Tensor of shape (C,), optional
    ignore_index : int, default -100
        A label that stands for "none".
    label_smoothing : float, default 0
        The share of the target that is spread over all classes (Szegedy et al. 2016).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> loss = nn.CrossEntropyLoss()(ag.zeros(2, 4), ag.tensor([3, 1]))
    >>> round(loss.item(), 4)
    1.3863
    """

    def __init__(self, weight: Tensor | None = None, size_average=None, ignore_index: int = -100,
                 reduce=None, reduction: str = "mean", label_smoothing: float = 0.0):  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input, target):
        """Return the loss."""
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_WeightedLoss):
    """Minus the log-probabilities (N, C, ...) of the labels (N, ...).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.NLLLoss()(ag.tensor([[-0.5, -1.0]]), ag.tensor([1]))
    tensor(1.)
    """

    def __init__(self, weight: Tensor | None = None, size_average=None, ignore_index: int = -100,
                 reduce=None, reduction: str = "mean"):  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        """Return the loss."""
        return F.nll_loss(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class NLLLoss2d(NLLLoss):
    """An older name of `NLLLoss`, which warns.

    Examples
    --------
    >>> import warnings, nn
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     isinstance(nn.NLLLoss2d(), nn.NLLLoss), len(caught)
    (True, 1)
    """

    def __init__(self, weight: Tensor | None = None, size_average=None, ignore_index: int = -100,
                 reduce=None, reduction: str = "mean"):  # fmt: skip
        warnings.warn("nn.NLLLoss2d is deprecated: use nn.NLLLoss", FutureWarning, stacklevel=2)
        super().__init__(weight, size_average, ignore_index, reduce, reduction)


class BCELoss(_WeightedLoss):
    """Binary cross entropy of probabilities with targets between 0 and 1.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> round(nn.BCELoss()(ag.tensor([0.5]), ag.tensor([1.0])).item(), 4)
    0.6931
    """

    def forward(self, input, target):
        """Return the loss."""
        return F.binary_cross_entropy(input, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Binary cross entropy of scores, whose sigmoid is part of the loss.

    `pos_weight` multiplies the part of the loss that comes from positive targets.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> round(nn.BCEWithLogitsLoss()(ag.tensor([0.0]), ag.tensor([1.0])).item(), 4)
    0.6931
    """

    weight: Tensor | None
    pos_weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, size_average=None, reduce=None,
                 reduction: str = "mean", pos_weight: Tensor | None = None):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        """Return the loss."""
        return F.binary_cross_entropy_with_logits(
            input,
            target,
            weight=self.weight,
            pos_weight=self.pos_weight,
            reduction=self.reduction,
        )


class KLDivLoss(_Loss):
    """Kullback-Leibler divergence of log-probabilities from a target distribution.

    The target holds probabilities, or their logarithms with `log_target`. With
    ``reduction="batchmean"``, the sum over the batch size, it is the divergence of mathematics.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> half = ag.tensor([[0.5, 0.5]])
    >>> nn.KLDivLoss(reduction="batchmean")(half.log(), half)
    tensor(0.)
    """

    reductions = ("none", "mean", "batchmean", "sum")

    def __init__(self, size_average=None, reduce=None, reduction: str = "mean",
                 log_target: bool = False):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        """Return the loss."""
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)
