"""Recurrent layers over whole sequences: plain, long short-term memory, gated recurrent units.

Each layer, in one direction or both, is one fused op of `autograd.ops`. Weights hold the gates one
below the other, in PyTorch's order: input, forget, cell, output in the LSTM; reset, update, new in
the GRU.
"""

from __future__ import annotations

import math
import warnings
from functools import partial

import numpy as np

from autograd import cat, stack
from autograd.errors import DtypeError, ShapeError
from autograd.ops.gru import gru_layer
from autograd.ops.recurrent import lstm_layer
from autograd.ops.rnn import rnn_layer
from autograd.tensor import Tensor
from nn import functional as F
from nn import init
from nn.module import Module
from nn.parameter import Parameter, empty
from nn.utils.rnn import PackedSequence

LAYERS = {  # mode -> the op that runs one layer, and how many gates it has
    "LSTM": (lstm_layer, 4),
    "GRU": (gru_layer, 3),
    "RNN_TANH": (partial(rnn_layer, nonlinearity="tanh"), 1),
    "RNN_RELU": (partial(rnn_layer, nonlinearity="relu"), 1),
}


class RNNBase(Module):
    """What recurrent layers have in common; use `RNN`, `LSTM` or `GRU`.

    Takes ``input`` of shape (L, N, input_size), or (N, L, input_size) with `batch_first`, or
    (L, input_size) without a batch, or a `PackedSequence`; and the initial states, each of shape
    (num_layers * directions, N, hidden_size), zeros if left out. Returns ``output`` and the last
    states, where output holds the hidden states of the last layer, both directions side by side.

    Parameters
    ----------
    mode : {"LSTM", "GRU", "RNN_TANH", "RNN_RELU"}
    input_size, hidden_size : int
    num_layers : int, default 1
    bias : bool, default True
    batch_first : bool, default False
    dropout : float, default 0
        Probability with which values between layers are dropped in training.
    bidirectional : bool, default False
    proj_size : int, default 0
        Project the hidden state to so many values, if not 0 (LSTM only).

    Examples
    --------
    >>> import nn
    >>> nn.RNNBase("GRU", 3, 5).weight_ih_l0.shape
    (15, 3)
    """

    def __init__(self, mode: str, input_size: int, hidden_size: int, num_layers: int = 1,
                 bias: bool = True, batch_first: bool = False, dropout: float = 0.0,
                 bidirectional: bool = False, proj_size: int = 0, device=None,
                 dtype=None):  # fmt: skip
        super().__init__()
        if mode not in LAYERS:
            raise ValueError(f"mode expected one of {', '.join(LAYERS)}; got {mode!r}")
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_options()
        self.dropout = float(dropout)
        shown = proj_size or hidden_size
        rows = LAYERS[mode][1] * hidden_size
        for layer in range(num_layers):
            size = shown * (1 + bidirectional) if layer else input_size
            for suffix in self._suffixes(layer):
                shapes: dict[str, tuple[int, ...]]
                shapes = {"weight_ih": (rows, size), "weight_hh": (rows, shown)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    weight = empty(*shape, device=device, dtype=dtype)
                    self.register_parameter(name + suffix, weight)
        self.reset_parameters()

    def _check_options(self) -> None:
        for name in ("bias", "batch_first", "bidirectional"):
            if not isinstance(getattr(self, name), bool):
                raise TypeError(f"{name} expected True or False, got {getattr(self, name)!r}")
        for name in ("input_size", "hidden_size", "num_layers"):
            size = getattr(self, name)
            if not isinstance(size, int):
                raise TypeError(f"{name} expected an integer, got {size!r}")
            if size <= 0:
                raise ValueError(f"{name} expected a size > 0, got {size}")
        if isinstance(self.dropout, bool) or not 0 <= self.dropout <= 1:
            raise ValueError(f"dropout expected a probability between 0 and 1, got {self.dropout}")
        if self.dropout and self.num_layers == 1:
            warnings.warn(
                f"dropout={self.dropout} acts between layers, and there is only one: give "
                "num_layers, or leave dropout out",
                stacklevel=4,
            )
        if not 0 <= self.proj_size < self.hidden_size:
            raise ValueError(
                f"proj_size expected 0 or a size below hidden_size={self.hidden_size}, "
                f"got {self.proj_size}"
            )
        if self.proj_size and self.mode != "LSTM":
            raise ValueError(f"proj_size is an option of LSTM, not of {self.mode}")

    def _suffixes(self, layer: int) -> list[str]:
        """How the names of a layer's weights end, one for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"][: 2 if self.bidirectional else 1]

    def _weights(self, suffix: str) -> list[Parameter | None]:
        """The weights of one layer in one direction, in the order the op takes them."""
        there = {"weight_ih": True, "weight_hh": True, "bias_ih": self.bias, "bias_hh": self.bias}
        if self.mode == "LSTM":
            there["weight_hr"] = bool(self.proj_size)
        return [getattr(self, name + suffix) if has else None for name, has in there.items()]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction."""
        return [
            [w for w in self._weights(suffix) if w is not None]
            for layer in range(self.num_layers)
            for suffix in self._suffixes(layer)
        ]

    def flatten_parameters(self) -> None:
        """Do nothing: there are no separate copies of the weights to bring together."""

    def reset_parameters(self) -> None:
        """Draw all weights uniform in ``[-k, k]``, ``k = 1 / sqrt(hidden_size)``."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _widths(self) -> dict[str, int]:
        """The size of each kind of state."""
        widths = {"h_0": self.proj_size or self.hidden_size}
        return widths | {"c_0": self.hidden_size} if self.mode == "LSTM" else widths

    def _forward(self, input, states):
        """Return the output and the last states, in the form that `input` has."""
        rows = input.data if isinstance(input, PackedSequence) else input
        if rows.dtype != self.weight_ih_l0.dtype:
            raise DtypeError(
                f"{self._get_name()} expected an input of {self.weight_ih_l0.dtype} like its "
                f"weights, got {rows.dtype}: convert with .to(dtype)"
            )
        if isinstance(input, PackedSequence):
            return self._packed(input, states)
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{self._get_name()} expected an input of 2 or 3 dimensions whose last is "
                f"{self.input_size}, got shape {input.shape}"
            )
        if input.ndim == 2:
            states = self._initial(states, 1, input.dtype, batched=False)
            output, last = self._run(input.unsqueeze(1), states)
            return output.squeeze(1), [state.squeeze(1) for state in last]
        sequence = input.transpose(0, 1) if self.batch_first else input
        states = self._initial(states, sequence.shape[1], input.dtype)
        output, last = self._run(sequence, states)
        return (output.transpose(0, 1) if self.batch_first else output), last

    def _packed(self, input: PackedSequence, states):
        if input.data.ndim != 2 or input.data.shape[1] != self.input_size:
            raise ShapeError(
                f"{self._get_name()} expected packed rows of {self.input_size} values, got data "
                f"of shape {input.data.shape}"
            )
        sizes, given = tuple(input.batch_sizes.tolist()), states is not None
        states = self._initial(states, sizes[0], input.data.dtype)
        if given and input.sorted_indices is not None:
            states = [state[:, input.sorted_indices] for state in states]
        output, last = self._run(input.data, states, sizes)
        if input.unsorted_indices is not None:
            last = [state[:, input.unsorted_indices] for state in last]
        return input._replace(data=output), last

    def _initial(self, states, batch: int, dtype, batched: bool = True) -> list:
        """The initial states, with a batch dimension; arrays of zeros if none are given."""
        count, widths = self.num_layers * (1 + self.bidirectional), self._widths()
        if states is None:
            return [np.zeros((count, batch, n), dtype) for n in widths.values()]
        if not isinstance(states, (tuple, list)) or len(states) != len(widths):
            raise TypeError(f"{self._get_name()} expected hx as a pair of tensors (h_0, c_0)")
        for (name, width), state in zip(widths.items(), states, strict=True):
            shape = (count, batch, width) if batched else (count, width)
            if state.shape != shape:
                raise ShapeError(
                    f"{self._get_name()} expected {name} of shape {shape}, got {state.shape}"
                )
        return [state if batched else state.unsqueeze(1) for state in states]

    def _run(self, sequence: Tensor, states, batch_sizes: tuple | None = None):
        """Pass a sequence (time, batch, features), or packed rows, through all layers."""
        run, directions = LAYERS[self.mode][0], 1 + self.bidirectional
        last: list[list[Tensor]] = []
        for layer in range(self.num_layers):
            at = layer * directions
            mine = at if directions == 1 else slice(at, at + directions)
            first = [state[mine] for state in states]
            weights = [w for suffix in self._suffixes(layer) for w in self._weights(suffix)]
            sequence, *ends = run(sequence, *first, *weights, batch_sizes=batch_sizes)
            last.append(ends)
            if self.dropout and layer < self.num_layers - 1:
                sequence = F.dropout(sequence, self.dropout, self.training)
        if self.num_layers == 1:  # nothing to join
            return sequence, ends if directions == 2 else [state.unsqueeze(0) for state in ends]
        join = stack if directions == 1 else cat
        return sequence, [join(kind) for kind in zip(*last, strict=True)]

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        usual = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
            "bidirectional": False,
        }  # fmt: skip
        parts += [
            f"{name}={getattr(self, name)}"
            for name, value in usual.items()
            if getattr(self, name) != value
        ]
        return ", ".join(parts)


class RNN(RNNBase):
    """A plain recurrent network, ``h' = tanh(W x + b + U h + d)`` (Elman 1990).

    Takes ``input`` and ``hx`` and returns ``output, h_n``; for the shapes and the other options
    see `RNNBase`.

    Parameters
    ----------
    nonlinearity : {"tanh", "relu"}, default "tanh"

    Examples
    --------
    >>> import autograd as ag, nn
    >>> output, h = nn.RNN(3, 5, num_layers=2, nonlinearity="relu")(ag.ones(7, 2, 3))
    >>> output.shape, h.shape
    ((7, 2, 5), (2, 2, 5))
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1,
                 nonlinearity: str = "tanh", bias: bool = True, batch_first: bool = False,
                 dropout: float = 0.0, bidirectional: bool = False, device=None,
                 dtype=None):  # fmt: skip
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity expected 'tanh' or 'relu', got {nonlinearity!r}")
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first,
            dropout, bidirectional, device=device, dtype=dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def forward(self, input, hx: Tensor | None = None):
        """Return the hidden states of all steps, and the last."""
        output, (h,) = self._forward(input, None if hx is None else [hx])
        return output, h


class GRU(RNNBase):
    """Gated recurrent units (Cho et al. 2014).

    Takes ``input`` and ``hx`` and returns ``output, h_n``; for the shapes and options see
    `RNNBase`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> output, h = nn.GRU(3, 5, bidirectional=True)(ag.ones(7, 2, 3))
    >>> output.shape, h.shape
    ((7, 2, 10), (2, 2, 5))
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
                 device=None, dtype=None):  # fmt: skip
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip

    def forward(self, input, hx: Tensor | None = None):
        """Return the hidden states of all steps, and the last."""
        output, (h,) = self._forward(input, None if hx is None else [hx])
        return output, h


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter & Schmidhuber 1997).

    Takes ``input`` and ``(h_0, c_0)`` and returns ``output, (h_n, c_n)``; for the shapes and
    options see `RNNBase`. With `proj_size`, output and ``h`` have that many values instead of
    ``hidden_size`` (Sak et al. 2014).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> output, (h, c) = nn.LSTM(3, 5, num_layers=2)(ag.ones(7, 2, 3))
    >>> output.shape, h.shape
    ((7, 2, 5), (2, 2, 5))
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
                 batch_first: bool = False, dropout: float = 0.0, bidirectional: bool = False,
                 proj_size: int = 0, device=None, dtype=None):  # fmt: skip
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, device, dtype,
        )  # fmt: skip

    def forward(self, input, hx: tuple[Tensor, Tensor] | None = None):
        """Return the hidden states of all steps, and the last hidden and cell state."""
        output, (h, c) = self._forward(input, hx)
        return output, (h, c)
