"""Which convolutions Winograd's algorithm computes, and how the work is cut up, for each size."""

from __future__ import annotations

import functools

import numpy as np

from autograd.kernels.compiled.product import COLUMNS, LANES
from autograd.kernels.compiled.tile import block
from autograd.kernels.compiled.winograd_tiles import LIST, MOST_TILES, TABLE, apart, cut
from autograd.kernels.compiled.winograd_transform import QUARTER, WHOLE

# Measured on cores with a second cache of 1 MB, for 64 to 512 channels.
FEWEST_CHANNELS, FEWEST_PIXELS = 32, 128  # with fewer the direct way is as fast
TILES, DEPTH = 56, 64  # of a block (half where filters are kept), channels of a chunk of filters
MORE_TILES = 64  # of a block for fewer points, where each block has filters transformed anew
KEPT_FILTERS = 1 << 20  # bytes, up to which they are transformed once and not for every block
TALL = 64  # outputs of a group, for the gradient of the weight
KEPT_SUMS = 3 << 20  # bytes, up to which they are transformed once and not for every block
FORMS = {(1, 1): WHOLE, (2, 2): QUARTER}  # by the stride


def suits(dtype, x_shape, w_shape, out_size, stride, dilation, groups) -> bool:
    """Whether this algorithm applies, and is faster than the direct one; never for float64."""
    lanes = int(block("f")[LANES])
    outputs, channels = w_shape[:2]
    pixels = [min(sizes) for sizes in zip(x_shape[2:], out_size, strict=True)]
    return (
        dtype == np.float32
        and stride in FORMS
        and w_shape[2:] == (FORMS[stride].side,) * 2
        and dilation == (1, 1)
        and groups == 1
        and channels % lanes == 0 == outputs % lanes
        and min(channels, outputs) >= FEWEST_CHANNELS
        and min(pixels) > 2
        and x_shape[0] * pixels[0] * pixels[1] >= FEWEST_PIXELS
    )


plainly_apart, plainly_cut = (getattr(f, "py_func", f) for f in (apart, cut))  # or plain already


@functools.lru_cache(256)
def plan(total, channels, outputs, threads, points, phases):
    """Into how many shares to cut the tiles, each having how many strips, and the memory needed.

    Returns the shares, tiles of a block, channels of a chunk, whether transformed filters are
    kept, and the bytes that a thread works in.
    """
    lanes, wide = int(block("f")[LANES]), int(block("f")[COLUMNS])
    deep, strips = min(DEPTH, channels), -(-outputs // wide)
    chunks = phases * -(-channels // deep)

    def elements(count, line):
        return points**2 * plainly_apart(count * line, lanes)

    def split(ways):
        return -(-total // ways), -(-strips // (threads // ways))

    def cost(ways):
        tiles, own = split(ways)  # what is transformed by each thread counts as some products
        return tiles * own + 0.4 * tiles + 6 * own * -(-tiles // TILES)

    ways = min((n for n in range(1, threads + 1) if threads % n == 0), key=cost)
    tiles, own = split(ways)
    filters = elements(deep, wide)
    few = 4 * filters * chunks * own <= KEPT_FILTERS
    limit = TILES // 2 if few else MORE_TILES if points < WHOLE.points else TILES
    blocks = -(-tiles // limit)
    most, kept = -(-tiles // blocks), few and blocks > 1
    each = channels + wide + elements(most, wide) + chunks * elements(most, deep)
    each += filters * chunks * own if kept else filters
    return (ways, most, deep, kept), TABLE + LIST + 4 * (each + wide)


@functools.lru_cache(256)
def plan_weights(total, channels, outputs, threads, points, phases):
    """Into how many parts to cut the tiles, and how the work on each.

    Returns the parts, whose number depends on nothing but the sizes, and so does the order of the
    sums; into how many shares the outputs are cut, tiles of a block, outputs of a group, whether
    the sums of all blocks are kept; and the bytes that a thread works in.
    """
    lanes, wide, tall = int(block("f")[LANES]), int(block("f")[COLUMNS]), min(TALL, outputs)
    whole, parts = 4 * points**2 * phases * channels * outputs, 1
    while whole * parts <= KEPT_SUMS and total >= MOST_TILES * 2 * parts:
        parts *= 2
    shares = max(1, threads // parts)
    own, strips = -(-outputs // (tall * shares)), phases * -(-channels // wide)

    def elements(count, line):
        return points**2 * plainly_apart(count * line, lanes)

    tiles = -(-total // parts)
    blocks = -(-tiles // MOST_TILES)
    most, sums = -(-tiles // blocks), elements(tall, wide)
    kept = blocks > 1 and 4 * sums * strips * own <= KEPT_SUMS
    each = max(channels, outputs) + strips * elements(most, wide) + own * elements(most, tall)
    each += sums * strips * own if kept else sums
    return parts, (shares, most, tall, kept), TABLE + LIST + 4 * (each + wide)


@functools.lru_cache(256)
def phases_of(stride, corner, turned) -> np.ndarray:
    """The phases of a filter whose first output sees from `corner`: (groups, those of a group, 5).

    Those of a group add up. Of each there are: the first of its taps in a filter, the corner that
    its first output sees from (y, x), and where that output lies (y, x). With a stride of 2, pixel
    2 k + r of the gradient of the input sees two errors, by the taps of one parity: r and the
    padding, which is 3 + corner for the filter turned around, say which.
    """
    side, residues = FORMS[stride].side, list(np.ndindex(*stride))
    lines = [[side * y + x, corner[0] + y, corner[1] + x, 0, 0] for y, x in residues]
    if not turned or stride == (1, 1):
        return np.array([lines], np.int64)
    groups = []
    for residue in residues:
        (top, y), (left, x) = (divmod(r + c + 3, 2) for r, c in zip(residue, corner, strict=True))
        groups.append([(side * y + x, top - 1, left - 1, *residue)])
    return np.array(groups, np.int64)


def count_tiles(rows, columns) -> int:
    """How many tiles an image of so many outputs is cut into."""
    (down, _), (across, _) = plainly_cut(rows, columns)
    return down * across
