"""The building block: a tile of a matrix product, held in registers, as LLVM vector code.

    c[i, j] = sum over p of a[i, p] b[p, j] + start,        i < rows, j < columns

where `start` is 0, the bias of the column, or what c holds. A tile has up to ``TARGET.tile`` rows
and vectors; each smaller size has code of its own, chosen by a jump, so that edges waste nothing
but the lanes of one vector. Of every row of b whole vectors are read: b is padded where needed.
Of c only the asked columns are touched. Distances are in elements, addresses in bytes.

The block is compiled once and called through its address, so that no kernel carries a copy of it.
"""

from __future__ import annotations

import functools
from enum import IntEnum
from itertools import product

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import NUMPY_TYPES, callback
from autograd.kernels.compiled.target import TARGET
from autograd.kernels.compiled.vectors import INT, INT32, Vectors, fetch, integer

FETCH = 64  # steps before its end, a tile begins to fetch the places of its results
TILE_ARGUMENTS = (
    "a", "a_row", "a_step", "b", "b_step", "c", "c_row", "depth", "rows", "columns",
    "accumulate", "bias", "relu",
)  # fmt: skip


def emit_tile(v: Vectors, x: dict, rows: int, vectors: int, masks: list) -> None:
    """Emit the code of one size of tile, from where the builder stands to where it stands then."""
    builder, places = v.builder, list(product(range(rows), range(vectors)))
    total = emit_sums(v, x, rows, vectors)

    def choice(name, condition, change):
        """Where `condition` holds, change the totals."""
        origin, changing = builder.block, builder.append_basic_block(f"{name}_{rows}x{vectors}")
        end = builder.append_basic_block(f"after_{name}_{rows}x{vectors}")
        builder.cbranch(condition, changing, end)
        builder.position_at_end(changing)
        changed = {place: change(*place) for place in places}
        builder.branch(end)
        builder.position_at_end(end)
        for place in places:
            either = builder.phi(v.type)
            either.add_incoming(total[place], origin)
            either.add_incoming(changed[place], changing)
            total[place] = either

    def started(i, j):
        held = v.vector(v.offset(x["start"], x["start_row"], i), j)
        return builder.fadd(total[i, j], v.masked_load(held, masks[j]))

    def positive(i, j):  # a NaN stays
        negative = builder.fcmp_ordered("<", total[i, j], v.zero)
        return builder.select(negative, v.zero, total[i, j])

    choice("start", x["has_start"], started)
    choice("relu", x["relu"], positive)
    for i, j in places:
        v.masked_store(total[i, j], v.vector(v.offset(x["c"], x["c_row"], i), j), masks[j])


def emit_sums(v: Vectors, x: dict, rows: int, vectors: int) -> dict:
    """Emit the loop that multiplies; what it has summed up stands in registers."""
    builder, places = v.builder, list(product(range(rows), range(vectors)))
    # Rows of a in groups of four, at addresses that LLVM is kept from deriving from one another: it
    # would add one after the other, which takes as long as the multiplications.
    groups = [v.offset(x["a"], x["a_row"], i) for i in range(0, rows, 4)]
    within = [v.opaque(builder.mul(x["a_row"], integer(i))) for i in range(4)]
    late = builder.sub(x["depth"], integer(FETCH))
    before = builder.block
    loop, end = (builder.append_basic_block(f"{n}_{rows}x{vectors}") for n in ("loop", "summed"))
    builder.cbranch(builder.icmp_signed(">", x["depth"], integer(0)), loop, end)

    builder.position_at_end(loop)
    step, b_at = builder.phi(INT), builder.phi(INT)
    a_at = [builder.phi(group.type) for group in groups]
    sums = {place: builder.phi(v.type) for place in places}
    # The places of the results are fetched, a row at each of the last steps.
    row = builder.sub(step, late)
    row = builder.select(builder.icmp_signed("<", row, integer(0)), integer(0), row)
    row = builder.select(builder.icmp_signed("<", row, integer(rows)), row, integer(rows - 1))
    row = v.offset(x["c"], builder.mul(row, x["c_row"]))
    for j in range(vectors):
        fetch(builder, v.vector(row, j), write=True)
    fetch(builder, builder.gep(row, [integer(vectors * v.lanes - 1)]), write=True)
    # A row of b, and each element of a's column times it.
    b = [v.load(v.vector(v.offset(x["b"], b_at), j)) for j in range(vectors)]
    summed = {}
    for i in range(rows):
        at = a_at[i // 4]
        element = v.splat(builder.load(builder.gep(at, [within[i % 4]]) if i % 4 else at))
        for j in range(vectors):
            summed[i, j] = v.fma(element, b[j], sums[i, j])
    counters = [(step, integer(0), builder.add(step, integer(1)))]
    counters.append((b_at, integer(0), builder.add(b_at, x["b_step"])))
    for at, group in zip(a_at, groups, strict=True):
        counters.append((at, group, v.opaque(builder.gep(at, [x["a_step"]]))))
    counters.extend((sums[place], v.zero, summed[place]) for place in places)
    for counter, first, following in counters:
        counter.add_incoming(first, before)
        counter.add_incoming(following, loop)
    builder.cbranch(builder.icmp_signed("<", counters[0][2], x["depth"]), loop, end)

    builder.position_at_end(end)
    total = {place: builder.phi(v.type) for place in places}
    for place in places:
        total[place].add_incoming(v.zero, before)
        total[place].add_incoming(summed[place], loop)
    return total


def make_tile(of: types.Type):
    """The intrinsic that computes a tile of any size up to the target's."""
    most_rows, most_vectors = TARGET.tile

    @intrinsic
    def tile(typingctx, a, a_row, a_step, b, b_step, c, c_row, depth, rows, columns,
             accumulate, bias, relu):  # fmt: skip
        def codegen(context, builder, signature, arguments):
            v = Vectors(builder, of)
            x = dict(zip(TILE_ARGUMENTS, arguments, strict=True))
            held, x["relu"] = (
                builder.icmp_signed("!=", x[name], integer(0)) for name in ("accumulate", "relu")
            )
            x["start"] = builder.select(held, x["c"], x["bias"])
            x["start_row"] = builder.select(held, x["c_row"], integer(0))
            x["has_start"] = builder.icmp_signed("!=", x["start"], integer(0))
            for name in ("a", "b", "c", "start"):
                x[name] = v.pointer(x[name])
            masks = [v.below(x["columns"], j) for j in range(most_vectors)]
            ceiling = builder.add(x["columns"], integer(v.lanes - 1))
            vectors = builder.udiv(ceiling, integer(v.lanes))
            size = builder.add(builder.mul(x["rows"], integer(most_vectors)), vectors)
            end = builder.append_basic_block("end")
            choice = builder.switch(size, end)
            for rows in range(1, most_rows + 1):
                for vectors in range(1, most_vectors + 1):
                    entry = builder.append_basic_block(f"tile_{rows}x{vectors}")
                    choice.add_case(integer(rows * most_vectors + vectors), entry)
                    builder.position_at_end(entry)
                    emit_tile(v, x, rows, vectors, masks)
                    builder.branch(end)
            builder.position_at_end(end)
            return context.get_dummy_value()

        return types.void(*[types.intp] * len(TILE_ARGUMENTS)), codegen

    return tile


def make_transpose(of: types.Type):
    """The intrinsic that transposes a square of as many rows as a vector has numbers."""

    @intrinsic
    def transpose(typingctx, source, source_row, rows, target, target_row):
        """Rows from `rows` on repeat the last: nothing outside of the source is read."""

        def codegen(context, builder, signature, arguments):
            v = Vectors(builder, of)
            source, source_row, rows, target, target_row = arguments
            source, target = v.pointer(source), v.pointer(target)
            last = builder.sub(rows, integer(1))
            block = []
            for i in range(v.lanes):
                inside = builder.icmp_signed("<", integer(i), last)
                row = builder.mul(source_row, builder.select(inside, integer(i), last))
                place = builder.gep(source, [row])
                block.append(v.load(v.vector(place)))
            for i, row in enumerate(transposed(v, block)):
                v.store(row, v.vector(v.offset(target, target_row, i)))
            return context.get_dummy_value()

        return types.void(*[types.intp] * 5), codegen

    return transpose


def transposed(v: Vectors, block: list) -> list:
    """Exchange the off-diagonal quarters of the block, then of its quarters, and so on."""
    block, half, lanes = list(block), v.lanes // 2, range(v.lanes)
    while half:
        upper = [lane if not lane & half else v.lanes + lane - half for lane in lanes]
        lower = [lane + half if not lane & half else v.lanes + lane for lane in lanes]
        for i in (i for i in range(v.lanes) if not i & half):
            first, second = block[i], block[i + half]
            block[i] = v.shuffle(first, second, upper)
            block[i + half] = v.shuffle(first, second, lower)
        half //= 2
    return block


tile_float32, tile_float64 = make_tile(types.float32), make_tile(types.float64)
transpose_float32, transpose_float64 = make_transpose(types.float32), make_transpose(types.float64)

# Functions that can be called through an address; each stands in this file so that numba can keep
# what it compiled.


def _tile_f(a, a_row, a_step, b, b_step, c, c_row, depth, rows, columns, accumulate, bias, relu):
    tile_float32(
        a, a_row, a_step, b, b_step, c, c_row, depth, rows, columns, accumulate, bias, relu
    )


def _tile_d(a, a_row, a_step, b, b_step, c, c_row, depth, rows, columns, accumulate, bias, relu):
    tile_float64(
        a, a_row, a_step, b, b_step, c, c_row, depth, rows, columns, accumulate, bias, relu
    )


def _transpose_f(source, source_row, rows, target, target_row):
    transpose_float32(source, source_row, rows, target, target_row)


def _transpose_d(source, source_row, rows, target, target_row):
    transpose_float64(source, source_row, rows, target, target_row)


class Place(IntEnum):
    """What stands where in a `block`."""

    TILE = 0  # address of the tile's code
    TRANSPOSE = 1  # address of the transposition's
    ROWS = 2  # of the largest tile
    COLUMNS = 3
    LANES = 4  # numbers in a vector
    SIZE = 5  # bytes of a number


@functools.cache
def block(char: str) -> np.ndarray:
    """All a kernel needs to know of the building block for numbers "f" or "d": see `Place`."""
    of = NUMPY_TYPES[char]
    tile, transpose = {"f": (_tile_f, _transpose_f), "d": (_tile_d, _transpose_d)}[char]
    compiled = [
        callback(function, types.void(*[types.intp] * count))
        for function, count in ((tile, len(TILE_ARGUMENTS)), (transpose, 5))
    ]
    KEEP.extend(compiled)
    lanes, (rows, vectors) = TARGET.bits // of.bitwidth, TARGET.tile
    addresses = [function.address for function in compiled]
    return np.array([*addresses, rows, vectors * lanes, lanes, of.bitwidth // 8], np.int64)


CHUNK = 32  # bytes; rows of strips are a multiple of it for every width of vectors
KEEP: list = []  # compiled functions live as long as somebody may hold their addresses


# -- calling the block from kernels ----------------------------------------------------------------


def call(builder, address, arguments) -> None:
    """Emit the call of the function of whole numbers at `address`."""
    kind = ir.FunctionType(ir.VoidType(), [INT] * len(arguments))
    builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)


@intrinsic
def call_tile(typingctx, address, a, a_row, a_step, b, b_step, c, c_row, depth, rows, columns,
              accumulate, bias, relu):  # fmt: skip
    """Compute a tile with the code at `address`."""

    def codegen(context, builder, signature, arguments):
        call(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.intp] * (1 + len(TILE_ARGUMENTS))), codegen


@intrinsic
def call_transpose(typingctx, address, source, source_row, rows, target, target_row):
    """Transpose a square with the code at `address`."""

    def codegen(context, builder, signature, arguments):
        call(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.intp] * 6), codegen


@intrinsic
def copy_number(typingctx, size, source, target):
    """Copy the number of `size` bytes, 4 or 8, from one address to another."""

    def codegen(context, builder, signature, arguments):
        size, source, target = arguments
        with builder.if_else(builder.icmp_signed("==", size, integer(4))) as branches:
            for branch, kind in zip(branches, (INT32, INT), strict=True):
                with branch:
                    value = builder.load(builder.inttoptr(source, kind.as_pointer()), align=4)
                    builder.store(value, builder.inttoptr(target, kind.as_pointer()), align=4)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


@intrinsic
def copy_chunk(typingctx, source, target):
    """Copy `CHUNK` bytes."""

    def codegen(context, builder, signature, arguments):
        place = ir.VectorType(INT32, CHUNK // 4).as_pointer()
        source, target = (builder.inttoptr(address, place) for address in arguments)
        builder.store(builder.load(source, align=4), target, align=4)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), codegen


@intrinsic
def clear(typingctx, target, count):
    """Set `count` bytes to zero."""

    def codegen(context, builder, signature, arguments):
        target, count = arguments
        byte = ir.IntType(8)
        cgutils.memset(builder, builder.inttoptr(target, byte.as_pointer()), count, 0)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), codegen


@intrinsic
def prefetch(typingctx, address):
    """Fetch the line of the cache at `address`, which may lie outside of everything."""

    def codegen(context, builder, signature, arguments):
        fetch(builder, builder.inttoptr(arguments[0], ir.IntType(8).as_pointer()), write=False)
        return context.get_dummy_value()

    return types.void(types.intp), codegen
