"""What can be set around the walk over the graph: hooks, leaves, modes, anomaly detection."""

from __future__ import annotations

import math
import threading

import numpy as np
import pytest

import autograd as ag
from autograd.errors import DtypeError, GraphError, ShapeError


def leaf(*values, dtype=ag.float64):
    return ag.tensor(
        values[0] if len(values) == 1 else list(values), dtype=dtype, requires_grad=True
    )


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
        with pytest.raises(GraphError, match=r"sqrt returned a NaN.*test_engine_state\.py:\d+"):
            y.sum().backward()
    y = (x * 0).sqrt() * 0
    y.sum().backward()
    assert math.isnan(x.grad.item())


def test_anomaly_looks_at_every_slice():
    for bad in range(3):
        x = leaf(1.0, 2.0, 3.0)
        parts = [x[i : i + 1] for i in range(3)]
        seeds = [leaf(math.nan if i == bad else 1.0).reshape(1).detach() for i in range(3)]
        with ag.detect_anomaly(), pytest.raises(GraphError, match="getitem returned a NaN"):
            ag.backward(parts, seeds)


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


def test_detach_in_place_cuts_the_graph():
    x = ag.tensor([1.0, 2.0], requires_grad=True)
    h = x * 2
    assert h.detach_() is h and h.is_leaf and not h.requires_grad
    assert (h * x).sum().backward() is None and x.grad.tolist() == [2.0, 4.0]
    with pytest.raises(GraphError, match="view"):
        (x * 2)[0].detach_()


def test_strides_are_counted_in_elements():
    x = ag.zeros(2, 3)
    assert x.stride() == (3, 1) and x.t().stride() == (1, 3) and x.stride(0) == 3
    assert x.ndimension() == 2 and ag.numel(x) == 6 and ag.is_floating_point(x)
