"""Histograms along one or several coordinates. None has a gradient."""

from __future__ import annotations

import builtins
from typing import NamedTuple

import numpy as np

from autograd.errors import ArgumentError, DtypeError, GraphError, ShapeError
from autograd.mode import is_grad_enabled
from autograd.op import Array, composite
from autograd.ops.extremes import _like
from autograd.tensor import asarray


class Histogram(NamedTuple):
    hist: Array
    bin_edges: Array


class HistogramDD(NamedTuple):
    hist: Array
    bin_edges: tuple[Array, ...]


def _points(rng):
    yield (rng.normal(size=(2, 6)), 4), {"range": (-1.0, 1.0), "density": True}
    yield (rng.normal(size=6), 3), {"weight": rng.uniform(size=6), "range": (-1.0, 2.0)}


@composite(samples=_points)
def histogram(input, bins=100, *, range: tuple[float, float] | None = None, weight=None,
              density: builtins.bool = False) -> Histogram:  # fmt: skip
    """Count the elements between edges, as ``(hist, bin_edges)``.

    An element on an edge belongs to the bin that begins there; the last bin has both of its edges.
    Neither result has a gradient.

    Parameters
    ----------
    input : Tensor
    bins : int or Tensor of one axis
        How many bins of equal width, or all edges in order.
    range : (float, float), optional
        The outermost edges, where `bins` is a number; by default the extremes of `input`.
    weight : Tensor, optional
        What each element counts.
    density : bool
        Divide by the total and by the width of each bin, so that the integral is 1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.histogram(ag.tensor([1.0, 2.0, 1.0]), 4, range=(0.0, 4.0)).hist
    tensor([0., 2., 1., 0.])
    """
    points = np.asarray(asarray(input)).reshape(-1, 1)
    weights = _weights(weight, tuple(input.shape), points.dtype, "histogram")
    if range is not None and not isinstance(bins, int):
        raise TypeError("histogram takes a range with a number of bins, not with their edges")
    edges = _edges(points, [bins], range, "histogram")
    hist = _counts(points, edges, weights, density)
    return Histogram(_like(input, hist), _like(input, edges[0]))


def _clouds(rng):
    yield (rng.normal(size=(6, 2)), [2, 3]), {"range": [-1.0, 1.0, -2.0, 2.0], "density": True}
    yield (rng.normal(size=(2, 3, 1)), 4, (-1.0, 1.0)), {"weight": rng.uniform(size=(2, 3))}


@composite(samples=_clouds)
def histogramdd(input, bins, range: tuple[float, ...] | None = None, weight=None,
                density: builtins.bool = False) -> HistogramDD:  # fmt: skip
    """Count points in the cells of a grid, as ``(hist, bin_edges)``; see `histogram`.

    Parameters
    ----------
    input : (..., D) Tensor
        The coordinates of points.
    bins : int, or a sequence of D ints or of D Tensors
        How many bins there are along each coordinate, or their edges.
    range : sequence of 2 * D floats, optional
        The outermost edges along each coordinate, one pair after the other.
    weight : (...) Tensor, optional
    density : bool

    Examples
    --------
    >>> import autograd as ag
    >>> points = ag.tensor([[0.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
    >>> ag.histogramdd(points, [1, 2]).hist
    tensor([[1., 2.]], shape=(1, 2))
    """
    if input.ndim < 2:
        raise ShapeError(
            f"histogramdd expected points (..., D), two axes at least, got {tuple(input.shape)}"
        )
    points = np.asarray(asarray(input))
    weights = _weights(weight, points.shape[:-1], points.dtype, "histogramdd")
    points = points.reshape(-1, points.shape[-1])
    each = [bins] * points.shape[1] if isinstance(bins, int) else list(bins)
    edges = _edges(points, each, range, "histogramdd")
    hist = _counts(points, edges, weights, density)
    return HistogramDD(_like(input, hist), tuple(_like(input, row) for row in edges))


def _edges(points: np.ndarray, bins: list, range, name: str) -> list[np.ndarray]:
    """The edges of the bins along each coordinate."""
    axes = points.shape[1]
    if points.dtype.kind != "f":
        raise DtypeError(f"{name} expected floating point numbers, got {points.dtype}")
    if len(bins) != axes or (range is not None and len(range) != 2 * axes):
        raise ArgumentError(
            f"{name} expected bins, and two ends of a range, for each of {axes} coordinates, got "
            f"{bins} and {range}"
        )
    found = []
    for i, count in enumerate(bins):
        ends = None if range is None else (float(range[2 * i]), float(range[2 * i + 1]))
        if isinstance(count, int):
            found.append(_even(points[:, i], count, ends, name))
        else:
            found.append(_given(count, points.dtype, name))
    return found


def _given(edges, dtype, name: str) -> np.ndarray:
    row = np.asarray(asarray(edges))
    if row.ndim != 1 or not row.size or row.dtype != dtype:
        raise ArgumentError(
            f"{name} expected the edges of bins as {dtype} along one axis, got {row.dtype} of "
            f"shape {row.shape}"
        )
    return row


def _even(column: np.ndarray, count: int, ends, name: str) -> np.ndarray:
    """Edges of `count` bins of one width between two ends, or from the least to the largest."""
    if count < 1:
        raise ArgumentError(f"{name} expected at least one bin, got {count}")
    if ends is None:
        ends = (float(column.min()), float(column.max())) if column.size else (0.0, 1.0)
    low, high = ends
    if not np.isfinite([low, high]).all() or low > high:
        raise ArgumentError(f"{name} expected a finite range in order, got {low} to {high}")
    if low == high:
        low, high = low - 0.5, high + 0.5
    # From both ends towards the middle, as PyTorch steps: the last edge is exactly the end.
    places, step = np.arange(count + 1), (high - low) / count
    steps = np.where(2 * places < count + 1, low + step * places, high - step * (count - places))
    return steps.astype(column.dtype)


def _weights(weight, shape: tuple, dtype, name: str) -> np.ndarray | None:
    """What each point counts, as one row."""
    if weight is None:
        return None
    if is_grad_enabled() and getattr(weight, "requires_grad", False):
        raise GraphError(
            f"{name} is not differentiable with respect to 'weight', but that tensor requires "
            "grad: pass it with .detach()"
        )
    weights = np.asarray(asarray(weight))
    if weights.shape != shape or weights.dtype != dtype:
        raise ShapeError(
            f"{name} expected a weight of shape {shape} and dtype {dtype}, got {weights.dtype} of "
            f"shape {weights.shape}"
        )
    return weights.reshape(-1)


def _counts(points, edges, weights, density: builtins.bool) -> np.ndarray:
    """How many points, or which weight of them, lie in each cell."""
    shape = tuple(row.size - 1 for row in edges)
    inside, places = np.ones(len(points), np.bool), []
    for column, row in zip(points.T, edges, strict=True):
        inside &= (column >= row[0]) & (column <= row[-1])
        places.append(np.minimum(np.searchsorted(row, column, "right"), row.size - 1) - 1)
    hist = np.zeros(shape, points.dtype)
    cells = tuple(place[inside] for place in places)
    np.add.at(hist, cells, 1 if weights is None else weights[inside])
    if density:
        hist /= hist.sum()
        for axis, row in enumerate(edges):
            hist /= np.diff(row).reshape([-1 if i == axis else 1 for i in np.arange(len(shape))])
    return hist
