"""Type stubs, written from the op table: what the table adds at run time, a type checker can read.

``python -m autograd stubs`` writes them, ``--check`` tells whether they are up to date.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from autograd.op import OPS, Op
from autograd.ops import COMPARISONS, OPERATORS, UNARY

HEADER = """# Written by "python -m autograd stubs" from the op table; do not edit.
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy import dtype as DType
from numpy import ndarray
"""
ALIASES = """
Operand = Tensor | ndarray | float
Operands = Sequence[Operand]
Shape = Sequence[int]
"""


def stubs() -> dict[str, str]:
    """The text of each stub file, by path relative to the project."""
    return {
        "autograd/__init__.pyi": _package(),
        "autograd/tensor.pyi": _tensor(),
        "nn/functional.pyi": _functional(),
    }


def _signature(function: Callable, record: Op | None = None, first: str | None = None) -> str:
    """A function's parameters and result as stub text; `first` replaces the first parameter."""
    parameters, words = list(inspect.signature(function).parameters.values()), []
    starred = False
    for i, p in enumerate(parameters):
        if p.kind is p.KEYWORD_ONLY and not starred:
            words.append("*")
            starred = True
        starred = starred or p.kind is p.VAR_POSITIONAL
        if i == 0 and first is not None:
            words.append(first)
            continue
        mark = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        if (
            record is not None
            and record.star is not None
            and p.name == record.positional[record.star]
        ):
            words.append(f"*{p.name}: Any")  # given as one sequence or as separate integers
            starred = True
            continue
        default = "" if p.default is p.empty else " = ..."
        words.append(f"{mark}{p.name}: {_annotation(p.annotation, record, p.name)}{default}")
    return f"({', '.join(words)}) -> {_result(function, record)}"


def _annotation(annotation, record: Op | None, name: str) -> str:
    if annotation is inspect.Parameter.empty:
        return "Operand" if record is not None and name in record.inputs else "Any"
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "Any")
    text = re.sub(r"\bArrays\b", "Operands", re.sub(r"\bArray\b", "Operand", text))
    return text if _known(text) else "Any"


def _known(text: str) -> bool:
    """Whether every name in an annotation can be resolved where stubs stand."""
    known = {
        "Any", "Callable", "DType", "Iterator", "None", "Operand", "Operands", "Sequence", "Shape",
        "Tensor", "bool", "dict", "float", "int", "list", "ndarray", "np", "object", "str", "tuple",
    }  # fmt: skip
    return set(re.findall(r"(?<![\w.])[A-Za-z_]\w*", text)) <= known


def _result(function: Callable, record: Op | None) -> str:
    annotation = inspect.signature(function).return_annotation
    if annotation is not inspect.Signature.empty:
        return (
            _annotation(annotation, None, "return")
            .replace("Operands", "Any")
            .replace("Operand", "Tensor")
        )
    if record is None:
        return "Any"
    if record.outputs:
        return f"tuple[{', '.join(['Tensor'] * len(record.outputs))}]"
    return "Any" if record.composite else "Tensor"


def _functions(spaces: tuple[str, ...]) -> Iterator[str]:
    for name, record in sorted(OPS.items()):
        if record.space in spaces:
            yield f"def {name}{_signature(record.forward, record)}: ..."


def _package() -> str:
    """`autograd`: what its source names, and the functions of the table."""
    import autograd

    lines = [HEADER, "from autograd.tensor import Tensor as Tensor"]
    own = []
    for name, value in sorted(vars(autograd).items()):
        if name.startswith("_") or name in OPS or name == "Tensor" or inspect.ismodule(value):
            continue
        module = getattr(value, "__module__", None)
        if inspect.isclass(value) or (
            inspect.isfunction(value) and hasattr(importlib.import_module(module), name)
        ):
            lines.append(f"from {module} import {name} as {name}")
        elif value.__class__.__name__.endswith("DType") or hasattr(value, "itemsize"):
            own.append(f"{name}: DType[Any]")
    lines += [ALIASES, "__version__: str", *own, "", *_functions(("autograd", "both"))]
    return "\n".join(lines) + "\n"


def _functional() -> str:
    """`nn.functional`: the functions of the table that it shows."""
    functional = importlib.import_module("nn.functional")
    lines = [HEADER, "from autograd.tensor import Tensor", ALIASES]
    for name in sorted(vars(functional)):
        value = getattr(functional, name)
        if name in OPS and getattr(value, "op", None) is OPS[name]:
            lines.append(f"def {name}{_signature(OPS[name].forward, OPS[name])}: ...")
        elif inspect.isfunction(value) and not name.startswith("_"):
            lines.append(f"def {name}{_signature(value)}: ...")
    return "\n".join(lines) + "\n"


def _tensor() -> str:
    """`autograd.tensor`: the class with its methods from every floor, and the module's functions."""
    module = importlib.import_module("autograd.tensor")  # autograd.tensor is the function

    members = []
    for name, value in sorted(vars(module.Tensor).items()):
        record = getattr(value, "op", None)
        if isinstance(value, property):
            setter = (
                f"\n    @{name}.setter\n    def {name}(self, value: Any) -> None: ..."
                if value.fset
                else ""
            )
            members.append(
                f"    @property\n    def {name}(self) -> {_PROPERTIES.get(name, 'Any')}: ...{setter}"
            )
        elif name in _DUNDER or (inspect.isfunction(value) and not name.startswith("_")):
            target = record.forward if record is not None else value
            members.append(f"    def {name}{_signature(target, record, first='self')}: ...")
        elif isinstance(value, (staticmethod, classmethod)):
            members.append(f"    {name}: Any")
    members += [f"    {line}" for line in _operators()]
    functions = [
        f"def {name}{_signature(value)}: ..."
        for name, value in sorted(vars(module).items())
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]
    body = [
        HEADER, "class Tensor:", "    array: ndarray", "    _grad: Tensor | None", "    _node: Any",
        "    _view: Any",
        "    def __init__(self, data: Any = ..., dtype: Any = ..., requires_grad: bool = ...) -> None: ...",
        *members, "",
        "class Leaf:", "    tensor: Callable[[], Tensor | None]", "    seq: int", "    hooks: dict | None",
        "    post_hooks: dict | None", "    parents: tuple", "    layer: None", "    where: None",
        "    retained: None", "    def __init__(self, tensor: Tensor) -> None: ...",
        "    def name(self) -> str: ...", ALIASES, "next_seq: Callable[[], int]", *functions,
    ]  # fmt: skip
    return "\n".join(body) + "\n"


_PROPERTIES = {
    "T": "Tensor", "mT": "Tensor", "data": "Tensor", "grad": "Any", "shape": "tuple[int, ...]",
    "dtype": "DType[Any]", "ndim": "int", "requires_grad": "bool", "is_leaf": "bool", "nbytes": "int",
}  # fmt: skip
_DUNDER = (
    "__getitem__", "__setitem__", "__len__", "__iter__", "__bool__", "__float__", "__int__", "__index__",
    "__array__", "__dlpack__", "__dlpack_device__", "__deepcopy__",
)  # fmt: skip


def _operators() -> Iterator[str]:
    for symbol in OPERATORS:
        if symbol in UNARY:
            yield f"def __{symbol}__(self) -> Tensor: ..."
            continue
        # The override is of object.__eq__ and __ne__, whose result mypy knows as bool.
        ignore = "  # type: ignore[override]" if symbol in ("eq", "ne") else ""
        yield f"def __{symbol}__(self, other: Any) -> Tensor: ...{ignore}"
        if symbol not in COMPARISONS:
            yield f"def __r{symbol}__(self, other: Any) -> Tensor: ..."
            yield f"def __i{symbol}__(self, other: Any) -> Tensor: ..."


def main(check: bool) -> int:
    """Write the stubs, or report which are out of date."""
    root = Path(__file__).resolve().parent.parent
    stale = []
    for name, text in stubs().items():
        path = root / name
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if not check:
                path.write_text(text)
    for name in stale:
        print(f"{'out of date' if check else 'written'}: {name}")
    return 1 if check and stale else 0
