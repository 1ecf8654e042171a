"""The promises that `certify` checks, one function each: (subject, case) -> None, or it raises."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from autograd.engine import grad
from autograd.errors import GraphError, ShapeError
from autograd.functional import pull_back, push_forward
from autograd.gradient_check import gradcheck, gradgradcheck
from autograd.op import Op
from autograd.random import manual_seed
from autograd.tensor import Tensor, wrap
from autograd.testing.cases import Case
from autograd.testing.strategies import LAYOUTS

LARGE = 40  # elements from which on Jacobians are compared by projections only


class Subject:
    """What is certified: how it is called, and which of its inputs have derivatives."""

    def __init__(self, function: Callable, kind: str | None, reference, tolerance: float):
        self.function, self.reference, self.tolerance = function, reference, tolerance
        self.record: Op | None = getattr(function, "op", None)
        self.kind = kind or (self.record.kind if self.record else None)
        named = getattr(function, "named_parameters", None)
        self.parameters = [p for _, p in named() if p.requires_grad] if named else []
        self.name, self.expression = _name(function), _expression(function)

    @property
    def array_inputs(self) -> tuple[str, ...] | None:
        """The parameters that become tensors; None for all, where no record tells them apart."""
        return self.record.inputs if self.record and not self.record.composite else None

    def __call__(self, case: Case) -> list[Tensor]:
        """The tensors it returns; random ones repeat themselves."""
        manual_seed(0)
        return [t for t in flat(self.function(*case.args, **case.keywords)) if _is_tensor(t)]

    def tensors(self, case: Case, wanted=(), dtype=None) -> Case:
        """The case with tensors for arrays; those whose numbers are in `wanted` require grad."""
        count, inputs = itertools.count(), self.array_inputs

        def change(name, value):
            number = next(count)
            if dtype is not None and value.dtype.kind == "f":
                value = value.astype(dtype)
            if inputs is not None and name not in inputs and number not in wanted:
                return value.copy()
            fresh = value.copy() if 0 in value.strides else value.copy(order="K")
            return wrap(fresh).requires_grad_(number in wanted)

        return case.replace(change, self.record)

    def differentiable(self, case: Case, dtype=None) -> tuple[int, ...]:
        """The numbers of the float arrays of a case, without those that refuse to require grad."""
        floats = [i for i, x in enumerate(case.arrays()) if x.dtype.kind == "f"]
        return tuple(i for i in floats if self._accepts(case, i, dtype))

    def _accepts(self, case: Case, i: int, dtype) -> bool:
        try:
            self(self.tensors(case, (i,), dtype))
        except GraphError:
            return False
        return True

    def gradients(self, case: Case, dtype=None):
        """Gradients of a weighted sum of the outputs; those outputs; the inputs."""
        tensors = self.tensors(case, self.differentiable(case, dtype), dtype)
        outputs = [out for out in self(tensors) if out.requires_grad]
        inputs = leaves(tensors)
        if not outputs or not inputs:
            return [], outputs, []
        return pull_back(outputs, inputs, weights(outputs)), outputs, inputs

    def checked(self, case: Case):
        """What gradcheck needs: a function of inputs and parameters, and these."""
        wanted = self.differentiable(case)
        inputs = leaves(self.tensors(case, wanted))

        def function(*varying):
            count, given, names = itertools.count(), iter(varying), self.array_inputs

            def change(name, value):
                if next(count) in wanted:
                    return next(given)
                return wrap(value.copy()) if names is None or name in names else value

            outputs = self(case.replace(change, self.record))
            return tuple(out for out in outputs if out.dtype.kind == "f")

        return function, [*inputs, *self.parameters]


def _expression(function: Any) -> str:
    """What a reproducer calls it: a name that means it where it is pasted, as far as known."""
    if hasattr(function, "named_parameters"):
        return "module"
    record = getattr(function, "op", None)
    if record is not None and record.forward.__module__.startswith("autograd."):
        return f"OPS[{record.name!r}]"
    return _name(function).replace("<lambda>", "function")


def _name(function: Any) -> str:
    if hasattr(function, "named_parameters"):
        return repr(function)
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", type(function).__name__)
    return f"{owner.__name__}.{name}" if isinstance(owner, type) else name


def _is_tensor(value) -> bool:
    return isinstance(value, Tensor)


def flat(result) -> list:
    """The values in a result, however nested."""
    if isinstance(result, (tuple, list)):
        return [item for part in result for item in flat(part)]
    return [] if result is None else [result]


def leaves(case: Case) -> list[Tensor]:
    """The tensors that require grad among a case's arguments."""
    everything = flat([*case.args, *case.keywords.values()])
    return [t for t in everything if _is_tensor(t) and t.requires_grad]


def weights(outputs: list[Tensor], seed: int = 0) -> list[Tensor]:
    """Fixed random vectors shaped like the outputs."""
    rng = np.random.default_rng(seed)
    return [wrap(np.asarray(rng.normal(size=out.shape), out.dtype)) for out in outputs]


def same(found, expected, tolerance: float, what: str) -> None:
    """Raise unless two arrays agree, shapes included."""
    found, expected = np.asarray(found), np.asarray(expected)
    if found.shape != expected.shape:
        raise AssertionError(f"{what}: expected shape {expected.shape}, got {found.shape}")
    np.testing.assert_allclose(
        found, expected, rtol=tolerance, atol=tolerance, equal_nan=True, err_msg=what
    )


# -- the promises ----------------------------------------------------------------------------------


def value(subject: Subject, case: Case) -> None:
    """The value is the reference's, and the same at every call."""
    outputs = subject(subject.tensors(case))
    if not outputs and subject.record is None:  # some ops answer with a Python bool
        raise AssertionError("expected it to return a tensor, or a tuple or list of them")
    for a, b in zip(outputs, subject(subject.tensors(case)), strict=True):
        same(b.array, a.array, 0.0, "a second call with the same inputs")
    if subject.reference is not None:
        expected = flat(subject.reference(*case.args, **case.keywords))
        for out, reference in zip(outputs, expected, strict=True):
            same(out.detach().array, reference, subject.tolerance, "against the reference")


def no_mutation(subject: Subject, case: Case) -> None:
    """Inputs are as they were; only running statistics may be written."""
    given = subject.tensors(case)
    subject(given)
    tensors = [t for t in flat([*given.args, *given.keywords.values()]) if _is_array(t)]
    named = case.named(subject.record)
    for number, (t, (name, before)) in enumerate(zip(tensors, named, strict=True)):
        if not name.startswith("running_"):
            same(getattr(t, "array", t), before, 0.0, f"argument {number} was written to")


def _is_array(value) -> bool:
    return isinstance(value, (Tensor, np.ndarray))


def dtype(subject: Subject, case: Case) -> None:
    """Float32 in: no float64 out, and float32 gradients."""
    if any("dtype" in key for key in case.keywords):
        return
    if subject.parameters:
        subject.function.float()  # type: ignore[attr-defined]
    try:
        for out in subject(subject.tensors(case, dtype=np.float32)):
            if out.dtype == np.float64:
                raise AssertionError("float32 inputs gave a float64 output")
        found, _, inputs = subject.gradients(case, np.float32)
        for number, (g, x) in enumerate(zip(found, inputs, strict=True)):
            if g is not None and g.dtype != x.dtype:
                raise AssertionError(f"the gradient of float32 input {number} is {g.dtype}")
    finally:
        if subject.parameters:
            subject.function.double()  # type: ignore[attr-defined]


def layout(subject: Subject, case: Case) -> None:
    """Values and gradients do not depend on strides."""
    plain, _, _ = subject.gradients(case)
    outputs = subject(subject.tensors(case))
    for arrange in LAYOUTS:
        strided = case.replace(lambda _, array, arrange=arrange: arrange(array))
        try:
            found = subject(subject.tensors(strided))
        except ShapeError as error:  # a view that this layout does not allow
            if "contiguous" not in str(error):
                raise
            continue
        for a, b in zip(found, outputs, strict=True):
            same(a.array, b.array, subject.tolerance, f"inputs laid out {arrange.__name__}")
        for g, h in zip(subject.gradients(strided)[0], plain, strict=True):
            if g is not None and h is not None:
                what = f"gradients of inputs laid out {arrange.__name__}"
                same(g.array, h.array, subject.tolerance, what)


def aliasing(subject: Subject, case: Case) -> None:
    """One tensor passed twice has the sum of the gradients of two equal ones."""
    arrays, wanted = case.args, subject.differentiable(case)
    places = [i for i, x in enumerate(arrays) if isinstance(x, np.ndarray) and i in wanted]
    if len(wanted) < 2 or len(places) != len(case.arrays()):
        return
    for i, j in itertools.combinations(places, 2):
        if arrays[i].shape != arrays[j].shape:
            continue
        twice = list(arrays)
        twice[j] = twice[i]
        apart = subject.tensors(Case(tuple(twice), case.keywords), wanted)
        try:
            outputs = [out for out in subject(apart) if out.requires_grad]
        except ValueError:  # what is right for one argument may be refused as the other
            continue
        pair = [apart.args[i], apart.args[j]]
        first, second = grad(outputs, pair, weights(outputs), materialize_grads=True)
        joined = list(subject.tensors(Case(tuple(twice), case.keywords), wanted).args)
        joined[j] = joined[i]
        outputs = [out for out in subject(Case(tuple(joined), case.keywords)) if out.requires_grad]
        (both,) = grad(outputs, [joined[i]], weights(outputs), materialize_grads=True)
        what = f"one tensor as arguments {i} and {j}"
        same(both.array, first.array + second.array, subject.tolerance, what)


def broadcasting(subject: Subject, case: Case) -> None:
    """Elementwise functions of several tensors give what they give for inputs of the full shape."""
    if subject.kind not in ("binary", "binary_float", "compare"):
        return
    full = Case(tuple(a.copy() for a in np.broadcast_arrays(*case.args)), case.keywords)
    for a, b in zip(subject(subject.tensors(case)), subject(subject.tensors(full)), strict=True):
        same(a.array, b.array, subject.tolerance, "broadcast against expanded inputs")


def first_derivative(subject: Subject, case: Case) -> None:
    """Gradients are those of finite differences, and there where these are not zero."""
    function, inputs = subject.checked(case)
    if inputs and _finite(function(*inputs)):
        large = sum(x.numel() for x in inputs) > LARGE
        gradcheck(function, inputs, fast_mode=large, check_grad_dtypes=True)


def dot_products(subject: Subject, case: Case) -> None:
    """``<v, J u> = <J' v, u>``: forward and backward products are transposes of each other."""
    function, inputs = subject.checked(case)
    outputs = [out for out in function(*inputs) if out.requires_grad] if inputs else []
    if not outputs or not _finite(outputs):
        return
    u, v = weights(inputs, 1), weights(outputs, 2)
    pulled = pull_back(outputs, inputs, v)
    pushed = push_forward(outputs, inputs, u)
    backward, forward = _dot(pulled, u), _dot(pushed, v)
    size = sum(np.abs(g.array).sum() for g in pulled if g is not None)
    if not abs(backward - forward) <= max(subject.tolerance, 1e-9) * (1 + size):
        raise AssertionError(f"<J' v, u> is {backward}, <v, J u> is {forward}")


def second_derivative(subject: Subject, case: Case) -> None:
    """Gradients of gradients are those of finite differences of gradients."""
    function, inputs = subject.checked(case)
    outputs = function(*inputs) if inputs else ()
    if any(out.requires_grad for out in outputs) and _finite(outputs):
        large = sum(x.numel() for x in inputs) > LARGE
        gradgradcheck(function, inputs, fast_mode=large, atol=1e-4)


def kink(subject: Subject, case: Case, expected) -> None:
    """At a point without a derivative, the gradients of the sum are the promised ones."""
    with np.errstate(all="ignore"):
        tensors = subject.tensors(case, range(len(case.args)))
        outputs = [out for out in subject(tensors) if out.requires_grad]
        ones = [wrap(np.ones(out.shape)) for out in outputs]
        found = grad(outputs, leaves(tensors), ones, materialize_grads=True)
    for number, (g, promised) in enumerate(zip(found, expected, strict=True)):
        same(g.array, promised, subject.tolerance, f"the gradient of input {number} at a kink")


def _dot(found, vectors) -> float:
    pairs = zip(found, vectors, strict=True)
    return float(sum(np.vdot(g.array, w.array) for g, w in pairs if g is not None))


def _finite(outputs) -> bool:
    """Whether differences can be taken: the variance of one number, say, is NaN everywhere."""
    return all(np.isfinite(out.array).all() for out in outputs)


CHECKS: dict[str, Callable[[Subject, Case], None]] = {
    "value": value,
    "no mutation": no_mutation,
    "dtype": dtype,
    "layout": layout,
    "aliasing": aliasing,
    "broadcasting": broadcasting,
    "first derivative": first_derivative,
    "dot products": dot_products,
    "second derivative": second_derivative,
}
