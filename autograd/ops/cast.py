"""The same values again: in another dtype, in memory of their own, or under another node."""

from __future__ import annotations

from typing import Any

import numpy as np

from autograd import dtypes
from autograd.device import check_device
from autograd.errors import ShapeError
from autograd.inplace import write
from autograd.memory_format import (
    channels_last,
    contiguous_format,
    is_laid_out,
    laid_out,
    preserve_format,
)
from autograd.op import Array, answers, composite, op
from autograd.tensor import Tensor, attach, memory_of, method, wrap


def cases(*items):
    """Make the `samples` of an op on one array from ``(shape, keywords)`` pairs."""

    def samples(rng):
        for shape, keywords in items:
            yield (rng.normal(size=shape),), keywords

    return samples


@op(samples=cases(((2, 3), {}), ((), {}), ((0, 2), {})), kind="view", space="internal")
def alias(input: Array):
    """Return a view of all of `input`, with a node of its own."""
    return input[...]


alias.vjp(input=lambda g: g)


# -- memory ----------------------------------------------------------------------------------------


_IMAGES = ((1, 2, 3, 2), {"memory_format": channels_last})


@op(numpy=np.copy, samples=cases(((2, 3), {}), ((), {}), ((0, 2), {}), _IMAGES))
def clone(input: Array, *, memory_format=preserve_format):
    """Return a copy in memory of its own; strides are kept where the input has no gaps.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.zeros(2); y = x.clone(); y[0] = 1.0; x
    tensor([0., 0.])
    """
    return laid_out(input, memory_format)


clone.vjp(input=lambda g: g)


@op(samples=cases(((2, 3), {}), _IMAGES), space="internal", shown_as="contiguous")
def contiguous_copy(input: Array, memory_format=contiguous_format):
    """Return a copy whose elements lie in C order, or in another format."""
    return laid_out(input, memory_format)


contiguous_copy.vjp(input=lambda g: g)


@composite(samples=cases(((2, 3), {}), ((), {}), _IMAGES))
def contiguous(input, memory_format=contiguous_format):
    """Return the tensor itself if its elements lie in C order without gaps, else such a copy.

    With another `memory_format` than ``contiguous_format`` in that order: ``channels_last`` or
    ``channels_last_3d``.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.zeros(2, 3)
    >>> x.contiguous() is x, x.T.is_contiguous(), x.T.contiguous().is_contiguous()
    (True, False, True)
    """
    laid_out = is_laid_out(memory_of(input), memory_format)
    return input if laid_out else contiguous_copy(input, memory_format)


# -- dtype -----------------------------------------------------------------------------------------


@op(samples=cases(((2, 3), {"dtype": np.dtype("float64")})), space="internal")
def to(input: Array, dtype: np.dtype):
    """Return `input` in another dtype."""
    return input.astype(dtype)


to.vjp(input=lambda g: g)  # the engine gives every gradient the dtype of its input


def _convert(
    tensor: Tensor, dtype: np.dtype, copy: bool = False, memory_format=preserve_format
) -> Tensor:
    if dtype != tensor.dtype:
        dtypes.category(dtype)  # refuses what no tensor can be
        # Integers and bools have no gradient.
        tensor = to(tensor, dtype) if dtype.kind == "f" else wrap(tensor.array.astype(dtype))
    elif copy:
        return clone(tensor, memory_format=memory_format)
    return contiguous(tensor, memory_format) if memory_format != preserve_format else tensor


def _is_device(value: Any) -> bool:
    """Whether an argument of `Tensor.to` names a device, not a dtype."""
    return not isinstance(value, (np.dtype, type))


def _tensor_to(
    self: Tensor, *args, dtype=None, device=None, non_blocking=False, copy=False,
    memory_format=preserve_format,
) -> Tensor:  # fmt: skip
    """Return the tensor in another dtype; the tensor itself where nothing changes.

    Called as PyTorch's: ``to(dtype)``, ``to(device)``, ``to(device, dtype)``, ``to(other)``, each
    followed by `non_blocking` and `copy`. The only device is ``"cpu"``, on which nothing blocks.
    A `memory_format` is one of `contiguous`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.ones(2).to(ag.float64)
    tensor([1., 1.], dtype=float64)
    """
    rest = list(args)
    if rest:
        first = rest.pop(0)
        if isinstance(first, Tensor):
            dtype = first.dtype
        elif _is_device(first):
            device = first
            if rest and not isinstance(rest[0], bool):
                dtype = rest.pop(0)
        else:
            dtype = first
    if len(rest) > 2:
        raise TypeError(f"to() got too many positional arguments: {args}")
    copy = rest[1] if len(rest) == 2 else copy
    check_device(device)
    return _convert(self, self.dtype if dtype is None else np.dtype(dtype), copy, memory_format)


attach("to", _tensor_to)


def _add_dtype_method(name: str, dtype: np.dtype) -> None:
    def convert(self: Tensor, *, memory_format=preserve_format) -> Tensor:
        return _convert(self, dtype, memory_format=memory_format)

    convert.__name__, convert.__doc__ = name, f"Return the tensor as {dtype}; see `to`."
    attach(name, convert)


for _name in ("half", "float", "double", "short", "int", "long", "bool"):
    _add_dtype_method(_name, getattr(dtypes, _name))
_add_dtype_method("byte", dtypes.uint8)
_add_dtype_method("char", dtypes.int8)


def _tensor_type(self: Tensor, dtype) -> Tensor:
    """Return the tensor as `dtype`; see `to`."""
    return _convert(self, np.dtype(dtype))


attach("type", _tensor_type)


@method
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """Return the tensor in the dtype of `other`; see `to`."""
    return _convert(self, other.dtype)


@answers(np.astype)
def _numpy_astype(x, dtype, /, *, copy=True):
    return _convert(x, np.dtype(dtype), copy)


# -- values that replace others, for the in-place methods ------------------------------------------


def _fill_samples(rng):
    yield (rng.normal(size=(2, 3)), rng.normal(size=())), {}
    yield (rng.normal(size=()), rng.normal(size=())), {}


@op(samples=_fill_samples, method=False)
def fill(input: Array, value: Array):
    """Return a tensor like `input`, every element of which is the number `value`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.fill(ag.zeros(2), 7)
    tensor([7., 7.])
    """
    if np.ndim(value):
        raise ShapeError(f"expected a number or a 0-d tensor to fill with, got shape {value.shape}")
    return np.full_like(input, value)


fill.vjp(input=lambda g: fill(g, 0.0), value=lambda g: g)


def _copy_samples(rng):
    yield (rng.normal(size=(2, 3)), rng.normal(size=(3,))), {}
    yield (rng.normal(size=(2, 3)), rng.normal(size=(2, 1))), {}
    yield (rng.normal(size=()), rng.normal(size=())), {}


@op(samples=_copy_samples, space="internal")
def copy(input: Array, src: Array):
    """Return `src` in the shape and dtype of `input`; it may share memory with `src`."""
    src = np.asarray(src)
    try:
        return np.broadcast_to(src.astype(input.dtype, copy=False), input.shape)
    except ValueError:
        raise ShapeError(
            f"expected a value that broadcasts to {input.shape}, got shape {src.shape}"
        ) from None


copy.vjp(input=lambda g: fill(g, 0.0), src=lambda g: g)


@method
def fill_(self, value):
    """Set every element to `value`, in place."""
    return write(self, "fill_", fill, value)


@method
def zero_(self):
    """Set every element to zero, in place."""
    return write(self, "zero_", fill, 0)


@method
def copy_(self, src, non_blocking: bool = False):
    """Copy `src` into this tensor's memory, in place, broadcasting and converting as needed."""
    return write(self, "copy_", copy, src)
