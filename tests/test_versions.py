"""What in-place writes do to values a graph has kept, to intermediate gradients, and to memory."""

from __future__ import annotations

import gc
import re
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from in_place import few, leaf, same

import autograd as ag
from autograd.errors import GraphError
from autograd.versions import wrote

# -- versions and values that are gone -------------------------------------------------------------


def test_version_is_shared_by_all_that_look_at_the_memory():
    a = ag.zeros(3, 4)
    part, flat, constant = a[1:], a.view(-1), a.detach()
    assert a._version == 0
    part += 1
    flat[0] = 3.0
    constant.zero_()
    with ag.no_grad():
        a.add_(1)
    assert a._version == part._version == flat._version == constant._version == 4
    assert a.clone()._version == 0


def test_overwritten_value_names_both_operations_and_their_lines():
    x = leaf(3)
    a = x * 1
    b = a.exp()
    b *= 2
    with pytest.raises(GraphError) as error:
        b.sum().backward()
    message = str(error.value)
    assert re.search(
        r"float64 value of shape 3 .* saved by exp at .*test_versions\.py:\d+", message
    )
    assert re.search(r"overwritten by mul_ at .*test_versions\.py:\d+", message)
    saved, wrote = (int(n) for n in re.findall(r"versions\.py:(\d+)", message))
    assert wrote == saved + 1
    assert ".clone()" in message


@pytest.mark.parametrize(
    "write",
    [
        lambda a: a.add_(1), lambda a: a[0].zero_(), lambda a: a.__setitem__(0, 1.0),
        lambda a: a.detach().zero_(), lambda a: a.__setitem__([1], 1.0), lambda a: a.T.fill_(1.0),
        lambda a: a.view(-1)[3:].copy_(ag.zeros(1)), lambda a: a.tril_(),
    ],
)  # fmt: skip
def test_every_write_is_noticed(write):
    a = leaf(2, 2) * 1
    b = a * a
    write(a)
    with pytest.raises(GraphError, match="was overwritten by"):
        b.sum().backward()


def test_write_to_a_view_is_noticed_by_an_operation_on_its_base_and_the_other_way_round():
    a = leaf(2, 2) * 1
    b, c = a * a, a[0] * a[0]
    a[1] += 1
    for out in (b, c):
        with pytest.raises(GraphError, match="was overwritten by add_"):
            out.sum().backward()


def test_writing_what_no_rule_needs_is_fine():
    x = leaf(3)
    a = x * 1
    b = a + 2
    a.zero_()
    b += 1
    b.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_writing_after_backward_is_fine():
    x = leaf(3)
    a = x * 1
    (a * a).sum().backward()
    a.zero_()


def test_relu_in_place_takes_no_memory_and_keeps_the_tensors_own():
    x = leaf(3, seed=1)
    a = x * 1
    before = a.array
    a.relu_()
    assert a.array is before and a.grad_fn.saved[0] is before and a._version == 1
    a.mul_(2)  # what ReLU kept is copied now
    assert a.grad_fn.next_functions[0][0].saved[0] is not before
    a.relu_().add_(1)
    (a * a).sum().backward()
    assert x.grad.tolist() == [8 * v + 4 if v > 0 else 0 for v in x.tolist()]


def test_what_relu_kept_in_place_and_others_overwrote_is_noticed():
    a = leaf(3) * 1
    a.relu_()
    a.array[:] = 0
    wrote(a.array, "someone")
    with pytest.raises(GraphError, match=r"saved by relu .*overwritten by someone at"):
        a.sum().backward()


def test_saved_leaf_changed_under_no_grad_is_noticed():
    w, x = leaf(3), leaf(3, seed=1)
    out = (w * x).sum()
    with ag.no_grad():
        w -= 0.1
    with pytest.raises(GraphError, match=r"overwritten by sub_ at"):
        out.backward()


def test_numpy_writes_are_noticed_under_anomaly_detection():
    memory = np.ones(3)
    w = ag.from_numpy(memory)
    x = leaf(3)
    with ag.detect_anomaly():
        out = (w * x).sum()
        memory[0] = 5.0
        with pytest.raises(GraphError, match="NumPy array shares its memory"):
            out.backward()


def test_in_place_writes_pass_anomaly_detection():
    x = leaf(3)
    with ag.detect_anomaly():
        a = x * 1
        a *= a
        a[0] *= 3
        a.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 * x.detach().numpy() * [3, 1, 1])


# -- gradients of intermediate values --------------------------------------------------------------


def test_retained_gradient_follows_the_tensor():
    a = leaf(3) * 1
    a.retain_grad()
    a *= 2
    assert a.retains_grad
    (a * ag.tensor([1.0, 2.0, 3.0], dtype=ag.float64)).sum().backward()
    assert a.grad.tolist() == [1.0, 2.0, 3.0]


def test_retained_gradient_follows_a_base_written_through_its_view():
    a = leaf(3) * 1
    a.retain_grad()
    a[0] = 1.0
    a.sum().backward()
    assert a.grad.tolist() == [1.0, 1.0, 1.0]


def test_hook_set_before_a_write_sees_the_gradient_of_the_old_value():
    seen = []
    a = leaf(3) * 1
    a.register_hook(lambda g: seen.append(g.tolist()))
    a *= 2
    a.sum().backward()
    assert seen == [[2.0, 2.0, 2.0]]


# -- memory ----------------------------------------------------------------------------------------


def test_views_keep_their_base_and_nothing_keeps_views():
    gc.disable()
    try:
        a = leaf(3) * 1
        base, part = weakref.ref(a), a[1:]
        part += 1
        del a
        assert base() is not None
        view = weakref.ref(part)
        del part
        assert view() is None
        assert base() is None
    finally:
        gc.enable()


# -- random programs -------------------------------------------------------------------------------

ROWS, COLUMNS = 3, 4


class Written:
    """A matrix that programs write in place, through whatever views they have taken."""

    def __init__(self, x):
        self.views = [x * 1]

    def look(self, source, how):
        part = LOOKS[how](self.views[source % len(self.views)])
        if part is not None:
            self.views.append(part)

    def write(self, source, how, y):
        WRITES[how](self.views[source % len(self.views)], y)

    def read(self, source):
        return self.views[source % len(self.views)].sum()

    def result(self):
        return self.views[0]


class Functional:
    """The same without writing: each view is a list of places in one flat vector of values."""

    def __init__(self, x):
        self.values = x.reshape(-1) * 1
        self.views = [np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS)]

    def look(self, source, how):
        places = LOOKS[how](ag.from_numpy(self.views[source % len(self.views)]))
        if places is not None:
            self.views.append(places.numpy())

    def write(self, source, how, y):
        places = self.views[source % len(self.views)]
        old = self.values[ag.tensor(places)]
        new = PURE[how](old, y)
        every = np.zeros(self.values.shape, int)
        every[places] = np.arange(places.size).reshape(places.shape)
        mask = np.zeros(self.values.shape, bool)
        mask[places] = True
        self.values = ag.where(ag.tensor(mask), new.reshape(-1)[ag.tensor(every)], self.values)

    def read(self, source):
        return self.values[ag.tensor(self.views[source % len(self.views)])].sum()

    def result(self):
        return self.values.reshape(ROWS, COLUMNS)


def if_possible(view, fits):
    return lambda x: view(x) if fits(x) else None


LOOKS = [
    if_possible(lambda x: x[0], lambda x: x.ndim and x.shape[0]),
    if_possible(lambda x: x[1:], lambda x: x.ndim and x.shape[0] > 1),
    if_possible(lambda x: x[..., ::2], lambda x: x.ndim),
    if_possible(lambda x: x[..., ::-1], lambda x: x.ndim),
    if_possible(lambda x: x.transpose(0, -1), lambda x: x.ndim),
    if_possible(lambda x: x.unsqueeze(0), lambda x: x.ndim < 4),
    if_possible(lambda x: x.flatten(), lambda x: x.is_contiguous()),
    if_possible(lambda x: x.chunk(2)[-1], lambda x: x.ndim and x.shape[0]),
    if_possible(lambda x: x.diagonal(0, 0, -1), lambda x: x.ndim > 1),
    if_possible(lambda x: x.unfold(-1, 2, 2), lambda x: x.ndim and x.shape[-1] > 1),
]
WRITES = [
    lambda v, y: v.mul_(y[0]),
    lambda v, y: v.add_(v.clone() * y[1]),
    lambda v, y: v.mul_(v),
    lambda v, y: v.sin_(),
    lambda v, y: v.fill_(y[2]),
    lambda v, y: v.copy_(v.clone() * v.clone() + y[3]),
    lambda v, y: v.__setitem__(..., v.clone() * y[0]),
    lambda v, y: v.__setitem__(v > 0, y[1]),
    lambda v, y: v.zero_(),
]
PURE = [
    lambda v, y: v * y[0],
    lambda v, y: v + v * y[1],
    lambda v, y: v * v,
    lambda v, y: v.sin(),
    lambda v, y: v * 0 + y[2],
    lambda v, y: v * v + y[3],
    lambda v, y: v * y[0],
    lambda v, y: ag.where(v > 0, y[1], v),
    lambda v, y: v * 0,
]
number = st.integers(0, 50)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("look"), number, st.integers(0, len(LOOKS) - 1)),
        st.tuples(st.just("write"), number, st.integers(0, len(WRITES) - 1)),
        st.tuples(st.just("read"), number, st.just(0)),
    ),
    max_size=12,
)


def run(kind, program, x, y):
    state, total = kind(x), 0.0
    for what, source, how in program:
        if what == "look":
            state.look(source, how)
        elif what == "write":
            state.write(source, how, y)
        else:
            total = total + state.read(source)
    return state.result() + total


@given(steps)
@few
def test_random_programs_agree_with_their_functional_form(program):
    def of(kind):
        return lambda x, y: run(kind, program, x, y)

    same(of(Written), of(Functional), (ROWS, COLUMNS), (4,))
