"""What the tests of kernels share: how arrays are drawn, and when a kernel is close to its twin."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

TOLERANCE = {np.float32: 2e-4, np.float64: 1e-11}
dtypes = st.sampled_from([np.float32, np.float64])
layouts = st.sampled_from(["plain", "transposed", "strided", "reversed"])
seeds = st.integers(0, 2**32 - 1)


def draw_array(seed, shape, dtype, layout="plain"):
    """Normal numbers in memory that is laid out in one of several ways."""
    rng = np.random.default_rng(seed)
    if layout == "transposed":
        return rng.normal(size=np.atleast_1d(shape)[::-1]).astype(dtype).T
    if layout == "strided":
        return rng.normal(size=(*np.atleast_1d(shape), 2)).astype(dtype)[..., 1]
    array = rng.normal(size=shape).astype(dtype)
    return array[..., ::-1] if layout == "reversed" and array.ndim else array


def close(actual, expected, dtype):
    assert actual.dtype == dtype
    assert actual.shape == np.shape(expected)
    np.testing.assert_allclose(actual, expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def slope(function, array, step=1e-6):
    """The derivative of a number that is made of an array, by differences."""
    out = np.empty(array.shape)
    for place in np.ndindex(*array.shape):
        value = array[place]
        array[place] = value + step
        above = function()
        array[place] = value - step
        below = function()
        array[place] = value
        out[place] = (above - below) / (2 * step)
    return out
