"""Tensors from data, and tensors filled by a rule."""

from __future__ import annotations

import math
import operator

import numpy as np

from autograd import dtypes
from autograd.device import check_device
from autograd.errors import ArgumentError, ShapeError
from autograd.tensor import Tensor, asarray, attach, method, wrap

__all__ = [
    "arange", "as_tensor", "broadcast_shapes", "empty", "empty_like", "eye", "from_dlpack",
    "from_numpy", "full", "full_like", "is_floating_point", "is_inference", "is_nonzero",
    "is_tensor", "linspace", "logspace", "numel", "ones", "ones_like", "range", "tensor", "zeros",
    "zeros_like",
]  # fmt: skip


def tensor(data, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Copy data into a new tensor.

    Parameters
    ----------
    data : number, nested sequence, array or Tensor
        Python floats take the default dtype; NumPy arrays keep theirs.
    dtype : dtype, optional
    requires_grad : bool, default False

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]], shape=(2, 2))
    """
    check_device(device)
    return wrap(np.array(_convert(data, dtype), order="C")).requires_grad_(requires_grad)


def as_tensor(data, dtype=None, device=None) -> Tensor:
    """Return data as a tensor, sharing memory where no conversion is needed.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.ones(2); ag.as_tensor(x) is x
    True
    """
    check_device(device)
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    return wrap(_convert(data, dtype))


def from_numpy(ndarray: np.ndarray) -> Tensor:
    """Return a tensor that shares memory with a NumPy array.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd as ag
    >>> array = np.zeros(2); t = ag.from_numpy(array); array[0] = 1; t
    tensor([1., 0.], dtype=float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"from_numpy expected a numpy.ndarray, got {type(ndarray).__name__}")
    dtypes.category(ndarray.dtype)
    return wrap(ndarray)


def from_dlpack(ext_tensor, *, device=None, copy: bool | None = None) -> Tensor:
    """Return a tensor that shares memory with any object that speaks DLPack.

    With `copy` it gets memory of its own; False insists on sharing.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd as ag
    >>> ag.from_dlpack(np.arange(3))
    tensor([0, 1, 2])
    """
    check_device(device)
    return from_numpy(np.from_dlpack(ext_tensor, copy=copy))


def _convert(data, dtype) -> np.ndarray:
    try:
        return asarray(data, dtype)
    except ValueError as error:
        raise ValueError(f"expected numbers in a rectangular nested sequence: {error}") from None


def numel(input: Tensor) -> int:
    """Return the number of elements."""
    return input.numel()


def is_floating_point(input: Tensor) -> bool:
    """Tell whether the dtype is a float."""
    return input.is_floating_point()


def is_tensor(obj) -> bool:
    """Tell whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def is_nonzero(input: Tensor) -> bool:
    """Tell whether the only element is not zero; see `Tensor.__bool__`."""
    return bool(input)


def is_inference(input: Tensor) -> bool:
    """Tell whether `input` may never be part of a graph. False: none is made so here.

    What `inference_mode` returns are ordinary tensors, computed without recording.
    """
    return False


def broadcast_shapes(*shapes) -> tuple[int, ...]:
    """Return the shape that tensors of the given shapes broadcast to.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.broadcast_shapes((2, 1), (3,), 1)
    (2, 3)
    """
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeError(
            f"broadcast_shapes expected shapes that broadcast to one, got {shapes}"
        ) from None


def _sizes(size: tuple) -> tuple:
    return tuple(size[0]) if len(size) == 1 and isinstance(size[0], (tuple, list)) else size


def _new(array: np.ndarray, device, requires_grad: bool) -> Tensor:
    check_device(device)
    return wrap(array).requires_grad_(requires_grad)


def _dtype(dtype):
    return dtypes.get_default_dtype() if dtype is None else dtype


def zeros(*size, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of zeros.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(3)
    tensor([0., 0., 0.])
    """
    return _new(np.zeros(_sizes(size), _dtype(dtype)), device, requires_grad)


def ones(*size, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Return a tensor of ones.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.ones(2, 1).shape
    (2, 1)
    """
    return _new(np.ones(_sizes(size), _dtype(dtype)), device, requires_grad)


def empty(*size, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Return a tensor whose elements are not set."""
    return _new(np.empty(_sizes(size), _dtype(dtype)), device, requires_grad)


def full(size, fill_value, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
    """Return a tensor filled with one value.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.full((2,), 7)
    tensor([7, 7])
    """
    if dtype is None:
        dtype = dtypes.result_type(fill_value)
    value = asarray(fill_value, dtype)
    if value.ndim:
        raise ShapeError(f"full expected one number to fill with, got shape {value.shape}")
    size = (size,) if isinstance(size, int) else tuple(size)
    return _new(np.full(size, value), device, requires_grad)


def _like(name: str, make):
    def like(input: Tensor, *, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
        return make(
            input.shape, dtype=dtype or input.dtype, device=device, requires_grad=requires_grad
        )

    like.__name__ = like.__qualname__ = name
    like.__doc__ = f"Return `{make.__name__}` in the shape and dtype of `input`."
    return like


zeros_like = _like("zeros_like", zeros)
ones_like = _like("ones_like", ones)
empty_like = _like("empty_like", empty)


def full_like(
    input: Tensor, fill_value, *, dtype=None, device=None, requires_grad: bool = False
) -> Tensor:
    """Return one value in the shape and dtype of `input`."""
    return full(
        input.shape, fill_value, dtype=dtype or input.dtype, device=device,
        requires_grad=requires_grad,
    )  # fmt: skip


def arange(start, end=None, step=1, *, dtype=None, device=None, requires_grad=False) -> Tensor:
    """Return numbers from `start` (0 if only one bound is given) up to, not including, `end`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(1, 4)
    tensor([1, 2, 3])
    """
    start, end = (0, start) if end is None else (start, end)
    start, end, step = (_number("arange", x) for x in (start, end, step))
    if step == 0:
        raise ArgumentError("arange expected a step other than 0")
    if not all(map(math.isfinite, (start, end, step))):
        raise ArgumentError(f"arange expected finite numbers, got {start}, {end} and {step}")
    if (end - start) * step < 0:
        raise ArgumentError(
            f"arange cannot get from {start} to {end} in steps of {step}: change the step's sign"
        )
    array = np.arange(start, end, step)
    if dtype is None:
        dtype = dtypes.result_type(start, end, step)
    return _new(array.astype(dtype), device, requires_grad)


def range(start=0, end=None, step=1, *, dtype=None, device=None, requires_grad=False) -> Tensor:
    """Return numbers from `start` to `end`, which is included: an older form of `arange`.

    Without a dtype they are floats, also between integers.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.range(1, 3)
    tensor([1., 2., 3.])
    """
    if end is None:
        raise TypeError("range expected start and end; arange takes one bound alone")
    dtype = np.dtype(_dtype(dtype))
    number = float if dtype.kind == "f" else int
    start, end, step = (number(x) for x in (start, end, step))
    if step == 0 or not np.isfinite([start, end]).all() or (end - start) / step < 0:
        raise ArgumentError(
            f"range expected a step that leads from start to end, got {start}, {end} and {step}"
        )
    count = int((end - start) / step) + 1
    return _new((start + step * np.arange(count)).astype(dtype), device, requires_grad)


def linspace(start, end, steps: int, *, dtype=None, device=None, requires_grad=False) -> Tensor:
    """Return `steps` evenly spaced numbers from `start` to `end`, both included.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.linspace(0, 1, 3)
    tensor([0. , 0.5, 1. ])
    """
    array = np.linspace(*_span("linspace", start, end, steps)).astype(_dtype(dtype))
    return _new(array, device, requires_grad)


def logspace(
    start, end, steps: int, base=10.0, *, dtype=None, device=None, requires_grad=False
) -> Tensor:
    """Return `steps` numbers from base**start to base**end, evenly spaced in their logarithm."""
    start, end, steps = _span("logspace", start, end, steps)
    array = np.logspace(start, end, steps, base=base).astype(_dtype(dtype))
    return _new(array, device, requires_grad)


def _span(name: str, start, end, steps) -> tuple:
    """Two ends, as numbers, and how many steps there are from one to the other."""
    if isinstance(steps, bool):
        raise TypeError(f"{name} expected an integer number of steps, got {steps}")
    try:
        count = operator.index(steps)
    except TypeError:
        raise TypeError(f"{name} expected an integer number of steps, got {steps!r}") from None
    if count < 0:
        raise ArgumentError(f"{name} expected steps >= 0, got {steps}")
    return _number(name, start), _number(name, end), count


def _number(name: str, value):
    """A number, which may come as a 0-d tensor."""
    if not isinstance(value, Tensor):
        return value
    if value.ndim:
        raise ShapeError(f"{name} expected a number or a 0-d tensor, got shape {value.shape}")
    return value.item()


def eye(n: int, m: int | None = None, *, dtype=None, device=None, requires_grad=False) -> Tensor:
    """Return a matrix with ones on the diagonal and zeros elsewhere.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.eye(2)
    tensor([[1., 0.],
            [0., 1.]], shape=(2, 2))
    """
    for length in (n, m):
        if length is not None and length < 0:
            raise ArgumentError(f"eye expected sizes >= 0, got {length}")
    return _new(np.eye(n, m, dtype=_dtype(dtype)), device, requires_grad)


def _new_method(name: str, make):
    """A method such as x.new_zeros(2, 3): `make` with the tensor's own dtype."""

    def new(self, *size, dtype=None, device=None, requires_grad: bool = False) -> Tensor:
        return make(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    new.__name__, new.__doc__ = name, f"Return `{make.__name__}` of the given size in this dtype."
    return method(new)


for _name, _make in {
    "new_zeros": zeros,
    "new_ones": ones,
    "new_empty": empty,
    "new_full": full,
}.items():
    _new_method(_name, _make)


@method
def is_signed(self) -> bool:
    """Tell whether the dtype has negative numbers."""
    return self.dtype.kind in "if"


@method
def is_neg(self) -> bool:
    """Tell whether the elements are kept with the opposite sign. False: none are here."""
    return False


attach("is_inference", is_inference)


@method
def new_tensor(self, data, *, dtype=None, requires_grad: bool = False) -> Tensor:
    """Copy data into a new tensor of this tensor's dtype."""
    return tensor(data, dtype=dtype or self.dtype, requires_grad=requires_grad)
