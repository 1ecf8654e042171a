"""Products of matrices by one thread, as loops around the tile: the core of all other kernels.

Matrices are given by an address and the distances, in numbers, between rows and between columns;
so a transpose is a matrix too, and so is a part of one. The depth is cut so that a strip of b, one
tile wide, stays in the first cache, and the columns so that all strips stay in the second. Strips
of b are copied into contiguous memory (as are strips of a, where that pays): Goto and van de Geijn,
"Anatomy of High-Performance Matrix Multiplication", 2008.
"""

from __future__ import annotations

import functools

import numpy as np
from numba import carray, types
from numba.extending import intrinsic

from autograd.kernels.compiled import tile
from autograd.kernels.compiled.jit import callback, inner
from autograd.kernels.compiled.tile import (
    CHUNK,
    KEEP,
    Place,
    call,
    call_tile,
    call_transpose,
    copy_chunk,
    copy_number,
    prefetch,
)

DEPTH = 256  # rows of a block of b, usually
LONGEST = 384  # but as many are not cut: the results would be read and written once more
STRIPS = 16  # strips of b in the second cache, for the usual depth
DIRECT = 1 << 16  # numbers of b that may be read where they lie, by a few tiles
NARROW = 1536  # bytes of a row of b so short that many tiles may
ALIASED = 4096  # bytes apart, lines of the cache drive each other out of it
AHEAD = 4  # how many rows, or lines of the cache in a row, are fetched before they are copied
LINE = 64  # bytes of a line of the cache
TILE, TRANSPOSE, ROWS, COLUMNS, LANES, SIZE = (int(place) for place in Place)
PRODUCT = len(Place)  # after them, in the `block` of this file


def workspace_bytes(block) -> int:
    """The memory that one thread's `product` packs into; begin it at a multiple of 64 bytes."""
    b = DEPTH * STRIPS * block[COLUMNS]
    a = LONGEST * block[ROWS] + block[LANES] * block[LANES]
    return int((b + a) * block[SIZE] + 127) // 64 * 64


@inner
def copy_row(size, source, target, count):
    """Copy `count` contiguous numbers."""
    total = size * count
    if total >= CHUNK:
        for at in range(0, total - CHUNK + 1, CHUNK):
            copy_chunk(source + at, target + at)
        copy_chunk(source + total - CHUNK, target + total - CHUNK)
    else:
        for at in range(0, total, size):
            copy_number(size, source + at, target + at)


@inner
def pack_columns(block, b, b_step, b_column, depth, columns, out):
    """Copy b (depth, columns) into strips of the tile's width, one after another, each contiguous.

    The last strip is as wide as the others; what is beyond its columns is not used.
    """
    wide, lanes, size = block[COLUMNS], block[LANES], block[SIZE]
    done = 0
    if b_column == 1:
        for p in range(depth):
            for at in range(0, size * columns, LINE):
                prefetch(b + size * (p + AHEAD) * b_step + at)
            for j in range(0, columns, wide):
                copy_row(
                    size,
                    b + size * (p * b_step + j),
                    out + size * (j * depth + p * wide),
                    min(wide, columns - j),
                )
        done = depth
    elif b_step == 1:
        done = depth // lanes * lanes
        for j in range(0, columns, wide):
            strip, width = out + size * j * depth, min(wide, columns - j)
            for p in range(0, done, lanes):
                for i in range(width):
                    prefetch(b + size * ((j + i) * b_column + p) + AHEAD * LINE)
                for i in range(0, width, lanes):
                    call_transpose(
                        block[TRANSPOSE], b + size * ((j + i) * b_column + p), b_column,
                        min(lanes, width - i), strip + size * (p * wide + i), wide,
                    )  # fmt: skip
    for j in range(0, columns, wide):
        strip, width = out + size * j * depth, min(wide, columns - j)
        for p in range(done, depth):
            for i in range(width):
                source = b + size * (p * b_step + (j + i) * b_column)
                copy_number(size, source, strip + size * (p * wide + i))


@inner
def pack_rows(block, a, a_row, a_step, rows, depth, out):
    """Copy up to a tile's rows of a into columns: (depth, rows of a tile)."""
    high, lanes, size = block[ROWS], block[LANES], block[SIZE]
    done = 0
    if a_row == 1:
        for p in range(depth):
            copy_row(size, a + size * p * a_step, out + size * p * high, rows)
        done = depth
    elif a_step == 1:
        done = depth // lanes * lanes
        for p in range(0, done, lanes):
            # From the last group of rows to the first: each column written runs over into the next
            # column's first rows, written after it; and all into those of the next group.
            for i in range((rows - 1) // lanes * lanes, -1, -lanes):
                call_transpose(
                    block[TRANSPOSE], a + size * (i * a_row + p), a_row, min(lanes, rows - i),
                    out + size * (p * high + i), high,
                )  # fmt: skip
    for p in range(done, depth):
        for i in range(rows):
            copy_number(size, a + size * (i * a_row + p * a_step), out + size * (p * high + i))


@inner
def fetch_rows(size, a, a_row, a_step, rows, depth, part, parts):
    """Have one of so many parts of a (rows, depth) brought into the cache.

    Of rows next to each other, the first came in one line with those before them.
    """
    if a_row == 1:
        for p in range(depth * part // parts, depth * (part + 1) // parts):
            prefetch(a + size * (p * a_step + rows - 1))
    else:
        lines = (size * depth + LINE - 1) // LINE
        for line in range(lines * part // parts, lines * (part + 1) // parts):
            for i in range(rows):
                prefetch(a + size * i * a_row + LINE * line)


def multiply(block, a, a_row, a_step, b, b_step, b_column, c, c_row, rows, columns, depth,
            accumulate, bias, relu, space):  # fmt: skip
    """c (rows, columns) = a (rows, depth) times b (depth, columns), plus bias, relu if asked.

    c's columns are next to each other; `accumulate` adds to what c holds, else `bias` (an address,
    or 0) is added to each row. `space` is the address of `workspace_bytes`; `block`, that of what
    `tile.block` gives.
    """
    block = carray(block, PRODUCT)
    high, wide, size = block[ROWS], block[COLUMNS], block[SIZE]
    tiles, strips = (rows + high - 1) // high, (columns + wide - 1) // wide
    # Copying b pays when several tiles of rows read it, and where its rows are not contiguous.
    small = tiles <= 4 and depth * columns <= DIRECT
    direct = b_column == 1 and columns % wide == 0 and (small or size * b_step <= NARROW)
    # Copying a pays where the tile would read each number, or line, from far away.
    scattered = (a_row != 1 and a_step != 1) or size * a_row * a_step % ALIASED == 0
    copy_a = scattered and strips > 2
    for_a, begun = space + size * DEPTH * STRIPS * wide, 0
    while begun < depth or (begun == 0 and depth == 0):
        left = depth - begun
        now = left if left <= LONGEST else DEPTH if left >= 2 * DEPTH else (left + 1) // 2
        last = begun + now == depth
        most = min(STRIPS, DEPTH * STRIPS // max(now, 1))
        blocks = (strips + most - 1) // most
        for block_of_b in range(blocks):  # as equal as can be
            first = strips * block_of_b // blocks * wide
            count = strips * (block_of_b + 1) // blocks - first // wide
            width = min(count * wide, columns - first)
            source, step, apart = b + size * (begun * b_step + first), b_step, wide
            if not direct:
                pack_columns(
                    block, b + size * (begun * b_step + first * b_column), b_step, b_column,
                    now, width, space,
                )  # fmt: skip
                source, step, apart = space, wide, wide * now
            for t in range(tiles):  # as equal as can be: none is thin
                top, bottom = rows * t // tiles, rows * (t + 1) // tiles
                part, row, along = a + size * (top * a_row + begun * a_step), a_row, a_step
                following = a + size * (bottom * a_row + begun * a_step)
                if copy_a:
                    pack_rows(block, part, a_row, a_step, bottom - top, now, for_a)
                    part, row, along = for_a, 1, high
                for j in range(count):
                    if t + 1 < tiles:
                        fetch_rows(size, following, a_row, a_step, high, now, j, count)
                    at = first + j * wide
                    call_tile(
                        block[TILE], part, row, along, source + size * j * apart, step,
                        c + size * (top * c_row + at), c_row, now, bottom - top,
                        min(wide, columns - at), accumulate or begun > 0,
                        bias + size * at if bias != 0 else 0, relu and last,
                    )  # fmt: skip
        begun += now
        if depth == 0:
            break


@functools.cache
def block(char: str) -> np.ndarray:
    """What kernels need to know to call `product`: `tile.block`, and the address of the code.

    It is compiled once, for all kernels and for numbers of all types.
    """
    kind = types.void(types.CPointer(types.int64), *[types.intp] * 15)
    code = callback(multiply, kind, nogil=True, error_model="numpy")
    KEEP.append(code)
    return np.append(tile.block(char), code.address)


@intrinsic
def call_product(typingctx, address, block, a, a_row, a_step, b, b_step, b_column, c, c_row, rows,
                 columns, depth, accumulate, bias, relu, space):  # fmt: skip
    """Do `multiply` with the code at `address`."""

    def codegen(context, builder, signature, arguments):
        call(builder, arguments[0], arguments[1:])
        return context.get_dummy_value()

    return types.void(*[types.intp] * 17), codegen


@inner
def product(unit, a, a_row, a_step, b, b_step, b_column, c, c_row, rows, columns, depth,
            accumulate, bias, relu, space):  # fmt: skip
    """See `multiply`; `unit` is `block` of this file."""
    call_product(
        unit[PRODUCT], unit.ctypes.data, a, a_row, a_step, b, b_step, b_column, c, c_row, rows,
        columns, depth, accumulate, bias, relu, space,
    )  # fmt: skip
