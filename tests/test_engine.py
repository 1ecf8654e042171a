"""The walk over the graph: order, accumulation, release, `grad`, higher orders, size."""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd as ag
from autograd.engine import reachable
from autograd.errors import GraphError, ShapeError
from autograd.kernels.choose import use
from autograd.node import Node
from autograd.op import OPS, Op, op


def leaf(*values, dtype=ag.float64):
    return ag.tensor(
        values[0] if len(values) == 1 else list(values), dtype=dtype, requires_grad=True
    )


@pytest.fixture
def temporary_op():
    """Enter ops into the table for the length of one test."""
    before = set(OPS)
    yield op
    for name in set(OPS) - before:
        del OPS[name]


# -- order and accumulation ------------------------------------------------------------------------


def test_diamond():
    x = leaf(3.0)
    a = x * 2
    b, c = a * a, a + 1
    (b * c).backward()  # 4x^2 (2x + 1)
    assert x.grad.item() == 24 * 9 + 8 * 3


def test_each_node_is_pulled_once_however_many_paths_lead_to_it(temporary_op):
    pulled = []

    @temporary_op(kind="unary")
    def watched(input):
        return input + 0.0

    watched.vjp(input=lambda g: pulled.append(1) or g)
    x = leaf(1.0)
    y = watched(x)
    for _ in range(20):
        y = y + y  # 2**20 paths
    y.backward()
    assert x.grad.item() == 2**20
    assert len(pulled) == 1


def test_same_tensor_as_both_operands():
    x = leaf(3.0)
    (x * x).backward()
    assert x.grad.item() == 6


def test_gradients_accumulate_over_backward_calls():
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    (x * 4).sum().backward()
    assert x.grad.tolist() == [7, 7]
    assert x.grad is first, "added in place, as in PyTorch"


def test_two_leaves_do_not_share_one_gradient_array():
    x, y = leaf(1.0, 1.0), leaf(1.0, 1.0)
    seed = ag.ones(2, dtype=ag.float64)
    (x + y).backward(seed)
    with ag.no_grad():
        x.grad.mul_(5)
    assert y.grad.tolist() == [1, 1]
    assert seed.tolist() == [1, 1]


def test_gradient_is_not_the_callers_array():
    x = leaf(1.0, 1.0)
    seed = ag.ones(2, dtype=ag.float64)
    (x + 0).backward(seed)
    (x + 0).backward(seed)
    assert seed.tolist() == [1, 1]
    assert x.grad.tolist() == [2, 2]


@pytest.mark.parametrize("kind", ["plain", "compiled"])
@pytest.mark.parametrize(
    "record, names", [(record, names) for record in OPS.values() for names in record.together],
    ids=lambda x: x.name if isinstance(x, Op) else "-".join(x),
)  # fmt: skip
def test_gradients_given_together_are_those_given_singly(record, names, kind):
    wanted = [record.inputs.index(name) for name in names]
    for args, params in record.samples(np.random.default_rng(0)):
        if len(args) <= max(wanted):
            continue
        inputs = [ag.tensor(a, requires_grad=i in wanted) for i, a in enumerate(args)]
        with use(kind):
            out = record.function(*inputs, **params)
            g = ag.tensor(np.random.default_rng(1).normal(size=out.shape))
            out.backward(g)
            for i in wanted:
                (single,) = ag.grad(record.function(*inputs, **params), inputs[i], g)
                np.testing.assert_array_equal(inputs[i].grad.array, single.array)
                assert inputs[i].grad.dtype == inputs[i].dtype


def test_gradient_of_a_broadcast_operand_has_its_shape():
    x, y = leaf(1.0), ag.ones(3, 1, dtype=ag.float64, requires_grad=True)
    (x * y * ag.ones(2, 1, 4, dtype=ag.float64)).sum().backward()
    assert x.grad.shape == () and x.grad.item() == 24
    assert y.grad.shape == (3, 1) and y.grad.tolist() == [[8], [8], [8]]


def test_a_thousand_branches_add_in_place(temporary_op):
    """Fan-in is linear: one buffer takes all additions after the first."""
    additions = []

    class Counting(np.ndarray):
        def __array_ufunc__(self, ufunc, method, *inputs, out=None, **keywords):
            additions.append((ufunc, out is not None))
            plain = [np.asarray(x) if isinstance(x, Counting) else x for x in inputs]
            if out is not None:
                keywords["out"] = tuple(np.asarray(x) for x in out)
            return getattr(ufunc, method)(*plain, **keywords)

    @temporary_op(kind="unary")
    def branch(input):
        return input + 0.0

    branch.vjp(input=lambda g: g.view(Counting))
    x = ag.ones(50, requires_grad=True)
    total = ag.stack([branch(x) for _ in range(1000)]).sum()
    additions.clear()
    total.backward()
    assert x.grad.tolist() == [1000.0] * 50
    adds = [in_place for ufunc, in_place in additions if ufunc is np.add]
    assert len(adds) <= 999
    assert adds.count(False) <= 1


def test_several_outputs_at_once():
    x = leaf(2.0)
    ag.backward([x * x, x * 3], [None, ag.tensor(10.0, dtype=ag.float64)])
    assert x.grad.item() == 34


def test_one_output_twice():
    x = leaf(2.0)
    y = x * x
    ag.backward([y, y])
    assert x.grad.item() == 8


def test_output_that_another_output_depends_on():
    x = leaf(2.0)
    y = x * x
    z = y * y
    ag.backward([z, y])
    assert x.grad.item() == 4 * 8 + 4


# -- what is refused -------------------------------------------------------------------------------


def test_second_backward_names_the_op_and_the_cure():
    x = leaf(2.0)
    y = x.exp()
    y.backward()
    with pytest.raises(GraphError, match=r"exp .*retain_graph=True"):
        y.backward()


def test_retain_graph():
    x = leaf(2.0)
    y = x * x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.item() == 8


def test_shared_trunk_released_by_first_loss():
    x = leaf(2.0)
    trunk = x.exp()
    (trunk * 2).backward()
    with pytest.raises(GraphError, match="already walked"):
        (trunk * 3).backward()


def test_implicit_gradient_needs_one_element():
    x = leaf(1.0, 2.0)
    with pytest.raises(GraphError, match=r"shape \(2,\)"):
        (x * 2).backward()


def test_gradient_of_wrong_shape():
    x = leaf(1.0, 2.0)
    with pytest.raises(ShapeError, match=r"\(2,\).*\(3,\)"):
        (x * 2).backward(ag.ones(3, dtype=ag.float64))


def test_number_of_gradients_must_match():
    x = leaf(1.0)
    with pytest.raises(GraphError, match="2 output gradients, got 1"):
        ag.backward([x * 1, x * 2], [ag.tensor(1.0)])


def test_backward_without_a_graph():
    with pytest.raises(GraphError, match="does not require grad"):
        ag.tensor(1.0).backward()
    with pytest.raises(TypeError, match="float"):
        ag.backward(1.0)


def test_batched_grad_is_refused_by_name():
    x = leaf(1.0)
    with pytest.raises(NotImplementedError, match="is_grads_batched"):
        ag.grad(x * 1, x, is_grads_batched=True)


# -- grad() ----------------------------------------------------------------------------------------


def test_grad_leaves_grad_fields_alone():
    x = leaf(2.0)
    (g,) = ag.grad(x * x, x)
    assert g.item() == 4 and x.grad is None and not g.requires_grad


def test_grad_takes_what_parameters_gives():
    x, y = leaf(2.0), leaf(3.0)
    assert [g.item() for g in ag.grad(x * y, (t for t in (x, y)))] == [3, 2]


def test_grad_of_unused_input():
    x, y = leaf(1.0), leaf(1.0, 2.0)
    with pytest.raises(GraphError, match=r"inputs\[1\].*allow_unused"):
        ag.grad(x * 2, [x, y])
    assert ag.grad(x * 2, [x, y], allow_unused=True)[1] is None
    zeros = ag.grad(x * 2, [x, y], materialize_grads=True)[1]
    assert zeros.tolist() == [0, 0] and zeros.dtype == ag.float64


def test_grad_of_an_input_without_requires_grad():
    x = leaf(1.0)
    with pytest.raises(GraphError, match=r"inputs\[0\] does not require grad"):
        ag.grad(x * 2, ag.tensor(1.0))


def test_grad_with_respect_to_intermediate_values():
    x = leaf(2.0)
    y = x * x
    z = y.exp()
    gy, gx = ag.grad(z, [y, x])
    assert gy.item() == pytest.approx(math.exp(4))
    assert gx.item() == pytest.approx(4 * math.exp(4))


def test_grad_with_respect_to_the_output_itself():
    x = leaf(2.0)
    y = x * x
    assert ag.grad(y, y)[0].item() == 1
    assert ag.grad(x, x)[0].item() == 1


def test_same_input_asked_for_twice():
    x = leaf(2.0)
    a, b = ag.grad(x * x, [x, x])
    assert a.item() == b.item() == 4


def test_only_what_leads_to_the_inputs_is_computed(temporary_op):
    pulled = []

    @temporary_op(kind="binary")
    def watched(input, other):
        return input * other

    watched.vjp(
        input=lambda g, other: pulled.append("input") or g * other,
        other=lambda g, input: pulled.append("other") or g * input,
    )
    x, y = leaf(2.0), leaf(3.0)
    behind_x, behind_y = watched(x, leaf(1.0)), watched(y, leaf(1.0))
    ag.grad(watched(behind_x, behind_y), x)
    assert pulled == ["input", "input"]


def test_backward_with_inputs_accumulates_into_these_only():
    x, y = leaf(2.0), leaf(3.0)
    (x * y).backward(inputs=[x])
    assert x.grad.item() == 3 and y.grad is None
    (x * y).backward(inputs=x)
    assert x.grad.item() == 6


def test_input_that_another_input_depends_on():
    x = leaf(2.0)
    y = x * 3
    gx, gy = ag.grad(y * y + x, [x, y])
    assert gx.item() == 37 and gy.item() == 12


# -- higher orders ---------------------------------------------------------------------------------


def derivative(f, order):
    def at(x):
        y = f(x)
        for _ in range(order):
            (y,) = ag.grad(y, x, create_graph=True)
        return y

    return at


@pytest.mark.parametrize("order", range(5))
def test_derivatives_of_a_polynomial(order):
    x = leaf(1.5)
    expected = np.polynomial.Polynomial([1, -2, 0, 3, 1, 2]).deriv(order)(1.5)
    found = derivative(lambda x: 2 * x**5 + x**4 + 3 * x**3 - 2 * x + 1, order)(x)
    assert found.item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("order", range(6))
def test_derivatives_of_sine(order):
    x = leaf(0.7)
    assert derivative(lambda x: x.sin(), order)(x).item() == pytest.approx(
        math.sin(0.7 + order * math.pi / 2), rel=1e-12
    )


def test_hessian_vector_product():
    x = leaf(1.0, 2.0, 3.0)
    (g,) = ag.grad((x**3).sum() * x[0], x, create_graph=True)
    v = ag.tensor([1.0, 1.0, 1.0], dtype=ag.float64)
    (hv,) = ag.grad((g * v).sum(), x)
    # f = x0 (x0^3 + x1^3 + x2^3); sum of each Hessian row
    assert hv.tolist() == pytest.approx([12 + 12 + 27, 12 + 12, 27 + 18])


def test_gradient_penalty_reaches_parameters():
    w, x = leaf(2.0), leaf(3.0)
    (g,) = ag.grad((w * x * x).sum(), x, create_graph=True)  # 2wx
    (g * g).backward()  # d/dw 4 w^2 x^2 = 8 w x^2
    assert w.grad.item() == 8 * 2 * 9


def test_backward_create_graph_gives_a_differentiable_grad():
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    assert x.grad.requires_grad
    (second,) = ag.grad(x.grad, x)
    assert second.item() == 12
    x.grad = None


def test_create_graph_within_no_grad_still_records():
    x = leaf(2.0)
    y = x**3
    with ag.no_grad():
        (g,) = ag.grad(y, x, create_graph=True)
    assert g.requires_grad


def test_gradient_seed_takes_part_in_the_graph():
    x, v = leaf(2.0), leaf(5.0)
    (g,) = ag.grad(x * x, x, v, create_graph=True)
    assert ag.grad(g, v)[0].item() == 4


# -- size ------------------------------------------------------------------------------------------


def test_chain_of_300_000_operations():
    x = leaf(1.0)
    y = x
    for _ in range(300_000):
        y = -y
    y.backward()
    assert x.grad.item() == 1
    del y  # frees the chain, without recursion


def test_chain_of_300_000_operations_is_freed_unwalked():
    y = leaf(1.0)
    for _ in range(300_000):
        y = -y
    del y


def test_nodes_know_their_neighbours():
    x = leaf(1.0)
    y = x.exp()
    z = y * x
    functions = [node for node, _ in z.grad_fn.next_functions]
    assert functions[0] is y.grad_fn and functions[1].name() == "AccumulateGrad"
    assert {n.name() for n in reachable([z.grad_fn]) if isinstance(n, Node)} == {"mul", "exp"}
