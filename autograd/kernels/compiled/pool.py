"""Pooling over windows of up to three axes: what a pixel reads, vectors lying across channels.

Which pixels are read, and as which element of the window, is worked out for each axis beforehand;
forwards, backwards and for irregular windows the kernels only differ in what they do with it. So
the gradient, too, reads: each pixel of the input asks the windows that it lies in. Nothing is added
to memory, and every pixel is written once.

Images that lie channels first are turned around: all channels of all samples then lie innermost.
"""

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import prange, types
from numba.core import cgutils
from numba.extending import intrinsic

from autograd.kernels.compiled.arrays import empty
from autograd.kernels.compiled.jit import array, get_num_threads, inner, intp, kernel
from autograd.kernels.compiled.layout import transposed
from autograd.kernels.compiled.pool_plan import counts, frozen, places, span_plan, window_plan
from autograd.kernels.compiled.target import TARGET
from autograd.kernels.compiled.tile import INT, Vectors, integer

MOST = 256  # elements of a window that a byte can number
LARGEST, CHOSEN, SUM = range(3)  # what is done with what is read
BYTE = ir.IntType(8)
int64, uint8 = types.int64, types.uint8


# -- one vector of an output pixel -----------------------------------------------------------------


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


def _make(emit, count: int, masked: bool):
    """An intrinsic that pools `count` vectors of channels, or one of which `lanes` are there."""

    @intrinsic
    def write(typingctx, like, source, taps, reads, reads_count, lanes, out):
        def codegen(context, builder, signature, arguments):
            _, source, taps, reads, reads_count, lanes, out = arguments
            v = Vectors(builder, signature.args[0].dtype)
            mask = v.below(lanes, 0) if masked else None
            numbers, bytes_ = Lanes(v, count, mask), Lanes(Bytes(v), count, mask)
            reads = builder.inttoptr(reads, INT.as_pointer())
            place, marks = v.pointer(out), bytes_.of.pointer(taps)
            emit(builder, numbers, bytes_, v.pointer(source), marks, reads, reads_count, place)

        return types.void(like, source, taps, reads, reads_count, lanes, out), codegen

    return write


def emit_largest(builder, numbers, bytes_, source, taps, reads, count, out):
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


def emit_chosen(builder, numbers, bytes_, source, taps, reads, count, out):
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


def emit_sum(builder, numbers, bytes_, source, taps, reads, count, out):
    """The sum of what is read of each channel."""
    totals = numbers.variables(numbers.of.zero)
    for distance, _ in _each(builder, reads, count):
        values = numbers.load(builder.gep(source, [distance]))
        for total, value in zip(totals, values, strict=True):
            builder.store(builder.fadd(builder.load(total), value), total)
    numbers.store(map(builder.load, totals), out)


SEVERAL = 4  # vectors at once, where there are so many channels
largest_4, largest_1, largest_part = (
    _make(emit_largest, n, part) for n, part in ((SEVERAL, False), (1, False), (1, True))
)
chosen_4, chosen_1, chosen_part = (
    _make(emit_chosen, n, part) for n, part in ((SEVERAL, False), (1, False), (1, True))
)
sum_4, sum_1, sum_part = (
    _make(emit_sum, n, part) for n, part in ((SEVERAL, False), (1, False), (1, True))
)


# -- the kernels -----------------------------------------------------------------------------------


@inner
def find_reads(plane, begins, reads, z, y, x, space):
    """List what pixel (z, y, x) reads, in pixels from the first column it reads; count it."""
    count, first = 0, reads[begins[2, x], 0]
    for a in range(begins[0, z], begins[0, z + 1]):
        for b in range(begins[1, y], begins[1, y + 1]):
            row = (reads[a, 0] * plane[1] + reads[b, 0]) * plane[2] - first
            for c in range(begins[2, x], begins[2, x + 1]):
                space[count, 0] = (row + reads[c, 0]) * plane[3]
                space[count, 1] = reads[a, 1] + reads[b, 1] + reads[c, 1]
                count += 1
    return count


@inner
def pool_row(x, taps, out, mode, plane, size, begins, reads, space, wide, outer, z, y):
    """A row of output pixels; those that read alike follow each other."""
    channels, each, count, pattern = plane[3], out.itemsize, 0, -1
    pixel = ((outer * size[0] + z) * size[1] + y) * size[2]
    source = outer * plane[0] * plane[1] * plane[2]
    listed = space.ctypes.data
    for i in range(size[2]):
        column = begins[4, i]
        if begins[3, column] != pattern:
            pattern = begins[3, column]
            count = find_reads(plane, begins, reads, z, y, column, space)
        first, place = source * channels, (pixel + column) * channels
        if count:
            first += reads[begins[2, column], 0] * channels
        c = 0
        while c < channels:
            left = channels - c
            lanes = SEVERAL * wide if left >= SEVERAL * wide else min(wide, left)
            given, to = x.ctypes.data + each * (first + c), out.ctypes.data + each * (place + c)
            if mode == LARGEST:
                mark = taps.ctypes.data + place + c
                if lanes > wide:
                    largest_4(x, given, mark, listed, count, lanes, to)
                elif lanes == wide:
                    largest_1(x, given, mark, listed, count, lanes, to)
                else:
                    largest_part(x, given, mark, listed, count, lanes, to)
            elif mode == CHOSEN:
                mark = taps.ctypes.data + first + c
                if lanes > wide:
                    chosen_4(x, given, mark, listed, count, lanes, to)
                elif lanes == wide:
                    chosen_1(x, given, mark, listed, count, lanes, to)
                else:
                    chosen_part(x, given, mark, listed, count, lanes, to)
            elif lanes > wide:
                sum_4(x, given, given, listed, count, lanes, to)
            elif lanes == wide:
                sum_1(x, given, given, listed, count, lanes, to)
            else:
                sum_part(x, given, given, listed, count, lanes, to)
            c += lanes


@kernel(lambda T: (array(T, 1), array(uint8, 1, out=True), array(T, 1, out=True), intp,
                   array(int64, 1), array(int64, 1), array(int64, 2), array(int64, 2),
                   array(int64, 3, out=True), intp, intp))  # fmt: skip
def pool(x, taps, out, mode, plane, size, begins, reads, space, wide, outer):
    """Write every pixel of `outer` images of `size`, from images of sizes and channels `plane`.

    `begins` has for each axis where the `reads` of each position begin; then a number for each
    column, the same where what is read lies alike; then the columns in the order of that number.
    """
    threads, rows = len(space), size[0] * size[1]
    tasks = outer * rows
    for thread in prange(threads):
        for task in range(tasks * thread // threads, tasks * (thread + 1) // threads):
            o, z, y = task // rows, task // size[1] % size[0], task % size[1]
            pool_row(x, taps, out, mode, plane, size, begins, reads, space[thread], wide, o, z, y)


@inner
def scatter_image(g, taps, origins, distances, out):
    """Add what each window got to the pixel that won; an image, that is one line of memory."""
    pixels, channels = g.shape
    for i in range(len(out)):
        out[i] = 0
    for pixel in range(pixels):
        errors, winners, begin = g[pixel], taps[pixel], origins[pixel] * channels
        for c in range(channels):
            out[begin + distances[winners[c]] * channels + c] += errors[c]


@kernel(lambda T: (array(T, 3), array(uint8, 3), array(int64, 1), array(int64, 1),
                   array(T, 2, out=True)))  # fmt: skip
def scatter(g, taps, origins, distances, out):
    """The same as choosing, where channels are so few that vectors would be nearly empty."""
    for o in prange(len(g)):
        scatter_image(g[o], taps[o], origins, distances, out[o])


# -- channels innermost ----------------------------------------------------------------------------


def _channels_last(array, axes):
    """The array as (..., plane, channels)."""
    lead = array.ndim - axes
    return array.transpose(*range(lead - 1), *range(lead, array.ndim), lead - 1)


def _flat(array, axes):
    """The array as (outer, plane, channels) in one line, and whether channels came first."""
    last = _channels_last(array, axes)
    if array.flags.c_contiguous and (last.shape[-1] == 1 or not last.flags.c_contiguous):
        lead = math.prod(array.shape[: array.ndim - axes])
        plane = math.prod(array.shape[array.ndim - axes :])
        return transposed(array.reshape(1, lead, plane)).reshape(-1), True
    return np.ascontiguousarray(last).reshape(-1), False


def _flat_like(array, axes, first):
    """The array in one line, channels first or last."""
    return np.ascontiguousarray(array if first else _channels_last(array, axes)).reshape(-1)


def _unflat(flat, lead, size, turned):
    """The inverse, with a plane of another size."""
    if turned:
        matrix = flat.reshape(math.prod(size), math.prod(lead))
        # Bytes are few: NumPy may turn them around.
        whole = (
            transposed(matrix[None]) if flat.dtype.kind == "f" else np.ascontiguousarray(matrix.T)
        )
        return whole.reshape(*lead, *size)
    array = flat.reshape(*lead[:-1], *size, lead[-1])
    n = len(lead) - 1
    return array.transpose(*range(n), array.ndim - 1, *range(n, array.ndim - 1))


def _run(mode, x, plan, size, taps=None):
    """Pool `x` by a plan to planes of `size`; the result and, of the largest, the taps."""
    axes = len(size)
    lead, plane = x.shape[: x.ndim - axes], x.shape[x.ndim - axes :]
    flat, turned = _flat(x, axes)
    outer, channels = (1, math.prod(lead)) if turned else (math.prod(lead[:-1]), lead[-1])
    count = outer * channels * math.prod(size)
    out = empty((count,), x.dtype)
    if mode == LARGEST:
        marks = np.empty(count, np.uint8)
    elif mode == CHOSEN:
        marks = _flat_like(taps, axes, False)
    else:
        marks = np.empty(0, np.uint8)
    filled = (1,) * (3 - axes)
    if count:
        threads = get_num_threads()
        work = count * max(1, plan.most)
        pool(flat, marks, out, mode, np.array([*filled, *plane, channels]),
             np.array([*filled, *size]), plan.begins, plan.reads,
             np.empty((threads, max(1, plan.most), 2), np.int64),
             TARGET.bits // (8 * x.itemsize), outer, work=work)  # fmt: skip
    result = _unflat(out, lead, size, turned)
    return (result, _unflat(marks, lead, size, turned)) if mode == LARGEST else result


# -- the functions ---------------------------------------------------------------------------------


def max_taps(x, kernel, stride, padding, dilation, size):
    """Return each window's largest element and, as a byte, which of the window it is."""
    windows = tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), tuple(size)
    plan = window_plan(x.shape[x.ndim - len(kernel) :], *windows, False)
    return _run(LARGEST, x, plan, tuple(size))


def spread_taps(g, taps, plane, kernel, stride, padding, dilation, size):
    """Add each element of `g` to the element of a zero plane that was its window's largest."""
    windows = tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), tuple(size)
    axes, plane = len(plane), tuple(plane)
    lead, first = g.shape[: g.ndim - axes], g.flags.c_contiguous
    if not (first or lead[-1] <= TARGET.bits // (8 * g.itemsize)):
        return _run(CHOSEN, g, window_plan(plane, *windows, True), plane, taps)
    outer, channels = (math.prod(lead), 1) if first else (math.prod(lead[:-1]), lead[-1])
    out = empty((outer, math.prod(plane) * channels), g.dtype)
    seen = outer, math.prod(size), channels
    scatter(_flat_like(g, axes, first).reshape(seen), _flat_like(taps, axes, first).reshape(seen),
            *places(plane, *windows), out, work=2 * g.size)  # fmt: skip
    return out.reshape(*lead, *plane) if first else _unflat(out, lead, plane, False)


def window_sum(x, kernel, stride, padding, dilation, size):
    """Return the sum of each window; padding counts as zeros."""
    windows = tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), tuple(size)
    return _run(SUM, x, window_plan(x.shape[x.ndim - len(kernel) :], *windows, False), tuple(size))


def window_spread(g, plane, kernel, stride, padding, dilation, size):
    """The adjoint of `window_sum`: add each element of `g` to all of its window in a zero plane."""
    windows = tuple(kernel), tuple(stride), tuple(padding), tuple(dilation), tuple(size)
    return _run(SUM, g, window_plan(tuple(plane), *windows, True), tuple(plane))


def mean_spans(x, *spans):
    """Return the mean of each window made of one span per axis."""
    spans, size = frozen(spans)
    out = _run(SUM, x, span_plan(x.shape[x.ndim - len(spans) :], spans, False), size)
    out /= counts(spans, x.dtype)
    return out


def spread_spans(g, plane, *spans):
    """The adjoint of `mean_spans`: share each element of `g` equally among its window."""
    spans, _ = frozen(spans)
    shares = g / counts(spans, g.dtype)
    return _run(SUM, shares, span_plan(tuple(plane), spans, True), tuple(plane))
