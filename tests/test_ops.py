"""Every record of the op table keeps the promises a record makes. Nothing here names an op."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import strategies as draws
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd as ag
from autograd.errors import GraphError, ShapeError
from autograd.gradient_check import gradcheck, gradgradcheck
from autograd.node import Node
from autograd.op import ELEMENTWISE, OPS, SAMPLED
from autograd.tensor import Tensor, wrap

RECORDS = {name: record for name, record in sorted(OPS.items()) if not name.startswith("_")}
PUBLIC = [name for name, record in RECORDS.items() if record.space != "internal"]
DRAWN = [name for name, record in RECORDS.items() if record.kind in SAMPLED and not record.samples]
LARGE = 40  # elements from which on second derivatives are compared by projections only

every_op = pytest.mark.parametrize("name", list(RECORDS))
few = settings(max_examples=max(2, settings.default.max_examples // 6))
fewer = settings(max_examples=max(1, settings.default.max_examples // 10))


# -- calling a record ------------------------------------------------------------------------------


def call(record, case):
    """All arrays or tensors that the op returns for a case, as one flat list."""
    ag.manual_seed(0)  # random ops repeat themselves
    return flat(record.function(*case.args, **case.keywords))


def flat(result) -> list:
    """The arrays or tensors in a result, however nested."""
    if isinstance(result, (tuple, list)):
        return [item for part in result for item in flat(part)]
    return [] if result is None else [result]


def array_of(value):
    return value.array if isinstance(value, Tensor) else np.asarray(value)


def names(record, case) -> list[str]:
    """The parameter that each array of a case belongs to."""
    found: list[str] = []
    case.replace(lambda name, value: found.append(name) or value, record)
    return found


def differentiable(record, case) -> tuple[int, ...]:
    """The numbers of the arrays of a case that have a derivative."""
    floats = [i for i, value in enumerate(case.arrays()) if value.dtype.kind == "f"]
    if record.composite:
        return tuple(i for i in floats if _has_derivative(record, case, i))
    parameters = names(record, case)
    return tuple(i for i in floats if parameters[i] in record.rules)


def _has_derivative(record, case, i: int) -> bool:
    """Composites name no rules: see whether a graph leads to the array."""
    try:
        outputs = call(record, tensors(record, case, (i,)))
    except GraphError:
        return False
    return any(isinstance(out, Tensor) and out.requires_grad for out in outputs)


def tensors(record, case, wanted=(), dtype=None):
    """The case with tensors for array inputs; those whose numbers are in `wanted` require grad."""
    count = itertools.count()

    def change(name, value):
        value = _cast(value, dtype)
        number = next(count)
        if name not in record.inputs and number not in wanted:
            return value
        return wrap(value).requires_grad_(number in wanted)

    return case.replace(change, record)


def _cast(array, dtype):
    if dtype is not None and array.dtype.kind == "f":
        return array.astype(dtype)
    return array.copy(order="K") if 0 not in array.strides else array.copy()


def leaves(case) -> list[Tensor]:
    """The tensors that require grad among a case's arguments."""
    everything = flat([*case.args, *case.keywords.values()])
    return [t for t in everything if isinstance(t, Tensor) and t.requires_grad]


def gradients(record, case, wanted, dtype=None, create_graph=False):
    """The gradients of a fixed weighted sum of the outputs; those outputs; the inputs."""
    case = tensors(record, case, wanted, dtype)
    inputs = leaves(case)
    outputs = [out for out in call(record, case) if isinstance(out, Tensor) and out.requires_grad]
    if not outputs:
        return [], [], []
    rng = np.random.default_rng(0)
    seeds = [wrap(np.asarray(rng.normal(size=out.shape), out.dtype)) for out in outputs]
    found = ag.grad(
        outputs, inputs, seeds, retain_graph=True, create_graph=create_graph, allow_unused=True
    )
    return found, outputs, inputs


def same(a, b, tolerance=0.0) -> None:
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True)


# -- the promises ----------------------------------------------------------------------------------


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


@every_op
@few
@given(data=st.data())
def test_tensors_compute_what_arrays_do(name, data):
    record = RECORDS[name]
    for case in data.draw(draws.cases(record)):
        fresh = case.replace(lambda _, value: value.copy())
        from_arrays = call(record, fresh)
        # Running statistics are written; everything else is left alone.
        for parameter, x, old in zip(
            names(record, case), fresh.arrays(), case.arrays(), strict=True
        ):
            if not parameter.startswith("running_"):
                same(x, old)
        from_tensors = call(record, tensors(record, case))
        assert len(from_arrays) == len(from_tensors)
        for a, t in zip(from_arrays, from_tensors, strict=True):
            assert not isinstance(a, Tensor) or not case.arrays(), "arrays in, tensor out"
            assert array_of(a).dtype == array_of(t).dtype
            same(array_of(a), array_of(t))


@pytest.mark.parametrize("name", [name for name in DRAWN if RECORDS[name].numpy is not None])
@few
@given(data=st.data())
def test_numpy_agrees(name, data):
    record = RECORDS[name]
    for case in data.draw(draws.cases(record)):
        spelled = {"dim": "axis", "keepdim": "keepdims"}
        keywords = {spelled.get(key, key): value for key, value in case.keywords.items()}
        expected = record.numpy(*case.args, **keywords)
        (out,) = call(record, case)
        same(out, expected, 1e-12)
        (dispatched,) = flat(record.numpy(*tensors(record, case).args, **keywords))
        assert isinstance(dispatched, Tensor)
        same(dispatched.array, out)


@every_op
@few
@given(data=st.data())
def test_float32_stays_float32(name, data):
    record = RECORDS[name]
    if name == "float_power":  # whose purpose is float64
        return
    for case in data.draw(draws.cases(record)):
        if any("dtype" in key for key in case.keywords):
            continue
        for out in call(record, case.replace(lambda _, value: _cast(value, np.float32))):
            assert array_of(out).dtype != np.float64
        wanted = differentiable(record, case)
        found, outputs, inputs = gradients(record, case, wanted, np.float32)
        for g, x in zip(found, inputs, strict=True):
            assert g is None or g.dtype == x.dtype == np.float32
        assert all(array.dtype != np.float64 for array in kept_by(outputs))


@pytest.mark.parametrize(
    "name", [n for n in DRAWN if RECORDS[n].kind in ("binary", "binary_float")]
)
def test_scalars_do_not_widen(name):
    record = RECORDS[name]
    if len(record.inputs) != 2:
        return
    x = wrap(np.array([0.5, 1.0], np.float32)).requires_grad_(bool(record.rules))
    for out in (record.function(x, 0.5), record.function(0.5, x)):
        assert out.dtype == np.float32
        assert all(array.dtype != np.float64 for array in kept_by([out]))


def kept_by(outputs):
    """Every array saved in the graph of `outputs`."""
    from autograd.engine import reachable

    for node in reachable([out.node for out in outputs if out.requires_grad]):
        if isinstance(node, Node):
            for value in itertools.chain.from_iterable(
                v if isinstance(v, tuple) else (v,) for v in node.saved
            ):
                if isinstance(value, np.ndarray):
                    yield value


def check_inputs(record, case):
    """What gradcheck needs: a function of the differentiable inputs, and these inputs."""
    wanted = differentiable(record, case)
    inputs = leaves(tensors(record, case, wanted))

    def function(*varying):
        count, given = itertools.count(), iter(varying)

        def change(name, value):
            if next(count) in wanted:
                return next(given)
            # A copy: running statistics must be the same at every call.
            return wrap(value.copy()) if name in record.inputs else value

        outputs = call(record, case.replace(change, record))
        return tuple(o for o in outputs if isinstance(o, Tensor) and o.dtype.kind == "f")

    return function, inputs


def finite(outputs) -> bool:
    """Whether differences can be taken: the variance of one number, say, is NaN everywhere."""
    return all(np.isfinite(out.array).all() for out in outputs)


@every_op
@few
@given(data=st.data())
def test_first_derivative(name, data):
    record = RECORDS[name]
    for case in data.draw(draws.cases(record)):
        function, inputs = check_inputs(record, case)
        if inputs and finite(function(*inputs)):
            gradcheck(function, inputs)


@every_op
@fewer
@given(data=st.data())
def test_second_derivative(name, data):
    record = RECORDS[name]
    for case in data.draw(draws.cases(record)):
        function, inputs = check_inputs(record, case)
        outputs = function(*inputs)
        if finite(outputs) and any(out.requires_grad for out in outputs):
            large = sum(x.numel() for x in inputs) > LARGE
            gradgradcheck(function, inputs, fast_mode=large, atol=1e-4)


@every_op
@few
@given(data=st.data())
def test_recorded_backward_gives_the_same_gradients(name, data):
    record = RECORDS[name]
    for case in data.draw(draws.cases(record)):
        wanted = differentiable(record, case)
        on_arrays, _, _ = gradients(record, case, wanted)
        on_tensors, _, _ = gradients(record, case, wanted, create_graph=True)
        for a, b in zip(on_arrays, on_tensors, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                same(a.array, b.array, 1e-9)


@every_op
@few
@given(data=st.data(), layout=draws.layouts)
def test_layout_does_not_matter(name, data, layout):
    record = RECORDS[name]
    for case in data.draw(draws.cases(record)):
        laid_out = case.replace(lambda _, value: layout(value))
        wanted = differentiable(record, case)
        try:
            found = call(record, laid_out)
        except ShapeError as error:  # a view that this layout does not allow
            assert "contiguous" in str(error)
            continue
        for a, b in zip(call(record, case), found, strict=True):
            same(array_of(a), array_of(b), 1e-12)
        plain, _, _ = gradients(record, case, wanted)
        strided, _, _ = gradients(record, laid_out, wanted)
        for a, b in zip(plain, strided, strict=True):
            if a is not None:
                same(a.array, b.array, 1e-9)


@pytest.mark.parametrize("name", DRAWN)
@few
@given(data=st.data())
def test_empty_inputs(name, data):
    """An empty input gives what the shapes say, or, if reduced, an error that names the op."""
    record = RECORDS[name]
    for case in data.draw(draws.cases(record, empty=True)):
        try:
            found, _, inputs = gradients(record, case, differentiable(record, case))
        except (ValueError, IndexError, RuntimeError) as error:
            assert record.kind == "reduce" and (name in str(error) or record.composite)
            continue
        for g, x in zip(found, inputs, strict=True):
            assert g is None or g.shape == x.shape
        if record.kind in ELEMENTWISE:
            (out,) = call(record, case)
            assert out.shape == np.broadcast_shapes(*(x.shape for x in case.arrays()))


# f(x, x) has a kink: both operands tie.
KINKED_ON_THE_DIAGONAL = {"maximum", "minimum", "fmax", "fmin", "fmod", "remainder", "floor_divide"}


@pytest.mark.parametrize(
    "name", [n for n in DRAWN if RECORDS[n].kind in ("binary", "binary_float")]
)
@few
@given(data=st.data())
def test_one_tensor_as_both_operands(name, data):
    record = RECORDS[name]
    if set(record.rules) != set(record.inputs) or name in KINKED_ON_THE_DIAGONAL:
        return
    x = wrap(data.draw(draws.arrays(domain=record.domain))).requires_grad_()
    gradcheck(lambda x: record.function(x, x), x)


HAVE_TWINS = [
    name
    for name in PUBLIC
    if RECORDS[name].method and (RECORDS[name].kind in ELEMENTWISE or RECORDS[name].inplace)
]


@pytest.mark.parametrize("name", HAVE_TWINS)
@few
@given(data=st.data())
def test_inplace_twin(name, data):
    """``x.name_(...)`` has the value and the gradients of ``name(x, ...)``."""
    record = RECORDS[name]
    twin = getattr(Tensor, name + "_")
    for case in data.draw(draws.cases(record)):
        wanted = differentiable(record, case)
        pure_case, twin_case = (tensors(record, case, wanted) for _ in range(2))
        (pure,) = call(record, pure_case)
        start = twin_case.args[0].clone()
        ag.manual_seed(0)
        if pure.shape != start.shape or not np.can_cast(pure.dtype, start.dtype, "same_kind"):
            with pytest.raises((ValueError, TypeError)):
                twin(start, *twin_case.args[1:], **twin_case.keywords)
            continue
        changed = twin(start, *twin_case.args[1:], **twin_case.keywords)
        assert changed is start
        same(changed.array, pure.array)
        assert changed.requires_grad == pure.requires_grad
        if pure.requires_grad:
            seed = wrap(np.random.default_rng(0).normal(size=pure.shape))
            expected = ag.grad(pure, leaves(pure_case), seed, materialize_grads=True)
            found = ag.grad(changed, leaves(twin_case), seed, materialize_grads=True)
            for a, b in zip(expected, found, strict=True):
                same(a.array, b.array, 1e-12)
