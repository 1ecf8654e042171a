"""LU factors, Householder products and the functions that report failures, against PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import autograd as ag  # noqa: E402
from autograd.errors import ArgumentError, LinAlgError  # noqa: E402


def random(*shape, seed=1):
    return np.random.default_rng(seed).normal(size=shape)


def agree(function, *inputs, constant=False):
    """Compare ``function(library, *leaves)``: the values, first gradients, and second ones.

    A `constant` gradient has no second one on either side.
    """
    answers = []
    for library, tensor, grad in (
        (ag, ag.tensor, ag.grad),
        (torch, torch.tensor, torch.autograd.grad),
    ):
        rng = np.random.default_rng(0)
        leaves = [tensor(x, requires_grad=True) for x in inputs]
        outs = function(library, *leaves)
        floats = [out for out in outs if out.requires_grad]
        total = sum((out * tensor(rng.normal(size=tuple(out.shape)))).sum() for out in floats)
        first = grad(total, leaves, create_graph=True)
        found = [*outs, *first]
        mixed = sum((g * tensor(rng.normal(size=tuple(g.shape)))).sum() for g in first)
        if not constant:
            found += grad(mixed, leaves, allow_unused=True, materialize_grads=True)
        answers.append([x.detach().numpy() for x in found])
    for mine, reference in zip(*answers, strict=True):
        assert mine.shape == reference.shape
        assert mine.dtype == reference.dtype
        np.testing.assert_allclose(mine, reference, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "shape", [(3, 3), (4, 4), (2, 3, 3), (4, 2), (2, 4), (2, 4, 3), (2, 2, 5), (1, 2)]
)
def test_lu(shape):
    agree(lambda lib, x: lib.linalg.lu(x), random(*shape))
    agree(lambda lib, x: lib.linalg.lu_factor(x), random(*shape))
    agree(lambda lib, x: lib.linalg.lu_factor_ex(x), random(*shape))


def test_lu_of_small_and_empty():
    agree(lambda lib, x: lib.linalg.lu(x), random(1, 1), constant=True)
    for shape in ((0, 0), (0, 2, 2), (2, 0), (0, 2)):
        ours = ag.linalg.lu(ag.tensor(random(*shape)))
        theirs = torch.linalg.lu(torch.tensor(random(*shape)))
        for mine, reference in zip(ours, theirs, strict=True):
            assert mine.shape == tuple(reference.shape)


@pytest.mark.parametrize("left", [True, False])
@pytest.mark.parametrize("adjoint", [True, False])
def test_lu_solve(left, adjoint):
    for a, b in (((3, 3), (3, 3)), ((2, 3, 3), (2, 3, 3)), ((2, 3, 3), (3, 3))):
        agree(
            lambda lib, A, B: [
                lib.linalg.lu_solve(*lib.linalg.lu_factor(A), B, left=left, adjoint=adjoint)
            ],
            random(*a), random(*b),
        )  # fmt: skip


@pytest.mark.parametrize("shapes", [((3, 2), (2,)), ((2, 4, 3), (2, 2)), ((3, 3), (3,))])
def test_householder_product(shapes):
    agree(
        lambda lib, x, tau: [lib.linalg.householder_product(x, tau)],
        random(*shapes[0]), random(*shapes[1]),
    )  # fmt: skip
    agree(lambda lib, x, tau: [lib.orgqr(x, tau)], random(*shapes[0]), random(*shapes[1]))


def test_failures_reported():
    regular = random(2, 3, 3)
    agree(lambda lib, x: lib.linalg.inv_ex(x), regular)
    agree(lambda lib, x, b: lib.linalg.solve_ex(x, b), regular, random(2, 3, 1))
    definite = regular @ regular.swapaxes(-1, -2)
    agree(lambda lib, x: lib.linalg.cholesky_ex(x), definite)
    agree(lambda lib, x: lib.linalg.cholesky_ex(x, upper=True), definite)
    singular = np.stack([np.eye(3), np.diag([1.0, 0.0, 2.0])])
    indefinite = np.stack([np.eye(3), np.diag([1.0, -1.0, 2.0])])
    for name, matrices in (("inv", singular), ("cholesky", indefinite), ("lu_factor", singular)):
        mine = getattr(ag.linalg, name + "_ex")(ag.tensor(matrices))
        reference = getattr(torch.linalg, name + "_ex")(torch.tensor(matrices))
        np.testing.assert_array_equal(mine.info.numpy(), reference.info.numpy())
        np.testing.assert_array_equal(mine[0][0].numpy(), reference[0][0].numpy())
        with pytest.raises(LinAlgError, match="matrix 1 of the stack"):
            getattr(ag.linalg, name + "_ex")(ag.tensor(matrices), check_errors=True)
    with pytest.raises(LinAlgError, match="matrix 1 of the stack"):
        ag.linalg.lu_factor(ag.tensor(singular))


def test_no_lu_without_pivoting():
    for lib in (torch, ag):
        with pytest.raises(RuntimeError):
            lib.linalg.lu(lib.eye(2), pivot=False)
    with pytest.raises(ArgumentError, match="pivot=False"):
        ag.linalg.lu_factor(ag.eye(2), pivot=False)
