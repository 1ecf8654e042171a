"""Recurrent layers: the long short-term memory (Hochreiter & Schmidhuber 1997).

Weights hold the gates one below the other in the order input, forget, cell, output.
"""

from __future__ import annotations

import math

import numpy as np

from autograd import cat, stack
from autograd.errors import ShapeError
from autograd.ops.recurrent import lstm_layer
from autograd.tensor import Tensor, wrap
from nn import functional as F
from nn import init
from nn.module import Module
from nn.parameter import Parameter, empty


class LSTM(Module):
    """Long short-term memory over sequences, in layers, in one direction or both.

    Takes ``input`` of shape (L, N, input_size), or (N, L, input_size) with `batch_first`, or
    (L, input_size) without a batch; and the initial states ``(h_0, c_0)``, each of shape
    (layers * directions, N, hidden_size), zeros if left out. Returns ``output, (h_n, c_n)``, where
    output holds the hidden states of the last layer, both directions side by side.

    Parameters
    ----------
    input_size, hidden_size : int
    num_layers : int, default 1
    bias : bool, default True
    batch_first : bool, default False
    dropout : float, default 0
        Probability with which values between layers are dropped in training.
    bidirectional : bool, default False

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
        super().__init__()
        if proj_size:
            raise NotImplementedError(f"LSTM(proj_size={proj_size}) is not supported")
        if not 0 <= dropout <= 1:
            raise ValueError(f"dropout expected a probability between 0 and 1, got {dropout}")
        if hidden_size <= 0 or num_layers <= 0:
            raise ValueError(
                f"LSTM expected hidden_size and num_layers > 0, got {hidden_size}, {num_layers}"
            )
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.proj_size = 0
        directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            size = hidden_size * directions if layer else input_size
            for suffix in self._suffixes(layer):
                _add_weights(self, suffix, size, hidden_size, bias, device, dtype)
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        """How the names of a layer's weights end, one for each direction."""
        return [f"_l{layer}", f"_l{layer}_reverse"][: 2 if self.bidirectional else 1]

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights of each layer and direction."""
        return [
            [w for w in _weights(self, suffix) if w is not None]
            for layer in range(self.num_layers)
            for suffix in self._suffixes(layer)
        ]

    def flatten_parameters(self) -> None:
        """Do nothing: there are no separate copies of the weights to bring together."""

    def reset_parameters(self) -> None:
        """Draw all weights uniform in ``[-k, k]``, ``k = 1 / sqrt(hidden_size)``."""
        _reset(self)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None):
        """Return the hidden states of all steps, and the last hidden and cell state."""
        if input.ndim not in (2, 3) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"LSTM expected an input of 2 or 3 dimensions whose last is {self.input_size}, "
                f"got shape {input.shape}"
            )
        batched = input.ndim == 3
        time_dim = 1 if self.batch_first and batched else 0
        batch_dim = 1 - time_dim
        sequence = input if batched else input.unsqueeze(1)
        sequence = sequence.transpose(0, 1) if time_dim else sequence
        h0, c0 = self._initial(sequence, hx, batched)
        sequence, h, c = self._run(sequence, h0, c0)
        if not batched:
            return sequence.squeeze(batch_dim), (h.squeeze(1), c.squeeze(1))
        return (sequence.transpose(0, 1) if time_dim else sequence), (h, c)

    def _run(self, sequence: Tensor, h0: Tensor, c0: Tensor):
        """Pass a (time, batch, features) sequence through all layers."""
        last_h: list[Tensor] = []
        last_c: list[Tensor] = []
        for layer in range(self.num_layers):
            outputs = []
            for direction, suffix in enumerate(self._suffixes(layer)):
                start = len(last_h)
                output, h, c = lstm_layer(
                    sequence, h0[start], c0[start], *_weights(self, suffix), reverse=direction == 1
                )
                outputs.append(output)
                last_h.append(h)
                last_c.append(c)
            sequence = cat(outputs, dim=-1) if self.bidirectional else outputs[0]
            if self.dropout and layer < self.num_layers - 1:
                sequence = F.dropout(sequence, self.dropout, self.training)
        return sequence, stack(last_h), stack(last_c)

    def _initial(self, sequence: Tensor, hx, batched: bool):
        """The initial states with a batch dimension."""
        count = self.num_layers * (2 if self.bidirectional else 1)
        batch = sequence.shape[1]
        if hx is None:
            zeros = wrap(np.zeros((count, batch, self.hidden_size), sequence.dtype))
            return zeros, zeros
        shape = (count, batch, self.hidden_size) if batched else (count, self.hidden_size)
        for name, state in zip(("h_0", "c_0"), hx, strict=True):
            if state.shape != shape:
                raise ShapeError(f"LSTM expected {name} of shape {shape}, got {state.shape}")
        return hx if batched else tuple(state.unsqueeze(1) for state in hx)

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0}
        for name, value in {**usual, "bidirectional": False}.items():
            if getattr(self, name) != value:
                parts.append(f"{name}={getattr(self, name)}")
        return ", ".join(parts)


class LSTMCell(Module):
    """One step of long short-term memory.

    Takes ``input`` of shape (N, input_size) or (input_size,) and the states ``(h, c)``, zeros if
    left out; returns the next states.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> h, c = nn.LSTMCell(3, 5)(ag.ones(2, 3))
    >>> h.shape
    (2, 5)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device=None, dtype=None
    ):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        _add_weights(self, "", input_size, hidden_size, bias, device, dtype)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights uniform in ``[-k, k]``, ``k = 1 / sqrt(hidden_size)``."""
        _reset(self)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None):
        """Return the next hidden state and the next cell state."""
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"LSTMCell expected an input of 1 or 2 dimensions whose last is {self.input_size}, "
                f"got shape {input.shape}"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        if hx is None:
            zeros = wrap(np.zeros(shape, input.dtype))
            hx = (zeros, zeros)
        for name, state in zip(("h", "c"), hx, strict=True):
            if state.shape != shape:
                raise ShapeError(f"LSTMCell expected {name} of shape {shape}, got {state.shape}")
        if input.ndim == 1:
            h, c = self._step(input.unsqueeze(0), *(state.unsqueeze(0) for state in hx))
            return h.squeeze(0), c.squeeze(0)
        return self._step(input, *hx)

    def _step(self, input: Tensor, h: Tensor, c: Tensor):
        # A step is a sequence of length one.
        _, h, c = lstm_layer(input.unsqueeze(0), h, c, *_weights(self, ""))
        return h, c

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


def _add_weights(module: Module, suffix: str, inputs: int, hidden: int, bias: bool, device, dtype):
    """Register the weights of one LSTM layer in one direction."""
    factory = {"device": device, "dtype": dtype}
    module.register_parameter(f"weight_ih{suffix}", empty(4 * hidden, inputs, **factory))
    module.register_parameter(f"weight_hh{suffix}", empty(4 * hidden, hidden, **factory))
    for name in (f"bias_ih{suffix}", f"bias_hh{suffix}"):
        module.register_parameter(name, empty(4 * hidden, **factory) if bias else None)


def _weights(module: Module, suffix: str) -> list[Parameter | None]:
    """The weights of one layer in one direction, in the order `lstm_layer` takes them."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [module._parameters[name + suffix] for name in names]


def _reset(module: LSTM | LSTMCell) -> None:
    bound = 1 / math.sqrt(module.hidden_size)
    for parameter in module.parameters():
        init.uniform_(parameter, -bound, bound)
