"""Recurrent cells: one step, to be called in a loop of one's own."""

from __future__ import annotations

import math

import numpy as np

import autograd as ag
from autograd.errors import ShapeError
from autograd.tensor import Tensor, wrap
from nn import init
from nn.module import Module
from nn.parameter import empty


class RNNCellBase(Module):
    """What recurrent cells have in common; use `RNNCell`, `LSTMCell` or `GRUCell`.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    num_chunks : int
        The number of gates.

    Examples
    --------
    >>> import nn
    >>> nn.RNNCellBase(3, 5, bias=True, num_chunks=3).weight_hh.shape
    (15, 5)
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool, num_chunks: int,
                 device=None, dtype=None):  # fmt: skip
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows, factory = num_chunks * hidden_size, {"device": device, "dtype": dtype}
        self.weight_ih = empty(rows, input_size, **factory)
        self.weight_hh = empty(rows, hidden_size, **factory)
        self.bias_ih = empty(rows, **factory) if bias else None
        self.bias_hh = empty(rows, **factory) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights uniform in ``[-k, k]``, ``k = 1 / sqrt(hidden_size)``."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _step(self, function, input: Tensor, **states):
        """Call the op `function` with a batch dimension, and take it away if there was none."""
        name = self._get_name()
        if input.ndim not in (1, 2) or input.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name} expected an input of 1 or 2 dimensions whose last is {self.input_size}, "
                f"got shape {input.shape}"
            )
        shape = (*input.shape[:-1], self.hidden_size)
        given = []
        for label, state in states.items():
            if state is None:
                state = wrap(np.zeros(shape, input.dtype))
            elif state.shape != shape:
                raise ShapeError(f"{name} expected {label} of shape {shape}, got {state.shape}")
            given.append(state)
        weights = self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh
        if input.ndim == 2:
            return function(input, given, *weights)
        after = function(input.unsqueeze(0), [state.unsqueeze(0) for state in given], *weights)
        return [state.squeeze(0) for state in after]

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if not self.bias:
            parts.append("bias=False")
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            parts.append(f"nonlinearity={self.nonlinearity}")
        return ", ".join(parts)


class RNNCell(RNNCellBase):
    """One step of a plain recurrent network, ``h' = tanh(W x + b + U h + d)``.

    Takes ``input`` of shape (N, input_size) or (input_size,) and the state ``hx``, zeros if left
    out; returns the next state.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool, default True
    nonlinearity : {"tanh", "relu"}, default "tanh"

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.RNNCell(3, 5)(ag.ones(2, 3)).shape
    (2, 5)
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True,
                 nonlinearity: str = "tanh", device=None, dtype=None):  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"nonlinearity expected 'tanh' or 'relu', got {nonlinearity!r}")
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the next state."""
        function = ag.rnn_tanh_cell if self.nonlinearity == "tanh" else ag.rnn_relu_cell
        (h,) = self._step(lambda x, states, *w: [function(x, *states, *w)], input, hx=hx)
        return h


class GRUCell(RNNCellBase):
    """One step of a gated recurrent unit (Cho et al. 2014).

    Takes ``input`` of shape (N, input_size) or (input_size,) and the state ``hx``, zeros if left
    out; returns the next state.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.GRUCell(3, 5)(ag.ones(3)).shape
    (5,)
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None,
                 dtype=None):  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the next state."""
        (h,) = self._step(lambda x, states, *w: [ag.gru_cell(x, *states, *w)], input, hx=hx)
        return h


class LSTMCell(RNNCellBase):
    """One step of long short-term memory (Hochreiter & Schmidhuber 1997).

    Takes ``input`` of shape (N, input_size) or (input_size,) and the states ``(h, c)``, zeros if
    left out; returns the next states.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> h, c = nn.LSTMCell(3, 5)(ag.ones(2, 3))
    >>> h.shape
    (2, 5)
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, device=None,
                 dtype=None):  # fmt: skip
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None):
        """Return the next hidden state and the next cell state."""
        h, c = (None, None) if hx is None else hx
        h, c = self._step(ag.lstm_cell, input, h=h, c=c)
        return h, c
