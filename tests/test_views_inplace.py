"""Views share memory, in-place operations differentiate, and a value that is gone is an error.

Programs that write in place are compared with the same programs written without.
"""

from __future__ import annotations

import numpy as np
import pytest
from in_place import leaf, same

import autograd as ag
from autograd.errors import DtypeError, GraphError, ShapeError


def placed(x, region, part):
    """`x` with ``x[region]`` replaced by `part`, without writing: a mask chooses."""
    if not part.numel():
        return x
    mask = np.zeros(x.shape, bool)
    mask[region] = True
    whole = np.zeros(x.shape, int)
    whole[region] = np.arange(mask[region].size).reshape(mask[region].shape)
    return ag.where(ag.tensor(mask), part.reshape(-1)[ag.tensor(whole % part.numel())], x)


# -- in-place operations ---------------------------------------------------------------------------


def test_operators():
    def in_place(x, y):
        a = x * 1
        a += y
        a *= y
        a -= 3
        a *= x
        return a

    same(in_place, lambda x, y: ((x + y) * y - 3) * x, (2, 3), (3,))


def test_operands_that_are_the_target_itself():
    def in_place(x):
        a = x * 1
        a *= a
        a += a
        return a

    same(in_place, lambda x: 2 * x * x, (3,))


def test_unary_operations_keep_what_their_rules_need():
    def in_place(x):
        a = x * 1
        a.sin_().exp_()
        return a

    same(in_place, lambda x: x.sin().exp(), (3,))


def test_value_used_before_and_after():
    def in_place(x):
        a = x * 1
        before = a.sum()
        a *= 2
        return a * before

    same(in_place, lambda x: 2 * x * x.sum(), (3,))


def test_fill_zero_copy():
    def in_place(x, y):
        a, b, c = x * 1, x * 2, x * 3
        a.fill_(y.sum())
        b.zero_()
        c.copy_(y)
        return a + b + c

    same(in_place, lambda x, y: y.sum() + x * 0 + y, (2, 3), (3,))


def test_constant_becomes_part_of_the_graph():
    def in_place(x):
        buffer = ag.zeros(3, dtype=x.dtype)
        for i in range(3):
            buffer[i] = x[i] * i
        return buffer

    same(in_place, lambda x: x * ag.tensor([0.0, 1.0, 2.0], dtype=x.dtype), (3,))


def test_returns_the_tensor_itself():
    a = ag.ones(3)
    b = a
    a += 1
    assert a is b
    assert a.fill_(2) is a
    assert a.zero_() is a
    assert a.copy_(ag.ones(3)) is a


def test_shape_and_dtype_must_fit():
    a = ag.ones(3)
    with pytest.raises(ShapeError, match=r"add_ would change the shape \(3,\) into \(2, 3\)"):
        a += ag.ones(2, 3)
    with pytest.raises(DtypeError, match="float32 values into a int64 tensor"):
        ag.arange(3).add_(0.5)
    with pytest.raises(ShapeError, match=r"broadcasts to \(3,\), got shape \(2,\)"):
        a.copy_(ag.ones(2))
    with pytest.raises(ShapeError, match="number or a 0-d tensor"):
        a.fill_(ag.ones(3))
    with pytest.raises(ShapeError):
        a[:2] = ag.ones(3)
    assert a.tolist() == [1.0, 1.0, 1.0]


def test_a_wider_operand_does_not_widen_the_target():
    a = ag.ones(3, requires_grad=True) * 1
    a += ag.ones(3, dtype=ag.float64)
    assert a.dtype == ag.float32


def test_integers_written_in_place():
    a = ag.arange(4)
    a += 1
    a[1:] *= 2
    a[a > 5] = 0
    assert a.tolist() == [1, 4, 0, 0]


# -- through views ---------------------------------------------------------------------------------


VIEWS = {
    "item": (lambda x: x[1], np.s_[1]),
    "slice": (lambda x: x[:, 1:], np.s_[:, 1:]),
    "backwards": (lambda x: x[::-1, ::2], np.s_[::-1, ::2]),
    "of a view": (lambda x: x[1:][:, 1:][0], np.s_[1, 1:]),
    "transposed": (lambda x: x.T[2], np.s_[:, 2]),
    "permuted": (lambda x: x.permute(1, 0)[0], np.s_[:, 0]),
    "selected": (lambda x: x.select(1, -1), np.s_[:, -1]),
    "narrowed": (lambda x: x.narrow(0, 1, 1), np.s_[1:2]),
    "unsqueezed": (lambda x: x.unsqueeze(0)[0, 1], np.s_[1]),
    "squeezed": (lambda x: x[1:2].squeeze(0), np.s_[1]),
    "diagonal": (lambda x: x.diagonal(), (np.arange(3), np.arange(3))),
    "reshaped": (lambda x: x.reshape(4, 3)[2:], None),
    "viewed": (lambda x: x.view(-1)[5:], None),
    "flattened": (lambda x: x.flatten()[:7], None),
    "chunk": (lambda x: x.chunk(2, dim=1)[1], np.s_[:, 2:]),
    "unbound": (lambda x: x.unbind()[2], np.s_[2]),
    "windows": (lambda x: x.unfold(1, 2, 2)[:, 1], np.s_[:, 2:]),
    "0-d": (lambda x: x[1, 2], np.s_[1, 2]),
    "everything": (lambda x: x[...], np.s_[...]),
}


def region_of(name):
    if name == "reshaped":
        return np.unravel_index(np.arange(6, 12).reshape(2, 3), (3, 4))
    if name == "viewed":
        return np.unravel_index(np.arange(5, 12), (3, 4))
    if name == "flattened":
        return np.unravel_index(np.arange(7), (3, 4))
    return VIEWS[name][1]


@pytest.mark.parametrize("name", VIEWS)
def test_writing_through_a_view(name):
    view, region = VIEWS[name][0], region_of(name)

    def in_place(x, y):
        a = x * 1
        view(a).mul_(y[0, 0])
        return a

    same(in_place, lambda x, y: placed(x, region, view(x) * y[0, 0]), (3, 4), (3, 4))


@pytest.mark.parametrize("name", VIEWS)
def test_view_taken_before_the_write_to_its_base(name):
    view = VIEWS[name][0]

    def in_place(x):
        a = x * 1
        part = view(a)
        a *= x
        return part

    same(in_place, lambda x: view(x * x), (3, 4))


@pytest.mark.parametrize("name", VIEWS)
def test_view_taken_before_the_write_through_another(name):
    view = VIEWS[name][0]

    def in_place(x):
        a = x * 1
        part, other = view(a), a[:, 1]
        other *= x[:, 0]
        return part

    same(in_place, lambda x: view(placed(x, np.s_[:, 1], x[:, 1] * x[:, 0])), (3, 4))


def test_base_and_views_agree_after_writes():
    x = leaf(3, 4)
    a = x * 1
    rows, flat, corner = a[1:], a.view(-1), a[1:][:, 2:]
    rows *= 2
    flat[0] = 7.0
    corner.zero_()
    np.testing.assert_array_equal(rows.detach().numpy(), a.detach().numpy()[1:])
    np.testing.assert_array_equal(flat.detach().numpy(), a.detach().numpy().ravel())
    for part, of_base in ((rows, lambda b: b[1:]), (flat, lambda b: b.view(-1))):
        (mine,) = ag.grad((part * part).sum(), x, retain_graph=True)
        (expected,) = ag.grad((of_base(a) * of_base(a)).sum(), x, retain_graph=True)
        np.testing.assert_array_equal(mine.numpy(), expected.numpy())


def test_write_between_uses_of_a_view():
    def in_place(x):
        a = x * 1
        part = a[0]
        first = part.sum()  # of the old values
        a *= 3
        return part * first

    same(in_place, lambda x: 3 * x[0] * x[0].sum(), (2, 3))


def test_view_of_a_value_in_memory_order_of_its_own():
    def in_place(x):
        a = (x * 1).T.clone()  # the copy keeps the transposed strides
        a.T.view(-1)[2:5] *= x[0, 0]
        return a

    def pure(x):
        flat = x.reshape(-1)
        return placed(flat, np.s_[2:5], flat[2:5] * x[0, 0]).reshape(2, 3).T

    same(in_place, pure, (2, 3))


def test_overlapping_source_and_target():
    def in_place(x):
        a = x * 1
        a[1:] = a[:-1]
        return a

    same(in_place, lambda x: ag.cat([x[:1], x[:-1]]), (4, 2))


def test_expanded_views_cannot_be_written():
    a = ag.zeros(3, 1)
    for view in (a.expand(3, 4), a.expand(2, 3, 1)[0], ag.arange(4.0).unfold(0, 2, 1)):
        with pytest.raises(GraphError, match="share one place"):
            view.zero_()


def test_copies_are_not_views():
    a = ag.zeros(3, 4)
    for copy in (
        a[[0, 1]],
        a[a > 1],
        a.flip(0),
        a.T.reshape(-1),
        a.clone(),
        a.repeat(1, 1),
        a.tril(),
    ):
        copy += 1
    assert not a.numpy().any()


# -- brackets --------------------------------------------------------------------------------------


REGIONS = [
    np.s_[1], np.s_[-1, 2], np.s_[1:], np.s_[::2, ::-1], np.s_[..., 1], np.s_[...], np.s_[3:],
    np.s_[:, None, 1], np.s_[[0, 2]], np.s_[[2, 0], [1, 1]], np.s_[1:, [3, 0]], np.s_[[]],
    np.s_[:, [True, False, True, True]], np.s_[[[0], [2]], [[1, 3]]], np.eye(3, 4) > 0, np.s_[True],
]  # fmt: skip


@pytest.mark.parametrize("region", REGIONS, ids=str)
def test_assigning_a_tensor(region):
    shape = np.zeros((3, 4))[region].shape

    def in_place(x, y):
        a = x * 1
        a[region] = y
        return a

    same(in_place, lambda x, y: placed(x, region, y), (3, 4), shape)


@pytest.mark.parametrize("region", REGIONS, ids=str)
def test_assigning_a_number(region):
    def in_place(x):
        a = x * 1
        a[region] = 2.5
        return a

    same(in_place, lambda x: placed(x, region, ag.tensor([2.5], dtype=x.dtype)), (3, 4))


@pytest.mark.parametrize("region", REGIONS, ids=str)
def test_augmented_assignment(region):
    def in_place(x, y):
        a = x * 1
        a[region] *= y
        return a

    same(in_place, lambda x, y: placed(x, region, x[region] * y), (3, 4), ())


def test_assigning_broadcasts():
    def in_place(x, y):
        a = x * 1
        a[1:] = y
        a[:, [0, 2]] = y[:2]
        a[0] = y[None, None]  # axes of length one in front are dropped
        return a

    def pure(x, y):
        a = placed(x, np.s_[1:], ag.stack([y, y]))
        a = placed(a, np.s_[:, [0, 2]], y[:2].expand(3, 2))
        return placed(a, np.s_[0], y)

    same(in_place, pure, (3, 4), (4,))


def test_index_that_changes_after_its_use():
    rows = ag.tensor([0, 1])
    x = leaf(3)
    picked = x[rows]
    a = x * 1
    a[rows] = picked * 2
    rows += 1
    ag.backward(picked.sum() + a.sum())
    assert x.grad.tolist() == [3.0, 3.0, 1.0]


def test_repeated_places_in_an_assignment():
    x, y = leaf(3), leaf(3, seed=1)
    a = x * 1
    a[[1, 1, 0]] = y
    a.sum().backward()
    assert x.grad.tolist() == [0.0, 0.0, 1.0]
    assert y.grad.tolist() == [0.0, 1.0, 1.0]  # the last write to a place is the one that stays


def test_augmented_assignment_through_a_view_is_one_write():
    a = leaf(3) * 1
    a[1:] += 1
    assert a._version == 1


# -- leaves and modes ------------------------------------------------------------------------------


def test_leaves_are_not_written():
    x = leaf(3)
    for write in (
        lambda: x.add_(1), lambda: x.zero_(), lambda: x.copy_(ag.ones(3)),
        lambda: x.__setitem__(0, 1.0), lambda: x.__setitem__([0, 1], 1.0), lambda: x.__iadd__(1),
        lambda: x[1:].mul_(2), lambda: x.view(3, 1)[0].zero_(),
    ):  # fmt: skip
        with pytest.raises(GraphError, match="leaf tensor that requires grad"):
            write()
    np.testing.assert_array_equal(x.detach().numpy(), leaf(3).detach().numpy())


def test_leaves_are_written_without_recording():
    x = leaf(3)
    with ag.no_grad():
        x -= 1
        x[0] = 5.0
        x[1:].mul_(2)
        x[[1]] = 0.0
    assert x.is_leaf
    assert x.requires_grad
    assert x.detach().numpy()[:2].tolist() == [5.0, 0.0]
    (x * x).sum().backward()
    np.testing.assert_array_equal(x.grad.numpy(), 2 * x.detach().numpy())


def test_leaf_that_wants_no_gradient_joins_the_graph():
    x, a = leaf(3), ag.zeros(3, dtype=ag.float64)
    a += x
    assert not a.is_leaf
    a.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]


def test_views_made_without_recording():
    a = leaf(3) * 1
    with ag.no_grad():
        part = a[1:]
        part += 1
    assert not part.requires_grad
    with pytest.raises(GraphError, match="made under no_grad"):
        part += 1


def test_detached_views_share_memory_without_a_graph():
    x = leaf(3)
    a = x * 1
    a.detach()[0] = 7.0
    assert a[0].item() == 7.0
    a.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0, 1.0]
