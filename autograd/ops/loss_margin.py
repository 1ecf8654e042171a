"""Losses of likelihoods, margins and similarities, composed of other ops."""

from __future__ import annotations

import math

import numpy as np

from autograd.errors import DtypeError, ShapeError
from autograd.op import composite
from autograd.ops.activation import logsigmoid
from autograd.ops.loss import array, check_reduction, check_shapes, reduced
from autograd.ops.shape import reshape


def _hinge(x):
    """max(x, 0), with the derivative 1 at 0 that PyTorch's clamp has."""
    return np.where(x < 0, 0.0, x)


def _signs(rng, shape):
    return rng.choice([-1.0, 1.0], size=shape)


# -- likelihoods -----------------------------------------------------------------------------------


def _poisson_samples(rng):
    x, y = rng.uniform(0.5, 2, (2, 3)), rng.uniform(1.5, 4, (2, 3))
    for keywords in ({}, {"log_input": False}, {"full": True}, {"reduction": "none"}):
        yield (x, y), keywords


@composite(samples=_poisson_samples, space="nn")
def poisson_nll_loss(input, target, log_input: bool = True, full: bool = False, size_average=None,
                     eps: float = 1e-8, reduce=None, reduction: str = "mean"):  # fmt: skip
    """Return minus the log likelihood of counts `target` under Poisson rates, reduced.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    log_input : bool
        Whether `input` is the logarithm of the rate, or the rate itself (`eps` is added to it).
    full : bool
        Add Stirling's approximation of ``log(target!)`` for targets above 1.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.poisson_nll_loss(ag.tensor([0.0]), ag.tensor([2.0]))
    tensor(1.)
    """
    check_reduction(reduction, size_average, reduce)
    check_shapes(input, target)
    losses = np.exp(input) - target * input if log_input else input - target * np.log(input + eps)
    if full:
        many = target > 1
        count = np.where(many, target, 1.0)
        stirling = count * np.log(count) - count + 0.5 * np.log(2 * math.pi * count)
        losses = losses + np.where(many, stirling, 0.0)
    return reduced(losses, reduction)


def _gaussian_samples(rng):
    x, y, var = rng.normal(size=(2, 3)), rng.normal(size=(2, 3)), rng.uniform(0.5, 2, (2, 3))
    yield (x, y, var), {}
    yield (x, y, var[:, 0]), {"full": True, "reduction": "sum"}
    yield (x, y, var[:, :1]), {"reduction": "none"}


@composite(samples=_gaussian_samples, space="nn")
def gaussian_nll_loss(input, target, var, full: bool = False, eps: float = 1e-6,
                      reduction: str = "mean"):  # fmt: skip
    """Return minus the log likelihood of `target` under normal distributions, reduced.

    Parameters
    ----------
    input, target : Tensor
        Means and observations: of one shape, or with dimensions of size 1 in `target`.
    var : Tensor or float
        Variances: of that shape, or without the last dimension, or with one dimension of size 1.
        Values below `eps` count as `eps`, with the gradient they would have without that.
    full : bool
        Add the constant ``log(2 pi) / 2``.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.gaussian_nll_loss(ag.tensor([0.0]), ag.tensor([2.0]), ag.tensor([1.0]))
    tensor(2.)
    """
    check_reduction(reduction)
    if target.ndim and tuple(n for n in target.shape if n != 1) != tuple(
        n for n, m in zip(input.shape, target.shape, strict=False) if m != 1
    ):
        check_shapes(input, target)
    if isinstance(var, (int, float)):
        var = np.full(input.shape, var, input.dtype)
    values = array(var)
    if (values < 0).any():
        raise ValueError(f"gaussian_nll_loss expected variances >= 0, got {values.min()}")
    if var.shape != input.shape:
        if var.shape == input.shape[:-1]:
            var = var[..., None]
        differing = [n for n, m in zip(var.shape, input.shape, strict=False) if n != m]
        if var.ndim != input.ndim or differing != [1]:
            raise ShapeError(
                f"gaussian_nll_loss expected var of shape {input.shape}, {input.shape[:-1]}, or "
                f"with one dimension of size 1; got {values.shape}"
            )
    var = var + np.maximum(eps - array(var), 0)
    losses = 0.5 * (np.log(var) + (input - target) ** 2 / var)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


# -- margins ---------------------------------------------------------------------------------------


def _hinge_samples(rng):
    yield (rng.normal(size=(2, 3)), _signs(rng, (2, 3))), {"margin": 5.0}


@composite(samples=_hinge_samples, space="nn")
def hinge_embedding_loss(input, target, margin: float = 1.0, size_average=None, reduce=None,
                         reduction: str = "mean"):  # fmt: skip
    """Return `input` where `target` is 1, ``max(0, margin - input)`` where it is -1, reduced.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.hinge_embedding_loss(ag.tensor([0.5, 0.25]), ag.tensor([1.0, -1.0]), reduction="none")
    tensor([0.5 , 0.75])
    """
    check_reduction(reduction, size_average, reduce)
    check_shapes(input, target)
    apart = np.where(target != 1, _hinge(margin - input), 0.0)
    return reduced(apart + np.where(target != -1, input, 0.0), reduction)


def _ranking_samples(rng):
    yield (rng.normal(size=4), rng.normal(size=4), _signs(rng, 4)), {"margin": 9.0}


@composite(samples=_ranking_samples, space="nn")
def margin_ranking_loss(input1, input2, target, margin: float = 0.0, size_average=None, reduce=None,
                        reduction: str = "mean"):  # fmt: skip
    """Return ``max(0, margin - target * (input1 - input2))``, reduced.

    `target` is 1 where `input1` should be the larger, -1 where `input2` should.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.margin_ranking_loss(ag.tensor([1.0]), ag.tensor([3.0]), ag.tensor([1.0]))
    tensor(2.)
    """
    check_reduction(reduction, size_average, reduce)
    check_shapes(input1, input2, "input2")
    check_shapes(input1, target)
    return reduced(_hinge(margin - target * (input1 - input2)), reduction)


def _soft_samples(rng):
    yield (rng.normal(size=(2, 3)), _signs(rng, (2, 3))), {}


@composite(samples=_soft_samples, space="nn")
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction: str = "mean"):
    """Return ``log(1 + exp(-target * input))`` for targets 1 and -1, reduced.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.soft_margin_loss(ag.tensor([1e4, 1e4]), ag.tensor([1.0, -1.0]), reduction="none")
    tensor([    0., 10000.])
    """
    check_reduction(reduction, size_average, reduce)
    check_shapes(input, target)
    return reduced(-logsigmoid(target * input), reduction)


def _multi_samples(rng):
    x, labels = rng.normal(size=(2, 3)), np.array([0, 2])
    yield (x, labels), {"margin": 9.0}
    yield (x, labels, 2, 9.0, rng.uniform(0.5, 2, 3)), {}


@composite(samples=_multi_samples, space="nn")
def multi_margin_loss(input, target, p: int = 1, margin: float = 1.0, weight=None,
                      size_average=None, reduce=None, reduction: str = "mean"):  # fmt: skip
    """Return ``sum_j max(0, margin - x[label] + x[j])**p / C`` over the other classes j, reduced.

    Parameters
    ----------
    input : (N, C) or (C,)
    target : (N,) or () of integers
    p : {1, 2}
    weight : (C,), optional
        A factor for the samples of each class.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.multi_margin_loss(ag.tensor([[1.0, 2.0]]), ag.tensor([0]))
    tensor(1.)
    """
    check_reduction(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError(f"multi_margin_loss expected p 1 or 2, got {p}")
    labels = array(target)
    shape = tuple(input.shape)
    count, classes = shape if len(shape) == 2 else (1, *(shape or (1,)))[-2:]
    if len(shape) > 2 or labels.ndim > 1 or labels.size != count or not classes:
        raise ShapeError(
            f"multi_margin_loss expected scores (N, C) and labels (N,), got {shape} and "
            f"{labels.shape}"
        )
    input, places = reshape(input, (count, classes)), labels.reshape(count)
    if labels.dtype.kind not in "iu":
        raise DtypeError(f"multi_margin_loss expected labels as integers, got {labels.dtype}")
    bad = np.flatnonzero((places < 0) | (places >= classes))
    if bad.size:
        raise IndexError(
            f"multi_margin_loss: label {places[bad[0]]} at position {bad[0]} is out of range for "
            f"{classes} classes"
        )
    others = np.arange(classes) != places[:, None]
    gap = margin - input[np.arange(count), places][:, None] + input
    cost = np.where(others & array(gap > 0), gap, 0.0) ** p
    if weight is not None:
        if tuple(weight.shape) != (classes,):
            raise ShapeError(
                f"multi_margin_loss expected a weight for each of {classes} classes, got shape "
                f"{tuple(weight.shape)}"
            )
        cost = cost * weight[places][:, None]
    return reduced(reshape(np.sum(cost, axis=1) / classes, labels.shape), reduction)


# -- similarities ----------------------------------------------------------------------------------


def _norm(x, dim):
    """The length of vectors, with the gradient 0 for a vector of zeros."""
    square = np.sum(x * x, axis=dim)
    zero = square == 0
    return np.where(zero, 0.0, np.sqrt(np.where(zero, 1.0, square)))


def _similarity_samples(rng):
    yield (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {}
    yield (rng.normal(size=(2, 3)), rng.normal(size=(4, 1, 3))), {"dim": -1}
    yield (rng.normal(size=3), rng.normal(size=3)), {"dim": 0}


@composite(samples=_similarity_samples, space="both")
def cosine_similarity(x1, x2, dim: int = 1, eps: float = 1e-8):
    """Return the cosine of the angle between vectors that lie along `dim`.

    Parameters
    ----------
    x1, x2 : Tensor
        In shapes that broadcast; `dim` counts in their common shape.
    eps : float
        Shorter vectors are taken for vectors of this length.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cosine_similarity(ag.tensor([[3.0, 4.0]]), ag.tensor([[1.0, 0.0]]))
    tensor([0.6])
    """
    shape = np.broadcast_shapes(x1.shape, x2.shape)
    x1, x2 = (x if x.shape == shape else np.broadcast_to(x, shape) for x in (x1, x2))

    def at_least_eps(norm):  # with a gradient as if nothing was cut off
        return norm + np.maximum(eps - array(norm), 0)

    lengths = at_least_eps(_norm(x1, dim)) * at_least_eps(_norm(x2, dim))
    return np.sum(x1 * x2, axis=dim) / lengths


def _cosine_samples(rng):
    signs = np.array([1.0, -1.0, 1.0])
    yield (rng.normal(size=(3, 4)), rng.normal(size=(3, 4)), signs), {"margin": -1.0}
    yield (rng.normal(size=4), rng.normal(size=4), np.array(1.0)), {}


@composite(samples=_cosine_samples, space="nn")
def cosine_embedding_loss(input1, input2, target, margin: float = 0.0, size_average=None,
                          reduce=None, reduction: str = "mean"):  # fmt: skip
    """Return ``1 - cos`` where `target` is 1, ``max(0, cos - margin)`` where it is -1, reduced.

    Parameters
    ----------
    input1, input2 : (N, D) or (D,)
    target : (N,) or ()
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.cosine_embedding_loss(ag.tensor([[3.0, 0.0]]), ag.tensor([[0.0, 1.0]]), ag.tensor([1.0]))
    tensor(1.)
    """
    check_reduction(reduction, size_average, reduce)
    check_shapes(input1, input2, "input2")
    if input1.ndim not in (1, 2) or target.shape != input1.shape[:-1]:
        raise ShapeError(
            "cosine_embedding_loss expected inputs (N, D) with a target (N,), or (D,) with (); got "
            f"{input1.shape} with {target.shape}"
        )
    cosine = cosine_similarity(input1, input2, dim=-1)
    together = np.where(target == 1, 1.0 - cosine, 0.0)
    return reduced(together + np.where(target == -1, _hinge(cosine - margin), 0.0), reduction)


def _distance_samples(rng):
    for p in (1.0, 2.0, 3.0, math.inf):
        yield (rng.normal(size=(2, 3)), rng.normal(size=(4, 1, 3))), {"p": p, "keepdim": p == 2}


@composite(samples=_distance_samples, space="both")
def pairwise_distance(x1, x2, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
    """Return the p-norm of ``x1 - x2 + eps`` along the last dimension.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.pairwise_distance(ag.tensor([[3.0, 4.0]]), ag.tensor([[0.0, 0.0]]), eps=0.0)
    tensor([5.])
    """
    difference = x1 - x2 + eps
    if p == math.inf:
        return np.max(np.abs(difference), axis=-1, keepdims=keepdim)
    if p == 2:
        length = _norm(difference, -1)
    elif p == 1:
        length = np.sum(np.abs(difference), axis=-1)
    else:
        length = np.sum(np.abs(difference) ** p, axis=-1) ** (1 / p)
    return length[..., None] if keepdim else length


def _triplet_samples(rng):
    triple = tuple(rng.normal(size=(2, 3)) for _ in range(3))
    yield triple, {"margin": 9.0}
    yield triple, {"margin": 9.0, "swap": True, "reduction": "none"}


@composite(samples=_triplet_samples, space="nn")
def triplet_margin_loss(anchor, positive, negative, margin: float = 1.0, p: float = 2,
                        eps: float = 1e-6, swap: bool = False, size_average=None, reduce=None,
                        reduction: str = "mean"):  # fmt: skip
    """Return ``max(0, margin + d(anchor, positive) - d(anchor, negative))``, reduced.

    Distances are those of `pairwise_distance`. With `swap` the positive takes the anchor's place
    where it is nearer to the negative (Balntas et al. 2016).

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> a, b = ag.tensor([[0.0, 0.0]]), ag.tensor([[3.0, 4.0]])
    >>> F.triplet_margin_loss(a, b, b)
    tensor(1.)
    """
    check_reduction(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"triplet_margin_loss expected a margin above 0, got {margin}")
    check_shapes(anchor, positive, "positive")
    check_shapes(anchor, negative, "negative")
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = np.minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced(_hinge(margin + near - far), reduction)
