"""Shapes, indices, gathering and joining against PyTorch: values, first and second gradients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
import nn.functional as F  # noqa: E402
from autograd.op import OPS  # noqa: E402

few = settings(max_examples=60, deadline=None)


class Ours:
    tensor, grad, lib = staticmethod(ag.tensor), staticmethod(ag.grad), ag
    pad = staticmethod(OPS["pad"].function)
    one_hot = staticmethod(OPS["one_hot"].function)


class Theirs:
    tensor, grad, lib = staticmethod(torch.tensor), staticmethod(torch.autograd.grad), torch
    pad = staticmethod(torch.nn.functional.pad)
    one_hot = staticmethod(torch.nn.functional.one_hot)


def agree(program, *shapes, seed=0):
    """Run ``program(side, *tensors)`` on both sides; compare its results and their gradients.

    The program's results, tensors or tuples of them, are squared before they are differentiated, so
    that the second derivatives are not all zero.
    """
    answers = []
    for side in (Ours, Theirs):
        rng = np.random.default_rng(seed)
        leaves = [side.tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]
        result = program(side, *leaves)
        outs = list(result) if isinstance(result, (tuple, list)) else [result]
        total = sum(
            (out * out * side.tensor(rng.normal(size=tuple(out.shape)))).sum() for out in outs
        )
        total = total + sum((leaf * leaf).sum() for leaf in leaves)  # so that it depends on each
        first = side.grad(total, leaves, create_graph=True)
        mixed = sum((g * side.tensor(rng.normal(size=tuple(g.shape)))).sum() for g in first)
        second = side.grad(mixed, leaves)
        answers.append([*outs, *first, *second])
    for mine, reference in zip(*answers, strict=True):
        mine, reference = mine.detach().numpy(), reference.detach().numpy()
        assert mine.shape == reference.shape
        np.testing.assert_allclose(mine, reference, rtol=1e-10, atol=1e-10)


def check(expression, *shapes):
    """`agree` for an expression in x, y, z (the leaves), F (the side) and lib."""
    code = compile(expression, expression, "eval")

    def program(side, *leaves):
        names = dict(zip("xyz", leaves, strict=False))

        def ints(*values):
            return side.tensor(list(values) if len(values) != 1 else values[0])

        return eval(code, {"F": side, "lib": side.lib, "i": ints, **names})

    agree(program, *shapes)


# -- shapes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "x.reshape(4, -1)", "x.reshape((-1,))", "x.view(2, 12)", "x.view(-1)", "x.flatten()",
        "x.flatten(1)", "x.flatten(-3, -2)", "x.unflatten(2, (2, -1))", "x.ravel()",
        "x.transpose(0, -1)", "x.swapaxes(0, 1)", "x.swapdims(-1, -2)", "x.permute(2, 0, 1)",
        "x.permute((-1, 0, 1))", "x.movedim(0, -1)", "x.movedim((0, 2), (1, 0))",
        "x.moveaxis(-1, 0)", "x.mT", "x.unsqueeze(0)", "x.unsqueeze(-1)", "x.unsqueeze(2)",
        "x.expand(5, -1, -1, 4)", "x.expand(2, 3, 4)", "x.repeat(1, 2, 1)",
        "x.repeat(2, 1, 1, 3)", "x.tile((2,))", "x.tile((2, 1, 1, 1))", "x.flip(0)",
        "x.flip((0, -1))", "x.flip([])", "x.roll(2)", "x.roll(-1, 1)", "x.roll((1, 2), (0, 2))",
        "lib.rot90(x)", "lib.rot90(x, -1, (1, 2))", "lib.rot90(x, 2, (0, 2))", "lib.fliplr(x)",
        "lib.flipud(x)", "x.tril()", "x.triu(1)", "x.tril(-1)", "x.diagonal()",
        "x.diagonal(1, 1, 2)", "x.diagonal(-1, -1, 0)", "lib.diag_embed(x)",
        "lib.diag_embed(x, 1, 0, 2)", "lib.diag_embed(x, -2)", "x.unfold(2, 2, 1)",
        "x.unfold(-1, 3, 2)", "x.unfold(0, 2, 1)", "x.repeat_interleave(2)",
        "x.repeat_interleave(3, 1)", "x.repeat_interleave(i(1, 0, 2), 1)", "x.squeeze()",
        "x.squeeze(1)", "x.clone()", "x.contiguous()", "x.mT.contiguous()",
        "x.permute(2, 0, 1).reshape(4, 6)", "x.mT.flatten()", "x.select(1, -1)",
        "x.narrow(2, 1, 2)", "x.narrow(-1, -2, 1)", "x.view_as(lib.zeros(6, 4))",
        "x.reshape_as(lib.zeros(6, 4))", "lib.atleast_3d(x)",
    ],
)  # fmt: skip
def test_shapes(expression):
    check(expression, (2, 3, 4))


@pytest.mark.parametrize(
    ("expression", "shape"),
    [
        ("x.reshape(1, 1)", ()), ("x.flatten()", ()), ("x.unsqueeze(0)", ()), ("x.squeeze()", ()),
        ("x.transpose(0, -1)", ()), ("x.expand(2, 3)", ()), ("x.t()", ()), ("x.ravel()", ()),
        ("lib.atleast_1d(x)", ()), ("lib.atleast_2d(x)", (3,)), ("lib.atleast_3d(x)", (3,)),
        ("lib.atleast_3d(x)", (3, 2)), ("x.t()", (3,)), ("x.t()", (2, 3)), ("x.T", (2, 3)),
        ("x.squeeze()", (1, 2, 1)), ("x.squeeze(0)", (1, 2, 1)), ("x.squeeze((0, 1))", (1, 2, 1)),
        ("x.squeeze(-1)", (1, 2, 1)), ("x.reshape(0, 5)", (0, 2)), ("x.flatten(0, 1)", (0, 2, 3)),
        ("x.expand(0, 3)", (1, 3)), ("x.expand(-1, 3)", (2, 1)), ("x.repeat(0, 2)", (2, 3)),
        ("x.repeat(2)", ()), ("x.flip(1)", (0, 2)), ("x.roll(1, 0)", (0, 2)), ("x.diag()", (3,)),
        ("x.diag(2)", (3,)), ("x.diag(-1)", (3, 4)), ("x.unfold(0, 2, 3)", (7,)),
        ("x.unfold(0, 1, 1)", (3, 2)), ("x.unsqueeze(1).expand(-1, 4, -1).flatten()", (2, 3)),
    ],
)  # fmt: skip
def test_edge_shapes(expression, shape):
    check(expression, shape)


@pytest.mark.parametrize(
    "expression",
    [
        "F.pad(x, (1, 2))", "F.pad(x, (1, -1, 0, 2))", "F.pad(x, (-1, -1))",
        "F.pad(x, (1, 1, 1, 1, 1, 1), value=2.5)", "F.pad(x, (0, 0, 2, 0))",
        "F.pad(x, (2, 3), mode='reflect')", "F.pad(x, (2, 1), 'replicate')",
        "F.pad(x, (4, 4), mode='circular')", "F.pad(x, (1, 2, 2, 1), mode='reflect')",
        "F.pad(x, (1, 2, 2, 1), mode='replicate')", "F.pad(x, (1, 2, 2, 1), mode='circular')",
    ],
)  # fmt: skip
def test_pad(expression):
    check(expression, (2, 3, 4))


# -- joining and cutting ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "lib.cat([x, y])", "lib.cat((x, y, x), dim=-2)", "lib.cat([x, lib.zeros(0)])",
        "lib.concat([x, y], 0)", "lib.concatenate([x, y])", "lib.vstack([x, y])",
        "lib.stack([x, x * 2])", "lib.stack([x, x], dim=-1)", "lib.hstack([x, x])",
        "lib.dstack([x, x])", "lib.column_stack([x, x])", "lib.block_diag(x, y)",
        "lib.broadcast_tensors(x.unsqueeze(1), y)", "x.split(1)", "y.split((1, 0, 3))",
        "y.split(3)", "x.split(2, dim=1)", "y.chunk(3)", "y.chunk(8)", "y.tensor_split(3)",
        "y.tensor_split((1, 3))", "x.unbind()", "x.unbind(-1)",
        "lib.meshgrid(x[0], y[0], indexing='ij')", "lib.meshgrid(x[0], y[0], indexing='xy')",
    ],
)  # fmt: skip
def test_joining(expression):
    check(expression, (2, 3), (4, 3))


def test_joining_promotes():
    for lib in (ag, torch):
        out = lib.cat([lib.ones(2), lib.ones(2, dtype=lib.float64), lib.arange(2)])
        assert str(out.dtype).endswith("float64")


def test_number_of_pieces():
    for length in range(7):
        for pieces in (1, 2, 3, 5):
            mine, reference = ag.arange(length), torch.arange(length)
            for name in ("chunk", "tensor_split", "split"):
                ours = [p.tolist() for p in getattr(mine, name)(pieces)]
                theirs = [p.tolist() for p in getattr(reference, name)(pieces)]
                assert ours == theirs, (name, length, pieces)


# -- indices ---------------------------------------------------------------------------------------

SHAPE = (3, 4, 2)


@st.composite
def indices(draw):
    """A random index into SHAPE, as a function of a side: every kind of part, in any order."""
    parts, axis, wide = [], 0, None
    ellipsis_at = draw(st.integers(0, 5))
    while axis < len(SHAPE):
        if axis == ellipsis_at:
            parts.append(...)
            ellipsis_at = None
            axis += draw(st.integers(0, len(SHAPE) - axis))
            continue
        n = SHAPE[axis]
        kind = draw(st.sampled_from(["int", "slice", "none", "array", "mask", "0-d", "bool"]))
        if kind == "int":
            parts.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            start, stop = (draw(st.none() | st.integers(-n - 1, n + 1)) for _ in range(2))
            parts.append(slice(start, stop, draw(st.none() | st.integers(1, 2))))
        elif kind == "none":
            parts.append(None)
        elif kind == "0-d":
            parts.append(np.array(draw(st.integers(-n, n - 1))))
        elif kind == "bool" and wide is None:
            parts.append(True)
        elif kind == "array" or (kind == "mask" and wide is not None):
            wide = wide or draw(st.sampled_from([2, 3]))
            shape = draw(st.sampled_from([(wide,), (1,), (2, wide), (1, wide)]))
            size = int(np.prod(shape))
            places = draw(st.lists(st.integers(-n, n - 1), min_size=size, max_size=size))
            parts.append(np.array(places).reshape(shape))
        elif kind == "mask":
            axes = draw(st.integers(1, len(SHAPE) - axis))
            size = int(np.prod(SHAPE[axis : axis + axes]))
            bits = np.array(draw(st.lists(st.booleans(), min_size=size, max_size=size)))
            wide = max(int(bits.sum()), 1)
            if bits.sum() == 0:
                bits[0] = True
            parts.append(bits.reshape(SHAPE[axis : axis + axes]))
            axis += axes - 1
        axis += kind not in ("none", "bool")
        if ellipsis_at is not None and draw(st.integers(0, 4)) == 0:
            break
    return tuple(parts)


def on(side, index):
    return tuple(side.tensor(p) if isinstance(p, np.ndarray) else p for p in index)


@given(indices())
@few
def test_reading(index):
    agree(lambda side, x: x[on(side, index)], SHAPE)


@given(indices(), st.sampled_from(["scalar", "one", "full", "leading"]))
@few
def test_writing(index, kind):
    places = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    taken = torch.tensor(places)[on(Theirs, index)].numpy()
    if len(np.unique(taken)) != taken.size:
        return  # PyTorch leaves open which of the values stays, and so does its gradient
    shape = {"one": (1,) * taken.ndim, "full": taken.shape, "leading": (1, *taken.shape)}

    def program(side, x, *value):
        y = x * 1
        y[on(side, index)] = value[0] if value else 3.0
        return y

    agree(program, SHAPE, *([shape[kind]] if kind in shape else []))


@pytest.mark.parametrize(
    "expression",
    [
        "x[...]", "x[()]", "x[-1]", "x[1:, ::2]", "x[None, :, None]", "x[i(2)]", "x[i(0, 2, 0)]",
        "x[[0, 2]]", "x[x > 0]", "x[:, x[0] > 0]", "x[0, :, [1, 0]]", "x[[0, 1], :, [1, 0]]",
        "x[:, [1, 0], [0, 1]]", "x[[[0], [1]], [[0, 1]]]", "x[True]", "x[:, None, [1, 2]]",
        "x[i([])] if False else x[[]]", "x[..., [0, 1]]", "x[:, [0, 1], ..., [0, 1]]",
        "x[1][2][0]", "x[1:][:, 1:][..., 0]", "x[i(0, 1)][:, i(2, 0)]",
    ],
)  # fmt: skip
def test_indices_by_hand(expression):
    check(expression, SHAPE)


def test_negative_steps_as_in_numpy():
    x = np.arange(24.0).reshape(SHAPE)
    t = ag.tensor(x, requires_grad=True)
    out = t[::-1, 1::-1]
    np.testing.assert_array_equal(out.detach().numpy(), x[::-1, 1::-1])
    (out * out).sum().backward()
    expected = np.zeros(SHAPE)
    expected[::-1, 1::-1] = 2 * x[::-1, 1::-1]
    np.testing.assert_array_equal(t.grad.numpy(), expected)


@pytest.mark.parametrize("index", [3, -4, (0, 4), [3], [0, -4], (slice(None), [4])])
def test_index_out_of_range(index):
    x = ag.zeros(SHAPE)
    with pytest.raises(IndexError, match=r"index -?\d is out of bounds .* size \d"):
        x[index]
    with pytest.raises(IndexError, match=r"index -?\d is out of bounds .* size \d"):
        x[index] = 1.0


def test_bad_indices():
    x = ag.zeros(SHAPE)
    for index in (0.5, "a", ag.tensor([0.5])):
        with pytest.raises((IndexError, TypeError, ValueError)):
            x[index]
    for index in ((0, 0, 0, 0), (..., ...), ag.tensor([True, False])):
        with pytest.raises(IndexError):
            x[index]


# -- gathering and scattering ----------------------------------------------------------------------

ROWS = "i([[0, 2, 1], [1, 1, 0]])"  # into an axis of length 3


@pytest.mark.parametrize(
    "expression",
    [
        f"x.gather(0, {ROWS})", "x.gather(1, i([[3], [0], [2]]))",
        "x.gather(-1, i([[1, 1, 0, 2, 1]]))", f"x.scatter_add(0, {ROWS}, y[:2, :3])",
        "x.scatter(0, i([[0, 2, 1], [1, 0, 0]]), y[:2, :3])",
        "x.scatter(1, i([[3], [0], [2]]), y[:, :1])", "x.scatter(1, i([[3], [0], [2]]), 5.0)",
        "x.index_select(0, i(2, 0, 2))", "x.index_select(-1, i([1]))",
        "x.index_select(1, i([]).long())", "x.index_select(0, i(1))",
        "x.index_add(0, i(2, 0, 2), y)", "x.index_add(0, i(2, 0, 2), y, alpha=0.5)",
        "x.index_add(-1, i(1, 1, 0, 2), y)", "x.index_copy(0, i(2, 0, 1), y)",
        "x.index_fill(1, i(2, 0, 2), 1.5)", "x.index_fill(1, i(2, 0, 2), y.sum())",
        "lib.take(x, i([[0, 5], [5, -1]]))", "lib.take_along_dim(x, i([[1], [0], [2]]), 1)",
        "lib.take_along_dim(x, i([[0, 2, 1, 0]]), dim=0)", "lib.take_along_dim(x, i(3, 0, 11))",
        "lib.masked_select(x, x > 0)", "x.masked_select(i(True, False, False, True))",
        "x.masked_scatter(y > 0, y)", "x.index_put((i(0, 2), i(1, 1)), y[0, :2])",
        "x.index_put((i(0, 0), i(1, 1)), y[0, :2], accumulate=True)",
        "x.index_put((i(0, 2),), y[1], True)", "x.index_put((y > 0,), y.sum())",
    ],
)  # fmt: skip
def test_gathering(expression):
    check(expression, (3, 4), (3, 4))


@pytest.mark.parametrize("name", ["scatter", "scatter_add"])
def test_source_larger_than_its_index(name):
    """The unused part of the source has gradient zero; PyTorch fails here."""
    x, y = ag.ones(3, 4, requires_grad=True), ag.ones(3, 4, requires_grad=True)
    index = ag.tensor([[2, 1], [0, 0]])
    (getattr(x, name)(0, index, y) * 2).sum().backward()
    expected = np.zeros((3, 4))
    expected[:2, :2] = 2
    np.testing.assert_array_equal(y.grad.numpy(), expected)


def test_the_last_of_several_values_for_one_place_stays_and_has_the_gradient():
    index = ag.tensor([1, 0, 1])
    writers = [
        lambda x, y: x.scatter(0, index, y), lambda x, y: x.index_copy(0, index, y),
        lambda x, y: x.index_put((index,), y),
    ]  # fmt: skip
    for write in writers:
        x, y = ag.zeros(3, requires_grad=True), ag.tensor([1.0, 2.0, 3.0], requires_grad=True)
        out = write(x, y)
        assert out.tolist() == [2.0, 3.0, 0.0]
        out.sum().backward()
        assert y.grad.tolist() == [0.0, 1.0, 1.0]
        assert x.grad.tolist() == [0.0, 0.0, 1.0]


@pytest.mark.parametrize(
    "statement",
    [
        "t.scatter_(0, i([[0, 2, 1, 0]]), y[:1])", "t.scatter_add_(0, i([[0, 2, 1, 0]]), y[:1])",
        "t.index_add_(0, i(1, 1, 0), y)", "t.index_copy_(0, i(1, 2, 0), y)",
        "t.index_fill_(0, i(1, 2), 3.0)", "t.index_put_((i(1, 2),), y[0])",
        "t.masked_scatter_(y > 0, y)", "t.tril_()", "t.triu_(1)", "t.fill_(y.sum())", "t.zero_()",
        "t.copy_(y[0])", "t[1:].copy_(y[1:])", "t.diagonal().fill_(2.0)", "t.mT[0].zero_()",
        "t.view(-1)[3:7].copy_(y[0])", "t.unsqueeze(1)[:, 0].copy_(y)",
        "t.addmm_(y, lib.ones(4, 4, dtype=y.dtype))",
    ],
)  # fmt: skip
def test_in_place(statement):
    def program(side, x, y):
        t = x * x
        names = {
            "t": t,
            "y": y,
            "lib": side.lib,
            "i": lambda *v: side.tensor(v[0] if len(v) == 1 else v),
        }
        eval(statement, names)
        return t + y * 0

    agree(program, (3, 4), (3, 4))


@pytest.mark.parametrize(
    "expression",
    [
        "x.gather(1, i([[4]]))", "x.gather(1, i([[-1]]))", "x.gather(0, i([0]))",
        "x.index_select(0, i([3]))", "x.index_select(0, i([-1]))", "x.index_select(2, i([0]))",
        "x.scatter_add(0, i([[3]]), x)", "x.index_add(0, i([0]), x)",
        "x.index_copy(0, i([0]), x)", "x.take(i([12]))", "x.select(0, 3)", "x.narrow(0, 2, 2)",
        "x.reshape(5)", "x.view(5)", "x.mT.view(-1)", "x.permute(0, 0)", "x.permute(0)",
        "x.transpose(0, 2)", "x.unsqueeze(4)", "x.expand(3, 5)", "x.expand(4)", "x.repeat(2)",
        "x.flip(2)", "x.flip((0, 0))", "x.split(-1)", "x.split((1, 1))", "x.unfold(0, 4, 1)",
        "x.unflatten(1, (3, 2))", "x.diagonal(0, 1, 1)", "lib.cat([x, x.mT])", "lib.cat([])",
        "lib.stack([x, x.mT])", "lib.stack([x, x], 4)", "F.pad(x, (1, 1, 1, 1, 1, 1))",
        "F.pad(x, (1,))", "F.pad(x[None], (4, 0), 'reflect')",
        "F.pad(x[None], (5, 0), 'circular')", "F.pad(x, (-5, 0))", "F.one_hot(i([3]), 3)",
        "F.one_hot(i([-1]))", "x.masked_select(x)", "x[i(5)]", "x.squeeze(2)", "x.chunk(0)",
        "x.index_put((i([0]),), lib.ones(7))", "x.to('cuda')", "x.movedim((0, 1), (0, 0))",
    ],
)  # fmt: skip
def test_what_pytorch_refuses(expression):
    for side in (Theirs, Ours):
        x = side.tensor(np.ones((3, 4)))
        names = {"F": side, "lib": side.lib, "x": x, "i": side.tensor}
        with pytest.raises((RuntimeError, ValueError, TypeError, IndexError, AssertionError)):
            eval(expression, names)


def test_places_of_what_is_not_zero():
    for shape in ((3, 4), (5,), (), (0, 2)):
        data = np.random.default_rng(0).integers(0, 2, shape)
        mine, reference = ag.tensor(data), torch.tensor(data)
        assert mine.nonzero().tolist() == reference.nonzero().tolist()
        assert ag.argwhere(mine).tolist() == torch.argwhere(reference).tolist()
        ours, theirs = mine.nonzero(as_tuple=True), reference.nonzero(as_tuple=True)
        assert [p.tolist() for p in ours] == [p.tolist() for p in theirs]


def test_one_hot():
    labels = np.array([[0, 2], [1, 0]])
    for classes in (-1, 3, 5):
        mine = Ours.one_hot(ag.tensor(labels), classes)
        reference = Theirs.one_hot(torch.tensor(labels), classes)
        assert mine.dtype == ag.int64
        np.testing.assert_array_equal(mine.numpy(), reference.numpy())


# -- dtypes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["half", "float", "double", "short", "int", "long", "bool"])
def test_conversions(name):
    data = np.array([0.0, 1.6, -2.5])
    mine, reference = getattr(ag.tensor(data), name)(), getattr(torch.tensor(data), name)()
    np.testing.assert_array_equal(mine.numpy(), reference.numpy())
    assert mine.dtype == reference.numpy().dtype


def test_forms_of_to():
    for side in (Ours, Theirs):
        lib = side.lib
        x = lib.ones(2, requires_grad=True)
        assert x.to(lib.float32) is x
        assert x.to("cpu") is x
        assert x.to(x) is x
        assert x.float() is x
        assert x.to(lib.float32, copy=True) is not x
        assert x.to(lib.float32, False, True) is not x
        for y in (
            x.to(lib.float64), x.to("cpu", lib.float64), x.to(dtype=lib.float64),
            x.to(lib.ones(1, dtype=lib.float64)), x.to(device="cpu", dtype=lib.float64),
            x.to("cpu", lib.float64, False, True), x.type(lib.float64), x.double(),
            x.type_as(lib.ones(1, dtype=lib.float64)), x.to(lib.float64, non_blocking=True),
        ):  # fmt: skip
            assert y.dtype == lib.float64
            assert y.requires_grad
            (g,) = side.grad(y.sum(), x)
            assert g.dtype == lib.float32
        assert not x.long().requires_grad


# -- memory ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        "x.reshape(4, 3)", "x.view(-1)", "x.mT.reshape(-1)", "x.flatten()", "x.mT.flatten()",
        "x.mT", "x.permute(1, 0)", "x.unsqueeze(0)", "x.squeeze()", "x.expand(2, 3, 4)", "x[1]",
        "x[1:, ::2]", "x[..., None]", "x[[1]]", "x[x > 0]", "x.diagonal()", "x.diag()",
        "x.clone()", "x.contiguous()", "x.flip(0)", "x.roll(0)", "x.repeat(1, 1)", "x.tril()",
        "x.unfold(0, 2, 1)", "x.chunk(2)[1]", "x.split(2)[1]", "x.unbind(1)[0]",
        "x.tensor_split(2)[0]", "x.select(0, 1)", "x.detach()", "x.narrow(0, 1, 1)",
        "x.index_select(0, i([1]))", "x.movedim(0, 1)", "x.unflatten(1, (2, 2))",
        "lib.atleast_3d(x)", "lib.broadcast_tensors(x, x)[0]", "x.view_as(x)", "x.expand_as(x)",
        "x.swapaxes(0, 1)", "x.T", "x.t()", "lib.rot90(x)", "lib.cat([x])",
        "lib.meshgrid(x[0], x[0], indexing='ij')[1]", "x.float()", "x.double()",
        "x.squeeze(0)[0]", "x.repeat_interleave(1)", "x.masked_select(x > 9)",
    ],
)  # fmt: skip
def test_what_shares_memory(expression):
    shared = []
    for side in (Ours, Theirs):
        x = side.tensor(np.arange(12.0).reshape(3, 4))
        out = eval(expression, {"lib": side.lib, "x": x, "i": side.tensor})
        if not out.numel():
            return
        x += 100
        shared.append(bool((out.detach().numpy() >= 100).all()))
    assert shared[0] == shared[1]


@pytest.mark.parametrize(
    "expression",
    ["x.T.clone()", "x.expand(2, 3, 4).clone()", "x.T.contiguous()", "x[:, ::2].clone()"],
)
def test_layout_of_copies(expression):
    x, y = ag.zeros(3, 4), torch.zeros(3, 4)
    mine, reference = eval(expression, {"x": x}), eval(expression, {"x": y})
    assert mine.is_contiguous() == reference.is_contiguous()


@pytest.mark.parametrize("order", ["", ".permute(0, 3, 1, 2)", "[:, :, ::2]"])
@pytest.mark.parametrize("name", ["channels_last", "contiguous_format", "preserve_format"])
@pytest.mark.parametrize(
    "call",
    [
        "to(memory_format=f)",
        "to(d, memory_format=f)",
        "clone(memory_format=f)",
        "float(memory_format=f)",
        "double(memory_format=f)",
        "contiguous(memory_format=f)",
    ],
)
def test_memory_formats(order, name, call):
    if (name, call[:10]) == ("preserve_format", "contiguous"):
        pytest.skip("PyTorch refuses what would do nothing")
    if order.startswith("[") and name == "contiguous_format" and call.startswith(("to(m", "float")):
        pytest.skip("there PyTorch leaves the gaps; here the result is contiguous")
    strides, formats = [], []
    for lib in (ag, torch):
        x = eval(f"x{order}", {"x": lib.zeros(2, 3, 4, 5)})
        y = eval(f"x.{call}", {"x": x, "f": getattr(lib, name), "d": lib.float64})
        strides.append((y.stride(), y is x))
        formats.append(y.is_contiguous(memory_format=lib.channels_last))
    assert strides[0] == strides[1]
    assert formats[0] == formats[1]


def test_memory_formats_have_gradients_and_limits():
    agree(lambda s, x: x.to(memory_format=s.lib.channels_last).exp(), (1, 2, 2, 3))
    for lib in (ag, torch):
        with pytest.raises(RuntimeError):
            lib.zeros(3, 4).contiguous(memory_format=lib.channels_last)
    with pytest.raises(ValueError, match="memory_format expected one of"):
        ag.zeros(1).clone(memory_format="rows_last")


def test_split_has_two_spellings():
    agree(lambda s, x: s.lib.split(tensor=x, split_size_or_sections=[1, 3]), (4, 2))
    agree(lambda s, x: x.split(split_size=3, dim=1), (2, 4))
    agree(lambda s, x: s.lib.unsafe_split(x, split_size=3), (4, 2))
    agree(lambda s, x: x.unsafe_split(1, dim=-1), (2, 3))
    agree(lambda s, x: x.unsafe_chunk(chunks=2, dim=1), (2, 3))


def test_gather_is_dense():
    index = [[0, 1], [1, 1]]
    agree(lambda s, x: s.lib.gather(x, 1, s.tensor(index), sparse_grad=False), (2, 3))
    with pytest.raises(NotImplementedError, match="sparse_grad=True"):
        ag.gather(ag.ones(2, 3), 1, ag.tensor(index), sparse_grad=True)


def test_convolution_with_time_first():
    agree(lambda s, x, w, b: s.lib.conv_tbc(x, w, b, 1), (5, 2, 3), (3, 3, 4), (4,))
    agree(lambda s, x, w, b: s.lib.conv_tbc(x, w, b), (4, 1, 2), (2, 2, 1), (1,))
    for lib in (ag, torch):
        with pytest.raises(RuntimeError):
            lib.conv_tbc(lib.ones(3, 2), lib.ones(1, 2, 1), lib.zeros(1))


@pytest.mark.filterwarnings("ignore:`nn.functional.upsample")
@pytest.mark.parametrize("name", ["upsample_nearest", "upsample_bilinear"])
def test_upsampling_by_earlier_names(name):
    functions = {ag: getattr(F, name), torch: getattr(torch.nn.functional, name)}
    agree(lambda s, x: functions[s.lib](x, scale_factor=2), (1, 2, 2, 3))
    agree(lambda s, x: functions[s.lib](x, size=(3, 5)), (1, 1, 2, 3))


def test_copies_through_dlpack():
    array = np.arange(3.0)
    for lib in (ag, torch):
        copied, shared = lib.from_dlpack(array, copy=True), lib.from_dlpack(array, copy=False)
        copied[0] = 9.0
        assert array[0] == 0.0
        assert shared.data_ptr() == array.ctypes.data
