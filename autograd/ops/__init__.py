"""The operations, one family a file. Importing this package fills the op table and gives Tensor its
methods, operators and in-place twins from it."""

from __future__ import annotations

from autograd.inplace import relayout, write
from autograd.op import ELEMENTWISE, OPS, Op
from autograd.ops import (  # noqa: F401 - imported for the records they enter
    activation,
    arithmetic,
    attention,
    cast,
    cholesky,
    compare,
    conv,
    conv_transpose,
    ctc,
    decompose,
    determinant,
    differences,
    distance,
    dropout,
    embedding,
    embedding_bag,
    extremes,
    floating,
    fold,
    grid,
    gru,
    histogram,
    householder,
    in_place,
    index,
    join,
    ldl,
    least_squares,
    linalg,
    linear,
    logic,
    loss,
    loss_class,
    loss_labels,
    loss_linear,
    loss_margin,
    loss_slope,
    low_rank,
    lu,
    matrix_function,
    matrix_norm,
    multi_head_attention,
    norm,
    norm_batch,
    norm_group,
    ordering,
    pieces,
    piecewise,
    placing,
    pool,
    pool_fractional,
    pool_max,
    recurrent,
    recurrent_cells,
    reduce,
    resample,
    rescale,
    rnn,
    scan,
    shape,
    softmax,
    solve,
    special,
    special_bessel,
    special_polynomial,
    statistics,
    transcendental,
    trigonometric,
    variance,
)
from autograd.tensor import Tensor, attach

OPERATORS = {  # symbol -> op; binary ones exist reflected (__radd__) and in place (__iadd__) too
    "neg": "neg",
    "abs": "abs",
    "invert": "bitwise_not",
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "div",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "pow",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lt": "lt",
    "le": "le",
    "gt": "gt",
    "ge": "ge",
    "eq": "eq",
    "ne": "ne",
}
UNARY = ("neg", "abs", "invert")
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")
RELAID = ("squeeze", "swapaxes", "swapdims", "t", "transpose", "unsqueeze")  # views also in place


def attach_method(record: Op) -> None:
    """Make an op a method of Tensor, with its in-place twin where PyTorch has one."""
    attach(record.name, record.function)
    if record.kind in ELEMENTWISE or record.inplace:
        attach(record.name + "_", _inplace(record))


def _inplace(record: Op, change=write):
    function, name = record.function, record.name + "_"
    if record.kind == "compare":
        function = _truth(function)

    def twin(self, *args, **keywords):
        return change(self, name, function, *args, **keywords)

    twin.__name__ = name
    twin.__wrapped__ = record.forward  # type: ignore[attr-defined] # help() shows its signature
    twin.__doc__ = f"In-place version of `{record.name}`."
    return twin


def _truth(function):
    """What a comparison writes in place: numbers of the tensor's own dtype, with gradient zero."""
    return lambda self, *args, **keywords: cast.copy(self, function(self, *args, **keywords))


def attach_operator(symbol: str, record: Op) -> None:
    """Bind a Python operator to an op. Operands it cannot take are left to their own class."""
    function, name = record.function, record.name + "_"

    def operator(self, other):
        return function(self, other) if _is_operand(other) else NotImplemented

    def reflected(self, other):
        return function(other, self) if _is_operand(other) else NotImplemented

    def augmented(self, other):
        return write(self, name, function, other) if _is_operand(other) else NotImplemented

    if symbol in UNARY:
        attach(f"__{symbol}__", lambda self: function(self))
        return
    attach(f"__{symbol}__", operator)
    if symbol not in COMPARISONS:
        attach(f"__r{symbol}__", reflected)
        attach(f"__i{symbol}__", augmented)


def _is_operand(value) -> bool:
    return isinstance(value, (Tensor, float, int)) or hasattr(value, "__array__")


for _record in tuple(OPS.values()):
    if _record.method:
        attach_method(_record)
for _name in RELAID:
    attach(_name + "_", _inplace(OPS[_name], relayout))
for _symbol, _name in OPERATORS.items():
    attach_operator(_symbol, OPS[_name])
