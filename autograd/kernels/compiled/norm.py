"""Normalisation in two forms of memory, each read once for the statistics and once to write.

`columns`: (outer, rows, columns), a mean for each column, or for each group of columns: batch,
instance and group norm of channels-last images. Rows are taken in blocks that stay in the cache.
`planes`: (outer, groups, each, inner), a mean for each group: the same of channels-first images.
Rows with a weight for each of their elements, layer norm, are in `norm_rows`.

Sums within a block are of the numbers' own type, around the block's own mean, of a few rows at a
time; blocks are put together in float64 and always in the same order.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.arrays import scratch
from autograd.kernels.compiled.jit import array, inner, kernel
from autograd.kernels.compiled.norm_form import find_form, like_of, vector_of
from autograd.kernels.compiled.norm_rows import PARTS, backward_rows, forward_rows

BLOCK_BYTES = 1 << 17  # of rows whose statistics are taken at a time
RUN = 64  # rows are added by themselves first: a sum of a thousand numbers would lose digits
double = types.float64


# -- a mean for each column ------------------------------------------------------------------------


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
def write_block(x, mean, scale, bias, first, last, out):
    apart()
    for r in range(first, last):
        row, to = x[r], out[r]
        for c in range(len(mean)):
            to[c] = (row[c] - mean[c]) * scale[c] + bias[c]


@kernel(lambda T: (array(T, 3), array(T, 1), array(T, 1), T, array(T, 3, out=True),
                   array(T, 2, out=True), array(T, 2, out=True), array(T, 4, out=True),
                   array(double, 2, out=True)))  # fmt: skip
def forward_columns(x, weight, bias, eps, out, mean, var, parts, total):
    """Normalise by column; `mean` and `var` have an element for each group of columns."""
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
        write_block(x[o], parts[o, 0, 0], parts[o, 0, 1], bias, first, last, out[o])


@inner
def add_products(g, x, first, last, centre, near, product):
    """The sums of g and of g * (x - centre) in each column of rows `first` to `last`."""
    columns, twos = len(near), last - (last - first) % 2
    near[:] = 0
    product[:] = 0
    for r in range(first, twos, 2):
        g0, g1, x0, x1 = g[r], g[r + 1], x[r], x[r + 1]
        for c in range(columns):
            near[c] += g0[c] + g1[c]
            product[c] += g0[c] * (x0[c] - centre[c]) + g1[c] * (x1[c] - centre[c])
    for r in range(twos, last):
        error, row = g[r], x[r]
        for c in range(columns):
            near[c] += error[c]
            product[c] += error[c] * (row[c] - centre[c])


@inner
def sums_of_block(g, x, mean, first, last, own):
    """The same of a block, in the first two rows of `own`; the centres are left in the third."""
    apart()
    total, product, centre, near, near_product = own[0], own[1], own[2], own[3], own[4]
    each = len(total) // len(mean)
    total[:] = 0
    product[:] = 0
    for c in range(len(total)):
        centre[c] = mean[c // each]
    for start in range(first, last, RUN):
        add_products(g, x, start, min(start + RUN, last), centre, near, near_product)
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
            parts[0, 0, c] = inverse * weight[c]
            parts[0, 1, c] = product * (inverse * inverse * inverse) / (rows * each)
            parts[0, 3, c] = whole * inverse / (rows * each)


@inner
def write_gradient(g, x, factors, first, last, dx):
    apart()
    scale, slope, centre, shared = factors[0], factors[1], factors[2], factors[3]
    for r in range(first, last):
        error, row, to = g[r], x[r], dx[r]
        for c in range(len(scale)):
            to[c] = scale[c] * error[c] - shared[c] - slope[c] * (row[c] - centre[c])


@kernel(lambda T: (array(T, 3), array(T, 3), array(T, 1), array(T, 2), array(T, 2), T,
                   array(T, 3, out=True), array(T, 2, out=True), array(T, 4, out=True),
                   array(double, 2, out=True)))  # fmt: skip
def backward_columns(g, x, weight, mean, var, eps, dx, dvectors, parts, total):
    """The gradients; `dvectors` has those of the weight and the bias."""
    outer, rows, _ = x.shape
    blocks = parts.shape[1]
    for task in prange(outer * blocks):
        o, b = task // blocks, task % blocks
        first, last = block(rows, blocks, b)
        sums_of_block(g[o], x[o], mean[o], first, last, parts[o, b])
    for o in range(outer):
        join_sums(parts[o], rows, weight, var[o], eps, total, dvectors)
    for task in prange(outer * blocks):
        o, b = task // blocks, task % blocks
        first, last = block(rows, blocks, b)
        write_gradient(g[o], x[o], parts[o, 0], first, last, dx[o])


# -- a mean for each group of planes ---------------------------------------------------------------


@inner
def moments(x):
    """The mean of a row and the sum of squares around it."""
    number = x.dtype.type
    base, total, square = x[0], number(0), number(0)  # taken off, lest a large mean takes digits
    for i in range(len(x)):
        total += x[i] - base
    mean = base + number(total / len(x))
    for i in range(len(x)):
        square += (x[i] - mean) * (x[i] - mean)
    return mean, square


@inner
def normalise_group(x, group, weight, bias, eps, out, mean, var):
    apart()
    outer, _, each, size = x.shape
    done, middle, square = 0.0, 0.0, 0.0
    for o in range(outer):
        for e in range(each):
            own, squares = moments(x[o, group, e])
            off = own - middle
            middle += off * size / (done + size)
            square += squares + off * off * size * (done / (done + size))
            done += size
    mean[group], var[group] = middle, square / done
    centre, deviation = mean[group], np.sqrt(var[group] + eps)
    for o in range(outer):
        for e in range(each):
            plane = (group * each + e) % len(weight)
            factor, shift = weight[plane] / deviation, bias[plane]
            row, to = x[o, group, e], out[o, group, e]
            for i in range(size):
                to[i] = (row[i] - centre) * factor + shift


@kernel(lambda T: (array(T, 4), array(T, 1), array(T, 1), T, array(T, 4, out=True),
                   array(T, 1, out=True), array(T, 1, out=True)))  # fmt: skip
def forward_planes(x, weight, bias, eps, out, mean, var):
    """Normalise groups of planes; weight and bias have an element for each plane."""
    for group in prange(x.shape[1]):
        normalise_group(x, group, weight, bias, eps, out, mean, var)


@inner
def group_gradient(g, x, group, weight, mean, var, eps, dx, sums):
    apart()
    outer, _, each, size = x.shape
    number = x.dtype.type
    centre, scale = mean[group], number(1) / np.sqrt(var[group] + eps)
    common, along = 0.0, 0.0
    for e in range(each):
        plane = group * each + e
        whole, product = 0.0, 0.0
        for o in range(outer):
            total, products = number(0), number(0)
            errors, values = g[o, group, e], x[o, group, e]
            for i in range(size):
                total += errors[i]
                products += errors[i] * (values[i] - centre)
            whole += total
            product += products
        sums[0, plane], sums[1, plane] = product * scale, whole
        common += whole * weight[plane % len(weight)]
        along += product * weight[plane % len(weight)]
    count = outer * each * size
    shared = number(common * scale / count)
    slope = number(along * scale * scale * scale / count)
    for o in range(outer):
        for e in range(each):
            factor = scale * weight[(group * each + e) % len(weight)]
            error, row, to = g[o, group, e], x[o, group, e], dx[o, group, e]
            for i in range(size):
                to[i] = factor * error[i] - shared - slope * (row[i] - centre)


@kernel(lambda T: (array(T, 4), array(T, 4), array(T, 1), array(T, 1), array(T, 1), T,
                   array(T, 4, out=True), array(T, 2, out=True),
                   array(double, 2, out=True)))  # fmt: skip
def backward_planes(g, x, weight, mean, var, eps, dx, dvectors, sums):
    """The gradients: `dvectors` of the weight and the bias, `sums` the same for each plane."""
    for group in prange(x.shape[1]):
        group_gradient(g, x, group, weight, mean, var, eps, dx, sums)
    for first in range(0, sums.shape[1], len(weight)):
        for v in range(2):
            for c in range(len(weight)):
                dvectors[v, c] += sums[v, first + c]


# -- the two functions -----------------------------------------------------------------------------


def _form(x, weight, bias, axes):
    given = bias if weight is None else weight
    return find_form(x.shape, x.strides, tuple(axes), None if given is None else given.shape)


def _space(x, count):
    """Memory for `count` numbers of each column in each block of rows, and for two of all rows."""
    outer, rows, columns = x.shape
    blocks = max(1, min(rows, rows * columns * x.itemsize // BLOCK_BYTES))
    return scratch(((outer, blocks, count, columns), x.dtype), ((2, columns), np.float64))


def forward(x, weight, bias, axes, eps):
    """Return (x - mean) / sqrt(var + eps) * weight + bias, the mean and the (biased) variance."""
    form = _form(x, weight, bias, axes)
    seen = form.view(x)
    vectors = vector_of(form, weight, 1, x), vector_of(form, bias, 0, x)
    out, out_memory = form.empty(x, [x.shape[axis] for axis in form.order])
    (mean, means), (var, variances) = (form.empty(x, form.means) for _ in range(2))
    result = out_memory.reshape(form.shape)
    if form.kind == "columns":
        by_column = len(seen), -1
        forward_columns(seen, *vectors, eps, result, means.reshape(by_column),
                        variances.reshape(by_column), *_space(seen, 3))  # fmt: skip
    else:
        run = forward_rows if form.kind == "rows" else forward_planes
        run(seen, *vectors, eps, result, means.reshape(-1), variances.reshape(-1))
    return out, mean, var


def backward(g, x, weight, bias, mean, var, axes, eps, needs):
    """The gradients of x, weight and bias that are needed (None otherwise), given the output's."""
    form = _form(x, weight, bias, axes)
    errors, seen = form.view(g), form.view(x)
    vector = vector_of(form, weight, 1, x)
    dx, dx_memory = form.empty(x, [x.shape[axis] for axis in form.order])
    result, dvectors = dx_memory.reshape(form.shape), np.zeros((2, form.vector), x.dtype)
    means, variances = (
        np.ascontiguousarray(each.transpose(form.order)).reshape(-1) for each in (mean, var)
    )
    if form.kind == "columns":
        by_column = len(seen), -1
        backward_columns(errors, seen, vector, means.reshape(by_column),
                         variances.reshape(by_column), eps, result, dvectors,
                         *_space(seen, 5))  # fmt: skip
    elif form.kind == "rows":
        (parts,) = scratch(((max(1, min(PARTS, len(seen))), 2, form.vector), x.dtype))
        parts.fill(0)
        backward_rows(errors, seen, vector, means, variances, eps, result, dvectors, parts)
    else:
        (sums,) = scratch(((2, seen.shape[1] * seen.shape[2]), np.float64))
        backward_planes(errors, seen, vector, means, variances, eps, result, dvectors, sums)
    return (
        dx if needs[0] else None,
        like_of(form, dvectors[0], weight) if needs[1] else None,
        like_of(form, dvectors[1], bias) if needs[2] else None,
    )
