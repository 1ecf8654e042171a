"""Recurrent layers, compiled: one call a layer and direction."""

from autograd.kernels.compiled.gru import gru, gru_gradient
from autograd.kernels.compiled.lstm import lstm, lstm_gradient
from autograd.kernels.compiled.rnn import rnn, rnn_gradient

__all__ = ["gru", "gru_gradient", "lstm", "lstm_gradient", "rnn", "rnn_gradient"]
