"""Losses of several labels at once, of sequences of labels, and of triplets under any distance."""

from __future__ import annotations

from collections.abc import Callable

from nn import functional as F
from nn.loss import _Loss, _WeightedLoss


class MultiLabelMarginLoss(_Loss):
    """How far other classes come within 1 of each label's score; a row of labels ends at -1.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.MultiLabelMarginLoss()(ag.tensor([0.0, 0.5, 1.0, 0.0]), ag.tensor([2, 1, -1, 0]))
    tensor(0.25)
    """

    def forward(self, input, target):
        """Return the loss."""
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Binary cross entropy of scores (..., C) with targets 0 and 1, averaged over the classes.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> round(nn.MultiLabelSoftMarginLoss()(ag.zeros(1, 2), ag.ones(1, 2)).item(), 4)
    0.6931
    """

    def forward(self, input, target):
        """Return the loss."""
        return F.multilabel_soft_margin_loss(
            input, target, weight=self.weight, reduction=self.reduction
        )


class TripletMarginWithDistanceLoss(_Loss):
    """By how much the positive is not nearer to the anchor than the negative, under any distance.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> loss = nn.TripletMarginWithDistanceLoss(
    ...     distance_function=lambda x, y: (x - y).abs().sum(-1)
    ... )
    >>> loss(ag.tensor([[0.0]]), ag.tensor([[1.0]]), ag.tensor([[1.5]]))
    tensor(0.5)
    """

    def __init__(self, *, distance_function: Callable | None = None, margin: float = 1.0,
                 swap: bool = False, reduction: str = "mean"):  # fmt: skip
        super().__init__(reduction=reduction)
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss expected a margin above 0, got {margin}"
            )
        self.distance_function = (
            F.pairwise_distance if distance_function is None else distance_function
        )
        self.margin = margin
        self.swap = swap

    def forward(self, anchor, positive, negative):
        """Return the loss."""
        return F.triplet_margin_with_distance_loss(
            anchor, positive, negative, distance_function=self.distance_function,
            margin=self.margin, swap=self.swap, reduction=self.reduction,
        )  # fmt: skip


class CTCLoss(_Loss):
    """Minus the log probability of label sequences, summed over all alignments (Graves 2006).

    `blank` is the symbol that stands for none. With `zero_infinity` targets too long for their
    input count as 0.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> log_probs = ag.zeros(4, 2, 3).log_softmax(-1)
    >>> loss = nn.CTCLoss()(log_probs, ag.tensor([[1, 2], [2, 0]]), (4, 4), (2, 1))
    >>> round(loss.item(), 4)
    1.4675
    """

    def __init__(self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False):
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs, targets, input_lengths, target_lengths):
        """Return the loss."""
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction,
            self.zero_infinity,
        )  # fmt: skip
