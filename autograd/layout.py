"""Where elements lie in memory: tensors over given memory or strides, and questions about both."""

from __future__ import annotations

import numpy as np

from autograd import dtypes
from autograd.creation import as_tensor, tensor
from autograd.device import check_device
from autograd.errors import ArgumentError, ShapeError
from autograd.ops.cast import clone
from autograd.tensor import Tensor, method, wrap
from autograd.versions import owner

__all__ = ["asarray", "empty_permuted", "empty_strided", "frombuffer"]

# -- given memory ---------------------------------------------------------------------------------


def asarray(obj, *, dtype=None, device=None, copy: bool | None = None,
            requires_grad: bool | None = None) -> Tensor:  # fmt: skip
    """Return data as a tensor.

    Parameters
    ----------
    obj : Tensor, array, number, nested sequence, or object with a buffer
        Of a buffer, such as bytes, the elements are read as `dtype`; see `frombuffer`.
    dtype : dtype, optional
    copy : bool, optional
        True copies, False refuses to; by default memory is shared where that is possible.
    requires_grad : bool, optional
        By default what `obj` does. False takes a tensor out of its graph.

    Raises
    ------
    ArgumentError
        If `copy` is False and there is no memory to share.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd as ag
    >>> x = ag.ones(2)
    >>> ag.asarray(x) is x, ag.asarray(np.ones(2), dtype=ag.float32)
    (True, tensor([1., 1.]))
    """
    check_device(device)
    if copy is False:
        _refuse_copy(obj, dtype)
    if isinstance(obj, Tensor):
        out = obj if dtype is None else obj.to(dtype)
        out = clone(out) if copy and out is obj else out
    elif isinstance(obj, (bytes, bytearray, memoryview)):
        out = frombuffer(obj, dtype=dtypes.get_default_dtype() if dtype is None else dtype)
        out = clone(out) if copy else out
    else:
        out = tensor(obj, dtype=dtype) if copy else as_tensor(obj, dtype)
    if requires_grad is None:
        return out
    if not requires_grad and not out.is_leaf:
        return out.detach()
    return out.requires_grad_(requires_grad)


def _refuse_copy(obj, dtype) -> None:
    if isinstance(obj, (Tensor, np.ndarray)):
        if dtype is None or np.dtype(dtype) == obj.dtype:
            return
        raise ArgumentError(
            f"asarray cannot show {obj.dtype} memory as {np.dtype(dtype)} without a copy: leave "
            "out copy=False"
        )
    if not isinstance(obj, (bytes, bytearray, memoryview)):
        raise ArgumentError(
            f"asarray found no memory to share in a {type(obj).__name__}: leave out copy=False"
        )


def frombuffer(
    buffer, *, dtype, count: int = -1, offset: int = 0, requires_grad: bool = False
) -> Tensor:
    """Return a tensor of one axis that shares the memory of an object with a buffer.

    `count` elements are read, all if it is -1, from `offset` bytes on.

    Raises
    ------
    ArgumentError
        If there are no such elements in the buffer.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.frombuffer(bytearray([1, 0, 2, 0]), dtype=ag.int16)
    tensor([1, 2], dtype=int16)
    """
    dtype, length = np.dtype(dtype), memoryview(buffer).nbytes
    dtypes.category(dtype)
    rest = length - offset
    if count == -1:
        fits = rest % dtype.itemsize == 0
    else:
        fits = count > 0 and count * dtype.itemsize <= rest
    if offset < 0 or rest <= 0 or not fits:
        number = "whole elements" if count == -1 else f"{count} elements"
        raise ArgumentError(
            f"frombuffer expected {number} of {dtype.itemsize} bytes from byte {offset} on, got a "
            f"buffer of {length} bytes"
        )
    return wrap(np.frombuffer(buffer, dtype, count, offset)).requires_grad_(requires_grad)


# -- given strides --------------------------------------------------------------------------------


def empty_strided(size, stride, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Return a tensor whose elements are not set and lie `stride` elements apart along each axis.

    Where elements share a place in memory the tensor cannot be written in place.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    check_device(device)
    size, stride = tuple(size), tuple(stride)
    if len(size) != len(stride) or any(n < 0 for n in (*size, *stride)):
        raise ShapeError(
            "empty_strided expected a size and a stride for each axis, none negative, got "
            f"{size} and {stride}"
        )
    dtype = np.dtype(dtypes.get_default_dtype() if dtype is None else dtype)
    dtypes.category(dtype)
    last = sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    memory = np.empty(last + 1 if all(size) else 0, dtype)
    array = np.ndarray(size, dtype, memory, 0, tuple(s * dtype.itemsize for s in stride))
    array.setflags(write=_all_apart(size, stride))
    return wrap(array).requires_grad_(requires_grad)


def _all_apart(size, stride) -> bool:
    """Whether each axis steps over all that those of smaller strides reach."""
    reach = 0
    for step, length in sorted(zip(stride, size, strict=True)):
        if length > 1:
            if step <= reach:
                return False
            reach += (length - 1) * step
    return True


def empty_permuted(
    size, physical_layout, *, dtype=None, device=None, requires_grad: bool = False
) -> Tensor:
    """Return a tensor whose elements are not set, without gaps, its axes in a given order.

    Axis ``physical_layout[0]`` is the outermost in memory, the last named one the innermost.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.empty_permuted((2, 3, 5), (0, 2, 1)).stride()
    (15, 1, 3)
    """
    check_device(device)
    size, order = tuple(size), tuple(physical_layout)
    if sorted(order) != list(range(len(size))):
        raise ShapeError(
            f"empty_permuted expected each of the {len(size)} axes once in physical_layout, got "
            f"{order}"
        )
    dtype = np.dtype(dtypes.get_default_dtype() if dtype is None else dtype)
    dtypes.category(dtype)
    memory = np.empty([size[i] for i in order], dtype)
    return wrap(memory.transpose(np.argsort(order))).requires_grad_(requires_grad)


@method
def new_empty_strided(
    self: Tensor, size, stride, dtype=None, device=None, requires_grad: bool = False
) -> Tensor:
    """Return `empty_strided` of the given size and stride in this dtype."""
    dtype = self.dtype if dtype is None else dtype
    return empty_strided(size, stride, dtype=dtype, device=device, requires_grad=requires_grad)


# -- questions ------------------------------------------------------------------------------------


@method
def dim_order(self: Tensor, *, ambiguity_check: bool = False) -> tuple[int, ...]:
    """Return the axes in the order in which they lie in memory, the outermost first.

    With `ambiguity_check` it is an error if that can be said in more than one way: if there are
    axes of length one or of equal strides, or repeated elements.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 3, 5).permute(2, 0, 1).dim_order()
    (1, 2, 0)
    """
    size, stride = self.shape, self.stride()
    if not isinstance(ambiguity_check, bool):
        raise ArgumentError("dim_order knows no memory formats: ambiguity_check is a bool")
    repeated = self.ndim > 1 and (0 in stride or len({*stride}) < self.ndim)
    if ambiguity_check and (1 in size or repeated):
        raise ArgumentError(
            f"dim_order: shape {size} with strides {stride} can be ordered in more than one way"
        )
    if self.is_contiguous():
        return tuple(range(self.ndim))
    order = list(range(self.ndim))[::-1]  # from the innermost axis
    for i in range(1, self.ndim):
        place = i
        for j in range(i)[::-1]:
            a, b = order[j], order[place]
            if stride[a] == 0 or stride[b] == 0:
                continue  # a repeated axis has no place of its own
            if stride[a] < stride[b]:
                break
            if (stride[a], size[a]) > (stride[b], size[b]):
                order[j], order[place], place = b, a, j
    return tuple(order[::-1])


@method
def is_set_to(self: Tensor, tensor: Tensor) -> bool:
    """Tell whether both look at the same memory in the same way.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.zeros(2)
    >>> x.is_set_to(x.detach()), x.is_set_to(x.clone())
    (True, False)
    """
    mine, other = self.array, tensor.array
    return (
        owner(mine) is owner(other)
        and mine.ctypes.data == other.ctypes.data
        and (mine.shape, mine.strides, mine.dtype) == (other.shape, other.strides, other.dtype)
    )
