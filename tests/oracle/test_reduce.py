"""Reductions, running sums and sorting against PyTorch: values, dtypes, two derivatives."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
from autograd.errors import DtypeError, ShapeError  # noqa: E402

inf, nan = math.inf, math.nan
SIDES = ((ag, ag.tensor, ag.grad), (torch, torch.tensor, torch.autograd.grad))


def same(mine, reference, tolerance=1e-10):
    mine, reference = mine.numpy(force=True), reference.numpy(force=True)
    assert mine.shape == reference.shape
    assert mine.dtype == reference.dtype
    np.testing.assert_allclose(mine, reference, rtol=tolerance, atol=tolerance)


def outputs(result) -> list:
    return list(result) if isinstance(result, (tuple, list)) else [result]


def agree(call, array, second=True):
    """Compare ``call(tensor, lib)``: all outputs, the gradients, and the gradients of these."""
    answers = []
    for lib, tensor, grad in SIDES:
        rng = np.random.default_rng(0)
        x = tensor(np.asarray(array, np.float64), requires_grad=True)
        values = outputs(call(x, lib))
        floats = [out for out in values if out.requires_grad]
        cotangents = [
            tensor(rng.normal(size=tuple(out.shape)), requires_grad=True) for out in floats
        ]
        if floats:
            (first,) = grad(floats, x, cotangents, create_graph=second)
            values.append(first)
            if second:
                # Not every gradient depends on x, in PyTorch not even every one on the cotangents.
                mixed = (first * tensor(rng.normal(size=tuple(first.shape)))).sum()
                mixed = mixed + 0 * sum(c.sum() for c in cotangents)
                values += grad(mixed, [x, *cotangents], allow_unused=True, materialize_grads=True)
        answers.append(values)
    assert len(answers[0]) == len(answers[1])
    for mine, reference in zip(*answers, strict=True):
        same(mine, reference)


def method(name, *args, **keywords):
    return lambda x, lib: getattr(x, name)(*args, **keywords)


def draw(*shape):
    return np.random.default_rng(len(shape)).normal(size=shape)


MATRIX, CUBE = draw(3, 4), draw(2, 3, 2)
WITH_NAN = np.array([[1.0, nan, 3.0], [2.0, -1.0, 0.5]])

# -- along which axes ------------------------------------------------------------------------------

AXES = ("sum", "mean", "amax", "amin", "nansum", "nanmean", "logsumexp", "var", "std", "norm")
ONE_AXIS = ("prod", "max", "min", "median", "cumsum", "cumprod", "sort", "argsort", "all", "any")


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("dim", [0, -1, 1, (0, 2), [-1, 0], (0, 1, 2)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_axes(name, dim, keepdim):
    order = {"p": 2} if name == "norm" else {}  # PyTorch's default takes no three axes
    agree(method(name, dim=dim, keepdim=keepdim, **order), CUBE)


@pytest.mark.parametrize("name", [name for name in AXES if name != "logsumexp"])
def test_all_axes(name):
    agree(method(name), CUBE)
    if name not in ("var", "std"):  # PyTorch warns: one number has no variance
        agree(method(name), 2.5)


@pytest.mark.parametrize("name", ONE_AXIS)
@pytest.mark.parametrize("dim", [0, -1, 1])
def test_one_axis(name, dim):
    agree(method(name, dim=dim), CUBE)
    if name not in ("cumsum", "cumprod", "sort", "argsort"):
        agree(method(name, dim=dim, keepdim=True), CUBE)


@pytest.mark.parametrize("name", ["prod", "max", "min", "median", "all", "any", "argmax", "argmin"])
def test_whole_tensor(name):
    agree(method(name), CUBE)
    agree(method(name), -2.5)


@pytest.mark.parametrize("name", [*AXES, *ONE_AXIS])
def test_number_along_its_imagined_axis(name):
    if name in ("var", "std"):
        return
    agree(method(name, dim=0), 2.5)
    agree(method(name, dim=-1), 2.5)


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "prod", "var", "cumsum", "argmax", "sort"])
def test_axis_out_of_range(name):
    for dim in (2, -3):
        with pytest.raises(IndexError, match="from -2 to 1"):
            getattr(ag.ones(2, 3), name)(dim=dim)


def test_axis_twice():
    with pytest.raises(ShapeError, match="once"):
        ag.ones(2, 3).sum(dim=(0, -2))


# -- nothing to reduce -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "all", "any", "nansum", "norm"])
def test_empty(name):
    second = name != "mean"  # of nothing it is nan
    agree(method(name), np.zeros((0, 2)), second)
    agree(method(name, dim=0), np.zeros((0, 2)), second)
    agree(method(name, dim=1), np.zeros((0, 2)), second)
    agree(method("logsumexp", dim=0), np.zeros((0, 2)))


@pytest.mark.parametrize("name", ["max", "min", "amax", "amin", "argmax", "argmin"])
def test_empty_has_no_extreme(name):
    with pytest.raises(ShapeError, match="at least one element"):
        getattr(ag.zeros(0, 2), name)()
    with pytest.raises(ShapeError, match="along dim 0"):
        getattr(ag.zeros(0, 2), name)(dim=0)
    agree(method(name, dim=1), np.zeros((0, 2)))


# -- dtypes ----------------------------------------------------------------------------------------

DTYPES = [np.float32, np.float64, np.float16, np.int64, np.int32, np.uint8, np.bool]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "name", ["sum", "prod", "mean", "amax", "max", "argmax", "all", "any", "nansum", "cumsum",
             "cumprod", "sort", "var", "std", "logsumexp", "norm", "count_nonzero"],
)  # fmt: skip
def test_dtypes(name, dtype):
    values = np.array([[1, 0, 2], [1, 1, 0]]).astype(dtype)
    results = []
    for _, tensor, _ in SIDES:
        try:
            results.append(outputs(getattr(tensor(values), name)(dim=1)))
        except (RuntimeError, NotImplementedError, TypeError):
            results.append(None)
    mine, reference = results
    if reference is None or (name == "logsumexp" and values.dtype.kind != "f"):
        return
    assert mine is not None
    for a, b in zip(mine, reference, strict=True):
        if name in ("all", "any") and dtype is np.uint8:  # PyTorch keeps uint8, for old programs
            b = b.bool()
        same(a, b, 1e-3 if dtype is np.float16 else 1e-6)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "nansum"])
def test_dtype_argument(name):
    for values, dtype in (([1, 2], "float64"), ([1.5, 2.5], "float64"), ([True, False], "float32")):
        same(
            *[getattr(tensor(values), name)(dtype=getattr(lib, dtype)) for lib, tensor, _ in SIDES]
        )


@pytest.mark.parametrize("name", ["mean", "var", "std", "norm"])
def test_integers_have_no_mean(name):
    with pytest.raises(DtypeError, match="float"):
        getattr(ag.tensor([1, 2]), name)()


# -- ties, zeros and nan ---------------------------------------------------------------------------

TIES = [[2.0, 1.0, 2.0], [0.0, 0.0, 0.0], [1.0, 3.0, 3.0]]


@pytest.mark.parametrize("name", ["amax", "amin", "max", "min", "median", "sort"])
def test_ties(name):
    agree(method(name), TIES)
    if name in ("amax", "amin", "max", "min"):
        agree(method(name, dim=1), TIES)
        agree(lambda x, lib: getattr(x, name)(dim=0)[0], TIES)


def test_max_of_two_tensors():
    agree(lambda x, lib: lib.max(x, x.flip(0)), TIES)
    agree(lambda x, lib: lib.min(x, x.flip(0)), TIES)


ZEROS = [[2.0, 0.0, 3.0, -1.0], [0.0, 0.0, 3.0, 1.0], [1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 5.0]]


def test_products_with_zeros():
    agree(method("prod", dim=1), ZEROS)
    agree(method("prod", dim=0, keepdim=True), ZEROS)
    agree(method("prod"), ZEROS)
    agree(method("prod"), [2.0, 0.0, 3.0])
    agree(method("prod"), 0.0)
    agree(method("cumprod", 1), ZEROS)
    agree(method("cumprod", 0), ZEROS)


def test_third_derivative_of_a_product_with_zeros():
    thirds = []
    for _, tensor, grad in SIDES:
        x = tensor([2.0, 0.0, 0.0, 3.0], requires_grad=True)
        g = x.prod()
        for i in (1, 2, 3):
            g = grad(g, x, create_graph=True)[0][i]
        thirds.append(g)
    same(*thirds)


@pytest.mark.parametrize("name", ["sum", "mean", "nansum", "nanmean", "max", "prod", "var"])
def test_nan(name):
    agree(lambda x, lib: outputs(getattr(x, name)(dim=1))[0], WITH_NAN, second=False)


def test_nan_is_the_extreme():
    agree(method("max"), WITH_NAN, second=False)
    agree(method("min"), WITH_NAN, second=False)


@pytest.mark.parametrize("name", ["max", "min", "argmax", "argmin", "median", "sort", "argsort"])
def test_place_of_nan(name):
    results = [outputs(getattr(tensor(WITH_NAN), name)(dim=1)) for _, tensor, _ in SIDES]
    for mine, reference in zip(*results, strict=True):
        same(mine, reference)


@pytest.mark.parametrize(
    "values", [[1e4, 1e4], [-inf, 1.0], [-1e4, -1e4], [inf, 1.0], [-inf, -inf]]
)
def test_logsumexp_far_out(values):
    agree(method("logsumexp", dim=0), values, second=False)


# -- variance --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["var", "std", "var_mean", "std_mean"])
def test_corrections(name):
    def call(*args, **keywords):
        return lambda x, lib: getattr(lib, name)(x, *args, **keywords)

    for correction in (0, 1, 2, 0.5):
        agree(call(correction=correction), MATRIX)
        agree(call(dim=0, correction=correction, keepdim=True), MATRIX)
    agree(call(False), MATRIX)
    agree(call(1, False), MATRIX)
    agree(call((0, 1), True, True), MATRIX)
    with pytest.raises(TypeError, match="both"):
        getattr(ag, name)(ag.ones(3), unbiased=True, correction=1)


def test_deviation_of_equals():
    agree(method("std", dim=1), np.ones((2, 3)), second=False)
    agree(method("var", dim=1), np.ones((2, 3)))


# -- norms -----------------------------------------------------------------------------------------

ORDERS = ["fro", 2, 1, 3, 0.5, 1.5, 0, inf, -inf]


@pytest.mark.parametrize("p", ORDERS)
@pytest.mark.parametrize("dim", [None, 0, (0, 1)])
def test_norms(p, dim):
    if p == 0:  # PyTorch's has no gradient at all, here it is zero
        same(*[lib.norm(tensor(MATRIX), p, dim) for lib, tensor, _ in SIDES])
        return
    agree(lambda x, lib: lib.norm(x, p, dim), MATRIX)
    if p != "fro":
        agree(lambda x, lib: lib.norm(x, p=p, dim=dim, keepdim=dim is not None), MATRIX)


@pytest.mark.parametrize("p", [2, 1, 3, 1.5, inf])
def test_norm_at_zero(p):
    agree(lambda x, lib: lib.norm(x, p, 1), [[0.0, 0.0], [3.0, 0.0], [2.0, -2.0]], second=False)


def test_unknown_norm():
    with pytest.raises(ValueError, match="number, 'fro' or 'nuc', got 'abc'"):
        ag.ones(2, 2).norm("abc")


# -- order -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("descending", [False, True])
def test_sort(descending):
    agree(lambda x, lib: lib.sort(x, dim=0, descending=descending, stable=True), TIES)
    agree(lambda x, lib: x.argsort(dim=1, descending=descending, stable=True), TIES)
    agree(method("sort", descending=descending), CUBE)


@pytest.mark.parametrize("largest", [False, True])
def test_topk(largest):
    agree(lambda x, lib: lib.topk(x, 2, dim=1, largest=largest), MATRIX)
    agree(lambda x, lib: x.topk(3, 0, largest), MATRIX)
    with pytest.raises(ShapeError, match="from 0 to 4"):
        ag.ones(3, 4).topk(5)


def test_kthvalue_and_median():
    agree(method("kthvalue", 2), MATRIX)
    agree(method("kthvalue", 3, 0, True), MATRIX)
    agree(method("median", 0), MATRIX)
    agree(method("median", 1, True), MATRIX)


def test_named_results():
    x = ag.tensor(MATRIX)
    for result in (x.max(1), x.min(1), x.sort(), x.topk(1), x.median(0), x.kthvalue(1)):
        assert result.values is result[0] and result.indices is result[1]
    assert x.aminmax().min == x.min() and x.aminmax().max == x.max()
    agree(lambda x, lib: lib.aminmax(x, dim=0, keepdim=True), MATRIX)


@pytest.mark.parametrize(("inverse", "counts"), list(itertools.product([False, True], repeat=2)))
def test_unique(inverse, counts):
    values = np.array([[3, 1], [2, 3], [3, 1]])
    for dim in (None, 0):
        results = [
            outputs(
                lib.unique(tensor(values), return_inverse=inverse, return_counts=counts, dim=dim)
            )
            for lib, tensor, _ in SIDES
        ]
        for mine, reference in zip(*results, strict=True):
            same(mine, reference)


def test_argmax_keepdim():
    for dim in (None, 0, -1):
        same(*[lib.argmax(tensor(MATRIX), dim=dim, keepdim=True) for lib, tensor, _ in SIDES])


def test_float32_gradients_stay_float32():
    for name in (
        "sum",
        "mean",
        "prod",
        "amax",
        "std",
        "norm",
        "nansum",
        "nanmean",
        "max",
        "median",
    ):
        x = ag.tensor(np.float32(MATRIX), requires_grad=True)
        (g,) = ag.grad(getattr(x, name)(), x)
        assert g.dtype == ag.float32


# -- two ways to call std and var -----------------------------------------------------------------

DEVIATIONS = {
    "x": lambda f, x: f(x), "True": lambda f, x: f(x, True), "False": lambda f, x: f(x, False),
    "1": lambda f, x: f(x, 1), "1, True": lambda f, x: f(x, 1, True),
    "1, False": lambda f, x: f(x, 1, False), "1, False, True": lambda f, x: f(x, 1, False, True),
    "None": lambda f, x: f(x, None), "None, False": lambda f, x: f(x, None, False),
    "None, False, True": lambda f, x: f(x, None, False, True),
    "(0, 1)": lambda f, x: f(x, (0, 1)), "unbiased=": lambda f, x: f(x, unbiased=False),
    "keepdim=": lambda f, x: f(x, keepdim=True),
    "dim=, unbiased=": lambda f, x: f(x, dim=1, unbiased=False),
    "dim=, keepdim=": lambda f, x: f(x, dim=1, keepdim=True),
    "1, correction=": lambda f, x: f(x, 1, correction=0),
    "correction=": lambda f, x: f(x, correction=1.5),
    "correction=None": lambda f, x: f(x, correction=None),
    "1, correction=, keepdim=": lambda f, x: f(x, 1, correction=0, keepdim=True),
}  # fmt: skip
CONTRADICTIONS = [
    lambda f, x: f(x, 1, True, correction=0), lambda f, x: f(x, unbiased=True, correction=0),
    lambda f, x: f(x, False, True), lambda f, x: f(x, False, keepdim=True),
    lambda f, x: f(x, False, dim=1), lambda f, x: f(x, False, correction=1),
    lambda f, x: f(x, False, False, False), lambda f, x: f(x, 1, 1),
]  # fmt: skip


@pytest.mark.parametrize("name", ["std", "var", "std_mean", "var_mean"])
def test_both_ways_to_call_deviations(name):
    array = np.random.default_rng(0).normal(size=(2, 3))
    for call in DEVIATIONS.values():
        results = []
        for lib in (ag, torch):
            x = lib.tensor(array, requires_grad=True)
            outs = call(getattr(lib, name), x)
            outs = outs if isinstance(outs, tuple) else (outs,)
            sum(out.sum() for out in outs).backward()
            results.append([*(out.detach().numpy() for out in outs), x.grad.numpy()])
        for mine, reference in zip(*results, strict=True):
            np.testing.assert_allclose(mine, reference, rtol=1e-10, atol=1e-10)
    for call in CONTRADICTIONS:
        for lib in (ag, torch):
            with pytest.raises(TypeError):
                call(getattr(lib, name), lib.tensor(array))
