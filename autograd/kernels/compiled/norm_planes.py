"""Normalisation of planes, of arrays (outer, groups, each, inner) with a mean for each group: of
channels-first images.

Each kernel is declared twice, as in `norm_columns`.
"""

from __future__ import annotations

import numpy as np
from numba import prange, types

from autograd.kernels.compiled.apart import apart
from autograd.kernels.compiled.jit import array, inner
from autograd.kernels.compiled.mathematics import choose
from autograd.kernels.compiled.norm_columns import both

double = types.float64


@inner
def moments(x):
    """The mean of a row and the sum of squares around it."""
    number = x.dtype.type
    base, total, square = x[0], number(0), number(0)  # taken off, lest a large mean takes digits
    for i in range(len(x)):
        total += x[i] - base
    mean = base + number(total / len(x))
    for i in range(len(x)):
        square += (x[i] - mean) * (x[i] - mean)
    return mean, square


@inner
def normalise_group(x, residual, group, weight, bias, eps, floor, out, mean, var):
    apart()
    outer, _, each, size = x.shape
    done, middle, square = 0.0, 0.0, 0.0
    for o in range(outer):
        for e in range(each):
            own, squares = moments(x[o, group, e])
            off = own - middle
            middle += off * size / (done + size)
            square += squares + off * off * size * (done / (done + size))
            done += size
    mean[group], var[group] = middle, square / done
    centre, deviation = mean[group], np.sqrt(var[group] + eps)
    for o in range(outer):
        for e in range(each):
            plane = (group * each + e) % len(weight)
            factor, shift = weight[plane] / deviation, bias[plane]
            row, to = x[o, group, e], out[o, group, e]
            for i in range(size):
                to[i] = (row[i] - centre) * factor + shift
            if floor is not None:
                if len(residual):
                    other = residual[o, group, e]
                    for i in range(size):
                        to[i] += other[i]
                for i in range(size):
                    to[i] = choose(to[i] <= floor, floor, to[i])


def normalise_planes(x, residual, weight, bias, eps, floor, out, mean, var):
    """Normalise groups of planes; weight and bias have an element for each plane.

    A residual that is there and adds nothing is empty.
    """
    for group in prange(x.shape[1]):
        normalise_group(x, residual, group, weight, bias, eps, floor, out, mean, var)


forward_planes, forward_planes_relu = both(
    normalise_planes,
    lambda T, maybe: (
        array(T, 4), maybe(array(T, 4)), array(T, 1), array(T, 1), T, maybe(T),
        array(T, 4, out=True), array(T, 1, out=True), array(T, 1, out=True),
    ),
)  # fmt: skip


@inner
def passed(errors, i, values, centre, factor, shift, floor):
    """The error at place i of a plane: none if the result there was raised to the floor."""
    if floor is None:
        return errors[i]
    return choose((values[i] - centre) * factor + shift <= floor, floor, errors[i])


@inner
def group_gradient(g, x, group, weight, bias, mean, var, eps, floor, dx, sums):
    apart()
    outer, _, each, size = x.shape
    number = x.dtype.type
    centre, deviation = mean[group], np.sqrt(var[group] + eps)
    scale = number(1) / deviation
    common, along = 0.0, 0.0
    for e in range(each):
        plane = group * each + e
        own = plane % len(weight)
        factor, shift = weight[own] / deviation, bias[own]
        whole, product = 0.0, 0.0
        for o in range(outer):
            total, products = number(0), number(0)
            errors, values = g[o, group, e], x[o, group, e]
            for i in range(size):
                error = passed(errors, i, values, centre, factor, shift, floor)
                total += error
                products += error * (values[i] - centre)
            whole += total
            product += products
        sums[0, plane], sums[1, plane] = product * scale, whole
        common += whole * weight[own]
        along += product * weight[own]
    count = outer * each * size
    shared = number(common * scale / count)
    slope = number(along * scale * scale * scale / count)
    for o in range(outer):
        for e in range(each):
            own = (group * each + e) % len(weight)
            factor, shift, scaled = weight[own] / deviation, bias[own], weight[own] * scale
            errors, values, to = g[o, group, e], x[o, group, e], dx[o, group, e]
            for i in range(size):
                error = passed(errors, i, values, centre, factor, shift, floor)
                to[i] = scaled * error - shared - slope * (values[i] - centre)


def planes_gradients(g, x, weight, bias, mean, var, eps, floor, dx, dvectors, sums):
    """The gradients: `dvectors` of the weight and the bias, `sums` the same for each plane.

    They are of the errors that pass, and nothing was added.
    """
    for group in prange(x.shape[1]):
        group_gradient(g, x, group, weight, bias, mean, var, eps, floor, dx, sums)
    for first in range(0, sums.shape[1], len(weight)):
        for v in range(2):
            for c in range(len(weight)):
                dvectors[v, c] += sums[v, first + c]


backward_planes, backward_planes_relu = both(
    planes_gradients,
    lambda T, maybe: (
        array(T, 4), array(T, 4), array(T, 1), array(T, 1), array(T, 1), array(T, 1), T, maybe(T),
        array(T, 4, out=True), array(T, 2, out=True), array(double, 2, out=True),
    ),
)  # fmt: skip
