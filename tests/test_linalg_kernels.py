"""Factorisations multiplied out again; cofactors against minors, and their differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd.kernels import plain as kernels

sizes, seeds = st.integers(0, 7), st.integers(0, 2**32 - 1)


def drawn(seed, *shape):
    """Numbers of which about a third are 0, so that pivots must be looked for."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=shape) * (rng.random(shape) < 0.7)


def unpacked(packed, pivots):
    """L with its swaps of rows, and D, of the factors of one symmetric matrix."""
    n, k = len(packed), 0
    lower, d = np.eye(n), np.zeros((n, n))
    while k < n:
        end = k + (1 if pivots[k] > 0 else 2)
        swap, row = np.eye(n), abs(pivots[k]) - 1
        swap[[end - 1, row]] = swap[[row, end - 1]]
        step = np.eye(n)
        step[end:, k:end] = packed[end:, k:end]
        lower = lower @ swap @ step
        block = packed[k:end, k:end]
        d[k:end, k:end] = np.tril(block) + np.tril(block, -1).T
        k = end
    return lower, d


@given(sizes, seeds)
def test_ldl(n, seed):
    a = np.tril(drawn(seed, 2, n, n))
    a = a + np.tril(a, -1).swapaxes(-1, -2)
    packed, pivots, info = kernels.ldl.factor(a)
    for i in range(2):
        lower, d = unpacked(packed[i], pivots[i])
        np.testing.assert_allclose(lower @ d @ lower.T, a[i], atol=1e-9)
        if not info[i] and np.linalg.cond(a[i]) < 1e8 if n else False:
            x = kernels.ldl.solve(packed[i], pivots[i], np.eye(n))
            np.testing.assert_allclose(a[i] @ x, np.eye(n), atol=1e-6)


@given(sizes, sizes, seeds)
def test_lu(rows, columns, seed):
    a = drawn(seed, 2, rows, columns)
    packed, pivots = kernels.linalg.lu(a)
    k = min(rows, columns)
    lower = np.tril(packed[..., :k], -1) + np.eye(rows, k)
    p = kernels.linalg.permutation(pivots, rows, a.dtype)
    np.testing.assert_allclose(p @ lower @ np.triu(packed[..., :k, :]), a, atol=1e-12)
    assert np.abs(lower).max(initial=0) <= 1


@given(sizes, seeds)
def test_reflections(n, seed):
    a = drawn(seed, n + 2, n)
    packed, tau = kernels.linalg.qr_raw(a)
    product = np.triu(packed)
    for i in reversed(range(n)):
        v = np.concatenate([np.zeros(i), [1.0], packed[i + 1 :, i]])
        product -= tau[i] * np.outer(v, v @ product)
    np.testing.assert_allclose(product, a, atol=1e-12)


@given(st.integers(1, 5), st.integers(0, 4), seeds)
def test_cofactors_of_any_rank(n, rank, seed):
    a = drawn(seed, n, rank) @ drawn(seed + 1, rank, n)
    minors = np.empty((n, n))
    for i, j in np.ndindex(n, n):
        rest = np.delete(np.delete(a, i, 0), j, 1)
        minors[i, j] = (-1) ** (i + j) * np.linalg.det(rest)
    np.testing.assert_allclose(kernels.linalg.cofactors(a), minors, atol=1e-9)
    direction, weights, step = drawn(seed + 2, n, n), drawn(seed + 3, n, n), 1e-6
    ahead, behind = (
        (weights * kernels.linalg.cofactors(a + sign * step * direction)).sum() for sign in (1, -1)
    )
    slope = (kernels.linalg.cofactor_slopes(a, weights) * direction).sum()
    np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("diagonal", "order"), [((1, 2, 3), 0), ((-1, 2, 3), 1), ((1, 0, 3), 2), ((1, 2, np.nan), 3)]
)
def test_first_minor_that_is_not_positive(diagonal, order):
    assert kernels.linalg.first_minor_not_positive(np.diag(np.array(diagonal, float))) == order
