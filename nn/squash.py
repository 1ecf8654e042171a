"""Activations that squash, and those that make probabilities of scores."""

from __future__ import annotations

from autograd.errors import ShapeError
from nn import functional as F
from nn.module import Module


class Sigmoid(Module):
    """``1 / (1 + exp(-input))``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Sigmoid()(ag.zeros(1))
    tensor([0.5])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.sigmoid(input)


class LogSigmoid(Module):
    """The logarithm of the sigmoid, without overflow.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> round(nn.LogSigmoid()(ag.zeros(1)).item(), 4)
    -0.6931
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.logsigmoid(input)


class Tanh(Module):
    """The hyperbolic tangent.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Tanh()(ag.zeros(1))
    tensor([0.])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.tanh(input)


class Tanhshrink(Module):
    """``input - tanh(input)``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Tanhshrink()(ag.zeros(1))
    tensor([0.])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.tanhshrink(input)


class Softsign(Module):
    """``input / (1 + abs(input))``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Softsign()(ag.tensor([-1.0, 3.0]))
    tensor([-0.5 ,  0.75])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.softsign(input)


class Softplus(Module):
    """``log(1 + exp(beta * input)) / beta``; the input itself where that exceeds `threshold`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> round(nn.Softplus()(ag.zeros(1)).item(), 4)
    0.6931
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input):
        """Return the activation of `input`."""
        return F.softplus(input, self.beta, self.threshold)

    def extra_repr(self) -> str:
        return f"beta={self.beta}, threshold={self.threshold}"


class _Shrink(Module):
    def __init__(self, lambd: float = 0.5):
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(_Shrink):
    """The input where its magnitude is above `lambd`, zero elsewhere.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Hardshrink()(ag.tensor([0.25, 2.0]))
    tensor([0., 2.])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """The input moved towards zero by `lambd`, zero where it would cross over.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Softshrink()(ag.tensor([0.25, 2.0]))
    tensor([0. , 1.5])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.softshrink(input, self.lambd)


class _AlongDim(Module):
    def __init__(self, dim: int | None = None):
        super().__init__()
        self.dim = dim

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Softmax(_AlongDim):
    """Positive numbers along `dim` that sum to one: ``exp(input) / sum(exp(input))``.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Softmax(dim=0)(ag.zeros(2))
    tensor([0.5, 0.5])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.softmax(input, self.dim)


class LogSoftmax(_AlongDim):
    """The logarithm of softmax, without overflow.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.LogSoftmax(dim=0)(ag.zeros(1)).abs()
    tensor([0.])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.log_softmax(input, self.dim)


class Softmin(_AlongDim):
    """Softmax of the negated input.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Softmin(dim=0)(ag.zeros(2))
    tensor([0.5, 0.5])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        return F.softmin(input, self.dim)


class Softmax2d(Module):
    """Softmax over the channels of (N, C, H, W) or (C, H, W), at each place of an image.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Softmax2d()(ag.zeros(1, 2, 1, 1)).reshape(2)
    tensor([0.5, 0.5])
    """

    def forward(self, input):
        """Return the activation of `input`."""
        if input.ndim not in (3, 4):
            raise ShapeError(f"Softmax2d expected 3 or 4 dimensions, got shape {input.shape}")
        return F.softmax(input, -3)
