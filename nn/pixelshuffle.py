"""Layers that turn channels into places and back, or deal them out."""

from __future__ import annotations

from nn import functional as F
from nn.module import Module


class PixelShuffle(Module):
    """Channels as places: (*, C * r * r, H, W) to (*, C, H * r, W * r), r the factor.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.PixelShuffle(2)(ag.ones(1, 12, 4, 4)).shape
    (1, 3, 8, 8)
    """

    def __init__(self, upscale_factor: int):
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input):
        """Return the shuffled input."""
        return F.pixel_shuffle(input, self.upscale_factor)

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Places as channels: (*, C, H * r, W * r) to (*, C * r * r, H, W), r the factor.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.PixelUnshuffle(2)(ag.ones(1, 3, 8, 8)).shape
    (1, 12, 4, 4)
    """

    def __init__(self, downscale_factor: int):
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input):
        """Return the gathered input."""
        return F.pixel_unshuffle(input, self.downscale_factor)

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Deal out the channels of (N, C, ...) like cards: the first of each group, the second, ...

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.ChannelShuffle(2)(ag.arange(4.0).reshape(1, 4, 1, 1)).reshape(4)
    tensor([0., 2., 1., 3.])
    """

    def __init__(self, groups: int):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        """Return the shuffled input."""
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
