"""Quantiles, covariances and running logarithmic sums."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from autograd import kernels
from autograd.errors import DtypeError, ShapeError
from autograd.op import Array, composite, op
from autograd.ops.arithmetic import div
from autograd.ops.cast import cases
from autograd.ops.elementwise import quiet
from autograd.ops.extremes import _like, _refuse_empty, sort
from autograd.ops.gather import gather
from autograd.ops.join import cat
from autograd.ops.linalg import matmul
from autograd.ops.piecewise import clamp
from autograd.ops.reduce import mean, sum
from autograd.ops.shape import movedim, reshape, transpose, unsqueeze, wrap_dim
from autograd.ops.transcendental import sqrt
from autograd.ops.views import diagonal
from autograd.tensor import Tensor, asarray

# -- quantiles ------------------------------------------------------------------------------------

INTERPOLATIONS = ("linear", "lower", "higher", "nearest", "midpoint")


def _quantile_samples(rng):
    yield (rng.normal(size=(2, 3)), 0.3), {}
    for interpolation in INTERPOLATIONS:
        keywords = {"dim": 1, "keepdim": True, "interpolation": interpolation}
        yield (rng.normal(size=(2, 4)),), {"q": np.array([0.1, 0.6, 0.9]), **keywords}
    yield (rng.normal(size=(3, 2)), 0.5), {"dim": 0}


@composite(samples=_quantile_samples)
def quantile(input, q, dim: int | None = None, keepdim: builtins.bool = False, *,
             interpolation: str = "linear"):  # fmt: skip
    """Return the value that a share `q` of the elements lies below; nan if one of them is nan.

    Parameters
    ----------
    input : Tensor
    q : float or Tensor of one axis
        From 0 to 1; several make a new first axis.
    dim : int, optional
        Along one axis instead of among all elements.
    keepdim : bool
    interpolation : {"linear", "lower", "higher", "nearest", "midpoint"}
        What to return where a quantile falls between two elements.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.quantile(ag.tensor([1.0, 2.0, 4.0]), ag.tensor([0.5, 0.75]))
    tensor([2., 3.])
    """
    return _quantile(input, q, dim, keepdim, interpolation, False, "quantile")


@composite(samples=_quantile_samples)
def nanquantile(input, q, dim: int | None = None, keepdim: builtins.bool = False, *,
                interpolation: str = "linear"):  # fmt: skip
    """Return the quantiles of the elements that are not nan; see `quantile`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.nanquantile(ag.tensor([1.0, float("nan"), 2.0]), 0.5)
    tensor(1.5)
    """
    return _quantile(input, q, dim, keepdim, interpolation, True, "nanquantile")


def _levels(input, q, name: str) -> np.ndarray:
    """The shares `q` as an array, checked."""
    if input.dtype.kind != "f":
        raise DtypeError(f"{name} expected floating point numbers, got {input.dtype}")
    if isinstance(q, Tensor) and q.dtype != input.dtype:
        raise DtypeError(f"{name} expected q of the dtype of input, {input.dtype}, got {q.dtype}")
    levels = np.asarray(q.array if isinstance(q, Tensor) else q, input.dtype)
    if levels.ndim > 1:
        raise ShapeError(f"{name} expected q to have at most one axis, got shape {levels.shape}")
    if not ((levels >= 0) & (levels <= 1)).all():
        raise ValueError(f"{name} expected q from 0 to 1, got {levels}")
    return levels


def _quantile(input, q, dim, keepdim, interpolation, ignore_nan, name):
    if interpolation not in INTERPOLATIONS:
        raise ValueError(
            f"{name} expected interpolation to be one of {', '.join(INTERPOLATIONS)}, "
            f"got {interpolation!r}"
        )
    levels = _levels(input, q, name)
    _refuse_empty(tuple(input.shape), dim)
    if dim is None or not input.ndim:
        rows, kept = reshape(input, (-1,)), (1,) * input.ndim
    else:
        dim = wrap_dim(dim, input.ndim)
        rows = movedim(input, dim, -1)
        kept = tuple(1 if i == dim else n for i, n in enumerate(input.shape))
    flat = reshape(q, (-1,)) if isinstance(q, Tensor) else levels.reshape(-1)
    out = _between(sort(rows, -1).values, _ranks(rows, flat, ignore_nan), interpolation)
    shape = kept if keepdim else tuple(rows.shape[:-1])
    return reshape(movedim(out, -1, 0), (*levels.shape, *shape))


def _ranks(rows, levels, ignore_nan: builtins.bool):
    """Where in their sorted rows the quantiles lie, between whole places, along the last axis."""
    missing = np.isnan(asarray(rows))
    last = rows.shape[-1] - 1
    if ignore_nan:
        present = last - missing.sum(-1, keepdims=True)
        return levels * np.maximum(present, 0).astype(levels.dtype)
    ranks = np.broadcast_to(levels * last, (*rows.shape[:-1], levels.shape[0]))
    return np.where(missing.any(-1, keepdims=True), last, ranks)  # a nan, sorted last


def _between(ordered, ranks, interpolation: str):
    """The values of sorted rows at places that may lie between two elements."""
    places = np.asarray(asarray(ranks))
    round_to: Any = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}.get(interpolation)
    if round_to is not None:
        return _at(ordered, round_to(places))
    below, above = _at(ordered, np.floor(places)), _at(ordered, np.ceil(places))
    share = ranks - np.floor(places) if interpolation == "linear" else 0.5
    return below + (above - below) * share


def _at(rows, places: np.ndarray):
    return gather(rows, -1, _like(rows, places.astype(np.int64)))


# -- covariance -----------------------------------------------------------------------------------


def _weighted(rng):
    yield (rng.normal(size=(2, 4)),), {}
    yield (rng.normal(size=(4,)),), {"correction": 0}
    weights = {"fweights": np.array([1, 2, 3, 1]), "aweights": rng.uniform(1, 2, 4)}
    yield (rng.normal(size=(2, 4)),), weights


@composite(samples=_weighted)
def cov(input, *, correction: int = 1, fweights=None, aweights=None):
    """Return the covariances of the variables that are the rows of `input`.

    Parameters
    ----------
    input : Tensor of up to two axes
        A row for each variable, a column for each observation.
    correction : int, default 1
        What is subtracted from the number of observations; 1 for an unbiased estimate.
    fweights : Tensor of integers, optional
        How often each observation was made.
    aweights : Tensor, optional
        How much each observation counts.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cov(ag.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]], shape=(2, 2))
    """
    if input.ndim > 2:
        raise ShapeError(f"cov expected at most two axes, got shape {tuple(input.shape)}")
    rows = input if input.ndim == 2 else reshape(input, (1, -1))
    n = rows.shape[1]
    if rows.dtype.kind != "f":
        rows = div(rows, 1)
    weights = _observation_weights(fweights, aweights, rows)
    if weights is None:
        total, freedom = n, max(n - correction, 0)
        centred = rows - mean(rows, 1, True) if n else rows
        scaled = centred
    else:
        total = sum(weights, 0, True)  # never a NumPy scalar, which gives way as numbers do
        used = correction if aweights is None else correction * sum(weights * aweights) / total
        freedom = clamp(total - used, 0)
        centred = rows - sum(rows * weights, 1, True) / total
        scaled = centred * weights
    products = matmul(scaled, transpose(centred, 0, 1))
    out = div(products, freedom)
    return reshape(out, ()) if out.shape == (1, 1) else out


def _observation_weights(fweights, aweights, rows):
    n = rows.shape[1]
    for name, weights, kinds in (("fweights", fweights, "iu"), ("aweights", aweights, "f")):
        if weights is None:
            continue
        if tuple(weights.shape) != (n,) or weights.dtype.kind not in kinds:
            numbers = "integers" if kinds == "iu" else "floating point numbers"
            raise ShapeError(
                f"cov expected {name} to be {n} {numbers}, got {weights.dtype} of shape "
                f"{tuple(weights.shape)}"
            )
        if (asarray(weights) < 0).any():
            raise ValueError(f"cov expected {name} that are not negative")
    if fweights is None:
        return aweights
    times = np.asarray(asarray(fweights), (rows if aweights is None else aweights).dtype)
    return times if aweights is None else aweights * times


@composite(samples=cases(((2, 4), {}), ((3, 5), {})))
def corrcoef(input):
    """Return the correlation coefficients of the variables that are the rows of `input`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.corrcoef(ag.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]], shape=(2, 2))
    """
    if input.ndim > 2:
        raise ShapeError(f"corrcoef expected at most two axes, got shape {tuple(input.shape)}")
    c = cov(input)
    if not c.ndim:
        return div(c, c)
    deviation = sqrt(diagonal(c))
    return clamp(div(div(c, unsqueeze(deviation, 1)), deviation), -1.0, 1.0)


# -- running logarithmic sums ---------------------------------------------------------------------


@op(samples=lambda rng: [((rng.normal(size=(2, 4)), rng.normal(size=(2, 4))), {})],
    space="internal")  # fmt: skip
def decayed_sum(input: Array, decay: Array):
    """Return r with ``r[i] = input[i] + decay[i] * r[i + 1]`` along the last axis."""
    return kernels.scan.decayed_sum(input, decay)


def _shifted(x, by: int):
    """The elements one place later (or earlier) along the last axis, and a zero before (behind)."""
    zero = np.zeros((*x.shape[:-1], 1), x.dtype)
    return cat([zero, x[..., :-1]] if by > 0 else [x[..., 1:], zero], -1)


def _decayed_sum_rule(g, decay, out, needs):
    # The transpose runs the other way, and each step has the factor that led to it.
    turned = decayed_sum(np.flip(g, -1), np.flip(_shifted(decay, 1), -1))
    g = np.flip(turned, -1)
    return (g if needs[0] else None), (g * _shifted(out, -1) if needs[1] else None)


decayed_sum.vjp(("input", "decay"), _decayed_sum_rule)


@op(samples=cases(((2, 4), {"dim": 1}), ((3, 2), {"dim": 0}), ((), {"dim": 0})), inplace=True)
@quiet
def logcumsumexp(input: Array, dim: int):
    """Return the logarithms of the running sums of exponentials, without overflow.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.logcumsumexp(ag.tensor([1000.0, 0.0]), dim=0)
    tensor([1000., 1000.])
    """
    if input.dtype.kind != "f":
        raise DtypeError(f"expected floating point numbers, got {input.dtype}")
    if not input.ndim:
        return np.array(input)
    return np.logaddexp.accumulate(input, axis=wrap_dim(dim, input.ndim))


def _logcumsumexp_input(g, input, out, dim):
    # exp(input[i]) times the sum of g[j] / exp(out[j]) from i on: as a recurrence whose factors
    # exp(out[i] - out[i + 1]) are at most 1, so that nothing overflows.
    if not input.ndim:
        return g
    rows, g, out = (np.moveaxis(x, dim, -1) for x in (input, g, out))
    decay = np.exp(out - cat([out[..., 1:], out[..., -1:]], -1))
    return np.moveaxis(np.exp(rows - out) * decayed_sum(g, decay), -1, dim)


logcumsumexp.vjp(input=_logcumsumexp_input)
