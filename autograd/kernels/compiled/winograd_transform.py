"""Convolution by filters of 3 x 3 with a quarter of the multiplications: Winograd's F(4x4, 3x3).

A correlation is a product of polynomials, and polynomials are multiplied by multiplying their
values at enough points (Toom and Cook; Winograd; for images Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks", 2015). A tile of 4 x 4 outputs sees 6 x 6 inputs. With B, G and A
the evaluations at six points (one of them infinity),

    tile of outputs = A^T [ (G filter G^T) * (B^T inputs B) ] A

where * is by elements, 36 products instead of 144; the sum over channels makes each of them a
product of matrices. The gradient of the input is the same with the filter turned around; that of
the weight is the adjoint, ``G^T [ (A errors A^T) * (B^T inputs B) ] G``, summed over all tiles.

Rounding errors grow with the size of the numbers in the matrices. The points 0, +-1/sqrt(2),
+-sqrt(2) and infinity keep them small: the error is about 1e-6 of the deviation of the results
(root mean square; 1e-5 at most), five times that of the direct sum in float32. An infinity or NaN
reaches, as NaN, all of the tile that sees it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import inner
from autograd.kernels.compiled.layout import copy_padded
from autograd.kernels.compiled.tile import Vectors, integer

OUTPUTS, TAPS, POINTS = 4, 3, 6  # along an axis
ELEMENTS = POINTS * POINTS


def matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """B^T (6, 6), G (6, 3) and A (6, 4); rows 1 and 2, and 3 and 4, are of a pair of points +-p."""
    points = np.array([0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2), -math.sqrt(2)])
    b, g, a = np.zeros((POINTS, POINTS)), np.zeros((POINTS, TAPS)), np.zeros((POINTS, OUTPUTS))
    for i, point in enumerate(points):
        others = np.delete(points, i)
        b[i, :-1] = np.poly(others)[::-1]
        g[i] = point ** np.arange(TAPS) / np.prod(point - others)
        a[i] = point ** np.arange(OUTPUTS)
    b[-1] = np.poly(points)[::-1]
    g[-1, -1] = a[-1, -1] = 1  # infinity: the highest coefficient
    return tuple(np.where(abs(m - m.round(12)) < 1e-14, m.round(12), m) for m in (b, g, a))


# -- the transformations, emitted as vector code ---------------------------------------------------


def combine(v: Vectors, coefficients, values):
    """The sum of the values times their coefficients; 0 and 1 cost nothing."""
    terms = [(c, x) for c, x in zip(coefficients, values, strict=True) if c != 0]
    terms.sort(key=lambda term: term[0] != 1)
    (first, total), *rest = terms
    if first != 1:
        total = v.builder.fmul(constant(v, first), total)
    for c, x in rest:
        total = v.builder.fadd(total, x) if c == 1 else v.fma(constant(v, c), x, total)
    return total


def constant(v: Vectors, number: float):
    return v.type([float(np.float32(number))] * v.lanes)


def evaluate(v: Vectors, matrix, values):
    """``matrix @ values``: at points p and -p the even powers agree, the odd ones are opposite."""
    out = [combine(v, matrix[0], values)]
    for row in matrix[1], matrix[3]:
        even = combine(v, row[::2], values[::2])
        odd = combine(v, row[1::2], values[1::2])
        out += [v.builder.fadd(even, odd), v.builder.fsub(even, odd)]
    return [*out, combine(v, matrix[5], values)]


def collect(v: Vectors, matrix, values):
    """``matrix.T @ values``, by the same symmetry."""
    add, sub, (zero, p, minus_p, q, minus_q, infinity) = v.builder.fadd, v.builder.fsub, values
    pairs = [(add(p, minus_p), add(q, minus_q)), (sub(p, minus_p), sub(q, minus_q))]
    return [
        combine(v, column[[0, 1, 3, 5]], (zero, *pairs[power % 2], infinity))
        for power, column in enumerate(matrix.T)
    ]


def make_transform(along, matrix, results: bool = False, adds: bool = False):
    """The intrinsic that applies `matrix` from both sides to a square of vectors in memory.

    The places of elements (i, j) are `row` and `step` numbers apart. `results` adds a bias, and
    sets what is negative to zero if asked; `adds` adds to what is there.
    """

    def emit(builder, source, source_row, source_step, target, target_row, target_step, *rest):
        v = Vectors(builder, types.float32)
        source, target = v.pointer(source), v.pointer(target)
        size = matrix.shape[1] if along is evaluate else POINTS
        square = []
        for i in range(size):
            row = v.offset(source, source_row, i)
            values = [v.load(v.vector(v.offset(row, source_step, j))) for j in range(size)]
            square.append(along(v, matrix, values))
        columns = [along(v, matrix, list(column)) for column in zip(*square, strict=True)]
        if results:
            bias, relu = v.load(v.vector(v.pointer(rest[0]))), rest[1]
            asked = builder.icmp_signed("!=", relu, integer(0))
            least = builder.select(asked, constant(v, 0.0), constant(v, -math.inf))
        for j, column in enumerate(columns):
            for i, value in enumerate(column):
                if results:
                    value = builder.fadd(value, bias)
                    small = builder.fcmp_ordered("<", value, least)
                    value = builder.select(small, v.zero, value)
                place = v.vector(v.offset(v.offset(target, target_row, i), target_step, j))
                if adds:
                    value = builder.fadd(value, v.load(place))
                v.store(value, place)

    def codegen(context, builder, signature, arguments):
        emit(builder, *arguments)
        return context.get_dummy_value()

    if results:

        @intrinsic
        def transform(typingctx, source, source_row, source_step, target, target_row, target_step,
                      bias, relu):  # fmt: skip
            return types.void(*[types.intp] * 8), codegen
    else:

        @intrinsic
        def transform(typingctx, source, source_row, source_step, target, target_row, target_step):
            return types.void(*[types.intp] * 6), codegen

    return transform


B, G, A = matrices()
of_inputs = make_transform(evaluate, B)
of_filter = make_transform(evaluate, G)
of_errors = make_transform(evaluate, A)
to_outputs = make_transform(collect, A, results=True)
to_filter = make_transform(collect, G, adds=True)


# -- tiles of images -------------------------------------------------------------------------------


@inner
def apart(count, lanes):
    """A distance of at least `count` numbers that is an odd number of vectors.

    Places at multiples of it are spread over the cache; those at a power of two share a few lines.
    """
    return (count // lanes | 1) * lanes


@inner
def patch(size, x, shape, top, left, high, spare):
    """The address of a square patch of an image, and of its rows the distance.

    Where it reaches over the edge it is copied into `spare`, with zeros.
    """
    height, width, channels = shape
    if top >= 0 and left >= 0 and top + high <= height and left + high <= width:
        return x + size * (top * width + left) * channels, width * channels
    copy_padded(size, x, height, width, channels, top, left, high, high, spare)
    return spare, high * channels


@inner
def transform_inputs(size, lanes, x, shape, tiles, corner, first, begin, end, out, line, step,
                     spare):  # fmt: skip
    """B^T inputs B of the tiles `first` + `begin` to `first` + `end` of images at `x`.

    `tiles`: how many tiles an image has (down, across); `corner`: what the first of them sees.
    Tile t and element e go to line `t` of step `e` of `out`.
    """
    (down, across), (top, left), (height, width, channels) = tiles, corner, shape
    for t in range(begin, end):
        image, place = (first + t) // (down * across), (first + t) % (down * across)
        source, row = patch(
            size, x + size * image * height * width * channels, shape,
            place // across * OUTPUTS + top, place % across * OUTPUTS + left, POINTS, spare,
        )  # fmt: skip
        for c in range(0, channels, lanes):
            target = out + size * (t * line + c)
            of_inputs(source + size * c, row, channels, target, POINTS * step, step)
