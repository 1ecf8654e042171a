"""Attention in blocks of queries: their scores stay in the cache and are computed anew backwards.

A task is one head of one sequence (if there are few, a part of its queries). It copies keys and
values into strips for the tile; then each block of queries has its scores, softmax and sum of
values computed in scratch memory. What the
backward pass needs is kept of each query: one number, the logarithm of the sum of exponentials
(Dao et al., "FlashAttention", 2022). With `causal` no key behind a block's last query is looked at.

Matrices are given by the first of a stack, and the distances of all others from it, in bytes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import carray, njit, prange, types
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import array, caching, inner, intp, kernel
from autograd.kernels.compiled.mathematics import choose, exp, larger
from autograd.kernels.compiled.product import COLUMNS, DEPTH, ROWS, SIZE, TILE, pack_columns
from autograd.kernels.compiled.tile import call_tile, clear

SUMS = 16  # partial sums of a row; they stand behind it

int64, byte = types.int64, types.uint8


# -- rows of numbers -------------------------------------------------------------------------------


@intrinsic
def pointer(typingctx, like, address):
    """An address as that of numbers like those of an array."""

    def codegen(context, builder, signature, arguments):
        return builder.inttoptr(arguments[1], context.get_value_type(signature.return_type))

    return types.CPointer(like.dtype)(like, types.intp), codegen


@inner
def numbers(like, address, count):
    """The `count` numbers at an address."""
    return carray(pointer(like, address), count)


@inner
def largest(x, count, scale):
    """The largest of the numbers times `scale`."""
    best = x.dtype.type(-np.inf)
    for j in range(count):
        best = larger(best, x[j] * scale)
    return best


@inner
def add_bias(x, bias, count, scale):
    for j in range(count):
        x[j] = x[j] * scale + bias[j]


@inner
def hide(x, seen, count):
    """Set those that are not seen to minus infinity."""
    low = x.dtype.type(-np.inf)
    for j in range(count):
        x[j] = choose(seen[j] != 0, x[j], low)


@inner
def exponentials(x, count, scale, shift):
    """x = exp(x * scale - shift)."""
    for j in range(count):
        x[j] = exp(x[j] * scale - shift)


def ordered(function):
    """As `inner`; but sums stay in the order they are written, however they are compiled."""
    with caching() as cache:
        return njit(cache=cache, nogil=True, error_model="numpy", fastmath={"contract", "nsz"})(
            function
        )


@ordered
def add_up(x, count, sums):
    """The sum, by way of `SUMS` partial sums."""
    whole = count // SUMS * SUMS
    for k in range(SUMS):
        sums[k] = 0
    for j in range(0, whole, SUMS):
        for k in range(SUMS):
            sums[k] += x[j + k]
    for j in range(whole, count):
        sums[j - whole] += x[j]
    return fold(sums)


@ordered
def dot(x, y, count, sums):
    """The sum of products, likewise."""
    whole = count // SUMS * SUMS
    for k in range(SUMS):
        sums[k] = 0
    for j in range(0, whole, SUMS):
        for k in range(SUMS):
            sums[k] += x[j + k] * y[j + k]
    for j in range(whole, count):
        sums[j - whole] += x[j] * y[j]
    return fold(sums)


@ordered
def fold(sums):
    half = SUMS // 2
    while half:
        for k in range(half):
            sums[k] += sums[k + half]
        half //= 2
    return sums[0]


@inner
def drop(x, keep, count):
    for j in range(count):
        x[j] *= keep[j]


@inner
def slopes(x, d, count, scale, shift, mean, factor):
    """From scores x and gradients d of weights: x the weights, d the gradients of the scores."""
    for j in range(count):
        weight = exp(x[j] * scale - shift)
        x[j] = weight
        d[j] = weight * (d[j] - mean) * factor


@inner
def slopes_dropped(x, d, keep, boost, count, scale, shift, mean, factor):
    """The same where some weights were dropped; x become the weights that were used."""
    for j in range(count):
        weight, kept = exp(x[j] * scale - shift), keep[j] * boost
        x[j] = weight * kept
        d[j] = weight * (d[j] * kept - mean) * factor


@inner
def fill(x, first, last):
    """Zeros."""
    for j in range(first, last):
        x[j] = 0


@inner
def move(x, copy, count, factor):
    """Copy x, then multiply it."""
    for j in range(count):
        copy[j] = x[j]
        x[j] *= factor


@inner
def multiply(x, count, factor):
    for j in range(count):
        x[j] *= factor


# -- matrices --------------------------------------------------------------------------------------


@inner
def times_strips(unit, a, a_row, a_step, strips, packed, c, c_row, rows, columns, depth,
                 accumulate):  # fmt: skip
    """c (rows, columns) = a (rows, depth) times packed strips, each `packed` rows long."""
    high, wide, size = unit[ROWS], unit[COLUMNS], unit[SIZE]
    tiles = (rows + high - 1) // high
    for begun in range(0, max(1, depth), DEPTH):
        for j in range(0, columns, wide):
            strip, done = strips + size * (j * packed + begun * wide), 0
            for t in range(tiles):
                count = (rows - done) // (tiles - t)
                call_tile(
                    unit[TILE], a + size * (done * a_row + begun * a_step), a_row, a_step,
                    strip, wide, c + size * (done * c_row + j), c_row,
                    min(DEPTH, depth - begun), count, min(wide, columns - j),
                    accumulate or begun > 0, 0, 0,
                )  # fmt: skip
                done += count


@inner
def masked(x, i, task, count, scale, bias, mask, places):
    """Scale and mask a row of scores, if there is a mask; what they are still to be scaled by."""
    factor = scale
    if bias.size:
        row = bias.ctypes.data + places[3, task] + i * bias.strides[0]
        add_bias(x, numbers(bias, row, count), count, scale)
        factor = x.dtype.type(1)
    if mask.size:
        row = mask.ctypes.data + places[4, task] + i * mask.strides[0]
        if not bias.size:
            multiply(x, count, scale)
        hide(x, numbers(mask, row, count), count)
        factor = x.dtype.type(1)
    return factor


def _signature(T):
    inputs = (*[array(T, 2, "A")] * 4, *[array(byte, 2, "A")] * 2)
    sizes = array(int64, 2), T, T, intp, intp, intp, array(int64, 1)
    return inputs, sizes, array(T, 2, out=True)


def _forward_signature(T):
    inputs, sizes, space = _signature(T)
    return (*inputs, array(T, 2, "A", out=True), array(T, 2, out=True), *sizes, space)


@kernel(_forward_signature)
def forward(query, key, value, bias, mask, keep, out, log_sums, places, scale, boost, causal,
            blocks, parts, unit, space):  # fmt: skip
    """The weighted means of the values, and the logarithm of each query's sum of exponentials."""
    size, wide = unit[SIZE], unit[COLUMNS]
    (targets, depth), (sources, width) = query.shape, value.shape
    columns = (sources + wide - 1) // wide * wide
    pitch, threads = columns + SUMS, len(space)
    most, tasks = (targets + blocks - 1) // blocks, len(log_sums) * parts
    q_row, out_row = query.strides[0] // size, out.strides[0] // size
    for thread in prange(threads):
        scores = space[thread].ctypes.data
        keys = scores + size * most * pitch
        values = keys + size * depth * columns
        for task in range(thread, tasks, threads):
            s, part = task // parts, task % parts
            pack_columns(
                unit, key.ctypes.data + places[1, task], 1, key.strides[0] // size, depth, sources,
                keys,
            )  # fmt: skip
            pack_columns(
                unit, value.ctypes.data + places[2, task], value.strides[0] // size, 1, sources,
                width, values,
            )  # fmt: skip
            for b in range(blocks * part // parts, blocks * (part + 1) // parts):
                first, last = targets * b // blocks, targets * (b + 1) // blocks
                limit = min(sources, last) if causal else sources
                times_strips(
                    unit, query.ctypes.data + places[0, task] + first * query.strides[0], q_row, 1,
                    keys, depth, scores, pitch, last - first, limit, depth, 0,
                )  # fmt: skip
                for i in range(first, last):
                    seen = min(limit, i + 1) if causal else limit
                    x = numbers(query, scores + size * (i - first) * pitch, pitch)
                    factor = masked(x, i, task, seen, scale, bias, mask, places)
                    top = largest(x, seen, factor)
                    shift = choose(top == -np.inf, x.dtype.type(0), top)
                    exponentials(x, seen, factor, shift)
                    total = add_up(x, seen, x[columns:])
                    fill(x, seen, limit)
                    # A query that sees nothing gets zeros; and infinity, by which its weights
                    # become zeros again.
                    log_sums[s, i] = shift + math.log(total) if total != 0 else np.inf
                    x[columns] = boost / total if total != 0 else boost
                    if keep.size:
                        row = keep.ctypes.data + places[5, task] + i * keep.strides[0]
                        drop(x, numbers(keep, row, seen), seen)
                target = out.ctypes.data + places[6, task] + first * out.strides[0]
                times_strips(
                    unit, scores, pitch, 1, values, sources, target, out_row, last - first, width,
                    limit, 0,
                )  # fmt: skip
                for i in range(last - first):
                    share = numbers(query, scores + size * i * pitch, pitch)[columns]
                    multiply(numbers(query, target + i * out.strides[0], width), width, share)


def _backward_signature(T):
    inputs, sizes, space = _signature(T)
    given = array(T, 2, "A"), array(T, 2), array(T, 2, "A")
    return (*inputs, *given, *[array(T, 2, "A", out=True)] * 4, *sizes, space)


@kernel(_backward_signature)
def backward(query, key, value, bias, mask, keep, out, log_sums, g, d_query, d_key, d_value, d_bias,
             places, scale, boost, causal, blocks, parts, unit, space):  # fmt: skip
    """The gradients; each part of the queries has gradients of keys and values of its own."""
    size, wide = unit[SIZE], unit[COLUMNS]
    (targets, depth), (sources, width) = query.shape, value.shape
    columns, threads = (sources + wide - 1) // wide * wide, len(space)
    deep = (depth + wide - 1) // wide * wide
    pitch, most = columns + SUMS, (targets + blocks - 1) // blocks
    factor_of_slope = query.dtype.type(1) if d_bias.size else scale
    for thread in prange(threads):
        scores = space[thread].ctypes.data
        slope = scores + size * most * pitch
        keys_across = slope + size * most * pitch
        values_across = keys_across + size * depth * columns
        keys = values_across + size * width * columns
        queries = keys + size * sources * deep
        incoming = queries + size * most * deep
        for task in range(thread, len(log_sums) * parts, threads):
            s, part = task // parts, task % parts
            key_at, value_at = (
                key.ctypes.data + places[1, task],
                value.ctypes.data + places[2, task],
            )
            k_row, v_row = key.strides[0] // size, value.strides[0] // size
            pack_columns(unit, key_at, 1, k_row, depth, sources, keys_across)
            pack_columns(unit, value_at, 1, v_row, width, sources, values_across)
            pack_columns(unit, key_at, k_row, 1, sources, depth, keys)
            dk = d_key.ctypes.data + places[9, task]
            dv = d_value.ctypes.data + places[10, task]
            for j in range(sources):
                clear(dk + j * d_key.strides[0], size * depth)
                clear(dv + j * d_value.strides[0], size * width)
            for b in range(blocks * part // parts, blocks * (part + 1) // parts):
                first, last = targets * b // blocks, targets * (b + 1) // blocks
                rows, limit = last - first, min(sources, last) if causal else sources
                q = query.ctypes.data + places[0, task] + first * query.strides[0]
                into = g.ctypes.data + places[7, task] + first * g.strides[0]
                q_row, g_row = query.strides[0] // size, g.strides[0] // size
                times_strips(
                    unit, q, q_row, 1, keys_across, depth, scores, pitch, rows, limit, depth, 0
                )  # fmt: skip
                times_strips(
                    unit, into, g_row, 1, values_across, width, slope, pitch, rows, limit, width, 0
                )  # fmt: skip
                for i in range(first, last):
                    seen = min(limit, i + 1) if causal else limit
                    x = numbers(query, scores + size * (i - first) * pitch, pitch)
                    d = numbers(query, slope + size * (i - first) * pitch, limit)
                    factor = masked(x, i, task, seen, scale, bias, mask, places)
                    mean = dot(
                        numbers(g, into + (i - first) * g.strides[0], width),
                        numbers(g, out.ctypes.data + places[6, task] + i * out.strides[0], width),
                        width, x[columns:],
                    )  # fmt: skip
                    if keep.size:
                        kept = numbers(
                            keep, keep.ctypes.data + places[5, task] + i * keep.strides[0], seen
                        )
                        slopes_dropped(
                            x, d, kept, boost, seen, factor, log_sums[s, i], mean, factor_of_slope
                        )
                    else:
                        slopes(x, d, seen, factor, log_sums[s, i], mean, factor_of_slope)
                    fill(x, seen, limit)
                    fill(d, seen, limit)
                    if d_bias.size:
                        row = d_bias.ctypes.data + places[11, task] + i * d_bias.strides[0]
                        move(d, numbers(d, row, sources), limit, scale)
                        fill(numbers(d, row, sources), limit, sources)
                times_strips(
                    unit, slope, pitch, 1, keys, sources,
                    d_query.ctypes.data + places[8, task] + first * d_query.strides[0],
                    d_query.strides[0] // size, rows, depth, limit, 0,
                )  # fmt: skip
                pack_columns(unit, q, q_row, 1, rows, depth, queries)
                pack_columns(unit, into, g_row, 1, rows, width, incoming)
                times_strips(
                    unit, slope, 1, pitch, queries, rows, dk, d_key.strides[0] // size, limit,
                    depth, rows, 1,
                )  # fmt: skip
                times_strips(
                    unit, scores, 1, pitch, incoming, rows, dv, d_value.strides[0] // size, limit,
                    width, rows, 1,
                )  # fmt: skip
