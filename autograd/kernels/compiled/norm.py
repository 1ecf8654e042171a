"""Normalisation: each array in a form of memory that a kernel takes."""

from __future__ import annotations

import numpy as np

from autograd.kernels.compiled.arrays import scratch
from autograd.kernels.compiled.norm_columns import (
    backward_columns,
    backward_columns_relu,
    forward_columns,
    forward_columns_relu,
)
from autograd.kernels.compiled.norm_form import find_form, like_of, vector_of
from autograd.kernels.compiled.norm_planes import (
    backward_planes,
    backward_planes_relu,
    forward_planes,
    forward_planes_relu,
)
from autograd.kernels.compiled.norm_rows import (
    PARTS,
    backward_rows,
    backward_rows_relu,
    forward_rows,
    forward_rows_relu,
)

BLOCK_BYTES = 1 << 17  # of rows whose statistics are taken at a time
FORWARD = {  # without and with ReLU
    "columns": (forward_columns, forward_columns_relu),
    "planes": (forward_planes, forward_planes_relu),
    "rows": (forward_rows, forward_rows_relu),
}
BACKWARD = {
    "columns": (backward_columns, backward_columns_relu),
    "planes": (backward_planes, backward_planes_relu),
    "rows": (backward_rows, backward_rows_relu),
}


def _form(x, weight, bias, axes):
    given = bias if weight is None else weight
    return find_form(x.shape, x.strides, tuple(axes), None if given is None else given.shape)


def _space(x, count):
    """Memory for `count` numbers of each column in each block of rows, and for two of all rows."""
    outer, rows, columns = x.shape
    blocks = max(1, min(rows, rows * columns * x.itemsize // BLOCK_BYTES))
    return scratch(((outer, blocks, count, columns), x.dtype), ((2, columns), np.float64))


def forward(x, weight, bias, axes, eps):
    """Return (x - mean) / sqrt(var + eps) * weight + bias, the mean and the (biased) variance."""
    return _forward(x, None, weight, bias, axes, eps, False)


def forward_relu(x, residual, weight, bias, axes, eps):
    """Return relu(x normalised + residual), the mean and the variance."""
    return _forward(x, residual, weight, bias, axes, eps, True)


def _forward(x, residual, weight, bias, axes, eps, relu):
    form = _form(x, weight, bias, axes)
    seen = form.view(x)
    vectors = vector_of(form, weight, 1, x), vector_of(form, bias, 0, x)
    out, out_memory = form.empty(x, [x.shape[axis] for axis in form.order])
    (mean, means), (var, variances) = (form.empty(x, form.means) for _ in range(2))
    result, columns = out_memory.reshape(form.shape), form.kind == "columns"
    of_means = (len(seen), -1) if columns else (-1,)
    means, variances = means.reshape(of_means), variances.reshape(of_means)
    more = _space(seen, 3) if columns else ()
    if relu and residual is None:  # a row of zeros, or none at all
        residual = np.zeros((1, 1, form.vector) if columns else (0,) * seen.ndim, x.dtype)
    elif relu:
        residual = form.view(residual)
    FORWARD[form.kind][relu](
        seen, residual, *vectors, eps, 0.0 if relu else None, result, means, variances, *more
    )
    return out, mean, var


def backward(g, x, weight, bias, mean, var, axes, eps, needs):
    """The gradients of x, weight and bias that are needed (None otherwise), given the output's."""
    return _backward(g, x, weight, bias, mean, var, axes, eps, needs, False)


def backward_relu(g, x, weight, bias, mean, var, axes, eps, needs):
    """The same of `forward_relu` without a residual."""
    return _backward(g, x, weight, bias, mean, var, axes, eps, needs, True)


def _backward(g, x, weight, bias, mean, var, axes, eps, needs, relu):
    form = _form(x, weight, bias, axes)
    errors, seen = form.view(g), form.view(x)
    vectors = vector_of(form, weight, 1, x), vector_of(form, bias, 0, x)
    dx, dx_memory = form.empty(x, [x.shape[axis] for axis in form.order])
    result, columns = dx_memory.reshape(form.shape), form.kind == "columns"
    dvectors = np.zeros((2, form.vector), x.dtype)
    of_means = (len(seen), -1) if columns else (-1,)
    means, variances = form.means_of(mean, of_means), form.means_of(var, of_means)
    if form.kind == "rows":
        more = scratch(((max(1, min(PARTS, len(seen))), 2, form.vector), x.dtype))
        more[0].fill(0)
    elif columns:
        more = _space(seen, 6)
    else:
        more = scratch(((2, seen.shape[1] * seen.shape[2]), np.float64))
    BACKWARD[form.kind][relu](
        errors, seen, *vectors, means, variances, eps, 0.0 if relu else None, result, dvectors,
        *more,
    )  # fmt: skip
    return (
        dx if needs[0] else None,
        like_of(form, dvectors[0], weight) if needs[1] else None,
        like_of(form, dvectors[1], bias) if needs[2] else None,
    )
