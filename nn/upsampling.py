"""Layers that change the size of signals, images and volumes."""

from __future__ import annotations

from typing import Any

from nn import functional as F
from nn.module import Module


class Upsample(Module):
    """Resize by `scale_factor` or to `size`; see `nn.functional.interpolate` for the modes.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Upsample(scale_factor=2, mode="bilinear")(ag.ones(1, 3, 4, 5)).shape
    (1, 3, 8, 10)
    """

    def __init__(self, size=None, scale_factor=None, mode: str = "nearest",
                 align_corners: bool | None = None,
                 recompute_scale_factor: bool | None = None):  # fmt: skip
        super().__init__()
        self.size = size
        several = isinstance(scale_factor, tuple)
        self.scale_factor: Any = (
            tuple(map(float, scale_factor)) if several else float(scale_factor or 0) or None
        )
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input):
        """Return the resized input."""
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners,
            self.recompute_scale_factor,
        )  # fmt: skip

    def extra_repr(self) -> str:
        by_factor = self.scale_factor is not None
        size = f"scale_factor={self.scale_factor}" if by_factor else f"size={self.size}"
        return f"{size}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """Resize images, each new pixel being the nearest old one.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.UpsamplingNearest2d(scale_factor=2)(ag.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[[1.0, 1.0, 2.0, 2.0], [1.0, 1.0, 2.0, 2.0]]]]
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """Resize images bilinearly, the corner pixels staying in the corners.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.UpsamplingBilinear2d(size=(1, 3))(ag.tensor([[[[1.0, 2.0]]]])).tolist()
    [[[[1.0, 1.5, 2.0]]]]
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
