"""certify: hold an op, a function or a module to everything a differentiable one promises."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd.errors import ArgumentError
from autograd.op import Op
from autograd.testing import checks
from autograd.testing.cases import Case, cases_of_kind, samples_of
from autograd.testing.checks import CHECKS
from autograd.testing.reproducer import reproducer
from autograd.testing.subject import Subject

ARITY = {"unary": 1, "unary_any": 1, "reduce": 1, "binary": 2, "binary_float": 2, "compare": 2}


class CertificationError(AssertionError):
    """A promise that was broken: which one, how, and a snippet that shows it."""

    def __init__(self, subject: Subject, check: str, error: Exception, case: Case, gradients=None):
        said = f"{type(error).__name__}: {error}".strip()
        super().__init__(
            f"{subject.name} breaks a promise: {check}\n{said}\n\nReproduce it with:\n\n"
            f"{reproducer(subject, check, case, gradients)}"
        )
        self.case = case


def certify(target: Any, *, samples: Callable | None = None, inputs: Any = None,
            kind: str | None = None, domain: tuple | None = None,
            reference: Callable | None = None, kinks: Iterable[tuple] = (),
            examples: int | None = None, skip: Sequence[str] = (),
            only: str | None = None, tolerance: float = 1e-9) -> None:  # fmt: skip
    """Certify a differentiable op, function or module, or raise with a reproducer.

    Checked, in this order: the value (against `reference`, and that it repeats itself); arrays
    against tensors and against NumPy's function, for ops of the table; that inputs and output
    gradients are left alone; float32 in, float32 out, and no float64 on the way back; that strides
    do not matter; the same tensor passed twice; broadcasting and empty inputs, for functions of a
    kind; the in-place twin of an op; the gradients against finite differences, those of a module's
    parameters too; the dot test, ``<v, J u> = <J' v, u>``; that the backward pass gives the same
    when it is recorded; the second derivative against finite differences; and the `kinks`.

    Parameters
    ----------
    target : op, callable or module
        What is called with tensors. A Function subclass is certified by its ``apply``. A module is
        copied first, and the copy converted to float64.
    samples : callable, optional
        ``samples(rng)`` yields ``(args, kwargs)`` with float64 arrays.
    inputs : tuple of arrays, or hypothesis strategy of such, optional
        Positional arguments. `samples`, `inputs` or `kind` is needed; an op has its own.
    kind : {"unary", "binary", "reduce"}, optional
        An elementwise function of one or two tensors, or a reduction that takes ``dim`` and
        ``keepdim``: inputs are drawn for it, unless given, and what holds for its kind is checked.
    domain : (low, high), optional
        Where numbers are drawn. The target must be smooth there.
    reference : callable, optional
        The same function on arrays, e.g. NumPy's or SciPy's.
    kinks : iterable of (inputs, gradients)
        Points where there is no derivative, and which gradients of the sum are promised there.
    examples : int, optional
        How many cases hypothesis tries; default: its profile's.
    skip : sequence of str
        Names of checks to leave out, keys of `autograd.testing.checks.CHECKS`.
    only : str, optional
        The one check to make; reproducers use it.
    tolerance : float, default 1e-9
        For what must be equal up to rounding.

    Raises
    ------
    CertificationError
        On the first broken promise, shrunk to a small case, with a snippet to paste.

    Examples
    --------
    >>> import numpy as np
    >>> import autograd as ag
    >>> from autograd.testing import certify
    >>> certify(ag.atan, reference=np.arctan, examples=3)
    >>> certify(lambda x, y: x * y.exp(), kind="binary", examples=3)
    >>> certify(ag.relu, kinks=[(([0.0],), ([0.0],))], inputs=(np.array([-1.0, 2.0]),))
    """
    unknown = {*skip, *([only] if only else [])} - {*CHECKS, "kinks"}
    if unknown:
        raise ArgumentError(
            f"certify knows no check {sorted(unknown)[0]!r}; it knows {', '.join(CHECKS)}, kinks"
        )
    if inputs is not None and samples is not None:
        raise ArgumentError("certify takes one of samples= and inputs=")
    subject = Subject(_callable(target), kind, reference, tolerance)
    chosen = [name for name in CHECKS if name not in skip and only in (None, name)]
    chosen = [name for name in chosen if checks.applies(name, subject)]

    def run(case: Case) -> None:
        for name in chosen:
            try:
                CHECKS[name](subject, case)
            except Exception as error:
                chosen[:] = [name]  # shrink this failure, do not slip into another
                raise CertificationError(subject, name, error, case) from error

    if chosen:
        if samples is None and inputs is None and kind is None and subject.record is not None:
            samples = samples_of(subject.record)
        count = examples or settings.default.max_examples  # type: ignore[union-attr]
        if samples is not None:
            found = _first_broken(run, _sampled(samples, count))
        elif inputs is not None and not isinstance(inputs, st.SearchStrategy):
            found = _first_broken(run, [_positional(inputs)])
        else:
            found = _search(run, _drawn(subject, inputs, kind, domain), count)
        if found is not None:
            raise _with_short_numbers(run, found)
    if "kinks" not in skip and only in (None, "kinks"):
        for point, expected in kinks:
            case = Case(tuple(np.asarray(x, np.float64) for x in point), {})
            try:
                checks.kink(subject, case, expected)
            except Exception as error:
                raise CertificationError(subject, "kinks", error, case, expected) from error


def _callable(target: Any) -> Callable:
    if isinstance(target, Op):
        return target.function
    if isinstance(target, type) and hasattr(target, "apply"):
        return target.apply
    if not callable(target):
        raise TypeError(f"certify expected an op, a callable or a module, got {target!r}")
    return copy.deepcopy(target).double() if hasattr(target, "named_parameters") else target


def _first_broken(run: Callable[[Case], None], cases: Iterable[Case]) -> CertificationError | None:
    try:
        for case in cases:
            run(case)
    except CertificationError as error:
        return error
    return None


def _sampled(samples: Callable, count: int) -> Iterator[Case]:
    """What `samples` yields for `count` seeds; there is nothing to shrink in a seed."""
    for seed in range(count):
        for args, keywords in samples(np.random.default_rng(seed)):
            yield Case(tuple(args), dict(keywords))


def _search(run: Callable[[Case], None], drawn: st.SearchStrategy[Case], count: int):
    """Let hypothesis look for a case that breaks a promise, and shrink it."""

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn)
    def search(case):
        run(case)

    try:
        search()
    except CertificationError as error:
        return error
    return None


def _with_short_numbers(run: Callable[[Case], None], found: CertificationError):
    """The same failure with the fewest digits that show it; hypothesis shrinks shapes only."""
    for digits in range(1, 5):
        case = found.case.replace(lambda _, array, digits=digits: _rounded(array, digits))
        shorter = _first_broken(run, [case])
        if shorter is not None:
            return shorter
    return found


def _rounded(array: np.ndarray, digits: int) -> np.ndarray:
    """Rounded, unless that makes zeros or ties: these may be kinks."""
    rounded = np.asarray(np.round(array, digits))
    sizes = np.abs(array).ravel()
    as_many = len({*np.abs(rounded).ravel(), 0.0}) == len({*sizes, 0.0})
    return rounded if array.dtype.kind == "f" and as_many else array


def _drawn(subject: Subject, inputs, kind, domain) -> st.SearchStrategy[Case]:
    """The strategy that is given, or the one for the kind."""
    if inputs is not None:
        return inputs.map(_positional)
    record = subject.record
    if kind is None and record is not None:
        return cases_of_kind(
            record.kind, len(record.inputs), domain or record.domain, record.params
        )
    if kind is None:
        raise ArgumentError(
            "certify does not know what to call this with: give samples=, inputs= or kind="
        )
    if kind not in ARITY:
        raise ArgumentError(f"certify draws inputs of kind {', '.join(ARITY)}, not {kind!r}")
    return cases_of_kind(kind, ARITY[kind], domain)


def _positional(inputs) -> Case:
    inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    return Case(tuple(getattr(x, "array", x) for x in inputs), {})
