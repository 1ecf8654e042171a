"""Pooling: which of the two does it. Windows picked out by index stay with NumPy."""

from __future__ import annotations

import math

from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import pool as plain

areas, tap_index, max_spans, max_at = plain.areas, plain.tap_index, plain.max_spans, plain.max_at
scatter, place, gather = plain.scatter, plain.place, plain.gather
MOST = 256  # elements of a window that a byte can number


def _family(x, kernel=()):
    known = len(kernel) <= 3 and math.prod(kernel) <= MOST
    return compiled("pool") if known and worth(x.size, x) else plain


def max_taps(x, kernel, stride, padding, dilation, size):
    """Return each window's largest element and its tap: which element of the window it is."""
    return _family(x, kernel).max_taps(x, kernel, stride, padding, dilation, size)


def spread_taps(g, taps, plane, kernel, stride, padding, dilation, size):
    """Add each value to the element of a zero plane that is the tap of its window."""
    family = _family(g, kernel)
    return family.spread_taps(g, taps, plane, kernel, stride, padding, dilation, size)


def window_sum(x, kernel, stride, padding, dilation, size, divisor=1.0):
    """Return the sum of each window over `divisor`, a float or an array with one for each window.

    Padding counts as zeros.
    """
    return _family(x).window_sum(x, kernel, stride, padding, dilation, size, divisor)


def window_spread(g, plane, kernel, stride, padding, dilation, size, divisor=1.0):
    """The adjoint of `window_sum`, of a float: add each g / divisor to all of its window."""
    return _family(g).window_spread(g, plane, kernel, stride, padding, dilation, size, divisor)


def mean_spans(x, *spans):
    """Return the mean of each window made of one span per axis."""
    return _family(x).mean_spans(x, *spans)


def spread_spans(g, plane, *spans):
    """The adjoint of `mean_spans`: share each element of `g` equally among its window."""
    return _family(g).spread_spans(g, plane, *spans)
