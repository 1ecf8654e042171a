"""certify: hold an op, a function or a module to everything a differentiable one promises."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autograd.errors import ArgumentError
from autograd.op import SAMPLED, Op
from autograd.testing import checks
from autograd.testing.cases import Case, sample
from autograd.testing.cases import cases as cases_of
from autograd.testing.checks import CHECKS, Subject
from autograd.testing.strategies import broadcastable, numbers, reductions, seeds, shapes

ARITY = {"unary": 1, "unary_any": 1, "reduce": 1, "binary": 2, "binary_float": 2, "compare": 2}


class CertificationError(AssertionError):
    """A promise that was broken: which one, how, and a snippet that shows it."""


def certify(target: Any, *, samples: Callable | None = None, inputs: Any = None,
            kind: str | None = None, domain: tuple | None = None,
            reference: Callable | None = None, kinks: Iterable[tuple] = (),
            examples: int | None = None, skip: Sequence[str] = (),
            only: str | None = None, tolerance: float = 1e-9) -> None:  # fmt: skip
    """Certify a differentiable op, function or module, or raise with a reproducer.

    Checked, in this order: the value (against `reference`, and that it repeats itself); that inputs
    are left alone; float32 in, float32 out, and gradients in their inputs' dtype; that strides do
    not matter; the same tensor passed twice; broadcasting, for binary kinds; the gradients against
    finite differences, those of a module's parameters too; the dot test, ``<v, J u> = <J' v, u>``;
    the second derivative against finite differences; and the `kinks`.

    Parameters
    ----------
    target : op, callable or module
        What is called with tensors. A Function subclass is certified by its ``apply``. A module is
        copied first, and the copy converted to float64.
    samples : callable, optional
        ``samples(rng)`` yields ``(args, kwargs)`` with float64 arrays.
    inputs : tuple of arrays, or hypothesis strategy of such, optional
        Positional arguments. One of `samples`, `inputs` and `kind` is needed; an op has its own.
    kind : {"unary", "binary", "reduce"}, optional
        Draw inputs for an elementwise function of one or two tensors, or for a reduction that takes
        ``dim`` and ``keepdim``.
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
    subject = Subject(_callable(target), kind, reference, tolerance)
    chosen = [name for name in CHECKS if name not in skip and only in (None, name)]

    def run(case: Case) -> None:
        for name in chosen:
            try:
                CHECKS[name](subject, case)
            except Exception as error:
                raise CertificationError(_message(subject, name, error, case)) from error

    if chosen:
        drawn = _cases(subject, samples, inputs, kind, domain)
        if isinstance(drawn, Case):
            run(drawn)
        else:
            _search(run, drawn, examples)
    if "kinks" not in skip and only in (None, "kinks"):
        for point, expected in kinks:
            case = Case(tuple(np.asarray(x, np.float64) for x in point), {})
            try:
                checks.kink(subject, case, expected)
            except Exception as error:
                raise CertificationError(_message(subject, "kinks", error, case)) from error


def _callable(target: Any) -> Callable:
    if isinstance(target, Op):
        return target.function
    if isinstance(target, type) and hasattr(target, "apply"):
        return target.apply
    if not callable(target):
        raise TypeError(f"certify expected an op, a callable or a module, got {target!r}")
    return copy.deepcopy(target).double() if hasattr(target, "named_parameters") else target


def _search(run: Callable[[Case], None], drawn: st.SearchStrategy, examples: int | None) -> None:
    """Let hypothesis look for a case that breaks a promise, and shrink it."""
    count = examples or settings.default.max_examples  # type: ignore[union-attr]

    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(drawn)
    def search(cases):
        for case in cases:
            run(case)

    search()


def _cases(subject: Subject, samples, inputs, kind, domain):
    """One case, or a strategy of lists of cases."""
    if sum(given is not None for given in (samples, inputs, kind)) > 1:
        raise ArgumentError("certify takes one of samples=, inputs= and kind=")
    if isinstance(inputs, st.SearchStrategy):
        return inputs.map(lambda drawn: [_positional(drawn)])
    if inputs is not None:
        return _positional(inputs)
    if samples is not None:
        return seeds.map(
            lambda seed: [Case(tuple(a), dict(k)) for a, k in samples(np.random.default_rng(seed))]
        )
    if kind is not None:
        return _of_kind(kind, domain)
    record = subject.record
    if record is None:
        raise ArgumentError(
            "certify does not know what to call this with: give samples=, inputs= or kind="
        )
    if domain is not None and record.kind in SAMPLED and record.samples is None:
        return _of_kind(record.kind, domain)
    if record.samples is not None:
        return seeds.map(
            lambda seed: [
                sample(record, *drawn) for drawn in record.samples(np.random.default_rng(seed))
            ]
        )
    return cases_of(record)


def _positional(inputs) -> Case:
    inputs = inputs if isinstance(inputs, (tuple, list)) else (inputs,)
    return Case(tuple(getattr(x, "array", x) for x in inputs), {})


@st.composite
def _of_kind(draw, kind: str, domain):
    if kind not in ARITY:
        raise ArgumentError(f"certify draws inputs of kind {', '.join(ARITY)}, not {kind!r}")
    rng = np.random.default_rng(draw(seeds))
    if kind == "reduce":
        shape = draw(shapes())
        return [Case((numbers(rng, shape, domain),), draw(reductions(len(shape))))]
    drawn = draw(broadcastable(ARITY[kind]))
    return [Case(tuple(numbers(rng, shape, domain) for shape in drawn), {})]


# -- what is said when it fails --------------------------------------------------------------------


def _message(subject: Subject, check: str, error: Exception, case: Case) -> str:
    said = f"{type(error).__name__}: {error}".strip()
    return (
        f"{subject.name} breaks a promise: {check}\n{said}\n\nReproduce it with:\n\n"
        f"{reproducer(subject.expression, check, case)}"
    )


def reproducer(name: str, check: str, case: Case) -> str:
    """A snippet that makes one check of one case again.

    Examples
    --------
    >>> import numpy as np
    >>> print(reproducer("cube", "value", Case((np.array([1.0, 2.0]),), {})))
    import numpy as np
    from numpy import inf, nan
    from autograd.op import OPS
    from autograd.testing import certify
    <BLANKLINE>
    certify(
        cube,
        inputs=(np.array([1.0, 2.0], np.float64),),
        only='value',
    )
    """
    args = "".join(source(value) + ", " for value in case.args).rstrip()
    args = f"({args})" if len(case.args) == 1 else f"({args.rstrip(',')})"
    given = f"inputs={args}"
    if case.keywords:
        given = f"samples=lambda rng: [({args}, {source(case.keywords)})]"
    if check == "kinks":
        given = f"kinks=[({args}, gradients)]"
    return (
        "import numpy as np\nfrom numpy import inf, nan\nfrom autograd.op import OPS\n"
        "from autograd.testing import certify\n\n"
        f"certify(\n    {name},\n    {given},\n    only={check!r},\n)"
    )


def source(value) -> str:
    """A value as Python source; arrays with every digit.

    Examples
    --------
    >>> import numpy as np
    >>> source({"dim": 1, "weights": [np.zeros((0, 2))]})
    "{'dim': 1, 'weights': [np.zeros((0, 2), np.float64)]}"
    """
    if isinstance(value, np.ndarray):
        if not value.size:
            return f"np.zeros({value.shape}, np.{value.dtype})"
        return f"np.array({value.tolist()!r}, np.{value.dtype})"
    if isinstance(value, list):
        return f"[{', '.join(source(item) for item in value)}]"
    if isinstance(value, tuple):
        inside = "".join(source(item) + ", " for item in value)
        return f"({inside.rstrip() if len(value) == 1 else inside.rstrip(', ')})"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {source(item)}" for key, item in value.items()) + "}"
    return repr(value)
