"""A last linear layer and its cross entropy in one."""

from __future__ import annotations

import math

from autograd.errors import ArgumentError, ShapeError
from autograd.ops.loss_linear import LinearCrossEntropyOptions as LinearCrossEntropyOptions
from autograd.tensor import Tensor
from nn import functional as F
from nn.linear import Linear
from nn.loss import _WeightedLoss


class LinearCrossEntropyLoss(_WeightedLoss):
    """`CrossEntropyLoss` of the outputs of a `Linear` layer that it owns.

    Parameters
    ----------
    in_features, num_classes : int
    out_features : tuple of int
        Further dimensions (d1, ...) of the target, each place with scores of its own.
    bias : bool
    reduction, weight, label_smoothing
        As in `CrossEntropyLoss`.
    ignore_index : int, optional
        A label that stands for "none"; -100 if not given.
    options : LinearCrossEntropyOptions, optional
        Never have all scores in memory at once: worth it where there are many classes.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> options = nn.LinearCrossEntropyOptions(batch_chunk_size=16)
    >>> loss = nn.LinearCrossEntropyLoss(8, 1000, options=options)
    >>> loss(ag.zeros(64, 8), ag.zeros(64, dtype=ag.int64)).shape
    ()
    """

    def __init__(self, in_features: int, num_classes: int, *, out_features: tuple[int, ...] = (),
                 bias: bool = False, device=None, dtype=None, reduction: str = "mean",
                 weight: Tensor | None = None, ignore_index: int | None = None,
                 label_smoothing: float = 0.0,
                 options: LinearCrossEntropyOptions | None = None):  # fmt: skip
        if weight is not None and weight.shape != (num_classes,):
            raise ShapeError(
                f"LinearCrossEntropyLoss expected a weight of shape {(num_classes,)}, got "
                f"{tuple(weight.shape)}"
            )
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError(
                f"label_smoothing expected a value from 0 to 1, got {label_smoothing}"
            )
        super().__init__(weight, reduction=reduction)
        self.num_classes = num_classes
        self.out_features = out_features
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        outputs = math.prod(out_features, start=num_classes)
        self.linear = Linear(in_features, outputs, bias=bias, device=device, dtype=dtype)
        self.options = options

    def forward(self, input, target):
        """Return the loss."""
        shape = (self.num_classes, *self.out_features)
        bias = self.linear.bias
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.linear.in_features),
            target,
            linear_bias=None if bias is None else bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self) -> str:
        return (
            f"in_features={self.linear.in_features}, num_classes={self.num_classes}, "
            f"out_features={self.out_features}, bias={self.linear.bias is not None}, "
            f"reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
