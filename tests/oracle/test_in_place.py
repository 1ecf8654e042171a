"""In-place methods and functions, and questions of layout, against PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from sides import SIDES, agree, same  # noqa: E402

import autograd as ag  # noqa: E402
import nn.functional as F  # noqa: E402
from autograd.errors import ArgumentError, DtypeError, GraphError, ShapeError  # noqa: E402

LIBS = tuple(lib for lib, _, _ in SIDES)
FUNCTIONAL = {ag: F, torch: torch.nn.functional}
COMPARISONS = [
    "eq_", "ne_", "not_equal_", "lt_", "less_", "le_", "less_equal_", "gt_", "greater_", "ge_",
    "greater_equal_",
]  # fmt: skip
LOGIC = ["logical_and_", "logical_or_", "logical_xor_"]
X = np.array([[-1.0, 0.0, 2.0], [3.0, 0.5, 0.0]])


def both(call, *arrays):
    """The values of ``call(lib, *tensors)``, which must agree."""
    mine, reference = (call(lib, *map(tensor, arrays)) for lib, tensor, _ in SIDES)
    same(mine, reference)


# -- comparisons and logic ------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_write_numbers(name):
    for other in (X.T.copy().reshape(2, 3), np.array(0.0), np.arange(3)):
        both(lambda lib, x, y: getattr(x.clone(), name)(y), X, other)
    both(lambda lib, x: getattr(x, name)(1), np.arange(3))
    both(lambda lib, x: getattr(x, name)(0.5), np.arange(3.0, dtype=np.float32))
    both(lambda lib, x: getattr(x, name)(True), np.array([True, False]))


@pytest.mark.parametrize("name", COMPARISONS)
def test_comparisons_have_gradient_zero(name):
    agree(lambda lib, x, y: getattr(x * 1, name)(y) * x * y, X, X.T.copy().reshape(2, 3))
    agree(lambda lib, x: getattr((x * 1)[0], name)(0.5) * x[1], X)


@pytest.mark.parametrize("name", LOGIC)
def test_logic(name):
    for x, y in itertools.product((X[0], np.arange(3), np.array([True, False, True])), repeat=2):
        both(lambda lib, a, b: getattr(a, name)(b), x, y)


def test_logical_not():
    for x in (X, np.arange(3), np.array([True, False])):
        both(lambda lib, a: a.logical_not_(), x)
    x = ag.tensor(X, requires_grad=True)
    ((x * 1).logical_not_() * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), X == 0)  # zero through the truth itself


def test_leaves_refuse():
    x = ag.tensor(X, requires_grad=True)
    calls = [lambda n=n: getattr(x, n)(x) for n in COMPARISONS + LOGIC]
    for call in (*calls, lambda: x.fill_diagonal_(1), lambda: ag.relu_(x)):
        with pytest.raises(GraphError, match="leaf tensor that requires grad"):
            call()


# -- numbers --------------------------------------------------------------------------------------


def test_float_power_and_polygamma():
    agree(lambda lib, x: (x * 1).float_power_(2.5), [0.5, 1.0, 3.0])
    agree(lambda lib, x, y: (x * 1).float_power_(y), [0.5, 1.0, 3.0], [2.0, -1.0, 0.5])
    for n in (0, 1, 2):
        agree(lambda lib, x, n=n: (x * 1).polygamma_(n), [0.5, 1.0, 3.0], tolerance=1e-9)
    for dtype in ("float32", "int64"):
        with pytest.raises(DtypeError, match=rf"float64, which a {dtype} tensor cannot hold"):
            ag.ones(2, dtype=getattr(ag, dtype)).float_power_(2)


@pytest.mark.parametrize("shape", [(3, 3), (7, 3), (4, 3), (2, 5), (3, 3, 3), (0, 2)], ids=str)
@pytest.mark.parametrize("wrap", [False, True])
def test_fill_diagonal(shape, wrap):
    x = np.random.default_rng(0).normal(size=shape)
    both(lambda lib, x: x.fill_diagonal_(5, wrap=wrap), x)
    agree(lambda lib, x: (x * 1).fill_diagonal_(-2.5, wrap) * x, x)


def test_fill_diagonal_of_a_view():
    agree(lambda lib, x: (x * 1)[1].fill_diagonal_(7.0) * x[0], np.ones((2, 3, 3)))
    for shape in ((3,), (3, 3, 2)):
        for lib in LIBS:
            with pytest.raises(RuntimeError):
                lib.zeros(*shape).fill_diagonal_(1)
    with pytest.raises(ShapeError, match="all of one length"):
        ag.zeros(3, 3, 2).fill_diagonal_(1)


def test_apply():
    both(lambda lib, x: x.apply_(lambda v: v * 2 - 1), X)
    both(lambda lib, x: x.T.apply_(lambda v: v * 2.5), np.arange(6).reshape(2, 3))
    for _lib, tensor, _ in SIDES:
        with pytest.raises(RuntimeError, match="grad"):
            (tensor(X, requires_grad=True) * 1).apply_(abs)


# -- activation functions -------------------------------------------------------------------------

ACTIVATIONS = {
    "relu_": [()], "selu_": [()], "celu_": [(), (0.5,)], "threshold_": [(0.25, -1.0)],
    "rrelu_": [(), (0.25, 0.75)], "elu_": [(), (0.5,)], "hardtanh_": [(), (-2.0, 0.7)],
    "leaky_relu_": [(), (0.2,)],
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    values = [-3.0, -0.6, 0.1, 0.5, 2.5]
    for args in ACTIVATIONS[name]:
        for top in (False, True):
            if top and not hasattr(torch, name):
                continue

            def call(lib, x, args=args, top=top):
                a = x * 1
                out = getattr(lib if top else FUNCTIONAL[lib], name)(a, *args)
                assert out is a
                return a

            agree(call, values)


# -- memory and layout ----------------------------------------------------------------------------


def test_empty_strided_and_permuted():
    for size, stride in (((2, 3), (1, 2)), ((2, 3), (4, 1)), ((), ()), ((0, 3), (1, 2))):
        mine, reference = (lib.empty_strided(size, stride, dtype=lib.float64) for lib in LIBS)
        assert (mine.shape, mine.stride()) == (tuple(reference.shape), reference.stride())
        mine, reference = (lib.zeros(1).new_empty_strided(size, stride) for lib in LIBS)
        assert (mine.shape, mine.stride()) == (tuple(reference.shape), reference.stride())
        assert mine.dtype == ag.float32
    x = ag.empty_strided((2, 3), (1, 2))
    assert x.copy_(ag.arange(6.0).reshape(2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    for order in itertools.permutations(range(3)):
        mine, reference = (lib.empty_permuted((2, 3, 5), order) for lib in LIBS)
        assert (mine.shape, mine.stride()) == (tuple(reference.shape), reference.stride())
    with pytest.raises(GraphError, match="share one place"):
        ag.empty_strided((2, 3), (0, 1)).zero_()
    for lib in LIBS:
        for size, stride in (((2, 3), (1,)), ((2, 3), (1, -2))):
            with pytest.raises(RuntimeError):
                lib.empty_strided(size, stride)
        with pytest.raises(RuntimeError):
            lib.empty_permuted((2, 3), (0, 0))


def test_dim_order():
    rng = np.random.default_rng(0)

    def orders(x):
        yield x.dim_order()
        try:
            yield x.dim_order(ambiguity_check=True)
        except RuntimeError:
            yield None

    compared = 0
    for _ in range(500):
        ndim = int(rng.integers(1, 5))
        shape = tuple(map(int, rng.integers(1, 5, ndim)))
        order = tuple(map(int, rng.permutation(ndim)))
        mine, reference = (lib.zeros(*shape).permute(order) for lib in LIBS)
        if rng.random() < 0.5:
            k = int(rng.integers(ndim))
            wide = [5 if i == k else -1 for i in range(ndim)]
            mine, reference = (x.narrow(k, 0, 1).expand(wide) for x in (mine, reference))
        if mine.stride() != reference.stride() or (ndim == 4 and 1 in mine.shape):
            continue  # of an axis of length one the stride means nothing; PyTorch has formats of 4
        compared += 1
        assert list(orders(mine)) == list(orders(reference)), (mine.shape, mine.stride())
    assert compared > 300


def test_is_set_to():
    for lib in LIBS:
        x = lib.zeros(2, 3)
        found = [x.is_set_to(y) for y in (x, x[:], x[:1], x.t().t(), x.clone(), x.view(6))]
        assert found == [True, True, False, True, False, False]


@pytest.mark.filterwarnings("ignore:.*torch.asarray")
def test_asarray():
    array = np.ones(3)
    for lib, tensor, _ in SIDES:
        x = tensor(array, requires_grad=True)
        y, z = x * 1, tensor(array)
        assert lib.asarray(z) is z and lib.asarray(x) is x and lib.asarray(y) is y
        assert not lib.asarray(y, requires_grad=False).requires_grad
        copied = lib.asarray(y, copy=True)
        assert copied.requires_grad and copied.data_ptr() != y.data_ptr()
        assert lib.asarray(y, dtype=lib.float32).grad_fn is not None
        assert lib.asarray(array).data_ptr() == array.ctypes.data
        assert lib.asarray(array, copy=True).data_ptr() != array.ctypes.data
        assert lib.asarray(array, copy=False).data_ptr() == array.ctypes.data
        assert lib.asarray([1, 2.5], requires_grad=True).requires_grad
        assert lib.asarray(bytearray(8), dtype=lib.int32).tolist() == [0, 0]
        for obj, options in (([1.0], {}), (array, {"dtype": lib.float32}), (2, {})):
            with pytest.raises(ValueError, match=r"alias|memory"):
                lib.asarray(obj, copy=False, **options)


def test_frombuffer():
    data = bytearray(np.arange(6, dtype=np.int16).tobytes())
    for options in ({}, {"count": 2}, {"offset": 4}, {"count": 1, "offset": 10}):
        mine, reference = (lib.frombuffer(data, dtype=lib.int16, **options) for lib in LIBS)
        same(mine, reference)
    ag.frombuffer(data, dtype=ag.int16)[0] = 9
    assert data[0] == 9
    wrong = [{"count": 0}, {"count": 7}, {"offset": 12}, {"offset": -2}, {"offset": 1}]
    for options in wrong:
        for lib in LIBS:
            with pytest.raises(ValueError):
                lib.frombuffer(data, dtype=lib.int16, **options)
    with pytest.raises(ArgumentError, match="7 elements of 2 bytes from byte 0 on"):
        ag.frombuffer(data, dtype=ag.int16, count=7)


RANGES = [
    (1, 4), (0, 1, 0.3), (3, 1, -1), (0, 4, 1.5), (-3, -1), (1, 1), (0, 10, 0.1), (2.5, -2, -0.5),
]  # fmt: skip


@pytest.mark.parametrize("args", RANGES, ids=str)
@pytest.mark.filterwarnings("ignore:torch.range is deprecated")
def test_range(args):
    for dtype in (None, "float64", "int64"):
        if dtype == "int64" and int(args[-1]) == 0 and len(args) == 3:
            continue  # a step of 0
        options = [{} if dtype is None else {"dtype": getattr(lib, dtype)} for lib in LIBS]
        mine, reference = (
            lib.range(*args, **each) for lib, each in zip(LIBS, options, strict=True)
        )
        same(mine, reference, 1e-6 if dtype is None else 1e-12)


def test_range_refuses():
    for args in ((3, 1), (1, 3, 0), (1, 3, -1), (0, float("inf"))):
        with pytest.raises(ArgumentError, match="leads from start to end"):
            ag.range(*args)
    with pytest.raises(TypeError, match="start and end"):
        ag.range(3)


def test_questions():
    dtypes = ["bool", "uint8", "int8", "int64", "float32", "float64"]
    for a, b in itertools.product(dtypes, repeat=2):
        mine, reference = (lib.can_cast(getattr(lib, a), getattr(lib, b)) for lib in LIBS)
        assert mine == reference, (a, b)
    for name in dtypes:
        mine, reference = (lib.ones(1, dtype=getattr(lib, name)) for lib in LIBS)
        assert mine.is_signed() == reference.is_signed()
        assert mine.is_neg() == reference.is_neg() is False
        assert mine.is_inference() == reference.is_inference() is False
        assert lib_answers("is_nonzero", mine, reference) == (True, True)
    for lib in LIBS:
        assert lib.broadcast_shapes((2, 1), 3, (1,)) == (2, 3)
        assert not lib.is_inference(lib.ones(1))
        with pytest.raises(RuntimeError):
            lib.broadcast_shapes((2, 2), 3)
        with pytest.raises(RuntimeError):
            lib.is_nonzero(lib.ones(2))
    both(lambda lib, x: x.char(), np.array([100.9, -3.0]))
    both(lambda lib, x: x.byte(), np.array([200.9, 3.0]))


def lib_answers(name, mine, reference):
    return getattr(ag, name)(mine), getattr(torch, name)(reference)
