"""Cross entropy of a linear layer's outputs, for vocabularies whose scores would not fit in memory.

With options, one op walks over the rows a few at a time and keeps two numbers of each; its gradient
computes the scores again. `_composed` is the same function in other ops, for higher derivatives.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError, DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.linear import linear
from autograd.ops.loss import REDUCTIONS, check_reduction
from autograd.ops.loss_class import IGNORE, check_labels, cross_entropy

POLICIES = ("auto", "accurate", "balanced", "compact")


@dataclass(frozen=True, slots=True)
class LinearCrossEntropyOptions:
    """How `linear_cross_entropy` is to save memory: how many rows it works on at a time.

    Parameters
    ----------
    allow_retain_graph : bool
        PyTorch's leave for a second backward pass through the loss; here it always may.
    batch_chunk_size : int, optional
        Rows at a time.
    chunking_method : {"auto", "aspect_ratio", "aspect_ratio:N", None}
        Without a `batch_chunk_size`: as many rows as have scores in the memory of the input, up to
        a power of two, and an N-th of that. "auto" is an N of 2; None takes all rows at once.
    acc_policy : {"auto", "accurate", "balanced", "compact"}
        PyTorch's choices for half precision. They differ in nothing for sums in the input's dtype.
    acc_dtype : dtype, optional
        The dtype of sums: that of the input, there is no other.

    Examples
    --------
    >>> import nn
    >>> nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio").rows(1000, 10, 50)
    256
    """

    allow_retain_graph: bool = False
    batch_chunk_size: int | None = None
    chunking_method: str | None = "auto"
    acc_policy: str = "auto"
    acc_dtype: Any = None

    def __post_init__(self) -> None:
        if self.acc_policy not in POLICIES:
            raise ValueError(f"acc_policy expected one of {POLICIES}, got {self.acc_policy!r}")
        size = self.batch_chunk_size
        if size is not None and not (isinstance(size, int) and size > 0):
            raise ValueError(f"batch_chunk_size expected an int > 0 or None, got {size!r}")
        if self.chunking_method not in (None, "auto"):
            self._divisor(self.chunking_method)

    @staticmethod
    def _divisor(method: str) -> int:
        name, colon, number = method.partition(":")
        if name != "aspect_ratio" or (colon and not (number.isdigit() and int(number))):
            raise ValueError(
                "chunking_method expected 'auto', 'aspect_ratio', 'aspect_ratio:N' with an N > 0 "
                f"or None, got {method!r}"
            )
        return int(number) if colon else 1

    def rows(self, num_batches: int, in_features: int, num_classes: int) -> int:
        """How many of the `num_batches` rows to work on at a time."""
        size, method = self.batch_chunk_size, self.chunking_method
        if method is None or (method == "auto" and size is not None):
            return max(1, min(size or num_batches, num_batches))
        target = math.ceil(num_batches / max(1, math.ceil(num_classes / max(1, in_features))))
        power = 1 << max(0, target - 1).bit_length()
        found = min(power // self._divisor("aspect_ratio:2" if method == "auto" else method),
                    num_batches)  # fmt: skip
        if size not in (None, found):
            raise ValueError(
                f"batch_chunk_size={size} and chunking_method={method!r}, which gives {found}, "
                "disagree: give one of them"
            )
        return max(1, found)

    def check_dtype(self, dtype) -> None:
        """Refuse sums in another dtype than the input's."""
        if self.acc_dtype is not None and np.dtype(self.acc_dtype) != dtype:
            raise DtypeError(
                f"acc_dtype={self.acc_dtype} is not supported for an input of {dtype}: sums are in "
                "the input's dtype, leave acc_dtype out"
            )


def _composed(input, weight, target, bias, class_weight, ignore_index, reduction, label_smoothing,
              rows):  # fmt: skip
    return cross_entropy(
        linear(input, weight, bias), target, class_weight, ignore_index=ignore_index,
        reduction=reduction, label_smoothing=label_smoothing,
    )  # fmt: skip


def _row_samples(rng):
    weight, target = rng.normal(size=(3, 2)), np.array([0, 2, -100, 1])
    for reduction in REDUCTIONS:
        options = {"reduction": reduction, "rows": 3}
        yield (rng.normal(size=(4, 2)), weight, target), options
        vectors = rng.normal(size=3), rng.uniform(0.5, 2, 3)
        options = {**options, "label_smoothing": 0.25, "ignore_index": 2}
        yield (rng.normal(size=(4, 2)), weight, target % 3, *vectors), options


@op(samples=_row_samples, residuals=("peak", "log_total"), reference=_composed, space="internal",
    shown_as="linear_cross_entropy")  # fmt: skip
def linear_cross_entropy_by_rows(
    input: Array, weight: Array, target: Array, bias: Array | None = None,
    class_weight: Array | None = None, ignore_index: int = IGNORE, reduction: str = "mean",
    label_smoothing: float = 0.0, rows: int = 1,
):  # fmt: skip
    """Return the cross entropy of ``linear(input, weight, bias)``, `rows` samples at a time."""
    scores = np.broadcast_to(np.zeros((), input.dtype), (len(input), len(weight)))  # no memory
    check_labels(scores, target, class_weight, ignore_index)
    return kernels.loss_linear.forward(
        input, weight, bias, target, class_weight, ignore_index, reduction, label_smoothing, rows
    )


def _rows_rule(g, input, weight, bias, target, class_weight, peak, log_total, ignore_index,
               reduction, label_smoothing, rows, needs):  # fmt: skip
    return tuple(kernels.loss_linear.gradients(
        g, input, weight, bias, target, class_weight, peak, log_total, ignore_index, reduction,
        label_smoothing, rows, needs,
    ))  # fmt: skip


linear_cross_entropy_by_rows.vjp(("input", "weight", "bias"), _rows_rule)


def _samples(rng):
    weight = rng.normal(size=(3, 2))
    yield (rng.normal(size=(4, 2)), weight, np.array([0, 2, -100, 1])), {}
    yield (rng.normal(size=2), weight, np.array(1)), {"label_smoothing": 0.5}
    yield (rng.normal(size=(2, 2)), weight, rng.dirichlet(np.ones(3), 2)), {"reduction": "none"}
    yield (rng.normal(size=(2, 2)), rng.normal(size=(3, 2, 2)), np.array([[0, 2], [1, 1]])), {}
    options = LinearCrossEntropyOptions(batch_chunk_size=2)
    yield (rng.normal(size=(5, 2)), weight, np.array([0, 2, 0, 1, 2])), {"options": options}


@composite(samples=_samples, space="nn")
def linear_cross_entropy(input, linear_weight, target, *, linear_bias=None, weight=None,
                         reduction: str = "mean", ignore_index: int | None = None,
                         label_smoothing: float = 0.0, options=None):  # fmt: skip
    """Return ``cross_entropy(linear(input, linear_weight, linear_bias), target, ...)``.

    Parameters
    ----------
    input : (in_features,) or (N, in_features)
    linear_weight : (C, in_features) or (C, d1, ..., in_features)
        Further dimensions are those of a target (N, d1, ...).
    target : integers of shape (), (N,) or (N, d1, ...), or floats of the shape of the scores
        Labels from 0 to C - 1, or the probability of each class.
    linear_bias : (C,) or (C, d1, ...), optional
    weight, reduction, label_smoothing
        As in `cross_entropy`.
    ignore_index : int, optional
        Labels of this value count nothing; -100 if not given.
    options : LinearCrossEntropyOptions, optional
        Work on a few rows at a time, so that all scores never are in memory together. For labels
        (N,); otherwise there is a warning, and all are.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.linear_cross_entropy(ag.tensor([[1e4]]), ag.tensor([[0.0], [1.0]]), ag.tensor([0]))
    tensor(10000.)
    """
    check_reduction(reduction, None, None)
    shape = _scores_shape(input, linear_weight, linear_bias)
    if target.shape == shape and ignore_index is not None:
        raise ArgumentError(
            f"linear_cross_entropy got {ignore_index=} and a target of class probabilities: there "
            "are no labels to ignore, leave it out"
        )
    ignore_index = IGNORE if ignore_index is None else ignore_index
    if options is not None:
        options.check_dtype(input.dtype)
        if linear_weight.ndim == 2 and target.dtype.kind in "iu" and target.shape != shape:
            single = input.ndim == 1
            batch, labels = (input[None], target[None]) if single else (input, target)
            rows = options.rows(len(batch), input.shape[-1], shape[-1])
            out = linear_cross_entropy_by_rows(
                batch, linear_weight, labels, linear_bias, weight, ignore_index, reduction,
                label_smoothing, rows,
            )  # fmt: skip
            return out[0] if single and reduction == "none" else out
        warnings.warn(
            "linear_cross_entropy: options are not used, they are for labels of shape (N,) and a "
            f"weight (C, in_features); got {target.dtype} of shape {tuple(target.shape)} and a "
            f"weight of shape {tuple(linear_weight.shape)}",
            stacklevel=2,
        )
    flat = linear_weight.reshape((-1, linear_weight.shape[-1]))
    scores = linear(input, flat, linear_bias if linear_bias is None else linear_bias.reshape(-1))
    return cross_entropy(
        scores.reshape(shape), target, weight, ignore_index=ignore_index, reduction=reduction,
        label_smoothing=label_smoothing,
    )  # fmt: skip


def _scores_shape(input, weight, bias) -> tuple[int, ...]:
    """The shape (N, C, d1, ...) of the scores, after all shapes were seen to fit."""
    if input.ndim not in (1, 2) or weight.ndim < 2 or input.shape[-1] != weight.shape[-1]:
        raise ShapeError(
            "linear_cross_entropy expected an input (in_features,) or (N, in_features) and a "
            f"weight (C, ..., in_features), got {tuple(input.shape)} and {tuple(weight.shape)}"
        )
    if weight.ndim > 2 and input.ndim == 1:
        raise ShapeError(
            f"linear_cross_entropy expected an input (N, {input.shape[0]}) for a weight of shape "
            f"{tuple(weight.shape)}, got one without a batch"
        )
    if bias is not None and bias.shape != weight.shape[:-1]:
        raise ShapeError(
            f"linear_cross_entropy expected a linear_bias of shape {tuple(weight.shape[:-1])}, "
            f"got {tuple(bias.shape)}"
        )
    return tuple(input.shape[:-1]) + tuple(weight.shape[:-1])
