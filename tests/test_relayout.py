"""Methods that give a tensor another shape in place, ``t_()`` and its like, and what sees them.

Programs that use them are compared with the same programs written without.
"""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from test_views_inplace import leaf, placed, same

import autograd as ag
from autograd.errors import GraphError, ShapeError

CALLS = {
    "squeeze_": ((2, 1, 3), lambda x: x.squeeze_(), lambda x: x.squeeze()),
    "squeeze_ one": ((1, 2, 1), lambda x: x.squeeze_(0), lambda x: x.squeeze(0)),
    "squeeze_ several": ((1, 2, 1), lambda x: x.squeeze_((0, 1, -1)), lambda x: x.squeeze()),
    "unsqueeze_": ((2, 3), lambda x: x.unsqueeze_(1), lambda x: x.unsqueeze(1)),
    "t_": ((2, 3), lambda x: x.t_(), lambda x: x.t()),
    "t_ of a vector": ((3,), lambda x: x.t_(), lambda x: x),
    "transpose_": ((2, 3, 4), lambda x: x.transpose_(0, -1), lambda x: x.transpose(0, -1)),
    "swapaxes_": ((2, 3, 4), lambda x: x.swapaxes_(0, 1), lambda x: x.swapaxes(0, 1)),
    "swapdims_": ((2, 3, 4), lambda x: x.swapdims_(1, 2), lambda x: x.swapdims(1, 2)),
    "several": ((2, 3), lambda x: x.t_().unsqueeze_(0).swapdims_(0, 2), lambda x: x[:, :, None]),
}


@pytest.mark.parametrize("name", CALLS)
def test_on_a_computed_value(name):
    shape, change, pure = CALLS[name]

    def in_place(x):
        a = x * 1
        assert change(a) is a
        return a * a

    same(in_place, lambda x: pure(x) * pure(x), shape)


@pytest.mark.parametrize("name", CALLS)
def test_on_a_view(name):
    shape, change, pure = CALLS[name]

    def in_place(x):
        a = x * 1
        part = a[1]
        change(part)
        part *= part  # reaches the base
        assert a.shape == (3, *shape)
        return ag.cat([a.reshape(-1), part.reshape(-1)])

    def without(x):
        squared = x[1] * x[1]
        whole = placed(x, np.s_[1], squared)
        return ag.cat([whole.reshape(-1), pure(squared).reshape(-1)])

    same(in_place, without, (3, *shape))


def test_written_afterwards():
    def in_place(x, y):
        a = x * 1
        a.t_()
        a += y
        a[0] *= 2
        return a

    def pure(x, y):
        b = x.T + y
        return placed(b, np.s_[0], b[0] * 2)

    same(in_place, pure, (2, 3), (2,))


def test_views_taken_before_look_at_the_same_elements():
    def in_place(x):
        a = x * 1
        row = a[0]
        a.t_()  # the first row is now the first column
        a[:, 0] *= 3
        row[1] = x[1, 1]
        a.unsqueeze_(0)
        a *= 2
        return ag.cat([row, a.reshape(-1)])

    def pure(x):
        b = placed(x, np.s_[0], 3 * x[0])
        b = 2 * placed(b, np.s_[0, 1], x[1, 1])
        return ag.cat([b[0], b.T.reshape(-1)])

    same(in_place, pure, (2, 3))


def test_views_taken_after_and_between():
    def in_place(x):
        a = x * 1
        a.unsqueeze_(0)
        between = a[0, 1]
        a.transpose_(1, 2)
        after = a[0, :, 1]
        after *= 2
        return ag.cat([between, after, a.reshape(-1)])

    def pure(x):
        b = placed(x, np.s_[1], 2 * x[1])
        return ag.cat([b[1], b[1], b.T.reshape(-1)])

    same(in_place, pure, (2, 3))


def test_constant_that_joins_the_graph_later():
    x = leaf(3)
    with ag.no_grad():
        buffer = ag.zeros(2, 3, dtype=x.dtype)
        part = buffer[0]
        buffer.t_()
    buffer[:, 1] = x
    (buffer * buffer).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy())
    assert part.tolist() == [0.0, 0.0, 0.0]


def test_saved_values_stay_valid():
    x = leaf(2, 3)
    a = x * 1
    out = (a * a).sum()
    a.t_()  # moves no element: nothing that was saved is stale
    out.backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy())
    assert a._version == 0


def test_leaves_refuse():
    x = leaf(2, 1)
    for change in (lambda: x.t_(), lambda: x.squeeze_(), lambda: x[0].unsqueeze_(0)):
        with pytest.raises(GraphError, match="leaf tensor that requires grad"):
            change()
    assert x.shape == (2, 1)
    with ag.no_grad():
        x.t_()
    assert x.is_leaf and x.requires_grad and x.shape == (1, 2)
    (x * x).sum().backward()
    assert x.grad.shape == (1, 2)


def test_refused_without_recording_where_a_node_would_lie():
    a = leaf(2, 2) * 1
    with ag.no_grad(), pytest.raises(GraphError, match=r"t_ under no_grad\(\)"):
        a.t_()
    with ag.no_grad():
        assert a.detach().t_().shape == (2, 2)


def test_errors_leave_the_tensor_alone():
    a = leaf(2, 3, 4) * 1
    node = a.grad_fn
    with pytest.raises(ShapeError, match="at most 2 axes"):
        a.t_()
    with pytest.raises(IndexError):
        a.transpose_(0, 3)
    assert a.shape == (2, 3, 4) and a.grad_fn is node


def test_retained_gradient_follows():
    x = leaf(2, 3)
    a = x * 1
    a.retain_grad()
    a.t_()
    a *= 2
    weights = ag.arange(6.0, dtype=ag.float64).reshape(3, 2)
    (a * weights).sum().backward()
    assert a.retains_grad
    np.testing.assert_array_equal(a.grad.numpy(), weights.numpy())


def test_retained_gradient_of_a_view_follows_writes():
    for through_base in (False, True):
        a = leaf(3) * 1
        part = a[1:]
        part.retain_grad()
        if through_base:
            a *= 3
        else:
            part *= 3
        (part * ag.tensor([5.0, 7.0], dtype=ag.float64)).sum().backward()
        assert part.grad.tolist() == [5.0, 7.0]  # of the new value, as in PyTorch


def test_detached_in_place():
    x = leaf(2, 3)
    a = x * 1
    a.t_().detach_()  # it is no view of another tensor
    assert not a.requires_grad
    a *= x.T
    a.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), x.detach().numpy())
    part = (x * 1)[0]
    with pytest.raises(GraphError, match="a view cannot be detached"):
        part.unsqueeze_(0).detach_()


def test_memory_returns_by_counting():
    gc.disable()
    try:
        a = leaf(2, 3) * 1
        a.t_()
        a *= 2
        memory = weakref.ref(a.array.base)
        del a
        assert memory() is None
    finally:
        gc.enable()
