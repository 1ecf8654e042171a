"""Attention over arrays of any shape and strides; the kernels are in `attention_blocks`."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from autograd.kernels.compiled.attention_blocks import LANES, backward, forward
from autograd.kernels.compiled.gemm import firsts, places
from autograd.kernels.compiled.jit import get_num_threads
from autograd.kernels.compiled.memory import workspace
from autograd.kernels.compiled.product import COLUMNS, ROWS, SIZE
from autograd.kernels.compiled.tile import block

TILES = 4  # of rows in a block of queries
SCORES = 1 << 19  # bytes of scores in the second cache
TASKS = 8  # there are at least so many, if there are queries enough


NOTHING = {char: np.empty((0, 0), char) for char in "fdB"}


class Sizes(NamedTuple):
    """How the work is cut, and how many numbers of scratch memory a thread needs."""

    lead: tuple[int, ...]  # the shape of the stack of heads
    stack: int
    blocks: int  # of the queries of a head
    parts: int  # made of blocks; a part of a head is a task
    forward_space: int
    backward_space: int


@functools.lru_cache(256)
def _sizes(query, key, value, char: str) -> Sizes:
    """Settle the sizes for arrays of these shapes."""
    lead, unit = np.broadcast_shapes(query[:-2], key[:-2], value[:-2]), block(char)
    (targets, depth), (sources, width), stack = query[-2:], value[-2:], math.prod(lead)
    high, wide, size = int(unit[ROWS]), int(unit[COLUMNS]), int(unit[SIZE])
    columns, deep, broad = (-(-n // wide) * wide for n in (sources, depth, width))
    tiles = max(1, min(TILES, SCORES // ((columns + LANES) * size * high)))
    blocks = max(1, -(-targets // (tiles * high)))
    parts, most = min(blocks, -(-TASKS // max(1, stack))), -(-targets // blocks)
    scores, across = most * (columns + LANES), columns * (depth + width)
    return Sizes(
        lead, stack, blocks, parts, scores + depth * columns + sources * broad,
        2 * scores + most * (deep + broad) + across + sources * deep,
    )  # fmt: skip


@functools.lru_cache(256)
def _order(strides, shape) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The shape in memory of an array like one of these strides, and the way back to `shape`."""
    order = sorted(range(len(strides)), key=lambda axis: -abs(strides[axis]))
    if len(strides) != len(shape) or order[-1] != len(shape) - 1:
        order = list(range(len(shape)))
    if len(shape) == 4 and order == [0, 1, 2, 3]:  # heads inside of rows
        order = [0, 2, 1, 3]
    return tuple(shape[axis] for axis in order), tuple(np.argsort(order).tolist())


def _like(x: np.ndarray, *shape) -> np.ndarray:
    """A new array whose axes follow each other in memory as those of x."""
    memory, back = _order(x.strides, shape)
    return np.empty(memory, x.dtype).transpose(back)


def _readable(x: np.ndarray) -> np.ndarray:
    """x, or a copy of it that the kernels can read: with contiguous rows of aligned numbers."""
    good = x.strides[-1] == x.itemsize or x.shape[-1] == 1
    for step in x.strides:
        good = good and not step % x.itemsize
    return x if good and x.flags.aligned else np.ascontiguousarray(x)


def _mask(x: np.ndarray | None, shape, char: str) -> np.ndarray:
    """A mask whose rows are there in full, of a dtype; empty if there is none."""
    if x is None:
        return NOTHING[char]
    if x.shape[-2:] != shape:
        x = np.broadcast_to(x, (*x.shape[:-2], *shape))
    return _readable(x).view(char)


def _inputs(query, key, value, bias, mask, keep) -> list[np.ndarray]:
    shape = query.shape[-2], key.shape[-2]
    return [
        _readable(query), _readable(key), _readable(value), _mask(bias, shape, query.dtype.char),
        _mask(mask, shape, "B"), _mask(keep, shape, "B"),
    ]  # fmt: skip


def _tasks(arrays, sizes: Sizes, of_parts=()) -> np.ndarray:
    """The `places` of each task's matrices; `of_parts` have one for each part of a head."""
    if sizes.parts == 1:
        return places(sizes.lead, (*arrays, *of_parts))
    table = places(sizes.lead, arrays).repeat(sizes.parts, axis=1)
    if not of_parts:
        return table
    return np.concatenate([table, places((*sizes.lead, sizes.parts), of_parts)])


def attend(query, key, value, bias, mask, keep, scale, boost, causal=False):
    """Return ``softmax(query @ key^T * scale + bias) @ value`` and what `attend_gradient` needs.

    That is, for each query, the logarithm of the sum of the exponentials of its scores. The softmax
    runs over the keys that `mask` allows, with `causal` those not behind the query; a query that
    may see none gets zeros. Where `keep` is False a weight is dropped, the others are multiplied by
    `boost`.
    """
    char = query.dtype.char
    sizes = _sizes(query.shape, key.shape, value.shape, char)
    (targets, depth), (sources, width) = query.shape[-2:], value.shape[-2:]
    out = _like(query, *sizes.lead, targets, width)
    log_sums = np.empty((*sizes.lead, targets), query.dtype)
    if not sizes.stack * targets * sources:
        out.fill(0)
        log_sums.fill(np.inf)
        return out, log_sums
    arrays = [*_inputs(query, key, value, bias, mask, keep), out]
    forward(
        *firsts(arrays), log_sums.reshape(sizes.stack, targets), _tasks(arrays, sizes), scale,
        1.0 if keep is None else boost, int(causal), sizes.blocks, sizes.parts, block(char),
        workspace(get_num_threads(), sizes.forward_space * out.itemsize).view(char),
        work=sizes.stack * targets * sources * (depth + width) // 32,
    )  # fmt: skip
    return out, log_sums


def attend_gradient(
    g, query, key, value, bias, mask, keep, out, log_sums, scale, boost, causal=False,
    bias_needed=True,
):  # fmt: skip
    """The gradients of (query, key, value, bias), in the shapes that broadcasting gave them.

    That of the bias is None unless it is needed: it is as large as the scores.
    """
    char = query.dtype.char
    sizes = _sizes(query.shape, key.shape, value.shape, char)
    (targets, depth), (sources, width) = query.shape[-2:], value.shape[-2:]
    lead, stack, blocks, parts, _, space = sizes
    d_query = _like(query, *lead, targets, depth)
    d_key, d_value = _like(key, *lead, sources, depth), _like(value, *lead, sources, width)
    d_bias = np.empty((*lead, targets, sources), char) if bias_needed else NOTHING[char]
    if not stack * targets * sources:
        for d in (d_query, d_key, d_value, d_bias):
            d.fill(0)
        return d_query, d_key, d_value, d_bias if bias_needed else None
    of_parts = [d_key, d_value]
    if parts > 1:  # each adds up gradients of its own, and then these are added
        of_parts = [np.empty((*lead, parts, sources, n), char) for n in (depth, width)]
    arrays = [
        *_inputs(query, key, value, bias, mask, keep), _readable(out), _readable(g), d_query, d_bias
    ]  # fmt: skip
    first = firsts([*arrays, *of_parts])
    backward(
        *first[:7], log_sums.reshape(stack, targets), *first[7:9], *first[10:], first[9],
        _tasks(arrays, sizes, of_parts), scale, boost, int(causal), blocks, parts, block(char),
        workspace(get_num_threads(), space * out.itemsize).view(char),
        work=stack * targets * sources * (depth + width) // 16,
    )  # fmt: skip
    if parts > 1:
        d_key, d_value = (of_part.sum(axis=-3) for of_part in of_parts)
    return d_query, d_key, d_value, d_bias if bias_needed else None
