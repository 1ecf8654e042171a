"""The two loops of convolutions of few channels, as LLVM vector code that is called by address.

`contract` makes some channels of pixels that follow each other:

    c[r, pixel] = bias[r] + sum over i, j, k of a[r, i, j, k] b[pixel, i, j, k]

where each b and c is a pair of vectors and each a a number. `dot` makes part of the gradient of
filters:

    out[r, s] += sum over line, place and lanes of g[r, line, place] x[s, line, place]

where each g and x is a vector. All sums stay in registers to the end. The axes are given by their
distances in numbers; so filters stay as they are.
"""

from __future__ import annotations

import functools

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import callback
from autograd.kernels.compiled.target import TARGET
from autograd.kernels.compiled.tile import INT, INT32, KEEP, Vectors, integer

VECTORS = 2  # of a pixel in `contract`
MADE = 8 if TARGET.registers == 32 else 6  # channels that one `contract` makes at most
# The rows and columns that `dot` may have.
ERRORS, TAPS = ((1, 3, 4), (1, 2, 3, 5)) if TARGET.registers == 32 else ((1, 2, 3), (1, 2, 3))
# What they are told, in this order, by an array of int64: addresses in bytes, distances in numbers.
CONTRACT = (
    "a", "a_row", "a_0", "a_1", "a_2", "b", "b_0", "b_1", "b_2", "n_0", "n_1", "n_2",
    "c", "c_row", "pixels", "b_pixel", "c_pixel", "columns", "bias", "relu", "rows",
)  # fmt: skip
DOT = (
    "g", "g_row", "x", "x_column", "lines", "g_line", "x_line", "places", "g_place", "x_place",
    "out", "out_row", "rows", "columns",
)  # fmt: skip


def _cases(builder, number, values):
    """Emit a jump by a number: where the builder then stands, the code of that value goes."""
    end = builder.append_basic_block("end")
    choice = builder.switch(number, end)
    for value in values:
        entry = builder.append_basic_block(f"case_{value}")
        choice.add_case(integer(value), entry)
        builder.position_at_end(entry)
        yield value
        builder.branch(end)
    builder.position_at_end(end)


def _far(builder, start, *steps):
    """`start` and so many times each distance."""
    return functools.reduce(lambda at, step: builder.add(at, builder.mul(*step)), steps, start)


def _emit_contract(v: Vectors, x: dict, rows: int, sums: list) -> None:
    builder = v.builder
    masks = [v.below(x["columns"], j) for j in range(VECTORS)]
    lowest = ir.Constant(v.number, float("-inf"))
    relu = builder.icmp_signed("!=", x["relu"], integer(0))
    floor = v.splat(builder.select(relu, ir.Constant(v.number, 0.0), lowest))
    zero = integer(0)
    with cgutils.for_range(builder, x["pixels"]) as pixel:
        for r in range(rows):
            start = v.splat(builder.load(v.offset(x["bias"], integer(r))))
            for j in range(VECTORS):
                builder.store(start, sums[r * VECTORS + j])
        b_start = _far(builder, zero, (pixel.index, x["b_pixel"]))
        with cgutils.for_range(builder, x["n_0"]) as i, cgutils.for_range(builder, x["n_1"]) as j:
            a_1, b_1 = (
                _far(builder, start, (i.index, x[f"{name}_0"]), (j.index, x[f"{name}_1"]))
                for name, start in (("a", zero), ("b", b_start))
            )
            with cgutils.for_range(builder, x["n_2"]) as k:
                a, b = (
                    builder.gep(x[name], [_far(builder, start, (k.index, x[f"{name}_2"]))])
                    for name, start in (("a", a_1), ("b", b_1))
                )
                values = [v.load(v.vector(b, j)) for j in range(VECTORS)]
                for r in range(rows):
                    number = v.splat(builder.load(v.offset(a, x["a_row"], r)))
                    for j, value in enumerate(values):
                        place = sums[r * VECTORS + j]
                        builder.store(v.fma(number, value, builder.load(place)), place)
        c = v.offset(x["c"], _far(builder, zero, (pixel.index, x["c_pixel"])))
        for r in range(rows):
            for j in range(VECTORS):
                total = builder.load(sums[r * VECTORS + j])
                total = builder.select(builder.fcmp_ordered("<", total, floor), floor, total)
                v.masked_store(total, v.vector(v.offset(c, x["c_row"], r), j), masks[j])


def _emit_dot(v: Vectors, x: dict, rows: int, columns: int, sums: list) -> None:
    builder, zero = v.builder, integer(0)
    for place in sums[: rows * columns]:
        builder.store(v.zero, place)
    with (
        cgutils.for_range(builder, x["lines"]) as line,
        cgutils.for_range(builder, x["places"]) as place,
    ):
        g, values = (
            v.offset(
                x[name],
                _far(
                    builder,
                    zero,
                    (line.index, x[f"{name}_line"]),
                    (place.index, x[f"{name}_place"]),
                ),
            )
            for name in "gx"
        )
        errors = [v.load(v.vector(v.offset(g, x["g_row"], r))) for r in range(rows)]
        for s in range(columns):
            value = v.load(v.vector(v.offset(values, x["x_column"], s)))
            for r, error in enumerate(errors):
                total = sums[r * columns + s]
                builder.store(v.fma(error, value, builder.load(total)), total)
    # Sixteen sums at a time, or as many as there are lanes, become one vector.
    totals = [builder.load(place) for place in sums[: rows * columns]]
    for first in range(0, len(totals), v.lanes):
        merged = _merged(v, totals[first : first + v.lanes])
        for i in range(first, min(len(totals), first + v.lanes)):
            r, s = divmod(i, columns)
            place = builder.gep(v.offset(x["out"], x["out_row"], r), [integer(s)])
            total = builder.extract_element(merged, ir.Constant(INT32, i - first))
            builder.store(builder.fadd(builder.load(place), total), place)


def _merged(v: Vectors, vectors: list):
    """A vector of the sums of the lanes of each: halves are added to halves, side by side."""
    parts, length = vectors + [v.zero] * (v.lanes - len(vectors)), v.lanes
    while length > 1:
        first = [lane for lane in range(2 * v.lanes) if lane % length < length // 2]
        last = [lane + length // 2 for lane in first]
        parts = [
            v.builder.fadd(v.shuffle(a, b, first), v.shuffle(a, b, last))
            for a, b in zip(parts[::2], parts[1::2], strict=True)
        ]
        length //= 2
    return parts[0]


def _told(builder, job, names, v: Vectors, addresses) -> dict:
    job = builder.inttoptr(job, INT.as_pointer())
    x = {name: builder.load(builder.gep(job, [integer(i)])) for i, name in enumerate(names)}
    return x | {name: v.pointer(x[name]) for name in addresses}


def _make_contract(of: types.Type):
    @intrinsic
    def contract(typingctx, job):
        def codegen(context, builder, signature, arguments):
            v = Vectors(builder, of)
            x = _told(builder, arguments[0], CONTRACT, v, ("a", "b", "c", "bias"))
            sums = [cgutils.alloca_once(builder, v.type) for _ in range(MADE * VECTORS)]
            for rows in _cases(builder, x["rows"], range(1, MADE + 1)):
                _emit_contract(v, x, rows, sums)
            return context.get_dummy_value()

        return types.void(types.intp), codegen

    return contract


def _make_dot(of: types.Type):
    @intrinsic
    def dot(typingctx, job):
        def codegen(context, builder, signature, arguments):
            v = Vectors(builder, of)
            x = _told(builder, arguments[0], DOT, v, ("g", "x", "out"))
            sums = [cgutils.alloca_once(builder, v.type) for _ in range(ERRORS[-1] * TAPS[-1])]
            size = builder.add(builder.mul(x["rows"], integer(TAPS[-1] + 1)), x["columns"])
            sizes = {r * (TAPS[-1] + 1) + s: (r, s) for r in ERRORS for s in TAPS}
            for number in _cases(builder, size, sizes):
                _emit_dot(v, x, *sizes[number], sums)
            return context.get_dummy_value()

        return types.void(types.intp), codegen

    return dot


contract_float32, contract_float64 = _make_contract(types.float32), _make_contract(types.float64)
dot_float32, dot_float64 = _make_dot(types.float32), _make_dot(types.float64)

# Functions that can be called through an address; each stands in this file so that numba can keep
# what it compiled.


def _contract_f(job):
    contract_float32(job)


def _contract_d(job):
    contract_float64(job)


def _dot_f(job):
    dot_float32(job)


def _dot_d(job):
    dot_float64(job)


CODE = {
    ("contract", "f"): _contract_f, ("contract", "d"): _contract_d,
    ("dot", "f"): _dot_f, ("dot", "d"): _dot_d,
}  # fmt: skip


@functools.cache
def address(name: str, char: str) -> int:
    """Where the code of "contract" or "dot" stands, for numbers "f" or "d"."""
    code = callback(CODE[name, char], types.void(types.intp))
    KEEP.append(code)
    return code.address


@intrinsic
def call(typingctx, address, job):
    """Do a job, given by the address of its array, with the code at `address`."""

    def codegen(context, builder, signature, arguments):
        address, job = arguments
        kind = ir.FunctionType(ir.VoidType(), [INT])
        builder.call(builder.inttoptr(address, kind.as_pointer()), [job])
        return context.get_dummy_value()

    return types.void(types.intp, types.intp), codegen
