"""The building block: a tile of a matrix product, held in registers, as LLVM vector code.

    c[i, j] = start + sum over p of a[i, p] b[p, j],        i < rows, j < columns

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
from numba import cfunc, types
from numba.core import cgutils
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import NUMPY_TYPES, caching
from autograd.kernels.compiled.target import TARGET

INT, INT32, BIT = ir.IntType(64), ir.IntType(32), ir.IntType(1)
NUMBERS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}
TILE_ARGUMENTS = (
    "a", "a_row", "a_step", "b", "b_step", "c", "c_row", "depth", "rows", "columns",
    "accumulate", "bias", "relu",
)  # fmt: skip


def integer(value: int) -> ir.Constant:
    return ir.Constant(INT, value)


class Vectors:
    """Words for vector code: numbers of one type, as many as the target's vectors hold."""

    def __init__(self, builder: ir.IRBuilder, of: types.Type) -> None:
        self.builder, self.number = builder, NUMBERS[of]
        self.lanes, self.align = TARGET.bits // of.bitwidth, of.bitwidth // 8
        self.type = ir.VectorType(self.number, self.lanes)
        self.zero = ir.Constant(self.type, [0.0] * self.lanes)
        self.suffix = f"v{self.lanes}f{of.bitwidth}"

    def pointer(self, address):
        return self.builder.inttoptr(address, self.number.as_pointer())

    def offset(self, pointer, distance, by: int = 1):
        """The place `by` times `distance` elements further on."""
        return self.builder.gep(pointer, [self.builder.mul(distance, integer(by))])

    def vector(self, pointer, index: int = 0):
        """The place of the vector `index` of those that begin at `pointer`."""
        place = self.builder.gep(pointer, [integer(index * self.lanes)])
        return self.builder.bitcast(place, self.type.as_pointer())

    def load(self, place):
        return self.builder.load(place, align=self.align)

    def store(self, value, place):
        self.builder.store(value, place, align=self.align)

    def splat(self, value):
        """`value` in every lane."""
        of = ir.VectorType(value.type, self.lanes)
        nothing = ir.Constant(of, ir.Undefined)
        first = self.builder.insert_element(nothing, value, ir.Constant(INT32, 0))
        return self.builder.shuffle_vector(first, nothing, self._indices([0] * self.lanes))

    def shuffle(self, first, second, lanes):
        return self.builder.shuffle_vector(first, second, self._indices(lanes))

    def _indices(self, lanes):
        return ir.Constant(ir.VectorType(INT32, self.lanes), lanes)

    def below(self, count, index: int):
        """Which lanes of the vector `index` are among the first `count` elements."""
        lanes = [index * self.lanes + lane for lane in range(self.lanes)]
        numbers = ir.Constant(ir.VectorType(INT, self.lanes), lanes)
        return self.builder.icmp_signed("<", numbers, self.splat(count))

    def fma(self, x, y, z):
        return self._call(f"llvm.fma.{self.suffix}", self.type, x, y, z)

    def masked_load(self, place, mask):
        name = f"llvm.masked.load.{self.suffix}.p0"
        return self._call(name, self.type, place, ir.Constant(INT32, self.align), mask, self.zero)

    def masked_store(self, value, place, mask):
        name = f"llvm.masked.store.{self.suffix}.p0"
        self._call(name, ir.VoidType(), value, place, ir.Constant(INT32, self.align), mask)

    def _call(self, name, result, *arguments):
        kind = ir.FunctionType(result, [x.type for x in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments)


def emit_tile(v: Vectors, x: dict, rows: int, vectors: int, masks: list) -> None:
    """Emit the code of one size of tile, from where the builder stands to where it stands then."""
    builder, places = v.builder, list(product(range(rows), range(vectors)))
    c_rows = [v.offset(x["c"], x["c_row"], i) for i in range(rows)]
    c = {(i, j): v.vector(c_rows[i], j) for i, j in places}
    a_rows = [v.offset(x["a"], x["a_row"], i) for i in range(rows)]
    names = ("fresh", "held", "biased", "ready", "loop", "summed", "relu", "store")
    block = {name: builder.append_basic_block(f"{name}_{rows}x{vectors}") for name in names}

    # Where the sums start: from what c holds, from the bias, or from zero.
    builder.cbranch(x["accumulate"], block["held"], block["fresh"])
    builder.position_at_end(block["held"])
    held = {(i, j): v.masked_load(c[i, j], masks[j]) for i, j in places}
    builder.branch(block["ready"])
    builder.position_at_end(block["fresh"])
    builder.cbranch(x["has_bias"], block["biased"], block["ready"])
    builder.position_at_end(block["biased"])
    bias = [v.masked_load(v.vector(x["bias"], j), masks[j]) for j in range(vectors)]
    builder.branch(block["ready"])
    builder.position_at_end(block["ready"])
    start = {}
    for i, j in places:
        start[i, j] = builder.phi(v.type)
        for value, origin in ((held[i, j], "held"), (v.zero, "fresh"), (bias[j], "biased")):
            start[i, j].add_incoming(value, block[origin])
    some = builder.icmp_signed(">", x["depth"], integer(0))
    builder.cbranch(some, block["loop"], block["summed"])

    # The loop: a row of b, and each element of a's column times it.
    builder.position_at_end(block["loop"])
    step, a_at, b_at = (builder.phi(INT) for _ in range(3))
    sums = {place: builder.phi(v.type) for place in places}
    b = [v.load(v.vector(builder.gep(x["b"], [b_at]), j)) for j in range(vectors)]
    summed = {}
    for i in range(rows):
        element = v.splat(builder.load(builder.gep(a_rows[i], [a_at])))
        for j in range(vectors):
            summed[i, j] = v.fma(element, b[j], sums[i, j])
    for counter, by in ((step, integer(1)), (a_at, x["a_step"]), (b_at, x["b_step"])):
        counter.add_incoming(integer(0), block["ready"])
        counter.add_incoming(builder.add(counter, by), block["loop"])
    for place in places:
        sums[place].add_incoming(start[place], block["ready"])
        sums[place].add_incoming(summed[place], block["loop"])
    more = builder.icmp_signed("<", step.incomings[1][0], x["depth"])
    builder.cbranch(more, block["loop"], block["summed"])

    # The end: negative numbers to zero if asked (a NaN stays), and out.
    builder.position_at_end(block["summed"])
    total = {place: builder.phi(v.type) for place in places}
    for place in places:
        total[place].add_incoming(start[place], block["ready"])
        total[place].add_incoming(summed[place], block["loop"])
    builder.cbranch(x["relu"], block["relu"], block["store"])
    builder.position_at_end(block["relu"])
    positive = {
        place: builder.select(builder.fcmp_ordered("<", total[place], v.zero), v.zero, total[place])
        for place in places
    }
    builder.branch(block["store"])
    builder.position_at_end(block["store"])
    out = {place: builder.phi(v.type) for place in places}
    for place in places:
        out[place].add_incoming(total[place], block["summed"])
        out[place].add_incoming(positive[place], block["relu"])
    for i, j in places:
        v.masked_store(out[i, j], c[i, j], masks[j])


def make_tile(of: types.Type):
    """The intrinsic that computes a tile of any size up to the target's."""
    most_rows, most_vectors = TARGET.tile

    @intrinsic
    def tile(typingctx, a, a_row, a_step, b, b_step, c, c_row, depth, rows, columns,
             accumulate, bias, relu):  # fmt: skip
        def codegen(context, builder, signature, arguments):
            v = Vectors(builder, of)
            x = dict(zip(TILE_ARGUMENTS, arguments, strict=True))
            x["has_bias"] = builder.icmp_signed("!=", x["bias"], integer(0))
            for name in ("a", "b", "c", "bias"):
                x[name] = v.pointer(x[name])
            for name in ("accumulate", "relu"):
                x[name] = builder.icmp_signed("!=", x[name], integer(0))
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
    with caching() as cache:
        compiled = [
            cfunc(types.void(*[types.intp] * count), cache=cache)(function)
            for function, count in ((tile, len(TILE_ARGUMENTS)), (transpose, 5))
        ]
    KEEP.extend(compiled)
    lanes, (rows, vectors) = TARGET.bits // of.bitwidth, TARGET.tile
    addresses = [function.address for function in compiled]
    return np.array([*addresses, rows, vectors * lanes, lanes, of.bitwidth // 8], np.int64)


CHUNK = 32  # bytes; rows of strips are a multiple of it for every width of vectors
KEEP: list = []  # compiled functions live as long as somebody may hold their addresses


# -- calling the block from kernels ----------------------------------------------------------------


def _call(builder, address, arguments) -> None:
    kind = ir.FunctionType(ir.VoidType(), [INT] * len(arguments))
    builder.call(builder.inttoptr(address, kind.as_pointer()), arguments)


@intrinsic
def call_tile(typingctx, address, a, a_row, a_step, b, b_step, c, c_row, depth, rows, columns,
              accumulate, bias, relu):  # fmt: skip
    """Compute a tile with the code at `address`."""

    def codegen(context, builder, signature, arguments):
        _call(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.intp] * (1 + len(TILE_ARGUMENTS))), codegen


@intrinsic
def call_transpose(typingctx, address, source, source_row, rows, target, target_row):
    """Transpose a square with the code at `address`."""

    def codegen(context, builder, signature, arguments):
        _call(builder, arguments[0], arguments[1:])
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
