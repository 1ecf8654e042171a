"""Normalisation by column, of arrays (outer, rows, columns) with a mean for each column or group of
them: batch, instance and group norm of channels-last images.

Memory is read twice, for the statistics and to write. Rows are taken in blocks that stay in the
cache. Sums within a block are of the numbers' own type, around the block's own mean, of a few rows
at a time; blocks are put together in float64 and always in the same order.

Each kernel is declared twice: as one that only normalises, which has neither residual nor floor
(they are None), and as one that adds the residual as it writes, and raises to the floor, 0, what is
below it: ReLU. Code for what is not there is not compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.jit import Kernel, array, inner, kernel
from autograd.kernels.compiled.mathematics import choose

RUN = 64  # rows are added by themselves first: a sum of a thousand numbers would lose digits
double = types.float64


def both(function: FunctionType, signature: Callable) -> list[Kernel]:
    """The two kernels; `signature` passes the types of what one of them lacks through `maybe`."""
    return [
        kernel(lambda T, maybe=maybe: signature(T, maybe))(function)
        for maybe in ((lambda given: types.none), (lambda given: given))
    ]


@inner
def block(rows, blocks, number):
    """Where a block of the rows begins and ends."""
    return rows * number // blocks, rows * (number + 1) // blocks


@inner
def add_offsets(x, first, last, base, near):
    """The sum of x - base in each column of rows `first` to `last`."""
    columns, fours = len(near), last - (last - first) % 4
    near[:] = 0
    for r in range(first, fours, 4):
        x0, x1, x2, x3 = x[r], x[r + 1], x[r + 2], x[r + 3]
        for c in range(columns):
            b = base[c]
            near[c] += ((x0[c] - b) + (x1[c] - b)) + ((x2[c] - b) + (x3[c] - b))
    for r in range(fours, last):
        row = x[r]
        for c in range(columns):
            near[c] += row[c] - base[c]


@inner
def add_squares(x, first, last, mean, near):
    """The sum of (x - mean) squared in each column of rows `first` to `last`."""
    columns, twos = len(near), last - (last - first) % 2
    near[:] = 0
    for r in range(first, twos, 2):
        x0, x1 = x[r], x[r + 1]
        for c in range(columns):
            here, below = x0[c] - mean[c], x1[c] - mean[c]
            near[c] += here * here + below * below
    for r in range(twos, last):
        row = x[r]
        for c in range(columns):
            near[c] += (row[c] - mean[c]) * (row[c] - mean[c])


@inner
def moments_of_block(x, first, last, mean, square, near):
    """The mean of each column in rows `first` to `last`, and the sum of squares around it."""
    apart()
    columns, count = len(mean), x.dtype.type(last - first)
    base = x[first]  # taken off, lest a large mean takes the digits
    mean[:] = 0
    for start in range(first, last, RUN):
        add_offsets(x, start, min(start + RUN, last), base, near)
        for c in range(columns):
            mean[c] += near[c]
    for c in range(columns):
        mean[c] = base[c] + mean[c] / count
    square[:] = 0
    for start in range(first, last, RUN):
        add_squares(x, start, min(start + RUN, last), mean, near)
        for c in range(columns):
            square[c] += near[c]


@inner
def join_moments(parts, rows, mean, square):
    """The same of all rows, from those of the blocks."""
    apart()
    blocks, columns = len(parts), len(mean)
    mean[:] = 0
    square[:] = 0
    for b in range(blocks):
        first, last = block(rows, blocks, b)
        for c in range(columns):
            mean[c] += parts[b, 0, c] * ((last - first) / rows)
    for b in range(blocks):
        first, last = block(rows, blocks, b)
        for c in range(columns):
            off = parts[b, 0, c] - mean[c]
            square[c] += parts[b, 1, c] + (last - first) * (off * off)


@inner
def group_moments(column_mean, column_square, rows, mean, var):
    """The mean and variance of each group of columns."""
    apart()
    each = len(column_mean) // len(mean)
    for group in range(len(mean)):
        first, last = group * each, (group + 1) * each
        middle, square = 0.0, 0.0
        for c in range(first, last):
            middle += column_mean[c] / each
        for c in range(first, last):
            square += column_square[c] / rows + (column_mean[c] - middle) ** 2
        mean[group], var[group] = middle, square / each


@inner
def write_block(x, residual, mean, scale, bias, floor, first, last, out):
    apart()
    for r in range(first, last):
        row, to = x[r], out[r]
        if floor is None:
            for c in range(len(mean)):
                to[c] = (row[c] - mean[c]) * scale[c] + bias[c]
        else:
            other = residual[min(r, len(residual) - 1)]
            for c in range(len(mean)):
                value = (row[c] - mean[c]) * scale[c] + bias[c] + other[c]
                to[c] = choose(value <= floor, floor, value)


def normalise_columns(x, residual, weight, bias, eps, floor, out, mean, var, parts, total):
    """Normalise by column; `mean` and `var` have an element for each group of columns.

    A residual that is there and adds nothing is one row of zeros.
    """
    outer, rows, columns = x.shape
    blocks, each = parts.shape[1], columns // mean.shape[1]
    for task in prange(outer * blocks):
        o, b = task // blocks, task % blocks
        first, last = block(rows, blocks, b)
        own = parts[o, b]
        moments_of_block(x[o], first, last, own[0], own[1], own[2])
    for o in range(outer):
        join_moments(parts[o], rows, total[0], total[1])
        group_moments(total[0], total[1], rows, mean[o], var[o])
        for c in range(columns):
            parts[o, 0, 0, c] = mean[o, c // each]
            parts[o, 0, 1, c] = weight[c] / np.sqrt(var[o, c // each] + eps)
    for task in prange(outer * blocks):
        o, b = task // blocks, task % blocks
        first, last = block(rows, blocks, b)
        other = None if floor is None else residual[min(o, len(residual) - 1)]
        write_block(x[o], other, parts[o, 0, 0], parts[o, 0, 1], bias, floor, first, last, out[o])


forward_columns, forward_columns_relu = both(
    normalise_columns,
    lambda T, maybe: (
        array(T, 3), maybe(array(T, 3)), array(T, 1), array(T, 1), T, maybe(T),
        array(T, 3, out=True), array(T, 2, out=True), array(T, 2, out=True),
        array(T, 4, out=True), array(double, 2, out=True),
    ),
)  # fmt: skip


@inner
def passed(error, c, row, centre, factor, bias, floor):
    """The error at column c of a row: none if the result there was raised to the floor.

    To compute that result again takes less time than to read it.
    """
    if floor is None:
        return error[c]
    return choose((row[c] - centre[c]) * factor[c] + bias[c] <= floor, floor, error[c])


@inner
def add_products(g, x, centre, factor, bias, floor, first, last, near, product):
    """The sums of g that passes, and of it times x - centre, in each column of some rows."""
    columns, twos = len(near), last - (last - first) % 2
    near[:] = 0
    product[:] = 0
    for r in range(first, twos, 2):
        g0, g1, x0, x1 = g[r], g[r + 1], x[r], x[r + 1]
        for c in range(columns):
            error0 = passed(g0, c, x0, centre, factor, bias, floor)
            error1 = passed(g1, c, x1, centre, factor, bias, floor)
            near[c] += error0 + error1
            product[c] += error0 * (x0[c] - centre[c]) + error1 * (x1[c] - centre[c])
    for r in range(twos, last):
        error, row = g[r], x[r]
        for c in range(columns):
            error0 = passed(error, c, row, centre, factor, bias, floor)
            near[c] += error0
            product[c] += error0 * (row[c] - centre[c])


@inner
def sums_of_block(g, x, weight, bias, mean, var, eps, floor, first, last, own):
    """The same of a block, in the first two rows of `own`; in the next the centres and factors."""
    apart()
    total, product, centre, factor = own[0], own[1], own[2], own[3]
    near, near_product = own[4], own[5]
    each = len(total) // len(mean)
    total[:] = 0
    product[:] = 0
    for c in range(len(total)):
        centre[c] = mean[c // each]
        factor[c] = weight[c] / np.sqrt(var[c // each] + eps)
    for start in range(first, last, RUN):
        end = min(start + RUN, last)
        add_products(g, x, centre, factor, bias, floor, start, end, near, near_product)
        for c in range(len(total)):
            total[c] += near[c]
            product[c] += near_product[c]


@inner
def join_sums(parts, rows, weight, var, eps, total, dvectors):
    """Add to the gradients of the vectors; leave in the first block what `write_gradient` needs."""
    apart()
    columns = len(weight)
    each = columns // len(var)
    total[:] = 0
    for b in range(len(parts)):
        for c in range(columns):
            total[0, c] += parts[b, 0, c]
            total[1, c] += parts[b, 1, c]
    for group in range(len(var)):
        first, last = group * each, (group + 1) * each
        inverse = 1 / np.sqrt(double(var[group] + eps))
        whole, product = 0.0, 0.0
        for c in range(first, last):
            dvectors[0, c] += total[1, c] * inverse
            dvectors[1, c] += total[0, c]
            whole += total[0, c] * weight[c]
            product += total[1, c] * weight[c]
        for c in range(first, last):
            parts[0, 0, c] = whole * inverse / (rows * each)
            parts[0, 1, c] = product * (inverse * inverse * inverse) / (rows * each)
            parts[0, 4, c] = inverse * weight[c]


@inner
def write_gradient(g, x, factors, bias, floor, first, last, dx):
    apart()
    shared, slope, centre, factor = factors[0], factors[1], factors[2], factors[3]
    scale = factors[4]  # the factor, but rounded once
    for r in range(first, last):
        error, row, to = g[r], x[r], dx[r]
        for c in range(len(factor)):
            through = passed(error, c, row, centre, factor, bias, floor)
            to[c] = scale[c] * through - shared[c] - slope[c] * (row[c] - centre[c])


def columns_gradients(g, x, weight, bias, mean, var, eps, floor, dx, dvectors, parts, total):
    """The gradients; `dvectors` has those of the weight and the bias. Nothing was added."""
    outer, rows, _ = x.shape
    blocks = parts.shape[1]
    for task in prange(outer * blocks):
        o, b = task // blocks, task % blocks
        first, last = block(rows, blocks, b)
        sums_of_block(g[o], x[o], weight, bias, mean[o], var[o], eps, floor, first, last,
                      parts[o, b])  # fmt: skip
    for o in range(outer):
        join_sums(parts[o], rows, weight, var[o], eps, total, dvectors)
    for task in prange(outer * blocks):
        o, b = task // blocks, task % blocks
        first, last = block(rows, blocks, b)
        write_gradient(g[o], x[o], parts[o, 0], bias, floor, first, last, dx[o])


backward_columns, backward_columns_relu = both(
    columns_gradients,
    lambda T, maybe: (
        array(T, 3), array(T, 3), array(T, 1), array(T, 1), array(T, 2), array(T, 2), T, maybe(T),
        array(T, 3, out=True), array(T, 2, out=True), array(T, 4, out=True),
        array(double, 2, out=True),
    ),
)  # fmt: skip
