"""The promises that `certify` checks, one function each: (subject, case) -> None, or it raises.

Some promises are made only by ops of the table, or by functions of some kinds: see `applies`.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autograd.engine import grad, reachable
from autograd.errors import ShapeError
from autograd.functional import pull_back, push_forward
from autograd.gradient_check import gradcheck, gradgradcheck
from autograd.mode import strict_dtypes
from autograd.node import Node
from autograd.op import ELEMENTWISE, SAMPLED
from autograd.random import manual_seed
from autograd.recording.compiled import compile
from autograd.tensor import Tensor, wrap
from autograd.testing.cases import Case
from autograd.testing.strategies import LAYOUTS
from autograd.testing.subject import Subject, array_of, flat, leaves, same, weights

LARGE = 12  # elements from which on Jacobians are compared by projections only
BINARY = ("binary", "binary_float", "compare")
NUMPY_SPELLING = {"dim": "axis", "keepdim": "keepdims"}


# -- values ----------------------------------------------------------------------------------------


def value(subject: Subject, case: Case) -> None:
    """The value is the reference's, and the same at every call."""
    outputs = subject(subject.tensors(case))
    if not outputs and subject.record is None:  # some ops answer with a Python bool
        raise AssertionError("expected it to return a tensor, or a tuple or list of them")
    for a, b in zip(outputs, subject(subject.tensors(case)), strict=True):
        same(b, a, 0.0, "a second call with the same inputs")
    if subject.reference is not None:
        expected = flat(subject.reference(*case.args, **case.keywords))
        for out, reference in zip(outputs, expected, strict=True):
            same(out.detach(), reference, subject.tolerance, "against the reference")


def arrays(subject: Subject, case: Case) -> None:
    """An op of the table gives for arrays the arrays that it gives for tensors."""
    found = subject.call(case.replace(lambda _, array: array.copy()))
    for a, t in zip(found, subject.call(subject.tensors(case)), strict=True):
        if isinstance(a, Tensor) and case.arrays():
            raise AssertionError("arrays came in, a tensor went out")
        if array_of(a).dtype != array_of(t).dtype:
            raise AssertionError(f"{array_of(a).dtype} of arrays, {array_of(t).dtype} of tensors")
        same(a, t, 0.0, "arrays against tensors")


def numpy(subject: Subject, case: Case) -> None:
    """An op that answers for a NumPy function agrees with it, and is called by it."""
    function = subject.record.numpy  # type: ignore[union-attr]
    keywords = {NUMPY_SPELLING.get(key, key): given for key, given in case.keywords.items()}
    (out,) = subject.call(case)
    same(out, function(*case.args, **keywords), 1e-12, f"against np.{function.__name__}")
    (called,) = flat(function(*subject.tensors(case).args, **keywords))
    if not isinstance(called, Tensor):
        raise AssertionError(f"np.{function.__name__} of a tensor gave {type(called).__name__}")
    same(called, out, 0.0, f"np.{function.__name__} of tensors")


def no_mutation(subject: Subject, case: Case) -> None:
    """Inputs and output gradients are as they were; only running statistics may be written."""
    given = subject.tensors(case, subject.differentiable(case))
    outputs = [out for out in subject(given) if out.requires_grad]
    seeds = weights(outputs)
    if leaves(given):
        pull_back(outputs, leaves(given), seeds)
    values = flat([*given.args, *given.keywords.values()])
    found = [t for t in values if isinstance(t, (Tensor, np.ndarray))]
    named = case.named(subject.record)
    for number, (now, (name, before)) in enumerate(zip(found, named, strict=True)):
        if not name.startswith("running_"):
            same(now, before, 0.0, f"argument {number} was written to")
    for seed, drawn in zip(seeds, weights(outputs), strict=True):
        same(seed, drawn, 0.0, "the gradient of an output was written to")


# -- dtypes ----------------------------------------------------------------------------------------


def dtype(subject: Subject, case: Case) -> None:
    """Float32 in: no float64 out, nor kept for the backward pass, nor computed there."""
    if any("dtype" in key for key in case.keywords):
        return
    if subject.parameters:
        subject.function.float()  # type: ignore[attr-defined]
    try:
        with strict_dtypes():
            for out in subject(subject.tensors(case, dtype=np.float32)):
                if out.dtype == np.float64:
                    raise AssertionError("float32 inputs gave a float64 output")
            found, outputs, inputs = subject.gradients(case, np.float32)
        for number, (g, x) in enumerate(zip(found, inputs, strict=True)):
            if g is not None and g.dtype != x.dtype:
                raise AssertionError(f"the gradient of {x.dtype} input {number} is {g.dtype}")
        _keeps_no_float64(outputs)
    finally:
        if subject.parameters:
            subject.function.double()  # type: ignore[attr-defined]


def scalars(subject: Subject, case: Case) -> None:
    """A Python number beside a float32 tensor does not widen it."""
    rules, inputs = subject.record.rules, subject.record.inputs  # type: ignore[union-attr]
    x = wrap(case.args[0].astype(np.float32)).requires_grad_({*rules} == {*inputs})
    number = float(case.args[1].flat[0])
    for out in (subject.function(x, number), subject.function(number, x)):
        if out.dtype != np.float32:
            raise AssertionError(f"a float32 tensor and a Python number gave {out.dtype}")
        _keeps_no_float64([out])


def _keeps_no_float64(outputs: list[Tensor]) -> None:
    for array in _kept_by(outputs):
        if array.dtype == np.float64:
            raise AssertionError(f"a float64 array of shape {array.shape} is kept for backward")


def _kept_by(outputs: list[Tensor]) -> Iterator[np.ndarray]:
    """Every array saved in the graph of `outputs`."""
    for node in reachable([out.node for out in outputs if out.requires_grad]):
        if isinstance(node, Node):
            for saved in node.saved:
                for kept in saved if isinstance(saved, tuple) else (saved,):
                    if isinstance(kept, np.ndarray):
                        yield kept


# -- what the inputs look like ---------------------------------------------------------------------


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
            same(a, b, subject.tolerance, f"inputs laid out {arrange.__name__}")
        what = f"gradients of inputs laid out {arrange.__name__}"
        _same_gradients(subject.gradients(strided)[0], plain, subject.tolerance, what)


def aliasing(subject: Subject, case: Case) -> None:
    """One tensor passed twice has the sum of the gradients of two equal ones."""
    given, wanted = case.args, subject.differentiable(case)
    places = [i for i, x in enumerate(given) if isinstance(x, np.ndarray) and i in wanted]
    if len(wanted) < 2 or len(places) != len(case.arrays()):
        return
    for i, j in itertools.combinations(places, 2):
        if given[i].shape != given[j].shape:
            continue
        twice = list(given)
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
        same(both, first.array + second.array, subject.tolerance, what)


def broadcasting(subject: Subject, case: Case) -> None:
    """Elementwise functions of several tensors give what they give for inputs of the full shape."""
    if len(case.args) != len(case.arrays()):
        return
    full = _expanded(case)
    for a, b in zip(subject(subject.tensors(case)), subject(subject.tensors(full)), strict=True):
        same(a, b, subject.tolerance, "broadcast against expanded inputs")


def empty(subject: Subject, case: Case) -> None:
    """Elementwise functions take inputs without elements; reductions may refuse them by name."""
    full = _expanded(case) if subject.kind in BINARY else case
    for axis in range(max(1, full.arrays()[0].ndim)):
        none = full.replace(lambda _, array, axis=axis: _emptied(array, axis))
        try:
            outputs = subject(subject.tensors(none))
            found, _, inputs = subject.gradients(none)
        except (ValueError, IndexError, RuntimeError) as error:
            record = subject.record
            named = record is None or record.composite or record.name in str(error)
            if subject.kind != "reduce" or not named:
                raise
            continue
        for g, x in zip(found, inputs, strict=True):
            if g is not None and g.shape != x.shape:
                raise AssertionError(f"the gradient of {x.shape} has shape {g.shape}")
        if subject.kind in ELEMENTWISE and outputs[0].shape != none.arrays()[0].shape:
            raise AssertionError(f"{none.arrays()[0].shape} gave {outputs[0].shape}")


def in_place(subject: Subject, case: Case) -> None:
    """``x.name_(...)`` has the value and the gradients of ``name(x, ...)``."""
    wanted, twin = subject.differentiable(case), _twin(subject)
    pure_case, twin_case = (subject.tensors(case, wanted) for _ in range(2))
    (pure,) = subject(pure_case)
    start = twin_case.args[0].clone()
    manual_seed(0)
    if pure.shape != start.shape or not np.can_cast(pure.dtype, start.dtype, "same_kind"):
        try:
            twin(start, *twin_case.args[1:], **twin_case.keywords)
        except (ValueError, TypeError):
            return
        raise AssertionError(f"wrote {pure.dtype}{pure.shape} into {start.dtype}{start.shape}")
    changed = twin(start, *twin_case.args[1:], **twin_case.keywords)
    if changed is not start or changed.requires_grad < pure.requires_grad:
        raise AssertionError("the in-place twin must return its tensor, which requires grad if due")
    same(changed.detach(), pure.detach(), 0.0, "in place")
    if pure.requires_grad:
        seed = weights([pure])
        expected = grad([pure], leaves(pure_case), seed, materialize_grads=True)
        found = grad([changed], leaves(twin_case), seed, materialize_grads=True)
        _same_gradients(found, expected, 1e-12, "gradients in place")


def _twin(subject: Subject) -> Any:
    """Tensor's method that writes what an op of the table computes, if there is one."""
    record = subject.record
    if record is None or not (record.kind in ELEMENTWISE or record.inplace):
        return None
    method = getattr(Tensor, f"{record.name}_", None)  # a user's op may have the name of another's
    return method if getattr(method, "__wrapped__", None) is record.forward else None


def _is_drawn(subject: Subject) -> bool:
    """Whether it takes inputs of any shape: it is of a kind, and brings no samples of its own."""
    brings = subject.record is not None and subject.record.samples is not None
    return subject.kind in SAMPLED and (subject.given_kind is not None or not brings)


def _expanded(case: Case) -> Case:
    return Case(tuple(a.copy() for a in np.broadcast_arrays(*case.args)), case.keywords)


def _emptied(array: np.ndarray, axis: int) -> np.ndarray:
    return np.atleast_1d(array)[(slice(None),) * axis + (slice(0),)]


def _same_gradients(found, expected, tolerance: float, what: str) -> None:
    for a, b in zip(found, expected, strict=True):
        if (a is None) != (b is None):
            raise AssertionError(f"{what}: one is there, the other is not")
        if a is not None:
            same(a.detach(), b.detach(), tolerance, what)


# -- derivatives -----------------------------------------------------------------------------------


def first_derivative(subject: Subject, case: Case) -> None:
    """Gradients are those of finite differences, and there where these are not zero."""
    function, inputs = subject.checked(case)
    if inputs and _finite(function(*inputs)):
        large = sum(x.numel() for x in inputs) > LARGE
        gradcheck(function, inputs, fast_mode=large, rtol=1e-5, check_grad_dtypes=True)


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


def recorded_gradients(subject: Subject, case: Case) -> None:
    """The backward pass that is recorded gives the gradients of the one that is not."""
    plain, _, _ = subject.gradients(case)
    recorded, _, _ = subject.gradients(case, create_graph=True)
    _same_gradients(recorded, plain, subject.tolerance, "gradients under create_graph")


def replay(subject: Subject, case: Case) -> None:
    """Compiled, it computes on other numbers, to the bit, what it computes as it is."""
    twin = Subject(compile(subject.function))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it may be of those that cannot be recorded
        twin.gradients(case)
    if twin.function.left_alone:  # type: ignore[attr-defined]
        return
    other = case.replace(lambda _, x: np.asarray(x * 0.75) if x.dtype.kind == "f" else x)
    expected, outputs, _ = subject.gradients(other)
    found, replayed, _ = twin.gradients(other)
    for a, b in zip([*replayed, *found], [*outputs, *expected], strict=True):
        if a is not None or b is not None:
            same(a, b, 0.0, "a replay against the function itself")


def second_derivative(subject: Subject, case: Case) -> None:
    """Gradients of gradients are those of finite differences of gradients."""
    function, inputs = subject.checked(case)
    outputs = function(*inputs) if inputs else ()
    if any(out.requires_grad for out in outputs) and _finite(outputs):
        large = sum(x.numel() for x in inputs) > LARGE
        gradgradcheck(function, inputs, fast_mode=large, atol=1e-4, rtol=1e-5)


def kink(subject: Subject, case: Case, expected) -> None:
    """At a point without a derivative, the gradients of the sum are the promised ones."""
    with np.errstate(all="ignore"):
        tensors = subject.tensors(case, range(len(case.args)))
        outputs = [out for out in subject(tensors) if out.requires_grad]
        ones = [wrap(np.ones(out.shape)) for out in outputs]
        found = grad(outputs, leaves(tensors), ones, materialize_grads=True)
    for number, (g, promised) in enumerate(zip(found, expected, strict=True)):
        same(g, promised, subject.tolerance, f"the gradient of input {number} at a kink")


def _dot(found, vectors) -> float:
    pairs = zip(found, vectors, strict=True)
    return float(sum(np.vdot(g.array, w.array) for g, w in pairs if g is not None))


def _finite(outputs) -> bool:
    """Whether differences can be taken: the variance of one number, say, is NaN everywhere."""
    return all(np.isfinite(out.array).all() for out in outputs)


CHECKS: dict[str, Callable[[Subject, Case], None]] = {
    "value": value,
    "arrays": arrays,
    "numpy": numpy,
    "no mutation": no_mutation,
    "dtype": dtype,
    "scalars": scalars,
    "layout": layout,
    "aliasing": aliasing,
    "broadcasting": broadcasting,
    "empty": empty,
    "in place": in_place,
    "first derivative": first_derivative,
    "dot products": dot_products,
    "recorded gradients": recorded_gradients,
    "replay": replay,
    "second derivative": second_derivative,
}

_APPLIES: dict[str, Callable[[Subject], Any]] = {
    "arrays": lambda subject: subject.record,
    "numpy": lambda subject: subject.record and subject.record.numpy and _is_drawn(subject),
    "scalars": lambda subject: subject.record and subject.kind in BINARY[:2] and _is_drawn(subject),
    "broadcasting": lambda subject: subject.kind in BINARY,
    "empty": _is_drawn,
    "in place": _twin,
}


def applies(check: str, subject: Subject) -> bool:
    """Whether what is certified promises this.

    Examples
    --------
    >>> import autograd as ag
    >>> [applies("empty", Subject(f)) for f in (ag.sin, ag.sort)]
    [True, False]
    """
    return bool(_APPLIES.get(check, lambda subject: True)(subject))
