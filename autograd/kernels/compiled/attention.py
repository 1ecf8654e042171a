"""Attention over arrays of any shape and strides; the kernels are in `attention_blocks`."""

from __future__ import annotations

import math

import numpy as np

from autograd.kernels.compiled.attention_blocks import SUMS, backward, forward
from autograd.kernels.compiled.gemm import firsts, places
from autograd.kernels.compiled.jit import get_num_threads
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, ROWS, SIZE
from autograd.kernels.compiled.tile import block

TILES = 4  # of rows in a block of queries
SCORES = 1 << 19  # bytes of scores in the second cache
TASKS = 8  # there are at least so many, if there are queries enough


def _blocks(targets: int, sources: int, stack: int, unit) -> tuple[int, int]:
    """How many blocks the queries of a head are cut into, and how many parts these make."""
    high, pitch = int(unit[ROWS]), (sources + unit[COLUMNS]) * unit[SIZE]
    tiles = max(1, min(TILES, int(SCORES // (pitch * high))))
    blocks = max(1, -(-targets // (tiles * high)))
    return blocks, min(blocks, -(-TASKS // max(1, stack)))


def _readable(x: np.ndarray) -> np.ndarray:
    """x, or a copy of it that the kernels can read: with contiguous rows of aligned numbers."""
    good = x.strides[-1] == x.itemsize or x.shape[-1] == 1
    good = good and x.flags.aligned and not any(step % x.itemsize for step in x.strides)
    return x if good else np.ascontiguousarray(x)


def _mask(x: np.ndarray | None, shape, dtype) -> np.ndarray:
    """A mask whose rows are there in full, of `dtype`; empty if there is none."""
    if x is None:
        return np.empty((0, 0), dtype)
    x = np.broadcast_to(x, (*x.shape[:-2], *shape[-2:]))
    return _readable(x).view(dtype)


def _like(x: np.ndarray, shape) -> np.ndarray:
    """A new array whose axes follow each other in memory as those of x; heads inside of rows."""
    order = sorted(range(x.ndim), key=lambda axis: -abs(x.strides[axis]))
    if x.ndim != len(shape) or order[-1] != x.ndim - 1:
        order = list(range(len(shape)))
    if len(shape) == 4 and order == [0, 1, 2, 3]:
        order = [0, 2, 1, 3]
    out = np.empty([shape[axis] for axis in order], x.dtype)
    return out.transpose(np.argsort(order))


def _parted(x: np.ndarray) -> np.ndarray:
    """With an axis for the parts of the queries, which share x."""
    return x[..., None, :, :]


def _lead(*arrays) -> tuple[int, ...]:
    return np.broadcast_shapes(*(x.shape[:-2] for x in arrays))


def attend(query, key, value, bias, mask, keep, scale, boost, causal=False):
    """Return ``softmax(query @ key^T * scale + bias) @ value`` and what `attend_gradient` needs.

    That is, for each query, the logarithm of the sum of the exponentials of its scores. The softmax
    runs over the keys that `mask` allows, with `causal` those not behind the query; a query that
    may see none gets zeros. Where `keep` is False a weight is dropped, the others are multiplied by
    `boost`.
    """
    lead, stack = _lead(query, key, value), math.prod(_lead(query, key, value))
    targets, sources, width = query.shape[-2], key.shape[-2], value.shape[-1]
    out = _like(query, (*lead, targets, width))
    log_sums = np.empty((*lead, targets), query.dtype)
    if not stack * targets * sources:
        out.fill(0)
        log_sums.fill(np.inf)
        return out, log_sums
    shape, unit = (targets, sources), block(query.dtype.char)
    boost = 1.0 if keep is None else boost
    inputs = [
        *map(_readable, (query, key, value)), _mask(bias, shape, query.dtype),
        _mask(mask, shape, np.uint8), _mask(keep, shape, np.uint8), out,
    ]  # fmt: skip
    blocks, parts = _blocks(targets, sources, stack, unit)
    depth, wide, most = query.shape[-1], int(unit[COLUMNS]), -(-targets // blocks)
    columns, broad = -(-sources // wide) * wide, -(-width // wide) * wide
    count = most * (columns + SUMS) + depth * columns + sources * broad
    forward(
        *firsts(inputs), log_sums.reshape(stack, targets),
        places((*lead, parts), [_parted(x) for x in inputs]), scale, boost, int(causal), blocks,
        parts, unit,
        workspace(get_num_threads(), count * query.itemsize).view(query.dtype),
        work=stack * targets * sources * (depth + width) // 32,
    )  # fmt: skip
    return out, log_sums


def attend_gradient(
    g, query, key, value, bias, mask, keep, out, log_sums, scale, boost, causal=False,
    bias_needed=True,
):  # fmt: skip
    """The gradients of (query, key, value, bias), in the shapes that broadcasting gave them.

    That of the bias is None unless it is needed: it is as large as the scores.
    """
    lead, stack = _lead(query, key, value), math.prod(_lead(query, key, value))
    (targets, depth), (sources, width) = query.shape[-2:], value.shape[-2:]
    unit, dtype = block(query.dtype.char), query.dtype
    blocks, parts = _blocks(targets, sources, stack, unit)
    d_query = _like(query, (*lead, targets, depth))
    d_key, d_value = _like(key, (*lead, sources, depth)), _like(value, (*lead, sources, width))
    d_bias = np.empty((*lead, targets, sources) if bias_needed else (0, 0), dtype)
    if not stack * targets * sources:
        for d in (d_query, d_key, d_value, d_bias):
            d.fill(0)
        return d_query, d_key, d_value, d_bias if bias_needed else None
    of_parts = [_parted(d_key), _parted(d_value)]
    if parts > 1:  # each adds up gradients of its own, and then these are added
        of_parts = [np.empty((*lead, parts, sources, n), dtype) for n in (depth, width)]
    inputs = [
        *map(_readable, (query, key, value)), _mask(bias, (targets, sources), dtype),
        _mask(mask, (targets, sources), np.uint8), _mask(keep, (targets, sources), np.uint8),
        _readable(out), _readable(g),
    ]  # fmt: skip
    wide, most = int(unit[COLUMNS]), -(-targets // blocks)
    columns, deep, broad = (-(-n // wide) * wide for n in (sources, depth, width))
    count = most * (2 * (columns + SUMS) + deep + broad)
    count += columns * (depth + width) + sources * deep
    backward(
        *firsts(inputs[:7]), log_sums.reshape(stack, targets),
        *firsts([inputs[7], d_query, *of_parts, d_bias]),
        places((*lead, parts), [_parted(x) for x in (*inputs, d_query)] + of_parts
               + [_parted(d_bias)]), scale, boost, int(causal), blocks, parts, unit,
        workspace(get_num_threads(), count * dtype.itemsize).view(dtype),
        work=stack * targets * sources * (depth + width) // 16,
    )  # fmt: skip
    if parts > 1:
        d_key, d_value = (of_part.sum(axis=-3) for of_part in of_parts)
    return d_query, d_key, d_value, d_bias if bias_needed else None
