"""Tiles of images: where they lie, which of them are full, and how they are transformed.

`images` are their address, the shape of one (height, width, channels), how many pixels a step from
an output to the next goes, how its outputs are cut into `tiles`, and the corner that the first
begins at. `tiles` are how many of them are below each other, how many of these are full, and the
same across: those after them have one row, or column, of outputs less.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from autograd.kernels.compiled.jit import inner
from autograd.kernels.compiled.memory import ALIGNED as LINE
from autograd.kernels.compiled.vectors import INT
from autograd.kernels.compiled.vectors import fetch as emit_fetch
from autograd.kernels.compiled.winograd_transform import (
    MOST_POINTS,
    OUTPUTS,
    quarter_errors,
    quarter_filter,
    quarter_inputs,
    quarter_outputs,
    quarter_sums,
    whole_errors,
    whole_filter,
    whole_inputs,
    whole_outputs,
    whole_sums,
)

MOST_TILES = 84  # of a block
TABLE, LIST = 8 * 40, 8 * 4 * MOST_TILES  # bytes of the addresses of a tile's pixels, and of tiles

# -- one transformation or the other, by the number of points ------------------------------------


@inner
def of_inputs(points, table, offset, target, step):
    """B^T inputs B."""
    if points == MOST_POINTS:
        whole_inputs(table, offset, target, step)
    else:
        quarter_inputs(table, offset, target, step)


@inner
def of_errors(points, table, offset, target, step):
    """A errors A^T."""
    if points == MOST_POINTS:
        whole_errors(table, offset, target, step)
    else:
        quarter_errors(table, offset, target, step)


@inner
def to_outputs(points, source, step, table, offset, bias, relu):
    """A^T results A and a bias, to the places of a table; `relu`: what is negative becomes zero."""
    if points == MOST_POINTS:
        whole_outputs(source, step, table, offset, bias, relu)
    else:
        quarter_outputs(source, step, table, offset, bias, relu)


@inner
def of_filter(points, source, apart, turned, target, step):
    """G filter G^T of filters `apart` numbers from each other; `turned`: the last tap first."""
    if points == MOST_POINTS:
        whole_filter(source, apart, turned, target, step)
    else:
        quarter_filter(source, apart, turned, target, step)


@inner
def to_filter(points, source, step, target, adds):
    """G^T sums G, to filters or (`adds`) added to them."""
    if points == MOST_POINTS:
        whole_sums(source, step, target, adds)
    else:
        quarter_sums(source, step, target, adds)


# -- memory ----------------------------------------------------------------------------------------
#
# Lists are given by their address. Views of arrays count their users, which threads would wait for.


@intrinsic
def read(typingctx, address, index):
    """The whole number at a place of a list."""

    def codegen(context, builder, signature, arguments):
        start = builder.inttoptr(arguments[0], INT.as_pointer())
        return builder.load(builder.gep(start, [arguments[1]]), align=8)

    return types.int64(types.intp, types.intp), codegen


@intrinsic
def write(typingctx, address, index, number):
    """Put a whole number at a place of a list."""

    def codegen(context, builder, signature, arguments):
        start = builder.inttoptr(arguments[0], INT.as_pointer())
        builder.store(arguments[2], builder.gep(start, [arguments[1]]), align=8)
        return context.get_dummy_value()

    return types.void(types.intp, types.intp, types.intp), codegen


# -- places ----------------------------------------------------------------------------------------


@inner
def apart(count, lanes):
    """A distance of at least `count` numbers that is an odd number of vectors.

    Places at multiples of it are spread over the cache; those at a power of two share a few lines.
    """
    return (count // lanes | 1) * lanes


@inner
def cut(rows, columns):
    """The `tiles` of so many outputs."""
    down, across = (rows + OUTPUTS - 1) // OUTPUTS, (columns + OUTPUTS - 1) // OUTPUTS
    return (
        (down, down - min(down, down * OUTPUTS - rows)),
        (across, across - min(across, across * OUTPUTS - columns)),
    )


@inner
def place(tiles, tile):
    """The image that a tile is in, its first output there, and what it lacks, see `arrange`."""
    (down, full), (across, full_across) = tiles
    line, column = tile // across, tile % across
    image, row = line // down, line % down
    y, x = OUTPUTS * row - max(0, row - full), OUTPUTS * column - max(0, column - full_across)
    short, narrow = row >= full, column >= full_across
    return image, y, x, (3 if narrow else 2) if short else (0 if narrow else 1)


@inner
def arrange(tiles, begin, end, listed):
    """List where tiles are, by what they lack: 0 a column, 1 nothing, 2 a row, 3 both.

    Returns where the tiles of the first kind end, those of the second, and so on.
    """
    (down, full), (across, full_across) = tiles
    all_full, count = down == full and across == full_across, np.int64(0)
    bounds = count, count, count, count
    for kind in range(4):
        for tile in range(begin, begin if all_full and kind != 1 else end):
            image, y, x, lacks = place(tiles, tile)
            if lacks == kind:
                write(listed, 4 * count, image)
                write(listed, 4 * count + 1, y)
                write(listed, 4 * count + 2, x)
                write(listed, 4 * count + 3, kind)
                count += 1
        bounds = bounds[1], bounds[2], bounds[3], count
    return bounds


@inner
def needed(bounds, element, points):
    """The part of a list of tiles that needs an element: at infinity only those that are full."""
    full_column, short_row, both, end = bounds
    last_row, last_column = element // points == points - 1, element % points == points - 1
    first = full_column if last_column else np.int64(0)
    return first, short_row if last_row else both if last_column else end


@inner
def find(size, images, listed, t, high, outside, table):
    """List the addresses of a tile's pixels; `outside` stands for what is not in the image."""
    x, (height, width, channels), step, _, (top, left) = images
    image, y = read(listed, 4 * t), read(listed, 4 * t + 1)
    x_, kind = read(listed, 4 * t + 2), read(listed, 4 * t + 3)
    top, left = top + y * step, left + x_ * step
    bottom = min(height, top + (high - (kind >= 2)) * step)
    right = min(width, left + (high - (kind % 3 == 0)) * step)
    x += size * image * height * width * channels
    for i in range(high):
        y = top + i * step
        row = x + size * (y * width + left) * channels
        for j in range(high):
            inside = 0 <= y < bottom and 0 <= left + j * step < right
            write(table, i * high + j, row + size * j * step * channels if inside else outside)


@inner
def transform_tiles(size, lanes, points, images, high, listed, count, channels, deep, outside,
                    table, out, step):  # fmt: skip
    """Transform `count` tiles of a list: inputs if they are as high as `points`, else errors.

    Of each chunk of `deep` channels, element e of tile t goes to line t of step e of `out`.
    """
    for t in range(count):
        find(size, images, listed, t, high, outside, table)
        for c in range(0, channels, lanes):
            target = out + size * (c // deep * points * points * step + t * deep + c % deep)
            if high == points:
                of_inputs(points, table, size * c, target, step)
            else:
                of_errors(points, table, size * c, target, step)


# -- what will be needed ---------------------------------------------------------------------------


@intrinsic
def fetch(typingctx, address, writes):
    """Have the line of the cache at an address brought in, to be read or (1) written."""
    if not isinstance(writes, types.IntegerLiteral):
        return None

    def codegen(context, builder, signature, arguments):
        place = builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())
        emit_fetch(builder, place, write=bool(writes.literal_value), near=True)
        return context.get_dummy_value()

    return types.void(types.intp, writes), codegen


@inner
def fetch_rows(begin, end, start, distance, length):
    """Have rows of memory brought into the cache: distances and lengths in bytes."""
    for r in range(begin, end):
        for at in range(start + r * distance, start + r * distance + length, LINE):
            fetch(at, 0)


@inner
def fetch_tiles(begin, end, size, images, high, count, writes):
    """Have the pixels of tiles that no other tile shares, `count` channels, brought into the cache.

    `begin` and `end` count rows of pixels, of which each tile has as many as outputs.
    """
    x, (height, width, channels), step, tiles, (top, left) = images
    for row in range(begin, end):
        image, y, x_, _ = place(tiles, row // OUTPUTS)
        y = (y + row % OUTPUTS + high - OUTPUTS) * step + top
        x_ = (x_ + high - OUTPUTS) * step + left
        if y < height:
            for j in range(x_, min(width, x_ + OUTPUTS * step), step):
                start = x + size * ((image * height + y) * width + j) * channels
                for at in range(start, start + size * count, LINE):
                    if writes:
                        fetch(at, 1)
                    else:
                        fetch(at, 0)
