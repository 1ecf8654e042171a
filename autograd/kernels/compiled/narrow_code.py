"""The two loops of convolutions of narrow groups, as LLVM vector code that is called by address.

A group has as many outputs as inputs, its `width`, and a vector holds whole groups. `convolve` sums
up some pixels, over the taps that they see:

    out[p, c] = bias[c] + sum over taps, j of x[p, tap, the channel j of c's group] taps[tap, j, c]

and `multiply` adds up the gradient of some taps, over pixels:

    out[tap, j, c] += sum over pixels of g[pixel, c] x[pixel, tap, the channel j of c's group]

In a vector of x, the channel j of each group is repeated by a shuffle: none is read twice.
"""

from __future__ import annotations

import functools
import itertools
from types import FunctionType

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import NUMPY_TYPES, callback
from autograd.kernels.compiled.target import TARGET
from autograd.kernels.compiled.tile import INT, KEEP, Vectors, call, integer

MOST = 8  # pixels that are summed up at once
BESIDE = 4  # vectors of one pixel that are: its own sum would wait for each of its additions
SUMS = 16 if TARGET.registers == 32 else 8  # of taps, that are kept in registers
CONVOLVE = (
    "x", "x_pixel", "reach", "taps", "line", "tap", "rows", "columns", "bias", "out", "out_pixel",
    "pixels", "channels", "relu",
)  # fmt: skip
MULTIPLY = (
    "x", "x_pixel", "reach", "g", "g_pixel", "pixels", "out", "listed", "tap", "taps", "channels",
)  # fmt: skip


def most_taps(width: int) -> int:
    """How many taps `multiply` takes at once."""
    return max(1, SUMS // width)


@functools.cache
def widths(char: str) -> tuple[int, ...]:
    """The groups that there is code for: those of which a vector holds whole ones, of numbers."""
    lanes = TARGET.bits // NUMPY_TYPES[char].bitwidth
    return tuple(width for width in (1, 2, 4, 8) if width <= lanes)


def vectors_of(v: Vectors, number, most, channels, beside=1):
    """Emit, for 1 to `most`, the code of a vector of channels: in a loop, and once with a mask.

    Yielded are how many, where each of the vectors begins, in bytes, and how to load and to store
    one. There are several if there is but one of the former, and so many channels.
    """
    builder, wide = v.builder, v.lanes * v.align
    whole = builder.sdiv(channels, integer(v.lanes))
    rest = builder.sub(channels, builder.mul(whole, integer(v.lanes)))
    mask = v.below(rest, 0)

    def masked_load(place):
        return v.masked_load(place, mask)

    def masked_store(value, place):
        v.masked_store(value, place, mask)

    end = builder.append_basic_block("end")
    choice = builder.switch(number, end)
    for count in range(1, most + 1):
        case = builder.append_basic_block(f"of_{count}")
        choice.add_case(integer(count), case)
        builder.position_at_end(case)
        done = integer(0)
        for several in (beside, 1) if count == 1 < beside else (1,):
            blocks = builder.sdiv(builder.sub(whole, done), integer(several))
            with cgutils.for_range(builder, blocks) as block:
                first = builder.add(done, builder.mul(block.index, integer(several)))
                at = builder.mul(first, integer(wide))
                places = [builder.add(at, integer(wide * i)) for i in range(several)]
                yield count, places, v.load, v.store
            done = builder.add(done, builder.mul(blocks, integer(several)))
        with builder.if_then(builder.icmp_signed(">", rest, integer(0))):
            yield count, [builder.mul(whole, integer(wide))], masked_load, masked_store
        builder.branch(end)
    builder.position_at_end(end)


def _repeated(v: Vectors, value, width: int, j: int):
    """The channel j of each group, in all lanes of the group."""
    if width == 1:
        return value
    return v.shuffle(value, value, [lane // width * width + j for lane in range(v.lanes)])


def _place(v: Vectors, address, *steps):
    """The vector so many bytes further on; of a pair, the product."""
    builder = v.builder
    for step in steps:
        address = builder.add(address, builder.mul(*step) if isinstance(step, tuple) else step)
    return builder.inttoptr(address, v.type.as_pointer())


def _distance(builder, table, index):
    """The number at `index` in an array of int64."""
    return builder.load(builder.gep(builder.inttoptr(table, INT.as_pointer()), [index]))


def _emit_convolve(v: Vectors, width: int, x: dict) -> None:
    """Addresses, and distances in bytes; `line` is the number of taps in a row, `reach` how far
    from the pixel each reads.
    """
    builder = v.builder
    sums = [cgutils.alloca_once(builder, v.type) for _ in range(MOST)]
    lowest = ir.Constant(v.number, float("-inf"))
    asked = builder.icmp_signed("!=", x["relu"], integer(0))
    floor = v.splat(builder.select(asked, ir.Constant(v.number, 0.0), lowest))
    part = builder.sdiv(x["tap"], integer(width))  # from channel to channel of a group
    for count, places, load, store in vectors_of(v, x["pixels"], MOST, x["channels"], BESIDE):
        pairs = list(itertools.product(range(count), places))
        for (_, at), total in zip(pairs, sums, strict=False):
            builder.store(load(_place(v, x["bias"], at)), total)
        with (
            cgutils.for_range(builder, x["rows"]) as row,
            cgutils.for_range(builder, x["columns"]) as column,
        ):
            index = builder.add(builder.mul(row.index, x["line"]), column.index)
            seen = _distance(builder, x["reach"], index)
            values = [
                load(_place(v, x["x"], seen, at, (x["x_pixel"], integer(p)))) for p, at in pairs
            ]
            for j in range(width):
                weights = {
                    at: load(_place(v, x["taps"], at, (index, x["tap"]), (part, integer(j))))
                    for at in places
                }
                for (_, at), value, total in zip(pairs, values, sums, strict=False):
                    seen_by_all = _repeated(v, value, width, j)
                    builder.store(v.fma(seen_by_all, weights[at], builder.load(total)), total)
        for (p, at), total in zip(pairs, sums, strict=False):
            value = builder.load(total)
            value = builder.select(builder.fcmp_ordered("<", value, floor), floor, value)
            store(value, _place(v, x["out"], at, (x["out_pixel"], integer(p))))


def _emit_multiply(v: Vectors, width: int, x: dict) -> None:
    builder, most = v.builder, most_taps(width)
    sums = [cgutils.alloca_once(builder, v.type) for _ in range(most * width)]
    part = builder.sdiv(x["tap"], integer(width))
    for count, (at,), load, store in vectors_of(v, x["taps"], most, x["channels"]):
        taps = [_distance(builder, x["listed"], integer(t)) for t in range(count)]
        places = [
            _place(v, x["out"], at, (x["tap"], tap), (part, integer(j)))
            for tap in taps
            for j in range(width)
        ]
        seen = [
            builder.add(_distance(builder, x["reach"], tap), builder.add(x["x"], at))
            for tap in taps
        ]
        for place, total in zip(places, sums, strict=False):
            builder.store(load(place), total)
        with cgutils.for_range(builder, x["pixels"]) as pixel:
            error = load(_place(v, x["g"], at, (pixel.index, x["g_pixel"])))
            for t, begin in enumerate(seen):
                value = load(_place(v, begin, (pixel.index, x["x_pixel"])))
                for j in range(width):
                    total = sums[t * width + j]
                    met = _repeated(v, value, width, j)
                    builder.store(v.fma(met, error, builder.load(total)), total)
        for place, total in zip(places, sums, strict=False):
            store(builder.load(total), place)


def _make(emit, of: types.Type, width: int):
    """The intrinsic with this code, for numbers of a type and groups of a width."""

    def code(names, arguments, builder):
        emit(Vectors(builder, of), width, dict(zip(names, arguments, strict=True)))

    @intrinsic
    def convolve(typingctx, x, x_pixel, reach, taps, line, tap, rows, columns, bias, out,
                 out_pixel, pixels, channels, relu):  # fmt: skip
        def codegen(context, builder, signature, arguments):
            code(CONVOLVE, arguments, builder)
            return context.get_dummy_value()

        return types.void(*[types.intp] * len(CONVOLVE)), codegen

    @intrinsic
    def multiply(typingctx, x, x_pixel, reach, g, g_pixel, pixels, out, listed, tap, taps,
                 channels):  # fmt: skip
        def codegen(context, builder, signature, arguments):
            code(MULTIPLY, arguments, builder)
            return context.get_dummy_value()

        return types.void(*[types.intp] * len(MULTIPLY)), codegen

    return convolve if emit is _emit_convolve else multiply


def _code(*arguments: int) -> None:
    """In its place a twin calls the intrinsic for its numbers and its width, see `address`."""


def _convolve(x, x_pixel, reach, taps, line, tap, rows, columns, bias, out, out_pixel, pixels,
              channels, relu):  # fmt: skip
    _code(x, x_pixel, reach, taps, line, tap, rows, columns, bias, out, out_pixel, pixels,
          channels, relu)  # fmt: skip


def _multiply(x, x_pixel, reach, g, g_pixel, pixels, out, listed, tap, taps, channels):
    _code(x, x_pixel, reach, g, g_pixel, pixels, out, listed, tap, taps, channels)


CODE = {
    "convolve": (_convolve, _emit_convolve, CONVOLVE),
    "multiply": (_multiply, _emit_multiply, MULTIPLY),
}


@functools.cache
def address(name: str, char: str, width: int) -> int:
    """Where the code of "convolve" or "multiply" stands, for "f" or "d" and groups of a width."""
    function, emit, arguments = CODE[name]
    # Another name for each: numba's cache tells functions apart by name and line.
    names = {**globals(), "_code": _make(emit, NUMPY_TYPES[char], width)}
    twin = FunctionType(function.__code__, names, f"{name}_{char}{width}")
    twin.__module__, twin.__qualname__ = __name__, twin.__name__
    code = callback(twin, types.void(*[types.intp] * len(arguments)))
    KEEP.append(code)
    return code.address


@intrinsic
def call_convolve(typingctx, address, x, x_pixel, reach, taps, line, tap, rows, columns, bias, out,
                  out_pixel, pixels, channels, relu):  # fmt: skip
    """Sum up 1 to `MOST` pixels with the code at `address`."""

    def codegen(context, builder, signature, arguments):
        call(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.intp] * (1 + len(CONVOLVE))), codegen


@intrinsic
def call_multiply(typingctx, address, x, x_pixel, reach, g, g_pixel, pixels, out, listed, tap,
                  taps, channels):  # fmt: skip
    """Add to the sums of 1 to `most_taps` taps, `listed` by number, with the code at `address`."""

    def codegen(context, builder, signature, arguments):
        call(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.intp] * (1 + len(MULTIPLY))), codegen
