"""Depthwise convolution by rows of three taps, as LLVM vector code that is called by address.

A vector of channels slides along a row of pixels. What `slide` reads of a column, one pixel of each
row of taps, it adds to the sums of the three outputs that see the column, and the first of them is
done: so each pixel is read once for a row of the output, and weights stay in registers.

    column    j-1      j       j+1
                       x0 w2 ------------> done: stored
              sums of  x0 w1 ------------> older
              three    x0 w0 + bias -----> newer

For the gradient of the weights `collect` does the same with errors; there the sums stay.
"""

from __future__ import annotations

import functools

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import callback
from autograd.kernels.compiled.narrow_code import vectors_of
from autograd.kernels.compiled.tile import KEEP, Vectors, call, fetch, integer

TAPS = 3  # in a row, and rows of them at most
SLIDE = (
    "x", "x_row", "x_pixel", "width", "left", "taps", "tap", "high", "bias", "out", "out_pixel",
    "columns", "channels", "relu",
)  # fmt: skip


COLLECT = (
    "x", "x_row", "x_pixel", "width", "left", "g", "g_pixel", "columns", "sums", "tap", "high",
    "channels",
)  # fmt: skip


class _Row:
    """The code for one vector of channels, `at` so many bytes, and so many rows of taps."""

    def __init__(self, v: Vectors, x: dict, high: int, at, load, store) -> None:
        self.v, self.x, self.high, self.at, self.load, self.store = v, x, high, at, load, store

    def place(self, name, *steps):
        """The vector that is so many steps behind the place of this name."""
        builder, address = self.v.builder, self.v.builder.add(self.x[name], self.at)
        for step, times in steps:
            times = integer(times) if isinstance(times, int) else times
            address = builder.add(address, builder.mul(step, times))
        return builder.inttoptr(address, self.v.type.as_pointer())

    def read(self, j):
        """Column j of each row; and the row that is needed next is fetched."""
        x = self.x
        place = self.place("x", (x["x_row"], self.high), (x["x_pixel"], j))
        fetch(self.v.builder, place, write=False)
        return [
            self.load(self.place("x", (x["x_row"], r), (x["x_pixel"], j))) for r in range(self.high)
        ]


class _Slide(_Row):
    """A row of the output."""

    def __init__(self, *row, sums, floor) -> None:
        super().__init__(*row)
        self.sums, self.floor, x, load = sums, floor, self.x, self.load
        self.weights = [
            [load(self.place("taps", (x["tap"], TAPS * r + k))) for k in range(TAPS)]
            for r in range(self.high)
        ]
        self.start = load(self.place("bias"))

    def emit(self) -> None:
        """All columns: those by which no output is done yet, the others, and what then remains."""
        builder, x = self.v.builder, self.x
        for each in self.sums:
            builder.store(self.start, each)
        early = builder.sub(integer(TAPS - 1), x["left"])
        early = builder.select(builder.icmp_signed("<", early, x["width"]), early, x["width"])
        with cgutils.for_range(builder, early) as loop:
            self.column(loop.index)
        with cgutils.for_range(builder, builder.sub(x["width"], early)) as loop:
            column = builder.add(early, loop.index)
            done = self.column(column)
            output = builder.sub(builder.add(column, x["left"]), integer(TAPS - 1))
            self.put(done, output)
        last = builder.add(x["width"], x["left"])
        for each, behind in zip(self.sums, (1, 2), strict=True):
            output = builder.sub(last, integer(behind))
            inside = builder.and_(
                builder.icmp_signed(">=", output, integer(0)),
                builder.icmp_signed("<", output, x["columns"]),
            )
            with builder.if_then(inside):
                self.put(builder.load(each), output)

    def column(self, j):
        """Add what is read of a column; returned is the output that has seen its last."""
        v, builder = self.v, self.v.builder
        newer, older = (builder.load(each) for each in self.sums)
        totals = [self.start, newer, older]
        for weights, value in zip(self.weights, self.read(j), strict=True):
            totals = [v.fma(value, w, t) for w, t in zip(weights, totals, strict=True)]
        for total, each in zip(totals, self.sums, strict=False):
            builder.store(total, each)
        return totals[-1]

    def put(self, value, output):
        builder = self.v.builder
        value = builder.select(builder.fcmp_ordered("<", value, self.floor), self.floor, value)
        self.store(value, self.place("out", (self.x["out_pixel"], output)))


class _Collect(_Row):
    """The gradient of the weights, of a row of errors."""

    def __init__(self, *row, sums) -> None:
        super().__init__(*row)
        self.sums = [sums[TAPS * r : TAPS * r + TAPS] for r in range(self.high)]

    def emit(self) -> None:
        """All columns: in the middle those that three errors have seen."""
        builder, x = self.v.builder, self.x
        places = [
            self.place("sums", (x["tap"], i)) for i in range(sum(len(row) for row in self.sums))
        ]
        totals = [total for row in self.sums for total in row]
        for total, place in zip(totals, places, strict=True):
            builder.store(self.load(place), total)

        def clipped(number):
            number = builder.select(
                builder.icmp_signed("<", number, x["width"]), number, x["width"]
            )
            return builder.select(builder.icmp_signed("<", number, integer(0)), integer(0), number)

        first = clipped(builder.sub(integer(TAPS - 1), x["left"]))
        last = clipped(builder.sub(x["columns"], x["left"]))
        last = builder.select(builder.icmp_signed("<", last, first), first, last)
        for begin, end, all_seen in (
            (integer(0), first, False), (first, last, True), (last, x["width"], False),
        ):  # fmt: skip
            with cgutils.for_range(builder, builder.sub(end, begin)) as loop:
                self.column(builder.add(begin, loop.index), all_seen)
        for total, place in zip(totals, places, strict=True):
            self.store(builder.load(total), place)

    def column(self, j, all_seen: bool) -> None:
        builder, x, values = self.v.builder, self.x, self.read(j)
        for k in range(TAPS):
            output = builder.sub(builder.add(j, x["left"]), integer(k))
            if all_seen:
                self.add(values, output, k)
                continue
            inside = builder.and_(
                builder.icmp_signed(">=", output, integer(0)),
                builder.icmp_signed("<", output, x["columns"]),
            )
            with builder.if_then(inside):
                self.add(values, output, k)

    def add(self, values, output, k: int) -> None:
        builder, error = self.v.builder, self.load(self.place("g", (self.x["g_pixel"], output)))
        for value, row in zip(values, self.sums, strict=True):
            builder.store(self.v.fma(value, error, builder.load(row[k])), row[k])


def _rows(v: Vectors, x: dict):
    """What a row's code begins with, for each number of rows of taps and each vector."""
    for high, (at,), load, store in vectors_of(v, x["high"], TAPS, x["channels"]):
        yield v, x, high, at, load, store


def _emit_slide(v: Vectors, x: dict) -> None:
    builder = v.builder
    sums = [cgutils.alloca_once(builder, v.type) for _ in range(TAPS - 1)]
    lowest = ir.Constant(v.number, float("-inf"))
    asked = builder.icmp_signed("!=", x["relu"], integer(0))
    floor = v.splat(builder.select(asked, ir.Constant(v.number, 0.0), lowest))
    for row in _rows(v, x):
        _Slide(*row, sums=sums, floor=floor).emit()


def _emit_collect(v: Vectors, x: dict) -> None:
    sums = [cgutils.alloca_once(v.builder, v.type) for _ in range(TAPS * TAPS)]
    for row in _rows(v, x):
        _Collect(*row, sums=sums).emit()


def _make(of: types.Type):
    """The two intrinsics, for numbers of a type."""

    @intrinsic
    def slide(typingctx, x, x_row, x_pixel, width, left, taps, tap, high, bias, out, out_pixel,
              columns, channels, relu):  # fmt: skip
        def codegen(context, builder, signature, arguments):
            _emit_slide(Vectors(builder, of), dict(zip(SLIDE, arguments, strict=True)))
            return context.get_dummy_value()

        return types.void(*[types.intp] * len(SLIDE)), codegen

    @intrinsic
    def collect(typingctx, x, x_row, x_pixel, width, left, g, g_pixel, columns, sums, tap, high,
                channels):  # fmt: skip
        def codegen(context, builder, signature, arguments):
            _emit_collect(Vectors(builder, of), dict(zip(COLLECT, arguments, strict=True)))
            return context.get_dummy_value()

        return types.void(*[types.intp] * len(COLLECT)), codegen

    return slide, collect


slide_float32, collect_float32 = _make(types.float32)
slide_float64, collect_float64 = _make(types.float64)


def _slide_f(x, x_row, x_pixel, width, left, taps, tap, high, bias, out, out_pixel, columns,
             channels, relu):  # fmt: skip
    slide_float32(x, x_row, x_pixel, width, left, taps, tap, high, bias, out, out_pixel, columns,
                  channels, relu)  # fmt: skip


def _slide_d(x, x_row, x_pixel, width, left, taps, tap, high, bias, out, out_pixel, columns,
             channels, relu):  # fmt: skip
    slide_float64(x, x_row, x_pixel, width, left, taps, tap, high, bias, out, out_pixel, columns,
                  channels, relu)  # fmt: skip


def _collect_f(x, x_row, x_pixel, width, left, g, g_pixel, columns, sums, tap, high, channels):
    collect_float32(x, x_row, x_pixel, width, left, g, g_pixel, columns, sums, tap, high, channels)


def _collect_d(x, x_row, x_pixel, width, left, g, g_pixel, columns, sums, tap, high, channels):
    collect_float64(x, x_row, x_pixel, width, left, g, g_pixel, columns, sums, tap, high, channels)


CODE = {
    ("slide", "f"): _slide_f, ("slide", "d"): _slide_d,
    ("collect", "f"): _collect_f, ("collect", "d"): _collect_d,
}  # fmt: skip


@functools.cache
def slide_address(name: str, char: str) -> int:
    """Where the code of "slide" or "collect" stands, for numbers "f" or "d"."""
    names = {"slide": SLIDE, "collect": COLLECT}[name]
    code = callback(CODE[name, char], types.void(*[types.intp] * len(names)))
    KEEP.append(code)
    return code.address


@intrinsic
def call_slide(typingctx, address, x, x_row, x_pixel, width, left, taps, tap, high, bias, out,
               out_pixel, columns, channels, relu):  # fmt: skip
    """A row of the output, of up to three rows of three taps, with the code at `address`.

    Read are `high` rows of `width` pixels from `x` on; the first output sees `left` columns that
    are not there, which are at most two, as on the other side. Distances are in bytes.
    """

    def codegen(context, builder, signature, arguments):
        call(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.intp] * (1 + len(SLIDE))), codegen


@intrinsic
def call_collect(typingctx, address, x, x_row, x_pixel, width, left, g, g_pixel, columns, sums, tap,
                 high, channels):  # fmt: skip
    """The gradient of the weights of a row of errors, with the code at `address`.

    It is added to `sums`, of one tap after another; the rest is as in `call_slide`.
    """

    def codegen(context, builder, signature, arguments):
        call(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.intp] * (1 + len(COLLECT))), codegen
