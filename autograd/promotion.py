"""Dtypes settled before an op runs: each kind of op has one of these, or none.

A conversion that is needed is itself a recorded op (`Tensor.to`), so gradients come back in the
dtype of the tensor they belong to and the picture of the graph shows where a dtype changed.
"""

from __future__ import annotations

import numpy as np

from autograd import dtypes
from autograd.errors import DtypeError


def cast(value, dtype: np.dtype):
    """`value` in `dtype`: tensors through the graph, arrays and scalars directly."""
    if getattr(value, "dtype", None) is dtype:
        return value
    if hasattr(value, "array"):
        return value.to(dtype)
    return np.asarray(value, dtype=dtype)


def settled(arrays) -> bool:
    """Whether there is nothing to do: float arrays of one dtype, or Python numbers beside them.

    Beside a float array NumPy, too, lets a Python number give way. None stands for an absent one.
    """
    first = arrays[0]
    if type(first) is not np.ndarray:
        return False
    dtype = first.dtype
    if dtype.kind != "f":
        return False
    for a in arrays[1:]:
        if type(a) is np.ndarray:
            if a.dtype is not dtype:
                return False
        elif a is not None and type(a) is not float and type(a) is not int:
            return False
    return True


def promote(args):
    """Bring the operands to their common dtype; None stands for an absent one."""
    common = dtypes.result_type(*[a for a in args if a is not None])
    return [a if a is None else cast(a, common) for a in args]


def to_float(args):
    """Bring an integer or bool operand to the default float dtype."""
    kind = getattr(getattr(args[0], "dtype", None), "kind", None)
    if kind == "f":
        return args
    return (cast(args[0], dtypes.get_default_dtype()), *args[1:])


def promote_float(args):
    """Bring the operands to their common dtype, or to the default one if that is no float."""
    args = promote(args)
    if any(getattr(getattr(a, "dtype", None), "kind", None) == "f" for a in args):
        return args
    return [cast(a, dtypes.get_default_dtype()) for a in args]


def same(args):
    """Insist that all floating point operands have one dtype, as PyTorch does for contractions."""
    found = {a.dtype for a in args if a is not None and hasattr(a, "dtype") and a.dtype.kind != "b"}
    if len(found) > 1:
        names = ", ".join(str(getattr(a, "dtype", type(a).__name__)) for a in args if a is not None)
        raise DtypeError(f"expected operands of one dtype, got {names}: convert with .to(dtype)")
    return args
