"""The same elements repeated, reversed, rotated, masked to a triangle, or padded."""

from __future__ import annotations

import numpy as np

from autograd.errors import ShapeError
from autograd.op import Array, Shape, answers, composite, op
from autograd.ops.cast import cases, clone
from autograd.ops.gather import index_select
from autograd.ops.shape import reshape, transpose, unsqueeze, wrap_dim
from autograd.ops.views import diagonal as _diagonal
from autograd.ops.views import expand, zeros_with_diagonal
from autograd.tensor import Tensor

# -- repeating -------------------------------------------------------------------------------------


@op(samples=cases(((2, 3), {"repeats": (2, 1)}), ((2,), {"repeats": (3, 2)}),
                  ((), {"repeats": (2,)}), ((2,), {"repeats": (0,)})))  # fmt: skip
def repeat(input: Array, repeats: Shape):
    """Lay copies of the tensor side by side, ``repeats[i]`` of them along axis i.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(2).repeat(2, 2)
    tensor([[0, 1, 0, 1],
            [0, 1, 0, 1]], shape=(2, 4))
    """
    if len(repeats) < input.ndim:
        raise ShapeError(f"expected a number of repeats for each axis, got {tuple(repeats)}")
    return np.tile(input, repeats)


def _sum_copies(g, input_shape, repeats):
    """Fold each axis into (copies, length), and sum over the copies."""
    if not len(repeats):
        return g
    lengths = (1,) * (len(repeats) - len(input_shape)) + tuple(input_shape)
    folded = [n for pair in zip(repeats, lengths, strict=True) for n in pair]
    return g.reshape(folded).sum(tuple(range(0, len(folded), 2))).reshape(input_shape)


repeat.vjp(input=_sum_copies)


@op(samples=cases(((2, 3), {"dims": (2,)}), ((2,), {"dims": (3, 2)})))
def tile(input: Array, dims: Shape):
    """Lay copies of the tensor side by side; fewer numbers than axes count from the last axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tile(ag.arange(2), (2,))
    tensor([0, 1, 0, 1])
    """
    return np.tile(input, dims)


tile.vjp(
    input=lambda g, input_shape, dims: _sum_copies(
        g, input_shape, (1,) * (len(input_shape) - len(dims)) + tuple(dims)
    )
)


@answers(np.tile)
def _numpy_tile(A, reps):
    return tile(A, (reps,) if isinstance(reps, int) else reps)


@composite(samples=cases(((2, 3), {"repeats": 2}), ((2, 3), {"repeats": 2, "dim": 1}),
                         ((3, 1), {"repeats": np.array([2, 0, 1]), "dim": 0})))  # fmt: skip
def repeat_interleave(input, repeats, dim: int | None = None, *, output_size: int | None = None):
    """Repeat each element along `dim` (of the flattened tensor if None).

    `repeats` is one number, or one for each place along the axis.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.repeat_interleave(ag.arange(2), 2)
    tensor([0, 0, 1, 1])
    """
    if dim is None:
        input, dim = reshape(input, (-1,)), 0
    dim = wrap_dim(dim, input.ndim)
    length = input.shape[dim]
    counts = repeats.array if isinstance(repeats, Tensor) else np.asarray(repeats)
    if counts.size not in (1, length) or counts.ndim > 1:
        raise ShapeError(
            f"repeat_interleave expected 1 or {length} repeats, got shape {counts.shape}"
        )
    total = int(counts.sum()) if counts.size == length else int(counts.item()) * length
    if output_size not in (None, total):
        raise ShapeError(
            f"repeat_interleave gives {total} elements along dim {dim}, not {output_size}"
        )
    if counts.size != 1:
        return index_select(input, dim, np.repeat(np.arange(length), counts))
    if total == length:
        return clone(input)
    before, after = tuple(input.shape[: dim + 1]), tuple(input.shape[dim + 1 :])
    copies = expand(unsqueeze(input, dim + 1), (*before, int(counts.item()), *after))
    return reshape(copies, (*before[:-1], total, *after))


@answers(np.repeat)
def _numpy_repeat(a, repeats, axis=None):
    return repeat_interleave(a, repeats, axis)


# -- reversing and rotating ------------------------------------------------------------------------


@op(samples=cases(((2, 3), {"dims": (0, -1)}), ((2, 3), {"dims": (1,)})))
def flip(input: Array, dims: Shape):
    """Reverse the order of the elements along the given axes.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(3).flip(0)
    tensor([2, 1, 0])
    """
    return np.flip(input, tuple(dims)).copy()


flip.vjp(input=lambda g, dims: flip(g, dims))


@answers(np.flip)
def _numpy_flip(m, axis=None):
    return flip(m, tuple(range(m.ndim)) if axis is None else axis)


@composite(numpy=np.fliplr, samples=cases(((2, 3), {})))
def fliplr(input):
    """Reverse the order of the columns.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.fliplr(ag.tensor([[1.0, 2.0]]))
    tensor([[2., 1.]], shape=(1, 2))
    """
    return flip(input, (1,))


@composite(numpy=np.flipud, samples=cases(((2, 3), {})))
def flipud(input):
    """Reverse the order of the rows.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.flipud(ag.tensor([1.0, 2.0]))
    tensor([2., 1.])
    """
    return flip(input, (0,))


@op(samples=cases(((2, 3), {"shifts": 1}), ((2, 3), {"shifts": (1, -2), "dims": (0, 1)}),
                  ((2, 3), {"shifts": 4, "dims": -1})))  # fmt: skip
def roll(input: Array, shifts: int | tuple[int, ...], dims: int | tuple[int, ...] | None = None):
    """Shift the elements along axes; what falls off one end comes back at the other.

    Without `dims` the tensor is rolled as if it were flat.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.arange(4).roll(1)
    tensor([3, 0, 1, 2])
    """
    if dims is not None and np.size(shifts) != np.size(dims):
        raise ShapeError(f"expected as many shifts as dims, got {shifts} and {dims}")
    if not np.size(shifts):
        raise ShapeError("expected at least one shift, got none")
    return np.roll(input, shifts, dims)


roll.vjp(input=lambda g, shifts, dims: roll(g, np.negative(shifts).tolist(), dims))


@answers(np.roll)
def _numpy_roll(a, shift, axis=None):
    return roll(a, shift, axis)


@composite(samples=cases(((2, 3), {}), ((2, 3, 2), {"k": -1, "dims": (1, 2)}), ((2, 3), {"k": 2})))
def rot90(input, k: int = 1, dims: tuple[int, int] = (0, 1)):
    """Rotate by k quarter turns, from the first of two axes towards the second.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.rot90(ag.tensor([[1.0, 2.0]]))
    tensor([[2.],
            [1.]], shape=(2, 1))
    """
    if len(dims) != 2 or input.ndim < 2:
        raise ShapeError(
            f"rot90 expected two of at least two axes, got dims {tuple(dims)} and shape "
            f"{tuple(input.shape)}"
        )
    first, second = (wrap_dim(d, input.ndim) for d in dims)
    if first == second:
        raise ShapeError(f"rot90 expected two different axes, got {dims}")
    turned = ((), (second,), (first, second), (first,))[k % 4]
    out = flip(input, turned)
    return transpose(out, first, second) if k % 2 else out


@answers(np.rot90)
def _numpy_rot90(m, k=1, axes=(0, 1)):
    return rot90(m, k, axes)


# -- triangles and diagonals -----------------------------------------------------------------------


@op(samples=cases(((3, 3), {}), ((2, 2, 3), {"diagonal": 1})), inplace=True)
def tril(input: Array, diagonal: int = 0):
    """Set everything above a diagonal to zero, in each matrix.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.ones(2, 2).tril()
    tensor([[1., 0.],
            [1., 1.]], shape=(2, 2))
    """
    _refuse_vector(input)
    return np.tril(input, diagonal)


@op(samples=cases(((3, 3), {}), ((2, 2, 3), {"diagonal": -1})), inplace=True)
def triu(input: Array, diagonal: int = 0):
    """Set everything below a diagonal to zero, in each matrix.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.ones(2, 2).triu()
    tensor([[1., 1.],
            [0., 1.]], shape=(2, 2))
    """
    _refuse_vector(input)
    return np.triu(input, diagonal)


def _refuse_vector(input) -> None:
    if input.ndim < 2:
        raise ShapeError(f"expected matrices, of at least two axes, got shape {input.shape}")


tril.vjp(input=lambda g, diagonal: tril(g, diagonal))
triu.vjp(input=lambda g, diagonal: triu(g, diagonal))


@answers(np.tril)
def _numpy_tril(m, k=0):
    return tril(m, k)


@answers(np.triu)
def _numpy_triu(m, k=0):
    return triu(m, k)


@composite(samples=cases(((2,), {}), ((2, 3), {"diagonal": 1}), ((2,), {"diagonal": -1})))
def diag(input, diagonal: int = 0):
    """Return the matrix with a given diagonal, or a copy of the diagonal of a given matrix.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.diag(ag.tensor([1.0, 2.0]))
    tensor([[1., 0.],
            [0., 2.]], shape=(2, 2))
    """
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise ShapeError(f"diag expected 1 or 2 axes, got shape {tuple(input.shape)}")
    return clone(_diagonal(input, diagonal))


@composite(samples=cases(((2,), {}), ((2, 2), {"offset": 1, "dim1": 0, "dim2": 2})))
def diag_embed(input, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """Return matrices, in two new axes, whose diagonals are the rows of `input`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.diag_embed(ag.ones(3, 2)).shape
    (3, 2, 2)
    """
    dim1, dim2 = wrap_dim(dim1, input.ndim + 1), wrap_dim(dim2, input.ndim + 1)
    if dim1 == dim2:
        raise ShapeError(f"diag_embed expected two different axes, got {dim1} twice")
    length = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for dim in sorted((dim1, dim2)):
        shape.insert(dim, length)
    return zeros_with_diagonal(input, tuple(shape), offset, dim1, dim2)


@answers(np.diag)
def _numpy_diag(v, k=0):
    return diag(v, k)


# -- padding ---------------------------------------------------------------------------------------


@op(space="internal", shown_as="pad", samples=cases(((2, 3), {"amounts": ((0, 1), (2, -1))}),
                                    ((2,), {"amounts": ((1, 0),), "value": 2.0})))  # fmt: skip
def constant_pad(input: Array, amounts: tuple, value: float = 0.0):
    """Add, at both ends of each axis, that many elements of `value`; cut off where negative."""
    lengths = zip(input.shape, amounts, strict=True)
    out = np.full([before + n + after for n, (before, after) in lengths], value, input.dtype)
    inside = tuple(
        slice(max(before, 0), n - max(after, 0))
        for n, (before, after) in zip(out.shape, amounts, strict=True)
    )
    kept = tuple(
        slice(max(-before, 0), n - max(-after, 0))
        for n, (before, after) in zip(input.shape, amounts, strict=True)
    )
    out[inside] = input[kept]
    return out


constant_pad.vjp(input=lambda g, amounts: constant_pad(g, tuple((-a, -b) for a, b in amounts)))


@composite(space="nn",
           samples=cases(((2, 3), {"pad": (1, 2)}), ((2, 3), {"pad": (1, -1, 0, 2), "value": 1.5}),
                         ((1, 2, 4), {"pad": (2, 1), "mode": "reflect"}),
                         ((1, 2, 3), {"pad": (2, 1), "mode": "replicate"}),
                         ((1, 2, 3), {"pad": (2, 1), "mode": "circular"})))  # fmt: skip
def pad(input, pad: tuple[int, ...], mode: str = "constant", value: float | None = None):
    """Add elements at the ends of the last axes.

    Parameters
    ----------
    input : Tensor
    pad : tuple of int
        Numbers of elements before and after, in pairs from the last axis backwards: ``(left, right,
        top, bottom)`` for an image. Negative numbers cut off.
    mode : {"constant", "reflect", "replicate", "circular"}
        The added elements are `value`; a mirror image, the edge itself not repeated; the edge; or
        what is at the other end.
    value : float, default 0
        For the mode ``"constant"`` only.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.functional.pad(ag.tensor([1.0, 2.0, 3.0]), (1, 2))
    tensor([0., 1., 2., 3., 0., 0.])
    """
    pairs = [(int(a), int(b)) for a, b in zip(pad[0::2], pad[1::2], strict=False)]
    if len(pad) % 2 or len(pairs) > input.ndim:
        raise ShapeError(
            f"pad expected pairs for at most {input.ndim} axes, the last axis first, got {pad}"
        )
    amounts = ((0, 0),) * (input.ndim - len(pairs)) + tuple(pairs[::-1])
    for n, (before, after) in zip(input.shape, amounts, strict=True):
        if n + before + after < 0 or n + min(before, 0) < 0 or n + min(after, 0) < 0:
            raise ShapeError(
                f"pad would cut more than there is: {pad} of shape {tuple(input.shape)}"
            )
    if mode == "constant":
        return constant_pad(input, amounts, 0.0 if value is None else value)
    if mode not in _PAD_MODES:
        raise ValueError(
            f"pad mode expected 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}"
        )
    if value:
        raise ValueError(
            f"pad takes a value for the mode 'constant' only, got {value} for {mode!r}"
        )
    for dim, (before, after) in enumerate(amounts):
        if before or after:
            places = _PAD_MODES[mode](input.shape[dim], before, after)
            input = index_select(input, dim, places)
    return input


def _reflect(n: int, before: int, after: int) -> np.ndarray:
    if max(before, after) >= n:
        raise ShapeError(
            f"reflect padding must be less than the axis length {n}, got {(before, after)}"
        )
    places = np.abs(np.arange(-before, n + after))
    return np.where(places >= n, 2 * (n - 1) - places, places)


def _replicate(n: int, before: int, after: int) -> np.ndarray:
    if not n:
        raise ShapeError("replicate padding needs an axis that is not empty")
    return np.clip(np.arange(-before, n + after), 0, n - 1)


def _circular(n: int, before: int, after: int) -> np.ndarray:
    kept = n + min(before, 0) + min(after, 0)  # what is cut off is not what is wrapped around
    if max(before, after) > kept:
        raise ShapeError(
            f"circular padding must not exceed the axis length {kept}, got {(before, after)}"
        )
    places = np.arange(-max(before, 0), kept + max(after, 0)) % max(kept, 1)
    return places + max(-before, 0)


_PAD_MODES = {"reflect": _reflect, "replicate": _replicate, "circular": _circular}
