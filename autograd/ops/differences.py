"""Differences, slopes and integrals of samples."""

from __future__ import annotations

import functools

import numpy as np

from autograd.errors import ShapeError
from autograd.op import Array, composite
from autograd.ops.arithmetic import div
from autograd.ops.cast import to
from autograd.ops.index import getitem
from autograd.ops.join import cat
from autograd.ops.logic import logical_xor
from autograd.ops.reduce import sum
from autograd.ops.scan import cumsum
from autograd.ops.shape import reshape, wrap_dim
from autograd.tensor import Tensor

# -- differences and integrals --------------------------------------------------------------------


def _differences(rng):
    yield (rng.normal(size=(2, 4)),), {}
    yield (rng.normal(size=(3, 2)),), {"n": 2, "dim": 0}
    ends = {"prepend": rng.normal(size=(2, 1)), "append": rng.normal(size=(2, 2))}
    yield (rng.normal(size=(2, 3)),), ends


def _part(input, dim: int, start, stop):
    return getitem(input, (slice(None),) * dim + (slice(start, stop),))


@composite(samples=_differences)
def diff(input, n: int = 1, dim: int = -1, prepend=None, append=None):
    """Return the n-th differences ``input[i + 1] - input[i]`` along an axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.diff(ag.tensor([1.0, 4.0, 9.0])), ag.diff(ag.tensor([1.0, 4.0, 9.0]), n=2)
    (tensor([3., 5.]), tensor([2.]))
    """
    if not input.ndim:
        raise ShapeError("diff expected a tensor of at least one axis")
    if n < 0:
        raise ValueError(f"diff expected n >= 0, got {n}")
    dim = wrap_dim(dim, input.ndim)
    parts = [part for part in (prepend, input, append) if part is not None]
    out = cat(parts, dim) if n and len(parts) > 1 else input  # as PyTorch: n=0 joins nothing
    for _ in range(min(n, out.shape[dim])):
        later, earlier = _part(out, dim, 1, None), _part(out, dim, None, -1)
        out = logical_xor(later, earlier) if out.dtype.kind == "b" else later - earlier
    return out


def _integrals(rng):
    yield (rng.normal(size=(2, 4)),), {}
    yield (rng.normal(size=(2, 3)), rng.normal(size=(3,))), {}
    yield (rng.normal(size=(3, 2)), rng.normal(size=(3, 2))), {"dim": 0}
    yield (rng.normal(size=(3, 2)),), {"dim": 0, "dx": 0.5}


def _areas(y, x, dx, dim, name: str):
    """The areas of the trapezia between neighbouring samples, and the axis they lie along."""
    dim = wrap_dim(dim, y.ndim) if y.ndim else 0
    if not y.ndim:
        raise ShapeError(f"{name} expected samples along at least one axis, got a 0-d tensor")
    if x is not None and dx is not None:
        raise TypeError(f"{name} takes either x or dx, got both")
    both = _part(y, dim, 1, None) + _part(y, dim, None, -1)
    if x is None:
        return div(both if dx is None else both * dx, 2), dim
    if x.ndim == 1:
        if x.shape[0] != y.shape[dim]:
            raise ShapeError(
                f"{name} expected {y.shape[dim]} places in x, one for each sample, got {x.shape[0]}"
            )
        width = reshape(diff(x), (-1,) + (1,) * (y.ndim - 1 - dim))
    else:
        width = diff(reshape(x, (1,) * (y.ndim - x.ndim) + tuple(x.shape)), dim=dim)
    return div(both * width, 2), dim


@composite(samples=_integrals)
def trapezoid(y, x=None, *, dx: float | None = None, dim: int = -1):
    """Return the integral of samples `y` at places `x`, or `dx` apart, by the trapezoidal rule.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.trapezoid(ag.tensor([1.0, 5.0, 10.0])), ag.trapezoid(ag.tensor([1.0, 5.0]), dx=2)
    (tensor(10.5), tensor(6.))
    """
    areas, dim = _areas(y, x, dx, dim, "trapezoid")
    return sum(areas, dim)


@composite(samples=_integrals)
def trapz(y, x=None, *, dx: float | None = None, dim: int = -1):
    """Return what `trapezoid` does.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.trapz(ag.tensor([1.0, 5.0, 10.0]))
    tensor(10.5)
    """
    return trapezoid(y, x, dx=dx, dim=dim)


@composite(samples=_integrals)
def cumulative_trapezoid(y, x=None, *, dx: float | None = None, dim: int = -1):
    """Return the integrals up to each sample but the first; see `trapezoid`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.cumulative_trapezoid(ag.tensor([1.0, 5.0, 10.0]))
    tensor([ 3. , 10.5])
    """
    areas, dim = _areas(y, x, dx, dim, "cumulative_trapezoid")
    return cumsum(areas, dim)


# -- numerical gradients --------------------------------------------------------------------------


def _gradient_samples(rng):
    yield (rng.normal(size=(3, 4)),), {}
    yield (rng.normal(size=(3, 4)),), {"spacing": 0.5, "dim": 1, "edge_order": 2}
    yield (rng.normal(size=4),), {"spacing": (np.array([0.0, 1.0, 3.0, 4.0]),)}


@composite(samples=_gradient_samples)
def gradient(input, *, spacing=1, dim: int | tuple[int, ...] | None = None,
             edge_order: int = 1) -> tuple[Array, ...]:  # fmt: skip
    """Estimate the derivatives of a function from its samples, along each axis of `dim`.

    Parameters
    ----------
    input : Tensor
    spacing : number, or sequence of numbers or of Tensor
        The distance of neighbouring samples; for each axis its own, or the places themselves.
    dim : int or tuple of int, optional
        All axes, by default.
    edge_order : {1, 2}
        The order of the differences at both ends; inside it is 2.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.gradient(ag.tensor([1.0, 4.0, 9.0, 16.0]))
    (tensor([3., 4., 6., 7.]),)
    """
    if edge_order not in (1, 2):
        raise ValueError(f"gradient expected edge_order 1 or 2, got {edge_order}")
    named = (
        range(input.ndim) if dim is None else (dim if isinstance(dim, (tuple, list)) else (dim,))
    )
    dims = [wrap_dim(d, input.ndim) for d in named]
    if len({*dims}) < len(dims):
        raise ShapeError(f"gradient expected each dim once, got {tuple(named)}")
    if spacing is None:
        spacing = 1
    each = spacing if isinstance(spacing, (tuple, list)) else [spacing] * len(dims)
    if len(each) != len(dims):
        raise ShapeError(f"gradient expected {len(dims)} spacings, one an axis, got {len(each)}")
    return tuple(
        _slopes(input, _steps(step, input.shape[d], input.dtype), d, edge_order)
        for step, d in zip(each, dims, strict=True)
    )


def _steps(spacing, n: int, dtype):
    """The distances between neighbouring samples."""
    places = spacing if isinstance(spacing, Tensor) else np.asarray(spacing)
    if places.ndim and places.shape != (n,):
        raise ShapeError(f"gradient expected {n} places, got shape {places.shape}")
    steps = places[1:] - places[:-1] if places.ndim else places * np.ones(n - 1, places.dtype)
    return to(steps, dtype if dtype.kind == "f" else np.dtype(np.float32))


def _slopes(f, h, dim: int, edge_order: int):
    n = f.shape[dim]
    if n <= edge_order:
        raise ShapeError(
            f"gradient expected more than {edge_order} samples along dim {dim}, got {n}"
        )
    column = (-1,) + (1,) * (f.ndim - 1 - dim)
    part = functools.partial(_part, f, dim)
    left, right = h[:-1].reshape(column), h[1:].reshape(column)
    inside = (
        part(2, None) * (left / (right * (left + right)))
        + part(1, -1) * ((right - left) / (left * right))
        - part(None, -2) * (right / (left * (left + right)))
    )
    if edge_order == 1:
        first, last = (part(1, 2) - part(0, 1)) / h[0], (part(-1, None) - part(-2, -1)) / h[-1]
    else:
        first = _edge([part(i, i + 1) for i in range(3)], h[0], h[1])
        last = -_edge([part(n - 1 - i, n - i) for i in range(3)], h[-1], h[-2])
    return cat([first, inside, last], dim)


def _edge(f: list, near, far):
    """The slope at the first of three samples, whose distances are `near` and `far`."""
    both = near + far
    return (
        f[1] * (both / (near * far))
        - f[0] * ((near + both) / (near * both))
        - f[2] * (near / (far * both))
    )
