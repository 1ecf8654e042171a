"""Layers that regularise by chance, beside dropout: of weights, and in pooling.

PyTorch has neither. Both draw from the default generator, so `manual_seed` repeats them, and both
leave chance out in evaluation.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import autograd as ag
from autograd.errors import ShapeError
from nn import functional as F
from nn.conv import as_tuple
from nn.module import Module
from nn.utils.stateless import functional_call


class DropConnect(Module):
    """Call a layer with random weights, not values, set to zero in training.

    Every call draws one mask, shared by the examples of the batch; what is kept is multiplied by
    ``1 / (1 - p)``, so that evaluation uses the weights as they are. Wan, Zeiler, Zhang, LeCun and
    Fergus, "Regularization of neural networks using DropConnect" (2013), drew a mask for each
    example and, in evaluation, from a normal distribution of the layer's input.

    Parameters
    ----------
    layer : Module
        What to wrap; its parameters are the wrapper's, under ``layer.``.
    p : float, default 0.5
        The probability of a weight to be dropped.
    names : sequence of str, default ("weight",)
        Which parameters; for the recurrent weights of an LSTM ``("weight_hh_l0",)``.

    Raises
    ------
    ValueError
        If the layer has no parameter of such a name, or `p` is no probability.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer = nn.DropConnect(nn.Linear(3, 2), p=0.25)
    >>> layer(ag.ones(4, 3)).shape
    (4, 2)
    >>> bool((layer.eval()(ag.ones(1, 3)) == layer.layer(ag.ones(1, 3))).all())
    True
    """

    def __init__(self, layer: Module, p: float = 0.5, names: Sequence[str] = ("weight",)):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"DropConnect expected a probability between 0 and 1, got p={p}")
        names = (names,) if isinstance(names, str) else tuple(names)
        known = [name for name, _ in layer.named_parameters()]
        for name in names:
            if name not in known:
                raise ValueError(
                    f"{type(layer).__name__} has no parameter {name!r} to drop from; it has "
                    f"{', '.join(known) or 'none'}"
                )
        self.layer, self.p, self.names = layer, p, names

    def forward(self, *args, **kwargs):
        """Return what the layer makes of the arguments, with some of its weights left out."""
        if not self.training or self.p == 0:
            return self.layer(*args, **kwargs)
        weights = {name: self.layer.get_parameter(name) for name in self.names}
        dropped = {name: F.dropout(weight, self.p) for name, weight in weights.items()}
        return functional_call(self.layer, dropped, args, kwargs)

    def extra_repr(self) -> str:
        return f"p={self.p}, names={self.names}"


class StochasticPool2d(Module):
    """Keep one value of each window of an image: in training one drawn at random.

    A value is drawn with a probability proportional to itself, ``p_i = a_i / sum_j a_j``, and
    evaluation returns the mean of that lottery, ``sum_i p_i a_i``: between the maximum and the
    average. Zeiler and Fergus, "Stochastic pooling for regularization of deep convolutional neural
    networks" (2013).

    Parameters
    ----------
    kernel_size : int or (int, int)
    stride : int or (int, int), optional
        Default: the kernel's size.
    padding : int or (int, int), default 0
        A margin of zeros, which are never drawn unless all is zero.

    Raises
    ------
    ValueError
        If a value is negative: there are no negative probabilities. A ReLU in front helps.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer, image = nn.StochasticPool2d(2), ag.tensor([[[[0.0, 0.0], [1.0, 3.0]]]])
    >>> layer(image).item() in (1.0, 3.0)
    True
    >>> layer.eval()(image).item()  # 1/4 * 1 + 3/4 * 3
    2.5
    """

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = as_tuple(kernel_size, 2)
        self.stride = self.kernel_size if stride is None else as_tuple(stride, 2)
        self.padding = as_tuple(padding, 2)

    def forward(self, input):
        """Return the pooled images, of shape (N, C, H, W) or (C, H, W)."""
        windows = self._windows(input)
        if not self.training:
            total = windows.sum(-1)
            return (windows * windows).sum(-1) / ag.where(total > 0, total, 1.0)
        return windows.gather(-1, ag.from_numpy(_drawn(windows.array)[..., None])).squeeze(-1)

    def _windows(self, input):
        """All windows: (..., rows, columns, values of one)."""
        (high, wide), (down, across), (rows, columns) = self.kernel_size, self.stride, self.padding
        if input.ndim not in (3, 4):
            raise ShapeError(
                "StochasticPool2d expected images of shape (N, C, H, W) or (C, H, W), got "
                f"{tuple(input.shape)}"
            )
        if (input.array < 0).any():
            raise ValueError(
                "StochasticPool2d expected values of at least 0, which its probabilities are "
                f"proportional to, got {input.array.min():.4g}: put an nn.ReLU() before it"
            )
        input = F.pad(input, (columns, columns, rows, rows))
        if input.shape[-2] < high or input.shape[-1] < wide:
            raise ShapeError(
                f"StochasticPool2d's windows of {high} x {wide} do not fit into images of "
                f"{input.shape[-2]} x {input.shape[-1]}"
            )
        return input.unfold(-2, high, down).unfold(-2, wide, across).flatten(-2)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


def _drawn(windows: np.ndarray) -> np.ndarray:
    """For each row along the last axis the place of one value, by lottery."""
    sums = np.cumsum(windows, -1)
    lots = ag.rand(*sums.shape[:-1]).array * sums[..., -1]
    places = (sums <= lots[..., None]).sum(-1)
    return np.minimum(places, windows.shape[-1] - 1)  # a window of zeros has no winner
