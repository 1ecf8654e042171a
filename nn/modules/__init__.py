"""Where PyTorch keeps its layers. Here they are in `nn` itself; this is `nn.modules.module`."""

from nn.modules import module

__all__ = ["module"]
