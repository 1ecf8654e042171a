"""Comparisons, and the choices made by them."""

from __future__ import annotations

import builtins

import numpy as np

from autograd import promotion
from autograd.errors import ArgumentError, DtypeError, ShapeError
from autograd.op import Array, answers, composite, op
from autograd.ops.elementwise import also_named
from autograd.tensor import Tensor, asarray, attach

# -- order ----------------------------------------------------------------------------------------


@op(numpy=np.equal, kind="compare", inplace=True)
def eq(input: Array, other: Array):
    """Tell where `input` equals `other`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0]) == 2
    tensor([False,  True])
    """
    return np.equal(input, other)


@op(numpy=np.not_equal, kind="compare", inplace=True)
def ne(input: Array, other: Array):
    """Tell where `input` differs from `other`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0]) != 2
    tensor([ True, False])
    """
    return np.not_equal(input, other)


@op(numpy=np.less, kind="compare", inplace=True)
def lt(input: Array, other: Array):
    """Tell where `input` is less than `other`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0]) < 2
    tensor([ True, False])
    """
    return np.less(input, other)


@op(numpy=np.less_equal, kind="compare", inplace=True)
def le(input: Array, other: Array):
    """Tell where `input` is less than or equal to `other`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0]) <= 1
    tensor([ True, False])
    """
    return np.less_equal(input, other)


@op(numpy=np.greater, kind="compare", inplace=True)
def gt(input: Array, other: Array):
    """Tell where `input` is greater than `other`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0]) > 1
    tensor([False,  True])
    """
    return np.greater(input, other)


@op(numpy=np.greater_equal, kind="compare", inplace=True)
def ge(input: Array, other: Array):
    """Tell where `input` is greater than or equal to `other`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, 2.0]) >= 2
    tensor([False,  True])
    """
    return np.greater_equal(input, other)


also_named(ne, "not_equal")
also_named(lt, "less")
also_named(le, "less_equal")
also_named(gt, "greater")
also_named(ge, "greater_equal")


# -- special values -------------------------------------------------------------------------------


def _special(rng):
    yield (np.array([1.0, np.nan, np.inf, -np.inf]),), {}
    yield (rng.normal(size=(2, 0)),), {}


@op(numpy=np.isnan, samples=_special)
def isnan(input: Array):
    """Tell which elements are nan.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, float("nan")]).isnan()
    tensor([False,  True])
    """
    return np.isnan(input)


@op(numpy=np.isinf, samples=_special)
def isinf(input: Array):
    """Tell which elements are inf or -inf.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, float("inf")]).isinf()
    tensor([False,  True])
    """
    return np.isinf(input)


@op(numpy=np.isfinite, samples=_special)
def isfinite(input: Array):
    """Tell which elements are neither infinite nor nan.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.tensor([1.0, float("nan")]).isfinite()
    tensor([ True, False])
    """
    return np.isfinite(input)


# -- closeness and membership ---------------------------------------------------------------------


def _near(rng):
    x = rng.normal(size=(2, 3))
    yield (x, x + rng.choice([0, 1e-9, 1e-4], size=(2, 3))), {}
    yield (np.array([np.nan, np.inf]), np.array([np.nan, -np.inf])), {"equal_nan": True}


@op(numpy=np.isclose, kind="contraction", samples=_near)
def isclose(
    input: Array,
    other: Array,
    rtol: float = 1e-05,
    atol: float = 1e-08,
    equal_nan: builtins.bool = False,
):
    """Tell where ``abs(input - other) <= atol + rtol * abs(other)``.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.isclose(ag.tensor([1.0, 2.0]), ag.tensor([1.0, 2.1]))
    tensor([ True, False])
    """
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise ArgumentError(f"expected {name} >= 0, got {tolerance}")
    return np.isclose(input, other, rtol, atol, equal_nan)


@composite(numpy=np.allclose, samples=_near)
def allclose(
    input, other, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: builtins.bool = False
) -> builtins.bool:
    """Tell whether all elements are close; see `isclose`.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.allclose(ag.tensor([1.0]), ag.tensor([1.0 + 1e-7]))
    True
    """
    return builtins.bool(isclose(input, other, rtol, atol, equal_nan).all())


@composite(samples=lambda rng: [((np.ones(2), np.ones(2)), {}), ((np.ones(2), np.ones(3)), {})])
def equal(input, other) -> builtins.bool:
    """Tell whether two tensors have the same shape and elements.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.equal(ag.ones(2), ag.ones(2)), ag.equal(ag.ones(2), ag.ones(3))
    (True, False)
    """
    return np.array_equal(asarray(input), asarray(other))


@answers(np.array_equal)
def _numpy_array_equal(a1, a2, equal_nan=False):
    return np.array_equal(asarray(a1), asarray(a2), equal_nan)


@op(numpy=np.isin, samples=lambda rng: [((rng.integers(0, 4, (2, 3)), np.array([1, 2])), {})])
def isin(
    elements: Array, test_elements: Array, *, assume_unique: builtins.bool = False,
    invert: builtins.bool = False,
):  # fmt: skip
    """Tell which of `elements` are among `test_elements` (with `invert`: which are not).

    Examples
    --------
    >>> import autograd as ag
    >>> ag.isin(ag.tensor([1, 2, 3]), ag.tensor([2, 3]))
    tensor([False,  True,  True])
    """
    return np.isin(elements, test_elements, assume_unique=assume_unique, invert=invert)


# -- choices --------------------------------------------------------------------------------------


def _choices(rng):
    yield (np.array([[True], [False]]), rng.normal(size=(2, 3)), rng.normal(size=(3,))), {}
    yield (np.array(True), rng.normal(size=()), rng.normal(size=(0, 2))), {}


@op(samples=_choices, space="internal", shown_as="where")
def choose(condition: Array, input: Array, other: Array):
    """Return `input` where `condition` is true and `other` elsewhere; dtypes are settled."""
    return np.where(condition, input, other)


choose.vjp(
    input=lambda g, condition: np.where(condition, g, 0.0),
    other=lambda g, condition: np.where(condition, 0.0, g),
)


@composite(numpy=np.where, samples=_choices)
def where(condition, input=None, other=None):
    """Return `input` where `condition` is true and `other` elsewhere.

    With `condition` alone: the indices of its true elements, one tensor for each axis.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([-1.0, 2.0])
    >>> ag.where(x > 0, x, 0.0)
    tensor([0., 2.])
    """
    if (input is None) != (other is None):
        raise TypeError("where expected both input and other, or neither")
    if input is None:
        return (
            condition.nonzero(as_tuple=True)
            if hasattr(condition, "array")
            else np.nonzero(condition)
        )
    if getattr(condition, "dtype", None) != np.bool:
        got = getattr(condition, "dtype", type(condition).__name__)
        raise DtypeError(
            f"where expected a condition of dtype bool, got {got}: compare, or use .bool()"
        )
    return choose(condition, *promotion.promote((input, other)))


def _tensor_where(self: Tensor, condition: Tensor, other) -> Tensor:
    """Return the elements of this tensor where `condition` is true, and `other` elsewhere."""
    return where(condition, self, other)


attach("where", _tensor_where)


def _masks(rng):
    mask = np.array([[True], [False]])
    yield (rng.normal(size=(2, 3)),), {"mask": mask, "value": rng.normal(size=())}
    yield (rng.normal(size=(2, 3)),), {"mask": mask, "value": -1.5}


@op(samples=_masks, inplace=True)
def masked_fill(input: Array, mask: Array, value: Array):
    """Return `input` with the number `value` put where `mask` is true.

    Examples
    --------
    >>> import autograd as ag
    >>> x = ag.tensor([1.0, 2.0])
    >>> x.masked_fill(x > 1, float("-inf"))
    tensor([  1., -inf])
    """
    if getattr(mask, "dtype", None) != np.bool:
        got = getattr(mask, "dtype", type(mask).__name__)
        raise DtypeError(f"expected a mask of dtype bool, got {got}: compare, or use .bool()")
    return np.where(mask, _number_like(value, input), input)


def _number_like(value, array) -> np.ndarray:
    """`value` as a number of the dtype of `array`; refused if it does not fit."""
    if np.ndim(value):
        raise ShapeError(f"expected a number or a 0-d tensor as value, got shape {np.shape(value)}")
    if np.iscomplexobj(value):
        raise DtypeError(f"expected a real number as value, got {value}")
    with np.errstate(all="ignore"):
        number = np.asarray(value).astype(array.dtype)
    lost = np.isfinite(value) and (
        not np.isfinite(number) if array.dtype.kind == "f" else number != value
    )
    if lost or (array.dtype.kind != "f" and not np.isfinite(value)):
        raise DtypeError(f"{value} is no value of dtype {array.dtype}: convert the tensor first")
    return number


masked_fill.vjp(
    input=lambda g, mask: np.where(mask, 0.0, g), value=lambda g, mask: np.where(mask, g, 0.0)
)
