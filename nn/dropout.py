"""Dropout: in training some values become zero and the rest larger; in evaluation nothing."""

from __future__ import annotations

from nn import functional as F
from nn.module import Module


class _Dropout(Module):
    def __init__(self, p: float = 0.5, inplace: bool = False):
        super().__init__()
        if not 0 <= p <= 1:
            raise ValueError(f"dropout expected a probability between 0 and 1, got p={p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_Dropout):
    """Set each value to zero with probability `p`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> layer = nn.Dropout(0.5).eval()
    >>> layer(ag.ones(3))
    tensor([1., 1., 1.])
    """

    def forward(self, input):
        """Return `input` with values dropped."""
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_Dropout):
    """Set each channel of (N, C, L) or (C, L) to zero with probability `p`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Dropout1d(0.2)(ag.ones(2, 3, 4)).shape
    (2, 3, 4)
    """

    def forward(self, input):
        """Return `input` with channels dropped."""
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_Dropout):
    """Set each channel of (N, C, H, W) to zero with probability `p`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Dropout2d(0.2)(ag.ones(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    def forward(self, input):
        """Return `input` with channels dropped."""
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_Dropout):
    """Set each channel of (N, C, D, H, W) or (C, D, H, W) to zero with probability `p`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Dropout3d(0.2)(ag.ones(2, 3, 2, 4, 4)).shape
    (2, 3, 2, 4, 4)
    """

    def forward(self, input):
        """Return `input` with channels dropped."""
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_Dropout):
    """Dropout that keeps mean 0 and variance 1, for networks with SELU (Klambauer et al. 2017).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.AlphaDropout(0.1)(ag.ones(3)).shape
    (3,)
    """

    def forward(self, input):
        """Return `input` with values dropped."""
        return F.alpha_dropout(input, self.p, self.training, self.inplace)


class FeatureAlphaDropout(_Dropout):
    """`AlphaDropout` for whole channels of (N, C, ...).

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.FeatureAlphaDropout(0.1)(ag.ones(2, 3, 4)).shape
    (2, 3, 4)
    """

    def forward(self, input):
        """Return `input` with channels dropped."""
        return F.feature_alpha_dropout(input, self.p, self.training, self.inplace)
