"""Which way a convolution is done: found once for each size, by a list of rules, and remembered.

The ways are those of `conv`, by name. The rules ask for shapes and settings alone: images are
(N, C, H, W), padding is (before, after) for each axis, `kind` is the dtype.
"""

from __future__ import annotations

import functools
import math

from autograd.kernels.compiled import (
    conv_few,
    conv_folded,
    conv_tiny,
    conv_weight,
    depthwise,
    winograd_plan,
)
from autograd.kernels.plain.conv import output_size

MOST_FOLDED = 16  # rows of a filter for one channel, that become channels
FEW_INPUTS = 8  # channels of an input whose gradient is spread rather than gathered


@functools.lru_cache(1024)
def of_forward(kind, seen, filters, stride, padding, dilation, groups, winograd, folded=False):
    """The way to the output of filters that see images `seen`, and the size of that.

    Images that are `folded` already had one channel.
    """
    size = output_size(seen[2:], filters[2:], stride, padding, dilation)
    if not folded and conv_few.suits(kind, seen, (seen[0], filters[0], *size), groups):
        return "few", size
    if seen[0] * filters[0] * math.prod(size) == 0:
        return "nothing", size
    if not folded and _folds(filters, groups):
        return "fold", size
    if _sees_all(seen, filters, padding, groups):
        return "one pixel", size
    if _pointwise(filters, padding, groups):
        return "pixels", size
    if depthwise.suits(filters, groups, kind):
        return "depthwise", size
    if conv_folded.suits(filters, dilation, groups):
        return "rows", size
    if conv_tiny.suits(kind, seen, filters, size, stride, dilation, groups):
        return "tiny", size
    if winograd and winograd_plan.suits(kind, seen, filters, size, stride, dilation, groups):
        return "winograd", size
    return "direct", size


@functools.lru_cache(1024)
def of_input_gradient(kind, errors, filters, seen, stride, padding, dilation, groups, winograd):
    """The way to the gradient of images `seen`, of errors."""
    if conv_few.suits(kind, errors, seen, groups):
        return "few"
    if 0 in seen:
        return "nothing"
    if 0 in errors:
        return "zeros"
    if _sees_all(seen, filters, padding, groups) and errors[2:] == (1, 1):
        return "one pixel"
    if _pointwise(filters, padding, groups):
        return "pixels"
    if depthwise.suits(filters, groups, kind):
        return "depthwise"
    # As a convolution of the errors: the filter turned around, inputs and outputs exchanged.
    turned = filters[1], filters[0], *filters[2:]
    back = kind, errors, turned, seen[2:], stride, dilation, groups
    if conv_tiny.suits(*back):
        return "tiny"
    if winograd and winograd_plan.suits(*back):
        return "winograd"
    if groups == 1 and filters[1] < FEW_INPUTS and max(dilation) == 1:
        return "spread"
    return "direct"


@functools.lru_cache(1024)
def of_weight_gradient(kind, errors, filters, seen, stride, padding, dilation, groups, winograd,
                       folded=False):  # fmt: skip
    """The way to the gradient of filters, of errors and images `seen`; see `of_forward`."""
    if 0 in errors or 0 in seen:
        return "zeros"
    if not folded and conv_few.suits(kind, seen, errors, groups, of_weight=True):
        return "few"
    if not folded and _folds(filters, groups):
        return "fold"
    if _sees_all(seen, filters, padding, groups):
        return "one pixel"
    if _pointwise(filters, padding, groups):
        return "pixels"
    if depthwise.suits(filters, groups, kind):
        return "depthwise"
    if filters[0] > conv_weight.FEW_OUTPUTS and conv_folded.suits(filters, dilation, groups):
        return "rows"
    size = kind, seen, filters, errors[2:], stride, dilation, groups
    if conv_tiny.suits(*size):
        return "tiny"
    return "winograd" if winograd and winograd_plan.suits(*size) else "direct"


def _folds(filters, groups) -> bool:
    """Whether an image of one channel is to be folded, see `fold`."""
    _, given, rows, columns = filters
    return given == groups == 1 and 1 < rows <= MOST_FOLDED and columns > 1


def _sees_all(seen, filters, padding, groups) -> bool:
    """Whether the output is one pixel, which sees all of the input."""
    return groups == 1 and seen[2:] == filters[2:] and not any(map(any, padding))


def _pointwise(filters, padding, groups) -> bool:
    """Whether each pixel of the output sees one of the input."""
    return groups == 1 and filters[2:] == (1, 1) and not any(map(any, padding))
