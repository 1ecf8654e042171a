"""The ops that are timed, with their shapes, written once for both libraries.

A case builds its tensors and returns the call to time and the tensors that get gradients, by name.
Images lie in memory as the layers of each library leave them: first layers get (N, C, H, W) in
both; further on it is channels last here, and in PyTorch under `channels_last`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from workloads import Lib, labels, normal

EVERYTHING = "all"  # the gradients of all tensors in one backward


class Case(NamedTuple):
    build: Callable[[Lib], tuple[Callable, dict]]
    gradients: Sequence[str]  # each is a backward of its own: a tensor's name, or EVERYTHING
    flops: float | None  # of the forward
    backward: float  # operations of EVERYTHING, in forwards
    image: bool  # whether channels_last means anything


CASES: dict[str, Case] = {}


def case(name, build, gradients=(EVERYTHING,), flops=None, backward=2.0, image=False) -> None:
    CASES[name] = Case(build, gradients, flops, backward, image)


def function(call: Callable, **shapes) -> Callable:
    """A case that calls `call(lib, *tensors)` on normal numbers of these shapes."""

    def build(lib: Lib):
        tensors = {name: lib.tensor(normal(*shape)) for name, shape in shapes.items()}
        return lambda: call(lib, *tensors.values()), tensors

    return build


def image(lib: Lib, *shape):
    """Images as an inner layer gets them."""
    if lib.name == "ours" and shape[1] > 4:
        import autograd as ag

        return lib.tensor(normal(*shape)).to(memory_format=ag.channels_last)
    return lib.images(*shape)


def layer(make: Callable, x: Callable, output: Callable = lambda y: y) -> Callable:
    """A case that calls the module `make(lib)` on `x(lib)`."""

    def build(lib: Lib):
        module, given = make(lib), x(lib)
        if lib.channels_last:
            lib.in_layout(module)
        leaves = {"input": given, **dict(module.named_parameters())}
        return lambda: output(module(given)), leaves

    return build


# -- matrix products -------------------------------------------------------------------------------


def product(kind: str, m: int, n: int, k: int, *batch: int) -> None:
    a = (*batch, k, m) if kind[0] == "T" else (*batch, m, k)
    b = (*batch, n, k) if kind[1] == "T" else (*batch, k, n)

    def call(lib, a, b):
        a = a.transpose(-1, -2) if kind[0] == "T" else a
        return a @ (b.transpose(-1, -2) if kind[1] == "T" else b)

    count = 2 * m * n * k
    for size in batch:
        count *= size
    name = f"matmul {kind} {'x'.join(map(str, batch))}{' of ' if batch else ''}{m}x{n}x{k}"
    case(name, function(call, a=a, b=b), ("a", "b"), count)


for kind in ("NN", "NT", "TN"):
    product(kind, 1024, 1024, 1024)
    product(kind, 64, 256, 784)
    product(kind, 16, 16, 16)
product("NN", 64, 64, 64, 64)
product("NT", 128, 128, 64, 8, 8)
case(
    "linear 2048x512 -> 2048, bias",
    function(lambda lib, x, w, b: lib.F.linear(x, w, b), x=(2048, 512), w=(2048, 512), b=(2048,)),
    flops=2 * 2048 * 512 * 2048,
)


# -- images ----------------------------------------------------------------------------------------


def convolution(n, c, o, kernel, size, stride=1, padding=None) -> None:
    padding = kernel // 2 if padding is None else padding

    def build(lib: Lib):
        x, w = image(lib, n, c, size, size), lib.tensor(normal(o, c, kernel, kernel))
        if lib.channels_last:
            w = lib.in_layout(w)
        call = lambda: lib.F.conv2d(x, w, stride=stride, padding=padding)  # noqa: E731
        return call, {"input": x, "weight": w}

    after = (size + 2 * padding - kernel) // stride + 1
    name = f"conv2d {c}->{o} {kernel}x{kernel} {size}x{size}"
    name += (f" /{stride}" if stride > 1 else "") + f", batch {n}"
    gradients = ("weight",) if c <= 4 else ("input", "weight")
    case(name, build, gradients, 2 * n * o * after**2 * c * kernel**2, image=True)


convolution(16, 1, 6, 5, 28)
convolution(8, 3, 64, 3, 224)
convolution(8, 3, 64, 7, 224, stride=2)
convolution(8, 3, 96, 11, 224, stride=4, padding=2)
convolution(16, 64, 64, 3, 56)
convolution(16, 128, 128, 3, 28)
convolution(16, 256, 256, 3, 14)
convolution(16, 512, 512, 3, 7)
convolution(16, 64, 128, 3, 56, stride=2)
convolution(16, 256, 512, 3, 14, stride=2)
convolution(16, 64, 256, 1, 56)
convolution(16, 256, 64, 1, 56)
convolution(16, 512, 512, 1, 14)
convolution(16, 256, 512, 1, 28, stride=2)


def on_images(name: str, call: Callable, *shape: int) -> None:
    def build(lib: Lib):
        x = image(lib, *shape)
        return lambda: call(lib, x), {"input": x}

    case(f"{name} {'x'.join(map(str, shape))}", build, image=True)


on_images("max_pool2d 2", lambda lib, x: lib.F.max_pool2d(x, 2), 16, 64, 56, 56)
on_images("max_pool2d 3 /2", lambda lib, x: lib.F.max_pool2d(x, 3, 2, 1), 16, 64, 112, 112)
on_images("avg_pool2d 2", lambda lib, x: lib.F.avg_pool2d(x, 2), 16, 64, 56, 56)
on_images("adaptive_avg_pool2d 1", lambda lib, x: lib.F.adaptive_avg_pool2d(x, 1), 16, 512, 7, 7)
on_images("relu", lambda lib, x: lib.F.relu(x), 16, 64, 56, 56)
for shape in ((16, 64, 56, 56), (16, 512, 7, 7)):
    case(
        f"BatchNorm2d {'x'.join(map(str, shape))}",
        layer(lambda lib, s=shape: lib.nn.BatchNorm2d(s[1]), lambda lib, s=shape: image(lib, *s)),
        image=True,
    )


# -- rows ------------------------------------------------------------------------------------------


def rows(name: str, call: Callable, *shape: int) -> None:
    case(f"{name} {'x'.join(map(str, shape))}", function(call, input=shape))


for count, width in ((2048, 512), (64, 128)):
    case(
        f"LayerNorm {count}x{width}",
        layer(
            lambda lib, w=width: lib.nn.LayerNorm(w),
            lambda lib, s=(count, width): lib.tensor(normal(*s)),
        ),
    )
rows("softmax", lambda lib, x: lib.F.softmax(x, dim=-1), 2048, 512)
rows("log_softmax", lambda lib, x: lib.F.log_softmax(x, dim=-1), 2048, 512)
for name in ("tanh", "sigmoid", "relu", "gelu", "silu", "elu"):
    rows(name, lambda lib, x, name=name: getattr(lib.F, name)(x), 2048, 512)
rows("times and plus", lambda lib, x: x * 2 + 1, 2048, 512)
rows("dropout 0.1", lambda lib, x: lib.F.dropout(x, 0.1), 2048, 512)


def cross_entropy(count: int, classes: int) -> None:
    def build(lib: Lib):
        x, y = lib.tensor(normal(count, classes)), lib.tensor(labels(classes, count))
        return lambda: lib.F.cross_entropy(x, y), {"input": x}

    case(f"cross_entropy {count}x{classes}", build)


cross_entropy(64, 10)
cross_entropy(2048, 1000)


def embedding(words: int, width: int, *shape: int) -> None:
    def build(lib: Lib):
        weight, index = lib.tensor(normal(words, width)), lib.tensor(labels(words, *shape))
        return lambda: lib.F.embedding(index, weight), {"weight": weight}

    case(f"embedding {words}x{width}, {'x'.join(map(str, shape))}", build)


embedding(10000, 256, 32, 64)


def attention(batch, heads, length, width, dropout=0.0, causal=False) -> None:
    shape = (batch, heads, length, width)

    def call(lib, q, k, v):
        return lib.F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, is_causal=causal)

    extra = (", causal" if causal else "") + (f", dropout {dropout}" if dropout else "")
    case(
        f"attention {'x'.join(map(str, shape))}{extra}", function(call, q=shape, k=shape, v=shape),
        flops=4 * batch * heads * length**2 * width, backward=2.5,
    )  # fmt: skip


attention(4, 8, 64, 64)
attention(4, 8, 64, 64, dropout=0.1)
attention(8, 6, 256, 64, causal=True)
attention(8, 6, 256, 64, dropout=0.1, causal=True)
attention(1, 8, 1024, 64, causal=True)


# -- sequences, updates ----------------------------------------------------------------------------

for name, gates in (("RNN", 1), ("LSTM", 4), ("GRU", 3)):
    for batch, inputs, hidden in ((32, 128, 256), (4, 64, 64)):
        case(
            f"{name} T64 B{batch} I{inputs} H{hidden}",
            layer(
                lambda lib, n=name, i=inputs, h=hidden: getattr(lib.nn, n)(i, h),
                lambda lib, b=batch, i=inputs: lib.tensor(normal(64, b, i)),
                lambda y: y[0],
            ),
            flops=2 * 64 * batch * gates * hidden * (inputs + hidden),
        )


def update(name: str, sizes: Sequence[int], text: str, **settings) -> None:
    """A step of an optimiser, timed as a forward."""

    def build(lib: Lib):
        module = lib.nn.ParameterList([lib.nn.Parameter(lib.tensor(normal(n))) for n in sizes])
        for parameter in module.parameters():
            parameter.grad = lib.tensor(normal(*parameter.shape))
        optimiser = lib.optimiser(name, module, **settings)
        return optimiser.step, {}

    case(f"{name} step, {text}", build, gradients=())


for count, text in (((1 << 20,) * 4, "4 of 1 M"), ((256,) * 64, "64 of 256")):
    update("SGD", count, text, lr=1e-6)
    update("SGD", count, text + ", momentum", lr=1e-6, momentum=0.9)
    update("Adam", count, text, lr=1e-6)
    update("AdamW", count, text, lr=1e-6)
