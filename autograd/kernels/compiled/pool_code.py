"""What pooling does with one pixel of the output, and with a row of them, as vector code.

A pixel has a list of what it reads: how far away, and which element of the window that is.
"""

from __future__ import annotations

import functools

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import callback, inner
from autograd.kernels.compiled.tile import INT, KEEP, Vectors, call, integer, transposed

LARGEST, CHOSEN, SUM = range(3)  # what is done with what is read
SEVERAL = 4  # vectors at once, where there are so many channels
BYTE = ir.IntType(8)
PIXEL = ("mode", "source", "taps", "reads", "count", "channels", "divisor", "out")


class Bytes(Vectors):
    """Vectors of as many bytes as there are numbers in another vector."""

    def __init__(self, numbers: Vectors) -> None:
        self.builder, self.number, self.lanes, self.align = numbers.builder, BYTE, numbers.lanes, 1
        self.type = ir.VectorType(BYTE, self.lanes)
        self.zero = ir.Constant(self.type, [0] * self.lanes)
        self.suffix = f"v{self.lanes}i8"


def _each(builder, reads, count):
    """Emit a loop over what is read: the distance to it, and which element of the window it is."""
    with cgutils.for_range(builder, count) as loop:
        pair = builder.gep(reads, [builder.mul(loop.index, integer(2))])
        tap = builder.load(builder.gep(pair, [integer(1)]))
        yield builder.load(pair), tap


def _narrow(builder, number, kind):
    return number if number.type == kind else builder.trunc(number, kind)


class Lanes:
    """Some vectors of numbers, or of bytes, side by side: whole ones, or one that is cut off."""

    def __init__(self, vectors: Vectors, count: int, mask=None) -> None:
        self.of, self.count, self.mask = vectors, count, mask

    def load(self, pointer):
        places = [self.of.vector(pointer, i) for i in range(self.count)]
        if self.mask is None:
            return [self.of.load(place) for place in places]
        return [self.of.masked_load(place, self.mask) for place in places]

    def store(self, values, pointer):
        for i, value in enumerate(values):
            place = self.of.vector(pointer, i)
            if self.mask is None:
                self.of.store(value, place)
            else:  # slower on some processors, also where nothing is masked
                self.of.masked_store(value, place, self.mask)

    def variables(self, value):
        return [cgutils.alloca_once_value(self.of.builder, value) for _ in range(self.count)]


def emit_largest(builder, numbers, bytes_, source, taps, reads, count, divisor, out):
    """The largest number of each channel, and its tap: the first of equals, the last NaN."""
    wide = ir.IntType(8 * numbers.of.align)  # of the size of a number: one mask serves for both
    first = builder.load(builder.gep(reads, [integer(1)]))
    lowest = ir.Constant(numbers.of.type, [float("-inf")] * numbers.of.lanes)
    best, winner = (
        numbers.variables(lowest),
        bytes_.variables(bytes_.of.splat(_narrow(builder, first, wide))),
    )
    for distance, tap in _each(builder, reads, count):
        mark = bytes_.of.splat(_narrow(builder, tap, wide))
        for i, value in enumerate(numbers.load(builder.gep(source, [distance]))):
            largest = builder.load(best[i])
            more = builder.fcmp_ordered(">", value, largest)
            wins = builder.or_(more, builder.fcmp_unordered("uno", value, value))
            builder.store(builder.select(wins, value, largest), best[i])
            builder.store(builder.select(wins, mark, builder.load(winner[i])), winner[i])
    numbers.store(map(builder.load, best), out)
    bytes_.store([builder.trunc(builder.load(each), bytes_.of.type) for each in winner], taps)


def emit_chosen(builder, numbers, bytes_, source, taps, reads, count, divisor, out):
    """The sum of what is read of each channel where the tap is that of the read."""
    totals = numbers.variables(numbers.of.zero)
    for distance, tap in _each(builder, reads, count):
        mark, winners = (
            bytes_.of.splat(builder.trunc(tap, BYTE)),
            bytes_.load(builder.gep(taps, [distance])),
        )
        values = numbers.load(builder.gep(source, [distance]))
        for total, value, winner in zip(totals, values, winners, strict=True):
            own = builder.icmp_signed("==", winner, mark)
            share = builder.select(own, value, numbers.of.zero)
            builder.store(builder.fadd(builder.load(total), share), total)
    numbers.store(map(builder.load, totals), out)


def emit_sum(builder, numbers, bytes_, source, taps, reads, count, divisor, out):
    """The sum of what is read of each channel, divided."""
    totals = numbers.variables(numbers.of.zero)
    for distance, _ in _each(builder, reads, count):
        values = numbers.load(builder.gep(source, [distance]))
        for total, value in zip(totals, values, strict=True):
            builder.store(builder.fadd(builder.load(total), value), total)
    by = numbers.of.splat(builder.load(divisor))
    numbers.store([builder.fdiv(builder.load(total), by) for total in totals], out)


EMIT = {LARGEST: emit_largest, CHOSEN: emit_chosen, SUM: emit_sum}


def _emit_channels(v: Vectors, emit, x: dict) -> None:
    """Pool all channels of a pixel: several vectors at once, single ones, and what is left."""
    builder, channels = v.builder, x["channels"]
    places = v.pointer(x["source"]), Bytes(v).pointer(x["taps"]), v.pointer(x["out"])
    reads, divisor = builder.inttoptr(x["reads"], INT.as_pointer()), v.pointer(x["divisor"])

    def pool(first, count, mask=None):
        numbers, bytes_ = Lanes(v, count, mask), Lanes(Bytes(v), count, mask)
        source, taps, out = (builder.gep(place, [first]) for place in places)
        emit(builder, numbers, bytes_, source, taps, reads, x["count"], divisor, out)

    done = integer(0)
    for count in (SEVERAL, 1):
        wide, begin = integer(count * v.lanes), done
        blocks = builder.sdiv(builder.sub(channels, begin), wide)
        with cgutils.for_range(builder, blocks) as block:
            pool(builder.add(begin, builder.mul(block.index, wide)), count)
        done = builder.add(begin, builder.mul(blocks, wide))
    rest = builder.sub(channels, done)
    with builder.if_then(builder.icmp_signed(">", rest, integer(0))):
        pool(done, 1, v.below(rest, 0))


def _make(of: types.Type):
    """The intrinsic that pools a pixel of numbers of this type."""

    @intrinsic
    def pixel(typingctx, mode, source, taps, reads, count, channels, divisor, out):
        def codegen(context, builder, signature, arguments):
            x = dict(zip(PIXEL, arguments, strict=True))
            end = builder.append_basic_block("end")
            choice = builder.switch(x["mode"], end)
            for mode, emit in EMIT.items():
                case = builder.append_basic_block(emit.__name__)
                choice.add_case(integer(mode), case)
                builder.position_at_end(case)
                _emit_channels(Vectors(builder, of), emit, x)
                builder.branch(end)
            builder.position_at_end(end)
            return context.get_dummy_value()

        return types.void(*[types.intp] * len(PIXEL)), codegen

    return pixel


pixel_float32, pixel_float64 = _make(types.float32), _make(types.float64)


def _pixel_f(mode, source, taps, reads, count, channels, divisor, out):
    pixel_float32(mode, source, taps, reads, count, channels, divisor, out)


def _pixel_d(mode, source, taps, reads, count, channels, divisor, out):
    pixel_float64(mode, source, taps, reads, count, channels, divisor, out)


@functools.cache
def address(char: str) -> int:
    """Where the code stands that pools a pixel, for numbers "f" or "d"."""
    function = {"f": _pixel_f, "d": _pixel_d}[char]
    code = callback(function, types.void(*[types.intp] * len(PIXEL)))
    KEEP.append(code)
    return code.address


@intrinsic
def call_pixel(typingctx, address, mode, source, taps, reads, count, channels, divisor, out):
    """Pool a pixel with the code at `address`."""

    def codegen(context, builder, signature, arguments):
        call(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.intp] * (1 + len(PIXEL))), codegen


@intrinsic
def turn_bytes(typingctx, like, source, source_row, rows, target, target_row):
    """Transpose a square of bytes, as many as a vector has numbers like these."""

    def codegen(context, builder, signature, arguments):
        _, source, source_row, rows, target, target_row = arguments
        v = Bytes(Vectors(builder, signature.args[0].dtype))
        last, block = builder.sub(rows, integer(1)), []
        for i in range(v.lanes):
            inside = builder.icmp_signed("<", integer(i), last)
            row = builder.mul(source_row, builder.select(inside, integer(i), last))
            block.append(v.load(v.vector(builder.gep(v.pointer(source), [row]))))
        for i, row in enumerate(transposed(v, block)):
            v.store(row, v.vector(v.offset(v.pointer(target), target_row, i)))
        return context.get_dummy_value()

    return types.void(like, *[types.intp] * 5), codegen


@inner
def find_reads(plane, begins, reads, z, y, x, space):
    """List what pixel (z, y, x) reads, in pixels from the first column it reads; count it."""
    count, first = 0, reads[begins[2, x], 0]
    space[0, 1] = 0  # the tap of a window that has no element on the plane
    for a in range(begins[0, z], begins[0, z + 1]):
        for b in range(begins[1, y], begins[1, y + 1]):
            row = (reads[a, 0] * plane[1] + reads[b, 0]) * plane[2] - first
            for c in range(begins[2, x], begins[2, x + 1]):
                space[count, 0] = (row + reads[c, 0]) * plane[3]
                space[count, 1] = reads[a, 1] + reads[b, 1] + reads[c, 1]
                count += 1
    return count


@inner
def pool_row(like, source, marks, target, mode, divisors, plane, size, begins, reads, space, code,
             z, y):  # fmt: skip
    """A row of output pixels; those that read alike follow each other.

    The images begin at the addresses `source` and `target`, of what is read and of what is made;
    and at `marks` the taps, of what is made or, where they are read, of what is read. Sums are
    divided by one of `divisors` for each pixel, or all by the only one.
    """
    channels, each, count, pattern = plane[3], like.itemsize, 0, -1
    pixel, listed = (z * size[1] + y) * size[2], space.ctypes.data
    own = each if len(divisors) > 1 else 0
    for i in range(size[2]):
        column = begins[4, i]
        if begins[3, column] != pattern:
            pattern = begins[3, column]
            count = find_reads(plane, begins, reads, z, y, column, space)
        first, place = 0, (pixel + column) * channels
        if count:
            first = reads[begins[2, column], 0] * channels
        call_pixel(
            code, mode, source + each * first, marks + (first if mode == CHOSEN else place), listed,
            count, channels, divisors.ctypes.data + own * (pixel + column),
            target + each * place,
        )  # fmt: skip
