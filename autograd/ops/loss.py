"""Losses of numbers against numbers: distances and probabilities.

Input and target must have one shape. PyTorch broadcasts them with a warning; here that is an error.
"""

from __future__ import annotations

import math

import numpy as np

from autograd import kernels
from autograd.errors import ArgumentError, DtypeError, ShapeError
from autograd.op import Array, op
from autograd.ops import loss_slope
from autograd.ops.activation import logsigmoid
from autograd.ops.loss_slope import limited
from autograd.ops.transcendental import sigmoid
from autograd.tensor import Tensor

REDUCTIONS = ("none", "mean", "sum")


# -- what all of them check ------------------------------------------------------------------------


def check_reduction(reduction, size_average=None, reduce=None, allowed=REDUCTIONS) -> None:
    """Refuse unknown reductions and the two arguments that came before `reduction`."""
    if size_average is None and reduce is None and reduction in allowed:
        return
    for name, value in (("size_average", size_average), ("reduce", reduce)):
        if value is not None:
            raise TypeError(f"{name} is not supported: use reduction='mean', 'sum' or 'none'")
    raise ValueError(f"reduction expected one of {', '.join(allowed)}; got {reduction!r}")


def check_shapes(input, target, name: str = "target") -> None:
    """Refuse what would broadcast."""
    if input.shape != target.shape:
        raise ShapeError(
            f"expected input and {name} of one shape, got {input.shape} and {target.shape}: "
            f"{_remedy(input.shape, target.shape)}"
        )


def _remedy(shape: tuple, other: tuple) -> str:
    def squeezed(s):
        return [n for n in s if n != 1]

    if squeezed(shape) == squeezed(other):
        return f"they differ in dimensions of size 1 only, reshape one as in .reshape{shape}"
    return "if you mean to broadcast, write .expand_as() explicitly"


def _check(input, target, weight, reduction, size_average=None, reduce=None) -> None:
    check_reduction(reduction, size_average, reduce)
    check_shapes(input, target)
    if input.dtype.kind != "f":
        raise DtypeError(f"expected floating point numbers, got {input.dtype}: use .float()")
    if weight is not None:
        try:
            fits = np.broadcast_shapes(weight.shape, input.shape) == input.shape
        except ValueError:
            fits = False
        if not fits:
            raise ShapeError(
                f"expected a weight that broadcasts to the input's shape {input.shape}, got "
                f"{weight.shape}"
            )


def reduced(losses, reduction):
    """Reduce a composite's elementwise losses."""
    if reduction == "none":
        return losses
    return np.mean(losses) if reduction == "mean" else np.sum(losses)


def _share(g, shape, reduction, weight=None, divisor=None):
    """The gradient of each element's unweighted loss."""
    if reduction == "mean":
        g = g / (math.prod(shape) if divisor is None else divisor)
    return g if weight is None else g * weight


def _scale(shape, reduction) -> float:
    """What each element counts in a sum or a mean."""
    return 1 / (math.prod(shape) or 1) if reduction == "mean" else 1.0


def _total(weight):
    return None if weight is None else np.sum(weight)


def _slopes(g):
    """Where rules find slopes: the kernels, or for tensors the ops of the same names."""
    return kernels.loss if type(g) is np.ndarray else loss_slope


def _opposite(gradient, needs):
    """The gradients of input and target in a loss of their difference."""
    return gradient if needs[0] else None, -gradient if needs[1] else None


def array(value):
    """The array of a tensor; rules that treat an input as a constant need it under create_graph."""
    return value.array if isinstance(value, Tensor) else value


def _pairs(*cases, positive=False):
    """Samples of input and target with the given keywords, no element near its target."""

    def samples(rng):
        for keywords in cases:
            x = rng.uniform(0.1, 0.4, size=(2, 3))
            y = x + rng.choice([-2.0, 0.5], (2, 3))
            yield (x, rng.uniform(0.6, 0.9, size=(2, 3)) if positive else y), keywords

    return samples


_REDUCED = tuple({"reduction": reduction} for reduction in REDUCTIONS)


# -- distances -------------------------------------------------------------------------------------


@op(kind="contraction", samples=_pairs(*_REDUCED), space="nn")
def mse_loss(input: Array, target: Array, size_average=None, reduce=None, reduction: str = "mean",
             weight: Array | None = None):  # fmt: skip
    """Return the squared error ``(input - target)**2``, reduced.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    reduction : {"mean", "sum", "none"}
    weight : Tensor, optional
        A factor for each element; the mean then divides by their sum.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.mse_loss(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 4.0]))
    tensor(2.)
    """
    _check(input, target, weight, reduction, size_average, reduce)
    return kernels.loss.mse(input, target, weight, reduction)


def _mse_rule(g, input, target, weight, reduction, needs):
    if weight is None and reduction != "none":
        scale = 2 * _scale(input.shape, reduction)
        return _opposite(_slopes(g).scaled_error(input, target, g, scale), needs)
    share = _share(g, input.shape, reduction, weight, _total(weight))
    return _opposite(share * 2 * (input - target), needs)


mse_loss.vjp(("input", "target"), _mse_rule)


@op(kind="contraction", samples=_pairs(*_REDUCED), space="nn")
def l1_loss(input: Array, target: Array, size_average=None, reduce=None, reduction: str = "mean",
            weight: Array | None = None):  # fmt: skip
    """Return the absolute error ``|input - target|``, reduced. Its gradient at 0 is 0.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    reduction : {"mean", "sum", "none"}
    weight : Tensor, optional
        A factor for each element; the mean then divides by their sum.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.l1_loss(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 4.0]))
    tensor(1.)
    """
    _check(input, target, weight, reduction, size_average, reduce)
    return kernels.loss.l1(input, target, weight, reduction)


def _l1_rule(g, input, target, weight, reduction, needs):
    share = _share(g, input.shape, reduction, weight, _total(weight))
    return _opposite(share * np.sign(input - target), needs)


l1_loss.vjp(("input", "target"), _l1_rule)


@op(kind="contraction", samples=_pairs(*_REDUCED, {"beta": 0.0}, {"beta": 4.0}), space="nn")
def smooth_l1_loss(input: Array, target: Array, size_average=None, reduce=None,
                   reduction: str = "mean", beta: float = 1.0):  # fmt: skip
    """Return ``d**2 / (2 beta)`` for errors d below `beta`, ``|d| - beta / 2`` beyond, reduced.

    From Fast R-CNN (Girshick 2015). `beta` 0 makes it `l1_loss`.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.smooth_l1_loss(ag.tensor([0.0, 0.0]), ag.tensor([1.0, 3.0]), reduction="none")
    tensor([0.5, 2.5])
    """
    _check(input, target, None, reduction, size_average, reduce)
    if beta < 0:
        raise ValueError(f"expected beta >= 0, got {beta}")
    return kernels.loss.smooth_l1(input, target, beta, reduction)


def _smooth_l1_rule(g, input, target, reduction, beta, needs):
    return _opposite(_share(g, input.shape, reduction) * limited(input - target, beta), needs)


smooth_l1_loss.vjp(("input", "target"), _smooth_l1_rule)


@op(kind="contraction", samples=_pairs(*_REDUCED, {"delta": 4.0}), space="nn")
def huber_loss(input: Array, target: Array, reduction: str = "mean", delta: float = 1.0,
               weight: Array | None = None):  # fmt: skip
    """Return ``d**2 / 2`` for errors d up to `delta`, ``delta (|d| - delta / 2)`` beyond, reduced.

    `weight` is a factor for each element; the mean divides by the number of elements all the same
    (Huber 1964).

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.huber_loss(ag.tensor([0.0, 0.0]), ag.tensor([1.0, 3.0]), reduction="none")
    tensor([0.5, 2.5])
    """
    _check(input, target, weight, reduction)
    if isinstance(delta, complex):
        raise TypeError(f"huber_loss expected delta to be a real number, got {delta}")
    if delta <= 0:
        raise ArgumentError(f"huber_loss expected delta > 0, got {delta}")
    return kernels.loss.huber(input, target, delta, weight, reduction)


def _huber_rule(g, input, target, weight, reduction, delta, needs):
    slope = delta * limited(input - target, delta)
    return _opposite(_share(g, input.shape, reduction, weight) * slope, needs)


huber_loss.vjp(("input", "target"), _huber_rule)


# -- probabilities ---------------------------------------------------------------------------------


@op(kind="contraction", samples=_pairs(*_REDUCED, positive=True), space="nn")
def binary_cross_entropy(input: Array, target: Array, weight: Array | None = None,
                         size_average=None, reduce=None, reduction: str = "mean"):  # fmt: skip
    """Return ``-(t log p + (1 - t) log(1 - p))`` for probabilities p = `input`, reduced.

    Logarithms are cut off at -100, as in PyTorch. From logits use
    `binary_cross_entropy_with_logits`, which loses no digits.

    Parameters
    ----------
    input, target : Tensor
        Of one shape; `input` between 0 and 1.
    weight : Tensor, optional
        A factor for each element, in a shape that broadcasts to theirs.
    reduction : {"mean", "sum", "none"}

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.binary_cross_entropy(ag.tensor([1.0, 0.0]), ag.tensor([1.0, 1.0]))
    tensor(50.)
    """
    _check(input, target, weight, reduction, size_average, reduce)
    if not ((input >= 0) & (input <= 1)).all():
        raise ValueError(
            "expected probabilities between 0 and 1, got values from "
            f"{input.min()} to {input.max()}: for logits use binary_cross_entropy_with_logits"
        )
    return kernels.loss.binary_cross_entropy(input, target, weight, reduction)


binary_cross_entropy.vjp(
    input=lambda g, input, target, weight, reduction: (
        _share(g, input.shape, reduction, weight)
        * ((input - target) / np.maximum(input * (1 - input), 1e-12))
    ),
    target=lambda g, input, weight, reduction: (
        _share(g, input.shape, reduction, weight)
        * (np.maximum(np.log1p(-input), -100.0) - np.maximum(np.log(input), -100.0))
    ),
)


@op(kind="contraction", samples=_pairs(*_REDUCED), space="nn")
def binary_cross_entropy_with_logits(input: Array, target: Array, weight: Array | None = None,
                                     size_average=None, reduce=None, reduction: str = "mean",
                                     pos_weight: Array | None = None):  # fmt: skip
    """Return the binary cross entropy of ``sigmoid(input)``, stable for all logits, reduced.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    weight : Tensor, optional
        A factor for each element, in a shape that broadcasts to theirs.
    reduction : {"mean", "sum", "none"}
    pos_weight : Tensor, optional
        A factor for the positive part, ``-w t log(sigmoid(x))``, usually one for each class.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.binary_cross_entropy_with_logits(ag.tensor([-1e4, 1e4]), ag.tensor([1.0, 1.0]))
    tensor(5000.)
    """
    _check(input, target, weight, reduction, size_average, reduce)
    if pos_weight is not None:
        _check(input, target, pos_weight, reduction)
    return kernels.loss.binary_cross_entropy_with_logits(
        input, target, weight, pos_weight, reduction
    )


def _bce_logits_input(g, input, target, weight, pos_weight, reduction):
    if weight is None and pos_weight is None and reduction != "none":
        return _slopes(g).scaled_logistic_error(input, target, g, _scale(input.shape, reduction))
    share = _share(g, input.shape, reduction, weight)
    if pos_weight is None:
        return share * (sigmoid(input) - target)
    return share * (1 - target - (1 + (pos_weight - 1) * target) * sigmoid(-input))


def _bce_logits_target(g, input, weight, pos_weight, reduction):
    share = _share(g, input.shape, reduction, weight)
    if pos_weight is None:
        return -share * input
    return share * ((1 - pos_weight) * logsigmoid(input) - input)


binary_cross_entropy_with_logits.vjp(input=_bce_logits_input, target=_bce_logits_target)


def _kl_samples(rng):
    for reduction in ("mean", "sum", "none", "batchmean"):
        x, y = np.log(rng.uniform(0.2, 0.9, (2, 3))), rng.uniform(0.2, 0.9, (2, 3))
        yield (x, y), {"reduction": reduction}
        yield (x, y), {"reduction": reduction, "log_target": True}


@op(kind="contraction", samples=_kl_samples, space="nn")
def kl_div(input: Array, target: Array, size_average=None, reduce=None, reduction: str = "mean",
           log_target: bool = False):  # fmt: skip
    """Return ``t (log t - x)`` for probabilities t = `target` and x = `input`, reduced.

    It is the Kullback-Leibler divergence of t from the distribution whose logarithm is x.

    Parameters
    ----------
    input, target : Tensor
        Of one shape. With `log_target` the target, too, holds log probabilities.
    reduction : {"mean", "batchmean", "sum", "none"}
        "batchmean" divides by the size of the first dimension, which gives the divergence as
        mathematics has it; "mean" divides by the number of elements.

    Examples
    --------
    >>> import autograd as ag, nn.functional as F
    >>> F.kl_div(ag.tensor([[-1.0, -2.0]]), ag.tensor([[1.0, 0.0]]), reduction="batchmean")
    tensor(1.)
    """
    check_reduction(reduction, size_average, reduce, (*REDUCTIONS, "batchmean"))
    if reduction == "batchmean":
        total = kl_div.op.forward(input, target, reduction="sum", log_target=log_target)
        return total / (len(input) if input.ndim else 1)
    _check(input, target, None, reduction)
    return kernels.loss.kl_div(input, target, log_target, reduction)


def _kl_share(g, shape, reduction):
    if reduction == "batchmean":
        return g / (shape[0] if shape else 1)
    return _share(g, shape, reduction)


def _kl_target(g, input, target, reduction, log_target):
    share = _kl_share(g, input.shape, reduction)
    if log_target:
        return share * np.exp(target) * (target + 1 - input)
    zero = target == 0  # there the term t log t counts as flat
    return share * (np.where(zero, 0.0, np.log(np.where(zero, 1.0, target)) + 1) - input)


kl_div.vjp(
    input=lambda g, target, reduction, log_target: (
        -_kl_share(g, target.shape, reduction) * (np.exp(target) if log_target else target)
    ),
    target=_kl_target,
)
