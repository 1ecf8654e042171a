"""Random numbers by counting: the number at a place is a function of the key and the place alone.

So threads share the work without sharing a state, and what is drawn depends neither on how many
there are nor on the width of vectors. The function is Philox 4x32 with 10 rounds (Salmon et al.,
"Parallel random numbers: as easy as 1, 2, 3", 2011): multiplications and exclusive ors that turn a
counter into four words. How words become an array is said in the twin, `autograd.kernels.plain`.
"""

from __future__ import annotations

import functools

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.jit import array, inner, kernel
from autograd.kernels.compiled.mathematics import choose

LANES = 16  # counters of a group; a group gives the first words of all, then the second, ...
GROUP = 4 * LANES
GROUPS = 256  # of one task
WORK = 8  # elementary operations for each number, roughly
MULTIPLY_0, MULTIPLY_1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL_0, WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
uint64 = types.uint64
# A call in the loop would keep it from becoming vectors.
inlined = functools.partial(inner, forceinline=True)


@inlined
def turn(x0, x1, x2, x3, k0, k1):
    """One round."""
    a, b = MULTIPLY_0 * x0, MULTIPLY_1 * x2
    return (b >> HALF) ^ x1 ^ k0, b & LOW, (a >> HALF) ^ x3 ^ k1, a & LOW


@inlined
def round_key(key, n):
    """The two words of the key in the round of this number, from 0."""
    return ((key & LOW) + n * WEYL_0) & LOW, ((key >> HALF) + n * WEYL_1) & LOW


@inlined
def philox(key, counter):
    """Four words of 32 bits, for a key and a counter of 64."""
    x0, x1, x2, x3 = counter & LOW, counter >> HALF, np.uint64(0), np.uint64(0)
    # Written out, for a loop within the loop over counters would keep that from becoming vectors.
    x0, x1, x2, x3 = turn(x0, x1, x2, x3, *round_key(key, np.uint64(0)))
    x0, x1, x2, x3 = turn(x0, x1, x2, x3, *round_key(key, np.uint64(1)))
    x0, x1, x2, x3 = turn(x0, x1, x2, x3, *round_key(key, np.uint64(2)))
    x0, x1, x2, x3 = turn(x0, x1, x2, x3, *round_key(key, np.uint64(3)))
    x0, x1, x2, x3 = turn(x0, x1, x2, x3, *round_key(key, np.uint64(4)))
    x0, x1, x2, x3 = turn(x0, x1, x2, x3, *round_key(key, np.uint64(5)))
    x0, x1, x2, x3 = turn(x0, x1, x2, x3, *round_key(key, np.uint64(6)))
    x0, x1, x2, x3 = turn(x0, x1, x2, x3, *round_key(key, np.uint64(7)))
    x0, x1, x2, x3 = turn(x0, x1, x2, x3, *round_key(key, np.uint64(8)))
    x0, x1, x2, x3 = turn(x0, x1, x2, x3, *round_key(key, np.uint64(9)))
    return x0, x1, x2, x3


@inlined
def word(key, start, i):
    """The word at place i of an array that begins with the counter `start`."""
    group, i = i // GROUP, i % GROUP
    words = philox(key, start + np.uint64(group * LANES + i % LANES))
    first = choose(i < 2 * LANES, choose(i < LANES, words[0], words[1]), words[2])
    return choose(i < 3 * LANES, first, words[3])


@inlined
def unit(w):
    """A word as a float32 in [0, 1)."""
    return np.float32(np.int32(w >> np.uint64(8))) * np.float32(2**-24)


@inlined
def unit_of_two(high, low):
    """Two words as a float64 in [0, 1)."""
    whole = np.float64(np.int64(high >> np.uint64(5))) * 2.0**26
    return (whole + np.float64(np.int64(low >> np.uint64(6)))) * 2.0**-53


@kernel(lambda T: (array(types.float32, 1, out=True), uint64, uint64))
def fill_float32(out, key, start):
    """Fill with numbers in [0, 1)."""
    whole = out.size // GROUP
    for task in prange((whole + GROUPS - 1) // GROUPS):
        for group in range(task * GROUPS, min(whole, (task + 1) * GROUPS)):
            at = out[group * GROUP : (group + 1) * GROUP]
            for i in range(LANES):
                a, b, c, d = philox(key, start + np.uint64(group * LANES + i))
                at[i], at[LANES + i] = unit(a), unit(b)
                at[2 * LANES + i], at[3 * LANES + i] = unit(c), unit(d)
    for i in range(whole * GROUP, out.size):
        out[i] = unit(word(key, start, i))


@kernel(lambda T: (array(types.float64, 1, out=True), uint64, uint64))
def fill_float64(out, key, start):
    """Fill with numbers in [0, 1)."""
    whole = out.size // (2 * LANES)
    for task in prange((whole + GROUPS - 1) // GROUPS):
        for group in range(task * GROUPS, min(whole, (task + 1) * GROUPS)):
            at = out[group * 2 * LANES : (group + 1) * 2 * LANES]
            for i in range(LANES):
                a, b, c, d = philox(key, start + np.uint64(group * LANES + i))
                at[i], at[LANES + i] = unit_of_two(a, b), unit_of_two(c, d)
    for i in range(whole * 2 * LANES, out.size):
        group, place = i // (2 * LANES), i % (2 * LANES)
        a, b, c, d = philox(key, start + np.uint64(group * LANES + place % LANES))
        out[i] = choose(place < LANES, unit_of_two(a, b), unit_of_two(c, d))


@inlined
def factor(drawn, limit, scale):
    """What to multiply by where this word was drawn."""
    return choose(drawn < limit, scale * 0, scale)


@kernel(lambda T: (array(T, 1), array(T, 1, out=True), uint64, uint64, uint64, T))
def drop_flat(x, out, key, start, limit, scale):
    """out = x times `scale`, or times 0 where the word is below `limit`."""
    whole = out.size // GROUP
    for task in prange((whole + GROUPS - 1) // GROUPS):
        for group in range(task * GROUPS, min(whole, (task + 1) * GROUPS)):
            at, of = out[group * GROUP : (group + 1) * GROUP], x[group * GROUP :]
            for i in range(LANES):
                a, b, c, d = philox(key, start + np.uint64(group * LANES + i))
                at[i] = of[i] * factor(a, limit, scale)
                at[LANES + i] = of[LANES + i] * factor(b, limit, scale)
                at[2 * LANES + i] = of[2 * LANES + i] * factor(c, limit, scale)
                at[3 * LANES + i] = of[3 * LANES + i] * factor(d, limit, scale)
    for i in range(whole * GROUP, out.size):
        out[i] = x[i] * factor(word(key, start, i), limit, scale)


@kernel(lambda T: (array(T, 1, out=True), uint64, uint64, uint64, T))
def drop_over(x, key, start, limit, scale):
    """x times `scale`, or times 0 where the word is below `limit`, over x itself."""
    whole = x.size // GROUP
    for task in prange((whole + GROUPS - 1) // GROUPS):
        for group in range(task * GROUPS, min(whole, (task + 1) * GROUPS)):
            at = x[group * GROUP : (group + 1) * GROUP]
            for i in range(LANES):
                a, b, c, d = philox(key, start + np.uint64(group * LANES + i))
                # All are read before one is written, or the loop would not become vectors.
                first, second = at[i], at[LANES + i]
                third, fourth = at[2 * LANES + i], at[3 * LANES + i]
                at[i] = first * factor(a, limit, scale)
                at[LANES + i] = second * factor(b, limit, scale)
                at[2 * LANES + i] = third * factor(c, limit, scale)
                at[3 * LANES + i] = fourth * factor(d, limit, scale)
    for i in range(whole * GROUP, x.size):
        x[i] *= factor(word(key, start, i), limit, scale)


@kernel(lambda T: (array(T, 1), array(types.uint8, 1, out=True), uint64, uint64, uint64))
def mask_flat(like, out, key, start, limit):
    """1, or 0 where the word is below `limit`."""
    whole, no, yes = out.size // GROUP, np.uint8(0), np.uint8(1)
    for task in prange((whole + GROUPS - 1) // GROUPS):
        for group in range(task * GROUPS, min(whole, (task + 1) * GROUPS)):
            at = out[group * GROUP : (group + 1) * GROUP]
            for i in range(LANES):
                a, b, c, d = philox(key, start + np.uint64(group * LANES + i))
                at[i], at[LANES + i] = choose(a < limit, no, yes), choose(b < limit, no, yes)
                at[2 * LANES + i] = choose(c < limit, no, yes)
                at[3 * LANES + i] = choose(d < limit, no, yes)
    for i in range(whole * GROUP, out.size):
        out[i] = choose(word(key, start, i) < limit, no, yes)


FILL = {"f": fill_float32, "d": fill_float64}
LIKE = {"f": np.empty(0, np.float32), "d": np.empty(0, np.float64)}


def uniform(key: int, start: int, shape, dtype) -> np.ndarray:
    """See the twin in `autograd.kernels.plain`."""
    out = np.empty(shape, dtype)
    FILL[out.dtype.char](out.reshape(-1), np.uint64(key), np.uint64(start), work=WORK * out.size)
    return out


def keep_mask(key: int, start: int, shape, p: float) -> np.ndarray:
    """See the twin in `autograd.kernels.plain`."""
    out = np.empty(shape, np.bool_)
    mask_flat(
        LIKE["f"], out.reshape(-1).view(np.uint8), np.uint64(key), np.uint64(start),
        np.uint64(round(p * 2**32)), work=WORK * out.size,
    )  # fmt: skip
    return out


def _limit_and_scale(x: np.ndarray, p: float) -> tuple:
    return np.uint64(round(p * 2**32)), x.dtype.type(1 / (1 - p) if p < 1 else 0)


def drop(x: np.ndarray, key: int, start: int, p: float) -> np.ndarray:
    """See the twin in `autograd.kernels.plain`."""
    x = np.ascontiguousarray(x).reshape(x.shape)
    out = np.empty_like(x)
    drop_flat(
        x.reshape(-1), out.reshape(-1), np.uint64(key), np.uint64(start), *_limit_and_scale(x, p),
        work=WORK * x.size,
    )  # fmt: skip
    return out


def overwrite_by_drop(x: np.ndarray, key: int, start: int, p: float) -> None:
    """See the twin in `autograd.kernels.plain`."""
    if x.flags.c_contiguous and x.flags.aligned:
        drop_over(
            x.reshape(-1), np.uint64(key), np.uint64(start), *_limit_and_scale(x, p),
            work=WORK * x.size,
        )  # fmt: skip
    else:
        np.copyto(x, drop(x, key, start, p))
