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
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import inner
from autograd.kernels.compiled.memory import ALIGNED as LINE
from autograd.kernels.compiled.tile import transposed
from autograd.kernels.compiled.vectors import Vectors, integer
from autograd.kernels.compiled.vectors import fetch as emit_fetch

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


B, G, A = matrices()

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


def both(v: Vectors, along, matrix, square):
    """Apply `matrix` to the rows of a square of vectors, then to its columns."""
    half = [along(v, matrix, row) for row in square]
    columns = [along(v, matrix, list(column)) for column in zip(*half, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def strided(v: Vectors, start, row, step, size):
    """The places of a square of vectors in memory, `row` and `step` numbers apart."""
    start = v.pointer(start)
    rows = [v.offset(start, row, i) for i in range(size)]
    return [[v.vector(v.offset(place, step, j)) for j in range(size)] for place in rows]


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
    def transform(typingctx, table, offset, target, row, step):
        def codegen(context, builder, signature, arguments):
            v, (table, offset, *target) = Vectors(builder, types.float32), arguments
            square = load(v, listed(v, table, offset, size))
            store(v, both(v, along, matrix, square), strided(v, *target, POINTS))
            return context.get_dummy_value()

        return types.void(*[types.intp] * 5), codegen

    return transform


of_inputs, of_errors = of_tile(evaluate, B, POINTS), of_tile(evaluate, A, OUTPUTS)


@intrinsic
def to_outputs(typingctx, source, row, step, table, offset, bias, relu):
    """A^T results A and a bias, to the places of a table; `relu`: what is negative becomes zero."""

    def codegen(context, builder, signature, arguments):
        v, (*source, table, offset, bias, relu) = Vectors(builder, types.float32), arguments
        square = both(v, collect, A, load(v, strided(v, *source, POINTS)))
        bias = v.load(v.vector(v.pointer(bias)))
        asked = builder.icmp_signed("!=", relu, integer(0))
        least = builder.select(asked, constant(v, 0.0), constant(v, -math.inf))

        def finish(value):
            value = builder.fadd(value, bias)
            return builder.select(builder.fcmp_ordered("<", value, least), v.zero, value)

        square = [[finish(value) for value in values] for values in square]
        store(v, square, listed(v, table, offset, OUTPUTS))
        return context.get_dummy_value()

    return types.void(*[types.intp] * 7), codegen


@intrinsic
def of_filter(typingctx, source, apart, turned, target, row, step):
    """G filter G^T of as many filters as a vector has numbers, `apart` numbers from each other.

    `turned`: around, so that the last tap is the first.
    """

    def codegen(context, builder, signature, arguments):
        v, (source, apart, turned, *target) = Vectors(builder, types.float32), arguments
        rows, taps = [v.offset(v.pointer(source), apart, i) for i in range(v.lanes)], []
        for first in range(0, TAPS * TAPS, v.lanes):
            count = min(v.lanes, TAPS * TAPS - first)
            mask = v.below(integer(count), 0)
            places = [v.vector(builder.gep(row, [integer(first)])) for row in rows]
            block = [v.masked_load(place, mask) for place in places]
            taps += transposed(v, block)[:count]
        asked = builder.icmp_signed("!=", turned, integer(0))
        taps = [builder.select(asked, taps[-1 - i], tap) for i, tap in enumerate(taps)]
        square = [taps[i : i + TAPS] for i in range(0, TAPS * TAPS, TAPS)]
        store(v, both(v, evaluate, G, square), strided(v, *target, POINTS))
        return context.get_dummy_value()

    return types.void(*[types.intp] * 6), codegen


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


@intrinsic
def to_filter(typingctx, source, row, step, target, adds):
    """G^T sums G: as many filters as a vector has numbers, one after another.

    `adds`: to those that are there.
    """

    def codegen(context, builder, signature, arguments):
        v, (*source, target, adds) = Vectors(builder, types.float32), arguments
        square = both(v, collect, G, load(v, strided(v, *source, POINTS)))
        asked = builder.icmp_signed("!=", adds, integer(0))
        held = v.below(builder.select(asked, integer(v.lanes), integer(0)), 0)
        values = interleaved(v, [tap for taps in square for tap in taps])
        places = [v.vector(v.pointer(target), i) for i in range(len(values))]
        before = [v.masked_load(place, held) for place in places]
        values = [builder.fadd(*pair) for pair in zip(values, before, strict=True)]
        store(v, [values], [places])
        return context.get_dummy_value()

    return types.void(*[types.intp] * 5), codegen


@intrinsic
def fetch(typingctx, address, writes):
    """Have the line of the cache at an address brought in, to be read or (1) written."""
    if not isinstance(writes, types.IntegerLiteral):
        return None

    def codegen(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
        emit_fetch(builder, place, write=bool(writes.literal_value))
        return context.get_dummy_value()

    return types.void(types.intp, writes), codegen


# -- tiles of images -------------------------------------------------------------------------------
#
# `images` are their address, the shape of one (height, width, channels), how many tiles it has
# (down, across), and the corner that the first of them begins at.


@inner
def apart(count, lanes):
    """A distance of at least `count` numbers that is an odd number of vectors.

    Places at multiples of it are spread over the cache; those at a power of two share a few lines.
    """
    return (count // lanes | 1) * lanes


@inner
def locate(size, images, tile):
    """The address of the image that a tile is in, and the tile's corner there."""
    x, (height, width, channels), (down, across), (top, left) = images
    image, place = tile // (down * across), tile % (down * across)
    y, x_ = place // across * OUTPUTS + top, place % across * OUTPUTS + left
    return x + size * image * height * width * channels, y, x_


@inner
def find(size, images, tile, high, outside, table):
    """List the addresses of a tile's pixels; `outside` stands for what is not in the image."""
    height, width, channels = images[1]
    image, top, left = locate(size, images, tile)
    for i in range(high):
        y = top + i
        row = image + size * (y * width + left) * channels
        for j in range(high):
            inside = 0 <= y < height and 0 <= left + j < width
            table[i * high + j] = row + size * j * channels if inside else outside


@inner
def transform_tiles(size, lanes, images, high, begin, end, channels, deep, outside, table, out,
                    step):  # fmt: skip
    """Transform tiles `begin` to `end`: inputs if they are `POINTS` high, else errors.

    Of each chunk of `deep` channels, element e of tile t goes to line t of step e of `out`.
    """
    for t in range(begin, end):
        find(size, images, t, high, outside, table)
        for c in range(0, channels, lanes):
            target = out + size * (c // deep * ELEMENTS * step + (t - begin) * deep + c % deep)
            if high == POINTS:
                of_inputs(table.ctypes.data, size * c, target, POINTS * step, step)
            else:
                of_errors(table.ctypes.data, size * c, target, POINTS * step, step)


@inner
def fetch_rows(begin, end, start, distance, length):
    """Have rows of memory brought into the cache: distances and lengths in bytes."""
    for r in range(begin, end):
        for at in range(start + r * distance, start + r * distance + length, LINE):
            fetch(at, 0)


@inner
def fetch_tiles(begin, end, size, images, high, count, writes):
    """Have the pixels of tiles that no other tile shares, `count` channels, brought into the cache.

    `begin` and `end` count rows of pixels, of which each tile has as many as outputs.
    """
    height, width, channels = images[1]
    for row in range(begin, end):
        image, y, x = locate(size, images, row // OUTPUTS)
        y += row % OUTPUTS + high - OUTPUTS
        x += high - OUTPUTS
        if y < height:
            for j in range(x, min(width, x + OUTPUTS)):
                start = image + size * (y * width + j) * channels
                for at in range(start, start + size * count, LINE):
                    if writes:
                        fetch(at, 1)
                    else:
                        fetch(at, 0)
