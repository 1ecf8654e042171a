"""Views that show elements repeatedly, or some of them only: expanded, diagonal and windowed."""

from __future__ import annotations

import numpy as np

from autograd.errors import ShapeError
from autograd.op import Array, Shape, answers, composite, op
from autograd.ops.cast import cases
from autograd.ops.shape import reshape, wrap_dim
from autograd.tensor import Tensor, attach
from autograd.versions import owner


@op(
    kind="view",
    samples=cases(((2, 1), {"size": (3, -1, 2)}), ((), {"size": (2,)}), ((1,), {"size": (0,)})),
)
def expand(input: Array, size: Shape):
    """Repeat axes of length one, and new ones in front, without copying; -1 keeps a length.

    The result cannot be written in place: many of its elements share one place in memory.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(3, 1).expand(2, -1, 4).shape
    (2, 3, 4)
    """
    if len(size) < input.ndim:
        raise ShapeError(f"expected at least {input.ndim} sizes, got {tuple(size)}")
    old = (1,) * (len(size) - input.ndim) + input.shape
    new = [m if n == -1 else n for n, m in zip(size, old, strict=True)]
    if any(m not in (1, n) for n, m in zip(new, old, strict=True)):
        raise ShapeError(f"cannot expand to {tuple(size)}: only axes of length 1 can be repeated")
    return np.broadcast_to(input, new)


expand.vjp(input=lambda g: g)  # the engine sums over what was repeated


@composite(samples=lambda rng: [((rng.normal(size=(2, 1)), rng.normal(size=(2, 3))), {})])
def expand_as(input, other):
    """Return ``input.expand(other.shape)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(3, 1).expand_as(ag.zeros(3, 2)).shape
    (3, 2)
    """
    return expand(input, other.shape)


@composite(numpy=np.broadcast_to, samples=cases(((2, 1), {"size": (3, 2, 2)})))
def broadcast_to(input, size: Shape):
    """Return a view of `input` broadcast to a shape; see `expand`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.broadcast_to(ag.zeros(3, 1), (3, 2)).shape
    (3, 2)
    """
    return expand(input, size)


@composite(samples=lambda rng: [((rng.normal(size=(2, 1)), rng.normal(size=(3,))), {})])
def broadcast_tensors(*tensors: Array) -> tuple[Array, ...]:
    """Expand all tensors to the one shape they broadcast to.

    Examples
    --------
    >>> import autograd as ag
    >>> a, b = ag.broadcast_tensors(ag.zeros(2, 1), ag.zeros(3))
    >>> a.shape, b.shape
    ((2, 3), (2, 3))
    """
    shape = np.broadcast_shapes(*(tensor.shape for tensor in tensors))
    return tuple(expand(tensor, shape) for tensor in tensors)


@answers(np.broadcast_arrays)
def _numpy_broadcast_arrays(*args, subok=False):
    return broadcast_tensors(*args)


@op(kind="view",
    samples=cases(((3, 3), {}), ((2, 3), {"offset": 1}), ((2, 3), {"offset": -2}),
                  ((2, 3, 2), {"dim1": -1, "dim2": 0})))  # fmt: skip
def diagonal(input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """Return the diagonals of the matrices in two axes, along a new last axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.eye(2).diagonal()
    tensor([1., 1.])
    """
    out = np.diagonal(input, offset, dim1, dim2)
    out.setflags(write=input.flags.writeable)  # NumPy locks it, though no two elements overlap
    return out


@op(samples=cases(((2,), {"shape": (2, 3), "offset": 1, "dim1": 0, "dim2": 1})), space="internal")
def zeros_with_diagonal(input: Array, shape: tuple, offset: int, dim1: int, dim2: int):
    """Return zeros of `shape` whose `diagonal` is `input`."""
    out = np.zeros(shape, input.dtype)
    diagonal(out, offset, dim1, dim2)[...] = input
    return out


diagonal.vjp(
    input=lambda g, input_shape, offset, dim1, dim2: zeros_with_diagonal(
        g, input_shape, offset, dim1, dim2
    )
)
zeros_with_diagonal.vjp(input=lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2))


@answers(np.diagonal)
def _numpy_diagonal(a, offset=0, axis1=0, axis2=1):
    return diagonal(a, offset, axis1, axis2)


_WINDOWS = {"dimension": 0, "size": 3, "step": 2}


@op(
    kind="view",
    space="internal",
    shown_as="unfold",
    samples=cases(((6, 2), _WINDOWS), ((3,), _WINDOWS)),
)
def windows(input: Array, dimension: int, size: int, step: int):
    """Return windows of `size` elements along an axis, `step` apart, each along a new last axis."""
    dimension = wrap_dim(dimension, input.ndim)
    length = input.shape[dimension]
    if not 0 <= size <= length or step < 1:
        raise ShapeError(
            f"expected windows of a size up to {length} and a step of at least 1, got size {size} "
            f"and step {step}"
        )
    memory = owner(input)
    if not memory.flags.c_contiguous:
        input = memory = np.ascontiguousarray(input)
    shape, strides = [*input.shape, size], [*input.strides, input.strides[dimension]]
    shape[dimension] = (length - size) // step + 1
    strides[dimension] *= step
    # Not as_strided: what that returns does not tell whose memory it looks into.
    offset = input.ctypes.data - memory.ctypes.data
    out = np.ndarray(shape, input.dtype, memory, offset, strides)
    out.setflags(write=step >= size and input.flags.writeable)
    return out


@op(samples=cases(((2, 3), {"length": 6, "dimension": 0, "step": 2})), space="internal")
def overlap_add(input: Array, length: int, dimension: int, step: int):
    """Sum windows back into an axis of `length` elements: the transpose of `windows`."""
    dimension = wrap_dim(dimension, input.ndim - 1)
    count, size = input.shape[dimension], input.shape[-1]
    rest = (*input.shape[:dimension], *input.shape[dimension + 1 : -1])
    out = np.zeros((length, *rest), input.dtype)
    parts = np.moveaxis(input, (dimension, -1), (0, 1))
    for i in range(size):
        out[i : i + step * count : step][:count] += parts[:, i]
    return np.moveaxis(out, 0, dimension)


windows.vjp(
    input=lambda g, input_shape, dimension, step: overlap_add(
        g, input_shape[dimension], dimension, step
    )
)
overlap_add.vjp(
    input=lambda g, input_shape, dimension, step: windows(g, dimension, input_shape[-1], step)
)


def _tensor_unfold(self: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """Return a view of the windows of `size` elements along an axis, `step` apart.

    The elements of a window lie along a new last axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]], shape=(2, 3))
    """
    if not self.ndim:
        return reshape(windows(reshape(self, (1,)), dimension, size, step), (size,))
    return windows(self, dimension, size, step)


attach("unfold", _tensor_unfold)
