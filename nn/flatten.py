"""Flatten and Unflatten: dimensions merged and split."""

from __future__ import annotations

from collections.abc import Sequence

from nn.module import Module


class Flatten(Module):
    """Merge the dimensions from `start_dim` to `end_dim` into one.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Flatten()(ag.ones(2, 3, 4)).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1):
        super().__init__()
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, input):
        """Return `input` with the dimensions merged."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split the dimension `dim` into dimensions of the sizes `unflattened_size`.

    Examples
    --------
    >>> import autograd as ag, nn
    >>> nn.Unflatten(1, (3, 4))(ag.ones(2, 12)).shape
    (2, 3, 4)
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]):
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError(f"Unflatten expected an int as dim, got {dim!r}")
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, input):
        """Return `input` with the dimension split."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"
