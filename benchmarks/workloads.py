"""The training steps that are timed, written once for both libraries: `lib` is either of them.

A workload builds a model, an optimiser and one batch, and returns the function that trains one step
and returns the loss. Shapes and sizes are those of the table in README.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Lib(NamedTuple):
    """One of the two libraries, by the names that a training script needs."""

    name: str
    tensor: Callable
    nn: Any
    F: Any
    optim: Any
    fused: bool = False  # PyTorch's fused optimisers
    channels_last: bool = False  # PyTorch's memory format for images
    compile: Callable = lambda function: function  # or what the library has of that name

    def optimiser(self, name: str, model, **settings):
        if self.fused:
            settings["fused"] = True
        return getattr(self.optim, name)(model.parameters(), **settings)

    def images(self, *shape):
        x = self.tensor(normal(*shape))
        return self.in_layout(x) if self.channels_last else x

    def norm_relu(self, norm, x, residual=None):
        """The positive part of norm(x) + residual, by one function where the library has it."""
        if self.name == "ours":
            from nn.norm_relu import norm_relu

            return norm_relu(norm, self.F.relu, x, residual)
        out = norm(x)
        return self.F.relu(out if residual is None else out + residual)

    def in_layout(self, x):
        import torch

        return x.to(memory_format=torch.channels_last)


class Workload(NamedTuple):
    build: Callable[[Lib], Callable[[], Any]]
    target: float  # ours may take this share of PyTorch's time
    steps: int  # in a round


WORKLOADS: dict[str, Workload] = {}


def workload(name: str, target: float, steps: int) -> Callable:
    def register(build):
        WORKLOADS[name] = Workload(build, target, steps)
        return build

    return register


def normal(*shape) -> np.ndarray:
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def labels(count: int, *shape) -> np.ndarray:
    return np.random.default_rng(sum(shape)).integers(0, count, shape)


def stepper(lib: Lib, model, optimiser, loss: Callable) -> Callable[[], Any]:
    """One training step: gradients to none, forward, loss, backward, update."""
    if lib.channels_last:
        lib.in_layout(model)

    def step():
        optimiser.zero_grad()
        value = loss()
        value.backward()
        optimiser.step()
        return value

    return lib.compile(step)


def classify(lib: Lib, model, optimiser, x, classes: int):
    y = lib.tensor(labels(classes, x.shape[0]))
    return stepper(lib, model, optimiser, lambda: lib.F.cross_entropy(model(x), y))


# -- fully connected -------------------------------------------------------------------------------


@workload("MLP 784-256-128-10, batch 64, Adam", 0.45, 200)
def mlp(lib: Lib):
    nn = lib.nn
    model = nn.Sequential(
        nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10)
    )
    optimiser = lib.optimiser("Adam", model, lr=1e-3)
    return classify(lib, model, optimiser, lib.tensor(normal(64, 784)), 10)


@workload("XOR MLP 2-8-1, batch 4, SGD", 0.5, 500)
def xor(lib: Lib):
    nn = lib.nn
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    x = lib.tensor(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32))
    y = lib.tensor(np.array([[0], [1], [1], [0]], np.float32))
    optimiser = lib.optimiser("SGD", model, lr=0.1)
    return stepper(
        lib, model, optimiser, lambda: lib.F.binary_cross_entropy_with_logits(model(x), y)
    )


@workload("Autoencoder 784-128-32-128-784, batch 128, Adam", 0.45, 100)
def autoencoder(lib: Lib):
    nn = lib.nn
    model = nn.Sequential(
        nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 32), nn.ReLU(),
        nn.Linear(32, 128), nn.ReLU(), nn.Linear(128, 784), nn.Sigmoid(),
    )  # fmt: skip
    x = lib.tensor(1 / (1 + np.exp(-normal(128, 784))))
    optimiser = lib.optimiser("Adam", model, lr=1e-3)
    return stepper(lib, model, optimiser, lambda: lib.F.mse_loss(model(x), x))


# -- convolutional ---------------------------------------------------------------------------------


@workload("LeNet-5 28x28, batch 64, SGD momentum", 0.3, 50)
def lenet(lib: Lib):
    nn = lib.nn
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )  # fmt: skip
    optimiser = lib.optimiser("SGD", model, lr=0.01, momentum=0.9)
    return classify(lib, model, optimiser, lib.images(64, 1, 28, 28), 10)


@workload("AlexNet 224, batch 16", 0.6, 2)
def alexnet(lib: Lib):
    nn = lib.nn
    model = nn.Sequential(
        nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        nn.AdaptiveAvgPool2d((6, 6)), nn.Flatten(),
        nn.Dropout(0.5), nn.Linear(9216, 4096), nn.ReLU(inplace=True),
        nn.Dropout(0.5), nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Linear(4096, 1000),
    )  # fmt: skip
    optimiser = lib.optimiser("SGD", model, lr=0.01, momentum=0.9)
    return classify(lib, model, optimiser, lib.images(16, 3, 224, 224), 1000)


def vgg16_features(nn):
    layers, channels = [], 3
    for width in (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0):
        if width:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        else:
            layers.append(nn.MaxPool2d(2, 2))
    return layers


@workload("VGG-16 (head 512-1000) 224, batch 4", 0.5, 1)
def vgg16(lib: Lib):
    nn = lib.nn
    head = [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(512, 1000)]
    model = nn.Sequential(*vgg16_features(nn), *head)
    optimiser = lib.optimiser("SGD", model, lr=0.01, momentum=0.9)
    return classify(lib, model, optimiser, lib.images(4, 3, 224, 224), 1000)


@workload("VGG-16 32x32, batch 64", 0.45, 1)
def vgg16_small(lib: Lib):
    nn = lib.nn
    head = [nn.Flatten(), nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.5), nn.Linear(512, 10)]
    model = nn.Sequential(*vgg16_features(nn), *head)
    optimiser = lib.optimiser("SGD", model, lr=0.01, momentum=0.9)
    return classify(lib, model, optimiser, lib.images(64, 3, 32, 32), 10)


def residual_block(lib: Lib, channels, width, stride, bottleneck):
    nn = lib.nn
    outputs = 4 * width if bottleneck else width

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = (
                ((channels, width, 1, 1), (width, width, 3, stride), (width, outputs, 1, 1))
                if bottleneck
                else ((channels, width, 3, stride), (width, width, 3, 1))
            )
            self.layers = nn.ModuleList(
                nn.Sequential(
                    nn.Conv2d(given, made, k, stride=s, padding=k // 2, bias=False),
                    nn.BatchNorm2d(made),
                )
                for given, made, k, s in sizes
            )
            self.shortcut = nn.Identity()
            if stride != 1 or channels != outputs:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(channels, outputs, 1, stride=stride, bias=False),
                    nn.BatchNorm2d(outputs),
                )

        def forward(self, x):
            out = x
            for conv, norm in self.layers[:-1]:
                out = lib.norm_relu(norm, conv(out))
            conv, norm = self.layers[-1]
            return lib.norm_relu(norm, conv(out), self.shortcut(x))

    return Block(), outputs


def resnet(lib: Lib, stem, counts, bottleneck, classes):
    nn, layers, channels = lib.nn, list(stem), 64
    for stage, count in enumerate(counts):
        for i in range(count):
            stride = 2 if stage and i == 0 else 1
            block, channels = residual_block(lib, channels, 64 << stage, stride, bottleneck)
            layers.append(block)
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(channels, classes)
    )


@workload("ResNet-18 32x32, batch 32", 0.5, 2)
def resnet18(lib: Lib):
    nn = lib.nn
    stem = nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()
    model = resnet(lib, stem, (2, 2, 2, 2), False, 10)
    optimiser = lib.optimiser("SGD", model, lr=0.01, momentum=0.9)
    return classify(lib, model, optimiser, lib.images(32, 3, 32, 32), 10)


@workload("ResNet-50 224, batch 4", 0.6, 1)
def resnet50(lib: Lib):
    nn = lib.nn
    stem = (
        nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    )  # fmt: skip
    model = resnet(lib, stem, (3, 4, 6, 3), True, 1000)
    optimiser = lib.optimiser("SGD", model, lr=0.01, momentum=0.9)
    return classify(lib, model, optimiser, lib.images(4, 3, 224, 224), 1000)


@workload("DCGAN 28x28, batch 64, Adam", 0.5, 5)
def dcgan(lib: Lib):
    nn, F = lib.nn, lib.F
    maker = nn.Sequential(
        nn.ConvTranspose2d(100, 128, 7, bias=False), nn.BatchNorm2d(128), nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh(),
    )  # fmt: skip
    judge = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1, bias=False), nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False), nn.BatchNorm2d(128), nn.LeakyReLU(0.2),
        nn.Conv2d(128, 1, 7, bias=False), nn.Flatten(0),
    )  # fmt: skip
    make, learn = (lib.optimiser("Adam", m, lr=2e-4, betas=(0.5, 0.999)) for m in (maker, judge))
    noise, real = lib.tensor(normal(64, 100, 1, 1)), lib.images(64, 1, 28, 28)
    yes, no = lib.tensor(np.ones(64, np.float32)), lib.tensor(np.zeros(64, np.float32))
    score = F.binary_cross_entropy_with_logits
    # PyTorch's compiler makes one graph of both networks' forward passes, of which the second
    # backward pass would find parts freed: it gets the networks, not the step.
    apart = lib.name == "PyTorch"
    if apart:
        maker, judge = lib.compile(maker), lib.compile(judge)

    def step():
        learn.zero_grad()
        fake = maker(noise)
        (score(judge(real), yes) + score(judge(fake.detach()), no)).backward()
        learn.step()
        make.zero_grad()
        loss = score(judge(fake), yes)
        loss.backward()
        make.step()
        return loss

    return step if apart else lib.compile(step)


# -- recurrent -------------------------------------------------------------------------------------


def recurrent(lib: Lib, layer, width):
    x, goal = lib.tensor(normal(64, 32, 128)), lib.tensor(normal(64, 32, width))
    optimiser = lib.optimiser("SGD", layer, lr=0.01)
    return stepper(lib, layer, optimiser, lambda: lib.F.mse_loss(layer(x)[0], goal))


for _name, _target in (("RNN", 0.45), ("LSTM", 0.65), ("GRU", 0.35)):

    @workload(f"{_name} T64 B32 I128 H256", _target, 10)
    def _one_layer(lib: Lib, name=_name):
        return recurrent(lib, getattr(lib.nn, name)(128, 256), 256)


@workload("2-layer BiLSTM T64 B32 I128 H128", 0.5, 10)
def bilstm(lib: Lib):
    return recurrent(lib, lib.nn.LSTM(128, 128, num_layers=2, bidirectional=True), 256)


# -- attention -------------------------------------------------------------------------------------


@workload("Transformer 6+6, d512, B4 T64, dropout 0.1", 0.5, 2)
def transformer(lib: Lib):
    model = lib.nn.Transformer(512, 8, 6, 6, 2048, 0.1, batch_first=True)
    source, target = lib.tensor(normal(4, 64, 512)), lib.tensor(normal(4, 65, 512)[:, :64])
    optimiser = lib.optimiser("Adam", model, lr=1e-4)
    future = lib.tensor(np.triu(np.full((64, 64), -np.inf, np.float32), 1))
    return stepper(
        lib, model, optimiser, lambda: (model(source, target, tgt_mask=future) ** 2).mean()
    )


def gpt(lib: Lib, width, depth, heads, length, batch, vocabulary=96):
    nn, F = lib.nn, lib.F

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.mlp = nn.Sequential(
                nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
            )

        def forward(self, x):
            b, t, c = x.shape
            q, k, v = (
                part.reshape(b, t, heads, c // heads).transpose(1, 2)
                for part in self.qkv(self.first(x)).split(c, dim=2)
            )
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).reshape(b, t, c))
            return x + self.mlp(self.second(x))

    class GPT(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.place = nn.Embedding(vocabulary, width), nn.Embedding(length, width)
            self.blocks = nn.Sequential(*(Block() for _ in range(depth)))
            self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

        def forward(self, tokens, places):
            x = self.token(tokens) + self.place(places)
            return self.head(self.norm(self.blocks(x)))

    model = GPT()
    tokens = labels(vocabulary, batch, length + 1)
    x, y = lib.tensor(tokens[:, :-1].copy()), lib.tensor(tokens[:, 1:].reshape(-1))
    places = lib.tensor(np.arange(length))
    optimiser = lib.optimiser("AdamW", model, lr=1e-3)

    def loss():
        return F.cross_entropy(model(x, places).reshape(-1, vocabulary), y)

    return stepper(lib, model, optimiser, loss)


@workload("GPT d384 L6 T256 B8, AdamW", 0.7, 1)
def gpt_large(lib: Lib):
    return gpt(lib, 384, 6, 6, 256, 8)


@workload("GPT d128 L4 T64 B12, AdamW", 0.55, 10)
def gpt_small(lib: Lib):
    return gpt(lib, 128, 4, 4, 64, 12)
