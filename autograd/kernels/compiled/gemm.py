"""Matrix products: C is cut into parts, one for each thread, and each is a `product`."""

from __future__ import annotations

import functools

import numpy as np
from numba import prange, types

from autograd.kernels.compiled import dots
from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.jit import array, get_num_threads, inner, intp, kernel
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, SIZE, STRIPS, block, product, workspace_bytes

COPY_A, COPY_B = 10, 40  # what copying a number costs, in multiplications


def _signature(T):
    matrices = array(T, 2, "A"), array(T, 2, "A"), array(T, 2, "A", out=True)
    return (
        *matrices,
        array(T, 1),
        intp,
        intp,
        intp,
        array(types.int64, 2),
        array(types.int64, 1),
        array(types.byte, 2, out=True),
    )


@inner
def cheaper_by_rows(rows, columns, wide, parts):
    """Whether it is rows of c that are shared: every part copies all of the other matrix.

    Counted in multiplications for each step of the depth. Copying a number of b costs as much as
    `COPY_B` of them; a is copied for each `STRIPS` strips of b.
    """
    strips, blocks = (columns + wide - 1) // wide, STRIPS * wide
    high, broad = (rows + parts - 1) // parts, (strips + parts - 1) // parts * wide
    by_rows = high * columns + COPY_B * columns + COPY_A * high * (columns // blocks + 1)
    return by_rows <= rows * broad + COPY_B * broad + COPY_A * rows * (broad // blocks + 1)


@inner
def share_of_product(unit, a, a_row, a_step, b, b_step, b_column, c, c_row, rows, columns, depth,
                     accumulate, bias, relu, part, parts, space):  # fmt: skip
    """One of the `parts` of a product: c is cut along one of its sides. Distances are in bytes."""
    size, wide = unit[SIZE], unit[COLUMNS]
    strips = (columns + wide - 1) // wide
    top, bottom, left, right = 0, rows, 0, columns
    if cheaper_by_rows(rows, columns, wide, parts):
        top, bottom = rows * part // parts, rows * (part + 1) // parts
    else:
        left, right = strips * part // parts * wide, strips * (part + 1) // parts * wide
        right = min(right, columns)
    if bottom > top and right > left:
        product(
            unit, a + top * a_row, a_row // size, a_step // size,
            b + left * b_column, b_step // size, b_column // size,
            c + top * c_row + size * left, c_row // size, bottom - top, right - left, depth,
            accumulate, bias + size * left if bias else 0, relu, space,
        )  # fmt: skip


@kernel(_signature)
def multiply(a, b, c, bias, accumulate, relu, parts, places, unit, space):
    """Each of a stack of products, C cut into `parts` along its longer side.

    Given are the first of each stack and the `places` of the others.
    """
    stack, start, threads = places.shape[1], bias.ctypes.data if bias.size else 0, len(space)
    for thread in prange(threads):
        for task in range(thread, stack * parts, threads):
            s = task // parts
            share_of_product(
                unit, a.ctypes.data + places[0, s], a.strides[0], a.strides[1],
                b.ctypes.data + places[1, s], b.strides[0], b.strides[1],
                c.ctypes.data + places[2, s], c.strides[0], c.shape[0], c.shape[1], a.shape[1],
                accumulate, start, relu, task % parts, parts, space[thread].ctypes.data,
            )  # fmt: skip


NOTHING = {"f": np.empty(0, np.float32), "d": np.empty(0, np.float64)}


ALONE = np.zeros((3, 1), np.int64)  # the places of matrices that are not in a stack


@functools.cache
def _unit(char):
    """What the kernel must know of the tile, and how much memory a thread's product packs into."""
    unit = block(char)
    return unit, workspace_bytes(unit)


def firsts(stacks):
    """The first matrix of each stack."""
    return [x[(0,) * (x.ndim - 2)] for x in stacks]


def places(lead, stacks):
    """How many bytes after its first each matrix of the stacks lies, broadcast to shape `lead`."""
    return _places(tuple(lead), tuple([(x.shape[:-2], x.strides[:-2]) for x in stacks]))


@functools.lru_cache(256)
def _places(lead, layouts):
    table = np.zeros((len(layouts), *lead), np.int64)
    for row, (shape, strides) in enumerate(layouts):
        for axis in range(1, len(shape) + 1):
            if shape[-axis] > 1:
                steps = np.arange(shape[-axis]) * strides[-axis]
                table[row] += steps.reshape(-1, *[1] * (axis - 1))
    return table.reshape(len(layouts), -1)


def run(a, b, out, bias=None, accumulate=False, relu=False):
    """out = a @ b (+ bias, + out) for stacks of matrices; `out` has contiguous rows."""
    if not out.size:
        return out
    char, threads = out.dtype.char, get_num_threads()
    bias = NOTHING[char] if bias is None else bias
    if dots.suits(a, b, out):
        dots.run(a, b, out, bias, int(accumulate), int(relu))
        return out
    unit, size = _unit(char)
    table, parts, first = ALONE, threads, out
    if out.ndim > 2:
        table = places(out.shape[:-2], (a, b, out))
        parts = 1 if table.shape[1] >= 2 * threads else threads
        a, b, first = firsts((a, b, out))
    multiply(
        a, b, first, bias, int(accumulate), int(relu), parts, table, unit,
        workspace(threads, size), work=out.size * a.shape[1] // 32,
    )  # fmt: skip
    return out


def _readable(x):
    """x, or a copy of it whose rows or columns are contiguous numbers."""
    # Aligned is what has steps of whole numbers, too.
    return x if x.itemsize in x.strides[-2:] and x.flags.aligned else np.ascontiguousarray(x)


def _as_rows(x):
    """The matrices of a stack below each other, where they lie so in memory; else None."""
    for axis in range(x.ndim - 2):
        if x.shape[axis] > 1 and x.strides[axis] != x.strides[axis + 1] * x.shape[axis + 1]:
            return None
    return x.reshape(-1, x.shape[-1])


def matmul(a, b):
    """The product of matrices, vectors, or stacks of matrices, as `np.matmul`."""
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        return np.matmul(a, b)  # with vectors: bound by memory; or wrong
    a, b = _readable(a), _readable(b)
    if a.ndim > 2 and b.ndim == 2 and a.size:
        rows = _as_rows(a)
        rows = np.ascontiguousarray(a).reshape(-1, a.shape[-1]) if rows is None else rows
        return matmul(rows, b).reshape(*a.shape[:-1], b.shape[1])  # one tall matrix times one
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2]) if a.ndim > 2 or b.ndim > 2 else ()
    return run(a, b, np.empty((*lead, a.shape[-2], b.shape[-1]), a.dtype))


def linear(input, weight, bias, relu=False):
    """``input @ weight.T + bias``, for an `input` (n, k), a `weight` (m, k) and a `bias` (m,).

    With `relu`, what is negative then becomes zero.
    """
    out = np.empty((len(input), len(weight)), input.dtype)
    bias = None if bias is None else np.ascontiguousarray(bias)
    return run(_readable(input), _readable(weight).T, out, bias, relu=relu)


# -- the backward pass of a linear layer -----------------------------------------------------------


@inner
def sum_columns(g, parts, of_part, total):
    """Sum the rows of g, in parts, as `sums.add_rows` does."""
    apart()
    rows, columns = g.shape
    total[:] = 0
    for part in range(parts):
        of_part[:] = 0
        for i in range(rows * part // parts, rows * (part + 1) // parts):
            for j in range(columns):
                of_part[j] += g[i, j]
        for j in range(columns):
            total[j] += of_part[j]


@kernel(lambda T: (array(T, 2), array(T, 2, "A"), array(T, 2, "A"), array(T, 2, out=True),
                   array(T, 2, out=True), array(T, 1, out=True), array(T, 1, out=True), intp,
                   array(types.int64, 1), array(types.byte, 2, out=True)))  # fmt: skip
def linear_errors(g, x, weight, dx, dw, db, of_part, parts, unit, space):
    """dw = g.T @ x, db = the sum of g's rows, and dx = g @ weight unless dx is empty.

    Each thread does a share of all three, so they wait for each other once.
    """
    n, outputs = g.shape
    inputs, size, threads = x.shape[1], g.itemsize, len(space)
    for thread in prange(threads):
        memory = space[thread].ctypes.data
        share_of_product(
            unit, g.ctypes.data, size, size * outputs, x.ctypes.data, x.strides[0], x.strides[1],
            dw.ctypes.data, size * inputs, outputs, inputs, n, 0, 0, 0, thread, threads, memory,
        )  # fmt: skip
        if dx.size:
            share_of_product(
                unit, g.ctypes.data, size * outputs, size, weight.ctypes.data, weight.strides[0],
                weight.strides[1], dx.ctypes.data, size * inputs, n, inputs, outputs, 0, 0, 0,
                thread, threads, memory,
            )  # fmt: skip
        left, right = outputs * thread // threads, outputs * (thread + 1) // threads
        sum_columns(g[:, left:right], parts, of_part[left:right], db[left:right])


def linear_gradients(g, input, weight, parts):
    """The gradients of `linear`'s input (None without the `weight`), weight and bias.

    g is contiguous; its rows are summed in so many parts.
    """
    char, (n, outputs), inputs = g.dtype.char, g.shape, input.shape[1]
    dx = None if weight is None else np.empty((n, inputs), g.dtype)
    dw, db, of_part = (np.empty(shape, g.dtype) for shape in ((outputs, inputs), outputs, outputs))
    (unit, size), nothing = _unit(char), NOTHING[char].reshape(0, 0)
    linear_errors(
        g, _readable(input), nothing if weight is None else _readable(weight),
        nothing if dx is None else dx, dw, db, of_part, parts, unit,
        workspace(get_num_threads(), size), work=g.size * inputs // (32 if dx is None else 16),
    )  # fmt: skip
    return dx, dw, db
