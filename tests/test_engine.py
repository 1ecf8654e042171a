"""The walk over the graph: order, accumulation, release, hooks, modes."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

import autograd as ag
from autograd.engine import reachable
from autograd.errors import DtypeError, GraphError, ShapeError
from autograd.node import Node
from autograd.op import OPS, op


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


# -- hooks -----------------------------------------------------------------------------------------


def test_hooks_run_in_order_and_may_replace():
    x = leaf(1.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.item()) or g * 2)
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 3).backward()
    assert seen == [3, 6] and x.grad.item() == 6


def test_hook_sees_the_complete_gradient_once():
    x = leaf(1.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 3 + x * 4).backward()
    assert seen == [7]


def test_hook_on_an_intermediate_value():
    x = leaf(2.0)
    y = x * x
    y.register_hook(lambda g: g * 10)
    (y * 1).backward()
    assert x.grad.item() == 40


def test_hook_removal():
    x = leaf(1.0)
    handle = x.register_hook(lambda g: g * 10)
    (x * 1).backward()
    handle.remove()
    handle.remove()
    (x * 1).backward()
    assert x.grad.item() == 11
    with x.register_hook(lambda g: g * 100):
        (x * 1).backward()
    (x * 1).backward()
    assert x.grad.item() == 112


def test_hook_runs_in_grad_too_and_under_create_graph():
    x = leaf(3.0)
    y = x * x
    y.register_hook(lambda g: g * x)
    (g,) = ag.grad(y * 1, x, create_graph=True)  # 2x * x
    assert g.item() == 18
    assert ag.grad(g, x)[0].item() == 12


def test_hook_of_wrong_shape_is_an_error():
    x = leaf(1.0)
    x.register_hook(lambda g: ag.ones(2))
    with pytest.raises(ShapeError, match="hook"):
        (x * 1).backward()


def test_hook_needs_a_graph():
    with pytest.raises(GraphError, match="register_hook"):
        ag.ones(1).register_hook(print)
    with pytest.raises(GraphError, match="leaf"):
        (leaf(1.0) * 2).register_post_accumulate_grad_hook(print)


def test_post_accumulate_hook_sees_the_sum():
    x = leaf(1.0)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad.item()))
    (x * 2).backward()
    (x * 3).backward()
    assert seen == [2, 5]


def test_hook_may_start_another_backward():
    x, y = leaf(2.0), leaf(3.0)

    @ag.enable_grad()
    def hook(g):
        (y * y).backward()

    x.register_hook(hook)
    (x * 5).backward()
    assert x.grad.item() == 5 and y.grad.item() == 6


# -- leaves, retain_grad, detach -------------------------------------------------------------------


def test_leaf_rules():
    x = leaf(1.0)
    y = x * 2
    assert x.is_leaf and x.grad_fn is None and x.requires_grad
    assert not y.is_leaf and y.grad_fn.name() == "mul" and y.requires_grad
    assert ag.ones(1).is_leaf
    with pytest.raises(GraphError, match="mul"):
        y.requires_grad_(False)
    assert y.requires_grad_() is y
    with pytest.raises(GraphError, match="floating"):
        ag.tensor([1]).requires_grad_()


def test_grad_of_non_leaf_warns():
    x = leaf(1.0)
    y = x * 2
    y.backward()
    with pytest.warns(UserWarning, match="retain_grad"):
        assert y.grad is None


def test_retain_grad():
    x = leaf(2.0)
    y = x * x
    assert not y.retains_grad
    y.retain_grad()
    y.retain_grad()
    assert y.retains_grad
    (y * 3).backward()
    assert y.grad.item() == 3 and x.grad.item() == 12


def test_retained_gradient_is_a_copy():
    x = leaf(2.0, 1.0)
    y = x + 0
    y.retain_grad()
    y.sum().backward()
    with ag.no_grad():
        y.grad.mul_(7)
    assert x.grad.tolist() == [1, 1]


def test_detach_shares_memory_and_has_no_graph():
    x = leaf(1.0, 2.0)
    d = (x * 1).detach()
    assert not d.requires_grad and d.is_leaf
    assert x.detach().array is x.array
    (x * x.detach()).sum().backward()
    assert x.grad.tolist() == [1, 2]


def test_grad_assignment_is_checked():
    x = leaf(1.0, 2.0)
    x.grad = ag.ones(2, dtype=ag.float64)
    with pytest.raises(GraphError, match=r"shape \(3,\)"):
        x.grad = ag.ones(3, dtype=ag.float64)
    with pytest.raises(GraphError, match="float32"):
        x.grad = ag.ones(2)
    with pytest.raises(TypeError, match="ndarray"):
        x.grad = np.ones(2)
    x.grad = None
    assert x.grad is None


@pytest.mark.parametrize("dtype", [ag.float16, ag.float32, ag.float64])
def test_gradient_has_the_dtype_of_its_tensor(dtype):
    x = ag.ones(3, dtype=dtype, requires_grad=True)
    (x.to(ag.float64) * ag.ones(3, dtype=ag.float64)).sum().backward()
    assert x.grad.dtype == dtype


@pytest.mark.parametrize("dtype", [ag.float16, ag.float32])
def test_scalars_do_not_widen(dtype):
    x = ag.ones(3, dtype=dtype, requires_grad=True)
    y = (2.0 * x + 1) / 3 - 0.5
    assert y.dtype == dtype
    (g,) = ag.grad((y**2).sum(), x, create_graph=True)
    assert g.dtype == dtype


def test_mixed_dtypes_give_each_leaf_its_own():
    a = ag.ones(2, requires_grad=True)
    b = ag.ones(2, dtype=ag.float64, requires_grad=True)
    y = a * b
    assert y.dtype == ag.float64
    y.sum().backward()
    assert a.grad.dtype == ag.float32 and b.grad.dtype == ag.float64


def test_gradients_through_views():
    x = ag.arange(6, dtype=ag.float64).reshape(2, 3).requires_grad_()
    (x[0] * 2).sum().backward()
    x.T[1:].sum().backward()
    x.reshape(3, 2)[::2].sum().backward()
    assert x.grad.tolist() == [[3, 4, 3], [0, 2, 2]]


# -- modes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mode", [ag.no_grad, ag.inference_mode, lambda: ag.set_grad_enabled(False)]
)
def test_switching_off_in_a_block(mode):
    x = leaf(1.0)
    with mode():
        assert not ag.is_grad_enabled()
        assert not (x * 2).requires_grad
        with ag.enable_grad():
            assert (x * 2).requires_grad
        assert not ag.is_grad_enabled()
    assert ag.is_grad_enabled()


def test_switching_off_as_decorators():
    x = leaf(1.0)

    @ag.no_grad()
    def quiet():
        return x * 2

    @ag.no_grad
    def quiet_too():
        return x * 2

    @ag.inference_mode()
    def inferring():
        assert ag.is_inference_mode_enabled()
        return x * 2

    @ag.set_grad_enabled(False)
    def set_off():
        return x * 2

    ag.set_grad_enabled(True)

    @ag.enable_grad()
    def loud():
        return x * 2

    for function in (quiet, quiet_too, inferring, set_off):
        assert not function().requires_grad, function.__name__
        assert ag.is_grad_enabled()
    with ag.no_grad():
        assert loud().requires_grad
    assert not ag.is_inference_mode_enabled()


def test_set_grad_enabled_as_a_call():
    ag.set_grad_enabled(False)
    assert not ag.is_grad_enabled()
    ag.set_grad_enabled(True)
    assert ag.is_grad_enabled()


def test_modes_end_with_an_exception():
    with pytest.raises(KeyError), ag.no_grad():
        raise KeyError
    assert ag.is_grad_enabled()


def test_recursive_decorated_function():
    @ag.no_grad()
    def down(n):
        assert not ag.is_grad_enabled()
        return n if n == 0 else down(n - 1)

    down(5)
    assert ag.is_grad_enabled()


def test_generator_modes_survive_nested_backward():
    x = leaf(1.0)
    with ag.no_grad():
        y = ag.enable_grad()(lambda: x * 2)()
        y.backward()
        assert not ag.is_grad_enabled()
    assert x.grad.item() == 2


def test_threads_do_not_share_modes():
    inside = []
    go, done = threading.Event(), threading.Event()

    def other():
        go.wait(5)
        inside.append((ag.is_grad_enabled(), ag.is_anomaly_enabled()))
        done.set()

    thread = threading.Thread(target=other)
    thread.start()
    with ag.no_grad(), ag.detect_anomaly():
        go.set()
        done.wait(5)
    thread.join()
    assert inside == [(True, False)]


def test_backward_in_two_threads():
    weights = [ag.ones(10, requires_grad=True) for _ in range(2)]

    def work(w):
        for _ in range(50):
            (w * w).sum().backward()

    threads = [threading.Thread(target=work, args=(w,)) for w in weights]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for w in weights:
        assert w.grad.tolist() == [100.0] * 10


# -- anomaly and strict dtypes ---------------------------------------------------------------------


def test_anomaly_names_op_and_line():
    x = ag.zeros(1, requires_grad=True)
    with ag.detect_anomaly():
        y = (x * 0).sqrt() * 0
        with pytest.raises(GraphError, match=r"sqrt returned a NaN.*test_engine\.py:\d+"):
            y.sum().backward()
    y = (x * 0).sqrt() * 0
    y.sum().backward()
    assert math.isnan(x.grad.item())


def test_anomaly_notices_arrays_changed_from_outside():
    array = np.ones(2)
    x = ag.from_numpy(array).requires_grad_()
    with ag.detect_anomaly():
        y = (x * x).sum()
        array[0] = 5
        with pytest.raises(GraphError, match=r"mul .*NumPy array"):
            y.backward()


def test_anomaly_as_a_switch():
    ag.set_detect_anomaly(True)
    assert ag.is_anomaly_enabled()
    ag.set_detect_anomaly(False)
    assert not ag.is_anomaly_enabled()


def test_strict_dtypes_refuse_widening():
    x, y = ag.ones(2), ag.ones(2, dtype=ag.float64)
    assert (x + y).dtype == ag.float64
    with ag.strict_dtypes():
        with pytest.raises(DtypeError, match="add"):
            x + y
        with pytest.raises(DtypeError, match="cat"):
            ag.cat([x, y])
        assert (x * 2.0 + 1).dtype == ag.float32
        assert x.double().dtype == x.sum(dtype=ag.float64).dtype == ag.float64, "was asked for"
        assert (x.sin() + x.mean()).dtype == ag.float32


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
