"""Convolution with a fraction of the multiplications: Winograd's F(4x4, 3x3) and F(4x4, 2x2).

A correlation is a product of polynomials, and polynomials are multiplied by multiplying their
values at enough points (Toom and Cook; Winograd; for images Lavin and Gray, "Fast Algorithms for
Convolutional Neural Networks", 2015). A tile of 4 x 4 outputs sees 6 x 6 inputs by a filter of
3 x 3. With B, G and A the evaluations at six points (one of them infinity),

    tile of outputs = A^T [ (G filter G^T) * (B^T inputs B) ] A

where * is by elements, 36 products instead of 144; the sum over channels makes each of them a
product of matrices. The gradient of the input is the same with the filter turned around; that of
the weight is the adjoint, ``G^T [ (A errors A^T) * (B^T inputs B) ] G``, summed over all tiles.

A filter of 4 x 4 that moves by 2 pixels is four of 2 x 2 that move by 1, one for each residue of a
pixel's place: five points, 25 products instead of 64.

What is at infinity tells only of a tile's last row or column of outputs. Tiles that need not be
full, for the outputs are no multiple of 4, do without: 7 pixels are 4 and 3.

Rounding errors grow with the size of the numbers in the matrices. The points 0, +-1/sqrt(2),
+-sqrt(2) and infinity keep them small: the error is about 1e-6 of the deviation of the results
(root mean square; 1e-5 at most), five times that of the direct sum in float32. It is three times
for filters of 2 x 2 with the points +-2/5, +-5/4 and infinity, the best of those tried. An infinity
or NaN reaches, as NaN, all of the tile that sees it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from autograd.kernels.compiled.tile import transposed
from autograd.kernels.compiled.vectors import Vectors, integer

OUTPUTS = 4  # along an axis, of all forms


class Form(NamedTuple):
    """The algorithm for filters of one size."""

    side: int  # of a filter in memory
    places: list[int]  # of its taps there
    b: np.ndarray  # B^T
    g: np.ndarray
    a: np.ndarray

    @property
    def points(self) -> int:
        return len(self.b)

    @property
    def taps(self) -> int:
        return self.g.shape[1]


def form(side, places, *points) -> Form:
    """With the matrices for these points and infinity: zero first if it is one, then pairs +-p."""
    count, taps = len(points) + 1, math.isqrt(len(places))
    b, g, a = np.zeros((count, count)), np.zeros((count, taps)), np.zeros((count, OUTPUTS))
    for i, point in enumerate(points):
        others = np.delete(points, i)
        b[i, :-1] = np.poly(others)[::-1]
        g[i] = point ** np.arange(taps) / np.prod(point - others)
        a[i] = point ** np.arange(OUTPUTS)
    b[-1] = np.poly(points)[::-1]
    g[-1, -1] = a[-1, -1] = 1  # infinity: the highest coefficient
    b, g, a = (np.where(abs(m - m.round(12)) < 1e-14, m.round(12), m) for m in (b, g, a))
    return Form(side, list(places), b, g, a)


WHOLE = form(3, range(9), 0.0, 0.5**0.5, -(0.5**0.5), 2**0.5, -(2**0.5))  # filters of 3 x 3
QUARTER = form(4, [0, 2, 8, 10], 0.4, -0.4, 1.25, -1.25)  # of 4 x 4, every second row and column
MOST_POINTS = WHOLE.points

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
    out = [combine(v, row, values) for row in matrix[:-5]]
    for row in matrix[-5], matrix[-3]:
        even = combine(v, row[::2], values[::2])
        odd = combine(v, row[1::2], values[1::2])
        out += [v.builder.fadd(even, odd), v.builder.fsub(even, odd)]
    return [*out, combine(v, matrix[-1], values)]


def collect(v: Vectors, matrix, values):
    """``matrix.T @ values``, by the same symmetry."""
    add, sub, (*zero, p, minus_p, q, minus_q, infinity) = v.builder.fadd, v.builder.fsub, values
    pairs = [(add(p, minus_p), add(q, minus_q)), (sub(p, minus_p), sub(q, minus_q))]
    rows = [*range(len(zero)), -5, -3, -1]
    return [
        combine(v, column[rows], (*zero, *pairs[power % 2], infinity))
        for power, column in enumerate(matrix.T)
    ]


def both(v: Vectors, along, matrix, square):
    """Apply `matrix` to the rows of a square of vectors, then to its columns."""
    half = [along(v, matrix, row) for row in square]
    columns = [along(v, matrix, list(column)) for column in zip(*half, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def square_at(v: Vectors, start, step, size):
    """The places of a square of vectors in memory, `step` numbers apart."""
    start = v.pointer(start)
    rows = [v.offset(start, step, i * size) for i in range(size)]
    return [[v.vector(v.offset(row, step, j)) for j in range(size)] for row in rows]


def listed(v: Vectors, table, offset, size):
    """The places of a square of vectors, each `offset` bytes behind the address in a table."""
    table = v.builder.inttoptr(table, integer(0).type.as_pointer())

    def place(i):
        address = v.builder.load(v.builder.gep(table, [integer(i)]), align=8)
        return v.vector(v.pointer(v.builder.add(address, offset)))

    return ([place(i * size + j) for j in range(size)] for i in range(size))


def load(v: Vectors, places):
    """The vectors at some places, a row at a time: later rows are read when they are asked for."""
    return ([v.load(place) for place in row] for row in places)


def store(v: Vectors, square, places):
    for values, row in zip(square, places, strict=True):
        for value, place in zip(values, row, strict=True):
            v.store(value, place)


def of_tile(along, matrix, size):
    """The intrinsic that transforms a tile of an image, its elements at the places of a table."""

    @intrinsic
    def transform(typingctx, table, offset, target, step):
        def codegen(context, builder, signature, arguments):
            v, (table, offset, *target) = Vectors(builder, types.float32), arguments
            square = load(v, listed(v, table, offset, size))
            store(v, both(v, along, matrix, square), square_at(v, *target, len(matrix)))
            return context.get_dummy_value()

        return types.void(*[types.intp] * 4), codegen

    return transform


def to_tile(form: Form):
    """The intrinsic that gives A^T results A and a bias to the places of a table."""

    @intrinsic
    def transform(typingctx, source, step, table, offset, bias, relu):
        def codegen(context, builder, signature, arguments):
            v, (*source, table, offset, bias, relu) = Vectors(builder, types.float32), arguments
            square = both(v, collect, form.a, load(v, square_at(v, *source, form.points)))
            bias = v.load(v.vector(v.pointer(bias)))
            asked = builder.icmp_signed("!=", relu, integer(0))
            least = builder.select(asked, constant(v, 0.0), constant(v, -math.inf))

            def finish(value):
                value = builder.fadd(value, bias)
                return builder.select(builder.fcmp_ordered("<", value, least), v.zero, value)

            square = [[finish(value) for value in values] for values in square]
            store(v, square, listed(v, table, offset, OUTPUTS))
            return context.get_dummy_value()

        return types.void(*[types.intp] * 6), codegen

    return transform


def lines(v: Vectors, form: Form):
    """Where a filter is read, a vector at a time: from which number on, and of these its taps."""
    for first in range(0, form.places[-1] + 1, v.lanes):
        taps = [place - first for place in form.places if first <= place < first + v.lanes]
        yield first, taps, bits(v, taps)


def bits(v: Vectors, lanes):
    """The mask that has these lanes."""
    kind = ir.VectorType(ir.IntType(1), v.lanes)
    return ir.Constant(kind, [int(lane in lanes) for lane in range(v.lanes)])


def taps_of(v: Vectors, form: Form, source, apart, turned) -> list:
    """The taps of as many filters as a vector has numbers; `turned`: the last of them first."""
    builder = v.builder
    rows, taps = [v.offset(v.pointer(source), apart, i) for i in range(v.lanes)], []
    for first, lanes, mask in lines(v, form):
        places = [v.vector(builder.gep(row, [integer(first)])) for row in rows]
        columns = transposed(v, [v.masked_load(place, mask) for place in places])
        taps += [columns[lane] for lane in lanes]
    asked = builder.icmp_signed("!=", turned, integer(0))
    return [builder.select(asked, taps[-1 - i], tap) for i, tap in enumerate(taps)]


def from_filter(form: Form):
    """The intrinsic of G filter G^T, of as many filters as a vector has numbers."""

    @intrinsic
    def transform(typingctx, source, apart, turned, target, step):
        def codegen(context, builder, signature, arguments):
            v, (source, apart, turned, *target) = Vectors(builder, types.float32), arguments
            values = taps_of(v, form, source, apart, turned)
            square = [values[i : i + form.taps] for i in range(0, len(values), form.taps)]
            store(v, both(v, evaluate, form.g, square), square_at(v, *target, form.points))
            return context.get_dummy_value()

        return types.void(*[types.intp] * 5), codegen

    return transform


def interleaved(v: Vectors, values):
    """The first numbers of all of `values`, then the second of all, and so on, as vectors."""
    out = []
    for begin in range(0, v.lanes * len(values), v.lanes):
        total = values[0]
        origins = [divmod(begin + lane, len(values)) for lane in range(v.lanes)]
        for i, value in enumerate(values):
            lanes = [v.lanes + at if of == i else lane for lane, (at, of) in enumerate(origins)]
            total = v.shuffle(total, value, lanes)
        out.append(total)
    return out


def woven(v: Vectors, form: Form, taps):
    """As many filters as a vector has numbers: where from their begin, a vector, and its mask."""
    if len(form.places) == form.side**2:  # no gaps
        for i, row in enumerate(interleaved(v, taps)):
            yield i * v.lanes, row, bits(v, range(v.lanes))
        return
    taps = iter(taps)
    for first, lanes, mask in lines(v, form):
        columns = [next(taps) if i in lanes else v.zero for i in range(v.lanes)]
        for i, row in enumerate(transposed(v, columns)):
            yield i * form.side**2 + first, row, mask


def to_filter(form: Form):
    """The intrinsic of G^T sums G: as many filters as a vector has numbers, one after another.

    `adds`: to those that are there. Filters without gaps are aligned, and written past the caches:
    as a rule they are read only when the gradients of all layers are there.
    """
    gaps = len(form.places) < form.side**2

    @intrinsic
    def transform(typingctx, source, step, target, adds):
        def codegen(context, builder, signature, arguments):
            v, (source, step, target, adds) = Vectors(builder, types.float32), arguments
            square = both(v, collect, form.g, load(v, square_at(v, source, step, form.points)))
            asked, target = builder.icmp_signed("!=", adds, integer(0)), v.pointer(target)
            rows = [
                (row, v.vector(builder.gep(target, [integer(at)])), mask)
                for at, row, mask in woven(v, form, [tap for taps in square for tap in taps])
            ]
            with builder.if_else(asked) as (added, written):
                with added:
                    for row, place, mask in rows:
                        total = builder.fadd(row, v.masked_load(place, mask))
                        v.masked_store(total, place, mask)
                with written:
                    for row, place, mask in rows:
                        v.masked_store(row, place, mask) if gaps else v.stream(row, place)
            return context.get_dummy_value()

        return types.void(*[types.intp] * 4), codegen

    return transform


whole_inputs, whole_errors = of_tile(evaluate, WHOLE.b, 6), of_tile(evaluate, WHOLE.a, OUTPUTS)
whole_outputs, whole_filter, whole_sums = to_tile(WHOLE), from_filter(WHOLE), to_filter(WHOLE)
quarter_inputs, quarter_errors = (
    of_tile(evaluate, QUARTER.b, 5),
    of_tile(evaluate, QUARTER.a, OUTPUTS),
)
quarter_outputs, quarter_filter, quarter_sums = (
    to_tile(QUARTER),
    from_filter(QUARTER),
    to_filter(QUARTER),
)
