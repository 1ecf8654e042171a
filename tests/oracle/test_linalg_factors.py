"""LDL factors, reflections, LU by its older names and low rank against PyTorch; matrices that are
singular, without elements, or not finite."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sides import agree, as_array, same

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
from autograd.errors import ArgumentError, GraphError, LinAlgError, ShapeError  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*(deprecated|left for JIT):UserWarning")


def random(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


def symmetric(x):
    return (x + x.swapaxes(-1, -2)) / 2


def both(call):
    """What `call(lib)` gives in both libraries, as arrays; compared."""
    found = []
    for lib in (ag, torch):
        outs = call(lib)
        found.append([as_array(x) for x in (outs if isinstance(outs, (tuple, list)) else (outs,))])
    for mine, reference in zip(*found, strict=True):
        same(mine, reference, 1e-9)
    return found[0]


# -- LDL -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (5, 5), (12, 12), (2, 3, 6, 6)])
@pytest.mark.parametrize("seed", range(6))
def test_ldl(shape, seed):
    """The factors and the pivots of LAPACK; zeros on the diagonal make blocks of two."""
    matrix = symmetric(random(*shape, seed=seed))
    matrix = matrix * (1 - np.eye(shape[-1])) if seed % 2 and shape[-1] > 1 else matrix
    packed, pivots, _ = both(lambda lib: lib.linalg.ldl_factor_ex(lib.tensor(matrix)))
    right = random(*shape[:-1], 2)
    both(lambda lib: lib.linalg.ldl_solve(*map(lib.tensor, (packed, pivots, right))))
    solved = ag.linalg.ldl_solve(*map(ag.tensor, (packed, pivots, matrix @ right)))
    np.testing.assert_allclose(solved.numpy(), right, atol=1e-8)


@pytest.mark.parametrize("shape", [(0, 0), (0, 2, 2), (2, 0, 0)])
def test_ldl_of_nothing(shape):
    both(lambda lib: lib.linalg.ldl_factor_ex(lib.zeros(*shape)))


def test_ldl_reads_one_triangle():
    matrix = np.triu(np.full((3, 3), np.nan), 1) + np.tril(symmetric(random(3, 3)))
    both(lambda lib: lib.linalg.ldl_factor(lib.tensor(matrix)))


def test_ldl_refuses():
    singular = np.stack([np.eye(2), np.zeros((2, 2))])
    both(lambda lib: lib.linalg.ldl_factor_ex(lib.tensor(singular)))
    with pytest.raises(LinAlgError, match="matrix 1 of the stack"):
        ag.linalg.ldl_factor(ag.tensor(singular))
    with pytest.raises(GraphError, match=r"ldl_factor is not differentiable.*detach"):
        ag.linalg.ldl_factor(ag.eye(2, requires_grad=True))
    packed, pivots = ag.linalg.ldl_factor(ag.eye(2))
    for right, message in ((ag.ones(2), "2 rows"), (ag.ones(3, 1), "2 rows")):
        with pytest.raises(ShapeError, match=message):
            ag.linalg.ldl_solve(packed, pivots, right)
    with pytest.raises(ShapeError, match="pivots"):
        ag.linalg.ldl_solve(packed, pivots[:1], ag.ones(2, 1))


# -- reflections, LU -------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3), (2, 4, 2), (0, 3), (2, 3, 0), (1, 1)])
def test_geqrf(shape):
    both(lambda lib: lib.geqrf(lib.tensor(random(*shape))))
    with pytest.raises(GraphError, match="geqrf is not differentiable"):
        ag.geqrf(ag.ones(shape, requires_grad=True))


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("transpose", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (3, 3), (2, 4, 2)])
def test_ormqr(shape, left, transpose):
    rows, count = shape[-2], min(shape[-2:])
    other = (*shape[:-2], rows, 2) if left else (*shape[:-2], 2, rows)
    agree(
        lambda lib, h, tau, c: lib.ormqr(h, tau, c, left, transpose),
        random(*shape), random(*shape[:-2], count), random(*other),
    )  # fmt: skip


def test_ormqr_and_householder_refuse():
    h, tau = ag.geqrf(ag.ones(3, 2))
    for other in (ag.ones(2, 3), ag.ones(3), ag.ones(1, 3, 2)):
        with pytest.raises(ShapeError, match="ormqr"):
            ag.ormqr(h, tau, other)
    with pytest.raises(ShapeError, match="tau"):
        ag.ormqr(h, tau[:1], ag.ones(3, 1))
    product = ag.linalg.householder_product(ag.ones(3, 2, requires_grad=True), ag.ones(0))
    assert product.requires_grad and product.tolist() == np.eye(3, 2).tolist()


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 2), (2, 4), (0, 2, 2)])
def test_lu_by_older_names(shape):
    matrix = random(*shape)
    both(lambda lib: lib.lu(lib.tensor(matrix)))
    both(lambda lib: lib.lu(lib.tensor(matrix), get_infos=True))
    both(lambda lib: lib.lu_unpack(*lib.lu(lib.tensor(matrix))))
    both(lambda lib: lib.lu_unpack(*lib.lu(lib.tensor(matrix)), unpack_data=False))
    both(lambda lib: lib.lu_unpack(*lib.lu(lib.tensor(matrix)), unpack_pivots=False))
    if math.prod(shape):
        for part in (1, 2):
            agree(lambda lib, x: lib.lu_unpack(*lib.lu(x))[part], matrix)  # noqa: B023


def test_lu_solve_by_its_older_name():
    agree(lambda lib, b, x: lib.lu_solve(b, *lib.lu(x)), random(3, 2), random(3, 3))
    agree(lambda lib, b, x: b.lu_solve(*x.lu()), random(2, 3, 2), random(3, 3))


def test_pivots_are_checked():
    packed, swaps = ag.lu(ag.eye(2))
    for lib in (torch, ag):
        for wrong in ((swaps + 2).numpy(), swaps.numpy().astype(np.int64)):
            with pytest.raises(RuntimeError):
                lib.lu_unpack(lib.eye(2), lib.tensor(wrong))
    with pytest.raises(ArgumentError, match="from 1 to 2"):
        ag.lu_solve(ag.ones(2, 1), packed, swaps + 2)


# -- low rank --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7, 5), (5, 7), (2, 6, 6)])
def test_low_rank(shape):
    """A matrix of rank 2 is found, whatever vectors were drawn."""
    factors = random(*shape[:-1], 2), random(*shape[:-2], 2, shape[-1], seed=2)

    def whole(u, s, v):
        return (u * (s * s)[..., None, :]) @ v.mT

    agree(lambda lib, a, b: whole(*lib.svd_lowrank(a @ b, q=2)), *factors, tolerance=1e-7)
    agree(lambda lib, a, b: lib.pca_lowrank(a @ b, q=2)[1], *factors, tolerance=1e-7)
    agree(
        lambda lib, a, b: lib.svd_lowrank(a @ b + 1, q=2, M=lib.ones(shape[-1]).double())[1],
        *factors, tolerance=1e-7,
    )  # fmt: skip
    for lib in (torch, ag):
        with pytest.raises(ValueError):
            lib.pca_lowrank(lib.ones(3, 2), q=3)


@pytest.mark.parametrize("largest", [True, False])
def test_lobpcg(largest):
    """PyTorch's iteration ends near the answer, and so do its derivatives."""
    rotation = np.linalg.qr(random(9, 9))[0]
    matrix = rotation @ np.diag([1.0, 3.0, 5, 7, 9, 12, 15, 19, 24]) @ rotation.T
    torch.manual_seed(0)
    keywords = {"largest": largest, "k": 2, "tol": 1e-12, "niter": 500}
    agree(lambda lib, a: lib.lobpcg(a, **keywords)[0], matrix, second=False, tolerance=1e-7)
    agree(lambda lib, a: lib.lobpcg(a, **keywords)[1] ** 2, matrix, second=False, tolerance=1e-6)
    metric = matrix @ matrix / 50 + np.eye(9)
    values, vectors = ag.lobpcg(ag.tensor(matrix), 2, ag.tensor(metric), largest=largest)
    np.testing.assert_allclose(matrix @ vectors, metric @ vectors @ np.diag(values), atol=1e-9)
    np.testing.assert_allclose(vectors.mT @ metric @ vectors, np.eye(2), atol=1e-9)


def test_lobpcg_refuses():
    for lib in (torch, ag):
        with pytest.raises(ValueError):
            lib.lobpcg(lib.eye(8), 3)
    with pytest.raises(ArgumentError, match="tracker"):
        ag.lobpcg(ag.eye(9), 1, tracker=print)
    with pytest.raises(ArgumentError, match="'basic' or 'ortho'"):
        ag.lobpcg(ag.eye(9), 1, method="power")


# -- singular, empty, not finite -------------------------------------------------------------------

BROKEN = np.stack([symmetric(random(3, 3)) + 4 * np.eye(3), np.full((3, 3), np.nan)])
RAISING = ["cholesky", "svd", "svdvals", "eigh", "eigvalsh", "pinv", "matrix_rank", "cond"]


@pytest.mark.parametrize("name", RAISING)
def test_nan_is_refused_where_an_iteration_meets_it(name):
    with pytest.raises(torch.linalg.LinAlgError, match="Batch element 1"):
        getattr(torch.linalg, name)(torch.tensor(BROKEN))
    with pytest.raises(LinAlgError, match="matrix 1 of the stack"):
        getattr(ag.linalg, name)(ag.tensor(BROKEN))


@pytest.mark.parametrize("name", ["inv", "det", "slogdet", "qr", "lu", "lu_factor", "matrix_exp"])
def test_nan_stays_in_its_matrix(name):
    both(lambda lib: getattr(lib.linalg, name)(lib.tensor(BROKEN)))


def test_one_triangle_is_read_exactly():
    matrix = symmetric(random(3, 3)) + 4 * np.eye(3)
    for upper in (False, True):
        bent = matrix + 1e-9 * random(3, 3)
        half = np.triu(bent) if upper else np.tril(bent)
        blank = half + (np.tril if upper else np.triu)(np.full((3, 3), np.nan), 1 - 2 * upper)
        for call in (
            lambda lib, x: lib.linalg.cholesky(x, upper=upper),  # noqa: B023
            lambda lib, x: lib.linalg.cholesky_ex(x, upper=upper).L,  # noqa: B023
            lambda lib, x: lib.linalg.eigvalsh(x, "LU"[upper]),  # noqa: B023
        ):
            for each in (bent, half, blank):
                agree(call, each)


@pytest.mark.parametrize("p", ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf, None])
def test_condition_of_singular_and_empty(p):
    singular = np.stack([np.diag([1.0, 2.0]), np.ones((2, 2))])
    if p != -2:  # whose smallest singular value is but rounding
        both(lambda lib: 1 / lib.linalg.cond(lib.tensor(singular), p))
    both(lambda lib: lib.linalg.cond(lib.zeros(2, 0, 0), p))


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (2, 0, 3), (0, 0)])
@pytest.mark.parametrize("ord", ["fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf])
def test_norm_of_empty_matrices(shape, ord):
    try:
        torch.linalg.matrix_norm(torch.zeros(shape), ord)
    except (RuntimeError, IndexError):
        with pytest.raises(ShapeError):
            ag.linalg.matrix_norm(ag.zeros(shape), ord)
    else:
        both(lambda lib: lib.linalg.matrix_norm(lib.zeros(shape), ord))


@pytest.mark.parametrize("dim", [None, 0, 1, (0, 1)])
@pytest.mark.parametrize("ord", [0, 0.5, 2, math.inf, -1])
def test_norm_of_empty_vectors(dim, ord):
    try:
        torch.linalg.vector_norm(torch.zeros(2, 0), ord, dim)
    except RuntimeError:
        with pytest.raises(ArgumentError, match="no elements have no norm"):
            ag.linalg.vector_norm(ag.zeros(2, 0), ord, dim)
    else:
        both(lambda lib: lib.linalg.vector_norm(lib.zeros(2, 0), ord, dim))


@pytest.mark.parametrize(
    "call",
    [
        lambda lib: lib.linalg.norm(lib.ones(2).double(), dtype=lib.float32),
        lambda lib: lib.linalg.matrix_norm(lib.ones(2, 2).double(), dtype=lib.float32),
        lambda lib: lib.linalg.norm(lib.ones(2).long(), dtype=lib.float32),
        lambda lib: lib.linalg.vecdot(lib.ones(2).long(), lib.ones(2).long()),
        lambda lib: lib.linalg.matrix_power(lib.eye(2), 1.5),
        lambda lib: lib.linalg.lstsq(lib.ones(3, 2), lib.ones(3, 1), driver="gels"),
        lambda lib: lib.cholesky_inverse(lib.zeros(2, 2)), lambda lib: lib.geqrf(lib.ones(2)),
    ],
)  # fmt: skip
def test_what_pytorch_refuses(call):
    for lib in (torch, ag):
        with pytest.raises((RuntimeError, TypeError)):
            call(lib)


def test_exponentials_are_scaled_one_by_one():
    """A large matrix of the stack costs the others no digits."""
    matrices = np.stack([random(3, 3), 40 * random(3, 3), np.zeros((3, 3))])
    alone = np.stack([as_array(torch.linalg.matrix_exp(torch.tensor(m))) for m in matrices])
    found = ag.linalg.matrix_exp(ag.tensor(matrices)).numpy()
    for mine, reference in zip(found, alone, strict=True):
        np.testing.assert_allclose(mine, reference, rtol=1e-10, atol=1e-12 * abs(reference).max())


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_second_derivative_of_singular_determinants(rank):
    matrix = random(3, rank) @ random(rank, 3, seed=2)
    assert ag.gradgradcheck(ag.det, ag.tensor(matrix, requires_grad=True))
