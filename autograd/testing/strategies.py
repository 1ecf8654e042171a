"""Hypothesis strategies for arrays and tensors: shapes, layouts, domains, geometries.

Hypothesis draws what is worth shrinking (shapes, layouts, dims and a seed); the numbers come from a
NumPy generator with that seed. So a failing example is small, and kinks and ties, which have tests
of their own, are met with probability zero.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from autograd.tensor import Tensor, wrap

__all__ = [
    "DOMAIN", "LAYOUTS", "arrays", "broadcastable", "conv_geometries", "dims",
    "index_expressions", "layouts", "numbers", "pool_geometries", "reductions", "reversed_",
    "rotated", "seeds", "shapes", "sliced", "tensors", "transposed",
]  # fmt: skip

DOMAIN = (-2.0, 2.0)  # where numbers are drawn if nothing else is said
seeds = st.integers(0, 2**32 - 1)


def shapes(min_dims=0, max_dims=3, min_side=1, max_side=3):
    """Small shapes, 0-d included.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(shapes(min_dims=1, max_side=2))
    ... def test(shape):
    ...     assert len(shape) in (1, 2, 3) and set(shape) <= {1, 2}
    >>> test()
    """
    return hnp.array_shapes(
        min_dims=min_dims, max_dims=max_dims, min_side=min_side, max_side=max_side
    )


def broadcastable(count: int, min_side: int = 1):
    """Tuples of `count` shapes that broadcast with each other.

    Examples
    --------
    >>> from hypothesis import given, strategies as st
    >>> groups = broadcastable(2).flatmap(lambda s: st.tuples(*(tensors(shape=each) for each in s)))
    >>> @given(groups)
    ... def test(pair):
    ...     x, y = pair
    ...     assert (x * y).shape == (y * x).shape
    >>> test()
    """
    return hnp.mutually_broadcastable_shapes(
        num_shapes=count, max_dims=3, min_side=min_side, max_side=3
    ).map(lambda drawn: drawn.input_shapes)


def numbers(rng: np.random.Generator, shape: tuple, domain=None) -> np.ndarray:
    """Float64 numbers spread over `domain`."""
    low, high = domain or DOMAIN
    return np.asarray(rng.uniform(low, high, size=shape))


@st.composite
def arrays(draw, shape=None, domain=None):
    """Float64 arrays of a given or drawn shape.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(arrays(domain=(1, 2)))
    ... def test(x):
    ...     assert ((1 <= x) & (x <= 2)).all()
    >>> test()
    """
    shape = draw(shapes()) if shape is None else shape
    return numbers(np.random.default_rng(draw(seeds)), shape, domain)


@st.composite
def dims(draw, ndim: int):
    """A reduction's dim: None, one axis (from either end), or several."""
    if not ndim:
        return draw(st.sampled_from([None]))
    axes = st.integers(-ndim, ndim - 1)
    several = st.lists(axes, min_size=1, max_size=ndim, unique_by=lambda axis: axis % ndim)
    return draw(st.none() | axes | several.map(tuple))


@st.composite
def reductions(draw, ndim: int, params=("dim", "keepdim")) -> dict[str, Any]:
    """Keyword arguments of a reduction: those of dim and keepdim that it has."""
    drawn: dict[str, Any] = {}
    if "dim" in params:
        drawn["dim"] = draw(dims(ndim))
    if "keepdim" in params:
        drawn["keepdim"] = draw(st.booleans())
    return drawn


# -- the same numbers, laid out differently in memory ----------------------------------------------


def transposed(a: np.ndarray) -> np.ndarray:
    """Fortran order."""
    return a.T.copy().T


def sliced(a: np.ndarray) -> np.ndarray:
    """Every second element of a larger array, along the last axis."""
    return np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a


def reversed_(a: np.ndarray) -> np.ndarray:
    """Negative strides along every axis."""
    flip = (slice(None, None, -1),) * a.ndim
    return a[flip].copy()[flip] if a.ndim else a


def rotated(a: np.ndarray) -> np.ndarray:
    """The first axis varies fastest, the others lie in C order."""
    return np.moveaxis(np.moveaxis(a, 0, -1).copy(), -1, 0) if a.ndim else a


LAYOUTS = (transposed, sliced, reversed_, rotated)
layouts = st.sampled_from(LAYOUTS)


# -- tensors, indices, geometries ------------------------------------------------------------------


@st.composite
def tensors(draw, dtype=np.float64, shape=None, layout=None, domain=None, requires_grad=False):
    """Tensors of one dtype.

    Parameters
    ----------
    dtype : dtype
        Floats are spread over `domain`, integers lie in it, both ends included; bools are both.
    shape : tuple or strategy, optional
        Default: up to three axes of up to three elements.
    layout : callable or strategy, optional
        One of `LAYOUTS`, or None for C order; `layouts` draws one.
    domain : (low, high), optional
    requires_grad : bool, default False

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(tensors(shape=(2, 3), layout=layouts, requires_grad=True))
    ... def test(x):
    ...     assert x.shape == (2, 3) and x.requires_grad
    >>> test()
    """
    shape = draw(shapes()) if shape is None else _drawn(draw, shape)
    rng = np.random.default_rng(draw(seeds))
    kind, (low, high) = np.dtype(dtype).kind, domain or DOMAIN
    if kind == "f":
        array = numbers(rng, shape, domain)
    elif kind == "b":
        array = rng.integers(0, 2, size=shape)
    else:
        array = rng.integers(int(np.ceil(low)), int(high) + 1, size=shape)
    array = np.asarray(array, dtype)
    layout = _drawn(draw, layout)
    tensor: Tensor = wrap(array if layout is None else layout(array))
    return tensor.requires_grad_(requires_grad)


def _drawn(draw, value):
    return draw(value) if isinstance(value, st.SearchStrategy) else value


@st.composite
def index_expressions(draw, shape: tuple):
    """What may stand in the brackets of a tensor of that shape.

    Integers, slices, None, an ellipsis, boolean masks and integer arrays, also several at once;
    always inside the bounds.

    Examples
    --------
    >>> import numpy as np
    >>> from hypothesis import given
    >>> @given(index_expressions((3, 4)))
    ... def test(index):
    ...     np.zeros((3, 4))[index]
    >>> test()
    """
    ellipsis, count = draw(st.booleans()), draw(st.integers(0, len(shape) + 1))
    if count > len(shape):
        return np.random.default_rng(draw(seeds)).random(shape) < 0.5  # a mask of the whole
    parts: list[Any] = []
    for size in shape[:count]:
        kinds = ["slice", "none"] + (["integer", "array"] if size else [])
        kind = draw(st.sampled_from(kinds))
        if kind == "none":
            parts.append(None)
        if kind == "integer":
            parts.append(draw(st.integers(-size, size - 1)))
        elif kind == "array":  # all of one length, so that several broadcast
            rng = np.random.default_rng(draw(seeds))
            parts.append(rng.integers(-size, size, size=3))
        else:
            step = draw(st.sampled_from([None, 1, 2]))
            parts.append(slice(draw(_ends(size)), draw(_ends(size)), step))
    if ellipsis:
        parts.append(...)
    return tuple(parts)


def _ends(size: int):
    return st.none() | st.integers(-size - 1, size + 1)


@st.composite
def conv_geometries(draw, ndim: int = 2, max_side: int = 6) -> dict[str, Any]:
    """Shapes and options of a convolution that gives at least one element.

    A dict of ``input``, ``(batch, channels, *sizes)``, ``weight``, ``bias`` (shapes) and of
    ``stride``, ``padding``, ``dilation``, ``groups``, as `nn.functional.conv1d` to `conv3d` take
    them.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(conv_geometries(ndim=1))
    ... def test(geometry):
    ...     assert geometry["input"][1] == geometry["weight"][1] * geometry["groups"]
    >>> test()
    """
    groups = draw(st.integers(1, 2))
    inner, outer = draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    axes = [draw(_window(max_side, dilated=True)) for _ in range(ndim)]
    sizes, kernel, stride, padding, dilation = (tuple(each) for each in zip(*axes, strict=True))
    return {
        "input": (draw(st.integers(1, 2)), inner * groups, *sizes),
        "weight": (outer, inner, *kernel),
        "bias": (outer,),
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }


@st.composite
def pool_geometries(draw, ndim: int = 2, max_side: int = 6, dilated: bool = True) -> dict[str, Any]:
    """An input's shape and the options of a pooling that gives at least one element.

    A dict of ``input``, ``kernel_size``, ``stride``, ``padding`` (at most half the kernel) and,
    if `dilated`, ``dilation``.

    Examples
    --------
    >>> from hypothesis import given
    >>> @given(pool_geometries(ndim=1))
    ... def test(geometry):
    ...     assert 2 * geometry["padding"][0] <= geometry["kernel_size"][0]
    >>> test()
    """
    axes = [draw(_window(max_side, dilated, half=True)) for _ in range(ndim)]
    sizes, kernel, stride, padding, dilation = (tuple(each) for each in zip(*axes, strict=True))
    geometry = {
        "input": (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *sizes),
        "kernel_size": kernel,
        "stride": stride,
        "padding": padding,
    }
    return {**geometry, "dilation": dilation} if dilated else geometry


@st.composite
def _window(draw, max_side: int, dilated: bool, half: bool = False):
    """One axis: its length, and a window that fits into it once it is padded."""
    kernel = draw(st.integers(1, 3))
    padding = draw(st.integers(0, kernel // 2 if half else 2))
    dilation = draw(st.integers(1, 2)) if dilated else 1
    # Not narrower than the gaps, else a window could fall into the padding altogether.
    smallest = max(dilation, dilation * (kernel - 1) + 1 - 2 * padding)
    size = draw(st.integers(smallest, max(smallest, max_side)))
    return size, kernel, draw(st.integers(1, 3)), padding, dilation
