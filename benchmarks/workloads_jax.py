"""The training steps of `workloads` in plain JAX: loss, gradients and update compiled as one.

Those that are not here are reported as n/a.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import nn, random
from jax import numpy as jnp
from layers_jax import (
    Layer,
    adam,
    batch_norm,
    both_ways,
    causal_attention,
    conv,
    dropout,
    flatten,
    layer_norm,
    linear,
    max_pool,
    plain,
    recurrent,
    relu,
    residual,
    sequential,
    sgd,
)
from workloads import labels, normal

BUILDERS: dict[str, Callable[[], Callable[[], Any]]] = {}  # by the beginnings of workloads' names


def builder(name: str) -> Callable:
    def register(build):
        BUILDERS[name] = build
        return build

    return register


def find(workload: str) -> Callable[[], Callable[[], Any]] | None:
    """What builds a workload here, or None."""
    return next((build for name, build in BUILDERS.items() if workload.startswith(name)), None)


# -- losses and the step ---------------------------------------------------------------------------


def cross_entropy(scores, target):
    return -jnp.take_along_axis(nn.log_softmax(scores), target[:, None], 1).mean()


def squared_error(values, target):
    return ((values - target) ** 2).mean()


def logistic(scores, target):
    return (nn.softplus(scores) - target * scores).mean()


def stepper(model: Layer, optimiser, loss: Callable, x, y) -> Callable[[], Any]:
    """One training step, of which the parameters are given away to make the new ones."""
    start, update = optimiser
    x, y = jnp.asarray(x), jnp.asarray(y)
    key = random.key(0)
    parameters = model.init(key)
    state = start(parameters)

    @partial(jax.jit, donate_argnums=(0, 1))
    def train(parameters, state, x, y, key):
        key, now = random.split(key)
        value, gradients = jax.value_and_grad(lambda p: loss(model.apply(p, x, now), y))(parameters)
        return *update(parameters, gradients, state), key, value

    def step():
        nonlocal parameters, state, key
        *made, value = train(parameters, state, x, y, key)
        parameters, state, key = jax.block_until_ready(made)
        return value

    return step


def classify(model: Layer, optimiser, x, classes: int):
    return stepper(model, optimiser, cross_entropy, x, labels(classes, len(x)).astype(np.int32))


def images(count: int, channels: int, size: int) -> np.ndarray:
    return np.moveaxis(normal(count, channels, size, size), 1, -1)


# -- fully connected -------------------------------------------------------------------------------


@builder("MLP")
def mlp():
    model = sequential(linear(784, 256), relu, linear(256, 128), relu, linear(128, 10))
    return classify(model, adam(1e-3), normal(64, 784), 10)


@builder("XOR")
def xor():
    model = sequential(linear(2, 8), plain(jnp.tanh), linear(8, 1))
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    return stepper(model, sgd(0.1), logistic, x, np.array([[0], [1], [1], [0]], np.float32))


@builder("Autoencoder")
def autoencoder():
    model = sequential(
        linear(784, 128), relu, linear(128, 32), relu, linear(32, 128), relu, linear(128, 784),
        plain(nn.sigmoid),
    )  # fmt: skip
    x = 1 / (1 + np.exp(-normal(128, 784)))
    return stepper(model, adam(1e-3), squared_error, x, x)


# -- convolutional ---------------------------------------------------------------------------------

momentum = sgd(0.01, 0.9)


@builder("LeNet")
def lenet():
    model = sequential(
        conv(1, 6, 5, padding=2), relu, max_pool(2, 2), conv(6, 16, 5), relu, max_pool(2, 2),
        flatten, linear(400, 120), relu, linear(120, 84), relu, linear(84, 10),
    )  # fmt: skip
    return classify(model, momentum, images(64, 1, 28), 10)


@builder("AlexNet")
def alexnet():
    model = sequential(
        conv(3, 64, 11, 4, 2), relu, max_pool(3, 2), conv(64, 192, 5, padding=2), relu,
        max_pool(3, 2), conv(192, 384, 3, padding=1), relu, conv(384, 256, 3, padding=1), relu,
        conv(256, 256, 3, padding=1), relu, max_pool(3, 2), flatten,
        dropout(0.5), linear(9216, 4096), relu, dropout(0.5), linear(4096, 4096), relu,
        linear(4096, 1000),
    )  # fmt: skip
    return classify(model, momentum, images(16, 3, 224), 1000)


def vgg16(*head: Layer) -> Layer:
    layers, channels = [], 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        layers += [conv(channels, width, 3, padding=1), relu] if width else [max_pool(2, 2)]
        channels = width or channels
    return sequential(*layers, *head)


average = plain(lambda x: x.mean((1, 2)))


@builder("VGG-16 (head")
def vgg16_large():
    return classify(vgg16(average, linear(512, 1000)), momentum, images(4, 3, 224), 1000)


@builder("VGG-16 32x32")
def vgg16_small():
    model = vgg16(flatten, linear(512, 512), relu, dropout(0.5), linear(512, 10))
    return classify(model, momentum, images(64, 3, 32), 10)


def residual_block(channels: int, width: int, stride: int, bottleneck: bool):
    outputs = 4 * width if bottleneck else width
    sizes = (
        ((channels, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1))
        if bottleneck
        else ((channels, width, 3, stride), (width, width, 3, 1))
    )
    layers = []
    for given, made, k, s in sizes:
        layers += [conv(given, made, k, s, k // 2, bias=False), batch_norm(made), relu]
    inside = sequential(*layers[:-1])
    shortcut = sequential()
    if stride != 1 or channels != outputs:
        shortcut = sequential(conv(channels, outputs, 1, stride, bias=False), batch_norm(outputs))

    def init(key):
        first, second = random.split(key)
        return inside.init(first), shortcut.init(second)

    def apply(parameters, x, key):
        ours, theirs = parameters
        return nn.relu(inside.apply(ours, x, key) + shortcut.apply(theirs, x, key))

    return Layer(init, apply), outputs


def resnet(stem, counts, bottleneck: bool, classes: int) -> Layer:
    layers, channels = list(stem), 64
    for stage, count in enumerate(counts):
        for i in range(count):
            stride = 2 if stage and i == 0 else 1
            block, channels = residual_block(channels, 64 << stage, stride, bottleneck)
            layers.append(block)
    return sequential(*layers, average, linear(channels, classes))


@builder("ResNet-18")
def resnet18():
    stem = conv(3, 64, 3, padding=1, bias=False), batch_norm(64), relu
    return classify(resnet(stem, (2, 2, 2, 2), False, 10), momentum, images(32, 3, 32), 10)


@builder("ResNet-50")
def resnet50():
    stem = conv(3, 64, 7, 2, 3, bias=False), batch_norm(64), relu, max_pool(3, 2, 1)
    return classify(resnet(stem, (3, 4, 6, 3), True, 1000), momentum, images(4, 3, 224), 1000)


# -- recurrent -------------------------------------------------------------------------------------


def sequences(model: Layer, width: int):
    return stepper(model, sgd(0.01), squared_error, normal(64, 32, 128), normal(64, 32, width))


for _kind in ("RNN", "LSTM", "GRU"):
    builder(_kind)(lambda kind=_kind: sequences(recurrent(kind, 128, 256), 256))


@builder("2-layer BiLSTM")
def bilstm():
    return sequences(sequential(both_ways("LSTM", 128, 128), both_ways("LSTM", 256, 128)), 256)


# -- attention -------------------------------------------------------------------------------------


def gpt(width: int, depth: int, heads: int, length: int, batch: int, vocabulary: int = 96):
    def init_embedding(key):
        first, second = random.split(key)
        return random.normal(first, (vocabulary, width)), random.normal(second, (length, width))

    embedding = Layer(init_embedding, lambda tables, x, key: tables[0][x] + tables[1])
    blocks = []
    for _ in range(depth):
        gelu = plain(partial(nn.gelu, approximate=False))
        wide = linear(width, 4 * width), gelu, linear(4 * width, width)
        blocks.append(residual(layer_norm(width), causal_attention(width, heads)))
        blocks.append(residual(layer_norm(width), *wide))
    head = linear(width, vocabulary, bias=False)
    rows = plain(lambda x: x.reshape(-1, vocabulary))
    model = sequential(embedding, *blocks, layer_norm(width), head, rows)
    tokens = labels(vocabulary, batch, length + 1).astype(np.int32)
    optimiser = adam(1e-3, decay=0.01)
    return stepper(model, optimiser, cross_entropy, tokens[:, :-1], tokens[:, 1:].reshape(-1))


builder("GPT d384")(lambda: gpt(384, 6, 6, 256, 8))
builder("GPT d128")(lambda: gpt(128, 4, 4, 64, 12))
