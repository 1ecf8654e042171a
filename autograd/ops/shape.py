"""Other shapes for the same memory: views wherever NumPy needs no copy."""

from __future__ import annotations

import math

import numpy as np

from autograd.errors import ShapeError
from autograd.op import Array, Arrays, Shape, answers, composite, op
from autograd.ops.cast import cases
from autograd.tensor import Tensor, attach, memory_of


def wrap_dim(dim: int, ndim: int) -> int:
    """`dim` counted from the front; a 0-d array counts as having one axis, as in PyTorch."""
    bound = ndim or 1
    if not -bound <= dim < bound:
        raise IndexError(f"expected dim from {-bound} to {bound - 1}, got {dim}")
    return dim % bound


# -- reshape ---------------------------------------------------------------------------------------


@op(numpy=np.reshape, kind="view",
    samples=cases(((2, 3), {"shape": (3, -1)}), ((), {"shape": (1, 1)}),
                  ((0, 2), {"shape": (2, 0)})))  # fmt: skip
def reshape(input: Array, shape: Shape):
    """Return the elements in another shape; one length may be -1, to be worked out.

    A view of the input where its memory allows, else a copy.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(4).reshape(2, -1).shape
    (2, 2)
    """
    try:
        return input.reshape(shape)
    except ValueError:
        raise ShapeError(
            f"expected a shape of {input.size} elements, with at most one -1, got {tuple(shape)}"
        ) from None


reshape.vjp(input=lambda g, input_shape: g.reshape(input_shape))


@composite(samples=lambda rng: [((rng.normal(size=(2, 3)), 3, -1), {})])
def view(input, *shape: int):
    """Return the same memory in another shape; unlike `reshape` it never copies.

    Raises
    ------
    ShapeError
        If the elements do not lie in memory as the new shape would need.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(4).view(2, 2).shape
    (2, 2)
    """
    if len(shape) == 1 and isinstance(shape[0], (np.dtype, type)):
        raise TypeError("view expected a shape: use .to(dtype) to convert, or .numpy().view(dtype)")
    out = reshape(input, *shape)
    array, shaped = memory_of(input), memory_of(out)
    if array.size and not np.may_share_memory(array, shaped):
        raise ShapeError(
            f"view cannot show shape {array.shape} with strides {array.strides} as {shaped.shape} "
            "without a copy: use .reshape(), or .contiguous() first"
        )
    return out


def _pair_samples(rng):
    yield (rng.normal(size=(2, 3)), rng.normal(size=(3, 2))), {}


@composite(samples=_pair_samples)
def view_as(input, other):
    """Return ``input.view(other.shape)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(4).view_as(ag.zeros(2, 2)).shape
    (2, 2)
    """
    return view(input, other.shape)


@composite(samples=_pair_samples)
def reshape_as(input, other):
    """Return ``input.reshape(other.shape)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(4).reshape_as(ag.zeros(2, 2)).shape
    (2, 2)
    """
    return reshape(input, other.shape)


@composite(samples=cases(((2, 3, 2), {"start_dim": 1}), ((), {}), ((0, 2), {})))
def flatten(input, start_dim: int = 0, end_dim: int = -1):
    """Make one axis of those from `start_dim` to `end_dim`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 3, 4).flatten(1).shape
    (2, 12)
    """
    start, end = wrap_dim(start_dim, input.ndim), wrap_dim(end_dim, input.ndim)
    if start > end:
        raise ShapeError(
            f"flatten expected start_dim before end_dim, got {start_dim} and {end_dim}"
        )
    shape = tuple(input.shape)
    merged = math.prod(shape[start : end + 1])
    return reshape(input, (*shape[:start], merged, *shape[end + 1 :]))


@composite(
    samples=cases(((2, 6), {"dim": 1, "sizes": (2, -1)}), ((4,), {"dim": -1, "sizes": (2, 2)}))
)
def unflatten(input, dim: int, sizes: Shape):
    """Split axis `dim` into several of the given sizes, one of which may be -1.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 6).unflatten(1, (2, -1)).shape
    (2, 2, 3)
    """
    dim = wrap_dim(dim, input.ndim)
    length, sizes = input.shape[dim], tuple(sizes)
    if -1 in sizes:
        known = -math.prod(sizes)
        sizes = tuple((length // known if known else 0) if n == -1 else n for n in sizes)
    if math.prod(sizes) != length:
        raise ShapeError(f"unflatten expected sizes whose product is {length}, got {sizes}")
    return reshape(input, (*input.shape[:dim], *sizes, *input.shape[dim + 1 :]))


@composite(numpy=np.ravel, samples=cases(((2, 3), {}), ((), {})))
def ravel(input):
    """Return the elements in one row; a view where memory allows.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.ones(2, 2).ravel()
    tensor([1., 1., 1., 1.])
    """
    return reshape(input, (-1,))


# -- axes of length one ----------------------------------------------------------------------------


@op(numpy=np.squeeze, kind="view",
    samples=cases(((1, 2, 1), {}), ((1, 2, 1), {"dim": 0}),
                  ((1, 2, 1), {"dim": (0, 1, -1)})))  # fmt: skip
def squeeze(input: Array, dim: int | tuple[int, ...] | None = None):
    """Drop all axes of length one, or those among `dim` that have it.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(1, 2, 1).squeeze(0).shape
    (2, 1)
    """
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    dropped = {wrap_dim(d, input.ndim) for d in dims}
    return input.reshape([n for i, n in enumerate(input.shape) if n != 1 or i not in dropped])


squeeze.vjp(input=lambda g, input_shape: g.reshape(input_shape))


@op(kind="view", samples=cases(((2, 3), {"dim": 1}), ((2,), {"dim": -1}), ((), {"dim": 0})))
def unsqueeze(input: Array, dim: int):
    """Insert an axis of length one at `dim`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 3).unsqueeze(1).shape
    (2, 1, 3)
    """
    return input[(*(slice(None),) * wrap_dim(dim, input.ndim + 1), None, ...)]


unsqueeze.vjp(input=lambda g, input_shape: g.reshape(input_shape))


@answers(np.shape)
def _numpy_shape(a):
    return np.shape(a.array)


@answers(np.ndim)
def _numpy_ndim(a):
    return np.ndim(a.array)


@answers(np.size)
def _numpy_size(a, axis=None):
    return np.size(a.array, axis)


@answers(np.expand_dims)
def _numpy_expand_dims(a, axis):
    axes = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = a.ndim + len(axes)
    for i in sorted(wrap_dim(i, ndim) for i in axes):
        a = unsqueeze(a, i)
    return a


def _each(tensors: tuple, function):
    """`function` of one tensor, or the tuple of those of several, also given in one sequence."""
    if len(tensors) == 1 and not isinstance(tensors[0], (tuple, list)):
        return function(tensors[0])
    return tuple(function(tensor) for tensor in (tensors[0] if len(tensors) == 1 else tensors))


@composite(numpy=np.atleast_1d, samples=cases(((), {}), ((2,), {})))
def atleast_1d(*tensors: Array | Arrays):
    """Give a 0-d tensor one axis; others come back as they are. Of several return a tuple.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.atleast_1d(ag.tensor(1.0))
    tensor([1.])
    """
    return _each(tensors, lambda x: x if x.ndim else reshape(x, (1,)))


@composite(numpy=np.atleast_2d, samples=cases(((), {}), ((2,), {}), ((2, 1), {})))
def atleast_2d(*tensors: Array | Arrays):
    """Insert axes at the front until there are two. Of several tensors return a tuple.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.atleast_2d(ag.zeros(3)).shape
    (1, 3)
    """
    return _each(tensors, lambda x: x if x.ndim >= 2 else reshape(x, (1, -1)))


@composite(numpy=np.atleast_3d, samples=cases(((), {}), ((2,), {}), ((2, 1), {})))
def atleast_3d(*tensors: Array | Arrays):
    """Insert axes until there are three: for a matrix at the end, as NumPy and PyTorch do.

    Of several tensors return a tuple.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.atleast_3d(ag.zeros(2, 3)).shape
    (2, 3, 1)
    """

    def grown(x):
        matrix = atleast_2d(x)
        return matrix if matrix.ndim > 2 else reshape(matrix, (*matrix.shape, 1))

    return _each(tensors, grown)


# -- the order of axes -----------------------------------------------------------------------------


@op(kind="view", samples=cases(((2, 3, 2), {"dim0": 0, "dim1": -1}), ((), {"dim0": 0, "dim1": -1})))
def transpose(input: Array, dim0: int, dim1: int):
    """Exchange two axes.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 3, 4).transpose(0, 2).shape
    (4, 3, 2)
    """
    dim0, dim1 = wrap_dim(dim0, input.ndim), wrap_dim(dim1, input.ndim)
    return input.swapaxes(dim0, dim1) if input.ndim else input[...]


transpose.vjp(input=lambda g, dim0, dim1: transpose(g, dim0, dim1))


@composite(samples=cases(((2, 3, 2), {"axis0": 0, "axis1": -1})))
def swapaxes(input, axis0: int, axis1: int):
    """Exchange two axes; NumPy's name for `transpose`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 3, 4).swapaxes(0, 2).shape
    (4, 3, 2)
    """
    return transpose(input, axis0, axis1)


@composite(samples=cases(((2, 3, 2), {"dim0": 0, "dim1": -1})))
def swapdims(input, dim0: int, dim1: int):
    """Exchange two axes; another name for `transpose`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 3, 4).swapdims(0, 2).shape
    (4, 3, 2)
    """
    return transpose(input, dim0, dim1)


@answers(np.swapaxes)
def _numpy_swapaxes(a, axis1, axis2):
    return transpose(a, axis1, axis2)


@composite(samples=cases(((2, 3), {}), ((2,), {}), ((), {})))
def t(input):
    """Transpose a matrix; vectors and 0-d tensors come back as they are.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 3).t().shape
    (3, 2)
    """
    if input.ndim > 2:
        raise ShapeError(f"t expected at most 2 axes, got shape {tuple(input.shape)}: use .mT")
    return transpose(input, 0, 1) if input.ndim == 2 else input


@op(kind="view", samples=cases(((2, 3, 1), {"dims": (1, -1, 0)}), ((), {"dims": ()})))
def permute(input: Array, dims: Shape):
    """Reorder the axes: axis ``dims[i]`` of the input becomes axis i.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 3, 4).permute(2, 0, 1).shape
    (4, 2, 3)
    """
    return np.transpose(input, dims)


def _inverse(dims) -> list[int]:
    return np.argsort([d % len(dims) for d in dims]).tolist()


permute.vjp(input=lambda g, dims: permute(g, _inverse(dims)))


@answers(np.transpose)
def _numpy_transpose(a, axes=None):
    return permute(a, tuple(range(a.ndim))[::-1] if axes is None else tuple(axes))


@composite(numpy=np.moveaxis,
           samples=cases(((2, 3, 1), {"source": 0, "destination": -1}),
                         ((2, 3, 1), {"source": (0, 1), "destination": (2, 0)})))  # fmt: skip
def movedim(input, source: int | tuple[int, ...], destination: int | tuple[int, ...]):
    """Move axes to other places; the rest keep their order.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 3, 4).movedim(0, -1).shape
    (3, 4, 2)
    """
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    froms = [wrap_dim(d, input.ndim) for d in source]
    places = [wrap_dim(d, input.ndim) for d in destination]
    if len(froms) != len(places) or len({*froms}) != len(froms) or len({*places}) != len(places):
        raise ShapeError(
            "movedim expected as many sources as destinations, each once, got "
            f"{source} and {destination}"
        )
    dims = [d for d in range(input.ndim) if d not in froms]
    for place, dim in sorted(zip(places, froms, strict=True)):
        dims.insert(place, dim)
    return permute(input, dims)


@composite(samples=cases(((2, 3, 1), {"source": 0, "destination": -1})))
def moveaxis(input, source: int | tuple[int, ...], destination: int | tuple[int, ...]):
    """Move axes to other places; NumPy's name for `movedim`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.zeros(2, 3, 4).moveaxis(0, -1).shape
    (3, 4, 2)
    """
    return movedim(input, source, destination)


def _reversed_axes(self: Tensor) -> Tensor:
    """The tensor with its axes reversed."""
    return permute(self, tuple(range(self.ndim))[::-1])


def _matrix_transpose(self: Tensor) -> Tensor:
    """Each matrix transposed."""
    if self.ndim < 2:
        raise ShapeError(f"mT expected at least 2 axes, got shape {self.shape}")
    return transpose(self, -2, -1)


attach("T", property(_reversed_axes))
attach("mT", property(_matrix_transpose))
attach("mH", property(_matrix_transpose))  # that of real numbers
