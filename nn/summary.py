"""summary: a table of a model's layers, the shapes they return and the parameters they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from autograd.dtypes import get_default_dtype
from autograd.mode import no_grad
from autograd.tensor import Tensor, wrap
from nn.module import Module


class Layer(NamedTuple):
    """One call of one module: a row of the table."""

    name: str  # what its parent calls it; "" for the root
    kind: str
    depth: int
    output_shape: Any  # of a tensor; a list of them where the output is a tuple
    parameters: int  # of the whole subtree
    trainable: int
    seen: bool  # whether an earlier row counts these parameters already


class Summary(NamedTuple):
    """What `summary` returns; its ``str`` is the table.

    Attributes
    ----------
    layers : list of Layer
        In the order in which they were called.
    total, trainable : int
        Numbers of parameters, shared ones counted once.
    bytes_parameters, bytes_outputs : int
        Memory of the parameters and buffers, and of the outputs of the innermost layers.
    """

    layers: list[Layer]
    total: int
    trainable: int
    bytes_parameters: int
    bytes_outputs: int
    depth: int

    def __repr__(self) -> str:
        rows = [("Layer (name: type)", "Output shape", "Parameters")]
        for layer in self.layers:
            if layer.depth > self.depth:
                continue
            label = f"{layer.name}: {layer.kind}" if layer.name else layer.kind
            count = f"{layer.parameters:,}" if layer.parameters else "--"
            rows.append(
                (
                    "  " * layer.depth + label,
                    str(layer.output_shape),
                    "(counted above)" if layer.seen else count,
                )
            )
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}" for a, b, c in rows]
        rule = "=" * max(len(line) for line in lines)
        totals = [
            f"Total parameters:     {self.total:,}",
            f"Trainable parameters: {self.trainable:,}",
            f"Parameters and buffers: {_megabytes(self.bytes_parameters)}",
            f"Outputs of layers:      {_megabytes(self.bytes_outputs)}",
        ]
        return "\n".join([rule, lines[0].rstrip(), rule, *lines[1:], rule, *totals, rule])


def summary(
    model: Module, input_size: Sequence | None = None, input_data: Any = None, depth: int = 3
) -> Summary:
    """Call the model once and list what each layer returned.

    The call runs under `no_grad` in evaluation mode; every module's mode is restored.

    Parameters
    ----------
    model : Module
    input_size : sequence of int, or of such sequences, optional
        Shape(s) of the input(s), with the batch; zeros of the model's dtype are passed.
    input_data : Tensor or sequence or dict of arguments, optional
        The input itself. One of the two is needed if the model takes arguments at all.
    depth : int, default 3
        How many levels of the tree are printed.

    Examples
    --------
    >>> import nn
    >>> result = nn.summary(nn.Sequential(nn.Linear(4, 8), nn.ReLU()), input_size=(1, 4))
    >>> result.total, result.layers[1].output_shape
    (40, (1, 8))
    """
    args, kwargs = _arguments(model, input_size, input_data)
    names = {module: name for name, module in model.named_modules()}
    rows: list[Layer] = []
    sizes: dict[int, int] = {}  # row -> bytes of its output, until a row below it comes
    started: list[int] = []  # rows of the modules now running
    counted: set[Module] = set()

    def enter(module, args):
        for above in started:
            sizes[above] = 0
        started.append(len(rows))
        path = names[module]
        held = list(module.parameters())
        rows.append(
            Layer(
                path.rpartition(".")[2],
                type(module).__name__,
                path.count(".") + 1 if path else 0,
                None,
                sum(p.numel() for p in held),
                sum(p.numel() for p in held if p.requires_grad),
                module in counted and bool(held),
            )
        )
        counted.add(module)

    def leave(module, args, output):
        row = started.pop()
        rows[row] = rows[row]._replace(output_shape=_shape(output))
        sizes.setdefault(row, _nbytes(output))

    handles = []
    modes = {module: module.training for module in names}
    try:
        for module in names:
            handles.append(module.register_forward_pre_hook(enter))
            handles.append(module.register_forward_hook(leave))
        model.eval()
        with no_grad():
            model(*args, **kwargs)
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
    parameters = list(model.parameters())
    return Summary(
        rows,
        sum(p.numel() for p in parameters),
        sum(p.numel() for p in parameters if p.requires_grad),
        sum(t.nbytes for t in (*parameters, *model.buffers())),
        sum(sizes.values()),
        depth,
    )


def _arguments(model: Module, input_size, input_data) -> tuple[tuple, dict]:
    """The arguments of the call."""
    if input_size is not None and input_data is not None:
        raise ValueError("summary expected input_size or input_data, got both")
    if isinstance(input_data, dict):
        return (), input_data
    if isinstance(input_data, (tuple, list)):
        return tuple(input_data), {}
    if input_data is not None:
        return (input_data,), {}
    if input_size is None:
        return (), {}
    sizes = (
        [input_size] if all(isinstance(n, (int, np.integer)) for n in input_size) else input_size
    )
    floats = (p.dtype for p in model.parameters() if p.is_floating_point())
    dtype = next(floats, get_default_dtype())
    return tuple(wrap(np.zeros(tuple(size), dtype)) for size in sizes), {}


def _shape(output):
    if isinstance(output, Tensor):
        return output.shape
    if isinstance(output, dict):
        return {key: _shape(value) for key, value in output.items()}
    if isinstance(output, (tuple, list)):
        return [_shape(value) for value in output]
    return type(output).__name__


def _nbytes(output) -> int:
    if isinstance(output, Tensor):
        return output.nbytes
    values = output.values() if isinstance(output, dict) else output
    return sum(map(_nbytes, values)) if isinstance(output, (dict, tuple, list)) else 0


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.2f} MB"
