"""Matrix products and Einstein sums against PyTorch: values, first and second gradients."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
from autograd.errors import DtypeError, ShapeError  # noqa: E402
from autograd.op import OPS  # noqa: E402

few = settings(max_examples=60, deadline=None)


def agree(ours, theirs, *shapes, **keywords):
    """Compare a function of both sides: its value, gradients, and gradients of the gradients."""
    answers = []
    for function, tensor, grad in (
        (ours, ag.tensor, ag.grad),
        (theirs, torch.tensor, torch.autograd.grad),
    ):
        rng = np.random.default_rng(0)
        leaves = [tensor(rng.normal(size=shape), requires_grad=True) for shape in shapes]
        out = function(*leaves, **keywords)
        cotangent = tensor(rng.normal(size=tuple(out.shape)), requires_grad=True)
        first = grad(out, leaves, cotangent, create_graph=True)
        mixed = sum((g * tensor(rng.normal(size=tuple(g.shape)))).sum() for g in first)
        second = grad(mixed, [*leaves, cotangent], allow_unused=True, materialize_grads=True)
        answers.append([out, *first, *second])
    for mine, reference in zip(*answers, strict=True):
        mine, reference = mine.detach().numpy(), reference.detach().numpy()
        assert mine.shape == reference.shape
        np.testing.assert_allclose(mine, reference, rtol=1e-10, atol=1e-10)


LEFT = [(3,), (2, 3), (1, 3), (4, 2, 3), (1, 2, 3), (5, 1, 2, 3), (0, 3), (0, 2, 3)]
RIGHT = [(3,), (3, 2), (3, 1), (4, 3, 2), (1, 3, 2), (1, 4, 3, 2), (3, 0)]


@pytest.mark.parametrize(("left", "right"), list(itertools.product(LEFT, RIGHT)))
def test_matmul(left, right):
    try:
        np.matmul(np.zeros(left), np.zeros(right))
    except ValueError:
        with pytest.raises(ShapeError):
            ag.matmul(ag.zeros(left), ag.zeros(right))
        return
    agree(ag.matmul, torch.matmul, left, right)


def test_matmul_of_nothing():
    agree(ag.matmul, torch.matmul, (2, 0), (0, 3))
    agree(ag.matmul, torch.matmul, (4, 2, 0), (0, 3))
    agree(ag.matmul, torch.matmul, (0,), (0,))


@pytest.mark.parametrize(
    ("left", "right"), [("x.mT", "y"), ("x[:, ::2]", "y[1:]"), ("x.expand(2, 3, 4)", "y")]
)
def test_matmul_of_views(left, right):
    def product(x, y):
        a, b = eval(left, {"x": x}), eval(right, {"y": y})
        return a @ b

    shapes = {"x.mT": ((4, 3), (4, 2)), "x[:, ::2]": ((3, 4), (3, 2))}.get(left, ((3, 4), (4, 2)))
    agree(product, product, *shapes)


@pytest.mark.parametrize(
    ("name", "shapes", "keywords"),
    [
        ("mm", [(2, 3), (3, 4)], {}), ("bmm", [(5, 2, 3), (5, 3, 4)], {}),
        ("mv", [(2, 3), (3,)], {}), ("dot", [(3,), (3,)], {}), ("vdot", [(3,), (3,)], {}),
        ("inner", [(2, 3), (4, 3)], {}), ("inner", [(), (3,)], {}), ("inner", [(3,), (3,)], {}),
        ("outer", [(2,), (3,)], {}), ("addmm", [(2, 4), (2, 3), (3, 4)], {}),
        ("addmm", [(4,), (2, 3), (3, 4)], {"beta": 0.5, "alpha": 2}),
        ("addmv", [(2,), (2, 3), (3,)], {"alpha": -1}),
        ("addr", [(2, 3), (2,), (3,)], {"beta": 2}),
        ("baddbmm", [(5, 2, 4), (5, 2, 3), (5, 3, 4)], {"beta": 0.5}),
        ("baddbmm", [(1, 4), (5, 2, 3), (5, 3, 4)], {}),
        ("tensordot", [(2, 3, 4), (3, 4, 5)], {}),
        ("tensordot", [(2, 3, 4), (4, 3, 5)], {"dims": ([1, 2], [1, 0])}),
        ("tensordot", [(2, 3), (4,)], {"dims": 0}),
        ("tensordot", [(2, 3, 4), (5, 4)], {"dims": ([-1], [1])}), ("trace", [(3, 4)], {}),
        ("trace", [(0, 4)], {}), ("kron", [(2, 3), (3, 2)], {}), ("kron", [(2,), (3, 2)], {}),
        ("kron", [(), (2, 2)], {}),
    ],
)  # fmt: skip
def test_named_products(name, shapes, keywords):
    agree(getattr(ag, name), getattr(torch, name), *shapes, **keywords)


@pytest.mark.parametrize(
    "shapes",
    [
        [(5, 3), (2, 3), (2,)], [(5, 3), (2, 3)], [(3,), (2, 3), (2,)], [(4, 5, 3), (2, 3), (2,)],
        [(0, 3), (2, 3), (2,)], [(5, 3), (3,)], [(3,), (3,)], [(5, 0), (2, 0), (2,)],
    ],
)  # fmt: skip
def test_linear(shapes):
    agree(OPS["linear"].function, torch.nn.functional.linear, *shapes)


def test_bilinear():
    theirs = torch.nn.functional.bilinear
    agree(OPS["bilinear"].function, theirs, (5, 3), (5, 2), (4, 3, 2), (4,))
    agree(OPS["bilinear"].function, theirs, (2, 5, 3), (2, 5, 2), (4, 3, 2))


# -- Einstein sums ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("equation", "shapes"),
    [
        ("ij,jk", [(2, 3), (3, 4)]), ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("ij,jk->ki", [(2, 3), (3, 4)]), ("ji", [(2, 3)]), ("ij->", [(2, 3)]),
        ("ij->j", [(2, 3)]), ("ii", [(3, 3)]), ("ii->i", [(3, 3)]), ("iij->ji", [(3, 3, 2)]),
        ("iii->i", [(2, 2, 2)]), ("iijj->ij", [(2, 2, 3, 3)]), ("ijij->ji", [(2, 3, 2, 3)]),
        ("i,i", [(3,), (3,)]), ("i,j", [(3,), (2,)]), ("i,j->ji", [(3,), (2,)]),
        ("i,i->i", [(3,), (3,)]), ("bij,bjk->bik", [(4, 2, 3), (4, 3, 2)]),
        ("bij,bkj->bik", [(4, 2, 3), (4, 5, 3)]),
        ("bhqd,bhkd->bhqk", [(2, 2, 3, 4), (2, 2, 5, 4)]),
        ("...ij,...jk->...ik", [(4, 2, 3), (3, 2)]), ("...i,...i->...", [(4, 2, 3), (3,)]),
        ("...ij->...ji", [(2, 3, 4)]), ("i...,i...->...", [(3, 2), (3, 4, 1)]), ("...", [(2, 3)]),
        ("...,...", [(2, 3), (3,)]), ("ij,kl->", [(2, 3), (2, 2)]),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (4, 2)]),
        ("ij,jk,kl,l->i", [(2, 3), (3, 4), (4, 2), (2,)]),
        ("ijk,j,k,i->", [(2, 3, 4), (3,), (4,), (2,)]), ("ab,bc,ca->", [(2, 3), (3, 4), (4, 2)]),
        ("ij,ij->ij", [(2, 3), (1, 3)]), ("ij,jk->ik", [(2, 1), (3, 4)]),
        ("iij,jk->ik", [(3, 3, 2), (2, 4)]), ("ij,jj->i", [(2, 3), (3, 3)]),
        (" i j , j k -> i k ", [(2, 3), (3, 4)]), ("ij,jk->ik", [(0, 3), (3, 4)]),
        ("ij,jk->ik", [(2, 0), (0, 4)]), (",i->i", [(), (3,)]), ("->", [()]),
        ("Ab,bA->A", [(2, 3), (3, 2)]), ("bn,anm,bm->ba", [(2, 3), (4, 3, 5), (2, 5)]),
        ("ii,ij->j", [(3, 3), (3, 2)]),
    ],
)  # fmt: skip
def test_einsum(equation, shapes):
    def ours(*operands):
        return ag.einsum(equation, *operands)

    def theirs(*operands):
        return torch.einsum(equation, *operands)

    agree(ours, theirs, *shapes)


@st.composite
def equations(draw):
    """A random equation of one to three operands, with repeated letters, and shapes for it."""
    letters = "abcd"
    lengths = {c: draw(st.integers(1, 3)) for c in letters}
    count = draw(st.integers(1, 3))
    terms = [draw(st.text(letters, min_size=0, max_size=3)) for _ in range(count)]
    used = sorted(set("".join(terms)))
    output = "".join(draw(st.permutations(used))[: draw(st.integers(0, len(used)))])
    shapes = [tuple(lengths[c] for c in term) for term in terms]
    return f"{','.join(terms)}->{output}", shapes


@given(equations())
@few
def test_random_equations(drawn):
    equation, shapes = drawn
    agree(
        lambda *operands: ag.einsum(equation, *operands),
        lambda *operands: torch.einsum(equation, *operands),
        *shapes,
    )


def test_other_spellings_of_einsum():
    x, y = ag.ones(2, 3), ag.ones(3, 4)
    expected = ag.einsum("ij,jk->ik", x, y)
    for out in (
        ag.einsum("ij,jk->ik", [x, y]),
        ag.einsum(x, [0, 1], y, [1, 2], [0, 2]),
        ag.einsum(x, [0, 1], y, [1, 2]),
        ag.einsum(x, [..., 1], y, [1, 2], [..., 2]),
        np.einsum("ij,jk->ik", x, y),
    ):
        np.testing.assert_array_equal(out.numpy(), expected.numpy())


@pytest.mark.parametrize(
    ("equation", "message"),
    [
        ("ij,jk->ik", "expected 2 operands, got 1"), ("ijk->i", "names 3 axes"),
        ("i->i", "names 1 axes"), ("ij->k", "no operand has 'k'"), ("ij->ii", "more than once"),
        ("i1->i", "expected letters"), ("i....j->i", "expected letters"),
        ("ii->i", "lengths 2 and 3"),
    ],
)  # fmt: skip
def test_bad_equations(equation, message):
    with pytest.raises(ShapeError, match=message):
        ag.einsum(equation, ag.ones(2, 3))


# -- dtypes and refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_products_keep_their_dtype(dtype):
    x = ag.ones(2, 3, dtype=dtype, requires_grad=True)
    y = ag.ones(3, 2, dtype=dtype, requires_grad=True)
    for out in (
        x @ y,
        ag.einsum("ij,jk->ik", x, y),
        OPS["linear"].function(x, y.mT),
        ag.addmm(x @ y, x, y),
    ):
        assert out.dtype == np.dtype(dtype)
        assert all(g.dtype == np.dtype(dtype) for g in ag.grad(out.sum(), (x, y)))


def test_products_of_integers():
    a, b = np.arange(6).reshape(2, 3), np.arange(6).reshape(3, 2)
    out = ag.tensor(a) @ ag.tensor(b)
    assert out.dtype == ag.int64
    np.testing.assert_array_equal(out.numpy(), a @ b)
    assert ag.einsum("ij,jk->ik", ag.tensor(a), ag.tensor(b)).dtype == ag.int64


def test_mixed_dtypes_are_refused():
    x, y = ag.ones(2, 2), ag.ones(2, 2, dtype=ag.float64)
    for product in (
        ag.matmul,
        ag.mm,
        OPS["linear"].function,
        lambda a, b: ag.einsum("ij,jk", a, b),
    ):
        with pytest.raises(DtypeError, match=r"one dtype.*\.to\(dtype\)"):
            product(x, y)


@pytest.mark.parametrize(
    ("name", "shapes"),
    [
        ("mm", [(2, 3), (2, 3)]), ("mm", [(3,), (3, 2)]), ("bmm", [(2, 2, 3), (3, 3, 2)]),
        ("bmm", [(2, 3), (3, 2)]), ("mv", [(2, 3), (2,)]), ("dot", [(3,), (2,)]),
        ("dot", [(1, 3), (3,)]), ("outer", [(1, 2), (2,)]), ("matmul", [(), (2,)]),
        ("matmul", [(2, 3), (2, 3)]), ("trace", [(3,)]), ("trace", [(1, 2, 2)]),
        ("addmm", [(3, 3), (2, 3), (3, 4)]), ("tensordot", [(2, 3), (3, 3)]), ("kron", [(2,)]),
    ],
)  # fmt: skip
def test_what_pytorch_refuses(name, shapes):
    for lib in (torch, ag):
        with pytest.raises((RuntimeError, TypeError, ValueError)):
            getattr(lib, name)(*[lib.ones(shape) for shape in shapes])


def test_linear_says_what_it_expected():
    with pytest.raises(
        ShapeError, match=r"linear\(.*expected input of shape \(\.\.\., 3\).*got \(5, 4\)"
    ):
        OPS["linear"].function(ag.ones(5, 4), ag.ones(2, 3))
    with pytest.raises(ShapeError, match=r"bias of shape \(2,\), got \(3,\)"):
        OPS["linear"].function(ag.ones(5, 3), ag.ones(2, 3), ag.ones(3))


def test_beta_of_zero_ignores_the_input():
    nothing = ag.full((2, 2), float("nan"))
    out = ag.addmm(nothing, ag.ones(2, 3), ag.ones(3, 2), beta=0)
    assert out.tolist() == [[3.0, 3.0], [3.0, 3.0]]


@pytest.mark.parametrize(
    "expression",
    [
        "np.matmul(x, y)", "np.dot(x, y)", "np.inner(x, x)", "np.outer(x, y)",
        "np.tensordot(x, y, axes=1)", "np.trace(x @ y)", "np.kron(x, y)",
        "np.einsum('ij,jk', x, y)", "np.dot(x[0], y)", "np.dot(2.0, x)", "np.vdot(x[0], x[0])",
        "np.swapaxes(x, 0, 1)", "np.transpose(x)", "np.moveaxis(x, 0, 1)",
        "np.reshape(x, (3, 2))", "np.concatenate([x, x], axis=1)", "np.stack([x, x], axis=-1)",
        "np.flip(x)", "np.expand_dims(x, (0, -1))", "np.squeeze(x)",
        "np.broadcast_to(x, (4, 2, 3))", "np.roll(x, 1, axis=1)", "np.tile(x, 2)",
        "np.repeat(x, 2, axis=0)", "np.tril(x, k=-1)", "np.diagonal(x)", "np.diag(x[0])",
        "np.take(x, [0, 2], axis=1)", "np.ravel(x)", "np.rot90(x)", "np.split(x, 2)[1]",
        "np.hstack([x, x])", "np.meshgrid(x[0], x[1])[0]", "np.atleast_1d(x)",
        "np.array_split(x, 2)[0]", "np.copy(x)",
        "np.take_along_axis(x, np.array([[0], [1]]), axis=1)", "np.vstack([x, x])",
        "np.fliplr(x)",
    ],
)  # fmt: skip
def test_numpy_functions_on_tensors(expression):
    a, b = (
        np.random.default_rng(0).normal(size=(2, 3)),
        np.random.default_rng(1).normal(size=(3, 2)),
    )
    x, y = ag.tensor(a, requires_grad=True), ag.tensor(b, requires_grad=True)
    out = eval(expression, {"np": np, "x": x, "y": y})
    assert out.requires_grad
    np.testing.assert_allclose(
        out.detach().numpy(), eval(expression, {"np": np, "x": a, "y": b}), atol=1e-12
    )
