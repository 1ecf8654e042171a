"""Type stubs, written from the op table: what the table adds at run time, a type checker can read.

``python -m autograd stubs`` writes them, ``--check`` tells whether they are up to date.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from autograd import dtypes
from autograd.op import OPS, Op, functions_of
from autograd.ops import COMPARISONS, OPERATORS, UNARY
from autograd.tensor import Tensor

HEADER = """\
# Written by "python -m autograd stubs" from the op table; do not edit.
import builtins
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, overload

import numpy as np
"""
ALIASES = """
Operand = Tensor | np.ndarray | np.generic | builtins.float
Dims = builtins.int | tuple[builtins.int, ...] | list[builtins.int] | None
"""
TENSOR = """
class Tensor:
    array: np.ndarray
    _grad: Tensor | None
    _node: Any
    _view: Any
    def __init__(
        self, data: Any = ..., dtype: Any = None, requires_grad: builtins.bool = False
    ) -> None: ...
    @overload
    def size(self, dim: None = None) -> tuple[builtins.int, ...]: ...
    @overload
    def size(self, dim: builtins.int) -> builtins.int: ...
"""
LEAF = """
class Leaf:
    tensor: Callable[[], Tensor | None]
    seq: builtins.int
    hooks: dict | None
    post_hooks: dict | None
    parents: tuple
    layer: None
    where: None
    retained: None
    def __init__(self, tensor: Tensor) -> None: ...
    def name(self) -> str: ...

next_seq: Callable[[], builtins.int]
"""
WRITTEN = ("__init__", "size")  # methods whose text stands in TENSOR
SPECIAL = (
    "__array__", "__bool__", "__contains__", "__deepcopy__", "__dlpack__", "__dlpack_device__",
    "__float__", "__getitem__", "__index__", "__int__", "__iter__", "__len__", "__setitem__",
)  # fmt: skip
PROPERTIES = {  # what those are that no annotation tells
    "dtype": "np.dtype[Any]", "device": "str",
    "shape": "tuple[builtins.int, ...]", "ndim": "builtins.int", "itemsize": "builtins.int",
    "nbytes": "builtins.int",
}  # fmt: skip
KNOWN = {
    "Array": "Operand", "Arrays": "Sequence[Operand]", "Any": "Any", "Callable": "Callable",
    "Dims": "Dims", "Iterator": "Iterator", "None": "None", "Sequence": "Sequence",
    "Tensor": "Tensor", "np.dtype": "np.dtype[Any]", "np.ndarray": "np.ndarray",
}  # fmt: skip
NAME = re.compile(r"[A-Za-z_][\w.]*")


def stubs() -> dict[str, str]:
    """The text of each stub file, by path relative to the project."""
    return {
        "autograd/__init__.pyi": _package(),
        "autograd/linalg.pyi": _space("linalg"),
        "autograd/special.pyi": _space("special"),
        "autograd/tensor.pyi": _tensor(),
        "nn/functional.pyi": _functional(),
    }


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


# -- the files -------------------------------------------------------------------------------------


def _file(*lines: str) -> str:
    """A stub's text, with imports of the modules whose classes are named in it."""
    body = "\n".join(lines) + "\n"
    modules = re.findall(r"(?<=[ \[])autograd(?:\.[a-z_]+)+(?=\.[A-Z])", body)
    return HEADER + "".join(f"import {module}\n" for module in sorted(set(modules))) + body


def _package() -> str:
    """`autograd`: what its source names, and the functions of the table."""
    import autograd

    imports = {
        "autograd": [
            "cuda",
            "functional",
            "interop",
            "linalg",
            "special",
            "profiler",
            "testing",
            "utils",
        ],
        "autograd.op": ["OPS"],
        "autograd.tensor": ["Tensor"],
    }
    types, functions = [], []
    for name in dir(autograd):  # some of these are loaded when first asked for
        value = getattr(autograd, name)
        if name in OPS and value is OPS[name].function:
            functions.append(_function(name, value))
        elif name.startswith("_") or name == "Tensor":
            continue
        elif type(value).__module__ == "numpy.dtypes":
            types.append(f"{name}: np.dtype[Any]")
        elif inspect.isfunction(value) and value.__code__.co_name != name:  # made by another
            functions.append(_function(name, value))
        elif inspect.isclass(value) or inspect.isfunction(value):
            imports.setdefault(value.__module__, []).append(name)
    shown = [
        f"from {module} import {name} as {name}"
        for module, names in sorted(imports.items())
        for name in names
    ]
    return _file(*shown, ALIASES, "__version__: str", *types, *functions)


def _space(space: str) -> str:
    """`autograd.linalg` or `autograd.special`: the functions of the table, and its own classes."""
    module = vars(importlib.import_module(f"autograd.{space}"))
    classes = [
        f"from {value.__module__} import {name} as {name}"
        for name, value in sorted(module.items())
        if inspect.isclass(value)
    ]
    functions = [_function(name, value) for name, value in sorted(functions_of(space).items())]
    return _file("from autograd.tensor import Tensor", *classes, ALIASES, *functions)


def _functional() -> str:
    """`nn.functional`: the functions of the table that it shows."""
    functional = vars(importlib.import_module("nn.functional"))
    functions = [
        _function(name, value)
        for name, value in sorted(functional.items())
        if inspect.isfunction(value) and not name.startswith("_")
    ]
    return _file("from autograd.tensor import Tensor", ALIASES, *functions)


def _tensor() -> str:
    """`autograd.tensor`: the class with methods from every floor, and the module's functions."""
    module = importlib.import_module("autograd.tensor")  # autograd.tensor is the function
    lines = [ALIASES + TENSOR.rstrip()]
    for name, value in sorted(vars(module.Tensor).items()):
        if isinstance(value, property):
            lines += [f"    {line}" for line in _property(name, value)]
        elif name in WRITTEN or (name.startswith("_") and name not in SPECIAL):
            continue
        elif inspect.isfunction(value):
            lines.append("    " + _function(name, value, method=True))
    lines += [f"    {line}" for line in _operators()]
    lines.append(LEAF)
    for name, value in sorted(vars(module).items()):
        own = inspect.isfunction(value) and value.__module__ == module.__name__
        if own and not name.startswith("_"):
            lines.append(_function(name, value))
    return _file(*lines)


def _property(name: str, value: property) -> Iterator[str]:
    getter: Any = value.fget
    annotation = inspect.signature(getter).return_annotation
    result = PROPERTIES.get(name) or _type(annotation, getter)
    yield "@property"
    yield f"def {name}(self) -> {result}: ..."
    if value.fset is not None:
        yield f"@{name}.setter"
        yield f"def {name}(self, value: Any) -> None: ..."


def _operators() -> Iterator[str]:
    for symbol in OPERATORS:
        if symbol in UNARY:
            yield f"def __{symbol}__(self) -> Tensor: ..."
            continue
        # `object` promises that its __eq__ and __ne__ return a bool.
        ignore = "  # type: ignore[override]" if symbol in ("eq", "ne") else ""
        yield f"def __{symbol}__(self, other: Any) -> Tensor: ...{ignore}"
        if symbol not in COMPARISONS:
            yield f"def __r{symbol}__(self, other: Any) -> Tensor: ..."
            yield f"def __i{symbol}__(self, other: Any) -> Self: ..."


# -- a function ------------------------------------------------------------------------------------


def _function(name: str, value: Callable, method: bool = False) -> str:
    """A function's definition as stub text."""
    function = inspect.unwrap(value)  # where the table made the function: the forward it stands for
    record = OPS.get(function.__name__)
    if record is not None and inspect.unwrap(record.forward) is not function:
        record = None
    signature = inspect.signature(function)
    words = list(_parameters(signature, function, record))
    if method:
        words[0] = "self"
    if method and name.endswith("_") and not name.endswith("__"):
        result = "Self"  # PyTorch's mark of methods that change the tensor and return it
    else:
        result = _result(signature, function, record)
    return f"def {name}({', '.join(words)}) -> {result}: ..."


def _parameters(signature: inspect.Signature, function: Callable, record: Op | None):
    star = record.positional[record.star] if record and record.star is not None else None
    starred = False
    for p in signature.parameters.values():
        if p.kind is p.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or p.kind is p.KEYWORD_ONLY or p.kind is p.VAR_POSITIONAL
        if p.name == star:  # given as one sequence or as separate integers
            starred = True
            yield f"*{p.name}: builtins.int | Sequence[builtins.int]"
        elif p.kind is p.VAR_POSITIONAL:
            yield f"*{p.name}: {_type(p.annotation, function)}"
        elif p.kind is p.VAR_KEYWORD:
            yield f"**{p.name}: {_type(p.annotation, function)}"
        else:
            default = "" if p.default is p.empty else f" = {_default(p.default)}"
            yield f"{p.name}: {_parameter_type(p, function, record)}{default}"


def _parameter_type(p: inspect.Parameter, function: Callable, record: Op | None) -> str:
    if p.annotation is not p.empty:
        return _type(p.annotation, function)
    if record is not None and p.name in record.inputs:
        return "Operand"
    kind = type(p.default)  # an integer says less: it may stand for one per axis, or for a float
    return _name(kind.__name__, function) if kind in (bool, float, str) else "Any"


def _default(value) -> str:
    """A default's text, if what it says can be read back."""
    if isinstance(value, tuple):
        return repr(value) if all(_default(item) != "..." for item in value) else "..."
    readable = value is None or isinstance(value, (bool, int, float, str))
    return "..." if not readable or value in (math.inf, -math.inf) else repr(value)


def _result(signature: inspect.Signature, function: Callable, record: Op | None) -> str:
    """The type of what a function returns; Any where that depends on its arguments."""
    if signature.return_annotation is not signature.empty:
        text = _type(signature.return_annotation, function)
        return "Any" if "|" in text else text.replace("Operand", "Tensor")
    if record is None:
        return "Any"
    several = ", ".join("Tensor" for _ in record.outputs)
    return f"tuple[{several}]" if several else "Tensor"


def _type(annotation, function: Callable) -> str:
    """An annotation as it can be read in a stub; Any if a name in it means nothing there."""
    if annotation is inspect.Parameter.empty:
        return "Any"
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "Any")
    words = {name: _name(name, function) for name in NAME.findall(text)}
    return "Any" if "" in words.values() else NAME.sub(lambda match: words[match[0]], text)


def _name(name: str, function: Callable) -> str:
    """What a name in an annotation of `function` is called in a stub; "" if it is unknown there."""
    if name in KNOWN:
        return KNOWN[name]
    name = name.removeprefix("builtins.")
    if inspect.isclass(getattr(builtins, name, None)):
        # Beside dtypes and methods called int, float and bool, the types need their full names.
        shadowed = name in dtypes.__all__ or hasattr(Tensor, name)
        return f"builtins.{name}" if shadowed else name
    value = function.__globals__.get(name)  # type: ignore[attr-defined]
    return f"{value.__module__}.{name}" if inspect.isclass(value) else ""
