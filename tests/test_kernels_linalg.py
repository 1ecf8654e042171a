"""The kernels of linear algebra against exact fractions, textbook loops, or what defines them."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from twins import draw_array, dtypes, layouts, seeds, slope

from autograd.kernels.plain import ldl, linalg

sides = st.integers(0, 3)
stacks = st.sampled_from([(), (2,), (1, 2)])
TOLERANCE = {np.float32: 2e-3, np.float64: 1e-9}


def like(actual, expected, dtype):
    assert actual.dtype == dtype and actual.shape == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def draw_matrices(seed, stack, n, m, dtype, layout="plain"):
    """Small integers with something on the diagonal: exact as fractions, and well conditioned."""
    whole = np.round(draw_array(seed, (*stack, n, m), dtype, layout))
    return whole + 5 * np.eye(n, m, dtype=dtype)


def each(function, *arrays):
    """Apply a function to every matrix of stacks that broadcast, and stack what it returns."""
    stack = np.broadcast_shapes(*(a.shape[:-2] for a in arrays))
    wide = [np.broadcast_to(a, stack + a.shape[-2:]) for a in arrays]
    found = [function(*(a[place].tolist() for a in wide)) for place in np.ndindex(*stack)]
    return np.reshape(np.array(found, float), stack + np.shape(found[0]))


def determinant(a):
    """The sum over all permutations, with their signs."""
    total = Fraction(0)
    for order in itertools.permutations(range(len(a))):
        swaps = sum(order[i] > order[j] for i in range(len(a)) for j in range(i, len(a)))
        total += (-1) ** swaps * math.prod(Fraction(a[i][j]) for i, j in enumerate(order))
    return total


def cofactor(a, i, j):
    minor = [[x for c, x in enumerate(row) if c != j] for r, row in enumerate(a) if r != i]
    return (-1) ** (i + j) * determinant(minor)


def table(n, m, entry):
    return np.array([[float(entry(i, j)) for j in range(m)] for i in range(n)]).reshape(n, m)


def inverse(a):
    size = determinant(a)
    return table(len(a), len(a), lambda i, j: cofactor(a, j, i) / size)


def product(a, b):
    return np.einsum("...ij,...jk->...ik", a.astype(float), b.astype(float))


# -- solving ---------------------------------------------------------------------------------------


@given(stacks, sides, sides, dtypes, layouts, seeds)
def test_inverses_and_determinants(stack, n, columns, dtype, layout, seed):
    a = draw_matrices(seed, stack, n, n, dtype, layout)
    like(linalg.inverse(a), each(inverse, a), dtype)
    size = each(lambda a: float(determinant(a)), a)
    found = np.asarray(linalg.determinant(a))
    np.testing.assert_allclose(found, size, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])
    sign, logarithm = linalg.sign_and_logarithm(a)
    like(sign, np.sign(size), dtype)
    like(logarithm, np.log(np.abs(size)), dtype)
    like(linalg.cofactors(a), each(cofactors, a), dtype)
    b = draw_array(seed + 1, (n, columns), dtype, layout)
    like(linalg.solve(a, b), product(each(inverse, a), b), dtype)


def cofactors(a):
    return table(len(a), len(a), lambda i, j: cofactor(a, i, j))


@given(st.integers(2, 3), dtypes, seeds, st.booleans())
def test_cofactors_of_singular_matrices_and_their_slopes(n, dtype, seed, singular):
    a = draw_matrices(seed, (), n, n, dtype)
    if singular:
        a[-1] = 2 * a[0]
    like(linalg.cofactors(a), cofactors(a.tolist()), dtype)
    wide, g = a.astype(np.float64), draw_array(seed, (n, n), dtype)
    slopes = slope(lambda: (cofactors(wide.tolist()) * g).sum(), wide, step=1 / 16)
    found = linalg.cofactor_slopes(a, g)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, slopes, atol=30 * TOLERANCE[dtype])


def test_the_singular_one_of_a_stack_is_named():
    a = np.stack([np.eye(2), np.ones((2, 2))])
    for call in (linalg.inverse, lambda a: linalg.solve(a, a)):
        with pytest.raises(np.linalg.LinAlgError, match="matrix 1 of the stack"):
            call(a)
    with pytest.raises(np.linalg.LinAlgError, match="matrix 0 of the stack"):
        linalg.cholesky(-a, upper=False)


@given(stacks, sides, sides, st.booleans(), st.booleans(), dtypes, layouts, seeds)
def test_triangular_solutions(stack, n, columns, upper, unit, dtype, layout, seed):
    a = draw_matrices(seed, stack, n, n, dtype, layout)
    b = draw_array(seed + 1, (*stack, n, columns), dtype, layout)
    read = np.array(np.triu(a) if upper else np.tril(a))
    if unit:
        read[..., range(n), range(n)] = 1
    like(linalg.solve_triangular(a, b, upper, unit), product(each(inverse, read), b), dtype)


# -- factors ---------------------------------------------------------------------------------------


def positive(a):
    """A positive definite matrix, exact if `a` is."""
    return a @ a.swapaxes(-1, -2)


def cholesky(a):
    n = len(a)
    lower = [[0.0] * n for _ in range(n)]
    for i in range(n):
        for j in range(i + 1):
            rest = a[i][j] - sum(lower[i][k] * lower[j][k] for k in range(j))
            lower[i][j] = math.sqrt(rest) if i == j else rest / lower[j][j]
    return np.reshape(lower, (n, n))


@given(stacks, sides, dtypes, layouts, seeds)
def test_cholesky_reads_one_triangle(stack, n, dtype, layout, seed):
    a = positive(draw_matrices(seed, stack, n, n, dtype, layout))
    expected = each(cholesky, a)
    like(linalg.cholesky(np.tril(a), upper=False), expected, dtype)
    like(linalg.cholesky(np.triu(a), upper=True), expected.swapaxes(-1, -2), dtype)


def orthonormal(columns, dtype):
    gram = product(columns.swapaxes(-1, -2), columns)
    np.testing.assert_allclose(
        gram, np.broadcast_to(np.eye(gram.shape[-1]), gram.shape), atol=TOLERANCE[dtype]
    )


@given(stacks, st.integers(1, 3), st.integers(1, 3), dtypes, layouts, seeds)
def test_orthogonal_factors(stack, n, m, dtype, layout, seed):
    a = draw_array(seed, (*stack, n, m), dtype, layout)
    for mode, inner in (("reduced", min(n, m)), ("complete", n)):
        q, r = linalg.qr(a, mode)
        assert q.shape == (*stack, n, inner) and r.shape == (*stack, inner, m)
        orthonormal(q, dtype)
        like(np.triu(r), r, dtype)
        like(product(q, r).astype(dtype), a, dtype)
    q, r = linalg.qr(a, "r")
    assert q.size == 0
    like(r, linalg.qr(a, "reduced")[1], dtype)
    for full in (False, True):
        u, s, vh = linalg.svd(a, full)
        assert u.shape[-1] == (n if full else min(n, m)) and vh.shape[-1] == m
        orthonormal(u, dtype)
        orthonormal(vh.swapaxes(-1, -2), dtype)
        assert (s >= 0).all() and (np.diff(s) <= 0).all()
        k = min(n, m)
        like(product(u[..., :k] * s[..., None, :], vh[..., :k, :]).astype(dtype), a, dtype)
    like(linalg.singular_values(a), s, dtype)


@given(stacks, st.integers(1, 3), dtypes, layouts, seeds, st.sampled_from("LU"))
def test_eigenvectors_are_only_stretched(stack, n, dtype, layout, seed, triangle):
    a = draw_array(seed, (*stack, n, n), dtype, layout)
    half = np.tril(a) if triangle == "L" else np.triu(a)
    whole = half + half.swapaxes(-1, -2) - half * np.eye(n, dtype=dtype)
    values, vectors = linalg.eigh(a, triangle)
    orthonormal(vectors, dtype)
    assert (np.diff(values) >= 0).all()
    like(product(whole, vectors).astype(dtype), vectors * values[..., None, :], dtype)
    like(linalg.eigenvalues(a, triangle), values, dtype)


@given(stacks, st.integers(1, 3), st.integers(1, 3), dtypes, seeds, st.booleans())
def test_penrose_conditions(stack, n, m, dtype, seed, hermitian):
    a = draw_matrices(seed, stack, n, n if hermitian else m, dtype)
    a[..., 0, :] = 0  # of less than full rank
    if hermitian:
        a = positive(a)
    p = linalg.pseudoinverse(a, 0.0, 1e-5, hermitian)
    assert p.dtype == dtype and p.shape == a.swapaxes(-1, -2).shape
    ap, pa = product(a, p), product(p, a)
    for found, expected in (
        (product(ap, a), a), (product(pa, p), p), (ap, ap.swapaxes(-1, -2)),
        (pa, pa.swapaxes(-1, -2)),
    ):  # fmt: skip
        np.testing.assert_allclose(found, expected, atol=10 * TOLERANCE[dtype])


def test_threshold_is_the_larger_tolerance():
    s = np.array([[4.0, 1.0], [0.5, 0.1]])
    assert linalg.threshold(s, 0.2, 0.1).tolist() == [0.4, 0.2]
    assert linalg.threshold(np.zeros((1, 0)), 0.2, 0.1).tolist() == [0.2]


def exponential(a):
    """The power series, in fractions."""
    n = len(a)
    term = total = [[Fraction(i == j) for j in range(n)] for i in range(n)]
    for k in range(1, 60):
        term = [
            [sum(term[i][m] * Fraction(a[m][j]) for m in range(n)) / k for j in range(n)]
            for i in range(n)
        ]
        total = [[total[i][j] + term[i][j] for j in range(n)] for i in range(n)]
    return table(n, n, lambda i, j: total[i][j])


@given(st.integers(0, 2), dtypes, layouts, seeds, st.sampled_from([0, 1, 4]))
def test_exponential(n, dtype, layout, seed, size):
    a = size * np.round(draw_array(seed, (2, n, n), dtype, layout))
    expected = each(exponential, a)
    found = linalg.exponential(a)
    assert found.dtype == dtype
    largest = np.abs(expected).max(initial=1)
    np.testing.assert_allclose(found / largest, expected / largest, atol=TOLERANCE[dtype])


def eliminated(a):
    """Gaussian elimination of one matrix, the largest of a column going up; swaps count from 1."""
    a, pivots = [list(map(float, row)) for row in a], []
    for i in range(min(len(a), len(a[0]))):
        best = max(range(i, len(a)), key=lambda r: abs(a[r][i]))
        pivots.append(best + 1)
        a[i], a[best] = a[best], a[i]
        for r in range(i + 1, len(a)):
            if a[i][i]:
                a[r][i] /= a[i][i]
            for c in range(i + 1, len(a[0])):
                a[r][c] -= a[r][i] * a[i][c]
    return a, pivots


@given(stacks, st.integers(1, 3), st.integers(1, 3), dtypes, layouts, seeds)
def test_elimination(stack, n, m, dtype, layout, seed):
    a = draw_array(seed, (*stack, n, m), dtype, layout)
    packed, pivots = linalg.lu(a)
    like(packed, each(lambda a: eliminated(a)[0], a), dtype)
    assert np.array_equal(pivots, each(lambda a: eliminated(a)[1], a))
    p = linalg.permutation(pivots, n, dtype)
    lower = np.tril(packed[..., : min(n, m)], -1) + np.eye(n, min(n, m))
    like(product(p, product(lower, np.triu(packed)[..., : min(n, m), :])).astype(dtype), a, dtype)
    assert (p.sum(-1) == 1).all() and (p.sum(-2) == 1).all()


@given(st.integers(1, 4), st.integers(1, 3), dtypes, seeds)
def test_householder_vectors(n, m, dtype, seed):
    a = draw_array(seed, (n, m), dtype)
    packed, tau = linalg.qr_raw(a)
    q = np.eye(n)
    for k, t in enumerate(tau.tolist()):
        v = np.array([0.0] * k + [1.0] + packed[k + 1 :, k].tolist())
        q = q @ (np.eye(n) - t * np.outer(v, v))
    orthonormal(q, dtype)
    like(product(q, np.triu(packed)).astype(dtype), a, dtype)


def symmetric_again(packed, pivots):
    """Undo the factors of sytrf: the last block first, each time multiplying and swapping back."""
    n, k, blocks = len(packed), 0, []
    while k < n:
        blocks.append((k, k + (1 if pivots[k] > 0 else 2)))
        k = blocks[-1][1]
    whole = np.zeros((n, n))
    for start, end in blocks[::-1]:
        lower, d = np.eye(n), packed[start:end, start:end].astype(float)
        lower[end:, start:end] = packed[end:, start:end]
        whole[start:end, start:end] = np.tril(d) + np.tril(d, -1).T
        whole = lower @ whole @ lower.T
        swap = [end - 1, abs(pivots[start]) - 1]
        whole[swap] = whole[swap[::-1]]
        whole[:, swap] = whole[:, swap[::-1]]
    return whole


@given(stacks, st.integers(1, 4), dtypes, layouts, seeds)
def test_indefinite_factors(stack, n, dtype, layout, seed):
    a = draw_array(seed, (*stack, n, n), dtype, layout)
    if seed % 2:
        a[..., range(n), range(n)] = 0  # so that blocks of two are needed
    whole = np.tril(a) + np.tril(a, -1).swapaxes(-1, -2)
    packed, pivots, info = ldl.factor(np.tril(a))
    assert packed.dtype == dtype and info.shape == stack
    for place in np.ndindex(*stack):
        like(symmetric_again(packed[place], pivots[place]).astype(dtype), whole[place], dtype)
    if not info.any() and np.abs(np.linalg.det(whole)).min() > 0.1:
        b = draw_array(seed + 1, (*stack, n, 2), dtype)
        solved = product(whole, ldl.solve(packed, pivots, b))
        np.testing.assert_allclose(solved, b, atol=20 * TOLERANCE[dtype])


def test_where_factorisations_fail():
    packed = np.array([[[1.0, 2], [3, 4]], [[1, 2], [3, 0]], [[0, 2], [3, 0]]])
    assert linalg.first_zero_pivot(packed).tolist() == [0, 2, 1]
    assert linalg.first_zero_pivot(np.zeros((2, 0, 0))).tolist() == [0, 0]
    a = np.array([[[2.0, 0], [0, 1]], [[2, 2], [2, 1]], [[-1, 0], [0, 1]]])
    assert linalg.first_minor_not_positive(a).tolist() == [0, 2, 1]
