"""Activation functions and their gradients: which of the two computes them."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from autograd.kernels import choose
from autograd.kernels.choose import compiled, worth
from autograd.kernels.plain import activation as plain

SIMPLE, EXPONENTIAL = 1 / 2, 4  # elementary operations for each element

zero_where = plain.zero_where


def _chosen(twin: Callable, work: float, arrays: int = 1) -> Callable:
    """Call the twin or the compiled function of its name; its first parameters are `arrays`."""
    name = twin.__name__

    @functools.wraps(twin)
    def call(*args) -> np.ndarray:
        amount = work * args[0].size
        if amount >= choose.least and worth(amount, *args[:arrays]):
            return getattr(compiled("activation"), name)(*args)
        return twin(*args)

    return call


relu = _chosen(plain.relu, SIMPLE)
relu_gradient = _chosen(plain.relu_gradient, SIMPLE, 2)
overwrite_by_relu = _chosen(plain.overwrite_by_relu, SIMPLE)
leaky_relu = _chosen(plain.leaky_relu, SIMPLE)
leaky_relu_gradient = _chosen(plain.leaky_relu_gradient, SIMPLE, 2)
elu = _chosen(plain.elu, EXPONENTIAL)
elu_gradient = _chosen(plain.elu_gradient, EXPONENTIAL, 2)
sigmoid = _chosen(plain.sigmoid, EXPONENTIAL)
sigmoid_gradient = _chosen(plain.sigmoid_gradient, SIMPLE, 2)
tanh = _chosen(plain.tanh, EXPONENTIAL)
tanh_gradient = _chosen(plain.tanh_gradient, SIMPLE, 2)
silu = _chosen(plain.silu, EXPONENTIAL)
silu_gradient = _chosen(plain.silu_gradient, EXPONENTIAL, 2)
softplus = _chosen(plain.softplus, EXPONENTIAL)
gelu = _chosen(plain.gelu, EXPONENTIAL)
gelu_gradient = _chosen(plain.gelu_gradient, EXPONENTIAL, 2)
