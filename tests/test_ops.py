"""Every record of the op table keeps the promises a record makes. Nothing here names an op."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings

from autograd.op import ELEMENTWISE, OPS, SAMPLED
from autograd.tensor import Tensor
from autograd.testing import certify
from autograd.testing.checks import CHECKS, applies
from autograd.testing.subject import Subject

RECORDS = {name: record for name, record in sorted(OPS.items()) if not name.startswith("_")}
PUBLIC = [name for name, record in RECORDS.items() if record.space != "internal"]
HAVE_TWINS = [
    name
    for name, record in RECORDS.items()
    if record.method and (record.kind in ELEMENTWISE or record.inplace)
]
EXCEPT = {("float_power", "dtype"): "computes in float64, by definition"}
PROMISES = [
    (name, check)
    for name, record in RECORDS.items()
    for check in CHECKS
    if applies(check, Subject(record.function)) and (name, check) not in EXCEPT
]

examples = settings.default.max_examples
EXAMPLES = {"second derivative": max(1, examples // 10)}  # it costs the most
every_op = pytest.mark.parametrize("name", list(RECORDS))


@pytest.mark.parametrize(("name", "check"), PROMISES)
def test_promise(name, check):
    certify(RECORDS[name], only=check, examples=EXAMPLES.get(check, max(2, examples // 6)))


def test_exceptions_are_needed():
    for name, check in EXCEPT:
        with pytest.raises(AssertionError, match="breaks a promise"):
            certify(RECORDS[name], only=check)


@every_op
def test_record_can_be_tested(name):
    record = RECORDS[name]
    assert record.kind in SAMPLED or record.samples is not None
    if record.samples is not None:
        assert list(record.samples(np.random.default_rng(0))), "samples() drew nothing"


@pytest.mark.parametrize("name", PUBLIC)
def test_documented(name):
    doc = RECORDS[name].function.__doc__ or ""
    assert "Examples\n" in doc and ">>>" in doc, (
        f"{name} needs a docstring with an Examples section"
    )


@pytest.mark.parametrize("name", HAVE_TWINS)
def test_has_an_inplace_twin(name):
    """Its values and gradients are the promise "in place"."""
    assert callable(getattr(Tensor, name + "_"))
