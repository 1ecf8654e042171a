"""Quantiles, order, counting, covariance, distances and scattered reductions against PyTorch."""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
from autograd.errors import DtypeError, ShapeError  # noqa: E402

inf, nan = math.inf, math.nan
SIDES = ((ag, ag.tensor, ag.grad), (torch, torch.tensor, torch.autograd.grad))


def flat(result):
    if isinstance(result, (tuple, list)):
        return [item for part in result for item in flat(part)]
    return [result]


def same(mine, reference, tolerance=1e-10):
    mine, reference = mine.numpy(force=True), reference.numpy(force=True)
    assert mine.shape == reference.shape
    assert mine.dtype == reference.dtype
    np.testing.assert_allclose(mine, reference, rtol=tolerance, atol=tolerance)


def equal(call, *arrays):
    """Compare all results of ``call(lib, *tensors)``."""
    results = [flat(call(lib, *[tensor(a) for a in arrays])) for lib, tensor, _ in SIDES]
    for mine, reference in zip(*results, strict=True):
        same(mine, reference)


def agree(call, *arrays, second=True):
    """Compare ``call(lib, *tensors)``: all values, and of the first gradients of two orders."""
    answers = []
    for lib, tensor, grad in SIDES:
        rng = np.random.default_rng(0)
        leaves = [tensor(np.asarray(a, np.float64), requires_grad=True) for a in arrays]
        out = flat(call(lib, *leaves))
        cotangent = tensor(rng.uniform(0.5, 1.5, size=tuple(out[0].shape)), requires_grad=True)
        first = grad(out[0], leaves, cotangent, create_graph=second, materialize_grads=True,
                     allow_unused=True)  # fmt: skip
        values = [*out, *first]
        if second:
            mixed = sum((g * tensor(rng.normal(size=tuple(g.shape)))).sum() for g in first)
            mixed = mixed + 0 * cotangent.sum()
            values += grad(mixed, [*leaves, cotangent], allow_unused=True, materialize_grads=True)
        answers.append(values)
    for mine, reference in zip(*answers, strict=True):
        same(mine, reference)


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


WITH_NAN = np.array([[1.0, nan, 3.0, 2.0], [4.0, 0.5, -1.0, 7.0], [nan, nan, nan, nan]])
TIES = np.array([[3.0, 1.0, 3.0, 1.0], [2.0, 2.0, 5.0, 5.0], [1.0, 2.0, 3.0, 4.0]])

# -- quantiles and order --------------------------------------------------------------------------


@pytest.mark.parametrize("interpolation", ["linear", "lower", "higher", "nearest", "midpoint"])
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantiles(name, interpolation):
    levels = np.array([0.0, 0.1, 0.5, 0.83, 1.0])
    for dim, keepdim in itertools.product((None, 0, -1), (False, True)):
        keywords = {"dim": dim, "keepdim": keepdim, "interpolation": interpolation}
        agree(lambda lib, x, k=keywords: getattr(lib, name)(x, 0.3, **k), normal(3, 4))
        for lib_x in (normal(3, 5), WITH_NAN):
            call = lambda lib, x, q, k=keywords: getattr(lib, name)(x, q, **k)  # noqa: E731
            equal(call, lib_x, levels)
    equal(lambda lib, x: getattr(x, name)(0.25), np.array(2.0))


def test_quantiles_refuse():
    x = ag.tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="from 0 to 1"):
        ag.quantile(x, 1.5)
    with pytest.raises(ValueError, match="interpolation"):
        ag.quantile(x, 0.5, interpolation="cubic")
    with pytest.raises(DtypeError):
        ag.quantile(ag.tensor([1, 2]), 0.5)
    with pytest.raises(DtypeError):
        ag.quantile(x, ag.tensor(0.5, dtype=ag.float64))
    with pytest.raises(ShapeError):
        ag.quantile(ag.zeros(0), 0.5)


@pytest.mark.parametrize("name", ["mode", "nanmedian"])
def test_one_of_many(name):
    for dim, keepdim in itertools.product((0, -1), (False, True)):
        x = TIES if name == "mode" else WITH_NAN[:2]
        agree(lambda lib, x, d=dim, k=keepdim: getattr(lib, name)(x, d, k), x)
        equal(lambda lib, x, d=dim, k=keepdim: getattr(x, name)(d, k), x)
    equal(lambda lib, x: getattr(lib, name)(x, 0), np.array(3.0))


def test_nanmedian_of_all():
    agree(lambda lib, x: lib.nanmedian(x), WITH_NAN[:2])
    equal(lambda lib, x: lib.nanmedian(x), WITH_NAN[2])


@pytest.mark.parametrize("name", ["cummax", "cummin"])
def test_running_extremes(name):
    for dim in (0, -1):
        agree(lambda lib, x, d=dim: getattr(lib, name)(x, d), normal(4, 5))
        equal(lambda lib, x, d=dim: getattr(x, name)(d), TIES)
        equal(lambda lib, x, d=dim: getattr(x, name)(d), WITH_NAN)
    equal(lambda lib, x: getattr(lib, name)(x, 0), np.array(3))


def test_msort_and_logcumsumexp():
    agree(lambda lib, x: lib.msort(x), normal(4, 2))
    for dim in (0, -1):
        agree(lambda lib, x, d=dim: lib.logcumsumexp(x, d), normal(3, 4))
        agree(lambda lib, x, d=dim: lib.logcumsumexp(x, d), 500 * normal(3, 4))
    agree(lambda lib, x: x.logcumsumexp(0), np.array(2.0))
    equal(lambda lib, x: lib.logcumsumexp(x, 0), np.array([-inf, 1.0, inf, 2.0]))


# -- search and counting --------------------------------------------------------------------------


@pytest.mark.parametrize("right", [False, True])
@pytest.mark.parametrize("out_int32", [False, True])
def test_search(right, out_int32):
    keywords = {"right": right, "out_int32": out_int32}
    rows, x = np.sort(TIES, -1), np.array([[1.0, 9.0], [2.0, 5.0], [3.5, -1.0]])
    equal(lambda lib, r, x: lib.searchsorted(r, x, **keywords), rows, x)
    equal(lambda lib, r, x: lib.searchsorted(r, x, **keywords), rows[0], x)
    equal(lambda lib, r: lib.searchsorted(r, 2.0, **keywords), rows[1])
    equal(lambda lib, r, x: lib.bucketize(x, r, **keywords), rows[2], x)
    order = np.argsort(TIES, -1)
    equal(lambda lib, r, x, o: lib.searchsorted(r, x, sorter=o, **keywords), TIES, x, order)


def test_search_refuses():
    row, x = ag.tensor([1.0, 2.0]), ag.zeros(2, 2)
    with pytest.raises(ValueError, match="contradict"):
        ag.searchsorted(row, x, right=True, side="left")
    with pytest.raises(ShapeError):
        ag.searchsorted(ag.zeros(3, 2), x)
    with pytest.raises(ShapeError):
        ag.bucketize(x, x)


def test_counts():
    x = np.array([1, 3, 1, 0])
    equal(lambda lib, x: lib.bincount(x, minlength=6), x)
    equal(lambda lib, x: lib.bincount(x), x[:0])
    for dtype in (np.float32, np.float64, np.int64):
        equal(lambda lib, x, w: lib.bincount(x, w), x, np.array([1, 2, 3, 4], dtype))
    for keywords in ({}, {"bins": 5}, {"bins": 3, "min": -1, "max": 1}):
        equal(lambda lib, x, k=keywords: lib.histc(x, **k), normal(4, 5))
        equal(lambda lib, x, k=keywords: x.histc(**k), np.ones(3, np.float32))
    with pytest.raises(ValueError, match="from 0 on"):
        ag.bincount(ag.tensor([-1]))


def test_unique_consecutive():
    x = np.array([[1, 1], [1, 1], [2, 1], [1, 1]])
    for dim, inverse, counts in itertools.product((None, 0, 1), (False, True), (False, True)):
        keywords = {"return_inverse": inverse, "return_counts": counts, "dim": dim}
        equal(lambda lib, x, k=keywords: lib.unique_consecutive(x, **k), x)
    equal(lambda lib, x: lib.unique_consecutive(x), np.array([1.0, 1.0, 3.0]))


# -- covariance, differences, integrals -----------------------------------------------------------


def test_covariance():
    weights, times = np.array([0.5, 1.0, 2.0, 1.5]), np.array([1, 2, 1, 3])
    for correction in (0, 1, 2):
        agree(lambda lib, x, c=correction: lib.cov(x, correction=c), normal(3, 4))
        agree(lambda lib, x, w, c=correction: lib.cov(x, correction=c, aweights=w),
              normal(3, 4), weights)  # fmt: skip
        equal(lambda lib, x, w, t, c=correction: lib.cov(x, correction=c, aweights=w, fweights=t),
              normal(3, 4), weights, times)  # fmt: skip
        equal(lambda lib, x, t, c=correction: x.cov(correction=c, fweights=t), normal(4), times)
    equal(lambda lib, x: lib.cov(x), np.array([[0, 2, 4], [3, 3, 0]]))
    with warnings.catch_warnings():  # PyTorch warns of too few observations
        warnings.simplefilter("ignore")
        equal(lambda lib, x: lib.cov(x), np.array(3.0))
        equal(lambda lib, x: lib.cov(x, correction=5), normal(2, 3))
    agree(lambda lib, x: lib.corrcoef(x), normal(3, 5))
    equal(lambda lib, x: lib.corrcoef(x), normal(4))


def test_diff():
    for n, dim in itertools.product((0, 1, 2, 9), (0, -1)):
        agree(lambda lib, x, n=n, d=dim: lib.diff(x, n, d), normal(3, 4))
    agree(lambda lib, x, a, b: lib.diff(x, prepend=a, append=b), normal(2, 3), normal(2, 1),
          normal(2, 2))  # fmt: skip
    equal(lambda lib, x: lib.diff(x), np.array([True, False, False]))


@pytest.mark.parametrize("name", ["trapezoid", "trapz", "cumulative_trapezoid"])
def test_integrals(name):
    for dim in (0, -1):
        agree(lambda lib, y, d=dim: getattr(lib, name)(y, dim=d), normal(3, 4))
        agree(lambda lib, y, d=dim: getattr(lib, name)(y, dx=0.3, dim=d), normal(3, 4))
        agree(lambda lib, y, x, d=dim: getattr(lib, name)(y, x, dim=d), normal(3, 3), normal(3))
        agree(lambda lib, y, x, d=dim: getattr(lib, name)(y, x, dim=d), normal(3, 4), normal(3, 4))
    equal(lambda lib, y: getattr(lib, name)(y), np.array([1, 2, 4]))


# -- distances and products -----------------------------------------------------------------------


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, inf])
def test_distances(p):
    x, y = normal(3, 4), normal(5, 4, seed=1)
    compare = agree if p else equal
    keywords = {"second": False} if p else {}  # PyTorch has no second derivative of cdist
    compare(lambda lib, x, y: lib.cdist(x, y, p), x, y, **keywords)
    compare(lambda lib, x, y: lib.cdist(x, y, p), normal(2, 1, 3, 2), normal(4, 3, 2), **keywords)
    compare(lambda lib, x: lib.pdist(x, p), x, **keywords)
    compare(lambda lib, x, y: lib.dist(x, y, p), x, normal(4, seed=2))
    equal(lambda lib, x, y: lib.cdist(x, y, p), normal(0, 4), y)


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, inf])
def test_a_distance_of_zero_has_gradient_zero(p):
    x = np.array([[1.0, 2.0], [0.5, 3.0]])
    agree(lambda lib, x, y: lib.cdist(x, y, p), x, x + 0.0, second=False)
    agree(lambda lib, x, y: lib.dist(x, y, p), x, x + 0.0, second=False)


def test_renorm():
    for p, dim, most in itertools.product((1, 2, 3), (0, -1), (0.0, 1.0, 2.0)):
        agree(lambda lib, x, a=(p, dim, most): lib.renorm(x, *a), normal(3, 4))


def test_products_and_sets():
    with warnings.catch_warnings():  # PyTorch would rather have the dim
        warnings.simplefilter("ignore")
        agree(lambda lib, x, y: lib.cross(x, y), normal(2, 3), normal(1, 3, seed=1))
    agree(lambda lib, x, y: lib.cross(x, y, 0), normal(3, 2), normal(3, 2, seed=1))
    for keywords in ({}, {"N": 2}, {"N": 5, "increasing": True}, {"N": 0}):
        equal(lambda lib, x, k=keywords: lib.vander(x, **k), normal(3))
    agree(lambda lib, x, y: lib.cartesian_prod(x, y, x), normal(2), normal(3))
    agree(lambda lib, x: lib.cartesian_prod(x), normal(2))
    for r, again in itertools.product((0, 1, 2, 5), (False, True)):
        compare = agree if 0 < r < 4 else equal  # PyTorch forgets the graph of an empty result
        compare(lambda lib, x, r=r, a=again: lib.combinations(x, r, a), normal(3))


# -- putting values in places ---------------------------------------------------------------------

INDEX = np.array([[2, 0, 0], [0, 0, 1]])


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["sum", "prod", "mean", "amax", "amin"])
def test_scatter_reduce(reduce, include_self):
    def call(lib, x, src):
        index = (ag if lib is ag else torch).tensor(INDEX)
        return lib.scatter_reduce(x, 1, index, src, reduce, include_self=include_self)

    agree(call, normal(3, 3), normal(2, 3, seed=1))
    equal(call, normal(3, 3), normal(4, 3, seed=1))
    ties = np.array([[1.0, 2.0, 2.0], [2.0, 2.0, 1.0]])
    own = np.array([[2.0, 1.0, 1.0], [2.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    # PyTorch lets elements of `input` share the gradient also where they do not count.
    agree(call, own if include_self else own + 0.1, ties, second=False)
    zeros = np.array([[0.0, 0.0, 3.0], [0.0, 0.0, 0.0]])
    agree(call, normal(3, 3), zeros, second=False)
    agree(call, zeros.repeat(2, 0), normal(2, 3), second=False)
    equal(call, np.arange(9).reshape(3, 3), np.array([[4, -5, 6], [7, 8, 9]]))


@pytest.mark.parametrize("include_self", [True, False])
@pytest.mark.parametrize("reduce", ["prod", "mean", "amax", "amin"])
def test_index_reduce(reduce, include_self):
    def call(lib, x, source):
        index = (ag if lib is ag else torch).tensor([2, 0, 2])
        return lib.index_reduce(x, 0, index, source, reduce, include_self=include_self)

    with warnings.catch_warnings():  # PyTorch says that this is in beta
        warnings.simplefilter("ignore")
        agree(call, normal(4, 2), normal(3, 2, seed=1), second=False)


@pytest.mark.parametrize("accumulate", [True, False])
def test_put(accumulate):
    def call(lib, x, source):
        index = (ag if lib is ag else torch).tensor([[3, -6, 1]])
        return x.put(index, source, accumulate)

    agree(call, normal(2, 3), normal(3))


def test_replacing():
    agree(lambda lib, x, y: lib.select_scatter(x, y, 1, -1), normal(2, 3), normal(2))
    for keywords in ({}, {"dim": 1}, {"dim": -1, "start": 1, "end": -1, "step": 2}):
        shape = {0: (2, 4), 1: (2, 4), -1: (2, 1)}[keywords.get("dim", 0)]
        agree(lambda lib, x, y, k=keywords: lib.slice_scatter(x, y, **k), normal(2, 4),
              normal(*shape))  # fmt: skip
    agree(lambda lib, x, y: lib.diagonal_scatter(x, y, 1), normal(3, 3), normal(2))
    with pytest.raises(ShapeError):
        ag.select_scatter(ag.zeros(2, 3), ag.zeros(1), 1, 0)


def test_pieces():
    for call in (
        lambda lib, x: lib.hsplit(x, 2),
        lambda lib, x: lib.vsplit(x, (1, 3)),
        lambda lib, x: lib.dsplit(x, 3),
        lambda lib, x: lib.diagflat(x[0], -1),
        lambda lib, x: x.sum_to_size(4, 1, 3),
        lambda lib, x: x.sum_to_size(1, 3),
        lambda lib, x: lib.ger(x[0, 0], x[:, 0, 0]),
    ):
        agree(call, normal(4, 2, 3))
    with pytest.raises(ShapeError):
        ag.zeros(2, 3).sum_to_size(2, 2)
    with pytest.raises(ShapeError):
        ag.hsplit(ag.zeros(3), 2)
    for name, arguments in itertools.product(
        ("tril_indices", "triu_indices"), ((3, 4, -1), (2, 2), (4, 2, 1), (0, 2))
    ):
        equal(lambda lib, n=name, a=arguments: getattr(lib, n)(*a))
    equal(lambda lib, x: lib.unravel_index(x, (2, 3)), np.array([[1, 5], [0, -1]]))


def test_gradient():
    places = np.array([0.0, 1.0, 3.0, 4.0])
    for edge_order, dim in itertools.product((1, 2), (None, 0, (1, 0))):
        keywords = {"edge_order": edge_order, "dim": dim}
        agree(lambda lib, x, k=keywords: lib.gradient(x, spacing=0.5, **k), normal(4, 5))
    agree(lambda lib, x: lib.gradient(x, spacing=(2.0, 0.5)), normal(4, 5))
    equal(lambda lib, x, p: lib.gradient(x, spacing=(p,), edge_order=2), normal(4), places)


# -- histograms -----------------------------------------------------------------------------------

POINTS = np.random.default_rng(3).normal(size=(4, 5))
EDGES = np.array([-2.0, -0.5, 0.25, 1.0])
HISTOGRAMS = {
    "default": lambda lib, x: lib.histogram(x),
    "count": lambda lib, x: x.histogram(7),
    "range": lambda lib, x: lib.histogram(x, 10, range=(-0.7, 1.3)),
    "density": lambda lib, x: lib.histogram(x, bins=3, density=True),
    "edges": lambda lib, x: lib.histogram(x, lib.tensor(EDGES)),
    "weights": lambda lib, x: lib.histogram(x, 4, weight=x * x, density=True),
    "weights and edges": lambda lib, x: lib.histogram(x, lib.tensor(EDGES), weight=x),
    "point": lambda lib, x: lib.histogram(x * 0 + 1, 2),
    "empty range": lambda lib, x: lib.histogram(x, 3, range=(1.0, 1.0)),
    "nothing": lambda lib, x: lib.histogram(x[:0], 3),
    "on edges": lambda lib, x: lib.histogram(x.round(), 8, range=(-2.0, 2.0)),
    "nan outside": lambda lib, x: lib.histogram((x - 1).sqrt(), 3, range=(0.0, 1.0)),
    "float32": lambda lib, x: lib.histogram(x.float(), 10),
}


@pytest.mark.parametrize("name", HISTOGRAMS)
def test_histogram(name):
    results = [HISTOGRAMS[name](lib, tensor(POINTS)) for lib, tensor, _ in SIDES]
    for field in ("hist", "bin_edges"):
        single = name == "float32"
        same(*(getattr(result, field) for result in results), 1e-6 if single else 1e-12)


GRIDS = {
    "count": lambda lib, x: lib.histogramdd(x, 3),
    "counts": lambda lib, x: lib.histogramdd(x[:, :2], [2, 5]),
    "range": lambda lib, x: lib.histogramdd(x[:, :2], [2, 3], range=[-1.0, 1.0, 0.0, 2.0]),
    "density": lambda lib, x: lib.histogramdd(x[:, :2], bins=[2, 3], density=True),
    "weights": lambda lib, x: lib.histogramdd(x[:, 1:3], 2, weight=x[:, 0]),
    "edges": lambda lib, x: lib.histogramdd(x[:, :2], [lib.tensor(EDGES), lib.tensor(EDGES[:2])]),
    "points in a grid": lambda lib, x: lib.histogramdd(x.reshape(2, 5, 2), [2, 3]),
    "one coordinate": lambda lib, x: lib.histogramdd(x[:, :1], [4]),
}


@pytest.mark.parametrize("name", GRIDS)
def test_histogramdd(name):
    mine, reference = (GRIDS[name](lib, tensor(POINTS)) for lib, tensor, _ in SIDES)
    same(mine.hist, reference.hist)
    for a, b in zip(mine.bin_edges, reference.bin_edges, strict=True):
        same(a, b)


def test_histograms_refuse():
    calls = [
        lambda lib: lib.histogram(lib.arange(3), 3),
        lambda lib: lib.histogram(lib.ones(3), 0),
        lambda lib: lib.histogram(lib.ones(3), 2, range=(2.0, 1.0)),
        lambda lib: lib.histogram(lib.ones(3), 2, range=(0.0, inf)),
        lambda lib: lib.histogram(lib.ones(3) * nan, 2),
        lambda lib: lib.histogram(lib.ones(3), lib.ones(2), range=(0.0, 1.0)),
        lambda lib: lib.histogram(lib.ones(3), lib.ones(2, dtype=lib.float64)),
        lambda lib: lib.histogram(lib.ones(3), 2, weight=lib.ones(2)),
        lambda lib: lib.histogram(lib.ones(3), 2, weight=lib.ones(3, dtype=lib.float64)),
        lambda lib: lib.histogramdd(lib.ones(3, 2), [2]),
        lambda lib: lib.histogramdd(lib.ones(3, 2), [2, 0]),
        lambda lib: lib.histogramdd(lib.ones(3, 2), 2, range=[0.0, 1.0]),
        lambda lib: lib.histogramdd(lib.ones(3, 2), 2, weight=lib.ones(2)),
        lambda lib: lib.histogramdd(lib.ones(3), 2),
    ]
    for call in calls:
        for lib, _, _ in SIDES:
            with pytest.raises((RuntimeError, TypeError)):
                call(lib)


def test_weights_of_histograms_have_no_gradient():
    for lib, tensor, _ in SIDES:
        weight = tensor(POINTS, requires_grad=True)
        with pytest.raises(RuntimeError, match=r"not (differentiable|implemented)"):
            lib.histogram(tensor(POINTS), 3, weight=weight).hist.sum().backward()


def test_nonzero_static():
    x = np.array([[1, 0, 2], [0, 0, 3]])
    for size in (0, 1, 3, 5):
        equal(lambda lib, x, n=size: lib.nonzero_static(x, size=n), x)
        equal(lambda lib, x, n=size: x.nonzero_static(size=n, fill_value=7), x)
    equal(lambda lib, x: lib.nonzero_static(x, size=2), np.array(3.0))
    for lib, tensor, _ in SIDES:
        with pytest.raises(RuntimeError, match="size"):
            lib.nonzero_static(tensor(x), size=-1)
