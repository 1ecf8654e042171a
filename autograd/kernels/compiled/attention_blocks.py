"""Attention in blocks of queries: their scores stay in the cache and are computed anew backwards.

A task is one head of one sequence (if there are few, a part of its queries). It copies keys and
values into strips for the tile; then each block of queries has its scores, softmax and sum of
values computed in scratch memory. What the
backward pass needs is kept of each query: one number, the logarithm of the sum of exponentials
(Dao et al., "FlashAttention", 2022). With `causal` no key behind a tile's last query is looked at.

Matrices are given by the first of a stack, and the distances of all others from it, in bytes.
"""

from __future__ import annotations

import math

import numpy as np
from numba import carray, prange, types
from numba.extending import intrinsic

from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.jit import array, inner, intp, kernel
from autograd.kernels.compiled.mathematics import choose, exp, larger
from autograd.kernels.compiled.product import COLUMNS, DEPTH, ROWS, SIZE, TILE, pack_columns
from autograd.kernels.compiled.tile import call_tile, clear

LANES = 16  # rows of scores are worked on in so many at a time, and as many stand behind each

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
def fill(x, first, last, value):
    for j in range(first, last):
        x[j] = value


@inner
def multiply(x, count, factor):
    for j in range(count):
        x[j] *= factor


@inner
def mask_row(x, i, task, count, bias, mask, places):
    """Add the bias to a row of scores; minus infinity for those that the mask hides."""
    apart()
    if bias.size:
        terms = numbers(bias, bias.ctypes.data + places[3, task] + i * bias.strides[0], count)
        for j in range(count):
            x[j] += terms[j]
    if mask.size:
        low = x.dtype.type(-np.inf)
        shown = numbers(mask, mask.ctypes.data + places[4, task] + i * mask.strides[0], count)
        for j in range(count):
            x[j] = choose(shown[j] != 0, x[j], low)


@inner
def exponentials(x, count):
    """x = exp(x - shift), where the shift is the largest of them; the shift and the sum."""
    best, total = x.dtype.type(-np.inf), x.dtype.type(0)
    for j in range(count):
        best = larger(best, x[j])
    shift = choose(best == -np.inf, x.dtype.type(0), best)
    for j in range(count):
        power = exp(x[j] - shift)
        x[j] = power
        total += power
    return shift, total


@inner
def drop(x, keep, count):
    for j in range(count):
        x[j] *= x.dtype.type(keep[j])


@inner
def weigh(scores, pitch, first, last, sources, causal, task, bias, mask, keep, places, boost,
          log_sums):  # fmt: skip
    """Make weights of a block of scores, but for a factor, which each row keeps behind it."""
    apart()
    zero, low = log_sums.dtype.type(0), log_sums.dtype.type(-np.inf)
    for i in range(first, last):
        x = numbers(log_sums, scores + (i - first) * pitch * log_sums.itemsize, pitch)
        seen = min(sources, i + 1) if causal else sources
        count = (seen + LANES - 1) // LANES * LANES
        if bias.size or mask.size:
            mask_row(x, i, task, seen, bias, mask, places)
        fill(x, seen, count, low)
        shift, total = exponentials(x, count)
        fill(x, count, min(sources, last), zero)
        # A query that sees nothing gets zeros; and infinity, by which its weights become zeros.
        log_sums[i] = shift + math.log(total) if total != 0 else np.inf
        x[pitch - LANES] = boost / total if total != 0 else boost
        if keep.size:
            row = keep.ctypes.data + places[5, task] + i * keep.strides[0]
            drop(x, numbers(keep, row, seen), seen)


@inner
def slopes(x, d, count, log_sum, mean, factor):
    """From scores x and gradients d of weights: x the weights, d the gradients of the scores."""
    for j in range(count):
        weight = exp(x[j] - log_sum)
        x[j] = weight
        d[j] = weight * (d[j] - mean) * factor


@inner
def slopes_dropped(x, d, keep, boost, count, log_sum, mean, factor):
    """The same where some weights were dropped; x become the weights that were used."""
    for j in range(count):
        weight, kept = exp(x[j] - log_sum), x.dtype.type(keep[j]) * boost
        x[j] = weight * kept
        d[j] = weight * (d[j] * kept - mean) * factor


@inner
def differentiate(scores, slope, pitch, first, last, sources, causal, task, bias, mask, keep,
                  places, boost, log_sums, g, out, width, factor):  # fmt: skip
    """Make weights of a block of scores, and gradients of scores of those of weights."""
    apart()
    zero = log_sums.dtype.type(0)
    for i in range(first, last):
        x = numbers(log_sums, scores + (i - first) * pitch * log_sums.itemsize, pitch)
        d = numbers(log_sums, slope + (i - first) * pitch * log_sums.itemsize, pitch)
        seen = min(sources, i + 1) if causal else sources
        if bias.size or mask.size:
            mask_row(x, i, task, seen, bias, mask, places)
        g_row = numbers(g, g.ctypes.data + places[7, task] + i * g.strides[0], width)
        row = numbers(out, out.ctypes.data + places[6, task] + i * out.strides[0], width)
        mean = zero
        for j in range(width):
            mean += g_row[j] * row[j]
        if keep.size:
            kept = numbers(keep, keep.ctypes.data + places[5, task] + i * keep.strides[0], seen)
            slopes_dropped(x, d, kept, boost, seen, log_sums[i], mean, factor)
        else:
            count = (seen + LANES - 1) // LANES * LANES
            slopes(x, d, count, log_sums[i], mean, factor)
        fill(x, seen, min(sources, last), zero)
        fill(d, seen, min(sources, last), zero)


@inner
def move(x, copy, count, factor):
    """Copy x, then multiply it."""
    for j in range(count):
        copy[j] = x[j]
        x[j] *= factor


# -- matrices --------------------------------------------------------------------------------------


@inner
def pack(unit, b, b_step, b_column, depth, columns, out):
    """See `pack_columns`; once for all that call it."""
    apart()
    pack_columns(unit, b, b_step, b_column, depth, columns, out)


@inner
def times_strips(unit, a, a_row, a_step, strips, packed, c, c_row, rows, columns, depth,
                 accumulate, right, down, left):  # fmt: skip
    """c (rows, columns) = a (rows, depth) times packed strips, each `packed` rows long.

    Row i of c is needed up to column ``right + i``, and made of a's columns ``i - left`` to
    ``down + i``: the rest, in blocks of rows, is left out.
    """
    apart()
    high, wide, size = unit[ROWS], unit[COLUMNS], unit[SIZE]
    tiles = (rows + high - 1) // high
    for begun in range(0, max(1, depth), DEPTH):
        for j in range(0, columns, wide):
            strip, done = strips + size * (j * packed + begun * wide), 0
            for t in range(tiles):
                count = (rows - done) // (tiles - t)
                last = done + count - 1
                skipped = max(0, done - left - begun)
                now = min(DEPTH, min(depth, down + last + 1) - begun) - skipped
                width = min(wide, min(columns, right + last + 1) - j)
                if width > 0 and (now > 0 or (begun == 0 and not accumulate)):
                    call_tile(
                        unit[TILE], a + size * (done * a_row + (begun + skipped) * a_step), a_row,
                        a_step, strip + size * skipped * wide, wide,
                        c + size * (done * c_row + j), c_row, max(0, now), count, width,
                        accumulate or begun > 0, 0, 0,
                    )  # fmt: skip
                done += count


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
    pitch, most = columns + LANES, (targets + blocks - 1) // blocks
    q_row, out_row = query.strides[0] // size, out.strides[0] // size
    threads, one = len(space), min(size, 1)  # no literal, or numba compiles anew for it
    for thread in prange(threads):
        scores = np.intp(space[thread].ctypes.data)
        for task in range(thread, len(log_sums) * parts, threads):
            keys = scores + size * most * pitch
            values = keys + size * depth * columns
            s, part = task // parts, task % parts
            key_at = key.ctypes.data + places[1, task]
            value_at = value.ctypes.data + places[2, task]
            pack(unit, key_at, one, key.strides[0] // size, depth, sources, keys)
            multiply(numbers(query, keys, depth * columns), depth * columns, scale)
            pack(unit, value_at, value.strides[0] // size, one, sources, width, values)
            for b in range(blocks * part // parts, blocks * (part + 1) // parts):
                first, last = targets * b // blocks, targets * (b + 1) // blocks
                reach, limit = (first, min(sources, last)) if causal else (sources, sources)
                times_strips(
                    unit, query.ctypes.data + places[0, task] + first * query.strides[0], q_row,
                    one, keys, depth, scores, pitch, last - first, limit, depth, one - one, reach,
                    depth, last,
                )  # fmt: skip
                weigh(scores, pitch, first, last, sources, causal, task, bias, mask, keep, places,
                      boost, log_sums[s])  # fmt: skip
                target = out.ctypes.data + places[6, task] + first * out.strides[0]
                times_strips(
                    unit, scores, pitch, one, values, sources, target, out_row, last - first,
                    width, limit, one - one, width, reach, last,
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
    size, wide, zero = unit[SIZE], unit[COLUMNS], query.dtype.type(0)
    (targets, depth), (sources, width) = query.shape, value.shape
    columns = (sources + wide - 1) // wide * wide
    deep = (depth + wide - 1) // wide * wide
    pitch, most = columns + LANES, (targets + blocks - 1) // blocks
    factor = query.dtype.type(1) if d_bias.size else scale
    threads, one = len(space), min(size, 1)  # no literal, or numba compiles anew for it
    for thread in prange(threads):
        scores = np.intp(space[thread].ctypes.data)
        for task in range(thread, len(log_sums) * parts, threads):
            slope = scores + size * most * pitch
            keys_across = slope + size * most * pitch
            values_across = keys_across + size * depth * columns
            keys = values_across + size * width * columns
            queries = keys + size * sources * deep
            incoming = queries + size * most * deep
            s, part = task // parts, task % parts
            key_at = key.ctypes.data + places[1, task]
            value_at = value.ctypes.data + places[2, task]
            pack(unit, key_at, one, key.strides[0] // size, depth, sources, keys_across)
            multiply(numbers(query, keys_across, depth * columns), depth * columns, scale)
            pack(unit, value_at, one, value.strides[0] // size, width, sources, values_across)
            pack(unit, key_at, key.strides[0] // size, one, sources, depth, keys)
            dk, dv = d_key.ctypes.data + places[10, task], d_value.ctypes.data + places[11, task]
            for j in range(sources):
                clear(dk + j * d_key.strides[0], size * depth)
                clear(dv + j * d_value.strides[0], size * width)
            for b in range(blocks * part // parts, blocks * (part + 1) // parts):
                first, last = targets * b // blocks, targets * (b + 1) // blocks
                rows = last - first
                reach, limit = (first, min(sources, last)) if causal else (sources, sources)
                q = query.ctypes.data + places[0, task] + first * query.strides[0]
                into = g.ctypes.data + places[7, task] + first * g.strides[0]
                q_row, g_row = query.strides[0] // size, g.strides[0] // size
                times_strips(
                    unit, q, q_row, one, keys_across, depth, scores, pitch, rows, limit, depth,
                    one - one, reach, depth, last,
                )  # fmt: skip
                times_strips(
                    unit, into, g_row, one, values_across, width, slope, pitch, rows, limit, width,
                    one - one, reach, width, last,
                )  # fmt: skip
                differentiate(scores, slope, pitch, first, last, sources, causal, task, bias, mask,
                              keep, places, boost, log_sums[s], g, out, width, factor)  # fmt: skip
                if d_bias.size:
                    for i in range(first, last):
                        d = numbers(query, slope + size * (i - first) * pitch, pitch)
                        row = d_bias.ctypes.data + places[9, task] + i * d_bias.strides[0]
                        move(d, numbers(d, row, sources), limit, scale)
                        fill(numbers(d, row, sources), limit, sources, zero)
                times_strips(
                    unit, slope, pitch, one, keys, sources,
                    d_query.ctypes.data + places[8, task] + first * d_query.strides[0],
                    d_query.strides[0] // size, rows, depth, limit, one - one, depth, reach, last,
                )  # fmt: skip
                pack(unit, q, q_row, one, rows, depth, queries)
                pack(unit, into, g_row, one, rows, width, incoming)
                times_strips(
                    unit, slope, one, pitch, queries, rows, dk, d_key.strides[0] // size, limit,
                    depth, rows, one, depth, rows, reach,
                )  # fmt: skip
                times_strips(
                    unit, scores, one, pitch, incoming, rows, dv, d_value.strides[0] // size, limit,
                    width, rows, one, width, rows, reach,
                )  # fmt: skip
