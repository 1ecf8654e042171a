"""Losses of scores against several labels at once, and of triplets under any distance."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autograd.errors import DtypeError, ShapeError
from autograd.op import composite
from autograd.ops.activation import logsigmoid
from autograd.ops.loss import array, check_reduction, check_shapes, reduced
from autograd.ops.loss_margin import pairwise_distance


def _margin_samples(rng):
    x, labels = rng.normal(size=(2, 4)) * 0.1, np.array([[3, 0, -1, 1], [1, -1, 2, 3]])
    for reduction in ("mean", "sum", "none"):
        yield (x, labels), {"reduction": reduction}
    yield (x[0], labels[0]), {}


@composite(samples=_margin_samples, space="nn")
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction: str = "mean"):
    """Return ``sum_ij max(0, 1 - x[label_i] + x[j]) / C`` over labels i and other classes j.

    Parameters
    ----------
    input : (C,) or (N, C)
    target : integers of the shape of `input`
        The labels of each sample; a row ends at its first -1.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.multilabel_margin_loss(ag.tensor([0.0, 0.5, 1.0, 0.0]), ag.tensor([2, 1, -1, 0]))
    tensor(0.25)
    """
    check_reduction(reduction, size_average, reduce)
    input, target = (x if x.ndim else x.reshape((1,)) for x in (input, target))
    check_shapes(input, target)
    labels = array(target)
    if input.ndim > 2 or not input.shape[-1]:
        raise ShapeError(f"multilabel_margin_loss expected (C,) or (N, C), got {input.shape}")
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"multilabel_margin_loss expected labels as integers, got {labels.dtype}")
    classes = input.shape[-1]
    scores, labels = input.reshape(-1, classes), labels.reshape(-1, classes)
    bad = (labels < -1) | (labels >= classes)
    if bad.any():
        raise IndexError(
            f"multilabel_margin_loss: label {labels[bad][0]} is out of range for {classes} classes"
        )
    given = np.cumprod(labels >= 0, axis=1, dtype=bool)  # up to the first -1
    rows = np.arange(len(labels))[:, None]
    is_label = np.zeros(labels.shape, bool)
    is_label[np.broadcast_to(rows, labels.shape)[given], labels[given]] = True
    gap = 1.0 - scores[rows, labels][:, :, None] + scores[:, None, :]
    counts = given[:, :, None] & ~is_label[:, None, :] & (array(gap) > 0)
    losses = np.sum(np.where(counts, gap, 0.0), axis=(1, 2)) / classes
    return reduced(losses if input.ndim == 2 else losses[0], reduction)


def _soft_samples(rng):
    x, y = rng.normal(size=(2, 3)), rng.integers(0, 2, (2, 3)).astype(float)
    for reduction in ("mean", "sum", "none"):
        yield (x, y), {"reduction": reduction}
    yield (x, y, rng.uniform(0.5, 2, 3)), {}


@composite(samples=_soft_samples, space="nn")
def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None,
                                reduction: str = "mean"):  # fmt: skip
    """Return the binary cross entropy of scores, averaged over the classes, reduced.

    Parameters
    ----------
    input, target : (..., C)
        Scores, and for each class whether it is meant: 0 or 1.
    weight : (C,), optional
        A factor for each class.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.multilabel_soft_margin_loss(ag.tensor([[-1e4, 1e4]]), ag.tensor([[1.0, 1.0]]))
    tensor(5000.)
    """
    check_reduction(reduction, size_average, reduce)
    check_shapes(input, target)
    losses = -(target * logsigmoid(input) + (1.0 - target) * logsigmoid(-input))
    if weight is not None:
        if np.broadcast_shapes(weight.shape, input.shape) != input.shape:
            raise ShapeError(
                f"multilabel_soft_margin_loss expected a weight for each of {input.shape[-1]} "
                f"classes, got shape {weight.shape}"
            )
        losses = losses * weight
    return reduced(np.sum(losses, axis=-1) / input.shape[-1], reduction)


def _triplet_samples(rng):
    triple = tuple(rng.normal(size=(2, 3)) for _ in range(3))
    yield triple, {"margin": 9.0}
    yield triple, {"margin": 9.0, "swap": True, "reduction": "none"}


@composite(samples=_triplet_samples, space="nn")
def triplet_margin_with_distance_loss(anchor, positive, negative, *,
                                      distance_function: Callable | None = None,
                                      margin: float = 1.0, swap: bool = False,
                                      reduction: str = "mean"):  # fmt: skip
    """Return ``max(0, margin + d(anchor, positive) - d(anchor, negative))``, reduced.

    Parameters
    ----------
    anchor, positive, negative : Tensor
        Of one shape, or what the distance function takes.
    distance_function : callable, optional
        Gives the distance d of two tensors; by default `pairwise_distance`.
    margin : float
        Above 0.
    swap : bool
        Let the positive take the anchor's place where it is nearer to the negative.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> a, b = ag.tensor([[0.0, 0.0]]), ag.tensor([[3.0, 4.0]])
    >>> def city_block(x, y):
    ...     return (x - y).abs().sum(-1)
    >>> F.triplet_margin_with_distance_loss(a, b, a, distance_function=city_block)
    tensor(8.)
    """
    check_reduction(reduction)
    if margin <= 0:
        raise ValueError(
            f"triplet_margin_with_distance_loss expected a margin above 0, got {margin}"
        )
    distance = pairwise_distance if distance_function is None else distance_function
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise ShapeError(
            "triplet_margin_with_distance_loss expected tensors of one number of dimensions, got "
            f"{anchor.shape}, {positive.shape} and {negative.shape}"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = np.minimum(far, distance(positive, negative))
    gap = margin + near - far
    return reduced(np.where(gap < 0, 0.0, gap), reduction)
