"""What the gradient is where there is none: at kinks, ties and singular points.

The conventions are PyTorch's. Each row: what is computed, from which inputs, and the gradient of
its sum with respect to each of them.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

import autograd as ag
from autograd.op import OPS

inf, nan = math.inf, math.nan


def nn(name):
    """A function that is public in nn.functional."""
    return lambda *args, **keywords: OPS[name].function(*args, **keywords)


TABLE = {
    "abs at 0": (lambda x: x.abs(), [[0.0]], [[0.0]]),
    "sign is flat": (lambda x: x.sign(), [[-1.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]),
    "rounding is flat": (lambda x: x.round() + x.floor() + x.ceil(), [[0.5, 1.0]], [[0.0, 0.0]]),
    "relu at 0": (nn("relu"), [[-1.0, 0.0, 1.0]], [[0.0, 0.0, 1.0]]),
    "leaky_relu at 0": (nn("leaky_relu"), [[0.0]], [[0.01]]),
    "relu6 at 0 and 6": (nn("relu6"), [[0.0, 3.0, 6.0]], [[0.0, 1.0, 0.0]]),
    "hardtanh at its ends": (nn("hardtanh"), [[-1.0, 0.0, 1.0]], [[0.0, 1.0, 0.0]]),
    "elu at 0": (nn("elu"), [[0.0]], [[1.0]]),
    "hardsigmoid at its ends": (nn("hardsigmoid"), [[-3.0, 3.0]], [[0.0, 0.0]]),
    "softshrink at lambda": (nn("softshrink"), [[-0.5, 0.5, 1.0]], [[0.0, 0.0, 1.0]]),
    "hardshrink at lambda": (nn("hardshrink"), [[-0.5, 0.5, 1.0]], [[0.0, 0.0, 1.0]]),
    "clamp includes its ends": (
        lambda x: x.clamp(-1.0, 1.0),
        [[-2.0, -1.0, 0.0, 1.0, 2.0]],
        [[0.0, 1.0, 1.0, 1.0, 0.0]],
    ),
    "maximum shares a tie": (ag.maximum, [[1.0, 2.0], [1.0, 3.0]], [[0.5, 0.0], [0.5, 1.0]]),
    "minimum shares a tie": (ag.minimum, [[1.0, 2.0], [1.0, 3.0]], [[0.5, 1.0], [0.5, 0.0]]),
    "max of all shares ties": (lambda x: x.max(), [[2.0, 1.0, 2.0]], [[0.5, 0.0, 0.5]]),
    "min of all shares ties": (lambda x: x.min(), [[1.0, 1.0, 2.0]], [[0.5, 0.5, 0.0]]),
    "max along dim takes the first": (lambda x: x.max(0)[0], [[2.0, 1.0, 2.0]], [[1.0, 0.0, 0.0]]),
    "min along dim takes the first": (lambda x: x.min(0)[0], [[1.0, 1.0, 2.0]], [[1.0, 0.0, 0.0]]),
    "amax shares ties": (lambda x: x.amax(0), [[2.0, 1.0, 2.0]], [[0.5, 0.0, 0.5]]),
    "amin shares ties": (lambda x: x.amin(0), [[1.0, 1.0, 2.0]], [[0.5, 0.5, 0.0]]),
    "norm at 0": (lambda x: x.norm(), [[0.0, 0.0]], [[0.0, 0.0]]),
    "1-norm at 0": (lambda x: x.norm(p=1), [[0.0, 2.0]], [[0.0, 1.0]]),
    "sqrt at 0": (lambda x: x.sqrt(), [[0.0]], [[inf]]),
    "log at 0": (lambda x: x.log(), [[0.0]], [[inf]]),
    "reciprocal at 0": (lambda x: x.reciprocal(), [[0.0]], [[-inf]]),
    "x ** 0 at 0": (lambda x: x**0, [[0.0]], [[0.0]]),
    "x ** 1 at 0": (lambda x: x**1, [[0.0]], [[1.0]]),
    "x ** 2 at 0": (lambda x: x**2, [[0.0]], [[0.0]]),
    "x ** 0.5 at 0": (lambda x: x**0.5, [[0.0]], [[inf]]),
    "0 ** y": (ag.pow, [[0.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]),
    "xlogy at 0": (ag.xlogy, [[0.0], [2.0]], [[math.log(2)], [0.0]]),
    "prod with one zero": (lambda x: x.prod(), [[2.0, 0.0, 3.0]], [[0.0, 6.0, 0.0]]),
    "prod with two zeros": (lambda x: x.prod(), [[0.0, 0.0, 3.0]], [[0.0, 0.0, 0.0]]),
    "atan2 away from the origin": (ag.atan2, [[0.0], [1.0]], [[1.0], [0.0]]),
    "where passes NaN from the branch not taken": (
        lambda x: ag.where(x > 0, x.sqrt() + 0.0, x),
        [[4.0, -1.0]],
        [[0.25, nan]],
    ),
    "logsumexp of equals": (lambda x: x.logsumexp(0), [[1.0, 1.0]], [[0.5, 0.5]]),
    "logaddexp of equals": (ag.logaddexp, [[1.0], [1.0]], [[0.5], [0.5]]),
    "softplus of a large number": (nn("softplus"), [[1000.0, -1000.0]], [[1.0, 0.0]]),
    "sigmoid saturates": (lambda x: x.sigmoid(), [[1000.0, -1000.0]], [[0.0, 0.0]]),
    "tanh saturates": (lambda x: x.tanh(), [[1000.0, -1000.0]], [[0.0, 0.0]]),
    "smooth_l1 at beta": (
        lambda x, y: nn("smooth_l1_loss")(x, y, reduction="sum"),
        [[1.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.0], [-1.0, 0.0]],
    ),
    "l1_loss of equals": (
        lambda x, y: nn("l1_loss")(x, y, reduction="sum"),
        [[1.0], [1.0]],
        [[0.0], [0.0]],
    ),
    "median shares ties": (lambda x: x.median(), [[1.0, 1.0, 2.0]], [[0.5, 0.5, 0.0]]),
    "std of equals": (lambda x: x.std(), [[1.0, 1.0]], [[0.0, 0.0]]),
    "nan_to_num": (lambda x: x.nan_to_num(), [[nan, 1.0]], [[0.0, 1.0]]),
}


@pytest.mark.parametrize("name", list(TABLE))
def test_convention(name):
    function, inputs, expected = TABLE[name]
    leaves = [ag.tensor(x, dtype=ag.float64, requires_grad=True) for x in inputs]
    with np.errstate(all="ignore"):
        value = function(*leaves)
    value.sum().backward()
    for leaf, gradient in zip(leaves, expected, strict=True):
        np.testing.assert_allclose(leaf.grad.array, gradient, rtol=1e-12)
