"""autograd.functional against torch.autograd.functional."""

import inspect

import numpy as np
import pytest

import autograd as ag
from autograd import functional as ours

torch = pytest.importorskip("torch")
theirs = torch.autograd.functional

RNG = np.random.default_rng(0)
ONE, TWO = RNG.normal(size=(2, 3)), RNG.normal(size=3)
FUNCTIONS = {  # name -> function of two tensors with NumPy-like methods; the last ones are scalar
    "vector": lambda x, y: (x * y).sin().sum(1),
    "two outputs": lambda x, y: (x.exp() @ y, x.tanh()),
    "linear": lambda x, y: x * 2 + y,
    "scalar": lambda x, y: (x * y).sin().sum() * y.exp().sum(),
    "ignores y": lambda x, y: (x**3).sum(),
    "linear scalar": lambda x, y: x.sum() + y.sum(),
}
SCALAR = ("scalar", "ignores y", "linear scalar")
every = pytest.mark.parametrize("name", list(FUNCTIONS))
scalar = pytest.mark.parametrize("name", SCALAR)


def same(a, b):
    assert isinstance(a, tuple) == isinstance(b, tuple)
    if isinstance(a, tuple):
        assert len(a) == len(b)
        for p, q in zip(a, b, strict=True):
            same(p, q)
        return
    assert a.shape == tuple(b.shape) and a.requires_grad == b.requires_grad
    np.testing.assert_allclose(
        a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12, strict=True
    )


def inputs(requires_grad=False):
    mine = tuple(ag.tensor(x, requires_grad=requires_grad) for x in (ONE, TWO))
    return mine, tuple(torch.tensor(x, requires_grad=requires_grad) for x in (ONE, TWO))


@pytest.mark.parametrize("name", ours.__all__)
def test_signatures(name):
    a, b = (inspect.signature(getattr(m, name)).parameters for m in (ours, theirs))
    assert [(p.name, p.default) for p in a.values()] == [(p.name, p.default) for p in b.values()]


@every
@pytest.mark.parametrize("create_graph", [False, True])
def test_jacobian(name, create_graph):
    mine, other = inputs(requires_grad=create_graph)
    function = FUNCTIONS[name]
    expected = theirs.jacobian(function, other, create_graph=create_graph)
    same(ours.jacobian(function, mine, create_graph=create_graph), expected)


@every
def test_forward_mode_jacobian(name):
    mine, other = inputs()
    same(
        ours.jacobian(FUNCTIONS[name], mine, strategy="forward-mode"),
        theirs.jacobian(FUNCTIONS[name], other),
    )


@scalar
@pytest.mark.parametrize("create_graph", [False, True])
def test_hessian(name, create_graph):
    mine, other = inputs(requires_grad=create_graph)
    function = FUNCTIONS[name]
    expected = theirs.hessian(function, other, create_graph=create_graph)
    same(ours.hessian(function, mine, create_graph=create_graph), expected)


@every
@pytest.mark.parametrize("product", ["vjp", "jvp"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_products(name, product, create_graph):
    mine, other = inputs(requires_grad=create_graph)
    function = FUNCTIONS[name]
    like = other if product == "jvp" else function(*other)
    several = isinstance(like, tuple)
    v = [RNG.normal(size=tuple(x.shape)) for x in (like if several else (like,))]
    v_mine, v_other = (
        tuple(make(x) for x in v) if several else make(v[0]) for make in (ag.tensor, torch.tensor)
    )
    expected = getattr(theirs, product)(function, other, v_other, create_graph=create_graph)
    same(getattr(ours, product)(function, mine, v_mine, create_graph=create_graph), expected)


@scalar
@pytest.mark.parametrize("product", ["hvp", "vhp"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_hessian_products(name, product, create_graph):
    mine, other = inputs(requires_grad=create_graph)
    v = [RNG.normal(size=x.shape) for x in (ONE, TWO)]
    expected = getattr(theirs, product)(
        FUNCTIONS[name], other, tuple(map(torch.tensor, v)), create_graph=create_graph
    )
    found = getattr(ours, product)(
        FUNCTIONS[name], mine, tuple(map(ag.tensor, v)), create_graph=create_graph
    )
    same(found, expected)


@pytest.mark.parametrize("name", ["jacobian", "hessian", "vjp", "jvp", "hvp", "vhp"])
@pytest.mark.parametrize("function", ["scalar", "ignores y", "linear scalar"])
@pytest.mark.parametrize("create_graph", [False, True])
def test_strict_refuses_the_same(name, function, create_graph):
    mine, other = inputs(requires_grad=create_graph)
    extra = (other,) if name in ("jvp", "hvp", "vhp") else ()
    extra_mine = (mine,) if extra else ()
    options = {"strict": True, "create_graph": create_graph}
    try:
        getattr(theirs, name)(FUNCTIONS[function], other, *extra, **options)
    except RuntimeError:
        with pytest.raises(ag.GraphError):
            getattr(ours, name)(FUNCTIONS[function], mine, *extra_mine, **options)
    else:
        getattr(ours, name)(FUNCTIONS[function], mine, *extra_mine, **options)
