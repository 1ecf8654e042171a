"""Layers and optimisers in plain JAX, as little as the training steps of `workloads_jax` need.

A layer is a pair of functions: ``init(key)`` draws its parameters, ``apply(parameters, x, key)`` is
the layer itself. Images are channels last, which JAX likes best. Running averages of batch norm,
which no training step reads, are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
from jax import lax, nn, random
from jax import numpy as jnp


class Layer(NamedTuple):
    init: Callable  # of a key
    apply: Callable  # of the parameters, the input and a key


def uniform(key, bound, *shapes):
    keys = random.split(key, len(shapes))
    return [
        random.uniform(k, s, minval=-bound, maxval=bound) for k, s in zip(keys, shapes, strict=True)
    ]


def sequential(*layers: Layer) -> Layer:
    def init(key):
        return [
            layer.init(k) for layer, k in zip(layers, random.split(key, len(layers)), strict=True)
        ]

    def apply(parameters, x, key):
        for i, layer in enumerate(layers):
            x = layer.apply(parameters[i], x, random.fold_in(key, i))
        return x

    return Layer(init, apply)


def plain(function: Callable) -> Layer:
    """A layer without parameters."""
    return Layer(lambda key: [], lambda parameters, x, key: function(x))


relu, flatten = plain(nn.relu), plain(lambda x: x.reshape(len(x), -1))


def linear(inputs: int, outputs: int, bias: bool = True) -> Layer:
    def init(key):
        return uniform(key, inputs**-0.5, (inputs, outputs), *[(outputs,)] * bias)

    def apply(parameters, x, key):
        return x @ parameters[0] + (parameters[1] if bias else 0)

    return Layer(init, apply)


def conv(inputs: int, outputs: int, size: int, stride=1, padding=0, bias: bool = True) -> Layer:
    def init(key):
        bound = (inputs * size * size) ** -0.5
        return uniform(key, bound, (size, size, inputs, outputs), *[(outputs,)] * bias)

    def apply(parameters, x, key):
        y = lax.conv_general_dilated(
            x, parameters[0], (stride, stride), [(padding, padding)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )  # fmt: skip
        return y + parameters[1] if bias else y

    return Layer(init, apply)


def max_pool(size: int, stride: int, padding: int = 0) -> Layer:
    window, steps = (1, size, size, 1), (1, stride, stride, 1)
    edges = [(0, 0), (padding, padding), (padding, padding), (0, 0)]
    return plain(lambda x: lax.reduce_window(x, -jnp.inf, lax.max, window, steps, edges))


def dropout(share: float) -> Layer:
    def apply(parameters, x, key):
        return jnp.where(random.bernoulli(key, 1 - share, x.shape), x / (1 - share), 0)

    return Layer(lambda key: [], apply)


def normalisation(width: int, axes: tuple[int, ...]) -> Layer:
    """Batch norm, or layer norm: what differs are the axes of the statistics."""

    def apply(parameters, x, key):
        mean, variance = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
        return (x - mean) * lax.rsqrt(variance + 1e-5) * parameters[0] + parameters[1]

    return Layer(lambda key: [jnp.ones(width), jnp.zeros(width)], apply)


batch_norm, layer_norm = partial(normalisation, axes=(0, 1, 2)), partial(normalisation, axes=(-1,))

# -- recurrent, attention -------------------------------------------------------------------------


def rnn_cell(given, told, state):
    h = jnp.tanh(given + told)
    return h, (h,)


def lstm_cell(given, told, state):
    i, f, g, o = jnp.split(given + told, 4, axis=-1)
    c = nn.sigmoid(f) * state[1] + nn.sigmoid(i) * jnp.tanh(g)
    h = nn.sigmoid(o) * jnp.tanh(c)
    return h, (h, c)


def gru_cell(given, told, state):
    (r, z, n), (r2, z2, n2) = jnp.split(given, 3, axis=-1), jnp.split(told, 3, axis=-1)
    n = jnp.tanh(n + nn.sigmoid(r + r2) * n2)
    z = nn.sigmoid(z + z2)
    h = (1 - z) * n + z * state[0]
    return h, (h,)


CELLS = {"RNN": (rnn_cell, 1, 1), "LSTM": (lstm_cell, 4, 2), "GRU": (gru_cell, 3, 1)}


def recurrent(kind: str, inputs: int, hidden: int, reverse: bool = False) -> Layer:
    """A recurrent layer over (time, batch, inputs); the inputs' part is one product for all."""
    cell, gates, states = CELLS[kind]

    def init(key):
        rows = gates * hidden
        return uniform(key, hidden**-0.5, (inputs, rows), (hidden, rows), (rows,), (rows,))

    def apply(parameters, x, key):
        of_input, of_state, bias, second_bias = parameters

        def turn(state, given):
            h, state = cell(given, state[0] @ of_state + second_bias, state)
            return state, h

        begin = (jnp.zeros((x.shape[1], hidden)),) * states
        return lax.scan(turn, begin, x @ of_input + bias, reverse=reverse)[1]

    return Layer(init, apply)


def both_ways(kind: str, inputs: int, hidden: int) -> Layer:
    layers = [recurrent(kind, inputs, hidden, reverse) for reverse in (False, True)]

    def apply(parameters, x, key):
        outs = [layer.apply(p, x, key) for layer, p in zip(layers, parameters, strict=True)]
        return jnp.concatenate(outs, axis=-1)

    return Layer(lambda key: [layer.init(key) for layer in layers], apply)


def residual(*layers: Layer) -> Layer:
    inside = sequential(*layers)
    return Layer(inside.init, lambda parameters, x, key: x + inside.apply(parameters, x, key))


def causal_attention(width: int, heads: int) -> Layer:
    qkv, out = linear(width, 3 * width), linear(width, width)

    def apply(parameters, x, key):
        parts = jnp.split(qkv.apply(parameters[0], x, key), 3, axis=-1)
        q, k, v = (part.reshape(*x.shape[:2], heads, width // heads) for part in parts)
        y = nn.dot_product_attention(q, k, v, is_causal=True)
        return out.apply(parameters[1], y.reshape(x.shape), key)

    return Layer(lambda key: [qkv.init(key), out.init(key)], apply)


# -- updates: (start, update), where update gives new parameters and new state -------------------


def each(function: Callable, *trees):
    """Apply a function with several results to the leaves of trees; several trees."""
    leaves, structure = jax.tree.flatten(trees[0])
    results = [function(*row) for row in zip(leaves, *map(jax.tree.leaves, trees[1:]), strict=True)]
    return [jax.tree.unflatten(structure, column) for column in zip(*results, strict=True)]


def sgd(lr: float, momentum: float = 0.0):
    def start(parameters):
        return jax.tree.map(jnp.zeros_like, parameters) if momentum else ()

    def update(parameters, gradients, state):
        if not momentum:
            return jax.tree.map(lambda p, g: p - lr * g, parameters, gradients), ()
        state = jax.tree.map(lambda g, b: momentum * b + g, gradients, state)
        return jax.tree.map(lambda p, b: p - lr * b, parameters, state), state

    return start, update


def adam(lr: float, decay: float = 0.0, beta1: float = 0.9, beta2: float = 0.999):
    """Adam; with decoupled decay, AdamW."""

    def start(parameters):
        return jnp.zeros(()), *[jax.tree.map(jnp.zeros_like, parameters) for _ in range(2)]

    def update(parameters, gradients, state):
        step, means, squares = state
        step = step + 1

        def one(p, g, m, v):
            m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
            size = jnp.sqrt(v / (1 - beta2**step)) + 1e-8
            return p * (1 - lr * decay) - lr * m / (1 - beta1**step) / size, m, v

        parameters, means, squares = each(one, parameters, gradients, means, squares)
        return parameters, (step, means, squares)

    return start, update
