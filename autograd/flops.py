"""How many multiplications and additions an op takes, by its textbook formula, from shapes.

A multiply-add counts as two. A kernel may do with fewer, as Winograd's convolutions do, or with
more; the masked half of causal attention is counted, as PyTorch counts it. Ops that are not in the
table move memory rather than compute, and are not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import prod
from typing import NamedTuple

Shapes = dict[str, tuple[int, ...]]  # of an op's inputs and array-shaped parameters, by name


class Formula(NamedTuple):
    """Counts of one op; `out` is the shape of the output, `live` the inputs that want gradients."""

    forward: Callable[[Shapes, tuple], float]
    backward: Callable[[Shapes, tuple, Iterable[str]], float]


def _one_product_each(forward, *operands: str) -> Formula:
    """An op whose gradient for each operand is a product as large as the forward."""

    def backward(shapes, out, live):
        return forward(shapes, out) * sum(name in live for name in operands)

    return Formula(forward, backward)


def _matmul(shapes, out):
    shared = shapes["input"][-1] if "input" in shapes else shapes["other"][-2:][0]
    return 2 * prod(out) * shared


def _linear(shapes, out):
    return 2 * prod(out) * shapes["weight"][-1]


def _conv(shapes, out):
    return 2 * prod(out) * prod(shapes["weight"][1:])  # channels of a group, and the filter


def _conv_input(shapes, out):
    return _conv(shapes, shapes["grad"])


def _conv_weight(shapes, out):
    return 2 * prod(shapes["grad"]) * prod(shapes["weight_shape"][1:])


def _attention(shapes, out):
    queries, (keys, width) = shapes["query"], shapes["value"][-2:]
    return 2 * prod(queries[:-1]) * keys * (queries[-1] + width)


def _attention_backward(shapes, out, live):
    # The scores again, their gradient, and a product for each operand: each half a forward.
    return _attention(shapes, out) * (2 + sum(n in live for n in ("query", "key", "value"))) / 2


def _recurrent(shapes, out):
    weights = sum(prod(shape) for name, shape in shapes.items() if name.startswith("weight_"))
    return 2 * prod(shapes["input"][:-1]) * weights


def _recurrent_backward(shapes, out, live):
    """Each weight once for its own gradient, once to pass on that of what it multiplied."""
    total = 0
    for name, shape in shapes.items():
        if name.startswith("weight_"):
            passes_on = not name.startswith("weight_ih") or "input" in live
            total += prod(shape) * (passes_on + (name in live))
    return 2 * prod(shapes["input"][:-1]) * total


def _linear_loss(shapes, out):
    return 2 * prod(shapes["input"][:-1]) * prod(shapes["weight"])


def _linear_loss_backward(shapes, out, live):
    return _linear_loss(shapes, out) * (1 + sum(n in live for n in ("input", "weight")))


_CONVOLUTION = _one_product_each(_conv, "input", "weight")
_RECURRENT = Formula(_recurrent, _recurrent_backward)
FORMULAS = {
    "matmul": _one_product_each(_matmul, "input", "other"),
    "linear": _one_product_each(_linear, "input", "weight"),
    "conv1d": _CONVOLUTION,
    "conv2d": _CONVOLUTION,
    "conv3d": _CONVOLUTION,
    "conv_input": _one_product_each(_conv_input, "grad", "weight"),
    "conv_weight": _one_product_each(_conv_weight, "grad", "input"),
    "attend": Formula(_attention, _attention_backward),
    "rnn_layer": _RECURRENT,
    "lstm_layer": _RECURRENT,
    "gru_layer": _RECURRENT,
    "linear_cross_entropy_by_rows": Formula(_linear_loss, _linear_loss_backward),
}


def forward_flops(op: str, shapes: Shapes, out: tuple) -> int | None:
    """The operations of a call, or None for an op without a formula.

    Examples
    --------
    >>> from autograd.flops import forward_flops
    >>> forward_flops("linear", {"input": (8, 3), "weight": (5, 3)}, (8, 5))
    240
    """
    return int(FORMULAS[op].forward(shapes, out)) if op in FORMULAS else None


def backward_flops(op: str, shapes: Shapes, out: tuple, live: Iterable[str]) -> int | None:
    """The operations of the gradients of the inputs named in `live`; None without a formula.

    Examples
    --------
    >>> from autograd.flops import backward_flops
    >>> backward_flops("linear", {"input": (8, 3), "weight": (5, 3)}, (8, 5), ("weight", "bias"))
    240
    """
    return int(FORMULAS[op].backward(shapes, out, live)) if op in FORMULAS else None
