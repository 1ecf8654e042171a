"""Losses of margins, of pairs and triplets, and of distributions with parameters."""

from __future__ import annotations

from autograd.tensor import Tensor
from nn import functional as F
from nn.loss import _Loss, _WeightedLoss
from nn.module import Module


class HingeEmbeddingLoss(_Loss):
    """The input itself where the target is 1, ``max(0, margin - input)`` where it is -1.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.HingeEmbeddingLoss()(ag.tensor([0.5, 0.25]), ag.tensor([1.0, -1.0]))
    tensor(0.625)
    """

    def __init__(self, margin: float = 1.0, size_average=None, reduce=None,
                 reduction: str = "mean"):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input, target):
        """Return the loss."""
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """``max(0, margin - target * (input1 - input2))``, target 1 or -1: which should rank higher.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.MarginRankingLoss()(ag.tensor([1.0]), ag.tensor([3.0]), ag.tensor([1.0]))
    tensor(2.)
    """

    def __init__(self, margin: float = 0.0, size_average=None, reduce=None,
                 reduction: str = "mean"):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        """Return the loss."""
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class SoftMarginLoss(_Loss):
    """``log(1 + exp(-target * input))`` with targets 1 and -1.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> round(nn.SoftMarginLoss()(ag.zeros(1), ag.ones(1)).item(), 4)
    0.6931
    """

    def forward(self, input, target):
        """Return the loss."""
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """How far the scores (N, C) of other classes come within `margin` of the label's, to power `p`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.MultiMarginLoss()(ag.tensor([[0.5, 1.0]]), ag.tensor([1]))
    tensor(0.25)
    """

    def __init__(self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None,
                 size_average=None, reduce=None, reduction: str = "mean"):  # fmt: skip
        super().__init__(weight, size_average, reduce, reduction)
        self.p = p
        self.margin = margin

    def forward(self, input, target):
        """Return the loss."""
        return F.multi_margin_loss(
            input, target, self.p, self.margin, self.weight, reduction=self.reduction
        )


class CosineEmbeddingLoss(_Loss):
    """``1 - cos`` of a pair whose target is 1, ``max(0, cos - margin)`` where it is -1.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> x = ag.tensor([[1.0, 0.0]])
    >>> nn.CosineEmbeddingLoss()(x, x, ag.tensor([-1.0]))
    tensor(1.)
    """

    def __init__(self, margin: float = 0.0, size_average=None, reduce=None,
                 reduction: str = "mean"):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        """Return the loss."""
        return F.cosine_embedding_loss(
            input1, input2, target, self.margin, reduction=self.reduction
        )


class TripletMarginLoss(_Loss):
    """By how much the positive is not nearer to the anchor than the negative, with a margin.

    `p` is the norm, and with `swap` the negative's distance to the positive counts if that is less.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> anchor, positive, negative = ag.tensor([[0.0]]), ag.tensor([[1.0]]), ag.tensor([[1.5]])
    >>> round(nn.TripletMarginLoss()(anchor, positive, negative).item(), 4)
    0.5
    """

    def __init__(self, margin: float = 1.0, p: float = 2.0, eps: float = 1e-6, swap: bool = False,
                 size_average=None, reduce=None, reduction: str = "mean"):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss expected a margin above 0, got {margin}")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor, positive, negative):
        """Return the loss."""
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap,
            reduction=self.reduction,
        )  # fmt: skip


class PoissonNLLLoss(_Loss):
    """Minus the log-likelihood of counts under Poisson rates: ``exp(input) - target * input``.

    With ``log_input=False`` the input is the rate itself; `full` adds Stirling's approximation of
    the term that does not depend on it.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.PoissonNLLLoss()(ag.zeros(1), ag.ones(1))
    tensor(1.)
    """

    def __init__(self, log_input: bool = True, full: bool = False, size_average=None,
                 eps: float = 1e-8, reduce=None, reduction: str = "mean"):  # fmt: skip
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input, target):
        """Return the loss."""
        return F.poisson_nll_loss(
            log_input, target, self.log_input, self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """Minus the log-likelihood of targets under normal distributions of given mean and variance.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.GaussianNLLLoss()(ag.zeros(1), ag.ones(1), ag.ones(1))
    tensor(0.5)
    """

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean"):
        super().__init__(reduction=reduction)
        self.full = full
        self.eps = eps

    def forward(self, input, target, var):
        """Return the loss."""
        return F.gaussian_nll_loss(
            input, target, var, full=self.full, eps=self.eps, reduction=self.reduction
        )


class CosineSimilarity(Module):
    """The cosine of the angle between vectors along `dim`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.CosineSimilarity()(ag.tensor([[3.0, 0.0]]), ag.tensor([[2.0, 0.0]]))
    tensor([1.])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1, x2):
        """Return the similarity of each pair."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)


class PairwiseDistance(Module):
    """The norm of the difference of vectors along the last dimension.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.PairwiseDistance(eps=0.0)(ag.tensor([[3.0, 0.0]]), ag.tensor([[0.0, 4.0]]))
    tensor([5.])
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1, x2):
        """Return the distance of each pair."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)
