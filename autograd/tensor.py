"""The Tensor: a handle on an array and on the graph node that made it. No mathematics here.

A graph is made of nodes (`autograd.op.Node`, and `Leaf` below); a tensor points to its node, and no
node points back to a tensor except a leaf, weakly. Dropping a tensor therefore frees its array as
soon as no node has kept it, by reference counting alone.

Everything that computes is attached from the floors above through `method`: the operations by
`autograd.ops`, `backward` by `autograd.engine`, in-place writes by `autograd.inplace`.
"""

from __future__ import annotations

import itertools
import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from autograd import dtypes
from autograd.device import CPU
from autograd.errors import GraphError
from autograd.memory_format import contiguous_format, is_laid_out

next_seq = itertools.count(1).__next__  # one clock for nodes and writes: who came first


class Leaf:
    """The end of a graph: where the gradient of a leaf tensor arrives."""

    __slots__ = ("__weakref__", "hooks", "post_hooks", "seq", "tensor")
    parents = ()
    layer = where = retained = None  # what other nodes have and leaves do not

    def __init__(self, tensor: Tensor):
        self.tensor = weakref.ref(tensor)
        self.seq = next_seq()
        self.hooks: dict | None = None
        self.post_hooks: dict | None = None

    def name(self) -> str:
        return "AccumulateGrad"


class Tensor:
    """A multi-dimensional array that remembers how it was computed.

    Parameters
    ----------
    data : array_like
        Taken as `autograd.tensor` takes it: floats become the default dtype.
    dtype : dtype, optional
    requires_grad : bool, default False

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    # array: the ndarray. _node: what made it; a Leaf if gradients are wanted here; None if neither.
    # _view: how it looks into another tensor's memory (autograd.inplace.View), or None.
    __slots__ = ("__weakref__", "_grad", "_node", "_view", "array")
    __array_priority__ = 1000
    __hash__ = object.__hash__

    def __init__(self, data: Any = (), dtype=None, requires_grad: bool = False):
        self.array = asarray(data, dtype)
        self._grad: Tensor | None = None
        self._node: Any = None
        self._view: Any = None
        if requires_grad:
            self.requires_grad = True

    # -- what it is ------------------------------------------------------------------------------

    shape = property(lambda self: self.array.shape, doc="Length of each axis.")
    dtype = property(lambda self: self.array.dtype, doc="The NumPy dtype of the elements.")
    ndim = property(lambda self: self.array.ndim, doc="Number of axes.")
    itemsize = property(lambda self: self.array.itemsize, doc="Bytes of one element.")
    nbytes = property(lambda self: self.array.nbytes, doc="Bytes of all elements.")
    device = property(lambda self: CPU, doc="Always the CPU.")

    def size(self, dim: int | None = None):
        """Return the shape, or the length of axis `dim`."""
        return self.array.shape if dim is None else self.array.shape[dim]

    def dim(self) -> int:
        """Return the number of axes."""
        return self.array.ndim

    def stride(self, dim: int | None = None):
        """Return how many elements apart neighbours along each axis (or axis `dim`) lie."""
        strides = tuple(s // self.array.itemsize for s in self.array.strides)
        return strides if dim is None else strides[dim]

    def numel(self) -> int:
        """Return the number of elements."""
        return self.array.size

    nelement, ndimension = numel, dim

    def element_size(self) -> int:
        """Return the bytes of one element."""
        return self.array.itemsize

    def is_contiguous(self, memory_format=contiguous_format) -> bool:
        """Tell whether the elements lie in C order without gaps, or in another format."""
        return is_laid_out(self.array, memory_format)

    def is_floating_point(self) -> bool:
        """Tell whether the dtype is a float."""
        return self.array.dtype.kind == "f"

    def data_ptr(self) -> int:
        """Return the address of the first element."""
        return self.array.ctypes.data

    # -- its place in the graph ------------------------------------------------------------------

    @property
    def node(self):
        """The node that made this tensor, a `Leaf`, or None. Brings a stale view up to date."""
        if self._view is not None:
            self._view.sync(self)
        return self._node

    @property
    def grad_fn(self):
        """The node that made this tensor; None for leaves, as in PyTorch."""
        node = self.node
        return None if isinstance(node, Leaf) else node

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        return self.grad_fn is None

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded. Can be set on leaves."""
        return self.node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Ask for (or stop asking for) gradients of this leaf, in place."""
        if not self.is_leaf:
            if requires_grad:
                return self
            raise GraphError(
                "requires_grad can only be switched off on leaf tensors; this one was made by "
                f"{self.node.name()}: use .detach() to cut it from its graph"
            )
        if requires_grad and self.array.dtype.kind != "f":
            raise GraphError(
                f"only floating point tensors can require gradients, got {self.array.dtype}: "
                "convert with .float() first"
            )
        if bool(requires_grad) != (self._node is not None):
            self._node = Leaf(self) if requires_grad else None
            self._view = None  # a leaf has a history of its own
        return self

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` accumulated here, or None.

        Only leaves have one; on another tensor call `retain_grad` before `backward`.
        """
        if self._grad is None and not self.is_leaf and self._node.retained is None:
            warnings.warn(
                f".grad of a tensor that is not a leaf (made by {self._node.name()}) is not kept: "
                "call .retain_grad() on it before backward()",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(f".grad expected a Tensor or None, got {type(value).__name__}")
            if value.shape != self.shape or value.dtype != self.dtype:
                raise GraphError(
                    f".grad expected {self.dtype} of shape {self.shape}, "
                    f"got {value.dtype} of shape {value.shape}"
                )
        self._grad = value

    @property
    def data(self) -> Tensor:
        """The same memory without the graph; assigning replaces the memory."""
        return wrap(self.array)

    @data.setter
    def data(self, value) -> None:
        self.array = value.array if isinstance(value, Tensor) else np.asarray(value)

    def detach(self) -> Tensor:
        """Return a tensor with the same memory that is not part of the graph.

        Examples
        --------
        >>> import autograd as ag
        >>> ag.ones(1, requires_grad=True).detach().requires_grad
        False
        """
        return wrap(self.array)

    def detach_(self) -> Tensor:
        """Take this tensor itself out of the graph, as between stretches of a long sequence."""
        view = self._view
        if view is not None and view.tracked:
            if not view.of_itself:
                raise GraphError("a view cannot be detached in place: use .detach()")
            view.base._node = None
        self._node = None
        return self

    # -- conversions -----------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> np.ndarray:
        """Return the array itself: memory is shared. `force` detaches first."""
        if self.requires_grad and not force:
            raise GraphError(
                "numpy() would cut a tensor that requires grad out of its graph without a word: "
                "write .detach().numpy()"
            )
        return self.array

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        if self.requires_grad:
            raise GraphError(
                "np.asarray() would cut a tensor that requires grad out of its graph without a "
                "word: write .detach().numpy(), or use the autograd function of the same name"
            )
        return np.array(self.array, dtype=dtype, copy=copy)

    def __dlpack__(self, **keywords):
        if self.requires_grad:
            raise BufferError("cannot export a tensor that requires grad; detach() it first")
        return self.array.__dlpack__(**keywords)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()

    def item(self):
        """Return the only element as a Python number."""
        if self.array.size != 1:
            raise GraphError(f"item() expected one element, got shape {self.shape}")
        return self.array.item()

    def tolist(self):
        """Return nested lists of Python numbers."""
        return self.array.tolist()

    def cpu(self) -> Tensor:
        """Return self: everything lives on the CPU."""
        return self

    def __bool__(self) -> bool:
        if self.array.size != 1:
            raise GraphError(
                f"the truth of a tensor of shape {self.shape} is ambiguous: use .any() or .all()"
            )
        return bool(self.array.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iu":
            raise TypeError(f"only integer tensors can be an index, got {self.array.dtype}")
        return int(self.item())

    def __len__(self) -> int:
        if not self.array.ndim:
            raise TypeError("len() of a 0-d tensor")
        return len(self.array)

    def __iter__(self) -> Iterator[Tensor]:
        if not self.array.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(len(self.array))])  # type: ignore[index]

    def __contains__(self, value) -> bool:
        return bool((self.array == (value.array if isinstance(value, Tensor) else value)).any())

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec and self.array.size == 1 else str(self), spec)

    def __repr__(self) -> str:
        body = np.array2string(self.array, separator=", ", prefix="tensor(")
        notes = [body]
        if self.array.ndim > 1 or self.array.size > 1000 or not self.array.size:
            notes.append(f"shape={self.shape}")
        if self.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool):
            notes.append(f"dtype={self.dtype}")
        if self.requires_grad:
            notes.append("requires_grad=True" if self.is_leaf else f"grad_fn=<{self.node.name()}>")
        return f"tensor({', '.join(notes)})"

    def __deepcopy__(self, memo) -> Tensor:
        if not self.is_leaf:
            raise GraphError(
                f"only leaf tensors can be deep-copied, this one was made by {self.node.name()}: "
                "copy .detach() or use .clone()"
            )
        twin = memo[id(self)] = rebuild(type(self), self.array.copy(), self.requires_grad)
        if self._grad is not None:
            twin._grad = wrap(self._grad.array.copy())
        for name, value in getattr(self, "__dict__", {}).items():
            setattr(twin, name, value)
        return twin

    def __reduce__(self):
        if not self.is_leaf:
            raise GraphError("only leaf tensors can be pickled: pickle .detach()")
        return rebuild, (type(self), self.array, self.requires_grad)


def wrap(array: np.ndarray, node: Any = None) -> Tensor:
    """Make a Tensor of an array as it is: no conversion, no checks. The hot path's constructor."""
    tensor = Tensor.__new__(Tensor)
    tensor.array = array
    tensor._grad = None
    tensor._node = node
    tensor._view = None
    return tensor


def memory_of(x) -> np.ndarray:
    """The array of a tensor, or an array, for those who ask how it lies and not what is in it."""
    return x.array if isinstance(x, Tensor) else x


def rebuild(cls: type, array: np.ndarray, requires_grad: bool) -> Tensor:
    """Make a leaf again from its parts, for pickle and deepcopy."""
    tensor = cls.__new__(cls)
    Tensor.__init__(tensor, array, array.dtype, requires_grad)
    return tensor


def asarray(data: Any, dtype=None) -> np.ndarray:
    """Return `data` as an array, uncopied where possible; Python floats take the default dtype."""
    if isinstance(data, Tensor):
        data = data.array
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data, dtype=dtype)
    else:
        if isinstance(data, (list, tuple)):
            data = _unwrap_nested(data)
        array = np.asarray(data, dtype=dtype)
        if dtype is None and array.dtype == np.float64 and not _holds_float64(data):
            array = array.astype(dtypes.get_default_dtype())
    dtypes.category(array.dtype)  # refuses objects, strings and complex numbers
    return array


def _unwrap_nested(data):
    if isinstance(data, Tensor):
        return data.array
    return [_unwrap_nested(item) for item in data] if isinstance(data, (list, tuple)) else data


def _holds_float64(data) -> bool:
    """Whether a nested list has NumPy float64 values in it, whose precision was asked for."""
    while isinstance(data, list) and data:
        data = data[0]
    return isinstance(data, (np.ndarray, np.generic)) and data.dtype == np.float64


def attach(name: str, value: Any) -> None:
    """Give Tensor an attribute, such as a property, from a floor above this one."""
    setattr(Tensor, name, value)


def method(function):
    """Give Tensor a method from a floor above this one."""
    attach(function.__name__, function)
    return function
