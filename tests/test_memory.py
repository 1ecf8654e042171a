"""Memory: everything is freed by reference counting alone, and as early as possible."""

from __future__ import annotations

import gc
import tracemalloc
import weakref

import numpy as np
import pytest

import autograd as ag

MIB = 2**20


@pytest.fixture(autouse=True)
def no_collector():
    """The cyclic garbage collector may not help."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def traced():
    tracemalloc.start()
    yield
    tracemalloc.stop()


def big(requires_grad=True):
    """1 MiB."""
    return ag.ones(MIB // 4, requires_grad=requires_grad)


def test_dropping_the_result_frees_the_graph():
    x = ag.ones(10, requires_grad=True)
    hidden = (x * 2).exp()
    array, node = weakref.ref(hidden.array), weakref.ref(hidden.grad_fn)
    y = (hidden * hidden).sum()
    del hidden
    assert array() is not None
    del y
    assert array() is None and node() is None


def test_backward_frees_saved_arrays_while_the_result_is_held():
    x = ag.ones(10, requires_grad=True)
    hidden = x.exp()
    array = weakref.ref(hidden.array)
    y = (hidden * hidden).sum()
    del hidden
    y.backward()
    assert array() is None


def test_retain_graph_keeps_saved_arrays():
    x = ag.ones(10, requires_grad=True)
    hidden = x.exp()
    array = weakref.ref(hidden.array)
    y = (hidden * hidden).sum()
    del hidden
    y.backward(retain_graph=True)
    assert array() is not None
    y.backward()
    assert array() is None


def test_only_what_rules_ask_for_is_kept():
    x = ag.ones(10, requires_grad=True)
    hidden = x * 2
    array = weakref.ref(hidden.array)
    y = (hidden + 1).sum()  # neither addition nor sum needs a value
    del hidden
    assert array() is None
    assert y.requires_grad


def test_a_tensor_does_not_keep_its_users():
    x = ag.ones(10, requires_grad=True)
    y = x * 2
    array = weakref.ref(y.array)
    del y
    assert array() is None


def test_leaves_are_held_weakly():
    x = ag.ones(10, requires_grad=True)
    tensor = weakref.ref(x)
    y = (x + 1).sum()
    del x
    assert tensor() is None
    y.backward()  # the gradient has nowhere to go, and that is fine


def test_a_hook_goes_with_its_graph():
    x = ag.ones(10, requires_grad=True)

    class Hook:
        def __call__(self, g):
            return None

    hook = Hook()
    y = x * 2
    y.register_hook(hook)
    alive = weakref.ref(hook)
    del hook, y
    assert alive() is None


def test_no_cycle_after_grad_with_create_graph():
    x = ag.ones(10, requires_grad=True)
    hidden = x.exp()
    array = weakref.ref(hidden.array)
    y = (hidden * hidden).sum()
    del hidden
    (g,) = ag.grad(y, x, create_graph=True)
    node = weakref.ref(g.grad_fn)
    (gg,) = ag.grad(g.sum(), x, create_graph=True)
    assert array() is not None
    del y, g, gg
    assert array() is None and node() is None


def test_second_derivative_frees_the_graph_it_walked():
    x = ag.ones(10, requires_grad=True)
    hidden = x.exp()
    array = weakref.ref(hidden.array)
    y = (hidden * hidden).sum()
    del hidden
    (g,) = ag.grad(y, x, create_graph=True)
    del y
    total = g.sum()
    del g
    total.backward()
    assert array() is None


def test_training_steps_leave_no_garbage():
    w = ag.ones(5, 5, requires_grad=True)
    x = ag.ones(3, 5)
    for _ in range(3):
        loss = ((x @ w).tanh() ** 2).mean()
        loss.backward()
        w.grad = None
        with ag.no_grad():
            w -= 0.1
    del loss
    assert gc.collect() == 0


def test_views_and_writes_leave_no_garbage():
    x = ag.ones(4, 4, requires_grad=True)
    y = x * 1
    row = y[0]
    row.mul_(3)
    y[1:] = 0.0
    y.sum().backward()
    del y, row
    assert gc.collect() == 0


def test_an_error_in_backward_leaves_no_graph_behind():
    x = ag.ones(10, requires_grad=True)
    hidden = x.exp()
    array = weakref.ref(hidden.array)
    y = (hidden * 2).sum()
    del hidden

    def refuse(g):
        raise KeyError

    handle = x.register_hook(refuse)
    with pytest.raises(KeyError):
        y.backward()
    handle.remove()
    del y
    gc.collect()  # the traceback's frames
    assert array() is None


def test_backward_of_a_chain_needs_no_more_than_forward(traced):
    """Saved values go as gradients come: the peak is that of the forward plus a few buffers."""
    x = big()
    y = x
    for _ in range(30):
        y = y.exp().log()
    total = y.sum()
    del y
    forward, _ = tracemalloc.get_traced_memory()
    assert forward > 25 * MIB  # exp and log share the array between them
    tracemalloc.reset_peak()
    total.backward()
    after, peak = tracemalloc.get_traced_memory()
    assert peak < forward + 5 * MIB
    assert after < 4 * MIB


def test_no_grad_keeps_nothing(traced):
    x = big()
    before, _ = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    with ag.no_grad():
        y = x
        for _ in range(30):
            y = y.exp().log()
    _, peak = tracemalloc.get_traced_memory()
    assert peak < before + 4 * MIB


def test_fan_in_adds_into_one_buffer(traced):
    def fan_in(x, count):
        return sum((x * float(i)).sum() for i in range(count))

    fan_in(big(), 3).backward()  # loads the kernels, whose code is not what is measured here
    x = big()
    total = fan_in(x, 50)
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    total.backward()
    _, peak = tracemalloc.get_traced_memory()
    assert peak < before + 6 * MIB
    np.testing.assert_allclose(x.grad.array[0], sum(range(50)))


def test_gradient_arrays_are_adopted_not_copied(traced):
    x = big()
    y = (x * 2.0).sum()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    y.backward()
    after, peak = tracemalloc.get_traced_memory()
    assert after < before + 1.5 * MIB
    assert peak < before + 3.5 * MIB


def test_gradients_never_share_memory():
    def leaves():
        return [ag.ones(3, requires_grad=True) for _ in range(3)]

    seen = []
    a, b, c = leaves()
    seed = ag.ones(3)
    a.register_hook(seen.append)
    ((a + b) + c).backward(seed)
    d, e, f = leaves()
    ((d + e).reshape(3, 1).expand(3, 2).sum(1) + f).backward(seed, retain_graph=True)
    others = [seed.array, seen[0].array]
    for leaf in (a, b, c, d, e, f):
        assert leaf.grad.array.flags.writeable
        assert not any(np.shares_memory(leaf.grad.array, other) for other in others)
        others.append(leaf.grad.array)


def test_a_fresh_gradient_is_kept_not_copied():
    x = ag.ones(512, 512, requires_grad=True)
    loss = (x * 3.0).sum()
    tracemalloc.start()
    try:
        loss.backward()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert x.grad.array.base is None and x.grad.array[0, 0] == 3
    assert peak < 1.5 * x.nbytes, "the gradient was made once and copied once"


def test_a_gradient_lies_in_memory_as_its_tensor():
    image = ag.rand(2, 8, 16, 16).to(memory_format=ag.channels_last).requires_grad_()
    (image * image).sum().backward()
    assert image.grad.array.strides == image.array.strides
    matrix = ag.from_numpy(np.ones((4, 6)).T).requires_grad_()
    ag.mm(matrix, ag.ones(4, 3, dtype=ag.float64)).sum().backward()
    np.testing.assert_array_equal(matrix.grad.array, 3)
    plain = ag.ones(3, 4, requires_grad=True)
    (plain.T @ ag.ones(3, 2)).sum().backward()
    assert plain.grad.array.flags.c_contiguous
