"""summary: a table of a model's layers, the shapes they return and the parameters they hold."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from autograd.dtypes import get_default_dtype
from autograd.mode import no_grad
from autograd.profiler import profile
from autograd.random import get_rng_state, set_rng_state
from autograd.tensor import Tensor, wrap
from nn.module import Module
from nn.summary_table import COLUMNS, ROW_SETTINGS, Layer, Summary

MODES = ("eval", "train", "same")


def summary(
    model: Module,
    input_size: Any = None,
    input_data: Any = None,
    depth: int = 3,
    col_names: Sequence[str] = ("output_size", "kernel_size", "num_params", "mult_adds"),
    row_settings: Sequence[str] = ("depth", "var_names"),
    *,
    batch_dim: int | None = None,
    dtypes: Any = None,
    mode: str = "eval",
    forward: Callable[..., Any] | None = None,
    **kwargs: Any,
) -> Summary:
    """Call the model once and list what each layer got and returned.

    The call runs under `no_grad`; modes, buffers and random numbers are afterwards what they were.
    The arguments are those of torchinfo. In a notebook the result shows itself as a table.

    Parameters
    ----------
    model : Module
    input_size : sequence of int, or a sequence or dict of such sequences, optional
        Shape(s) of the input(s); zeros are passed.
    input_data : Tensor, or sequence or dict of arguments, optional
        The input itself. One of the two is needed if the model takes arguments at all.
    depth : int, default 3
        How many levels of the tree are printed.
    col_names : sequence of str
        Columns: "input_size", "output_size", "kernel_size", "num_params", "params_percent",
        "mult_adds", "trainable".
    row_settings : sequence of str
        Any of "depth" (number the layers), "var_names" (show what the parent calls them),
        "ascii_only", and "hide_recursive_layers" (no rows for further calls of a layer).
    batch_dim : int, optional
        Where `input_size` leaves the batch out: at which place a batch of one belongs.
    dtypes : sequence or dict of dtypes, optional
        Of the inputs that `input_size` describes, ``ag.int64`` for tokens; default: the model's.
    mode : {"eval", "train", "same"}
    forward : callable, optional
        ``forward(model, *inputs)`` is run instead of ``model(*inputs)``, for what is used in
        another way.
    **kwargs
        Further arguments of the call.

    Raises
    ------
    ValueError
        If both input and sizes are given, or a column, setting or mode is unknown.

    Examples
    --------
    >>> import nn
    >>> result = nn.summary(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), input_size=(1, 4))
    >>> result.total, result.mult_adds, result.layers[1].output_shape
    (40, 32, (1, 8))
    """
    for given, known in ((col_names, COLUMNS), (row_settings, ROW_SETTINGS), ([mode], MODES)):
        for name in given:
            if name not in known:
                raise ValueError(f"summary expected one of {', '.join(known)}, got {name!r}")
    args, named = arguments(model, input_size, input_data, dtypes, batch_dim)
    with untouched(model), no_grad(), profile() as seen, Watch(model, seen) as watch:
        if mode != "same":
            model.train(mode == "train")
        if forward is None:
            model(*args, **named, **kwargs)
        else:
            forward(model, *args, **named, **kwargs)
    parameters = list(model.parameters())
    rows = watch.layers()
    return Summary(
        rows,
        _numel(parameters),
        _numel(p for p in parameters if p.requires_grad),
        sum(event.flops for event in seen.events if event.phase == "forward") // 2,
        nbytes((args, named)),
        sum(t.nbytes for t in (*parameters, *model.buffers())),
        sum(watch.sizes.values()),
        depth,
        tuple(col_names),
        tuple(row_settings),
    )


class Watch:
    """Writes down, while it is open, every call of a model and of the modules inside it."""

    def __init__(self, model: Module, seen: profile):
        self.model, self.seen = model, seen
        self.names = {module: name for name, module in model.named_modules()}
        self.rows: list[Any] = []
        self.sizes: dict[int, int] = {}  # row -> bytes of its output, until a row below it comes
        self.running: list[tuple[int, str, int]] = []  # row, path and first event of each call
        self.counted: set[Tensor] = set()  # the parameters of the rows that are complete
        self.indices: dict[tuple[int, Module], int] = {}  # (depth, module) -> its number there

    def __enter__(self) -> Watch:
        self.handles = [m.register_forward_pre_hook(self.enter) for m in self.names]
        self.handles += [m.register_forward_hook(self.leave, with_kwargs=True) for m in self.names]
        return self

    def __exit__(self, *exc_info) -> None:
        for handle in self.handles:
            handle.remove()

    def enter(self, module, args) -> None:
        for row, _, _ in self.running:
            self.sizes[row] = 0
        self.running.append((len(self.rows), self.names[module], len(self.seen.events)))
        self.rows.append(None)

    def leave(self, module, args, kwargs, output) -> None:
        row, path, first = self.running.pop()
        outermost = self.running[0][1] if self.running else path
        depth = len(self.running) + bool(outermost)  # the root's level is 0, called or not
        held = set(module.parameters())
        own = _numel(held - self.counted)
        self.counted |= held
        self.rows[row] = self.row(module, self.relative(path), depth)._replace(
            own_parameters=own,
            seen=bool(held) and not own + sum(r.own_parameters for r in self.rows[row + 1 :]),
            input_shape=_shapes((*args, *kwargs.values())),
            output_shape=shape(output),
            mult_adds=sum(e.flops for e in self.seen.events[first:] if e.phase == "forward") // 2,
        )
        self.sizes.setdefault(row, nbytes(output))

    def relative(self, path: str) -> str:
        """What the module that is running calls the one with this path."""
        above = self.running[-1][1] if self.running else ""
        return path.removeprefix(above + ".") if above else path

    def row(self, module: Module, name: str, depth: int) -> Layer:
        """A module's row, with what is known of it without a call."""
        held = list(module.parameters())
        siblings = sum(key[0] == depth for key in self.indices)
        number = self.indices.setdefault((depth, module), siblings + 1)
        kernel = getattr(module, "kernel_size", None)
        return Layer(
            name,
            type(module).__name__,
            depth,
            number,
            kernel_shape=None if kernel is None else tuple(np.atleast_1d(kernel).tolist()),
            parameters=_numel(held),
            trainable=_numel(p for p in held if p.requires_grad),
        )

    def layers(self) -> list[Layer]:
        """The rows; the first is the model itself, though it may not have been called."""
        if self.rows and self.rows[0].depth == 0:
            return self.rows
        own = _numel(set(self.model.parameters()) - self.counted)
        return [self.row(self.model, "", 0)._replace(own_parameters=own), *self.rows]


@contextmanager
def untouched(model: Module) -> Iterator[None]:
    """Leave modes, buffers, gradients and the default random numbers as they were before."""
    modes = {module: module.training for module in model.modules()}
    buffers = [
        (module._buffers, name, buffer, buffer.array.copy())
        for module in modes
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    grads = [(parameter, parameter.grad) for parameter in model.parameters()]
    random = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(random)
        for parameter, grad in grads:
            parameter.grad = grad
        for table, name, buffer, before in buffers:
            table[name] = buffer
            buffer.data.copy_(wrap(before))
        for module, mode in modes.items():
            module.training = mode


def arguments(model: Module, input_size, input_data, dtypes=None, batch_dim=None):
    """The arguments of a call, positional and by name, that a size or an input stands for."""
    if input_size is not None and input_data is not None:
        raise ValueError("summary expected input_size or input_data, got both")
    if isinstance(input_data, Mapping):
        return (), dict(input_data)
    if isinstance(input_data, (tuple, list)):
        return tuple(input_data), {}
    if input_data is not None:
        return (input_data,), {}
    if input_size is None:
        return (), {}
    floats = (p.dtype for p in model.parameters() if p.is_floating_point())
    usual = next(floats, get_default_dtype())

    def zeros(size, dtype) -> Tensor:
        size = tuple(size)
        if batch_dim is not None:
            size = (*size[:batch_dim], 1, *size[batch_dim:])
        return wrap(np.zeros(size, dtype or usual))

    if isinstance(input_size, Mapping):
        return (), {k: zeros(size, (dtypes or {}).get(k)) for k, size in input_size.items()}
    single = all(isinstance(n, (int, np.integer)) for n in input_size)
    sizes = [input_size] if single else list(input_size)
    dtypes = [None] * len(sizes) if dtypes is None else list(dtypes)
    if len(dtypes) != len(sizes):
        raise ValueError(f"summary expected a dtype for each of {len(sizes)} inputs, got {dtypes}")
    return tuple(map(zeros, sizes, dtypes)), {}


def shape(value: Any) -> Any:
    """The shape of a tensor; of a container the shapes inside it; of anything else its type."""
    if isinstance(value, Tensor):
        return value.shape
    if isinstance(value, Mapping):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [shape(item) for item in value]
    return type(value).__name__


def _shapes(values: tuple) -> Any:
    """The shapes of the tensors that a layer was given: of a single one its own."""
    values = tuple(v for v in values if isinstance(v, Tensor) or nbytes(v))
    return shape(values[0]) if len(values) == 1 else shape(values)


def nbytes(value: Any) -> int:
    """The bytes of the tensors in a value."""
    if isinstance(value, Tensor):
        return value.nbytes
    values = value.values() if isinstance(value, Mapping) else value
    return sum(map(nbytes, values)) if isinstance(value, (Mapping, tuple, list)) else 0


def _numel(parameters: Iterable[Tensor]) -> int:
    return sum(p.numel() for p in parameters)
