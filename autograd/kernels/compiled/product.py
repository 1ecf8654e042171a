"""Products of matrices by one thread, as loops around the tile: the core of all other kernels.

Matrices are given by an address and the distances, in numbers, between rows and between columns;
so a transpose is a matrix too, and so is a part of one. The depth is cut so that a strip of b, one
tile wide, stays in the first cache, and the columns so that all strips stay in the second. Strips
of b are copied into contiguous memory (as are strips of a, where that pays): Goto and van de Geijn,
"Anatomy of High-Performance Matrix Multiplication", 2008.
"""

from __future__ import annotations

from autograd.kernels.compiled.jit import inner
from autograd.kernels.compiled.tile import (
    CHUNK,
    Place,
    call_tile,
    call_transpose,
    copy_chunk,
    copy_number,
)

DEPTH = 256  # numbers of a strip in the first cache, for each of its columns
STRIPS = 16  # strips of b in the second cache
TILE, TRANSPOSE, ROWS, COLUMNS, LANES, SIZE = (int(place) for place in Place)


def workspace_bytes(block) -> int:
    """The memory that one thread's `product` packs into; begin it at a multiple of 64 bytes."""
    b = DEPTH * STRIPS * block[COLUMNS]
    a = DEPTH * block[ROWS] + block[LANES] * block[LANES]
    return int((b + a) * block[SIZE] + 127) // 64 * 64


@inner
def copy_row(size, source, target, count):
    """Copy `count` contiguous numbers."""
    whole = size * count // CHUNK * CHUNK
    for at in range(0, whole, CHUNK):
        copy_chunk(source + at, target + at)
    for at in range(whole, size * count, size):
        copy_number(size, source + at, target + at)


@inner
def pack_columns(block, b, b_step, b_column, depth, columns, out):
    """Copy b (depth, columns) into strips of the tile's width, one after another, each contiguous.

    The last strip is as wide as the others; what is beyond its columns is not used.
    """
    wide, lanes, size = block[COLUMNS], block[LANES], block[SIZE]
    for j in range(0, columns, wide):
        strip, width, done = out + size * j * depth, min(wide, columns - j), 0
        if b_column == 1:
            for p in range(depth):
                copy_row(size, b + size * (p * b_step + j), strip + size * p * wide, width)
            done = depth
        elif b_step == 1:
            done = depth // lanes * lanes
            for p in range(0, done, lanes):
                for i in range(0, width, lanes):
                    call_transpose(
                        block[TRANSPOSE], b + size * ((j + i) * b_column + p), b_column,
                        min(lanes, width - i), strip + size * (p * wide + i), wide,
                    )  # fmt: skip
        for p in range(done, depth):
            for i in range(width):
                source = b + size * (p * b_step + (j + i) * b_column)
                copy_number(size, source, strip + size * (p * wide + i))


@inner
def pack_rows(block, a, a_row, rows, depth, out):
    """Copy up to a tile's rows of a, contiguous, into columns: (depth, rows of a tile)."""
    high, lanes, size = block[ROWS], block[LANES], block[SIZE]
    done = depth // lanes * lanes
    for p in range(0, done, lanes):
        # From the last group of rows to the first: each column written runs over into the next
        # column's first rows, which are written after it; and all into those of the next group.
        for i in range((rows - 1) // lanes * lanes, -1, -lanes):
            call_transpose(
                block[TRANSPOSE], a + size * (i * a_row + p), a_row, min(lanes, rows - i),
                out + size * (p * high + i), high,
            )  # fmt: skip
    for p in range(done, depth):
        for i in range(rows):
            copy_number(size, a + size * (i * a_row + p), out + size * (p * high + i))


@inner
def product(block, a, a_row, a_step, b, b_step, b_column, c, c_row, rows, columns, depth,
            accumulate, bias, relu, space):  # fmt: skip
    """c (rows, columns) = a (rows, depth) times b (depth, columns), plus bias, relu if asked.

    c's columns are next to each other; `accumulate` adds to what c holds, else `bias` (an address,
    or 0) begins each row. `space` is the address of `workspace_bytes`.
    """
    high, wide, size = block[ROWS], block[COLUMNS], block[SIZE]
    tiles, most = (rows + high - 1) // high, STRIPS * wide
    # Copying b pays when several tiles of rows read it, and where its rows are not contiguous.
    direct = b_column == 1 and columns % wide == 0 and tiles <= 4
    copy_a = a_row != 1 and a_step == 1 and columns > 4 * wide
    for_a, begun = space + size * DEPTH * most, 0
    while begun < depth or (begun == 0 and depth == 0):
        left = depth - begun
        now = left if left <= DEPTH else DEPTH if left >= 2 * DEPTH else (left + 1) // 2
        last = begun + now == depth
        for first in range(0, columns, most):
            width = min(most, columns - first)
            strips, step, apart = b + size * (begun * b_step + first), b_step, wide
            if not direct:
                pack_columns(
                    block, b + size * (begun * b_step + first * b_column), b_step, b_column,
                    now, width, space,
                )  # fmt: skip
                strips, step, apart = space, wide, wide * now
            done = 0
            for t in range(tiles):
                count = (rows - done) // (tiles - t)  # tiles as equal as can be: none is thin
                part, row, along = a + size * (done * a_row + begun * a_step), a_row, a_step
                if copy_a:
                    pack_rows(block, part, a_row, count, now, for_a)
                    part, row, along = for_a, 1, high
                for j in range(0, width, wide):
                    call_tile(
                        block[TILE], part, row, along,
                        strips + size * (j // wide) * apart, step,
                        c + size * (done * c_row + first + j), c_row,
                        now, count, min(wide, width - j), accumulate or begun > 0,
                        bias + size * (first + j) if bias != 0 else 0, relu and last,
                    )  # fmt: skip
                done += count
        begun += now
        if depth == 0:
            break
