"""What the kernels of recurrent layers share: how a batch goes through a sequence, and when.

The recurrence is a product of the hidden state with the same matrix at every step. That matrix is
packed once into strips for the tile; then each thread takes its sequences of the batch from the
first step to the last, and no thread waits for another on the way. What a sequence becomes does not
depend on which others its thread has.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.extending import intrinsic

from autograd.kernels.compiled import gemm
from autograd.kernels.compiled.jit import array, get_num_threads, inner, intp, kernel
from autograd.kernels.compiled.product import (
    COLUMNS,
    LINE,
    LONGEST,
    ROWS,
    SIZE,
    TILE,
    copy_row,
    pack_columns,
)
from autograd.kernels.compiled.tile import block, call_tile, prefetch

# -- rows of numbers that do not overlap -----------------------------------------------------------

STREAMS = 16
FEW = 16  # rows of a step for which it pays to read the matrix of the input from the second cache
LARGE = 1 << 20  # bytes of that matrix


def _place(builder, like, address, index):
    """The place of a number, and what kind it is."""
    number = ir.FloatType() if like.dtype == types.float32 else ir.DoubleType()
    start = builder.inttoptr(address, number.as_pointer())
    return builder.gep(start, [index], inbounds=True), like.dtype.bitwidth // 8


def _mark(builder, instruction, stream: int) -> None:
    """Tell LLVM that what this instruction reads or writes is in its stream, and in no other.

    Streams are those of one function: in another, the same number is another stream.
    """
    module = builder.module
    domain = module.add_metadata([builder.function.name])
    scopes = [module.add_metadata([f"stream {k}", domain]) for k in range(STREAMS)]
    others = [scope for k, scope in enumerate(scopes) if k != stream]
    instruction.set_metadata("alias.scope", module.add_metadata([scopes[stream]]))
    instruction.set_metadata("noalias", module.add_metadata(others))


@intrinsic(prefer_literal=True)
def read(typingctx, like, stream, address, index):
    """The number at `index` of the row at `address`, of the dtype of the array `like`.

    A loop over many rows becomes vector code only if none that is written can overlap another.
    Each of them has a number for its `stream` (a constant): the streams of a function share no
    memory, in no call of it.
    """

    def codegen(context, builder, signature, arguments):
        place, align = _place(builder, like, *arguments[2:])
        number = builder.load(place, align=align)
        _mark(builder, number, stream.literal_value)
        return number

    return like.dtype(like, stream, types.intp, types.intp), codegen


@intrinsic(prefer_literal=True)
def write(typingctx, like, stream, address, index, value):
    """Set the number at `index` of the row at `address`; see `read`."""

    def codegen(context, builder, signature, arguments):
        place, align = _place(builder, like, *arguments[2:4])
        _mark(builder, builder.store(arguments[4], place, align=align), stream.literal_value)
        return context.get_dummy_value()

    return types.void(like, stream, types.intp, types.intp, like.dtype), codegen


# -- the product of every step ---------------------------------------------------------------------

# For `times_strips`, of which numba would compile one version more for each literal.
ZERO, ONE = np.int64(0), np.int64(1)


@kernel(lambda T: (array(T, 2, "A"), array(T, 1, out=True), intp, intp, array(types.int64, 1)))
def pack_strips(matrix, strips, begun, depth, unit):
    """Copy a matrix into strips of the tile's width, one after another, `depth` rows each.

    The matrix is the part of them that begins with row `begun`.
    """
    rows, columns = matrix.shape
    size, wide = unit[SIZE], unit[COLUMNS]
    step, column = matrix.strides[0] // size, matrix.strides[1] // size
    for s in prange((columns + wide - 1) // wide):
        pack_columns(
            unit, matrix.ctypes.data + size * s * wide * column, step, column, rows,
            min(wide, columns - s * wide),
            strips.ctypes.data + size * (s * depth + begun) * wide,
        )  # fmt: skip


def packed(*parts: list[np.ndarray]) -> np.ndarray:
    """The strips of matrices of one shape, a row each; each comes in parts, from the top."""
    depth, columns = sum(len(part[0]) for part in parts), parts[0][0].shape[1]
    dtype, begun = parts[0][0].dtype, 0
    unit = block(dtype.char)
    wide = int(unit[COLUMNS])
    strips = np.empty((len(parts[0]), -(-columns // wide) * wide * depth), dtype)
    for matrices in parts:
        for matrix, row in zip(matrices, strips, strict=True):
            if len(matrix):
                pack_strips(matrix, row, begun, depth, unit)
        begun += len(matrices[0])
    return strips


@inner
def times_strips(unit, a, a_row, rows, depth, strips, c, c_row, columns, accumulate, bias):
    """c (rows, columns) = a (rows, depth) times the packed matrix, plus bias or what c holds."""
    high, wide, size = unit[ROWS], unit[COLUMNS], unit[SIZE]
    tiles = (rows + high - 1) // high
    for begun in range(0, depth, LONGEST):
        for j in range(0, columns, wide):
            strip, done = strips + size * (j * depth + begun * wide), 0
            for t in range(tiles):
                count = (rows - done) // (tiles - t)
                call_tile(
                    unit[TILE], a + size * (done * a_row + begun), a_row, 1, strip, wide,
                    c + size * (done * c_row + j), c_row, min(LONGEST, depth - begun), count,
                    min(wide, columns - j), accumulate or begun > 0,
                    bias + size * j if bias != 0 else 0, 0,
                )  # fmt: skip
                done += count


@inner
def soon_read(start, count):
    """Begin to bring `count` bytes into the second cache."""
    for at in range(start, start + count, LINE):
        prefetch(at)


@inner
def bring(size, x, begin, ahead, n, row, across, entry):
    """Copy the rows of the input that a step takes in front of its states, `across` numbers apart.

    Those that the next step takes, from `ahead` on, are fetched.
    """
    for k in range(n):
        copy_row(size, x.ctypes.data + (begin + k) * x.strides[0], row + size * k * across, entry)
        soon_read(x.ctypes.data + (ahead + k) * x.strides[0], size * entry)


@inner
def row_before(size, steps, s, k, states, across, first, width):
    """The address of the state from which sequence k starts step s: that of a step ago, if any.

    The states of all steps are `across` numbers apart, the first ones `width`.
    """
    if s > 0 and k < steps[s - 1, 1]:
        return states + size * (steps[s - 1, 0] + k) * across
    return first + size * k * width


# -- the gradients of the biases -------------------------------------------------------------------

GROUP = 4  # sequences whose gradients are added up as one, whatever the threads


@inner
def add_group(like, sums, rows, distance, count, columns):
    """Add `count` rows, `distance` bytes apart, to the sums."""
    for k in range(count):
        for j in range(columns):
            both = read(like, 0, sums, j) + read(like, 1, rows + k * distance, j)
            write(like, 0, sums, j, both)


@inner
def add_step(like, sums, row, rows, distance, first, count, columns):
    """Add the rows of one step to the sums, `row` bytes apart, of their groups."""
    for k in range(0, count, GROUP):
        add_group(
            like, sums + (first + k) // GROUP * row, rows + k * distance, distance,
            min(GROUP, count - k), columns,
        )  # fmt: skip


def new_sums(directions: int, batch: int, columns: int, dtype) -> np.ndarray:
    """Zeros: for each direction, a row for each group of sequences."""
    return np.zeros((directions, -(-batch // GROUP), columns), dtype)


# -- who does what ---------------------------------------------------------------------------------


@functools.lru_cache(64)
def steps_of(sizes: tuple[int, ...], reverse: tuple[bool, ...]) -> np.ndarray:
    """For each direction, the steps as they are taken: the first row, and how many there are."""
    alive = np.array(sizes, np.int64)
    steps = np.stack([np.cumsum(alive) - alive, alive], axis=1)
    return np.stack([steps[::-1] if back else steps for back in reverse])


def tasks(sizes: tuple[int, ...], directions: int) -> np.ndarray:
    """What is done at once, in rows (direction, first sequence, end): a task for each thread."""
    return _tasks(sizes, directions, get_num_threads())


@functools.lru_cache(64)
def _tasks(sizes: tuple[int, ...], directions: int, threads: int) -> np.ndarray:
    batch, shares = sizes[0], -(-threads // directions)
    lengths = (np.array(sizes)[:, None] > np.arange(batch)).sum(0)
    ends = np.cumsum(lengths)
    cuts = np.searchsorted(ends, ends[-1:].sum() * np.arange(1, shares) / shares)
    cuts = np.minimum((cuts + GROUP // 2) // GROUP * GROUP, batch)  # in whole groups
    edges = [0, *cuts.tolist(), batch]
    pairs = list(itertools.pairwise(edges))
    return np.array([(d, *pair) for d in range(directions) for pair in pairs], np.int64)


# -- products over all steps -----------------------------------------------------------------------


def matmul(a, b, out=None, bias=None, accumulate=False):
    """``a @ b``, plus bias or what `out` holds, in threads."""
    if out is None:
        out = np.empty((len(a), b.shape[1]), a.dtype)
    if bias is not None:
        bias = np.ascontiguousarray(bias)
    return gemm.run(a, b, out, bias, accumulate)


def with_rows(x: np.ndarray) -> np.ndarray:
    """x, or a copy of it, whose rows are contiguous and do not run backwards."""
    good = x.strides[1] == x.itemsize and x.strides[0] % x.itemsize == 0
    return x if good and x.flags.aligned else np.ascontiguousarray(x)


def enter(x, h, weights, biases, outs):
    """Project the input of each direction into one of `outs`; or leave that to the steps.

    They do it with the input and the sums in the cache, if a step has rows enough to share what is
    read of the matrix. Returns the states, with room for the input in front if a step needs it; how
    wide that is; and the biases that a step then adds.
    """
    bias = np.empty((0, 0), x.dtype)
    if h.shape[1] < FEW or weights[0].nbytes > LARGE:
        for weight, start, out in zip(weights, biases, outs, strict=True):
            matmul(x, weight.T, out, start)
        return h.copy("C"), 0, bias
    entry = x.shape[1]
    states = np.empty((*h.shape[:2], entry + h.shape[2]), x.dtype)
    states[:, :, entry:] = h
    return states, entry, bias if biases[0] is None else np.stack(biases)


def times_states(d, total, states, first, sizes, reverse, out=None):
    """The gradient of the recurrent matrix: ``d.T`` times the states that the steps started from.

    `d`, (N, G), are the gradients of the products, and `total` their sums over N; `states` (N, H)
    are those after each step, and `first` (B, H) those before all.
    """
    if out is None:
        out = np.empty((d.shape[1], first.shape[1]), d.dtype)
    batch = sizes[0]
    if sizes[-1] == batch:  # all equally long: the rows a step ago are `batch` rows away
        begin, after, before = slice(0, batch), slice(batch, None), slice(0, len(d) - batch)
        if reverse:
            begin, after, before = slice(len(d) - batch, None), before, after
        # Zeros, from which most sequences start, add nothing, unless to what is no number: then the
        # total is none either.
        some = first.any() or not np.isfinite(total).all()
        if some:
            matmul(d[begin].T, first, out)
        return matmul(d[after].T, states[before], out, accumulate=some)
    started, current = np.empty(states.shape, states.dtype), first.copy()
    for begin, n in steps_of(sizes, (reverse,))[0].tolist():
        started[begin : begin + n] = current[:n]
        current[:n] = states[begin : begin + n]
    return matmul(d.T, started, out)


def over_states(d, totals, states, first, sizes, reverse):
    """The gradient of the recurrent matrix of each direction; see `times_states`."""
    directions = len(first)
    return [
        times_states(
            columns_of(d, k, directions), totals[k], columns_of(states, k, directions), first[k],
            sizes, back,
        )
        for k, back in enumerate(reverse)
    ]  # fmt: skip


def times_input(d, x, directions):
    """The gradient of the matrix of the input of each direction: ``d.T @ x``."""
    return [matmul(columns_of(d, k, directions).T, x) for k in range(directions)]


def over_input(d, weights):
    """The gradient of the input: the sum over directions of ``d @ weight``."""
    return matmul(d, weights[0] if len(weights) == 1 else np.concatenate(weights))


def columns_of(array, part, parts):
    """One of the equal parts of an array's columns."""
    width = array.shape[1] // parts
    return array[:, part * width : (part + 1) * width]


def gradients_of(rows: int, columns: int, dtype) -> np.ndarray:
    """Memory for the gradients of all steps, with a little between the rows.

    A column of the gradients of powers of two would lie in one set of the cache.
    """
    return np.empty((rows, columns + 64 // np.dtype(dtype).itemsize), dtype)
