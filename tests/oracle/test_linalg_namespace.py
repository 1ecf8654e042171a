"""`autograd.linalg` against PyTorch: values, first and second gradients, refusals.

Factors that are determined only up to signs are compared through functions that do not see them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
from autograd.errors import ArgumentError, LinAlgError, ShapeError  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*(deprecated|left for JIT):UserWarning")

LIBRARIES = (
    (ag, ag.tensor, ag.grad),
    (torch, torch.tensor, torch.autograd.grad),
)


def agree(function, *inputs, second=True, tolerance=1e-9):
    """Compare ``function(library, *leaves)`` on both sides: value, gradients, their gradients."""
    answers = []
    for library, tensor, grad in LIBRARIES:
        rng = np.random.default_rng(0)
        leaves = [tensor(x, requires_grad=True) for x in inputs]
        outs = function(library, *leaves)
        outs = outs if isinstance(outs, (tuple, list)) else (outs,)
        total = sum((out * tensor(rng.normal(size=tuple(out.shape)))).sum() for out in outs)
        first = grad(total, leaves, create_graph=second, allow_unused=True, materialize_grads=True)
        found = [*outs, *first]
        if second:
            mixed = sum((g * tensor(rng.normal(size=tuple(g.shape)))).sum() for g in first)
            if mixed.requires_grad:
                found += grad(mixed, leaves, allow_unused=True, materialize_grads=True)
            else:  # a constant gradient
                found += [x * 0 for x in leaves]
        answers.append([array(x) for x in found])
    for mine, reference in zip(*answers, strict=True):
        assert mine.shape == reference.shape
        assert mine.dtype == reference.dtype
        np.testing.assert_allclose(mine, reference, rtol=tolerance, atol=tolerance)


def array(x):
    return x.detach().numpy(force=True) if isinstance(x, torch.Tensor) else x.detach().numpy()


def random(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


def well(*shape, seed=1):
    """Square matrices far from singular, their singular values apart."""
    return random(*shape, seed=seed) + 3 * np.diag(np.arange(1.0, shape[-1] + 1))


def symmetric(x):
    return (x + x.mT) / 2


def definite(*shape):
    x = well(*shape)
    return x @ x.swapaxes(-1, -2)


SQUARES = [(3, 3), (2, 3, 3), (2, 1, 2, 2), (1, 1), (0, 0), (0, 2, 2)]


@pytest.mark.parametrize("shape", SQUARES)
@pytest.mark.parametrize(
    "function",
    [
        lambda lib, x: lib.linalg.inv(x), lambda lib, x: lib.inverse(x), lambda lib, x: x.inverse(),
        lambda lib, x: lib.linalg.det(x), lambda lib, x: x.det(), lambda lib, x: lib.logdet(x),
        lambda lib, x: lib.linalg.slogdet(x)[1], lambda lib, x: x.slogdet().logabsdet,
        lambda lib, x: lib.slogdet(x).sign.detach() * x.sum(), lambda lib, x: x.pinverse(),
        lambda lib, x: lib.linalg.matrix_exp(x / 4), lambda lib, x: lib.linalg.matrix_exp(x),
        lambda lib, x: lib.linalg.matrix_power(x, 3), lambda lib, x: x.matrix_power(-2),
        lambda lib, x: lib.matrix_power(x, 0) + x, lambda lib, x: x.matrix_power(1),
    ],
)  # fmt: skip
def test_functions_of_square_matrices(function, shape):
    agree(function, well(*shape))


@pytest.mark.parametrize("shape", [(3, 2), (2, 3), (2, 3, 2), (0, 2), (2, 0), (3, 1)])
def test_pseudoinverse(shape):
    agree(lambda lib, x: lib.linalg.pinv(x), random(*shape))
    agree(lambda lib, x: lib.linalg.pinv(x, atol=0.1), random(*shape))
    agree(lambda lib, x: lib.linalg.pinv(x, rtol=0.5), random(*shape), second=False)


def test_pseudoinverse_of_symmetric_matrices():
    agree(lambda lib, x: lib.linalg.pinv(symmetric(x), hermitian=True), well(3, 3))


def test_determinant_of_singular_matrices():
    """The gradient is the cofactors, where PyTorch multiplies the determinant, 0, by an inverse."""
    rank_one = np.outer([1.0, 2.0, 3.0], [1.0, -1.0, 2.0])
    rank_two = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [5.0, 7.0, 9.0]])
    for matrix in (rank_two, rank_one):
        x = ag.tensor(matrix, requires_grad=True)
        ag.det(x).backward()
        minors = [
            [
                (-1) ** (i + j) * np.linalg.det(np.delete(np.delete(matrix, i, 0), j, 1))
                for j in range(3)
            ]
            for i in range(3)
        ]
        np.testing.assert_allclose(x.grad.numpy(), minors, atol=1e-12)


@pytest.mark.parametrize(
    ("a", "b"),
    [((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (2, 3)), ((2, 3, 3), (3, 1)), ((1, 1), (1,)),
     ((4, 1, 2, 2), (3, 2, 1)), ((0, 0), (0, 2)), ((2, 2), (2, 0)), ((0, 2, 2), (0, 2, 1))],
)  # fmt: skip
def test_solve(a, b):
    agree(lambda lib, A, B: lib.linalg.solve(A, B), well(*a), random(*b, seed=2))


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("unit", [True, False])
def test_solve_triangular(upper, unit):
    keywords = {"upper": upper, "unitriangular": unit}
    for a, b in (((3, 3), (3, 2)), ((2, 3, 3), (3, 1)), ((1, 1), (1, 4)), ((0, 0), (0, 1))):
        agree(
            lambda lib, A, B: lib.linalg.solve_triangular(A, B, **keywords),
            well(*a), random(*b, seed=2),
        )  # fmt: skip
    agree(
        lambda lib, A, B: lib.linalg.solve_triangular(A, B, left=False, **keywords),
        well(3, 3), random(2, 3),
    )  # fmt: skip
    for transpose in (True, False):
        agree(
            lambda lib, B, A: lib.triangular_solve(B, A, upper, transpose, unit).solution,  # noqa: B023
            random(3, 2), well(3, 3),
        )  # fmt: skip
    agree(lambda lib, A, B: lib.linalg.solve(A, B, left=False), well(3, 3), random(2, 3))


@pytest.mark.parametrize("upper", [True, False])
@pytest.mark.parametrize("shape", SQUARES)
def test_cholesky(shape, upper):
    agree(lambda lib, x: lib.cholesky(x, upper=upper), definite(*shape))
    agree(lambda lib, x: lib.linalg.cholesky(symmetric(x), upper=upper), definite(*shape))
    if math.prod(shape):
        triangular = np.triu(well(*shape)) if upper else np.tril(well(*shape))
        agree(lambda lib, x: lib.cholesky_inverse(x, upper=upper), triangular)
        right = random(*shape[:-1], 2)
        agree(lambda lib, b, x: lib.cholesky_solve(b, x, upper=upper), right, triangular)


def test_one_triangle_is_read():
    matrix = definite(3, 3)
    for upper, half in ((False, np.tril(matrix)), (True, np.triu(matrix))):
        agree(lambda lib, x: lib.linalg.cholesky(x, upper=upper), half, second=False)  # noqa: B023
        agree(lambda lib, x: lib.linalg.eigvalsh(x, "LU"[upper]), half, second=False)  # noqa: B023


@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 3), (1, 1)])
def test_qr(shape):
    agree(lambda lib, x: lib.linalg.qr(x), random(*shape))
    agree(lambda lib, x: lib.qr(x).R, random(*shape))
    if shape[-2] <= shape[-1]:
        agree(lambda lib, x: lib.linalg.qr(x, mode="complete"), random(*shape))
        agree(lambda lib, x: lib.qr(x, some=False), random(*shape))


def test_qr_modes_without_derivative():
    x = random(4, 2)
    for mode in ("complete", "r"):
        ours, theirs = ag.linalg.qr(ag.tensor(x), mode), torch.linalg.qr(torch.tensor(x), mode)
        for mine, reference in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine.numpy(), reference.numpy(), atol=1e-12)
        leaf = ag.tensor(x, requires_grad=True)
        with pytest.raises(ArgumentError, match="mode"):
            ag.linalg.qr(leaf, mode).R.sum().backward()


RECTANGLES = [(3, 3), (4, 2), (2, 4), (2, 3, 2), (2, 2, 3), (1, 1), (0, 2), (2, 0), (0, 3, 2)]


@pytest.mark.parametrize("shape", RECTANGLES)
@pytest.mark.parametrize(
    "function",
    [
        lambda lib, x: lib.linalg.svdvals(x),
        lambda lib, x: lib.linalg.svd(x, full_matrices=False).S,
        lambda lib, x: lib.svd(x).S,
        lambda lib, x: lib.svd(x, compute_uv=False).S,
        lambda lib, x: _spectral(*lib.linalg.svd(x, full_matrices=False)),
        lambda lib, x: _spectral(lib.svd(x).U, lib.svd(x).S, lib.svd(x).V.mT),
        lambda lib, x: lib.linalg.svd(x, full_matrices=False).U ** 2,
        lambda lib, x: lib.linalg.svd(x, full_matrices=False).Vh ** 4,
    ],
)
def test_svd(function, shape):
    agree(function, random(*shape))


def _spectral(u, s, vh):
    """A function of a matrix through its singular values; u and vh may turn together."""
    return (u * (s**3 + 1)[..., None, :]) @ vh


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3)])
def test_full_svd(shape):
    def function(lib, x):
        u, s, vh = lib.linalg.svd(x)
        k = s.shape[-1]
        return _spectral(u[..., :k], s, vh[..., :k, :])

    agree(function, random(*shape))
    u, s, vh = ag.linalg.svd(ag.tensor(random(*shape)))
    assert u.shape == (shape[0],) * 2 and vh.shape == (shape[1],) * 2
    np.testing.assert_allclose((u[:, : len(s)] * s @ vh[: len(s)]).numpy(), random(*shape))


@pytest.mark.parametrize("shape", SQUARES)
@pytest.mark.parametrize("uplo", ["L", "U"])
def test_eigh(shape, uplo):
    agree(lambda lib, x: lib.linalg.eigvalsh(x, uplo), definite(*shape))
    agree(lambda lib, x: lib.linalg.eigh(symmetric(x), uplo).eigenvalues, definite(*shape))
    agree(lambda lib, x: lib.linalg.eigh(symmetric(x), uplo).eigenvectors ** 2, definite(*shape))

    def logarithm(lib, x):
        values, vectors = lib.linalg.eigh(symmetric(x), UPLO=uplo)
        return (vectors * values.log()[..., None, :]) @ vectors.mT

    agree(logarithm, definite(*shape))


# -- norms -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ord", ["fro", "nuc", math.inf, -math.inf, 1, -1, 2, -2])
@pytest.mark.parametrize("keepdim", [True, False])
def test_matrix_norm(ord, keepdim):
    for shape, dim in (
        ((3, 3), (-2, -1)), ((2, 3, 4), (-2, -1)), ((2, 3, 4), (0, 2)), ((2, 3, 4), (2, 1)),
        ((1, 1), (0, 1)), ((0, 2, 3), (-2, -1)),
    ):  # fmt: skip
        x = random(*shape)
        agree(lambda lib, x: lib.linalg.matrix_norm(x, ord, dim, keepdim), x)  # noqa: B023
        agree(lambda lib, x: lib.linalg.norm(x, ord, dim, keepdim), x)  # noqa: B023
    agree(lambda lib, x: lib.linalg.norm(x, ord, keepdim=keepdim), random(3, 4))


@pytest.mark.parametrize("ord", [2, 1, 3, 0.5, 0, math.inf, -math.inf, -1, 2.5])
@pytest.mark.parametrize("keepdim", [True, False])
def test_vector_norm(ord, keepdim):
    for shape, dim in (((3,), None), ((2, 3), None), ((2, 3), 0), ((2, 3, 4), (0, -1)), ((), None)):
        x = random(*shape)
        agree(lambda lib, x: lib.linalg.vector_norm(x, ord, dim, keepdim), x)  # noqa: B023
        if dim is not None and isinstance(dim, int):
            agree(lambda lib, x: lib.linalg.norm(x, ord, dim, keepdim), x)  # noqa: B023
    agree(lambda lib, x: lib.linalg.norm(x, ord), random(4))


def test_norm_without_order():
    for shape in ((3,), (2, 3), (2, 3, 4), ()):
        agree(lambda lib, x: lib.linalg.norm(x), random(*shape))
        agree(lambda lib, x: lib.linalg.norm(x, keepdim=True), random(*shape))
    agree(lambda lib, x: lib.linalg.norm(x, dim=(0, 2)), random(2, 3, 4))
    agree(lambda lib, x: lib.nuclear_norm(x), random(2, 3))


@pytest.mark.parametrize("p", [None, 2, -2, "fro", "nuc", math.inf, -math.inf, 1, -1])
def test_condition(p):
    def condition(lib, x):
        if lib is torch and p not in (None, 2, -2):  # whose gradient raises an error for these
            norm = lib.linalg.matrix_norm
            return norm(x, p) * norm(lib.linalg.inv(x), p)
        return lib.linalg.cond(x, p)

    for shape in ((3, 3), (2, 3, 3), (1, 1)):
        agree(condition, well(*shape))
    if p in (None, 2, -2):
        agree(lambda lib, x: lib.linalg.cond(x, p), random(4, 2))


def test_rank():
    matrix = np.stack([np.diag([1.0, 0.0, 1e-3]), np.diag([1.0, -2.0, 3.0]), np.zeros((3, 3))])
    for keywords in ({}, {"atol": 1e-2}, {"rtol": 0.5}, {"hermitian": True}, {"tol": 2.5}):
        mine = ag.linalg.matrix_rank(ag.tensor(matrix), **keywords)
        reference = torch.linalg.matrix_rank(torch.tensor(matrix), **keywords)
        np.testing.assert_array_equal(mine.numpy(), reference.numpy())
        assert mine.dtype == np.int64


# -- products, least squares, tensors --------------------------------------------------------------


@pytest.mark.parametrize(
    "shapes", [((2, 3), (3, 4)), ((3,), (3, 4), (4, 2), (2,)), ((5, 1), (1, 6), (6, 2), (2, 3))]
)
def test_multi_dot(shapes):
    agree(lambda lib, *x: lib.linalg.multi_dot(x), *(random(*shape) for shape in shapes))


def test_products():
    agree(lambda lib, *x: lib.chain_matmul(*x), random(2, 3), random(3, 4), random(4, 1))
    agree(lambda lib, x, y: lib.linalg.vecdot(x, y), random(2, 3), random(3))
    agree(lambda lib, x, y: lib.linalg.vecdot(x, y, dim=0), random(3, 1), random(3, 2))
    agree(lambda lib, x, y: lib.linalg.cross(x, y), random(2, 3), random(1, 3))
    agree(lambda lib, x, y: lib.linalg.cross(x, y, dim=0), random(3, 2), random(3, 2, seed=5))
    agree(lambda lib, x, y: lib.linalg.matmul(x, y), random(2, 3), random(3, 4))
    agree(lambda lib, x, y: x.ger(y), random(2), random(3))
    agree(
        lambda lib, x, y, z: x.addbmm(y, z, beta=2, alpha=3),
        random(2, 4), random(5, 2, 3), random(5, 3, 4),
    )  # fmt: skip
    agree(lambda lib, x: lib.linalg.diagonal(x, offset=1), random(2, 3, 4))
    agree(lambda lib, x: lib.linalg.vander(x), random(2, 3))
    agree(lambda lib, x: lib.linalg.vander(x, N=5), random(3))


@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelsd", "gelss"])
def test_least_squares(driver):
    for a, b in (((4, 2), (4, 3)), ((3, 3), (3, 1)), ((2, 4, 2), (2, 4, 1)), ((2, 4, 2), (2, 4))):
        agree(
            lambda lib, A, B: lib.linalg.lstsq(A, B, driver=driver).solution,
            well(2, 2)[None, :0].sum() + random(*a), random(*b), second=False,
        )  # fmt: skip
        ours = ag.linalg.lstsq(ag.tensor(random(*a)), ag.tensor(random(*b)), driver=driver)
        theirs = torch.linalg.lstsq(
            torch.tensor(random(*a)), torch.tensor(random(*b)), driver=driver
        )
        for mine, reference in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine.numpy(), reference.numpy(), atol=1e-9)
    agree(lambda lib, A, B: lib.linalg.lstsq(A, B).solution, random(2, 4), random(2, 1))


def test_tensors_as_matrices():
    matrix = well(6, 6)
    agree(lambda lib, x: lib.linalg.tensorinv(x), matrix.reshape(2, 3, 6))
    agree(lambda lib, x: lib.linalg.tensorinv(x, ind=1), matrix.reshape(6, 3, 2))
    agree(lambda lib, x, y: lib.linalg.tensorsolve(x, y), matrix.reshape(2, 3, 6), random(2, 3))
    agree(
        lambda lib, x, y: lib.linalg.tensorsolve(x, y, dims=(0, 2)),
        matrix.reshape(2, 6, 3).copy(), random(6),
    )  # fmt: skip


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("function", "matrix"),
    [("inv", np.zeros((2, 2))), ("cholesky", -np.eye(2)),
     ("inv", np.stack([np.eye(2), np.ones((2, 2))]))],
)  # fmt: skip
def test_matrices_without_answer(function, matrix):
    with pytest.raises(torch.linalg.LinAlgError):
        getattr(torch.linalg, function)(torch.tensor(matrix))
    place = "matrix 1 of the stack" if matrix.ndim == 3 else f"linalg.{function}|{function}|inverse"
    with pytest.raises(ag.linalg.LinAlgError, match=place) as caught:
        getattr(ag.linalg, function)(ag.tensor(matrix))
    assert isinstance(caught.value, RuntimeError)


def test_singular_equations_name_the_matrix():
    matrices = np.stack([np.eye(2), np.zeros((2, 2))])
    with pytest.raises(LinAlgError, match=r"linalg\.solve.*matrix 1 of the stack"):
        ag.linalg.solve(ag.tensor(matrices), ag.ones(2, 2, dtype=ag.float64))


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.linalg.inv(lib.ones(2, 3)), lambda lib: lib.linalg.inv(lib.ones(3)),
        lambda lib: lib.det(lib.ones(2, 3)), lambda lib: lib.linalg.svd(lib.ones(3)),
        lambda lib: lib.linalg.inv(lib.ones(2, 2).long()),
        lambda lib: lib.linalg.solve(lib.eye(2), lib.ones(3)),
        lambda lib: lib.linalg.solve(lib.eye(2), lib.ones(2).double()),
        lambda lib: lib.linalg.qr(lib.ones(2, 2), mode="full"),
        lambda lib: lib.linalg.norm(lib.ones(2, 2, 2), 2),
        lambda lib: lib.linalg.norm(lib.ones(2).long()),
        lambda lib: lib.linalg.matrix_norm(lib.ones(2, 2), 3),
        lambda lib: lib.linalg.matrix_norm(lib.ones(2, 2), dim=(0, 0)),
        lambda lib: lib.linalg.eigh(lib.eye(2), "X"),
        lambda lib: lib.linalg.cross(lib.ones(2), lib.ones(2)),
        lambda lib: lib.linalg.multi_dot([lib.ones(2, 2)]),
        lambda lib: lib.linalg.multi_dot([lib.ones(2, 2), lib.ones(3, 2)]),
        lambda lib: lib.linalg.tensorinv(lib.ones(2, 3)),
        lambda lib: lib.linalg.vander(lib.ones(())),
        lambda lib: lib.linalg.svd(lib.eye(2), driver="gesvd"),
        lambda lib: lib.linalg.lstsq(lib.eye(2), lib.ones(3, 1)),
    ],
)  # fmt: skip
def test_what_pytorch_refuses(call):
    for lib in (torch, ag):
        with pytest.raises((RuntimeError, IndexError, ValueError)):
            call(lib)


def test_complex_results_are_left_out_by_name():
    with pytest.raises(AttributeError, match="complex"):
        _ = ag.linalg.eig


def test_dtypes_and_names():
    x = ag.tensor(well(2, 2), dtype=ag.float32)
    for out in (ag.linalg.inv(A=x), *ag.linalg.svd(x), *ag.linalg.eigh(x), *x.slogdet()):
        assert out.dtype == np.float32
    with pytest.raises(ShapeError, match=r"linalg\.svd"):
        ag.linalg.svd(ag.ones(3))
