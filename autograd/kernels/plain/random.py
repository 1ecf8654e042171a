"""Random numbers by counting: the number at a place is a function of the key and the place alone.

The function is Philox 4x32 with 10 rounds (Salmon et al., "Parallel random numbers: as easy as 1,
2, 3", 2011), which makes four words of 32 bits of a counter and a key. An array begins with the
counter `start`. Counters come in groups of `LANES`: a group gives the first words of all its
counters, then the second words, and so on, which is the order in which vectors hold them. A float32
takes the upper 24 bits of a word, a float64 27 bits of one and 26 of another word of one counter.
"""

from __future__ import annotations

import math

import numpy as np

LANES = 16
MULTIPLY = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
WEYL = 0x9E3779B9, 0xBB67AE85
LOW, HALF = np.uint64(0xFFFFFFFF), np.uint64(32)


def counters(count: int) -> int:
    """How many counters an array of `count` numbers uses up, of either dtype."""
    return -(-count // (2 * LANES)) * LANES


def philox(key: int, counter: np.ndarray) -> list[np.ndarray]:
    """Four words of 32 bits for each counter, a uint64; so is the key."""
    keys = [key & 0xFFFFFFFF, key >> 32]
    x0, x1 = counter & LOW, counter >> HALF
    x2 = x3 = np.zeros_like(counter)
    for _ in range(10):
        a, b = MULTIPLY[0] * x0, MULTIPLY[1] * x2
        x0, x1, x2, x3 = (
            (b >> HALF) ^ x1 ^ np.uint64(keys[0]), b & LOW,
            (a >> HALF) ^ x3 ^ np.uint64(keys[1]), a & LOW,
        )  # fmt: skip
        keys = [(k + w) & 0xFFFFFFFF for k, w in zip(keys, WEYL, strict=True)]
    return [x0, x1, x2, x3]


def _groups(key: int, start: int, count: int) -> list[np.ndarray]:
    """Four words for each counter, (groups, LANES) each, of so many groups."""
    places = np.arange(count * LANES, dtype=np.uint64).reshape(count, LANES)
    return philox(key, places + np.uint64(start))


def words(key: int, start: int, count: int) -> np.ndarray:
    """So many words, as uint64."""
    groups = _groups(key, start, -(-count // (4 * LANES)))
    return np.stack(groups, axis=1).reshape(-1)[:count]


def uniform(key: int, start: int, shape, dtype) -> np.ndarray:
    """Numbers in [0, 1), of float32 or float64."""
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    if dtype == np.float32:
        numbers = (words(key, start, count) >> np.uint64(8)).astype(dtype) * dtype.type(2**-24)
    else:
        a, b, c, d = _groups(key, start, -(-count // (2 * LANES)))
        high, low = np.stack([a, c], axis=1), np.stack([b, d], axis=1)
        whole = (high >> np.uint64(5)) * 2.0**26 + (low >> np.uint64(6))
        numbers = (whole * 2.0**-53).reshape(-1)[:count]
    return numbers.reshape(shape)


def keep_mask(key: int, start: int, shape, p: float) -> np.ndarray:
    """A bool mask whose elements are False, independently, with probability `p`."""
    return (words(key, start, math.prod(shape)) >= np.uint64(round(p * 2**32))).reshape(shape)


def drop(x: np.ndarray, key: int, start: int, p: float) -> np.ndarray:
    """``x / (1 - p)`` where the `keep_mask` of this key and start holds, elsewhere x * 0.

    Elements count in C order, however x lies in memory; NaN stays NaN.
    """
    return x * _factors(x, key, start, p)


def overwrite_by_drop(x: np.ndarray, key: int, start: int, p: float) -> None:
    """Put what `drop` returns over x."""
    x *= _factors(x, key, start, p)


def _factors(x: np.ndarray, key: int, start: int, p: float) -> np.ndarray:
    scale = x.dtype.type(1 / (1 - p) if p < 1 else 0)
    return np.where(keep_mask(key, start, x.shape, p), scale, scale * 0)
