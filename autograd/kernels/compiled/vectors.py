"""Words in which vector code is written: what numba has no words for, as LLVM code."""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils

from autograd.kernels.compiled.target import TARGET

INT, INT32 = ir.IntType(64), ir.IntType(32)
NUMBERS = {types.float32: ir.FloatType(), types.float64: ir.DoubleType()}


def integer(value: int) -> ir.Constant:
    return ir.Constant(INT, value)


def fetch(builder: ir.IRBuilder, place, write: bool, near: bool = False) -> None:
    """Ask for the line of the cache at `place`: to write it soon, or to read it (`near`: soon)."""
    byte = ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, INT32, INT32, INT32])
    function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
    nearness = 3 if write or near else 2  # the first cache or the second
    flags = [ir.Constant(INT32, flag) for flag in (int(write), nearness, 1)]
    builder.call(function, [builder.bitcast(place, byte), *flags])


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

    def stream(self, value, place):
        """Store at an aligned place, past the caches: what will not be read soon."""
        stored = self.builder.store(value, place, align=self.lanes * self.align)
        once = self.builder.module.add_metadata([ir.Constant(INT32, 1)])
        stored.set_metadata("nontemporal", once)

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

    def opaque(self, value):
        """`value`, of which LLVM does not know where it comes from."""
        kind = ir.FunctionType(value.type, [value.type])
        return self.builder.asm(kind, "", "=r,0", [value], False)

    def _call(self, name, result, *arguments):
        kind = ir.FunctionType(result, [x.type for x in arguments])
        function = cgutils.get_or_insert_function(self.builder.module, kind, name)
        return self.builder.call(function, arguments)
