"""The dtypes: NumPy's, under PyTorch's names, and PyTorch's rules for mixing them."""

from __future__ import annotations

import builtins

import numpy as np

__all__ = [
    "bool", "can_cast", "double", "float", "float16", "float32", "float64", "get_default_dtype",
    "half", "int", "int8", "int16", "int32", "int64", "long", "promote_types", "result_type",
    "set_default_dtype", "short", "uint8",
]  # fmt: skip

float16 = half = np.dtype("float16")
float32 = float = np.dtype("float32")
float64 = double = np.dtype("float64")
uint8 = np.dtype("uint8")
int8 = np.dtype("int8")
int16 = short = np.dtype("int16")
int32 = int = np.dtype("int32")
int64 = long = np.dtype("int64")
bool = np.dtype("bool")

_CATEGORY = {"b": 0, "i": 1, "u": 1, "f": 2}
_default = float32


def get_default_dtype() -> np.dtype:
    """Return the dtype that Python floats and new tensors take.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.get_default_dtype()
    dtype('float32')
    """
    return _default


def set_default_dtype(dtype) -> None:
    """Set the dtype that Python floats and new tensors take: float16, float32 or float64.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.set_default_dtype(ag.float64); ag.tensor(1.0).dtype
    dtype('float64')
    >>> ag.set_default_dtype(ag.float32)
    """
    global _default
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        raise TypeError(f"set_default_dtype expected a floating point dtype, got {dtype}")
    _default = dtype


def category(dtype: np.dtype):
    """Rank a dtype for promotion: 0 bool, 1 integer, 2 floating point."""
    try:
        return _CATEGORY[dtype.kind]
    except KeyError:
        raise TypeError(
            f"dtype {dtype} is not supported; expected bool, an integer or a float"
        ) from None


def promote_types(type1, type2) -> np.dtype:
    """Return the smallest dtype that holds both, as PyTorch does: an integer never widens a float.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.promote_types(ag.int64, ag.float32)
    dtype('float32')
    """
    type1, type2 = np.dtype(type1), np.dtype(type2)
    first, second = category(type1), category(type2)
    if first == second:
        return np.promote_types(type1, type2)
    return type1 if first > second else type2


def can_cast(from_, to) -> builtins.bool:
    """Tell whether values of one dtype may be written into another: not floats into integers,
    nor numbers into bools.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.can_cast(ag.float64, ag.float32), ag.can_cast(ag.float32, ag.int64)
    (True, False)
    """
    return category(np.dtype(from_)) <= category(np.dtype(to))


def _weak(value) -> np.dtype:
    """The dtype a Python scalar asks for when nothing else has an opinion."""
    if isinstance(value, (np.bool, builtins.bool)):
        return bool
    return int64 if isinstance(value, (builtins.int, np.integer)) else _default


def result_type(*operands) -> np.dtype:
    """Return the dtype in which an elementwise operation on `operands` computes.

    Arrays decide first, then 0-d arrays, then Python scalars; a later group only counts when its
    category (bool < integer < float) is higher. So neither ``x * 2.0`` nor a float64 scalar tensor
    turns a float32 array into float64.

    Examples
    --------
    >>> import autograd as ag
    >>> ag.result_type(ag.ones(3), ag.tensor(2.0, dtype=ag.float64))
    dtype('float32')
    """
    groups: list[np.dtype | None] = [None, None, None]
    for operand in operands:
        dtype = getattr(operand, "dtype", None)
        if dtype is None or isinstance(operand, np.generic):
            rank, dtype = 2, _weak(operand)
        else:
            rank = 0 if operand.ndim else 1
        groups[rank] = dtype if groups[rank] is None else promote_types(groups[rank], dtype)
    result = None
    for dtype in groups:
        if dtype is not None and (result is None or category(dtype) > category(result)):
            result = dtype
    if result is None:
        raise TypeError("result_type expected at least one operand")
    return result
