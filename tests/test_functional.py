"""Derivatives of functions: what is accepted, refused, and how far it can be differentiated."""

import numpy as np
import pytest

import autograd as ag
from autograd import functional
from autograd.errors import ArgumentError, GraphError, ShapeError

X = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]])
STRATEGIES = pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])


def same(a, b):
    np.testing.assert_allclose(a.detach().numpy(), np.asarray(b), rtol=1e-12, atol=1e-12)


@STRATEGIES
def test_jacobian_of_a_matrix_product(strategy):
    w = np.arange(6.0).reshape(3, 2)
    found = functional.jacobian(lambda x: x @ ag.tensor(w), ag.tensor(X), strategy=strategy)
    expected = np.einsum("ik,lj->ijkl", np.eye(2), w)
    same(found, expected)


@STRATEGIES
def test_jacobian_is_a_tuple_over_outputs_and_inputs(strategy):
    x, y = ag.tensor([1.0, 2.0]), ag.tensor(3.0)
    found = functional.jacobian(lambda x, y: (x * y, x.sum()), (x, y), strategy=strategy)
    assert [[j.shape for j in row] for row in found] == [[(2, 2), (2,)], [(2,), ()]]
    same(found[1][1], 0.0)  # the second output does not depend on y


@STRATEGIES
def test_empty_tensors_have_empty_jacobians(strategy):
    found = functional.jacobian(lambda x: x * 2, ag.zeros(0, 3), strategy=strategy)
    assert found.shape == (0, 3, 0, 3)


@STRATEGIES
def test_jacobian_can_be_differentiated(strategy):
    x = ag.tensor(X, requires_grad=True)
    jacobian = functional.jacobian(lambda x: (x**3).sum(), x, create_graph=True, strategy=strategy)
    jacobian.sum().backward()
    same(x.grad, 6 * X)


@STRATEGIES
def test_hessian_of_several_inputs(strategy):
    x, y = ag.tensor([1.0, 2.0]), ag.tensor(3.0)
    found = functional.hessian(
        lambda x, y: (x * x).sum() * y * y, (x, y), outer_jacobian_strategy=strategy
    )
    same(found[0][0], 18 * np.eye(2))
    same(found[0][1], [12.0, 24.0])
    same(found[1][0], [12.0, 24.0])
    same(found[1][1], 10.0)


def test_products_agree_with_the_full_matrices():
    def function(x):
        return (x.sin() * x.sum()).sum(1)

    rng = np.random.default_rng(0)
    x, v, u = ag.tensor(X), ag.tensor(rng.normal(size=(2, 3))), ag.tensor(rng.normal(size=2))
    jacobian = functional.jacobian(function, x).numpy()
    same(functional.vjp(function, x, u)[1], np.einsum("o,oij->ij", u.numpy(), jacobian))
    same(functional.jvp(function, x, v)[1], np.einsum("oij,ij->o", jacobian, v.numpy()))
    hessian = functional.hessian(lambda x: function(x).sum(), x).numpy()
    for product in (functional.hvp, functional.vhp):
        value, found = product(lambda x: function(x).sum(), x, v)
        same(value, function(x).sum().numpy())
        same(found, np.einsum("ijkl,kl->ij", hessian, v.numpy()))


@pytest.mark.parametrize("name", ["vjp", "jvp", "hvp", "vhp"])
def test_results_carry_a_graph_only_if_asked(name):
    product = getattr(functional, name)
    x, one = ag.tensor(2.0, requires_grad=True), ag.tensor(1.0)
    value, found = product(lambda x: x**3, x, one)
    assert not value.requires_grad and not found.requires_grad
    value, found = product(lambda x: x**3, x, one, create_graph=True)
    found.backward()
    same(x.grad, 12.0 if name in ("vjp", "jvp") else 6.0)


def test_inputs_may_be_strided_and_gradients_off():
    with ag.no_grad():
        found = functional.jacobian(lambda x: x.sum(), ag.tensor(X).T)
    same(found, np.ones((3, 2)))
    x = ag.tensor(X, requires_grad=True)
    found = functional.vjp(lambda x: (x * x).sum(), x.T, create_graph=True)[1]
    found.sum().backward()
    same(x.grad, np.full((2, 3), 2.0))


def test_v_may_be_left_out_for_one_element_only():
    same(functional.vjp(lambda x: x.sum(), ag.tensor(X))[1], np.ones((2, 3)))
    same(functional.jvp(lambda x: x * ag.ones(2), ag.tensor(3.0))[1], [1.0, 1.0])
    with pytest.raises(ShapeError, match=r"needs v, shaped like the output \(2, 3\)"):
        functional.vjp(lambda x: x, ag.tensor(X))
    with pytest.raises(ShapeError, match=r"needs v, shaped like the input"):
        functional.jvp(lambda x: x, ag.tensor(X))


def test_what_does_not_depend_is_zero_or_refused():
    x, y = ag.tensor([1.0, 2.0]), ag.tensor([3.0])
    same(functional.vjp(lambda x, y: x.sum(), (x, y))[1][1], [0.0])
    same(functional.jvp(lambda x: ag.ones(2), x, x)[1], [0.0, 0.0])
    same(functional.hessian(lambda x: x.sum(), x), np.zeros((2, 2)))
    with pytest.raises(GraphError, match="does not depend on input 1"):
        functional.vjp(lambda x, y: x.sum(), (x, y), strict=True)
    with pytest.raises(GraphError, match="output 0 of the function does not depend"):
        functional.jacobian(lambda x: ag.ones(2), x, strict=True)
    with pytest.raises(GraphError, match="constant"):
        functional.hessian(lambda x: x.sum(), x, strict=True)


def test_what_is_not_supported_is_refused_by_name():
    x = ag.tensor([1.0])
    with pytest.raises(NotImplementedError, match="vectorize=True"):
        functional.jacobian(lambda x: x, x, vectorize=True)
    with pytest.raises(NotImplementedError, match="vectorize=True"):
        functional.hessian(lambda x: x, x, vectorize=True)
    with pytest.raises(ArgumentError, match="'reverse-mode' or 'forward-mode', got 'sideways'"):
        functional.jacobian(lambda x: x, x, strategy="sideways")
    with pytest.raises(TypeError, match="got list at position 0"):
        functional.vjp(lambda x: x, [x])
    with pytest.raises(TypeError, match="outputs of func, got float"):
        functional.vjp(lambda x: 1.0, x)
    with pytest.raises(ShapeError, match="one element"):
        functional.hessian(lambda x: x * ag.ones(2), x)
    with pytest.raises(ShapeError, match="expected v like the input"):
        functional.jvp(lambda x: x, x, ag.ones(2))


def test_it_is_a_name_of_the_package():
    assert ag.functional is functional
