"""Images or planes side by side, a lane to each, and back: for work on few channels at a time."""

from __future__ import annotations

from autograd.kernels.compiled.jit import inner
from autograd.kernels.compiled.product import LANES, SIZE, TRANSPOSE, copy_row
from autograd.kernels.compiled.tile import call_transpose, copy_number


@inner
def turn_in(unit, source, count, images, length, wide, target):
    """`count` numbers of each of some images, `length` apart, as (count, wide).

    The last image fills up the lanes of one vector; vectors beyond it repeat that.
    """
    lanes, size = unit[LANES], unit[SIZE]
    for half in range(0, wide, lanes):
        first = min(half, images - 1)
        here, given, to = min(lanes, images - first), source + size * first * length, target
        to += size * half
        if count < lanes:
            for lane in range(lanes):
                image = given + size * min(lane, here - 1) * length
                for at in range(count):
                    copy_number(size, image + size * at, to + size * (at * wide + lane))
        for begin in range(0, count if count >= lanes else 0, lanes):
            at = min(begin, count - lanes)
            call_transpose(
                unit[TRANSPOSE], given + size * at, length, here, to + size * at * wide, wide
            )


@inner
def turn_out(unit, source, wide, count, images, target, length, spare):
    """The way back: (count, wide) as `count` numbers of each of some images, `length` apart."""
    lanes, size = unit[LANES], unit[SIZE]
    rows = min(lanes, count)
    for half in range(0, images, lanes):
        here = min(lanes, images - half)
        for begin in range(0, count, lanes):
            at = min(begin, count - rows)
            given, to = source + size * (at * wide + half), target + size * (half * length + at)
            if here == rows == lanes:
                call_transpose(unit[TRANSPOSE], given, wide, lanes, to, length)
                continue
            call_transpose(unit[TRANSPOSE], given, wide, rows, spare, lanes)
            for i in range(here):
                copy_row(size, spare + size * i * lanes, to + size * i * length, rows)


@inner
def add_borders(size, source, rows, count, target, before, across):
    """Copy rows of `count` numbers into longer ones, whose borders are left as they are."""
    for i in range(rows):
        copy_row(size, source + size * i * count, target + size * (i * across + before), count)
