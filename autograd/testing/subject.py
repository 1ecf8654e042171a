"""What is certified: how it is called with a case, and how its gradients are taken."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.errors import GraphError
from autograd.functional import pull_back
from autograd.op import Op
from autograd.random import manual_seed
from autograd.tensor import Tensor, wrap
from autograd.testing.cases import Case, onto_domain


class Subject:
    """An op, a function or a module, and which of its inputs have derivatives."""

    def __init__(self, function: Callable, kind: str | None = None,
                 reference: Callable | None = None, tolerance: float = 1e-9):  # fmt: skip
        self.function, self.reference, self.tolerance = function, reference, tolerance
        self.record: Op | None = getattr(function, "op", None)
        self.kind, self.given_kind = kind or (self.record.kind if self.record else None), kind
        named = getattr(function, "named_parameters", None)
        self.parameters = [p for _, p in named() if p.requires_grad] if named else []
        self.name = _name(function)

    @property
    def array_inputs(self) -> tuple[str, ...] | None:
        """The parameters that become tensors; None for all, where no record tells them apart."""
        return self.record.inputs if self.record and not self.record.composite else None

    def call(self, case: Case) -> list:
        """Everything it returns, as one flat list; random functions repeat themselves."""
        manual_seed(0)
        return flat(self.function(*case.args, **case.keywords))

    def __call__(self, case: Case) -> list[Tensor]:
        """The tensors it returns."""
        return [value for value in self.call(case) if isinstance(value, Tensor)]

    def tensors(self, case: Case, wanted=(), dtype=None) -> Case:
        """The case with tensors for arrays; those whose numbers are in `wanted` require grad."""
        count, inputs = itertools.count(), self.array_inputs

        def change(name, value):
            number = next(count)
            if dtype is not None and value.dtype.kind == "f":
                value = value.astype(dtype)
            if inputs is not None and name not in inputs:
                return value.copy()
            fresh = value.copy() if 0 in value.strides else value.copy(order="K")
            return wrap(fresh).requires_grad_(number in wanted)

        return case.replace(change, self.record)

    def differentiable(self, case: Case, dtype=None) -> tuple[int, ...]:
        """The numbers of the float arrays of a case, without those that refuse to require grad."""
        named = case.named(self.record)
        floats = tuple(i for i, (_, x) in enumerate(named) if x.dtype.kind == "f")
        inputs = self.array_inputs
        if inputs is not None:
            rules = self.record.rules or inputs  # type: ignore[union-attr]
            return tuple(i for i in floats if named[i][0] in rules)
        if self._accepts(case, floats, dtype):
            return floats
        return tuple(i for i in floats if self._accepts(case, (i,), dtype))

    def _accepts(self, case: Case, wanted: tuple[int, ...], dtype) -> bool:
        try:
            self(self.tensors(case, wanted, dtype))
        except GraphError:
            return False
        return True

    def gradients(self, case: Case, dtype=None, create_graph: bool = False):
        """Gradients of a weighted sum of the outputs; those outputs; the inputs and parameters."""
        tensors = self.tensors(case, self.differentiable(case, dtype), dtype)
        outputs = [out for out in self(tensors) if out.requires_grad]
        inputs = [*leaves(tensors), *self.parameters]
        if not outputs or not inputs:
            return [], outputs, []
        return pull_back(outputs, inputs, weights(outputs), create_graph), outputs, inputs

    def checked(self, case: Case):
        """What gradcheck needs: a function of inputs and parameters, and these."""
        wanted = self.differentiable(case)
        inputs = leaves(self.tensors(case, wanted))

        def function(*varying):
            count, given, names = itertools.count(), iter(varying), self.array_inputs

            def change(name, value):
                if next(count) in wanted:
                    return onto_domain(self.record, name, next(given))
                # A copy: running statistics must be the same at every call.
                return wrap(value.copy()) if names is None or name in names else value

            outputs = self(case.replace(change, self.record))
            return tuple(out for out in outputs if out.dtype.kind == "f")

        return function, [*inputs, *self.parameters]

    def expression(self) -> tuple[str, str]:
        """How source code calls it: the line before that makes the name known, and the name."""
        record, function = self.record, self.function
        if hasattr(function, "named_parameters"):
            return f"# module: the one that was certified,\n# {self.name}", "module"
        if record is not None and record.forward.__module__.startswith("autograd."):
            return "from autograd.op import OPS", f"OPS[{record.name!r}]"
        return named_in_source(function)


def named_in_source(function: Any, lambda_name: str = "function") -> tuple[str, str]:
    """The line that makes a function's name known, or a comment, and that name.

    Examples
    --------
    >>> import numpy as np
    >>> named_in_source(np.cos), named_in_source(Subject)[0]
    (('', 'np.cos'), 'from autograd.testing.subject import Subject')
    """
    owner = getattr(function, "__self__", None)
    top = owner if isinstance(owner, type) else function
    name, module = _name(function), getattr(top, "__module__", None) or ""
    if getattr(np, name, None) is function:
        return "", f"np.{name}"
    first = name.partition(".")[0]
    if module != "__main__" and getattr(sys.modules.get(module), first, None) is top:
        return f"from {module} import {first}", name
    if name != "<lambda>":
        return f"# {name}: the one that was given", name
    code = function.__code__
    place = f"{code.co_filename}:{code.co_firstlineno}"
    return f"# {lambda_name}: the lambda at {place}", lambda_name


def _name(function: Any) -> str:
    if hasattr(function, "named_parameters"):
        return " ".join(repr(function).split())
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", type(function).__name__)
    return f"{owner.__name__}.{name}" if isinstance(owner, type) else name


def flat(result) -> list:
    """The values in a result, however nested."""
    if isinstance(result, (tuple, list)):
        return [item for part in result for item in flat(part)]
    return [] if result is None else [result]


def array_of(value) -> np.ndarray:
    """The numbers of a tensor, an array or a number."""
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def leaves(case: Case) -> list[Tensor]:
    """The tensors that require grad among a case's arguments."""
    everything = flat([*case.args, *case.keywords.values()])
    return [t for t in everything if isinstance(t, Tensor) and t.requires_grad]


def weights(outputs: list[Tensor], seed: int = 0) -> list[Tensor]:
    """Fixed random vectors shaped like the outputs."""
    rng = np.random.default_rng(seed)
    return [wrap(np.asarray(rng.normal(size=out.shape), out.dtype)) for out in outputs]


def same(found, expected, tolerance: float, what: str) -> None:
    """Raise unless two arrays agree, shapes included."""
    found, expected = array_of(found), array_of(expected)
    if found.shape != expected.shape:
        raise AssertionError(f"{what}: expected shape {expected.shape}, got {found.shape}")
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance, equal_nan=True, err_msg=what
    )
