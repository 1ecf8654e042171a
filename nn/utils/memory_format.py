"""The order in which the weights of convolutions lie in memory."""

from __future__ import annotations

from autograd.memory_format import laid_out
from nn.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d
from nn.module import Module


def convert_conv2d_weight_memory_format(module: Module, memory_format) -> Module:
    """Lay out the weights of all 2-d convolutions, in place; return the module.

    Parameters
    ----------
    module : Module
    memory_format : {"channels_last", "contiguous_format"}
        Channels last: what stands on dim 1 are neighbours in memory. Shapes and values stay.

    Examples
    --------
    >>> import nn
    >>> conv = nn.utils.convert_conv2d_weight_memory_format(nn.Conv2d(8, 4, 3), "channels_last")
    >>> conv.weight.shape, conv.weight.array.strides
    ((4, 8, 3, 3), (288, 4, 96, 32))
    """
    return _convert(module, (Conv2d, ConvTranspose2d), memory_format, "channels_last")


def convert_conv3d_weight_memory_format(module: Module, memory_format) -> Module:
    """Lay out the weights of all 3-d convolutions, in place; return the module.

    Parameters
    ----------
    module : Module
    memory_format : {"channels_last_3d", "contiguous_format"}
        As in `convert_conv2d_weight_memory_format`.

    Examples
    --------
    >>> import nn
    >>> conv = nn.utils.convert_conv3d_weight_memory_format(nn.Conv3d(8, 4, 1), "channels_last_3d")
    >>> conv.weight.array.strides[:2]
    (32, 4)
    """
    return _convert(module, (Conv3d, ConvTranspose3d), memory_format, "channels_last_3d")


def _convert(module: Module, kinds: tuple, memory_format, channels_last: str) -> Module:
    name = str(memory_format).rpartition(".")[2]
    if name not in (channels_last, "contiguous_format"):
        raise ValueError(
            f"memory_format expected {channels_last!r} or 'contiguous_format', got {memory_format}"
        )
    for part in module.modules():
        if isinstance(part, kinds):
            part.weight.data = laid_out(part.weight.array, name)
    return module
